
/* Views: what clients see of several backends. */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "catalog.h"
#include "oom.h"


#define LINES  256
#define SCHEMA  "\"inputSchema\":{\"type\":\"object\"}"
#define MANY  10000


typedef struct {
    unsigned              n;
    unsigned              errors;
    char                  line[LINES][1024];
} heard_t;


static mcp_arena_t  *arena;
static heard_t       heard;


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
    size_t    i;
    heard_t  *h;

    h = data;
    assert_true(h->n < LINES);
    assert_true(strlen(line) < sizeof(h->line[0]));
    strcpy(h->line[h->n++], line);
    h->errors += (level == MCP_VIEW_ERROR);

    for (i = 0; line[i] != '\0'; i++) {
        assert_true(line[i] >= 0x20 && line[i] <= 0x7e);
    }
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
assert_text(const mcp_str_t *s, const char *expected)
{
    assert_non_null(s->data);
    assert_int_equal(s->len, strlen(expected));
    assert_memory_equal(s->data, expected, s->len);
}


/* A source that is up, with one list. */

static mcp_source_t
source_of(const char *name, mcp_list_e list, const char *array)
{
    mcp_source_t  s;

    memset(&s, 0, sizeof(mcp_source_t));
    s.name = str(name);
    s.state = MCP_SOURCE_UP;
    s.era = MCP_ERA_LEGACY;
    s.ttl_ms = -1;
    s.list[list] = str(array);

    return s;
}


/* A view of one list of one backend. */

static void
build_one(mcp_view_t *view, const char *prefix, mcp_list_e list,
    const char *array)
{
    mcp_source_t       *s;
    mcp_view_source_t   vs;

    s = mcp_alloc(arena, sizeof(mcp_source_t));
    assert_non_null(s);
    *s = source_of("one", list, array);

    vs.source = s;
    vs.prefix = str(prefix);

    memset(&heard, 0, sizeof(heard));
    assert_int_equal(mcp_view_build(view, arena, arena, &vs, 1, hear, &heard),
                     MCP_OK);
}


static const mcp_item_t *
find(const mcp_view_t *view, mcp_list_e list, const char *name)
{
    return mcp_view_find(view, list, (const unsigned char *) name,
                         strlen(name));
}


static void
test_refuses_lists_that_are_no_arrays(void **state)
{
    size_t             i;
    mcp_view_t         view;
    mcp_source_t       s;
    mcp_view_source_t  vs;

    static const char *const  bad[] = {
        "{}", "null", "[", "[{}", "[{}]]", "[{\"name\":\"\x80\"}]", " ", "x"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = source_of("bad", MCP_PROMPTS, bad[i]);
        vs.source = &s;
        vs.prefix = str("");
        memset(&heard, 0, sizeof(heard));

        assert_int_equal(mcp_view_build(&view, arena, arena, &vs, 1, hear,
                                        &heard), MCP_ERROR);
        assert_true(heard.n >= 1);
        assert_non_null(strstr(heard.line[heard.n - 1], "backend \"bad\""));
        assert_non_null(strstr(heard.line[heard.n - 1], "not a JSON array"));
        assert_int_equal(mcp_view_build(&view, arena, arena, &vs, 1, NULL,
                                        NULL), MCP_ERROR);
    }
}


static void
test_leaves_out_bad_items(void **state)
{
    size_t      i;
    char        text[1024];
    mcp_view_t  view;

    static const struct {
        mcp_list_e   list;
        const char  *item;
        const char  *word;
    } bad[] = {
        { MCP_TOOLS, "1", "not an object" },
        { MCP_TOOLS, "{}", "no name" },
        { MCP_TOOLS, "{" SCHEMA "}", "no name" },
        { MCP_TOOLS, "{\"name\":1," SCHEMA "}", "no name" },
        { MCP_TOOLS, "{\"name\":null," SCHEMA "}", "no name" },
        { MCP_TOOLS, "{\"name\":[\"t\"]," SCHEMA "}", "no name" },
        { MCP_TOOLS, "{\"Name\":\"t\"," SCHEMA "}", "no name" },
        { MCP_TOOLS, "{\"name\":\"\"," SCHEMA "}", "empty" },
        { MCP_TOOLS, "{\"name\":\"a b\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"a/b\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"a\\u0000\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"a\\nb\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"\xc3\xa9\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"a\\\"\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"a\\u007f\"," SCHEMA "}", "character" },
        { MCP_TOOLS, "{\"name\":\"t\"}", "inputSchema" },
        { MCP_TOOLS, "{\"name\":\"t\",\"inputSchema\":null}", "inputSchema" },
        { MCP_TOOLS, "{\"name\":\"t\",\"inputSchema\":true}", "inputSchema" },
        { MCP_TOOLS, "{\"name\":\"t\",\"inputSchema\":[]}", "inputSchema" },
        { MCP_TOOLS, "{\"name\":\"t\",\"inputSchema\":\"{}\"}",
          "inputSchema" },
        { MCP_TOOLS, "{\"name\":\"t\"," SCHEMA ",\"name\":\"u\"}", "twice" },
        { MCP_TOOLS, "{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\","
          "\"properties\":{\"a\":{},\"\\u0061\":{}}}}", "twice" },
        { MCP_TOOLS, "{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\","
          "\"properties\":{\"a\":{\"type\":\"string\","
          "\"x-mcp-header\":1}}}}", "x-mcp-header" },
        { MCP_PROMPTS, "{\"title\":\"t\"}", "no name" },
        { MCP_PROMPTS, "{\"name\":\"a:b\"}", "character" },
        { MCP_RESOURCES, "{\"name\":\"r\"}", "no uri" },
        { MCP_RESOURCES, "{\"uri\":\"x:r\"}", "no name" },
        { MCP_RESOURCES, "{\"name\":\"r\",\"uri\":1}", "no uri" },
        { MCP_RESOURCES, "{\"name\":\"r\",\"uri\":\"\"}", "no uri" },
        { MCP_TEMPLATES, "{\"name\":\"r\",\"uri\":\"x:r\"}",
          "no uriTemplate" },
        { MCP_TEMPLATES, "{\"name\":\"r\",\"uriTemplate\":{}}",
          "no uriTemplate" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "[{\"name\":\"good\",\"uri\":\"good\","
                 "\"uriTemplate\":\"good\"," SCHEMA "},%s]", bad[i].item);

        build_one(&view, "", bad[i].list, text);
        assert_int_equal(view.list[bad[i].list].n, 1);
        assert_non_null(find(&view, bad[i].list, "good"));
        assert_int_equal(heard.n, 1);
        assert_non_null(strstr(heard.line[0], "backend \"one\": "));
        assert_non_null(strstr(heard.line[0], "is left out"));
        assert_non_null(strstr(heard.line[0], bad[i].word));

        /* an error, but for the annotations */

        assert_int_equal(heard.errors,
                         strcmp(bad[i].word, "x-mcp-header") != 0);
    }
}


