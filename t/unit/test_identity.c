
/* Names of clients, and roles in every form that a provider has. */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "identity.h"
#include "oom.h"


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


/* The roles with "|" behind each; NULL: refused. */

static const char *
roles(const char *text, size_t len)
{
    int          rc;
    unsigned     i, n;
    mcp_buf_t    b;
    mcp_str_t    s, *list;
    const char  *why;

    s.data = mcp_memdup(arena, text, len);
    s.len = len;

    rc = mcp_roles_parse(&s, arena, &list, &n, &why);

    if (rc != MCP_OK) {
        assert_int_equal(rc, MCP_ERROR);
        assert_non_null(why);
        assert_int_equal(n, 0);
        return NULL;
    }

    mcp_buf_init(&b, arena, 64);

    for (i = 0; i < n; i++) {
        mcp_buf_str(&b, &list[i]);
        mcp_buf_literal(&b, "|");
    }

    mcp_buf_append(&b, "", 1);

    return (const char *) b.data;
}

#define roles_are(text, want)                                                 \
    assert_string_equal(roles(text, sizeof(text) - 1), want)
#define roles_refused(text)                                                   \
    assert_null(roles(text, sizeof(text) - 1))


static void
test_forms(void **state)
{
    roles_are("", "");
    roles_are("   ", "");
    roles_are(" , ,, ", "");
    roles_are("admin", "admin|");
    roles_are("admin reader", "admin|reader|");
    roles_are("admin,reader", "admin|reader|");
    roles_are(" admin ,\treader, x ", "admin|reader|x|");
    roles_are("a:b mcp/tools x.y-z_1", "a:b|mcp/tools|x.y-z_1|");
    roles_are("reader reader reader", "reader|");
    roles_are("R\xc3\xa9" "dacteur \xf0\x9f\x98\x80", "R\xc3\xa9" "dacteur|"
              "\xf0\x9f\x98\x80|");
    roles_are("\"admin\"", "\"admin\"|");
    roles_are("null", "null|");

    roles_are("[]", "");
    roles_are(" [ ] ", "");
    roles_are("[\"admin\"]", "admin|");
    roles_are(" [ \"admin\" , \"reader\",\"admin\" ] ", "admin|reader|");
    roles_are("[\"\",\"x\"]", "x|");
    roles_are("[\"Super Admin\",\"a,b\"]", "Super Admin|a,b|");
    roles_are("[\"\\u0061dmin\",\"a\\/b\"]", "admin|a/b|");
    roles_are("[\"\\u00e9\"]", "\xc3\xa9|");
}


static void
test_hostile(void **state)
{
    size_t     i;
    mcp_buf_t  b;

    roles_refused("[");
    roles_refused("[\"admin\"");
    roles_refused("[\"admin\"]x");
    roles_refused("[\"admin\",]");
    roles_refused("[admin]");
    roles_refused("[1]");
    roles_refused("[null]");
    roles_refused("[[\"admin\"]]");
    roles_refused("[{\"name\":\"admin\"}]");
    roles_refused("{\"roles\":[\"admin\"]}");
    roles_refused("[\"a\\u0000\"]");
    roles_refused("[\"a\\nb\"]");
    roles_refused("[\"\\u007f\"]");
    roles_refused("[\"\\ud800\"]");
    roles_refused("admin\nreader");
    roles_refused("admin\0reader");
    roles_refused("adm\x7fin");
    roles_refused("\xff");
    roles_refused("\xc3");
    roles_refused("a\xc0\xaf");
    roles_refused("\xed\xa0\x80 x");
    roles_refused("[\"\xff\"]");

    /* not one too many, not one byte too long */

    mcp_buf_init(&b, arena, 64);

    for (i = 0; i < MCP_ROLES_MAX; i++) {
        mcp_buf_literal(&b, "r");
        mcp_buf_uint(&b, i);
        mcp_buf_literal(&b, " ");
    }

    assert_non_null(roles((char *) b.data, b.len));
    mcp_buf_literal(&b, "r5 r6 ");
    assert_non_null(roles((char *) b.data, b.len));
    mcp_buf_literal(&b, "more");
    assert_null(roles((char *) b.data, b.len));

    mcp_buf_init(&b, arena, 64);

    for (i = 0; i < MCP_ROLE_MAX; i++) {
        mcp_buf_literal(&b, "x");
    }

    assert_non_null(roles((char *) b.data, b.len));
    mcp_buf_literal(&b, "x");
    assert_null(roles((char *) b.data, b.len));

    mcp_buf_init(&b, arena, 64);

    while (b.len < MCP_ROLES_TEXT_MAX) {
        mcp_buf_literal(&b, "x,x,");
    }

    assert_non_null(roles((char *) b.data, b.len));
    mcp_buf_literal(&b, "x");
    assert_null(roles((char *) b.data, b.len));
}


