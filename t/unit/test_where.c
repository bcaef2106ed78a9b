
/* Conditions on arguments, and numbers by value. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "number.h"
#include "oom.h"
#include "where.h"


#define NO      MCP_WHERE_NO
#define YES     MCP_WHERE_YES
#define UNSURE  MCP_WHERE_UNSURE


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


static mcp_str_t
str(const char *s)
{
    mcp_str_t  out;

    out.data = (unsigned char *) s;
    out.len = strlen(s);

    return out;
}


/* Words are separated by one blank. */

static int
parse(mcp_where_t **where, unsigned *n, const char *text, mcp_str_t *why)
{
    char       *copy, *p;
    unsigned    words;
    mcp_str_t   word[128];

    copy = (char *) mcp_memdup(arena, text, strlen(text));
    assert_non_null(copy);

    words = 0;

    for (p = strtok(copy, " "); p != NULL; p = strtok(NULL, " ")) {
        assert_true(words < 128);
        word[words++] = str(p);
    }

    return mcp_where_parse(where, n, arena, word, words, why);
}


static int
eval(const char *text, const char *arguments)
{
    int              is;
    unsigned         n, failed;
    uint32_t         node;
    mcp_str_t        why;
    mcp_buf_t        b;
    mcp_where_t     *where;
    mcp_json_tape_t  tape;

    if (parse(&where, &n, text, &why) != MCP_OK) {
        fail_msg("%s: %.*s", text, (int) why.len, why.data);
    }

    mcp_buf_init(&b, arena, 256);
    mcp_buf_literal(&b, "{\"a\":");
    mcp_buf_append(&b, arguments, strlen(arguments));
    mcp_buf_literal(&b, "}");

    assert_int_equal(mcp_json_tape(&tape, arena, b.data, b.len, 64), MCP_OK);
    node = mcp_json_get(&tape, 0, "a");

    failed = 1000;
    is = mcp_where_eval(where, n, &tape, node, arena, &failed);

    if (is == YES) {
        assert_int_equal(failed, 1000);

    } else {
        assert_true(failed < n);
    }

    return is;
}


static int
bad(const char *text, const char *says)
{
    int           rc;
    unsigned      n;
    mcp_str_t     why;
    mcp_where_t  *where;

    rc = parse(&where, &n, text, &why);

    if (rc != MCP_ERROR) {
        return 0;
    }

    if (memmem(why.data, why.len, says, strlen(says)) == NULL) {
        fail_msg("%s: %.*s", text, (int) why.len, why.data);
    }

    return 1;
}


static void
test_strings(void **state)
{
    assert_int_equal(eval("m = read", "{\"m\":\"read\"}"), YES);
    assert_int_equal(eval("m = read", "{\"m\":\"r\\u0065ad\"}"), YES);
    assert_int_equal(eval("m = read", "{\"\\u006d\":\"read\"}"), YES);
    assert_int_equal(eval("m = read", "{\"m\":\"reads\"}"), NO);
    assert_int_equal(eval("m = read", "{\"m\":\"READ\"}"), NO);
    assert_int_equal(eval("m = read", "{\"m\":\"read\\u0000\"}"), NO);
    assert_int_equal(eval("m != read", "{\"m\":\"write\"}"), YES);
    assert_int_equal(eval("m != read", "{\"m\":\"read\"}"), NO);

    /* another type, or none */

    assert_int_equal(eval("m = read", "{}"), NO);
    assert_int_equal(eval("m != read", "{}"), UNSURE);
    assert_int_equal(eval("m = read", "{\"m\":null}"), UNSURE);
    assert_int_equal(eval("m = read", "{\"m\":[\"read\"]}"), UNSURE);
    assert_int_equal(eval("m != read", "{\"m\":[\"read\"]}"), UNSURE);
    assert_int_equal(eval("m = read", "{\"m\":1}"), UNSURE);
    assert_int_equal(eval("m = 1", "{\"m\":\"1\"}"), UNSURE);
    assert_int_equal(eval("m = \"1\"", "{\"m\":\"1\"}"), YES);
    assert_int_equal(eval("m = \"1\"", "{\"m\":1}"), UNSURE);
    assert_int_equal(eval("m = true", "{\"m\":\"true\"}"), UNSURE);
}


