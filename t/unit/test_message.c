
/* Messages of clients: what is refused and why, and what is read from them. */


#include "msg.h"

#include <dirent.h>


typedef struct {
    const char           *text;
    int                   code;
    unsigned              status;
} bad_t;


#define R   MCP_E_REQUEST
#define P   MCP_E_PARAMS
#define J   "\"jsonrpc\":\"2.0\""


/* JSON-RPC: neither request, notification nor response of version 2.0 */

static const bad_t  bad_envelopes[] = {
    { "1", R, 400 },
    { "null", R, 400 },
    { "\"text\"", R, 400 },
    { "{}", R, 400 },
    { "{\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":\"2\",\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":\"2.1\",\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":\"2.0 \",\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":\"2.0\\u0000\",\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":\"\",\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":null,\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{\"jsonrpc\":[\"2.0\"],\"id\":1,\"method\":\"ping\"}", R, 400 },
    { "{" J "}", R, 400 },
    { "{" J ",\"id\":1}", R, 400 },
    { "{" J ",\"params\":{}}", R, 400 },
    { "{" J ",\"id\":1,\"method\":null}", R, 400 },
    { "{" J ",\"id\":1,\"method\":1}", R, 400 },
    { "{" J ",\"id\":1,\"method\":true}", R, 400 },
    { "{" J ",\"id\":1,\"method\":[\"ping\"]}", R, 400 },
    { "{" J ",\"id\":1,\"method\":{\"name\":\"ping\"}}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"\"}", R, 400 },
    { "{" J ",\"id\":null,\"method\":\"ping\"}", R, 400 },
    { "{" J ",\"id\":true,\"method\":\"ping\"}", R, 400 },
    { "{" J ",\"id\":false,\"method\":\"ping\"}", R, 400 },
    { "{" J ",\"id\":[],\"method\":\"ping\"}", R, 400 },
    { "{" J ",\"id\":[1],\"method\":\"ping\"}", R, 400 },
    { "{" J ",\"id\":{},\"method\":\"ping\"}", R, 400 },
    { "{" J ",\"id\":null,\"method\":\"notifications/initialized\"}", R, 400 },
    { "{" J ",\"id\":null,\"result\":{}}", R, 400 },
    { "{" J ",\"id\":null,\"error\":{\"code\":1,\"message\":\"\"}}", R, 400 },

    /* the params */

    { "{" J ",\"id\":1,\"method\":\"ping\",\"params\":[]}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"ping\",\"params\":null}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"ping\",\"params\":\"x\"}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"ping\",\"params\":1}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"x\",\"params\":[{}]}", R, 400 },
    { "{" J ",\"method\":\"notifications/x\",\"params\":[]}", R, 400 },

    /* a request and a response at once; half a response */

    { "{" J ",\"id\":1,\"method\":\"ping\",\"result\":{}}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"ping\",\"error\":{}}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"ping\",\"result\":null}", R, 400 },
    { "{" J ",\"method\":\"notifications/x\",\"result\":{}}", R, 400 },
    { "{" J ",\"id\":1,\"result\":{},\"error\":{}}", R, 400 },
    { "{" J ",\"id\":1,\"result\":{},\"error\":null}", R, 400 },
    { "{" J ",\"id\":1,\"error\":null}", R, 400 },
    { "{" J ",\"id\":1,\"error\":\"no\"}", R, 400 },
    { "{" J ",\"id\":1,\"error\":[]}", R, 400 },
    { "{" J ",\"result\":{}}", R, 400 },
    { "{" J ",\"error\":{}}", R, 400 },

    /* notifications with an id, requests without */

    { "{" J ",\"id\":1,\"method\":\"notifications/initialized\"}", R, 400 },
    { "{" J ",\"id\":1,\"method\":\"notifications/cancelled\"}", R, 400 },
    { "{" J ",\"id\":\"a\",\"method\":\"notifications/any\"}", R, 400 },
    { "{" J ",\"method\":\"tools/call\",\"params\":{\"name\":\"x\"}}",
      R, 400 },
    { "{" J ",\"method\":\"tools/list\"}", R, 400 },
    { "{" J ",\"method\":\"initialize\",\"params\":{}}", R, 400 },
    { "{" J ",\"method\":\"ping\"}", R, 400 }
};


#define call(method, params)                                                  \
    "{" J ",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"
#define bare(method)                                                          \
    "{" J ",\"id\":1,\"method\":\"" method "\"}"
#define note(method, params)                                                  \
    "{" J ",\"method\":\"" method "\",\"params\":{" params "}}"


static const bad_t  bad_params[] = {
    { bare("tools/call"), P, 200 },
    { call("tools/call", ""), P, 200 },
    { call("tools/call", "\"name\":null"), P, 200 },
    { call("tools/call", "\"name\":1"), P, 200 },
    { call("tools/call", "\"name\":[\"x\"]"), P, 200 },
    { call("tools/call", "\"name\":{}"), P, 200 },
    { call("tools/call", "\"uri\":\"x\""), P, 200 },
    { call("tools/call", "\"name\":\"x\",\"arguments\":[]"), P, 200 },
    { call("tools/call", "\"name\":\"x\",\"arguments\":null"), P, 200 },
    { call("tools/call", "\"name\":\"x\",\"arguments\":\"{}\""), P, 200 },
    { call("tools/call", "\"name\":\"x\",\"arguments\":0"), P, 200 },
    { bare("prompts/get"), P, 200 },
    { call("prompts/get", "\"name\":false"), P, 200 },
    { call("prompts/get", "\"name\":\"x\",\"arguments\":[]"), P, 200 },
    { bare("resources/read"), P, 200 },
    { call("resources/read", "\"name\":\"x\""), P, 200 },
    { call("resources/read", "\"uri\":null"), P, 200 },
    { call("resources/subscribe", ""), P, 200 },
    { call("resources/unsubscribe", "\"uri\":7"), P, 200 },
    { call("tasks/get", ""), P, 200 },
    { call("tasks/cancel", "\"taskId\":7"), P, 200 },
    { bare("completion/complete"), P, 200 },
    { call("completion/complete", "\"ref\":\"ref/prompt\""), P, 200 },
    { call("completion/complete", "\"ref\":{}"), P, 200 },
    { call("completion/complete", "\"ref\":{\"type\":\"ref/x\"}"), P, 200 },
    { call("completion/complete", "\"ref\":{\"type\":[]}"), P, 200 },
    { call("completion/complete", "\"ref\":{\"name\":\"x\"}"), P, 200 },
    { call("completion/complete",
           "\"ref\":{\"type\":\"ref/prompt\",\"uri\":\"x\"}"), P, 200 },
    { call("completion/complete",
           "\"ref\":{\"type\":\"ref/resource\",\"name\":\"x\"}"), P, 200 },
    { call("tools/list", "\"cursor\":null"), P, 200 },
    { call("tools/list", "\"cursor\":1"), P, 200 },
    { call("prompts/list", "\"cursor\":{}"), P, 200 },
    { call("resources/list", "\"cursor\":[]"), P, 200 },
    { call("resources/templates/list", "\"cursor\":true"), P, 200 },
    { call("initialize", "\"protocolVersion\":1"), P, 200 },
    { call("initialize", "\"capabilities\":[]"), P, 200 },
    { call("initialize", "\"clientInfo\":\"me\""), P, 200 },
    { call("ping", "\"_meta\":{\"progressToken\":null}"), P, 200 },
    { call("ping", "\"_meta\":{\"progressToken\":[1]}"), P, 200 },
    { call("ping", "\"_meta\":{\"progressToken\":true}"), P, 200 },

    /* HTTP 400 by revision 2026-07-28, "_meta" */

    { call("ping", "\"_meta\":[]"), P, 400 },
    { call("ping", "\"_meta\":null"), P, 400 },
    { call("ping", "\"_meta\":{\"" RESERVED "protocolVersion\":20260728}"),
      P, 400 },
    { call("ping", "\"_meta\":{\"" RESERVED "protocolVersion\":null}"),
      P, 400 },
    { call("ping", "\"_meta\":{\"" RESERVED "clientCapabilities\":[]}"),
      P, 400 },
    { call("ping", "\"_meta\":{\"" RESERVED "clientInfo\":\"me\"}"), P, 400 },

    /* a notification can only be refused by HTTP */

    { note("notifications/cancelled", "\"requestId\":null"), P, 400 },
    { note("notifications/cancelled", "\"requestId\":{}"), P, 400 },
    { note("notifications/progress", "\"_meta\":{\"progressToken\":{}}"),
      P, 400 }
};


static void
test_envelopes_refused(void **state)
{
    size_t  i;

    for (i = 0; i < sizeof(bad_envelopes) / sizeof(bad_t); i++) {
        refused(bad_envelopes[i].text, bad_envelopes[i].code,
                bad_envelopes[i].status);
    }

    assert_true(i >= 50);
}


static void
test_params_refused(void **state)
{
    size_t  i;

    for (i = 0; i < sizeof(bad_params) / sizeof(bad_t); i++) {
        refused(bad_params[i].text, bad_params[i].code, bad_params[i].status);
        assert_true(m.kind == MCP_NOTIFICATION || same(&m.id, "1"));
    }
}


static void
test_not_json(void **state)
{
    size_t  i;

    static const struct {
        const char       *text;
        int               position;
    } bad[] = {
        { "", 0 },
        { " \t\r\n", 4 },
        { "{", 1 },
        { "nul", 3 },
        { "{\"jsonrpc\":\"2.0\",}", 17 },
        { "{\"id\":01}", 7 },
        { "{'id':1}", 1 },
        { "{\"id\":1} x", 9 },
        { "{\"id\":\"\\ud800\"}", -1 },
        { "{\"id\":\"\xff\"}", 7 },
        { "{\"id\":\"\xc0\xaf\"}", 7 },
        { "{\"a\":1,\"a\":2", 12 },
        { "\xef\xbb\xbf{}", 0 },
        { "[1,2", 4 },
        { "  [1,,2]", 5 },
        { "[{\"a\":1,\"a\":2}", 14 }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(bad[i].text, MCP_E_PARSE, 400);
        assert_int_equal(m.id.len, 0);

        if (bad[i].position != -1
            && json_integer_value(fault_data("position")) != bad[i].position)
        {
            fail_msg("position %d for %s",
                     (int) json_integer_value(fault_data("position")),
                     bad[i].text);
        }
    }

    refused_bytes("\xfe\xff\0{\0}", 6, MCP_E_PARSE, 400);
    refused_bytes("{\0}\0", 4, MCP_E_PARSE, 400);
    refused_bytes("{\"a\":\"\0\"}", 9, MCP_E_PARSE, 400);
    refused_bytes("{}\0", 3, MCP_E_PARSE, 400);

    assert_int_equal(mcp_message_parse(&m, arena, NULL, 0, MSG_DEPTH, &fault),
                     MCP_ERROR);
    assert_int_equal(fault.code, MCP_E_PARSE);
}


static void
test_depth(void **state)
{
    unsigned  i;
    char      text[300], *p;

    for (i = MSG_DEPTH - 1; i <= MSG_DEPTH; i++) {
        p = text + sprintf(text, "{" J ",\"id\":1,\"method\":\"x\","
                                 "\"params\":");
        memset(p, '[', i);
        memset(p + i, ']', i);
        p += 2 * i;
        *p++ = '}';
        *p = '\0';

        refused(text, i < MSG_DEPTH ? R : MCP_E_PARSE, 400);
    }
}


static void
test_batches(void **state)
{
    size_t  i;
    char   *many;

#define PING  "{" J ",\"id\":1,\"method\":\"ping\"}"

    static const struct {
        const char       *text;
        int               position;
    } bad[] = {
        { "[]", 0 },
        { "[ ]", 0 },
        { " []", 1 },
        { "\r\n\t []", 4 },
        { "[" PING "]", 0 },
        { "\n[" PING "]\n", 1 },
        { "[" PING "," PING "]", 0 },
        { "[" PING ",{}]", 0 },
        { "[[" PING "]]", 0 },
        { "[[[]]]", 0 },
        { "[1]", 0 },
        { "[null]", 0 },
        { "[\"a\",{}]", 0 },
        { "[{\"a\":1,\"a\":1}]", 0 },
        { "[{\"a\":{\"b\":1,\"b\":1}}]", 0 },
        { "[{\"ID\":1}]", 0 },
        { "[{" J ",\"id\":1,\"result\":{}}]", 0 },
        { "[{" J ",\"method\":\"notifications/initialized\"}]", 0 },
        { "[{" J ",\"id\":1,\"method\":\"tools/call\",\"params\":"
          "{\"name\":\"x\"}}," PING "]", 0 },
        { "[" PING "," PING "," PING "," PING "," PING "]", 0 }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refused(bad[i].text, R, 400);
        assert_non_null(strstr(fmt("%.*s", (int) fault.message.len,
                                   (char *) fault.message.data),
                               "batches are not accepted; send each message "
                               "in a request of its own"));
        assert_int_equal(json_integer_value(fault_data("position")),
                         bad[i].position);
        assert_int_equal(m.id.len, 0);
    }

    assert_true(i >= 20);

    /* what a batch costs does not depend on its size */

    many = malloc(2000001);
    assert_non_null(many);
    memset(many, ',', 2000001);
    for (i = 1; i < 2000000; i += 2) {
        many[i] = '1';
    }
    many[0] = '[';
    many[2000000] = ']';

    refused_bytes(many, 2000001, R, 400);
    free(many);
}


/* Nothing of the corpus is a message; what is no JSON is told from the rest. */

static void
test_corpus(void **state)
{
    int             rc, n;
    DIR            *dir;
    FILE           *f;
    char           *path;
    size_t          len;
    const char     *corpora;
    struct dirent  *entry;

    static char  text[300000];

    corpora = getenv("MCP_CORPORA");
    path = fmt("%s/jsontestsuite/test_parsing",
               corpora ? corpora : "../shared/corpora");

    dir = opendir(path);
    if (dir == NULL) {
        fail_msg("no corpus in %s", path);
    }

    n = 0;

    while ((entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.') {
            continue;
        }

        f = fopen(fmt("%s/%s", path, entry->d_name), "rb");
        assert_non_null(f);
        len = fread(text, 1, sizeof(text), f);
        assert_true(feof(f));
        fclose(f);

        rc = parse_bytes(text, len);
        n++;

        if (rc != MCP_ERROR || fault.status != 400
            || (entry->d_name[0] == 'n' && fault.code != MCP_E_PARSE)
            || (entry->d_name[0] == 'y' && fault.code != R)
            || (fault.code != R && fault.code != MCP_E_PARSE))
        {
            fail_msg("%d: %d for %s", rc, fault.code, entry->d_name);
        }
    }

    closedir(dir);
    assert_true(n > 300);
}


static void
test_ids(void **state)
{
    size_t  i;
    char   *large;

    static const char  *ids[] = {
        "0", "1", "-1", "-0", "42", "1.0", "1.5", "-1.5e3", "1e2", "1E+2",
        "1e400", "1e-400", "9007199254740991", "9007199254740993",
        "18446744073709551616", "12345678901234567890", "0.1000",
        "\"\"", "\"a\"", "\"1\"", "\"null\"", "\"\\u0061\"", "\"\\\"\"",
        "\"a\\\\b\"", "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"",
        "\"\\u0000\"", "\"  \"", "\"\\/\"",
        "\"7f8b3c52-2a3c-4ffb-a8d0-5a0d4d3cf3a1\"", NULL
    };

    for (i = 0; ids[i] != NULL; i++) {
        parse_ok(fmt("{" J ",\"id\":%s,\"method\":\"ping\"}", ids[i]));
        assert_str(&m.id, ids[i]);
        assert_int_equal(m.kind, MCP_REQUEST);

        parse_ok(fmt("{\"id\" : %s , \"result\":{}," J "}", ids[i]));
        assert_str(&m.id, ids[i]);
        assert_int_equal(m.kind, MCP_RESPONSE);

        /* it is known in an answer to what is refused, too */

        refused(fmt("{" J ",\"method\":\"ping\",\"params\":[],\"id\":%s}",
                    ids[i]), R, 400);
        assert_str(&m.id, ids[i]);

        refused(fmt("{\"id\":%s,\"method\":\"ping\"}", ids[i]), R, 400);
        assert_str(&m.id, ids[i]);

        refused(fmt("{" J ",\"Method\":\"x\",\"method\":\"ping\",\"id\":%s}",
                    ids[i]), R, 400);
        assert_str(&m.id, ids[i]);

        refused(fmt("{" J ",\"method\":\"x\",\"params\":{\"a\":1,\"a\":2},"
                    "\"id\":%s}", ids[i]), R, 400);
        assert_str(&m.id, ids[i]);
    }

    large = malloc(100001);
    assert_non_null(large);
    memset(large, 'i', 100000);
    large[0] = large[99999] = '"';
    large[100000] = '\0';

    parse_ok(fmt("{" J ",\"id\":%s,\"method\":\"ping\"}", large));
    assert_str(&m.id, large);
    free(large);

    /* which of two ids it would be is not to be known */

    refused("{" J ",\"id\":1,\"method\":\"ping\",\"id\":1}", R, 400);
    assert_int_equal(m.id.len, 0);
    refused("{" J ",\"id\":1,\"method\":\"ping\",\"i\\u0064\":2}", R, 400);
    assert_int_equal(m.id.len, 0);
}


static void
test_methods(void **state)
{
    size_t       i, len;
    char        *name;
    const char  *rest;

    static const struct {
        const char       *name;
        mcp_method_e      method;
    } methods[] = {
        { "initialize", MCP_INITIALIZE },
        { "ping", MCP_PING },
        { "server/discover", MCP_DISCOVER },
        { "tools/list", MCP_TOOLS_LIST },
        { "tools/call", MCP_TOOLS_CALL },
        { "prompts/list", MCP_PROMPTS_LIST },
        { "prompts/get", MCP_PROMPTS_GET },
        { "resources/list", MCP_RESOURCES_LIST },
        { "resources/templates/list", MCP_TEMPLATES_LIST },
        { "resources/read", MCP_RESOURCES_READ },
        { "resources/subscribe", MCP_RESOURCES_SUBSCRIBE },
        { "resources/unsubscribe", MCP_RESOURCES_UNSUBSCRIBE },
        { "completion/complete", MCP_COMPLETE },
        { "logging/setLevel", MCP_SET_LEVEL },
        { "subscriptions/listen", MCP_LISTEN },
        { "notifications/initialized", MCP_INITIALIZED },
        { "notifications/cancelled", MCP_CANCELLED },
        { "notifications/progress", MCP_PROGRESS },
        { "notifications/roots/list_changed", MCP_ROOTS_CHANGED },
        { "tasks/get", MCP_TASKS_GET },
        { "tasks/update", MCP_TASKS_UPDATE },
        { "tasks/cancel", MCP_TASKS_CANCEL }
    };

    /* what all of them need */

    rest = "\"params\":{\"name\":\"n\",\"uri\":\"u\",\"taskId\":\"t\","
           "\"ref\":{\"type\":\"ref/prompt\",\"name\":\"p\"}}";

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        name = fmt("%s", methods[i].name);
        len = strlen(name);

        parse_ok(fmt("{" J ",%s\"method\":\"%s\",%s}",
                     name[0] == 'n' ? "" : "\"id\":1,", name, rest));

        assert_int_equal(m.method, methods[i].method);
        assert_int_equal(m.kind, name[0] == 'n' ? MCP_NOTIFICATION
                                                : MCP_REQUEST);
        assert_str(&m.method_name, name);

        /* escaped, it is the same */

        parse_ok(fmt("{" J ",%s\"method\":\"\\u%04x%s\",%s}",
                     name[0] == 'n' ? "" : "\"id\":1,", (unsigned) name[0],
                     name + 1, rest));
        assert_int_equal(m.method, methods[i].method);
        assert_str(&m.method_name, name);

        /* almost the same is another */

        name[len - 1] ^= 0x20;
        parse_ok(fmt("{" J ",\"method\":\"%s\",%s}", name, rest));
        assert_int_equal(m.method, MCP_METHOD_UNKNOWN);
        assert_str(&m.method_name, name);
        name[len - 1] ^= 0x20;

        parse_ok(fmt("{" J ",\"method\":\"%s\\u0000\",%s}", name, rest));
        assert_int_equal(m.method, MCP_METHOD_UNKNOWN);
        assert_int_equal(m.method_name.len, len + 1);

        parse_ok(fmt("{" J ",\"method\":\"%.*s\",%s}", (int) len - 1, name,
                     rest));
        assert_int_equal(m.method, MCP_METHOD_UNKNOWN);
    }
}


