
/* The relay: edits, judgements and refusals, however the input is cut. */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay.h"


/* pairs of client and backend */

typedef enum {
    MM = 0,
    LL,
    ML,
    ML_READ,
    ML_URI,
    LM,
    LM_READ,
    LM_0618,
    LM_0326,
    LM_1105,
    UU,
    PAIRS
} pair_e;


/*
 * out NULL: refused, and "is" is in the reason; else "is" is all that is known
 * at the end, as describe() puts it.
 */

typedef struct {
    pair_e                pair;
    const char           *in;
    const char           *out;
    const char           *is;
} case_t;


typedef struct {
    int                   rc;
    size_t                len;
    size_t                size;
    unsigned              calls;
    unsigned              empty;     /* calls without a byte */
    unsigned char        *data;
    mcp_relay_t           re;
} run_t;


static mcp_relay_conf_t
conf_of(pair_e pair)
{
    mcp_relay_conf_t  conf;

    memset(&conf, 0, sizeof(conf));

    mcp_str_set(&conf.id, "7");
    mcp_str_set(&conf.client_id, "\"c-\\u00e4\"");
    mcp_str_set(&conf.token, "\"gw-1\"");
    mcp_str_set(&conf.client_token, "99");
    mcp_str_set(&conf.client_version, "2025-11-25");
    conf.method = MCP_TOOLS_CALL;
    conf.max_depth = 20;
    conf.client = MCP_ERA_LEGACY;
    conf.backend = MCP_ERA_LEGACY;

    switch (pair) {
    case MM:
        conf.client = MCP_ERA_MODERN;
        conf.backend = MCP_ERA_MODERN;
        break;
    case ML_URI:
        mcp_str_set(&conf.uri, "\"u:\\\"\"");
        /* fall through */
    case ML_READ:
        conf.method = MCP_RESOURCES_READ;
        /* fall through */
    case ML:
        conf.client = MCP_ERA_MODERN;
        break;
    case LM_0618:
        mcp_str_set(&conf.client_version, "2025-06-18");
        conf.backend = MCP_ERA_MODERN;
        break;
    case LM_0326:
        mcp_str_set(&conf.client_version, "2025-03-26");
        conf.backend = MCP_ERA_MODERN;
        break;
    case LM_1105:
        mcp_str_set(&conf.client_version, "2024-11-05");
        conf.backend = MCP_ERA_MODERN;
        break;
    case LM_READ:
        conf.method = MCP_RESOURCES_READ;
        /* fall through */
    case LM:
        conf.backend = MCP_ERA_MODERN;
        break;
    case UU:
        conf.client = MCP_ERA_UNKNOWN;
        conf.backend = MCP_ERA_UNKNOWN;
        break;
    default:
        break;
    }

    return conf;
}


static int
take(void *data, const unsigned char *p, size_t len)
{
    run_t  *run;

    run = data;
    run->calls++;
    run->empty += (len == 0);

    if (run->size - run->len < len) {
        run->size = (run->len + len) * 2;
        run->data = realloc(run->data, run->size);
        assert_non_null(run->data);
    }

    memcpy(run->data + run->len, p, len);
    run->len += len;

    return MCP_OK;
}


static void
start(run_t *run, const mcp_relay_conf_t *conf)
{
    memset(run, 0, sizeof(run_t));
    mcp_relay_init(&run->re, conf);
}


/* A piece at its own end of memory, so that a sanitizer sees an overrun. */

static void
feed(run_t *run, const char *in, size_t len)
{
    unsigned char  *p;

    if (run->rc != MCP_OK) {
        return;
    }

    p = malloc(len ? len : 1);
    assert_non_null(p);
    memcpy(p, in, len);
    run->rc = mcp_relay_feed(&run->re, p, len, take, run);
    memset(p, '#', len);
    free(p);
}


static void
finish(run_t *run)
{
    if (run->rc == MCP_OK) {
        run->rc = mcp_relay_finish(&run->re, take, run);
    }
}


static void
describe(const run_t *run, char *s, size_t size)
{
    size_t              n;
    const mcp_relay_t  *re;

    static const char  *kinds[] = {
        "unknown", "result", "error", "notification", "request"
    };

    static const char  *types[] = {
        "", " complete", " input", " task", " other"
    };

    re = &run->re;

    n = (size_t) snprintf(s, size, "%s%s%s%s", kinds[re->kind],
                          types[re->result_type],
                          re->is_error ? " iserror" : "",
                          re->id_ours ? " ours" : "");

    assert_int_equal(re->id_seen, re->id_len != 0);

    if (re->id_null) {
        n += (size_t) snprintf(s + n, size - n, " null");

    } else if (re->id_seen && !re->id_ours) {
        n += (size_t) snprintf(s + n, size - n, " id=%.*s", (int) re->id_len,
                               (const char *) re->id);
    }

    if (re->error_code != 0) {
        n += (size_t) snprintf(s + n, size - n, " code=%lld",
                               (long long) re->error_code);
    }

    if (re->method_len != 0) {
        snprintf(s + n, size - n, " method=%.*s", (int) re->method_len,
                 (const char *) re->method);
    }
}


static void
check(run_t *run, const case_t *c, const char *how, size_t at, size_t at2)
{
    int   ok;
    char  is[1024];

    if (c->out == NULL) {
        ok = run->rc == MCP_ERROR && run->re.why != NULL
             && strstr(run->re.why, c->is) != NULL;
        snprintf(is, sizeof(is), "%s", run->re.why ? run->re.why : "-");

    } else {
        describe(run, is, sizeof(is));
        ok = run->rc == MCP_DONE && run->len == strlen(c->out)
             && memcmp(run->data, c->out, run->len) == 0
             && strcmp(is, c->is) == 0 && run->empty == 0;
    }

    if (!ok) {
        print_error("pair %d, %s %zu %zu: %s\n"
                    "  expected %s (%s)\n  got %d %.*s (%s)\n",
                    c->pair, how, at, at2, c->in, c->out ? c->out : "refusal",
                    c->is, run->rc, (int) run->len,
                    run->data ? (char *) run->data : "", is);
        fail();
    }

    free(run->data);
}


/* Whole, at all places cut in two, byte by byte; short ones cut in three. */

static void
try_case(const case_t *c)
{
    run_t             run;
    size_t            i, j, len;
    mcp_relay_conf_t  conf;

    conf = conf_of(c->pair);
    len = strlen(c->in);

    start(&run, &conf);
    feed(&run, c->in, len);
    finish(&run);
    check(&run, c, "whole", 0, 0);

    for (i = 0; i <= len; i++) {
        start(&run, &conf);
        feed(&run, c->in, i);
        feed(&run, c->in + i, len - i);
        finish(&run);
        check(&run, c, "cut at", i, 0);
    }

    start(&run, &conf);

    for (i = 0; i < len; i++) {
        feed(&run, c->in + i, 1);
    }

    finish(&run);
    check(&run, c, "bytes", 0, 0);

    for (i = 1; len <= 110 && i < len; i++) {
        for (j = i + 1; j < len; j++) {
            start(&run, &conf);
            feed(&run, c->in, i);
            feed(&run, c->in + i, j - i);
            feed(&run, c->in + j, len - j);
            finish(&run);
            check(&run, c, "cut at", i, j);
        }
    }
}


static void
try_cases(const case_t *c, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        try_case(&c[i]);
    }
}

#define TRY(cases)  try_cases(cases, sizeof(cases) / sizeof((cases)[0]))


#define V     "\"jsonrpc\":\"2.0\""
#define VI    "{" V ",\"id\":7,"
#define VO    "{" V ",\"id\":\"c-\\u00e4\","
#define DONE  "\"resultType\":\"complete\""
#define READ  DONE ",\"ttlMs\":0,\"cacheScope\":\"private\""


/* --- refusals ------------------------------------------------------------ */


