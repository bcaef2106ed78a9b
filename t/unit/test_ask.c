
/* Ids of requests to clients: what a backend gave comes back, nothing else. */


#include "msg.h"
#include "ask.h"


static int
join(void *data, const unsigned char *p, size_t len)
{
    mcp_buf_append(data, p, len);
    return MCP_OK;
}


static const char *
edited(const mcp_edits_t *edits, const unsigned char *text, size_t len)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 64);
    assert_int_equal(mcp_edits_spans(edits, text, len, join, &b), MCP_OK);
    assert_int_equal(b.len, edits->len);
    mcp_buf_append(&b, "", 1);
    assert_false(b.failed);

    return (const char *) b.data;
}


/* The answer of a client with that id; MCP_ERROR or the text and session. */

static int
answer(const char *id, unsigned *session, const char **text)
{
    int            rc;
    size_t         len;
    char          *in;
    mcp_edits_t    edits;
    mcp_message_t  msg;

    in = mcp_alloc(arena, strlen(id) + 64);
    assert_non_null(in);
    len = (size_t) sprintf(in, "{ \"jsonrpc\":\"2.0\",\"id\": %s ,\"result\":"
                           "{\"n\":1.0}}", id);

    assert_int_equal(mcp_message_parse(&msg, arena, (unsigned char *) in, len,
                                       MSG_DEPTH, &fault), MCP_OK);

    rc = mcp_ask_answer(&msg, arena, session, &edits);
    if (rc == MCP_OK) {
        *text = edited(&edits, (unsigned char *) in, len);
    }

    return rc;
}


static void
test_refuses_ids_of_others(void **state)
{
    unsigned     i, session;
    const char  *text;

    static const char *const  bad[] = {
        "0", "1", "-1", "0.1", "\"\"", "\".\"", "\"0\"", "\"0.\"", "\".1\"",
        "\"a.1\"", "\"-1.1\"", "\"00.1\"", "\"01.1\"", "\"100.1\"",
        "\"0.a\"", "\"0.1 2\"", "\"0.1,2\"", "\"0.null\"", "\"0.true\"",
        "\"0.{}\"", "\"0.[]\"", "\"0.[1]\"", "\"0.\\\"a\"", "\"0.\\\"a\\\"b\"",
        "\"0.1,\\\"result\\\":{}\"", "\"0.1}\"", "\"0.\\\"\\n\\\"\"",
        "\"0.1\\u0000\"", "\" 0.1\"", "\"0 .1\"", "\"0.01\"", "\"0.+1\""
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (answer(bad[i], &session, &text) != MCP_ERROR) {
            fail_msg("%s was taken", bad[i]);
        }
    }
}


static void
test_only_responses(void **state)
{
    unsigned       session;
    mcp_edits_t    edits;
    mcp_message_t  msg;

    static const char  in[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"0.1\",\"method\":\"ping\"}";

    assert_int_equal(mcp_message_parse(&msg, arena, (unsigned char *) in,
                                       sizeof(in) - 1, MSG_DEPTH, &fault),
                     MCP_OK);
    assert_int_equal(mcp_ask_answer(&msg, arena, &session, &edits),
                     MCP_ERROR);
}


static void
test_refuses_bad_requests(void **state)
{
    unsigned     i;
    mcp_str_t    none;
    mcp_edits_t  edits;

    static const char *const  bad[] = {
        "", "{", "1", "[]", "{}", "{\"id\":null}", "{\"id\":{}}",
        "{\"id\":[1]}", "{\"id\":true}", "{\"params\":{\"id\":1}}",
        "{\"params\":{}}", "{\"params\":1}", "{\"requestId\":1}",
        "{\"params\":{\"requestId\":null}}",
        "{\"params\":{\"requestId\":{}}}"
    };

    none.len = 0;
    none.data = NULL;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mcp_ask_request((const unsigned char *) bad[i],
                                         strlen(bad[i]), 0, &none, arena,
                                         &edits), MCP_ERROR);
        assert_int_equal(mcp_ask_cancelled((const unsigned char *) bad[i],
                                           strlen(bad[i]), 0, arena, &edits),
                         MCP_ERROR);
    }
}