/* The nodes are of the right values, wherever these stand. */

static int
raw_is(uint32_t node, const char *text)
{
    mcp_str_t  raw;

    raw = mcp_json_raw(&m.tape, node);

    return node != 0 && same(&raw, text);
}


static void
test_fields(void **state)
{
    parse_ok("{\"method\":\"tools/call\",\"params\":{\"x\":{\"name\":\"no\"},"
             "\"arguments\":{\"name\":\"no\",\"_meta\":{}},\"_meta\":{"
             "\"progressToken\":7,\"vendor\":[{\"progressToken\":1}],\""
             RESERVED "clientInfo\":{\"name\":\"c\"},\"" RESERVED
             "clientCapabilities\":{\"a\":1},\"" RESERVED
             "protocolVersion\":\"2026\\u002d07-28\"},\"n\\u0061me\":"
             "\"\\u0074ool\"},\"id\":\"i\"," J "}");

    assert_str(&m.name, "tool");
    assert_true(raw_is(m.name_node, "\"\\u0074ool\""));
    assert_true(raw_is(m.arguments, "{\"name\":\"no\",\"_meta\":{}}"));
    assert_true(raw_is(m.progress_token, "7"));
    assert_true(raw_is(m.client_info, "{\"name\":\"c\"}"));
    assert_true(raw_is(m.capabilities, "{\"a\":1}"));
    assert_true(raw_is(m.version_node, "\"2026\\u002d07-28\""));
    assert_str(&m.version, "2026-07-28");
    assert_true(raw_is(m.id_node, "\"i\""));
    assert_int_equal(m.cursor, 0);
    assert_int_equal(m.cancel_id, 0);

    parse_ok(call("prompts/get", "\"name\":\"\",\"arguments\":{}"));
    assert_int_equal(m.name.len, 0);
    assert_true(m.name_node != 0 && m.arguments != 0);

    parse_ok(call("resources/read", "\"uri\":\"a:b\",\"name\":\"x\","
                  "\"arguments\":3"));
    assert_str(&m.name, "a:b");
    assert_true(raw_is(m.name_node, "\"a:b\""));
    assert_int_equal(m.arguments, 0);

    parse_ok(call("resources/subscribe", "\"uri\":\"a:b\""));
    assert_str(&m.name, "a:b");

    parse_ok(call("tasks/update", "\"taskId\":\"t\""));
    assert_str(&m.name, "t");

    parse_ok(call("tools/list", "\"cursor\":\"\""));
    assert_true(raw_is(m.cursor, "\"\""));
    assert_int_equal(m.name_node, 0);

    parse_ok(bare("tools/list"));
    assert_true(m.cursor == 0 && m.params == 0 && m.meta == 0);

    parse_ok(note("notifications/cancelled", "\"requestId\":1.0"));
    assert_true(raw_is(m.cancel_id, "1.0"));
    assert_int_equal(m.id.len, 0);

    parse_ok(call("completion/complete", "\"ref\":{\"name\":\"p\",\"type\":"
                  "\"ref/prompt\",\"uri\":\"u\"},\"argument\":{}"));
    assert_str(&m.name, "p");
    assert_int_equal(m.ref_resource, 0);

    parse_ok(call("completion/complete", "\"ref\":{\"name\":\"p\",\"type\":"
                  "\"ref\\/resource\",\"uri\":\"u\"}"));
    assert_str(&m.name, "u");
    assert_int_equal(m.ref_resource, 1);

    parse_ok("{" J ",\"id\":0,\"error\":{\"code\":1,\"message\":\"\"}}");
    assert_int_equal(m.kind, MCP_RESPONSE);
    assert_int_equal(m.method_name.len, 0);

    /* methods of others may have params of any kind */

    parse_ok(call("vendor/x", "\"name\":[],\"uri\":1,\"arguments\":[],"
                  "\"cursor\":{},\"ref\":0,\"protocolVersion\":{},"
                  "\"capabilities\":1,\"requestId\":null"));
    assert_true(m.name_node == 0 && m.arguments == 0 && m.cursor == 0
                && m.capabilities == 0 && m.cancel_id == 0);
}


