
/*
 * mcp-bridge connect: an exchange, one request to the server and what comes
 * back.
 */


#include "connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>


static int mc_headers(mc_exchange_t *x);
static int mc_headers_modern(mc_exchange_t *x);
static int mc_easy(mc_exchange_t *x);
static size_t mc_on_body(char *to, size_t size, size_t n, void *data);
static int mc_on_seek(void *data, curl_off_t offset, int origin);
static size_t mc_on_header(char *line, size_t size, size_t n, void *data);
static size_t mc_on_data(char *p, size_t size, size_t n, void *data);
static int mc_take(mc_exchange_t *x, const void *p, size_t len);
static void mc_drop_data(mc_exchange_t *x);


mc_exchange_t *
mc_exchange_create(mc_t *mc, mc_kind_e kind)
{
    mc_exchange_t  *x;

    x = calloc(1, sizeof(mc_exchange_t));
    if (x == NULL) {
        return NULL;
    }

    x->arena = mcp_arena_create();
    if (x->arena == NULL) {
        free(x);
        return NULL;
    }

    x->mc = mc;
    x->kind = kind;
    TAILQ_INSERT_TAIL(&mc->exchanges, x, link);
    mc->n++;

    return x;
}


void
mc_exchange_reset(mc_exchange_t *x)
{
    if (x->easy != NULL) {
        (void) curl_multi_remove_handle(x->mc->multi, x->easy);
        curl_easy_cleanup(x->easy);
        x->easy = NULL;
    }

    curl_slist_free_all(x->headers);
    x->headers = NULL;
    mc_drop_data(x);

    x->sent = 0;
    x->status = 0;
    x->got = 0;
    x->paused = 0;
    x->too_long = 0;
    x->broken = 0;
}


void
mc_exchange_free(mc_exchange_t *x)
{
    mc_exchange_reset(x);

    if (x->counted) {
        x->mc->held -= x->body.len;
    }

    TAILQ_REMOVE(&x->mc->exchanges, x, link);
    x->mc->n--;
    mcp_arena_destroy(x->arena);
    free(x);
}


int
mc_exchange_send(mc_exchange_t *x)
{
    mc_t  *mc;

    mc = x->mc;
    mcp_sse_init(&x->sse);
    x->generation = mc->generation;
    x->easy = curl_easy_init();

    if (x->easy == NULL || mc_headers(x) != MCP_OK
        || mc_easy(x) != MCP_OK
        || curl_multi_add_handle(mc->multi, x->easy) != CURLM_OK)
    {
        mc_exchange_reset(x);
        return MCP_NOMEM;
    }

    if (mc->timeout && x->m.method != MCP_LISTEN && x->kind != MC_STREAM) {
        x->deadline = mc->now + mc->timeout;
    }

    return MCP_OK;
}


/* --- the request ---------------------------------------------------------- */


/* Values are of visible ASCII; anything else is left out by who calls. */

int
mc_header(mc_exchange_t *x, const char *name, const void *value, size_t len)
{
    char               *line;
    size_t              size;
    struct curl_slist  *list;

    size = strlen(name) + len + 3;
    line = malloc(size);

    if (line == NULL) {
        return MCP_NOMEM;
    }

    snprintf(line, size, "%s: %.*s", name, (int) len, (const char *) value);
    list = curl_slist_append(x->headers, line);
    free(line);

    if (list == NULL) {
        return MCP_NOMEM;
    }

    x->headers = list;

    return MCP_OK;
}


#define mc_header_text(x, name, value)                                        \
    mc_header(x, name, value, strlen(value))


