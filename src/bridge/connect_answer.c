
/*
 * mcp-bridge connect: what comes back, and what the client is told of it.
 * Each request of the client's gets one answer, with its own id.
 */


#include "connect.h"
#include "json.h"

#include <stdlib.h>


typedef enum {
    MC_NOTHING = 0,
    MC_RESULT,
    MC_ERROR,
    MC_ASKED,
    MC_NOTIFIED
} mc_what_e;


typedef struct {
    mc_what_e             what;
    const char           *why;             /* it is nothing */
    size_t                id;
    size_t                id_len;          /* 0: none; null: 4 */
    size_t                error;           /* the value of that member */
    size_t                error_len;
    unsigned              id_null:1;
    unsigned              id_string:1;
} mc_seen_t;


static void mc_look(mc_seen_t *seen, const unsigned char *text, size_t len);
static int mc_same_id(const mc_exchange_t *x, const mc_seen_t *seen,
    const unsigned char *text);
static void mc_response(mc_exchange_t *x, const mc_seen_t *seen,
    const unsigned char *text, size_t len);
static int mc_send_again(mc_exchange_t *x, CURLcode rc);
static void mc_explain(mc_exchange_t *x, CURLcode rc);
static void mc_complain(mc_exchange_t *x, CURLcode rc);


/* --- a message ------------------------------------------------------------ */


void
mc_answer(mc_exchange_t *x, const unsigned char *text, size_t len)
{
    mc_seen_t  seen;

    mc_look(&seen, text, len);

    switch (seen.what) {

    case MC_ASKED:
    case MC_NOTIFIED:

        if (x->kind != MC_REOPEN && x->kind != MC_REOPENED
            && x->kind != MC_DELETE && !x->cancelled)
        {
            mc_say(x->mc, text, len, 0, 0, NULL);
        }

        break;

    case MC_RESULT:
    case MC_ERROR:
        mc_response(x, &seen, text, len);
        break;

    default:
        x->broken = 1;
        mc_log("what the server sent is no message: %s", seen.why);
    }
}


static void
mc_response(mc_exchange_t *x, const mc_seen_t *seen,
    const unsigned char *text, size_t len)
{
    mcp_buf_t   b;
    mcp_str_t  *id;

    id = &x->m.id;

    if (id->len == 0 || x->answered) {

        if (x->kind == MC_NOTE && seen->what == MC_ERROR) {
            mc_log("the server answered a notification: %.*s",
                   (int) (seen->error_len < 500 ? seen->error_len : 500),
                   text + seen->error);
        }

        return;
    }

    if (seen->what == MC_ERROR && (seen->id_len == 0 || seen->id_null)) {

        /* of the request as a whole, whose id it did not read */

        if (x->cancelled || x->kind == MC_REOPEN) {
            return;
        }

        mcp_buf_init(&b, x->arena, seen->error_len + id->len + 64);
        mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
        mcp_buf_str(&b, id);
        mcp_buf_literal(&b, ",\"error\":");
        mcp_buf_append(&b, text + seen->error, seen->error_len);
        mcp_buf_literal(&b, "}");

        if (!b.failed) {
            x->answered = 1;
            mc_say(x->mc, b.data, b.len, 0, 0, NULL);
        }

        return;
    }

    if (!mc_same_id(x, seen, text)) {
        mc_log("the server answered what was not asked");
        return;
    }

    /* nothing else is expected of this stream, but for its end */

    x->answered = 1;
    x->deadline = x->mc->now + MC_LINGER_MS;
    x->result = (seen->what == MC_RESULT);

    if (x->kind == MC_REOPEN || x->kind == MC_INITIALIZE) {

        if (x->result) {
            mc_session_opened(x, text, len);
        }

        if (x->kind == MC_REOPEN) {
            return;
        }
    }

    if (x->m.method == MCP_TOOLS_LIST && x->era == MCP_ERA_MODERN
        && x->result)
    {
        mc_params_learn(x, text, len);
    }

    if (!x->cancelled) {
        mc_say(x->mc, text, len, seen->id, seen->id_len, id);
    }
}


/*
 * The same value, if not the same bytes: a server that reads and writes the id
 * may write it in another way.  There is one request that it could mean.
 */