static void
test_names_have_limits(void **state)
{
    char        text[1024], name[256];
    unsigned    len;
    mcp_view_t  view;

    memset(name, 'n', sizeof(name));

    for (len = 1; len < 140; len++) {

        snprintf(text, sizeof(text), "[{\"name\":\"%.*s\"}]", (int) len, name);
        build_one(&view, "", MCP_PROMPTS, text);
        assert_int_equal(view.list[MCP_PROMPTS].n, len <= 128);
        assert_int_equal(heard.n, len > 64);
        assert_int_equal(heard.errors, len > 128);

        /* with the prefix */

        build_one(&view, "p_", MCP_PROMPTS, text);
        assert_int_equal(view.list[MCP_PROMPTS].n, len + 2 <= 128);
        assert_int_equal(heard.n, len + 2 > 64);
        assert_int_equal(heard.errors, len + 2 > 128);

        /* URIs have none */

        snprintf(text, sizeof(text), "[{\"name\":\"r\",\"uri\":\"%.*s\"}]",
                 (int) len, name);
        build_one(&view, "p_", MCP_RESOURCES, text);
        assert_int_equal(view.list[MCP_RESOURCES].n, 1);
        assert_int_equal(heard.n, 0);
    }

    /* a prefix can make a good name bad */

    build_one(&view, "p/", MCP_PROMPTS, "[{\"name\":\"n\"}]");
    assert_int_equal(view.list[MCP_PROMPTS].n, 0);

    build_one(&view, "", MCP_PROMPTS, "[{\"name\":\"azAZ09_.-\"}]");
    assert_int_equal(view.list[MCP_PROMPTS].n, 1);
}


static void
test_collisions_keep_the_first(void **state)
{
    unsigned           n;
    mcp_view_t         view;
    const mcp_item_t  *item;
    mcp_source_t       s[3];
    mcp_view_source_t  vs[3];

    s[0] = source_of("first", MCP_TOOLS,
                     "[{\"name\":\"b_x\"," SCHEMA "},"
                     "{\"name\":\"same\",\"k\":1," SCHEMA "},"
                     "{\"name\":\"same\",\"k\":2," SCHEMA "}]");
    s[0].list[MCP_RESOURCES] = str("[{\"name\":\"r\",\"uri\":\"x:1\"}]");
    s[1] = source_of("second", MCP_TOOLS,
                     "[{\"name\":\"x\"," SCHEMA "},"
                     "{\"name\":\"y\"," SCHEMA "}]");
    s[1].list[MCP_RESOURCES] = str("[{\"name\":\"r\",\"uri\":\"x:1\"},"
                                   "{\"name\":\"r\",\"uri\":\"x:2\"}]");
    s[1].list[MCP_PROMPTS] = str("[{\"name\":\"x\"}]");
    s[2] = source_of("third", MCP_TOOLS,
                     "[{\"name\":\"b_\\u0079\"," SCHEMA "}]");
    s[2].list[MCP_PROMPTS] = str("[{\"name\":\"b_x\"}]");

    vs[0].source = &s[0];
    vs[0].prefix = str("");
    vs[1].source = &s[1];
    vs[1].prefix = str("b_");
    vs[2].source = &s[2];
    vs[2].prefix = str("");

    memset(&heard, 0, sizeof(heard));
    assert_int_equal(mcp_view_build(&view, arena, arena, vs, 3, hear, &heard),
                     MCP_OK);

    assert_int_equal(view.list[MCP_TOOLS].n, 3);
    assert_int_equal(view.list[MCP_PROMPTS].n, 1);
    assert_int_equal(view.list[MCP_RESOURCES].n, 2);

    item = find(&view, MCP_TOOLS, "b_x");
    assert_non_null(item);
    assert_int_equal(item->source, 0);
    assert_text(&item->native, "b_x");

    item = find(&view, MCP_TOOLS, "same");
    assert_non_null(item);
    assert_non_null(strstr((char *) item->json[0].data, "\"k\":1"));

    item = find(&view, MCP_TOOLS, "b_y");
    assert_non_null(item);
    assert_int_equal(item->source, 1);

    item = find(&view, MCP_PROMPTS, "b_x");
    assert_non_null(item);
    assert_int_equal(item->source, 1);

    item = find(&view, MCP_RESOURCES, "x:1");
    assert_non_null(item);
    assert_int_equal(item->source, 0);

    assert_int_equal(heard.n, 5);
    assert_int_equal(heard.errors, 5);

    for (n = 0; n < heard.n; n++) {
        assert_non_null(strstr(heard.line[n], "is left out"));
    }

    assert_non_null(strstr(heard.line[0], "backend \"first\": tool \"same\""));
    assert_non_null(strstr(heard.line[0], "by backend \"first\""));
    assert_non_null(strstr(heard.line[1], "backend \"second\": tool \"x\""));
    assert_non_null(strstr(heard.line[1], "\"b_x\""));
    assert_non_null(strstr(heard.line[1], "by backend \"first\""));
    assert_non_null(strstr(heard.line[2], "backend \"third\": tool \"b_y\""));
    assert_non_null(strstr(heard.line[2], "by backend \"second\""));
    assert_non_null(strstr(heard.line[3], "backend \"third\": prompt \"b_x\""));
    assert_non_null(strstr(heard.line[4], "backend \"second\": resource"));
}