static void
test_not_json(void **state)
{
    static const case_t  cases[] = {
        { MM, "", NULL, "early" },
        { MM, " \n", NULL, "early" },
        { MM, "{", NULL, "early" },
        { MM, VI "\"result\":{}", NULL, "early" },
        { MM, VI "\"result\":{", NULL, "early" },
        { ML, VI "\"result\":{\"a\":1,", NULL, "early" },
        { ML, VI "\"result\":{\"a\":1", NULL, "early" },
        { LM, VI "\"result\":{\"structuredContent\":", NULL, "early" },
        { LM, VI "\"result\":{\"resultTy", NULL, "early" },
        { MM, VI "\"result\":{}}}", NULL, "" },
        { MM, VI "\"result\":{}} x", NULL, "" },
        { MM, VI "\"result\":{}}\n{}", NULL, "" },
        { MM, VI "\"result\":{},}", NULL, "" },
        { ML, VI "\"result\":{,}}", NULL, "" },
        { LM, VI "\"result\":{\"ttlMs\":1,}}", NULL, "" },
        { LM, VI "\"result\":{,\"ttlMs\":1}}", NULL, "" },
        { LM, VI "\"result\":{\"ttlMs\" 1}}", NULL, "" },
        { LM, VI "\"result\":{\"ttlMs\":1 \"a\":2}}", NULL, "" },
        { LM, VI "\"result\":{\"structuredContent\":tru}}", NULL, "" },
        { MM, "{" V ",\"id\":07,\"result\":{}}", NULL, "" },
        { MM, "{" V ",\"id\":\"a\nb\",\"result\":{}}", NULL, "" },
        { MM, VI "\"result\":\"\xff\"}", NULL, "" },
        { MM, "\xef\xbb\xbf{}", NULL, "" },
        { MM, "data: {}", NULL, "" }
    };

    TRY(cases);
}


static void
test_not_a_message(void **state)
{
    static const case_t  cases[] = {
        { MM, "[]", NULL, "not an object" },
        { MM, "[" VI "\"result\":{}}]", NULL, "not an object" },
        { MM, "\"x\"", NULL, "not an object" },
        { MM, "null", NULL, "not an object" },
        { MM, "7 ", NULL, "not an object" },

        { MM, "{}", NULL, "jsonrpc" },
        { MM, "{\"id\":7,\"result\":{}}", NULL, "jsonrpc" },
        { MM, "{\"jsonrpc\":\"1.0\",\"id\":7,\"result\":{}}", NULL, "jsonrpc" },
        { MM, "{\"jsonrpc\":\"2.0 \",\"id\":7,\"result\":{}}", NULL,
          "jsonrpc" },
        { MM, "{\"jsonrpc\":2.0,\"id\":7,\"result\":{}}", NULL, "jsonrpc" },
        { MM, "{\"jsonrpc\":[\"2.0\"],\"id\":7,\"result\":{}}", NULL,
          "jsonrpc" },
        { MM, "{\"x\":{\"jsonrpc\":\"2.0\"},\"id\":7,\"result\":{}}", NULL,
          "jsonrpc" },
        { MM, "{\"JSONRPC\":\"2.0\",\"id\":7,\"result\":{}}", NULL, "jsonrpc" },
        { MM, "{\"jsonrpc\\u0000\":\"2.0\",\"id\":7,\"result\":{}}", NULL,
          "jsonrpc" },

        { MM, "{" V "}", NULL, "neither" },
        { MM, "{" V ",\"id\":7}", NULL, "neither" },
        { MM, VI "\"params\":{}}", NULL, "neither" },
        { MM, VI "\"x\":{\"result\":{}}}", NULL, "neither" },
        { MM, "{" V ",\"result\":{}}", NULL, "without an id" },
        { MM, "{" V ",\"error\":{\"code\":1,\"message\":\"\"}}", NULL,
          "without an id" },
        { MM, "{" V ",\"result\":{},\"x\":{\"id\":7}}", NULL, "without an id" }
    };

    TRY(cases);
}


static void
test_twice(void **state)
{
    static const case_t  cases[] = {
        { MM, VI "\"id\":7,\"result\":{}}", NULL, "twice" },
        { MM, VI "\"result\":{},\"\\u0069d\":8}", NULL, "twice" },
        { MM, "{" V "," V ",\"id\":7,\"result\":{}}", NULL, "twice" },
        { MM, VI "\"result\":{},\"result\":{}}", NULL, "twice" },
        { MM, VI "\"error\":{},\"error\":{}}", NULL, "twice" },
        { MM, VI "\"method\":\"a\",\"method\":\"a\"}", NULL, "twice" },
        { MM, VI "\"result\":{\"isError\":false,\"isError\":true}}", NULL,
          "twice" },
        { MM, VI "\"result\":{" DONE "," DONE "}}", NULL, "twice" },
        { ML, VI "\"result\":{" DONE ",\"a\":1," DONE "}}", NULL, "twice" },
        { LM, VI "\"result\":{" DONE ",\"result\\u0054ype\":1}}", NULL,
          "twice" },

        { MM, VI "\"result\":{},\"error\":{}}", NULL, "more than one" },
        { MM, VI "\"error\":null,\"result\":{}}", NULL, "more than one" },
        { MM, VI "\"result\":{},\"method\":\"a\"}", NULL, "more than one" },
        { MM, VI "\"method\":\"a\",\"result\":{}}", NULL, "more than one" },
        { MM, VI "\"method\":\"a\",\"error\":{}}", NULL, "more than one" },
        { MM, VI "\"error\":{},\"method\":\"a\"}", NULL, "more than one" }
    };

    TRY(cases);
}


static void
test_wrong_types(void **state)
{
    static const case_t  cases[] = {
        { MM, "{" V ",\"id\":{},\"result\":{}}", NULL, "id of a wrong type" },
        { MM, "{" V ",\"id\":[7],\"result\":{}}", NULL, "id of a wrong type" },
        { MM, "{" V ",\"id\":true,\"result\":{}}", NULL,
          "id of a wrong type" },
        { MM, "{" V ",\"id\":false,\"result\":{}}", NULL,
          "id of a wrong type" },
        { MM, "{" V ",\"method\":7}", NULL, "no string" },
        { MM, "{" V ",\"method\":null}", NULL, "no string" },
        { MM, "{" V ",\"method\":{}}", NULL, "no string" },
        { MM, "{" V ",\"method\":[\"a\"]}", NULL, "no string" }
    };

    TRY(cases);
}


static void
test_too_deep(void **state)
{
    char    in[128];
    run_t   run;
    case_t  c;

    mcp_relay_conf_t  conf;

    c.pair = ML;
    c.in = in;

    /* the root is one of the 20 */

    memset(&in, 0, sizeof(in));
    snprintf(in, sizeof(in), "%s\"result\":%.20s%.20s}", VI,
             "[[[[[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]]]]]");
    c.out = NULL;
    c.is = "deep";
    try_case(&c);

    conf = conf_of(ML);
    start(&run, &conf);
    snprintf(in, sizeof(in), "%s\"result\":%.19s%.19s}", VI,
             "[[[[[[[[[[[[[[[[[[[[", "]]]]]]]]]]]]]]]]]]]]");
    feed(&run, in, strlen(in));
    finish(&run);
    assert_int_equal(run.rc, MCP_DONE);
    free(run.data);

    /* however many there are, it ends with the first too many */

    start(&run, &conf);
    while (run.rc == MCP_OK && run.calls < 1000) {
        feed(&run, "{\"a\":[", 6);
    }

    assert_int_equal(run.rc, MCP_ERROR);
    assert_in_range(run.calls, 9, 10);
    free(run.data);
}


/* After an end nothing is taken, and nothing comes out. */

static int
refuse(void *data, const unsigned char *p, size_t len)
{
    unsigned  *n;

    n = data;

    return (*n)-- == 0 ? MCP_NOMEM : MCP_OK;
}


