
/* Sealed strings: nobody reads, changes or mistakes one. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "oom.h"
#include "seal.h"


/*
 * Made by node:crypto, with the key 00 01 .. 1f, the nonce a0 a1 .. ab and
 * the label "label".
 */

#define SEALED                                                                \
    "oKGio6SlpqeoqaqrknAZDTWnY9YMRfO2fw7H4-vLgBo3xYtaPEc3-kFv"
#define SEALED_EMPTY  "oKGio6Slpqeoqaqr2pRNtRhSQQJI3pbC80MAQA"


static mcp_arena_t  *arena;

static const char  alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


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


static void
set_key(unsigned char key[MCP_SEAL_KEY])
{
    unsigned  i;

    for (i = 0; i < MCP_SEAL_KEY; i++) {
        key[i] = (unsigned char) i;
    }
}


static int
unseal(const char *label, const void *text, size_t len, mcp_str_t *out)
{
    int            rc;
    mcp_str_t      sealed;
    unsigned char  key[MCP_SEAL_KEY], *copy;

    set_key(key);

    /* on a heap block of its very size, so that a sanitizer sees overreads */

    copy = malloc(len ? len : 1);
    assert_non_null(copy);

    if (len != 0) {
        memcpy(copy, text, len);
    }

    sealed.data = copy;
    sealed.len = len;
    rc = mcp_unseal(key, label, &sealed, arena, out);
    free(copy);

    return rc;
}


static void
test_refuses_every_changed_byte(void **state)
{
    size_t     i, j;
    char       text[] = SEALED;
    mcp_str_t  out;

    for (i = 0; i < sizeof(text) - 1; i++) {
        for (j = 0; j < 256; j++) {
            if ((char) j == SEALED[i]) {
                continue;
            }

            text[i] = (char) j;
            assert_int_equal(unseal("label", text, sizeof(text) - 1, &out),
                             MCP_ERROR);
        }

        text[i] = SEALED[i];
    }

    assert_int_equal(unseal("label", text, sizeof(text) - 1, &out), MCP_OK);
}


static void
test_refuses_every_cut_and_addition(void **state)
{
    size_t     i;
    char       text[sizeof(SEALED) + 4];
    mcp_str_t  out;

    for (i = 0; i < sizeof(SEALED) - 1; i++) {
        assert_int_equal(unseal("label", SEALED, i, &out), MCP_ERROR);
        assert_int_equal(unseal("label", &SEALED[1 + i],
                                sizeof(SEALED) - 2 - i, &out), MCP_ERROR);
    }

    for (i = 1; i <= 4; i++) {
        memcpy(text, SEALED, sizeof(SEALED) - 1);
        memset(text + sizeof(SEALED) - 1, 'A', i);
        assert_int_equal(unseal("label", text, sizeof(SEALED) - 1 + i, &out),
                         MCP_ERROR);
        memset(text + sizeof(SEALED) - 1, '=', i);
        assert_int_equal(unseal("label", text, sizeof(SEALED) - 1 + i, &out),
                         MCP_ERROR);
    }

    assert_int_equal(unseal("label", " " SEALED, sizeof(SEALED), &out),
                     MCP_ERROR);
    assert_int_equal(unseal("label", SEALED "\n", sizeof(SEALED), &out),
                     MCP_ERROR);
}


/* RFC 4648, section 3.5: of the texts that decode to the bytes, one passes. */

static void
test_refuses_other_texts_of_the_same_bytes(void **state)
{
    size_t         i, len;
    unsigned       passed;
    mcp_str_t      plain, sealed, out;
    const char    *at;
    unsigned char  key[MCP_SEAL_KEY], last;

    set_key(key);

    for (len = 0; len < 3; len++) {
        plain.data = (unsigned char *) "abc";
        plain.len = len;

        assert_int_equal(mcp_seal(key, "label", &plain, arena, &sealed),
                         MCP_OK);

        last = sealed.data[sealed.len - 1];
        passed = 0;

        for (i = 0; i < 64; i++) {
            sealed.data[sealed.len - 1] = (unsigned char) alphabet[i];

            if (unseal("label", sealed.data, sealed.len, &out) == MCP_OK) {
                passed++;
                assert_int_equal(alphabet[i], last);
            }
        }

        assert_int_equal(passed, 1);
        sealed.data[sealed.len - 1] = last;

        /* the standard alphabet is another one */

        for (i = 0; i < sealed.len; i++) {
            at = memchr("-_", sealed.data[i], 2);
            if (at != NULL) {
                last = sealed.data[i];
                sealed.data[i] = (last == '-') ? '+' : '/';
                assert_int_equal(unseal("label", sealed.data, sealed.len,
                                        &out), MCP_ERROR);
                sealed.data[i] = last;
            }
        }
    }
}