static void
test_initialize(void **state)
{
    parse_ok(call("initialize", "\"protocolVersion\":\"2025-06-18\","
                  "\"capabilities\":{\"roots\":{}},\"clientInfo\":{}"));
    assert_str(&m.version, "2025-06-18");
    assert_int_equal(m.version_node, 0);
    assert_true(raw_is(m.capabilities, "{\"roots\":{}}"));
    assert_true(raw_is(m.client_info, "{}"));

    parse_ok(bare("initialize"));
    assert_int_equal(m.version.len, 0);

    /* without a version there, _meta is not the modern one */

    parse_ok(call("initialize", "\"_meta\":{\"" RESERVED
                  "clientCapabilities\":{\"a\":1}},\"capabilities\":{}"));
    assert_true(raw_is(m.capabilities, "{}"));

    /* with one, the method is unknown, whatever its params */

    parse_ok(call("initialize", META ",\"protocolVersion\":1,"
                  "\"capabilities\":[],\"clientInfo\":0"));
    assert_str(&m.version, "2026-07-28");
    assert_true(raw_is(m.capabilities, "{}"));
    assert_true(m.version_node != 0 && m.client_info == 0);

    parse_ok(call("resources/subscribe", META));
    assert_int_equal(m.name_node, 0);
    parse_ok(call("resources/unsubscribe", META ",\"uri\":1"));
    assert_int_equal(m.name_node, 0);
}