static void
test_after_the_end(void **state)
{
    int               rc;
    run_t             run;
    size_t            len;
    unsigned          n, i;
    mcp_relay_t       re;
    mcp_relay_conf_t  conf;

    static const char  in[] = "{\r\n" V ",\"id\":7,\"result\":{\"ttlMs\":1, "
        "\"a\":1 ,\"structuredContent\":{},\"cacheScope\":1}\n}";

    conf = conf_of(LM);
    start(&run, &conf);
    feed(&run, "{]", 2);
    assert_int_equal(run.rc, MCP_ERROR);
    assert_int_equal(mcp_relay_feed(&run.re, (const unsigned char *) "{}", 2,
                                    take, &run), MCP_ERROR);
    assert_int_equal(mcp_relay_finish(&run.re, take, &run), MCP_ERROR);
    assert_int_equal(run.calls, 0);

    /* out() fails at each of its calls in turn, whole and byte by byte */

    len = sizeof(in) - 1;

    for (n = 0; n < 200; n++) {
        i = n;
        mcp_relay_init(&re, &conf);
        rc = mcp_relay_feed(&re, (const unsigned char *) in, len, refuse, &i);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
        assert_non_null(re.why);
        assert_int_equal(mcp_relay_feed(&re, (const unsigned char *) " ", 1,
                                        refuse, &i), MCP_ERROR);
        assert_int_equal(mcp_relay_finish(&re, refuse, &i), MCP_ERROR);
    }

    assert_in_range(n, 8, 40);

    for (n = 0; n < 200; n++) {
        i = n;
        rc = MCP_OK;
        mcp_relay_init(&re, &conf);

        for (len = 0; len < sizeof(in) - 1 && rc == MCP_OK; len++) {
            rc = mcp_relay_feed(&re, (const unsigned char *) in + len, 1,
                                refuse, &i);
        }

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_in_range(n, 40, sizeof(in));
}


/* --- what passes --------------------------------------------------------- */


static void
test_as_it_is(void **state)
{
    static const case_t  cases[] = {
        { MM, "{\"x\":{\"id\":7," DONE "}," V ",\"id\":8,\"result\":{}}",
          "{\"x\":{\"id\":7," DONE "}," V ",\"id\":8,\"result\":{}}",
          "result id=8" },
        { MM, VI "\"result\":{" DONE ",\"ttlMs\":5,\"content\":[]}}",
          VO "\"result\":{" DONE ",\"ttlMs\":5,\"content\":[]}}",
          "result complete ours" },
        { MM, VI "\"result\":{\"resultType\":\"input_required\"}}",
          VO "\"result\":{\"resultType\":\"input_required\"}}",
          "result input ours" },
        { MM, VI "\"result\":{\"resultType\":\"task\"}}",
          VO "\"result\":{\"resultType\":\"task\"}}",
          "result task ours" },
        { MM, VI "\"result\":{\"resultType\":{\"a\":\"complete\"}}}",
          VO "\"result\":{\"resultType\":{\"a\":\"complete\"}}}",
          "result other ours" },
        { MM, VI "\"result\":{\"resultType\":null}}",
          VO "\"result\":{\"resultType\":null}}", "result other ours" },
        { MM, VI "\"result\":{\"result\\u0054ype\":\"\\u0063omplete\"}}",
          VO "\"result\":{\"result\\u0054ype\":\"\\u0063omplete\"}}",
          "result complete ours" },
        { MM, VI "\"result\":{\"a\":{" DONE ",\"isError\":true}}}",
          VO "\"result\":{\"a\":{" DONE ",\"isError\":true}}}",
          "result ours" },
        { LL, VI "\"result\":{" DONE ",\"structuredContent\":[]}}",
          VO "\"result\":{" DONE ",\"structuredContent\":[]}}",
          "result complete ours" },
        { UU, VI "\"result\":{" DONE "} }", VO "\"result\":{" DONE "} }",
          "result complete ours" },

        { MM, VI "\"result\":{\"isError\":true}}",
          VO "\"result\":{\"isError\":true}}", "result iserror ours" },
        { MM, VI "\"result\":{\"isError\":false}}",
          VO "\"result\":{\"isError\":false}}", "result ours" },
        { MM, VI "\"result\":{\"isError\":\"true\"}}",
          VO "\"result\":{\"isError\":\"true\"}}", "result ours" },
        { MM, VI "\"result\":{\"isError\":[true]}}",
          VO "\"result\":{\"isError\":[true]}}", "result ours" },
        { MM, VI "\"error\":{\"isError\":true}}",
          VO "\"error\":{\"isError\":true}}", "error ours" },

        { MM, VI "\"result\":[]}", VO "\"result\":[]}", "result ours" },
        { MM, VI "\"result\":null}", VO "\"result\":null}", "result ours" },
        { MM, VI "\"error\":\"id\"}", VO "\"error\":\"id\"}", "error ours" }
    };

    TRY(cases);
}


static void
test_white_space(void **state)
{
    static const case_t  cases[] = {
        { MM, "\n{\n  " V ",\r\n  \"id\" : 7 ,\n\t\"result\"\r:\n{ }\n}\r\n",
          " {   " V ",    \"id\" : \"c-\\u00e4\" , \t\"result\" : { } }  ",
          "result ours" },
        { MM, VI "\"result\":{\"a\":[1,\n\n2,\r{\r\n}]}}\n",
          VO "\"result\":{\"a\":[1,  2, {  }]}} ", "result ours" },
        { MM, VI "\"result\":{\"a\":\"\\n\\r\"}}",
          VO "\"result\":{\"a\":\"\\n\\r\"}}", "result ours" },
        { MM, VI "\"result\":[1\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n]}",
          VO "\"result\":[1                    ]}", "result ours" },
        { ML, "{\n" V ",\n\"id\":\n7\n,\"result\":\n{\n\"a\"\n:\n[\n]\n}\n}",
          "{ " V ", \"id\": \"c-\\u00e4\" ,\"result\": {" DONE
          ",\"a\" : [ ]} }",
          "result ours" }
    };

    TRY(cases);
}


/* --- ids ----------------------------------------------------------------- */


static void
test_id_in_any_place(void **state)
{
    static const case_t  cases[] = {
        { MM, "{\"id\":7," V ",\"result\":{}}",
          "{\"id\":\"c-\\u00e4\"," V ",\"result\":{}}", "result ours" },
        { MM, "{\"result\":{}," V ",\"id\":7}",
          "{\"result\":{}," V ",\"id\":\"c-\\u00e4\"}", "result ours" },
        { ML, "{\"result\":{},\"id\":7 ," V "}",
          "{\"result\":{" DONE "},\"id\":\"c-\\u00e4\" ," V "}",
          "result ours" },
        { LM, "{\"error\":{\"code\":-5},\"id\":7," V "}",
          "{\"error\":{\"code\":-5},\"id\":\"c-\\u00e4\"," V "}",
          "error ours code=-5" },
        { MM, "{\"\\u0069\\u0064\":7," V ",\"result\":{}}",
          "{\"\\u0069\\u0064\":\"c-\\u00e4\"," V ",\"result\":{}}",
          "result ours" },

        { MM, "{" V ",\"id\":null,\"error\":{\"code\":-32700}}",
          "{" V ",\"id\":null,\"error\":{\"code\":-32700}}",
          "error null code=-32700" },
        { MM, "{" V ",\"ID\":7,\"id\\u0000\":7,\"id\":1,\"result\":{}}",
          "{" V ",\"ID\":7,\"id\\u0000\":7,\"id\":1,\"result\":{}}",
          "result id=1" },
        { MM, VI "\"result\":{\"id\":7},\"params\":{\"id\":7}}",
          VO "\"result\":{\"id\":7},\"params\":{\"id\":7}}", "result ours" }
    };

    TRY(cases);
}


static void
test_ids(void **state)
{
    char              in[128], out[128];
    run_t             run;
    size_t            i, j, len;
    mcp_relay_conf_t  conf;

    static const struct {
        const char  *sent;
        const char  *came;
        int          ours;
    } ids[] = {
        { "0", "0", 1 },
        { "0", "-0", 1 },
        { "0", "0.0e5", 1 },
        { "0", "\"0\"", 0 },
        { "0", "null", 0 },
        { "0", "\"\"", 0 },
        { "1", "1", 1 },
        { "1", "\"1\"", 0 },
        { "\"1\"", "1", 0 },
        { "\"1\"", "\"1\"", 1 },
        { "\"1\"", "\"\\u0031\"", 1 },
        { "1", "10", 0 },
        { "10", "1", 0 },
        { "1", "12", 0 },
        { "12", "1", 0 },
        { "1", "-1", 0 },
        { "-5", "-5", 1 },
        { "-5", "5", 0 },
        { "1.0", "1.0", 1 },
        { "1.0", "1", 1 },
        { "1", "1.00", 1 },
        { "1.5", "1", 0 },
        { "1.5", "15e-1", 1 },
        { "1e2", "1e2", 1 },
        { "1e2", "100", 1 },
        { "100", "1E+2", 1 },
        { "1e2", "1e3", 0 },
        { "1e2", "1e-2", 0 },
        { "12", "0.12e2", 1 },
        { "9007199254740993", "9007199254740993", 1 },
        { "9007199254740993", "9007199254740992", 0 },
        { "9007199254740993", "9007199254740993.0", 1 },
        { "9007199254740993", "9.007199254740993e15", 1 },
        { "1e9999999999", "1e9999999999", 1 },
        { "1e9999999999", "1e9999999998", 0 },
        { "1e999999999", "1e-999999999", 0 },
        { "\"\"", "\"\"", 1 },
        { "\"\"", "null", 0 },
        { "\"a\\n\\\"b\"", "\"a\\n\\\"b\"", 1 },
        { "\"a\\/b\"", "\"a/b\"", 1 },
        { "\"\\u00e9\"", "\"\xc3\xa9\"", 1 },
        { "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", 1 },
        { "\"a\"", "\"A\"", 0 },
        { "\"a\"", "\"a\\u0000\"", 0 },
        { "\"a\"", "\"a \"", 0 },
        { "", "7", 0 },
        { "null", "null", 0 }
    };

    conf = conf_of(MM);

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        conf.id.data = (unsigned char *) ids[i].sent;
        conf.id.len = strlen(ids[i].sent);

        len = (size_t) snprintf(in, sizeof(in), "{\"result\":{},\"id\":%s,"
                                V "}", ids[i].came);
        snprintf(out, sizeof(out), "{\"result\":{},\"id\":%s," V "}",
                 ids[i].ours ? "\"c-\\u00e4\"" : ids[i].came);

        for (j = 0; j <= len; j++) {
            start(&run, &conf);
            feed(&run, in, j);
            feed(&run, in + j, len - j);
            finish(&run);

            assert_int_equal(run.rc, MCP_DONE);
            assert_int_equal(run.len, strlen(out));
            assert_memory_equal(run.data, out, run.len);
            assert_int_equal(run.re.id_ours, ids[i].ours);
            assert_int_equal(run.re.id_null,
                             strcmp(ids[i].came, "null") == 0);
            assert_int_equal(run.re.id_len, strlen(ids[i].came));
            assert_memory_equal(run.re.id, ids[i].came, run.re.id_len);
            free(run.data);
        }
    }
}


