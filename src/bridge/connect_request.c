
/* mcp-bridge connect: a request to the server, its headers and its body. */


#include "connect.h"

#include <stdio.h>
#include <stdlib.h>


static int mc_request_modern(mc_exchange_t *x);
static size_t mc_on_body(char *to, size_t size, size_t n, void *data);
static int mc_on_seek(void *data, curl_off_t offset, int origin);


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


int
mc_request_headers(mc_exchange_t *x)
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
        return mc_request_modern(x);
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


int
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
mc_request_modern(mc_exchange_t *x)
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

int
mc_request_easy(mc_exchange_t *x)
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
         && mc_set(x, CURLOPT_HEADERFUNCTION, mc_response_header)
         && mc_set(x, CURLOPT_HEADERDATA, x)
         && mc_set(x, CURLOPT_WRITEFUNCTION, mc_response_data)
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
