
/* Edits of requests: the edited text is JSON with exactly what it should be. */


#include "msg.h"

#include "forward.h"


static mcp_edits_t    edits;
static mcp_forward_t  fw;


/* --- the edited text ------------------------------------------------------ */


static int
append(void *data, const unsigned char *p, size_t len)
{
    assert_true(len > 0);
    mcp_buf_append(data, p, len);

    return MCP_OK;
}


/* Edits lie in order and apart, and are counted right. */

static mcp_str_t
edited(void)
{
    size_t            end, total;
    unsigned          i;
    mcp_buf_t         b;
    mcp_str_t         text;
    const mcp_edit_t *e;

    end = 0;
    total = m.tape.len;

    for (i = 0; i < edits.n; i++) {
        e = &edits.edit[i];

        assert_true(e->at >= end && e->at <= m.tape.len);
        assert_true(e->del <= m.tape.len - e->at);
        end = e->at + e->del;
        total = total - e->del + e->ins.len;
    }

    mcp_buf_init(&b, arena, 16);
    assert_int_equal(mcp_edits_spans(&edits, m.tape.text, m.tape.len, append,
                                     &b), MCP_OK);
    assert_false(b.failed);
    assert_int_equal(b.len, total);
    assert_int_equal(b.len, edits.len);

    text.data = b.data;
    text.len = b.len;

    return text;
}


static void
defaults(mcp_era_e client, mcp_era_e backend)
{
    memset(&fw, 0, sizeof(fw));
    mcp_str_set(&fw.id, "77");
    fw.client = client;
    fw.backend = backend;
}


/* Forwards the message as fw says; what comes out equals the expected JSON. */

static void
becomes(const char *text, const char *expected)
{
    json_t     *got, *want;
    mcp_str_t   out;

    parse_ok(text);
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_OK);
    out = edited();

    got = json_loadb((char *) out.data, out.len,
                     JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    want = json_loads(expected, JSON_ALLOW_NUL, NULL);

    if (want == NULL) {
        fail_msg("the test is wrong: %s", expected);
    }

    if (got == NULL || !json_equal(got, want)) {
        fail_msg("%.*s\n not %s\nfrom %s", (int) out.len, (char *) out.data,
                 expected, text);
    }

    json_decref(got);
    json_decref(want);

    /* the gateway's own parser agrees */

    assert_int_equal(parse_bytes(out.data, out.len), MCP_OK);
    assert_str(&m.id, "77");
}


/* As becomes(), but to the byte. */

static void
becomes_text(const char *text, const char *expected)
{
    mcp_str_t  out;

    becomes(text, expected);

    parse_ok(text);
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_OK);
    out = edited();
    assert_str(&out, expected);
}


#define HEAD  "\"jsonrpc\":\"2.0\",\"method\":"
#define VER   RESERVED "protocolVersion"
#define CAP   RESERVED "clientCapabilities"
#define INFO  RESERVED "clientInfo"


/* --- id, name, token ------------------------------------------------------ */


static void
test_no_request(void **state)
{
    defaults(MCP_ERA_LEGACY, MCP_ERA_LEGACY);

    parse_ok("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}");
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_ERROR);

    parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_ERROR);
}


static void
test_id(void **state)
{
    defaults(MCP_ERA_LEGACY, MCP_ERA_LEGACY);

    becomes_text("{" HEAD "\"ping\",\"id\":1}", "{" HEAD "\"ping\",\"id\":77}");
    becomes_text("{\"id\":\"a\\u0062\"," HEAD "\"ping\"}",
                 "{\"id\":77," HEAD "\"ping\"}");
    becomes_text(" { \"id\" : -1.5e3 , " HEAD "\"ping\" } \n",
                 " { \"id\" : 77 , " HEAD "\"ping\" } \n");

    /* all else is the client's, byte for byte */

    becomes_text("{\"id\":0," HEAD "\"x\",\"params\":{\"n\":1.0,\"m\":"
                 "1E300,\"s\":\"\\u0041\\/\",\"id\":0,  \"a\":[ 1 ,2]}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"n\":1.0,\"m\":"
                 "1E300,\"s\":\"\\u0041\\/\",\"id\":0,  \"a\":[ 1 ,2]}}");
}