static void
test_booleans(void **state)
{
    assert_int_equal(eval("d = true", "{\"d\":true}"), YES);
    assert_int_equal(eval("d = true", "{\"d\":false}"), NO);
    assert_int_equal(eval("d = false", "{\"d\":false}"), YES);
    assert_int_equal(eval("d != true", "{\"d\":false}"), YES);
    assert_int_equal(eval("d = false", "{\"d\":0}"), UNSURE);
    assert_int_equal(eval("d = false", "{}"), NO);
    assert_int_equal(eval("d != false", "{}"), UNSURE);
}


static void
test_presence(void **state)
{
    assert_int_equal(eval("x present", "{\"x\":0}"), YES);
    assert_int_equal(eval("x present", "{\"x\":{}}"), YES);
    assert_int_equal(eval("x present", "{\"y\":0}"), NO);
    assert_int_equal(eval("x absent", "{\"y\":0}"), YES);
    assert_int_equal(eval("x absent", "{}"), YES);
    assert_int_equal(eval("x absent", "{\"x\":1}"), NO);
    assert_int_equal(eval("x present", "{\"x\":null}"), UNSURE);
    assert_int_equal(eval("x absent", "{\"x\":null}"), UNSURE);
}


static void
test_numbers(void **state)
{
    assert_int_equal(eval("n = 5", "{\"n\":5}"), YES);
    assert_int_equal(eval("n = 5", "{\"n\":5.0}"), YES);
    assert_int_equal(eval("n = 5", "{\"n\":0.5e1}"), YES);
    assert_int_equal(eval("n = 5", "{\"n\":-5}"), NO);
    assert_int_equal(eval("n != 5", "{\"n\":6}"), YES);
    assert_int_equal(eval("n <= 100", "{\"n\":100}"), YES);
    assert_int_equal(eval("n < 100", "{\"n\":100}"), NO);
    assert_int_equal(eval("n < 100", "{\"n\":99.999999999999999999999}"), YES);
    assert_int_equal(eval("n > 0", "{\"n\":1e-400}"), YES);
    assert_int_equal(eval("n >= 0", "{\"n\":-0}"), YES);
    assert_int_equal(eval("n < 100", "{\"n\":1e999999999999999999999}"), NO);
    assert_int_equal(eval("n <= 9007199254740992",
                          "{\"n\":9007199254740993}"), NO);
    assert_int_equal(eval("n < 100", "{\"n\":\"5\"}"), UNSURE);
    assert_int_equal(eval("n < 100", "{\"n\":true}"), UNSURE);
    assert_int_equal(eval("n < 100", "{}"), NO);
}


static int
decimal(const char *a, const char *b)
{
    int        one, two;
    mcp_str_t  x, y;

    x = str(a);
    y = str(b);
    one = mcp_number_order(&x, &y);
    two = mcp_number_order(&y, &x);

    assert_int_equal((one > 0) - (one < 0), (two < 0) - (two > 0));

    return (one > 0) - (one < 0);
}


static void
test_decimal(void **state)
{
    static const char  *zero[] = { "0", "-0", "0.0", "0e5", "-0.000E-7" };

    size_t  i, k;

    for (i = 0; i < 5; i++) {
        for (k = 0; k < 5; k++) {
            assert_int_equal(decimal(zero[i], zero[k]), 0);
        }

        assert_int_equal(decimal(zero[i], "1"), -1);
        assert_int_equal(decimal(zero[i], "-1"), 1);
        assert_int_equal(decimal(zero[i], "1e-99"), -1);
    }

    assert_int_equal(decimal("1", "1.000"), 0);
    assert_int_equal(decimal("10", "1e1"), 0);
    assert_int_equal(decimal("10", "1E+01"), 0);
    assert_int_equal(decimal("0.00012", "1.2e-4"), 0);
    assert_int_equal(decimal("120", "0.012e4"), 0);
    assert_int_equal(decimal("9", "10"), -1);
    assert_int_equal(decimal("-9", "-10"), 1);
    assert_int_equal(decimal("1.2", "1.19"), 1);
    assert_int_equal(decimal("1.2", "1.21"), -1);
    assert_int_equal(decimal("100", "99.9"), 1);
    assert_int_equal(decimal("-1", "1"), -1);
    assert_int_equal(decimal("1e9999999999999999999", "2"), 1);
    assert_int_equal(decimal("1e-9999999999999999999", "2"), -1);
    assert_int_equal(decimal("-1e9999999999999999999", "2"), -1);
}


