
/* Change notifications: filters, events, and when there is something new. */


#include "msg.h"

#include "listen.h"


static mcp_source_t        source[2];
static mcp_view_source_t   vs[2];

static const uint64_t      key[2] = { 1, 2 };


static mcp_str_t
str(const char *s)
{
    mcp_str_t  out;

    out.data = (unsigned char *) s;
    out.len = strlen(s);

    return out;
}


/* The kinds that a request with those params asks for; -1: it is refused. */

static int
filter(const char *id, const char *notifications)
{
    int       rc;
    char      text[4096];
    unsigned  kinds;

    (void) snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":%s,"
                    "\"method\":\"subscriptions/listen\",\"params\":{%s}}",
                    id, notifications);

    assert_int_equal(mcp_message_parse(&m, arena,
                                       mcp_memdup(arena, text, strlen(text)),
                                       strlen(text), MSG_DEPTH, &fault),
                     MCP_OK);

    rc = mcp_listen_filter(&m, arena, &kinds, &fault);

    if (rc == MCP_OK) {
        return (int) kinds;
    }

    assert_int_equal(rc, MCP_ERROR);
    assert_int_equal(fault.status, 200);
    assert_int_not_equal(fault.message.len, 0);

    return -1;
}


#define N(s)  "\"notifications\":" s

static void
test_filter(void **state)
{
    size_t  i;
    char    id[MCP_LISTEN_ID_MAX + 8];

    static const char *const  bad[] = {
        "", N("null"), N("[]"), N("\"toolsListChanged\""), N("true"),
        N("{\"toolsListChanged\":1}"), N("{\"toolsListChanged\":null}"),
        N("{\"promptsListChanged\":\"true\"}"),
        N("{\"resourcesListChanged\":{}}"),
        N("{\"toolsListChanged\":true,\"promptsListChanged\":[true]}"),
        N("{\"resourceSubscriptions\":\"x:a\"}"),
        N("{\"resourceSubscriptions\":{}}"),
        N("{\"resourceSubscriptions\":[\"x:a\",[\"x:b\"]]}"),
        N("{\"resourceSubscriptions\":[null]}"), NULL
    };

    assert_int_equal(filter("1", N("{}")), 0);
    assert_int_equal(filter("1", N("{\"toolsListChanged\":true}")), 1);
    assert_int_equal(filter("1", N("{\"promptsListChanged\":true}")), 2);
    assert_int_equal(filter("1", N("{\"resourcesListChanged\":true}")), 4);
    assert_int_equal(filter("1", N("{\"toolsListChanged\":true,"
                                   "\"promptsListChanged\":false,"
                                   "\"resourcesListChanged\":true}")), 5);
    assert_int_equal(filter("1", N("{\"tools\\u004cistChanged\":true}")), 1);

    /* what is not known or not honoured is left out */

    assert_int_equal(filter("1", N("{\"other\":1,\"taskIds\":[\"a\"],"
                                   "\"x\":{\"promptsListChanged\":true},"
                                   "\"resourceSubscriptions\":[\"x:a\",\"\"],"
                                   "\"ToolsListChanged\":true}")), 0);

    for (i = 0; bad[i] != NULL; i++) {
        assert_int_equal(filter("\"i\"", bad[i]), -1);
        assert_int_equal(fault.code, MCP_E_PARAMS);
    }

    memset(id, 'i', sizeof(id));
    id[0] = '"';
    id[MCP_LISTEN_ID_MAX - 1] = '"';
    id[MCP_LISTEN_ID_MAX] = '\0';
    assert_int_equal(filter(id, N("{}")), 0);

    id[MCP_LISTEN_ID_MAX - 1] = 'i';
    id[MCP_LISTEN_ID_MAX] = '"';
    id[MCP_LISTEN_ID_MAX + 1] = '\0';
    assert_int_equal(filter(id, N("{}")), -1);
    assert_int_equal(fault.code, MCP_E_REQUEST);
}


static void
assert_text(mcp_buf_t *b, const char *text)
{
    assert_false(b->failed);
    assert_int_equal(b->len, strlen(text));
    assert_memory_equal(b->data, text, b->len);
}