static int
mc_headers(mc_exchange_t *x)
{
    mc_t               *mc;
    struct curl_slist  *h, *list;

    mc = x->mc;

    for (h = mc->headers; h != NULL; h = h->next) {
        list = curl_slist_append(x->headers, h->data);
        if (list == NULL) {
            return MCP_NOMEM;
        }

        x->headers = list;
    }

    if (mc->authorization != NULL) {
        list = curl_slist_append(x->headers, mc->authorization);
        if (list == NULL) {
            return MCP_NOMEM;
        }

        x->headers = list;
    }

    if (mc_header_text(x, "Accept", x->kind == MC_STREAM
                       ? "text/event-stream"
                       : "application/json, text/event-stream")
        != MCP_OK)
    {
        return MCP_NOMEM;
    }

    if (x->kind != MC_STREAM && x->kind != MC_DELETE
        && (mc_header_text(x, "Content-Type", "application/json") != MCP_OK
            || mc_header(x, "Expect", "", 0) != MCP_OK))
    {
        return MCP_NOMEM;
    }

    if (x->era == MCP_ERA_MODERN) {
        return mc_headers_modern(x);
    }

    x->in_session = 0;

    if (x->kind == MC_INITIALIZE || x->kind == MC_REOPEN) {
        return MCP_OK;
    }

    if (mc->session != NULL) {
        x->in_session = 1;

        if (mc_header_text(x, "Mcp-Session-Id", mc->session) != MCP_OK) {
            return MCP_NOMEM;
        }
    }

    /* the header came with 2025-06-18 */

    if (strcmp(mc->version, "2025-06-18") >= 0) {
        return mc_header_text(x, "MCP-Protocol-Version", mc->version);
    }

    return MCP_OK;
}


static int
mc_visible(const mcp_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] <= 0x20 || s->data[i] >= 0x7f) {
            return 0;
        }
    }

    return s->len != 0;
}


/* Revision 2026-07-28, "Standard Request Headers": as the body has them. */

static int
mc_headers_modern(mc_exchange_t *x)
{
    mcp_str_t  value;

    if (mc_visible(&x->m.version)
        && mc_header(x, "MCP-Protocol-Version", x->m.version.data,
                     x->m.version.len) != MCP_OK)
    {
        return MCP_NOMEM;
    }

    if (x->m.kind != MCP_REQUEST) {
        return MCP_OK;
    }

    if (mcp_header_encode(&x->m.method_name, x->arena, &value) != MCP_OK
        || mc_header(x, "Mcp-Method", value.data, value.len) != MCP_OK)
    {
        return MCP_NOMEM;
    }

    switch (x->m.method) {

    case MCP_TOOLS_CALL:

        if (mc_params_headers(x) != MCP_OK) {
            return MCP_NOMEM;
        }

        break;

    case MCP_PROMPTS_GET:
    case MCP_RESOURCES_READ:
    case MCP_TASKS_GET:
    case MCP_TASKS_UPDATE:
    case MCP_TASKS_CANCEL:
        break;

    default:
        return MCP_OK;
    }

    if (mcp_header_encode(&x->m.name, x->arena, &value) != MCP_OK) {
        return MCP_NOMEM;
    }

    return mc_header(x, "Mcp-Name", value.data, value.len);
}


#define mc_set(x, option, value)                                              \
    (curl_easy_setopt((x)->easy, option, value) == CURLE_OK)


/*
 * No redirects: they would carry the token elsewhere.  The body comes from a
 * callback that cannot be rewound, or libcurl would send a request again by
 * itself when a kept connection ends without an answer: a call might be
 * carried out twice.
 */