static void
test_regex(void **state)
{
    assert_int_equal(eval("p ~ ^/public/", "{\"p\":\"/public/x\"}"), YES);
    assert_int_equal(eval("p ~ ^/public/", "{\"p\":\"/secret\"}"), NO);
    assert_int_equal(eval("p ~ ^/public/", "{\"p\":\"\\/p\\u0075blic/x\"}"),
                     YES);
    assert_int_equal(eval("p !~ \\.\\.", "{\"p\":\"/a/b\"}"), YES);
    assert_int_equal(eval("p !~ \\.\\.", "{\"p\":\"/a/\\u002e./b\"}"), NO);
    assert_int_equal(eval("p !~ x", "{}"), UNSURE);
    assert_int_equal(eval("p ~ x", "{}"), NO);
    assert_int_equal(eval("p ~ ^A$", "{\"p\":\"a\"}"), NO);
    assert_int_equal(eval("p ~* ^A$", "{\"p\":\"a\"}"), YES);
    assert_int_equal(eval("p !~* ^A$", "{\"p\":\"a\"}"), NO);

    /* an end is the end */

    assert_int_equal(eval("p ~ ^[a-z]+$", "{\"p\":\"abc\\n\"}"), NO);
    assert_int_equal(eval("p ~ ^[a-z]+$", "{\"p\":\"abc\\u0000/x\"}"), NO);
    assert_int_equal(eval("p ~ ^.$", "{\"p\":\"\\u20ac\"}"), YES);

    assert_int_equal(eval("p ~ 5", "{\"p\":5}"), UNSURE);
    assert_int_equal(eval("p !~ 5", "{\"p\":[\"x\"]}"), UNSURE);
}


static void
test_regex_limits(void **state)
{
    char  *text;

    text = malloc(MCP_WHERE_SUBJECT + 100);
    assert_non_null(text);

    memset(text, 'a', MCP_WHERE_SUBJECT + 99);
    memcpy(text, "{\"p\":\"", 6);

    /* backtracks for ever */

    memcpy(text + 5000, "!\"}", 4);
    assert_int_equal(eval("p ~ ^(a+)+$", text), UNSURE);
    assert_int_equal(eval("p !~ ^(a+)+$", text), UNSURE);
    memset(text + 5000, 'a', 4);

    memcpy(text + 6 + MCP_WHERE_SUBJECT, "\"}", 3);
    assert_int_equal(eval("p ~ ^a", text), YES);
    text[6 + MCP_WHERE_SUBJECT] = 'a';

    memcpy(text + 7 + MCP_WHERE_SUBJECT, "\"}", 3);
    assert_int_equal(eval("p ~ ^a", text), UNSURE);

    free(text);
}


static void
test_paths(void **state)
{
    assert_int_equal(eval("o.a.b = 1", "{\"o\":{\"a\":{\"b\":1}}}"), YES);
    assert_int_equal(eval("o.a.b = 1", "{\"o\":{\"a\":{}}}"), NO);
    assert_int_equal(eval("o.a.b = 1", "{\"o\":{}}"), NO);
    assert_int_equal(eval("o.a = 1", "{\"o\":5}"), UNSURE);
    assert_int_equal(eval("o.a = 1", "{\"o\":[{\"a\":1}]}"), UNSURE);
    assert_int_equal(eval("o.a absent", "{\"o\":5}"), UNSURE);
    assert_int_equal(eval("o.a = 1", "{\"o.a\":1}"), NO);
    assert_int_equal(eval("o\\.a = 1", "{\"o.a\":1}"), YES);
    assert_int_equal(eval("o\\.a = 1", "{\"o\":{\"a\":1}}"), NO);
    assert_int_equal(eval("o\\[] = 1", "{\"o[]\":1}"), YES);
}


