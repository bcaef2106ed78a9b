
/*
 * A circuit breaker: after so many failures in a row a backend is left alone
 * for a while, then one call at a time tries whether it is well again.
 *
 * The state may lie in memory that processes share: a lock is needed unless it
 * says otherwise.  Times are milliseconds of a clock that never runs backwards.
 */


#ifndef MCP_BREAKER_H
#define MCP_BREAKER_H


#include "core.h"


typedef enum {
    MCP_BREAKER_CLOSED = 0,      /* calls pass */
    MCP_BREAKER_OPEN,            /* none does, until its time is over */
    MCP_BREAKER_HALF_OPEN        /* one is trying; no other, until its time is
                                    over */
} mcp_breaker_state_e;


typedef struct {
    uint32_t              failures;  /* in a row, that open it; 0: it is off */
    uint64_t              cooldown;
} mcp_breaker_conf_t;


typedef struct {
    uint32_t              state;     /* mcp_breaker_state_e */
    uint32_t              failures;  /* in a row */
    uint64_t              until;
    uint32_t              dead;      /* a health probe says so */
} mcp_breaker_t;


/* Whether calls pass and a success changes nothing: needs no lock. */

static inline int
mcp_breaker_idle(const mcp_breaker_t *b, const mcp_breaker_conf_t *conf)
{
    return conf->failures == 0
           || (__atomic_load_n(&b->state, __ATOMIC_RELAXED)
               == MCP_BREAKER_CLOSED
               && __atomic_load_n(&b->failures, __ATOMIC_RELAXED) == 0);
}


/* Whether calls pass: needs no lock. */

static inline int
mcp_breaker_closed(const mcp_breaker_t *b, const mcp_breaker_conf_t *conf)
{
    return conf->failures == 0
           || __atomic_load_n(&b->state, __ATOMIC_RELAXED)
              == MCP_BREAKER_CLOSED;
}


/*
 * MCP_OK: the call passes.  MCP_DONE: it does, as the one that tries: its end
 * must be told with probe set.  MCP_AGAIN: it does not; *wait is the time that
 * is left.
 */

int mcp_breaker_ask(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now, uint64_t *wait) MCP_MUSTCHECK;


/* How a call ended.  MCP_DONE: the state has changed. */

int mcp_breaker_succeeded(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    int probe);
int mcp_breaker_failed(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now, int probe);

/* The one that was to try never came to an end: another one may. */

void mcp_breaker_unused(mcp_breaker_t *b, uint64_t now);


/*
 * What a health probe says.  A backend that is dead gets no calls; if it was
 * a probe that said so, one that finds it alive is enough to let them pass
 * again, but if calls have failed, only a call can show that they no longer do.
 */

int mcp_breaker_health(mcp_breaker_t *b, const mcp_breaker_conf_t *conf,
    uint64_t now, int alive);


/* The state as it is now, and how long it lasts (0: no such time). */

mcp_breaker_state_e mcp_breaker_state(const mcp_breaker_t *b,
    const mcp_breaker_conf_t *conf, uint64_t now, uint64_t *left);


#endif /* MCP_BREAKER_H */
