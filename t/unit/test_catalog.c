
/* Lists and the document that all sources are kept in. */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "catalog.h"
#include "oom.h"


#define LINES  64


typedef struct {
    unsigned              n;
    char                  line[LINES][256];
} heard_t;


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


static void
hear(void *data, mcp_view_level_e level, const char *line)
{
    heard_t  *heard;

    heard = data;
    assert_int_equal(level, MCP_VIEW_ERROR);
    assert_true(heard->n < LINES);
    assert_true(strlen(line) < sizeof(heard->line[0]));
    strcpy(heard->line[heard->n++], line);
}


static mcp_str_t
str(const char *s)
{
    mcp_str_t  out;

    out.data = (unsigned char *) s;
    out.len = strlen(s);

    return out;
}


static void
assert_text(const void *data, size_t len, const char *expected)
{
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(data, expected, len);
}


/* --- append --------------------------------------------------------------- */


static void
test_append_refuses_what_is_no_array(void **state)
{
    size_t     i;
    heard_t    heard;
    mcp_str_t  array;
    mcp_buf_t  b;

    static const char *const  bad[] = {
        "", " ", "{}", "1", "null", "\"[]\"", "[", "]", "[1", "[{}", "[{},",
        "[{},]", "[,{}]", "[{} {}]", "[{}]x", "[{}][]", "[{}],", "[{]}",
        "[{\"a\":1,}]", "[{\"a\" 1}]", "[{}, nul]", "[{\"a\":\"\x80\"}]",
        "[{\"a\":\"\\ud800\"}]", "[{\"a\":01}]", "[{\"a\":\"\n\"}]",
        "[{'a':1}]", "\xef\xbb\xbf[]", "[{}]\x01", "// c\n[]"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        heard.n = 0;
        array = str(bad[i]);
        mcp_buf_init(&b, arena, 0);
        mcp_buf_literal(&b, "[{\"k\":0}");

        assert_int_equal(mcp_catalog_append(&b, arena, &array, hear, &heard),
                         MCP_ERROR);
        assert_text(b.data, b.len, "[{\"k\":0}");
        assert_false(b.failed);

        mcp_buf_init(&b, arena, 0);
        assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                         MCP_ERROR);
        assert_int_equal(b.len, 0);
    }

    array.data = NULL;
    array.len = 0;
    assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                     MCP_ERROR);
}


static void
test_append_leaves_out_bad_elements(void **state)
{
    size_t     i;
    char       text[512];
    heard_t    heard;
    mcp_str_t  array;
    mcp_buf_t  b;

    static const struct {
        const char  *element;
        const char  *word;
    } bad[] = {
        { "1", "not an object" },
        { "-1.5e3", "not an object" },
        { "\"s\"", "not an object" },
        { "null", "not an object" },
        { "true", "not an object" },
        { "[]", "not an object" },
        { "[{\"name\":\"t\"}]", "not an object" },
        { "{\"a\":1,\"a\":1}", "twice" },
        { "{\"name\":1,\"n\\u0061me\":1}", "twice" },
        { "{\"a\":[{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]}", "twice" },
        { "{\"\":1,\"x\":{\"\":{\"\":2,\"\":3}}}", "twice" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        heard.n = 0;
        snprintf(text, sizeof(text), " [ {\"x\":1} ,%s\t, {\"y\":2}]\n",
                 bad[i].element);
        array = str(text);
        mcp_buf_init(&b, arena, 0);

        assert_int_equal(mcp_catalog_append(&b, arena, &array, hear, &heard),
                         MCP_OK);
        assert_text(b.data, b.len, "[{\"x\":1},{\"y\":2}");

        assert_int_equal(heard.n, 1);
        assert_non_null(strstr(heard.line[0], "element 2 is left out"));
        assert_non_null(strstr(heard.line[0], bad[i].word));

        /* in front, behind, alone */

        snprintf(text, sizeof(text), "[%s,{}]", bad[i].element);
        array = str(text);
        mcp_buf_init(&b, arena, 0);
        assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                         MCP_OK);
        assert_text(b.data, b.len, "[{}");

        snprintf(text, sizeof(text), "[{},%s]", bad[i].element);
        array = str(text);
        assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                         MCP_OK);
        assert_text(b.data, b.len, "[{},{}");

        snprintf(text, sizeof(text), "[%s]", bad[i].element);
        array = str(text);
        mcp_buf_init(&b, arena, 0);
        assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                         MCP_OK);
        assert_text(b.data, b.len, "[");
    }
}


