
/*
 * mcp-bridge connect: the session of a legacy client.  One that the server no
 * longer knows (404) is opened again with what the client said when it opened
 * the first, and what was refused for it is sent once more: a server answers
 * 404 before it does anything.
 */


#include "connect.h"

#include <stdio.h>
#include <stdlib.h>


#define MC_STREAM_MS      1000
#define MC_STREAM_MS_MAX  60000

/* mc->reopening: for a session; that it is initialized */

#define MC_ASKING         1
#define MC_TELLING        2


static void mc_reopen(mc_t *mc);
static void mc_reopened(mc_t *mc);
static void mc_reopen_failed(mc_t *mc, const mc_exchange_t *x);
static mc_exchange_t *mc_own(mc_t *mc, mc_kind_e kind, const void *body,
    size_t len);


void
mc_session_opened(mc_exchange_t *x, const unsigned char *text, size_t len)
{
    mc_t             *mc;
    char             *session;
    uint32_t          node;
    mcp_str_t         version;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;

    mc = x->mc;
    session = x->had_session ? strdup(x->session) : NULL;
    free(mc->session);
    mc->session = session;
    mc->generation++;

    if (x->kind == MC_INITIALIZE) {
        mc->no_stream = 0;
    }

    arena = mcp_arena_create();

    if (arena == NULL
        || mcp_json_tape(&tape, arena, text, len, MC_DEPTH) != MCP_OK
        || (node = mcp_json_get(&tape, 0, "result")) == 0
        || (node = mcp_json_get(&tape, node, "protocolVersion")) == 0
        || mcp_json_unescape(&tape, node, arena, &version) != MCP_OK
        || version.len >= sizeof(mc->version))
    {
        mc_log("the server names no protocol version");
        mc->version[0] = '\0';

    } else {
        memcpy(mc->version, version.data, version.len);
        mc->version[version.len] = '\0';
    }

    if (arena != NULL) {
        mcp_arena_destroy(arena);
    }

    if (x->kind != MC_INITIALIZE) {
        return;
    }

    free(mc->initialize.data);
    mc->initialize.data = malloc(x->body.len);
    mc->initialize.len = x->body.len;

    if (mc->initialize.data != NULL) {
        memcpy(mc->initialize.data, x->body.data, x->body.len);
    }
}


void
mc_session_done(mc_exchange_t *x)
{
    mc_t  *mc;

    mc = x->mc;

    switch (x->kind) {

    case MC_INITIALIZE:
        mc->opening = 0;
        break;

    case MC_INITIALIZED:
        mc->opening = 0;

        if (x->status / 100 == 2 && !mc->no_stream) {
            mc->stream_at = mc->now;
        }

        break;

    case MC_REOPEN:

        if (x->result) {
            mc_log("the session has ended, another was opened");
            mc_reopened(mc);

        } else {
            mc_reopen_failed(mc, x);
        }

        break;

    case MC_REOPENED:

        if (mc->reopening == MC_TELLING) {
            mc->reopening = 0;
        }

        if (!mc->no_stream) {
            mc->stream_at = mc->now;
        }

        break;

    default:
        break;
    }
}


/* --- a lost one ----------------------------------------------------------- */


int
mc_session_lost(mc_exchange_t *x)
{
    mc_t  *mc;

    mc = x->mc;

    if (x->status != 404 || !x->in_session || x->retried || x->cancelled
        || (x->kind != MC_REQUEST && x->kind != MC_NOTE)
        || mc->initialize.data == NULL)
    {
        return 0;
    }

    mc_exchange_reset(x);
    x->retried = 1;

    /* another was opened meanwhile */

    if (x->generation != mc->generation && mc->reopening != MC_ASKING) {

        if (mc_exchange_send(x) != MCP_OK) {
            mc_answer_end(x, CURLE_OUT_OF_MEMORY);
        }

        return 1;
    }

    x->waiting = 1;

    if (mc->reopening != MC_ASKING) {
        mc_reopen(mc);
    }

    return 1;
}


static void
mc_reopen(mc_t *mc)
{
    mc_exchange_t  *x;
    mcp_fault_t     fault;

    mc->reopening = MC_ASKING;
    x = mc_own(mc, MC_REOPEN, mc->initialize.data, mc->initialize.len);

    /* for its id */

    if (x == NULL
        || mcp_message_parse(&x->m, x->arena, x->body.data, x->body.len,
                             MC_DEPTH, &fault)
           != MCP_OK
        || mc_exchange_send(x) != MCP_OK)
    {
        mc_reopen_failed(mc, NULL);

        if (x != NULL) {
            mc_exchange_free(x);
        }
    }
}