#define EVENT  "event: message\ndata: {\"jsonrpc\":\"2.0\","
#define SUB    "\"io.modelcontextprotocol/subscriptionId\":"

static void
test_events(void **state)
{
    mcp_buf_t  b;
    mcp_str_t  id = mcp_string("\"\\u000a\""), number = mcp_string("1e2"),
               none = mcp_null_string;

    mcp_buf_init(&b, arena, 0);
    mcp_listen_acknowledged(&b, &id, 5);
    assert_text(&b, EVENT "\"method\":"
                "\"notifications/subscriptions/acknowledged\",\"params\":{"
                "\"_meta\":{" SUB "\"\\u000a\"},\"notifications\":{"
                "\"toolsListChanged\":true,\"resourcesListChanged\":true}}}"
                "\n\n");

    mcp_buf_init(&b, arena, 0);
    mcp_listen_acknowledged(&b, &number, 0);
    assert_text(&b, EVENT "\"method\":"
                "\"notifications/subscriptions/acknowledged\",\"params\":{"
                "\"_meta\":{" SUB "1e2},\"notifications\":{}}}\n\n");

    mcp_buf_init(&b, arena, 0);
    mcp_listen_changed(&b, &number, 6, NULL);
    assert_text(&b, EVENT "\"method\":\"notifications/prompts/list_changed\","
                "\"params\":{\"_meta\":{" SUB "1e2}}}\n\n"
                EVENT "\"method\":\"notifications/resources/list_changed\","
                "\"params\":{\"_meta\":{" SUB "1e2}}}\n\n");

    mcp_buf_init(&b, arena, 0);
    mcp_listen_changed(&b, &none, 1, NULL);
    assert_text(&b, EVENT "\"method\":\"notifications/tools/list_changed\"}"
                "\n\n");

    mcp_buf_init(&b, arena, 0);
    mcp_listen_changed(&b, &none, 0, NULL);
    mcp_listen_end(&b, &none);
    assert_int_equal(b.len, 0);

    mcp_buf_init(&b, arena, 0);
    mcp_listen_end(&b, &id);
    assert_text(&b, EVENT "\"id\":\"\\u000a\",\"result\":{"
                "\"resultType\":\"complete\",\"_meta\":{" SUB "\"\\u000a\","
                "\"io.modelcontextprotocol/serverInfo\":{"
                "\"name\":\"sentinel\",\"version\":\"0.1.0\"}}}}\n\n");
}


#define MARK  "0123456789abcdef" "0000000000000000" "ffffffffffffffff"

static void
test_marks(void **state)
{
    size_t     i;
    uint64_t   digest[MCP_LISTEN_KINDS], last[MCP_LISTEN_KINDS];
    mcp_buf_t  b;
    mcp_str_t  none = mcp_null_string, text;

    static const char *const  bad[] = {
        "", "0", MARK "0", "g123456789abcdef" "0000000000000000"
        "ffffffffffffffff", "0123456789abcdef" "000000000000000 "
        "ffffffffffffffff", "0123456789ABCDEF" "0000000000000000"
        "ffffffffffffffff", NULL
    };

    digest[0] = UINT64_C(0x0123456789abcdef);
    digest[1] = 0;
    digest[2] = UINT64_MAX;

    mcp_buf_init(&b, arena, 0);
    mcp_listen_prime(&b, digest);
    assert_text(&b, "id: " MARK "\ndata:\n\n");

    /* who heard of the first only must not come back with that mark */

    mcp_buf_init(&b, arena, 0);
    mcp_listen_changed(&b, &none, 3, digest);
    assert_text(&b, EVENT "\"method\":\"notifications/tools/list_changed\"}"
                "\n\nid: " MARK "\n" EVENT
                "\"method\":\"notifications/prompts/list_changed\"}\n\n");

    text = str(MARK);
    assert_int_equal(mcp_listen_last(&text, last), MCP_OK);
    assert_memory_equal(last, digest, sizeof(last));

    for (i = 0; bad[i] != NULL; i++) {
        text = str(bad[i]);
        assert_int_equal(mcp_listen_last(&text, last), MCP_ERROR);
    }
}