static int
mc_easy(mc_exchange_t *x)
{
    int    ok;
    mc_t  *mc;

    mc = x->mc;

    ok = mc_set(x, CURLOPT_URL, mc->url)
         && mc_set(x, CURLOPT_PROTOCOLS_STR, "http,https")
         && mc_set(x, CURLOPT_PRIVATE, x)
         && mc_set(x, CURLOPT_ERRORBUFFER, x->error)
         && mc_set(x, CURLOPT_HTTPHEADER, x->headers)
         && mc_set(x, CURLOPT_NOSIGNAL, 1L)
         && mc_set(x, CURLOPT_FOLLOWLOCATION, 0L)
         && mc_set(x, CURLOPT_CONNECTTIMEOUT_MS, (long) MC_CONNECT_MS)
         && mc_set(x, CURLOPT_MAXAGE_CONN, (long) MC_IDLE_S)
         && mc_set(x, CURLOPT_TCP_KEEPALIVE, 1L)
         && mc_set(x, CURLOPT_PIPEWAIT, 1L)
         && mc_set(x, CURLOPT_FRESH_CONNECT, (long) x->fresh)
         && mc_set(x, CURLOPT_USERAGENT, "mcp-bridge")
         && mc_set(x, CURLOPT_HEADERFUNCTION, mc_on_header)
         && mc_set(x, CURLOPT_HEADERDATA, x)
         && mc_set(x, CURLOPT_WRITEFUNCTION, mc_on_data)
         && mc_set(x, CURLOPT_WRITEDATA, x);

    if (ok && mc->socket) {
        ok = mc_set(x, CURLOPT_UNIX_SOCKET_PATH, mc->socket);
    }

    if (ok && mc->ca_file) {
        ok = mc_set(x, CURLOPT_CAINFO, mc->ca_file);
    }

    if (ok && mc->no_proxy) {
        ok = mc_set(x, CURLOPT_NOPROXY, "*");
    }

    if (x->kind == MC_DELETE) {
        ok = ok && mc_set(x, CURLOPT_CUSTOMREQUEST, "DELETE");

    } else if (x->kind != MC_STREAM) {
        ok = ok && mc_set(x, CURLOPT_POST, 1L)
             && mc_set(x, CURLOPT_POSTFIELDSIZE_LARGE,
                       (curl_off_t) x->body.len)
             && mc_set(x, CURLOPT_READFUNCTION, mc_on_body)
             && mc_set(x, CURLOPT_READDATA, x)
             && mc_set(x, CURLOPT_SEEKFUNCTION, mc_on_seek)
             && mc_set(x, CURLOPT_SEEKDATA, x);
    }

    return ok ? MCP_OK : MCP_NOMEM;
}


static size_t
mc_on_body(char *to, size_t size, size_t n, void *data)
{
    size_t          len;
    mc_exchange_t  *x = data;

    len = x->body.len - x->sent;
    len = (len < size * n) ? len : size * n;
    memcpy(to, x->body.data + x->sent, len);
    x->sent += len;

    return len;
}


static int
mc_on_seek(void *data, curl_off_t offset, int origin)
{
    mc_exchange_t  *x = data;

    return (x->sent == 0) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}


/* --- the response --------------------------------------------------------- */


static int
mc_is_header(const char *line, size_t len, const char *name, mcp_str_t *value)
{
    size_t  n;

    n = strlen(name);

    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':') {
        return 0;
    }

    line += n + 1;
    len -= n + 1;

    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }

    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'
                   || line[len - 1] == ' ' || line[len - 1] == '\t'))
    {
        len--;
    }

    value->data = (unsigned char *) line;
    value->len = len;

    return 1;
}


static int
mc_is_type(const mcp_str_t *value, const char *type)
{
    size_t  n;

    n = strlen(type);

    return value->len >= n
           && strncasecmp((char *) value->data, type, n) == 0
           && (value->len == n || value->data[n] == ';'
               || value->data[n] == ' ');
}


static size_t
mc_on_header(char *line, size_t size, size_t n, void *data)
{
    size_t          len;
    unsigned        i;
    mcp_str_t       value;
    mc_exchange_t  *x = data;

    len = size * n;
    x->got = 1;

    if (len > 9 && memcmp(line, "HTTP/", 5) == 0) {
        x->is_sse = 0;
        x->is_json = 0;
        x->had_session = 0;
        x->retry_after = 0;

    } else if (mc_is_header(line, len, "content-type", &value)) {
        x->is_sse = mc_is_type(&value, "text/event-stream");
        x->is_json = mc_is_type(&value, "application/json");

    } else if (mc_is_header(line, len, "mcp-session-id", &value)) {

        if (mc_visible(&value) && value.len <= MC_SESSION_MAX) {
            memcpy(x->session, value.data, value.len);
            x->session[value.len] = '\0';
            x->had_session = 1;

        } else {
            mc_log("the server's Mcp-Session-Id is not one");
        }

    } else if (mc_is_header(line, len, "retry-after", &value)) {

        for (i = 0; i < value.len && i < 6 && value.data[i] >= '0'
                    && value.data[i] <= '9'; i++)
        {
            x->retry_after = x->retry_after * 10 + (value.data[i] - '0');
        }
    }

    return len;
}


