
/* What all of src/core stands on: comparing, and numbers in buffers. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core.h"


static mcp_arena_t  *arena;


static int
setup(void **state)
{
    arena = mcp_arena_create();
    return arena == NULL;
}


static int
teardown(void **state)
{
    mcp_arena_destroy(arena);
    return 0;
}


/* Blocks of just their size: a read beyond is seen by the sanitizer. */

static void
test_equal(void **state)
{
    size_t          len, at;
    unsigned char  *one, *two;

    for (len = 0; len <= 70; len++) {

        one = malloc(len ? len : 1);
        two = malloc(len ? len : 1);
        assert_non_null(one);
        assert_non_null(two);

        for (at = 0; at < len; at++) {
            one[at] = two[at] = (unsigned char) (at * 7 + len);
        }

        for (at = 0; at < len; at++) {
            two[at] ^= (unsigned char) (1 << at % 8);
            assert_false(mcp_equal(one, two, len));
            two[at] = one[at];
        }

        assert_true(mcp_equal(one, two, len));

        free(one);
        free(two);
    }
}


static void
test_numbers(void **state)
{
    char       text[24];
    uint64_t   n;
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 64);

    for (n = 0; n < 100000; n++) {
        b.len = 0;
        mcp_buf_uint(&b, n);
        assert_int_equal(b.len, snprintf(text, sizeof(text), "%lu", n));
        assert_memory_equal(b.data, text, b.len);
    }

    for (n = UINT64_MAX; n > 1; n = n / 3 * 2) {
        b.len = 0;
        mcp_buf_uint(&b, n);
        assert_int_equal(b.len, snprintf(text, sizeof(text), "%lu", n));
        assert_memory_equal(b.data, text, b.len);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_numbers)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