#define SCHEMA   "\"inputSchema\":{\"type\":\"object\"}"
#define TOOL(n)  "{\"name\":\"" n "\"," SCHEMA "}"


static void
build(mcp_view_t *view, const char *tools)
{
    memset(source, 0, sizeof(source));
    memset(vs, 0, sizeof(vs));
    memset(view, 0, sizeof(mcp_view_t));

    source[0].name = str("a");
    source[0].state = MCP_SOURCE_UP;
    source[0].list[MCP_TOOLS] = str(tools);
    source[0].list[MCP_PROMPTS] = str("[{\"name\":\"p\"}]");
    source[0].list[MCP_RESOURCES] = str("[{\"name\":\"r\",\"uri\":\"x:1\"}]");
    source[0].list[MCP_TEMPLATES] =
                          str("[{\"name\":\"t\",\"uriTemplate\":\"x:{y}\"}]");
    vs[0].source = &source[0];

    assert_int_equal(mcp_view_build(view, arena, arena, vs, 1, NULL, NULL),
                     MCP_OK);
}


static uint64_t
digest(mcp_view_t *view, mcp_list_e kind)
{
    return mcp_listen_digest(view, kind, MCP_ERA_MODERN, key);
}


static void
test_digest(void **state)
{
    uint64_t    tools, resources;
    mcp_view_t  view, same, other;

    build(&view, "[" TOOL("one") "," TOOL("two") "]");
    build(&same, "[" TOOL("one") "," TOOL("two") "]");

    /* the views' own keys differ */

    tools = digest(&view, MCP_TOOLS);
    resources = digest(&view, MCP_RESOURCES);
    assert_true(tools == digest(&same, MCP_TOOLS));
    assert_true(tools == digest(&view, MCP_TOOLS));
    assert_true(resources == digest(&same, MCP_RESOURCES));
    assert_true(digest(&view, MCP_PROMPTS) == digest(&same, MCP_PROMPTS));
    assert_true(tools != resources);

    /* order, text, one more, none */

    build(&other, "[" TOOL("two") "," TOOL("one") "]");
    assert_true(tools != digest(&other, MCP_TOOLS));
    assert_true(resources == digest(&other, MCP_RESOURCES));
    build(&other, "[" TOOL("one") ",{\"name\":\"two\",\"title\":\"\","
                  SCHEMA "}]");
    assert_true(tools != digest(&other, MCP_TOOLS));
    build(&other, "[" TOOL("one") "," TOOL("two") "," TOOL("three") "]");
    assert_true(tools != digest(&other, MCP_TOOLS));
    build(&other, "[]");
    assert_true(tools != digest(&other, MCP_TOOLS));

    /* what no page has */

    view.list[MCP_TOOLS].item[1].disabled = 1;
    build(&other, "[" TOOL("one") "]");
    assert_true(tools != digest(&view, MCP_TOOLS));
    assert_true(digest(&other, MCP_TOOLS) == digest(&view, MCP_TOOLS));
    view.list[MCP_TOOLS].item[1].disabled = 0;
    assert_true(tools == digest(&view, MCP_TOOLS));

    /* templates are resources; a template is not the resource of its text */

    view.list[MCP_TEMPLATES].item[0].disabled = 1;
    assert_true(resources != digest(&view, MCP_RESOURCES));
    view.list[MCP_RESOURCES].item[0].disabled = 1;
    assert_true(resources != digest(&view, MCP_RESOURCES));
    view.list[MCP_TEMPLATES].item[0].disabled = 0;
    assert_true(resources != digest(&view, MCP_RESOURCES));

    /* tools of tasks are not for modern clients */

    build(&view, "[{\"name\":\"t\",\"execution\":{\"taskSupport\":"
                 "\"required\"}," SCHEMA "}]");
    build(&other, "[]");
    assert_true(digest(&view, MCP_TOOLS) == digest(&other, MCP_TOOLS));
    assert_true(mcp_listen_digest(&view, MCP_TOOLS, MCP_ERA_LEGACY, key)
                != mcp_listen_digest(&other, MCP_TOOLS, MCP_ERA_LEGACY, key));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events, setup, teardown),
        cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_digest, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