static void
test_log_lines_are_harmless(void **state)
{
    char        text[4096];
    unsigned    i;
    mcp_buf_t   b;
    mcp_view_t  view;

    /* hear() checks that lines are printable */

    build_one(&view, "", MCP_TOOLS, "[{\"name\":\"a\\n\\u001b[31m\\u0000\\u0085"
              "\\\" 2026/01/01 [error] forged\"," SCHEMA "}]");
    assert_int_equal(heard.n, 1);
    assert_non_null(strstr(heard.line[0], "a\\x0a\\x1b[31m\\x00\\xc2\\x85"
                           "\\x22 2026"));

    memset(text, 1, sizeof(text));
    mcp_buf_init(&b, arena, 0);
    mcp_buf_literal(&b, "[{\"name\":");
    mcp_buf_json(&b, text, sizeof(text));
    mcp_buf_literal(&b, "," SCHEMA "}");

    for (i = 0; i < 1000; i++) {
        mcp_buf_literal(&b, ",{\"name\":\"same\"," SCHEMA "},{}");
    }

    mcp_buf_literal(&b, "]");
    mcp_buf_append(&b, "", 1);

    /* a limit for what is read and one for what is merged */

    build_one(&view, "", MCP_TOOLS, (char *) b.data);
    assert_int_equal(view.list[MCP_TOOLS].n, 1);
    assert_int_equal(heard.n, 2 * (MCP_VIEW_LINES + 1));
}


/* --- texts ---------------------------------------------------------------- */


static void
test_items_keep_their_bytes(void **state)
{
    mcp_view_t         view;
    const mcp_item_t  *item;

#define REST                                                                  \
    " ,\"inputSchema\" : {\"type\":\"object\",\"z\":1,\"a\":"                 \
    "12345678901234567890123456789,\"e\":1E400,\"f\":-0.0,"                   \
    "\"\\u0070\":\"\\u00e9\\/\",\"n\":[ ],\"s\":\"\xc3\xa9\"},\r\n"           \
    "\"x\":{\"name\":\"inner\"}\t}"

    build_one(&view, "", MCP_TOOLS, "[ {\n\"description\":\"d\", "
              "\"n\\u0061me\" : \"\\u0074ool\"" REST " ]");

    item = find(&view, MCP_TOOLS, "tool");
    assert_non_null(item);
    assert_text(&item->json[0], "{\n\"description\":\"d\", "
                "\"n\\u0061me\" : \"\\u0074ool\"" REST);
    assert_ptr_equal(item->json[0].data, item->json[1].data);
    assert_int_equal(item->json[0].len, item->json[1].len);
    assert_text(&item->native, "tool");

    build_one(&view, "p-", MCP_TOOLS, "[ {\n\"description\":\"d\", "
              "\"n\\u0061me\" : \"\\u0074ool\"" REST " ]");

    assert_null(find(&view, MCP_TOOLS, "tool"));
    item = find(&view, MCP_TOOLS, "p-tool");
    assert_non_null(item);
    assert_text(&item->json[0], "{\n\"description\":\"d\", "
                "\"n\\u0061me\" : \"p-tool\"" REST);
    assert_ptr_equal(item->json[0].data, item->json[1].data);
    assert_text(&item->native, "tool");
    assert_text(&item->exposed, "p-tool");

#undef REST

    /* a resource has no prefix, neither on its name nor on its URI */

    build_one(&view, "p-", MCP_RESOURCES,
              "[{\"uri\":\"x:\\u0061\",\"name\":\"n m\"}]");
    item = find(&view, MCP_RESOURCES, "x:a");
    assert_non_null(item);
    assert_text(&item->json[0], "{\"uri\":\"x:\\u0061\",\"name\":\"n m\"}");
    assert_ptr_equal(item->json[0].data, item->json[1].data);
}


/* Members that are left out, wherever they stand, and the commas with them. */

static void
test_members_are_left_out(void **state)
{
    size_t             i;
    char               text[512];
    mcp_view_t         view;
    const mcp_item_t  *item;

#define N   "\"name\":\"t\""
#define P   "\"name\":\"p_t\""
#define S   SCHEMA
#define X   "\"execution\":{\"taskSupport\":\"optional\"}"
#define O   "\"outputSchema\":{\"type\":\"array\",\"items\":{}}"
#define G   "\"outputSchema\":{\"type\":\"object\"}"

    static const struct {
        const char  *prefix;
        const char  *item;
        const char  *legacy;
        const char  *modern;
    } cases[] = {
        { "", "{" X "," N "," S "}", NULL, "{" N "," S "}" },
        { "", "{" N "," X "," S "}", NULL, "{" N "," S "}" },
        { "", "{" N "," S "," X "}", NULL, "{" N "," S "}" },
        { "", "{" N "," S "," G "}", NULL, NULL },
        { "", "{" O "," N "," S "}", "{" N "," S "}", NULL },
        { "", "{" N "," O "," S "}", "{" N "," S "}", NULL },
        { "", "{" N "," S "," O "}", "{" N "," S "}", NULL },
        { "", "{" O "," X "," N "," S "}", "{" X "," N "," S "}",
          "{" O "," N "," S "}" },
        { "", "{" X "," O "," N "," S "}", "{" X "," N "," S "}",
          "{" O "," N "," S "}" },
        { "", "{" N "," S "," X "," O "}", "{" N "," S "," X "}",
          "{" N "," S "," O "}" },
        { "", "{" N "," X "," S "," O "}", "{" N "," X "," S "}",
          "{" N "," S "," O "}" },
        { "p_", "{" X "," O "," N "," S "}", "{" X "," P "," S "}",
          "{" O "," P "," S "}" },
        { "p_", "{" S "," N "," X "," O "}", "{" S "," P "," X "}",
          "{" S "," P "," O "}" },
        { "p_", "{" S "," N "}", "{" S "," P "}", "{" S "," P "}" },
        { "", "{ " X " , " N " , " S " }", NULL, "{" N " , " S " }" },
        { "", "{ " N " , " X " , " S " }", NULL, "{ " N " , " S " }" },
        { "", "{ " N " , " S " , " X " }", NULL, "{ " N " , " S " }" },
        { "p_", "{\n" N "\n,\n" X "\n,\n" S "\n}", "{\n" P "\n,\n" X "\n,\n"
          S "\n}", "{\n" P "\n,\n" S "\n}" },

        /* no schema of an object: for legacy clients it is not one */

        { "", "{" N "," S ",\"outputSchema\":{}}", "{" N "," S "}", NULL },
        { "", "{" N "," S ",\"outputSchema\":{\"type\":[\"object\"]}}",
          "{" N "," S "}", NULL },
        { "", "{" N "," S ",\"outputSchema\":true}", "{" N "," S "}",
          "{" N "," S "}" },
        { "", "{" N ",\"outputSchema\":null," X "," S "}",
          "{" N "," X "," S "}", "{" N "," S "}" },

        /* deeper ones are others */

        { "", "{" N ",\"_meta\":{" X "," O "}," S "}", NULL, NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(text, sizeof(text), "[%s]", cases[i].item);
        build_one(&view, cases[i].prefix, MCP_TOOLS, text);
        assert_int_equal(view.list[MCP_TOOLS].n, 1);

        item = view.list[MCP_TOOLS].item;
        assert_text(&item->json[0], cases[i].legacy ? cases[i].legacy
                                                    : cases[i].item);
        assert_text(&item->json[1], cases[i].modern ? cases[i].modern
                                                    : cases[i].item);

        /* unchanged text is not copied, equal text is not kept twice */

        if (cases[i].legacy == NULL) {
            assert_ptr_equal(item->json[0].data, text + 1);
        }

        if (cases[i].modern == NULL) {
            assert_ptr_equal(item->json[1].data, text + 1);
        }
    }

    /* in other lists they have no meaning */

    build_one(&view, "", MCP_PROMPTS, "[{" N "," X "," O "}]");
    assert_text(&view.list[MCP_PROMPTS].item->json[0], "{" N "," X "," O "}");
    assert_text(&view.list[MCP_PROMPTS].item->json[1], "{" N "," X "," O "}");

#undef N
#undef P
#undef S
#undef X
#undef O
#undef G
}


static void
test_tools_that_need_tasks_are_hidden_from_modern_clients(void **state)
{
    mcp_buf_t          b;
    mcp_view_t         view;
    const mcp_item_t  *item;

    build_one(&view, "", MCP_TOOLS,
              "[{\"name\":\"a\"," SCHEMA ",\"execution\":"
              "{\"taskSupport\":\"required\"}},"
              "{\"name\":\"b\"," SCHEMA ",\"execution\":"
              "{\"taskSupport\":\"forbidden\"}},"
              "{\"name\":\"c\"," SCHEMA ",\"execution\":\"required\"}]");

    assert_int_equal(view.list[MCP_TOOLS].n, 3);
    assert_int_equal(heard.n, 0);

    item = find(&view, MCP_TOOLS, "a");
    assert_non_null(item);
    assert_non_null(item->json[0].data);
    assert_null(item->json[1].data);

    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_MODERN, 0, 0, &b),
                     0);
    assert_int_equal(b.len, 2 * strlen("{\"name\":\"b\"," SCHEMA "}") + 1);

    /* a page of one has the next one's index, not that of the hidden one */

    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_MODERN, 0, 1, &b),
                     2);
    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_LEGACY, 0, 1, &b),
                     1);

    /* a hidden one at the end does not make for an empty page */

    build_one(&view, "", MCP_TOOLS,
              "[{\"name\":\"b\"," SCHEMA "},{\"name\":\"a\"," SCHEMA ","
              "\"execution\":{\"taskSupport\":\"required\"}}]");
    mcp_buf_init(&b, arena, 0);
    assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_MODERN, 0, 1, &b),
                     0);
    assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_LEGACY, 0, 1, &b),
                     1);
}