/* An array of one object whose nesting is "depth" in all. */

static mcp_str_t
nested(unsigned depth)
{
    unsigned   i;
    mcp_buf_t  b;
    mcp_str_t  out;

    mcp_buf_init(&b, arena, 0);
    mcp_buf_literal(&b, "[{\"a\":");

    for (i = 1; i < depth; i++) {
        mcp_buf_literal(&b, "[");
    }

    mcp_buf_literal(&b, "1");

    for (i = 1; i < depth; i++) {
        mcp_buf_literal(&b, "]");
    }

    mcp_buf_literal(&b, "},{}]");
    assert_false(b.failed);

    out.data = b.data;
    out.len = b.len;

    return out;
}


static void
test_append_limits_depth(void **state)
{
    heard_t             heard;
    unsigned            n;
    mcp_buf_t           b;
    mcp_str_t           array;
    mcp_view_t          view;
    mcp_source_t        source, *back;
    mcp_view_source_t   vs;

    heard.n = 0;
    array = nested(MCP_ITEM_DEPTH + 1);
    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_catalog_append(&b, arena, &array, hear, &heard),
                     MCP_OK);
    assert_text(b.data, b.len, "[{}");
    assert_int_equal(heard.n, 1);

    array = nested(MCP_JSON_DEPTH_MAX + 1);
    assert_int_equal(mcp_catalog_append(&b, arena, &array, hear, &heard),
                     MCP_ERROR);

    /* what passes here passes everywhere */

    array = nested(MCP_ITEM_DEPTH);
    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_catalog_append(&b, arena, &array, hear, &heard),
                     MCP_OK);
    assert_int_equal(b.len, array.len - 1);
    assert_memory_equal(b.data, array.data, b.len);
    assert_int_equal(heard.n, 1);

    mcp_buf_literal(&b, "]");
    memset(&source, 0, sizeof(source));
    source.name = str("deep");
    source.list[MCP_TOOLS].data = b.data;
    source.list[MCP_TOOLS].len = b.len;

    mcp_buf_init(&b, arena, 0);
    mcp_catalog_encode(&b, &source, 1);
    assert_int_equal(mcp_catalog_decode(arena, b.data, b.len, &back, &n),
                     MCP_OK);
    assert_int_equal(n, 1);

    vs.source = back;
    vs.prefix = str("");
    assert_int_equal(mcp_view_build(&view, arena, arena, &vs, 1, NULL, NULL),
                     MCP_OK);
}


static void
test_append_keeps_bytes(void **state)
{
    mcp_buf_t  b;
    mcp_str_t  array;

    static const char  one[] =
        "{ \"z\" : 1e400,\r\n\t\"a\":123456789012345678901234567890 ,"
        "\"\\u006e\":\"\\u00e9\\/\xc3\xa9\", \"b\":[ {} , -0.0 ]}";

    char  text[sizeof(one) + 8];

    mcp_buf_init(&b, arena, 0);

    array = str("[]");
    assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                     MCP_OK);
    assert_text(b.data, b.len, "[");

    snprintf(text, sizeof(text), "[ %s ]", one);
    array = str(text);
    assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                     MCP_OK);
    assert_int_equal(b.len, sizeof(one));
    assert_memory_equal(b.data + 1, one, sizeof(one) - 1);

    array = str(" [\n]");
    assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                     MCP_OK);
    assert_int_equal(b.len, sizeof(one));

    array = str("[{},{\"k\":{}}]");
    assert_int_equal(mcp_catalog_append(&b, arena, &array, NULL, NULL),
                     MCP_OK);
    assert_text(b.data + sizeof(one), b.len - sizeof(one), ",{},{\"k\":{}}");
}