/* --- kinds and methods --------------------------------------------------- */


static void
test_methods(void **state)
{
    static const case_t  cases[] = {
        { MM, "{" V ",\"method\":\"ping\"}", "{" V ",\"method\":\"ping\"}",
          "notification method=ping" },
        { MM, "{" V ",\"method\":\"ping\",\"id\":3}",
          "{" V ",\"method\":\"ping\",\"id\":3}",
          "request id=3 method=ping" },
        { MM, "{" V ",\"id\":\"s-1\",\"method\":\"ping\"}",
          "{" V ",\"id\":\"s-1\",\"method\":\"ping\"}",
          "request id=\"s-1\" method=ping" },
        { MM, "{" V ",\"id\":null,\"method\":\"ping\"}",
          "{" V ",\"id\":null,\"method\":\"ping\"}",
          "request null method=ping" },
        { MM, "{" V ",\"method\":\"\"}", "{" V ",\"method\":\"\"}",
          "notification" },
        { MM, "{" V ",\"method\":\"roots\\/\\u006cist\\ud83d\\ude00\"}",
          "{" V ",\"method\":\"roots\\/\\u006cist\\ud83d\\ude00\"}",
          "notification method=roots/list\xf0\x9f\x98\x80" },
        { MM, "{" V ",\"params\":{\"method\":\"x\"},\"method\":\"y\"}",
          "{" V ",\"params\":{\"method\":\"x\"},\"method\":\"y\"}",
          "notification method=y" },
        { ML, "{" V ",\"method\":\"a\",\"params\":{" DONE ",\"ttlMs\":1}}",
          "{" V ",\"method\":\"a\",\"params\":{" DONE ",\"ttlMs\":1}}",
          "notification method=a" },
        { LM, "{" V ",\"method\":\"a\",\"params\":{" DONE ",\"ttlMs\":1}}",
          "{" V ",\"method\":\"a\",\"params\":{" DONE ",\"ttlMs\":1}}",
          "notification method=a" }
    };

    TRY(cases);
}


/* A method of n times a character: what is kept of it, and how it is cut. */

static void
long_method(const char *character, size_t bytes, size_t n)
{
    char              in[16384];
    run_t             run;
    size_t            i, j, len, kept;
    mcp_relay_conf_t  conf;

    len = (size_t) snprintf(in, sizeof(in), "{" V ",\"method\":\"");

    for (i = 0; i < n; i++) {
        len += (size_t) snprintf(in + len, sizeof(in) - len, "%s", character);
    }

    len += (size_t) snprintf(in + len, sizeof(in) - len, "\",\"id\":1}");

    kept = bytes * n;
    if (kept > MCP_RELAY_METHOD_MAX) {
        kept = MCP_RELAY_METHOD_MAX / bytes * bytes;
    }

    conf = conf_of(MM);

    for (j = 0; j <= len; j += 1 + len / 400) {
        start(&run, &conf);
        feed(&run, in, j);
        feed(&run, in + j, len - j);
        finish(&run);

        assert_int_equal(run.rc, MCP_DONE);
        assert_int_equal(run.len, len);
        assert_memory_equal(run.data, in, len);
        assert_int_equal(run.re.kind, MCP_RELAY_REQUEST);
        assert_int_equal(run.re.method_len, kept);

        for (i = bytes; i < kept; i += bytes) {
            assert_memory_equal(run.re.method + i, run.re.method, bytes);
        }

        free(run.data);
    }
}


static void
test_long_methods(void **state)
{
    size_t  i;

    static const size_t  n[] = { 1, 21, 22, 31, 33, 63, 64, 65, 67, 68, 69, 70,
                                 71, 100, 1000 };

    for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        long_method("x", 1, n[i]);
        long_method("\\n", 1, n[i]);
        long_method("\\u0061", 1, n[i]);
        long_method("\\u00e9", 2, n[i]);
        long_method("\xc3\xa9", 2, n[i]);
        long_method("\\u20AC", 3, n[i]);
        long_method("\\uD83D\\uDE00", 4, n[i]);
        long_method("\xf0\x9f\x98\x80", 4, n[i]);
    }
}


/* --- progress tokens ----------------------------------------------------- */