static void
test_ids_come_back(void **state)
{
    int             len;
    char            in[512];
    unsigned        i, n, session;
    mcp_str_t       none;
    const char     *text, *id;
    mcp_edits_t     edits;
    mcp_message_t   msg;

    static const char *const  ids[] = {
        "0", "1", "-1", "-0", "1.0", "1e5", "18446744073709551616",
        "\"\"", "\"0\"", "\"a b\"", "\"0.1\"", "\"\\\"\\\\\\/\\n\"",
        "\"\\u00e9\"", "\"\xc3\xa9\"", "\"\\ud83d\\ude00\"", "\"\\u0000\"",
        "\"</script>\"", "\"1,\\\"x\\\":2\""
    };

    none.len = 0;
    none.data = NULL;

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {

        for (n = 0; n < 16; n++) {
            len = sprintf(in, "{\"method\":\"m\",\"params\":{\"id\":5}, "
                          "\"id\" : %s ,\"jsonrpc\":\"2.0\"}", ids[i]);

            assert_int_equal(mcp_ask_request((unsigned char *) in,
                                             (size_t) len, n, &none, arena,
                                             &edits), MCP_OK);
            text = edited(&edits, (unsigned char *) in, (size_t) len);

            assert_int_equal(mcp_message_parse(&msg, arena,
                                 (const unsigned char *) text, strlen(text),
                                 MSG_DEPTH, &fault), MCP_OK);
            assert_int_equal(msg.id.data[0], '"');

            id = (const char *) mcp_memdup(arena, msg.id.data, msg.id.len);
            session = 99;
            assert_int_equal(answer(id, &session, &text), MCP_OK);
            assert_int_equal(session, n);

            sprintf(in, "{ \"jsonrpc\":\"2.0\",\"id\": %s ,\"result\":"
                    "{\"n\":1.0}}", ids[i]);
            assert_string_equal(text, in);
        }
    }
}


/* The id of a request that was taken for the call's is given apart. */

static void
test_id_that_was_replaced(void **state)
{
    mcp_str_t    id;
    const char  *text;
    mcp_edits_t  edits;

    static const char  in[] = "{\"id\":\"client\",\"method\":\"ping\"}";

    mcp_str_set(&id, "7");
    assert_int_equal(mcp_ask_request((const unsigned char *) in,
                                     sizeof(in) - 1, 2, &id, arena, &edits),
                     MCP_OK);
    text = edited(&edits, (const unsigned char *) in, sizeof(in) - 1);
    assert_string_equal(text, "{\"id\":\"2.7\",\"method\":\"ping\"}");
}


static void
test_cancelled(void **state)
{
    const char  *text;
    mcp_edits_t  edits;

    static const char  in[] =
        "{\"method\":\"notifications/cancelled\",\"params\":"
        "{\"reason\":\"r\",\"requestId\":\"a\"}}";

    assert_int_equal(mcp_ask_cancelled((const unsigned char *) in,
                                       sizeof(in) - 1, 3, arena, &edits),
                     MCP_OK);
    text = edited(&edits, (const unsigned char *) in, sizeof(in) - 1);
    assert_string_equal(text,
        "{\"method\":\"notifications/cancelled\",\"params\":"
        "{\"reason\":\"r\",\"requestId\":\"3.\\\"a\\\"\"}}");
}


static void
test_no_memory(void **state)
{
    int            rc;
    unsigned       i, session;
    mcp_str_t      none;
    oom_arena_t    oom;
    mcp_edits_t    edits;
    mcp_message_t  msg;

    static const char  in[] = "{\"id\":1,\"method\":\"ping\"}";
    static const char  out[] =
        "{\"jsonrpc\":\"2.0\",\"id\":\"0.\\\"a\\\"\",\"result\":{}}";

    none.len = 0;
    none.data = NULL;

    for (i = 0; i < 16; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_ask_request((const unsigned char *) in, sizeof(in) - 1, 0,
                             &none, &oom.arena, &edits);
        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_true(i > 1 && i < 16);

    assert_int_equal(mcp_message_parse(&msg, arena, (unsigned char *) out,
                                       sizeof(out) - 1, MSG_DEPTH, &fault),
                     MCP_OK);

    for (i = 0; i < 16; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_ask_answer(&msg, &oom.arena, &session, &edits);
        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_true(i > 1 && i < 16);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses_ids_of_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_responses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_bad_requests,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_id_that_was_replaced,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