static int
mc_same_id(const mc_exchange_t *x, const mc_seen_t *seen,
    const unsigned char *text)
{
    char            a[64], b[64];
    size_t          n;
    unsigned char  *pa, *pb;

    if (seen->id_len == x->m.id.len
        && memcmp(text + seen->id, x->m.id.data, seen->id_len) == 0)
    {
        return 1;
    }

    if ((x->m.id.data[0] == '"') != seen->id_string) {
        return 0;
    }

    if (!seen->id_string) {

        if (seen->id_len >= sizeof(a) || x->m.id.len >= sizeof(b)) {
            return 0;
        }

        memcpy(a, text + seen->id, seen->id_len);
        a[seen->id_len] = '\0';
        memcpy(b, x->m.id.data, x->m.id.len);
        b[x->m.id.len] = '\0';

        return strtod(a, NULL) == strtod(b, NULL);
    }

    pa = mcp_alloc(x->arena, seen->id_len);
    pb = mcp_alloc(x->arena, x->m.id.len);

    if (pa == NULL || pb == NULL) {
        return 0;
    }

    n = mcp_json_decode(pa, text + seen->id + 1,
                        text + seen->id + seen->id_len - 1)
        - pa;

    return mcp_json_decode(pb, x->m.id.data + 1,
                           x->m.id.data + x->m.id.len - 1)
           == pb + n
           && memcmp(pa, pb, n) == 0;
}


static int
mc_look_member(mc_seen_t *seen, const mcp_json_observer_t *ob,
    const mcp_json_token_t *tok, const unsigned char *text)
{
    int  end;

    end = (tok->type == MCP_JSON_OBJECT_END
           || tok->type == MCP_JSON_ARRAY_END);

    if (mcp_json_at(ob, 1, "error")) {

        if (!end) {
            seen->error = tok->start - text;
            seen->what = (seen->what == MC_NOTHING
                          && tok->type == MCP_JSON_OBJECT)
                         ? MC_ERROR : (mc_what_e) -1;
        }

        seen->error_len = tok->end - text - seen->error;

        return MCP_OK;
    }

    if (end) {
        return MCP_OK;
    }

    if (mcp_json_at(ob, 1, "id")) {
        seen->id = tok->start - text;
        seen->id_len = tok->end - tok->start;
        seen->id_null = (tok->type == MCP_JSON_NULL);
        seen->id_string = (tok->type == MCP_JSON_STRING);

        if (tok->type != MCP_JSON_STRING && tok->type != MCP_JSON_NUMBER
            && tok->type != MCP_JSON_NULL)
        {
            seen->why = "its id is neither a string nor a number";
            return MCP_ERROR;
        }

    } else if (mcp_json_at(ob, 1, "result")) {
        seen->what = (seen->what == MC_NOTHING) ? MC_RESULT : (mc_what_e) -1;

    } else if (mcp_json_at(ob, 1, "method")) {
        seen->what = (seen->what == MC_NOTHING
                      && tok->type == MCP_JSON_STRING)
                     ? MC_NOTIFIED : (mc_what_e) -1;
    }

    return MCP_OK;
}


static void
mc_look(mc_seen_t *seen, const unsigned char *text, size_t len)
{
    int                   rc;
    const unsigned char  *pos, *end;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;

    memset(seen, 0, sizeof(mc_seen_t));
    mcp_json_observe_init(&ob, 1, MC_DEPTH);
    pos = text;
    end = text + len;

    while ((rc = mcp_json_observe(&ob, &pos, end, &tok)) == MCP_OK) {

        if (tok.depth == 0 && tok.type != MCP_JSON_OBJECT
            && tok.type != MCP_JSON_OBJECT_END)
        {
            seen->what = MC_NOTHING;
            seen->why = "it is not an object";
            return;
        }

        /* it is here whole: an empty piece only says so */

        if (tok.depth == 1 && tok.type != MCP_JSON_KEY && tok.first
            && mc_look_member(seen, &ob, &tok, text) != MCP_OK)
        {
            seen->what = MC_NOTHING;
            return;
        }
    }

    if (rc == MCP_ERROR || mcp_json_observe_finish(&ob) != MCP_OK) {
        seen->what = MC_NOTHING;
        seen->why = ob.lexer.error.text ? ob.lexer.error.text
                                        : "it is not JSON";
        return;
    }

    if (seen->what == MC_NOTIFIED && seen->id_len) {
        seen->what = seen->id_null ? MC_NOTHING : MC_ASKED;
    }

    if (seen->what == MC_RESULT && (seen->id_len == 0 || seen->id_null)) {
        seen->what = MC_NOTHING;
    }

    if (seen->what == MC_NOTHING || seen->what == (mc_what_e) -1) {
        seen->what = MC_NOTHING;
        seen->why = "it is neither a request, a notification nor a response";
    }
}


/* --- the end of an exchange ----------------------------------------------- */