static void
test_tokens(void **state)
{
#define P  "{" V ",\"method\":\"p\",\"params\":"

    static const case_t  cases[] = {
        { MM, P "{\"progressToken\":\"gw-1\",\"progress\":1}}",
          P "{\"progressToken\":99,\"progress\":1}}",
          "notification method=p" },
        { MM, P "{\"progress\":1,\"progressToken\" : \"gw\\u002d1\"}}",
          P "{\"progress\":1,\"progressToken\" : 99}}",
          "notification method=p" },
        { ML, "{\"params\":{\"\\u0070rogressToken\":\"gw-1\"\n}," V
          ",\"method\":\"p\"}",
          "{\"params\":{\"\\u0070rogressToken\":99 }," V ",\"method\":\"p\"}",
          "notification method=p" },
        { LM, P "{\"progressToken\":\"gw-2\"}}",
          P "{\"progressToken\":\"gw-2\"}}", "notification method=p" },
        { MM, P "{\"progressToken\":1}}", P "{\"progressToken\":1}}",
          "notification method=p" },
        { MM, P "{\"progressToken\":null}}", P "{\"progressToken\":null}}",
          "notification method=p" },
        { MM, P "{\"progressToken\":[\"gw-1\"]}}",
          P "{\"progressToken\":[\"gw-1\"]}}", "notification method=p" },
        { MM, P "{\"_meta\":{\"progressToken\":\"gw-1\"}}}",
          P "{\"_meta\":{\"progressToken\":\"gw-1\"}}}",
          "notification method=p" },
        { MM, P "[\"progressToken\",\"gw-1\"]}",
          P "[\"progressToken\",\"gw-1\"]}", "notification method=p" },
        { MM, VI "\"result\":{\"progressToken\":\"gw-1\"}}",
          VO "\"result\":{\"progressToken\":\"gw-1\"}}", "result ours" }
    };

    run_t             run;
    mcp_relay_conf_t  conf;

    static const char  in[] = P "{\"progressToken\":\"gw-1\"}}";

    TRY(cases);

    /* no token was sent */

    conf = conf_of(MM);
    conf.token.len = 0;
    start(&run, &conf);
    feed(&run, in, 40);
    feed(&run, in + 40, sizeof(in) - 1 - 40);
    finish(&run);
    assert_int_equal(run.rc, MCP_DONE);
    assert_int_equal(run.len, sizeof(in) - 1);
    assert_memory_equal(run.data, in, run.len);
    free(run.data);

#undef P
}


/*
 * Values around MCP_RELAY_VALUE_MAX: %s of "in" is a string of that many
 * bytes, quotes included.
 */

static void
long_value(const char *format, size_t size, int rc)
{
    char              in[2048], value[1024];
    run_t             run;
    size_t            j, len;
    mcp_relay_conf_t  conf;

    memset(value, 'v', sizeof(value));
    value[0] = '"';
    value[size - 1] = '"';
    value[size] = '\0';

    len = (size_t) snprintf(in, sizeof(in), format, value);

    conf = conf_of(ML);

    for (j = 0; j <= len; j++) {
        start(&run, &conf);
        feed(&run, in, j / 2);
        feed(&run, in + j / 2, j - j / 2);
        feed(&run, in + j, len - j);
        finish(&run);

        assert_int_equal(run.rc, rc);

        if (rc == MCP_DONE) {
            assert_int_equal(run.len, len);
            assert_memory_equal(run.data, in, len);

        } else {
            assert_non_null(strstr(run.re.why, "too long"));
        }

        free(run.data);
    }

    /* if it is ours, it is replaced just as far */

    conf.id.data = (unsigned char *) value;
    conf.id.len = size;
    conf.token = conf.id;

    for (j = 0; j <= len; j++) {
        start(&run, &conf);
        feed(&run, in, j);
        feed(&run, in + j, len - j);
        finish(&run);

        assert_int_equal(run.rc, rc);

        if (rc == MCP_DONE) {
            assert_int_equal(run.len == len
                             && memcmp(run.data, in, len) == 0,
                             size > MCP_RELAY_VALUE_MAX);
        }

        free(run.data);
    }
}


static void
test_long_values(void **state)
{
    size_t  i;

    static const size_t  ok[] = { 2, 254, 255, 256 };
    static const size_t  over[] = { 257, 258, 259, 512, 1000 };

    for (i = 0; i < sizeof(ok) / sizeof(ok[0]); i++) {
        long_value("{" V ",\"error\":{},\"id\":%s}", ok[i], MCP_DONE);
        long_value("{" V ",\"method\":\"\",\"params\":{\"progressToken\":%s}}",
                   ok[i], MCP_DONE);
    }

    for (i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        long_value("{" V ",\"error\":{},\"id\":%s}", over[i], MCP_ERROR);
        long_value("{" V ",\"method\":\"\",\"params\":{\"progressToken\":%s}}",
                   over[i], MCP_DONE);
    }
}


/* What is sealed is the whole of a state, wherever the input was cut. */

static int
seal(void *data, const mcp_str_t *value, mcp_str_t *out)
{
    mcp_buf_t  *b;

    b = data;
    b->len = 0;
    mcp_buf_literal(b, "<");
    mcp_buf_str(b, value);
    mcp_buf_literal(b, ">");

    out->data = b->data;
    out->len = b->len;

    return b->failed || value->len == 5 ? MCP_ERROR : MCP_OK;
}


static void
test_states(void **state)
{
    run_t              run;
    size_t             i, j, len;
    mcp_buf_t          room, out;
    mcp_arena_t       *arena;
    mcp_relay_conf_t   conf;

    /* in, out; NULL: refused */

    static const char  *cases[][2] = {
        { VI "\"result\":{\"requestState\":\"a\\u00e4b\"}}",
          VO "\"result\":{\"requestState\":<\"a\\u00e4b\">}}" },
        { VI "\"result\":{\"a\":1, \"request\\u0053tate\" : \"\" ,\"b\":2}}",
          VO "\"result\":{\"a\":1, \"request\\u0053tate\" : <\"\"> ,"
          "\"b\":2}}" },
        { VI "\"result\":{\"requestState\":null}}",
          VO "\"result\":{\"requestState\":null}}" },
        { VI "\"result\":{\"requestState\":{\"requestState\":\"a\"}}}",
          VO "\"result\":{\"requestState\":{\"requestState\":\"a\"}}}" },
        { VI "\"result\":{\"x\":{\"requestState\":\"a\"}}}",
          VO "\"result\":{\"x\":{\"requestState\":\"a\"}}}" },
        { VI "\"error\":{\"requestState\":\"a\"}}",
          VO "\"error\":{\"requestState\":\"a\"}}" },
        { VI "\"result\":{\"requestState\":\"a\",\"requestState\":1}}",
          NULL },
        { VI "\"result\":{\"requestState\":\"bad\"}}", NULL },
        { VI "\"result\":{\"requestState\":\"a\"", NULL }
    };

    arena = mcp_arena_create();
    assert_non_null(arena);

    mcp_buf_init(&room, arena, 0);
    mcp_buf_init(&out, arena, 0);
    room.max = 20;

    conf = conf_of(MM);
    conf.state = &room;
    conf.seal = seal;
    conf.data = &out;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = strlen(cases[i][0]);

        for (j = 0; j <= len; j++) {
            start(&run, &conf);
            feed(&run, cases[i][0], j);
            feed(&run, cases[i][0] + j, len - j);
            finish(&run);

            if (cases[i][1] == NULL) {
                assert_int_equal(run.rc, MCP_ERROR);

            } else {
                assert_int_equal(run.rc, MCP_DONE);
                assert_int_equal(run.len, strlen(cases[i][1]));
                assert_memory_equal(run.data, cases[i][1], run.len);
            }

            free(run.data);
        }
    }

    /* one that is too long */

    start(&run, &conf);
    feed(&run, cases[0][0], strlen(VI "\"result\":{\"requestState\":\""));

    for (i = 0; run.rc == MCP_OK && i < 40; i++) {
        feed(&run, "x", 1);
    }

    assert_int_equal(run.rc, MCP_ERROR);
    assert_int_equal(i, 20);
    assert_string_equal(run.re.why, "the requestState is too long");

    free(run.data);
    mcp_arena_destroy(arena);
}


/* The beginning of a value that is too long is not taken for the whole. */

