
/* The gateway's own answers, read back by another JSON library. */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <jansson.h>

#include "oom.h"
#include "reply.h"


#define SCHEMA  "\"inputSchema\":{\"type\":\"object\"}"


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


static mcp_source_t
source_of(const char *name)
{
    mcp_source_t  s;

    memset(&s, 0, sizeof(mcp_source_t));
    s.name = str(name);
    s.state = MCP_SOURCE_UP;
    s.era = MCP_ERA_MODERN;
    s.ttl_ms = 30000;

    return s;
}


static void
build(mcp_view_t *view, const mcp_source_t *s, unsigned n)
{
    unsigned           i;
    mcp_view_source_t  vs[4];

    memset(vs, 0, sizeof(vs));

    for (i = 0; i < n; i++) {
        vs[i].source = &s[i];
        vs[i].prefix = str("");
    }

    assert_int_equal(mcp_view_build(view, arena, arena, vs, n, NULL, NULL),
                     MCP_OK);
}


/* One whole JSON-RPC message with that id; what is asked for of it. */

static json_t *
answer(const mcp_buf_t *b, const char *id, const char *member)
{
    json_t        *root, *value, *expected;
    json_error_t   error;

    assert_false(b->failed);
    root = json_loadb((char *) b->data, b->len, JSON_REJECT_DUPLICATES,
                      &error);
    if (root == NULL) {
        fail_msg("%.*s: %s", (int) b->len, b->data, error.text);
    }

    assert_int_equal(json_object_size(root), 3);
    assert_string_equal(json_string_value(json_object_get(root, "jsonrpc")),
                        "2.0");

    expected = json_loads(id, JSON_DECODE_ANY, NULL);
    assert_non_null(expected);
    assert_true(json_equal(json_object_get(root, "id"), expected));
    json_decref(expected);

    value = json_object_get(root, member);
    assert_true(json_is_object(value));
    json_incref(value);
    json_decref(root);

    return value;
}


/* The object has these members and no others. */

static void
assert_members(json_t *object, const char *members)
{
    char         text[256];
    size_t       n;
    char        *name, *save;

    assert_true(json_is_object(object));
    snprintf(text, sizeof(text), "%s", members);
    n = 0;

    for (name = strtok_r(text, " ", &save);
         name != NULL;
         name = strtok_r(NULL, " ", &save))
    {
        if (json_object_get(object, name) == NULL) {
            fail_msg("no member %s", name);
        }

        n++;
    }

    assert_int_equal(json_object_size(object), n);
}


/* What each result for a modern client has. */

static void
assert_modern(json_t *result)
{
    json_t  *info;

    assert_string_equal(json_string_value(json_object_get(result,
                                                          "resultType")),
                        "complete");

    info = json_object_get(json_object_get(result, "_meta"),
                           "io.modelcontextprotocol/serverInfo");
    assert_members(info, "name version");
    assert_string_equal(json_string_value(json_object_get(info, "name")),
                        MCP_SERVER_NAME);
    assert_string_equal(json_string_value(json_object_get(info, "version")),
                        MCP_SERVER_VERSION);
}


static void
test_errors(void **state)
{
    json_t       *error;
    size_t        i;
    mcp_buf_t     b;
    mcp_str_t     id;
    mcp_fault_t   fault;

    static const char *const  ids[] = {
        "1", "0", "-5", "1.5", "\"a\"", "\"\"", "\"\\u00e9\\\"\"",
        "12345678901234567"
    };

    static const int  codes[] = {
        MCP_E_PARSE, MCP_E_PARAMS, MCP_E_HEADER, MCP_E_UNAVAILABLE, 0,
        INT32_MIN, INT32_MAX
    };

    memset(&fault, 0, sizeof(mcp_fault_t));
    fault.status = 400;
    fault.message = str("Say \"please\",\n\\ and \xc3\xa9\x01");

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        fault.code = codes[i % (sizeof(codes) / sizeof(codes[0]))];
        id = str(ids[i]);
        mcp_buf_init(&b, arena, 0);
        mcp_reply_error(&b, &id, &fault);

        error = answer(&b, ids[i], "error");
        assert_members(error, "code message");
        assert_int_equal(json_integer_value(json_object_get(error, "code")),
                         fault.code);
        assert_string_equal(json_string_value(json_object_get(error,
                                                              "message")),
                            "Say \"please\",\n\\ and \xc3\xa9\x01");
        json_decref(error);
    }

    /* an id that could not be read; data */

    id.len = 0;
    id.data = NULL;
    fault.code = MCP_E_VERSION;
    fault.data = str("{\"supported\":[\"2026-07-28\"],\"requested\":\"x\"}");
    mcp_buf_init(&b, arena, 0);
    mcp_reply_error(&b, &id, &fault);

    error = answer(&b, "null", "error");
    assert_members(error, "code message data");
    assert_members(json_object_get(error, "data"), "supported requested");
    json_decref(error);
}


