
/* A policy's insides: shared by policy*.c. */


#ifndef MCP_POLICY_ROLES_H
#define MCP_POLICY_ROLES_H


#include "policy_index.h"


#define MCP_ROLE_NAME_MAX  256
#define MCP_POLICY_MAX     1000000   /* roles, and patterns of all of them */


typedef struct mcp_inherit_s  mcp_inherit_t;

struct mcp_inherit_s {
    mcp_str_t                    name;
    const char                  *file;
    unsigned                     line;
    uint32_t                     role;       /* of that name */
    mcp_inherit_t               *next;
};


typedef struct {
    mcp_str_t                    name;
    const char                  *file;
    unsigned                     line;
    uint32_t                     chain;      /* next in the bucket + 1 */
    mcp_inherit_t               *inherit;
    mcp_inherit_t              **last;
    mcp_index_t                  index[MCP_POLICY_KINDS];
} mcp_role_t;


struct mcp_policy_s {
    mcp_arena_t                 *arena;

    mcp_role_t                 **role;
    uint32_t                     nroles;
    uint32_t                     role_size;
    uint32_t                    *bucket;     /* role + 1; 0: empty */
    uint32_t                     mask;

    mcp_policy_pattern_t       **pattern;
    uint32_t                     npatterns;
    uint32_t                     pattern_size;
    uint32_t                     nrules;

    mcp_index_t                  all[MCP_POLICY_KINDS];
};


/* A sentence of several strings, up to mcp_end: gives MCP_ERROR. */

#define mcp_end       ((const mcp_str_t *) NULL)
#define mcp_why(s)    (&(const mcp_str_t) mcp_string(s))

int mcp_policy_why(const mcp_policy_t *policy, mcp_str_t *why, ...);

int mcp_policy_inherit(mcp_policy_t *policy, mcp_str_t *why) MCP_MUSTCHECK;

/* tools, prompts, resources; MCP_POLICY_KINDS: none of them */

mcp_policy_kind_e mcp_policy_kind(const mcp_str_t *word);


#endif /* MCP_POLICY_ROLES_H */