/* The number of allocations after which text gives rc; all before: NOMEM. */

static void
run_out(const char *text, int expected)
{
    int             rc;
    unsigned        i;
    oom_arena_t     oom;
    unsigned char  *copy;

    copy = msg_copy(text, strlen(text));

    for (i = 0; i < 1000; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_message_parse(&m, &oom.arena, copy, strlen(text), MSG_DEPTH,
                               &fault);
        if (rc != MCP_NOMEM) {
            break;
        }
    }

    assert_int_equal(rc, expected);
    assert_true(i > 0);
    assert_int_equal(i, oom.made);
}


static void
test_no_memory(void **state)
{
    size_t  i;

    run_out("{\"jsonrp\\u0063\":\"2\\u002e0\",\"i\\u0064\":\"\\u0031\","
            "\"metho\\u0064\":\"tools\\/call\",\"\\u0070arams\":{"
            "\"n\\u0061me\":\"\\u0061\",\"_met\\u0061\":{\"\\u0061\":1,"
            "\"" RESERVED "protocolVersio\\u006e\":\"2026\\u002d07-28\"},"
            "\"\\u0061rguments\":{\"\\u0061\":1}}}", MCP_OK);
    run_out("{" J ",\"id\":1,\"method\":\"completion\\/complete\",\"params\":{"
            "\"re\\u0066\":{\"t\\u0079pe\":\"ref\\/prompt\",\"\\u006eame\":"
            "\"\\u006e\"}}}", MCP_OK);
    run_out(call("initialize", "\"protocolVersion\":\"2025\\u002d11-25\""),
            MCP_OK);
    run_out(call("x", "\"a\":1,\"a\":2"), MCP_ERROR);
    run_out(call("x", "\"N\\u0061me\":1"), MCP_ERROR);
    run_out(call("x", "\"_meta\":{\"progress\\u0074oken\":{}}"), MCP_ERROR);
    run_out("{\"id\":1", MCP_ERROR);
    run_out("[]", MCP_ERROR);
    run_out("", MCP_ERROR);

    for (i = 0; i < sizeof(bad_envelopes) / sizeof(bad_t); i++) {
        run_out(bad_envelopes[i].text, MCP_ERROR);
    }

    for (i = 0; i < sizeof(bad_params) / sizeof(bad_t); i++) {
        run_out(bad_params[i].text, MCP_ERROR);
    }
}