static void
test_name(void **state)
{
    defaults(MCP_ERA_LEGACY, MCP_ERA_LEGACY);
    mcp_str_set(&fw.name, "native");

    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\":"
                 "\"p_native\",\"arguments\":{\"name\":\"p_native\"}}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\":{\"name\":"
                 "\"native\",\"arguments\":{\"name\":\"p_native\"}}}");
    becomes_text("{\"params\":{\"n\\u0061me\":\"\"}," HEAD
                 "\"prompts/get\",\"id\":1}",
                 "{\"params\":{\"n\\u0061me\":\"native\"}," HEAD
                 "\"prompts/get\",\"id\":77}");
    becomes_text("{\"id\":1," HEAD "\"resources/read\",\"params\":{\"name\":"
                 "\"x\",\"uri\":\"a:b\"}}",
                 "{\"id\":77," HEAD "\"resources/read\",\"params\":{\"name\":"
                 "\"x\",\"uri\":\"native\"}}");
    becomes_text("{\"id\":1," HEAD "\"completion/complete\",\"params\":{"
                 "\"argument\":{\"name\":\"a\"},\"ref\":{\"type\":"
                 "\"ref/prompt\",\"name\":\"p_native\"}}}",
                 "{\"id\":77," HEAD "\"completion/complete\",\"params\":{"
                 "\"argument\":{\"name\":\"a\"},\"ref\":{\"type\":"
                 "\"ref/prompt\",\"name\":\"native\"}}}");

    /* no name in the message, none to change */

    becomes_text("{\"id\":1," HEAD "\"tools/list\"}",
                 "{\"id\":77," HEAD "\"tools/list\"}");

    /* names are text, not JSON */

    mcp_str_set(&fw.name, "a\"b\\c\n\x01\xc3\xa9\",\"x\":\"");
    becomes("{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\":\"x\"}}",
            "{\"id\":77," HEAD "\"tools/call\",\"params\":{\"name\":"
            "\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\\\",\\\"x\\\":\\\"\"}}");

    mcp_str_set(&fw.name, "");
    becomes("{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\":\"x\"}}",
            "{\"id\":77," HEAD "\"tools/call\",\"params\":{\"name\":\"\"}}");
}


static void
test_token(void **state)
{
    defaults(MCP_ERA_LEGACY, MCP_ERA_LEGACY);
    mcp_str_set(&fw.token, "\"t-9\"");

    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\":{\"_meta\":{"
                 "\"v\":1,\"progressToken\":12},\"name\":\"x\","
                 "\"progressToken\":12}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\":{\"_meta\":{"
                 "\"v\":1,\"progressToken\":\"t-9\"},\"name\":\"x\","
                 "\"progressToken\":12}}");
    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\":\"x\","
                 "\"_meta\":{}}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\":{\"name\":\"x\""
                 ",\"_meta\":{}}}");

    fw.token.data = NULL;
    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{"
                 "\"progressToken\":\"\\u0041\"}}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{"
                 "\"progressToken\":\"\\u0041\"}}}");
}


static void
test_state(void **state)
{
    defaults(MCP_ERA_MODERN, MCP_ERA_MODERN);
    mcp_str_set(&fw.state, "\"in\"");

    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\":{"
                 "\"requestState\":\"out\",\"name\":\"x\",\"arguments\":{"
                 "\"requestState\":\"out\"}}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\":{"
                 "\"requestState\":\"in\",\"name\":\"x\",\"arguments\":{"
                 "\"requestState\":\"out\"}}}");
    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\":{"
                 "\"name\":\"x\"}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\":{"
                 "\"name\":\"x\"}}");

    fw.state.data = NULL;
    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\":{"
                 "\"name\":\"x\",\"requestState\":{}}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\":{"
                 "\"name\":\"x\",\"requestState\":{}}}");
}


