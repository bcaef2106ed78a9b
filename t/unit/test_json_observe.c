
/* The JSON observer: what is named, what is skipped, whatever the pieces. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "json.h"


#define DEPTH  64

#define S(s)   (const unsigned char *) (s), sizeof(s) - 1


/*
 * The tokens given, as words: the type, the names of all levels down to the
 * token's own, "-" where a level has none, "+" and the length for one that was
 * not kept.
 */

static char  seen[4096];


static void
put(const char *fmt, ...)
{
    size_t   len;
    va_list  args;

    len = strlen(seen);

    va_start(args, fmt);
    vsnprintf(seen + len, sizeof(seen) - len, fmt, args);
    va_end(args);
}


static int
observe(const unsigned char *text, size_t len, unsigned watch, size_t step)
{
    int                   rc;
    size_t                at;
    unsigned              d;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;
    const unsigned char  *p, *end;

    static const char  names[] = " {}[]kSNTFZ";

    mcp_json_observe_init(&ob, watch, DEPTH);
    seen[0] = '\0';
    rc = MCP_AGAIN;

    for (at = 0; at < len && rc != MCP_ERROR; at += step) {

        p = text + at;
        end = (step < len - at) ? p + step : text + len;

        while ((rc = mcp_json_observe(&ob, &p, end, &tok)) == MCP_OK) {

            assert_true(tok.depth <= watch);

            if (!tok.last) {
                continue;
            }

            put(" %c", names[tok.type]);

            for (d = 0; d < tok.depth; d++) {
                if (ob.key_len[d] == 0) {
                    put(".-");

                } else if (ob.key_len[d] > MCP_JSON_KEY_MAX) {
                    put(".+%u", ob.key_len[d]);

                } else {
                    put(".%.*s", (int) ob.key_len[d], ob.key[d]);
                }
            }

            for (d = tok.depth; d < MCP_JSON_WATCH_MAX; d++) {
                assert_int_equal(ob.key_len[d], 0);
            }
        }
    }

    return mcp_json_observe_finish(&ob);
}


static void
check(const unsigned char *text, size_t len, unsigned watch,
    const char *expected)
{
    size_t  step;

    for (step = 1; step <= len; step++) {
        assert_int_equal(observe(text, len, watch, step), MCP_OK);
        assert_string_equal(seen, expected);
    }
}


static void
test_refused(void **state)
{
    size_t  step;

    /* what is skipped is checked all the same */

    static const char  *const  cases[] = {
        "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":[1,]}}}}}",
        "{\"a\":[[[[[{\"x\"}]]]]]}",
        "{\"a\":[[[[[\"\xc0\x80\"]]]]]}",
        "{\"a\":[[[[[\"\\ud800\"]]]]]}",
        "{\"a\":[[[[[01]]]]]}",
        "{\"a\":[[[[[nul]]]]]}",
        "{\"a\":[[[[[1}]]]]}",
        "{\"a\":[[[[[\"\n\"]]]]]}",
        "[[[[[[",
        "[[[[[\"x",
        "[[[[[1",
        "{\"a\":1}}",
        "{\"a\":1},"
    };

    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (step = 1; step <= strlen(cases[i]); step++) {
            assert_int_equal(observe((const unsigned char *) cases[i],
                                     strlen(cases[i]), 2, step),
                             MCP_ERROR);
        }
    }
}


static void
test_names(void **state)
{
    check(S("{}"), 1, " { }");
    check(S("[]"), 1, " [ ]");
    check(S(" 17 "), 1, " N");
    check(S("\"s\""), 4, " S");

    check(S("{\"id\":7,\"result\":{\"isError\":true},\"x\":null}"), 1,
          " { k.id N.id k.result {.result }.result k.x Z.x }");

    check(S("{\"id\":7,\"result\":{\"isError\":true},\"x\":null}"), 2,
          " { k.id N.id k.result {.result k.result.isError T.result.isError"
          " }.result k.x Z.x }");

    check(S("{\"result\":{\"deep\":{\"id\":[1,{\"a\":2}]},\"b\":false}}"), 2,
          " { k.result {.result k.result.deep {.result.deep }.result.deep"
          " k.result.b F.result.b }.result }");

    check(S("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}},\"f\":[2]}}}"), 4,
          " { k.a {.a k.a.b {.a.b k.a.b.c {.a.b.c k.a.b.c.d {.a.b.c.d"
          " }.a.b.c.d }.a.b.c k.a.b.f [.a.b.f N.a.b.f.- ].a.b.f }.a.b }.a }");
}


/* An element has no name, not even after an object has. */

static void
test_arrays(void **state)
{
    check(S("[1,\"s\",[2],{\"a\":3}]"), 1,
          " [ N.- S.- [.- ].- {.- }.- ]");

    check(S("[{\"a\":1},2,{\"b\":[3,{\"c\":4}]},[5]]"), 2,
          " [ {.- k.-.a N.-.a }.- N.- {.- k.-.b [.-.b ].-.b }.- [.- N.-.-"
          " ].- ]");

    check(S("{\"a\":[{\"b\":1},{\"c\":2}],\"d\":[]}"), 3,
          " { k.a [.a {.a.- k.a.-.b N.a.-.b }.a.- {.a.- k.a.-.c N.a.-.c"
          " }.a.- ].a k.d [.d ].d }");
}