void
mc_answer_end(mc_exchange_t *x, CURLcode rc)
{
    if (mc_session_lost(x)) {
        return;
    }

    if (rc == CURLE_OK && !x->is_sse && x->len != 0
        && (x->is_json || x->status / 100 == 2))
    {
        mc_answer(x, x->data, x->len);
    }

    switch (x->kind) {

    case MC_REQUEST:
    case MC_INITIALIZE:

        if (x->answered || x->cancelled) {
            break;
        }

        if (mc_send_again(x, rc)) {
            return;
        }

        mc_explain(x, rc);
        break;

    case MC_STREAM:
        mc_session_stream_ended(x);
        break;

    case MC_DELETE:
        break;

    default:
        mc_complain(x, rc);
    }

    mc_session_done(x);
    mc_exchange_free(x);
}


/*
 * A kept connection that ends without an answer may have been closed before
 * the request came.  What has no effects is sent again, on a new one.
 */

static int
mc_send_again(mc_exchange_t *x, CURLcode rc)
{
    if (x->retried || x->got || x->timed_out
        || (rc != CURLE_SEND_ERROR && rc != CURLE_RECV_ERROR
            && rc != CURLE_GOT_NOTHING && rc != CURLE_SEND_FAIL_REWIND))
    {
        return 0;
    }

    switch (x->m.method) {

    case MCP_INITIALIZE:
    case MCP_PING:
    case MCP_DISCOVER:
    case MCP_TOOLS_LIST:
    case MCP_PROMPTS_LIST:
    case MCP_PROMPTS_GET:
    case MCP_RESOURCES_LIST:
    case MCP_TEMPLATES_LIST:
    case MCP_RESOURCES_READ:
    case MCP_COMPLETE:
    case MCP_LISTEN:
        break;

    default:
        return 0;
    }

    mc_exchange_reset(x);
    x->retried = 1;
    x->fresh = 1;

    return mc_exchange_send(x) == MCP_OK;
}


/* The request gets an error that says what to do. */

static void
mc_explain(mc_exchange_t *x, CURLcode rc)
{
    mc_t        *mc;
    mcp_str_t   *id;
    const char  *what;

    mc = x->mc;
    id = &x->m.id;
    what = x->error[0] ? x->error : curl_easy_strerror(rc);

    if (x->too_long && x->status / 100 == 2) {
        mc_error(mc, id, MCP_E_BACKEND, 0, 0,
                 "the answer of %s is too long for a line", mc->shown);
        return;
    }

    if (x->timed_out || (rc == CURLE_OPERATION_TIMEDOUT && x->got)) {
        mc_error(mc, id, MCP_E_TIMEOUT, 0, 0,
                 "%s did not answer in time; what was asked for may have "
                 "been done", mc->shown);
        return;
    }

    switch (rc) {

    case CURLE_OK:
        break;

    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        mc_error(mc, id, MCP_E_INTERNAL, 0, 0, "out of memory");
        return;

    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        mc_error(mc, id, MCP_E_UNAVAILABLE, 0, 0,
                 "cannot reach %s: %s; nothing was done, try again later",
                 mc->shown, what);
        return;

    default:
        mc_error(mc, id, MCP_E_BACKEND, 0, 0,
                 "the connection to %s ended before the answer (%s); what "
                 "was asked for may have been done", mc->shown, what);
        return;
    }

    if (x->status / 100 == 2) {
        mc_error(mc, id, MCP_E_BACKEND, x->status, 0,
                 x->broken ? "%s answered with what is no MCP message; "
                             "what was asked for may have been done"
                           : "%s ended its answer without a result; what "
                             "was asked for may have been done", mc->shown);
        return;
    }

    if (x->status == 401 || x->status == 403) {
        mc_error(mc, id, x->status, x->status, 0,
                 "%s refused the token (HTTP %u); %s", mc->shown, x->status,
                 mc->authorization
                 ? "put a valid one in the environment, and start again"
                 : "none was sent: put one in MCP_TOKEN, and start again");
        return;
    }

    if (x->status / 100 == 3) {
        mc_error(mc, id, MCP_E_BACKEND, x->status, 0,
                 "%s redirects (HTTP %u), which is not followed; give the "
                 "URL that it leads to", mc->shown, x->status);
        return;
    }

    mc_error(mc, id, x->status, x->status, x->retry_after,
             "%s answered HTTP %u%s", mc->shown, x->status,
             x->status == 404 ? "; is the path of the URL right?"
             : x->status == 429 || x->status == 503 ? "; try again later"
             : "");
}


/* There is nobody to answer. */

static void
mc_complain(mc_exchange_t *x, CURLcode rc)
{
    if (x->kind == MC_REOPEN) {
        return;
    }

    if (rc != CURLE_OK) {
        mc_log("a notification or response did not reach %s: %s",
               x->mc->shown,
               x->error[0] ? x->error : curl_easy_strerror(rc));

    } else if (x->status / 100 != 2) {
        mc_log("%s refused a notification or response: HTTP %u",
               x->mc->shown, x->status);
    }
}
