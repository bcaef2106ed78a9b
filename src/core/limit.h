
/*
 * Rate limits: the generic cell rate algorithm (ITU-T I.371), which is a token
 * bucket kept as one number, and a table of buckets of bounded size.
 *
 * Times are nanoseconds of a clock that never runs backwards.
 */


#ifndef MCP_LIMIT_H
#define MCP_LIMIT_H


#include "core.h"


#define MCP_LIMIT_SECOND  UINT64_C(1000000000)
#define MCP_LIMIT_CALLS   1000000
#define MCP_LIMIT_BURST   1000000


typedef struct {
    uint64_t              id;        /* of the rule: those without a bucket of
                                        their own share the one of this id */
    uint64_t              interval;  /* in which one token comes */
    uint64_t              depth;     /* in which the whole bucket fills */
} mcp_limit_t;


/*
 * "calls" in "period" seconds (1 to 3600), of which up to "burst" may come at
 * once: in any time t there pass at most burst + t * calls / period.
 * MCP_ERROR: out of bounds.
 */

int mcp_limit_init(mcp_limit_t *limit, uint64_t calls, uint64_t period,
    uint64_t burst) MCP_MUSTCHECK;


/*
 * Takes a token.  *tat is the bucket: the time at which it is full, 0 at
 * first.  MCP_AGAIN: there is none, but in *wait nanoseconds there will be,
 * unless others come first; *tat is as it was.
 */

int mcp_limit_take(const mcp_limit_t *limit, uint64_t *tat, uint64_t now,
    uint64_t *wait) MCP_MUSTCHECK;


/*
 * Buckets by key, in memory that processes share.  A bucket that is full again
 * is the same as none, so it alone gives way to a new key: of those in the
 * key's set the one that was used least recently.  Where all are in debt, the
 * new key shares one bucket with all others of its rule that found no room.
 */

#define MCP_LIMIT_WAYS    16
#define MCP_LIMIT_SHARED  64


typedef struct {
    uint64_t              key[MCP_LIMIT_WAYS];   /* 0: nobody's */
    uint64_t              tat[MCP_LIMIT_WAYS];
} mcp_limit_set_t;


typedef struct {
    uint64_t              mask;      /* of sets */
    uint64_t              evicted;   /* buckets that gave way */
    uint64_t              crowded;   /* calls that found no room */
    uint64_t              shared_id[MCP_LIMIT_SHARED];
    uint64_t              shared_tat[MCP_LIMIT_SHARED];
    mcp_limit_set_t       set[];
} mcp_limit_table_t;


/* The size of the largest table that fits into so many bytes; 0: none does. */

size_t mcp_limit_table_size(size_t size);

/* The memory is of just that size, aligned for uint64_t, and zeroed. */

void mcp_limit_table_init(mcp_limit_table_t *table, size_t size);


/*
 * As mcp_limit_take(), from the bucket of the key (a keyed hash of all that
 * makes it: nobody may choose which set it falls into).  Any number of
 * processes may do so at a time.  MCP_NONE: it has no bucket; then ..._add(),
 * under a lock, looks once more and makes it one.
 */

int mcp_limit_table_take(mcp_limit_table_t *table, const mcp_limit_t *limit,
    uint64_t key, uint64_t now, uint64_t *wait) MCP_MUSTCHECK;
int mcp_limit_table_add(mcp_limit_table_t *table, const mcp_limit_t *limit,
    uint64_t key, uint64_t now, uint64_t *wait) MCP_MUSTCHECK;


#endif /* MCP_LIMIT_H */