static void
test_escaped_names(void **state)
{
    check(S("{\"\\u0069d\":1,\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":2}"), 1,
          " { k.id N.id k.\"\\/\b\f\n\r\t N.\"\\/\b\f\n\r\t }");

    check(S("{\"a\\u00e9\\u20AC\\ud83d\\ude00z\":1,\"\xc3\xa9\":2}"), 1,
          " { k.a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"
          " N.a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z k.\xc3\xa9 N.\xc3\xa9 }");

    check(S("{\"\\u0061\":{\"\\u0062\":[1]},\"\":2}"), 2,
          " { k.a {.a k.a.b [.a.b ].a.b }.a k.- N.- }");
}


static void
test_nul_in_a_name(void **state)
{
    int                   rc;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;
    const unsigned char  *p, *end;

    static const char  text[] = "{\"id\\u0000\":1}";

    p = (const unsigned char *) text;
    end = p + sizeof(text) - 1;
    mcp_json_observe_init(&ob, 1, DEPTH);

    while ((rc = mcp_json_observe(&ob, &p, end, &tok)) == MCP_OK) {
        assert_false(mcp_json_at(&ob, 1, "id"));

        if (tok.type == MCP_JSON_NUMBER) {
            assert_int_equal(ob.key_len[0], 3);
            assert_true(mcp_json_at(&ob, 1, "id\0"));
            assert_false(mcp_json_at(&ob, 1, "i"));
        }
    }

    assert_int_equal(rc, MCP_DONE);
}


/* Names at the limit, over it, and with an escape across it. */

static void
test_long_names(void **state)
{
    char      text[4096], name[256], expected[1024];
    size_t    n, len;
    unsigned  way;

    for (n = MCP_JSON_KEY_MAX - 5; n <= MCP_JSON_KEY_MAX + 5; n++) {
        for (way = 0; way < 3; way++) {

            memset(name, 0, sizeof(name));
            memset(text, 0, sizeof(text));
            strcpy(text, "{\"");
            len = 0;

            if (way == 1) {

                /* six bytes of text for one of the name */

                for (len = 0; len < n; len++) {
                    strcat(text, "\\u006e");
                    name[len] = 'n';
                }

            } else {
                for (len = 0; len < n - 4 * (way == 2); len++) {
                    strcat(text, "n");
                    name[len] = 'n';
                }

                if (way == 2) {
                    strcat(text, "\\ud83d\\ude00");
                    strcat(name, "\xf0\x9f\x98\x80");
                    len += 4;
                }
            }

            assert_int_equal(len, n);
            strcat(text, "\":[0],\"x\":1}");

            if (n > MCP_JSON_KEY_MAX) {
                snprintf(name, sizeof(name), "+%zu", n);
            }

            snprintf(expected, sizeof(expected),
                     " { k.%s [.%s ].%s k.x N.x }", name, name, name);

            check((unsigned char *) text, strlen(text), 1, expected);
        }
    }
}


static void
test_limits(void **state)
{
    mcp_json_observer_t  ob;

    mcp_json_observe_init(&ob, 0, DEPTH);
    assert_int_equal(ob.watch, 1);

    mcp_json_observe_init(&ob, MCP_JSON_WATCH_MAX + 1, DEPTH);
    assert_int_equal(ob.watch, MCP_JSON_WATCH_MAX);
}


/* The bytes of what is skipped lie between the brackets around it. */

static void
test_skipped(void **state)
{
    size_t                depth, n;
    unsigned char        *text;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;
    const unsigned char  *p, *end, *open;

    text = malloc(1 << 16);
    assert_non_null(text);

    n = (size_t) sprintf((char *) text, "{\"a\":");

    for (depth = 0; depth < DEPTH - 1; depth++) {
        n += (size_t) sprintf((char *) text + n, "[{\"\\n\":\"}]\\\"\"},"
                              " -1.5e3, true");
        n += (size_t) sprintf((char *) text + n, depth < DEPTH - 2 ? "," : "");
    }

    memset(text + n, ']', depth);
    n += depth;
    text[n++] = '}';

    /* the innermost objects are one level deeper */

    p = text;
    end = text + n;
    mcp_json_observe_init(&ob, 1, DEPTH + 1);

    assert_int_equal(mcp_json_observe(&ob, &p, end, &tok), MCP_OK);
    assert_int_equal(tok.type, MCP_JSON_OBJECT);
    assert_int_equal(mcp_json_observe(&ob, &p, end, &tok), MCP_OK);
    assert_int_equal(tok.type, MCP_JSON_KEY);
    assert_int_equal(mcp_json_observe(&ob, &p, end, &tok), MCP_OK);
    assert_int_equal(tok.type, MCP_JSON_ARRAY);
    open = tok.start;
    assert_int_equal(mcp_json_observe(&ob, &p, end, &tok), MCP_OK);
    assert_int_equal(tok.type, MCP_JSON_ARRAY_END);
    assert_ptr_equal(open, text + 5);
    assert_ptr_equal(tok.start, text + n - 2);
    assert_true(mcp_json_at(&ob, 1, "a"));
    assert_int_equal(mcp_json_observe(&ob, &p, end, &tok), MCP_OK);
    assert_int_equal(tok.type, MCP_JSON_OBJECT_END);
    assert_int_equal(ob.key_len[0], 0);
    assert_int_equal(mcp_json_observe(&ob, &p, end, &tok), MCP_DONE);

    free(text);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_escaped_names),
        cmocka_unit_test(test_nul_in_a_name),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_skipped)
    };

    return cmocka_run_group_tests_name("json_observe", tests, NULL, NULL);
}