static void
test_text_reads_back(void **state)
{
    unsigned     i, k, n, m;
    mcp_buf_t    b;
    mcp_str_t    s, *list, *again;
    const char  *why;

    static const char  *texts[] = {
        "", "admin", "admin,reader", "[\"Super Admin\",\"x\"]",
        "[\"a,b\"]", "[\"[x\"]", "[\"{x\",\"y\"]", "[\"a\\\"b\\\\\",\"c d\"]",
        "[\"\\u00e9 x\"]"
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        s.data = (unsigned char *) texts[i];
        s.len = strlen(texts[i]);
        assert_int_equal(mcp_roles_parse(&s, arena, &list, &n, &why), MCP_OK);

        mcp_buf_init(&b, arena, 16);
        mcp_roles_text(&b, list, n);
        s.data = b.data;
        s.len = b.len;
        assert_int_equal(mcp_roles_parse(&s, arena, &again, &m, &why),
                         MCP_OK);
        assert_int_equal(n, m);

        for (k = 0; k < n; k++) {
            assert_int_equal(list[k].len, again[k].len);
            assert_memory_equal(list[k].data, again[k].data, list[k].len);
        }
    }

    mcp_str_set(&s, "b a  c");
    assert_int_equal(mcp_roles_parse(&s, arena, &list, &n, &why), MCP_OK);
    mcp_buf_init(&b, arena, 16);
    mcp_roles_text(&b, list, n);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.data, "b,a,c", 5);
}


static void
test_clients(void **state)
{
    mcp_str_t      s;
    const char    *why;
    unsigned char  text[MCP_CLIENT_MAX + 1];

    mcp_str_set(&s, "");
    assert_int_equal(mcp_client_check(&s, &why), MCP_OK);
    mcp_str_set(&s, "CN=J\xc3\xb6rg,O=Example, Inc.");
    assert_int_equal(mcp_client_check(&s, &why), MCP_OK);
    mcp_str_set(&s, "\xc3\xa9");
    assert_int_equal(mcp_client_check(&s, &why), MCP_OK);
    mcp_str_set(&s, "\xe2\x82\xac");
    assert_int_equal(mcp_client_check(&s, &why), MCP_OK);

    mcp_str_set(&s, "a\nb");
    assert_int_equal(mcp_client_check(&s, &why), MCP_ERROR);
    mcp_str_set(&s, "a\0b");
    assert_int_equal(mcp_client_check(&s, &why), MCP_ERROR);
    mcp_str_set(&s, "\xe2\x82");
    assert_int_equal(mcp_client_check(&s, &why), MCP_ERROR);
    mcp_str_set(&s, "J\xf6rg");
    assert_int_equal(mcp_client_check(&s, &why), MCP_ERROR);

    memset(text, 'x', sizeof(text));
    s.data = text;
    s.len = MCP_CLIENT_MAX;
    assert_int_equal(mcp_client_check(&s, &why), MCP_OK);
    s.len++;
    assert_int_equal(mcp_client_check(&s, &why), MCP_ERROR);
}


static void
test_hashes(void **state)
{
    unsigned       i, k;
    unsigned char  hash[5][MCP_IDENTITY_HASH], again[MCP_IDENTITY_HASH];

    static const mcp_str_t  who[5][2] = {
        { mcp_null_string, mcp_null_string },
        { mcp_null_string, mcp_string("ab") },
        { mcp_string("a"), mcp_string("b") },
        { mcp_string("ab"), mcp_null_string },
        { mcp_string("a"), mcp_string("c") },
    };

    for (i = 0; i < 5; i++) {
        assert_int_equal(mcp_identity_hash(hash[i], &who[i][0], &who[i][1]),
                         MCP_OK);
        assert_int_equal(mcp_identity_hash(again, &who[i][0], &who[i][1]),
                         MCP_OK);
        assert_memory_equal(hash[i], again, MCP_IDENTITY_HASH);

        for (k = 0; k < i; k++) {
            assert_memory_not_equal(hash[i], hash[k], MCP_IDENTITY_HASH);
        }
    }
}


static void
test_no_memory(void **state)
{
    int          rc;
    unsigned     i, n;
    mcp_str_t    s, *list;
    const char  *why;
    oom_arena_t  oom;

    mcp_str_set(&s, "[\"a\\u0062\",\"c\"]");

    for (i = 0; ; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_roles_parse(&s, &oom.arena, &list, &n, &why);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
        assert_int_equal(n, 0);
        assert_true(i < 10);
    }

    assert_true(i > 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_text_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
