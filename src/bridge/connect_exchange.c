
/*
 * mcp-bridge connect: an exchange, one request to the server and what comes
 * back; its beginning and its end.
 */


#include "connect.h"

#include <stdlib.h>


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
    mc_response_drop(x);

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

    if (x->easy == NULL || mc_request_headers(x) != MCP_OK
        || mc_request_easy(x) != MCP_OK
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