static void
test_empty_results(void **state)
{
    json_t     *result;
    mcp_buf_t   b;
    mcp_str_t   id = mcp_string("\"x\"");

    mcp_buf_init(&b, arena, 0);
    mcp_reply_empty(&b, &id, MCP_ERA_LEGACY);
    result = answer(&b, "\"x\"", "result");
    assert_int_equal(json_object_size(result), 0);
    json_decref(result);

    mcp_buf_init(&b, arena, 0);
    mcp_reply_empty(&b, &id, MCP_ERA_MODERN);
    result = answer(&b, "\"x\"", "result");
    assert_members(result, "resultType _meta");
    assert_modern(result);
    json_decref(result);
}


static void
test_initialize(void **state)
{
    json_t        *result;
    mcp_buf_t      b;
    mcp_str_t      id = mcp_string("0"), version = mcp_string("2025-06-18");
    mcp_view_t     view;
    mcp_source_t   s;

    /* nothing is there yet */

    build(&view, NULL, 0);
    mcp_buf_init(&b, arena, 0);
    mcp_reply_initialize(&b, &id, &version, &view, 0);

    result = answer(&b, "0", "result");
    assert_members(result, "protocolVersion capabilities serverInfo");
    assert_string_equal(json_string_value(json_object_get(result,
                                                          "protocolVersion")),
                        "2025-06-18");
    assert_members(json_object_get(result, "capabilities"), "tools");
    assert_members(json_object_get(json_object_get(result, "capabilities"),
                                   "tools"), "");
    assert_members(json_object_get(result, "serverInfo"), "name version");
    json_decref(result);

    /* all there can be; what streams carry is not announced */

    s = source_of("s");
    s.capabilities = str("{\"tools\":{\"listChanged\":true},\"logging\":{},"
                         "\"prompts\":{\"listChanged\":true},"
                         "\"resources\":{\"subscribe\":true},"
                         "\"completions\":{},\"tasks\":{},"
                         "\"experimental\":{\"x\":{}}}");
    s.instructions = str("Use \"it\"\nwell.");
    build(&view, &s, 1);
    mcp_buf_init(&b, arena, 0);
    mcp_reply_initialize(&b, &id, &version, &view, 0);

    result = answer(&b, "0", "result");
    assert_members(result,
                   "protocolVersion capabilities serverInfo instructions");
    assert_members(json_object_get(result, "capabilities"),
                   "tools prompts resources completions");
    assert_members(json_object_get(json_object_get(result, "capabilities"),
                                   "tools"), "");
    assert_members(json_object_get(json_object_get(result, "capabilities"),
                                   "resources"), "");
    assert_string_equal(json_string_value(json_object_get(result,
                                                          "instructions")),
                        "Use \"it\"\nwell.");
    json_decref(result);

    /* templates alone are resources; who logs for this client is known */

    s = source_of("s");
    s.list[MCP_TEMPLATES] =
        str("[{\"name\":\"t\",\"uriTemplate\":\"x:{a}\"}]");
    build(&view, &s, 1);
    mcp_buf_init(&b, arena, 0);
    mcp_reply_initialize(&b, &id, &version, &view,
                         MCP_REPLY_LOGGING|MCP_REPLY_CHANGES);
    result = answer(&b, "0", "result");
    assert_members(json_object_get(result, "capabilities"),
                   "tools resources logging");
    assert_members(json_object_get(json_object_get(result, "capabilities"),
                                   "tools"), "listChanged");
    assert_true(json_is_true(json_object_get(
                    json_object_get(json_object_get(result, "capabilities"),
                                    "resources"), "listChanged")));
    assert_members(json_object_get(json_object_get(result, "capabilities"),
                                   "logging"), "");
    json_decref(result);
}