static void
test_hints_and_params(void **state)
{
    mcp_view_t         view;
    const mcp_item_t  *item;

    build_one(&view, "", MCP_TOOLS,
              "[{\"name\":\"a\"," SCHEMA ",\"annotations\":"
              "{\"readOnlyHint\":true,\"idempotentHint\":false}},"
              "{\"name\":\"b\"," SCHEMA ",\"annotations\":"
              "{\"idempotentHint\":true,\"readOnlyHint\":\"true\"}},"
              "{\"name\":\"c\"," SCHEMA ",\"readOnlyHint\":true,"
              "\"idempotentHint\":true,\"annotations\":[true]},"
              "{\"name\":\"d\",\"inputSchema\":{\"type\":\"object\","
              "\"properties\":{\"p\":{\"type\":\"string\",\"x-mcp-header\":"
              "\"Region\"}}}},"
              "{\"name\":\"e\",\"inputSchema\":{}}]");

    item = view.list[MCP_TOOLS].item;
    assert_int_equal(view.list[MCP_TOOLS].n, 5);
    assert_true(item[0].read_only && !item[0].idempotent);
    assert_true(!item[1].read_only && item[1].idempotent);
    assert_true(!item[2].read_only && !item[2].idempotent);

    assert_int_equal(item[0].params.n, 0);
    assert_int_equal(item[3].params.n, 1);
    assert_text(&item[3].params.param[0].header, "Mcp-Param-Region");

    /* a schema without a type is kept, and said */

    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.errors, 0);
    assert_non_null(strstr(heard.line[0], "tool \"e\" has an inputSchema"));
}


/* --- the view ------------------------------------------------------------- */


static void
test_empty_views(void **state)
{
    unsigned           k;
    mcp_buf_t          b;
    mcp_str_t          uri;
    mcp_view_t         view;
    mcp_source_t       s;
    mcp_view_source_t  vs;

    uri = str("x:y");
    s = source_of("s", MCP_TOOLS, "");
    vs.source = &s;
    vs.prefix = str("");

    for (k = 0; k < 3; k++) {
        if (k == 2) {
            s = source_of("s", MCP_TOOLS, "[ ]");
            s.list[MCP_TEMPLATES] = str("[]");
        }

        assert_int_equal(mcp_view_build(&view, arena, arena, k ? &vs : NULL,
                                        k != 0, NULL, NULL), MCP_OK);
        assert_int_equal(view.list[MCP_TOOLS].offered, 0);
        assert_int_equal(view.list[MCP_TEMPLATES].offered, 0);
        assert_int_equal(view.ttl_ms, 0);
        assert_int_equal(view.instructions.len, 0);
        assert_null(find(&view, MCP_TOOLS, "a"));
        assert_null(find(&view, MCP_TOOLS, ""));
        assert_int_equal(mcp_view_resource(&view, &uri), -1);

        mcp_buf_init(&b, arena, 0);
        assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_LEGACY, 0, 0,
                                       &b), 0);
        assert_int_equal(mcp_view_page(&view, MCP_TOOLS, MCP_ERA_LEGACY,
                                       4000000000u, 1, &b), 0);
        assert_int_equal(b.len, 0);
    }
}