static void
test_append_log_is_bounded(void **state)
{
    unsigned   i;
    heard_t    heard;
    mcp_buf_t  b, many;
    mcp_str_t  array;

    mcp_buf_init(&many, arena, 0);
    mcp_buf_literal(&many, "[{}");

    for (i = 0; i < 1000; i++) {
        mcp_buf_literal(&many, ",1");
    }

    mcp_buf_literal(&many, ",{}]");
    array.data = many.data;
    array.len = many.len;

    heard.n = 0;
    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_catalog_append(&b, arena, &array, hear, &heard),
                     MCP_OK);
    assert_text(b.data, b.len, "[{},{}");
    assert_int_equal(heard.n, MCP_VIEW_LINES + 1);
}


/* What one element needed serves the next. */

static void
test_append_needs_little_memory(void **state)
{
    unsigned     i;
    mcp_buf_t    b, many;
    mcp_str_t    array;
    oom_arena_t  oom;

    mcp_buf_init(&many, arena, 0);
    mcp_buf_literal(&many, "[{\"a\":[1,2,3]}");

    for (i = 0; i < 10000; i++) {
        mcp_buf_literal(&many, ",{\"a\":{\"b\":[1,{\"c\":\"d\"}]}}");
    }

    mcp_buf_literal(&many, "]");
    array.data = many.data;
    array.len = many.len;

    oom_init(&oom, arena, 2);
    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_catalog_append(&b, &oom.arena, &array, NULL, NULL),
                     MCP_OK);
    assert_int_equal(b.len, many.len - 1);
}


static void
test_append_no_memory(void **state)
{
    int          rc;
    unsigned     i, failed;
    mcp_buf_t    b;
    mcp_str_t    array;
    mcp_arena_t  *own;
    oom_arena_t  oom, out;

    array = str("[{\"a\":1},{\"b\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,"
                "18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,"
                "38,39,40]}]");
    failed = 0;
    own = mcp_arena_create();
    assert_non_null(own);

    for (i = 0; i < 100; i++) {
        oom_init(&oom, own, i);
        mcp_buf_init(&b, own, 4096);
        rc = mcp_catalog_append(&b, &oom.arena, &array, NULL, NULL);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
        failed++;
    }

    assert_true(failed > 0 && i < 100);

    /* the buffer's own */

    oom_init(&out, own, 0);
    mcp_buf_init(&b, &out.arena, 0);
    assert_int_equal(mcp_catalog_append(&b, own, &array, NULL, NULL),
                     MCP_NOMEM);

    mcp_buf_init(&b, own, 0);
    b.max = 10;
    assert_int_equal(mcp_catalog_append(&b, own, &array, NULL, NULL),
                     MCP_NOMEM);

    mcp_arena_destroy(own);
}


/* --- encode and decode ---------------------------------------------------- */