static void
test_refuses_other_keys_and_labels(void **state)
{
    unsigned       i;
    mcp_str_t      sealed = mcp_string(SEALED), out;
    unsigned char  key[MCP_SEAL_KEY];

    assert_int_equal(unseal("labe", SEALED, sizeof(SEALED) - 1, &out),
                     MCP_ERROR);
    assert_int_equal(unseal("label2", SEALED, sizeof(SEALED) - 1, &out),
                     MCP_ERROR);
    assert_int_equal(unseal("", SEALED, sizeof(SEALED) - 1, &out), MCP_ERROR);

    set_key(key);

    for (i = 0; i < MCP_SEAL_KEY * 8; i++) {
        key[i / 8] ^= (unsigned char) (1 << i % 8);
        assert_int_equal(mcp_unseal(key, "label", &sealed, arena, &out),
                         MCP_ERROR);
        key[i / 8] ^= (unsigned char) (1 << i % 8);
    }
}


static void
test_opens_what_another_implementation_sealed(void **state)
{
    mcp_str_t  out;

    assert_int_equal(unseal("label", SEALED, sizeof(SEALED) - 1, &out),
                     MCP_OK);
    assert_true(mcp_str_is(&out, "the plain text"));

    assert_int_equal(unseal("label", SEALED_EMPTY, sizeof(SEALED_EMPTY) - 1,
                            &out), MCP_OK);
    assert_int_equal(out.len, 0);
}


static void
test_opens_what_it_sealed(void **state)
{
    size_t         len, i;
    mcp_str_t      plain, sealed, again, out;
    unsigned char  key[MCP_SEAL_KEY], data[4096];

    set_key(key);

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char) (i * 7 + i / 256);
    }

    for (len = 0; len <= sizeof(data); len += (len < 70) ? 1 : 613) {
        plain.data = len ? data : NULL;
        plain.len = len;

        assert_int_equal(mcp_seal(key, "x", &plain, arena, &sealed), MCP_OK);
        assert_int_equal(sealed.len,
                         ((len + MCP_SEAL_OVERHEAD) * 8 + 5) / 6);

        for (i = 0; i < sealed.len; i++) {
            assert_non_null(memchr(alphabet, sealed.data[i], 64));
        }

        assert_int_equal(mcp_unseal(key, "x", &sealed, arena, &out), MCP_OK);
        assert_int_equal(out.len, len);
        assert_memory_equal(out.data, data, len);

        /* the nonce is new each time */

        assert_int_equal(mcp_seal(key, "x", &plain, arena, &again), MCP_OK);
        assert_int_equal(again.len, sealed.len);
        assert_memory_not_equal(again.data, sealed.data, 16);
    }
}


static void
test_no_memory(void **state)
{
    mcp_str_t      plain = mcp_string("text"), sealed = mcp_string(SEALED);
    mcp_str_t      out;
    oom_arena_t    oom;
    unsigned char  key[MCP_SEAL_KEY];

    set_key(key);
    oom_init(&oom, arena, 0);

    assert_int_equal(mcp_seal(key, "x", &plain, &oom.arena, &out), MCP_NOMEM);
    assert_int_equal(mcp_unseal(key, "label", &sealed, &oom.arena, &out),
                     MCP_NOMEM);

    /* one allocation each, and none for what cannot be a sealed string */

    oom_init(&oom, arena, 1);
    assert_int_equal(mcp_seal(key, "x", &plain, &oom.arena, &out), MCP_OK);
    oom_init(&oom, arena, 1);
    assert_int_equal(mcp_unseal(key, "label", &sealed, &oom.arena, &out),
                     MCP_OK);
    oom_init(&oom, arena, 0);
    sealed.len = 37;
    assert_int_equal(mcp_unseal(key, "label", &sealed, &oom.arena, &out),
                     MCP_ERROR);
}


static void
test_refuses_what_is_too_long(void **state)
{
    mcp_str_t      huge, out;
    unsigned char  key[MCP_SEAL_KEY];

    /* is never read */

    set_key(key);
    huge.data = NULL;
    huge.len = SIZE_MAX;

    assert_int_equal(mcp_seal(key, "x", &huge, arena, &out), MCP_ERROR);
    assert_int_equal(mcp_unseal(key, "x", &huge, arena, &out), MCP_ERROR);

    huge.len = (size_t) 1 << 31;
    assert_int_equal(mcp_seal(key, "x", &huge, arena, &out), MCP_ERROR);
    assert_int_equal(mcp_unseal(key, "x", &huge, arena, &out), MCP_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses_every_changed_byte,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_every_cut_and_addition,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_refuses_other_texts_of_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_other_keys_and_labels,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_opens_what_another_implementation_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opens_what_it_sealed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_what_is_too_long,
                                        setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