static void
test_discover(void **state)
{
    size_t         i;
    json_t        *result, *versions;
    mcp_buf_t      b;
    mcp_str_t      id = mcp_string("7");
    mcp_view_t     view;
    mcp_source_t   s[2];

    s[0] = source_of("a");
    s[0].capabilities = str("{\"prompts\":{}}");
    s[0].instructions = str("A");
    s[1] = source_of("b");
    s[1].ttl_ms = 5000;
    build(&view, s, 2);

    mcp_buf_init(&b, arena, 0);
    mcp_reply_discover(&b, &id, &view, 0);

    result = answer(&b, "7", "result");
    assert_members(result, "resultType _meta supportedVersions capabilities"
                           " instructions ttlMs cacheScope");
    assert_modern(result);
    assert_members(json_object_get(result, "capabilities"), "tools prompts");
    assert_int_equal(json_integer_value(json_object_get(result, "ttlMs")),
                     5000);
    assert_string_equal(json_string_value(json_object_get(result,
                                                          "cacheScope")),
                        "private");
    assert_string_equal(json_string_value(json_object_get(result,
                                                          "instructions")),
                        "## a\n\nA\n\n");

    versions = json_object_get(result, "supportedVersions");
    assert_string_equal(json_string_value(json_array_get(versions, 0)),
                        "2026-07-28");

    for (i = 0; mcp_legacy_versions[i].len != 0; i++) {
        assert_int_equal(json_string_length(json_array_get(versions, i + 1)),
                         mcp_legacy_versions[i].len);
        assert_memory_equal(json_string_value(json_array_get(versions,
                                                             i + 1)),
                            mcp_legacy_versions[i].data,
                            mcp_legacy_versions[i].len);
    }

    assert_int_equal(json_array_size(versions), i + 1);
    json_decref(result);

    /* not for long while a backend is missing */

    s[0].state = MCP_SOURCE_FAILED;
    build(&view, s, 2);
    mcp_buf_init(&b, arena, 0);
    mcp_reply_discover(&b, &id, &view, 0);
    result = answer(&b, "7", "result");
    assert_int_equal(json_integer_value(json_object_get(result, "ttlMs")), 0);
    assert_true(json_is_integer(json_object_get(result, "ttlMs")));
    json_decref(result);
}


static void
cursor(void *data, unsigned index, mcp_buf_t *b)
{
    ++*(unsigned *) data;

    mcp_buf_literal(b, "\"at ");
    mcp_buf_uint(b, index);
    mcp_buf_literal(b, "\"");
}


/* A page; its nextCursor, if any, goes to *next. */

static json_t *
page(const mcp_view_t *view, mcp_list_e list, mcp_era_e era, unsigned from,
    unsigned max, unsigned *next)
{
    char         text[32];
    json_t      *result, *value;
    unsigned     called;
    mcp_buf_t    b;
    mcp_str_t    id = mcp_string("3");

    called = 0;
    mcp_buf_init(&b, arena, 0);
    mcp_reply_list(&b, &id, view, list, era, from, max, cursor, &called);

    result = answer(&b, "3", "result");
    value = json_object_get(result, "nextCursor");
    *next = 0;

    if (value != NULL) {
        assert_int_equal(sscanf(json_string_value(value), "at %u", next), 1);
        snprintf(text, sizeof(text), "at %u", *next);
        assert_string_equal(json_string_value(value), text);
    }

    assert_int_equal(called, value != NULL);

    return result;
}