static void
test_what_is_offered(void **state)
{
    size_t             i;
    unsigned           k;
    mcp_view_t         view;
    mcp_source_t       s[2];
    mcp_view_source_t  vs[2];

    static const struct {
        const char  *capabilities;
        mcp_list_e   list;
        const char  *array;
        int          offered[MCP_LISTS];
        int          completions;
    } cases[] = {
        { "", MCP_TOOLS, "", { 0, 0, 0, 0 }, 0 },
        { "{}", MCP_TOOLS, "[]", { 0, 0, 0, 0 }, 0 },
        { "{\"tools\":{}}", MCP_TOOLS, "[]", { 1, 0, 0, 0 }, 0 },
        { "{\"prompts\":{\"listChanged\":true}}", MCP_TOOLS, "",
          { 0, 1, 0, 0 }, 0 },
        { "{\"resources\":{}}", MCP_TOOLS, "", { 0, 0, 1, 1 }, 0 },
        { "{\"completions\":{}}", MCP_TOOLS, "", { 0, 0, 0, 0 }, 1 },
        { "{\"tools\":null,\"prompts\":false,\"completions\":0}", MCP_TOOLS,
          "", { 0, 0, 0, 0 }, 0 },
        { "", MCP_PROMPTS, "[{\"name\":\"p\"}]", { 0, 1, 0, 0 }, 0 },
        { "", MCP_PROMPTS, "[{\"name\":\"/\"}]", { 0, 0, 0, 0 }, 0 },
        { "", MCP_RESOURCES, "[{\"name\":\"r\",\"uri\":\"x:\"}]",
          { 0, 0, 1, 1 }, 0 },
        { "", MCP_TEMPLATES, "[{\"name\":\"r\",\"uriTemplate\":\"x:{a}\"}]",
          { 0, 0, 1, 1 }, 0 },

        /* what is no capabilities says nothing */

        { "[{\"tools\":{}}]", MCP_TOOLS, "", { 0, 0, 0, 0 }, 0 },
        { "{\"tools\":{}", MCP_TOOLS, "", { 0, 0, 0, 0 }, 0 },
        { "{\"tools\":{},\"tools\":{}}", MCP_TOOLS, "", { 0, 0, 0, 0 }, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s[0] = source_of("none", MCP_TOOLS, "");
        s[1] = source_of("one", cases[i].list, cases[i].array);
        s[1].capabilities = str(cases[i].capabilities);

        vs[0].source = &s[0];
        vs[0].prefix = str("");
        vs[1].source = &s[1];
        vs[1].prefix = str("");

        assert_int_equal(mcp_view_build(&view, arena, arena, vs, 2, NULL,
                                        NULL), MCP_OK);

        for (k = 0; k < MCP_LISTS; k++) {
            assert_int_equal(view.list[k].offered, cases[i].offered[k]);
        }

        assert_int_equal(view.completions, cases[i].completions);
    }
}


static void
test_states_times_and_instructions(void **state)
{
    size_t             i;
    mcp_view_t         view;
    mcp_source_t       s[3];
    mcp_view_source_t  vs[3];

    static const struct {
        int  state[3];
        int  ttl[3];
        int  partial;
        int  untried;
        int  ttl_ms;
    } cases[] = {
        { { MCP_SOURCE_UP, MCP_SOURCE_UP, MCP_SOURCE_UP }, { 30, 20, 10 },
          0, 0, 10 },
        { { MCP_SOURCE_UP, MCP_SOURCE_UP, MCP_SOURCE_UP }, { 10, 20, 30 },
          0, 0, 10 },
        { { MCP_SOURCE_UP, MCP_SOURCE_UP, MCP_SOURCE_UP }, { 10, -1, 30 },
          0, 0, 0 },
        { { MCP_SOURCE_UP, MCP_SOURCE_UP, MCP_SOURCE_UP }, { 10, 0, 30 },
          0, 0, 0 },
        { { MCP_SOURCE_UP, MCP_SOURCE_STALE, MCP_SOURCE_UP }, { 5, 5, 5 },
          0, 0, 5 },
        { { MCP_SOURCE_UP, MCP_SOURCE_FAILED, MCP_SOURCE_UP }, { 5, 5, 5 },
          1, 0, 5 },
        { { MCP_SOURCE_UNTRIED, MCP_SOURCE_UP, MCP_SOURCE_UP }, { 5, 5, 5 },
          1, 1, 5 }
    };

    for (i = 0; i < 3; i++) {
        s[i] = source_of(i == 0 ? "first" : i == 1 ? "second" : "third",
                         MCP_TOOLS, "");
        vs[i].source = &s[i];
        vs[i].prefix = str("");
    }

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s[0].state = (mcp_source_state_e) cases[i].state[0];
        s[1].state = (mcp_source_state_e) cases[i].state[1];
        s[2].state = (mcp_source_state_e) cases[i].state[2];
        s[0].ttl_ms = cases[i].ttl[0];
        s[1].ttl_ms = cases[i].ttl[1];
        s[2].ttl_ms = cases[i].ttl[2];

        assert_int_equal(mcp_view_build(&view, arena, arena, vs, 3, NULL,
                                        NULL), MCP_OK);
        assert_int_equal(view.partial, cases[i].partial);
        assert_int_equal(view.untried, cases[i].untried);
        assert_int_equal(view.ttl_ms, cases[i].ttl_ms);
    }

    s[0].instructions = str("Say \"a\".\nThen b.");
    s[2].instructions = str("Third.");

    assert_int_equal(mcp_view_build(&view, arena, arena, vs, 1, NULL, NULL),
                     MCP_OK);
    assert_text(&view.instructions, "Say \"a\".\nThen b.");

    assert_int_equal(mcp_view_build(&view, arena, arena, vs, 3, NULL, NULL),
                     MCP_OK);
    assert_text(&view.instructions, "## first\n\nSay \"a\".\nThen b.\n\n"
                                    "## third\n\nThird.\n\n");
}


static void
test_order_and_pages(void **state)
{
    char               all[] = "{\"name\":\"b_2\"},{\"name\":\"b_1\"},"
                               "{\"name\":\"a_3\"},{\"name\":\"a_1\"},"
                               "{\"name\":\"a_2\"}";
    unsigned           max, from, pages;
    mcp_buf_t          b;
    mcp_view_t         view;
    mcp_source_t       s[3];
    mcp_view_source_t  vs[3];

    s[0] = source_of("b", MCP_PROMPTS,
                     "[{\"name\":\"2\"},{\"name\":\"1\"}]");
    s[1] = source_of("none", MCP_PROMPTS, "[]");
    s[2] = source_of("a", MCP_PROMPTS,
                     "[{\"name\":\"3\"},{\"name\":\"1\"},{\"name\":\"2\"}]");
    vs[0].source = &s[0];
    vs[0].prefix = str("b_");
    vs[1].source = &s[1];
    vs[1].prefix = str("");
    vs[2].source = &s[2];
    vs[2].prefix = str("a_");

    assert_int_equal(mcp_view_build(&view, arena, arena, vs, 3, hear, &heard),
                     MCP_OK);
    assert_int_equal(view.list[MCP_PROMPTS].n, 5);

    for (max = 0; max <= 7; max++) {
        mcp_buf_init(&b, arena, 0);
        from = 0;
        pages = 0;

        do {
            if (pages++ != 0) {
                mcp_buf_literal(&b, ",");
            }

            from = mcp_view_page(&view, MCP_PROMPTS, MCP_ERA_MODERN, from,
                                 max, &b);
            assert_true(pages <= 5);
        } while (from != 0);

        assert_int_equal(pages, max == 0 ? 1 : (5 + max - 1) / max);
        assert_int_equal(b.len, sizeof(all) - 1);
        assert_memory_equal(b.data, all, b.len);
    }
}


