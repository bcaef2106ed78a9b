
/* mcp-bridge connect: a response of the server's, while it comes. */


#include "connect.h"

#include <stdlib.h>
#include <strings.h>


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


size_t
mc_response_header(char *line, size_t size, size_t n, void *data)
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


void
mc_response_drop(mc_exchange_t *x)
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
            mc_response_drop(x);
        }

        return MCP_OK;

    default:
        return MCP_OK;
    }
}


size_t
mc_response_data(char *p, size_t size, size_t n, void *data)
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
