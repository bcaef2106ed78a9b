
/* The JSON tape: nodes, names that come twice, text and numbers, memory. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "oom.h"


#define DEPTH  64
#define TWICE  "the member name comes twice"

#define S(s)   (const unsigned char *) (s), sizeof(s) - 1


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


static int
parse(mcp_json_tape_t *tape, const char *text)
{
    return mcp_json_tape(tape, arena, (const unsigned char *) text,
                         strlen(text), DEPTH);
}


static void
parsed(mcp_json_tape_t *tape, const char *text)
{
    if (parse(tape, text) != MCP_OK) {
        fail_msg("%.60s: %s at %u", text, tape->error.text,
                 (unsigned) tape->error.offset);
    }
}


/* --- names that come twice ----------------------------------------------- */


static void
test_duplicates(void **state)
{
    size_t           i;
    mcp_json_tape_t  tape;

    static const struct {
        const char  *text;
        unsigned     offset;     /* 0: it is accepted */
    } cases[] = {
        { "{\"a\":1,\"a\":1}", 7 },
        { "{\"name\":1,\"na\\u006de\":2}", 10 },
        { "{\"na\\u006De\":1,\"na\\u006de\":2}", 15 },
        { "{\"na\\u006de\":1,\"name\":2}", 15 },
        { "{\"\":1,\"\":2}", 6 },
        { "{\"a\":1,\"b\":2,\"c\":3,\"b\":4,\"a\":5}", 19 },
        { "{\"a\":{\"b\":{\"c\":1,\"c\":2}}}", 17 },
        { "[{},{\"c\":[],\"c\":{}}]", 12 },
        { "{\"a\":{\"x\":1,\"x\":2},\"a\":1}", 12 },
        { "{\"\xc3\xa9\":1,\"\\u00E9\":2}", 8 },
        { "{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}", 10 },
        { "{\"\\/\":1,\"/\":2}", 8 },
        { "{\"\\u0000\":1,\"\\u0000\":2}", 12 },
        { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,"
          "\"\\u0061\":9}", 49 },
        { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,"
          "\"i\":9,\"j\":1,\"k\":2,\"h\":3}", 67 },

        { "{\"a\":1,\"A\":1}", 0 },
        { "{\"a\":{\"a\":{\"a\":1}}}", 0 },
        { "[{\"a\":1},{\"a\":1}]", 0 },
        { "{\"a\":1,\"\\\\u0061\":1}", 0 },
        { "{\"\":1,\"\\u0000\":2,\"\\u0000\\u0000\":3}", 0 },
        { "{\"a\":\"a\",\"b\":\"a\"}", 0 },
        { "{\"\xc3\xa9\":1,\"e\\u0301\":2}", 0 },
        { "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,"
          "\"i\":9,\"j\":1,\"k\":2,\"l\":3}", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (cases[i].offset == 0) {
            parsed(&tape, cases[i].text);
            continue;
        }

        if (parse(&tape, cases[i].text) != MCP_ERROR) {
            fail_msg("%s is accepted", cases[i].text);
        }

        assert_string_equal(tape.error.text, TWICE);
        assert_int_equal(tape.error.offset, cases[i].offset);
        assert_int_equal(tape.nodes, 0);
    }
}


/*
 * Names with equal hashes, as only the first 128 bytes count, that are longer
 * than what is unescaped at a time.
 */

static void
test_long_duplicates(void **state)
{
    char             *text, *p;
    size_t            i, k, n;
    unsigned          way;
    mcp_json_tape_t   tape;

    text = malloc(1 << 16);
    assert_non_null(text);

    /* a prefix of another, written in each way, first and last */

    for (n = 126; n < 260; n++) {
        for (way = 0; way < 8; way++) {

            p = text + sprintf(text, "{");

            for (k = 0; k < 2; k++) {
                p += sprintf(p, k ? ":1,\"" : "\"");

                for (i = 0; i < n; i++) {
                    p += sprintf(p, (way >> k & 1) && i % 3 == k ? "\\u0070"
                                                                 : "p");
                }

                p += sprintf(p, k == (way >> 2) ? "\"" : "q\"");
            }

            sprintf(p, ":2}");
            parsed(&tape, text);
        }
    }

    /* four bytes at a time, which are cut differently on either side */

    for (n = 20; n < 90; n++) {
        for (way = 0; way < 8; way++) {

            p = text + sprintf(text, "{");

            for (k = 0; k < 2; k++) {
                p += sprintf(p, k ? ":1,\"" : "\"");

                for (i = 0; i < n; i++) {
                    p += sprintf(p, i % 7 == 2 ? "ppp" : i % 2 == k
                                 ? "\xf0\x9f\x98\x80" : "\\ud83d\\ude00");
                }

                p += sprintf(p, "%c\"", (way >> k & 1) ? 'a' : 'b');
            }

            sprintf(p, way & 4 ? ":{}}" : ":2}");

            if ((way & 1) == (way >> 1 & 1)) {
                assert_int_equal(parse(&tape, text), MCP_ERROR);
                assert_string_equal(tape.error.text, TWICE);

            } else {
                parsed(&tape, text);
            }
        }
    }

    free(text);
}


/* Of several, the one that comes first, in whatever order they are found. */

static void
test_first_duplicate(void **state)
{
    char             *text, *p, *again;
    unsigned          i, way;
    mcp_json_tape_t   tape;

    static char  prefixes[2][200];

    memset(prefixes[1], 'p', 150);
    text = malloc(1 << 16);
    assert_non_null(text);

    for (way = 0; way < 8; way++) {

        p = text + sprintf(text, "{");
        again = NULL;

        for (i = 0; i < 60; i++) {
            if (i == 40) {
                again = p + 1;
            }

            /* at 40 that of 3 or 30 comes again, at 50 the other */

            p += sprintf(p, "%s\"%s%02u\":0", i ? "," : "",
                         prefixes[way & 1 && !(way & 4 && i % 10 == 7)],
                         i == 40 ? (way & 2 ? 3 : 30)
                         : i == 50 ? (way & 2 ? 30 : 3) : i);
        }

        sprintf(p, "}");

        assert_int_equal(parse(&tape, text), MCP_ERROR);
        assert_string_equal(tape.error.text, TWICE);
        assert_int_equal(tape.error.offset, again - text);
    }

    free(text);
}


/* What comes first is told: the name inside, the syntax before it. */

static void
test_duplicates_and_syntax(void **state)
{
    mcp_json_tape_t  tape;

    assert_int_equal(parse(&tape, "[{\"a\":1,\"a\":2},x]"), MCP_ERROR);
    assert_string_equal(tape.error.text, TWICE);

    assert_int_equal(parse(&tape, "[{\"a\":1,\"a\":2,},x]"), MCP_ERROR);
    assert_string_equal(tape.error.text, "expected a member name");
    assert_int_equal(tape.error.offset, 14);
}


static double
seconds(clock_t since)
{
    return (double) (clock() - since) / CLOCKS_PER_SEC;
}


/*
 * An object of n members whose names end in a number of eight digits; if
 * "again" is not negative, a last one has the name of that one, escaped.
 */

static char *
members(size_t n, const char *prefix, long again)
{
    char    *text, *p;
    size_t   i;

    text = malloc((n + 2) * (strlen(prefix) + 32));
    assert_non_null(text);

    p = text + sprintf(text, "{");

    for (i = 0; i < n; i++) {
        p += sprintf(p, "%s\"%s%08zu\":%zu", i ? "," : "", prefix, i, i);
    }

    if (again >= 0) {
        p += sprintf(p, ",\"%s\\u003%08ld\":0", prefix, again);
    }

    sprintf(p, "}");

    return text;
}


/*
 * Names that are equal in more bytes than are hashed, as an attacker would
 * choose them, cost no more than n log n.  Pair by pair, each of these would
 * take a minute.
 */

static void
test_many_members(void **state)
{
    char             *text, *last;
    unsigned          way;
    clock_t           start;
    mcp_json_tape_t   tape;

    static char  prefixes[2][200];

    memset(prefixes[1], 'p', 150);

    for (way = 0; way < 2; way++) {

        text = members(100000, prefixes[way], -1);
        start = clock();
        parsed(&tape, text);

        if (seconds(start) > 5) {
            fail_msg("%f s for 100000 members", seconds(start));
        }

        assert_int_equal(tape.nodes, 200001);
        assert_int_equal(tape.node[0].count, 100000);
        free(text);

        /* \u0030 and seven digits more: the first digit is always 0 */

        text = members(100000, prefixes[way], 77777);
        last = strrchr(text, ',') + 1;
        start = clock();
        assert_int_equal(parse(&tape, text), MCP_ERROR);

        if (seconds(start) > 5) {
            fail_msg("%f s for 100000 members, two equal", seconds(start));
        }

        assert_string_equal(tape.error.text, TWICE);
        assert_int_equal(tape.error.offset, last - text);
        free(text);
    }
}


/* Of each size around the limits between the methods, each pair of places. */

static void
test_duplicates_by_size(void **state)
{
    char             *text, *p, *again;
    size_t            n, a, b, i;
    unsigned          way;
    mcp_json_tape_t   tape;

    static char  prefixes[2][200];

    memset(prefixes[1], 'p', 150);
    text = malloc(64 * 256);
    assert_non_null(text);

    for (way = 0; way < 2; way++) {
        for (n = 2; n < 40; n += (n < 12 || n > 30 ? 1 : 5)) {
            for (b = 1; b < n; b++) {
                for (a = 0; a < b; a += 1 + n / 9) {

                    p = text + sprintf(text, "{");
                    again = p;

                    for (i = 0; i < n; i++) {
                        if (i == b) {
                            again = p + 1;
                        }

                        p += sprintf(p, "%s\"%s%s%02zu\":[{}]", i ? "," : "",
                                     i % 3 ? "" : "\\u0070", prefixes[way],
                                     i == b ? a : i);
                    }

                    sprintf(p, "}");

                    /* the prefix tells thirds apart, unless it is one more */

                    if ((a % 3 == 0) != (b % 3 == 0)) {
                        parsed(&tape, text);
                        assert_int_equal(tape.node[0].count, n);
                        continue;
                    }

                    assert_int_equal(parse(&tape, text), MCP_ERROR);
                    assert_string_equal(tape.error.text, TWICE);
                    assert_int_equal(tape.error.offset, again - text);
                }
            }
        }
    }

    free(text);
}


/* --- memory -------------------------------------------------------------- */


static void
test_no_memory(void **state)
{
    int               rc;
    char             *text, *collide;
    size_t            i;
    unsigned          n;
    oom_arena_t       oom;
    mcp_arena_t      *from;
    mcp_json_tape_t   tape;
    const char       *texts[3];

    /* nodes; then more nodes, and room for names */

    static const unsigned  least[] = { 1, 3, 3 };

    static char  prefix[200];

    memset(prefix, 'p', 150);

    text = members(3000, "", -1);
    collide = members(3000, prefix, -1);

    texts[0] = "[1]";
    texts[1] = text;
    texts[2] = collide;

    for (i = 0; i < 3; i++) {
        for (n = 0; /* void */ ; n++) {

            from = mcp_arena_create();
            assert_non_null(from);
            oom_init(&oom, from, n);

            rc = mcp_json_tape(&tape, &oom.arena,
                               (const unsigned char *) texts[i],
                               strlen(texts[i]), DEPTH);
            mcp_arena_destroy(from);

            if (rc == MCP_OK) {
                break;
            }

            assert_int_equal(rc, MCP_NOMEM);
            assert_int_equal(tape.nodes, 0);
            assert_true(n < 100);
        }

        assert_true(n >= least[i]);
    }

    free(text);
    free(collide);
}


static void
test_unescape_no_memory(void **state)
{
    mcp_str_t        str;
    oom_arena_t      oom;
    mcp_json_tape_t  tape;

    parsed(&tape, "[\"a\\n\",\"b\"]");
    oom_init(&oom, arena, 0);

    assert_int_equal(mcp_json_unescape(&tape, 1, &oom.arena, &str),
                     MCP_NOMEM);
    assert_int_equal(mcp_json_unescape(&tape, 2, &oom.arena, &str), MCP_OK);
    assert_true(mcp_str_is(&str, "b"));
}


typedef struct {
    mcp_arena_t           arena;
    size_t                bytes;
} counter_t;


static void *
count_alloc(mcp_arena_t *a, size_t size)
{
    ((counter_t *) a->data)->bytes += size;

    return mcp_alloc(arena, size);
}


/* Texts that are alike all along, and texts that mislead about the rest. */

static void
test_room(void **state)
{
    char             *text, *p;
    size_t            i, max;
    unsigned          way;
    counter_t         counter;
    mcp_json_tape_t   tape;

    text = malloc(1 << 20);
    assert_non_null(text);

    counter.arena.alloc = count_alloc;
    counter.arena.data = &counter;

    for (way = 0; way < 5; way++) {

        p = text + sprintf(text, "[");

        if (way == 2) {
            p += sprintf(p, "\"%0300000d\",", 0);
        }

        for (i = 0; i < (way == 4 ? 400 : 30000); i++) {
            p += sprintf(p, way == 1 ? "\"some words here\"," : "1,");
        }

        if (way == 3) {
            p += sprintf(p, "\"%0300000d\",", 0);
        }

        sprintf(p, "0]");

        counter.bytes = 0;
        assert_int_equal(mcp_json_tape(&tape, &counter.arena,
                                       (unsigned char *) text, strlen(text),
                                       DEPTH),
                         MCP_OK);

        assert_int_equal(tape.node[0].count, tape.nodes - 1);

        for (i = 1; i < tape.nodes; i++) {
            assert_true(tape.node[i].next == i + 1);
        }

        /*
         * Twice what is needed is left behind as it grows or is not used;
         * four times where the text is not as it began.
         */

        max = tape.nodes * sizeof(mcp_json_node_t) * (way < 2 ? 2 : 5);

        if (counter.bytes > max + 512 * sizeof(mcp_json_node_t)) {
            fail_msg("%zu bytes for %u nodes, way %u", counter.bytes,
                     tape.nodes, way);
        }
    }

    free(text);
}


static void
test_too_long(void **state)
{
    mcp_json_tape_t  tape;

    /* the length alone is reason enough: nothing is read */

    if (sizeof(size_t) > 4) {
        assert_int_equal(mcp_json_tape(&tape, arena, S("[1]"), DEPTH),
                         MCP_OK);
        assert_int_equal(mcp_json_tape(&tape, arena,
                                       (const unsigned char *) "[1]",
                                       (size_t) UINT32_MAX + 1, DEPTH),
                         MCP_ERROR);
        assert_string_equal(tape.error.text, "the text is too long");
        assert_int_equal(tape.nodes, 0);
    }
}


/* --- nodes --------------------------------------------------------------- */


static void
test_nodes(void **state)
{
    size_t           i;
    mcp_json_tape_t  tape;

    static const char  text[] =
        " { \"a\" : [ 1, {} , [] ], \"\\u0062\": { \"c\": \"x\\ty\" } } ";

    static const struct {
        mcp_json_type_e  type;
        unsigned         next;
        unsigned         count;
        unsigned         escaped;
        const char      *bytes;
    } expected[] = {
        { MCP_JSON_OBJECT, 10, 2, 0, NULL },
        { MCP_JSON_KEY, 6, 0, 0, "a" },
        { MCP_JSON_ARRAY, 6, 3, 0, "[ 1, {} , [] ]" },
        { MCP_JSON_NUMBER, 4, 0, 0, "1" },
        { MCP_JSON_OBJECT, 5, 0, 0, "{}" },
        { MCP_JSON_ARRAY, 6, 0, 0, "[]" },
        { MCP_JSON_KEY, 10, 0, 1, "\\u0062" },
        { MCP_JSON_OBJECT, 10, 1, 0, "{ \"c\": \"x\\ty\" }" },
        { MCP_JSON_KEY, 10, 0, 0, "c" },
        { MCP_JSON_STRING, 10, 0, 1, "x\\ty" }
    };

    parsed(&tape, text);
    assert_int_equal(tape.nodes, sizeof(expected) / sizeof(expected[0]));

    for (i = 0; i < tape.nodes; i++) {
        assert_int_equal(tape.node[i].type, expected[i].type);
        assert_int_equal(tape.node[i].next, expected[i].next);
        assert_int_equal(tape.node[i].escaped, expected[i].escaped);

        if (expected[i].type <= MCP_JSON_ARRAY) {
            assert_int_equal(tape.node[i].count, expected[i].count);
        }

        if (expected[i].bytes != NULL) {
            assert_int_equal(tape.node[i].len, strlen(expected[i].bytes));
            assert_memory_equal(text + tape.node[i].start, expected[i].bytes,
                                tape.node[i].len);
        }
    }

    assert_int_equal(tape.node[0].start, 1);
    assert_int_equal(tape.node[0].len, strlen(text) - 2);
}


static void
test_roots(void **state)
{
    size_t           i;
    mcp_str_t        raw;
    mcp_json_tape_t  tape;

    static const struct {
        const char       *text;
        mcp_json_type_e   type;
    } cases[] = {
        { "0", MCP_JSON_NUMBER },
        { "-1.5E+10", MCP_JSON_NUMBER },
        { "12345678901234567890", MCP_JSON_NUMBER },
        { "true", MCP_JSON_TRUE },
        { "false", MCP_JSON_FALSE },
        { "null", MCP_JSON_NULL },
        { "\"\"", MCP_JSON_STRING },
        { "\"a string\"", MCP_JSON_STRING },
        { "[]", MCP_JSON_ARRAY },
        { "{}", MCP_JSON_OBJECT }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parsed(&tape, cases[i].text);
        assert_int_equal(tape.nodes, 1);
        assert_int_equal(tape.node[0].type, cases[i].type);
        assert_int_equal(tape.node[0].next, 1);
        assert_int_equal(mcp_json_first(&tape, 0), 0);

        raw = mcp_json_raw(&tape, 0);
        assert_int_equal(raw.len, strlen(cases[i].text));
        assert_memory_equal(raw.data, cases[i].text, raw.len);
    }
}


static void
test_members(void **state)
{
    char             *text;
    uint32_t          i, n, node;
    mcp_json_tape_t   tape;

    parsed(&tape, "{\"a\":{\"x\":[]},\"na\\u006de\":7,\"\":true,"
                  "\"long \\ud83d\\ude00 \\n name\":[1,2]}");

    node = mcp_json_get(&tape, 0, "name");
    assert_int_equal(tape.node[node].type, MCP_JSON_NUMBER);
    assert_int_equal(tape.node[mcp_json_get(&tape, 0, "")].type,
                     MCP_JSON_TRUE);
    assert_int_equal(
        tape.node[mcp_json_get(&tape, 0, "long \xf0\x9f\x98\x80 \n name")]
            .count, 2);

    node = mcp_json_get(&tape, 0, "a");
    assert_int_equal(tape.node[node].type, MCP_JSON_OBJECT);
    assert_int_equal(tape.node[mcp_json_get(&tape, node, "x")].type,
                     MCP_JSON_ARRAY);

    assert_int_equal(mcp_json_get(&tape, 0, "x"), 0);
    assert_int_equal(mcp_json_get(&tape, 0, "nam"), 0);
    assert_int_equal(mcp_json_get(&tape, 0, "names"), 0);
    assert_int_equal(mcp_json_get(&tape, 0, "na\\u006de"), 0);
    assert_int_equal(mcp_json_get(&tape, 0, "\0"), 0);
    assert_int_equal(mcp_json_get(&tape, node, "a"), 0);

    /* not objects, and no nodes at all */

    node = mcp_json_get(&tape, 0, "name");
    assert_int_equal(mcp_json_get(&tape, node, "name"), 0);
    assert_int_equal(mcp_json_get(&tape, 1, "a"), 0);
    assert_int_equal(mcp_json_get(&tape, tape.nodes, "a"), 0);
    assert_int_equal(mcp_json_first(&tape, tape.nodes), 0);

    /* a walk */

    text = members(1000, "n", -1);
    parsed(&tape, text);
    n = 0;

    for (i = mcp_json_first(&tape, 0); i != 0 && i < tape.node[0].next;
         i = tape.node[i].next)
    {
        assert_int_equal(tape.node[i].type, MCP_JSON_KEY);
        assert_int_equal(tape.node[i + 1].type, MCP_JSON_NUMBER);
        n++;
    }

    assert_int_equal(n, 1000);
    free(text);
}


static void
test_text(void **state)
{
    size_t           i, len;
    mcp_str_t        str;
    unsigned char    out[64], *p;
    mcp_json_tape_t  tape;

    static const unsigned char  cut[] = "ab\\n\\u00";

    static const struct {
        const char  *text;
        size_t       len;
        const char  *plain;
    } cases[] = {

#define CASE(text, plain)  { text, sizeof(plain) - 1, plain }

        CASE("", ""),
        CASE("plain", "plain"),
        CASE("\xc3\xa9", "\xc3\xa9"),
        CASE("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"),
        CASE("\\u0000", "\0"),
        CASE("a\\u0000b", "a\0b"),
        CASE("\\u007f\\u0080", "\x7f\xc2\x80"),
        CASE("\\u07ff\\u0800", "\xdf\xbf\xe0\xa0\x80"),
        CASE("\\uD7FF\\ue000\\uFFFF",
             "\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"),
        CASE("\\ud800\\udc00\\uDBFF\\uDFFF",
             "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
        CASE("0123456789abcdef\\n0123456789abcdef",
             "0123456789abcdef\n0123456789abcdef"),
        CASE("0123456789abcde\\n0123456789abcde\\u0041",
             "0123456789abcde\n0123456789abcdeA"),
        CASE("\\\\n", "\\n"),
        CASE("\\\\\\\\", "\\\\")

#undef CASE

    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        snprintf((char *) out, sizeof(out), "[\"%s\"]", cases[i].text);
        len = strlen((char *) out);
        assert_int_equal(mcp_json_tape(&tape, arena, out, len, 1), MCP_OK);

        assert_int_equal(mcp_json_unescape(&tape, 1, arena, &str), MCP_OK);
        assert_int_equal(str.len, cases[i].len);
        assert_memory_equal(str.data, cases[i].plain, str.len);

        if (!tape.node[1].escaped) {
            assert_ptr_equal(str.data, out + 2);
        }

        assert_true(mcp_json_equals(&tape, 1, cases[i].plain, cases[i].len));
        assert_false(mcp_json_equals(&tape, 1, cases[i].plain,
                                     cases[i].len + 1));

        if (cases[i].len > 0) {
            assert_false(mcp_json_equals(&tape, 1, cases[i].plain,
                                         cases[i].len - 1));
        }
    }

    /* what is cut is left out */

    p = mcp_json_decode(out, cut, cut + sizeof(cut) - 1);
    assert_int_equal(p - out, 3);
    assert_memory_equal(out, "ab\n", 3);

    /* what is no string equals none */

    parsed(&tape, "[1]");
    assert_int_equal(mcp_json_first(&tape, 1), 0);
    assert_false(mcp_json_equals(&tape, 1, "1", 1));
    assert_false(mcp_json_equals(&tape, 2, "", 0));
    assert_int_equal(mcp_json_unescape(&tape, 1, arena, &str), MCP_OK);
    assert_int_equal(str.len, 0);
}


/* Equal strings have equal hashes, however they are written. */

static void
test_hashes(void **state)
{
    char             *text, *p;
    size_t            n, i;
    mcp_json_tape_t   tape;

    text = malloc(8192);
    assert_non_null(text);

    for (n = 0; n < 300; n++) {

        p = text + sprintf(text, "[\"");

        for (i = 0; i < n; i++) {
            *p++ = (char) ('a' + i % 26);
        }

        p += sprintf(p, "\",\"");

        for (i = 0; i < n; i++) {
            p += sprintf(p, i % 5 ? "%c" : "\\u%04x", (char) ('a' + i % 26));
        }

        p += sprintf(p, "\",\"");

        for (i = 0; i < n; i++) {
            p += sprintf(p, "\\u%04X", (char) ('a' + i % 26));
        }

        sprintf(p, "\"]");
        parsed(&tape, text);

        assert_int_equal(tape.node[1].count, tape.node[2].count);
        assert_int_equal(tape.node[1].count, tape.node[3].count);
        assert_true(mcp_json_equals(&tape, 2, text + 2, n));
        assert_true(mcp_json_equals(&tape, 3, text + 2, n));

        if (n > 0) {
            text[1 + n] ^= 1;
            assert_false(mcp_json_equals(&tape, 2, text + 2, n));
            assert_false(mcp_json_equals(&tape, 3, text + 2, n));
        }
    }

    free(text);
}


static void
test_integers(void **state)
{
    size_t           i;
    int64_t          n;
    mcp_str_t        raw;
    mcp_json_tape_t  tape;

    static const struct {
        const char  *text;
        int          rc;
        int64_t      n;
    } cases[] = {
        { "9223372036854775808", MCP_NONE, 0 },
        { "-9223372036854775809", MCP_NONE, 0 },
        { "18446744073709551616", MCP_NONE, 0 },
        { "18446744073709551617", MCP_NONE, 0 },
        { "99999999999999999999999999", MCP_NONE, 0 },
        { "1e2", MCP_NONE, 0 },
        { "1E2", MCP_NONE, 0 },
        { "1.0", MCP_NONE, 0 },
        { "0.0", MCP_NONE, 0 },
        { "-0.5", MCP_NONE, 0 },
        { "\"1\"", MCP_NONE, 0 },
        { "true", MCP_NONE, 0 },
        { "[1]", MCP_NONE, 0 },

        { "0", MCP_OK, 0 },
        { "-0", MCP_OK, 0 },
        { "1", MCP_OK, 1 },
        { "-1", MCP_OK, -1 },
        { "9007199254740991", MCP_OK, 9007199254740991 },
        { "9007199254740993", MCP_OK, 9007199254740993 },
        { "9223372036854775807", MCP_OK, INT64_MAX },
        { "-9223372036854775808", MCP_OK, INT64_MIN }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        parsed(&tape, cases[i].text);
        n = 0;

        assert_int_equal(mcp_json_integer(&tape, 0, &n), cases[i].rc);
        assert_true(n == cases[i].n);

        /* the bytes stand */

        raw = mcp_json_raw(&tape, 0);
        assert_int_equal(raw.len, strlen(cases[i].text));
        assert_memory_equal(raw.data, cases[i].text, raw.len);
    }

    assert_int_equal(mcp_json_integer(&tape, tape.nodes, &n), MCP_NONE);
}


static void
test_raw(void **state)
{
    mcp_str_t        raw;
    mcp_json_tape_t  tape;

    parsed(&tape, "{ \"k\\n\" : [ 1e2 , \"s\\u0041\" ,null] , \"o\":{ } }");

    raw = mcp_json_raw(&tape, 1);
    assert_true(mcp_str_is(&raw, "\"k\\n\""));
    raw = mcp_json_raw(&tape, 2);
    assert_true(mcp_str_is(&raw, "[ 1e2 , \"s\\u0041\" ,null]"));
    raw = mcp_json_raw(&tape, 3);
    assert_true(mcp_str_is(&raw, "1e2"));
    raw = mcp_json_raw(&tape, 4);
    assert_true(mcp_str_is(&raw, "\"s\\u0041\""));
    raw = mcp_json_raw(&tape, mcp_json_get(&tape, 0, "o"));
    assert_true(mcp_str_is(&raw, "{ }"));
    raw = mcp_json_raw(&tape, tape.nodes);
    assert_int_equal(raw.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_long_duplicates),
        cmocka_unit_test(test_first_duplicate),
        cmocka_unit_test(test_duplicates_and_syntax),
        cmocka_unit_test(test_duplicates_by_size),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_unescape_no_memory),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_raw)
    };

    return cmocka_run_group_tests_name("json_tape", tests, setup, teardown);
}
