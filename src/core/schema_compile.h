
/* How a schema is compiled: shared by schema.c, schema_scan.c and others. */


#ifndef MCP_SCHEMA_COMPILE_H
#define MCP_SCHEMA_COMPILE_H


#include "schema_node.h"
#include "uri.h"


/* A document or a part of it with an "$id" of its own. */

typedef struct {
    mcp_str_t             uri;
    uint32_t              root;
    unsigned              draft;           /* mcp_draft_e */
} mcp_schema_resource_t;


/* $anchor, $dynamicAnchor */

typedef struct {
    mcp_str_t             name;
    uint32_t              resource;
    uint32_t              node;
    uint32_t              dynamic;         /* number of its name, from 1; 0:
                                              it is an $anchor */
} mcp_schema_named_t;


typedef struct {
    mcp_schema_t           *schema;
    mcp_json_tape_t        *tape;
    mcp_arena_t            *arena;
    mcp_arena_t            *scratch;
    mcp_regex_compiler_t   *regex;         /* made for the first pattern */
    unsigned                patterns;
    uint64_t                steps;         /* left */

    /* by node of the tape */

    uint32_t               *owner;         /* its resource + 1; 0: not known to
                                              be a schema */
    mcp_schema_node_t     **node;          /* NULL: not asked for yet */

    unsigned char          *chain;         /* see mcp_schema_chains() */

    mcp_schema_node_t     **queue;         /* those to be compiled */
    uint32_t                queued;

    mcp_schema_node_t     **inner;         /* schemas to be looked into */
    uint32_t                inners;
    uint32_t                inner_room;

    mcp_schema_resource_t  *resource;
    uint32_t                resources;
    uint32_t                resource_room;
    mcp_schema_named_t     *named;
    uint32_t                names;
    uint32_t                named_room;

    /* after MCP_ERROR */

    const char             *why;
    uint32_t                where;
} mcp_schema_compiler_t;


static inline int
mcp_schema_refuse(mcp_schema_compiler_t *c, uint32_t node, const char *why)
{
    c->why = why;
    c->where = node;

    return MCP_ERROR;
}


static inline int MCP_MUSTCHECK
mcp_schema_step(mcp_schema_compiler_t *c, uint32_t node, uint64_t n)
{
    if (c->steps < n) {
        return mcp_schema_refuse(c, node, "it takes too long to compile");
    }

    c->steps -= n;

    return MCP_OK;
}


/* Room for one more element of an array, which is doubled; NULL: no memory. */

void *mcp_schema_room(mcp_schema_compiler_t *c, void *array, uint32_t n,
    uint32_t *room, size_t size);


/*
 * schema_scan.c: finds all resources and anchors; the root is resource 0.
 */

int mcp_schema_scan(mcp_schema_compiler_t *c) MCP_MUSTCHECK;


/*
 * schema_ref.c: the node that a reference means, at the node "at" of that
 * resource.  named: the anchor that it goes by, or NULL.
 */

int mcp_schema_resolve(mcp_schema_compiler_t *c, uint32_t at,
    uint32_t resource, uint32_t *node, const mcp_schema_named_t **named)
    MCP_MUSTCHECK;


/*
 * schema.c: the compiled schema of a node, which may be filled in later;
 * resource: what it belongs to, where nobody else knows.
 */

int mcp_schema_get(mcp_schema_compiler_t *c, uint32_t at, uint32_t resource,
    mcp_schema_node_t **node) MCP_MUSTCHECK;


/* schema_build.c: fills in what is at node->at. */

int mcp_schema_build(mcp_schema_compiler_t *c, mcp_schema_node_t *node)
    MCP_MUSTCHECK;


/*
 * schema_chain.c: refuses schemas that would apply themselves to one value
 * without an end, or in too long a chain.
 */

int mcp_schema_chains(mcp_schema_compiler_t *c) MCP_MUSTCHECK;


/*
 * schema_build_object.c, schema_build_more.c; kw: values by keyword, 0 where
 * there is none
 */

int mcp_schema_build_object(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw) MCP_MUSTCHECK;
int mcp_schema_build_array(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw) MCP_MUSTCHECK;
int mcp_schema_build_logic(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw) MCP_MUSTCHECK;

/* schema_build.c: for the two of them */

int mcp_schema_count(mcp_schema_compiler_t *c, uint32_t at, uint32_t *out)
    MCP_MUSTCHECK;
int mcp_schema_sub(mcp_schema_compiler_t *c, const mcp_schema_node_t *node,
    uint32_t at, mcp_schema_node_t **out) MCP_MUSTCHECK;
int mcp_schema_regex(mcp_schema_compiler_t *c, uint32_t at, mcp_regex_t *re)
    MCP_MUSTCHECK;


#endif /* MCP_SCHEMA_COMPILE_H */
