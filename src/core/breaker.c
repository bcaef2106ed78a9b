
/* A circuit breaker. */


#include "breaker.h"


static void
mcp_breaker_open(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now)
{
    b->state = MCP_BREAKER_OPEN;
    b->until = now + conf->cooldown;
}


static void
mcp_breaker_close(mcp_breaker_t *b)
{
    b->state = MCP_BREAKER_CLOSED;
    b->failures = 0;
    b->until = 0;
    b->dead = 0;
}


static uint64_t
mcp_breaker_left(const mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now)
{
    uint64_t  left;

    left = (b->until > now) ? b->until - now : 0;

    /* the cooldown may have become shorter with a reload */

    return (left > conf->cooldown) ? conf->cooldown : left;
}


int
mcp_breaker_ask(mcp_breaker_t *b, const mcp_breaker_conf_t *conf, uint64_t now,
    uint64_t *wait)
{
    *wait = 0;

    if (conf->failures == 0 || b->state == MCP_BREAKER_CLOSED) {
        return MCP_OK;
    }

    *wait = mcp_breaker_left(b, conf, now);

    if (*wait != 0) {
        return MCP_AGAIN;
    }

    /* who tries has as much time as the pause was: it may have got lost */

    b->state = MCP_BREAKER_HALF_OPEN;
    b->until = now + conf->cooldown;

    return MCP_DONE;
}


int
mcp_breaker_succeeded(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    int probe)
{
    if (b->state == MCP_BREAKER_CLOSED) {
        b->failures = 0;
        return MCP_OK;
    }

    /* a call from before the failures proves nothing */

    if (!probe) {
        return MCP_OK;
    }

    mcp_breaker_close(b);

    return MCP_DONE;
}


int
mcp_breaker_failed(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now, int probe)
{
    if (conf->failures == 0) {
        return MCP_OK;
    }

    switch (b->state) {

    case MCP_BREAKER_CLOSED:
        if (++b->failures < conf->failures) {
            return MCP_OK;
        }

        break;

    case MCP_BREAKER_HALF_OPEN:
        if (!probe) {
            return MCP_OK;
        }

        break;

    default:
        return MCP_OK;
    }

    mcp_breaker_open(b, conf, now);

    return MCP_DONE;
}


void
mcp_breaker_unused(mcp_breaker_t *b, uint64_t now)
{
    if (b->state == MCP_BREAKER_HALF_OPEN) {
        b->state = MCP_BREAKER_OPEN;
        b->until = now;
    }
}


int
mcp_breaker_health(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now, int alive)
{
    uint32_t  was;

    if (alive) {

        if (b->state == MCP_BREAKER_CLOSED || !b->dead) {
            return MCP_OK;
        }

        mcp_breaker_close(b);

        return MCP_DONE;
    }

    if (conf->failures == 0) {
        return MCP_OK;
    }

    was = b->state;

    if (was == MCP_BREAKER_CLOSED) {
        b->dead = 1;
    }

    mcp_breaker_open(b, conf, now);

    return was == MCP_BREAKER_CLOSED ? MCP_DONE : MCP_OK;
}


mcp_breaker_state_e
mcp_breaker_state(const mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now, uint64_t *left)
{
    *left = 0;

    if (conf->failures == 0) {
        return MCP_BREAKER_CLOSED;
    }

    switch (b->state) {

    case MCP_BREAKER_OPEN:
        *left = mcp_breaker_left(b, conf, now);

        return *left ? MCP_BREAKER_OPEN : MCP_BREAKER_HALF_OPEN;

    case MCP_BREAKER_HALF_OPEN:
        *left = mcp_breaker_left(b, conf, now);

        return MCP_BREAKER_HALF_OPEN;

    default:
        return MCP_BREAKER_CLOSED;
    }
}