static void
test_decode_refuses(void **state)
{
    size_t         i;
    unsigned       n;
    mcp_source_t  *source;

#define S(more)  "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":\"up\","     \
                 "\"era\":\"modern\"" more "}]}"

    static const char *const  bad[] = {
        "", " ", "[]", "1", "null", "{}", "{\"v\":1}", "{\"sources\":[]}",
        "{\"v\":2,\"sources\":[]}", "{\"v\":\"1\",\"sources\":[]}",
        "{\"v\":1.0,\"sources\":[]}", "{\"v\":11,\"sources\":[]}",
        "{\"v\":[1],\"sources\":[]}", "{\"v\":1,\"v\":1,\"sources\":[]}",
        "{\"v\":1,\"sources\":[],\"sources\":[]}",
        "{\"v\":1,\"sources\":{}}", "{\"v\":1,\"sources\":null}",
        "{\"v\":1,\"sources\":[],\"more\":1}", "{\"v\":1,\"sources\":[]",
        "{\"v\":1,\"sources\":[]}}", "{\"v\":1,\"sources\":[]} x",
        "{\"v\":1,\"sources\":[1]}", "{\"v\":1,\"sources\":[[]]}",
        "{\"v\":1,\"sources\":[{}]}", "{\"v\":1,\"sources\":[null]}",
        "{\"v\":1,\"sources\":[{\"name\":\"a\"}]}",
        "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":\"up\"}]}",
        "{\"v\":1,\"sources\":[{\"state\":\"up\",\"era\":\"modern\"}]}",
        S(",\"name\":\"b\""), S(",\"more\":1"), S(",\"\":1"),
        S(",\"state\":\"up\""), S(",\"version\":1"), S(",\"version\":{}"),
        S(",\"instructions\":[]"), S(",\"tools\":{}"), S(",\"tools\":1"),
        S(",\"tools\":[],\"tools\":[]"), S(",\"templates\":\"[]\""),
        S(",\"capabilities\":[]"), S(",\"capabilities\":true"),
        S(",\"ttl\":-1"), S(",\"ttl\":1.5"), S(",\"ttl\":1e3"),
        S(",\"ttl\":\"1\""), S(",\"ttl\":9223372036854775808"),
        S(",\"ttl\":99999999999999999999999"), S(",\"ttl\":{}"),
        S(",\"tools\":[{]"), S(",\"tools\":[{\"a\":\"\xff\"}]"),
        "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":\"Up\","
        "\"era\":\"modern\"}]}",
        "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":0,"
        "\"era\":\"modern\"}]}",
        "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":\"\","
        "\"era\":\"modern\"}]}",
        "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":\"up\","
        "\"era\":\"old\"}]}",
        "{\"v\":1,\"sources\":[{\"name\":\"a\",\"state\":\"up\","
        "\"era\":[]}]}"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mcp_catalog_decode(arena,
                                            (const unsigned char *) bad[i],
                                            strlen(bad[i]), &source, &n),
                         MCP_ERROR);
    }

    /* the frame in which they stand is good */

    assert_int_equal(mcp_catalog_decode(arena, (const unsigned char *) S(""),
                                        sizeof(S("")) - 1, &source, &n),
                     MCP_OK);
    assert_int_equal(n, 1);
    assert_int_equal(source[0].ttl_ms, -1);
    assert_int_equal(source[0].era, MCP_ERA_MODERN);
    assert_int_equal(source[0].state, MCP_SOURCE_UP);

#undef S
}


static void
assert_same(const mcp_source_t *a, const mcp_source_t *b)
{
    unsigned  k;

    assert_int_equal(a->name.len, b->name.len);
    assert_memory_equal(a->name.data, b->name.data, a->name.len);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->era, b->era);
    assert_int_equal(a->version.len, b->version.len);
    assert_memory_equal(a->version.data, b->version.data, a->version.len);
    assert_int_equal(a->capabilities.len, b->capabilities.len);
    assert_memory_equal(a->capabilities.data, b->capabilities.data,
                        a->capabilities.len);
    assert_int_equal(a->instructions.len, b->instructions.len);
    assert_memory_equal(a->instructions.data, b->instructions.data,
                        a->instructions.len);
    assert_true(a->ttl_ms == b->ttl_ms);

    for (k = 0; k < MCP_LISTS; k++) {
        assert_int_equal(a->list[k].len, b->list[k].len);
        assert_memory_equal(a->list[k].data, b->list[k].data, a->list[k].len);
    }
}


/* All there is of a source; i chooses. */