/* --- eras ----------------------------------------------------------------- */


/* One of the cases below: member i is reserved where that bit is set. */

static void
reserved_members(unsigned n, unsigned bits, const char *sp, mcp_era_e client)
{
    char        *in, *out;
    unsigned     i, kept;
    const char  *k;

    static const char  *reserved[] = {
        "protocolVersion\":\"2025-11-25\"", "clientCapabilities\":{\"a\":{}}",
        "clientInfo\":{\"name\":\"}\"}", "logLevel\":[1,{\"b\":[]}]",
        "any\":null", "\":-0"
    };

    in = fmt("{\"id\":1,%s" HEAD "\"tools/call\",\"params\":{\"name\":\"x\","
             "\"_meta\":%s{%s", sp, sp, sp);
    out = fmt("{\"id\":77," HEAD "\"tools/call\",\"params\":{\"name\":\"y\","
              "\"_meta\":{");
    kept = 0;

    if (client == MCP_ERA_LEGACY) {
        out = fmt("%s\"" VER "\":\"2026-07-28\",\"" CAP "\":{},\"" INFO
                  "\":{\"name\":\"me\"}", out);
        kept = 1;
    }

    for (i = 0; i < n; i++) {

        if (bits & 1u << i) {
            in = fmt("%s%s%s\"" RESERVED "%s%s", in, i ? "," : "", sp,
                     reserved[i], sp);
            continue;
        }

        k = (i == 2) ? fmt("\"progressToken\":%s%u", sp, i)
                     : fmt("\"k%u\":%s{\"x,\":[%u]}", i, sp, i);
        in = fmt("%s%s%s%s%s", in, i ? "," : "", sp, k, sp);
        out = fmt("%s%s%s", out, kept ? "," : "",
                  i == 2 ? "\"progressToken\":\"t\"" : k);
        kept++;
    }

    becomes(fmt("%s}%s,\"arguments\":{%s}}}", in, sp, sp),
            fmt("%s},\"arguments\":{}}}", out));
}


/*
 * All _meta of up to 6 members, of which some are reserved, in three styles of
 * white space, on the way to a backend of the other era.
 */

static void
test_reserved_members(void **state)
{
    unsigned  n, bits, style;

    static const char  *space[] = { "", " ", "\n\t " };

    for (n = 0; n <= 6; n++) {
        for (bits = 0; bits < 1u << n; bits++) {
            for (style = 0; style < 3; style++) {

                defaults(MCP_ERA_MODERN, MCP_ERA_LEGACY);
                mcp_str_set(&fw.name, "y");
                mcp_str_set(&fw.token, "\"t\"");
                mcp_str_set(&fw.version, "2026-07-28");
                mcp_str_set(&fw.client_info, "{\"name\":\"me\"}");

                reserved_members(n, bits, space[style], MCP_ERA_MODERN);

                fw.client = MCP_ERA_LEGACY;
                fw.backend = MCP_ERA_MODERN;

                reserved_members(n, bits, space[style], MCP_ERA_LEGACY);
            }
        }
    }
}


static void
test_modern_to_legacy(void **state)
{
    defaults(MCP_ERA_MODERN, MCP_ERA_LEGACY);

    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{\"" VER
                 "\":\"2026-07-28\",\"progressToken\":1,\"" CAP "\":{}}}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{"
                 "\"progressToken\":1}}}");

    /* escaped names are reserved as well; what only looks so is not */

    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{"
                 "\"io.modelcontextprotoco\\u006c/any\":1,"
                 "\"io.modelcontextprotocol\":2,"
                 "\"io\\u002emodelcontextprotocol\\/any2\":3}}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{"
                 "\"io.modelcontextprotocol\":2}}}");

    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{" META "}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{}}}");
    becomes_text("{\"id\":1," HEAD "\"x\"}", "{\"id\":77," HEAD "\"x\"}");
}