/* What waits goes on while the server is told: it has its session. */

static void
mc_reopened(mc_t *mc)
{
    mc_exchange_t      *x, *next;
    static const char   note[] = "{\"jsonrpc\":\"2.0\","
                                 "\"method\":\"notifications/initialized\"}";

    mc->reopening = MC_TELLING;
    x = mc_own(mc, MC_REOPENED, note, sizeof(note) - 1);

    if (x == NULL || mc_exchange_send(x) != MCP_OK) {
        mc->reopening = 0;

        if (x != NULL) {
            mc_exchange_free(x);
        }
    }

    for (x = TAILQ_FIRST(&mc->exchanges); x != NULL; x = next) {
        next = TAILQ_NEXT(x, link);

        if (!x->waiting) {
            continue;
        }

        x->waiting = 0;

        if (mc_exchange_send(x) != MCP_OK) {
            mc_answer_end(x, CURLE_OUT_OF_MEMORY);
        }
    }
}


static void
mc_reopen_failed(mc_t *mc, const mc_exchange_t *failed)
{
    char            why[64];
    mc_exchange_t  *x, *next;

    mc->reopening = 0;

    if (failed != NULL && failed->status != 0) {
        snprintf(why, sizeof(why), "HTTP %u", failed->status);

    } else {
        snprintf(why, sizeof(why), "no answer");
    }

    mc_log("the session has ended and cannot be opened again: %s", why);

    for (x = TAILQ_FIRST(&mc->exchanges); x != NULL; x = next) {
        next = TAILQ_NEXT(x, link);

        if (!x->waiting) {
            continue;
        }

        if (x->kind == MC_REQUEST) {
            mc_error(mc, &x->m.id, 404, 404, 0,
                     "the session with %s has ended, and initialize was not "
                     "answered with another (%s); start again with "
                     "initialize", mc->shown, why);
        }

        mc_exchange_free(x);
    }
}


static mc_exchange_t *
mc_own(mc_t *mc, mc_kind_e kind, const void *body, size_t len)
{
    mc_exchange_t  *x;

    x = mc_exchange_create(mc, kind);

    if (x == NULL) {
        return NULL;
    }

    x->era = MCP_ERA_LEGACY;
    x->body.data = mcp_memdup(x->arena, body, len);
    x->body.len = len;

    if (x->body.data == NULL) {
        mc_exchange_free(x);
        return NULL;
    }

    return x;
}


/* --- what the server says of its own accord ------------------------------- */


void
mc_session_stream(mc_t *mc)
{
    mc_exchange_t  *x;

    if (mc->stream_at == 0 || mc->stream_at > mc->now || mc->streaming
        || mc->eof)
    {
        return;
    }

    mc->stream_at = 0;
    x = mc_exchange_create(mc, MC_STREAM);

    if (x == NULL) {
        return;
    }

    x->era = MCP_ERA_LEGACY;

    if (mc_exchange_send(x) != MCP_OK) {
        mc_exchange_free(x);
        return;
    }

    mc->streaming = 1;
}


void
mc_session_stream_ended(mc_exchange_t *x)
{
    mc_t      *mc;
    unsigned   i;
    uint64_t   wait;

    mc = x->mc;
    mc->streaming = 0;

    /* 405: it has none; 404: the next request will open another session */

    if (x->status / 100 == 4) {
        mc->no_stream = (x->status != 404);
        return;
    }

    mc->stream_failures = x->got ? 0 : mc->stream_failures + 1;
    wait = MC_STREAM_MS;

    for (i = 0; i < mc->stream_failures && wait < MC_STREAM_MS_MAX; i++) {
        wait *= 2;
    }

    mc->stream_at = mc->now + wait;
}


void
mc_session_end(mc_t *mc)
{
    mc_exchange_t  *x;

    if (mc->session == NULL) {
        return;
    }

    x = mc_exchange_create(mc, MC_DELETE);

    if (x == NULL) {
        return;
    }

    x->era = MCP_ERA_LEGACY;

    if (mc_exchange_send(x) != MCP_OK) {
        mc_exchange_free(x);
        return;
    }

    x->deadline = mc->now + MC_DELETE_MS;
}