static int
mc_take(mc_exchange_t *x, const void *p, size_t len)
{
    size_t          size, max;
    unsigned char  *data;

    /* of an HTTP error the beginning is enough */

    max = (x->status / 100 == 2) ? MC_ANSWER_MAX : MC_REFUSAL_MAX;

    if (len > max - x->len || len > MC_PENDING_MAX - x->mc->pending) {
        x->too_long = 1;
        return MCP_ERROR;
    }

    if (len > x->size - x->len) {
        size = x->size ? x->size : 4096;

        while (size - x->len < len) {
            size *= 2;
        }

        data = realloc(x->data, size);
        if (data == NULL) {
            return MCP_ERROR;
        }

        x->data = data;
        x->size = size;
    }

    memcpy(x->data + x->len, p, len);
    x->len += len;
    x->mc->pending += len;

    return MCP_OK;
}


static void
mc_drop_data(mc_exchange_t *x)
{
    x->mc->pending -= x->len;
    free(x->data);
    x->data = NULL;
    x->len = 0;
    x->size = 0;
}


static int
mc_on_event(mc_exchange_t *x, const mcp_sse_token_t *tok)
{
    switch (tok->type) {

    case MCP_SSE_DATA:
        return mc_take(x, tok->start, tok->end - tok->start);

    case MCP_SSE_DATA_BREAK:
        return mc_take(x, " ", 1);

    case MCP_SSE_EVENT:

        if (!tok->empty && !tok->foreign) {
            mc_answer(x, x->data, x->len);
        }

        x->mc->pending -= x->len;
        x->len = 0;

        if (x->size > 65536) {
            mc_drop_data(x);
        }

        return MCP_OK;

    default:
        return MCP_OK;
    }
}


static size_t
mc_on_data(char *p, size_t size, size_t n, void *data)
{
    long                  status;
    size_t                len;
    mc_exchange_t        *x = data;
    mcp_sse_token_t       tok;
    const unsigned char  *pos, *end;

    len = size * n;

    if (mc_out_full(x->mc) && !x->mc->gone) {
        x->paused = 1;
        return CURL_WRITEFUNC_PAUSE;
    }

    if (x->status == 0) {
        status = 0;
        (void) curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        x->status = status;
    }

    if (x->deadline && x->mc->timeout && !x->cancelled && !x->answered
        && x->kind != MC_DELETE)
    {
        x->deadline = x->mc->now + x->mc->timeout;
    }

    if (!x->is_sse || x->status / 100 != 2) {

        /* the rest of an error is not wanted */

        if (mc_take(x, p, len) != MCP_OK && x->status / 100 == 2) {
            return 0;
        }

        return len;
    }

    pos = (unsigned char *) p;
    end = pos + len;

    while (mcp_sse_next(&x->sse, &pos, end, &tok) == MCP_OK) {
        if (mc_on_event(x, &tok) != MCP_OK) {
            return 0;
        }
    }

    return len;
}


/* --- what has ended ------------------------------------------------------- */


void
mc_exchanges_done(mc_t *mc)
{
    int             left;
    long            status;
    char           *private;
    CURLMsg        *msg;
    CURLcode        rc;
    mc_exchange_t  *x;

    while ((msg = curl_multi_info_read(mc->multi, &left)) != NULL) {

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        rc = msg->data.result;
        private = NULL;
        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                                 &private);
        x = (mc_exchange_t *) private;
        status = 0;
        (void) curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        x->status = status;
        mc_answer_end(x, rc);
    }
}


/* The client reads again. */

void
mc_exchanges_resume(mc_t *mc)
{
    mc_exchange_t  *x;

    if (mc->out.len - mc->out.pos > MC_OUT_MAX / 2 && !mc->gone) {
        return;
    }

    TAILQ_FOREACH(x, &mc->exchanges, link) {

        if (x->paused && x->easy != NULL) {
            x->paused = 0;
            (void) curl_easy_pause(x->easy, CURLPAUSE_CONT);

            if (mc_out_full(mc)) {
                break;
            }
        }
    }
}


void
mc_exchanges_expire(mc_t *mc)
{
    mc_exchange_t  *x;

again:

    TAILQ_FOREACH(x, &mc->exchanges, link) {

        if (x->deadline == 0 || x->deadline > mc->now || x->paused) {
            continue;
        }

        /* others may end with it */

        x->timed_out = 1;
        mc_answer_end(x, CURLE_OPERATION_TIMEDOUT);
        goto again;
    }
}