static void
test_legacy_to_modern(void **state)
{
    defaults(MCP_ERA_LEGACY, MCP_ERA_MODERN);

#define OURS  "\"" VER "\":\"2026-07-28\",\"" CAP "\":{}"

    becomes_text("{\"id\":1," HEAD "\"tools/list\"}",
                 "{\"params\":{\"_meta\":{" OURS "}},\"id\":77," HEAD
                 "\"tools/list\"}");
    becomes_text(" {\"id\":1," HEAD "\"tools/list\",\"params\":{}}",
                 " {\"id\":77," HEAD "\"tools/list\",\"params\":{\"_meta\":{"
                 OURS "}}}");
    becomes_text("{\"id\":1," HEAD "\"tools/call\",\"params\": {\"name\":"
                 "\"x\"}}",
                 "{\"id\":77," HEAD "\"tools/call\",\"params\": {\"_meta\":{"
                 OURS "},\"name\":\"x\"}}");
    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{ }}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{" OURS
                 " }}}");
    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{\"a\":1}}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{" OURS
                 ",\"a\":1}}}");

    /* the client's claims are not passed on as the gateway's */

    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{\"" CAP
                 "\":{\"sampling\":{}}}}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{" OURS
                 "}}}");

    mcp_str_set(&fw.version, "2027-\"01");
    mcp_str_set(&fw.client_info, "{ \"name\":\"c\" }");
    becomes_text("{\"id\":1," HEAD "\"x\"}",
                 "{\"params\":{\"_meta\":{\"" VER "\":\"2027-\\\"01\",\"" INFO
                 "\":{ \"name\":\"c\" },\"" CAP "\":{}}},\"id\":77," HEAD
                 "\"x\"}");
}


static void
test_tasks_left_out(void **state)
{
    size_t  i;

#define TASKS  "\"" RESERVED "tasks\""
#define CALL   "{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{\"" VER        \
               "\":\"2026-07-28\",\"" CAP "\":{\"a\":{},\"extensions\":%s}}}}"
#define SENT   "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{\"" VER       \
               "\":\"2026-07-28\",\"" CAP "\":{\"a\":{},\"extensions\":%s}}}}"

    static const char  *extensions[][2] = {
        { "{}", "{}" },
        { "{" TASKS ":{}}", "{}" },
        { "{ " TASKS " : { } }", "{  }" },
        { "{" TASKS ":{},\"x\":1}", "{\"x\":1}" },
        { "{\"x\":1," TASKS ":{}}", "{\"x\":1}" },
        { "{\"x\":1 , " TASKS ":[{}] , \"y\":2}", "{\"x\":1 , \"y\":2}" },
        { "{\"io.modelcontextprotocol\\/t\\u0061sks\":0}", "{}" },
        { "{\"tasks\":{}}", "{\"tasks\":{}}" },
        { "[" TASKS "]", "[" TASKS "]" },
        { TASKS, TASKS }, { "null", "null" }
    };

    defaults(MCP_ERA_MODERN, MCP_ERA_MODERN);

    for (i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        becomes_text(fmt(CALL, extensions[i][0]),
                     fmt(SENT, extensions[i][1]));
    }

    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{" META "}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{" META "}}");
    becomes_text("{\"id\":1," HEAD "\"x\"}", "{\"id\":77," HEAD "\"x\"}");

    /* between legacy peers nothing is touched */

    defaults(MCP_ERA_LEGACY, MCP_ERA_LEGACY);
    becomes_text("{\"id\":1," HEAD "\"x\",\"params\":{\"_meta\":{\"" RESERVED
                 "related-task\":{}}}}",
                 "{\"id\":77," HEAD "\"x\",\"params\":{\"_meta\":{\"" RESERVED
                 "related-task\":{}}}}");
}


/* --- limits --------------------------------------------------------------- */


/* A _meta in which every other member is reserved. */

static char *
alternating(unsigned runs)
{
    unsigned   i;
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 0);
    mcp_buf_literal(&b, "{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\""
                        ":\"x\",\"_meta\":{\"progressToken\":1");

    for (i = 0; i < runs; i++) {
        mcp_buf_literal(&b, ",\"" RESERVED "r");
        mcp_buf_uint(&b, i);
        mcp_buf_literal(&b, "\":1,\"k");
        mcp_buf_uint(&b, i);
        mcp_buf_literal(&b, "\":1");
    }

    mcp_buf_append(&b, "}}}", 4);
    assert_false(b.failed);

    return (char *) b.data;
}


