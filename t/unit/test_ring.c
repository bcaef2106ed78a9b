
/* The ring: what is put is found, until as much has come after it. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "ring.h"


#define ROOM  16384


static mcp_ring_t *
ring_make(size_t size, size_t key_len, size_t len)
{
    mcp_ring_t  *ring;

    /* just its size: what goes beyond is seen by the sanitizer */

    ring = calloc(1, size);
    assert_non_null(ring);
    assert_int_equal(mcp_ring_init(ring, size, key_len, len), MCP_OK);

    return ring;
}


/* Keys as a hash would be. */

static void
key_make(unsigned char *key, uint64_t n, size_t len)
{
    size_t    i;
    uint64_t  h;

    h = n + 1;

    for (i = 0; i < len; i++) {
        h ^= h << 13;
        h ^= h >> 7;
        h ^= h << 17;
        key[i] = (unsigned char) (h >> 24);
    }
}


static int
put(mcp_ring_t *ring, uint64_t n, size_t len)
{
    mcp_str_t      part[2];
    unsigned char  key[MCP_RING_KEY_MAX], value[ROOM];

    key_make(key, n, ring->key_len);
    memset(value, (int) (n & 0xff), len);

    part[0].data = value;
    part[0].len = len / 3;
    part[1].data = value;
    part[1].len = len - len / 3;

    return mcp_ring_put(ring, key, part, 2);
}


/* Its length; -1: it is not there. */

static int
find(const mcp_ring_t *ring, uint64_t n)
{
    size_t                i, len;
    unsigned char         key[MCP_RING_KEY_MAX];
    const unsigned char  *p;

    key_make(key, n, ring->key_len);
    p = mcp_ring_find(ring, key, &len);

    if (p == NULL) {
        return -1;
    }

    for (i = 0; i < len; i++) {
        assert_int_equal(p[i], n & 0xff);
    }

    return (int) len;
}


static void
test_sizes(void **state)
{
    size_t       size;
    mcp_ring_t  *ring;

    for (size = 0; size < 3000; size++) {
        ring = calloc(1, size ? size : 1);
        assert_non_null(ring);

        if (size >= sizeof(mcp_ring_t)
            && mcp_ring_init(ring, size, 16, 20) == MCP_OK)
        {
            assert_int_equal(put(ring, 1, 20), MCP_OK);
            assert_int_equal(put(ring, 2, 0), MCP_OK);
            assert_int_equal(find(ring, 1), 20);
            assert_int_equal(find(ring, 2), 0);
            assert_int_equal(find(ring, 3), -1);
        }

        free(ring);
    }

    ring = calloc(1, ROOM);
    assert_non_null(ring);
    assert_int_equal(mcp_ring_init(ring, ROOM, 7, 0), MCP_ERROR);
    assert_int_equal(mcp_ring_init(ring, ROOM, MCP_RING_KEY_MAX + 1, 0),
                     MCP_ERROR);
    assert_int_equal(mcp_ring_init(ring, ROOM, 16, ROOM), MCP_ERROR);
    assert_int_equal(mcp_ring_init(ring, sizeof(mcp_ring_t) - 1, 16, 0),
                     MCP_ERROR);
    free(ring);
}


/* The newest are there, for a large part of the room; the old ones are not. */

static void
test_round(void **state)
{
    uint64_t     n, back, kept;
    mcp_ring_t  *ring;

    ring = ring_make(ROOM, 16, 0);
    kept = ring->room / 16;

    for (n = 0; n < 20 * kept; n++) {
        assert_int_equal(put(ring, n, 0), MCP_OK);
        assert_int_equal(find(ring, n), 0);

        for (back = 1; back <= n && back < kept / 2; back += 7) {
            assert_int_equal(find(ring, n - back), 0);
        }

        if (n > kept) {
            assert_int_equal(find(ring, n - kept - 1), -1);
        }
    }

    free(ring);
}


static void
test_values(void **state)
{
    int          len;
    uint64_t     n, back;
    mcp_ring_t  *ring;

    ring = ring_make(ROOM, 32, 300);
    srandom(1);

    for (n = 0; n < 5000; n++) {
        len = (int) (random() % (ring->room / 4 - 40));
        assert_int_equal(put(ring, n, (size_t) len), MCP_OK);
        assert_int_equal(find(ring, n), len);

        /* whatever is found is whole */

        for (back = 0; back <= n && back < 100; back++) {
            (void) find(ring, n - back);
        }
    }

    assert_int_equal(put(ring, n, ring->room / 4), MCP_ERROR);
    assert_int_equal(find(ring, n), -1);
    assert_int_equal(find(ring, n - 1), len);

    free(ring);
}


static void
test_again(void **state)
{
    uint64_t     n;
    mcp_ring_t  *ring;

    ring = ring_make(ROOM, 16, 16);

    for (n = 0; n < 1000; n++) {
        assert_int_equal(put(ring, 5, n % 40), MCP_OK);
        assert_int_equal(find(ring, 5), n % 40);
    }

    free(ring);
}


/* A writer said what it would write over, and died: nobody reads that. */

static void
test_killed(void **state)
{
    uint64_t     n, all;
    mcp_ring_t  *ring;

    ring = ring_make(ROOM, 16, 112);
    all = ring->room / 128;

    for (n = 0; n < all; n++) {
        assert_int_equal(put(ring, n, 112), MCP_OK);
    }

    ring->end += 3 * 128;

    for (n = 0; n < all; n++) {
        assert_int_equal(find(ring, n), n < 3 ? -1 : 112);
    }

    assert_int_equal(put(ring, n, 112), MCP_OK);
    assert_int_equal(find(ring, n), 112);

    free(ring);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_killed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
