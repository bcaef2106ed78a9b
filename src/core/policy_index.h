
/* Patterns, found by what they begin or end with. */


#ifndef MCP_POLICY_INDEX_H
#define MCP_POLICY_INDEX_H


#include "policy.h"


typedef struct {
    uint64_t                     hash;
    uint32_t                     next;       /* + 1 */
    const mcp_policy_pattern_t  *pattern;
} mcp_index_entry_t;


typedef struct {
    mcp_index_entry_t           *entry;
    uint32_t                     n;
    uint32_t                    *bucket;     /* entry + 1; 0: empty */
    uint32_t                     mask;
    uint32_t                    *len;        /* of keys, ascending */
    unsigned                     lens;
} mcp_index_table_t;


/*
 * Every pattern is in one table, under bytes that whatever fits it must have:
 * the beginning of "backend/name", that of the name, or the end of the name.
 */

enum {
    MCP_INDEX_WHOLE = 0,
    MCP_INDEX_NAME,
    MCP_INDEX_TAIL,
    MCP_INDEX_TABLES
};


typedef struct {
    mcp_index_table_t            table[MCP_INDEX_TABLES];
} mcp_index_t;


int mcp_index_build(mcp_index_t *index, mcp_arena_t *arena,
    const mcp_policy_pattern_t **pattern, unsigned n) MCP_MUSTCHECK;


/* Gives every pattern that fits to found(), in no order. */

typedef void (*mcp_index_pt)(void *data, const mcp_policy_pattern_t *pattern);

void mcp_index_find(const mcp_index_t *index, const mcp_str_t *backend,
    const mcp_str_t *name, mcp_index_pt found, void *data);


/* FNV-1a, 64 bits */

#define MCP_FNV_BASIS  UINT64_C(0xcbf29ce484222325)
#define mcp_fnv(h, c)  (((h) ^ (unsigned char) (c)) * UINT64_C(0x100000001b3))


#endif /* MCP_POLICY_INDEX_H */