static void
test_too_many_edits(void **state)
{
    unsigned  most;

    defaults(MCP_ERA_LEGACY, MCP_ERA_MODERN);
    mcp_str_set(&fw.name, "y");
    mcp_str_set(&fw.token, "2");

    /* id, name, token and our own members take four */

    most = MCP_EDITS_MAX - 4;

    parse_ok(alternating(most));
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_OK);
    assert_int_equal(edits.n, MCP_EDITS_MAX);
    (void) edited();

    parse_ok(alternating(most + 1));
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_ERROR);
    parse_ok(alternating(5000));
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_ERROR);
}


static int
stop(void *data, const unsigned char *p, size_t len)
{
    unsigned  *left;

    left = data;

    return (*left)-- == 0 ? MCP_AGAIN : MCP_OK;
}


static void
test_spans(void **state)
{
    unsigned   i, left;
    mcp_buf_t  b;

    defaults(MCP_ERA_LEGACY, MCP_ERA_LEGACY);
    parse_ok("{\"id\":1," HEAD "\"x\"}");
    assert_int_equal(mcp_forward(&m, &fw, arena, &edits), MCP_OK);

    /* in front, the id, behind: an end at each of them is passed on */

    for (i = 0; i < 3; i++) {
        left = i;
        assert_int_equal(mcp_edits_spans(&edits, m.tape.text, m.tape.len, stop,
                                         &left), MCP_AGAIN);
    }

    left = 3;
    assert_int_equal(mcp_edits_spans(&edits, m.tape.text, m.tape.len, stop,
                                     &left), MCP_OK);

    /* edits of another text */

    mcp_buf_init(&b, arena, 64);
    assert_int_equal(mcp_edits_spans(&edits, m.tape.text, 3, append, &b),
                     MCP_ERROR);
    assert_int_equal(mcp_edits_spans(&edits, m.tape.text, 6, append, &b),
                     MCP_ERROR);

    edits.n = 0;
    assert_int_equal(mcp_edits_spans(&edits, m.tape.text, 0, append, &b),
                     MCP_OK);
}


static void
test_no_memory(void **state)
{
    int          rc;
    size_t       i;
    unsigned     n;
    oom_arena_t  oom;

    static const char  *texts[] = {
        "{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\":\"x\"}}",
        "{\"id\":1," HEAD "\"tools/call\",\"params\":{\"name\":\"x\","
        "\"_meta\":{\"\\u0061\":1,\"io.modelcontextprotocol\\/b\":2}}}",
        "{\"id\":1," HEAD "\"tools/list\"}"
    };

    defaults(MCP_ERA_LEGACY, MCP_ERA_MODERN);
    mcp_str_set(&fw.name, "native");

    fw.client_info.len = 1000;
    fw.client_info.data = memset(mcp_alloc(arena, 1000), '1', 1000);

    for (i = 0; i < sizeof(texts) / sizeof(char *); i++) {
        parse_ok(texts[i]);

        for (n = 0; n < 20; n++) {
            oom_init(&oom, arena, n);
            rc = mcp_forward(&m, &fw, &oom.arena, &edits);
            if (rc != MCP_NOMEM) {
                break;
            }
        }

        assert_int_equal(rc, MCP_OK);
        assert_true(n > 0);
    }
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        msg_test(test_no_request),
        msg_test(test_id),
        msg_test(test_name),
        msg_test(test_token),
        msg_test(test_state),
        msg_test(test_reserved_members),
        msg_test(test_modern_to_legacy),
        msg_test(test_legacy_to_modern),
        msg_test(test_tasks_left_out),
        msg_test(test_too_many_edits),
        msg_test(test_spans),
        msg_test(test_no_memory)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fault_forget();

    return rc;
}