static void
test_elements(void **state)
{
    char      text[MCP_WHERE_ELEMENTS * 2 + 32];
    unsigned  i, n;

    assert_int_equal(eval("p[] ~ ^/a/", "{\"p\":[\"/a/x\",\"/a/y\"]}"), YES);
    assert_int_equal(eval("p[] ~ ^/a/", "{\"p\":[\"/a/x\",\"/b\"]}"), UNSURE);
    assert_int_equal(eval("p[] ~ ^/a/", "{\"p\":[\"/b\"]}"), NO);
    assert_int_equal(eval("p[] ~ ^/a/", "{\"p\":[]}"), NO);
    assert_int_equal(eval("p[] !~ ^/a/", "{\"p\":[]}"), UNSURE);
    assert_int_equal(eval("p[] ~ ^/a/", "{\"p\":[\"/a/x\",5]}"), UNSURE);
    assert_int_equal(eval("p[] ~ ^/a/", "{\"p\":\"/a/x\"}"), UNSURE);
    assert_int_equal(eval("p[] ~ ^/a/", "{}"), NO);
    assert_int_equal(eval("p[] = 1", "{\"p\":null}"), UNSURE);
    assert_int_equal(eval("p[].q = 1", "{\"p\":[{\"q\":1},{\"q\":1}]}"), YES);
    assert_int_equal(eval("p[].q = 1", "{\"p\":[{\"q\":1},{}]}"), UNSURE);
    assert_int_equal(eval("p[].q = 1", "{\"p\":[{},{}]}"), NO);
    assert_int_equal(eval("p[].q absent", "{\"p\":[{},{\"x\":[{}]}]}"), YES);
    assert_int_equal(eval("o.p[].q.r = 1",
                          "{\"o\":{\"p\":[{\"q\":{\"r\":1}}]}}"), YES);

    for (i = MCP_WHERE_ELEMENTS; i < MCP_WHERE_ELEMENTS + 2; i++) {
        n = (unsigned) snprintf(text, sizeof(text), "{\"p\":[1");

        while (n < 5 + i * 2) {
            text[n++] = ',';
            text[n++] = '1';
        }

        memcpy(text + n, "]}", 3);

        assert_int_equal(eval("p[] = 1", text),
                         i == MCP_WHERE_ELEMENTS ? YES : UNSURE);
    }
}


/* What a server might read instead. */

static void
test_variants(void **state)
{
    assert_int_equal(eval("path = x", "{\"path\":\"x\",\"Path\":\"y\"}"),
                     UNSURE);
    assert_int_equal(eval("path = x", "{\"PATH\":\"y\",\"path\":\"x\"}"),
                     UNSURE);
    assert_int_equal(eval("path absent", "{\"Path\":\"y\"}"), UNSURE);
    assert_int_equal(eval("path = x", "{\"path\":\"x\",\"path\\u0000\":1}"),
                     UNSURE);
    assert_int_equal(eval("path = x", "{\"path\":\"x\",\"path\\u0000y\":1}"),
                     UNSURE);
    assert_int_equal(eval("path = x", "{\"path\":\"x\",\"\\u0000path\":1}"),
                     UNSURE);
    assert_int_equal(eval("ks = x", "{\"ks\":\"x\",\"\\u212a\\u017f\":1}"),
                     UNSURE);
    assert_int_equal(eval("path = x", "{\"path\":\"x\",\"pat\":1,\"paths\":1,"
                          "\"pa\\u0000th2\":1,\"\":1,\"pa\\u0000\":2}"), YES);
    assert_int_equal(eval("o.p = 1", "{\"o\":{\"p\":1},\"O\":{\"p\":2}}"),
                     UNSURE);
}