static void
test_lists(void **state)
{
    size_t         i;
    json_t        *result;
    unsigned       k, next;
    mcp_view_t     view;
    mcp_source_t   s;

    static const char *const  members[] = {
        "tools", "prompts", "resources", "resourceTemplates"
    };

    s = source_of("s");
    s.list[MCP_TOOLS] = str("[{\"name\":\"a\"," SCHEMA "},{\"name\":\"b\","
                            SCHEMA ",\"execution\":{}}]");
    s.list[MCP_PROMPTS] = str("[{\"name\":\"a\"},{\"name\":\"b\"}]");
    s.list[MCP_RESOURCES] = str("[{\"name\":\"a\",\"uri\":\"x:a\"},"
                                "{\"name\":\"b\",\"uri\":\"x:b\"}]");
    s.list[MCP_TEMPLATES] = str("[{\"name\":\"a\",\"uriTemplate\":\"x:{a}\"},"
                                "{\"name\":\"b\",\"uriTemplate\":\"y:{a}\"}]");
    build(&view, &s, 1);

    for (k = 0; k < MCP_LISTS; k++) {

        result = page(&view, (mcp_list_e) k, MCP_ERA_LEGACY, 0, 0, &next);
        assert_members(result, members[k]);
        assert_int_equal(json_array_size(json_object_get(result,
                                                         members[k])), 2);
        json_decref(result);

        result = page(&view, (mcp_list_e) k, MCP_ERA_MODERN, 0, 2, &next);
        assert_int_equal(next, 0);
        assert_int_equal(json_object_size(result), 5);
        assert_modern(result);
        assert_int_equal(json_array_size(json_object_get(result,
                                                         members[k])), 2);
        assert_int_equal(json_integer_value(json_object_get(result,
                                                            "ttlMs")), 30000);
        assert_string_equal(json_string_value(json_object_get(result,
                                                              "cacheScope")),
                            "private");
        json_decref(result);

        /* one at a time */

        next = 0;

        for (i = 0; i < 2; i++) {
            result = page(&view, (mcp_list_e) k, MCP_ERA_LEGACY, next, 1,
                          &next);
            assert_int_equal(json_array_size(json_object_get(result,
                                                             members[k])), 1);
            assert_string_equal(
                json_string_value(json_object_get(json_array_get(
                    json_object_get(result, members[k]), 0), "name")),
                i ? "b" : "a");
            assert_int_equal(next, i ? 0 : 1);
            json_decref(result);
        }

        /* beyond the end */

        result = page(&view, (mcp_list_e) k, MCP_ERA_LEGACY, 2, 1, &next);
        assert_members(result, members[k]);
        assert_int_equal(json_array_size(json_object_get(result,
                                                         members[k])), 0);
        json_decref(result);
    }

    s.state = MCP_SOURCE_UNTRIED;
    build(&view, &s, 1);
    result = page(&view, MCP_TOOLS, MCP_ERA_MODERN, 0, 0, &next);
    assert_int_equal(json_integer_value(json_object_get(result, "ttlMs")), 0);
    assert_non_null(json_object_get(result, "ttlMs"));
    json_decref(result);

    build(&view, NULL, 0);
    result = page(&view, MCP_TEMPLATES, MCP_ERA_MODERN, 0, 10, &next);
    assert_int_equal(json_array_size(json_object_get(result,
                                                     "resourceTemplates")),
                     0);
    json_decref(result);
}


static void
test_no_memory(void **state)
{
    unsigned      i, called;
    mcp_buf_t     b;
    mcp_str_t     id = mcp_string("3");
    mcp_view_t    view;
    oom_arena_t   oom;
    mcp_source_t  s;

    s = source_of("s");
    s.list[MCP_TOOLS] = str("[{\"name\":\"a\"," SCHEMA "},{\"name\":\"b\","
                            SCHEMA "}]");
    build(&view, &s, 1);
    called = 0;

    for (i = 0; i < 100; i++) {
        oom_init(&oom, arena, i);
        mcp_buf_init(&b, &oom.arena, 0);
        mcp_reply_list(&b, &id, &view, MCP_TOOLS, MCP_ERA_MODERN, 0, 1,
                       cursor, &called);

        if (!b.failed) {
            break;
        }
    }

    assert_true(i > 0 && i < 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_results, setup, teardown),
        cmocka_unit_test_setup_teardown(test_initialize, setup, teardown),
        cmocka_unit_test_setup_teardown(test_discover, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