static void
test_cut_values(void **state)
{
    char              in[1024], value[512], token[257];
    run_t             run;
    size_t            i, j, len;
    mcp_relay_conf_t  conf;

    static const char  *formats[] = {
        "{" V ",\"method\":\"\",\"params\":{\"progressToken\":\"%s\"}}",
        "{" V ",\"id\":1,\"error\":{\"code\":-32002.%s}}"
    };

    conf = conf_of(ML);

    memset(token, 'v', sizeof(token));
    token[0] = '"';
    token[255] = '"';
    conf.token.data = (unsigned char *) token;
    conf.token.len = 256;

    for (i = 0; i < 2; i++) {
        memset(value, i ? '0' : 'v', sizeof(value));
        value[300] = '\0';

        len = (size_t) snprintf(in, sizeof(in), formats[i], value);

        for (j = 0; j <= len; j++) {
            start(&run, &conf);
            feed(&run, in, j);
            feed(&run, in + j, len - j);
            finish(&run);

            assert_int_equal(run.rc, MCP_DONE);
            assert_int_equal(run.len, len);
            assert_memory_equal(run.data, in, len);
            assert_int_equal(run.re.error_code, 0);
            free(run.data);
        }
    }
}


/* --- modern client, legacy backend --------------------------------------- */


static void
test_to_modern(void **state)
{
    static const case_t  cases[] = {
        { ML, VI "\"result\":{}}", VO "\"result\":{" DONE "}}",
          "result ours" },
        { ML, VI "\"result\":{ }}", VO "\"result\":{" DONE "}}",
          "result ours" },
        { ML, VI "\"result\" : { \n } }", VO "\"result\" : {" DONE "} }",
          "result ours" },
        { ML, VI "\"result\":{\"content\":[]}}",
          VO "\"result\":{" DONE ",\"content\":[]}}", "result ours" },
        { ML, VI "\"result\":{ \"a\" : 1 , \"b\" : [ 2 ] } }",
          VO "\"result\":{" DONE ",\"a\" : 1,\"b\" : [ 2 ]} }",
          "result ours" },
        { ML, VI "\"result\":{\"isError\":true,\"a\":1}}",
          VO "\"result\":{" DONE ",\"isError\":true,\"a\":1}}",
          "result iserror ours" },

        /* its own resultType is left out, and told */

        { ML, VI "\"result\":{" DONE "}}", VO "\"result\":{" DONE "}}",
          "result complete ours" },
        { ML, VI "\"result\":{\"resultType\":\"input_required\",\"a\":1}}",
          VO "\"result\":{" DONE ",\"a\":1}}", "result input ours" },
        { ML, VI "\"result\":{\"a\":1,\"resultType\":{\"x\":[1]}}}",
          VO "\"result\":{" DONE ",\"a\":1}}", "result other ours" },
        { ML, VI "\"result\":{\"a\":1 , \"resultType\" : 5 , \"b\":2}}",
          VO "\"result\":{" DONE ",\"a\":1,\"b\":2}}", "result other ours" },

        /* the rest stands, unless it is resources/read */

        { ML, VI "\"result\":{\"ttlMs\":5,\"cacheScope\":\"public\"}}",
          VO "\"result\":{" DONE ",\"ttlMs\":5,\"cacheScope\":\"public\"}}",
          "result ours" },
        { ML, VI "\"result\":{\"structuredContent\":[1]}}",
          VO "\"result\":{" DONE ",\"structuredContent\":[1]}}",
          "result ours" },
        { ML_READ, VI "\"result\":{}}", VO "\"result\":{" READ "}}",
          "result ours" },
        { ML_READ, VI "\"result\":{\"contents\":[{\"ttlMs\":1}]}}",
          VO "\"result\":{" READ ",\"contents\":[{\"ttlMs\":1}]}}",
          "result ours" },
        { ML_READ, VI "\"result\":{\"ttlMs\":5,\"a\":1,\"cacheScope\":[]}}",
          VO "\"result\":{" READ ",\"a\":1}}", "result ours" },
        { ML_READ, VI "\"result\":{\"a\":1,\"ttlMs\":5,\"ttlMs\":6,"
          "\"resultType\":0}}", VO "\"result\":{" READ ",\"a\":1}}",
          "result other ours" },

        /* not a result, or none that could have members */

        { ML, VI "\"result\":[{\"resultType\":1}]}",
          VO "\"result\":[{\"resultType\":1}]}", "result ours" },
        { ML, VI "\"result\":\"{}\"}", VO "\"result\":\"{}\"}",
          "result ours" },
        { ML, VI "\"result\":null}", VO "\"result\":null}", "result ours" },
        { ML, VI "\"error\":{\"code\":1,\"resultType\":1}}",
          VO "\"error\":{\"code\":1,\"resultType\":1}}",
          "error ours code=1" },
        { ML, "{\"x\":{\"result\":{}},\"resul\":{},\"Result\":{}," V
          ",\"id\":7,\"result\":{}}",
          "{\"x\":{\"result\":{}},\"resul\":{},\"Result\":{}," V
          ",\"id\":\"c-\\u00e4\",\"result\":{" DONE "}}",
          "result ours" },
        { ML, "{\"re\\u0073ult\":{}," V ",\"id\":7}",
          "{\"re\\u0073ult\":{" DONE "}," V ",\"id\":\"c-\\u00e4\"}",
          "result ours" }
    };

    TRY(cases);
}


static void
test_error_codes(void **state)
{
#define E  "\"error\":{\"code\":"
#define D  ",\"data\":{\"uri\":\"u:\\\"\"}"

    static const case_t  cases[] = {
        { ML, VI E "-32002,\"message\":\"m\"}}",
          VO E "-32602,\"message\":\"m\"}}", "error ours code=-32002" },
        { ML, VI "\"error\":{\"message\":\"m\",\"\\u0063ode\": -32002 }}",
          VO "\"error\":{\"message\":\"m\",\"\\u0063ode\": -32602 }}",
          "error ours code=-32002" },
        { ML_URI, VI E "-32002,\"message\":\"m\"}}",
          VO E "-32602,\"message\":\"m\"" D "}}", "error ours code=-32002" },
        { ML_URI, VI "\"error\":{\"message\":\"m\",\"code\":-32002 } }",
          VO "\"error\":{\"message\":\"m\",\"code\":-32602 " D "} }",
          "error ours code=-32002" },
        { ML_URI, "{" V "," E "-32002},\"id\":7}",
          "{" V "," E "-32602" D "},\"id\":\"c-\\u00e4\"}",
          "error ours code=-32002" },
        { ML_URI, VI E "-32002,\"x\":{\"data\":1}}}",
          VO E "-32602,\"x\":{\"data\":1}" D "}}", "error ours code=-32002" },
        { ML_URI, VI E "-32002,\"data\":null}}",
          VO E "-32602,\"data\":null}}", "error ours code=-32002" },
        { ML_URI, VI "\"error\":{\"d\\u0061ta\":{},\"code\":-32002}}",
          VO "\"error\":{\"d\\u0061ta\":{},\"code\":-32602}}",
          "error ours code=-32002" },
        { ML_URI, VI E "-32603}}", VO E "-32603}}",
          "error ours code=-32603" },
        { ML_URI, VI "\"error\":{}}", VO "\"error\":{}}", "error ours" },
        { ML_URI, VI "\"result\":{}}", VO "\"result\":{" READ "}}",
          "result ours" },
        { ML_READ, VI E "-32002.0}}", VO E "-32602}}",
          "error ours code=-32002" },
        { ML, VI E "-32001}}", VO E "-32001}}", "error ours code=-32001" },
        { ML, VI E "-320020}}", VO E "-320020}}", "error ours code=-320020" },
        { ML, VI E "32002}}", VO E "32002}}", "error ours code=32002" },
        { ML, VI E "\"-32002\"}}", VO E "\"-32002\"}}", "error ours" },
        { ML, VI E "[-32002]}}", VO E "[-32002]}}", "error ours" },
        { ML, VI E "{\"code\":-32002}}}", VO E "{\"code\":-32002}}}",
          "error ours" },
        { ML, VI "\"error\":{\"data\":{\"code\":-32002}}}",
          VO "\"error\":{\"data\":{\"code\":-32002}}}", "error ours" },
        { ML, VI "\"result\":{\"code\":-32002}}",
          VO "\"result\":{" DONE ",\"code\":-32002}}", "result ours" },
        { MM, VI E "-32002}}", VO E "-32002}}", "error ours code=-32002" },
        { LM, VI E "-32002}}", VO E "-32002}}", "error ours code=-32002" },
        { LL, VI E "-32002}}", VO E "-32002}}", "error ours code=-32002" },

        { MM, VI E "9223372036854775807}}", VO E "9223372036854775807}}",
          "error ours code=9223372036854775807" },
        { MM, VI E "-9223372036854775808}}", VO E "-9223372036854775808}}",
          "error ours code=-9223372036854775808" },
        { MM, VI E "9223372036854775808}}", VO E "9223372036854775808}}",
          "error ours" },
        { MM, VI E "1e18}}", VO E "1e18}}",
          "error ours code=1000000000000000000" },
        { MM, VI E "1e19}}", VO E "1e19}}", "error ours" },
        { MM, VI E "1e99999999999999999999}}",
          VO E "1e99999999999999999999}}", "error ours" },
        { MM, VI E "0.5}}", VO E "0.5}}", "error ours" },
        { ML, VI E "5,\"code\":\"x\"}}", VO E "5,\"code\":\"x\"}}",
          "error ours" },
        { ML, VI E "5,\"code\":-32002}}", VO E "5,\"code\":-32602}}",
          "error ours code=-32002" }
    };

    TRY(cases);

#undef E
}