static void
test_join(void **state)
{
    assert_int_equal(eval("a = 1 and b = 2", "{\"a\":1,\"b\":2}"), YES);
    assert_int_equal(eval("a = 1 and b = 2", "{\"a\":1,\"b\":3}"), NO);
    assert_int_equal(eval("a = 1 and b = 2", "{\"a\":1}"), NO);
    assert_int_equal(eval("a = 1 and b = 2", "{\"a\":\"x\",\"b\":3}"), NO);
    assert_int_equal(eval("a = 1 and b = 2", "{\"a\":\"x\",\"b\":2}"), UNSURE);
    assert_int_equal(eval("a present and b absent", "{\"a\":1}"), YES);
}


static void
test_bad(void **state)
{
    char      text[1024];
    unsigned  i;

    assert_true(bad("", "no condition behind \"where\""));
    assert_true(bad("a", "nothing is said of \"a\""));
    assert_true(bad("a =", "no value behind \"=\""));
    assert_true(bad("a == 1", "\"==\" is no condition"));
    assert_true(bad("a = 1 and", "no condition behind \"and\""));
    assert_true(bad("a = 1 or b = 2", "\"or\" is unexpected"));
    assert_true(bad("a = 1 b = 2", "\"b\" is unexpected"));
    assert_true(bad("a < x", "\"x\" is not a number"));
    assert_true(bad("a < \"5\"", "is not a number"));
    assert_true(bad("a ~ (", "the regex \"(\" is wrong at character 2: "));
    assert_true(bad("a ~ \\C", "the regex"));
    assert_true(bad("a ~ \xff", "the regex"));
    assert_true(bad(". = 1", "names no argument"));
    assert_true(bad("a. = 1", "names no argument"));
    assert_true(bad("a..b = 1", "names no argument"));
    assert_true(bad("[] = 1", "names no argument"));
    assert_true(bad("a[ = 1", "names no argument"));
    assert_true(bad("a[0] = 1", "names no argument"));
    assert_true(bad("a[][] = 1", "names no argument"));
    assert_true(bad("a[].b[] = 1", "names no argument"));
    assert_true(bad("a[]b = 1", "names no argument"));
    assert_true(bad("\xff = 1", "names no argument"));
    assert_true(bad("a\x01 = 1", "names no argument"));
    assert_true(bad("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1",
                    "names no argument"));

    text[0] = '\0';

    for (i = 0; i < MCP_WHERE_MAX; i++) {
        strcat(text, i ? " and a = 1" : "a = 1");
    }

    assert_int_equal(eval(text, "{\"a\":1}"), YES);
    strcat(text, " and a = 1");
    assert_true(bad(text, "one condition too many"));
}


static int
oom_where(mcp_arena_t *a, const mcp_json_tape_t *tape)
{
    int           rc;
    unsigned      n, failed;
    mcp_str_t     why, word[7];
    mcp_where_t  *where;

    word[0] = str("a.b");
    word[1] = str("~");
    word[2] = str("^x+$");
    word[3] = str("and");
    word[4] = str("c");
    word[5] = str("=");
    word[6] = str("\"\\u0041\"");

    rc = mcp_where_parse(&where, &n, a, word, 7, &why);
    if (rc != MCP_OK) {
        return rc;
    }

    /* here a lack of memory is doubt */

    return mcp_where_eval(where, n, tape, mcp_json_get(tape, 0, "r"), a,
                          &failed) == YES
           ? MCP_OK : MCP_NOMEM;
}


static void
test_oom(void **state)
{
    static const char  text[] =
        "{\"r\":{\"a\":{\"\\u0062\":\"\\u0078x\"},\"c\":\"\\u0041\"}}";

    int              rc;
    unsigned         i;
    oom_arena_t      oom;
    mcp_json_tape_t  tape;

    assert_int_equal(mcp_json_tape(&tape, arena, (unsigned char *) text,
                                   sizeof(text) - 1, 8), MCP_OK);

    for (i = 0; i < 100; i++) {
        oom_init(&oom, arena, i);
        rc = oom_where(&oom.arena, &tape);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_in_range(i, 5, 99);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_booleans, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test(test_decimal),
        cmocka_unit_test_setup_teardown(test_regex, setup, teardown),
        cmocka_unit_test_setup_teardown(test_regex_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_variants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_join, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oom, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
