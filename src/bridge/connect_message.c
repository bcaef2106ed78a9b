
/*
 * mcp-bridge connect: what a line of the client's is, and where it goes.
 */


#include "connect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


static int mc_cancel(mc_t *mc, const mcp_message_t *m);
static int mc_too_many(mc_t *mc, const mcp_message_t *m);


void
mc_error(mc_t *mc, const mcp_str_t *id, int code, unsigned status,
    unsigned retry_after, const char *fmt, ...)
{
    int           n;
    char          text[1024], head[64];
    va_list       args;
    mcp_buf_t     b;
    mcp_arena_t  *arena;

    arena = mcp_arena_create();

    if (arena == NULL) {
        mc_log("no memory for an error");
        return;
    }

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (n < 0 || (size_t) n >= sizeof(text)) {
        n = sizeof(text) - 1;
    }

    mcp_buf_init(&b, arena, 256);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":");

    if (id->len) {
        mcp_buf_str(&b, id);

    } else {
        mcp_buf_literal(&b, "null");
    }

    mcp_buf_append(&b, head, snprintf(head, sizeof(head),
                   ",\"error\":{\"code\":%d,\"message\":", code));
    mcp_buf_json(&b, text, n);

    if (status || retry_after) {
        mcp_buf_literal(&b, ",\"data\":{");

        if (status) {
            mcp_buf_literal(&b, "\"status\":");
            mcp_buf_uint(&b, status);
        }

        if (retry_after) {
            mcp_buf_append(&b, ",", status != 0);
            mcp_buf_literal(&b, "\"retryAfterMs\":");
            mcp_buf_uint(&b, (uint64_t) retry_after * 1000);
        }

        mcp_buf_literal(&b, "}");
    }

    mcp_buf_literal(&b, "}}");

    if (b.failed) {
        mc_log("no memory for an error");

    } else {
        mc_say(mc, b.data, b.len, 0, 0, NULL);
    }

    mcp_arena_destroy(arena);
}


/* What the session has to know of. */

static mc_kind_e
mc_kind(const mcp_message_t *m, mcp_era_e era)
{
    if (m->kind == MCP_REQUEST) {
        return (m->method == MCP_INITIALIZE && era == MCP_ERA_LEGACY)
               ? MC_INITIALIZE : MC_REQUEST;
    }

    return (m->method == MCP_INITIALIZED && era == MCP_ERA_LEGACY)
           ? MC_INITIALIZED : MC_NOTE;
}


void
mc_line(mc_t *mc, const unsigned char *line, size_t len)
{
    int                     rc;
    mcp_fault_t             fault;
    mc_exchange_t          *x;
    mcp_message_headers_t   none;

    x = mc_exchange_create(mc, MC_REQUEST);

    if (x == NULL) {
        mc_log("no memory for a message of the client's");
        return;
    }

    /* the line's memory is used for the next */

    x->body.data = mcp_memdup(x->arena, line, len);
    x->body.len = len;

    rc = x->body.data ? mcp_message_parse(&x->m, x->arena, x->body.data, len,
                                          MC_DEPTH, &fault)
                      : MCP_NOMEM;

    if (rc == MCP_ERROR) {
        mc_error(mc, &x->m.id, fault.code, 0, 0, "%.*s",
                 (int) fault.message.len, fault.message.data);
        mc_exchange_free(x);
        return;
    }

    if (rc != MCP_OK) {
        mc_error(mc, &x->m.id, MCP_E_INTERNAL, 0, 0, "out of memory");
        mc_exchange_free(x);
        return;
    }

    memset(&none, 0, sizeof(none));
    x->era = mcp_message_era(&x->m, &none);
    x->kind = mc_kind(&x->m, x->era);
    x->counted = 1;
    mc->held += len;

    if (x->m.method == MCP_CANCELLED && mc_cancel(mc, &x->m)) {
        mc_exchange_free(x);
        return;
    }

    if (mc_too_many(mc, &x->m)) {
        mc_exchange_free(x);
        return;
    }

    /*
     * POSTs may overtake each other: what comes behind the opening of a
     * session waits for it.
     */

    if (x->kind == MC_INITIALIZE || x->kind == MC_INITIALIZED) {
        mc->opening = 1;
    }

    if (mc_exchange_send(x) != MCP_OK) {
        mc_answer_end(x, CURLE_OUT_OF_MEMORY);
    }
}


static int
mc_too_many(mc_t *mc, const mcp_message_t *m)
{
    if (mc->n <= mc->max || m->kind != MCP_REQUEST) {
        return 0;
    }

    mc_error(mc, &m->id, MCP_E_UNAVAILABLE, 0, 0,
             "%u requests are in flight already; wait for answers", mc->max);

    return 1;
}


/*
 * In the modern era the end of the connection is the cancellation (Streamable
 * HTTP, "Cancellation"): 1, there is nothing more to send.  In the legacy era
 * the notification goes to the server, and an answer may yet come.
 */

static int
mc_cancel(mc_t *mc, const mcp_message_t *m)
{
    mcp_str_t       id;
    mc_exchange_t  *x;

    if (m->cancel_id == 0) {
        return 0;
    }

    id = mcp_json_raw(&m->tape, m->cancel_id);

    TAILQ_FOREACH(x, &mc->exchanges, link) {

        if (x->kind != MC_REQUEST || x->cancelled || x->m.id.len != id.len
            || memcmp(x->m.id.data, id.data, id.len) != 0)
        {
            continue;
        }

        x->cancelled = 1;
        x->deadline = mc->now + MC_CANCELLED_MS;

        if (x->era == MCP_ERA_MODERN || x->waiting) {
            mc_exchange_free(x);
            return 1;
        }

        return 0;
    }

    /* no such request, and no session that could know it */

    return mc->generation == 0;
}