/* --- legacy client, modern backend --------------------------------------- */


static void
test_to_legacy(void **state)
{
#define R(members)  VI "\"result\":{" members "}}"
#define O(members)  VO "\"result\":{" members "}}"

    static const case_t  cases[] = {
        { LM, R(""), O(""), "result ours" },
        { LM, R(" "), O(""), "result ours" },
        { LM, R("\"a\":1"), O("\"a\":1"), "result ours" },
        { LM, R("\"a\":1,\"b\":{}"), O("\"a\":1,\"b\":{}"), "result ours" },
        { LM, R(" \"a\" : 1 , \"b\" : { } "), O("\"a\" : 1,\"b\" : { }"),
          "result ours" },

        /* in every place: only, first, last, between, next to each other */

        { LM, R(DONE), O(""), "result complete ours" },
        { LM, R("\n\"resultType\"\n:\n\"complete\"\n"), O(""),
          "result complete ours" },
        { LM, R(DONE ",\"a\":1"), O("\"a\":1"), "result complete ours" },
        { LM, R("\"a\":1," DONE), O("\"a\":1"), "result complete ours" },
        { LM, R("\"a\":1," DONE ",\"b\":2"), O("\"a\":1,\"b\":2"),
          "result complete ours" },
        { LM, R("\"a\":[] , " DONE " , \"b\":2 "), O("\"a\":[],\"b\":2"),
          "result complete ours" },
        { LM, R(DONE ",\"ttlMs\":1,\"cacheScope\":\"public\""), O(""),
          "result complete ours" },
        { LM, R(DONE ",\"ttlMs\":1,\"a\":\"x\",\"cacheScope\":\"public\""),
          O("\"a\":\"x\""), "result complete ours" },
        { LM, R("\"a\":1,\"ttlMs\":12,\"cacheScope\":null,\"b\":2," DONE
                ",\"c\":true"),
          O("\"a\":1,\"b\":2,\"c\":true"), "result complete ours" },
        { LM, R("\"ttlMs\":1,\"a\":1,\"ttlMs\":2,\"b\":2,\"ttlMs\":3"),
          O("\"a\":1,\"b\":2"), "result ours" },
        { LM, R("\"ttlMs\":{\"a\":[1,{}],\"ttlMs\":1},\"b\":1"), O("\"b\":1"),
          "result ours" },
        { LM, R("\"a\":{\"ttlMs\":1," DONE "}"),
          O("\"a\":{\"ttlMs\":1," DONE "}"), "result ours" },

        /* names as escapes, and names that are not these */

        { LM, R("\"\\u0074tl\\u004Ds\":1,\"a\":1"), O("\"a\":1"),
          "result ours" },
        { LM, R("\"a\":1,\"r\\u0065sultType\":\"complet\\u0065\""),
          O("\"a\":1"), "result complete ours" },
        { LM, R("\"TTLMS\":1,\"ttlMs\\u0000\":2,\"ttlM\":3,\"ttlMss\":4"),
          O("\"TTLMS\":1,\"ttlMs\\u0000\":2,\"ttlM\":3,\"ttlMss\":4"),
          "result ours" },
        { LM, R("\"\":1,\"\\\"ttlMs\":2, \"t\":3"),
          O("\"\":1,\"\\\"ttlMs\":2,\"t\":3"), "result ours" },

        { LM, R("\"resultType\":\"input_required\",\"requestState\":\"x\""),
          O("\"requestState\":\"x\""), "result input ours" },
        { LM_READ, R("\"contents\":[],\"ttlMs\":1,\"cacheScope\":\"public\""),
          O("\"contents\":[]"), "result ours" },
        { LM, R(DONE ",\"isError\":true"), O("\"isError\":true"),
          "result complete iserror ours" },

        { LM, VI "\"result\":[\"ttlMs\",1]}", VO "\"result\":[\"ttlMs\",1]}",
          "result ours" },
        { LM, VI "\"error\":{\"ttlMs\":1}}", VO "\"error\":{\"ttlMs\":1}}",
          "error ours" },
        { LM, "{\"result\":{\"ttlMs\":1},\"ttlMs\":2,\"id\":7," V "}",
          "{\"result\":{},\"ttlMs\":2,\"id\":\"c-\\u00e4\"," V "}",
          "result ours" }
    };

    TRY(cases);
}


static void
test_structured(void **state)
{
#define S  "\"structuredContent\":"

    static const case_t  cases[] = {
        { LM, R(S "{}"), O(S "{}"), "result ours" },
        { LM, R(S "{\"a\":[1],\"ttlMs\":2},\"b\":1"),
          O(S "{\"a\":[1],\"ttlMs\":2},\"b\":1"), "result ours" },
        { LM, R("\"a\":1, \"structuredContent\" : {\"x\":\"y\"} ,\"b\":1"),
          O("\"a\":1," S "{\"x\":\"y\"},\"b\":1"), "result ours" },
        { LM, R("\"a\":1,\"\\u0073tructuredContent\":{}"),
          O("\"a\":1," S "{}"), "result ours" },
        { LM, R("\"ttlMs\":1," S "{} ," DONE), O(S "{}"),
          "result complete ours" },

        { LM, R(S "[1,{}]"), O(""), "result ours" },
        { LM, R(S "[],\"a\":1"), O("\"a\":1"), "result ours" },
        { LM, R("\"a\":1," S "[]"), O("\"a\":1"), "result ours" },
        { LM, R("\"a\":1," S "\"s\",\"b\":2"), O("\"a\":1,\"b\":2"),
          "result ours" },
        { LM, R("\"a\":1," S "-12.5e3 ,\"b\":2"), O("\"a\":1,\"b\":2"),
          "result ours" },
        { LM, R(S "null," DONE ",\"b\":2"), O("\"b\":2"),
          "result complete ours" },
        { LM, R(S "true"), O(""), "result ours" },
        { LM, R(S "false," S "{}," S "0"), O(S "{}"), "result ours" },

        { LM_0618, R(S "{\"x\":1}"), O(S "{\"x\":1}"), "result ours" },
        { LM_0618, R(S "[]"), O(""), "result ours" },
        { LM_0326, R("\"a\":1," S "{\"x\":{}},\"b\":2"),
          O("\"a\":1,\"b\":2"), "result ours" },
        { LM_0326, R(S "{}"), O(""), "result ours" },
        { LM_0326, R(S "[]"), O(""), "result ours" },
        { LM_1105, R(S "{}"), O(""), "result ours" },

        /* it is only for modern backends */

        { LL, R("\"a\" : 1 ," S "[] , \"ttlMs\" : 1"),
          O("\"a\" : 1 ," S "[] , \"ttlMs\" : 1"), "result ours" },
        { MM, R("\"a\":1," S "[]"), O("\"a\":1," S "[]"), "result ours" }
    };

    TRY(cases);

#undef S
#undef R
#undef O
}