/* A plain message takes the tape's memory and no more. */

static void
test_no_waste(void **state)
{
    const char       *text;
    oom_arena_t       oom, tape;
    unsigned char    *copy;
    mcp_json_tape_t   t;

    text = "{" J ",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
           "\"get_weather\",\"arguments\":{\"city\":\"Oslo\",\"days\":3},"
           META "}}";
    copy = msg_copy(text, strlen(text));

    oom_init(&tape, arena, 1000);
    assert_int_equal(mcp_json_tape(&t, &tape.arena, copy, strlen(text),
                                   MSG_DEPTH), MCP_OK);
    oom_init(&oom, arena, 1000);
    assert_int_equal(mcp_message_parse(&m, &oom.arena, copy, strlen(text),
                                       MSG_DEPTH, &fault), MCP_OK);
    assert_int_equal(oom.made, tape.made);
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        msg_test(test_envelopes_refused),
        msg_test(test_params_refused),
        msg_test(test_not_json),
        msg_test(test_depth),
        msg_test(test_batches),
        msg_test(test_corpus),
        msg_test(test_ids),
        msg_test(test_methods),
        msg_test(test_fields),
        msg_test(test_initialize),
        msg_test(test_no_memory),
        msg_test(test_no_waste)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fault_forget();

    return rc;
}