static void
make_source(mcp_source_t *s, unsigned i)
{
    static const char  plain[] =
        "Quote \" and \\ and / and \n\t\x01\x7f and \xc3\xa9 "
        "\xf0\x9f\x98\x80 and {\"json\":[]}";

    memset(s, 0, sizeof(mcp_source_t));
    s->ttl_ms = -1;
    s->name = str((i % 3) ? "sqlite" : "a \"name\"\\ with \xc3\xa9");
    s->state = (mcp_source_state_e) (i % 4);
    s->era = (mcp_era_e) (i % 3);

    if (i & 1) {
        s->version = str("2025-11-25");
        s->ttl_ms = (i & 2) ? INT64_MAX : 0;
        s->capabilities = str("{\"tools\":{\"listChanged\":true},\"x\":[ 1 ]}");
        s->list[MCP_TOOLS] = str("[{\"name\":\"t\",\"n\":1e400}]");
        s->list[MCP_TEMPLATES] = str("[]");
    }

    if (i & 2) {
        s->instructions = str(plain);
        s->list[MCP_PROMPTS] = str("[ {\"name\" : \"p\\u0000\"}\r\n]");
        s->list[MCP_RESOURCES] = str("[{},{\"v\":1,\"sources\":[]}]");
    }
}


static void
test_what_is_encoded_is_decoded(void **state)
{
    unsigned       i, k, n;
    mcp_buf_t      b;
    mcp_source_t   source[40], *back;

    for (i = 0; i < 40; i++) {
        make_source(&source[i], i);
    }

    for (k = 0; k <= 40; k++) {
        mcp_buf_init(&b, arena, 0);
        mcp_catalog_encode(&b, source, k);
        assert_false(b.failed);

        assert_int_equal(mcp_catalog_decode(arena, b.data, b.len, &back, &n),
                         MCP_OK);
        assert_int_equal(n, k);

        for (i = 0; i < n; i++) {
            assert_same(&source[i], &back[i]);
        }
    }
}


/* Text is only copied where it was escaped. */

static void
test_decode_points_into_the_text(void **state)
{
    unsigned       n;
    mcp_buf_t      b;
    oom_arena_t    oom;
    mcp_source_t   source, *back;

    make_source(&source, 1);
    mcp_buf_init(&b, arena, 0);
    mcp_catalog_encode(&b, &source, 1);

    oom_init(&oom, arena, 1);
    assert_int_equal(mcp_catalog_decode(&oom.arena, b.data, b.len, &back, &n),
                     MCP_OK);
    assert_same(&source, back);
    assert_true(back->list[MCP_TOOLS].data > b.data
                && back->list[MCP_TOOLS].data < b.data + b.len);
}


static void
test_no_memory(void **state)
{
    int            rc;
    unsigned       i, n, failed;
    mcp_buf_t      b, whole;
    oom_arena_t    oom;
    mcp_source_t   source[40], *back;

    for (i = 0; i < 40; i++) {
        make_source(&source[i], i);
    }

    mcp_buf_init(&whole, arena, 0);
    mcp_catalog_encode(&whole, source, 40);
    assert_false(whole.failed);

    for (i = 0; /* void */ ; i++) {
        oom_init(&oom, arena, i);
        mcp_buf_init(&b, &oom.arena, 0);
        mcp_catalog_encode(&b, source, 40);

        if (!b.failed) {
            break;
        }

        assert_true(i < 100);
    }

    assert_true(i > 0);
    failed = 0;

    for (i = 0; i < 1000; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_catalog_decode(&oom.arena, whole.data, whole.len, &back, &n);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
        failed++;
    }

    assert_true(failed >= 20 && i < 1000);
}


/* A cut document is never a smaller one. */

static void
test_decode_refuses_every_cut(void **state)
{
    size_t          len;
    unsigned        i, n;
    mcp_buf_t       b;
    mcp_source_t    source[4], *back;
    unsigned char  *copy;

    for (i = 0; i < 4; i++) {
        make_source(&source[i], i);
    }

    mcp_buf_init(&b, arena, 0);
    mcp_catalog_encode(&b, source, 4);

    for (len = 0; len < b.len; len++) {
        copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, b.data, len);
        assert_int_equal(mcp_catalog_decode(arena, copy, len, &back, &n),
                         MCP_ERROR);
        free(copy);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_append_refuses_what_is_no_array,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_leaves_out_bad_elements,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_limits_depth,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_keeps_bytes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_log_is_bounded,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_needs_little_memory,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_no_memory,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_decode_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_decode_refuses_every_cut,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_encoded_is_decoded,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_decode_points_into_the_text,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