/* A list of MANY tools or resources; step makes for several spellings. */

static char *
many(mcp_list_e list)
{
    char       text[256];
    unsigned   i;
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 0);
    mcp_buf_literal(&b, "[");

    for (i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "%s{\"name\":\"item_%u\",\"uri\":"
                 "\"x://h/%u\",\"description\":\"The item number %u.\","
                 SCHEMA "}", i ? "," : "", i, i, i);
        mcp_buf_append(&b, text, strlen(text));
    }

    mcp_buf_literal(&b, "]");
    mcp_buf_append(&b, "", 1);
    assert_false(b.failed);

    return (char *) b.data;
}


static void
test_finds_each_of_many(void **state)
{
    char               name[64];
    unsigned           i, chain, longest, at;
    mcp_str_t          uri;
    mcp_view_t         view;
    const mcp_item_t  *item;

    build_one(&view, "p_", MCP_TOOLS, many(MCP_TOOLS));
    assert_int_equal(view.list[MCP_TOOLS].n, MANY);
    assert_int_equal(heard.n, 0);

    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "p_item_%u", i);
        item = find(&view, MCP_TOOLS, name);
        assert_non_null(item);
        assert_ptr_equal(item, &view.list[MCP_TOOLS].item[i]);
        assert_null(find(&view, MCP_TOOLS, name + 2));
        assert_null(find(&view, MCP_PROMPTS, name));

        name[strlen(name) - 1] ^= 0x40;
        assert_null(find(&view, MCP_TOOLS, name));
    }

    longest = 0;

    for (i = 0; i <= view.list[MCP_TOOLS].mask; i++) {
        chain = 0;

        for (at = view.list[MCP_TOOLS].bucket[i];
             at != 0;
             at = view.list[MCP_TOOLS].item[at - 1].chain)
        {
            chain++;
        }

        longest = chain > longest ? chain : longest;
    }

    assert_true(view.list[MCP_TOOLS].mask + 1 >= 2 * MANY);
    assert_true(longest < 16);

    build_one(&view, "p_", MCP_RESOURCES, many(MCP_RESOURCES));

    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "x://h/%u", i);
        uri = str(name);
        assert_int_equal(mcp_view_resource(&view, &uri), 0);
    }

    uri = str("x://h/10000");
    assert_int_equal(mcp_view_resource(&view, &uri), -1);
}


/* --- templates ------------------------------------------------------------ */