/* Names longer than any of ours, and longer than what is held of one. */

static void
test_long_names(void **state)
{
    char              in[4200], out[4200], name[2048];
    run_t             run;
    size_t            i, j, len, at;
    mcp_relay_conf_t  conf;

    static const size_t  n[] = { 95, 96, 97, 254, 255, 256, 257, 400, 2000 };

    conf = conf_of(LM);

    for (i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
        memset(name, 'n', n[i]);
        name[n[i]] = '\0';

        (void) snprintf(out, sizeof(out), "{" V ",\"%s\":1,\"result\":"
                        "{\"a\":1,\"%s\":2,\"b\":3},\"id\":1}", name, name);
        len = (size_t) snprintf(in, sizeof(in), "{" V ",\"%s\":1,\"result\":"
                                "{\"a\":1,\"ttlMs\":1,\"%s\":2,\"b\":3},"
                                "\"id\":1}", name, name);

        for (j = 0; j <= len; j++) {

            start(&run, &conf);
            feed(&run, in, j);

            for (at = j; at < len && n[i] < 300; at++) {
                feed(&run, in + at, 1);
            }

            feed(&run, in + at, len - at);
            finish(&run);

            assert_int_equal(run.rc, MCP_DONE);
            assert_int_equal(run.len, strlen(out));
            assert_memory_equal(run.data, out, run.len);
            free(run.data);
        }
    }
}


/* --- spans, and size ----------------------------------------------------- */


typedef struct {
    const unsigned char  *start;
    const unsigned char  *end;
    uint64_t              bytes;
    unsigned              calls;
    unsigned              copies;    /* calls with other bytes than these */
} spans_t;


static int
span(void *data, const unsigned char *p, size_t len)
{
    spans_t  *s;

    s = data;
    s->calls++;
    s->bytes += len;
    s->copies += (p < s->start || p + len > s->end);

    return MCP_OK;
}


static void
big_result(pair_e pair, unsigned calls)
{
    size_t            i, size, at, n;
    spans_t           s;
    mcp_relay_t       re;
    mcp_relay_conf_t  conf;
    unsigned char    *in;

    static const size_t  pieces[] = { 1024 * 1024 + 100, 4096, 16000 };

    static const char  head[] = VI "\"result\":{\"content\":[{\"text\":\"";
    static const char  tail[] = "\"}],\"isError\":false,\"x\":0}}";

    size = 1024 * 1024;
    in = malloc(size);
    assert_non_null(in);

    memset(in, 'a', size);
    memcpy(in, head, sizeof(head) - 1);
    memcpy(in + size - (sizeof(tail) - 1), tail, sizeof(tail) - 1);

    conf = conf_of(pair);

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        memset(&s, 0, sizeof(s));
        s.start = in;
        s.end = in + size;

        mcp_relay_init(&re, &conf);

        for (at = 0; at < size; at += n) {
            n = size - at < pieces[i] ? size - at : pieces[i];
            assert_int_equal(mcp_relay_feed(&re, in + at, n, span, &s),
                             MCP_OK);
        }

        assert_int_equal(mcp_relay_finish(&re, span, &s), MCP_DONE);
        assert_in_range(s.calls, 1, calls + size / pieces[i]);
        assert_in_range(s.copies, 1, 3);
        assert_in_range(s.bytes, size, size + 40);
    }

    free(in);
}


static void
test_spans(void **state)
{
    /* two pieces around the id; two more around what the result gets, which
       come as two, with the comma */

    big_result(MM, 3);
    big_result(LM, 3);
    big_result(ML, 6);
}


/* Line ends: no more calls than 1 for 2 KiB, and long lines uncopied. */

static void
test_pretty(void **state)
{
    run_t             run;
    size_t            i, size;
    spans_t           s;
    mcp_relay_t       re;
    mcp_relay_conf_t  conf;
    unsigned char    *in;

    size = 256 * 1024;
    in = malloc(size);
    assert_non_null(in);

    conf = conf_of(MM);

    /* arrays of lines of 4 bytes, of 1 byte, of 8000 bytes */

    memset(in, ' ', size);
    memcpy(in, VI "\"error\":[1", sizeof(VI "\"error\":[1") - 1);
    memcpy(in + size - 2, "]}", 2);

    for (i = 64; i < 128 * 1024; i += 4) {
        memcpy(in + i, ",\n1 ", 4);
    }

    memset(in + i, '\r', 64 * 1024);

    for (i += 64 * 1024; i < size - 8000; i += 8000) {
        in[i] = '\n';
    }

    memset(&s, 0, sizeof(s));
    s.start = in;
    s.end = in + size;

    mcp_relay_init(&re, &conf);
    assert_int_equal(mcp_relay_feed(&re, in, size, span, &s), MCP_OK);
    assert_int_equal(mcp_relay_finish(&re, span, &s), MCP_DONE);
    assert_in_range(s.calls, 4, 192 / 2 + 2 * 64 / 4 + 8);
    assert_in_range(s.calls - s.copies, 7, 9);

    /* and what comes out is the same with spaces */

    start(&run, &conf);
    feed(&run, (char *) in, size);
    finish(&run);
    assert_int_equal(run.rc, MCP_DONE);

    for (i = 0; i < size; i++) {
        if (in[i] == '\r' || in[i] == '\n') {
            in[i] = ' ';
        }
    }

    assert_int_equal(run.len, size + sizeof(VO) - sizeof(VI));
    assert_memory_equal(run.data + sizeof(VO) - 1, in + sizeof(VI) - 1,
                        size - (sizeof(VI) - 1));
    free(run.data);
    free(in);
}


/* 64 MiB in one string, of which nothing is kept. */

static void
test_endless(void **state)
{
    char              piece[65536];
    spans_t           s;
    unsigned          i;
    mcp_relay_t       re;
    mcp_relay_conf_t  conf;

    static const char  head[] = VI "\"result\":{\"a\":\"";
    static const char  tail[] = "\",\"ttlMs\":1}}";

    memset(piece, 'x', sizeof(piece));
    memset(&s, 0, sizeof(s));
    conf = conf_of(LM);
    mcp_relay_init(&re, &conf);

    assert_int_equal(mcp_relay_feed(&re, (const unsigned char *) head,
                                    sizeof(head) - 1, span, &s), MCP_OK);

    for (i = 0; i < 1024; i++) {
        assert_int_equal(mcp_relay_feed(&re, (unsigned char *) piece,
                                        sizeof(piece), span, &s), MCP_OK);
    }

    assert_int_equal(mcp_relay_feed(&re, (const unsigned char *) tail,
                                    sizeof(tail) - 1, span, &s), MCP_OK);
    assert_int_equal(mcp_relay_finish(&re, span, &s), MCP_DONE);
    assert_int_equal(s.bytes, sizeof(VO "\"result\":{\"a\":\"\"}}") - 1
                              + 1024 * sizeof(piece));
    assert_in_range(sizeof(mcp_relay_t), 1, 4096);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_not_a_message),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_too_deep),
        cmocka_unit_test(test_after_the_end),
        cmocka_unit_test(test_as_it_is),
        cmocka_unit_test(test_white_space),
        cmocka_unit_test(test_id_in_any_place),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_long_methods),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_cut_values),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_to_modern),
        cmocka_unit_test(test_error_codes),
        cmocka_unit_test(test_to_legacy),
        cmocka_unit_test(test_structured),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_endless)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