static void
test_templates_match(void **state)
{
    size_t     i;
    mcp_str_t  tmpl, uri;

    static const struct {
        const char  *tmpl;
        const char  *uri;
        int          match;
    } cases[] = {

        /* literals */

        { "x:a", "x:a", 1 },
        { "x:a", "x:ab", 0 },
        { "x:a", "x:", 0 },
        { "x:a", "X:a", 0 },

        /* level 1 */

        { "db://{id}", "db://1", 1 },
        { "db://{id}", "db://", 0 },
        { "db://{id}", "db://1/2", 0 },
        { "db://{id}", "db://1/", 0 },
        { "db://{id}", "xdb://1", 0 },
        { "db://{id}", "db://a%2Fb?x", 1 },
        { "db://{id}/rows", "db://1/rows", 1 },
        { "db://{id}/rows", "db://1/rows/", 0 },
        { "db://{id}/rows", "db:///rows", 0 },
        { "db://{id}/rows", "db://1/2/rows", 0 },
        { "db://{a}/{b}", "db://1/2", 1 },
        { "db://{a}/{b}", "db://1", 0 },
        { "db://{a}/{b}", "db://1/", 0 },
        { "db://{a}/{b}", "db:///2", 0 },
        { "db://{a}/{b}", "db://1/2/3", 0 },
        { "{a}", "a", 1 },
        { "{a}", "", 0 },
        { "{a}{b}", "a", 0 },
        { "{a}{b}", "ab", 1 },
        { "{a}{b}{c}", "abcdef", 1 },
        { "{a}{b}/{c}", "a/c", 0 },
        { "x{a}y{b}z", "xayybz", 1 },
        { "x{a}y{b}z", "xyybz", 1 },
        { "x{a}y{b}z", "xybz", 0 },
        { "x{a}y{b}z", "xayz", 0 },
        { "x{a}ab", "xaab", 1 },
        { "x{a}ab", "xabab", 1 },
        { "x{a}ab", "xab", 0 },
        { "x{a}aba", "xababa", 1 },
        { "x{a,b}", "x1,2", 1 },
        { "x{a:3}", "x123", 1 },

        /* {+...} and {#...} */

        { "f://{+path}", "f://a/b/c", 1 },
        { "f://{+path}", "f:///", 1 },
        { "f://{+path}", "f://", 0 },
        { "f://{+path}/{name}", "f://a/b/c", 1 },
        { "f://{+path}/{name}", "f://a", 0 },
        { "f://{+path}/{name}", "f://a/", 0 },
        { "f://{+path}/{name}", "f:///a", 0 },
        { "f://{+path}/{name}", "f:////a", 1 },
        { "f://{+a}/x/{+b}", "f://1/x/2/x/3", 1 },
        { "f://{+a}/x/{+b}", "f://1/x/", 0 },
        { "f://{a}/x/{+b}", "f://1/x/2/x/3", 1 },
        { "f://{a}/x/{+b}", "f://1/2/x/3", 0 },
        { "f://{+a}/{b}.txt", "f://1/2/3.txt", 1 },
        { "f://{+a}/{b}.txt", "f://1/2/3.txt/", 0 },
        { "f://{+a}/{b}.{c}", "f://1/2.x/3", 0 },
        { "f://{+a}/{b}.{c}", "f://1/2/3.x", 1 },
        { "f{+a}x{b}c{+d}", "f1x2/c3x4y", 0 },
        { "f{+a}x{b}c{+d}", "f1x2c3x4y", 1 },
        { "x{#f}", "x#a/b", 1 },
        { "x{#f}", "x#", 0 },
        { "x{#f}", "xa", 0 },
        { "x{#f}", "x", 0 },

        /* the other operators */

        { "x{.e}", "x.json", 1 },
        { "x{.e}", "x", 0 },
        { "x{.e}", "xjson", 0 },
        { "x{.e}", "x.a/b", 0 },
        { "x{/p}", "x/a", 1 },
        { "x{/p}", "x/a/b", 0 },
        { "x{/p}", "xa", 0 },
        { "x{/p,q}", "x/a/b", 1 },
        { "x{/p*}", "x/a/b/c", 1 },
        { "x{/p*}", "x", 0 },
        { "x{;p}", "x;p=1", 1 },
        { "x{;p}", "x", 0 },
        { "x{?q}", "x?q=1", 1 },
        { "x{?q}", "x", 1 },
        { "x{?q}", "x?", 0 },
        { "x{?q}", "xq=1", 0 },
        { "x{?q}", "x?q=a/b", 0 },
        { "x{?q,r}", "x?q=1&r=2", 1 },
        { "x{id}{?q}", "x1", 1 },
        { "x{id}{?q}", "x1?q=1", 1 },
        { "x{id}{?q}", "x", 0 },
        { "x?fixed=1{&q}", "x?fixed=1&q=2", 1 },
        { "x?fixed=1{&q}", "x?fixed=1", 1 },
        { "x?fixed=1{&q}", "x?fixed=12", 0 },
        { "x{?q}/y", "x/y", 1 },
        { "x{?q}/y", "x?q=1/y", 1 },
        { "x{?q}/y", "x?q=1y", 0 },
        { "x{?a}{&b}z", "xz", 1 },
        { "x{?a}{&b}z", "x&b=1z", 1 },
        { "x{?a}{&b}z", "x?a=1z", 1 },
        { "x{?a}{&b}z", "x?a=1&b=2z", 1 },

        /* a whole path, as servers in use write it */

        { "r://{o}/{path*}", "r://me/a/b/c", 1 },
        { "r://{o}/{path*}", "r://me/", 0 },

        /* no templates */

        { "", "", 0 },
        { "x{", "x{", 0 },
        { "x}", "x}", 0 },
        { "x{}", "xa", 0 },
        { "x{+}", "xa", 0 },
        { "x{a", "xa", 0 },
        { "x{a}}", "xa}", 0 },
        { "x{{a}}", "xa", 0 },
        { "x{a{b}}", "xa", 0 },
        { "x{=a}", "xa", 0 },
        { "x{,a}", "xa", 0 },
        { "x{!a}", "xa", 0 },
        { "x{@a}", "xa", 0 },
        { "x{|a}", "xa", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tmpl = str(cases[i].tmpl);
        uri = str(cases[i].uri);

        if (mcp_template_match(&tmpl, &uri) != cases[i].match) {
            fail_msg("\"%s\" and \"%s\": not %d", cases[i].tmpl, cases[i].uri,
                     cases[i].match);
        }
    }
}


/* RFC 6570, section 3.2: expansions fit the templates they come from. */

static void
test_templates_match_their_expansions(void **state)
{
    size_t     i;
    mcp_str_t  tmpl, uri;

    static const char *const  cases[][2] = {
        { "{var}", "value" },
        { "{hello}", "Hello%20World%21" },
        { "{+hello}", "Hello%20World!" },
        { "{+path}/here", "/foo/bar/here" },
        { "here?ref={+path}", "here?ref=/foo/bar" },
        { "X{#var}", "X#value" },
        { "X{#hello}", "X#Hello%20World!" },
        { "map?{x,y}", "map?1024,768" },
        { "{x,hello,y}", "1024,Hello%20World%21,768" },
        { "{+x,hello,y}", "1024,Hello%20World!,768" },
        { "{+path,x}/here", "/foo/bar,1024/here" },
        { "{#x,hello,y}", "#1024,Hello%20World!,768" },
        { "{#path,x}/here", "#/foo/bar,1024/here" },
        { "X{.var}", "X.value" },
        { "X{.x,y}", "X.1024.768" },
        { "{/var}", "/value" },
        { "{/var,x}/here", "/value/1024/here" },
        { "{;x,y}", ";x=1024;y=768" },
        { "{;x,y,empty}", ";x=1024;y=768;empty" },
        { "{?x,y}", "?x=1024&y=768" },
        { "{?x,y,empty}", "?x=1024&y=768&empty=" },
        { "?fixed=yes{&x}", "?fixed=yes&x=1024" },
        { "{&x,y,empty}", "&x=1024&y=768&empty=" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tmpl = str(cases[i][0]);
        uri = str(cases[i][1]);

        if (!mcp_template_match(&tmpl, &uri)) {
            fail_msg("\"%s\" and \"%s\"", cases[i][0], cases[i][1]);
        }
    }
}


/* What could take time without end elsewhere. */

static void
test_templates_take_bounded_time(void **state)
{
    size_t     i;
    mcp_buf_t  b, u;
    mcp_str_t  tmpl, uri;

    mcp_buf_init(&b, arena, 0);
    mcp_buf_init(&u, arena, 0);

    for (i = 0; i < MCP_TEMPLATE_EXPRS; i++) {
        mcp_buf_literal(&b, "a{+x}");
    }

    mcp_buf_literal(&b, "b");

    for (i = 0; i < MCP_TEMPLATE_URI; i++) {
        mcp_buf_literal(&u, "a");
    }

    tmpl.data = b.data;
    tmpl.len = b.len;
    uri.data = u.data;
    uri.len = u.len;

    for (i = 0; i < 100; i++) {
        assert_int_equal(mcp_template_check(&tmpl), MCP_OK);
        assert_int_equal(mcp_template_match(&tmpl, &uri), 0);
    }

    u.data[u.len - 1] = 'b';
    assert_int_equal(mcp_template_match(&tmpl, &uri), 1);

    /* the limits */

    mcp_buf_literal(&u, "b");
    uri.data = u.data;
    uri.len = u.len;
    assert_int_equal(mcp_template_match(&tmpl, &uri), 0);

    mcp_buf_literal(&b, "{x}");
    tmpl.data = b.data;
    tmpl.len = b.len;
    assert_int_equal(mcp_template_check(&tmpl), MCP_ERROR);

    mcp_buf_init(&b, arena, 0);
    mcp_buf_literal(&b, "{x}");

    while (b.len < MCP_TEMPLATE_LEN) {
        mcp_buf_literal(&b, "y");
    }

    tmpl.data = b.data;
    tmpl.len = b.len;
    assert_int_equal(mcp_template_check(&tmpl), MCP_OK);
    mcp_buf_literal(&b, "y");
    tmpl.data = b.data;
    tmpl.len = b.len;
    assert_int_equal(mcp_template_check(&tmpl), MCP_ERROR);
}


static void
test_resources_are_routed_in_order(void **state)
{
    size_t             i;
    mcp_str_t          uri;
    mcp_view_t         view;
    mcp_source_t       s[3];
    mcp_view_source_t  vs[3];

    static const struct {
        const char  *uri;
        int          source;
    } cases[] = {
        { "x://exact", 2 },           /* before any template */
        { "x://other", 0 },           /* the first that fits */
        { "x://a/b", 1 },
        { "y://a", 2 },
        { "y://", -1 },
        { "z://a", -1 },
        { "x://{id}", 0 },            /* fits as any text does */
        { "bad{", -1 },               /* no template, and no resource */
        { "", -1 }
    };

    s[0] = source_of("a", MCP_TEMPLATES,
                     "[{\"name\":\"t\",\"uriTemplate\":\"x://{id}\"},"
                     "{\"name\":\"t\",\"uriTemplate\":\"bad{\"}]");
    s[1] = source_of("b", MCP_TEMPLATES,
                     "[{\"name\":\"t\",\"uriTemplate\":\"x://{+path}\"}]");
    s[2] = source_of("c", MCP_TEMPLATES,
                     "[{\"name\":\"t\",\"uriTemplate\":\"y://\\u007bid}\"},"
                     "{\"name\":\"t\",\"uriTemplate\":\"x://{id}\"}]");
    s[2].list[MCP_RESOURCES] =
        str("[{\"name\":\"r\",\"uri\":\"x://exact\"}]");

    for (i = 0; i < 3; i++) {
        vs[i].source = &s[i];
        vs[i].prefix = str("");
    }

    memset(&heard, 0, sizeof(heard));
    assert_int_equal(mcp_view_build(&view, arena, arena, vs, 3, hear, &heard),
                     MCP_OK);

    /* the template that is none, and the one that comes twice */

    assert_int_equal(view.list[MCP_TEMPLATES].n, 4);
    assert_int_equal(heard.n, 2);
    assert_int_equal(heard.errors, 1);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uri = str(cases[i].uri);
        assert_int_equal(mcp_view_resource(&view, &uri), cases[i].source);
    }
}


static void
test_too_many_templates(void **state)
{
    char        text[64];
    unsigned    i;
    mcp_buf_t   b;
    mcp_str_t   uri;
    mcp_view_t  view;

    mcp_buf_init(&b, arena, 0);
    mcp_buf_literal(&b, "[");

    for (i = 0; i <= MCP_TEMPLATES_MAX; i++) {
        snprintf(text, sizeof(text),
                 "%s{\"name\":\"t\",\"uriTemplate\":\"%u:{x}\"}",
                 i ? "," : "", i);
        mcp_buf_append(&b, text, strlen(text));
    }

    mcp_buf_literal(&b, "]");
    mcp_buf_append(&b, "", 1);

    build_one(&view, "", MCP_TEMPLATES, (char *) b.data);
    assert_int_equal(view.list[MCP_TEMPLATES].n, MCP_TEMPLATES_MAX + 1);
    assert_int_equal(heard.n, 1);

    uri = str("1023:a");
    assert_int_equal(mcp_view_resource(&view, &uri), 0);
    uri = str("1024:a");
    assert_int_equal(mcp_view_resource(&view, &uri), -1);
}


static void
test_no_memory(void **state)
{
    int                rc;
    unsigned           i, which, failed;
    mcp_view_t         view;
    mcp_arena_t       *own;
    oom_arena_t        oom;
    mcp_source_t       s[2];
    mcp_view_source_t  vs[2];

    s[0] = source_of("a", MCP_TOOLS,
                     "[{\"name\":\"t\",\"inputSchema\":{\"type\":\"object\","
                     "\"properties\":{\"p\":{\"type\":\"string\","
                     "\"x-mcp-header\":\"P\"}}},\"execution\":{}},"
                     "{\"name\":\"\\u0075\"," SCHEMA ",\"outputSchema\":{}}]");
    s[0].capabilities = str("{\"tools\":{}}");
    s[0].instructions = str("i");
    s[0].list[MCP_TEMPLATES] =
        str("[{\"name\":\"t\",\"uriTemplate\":\"x:\\u007bid}\"}]");
    s[1] = s[0];
    s[1].list[MCP_RESOURCES] =
        str("[{\"name\":\"t\",\"uri\":\"x:\\u0061\"}]");

    for (i = 0; i < 2; i++) {
        vs[i].source = &s[i];
        vs[i].prefix = str(i ? "p_" : "");
    }

    for (which = 0; which < 2; which++) {
        failed = 0;

        for (i = 0; i < 1000; i++) {
            own = mcp_arena_create();
            assert_non_null(own);
            oom_init(&oom, own, i);

            rc = which
                 ? mcp_view_build(&view, &oom.arena, own, vs, 2, NULL, NULL)
                 : mcp_view_build(&view, own, &oom.arena, vs, 2, NULL, NULL);

            mcp_arena_destroy(own);

            if (rc == MCP_OK) {
                break;
            }

            assert_int_equal(rc, MCP_NOMEM);
            failed++;
        }

        assert_true(failed > 5 && i < 1000);
    }
}


#define test(name)                                                            \
    cmocka_unit_test_setup_teardown(test_ ## name, setup, teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        test(refuses_lists_that_are_no_arrays),
        test(leaves_out_bad_items),
        test(names_have_limits),
        test(collisions_keep_the_first),
        test(log_lines_are_harmless),
        test(items_keep_their_bytes),
        test(members_are_left_out),
        test(tools_that_need_tasks_are_hidden_from_modern_clients),
        test(hints_and_params),
        test(empty_views),
        test(what_is_offered),
        test(states_times_and_instructions),
        test(order_and_pages),
        test(finds_each_of_many),
        test(templates_match),
        test(templates_match_their_expansions),
        test(templates_take_bounded_time),
        test(resources_are_routed_in_order),
        test(too_many_templates),
        test(no_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
