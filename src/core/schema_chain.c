
/* Schemas that apply to one value, each because of the other. */


#include "schema_compile.h"


#define MCP_SCHEMA_CHAIN  64         /* the longest that there may be */

/* by node of the tape: 0, or the length of its longest chain, or: */

#define MCP_SCHEMA_OPEN   255        /* it is being looked into */


typedef struct {
    mcp_schema_node_t    *node;
    uint32_t              from;      /* where its inner schemas begin */
    unsigned              chain;     /* the longest of them so far */
} mcp_schema_frame_t;


static int
mcp_schema_push(mcp_schema_compiler_t *c, mcp_schema_node_t *node)
{
    if (node == NULL) {
        return MCP_OK;
    }

    if (mcp_schema_step(c, node->at, 1) != MCP_OK) {
        return MCP_ERROR;
    }

    c->inner = mcp_schema_room(c, c->inner, c->inners, &c->inner_room,
                               sizeof(mcp_schema_node_t *));
    if (c->inner == NULL) {
        return MCP_NOMEM;
    }

    c->inner[c->inners++] = node;

    return MCP_OK;
}


static int
mcp_schema_push_list(mcp_schema_compiler_t *c, const mcp_schema_list_t *list)
{
    int       rc;
    uint32_t  i;

    rc = MCP_OK;

    for (i = 0; rc == MCP_OK && i < list->n; i++) {
        rc = mcp_schema_push(c, list->schema[i]);
    }

    return rc;
}


/* All schemas that apply to the value that this one applies to. */

static int
mcp_schema_push_inner(mcp_schema_compiler_t *c, const mcp_schema_node_t *node)
{
    int                        rc;
    uint32_t                   i;
    const mcp_schema_logic_t  *l;

    rc = MCP_OK;

    for (i = 0; node->object && rc == MCP_OK && i < node->object->dependents;
         i++)
    {
        rc = mcp_schema_push(c, node->object->dependent[i].schema);
    }

    l = node->logic;

    if (l == NULL || rc != MCP_OK) {
        return rc;
    }

    if ((rc = mcp_schema_push(c, l->ref)) != MCP_OK
        || (rc = mcp_schema_push(c, l->dynamic)) != MCP_OK
        || (rc = mcp_schema_push(c, l->not)) != MCP_OK
        || (rc = mcp_schema_push(c, l->when)) != MCP_OK
        || (rc = mcp_schema_push(c, l->then)) != MCP_OK
        || (rc = mcp_schema_push(c, l->otherwise)) != MCP_OK
        || (rc = mcp_schema_push_list(c, &l->all)) != MCP_OK
        || (rc = mcp_schema_push_list(c, &l->any)) != MCP_OK
        || (rc = mcp_schema_push_list(c, &l->one)) != MCP_OK)
    {
        return rc;
    }

    for (i = 0; l->anchor != 0 && i < c->schema->anchors; i++) {

        rc = mcp_schema_step(c, node->at, 1);

        if (rc == MCP_OK && c->schema->anchor[i].anchor == l->anchor) {
            rc = mcp_schema_push(c, c->schema->anchor[i].schema);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static int
mcp_schema_open(mcp_schema_compiler_t *c, mcp_schema_frame_t *f,
    mcp_schema_node_t *node)
{
    f->node = node;
    f->from = c->inners;
    f->chain = 0;

    c->chain[node->at] = MCP_SCHEMA_OPEN;

    return mcp_schema_push_inner(c, node);
}


static int
mcp_schema_chain(mcp_schema_compiler_t *c, mcp_schema_node_t *root)
{
    int                  rc;
    unsigned             n, chain;
    mcp_schema_node_t   *node;
    mcp_schema_frame_t   frame[MCP_SCHEMA_CHAIN], *f;

    n = 0;
    c->inners = 0;

    rc = mcp_schema_open(c, &frame[n++], root);

    while (rc == MCP_OK && n != 0) {

        f = &frame[n - 1];

        if (c->inners == f->from) {

            chain = f->chain + 1;
            c->chain[f->node->at] = (unsigned char) chain;
            n--;

            if (n != 0 && frame[n - 1].chain < chain) {
                frame[n - 1].chain = chain;
            }

            continue;
        }

        node = c->inner[--c->inners];
        chain = c->chain[node->at];

        if (chain == MCP_SCHEMA_OPEN) {
            return mcp_schema_refuse(c, node->at, "it refers to itself without"
                                     " an end");
        }

        if (chain + n >= MCP_SCHEMA_CHAIN) {
            return mcp_schema_refuse(c, node->at, "too many schemas apply to"
                                     " one value in a chain");
        }

        if (chain == 0) {
            rc = mcp_schema_open(c, &frame[n++], node);

        } else if (chain > f->chain) {
            f->chain = chain;
        }
    }

    return rc;
}


int
mcp_schema_chains(mcp_schema_compiler_t *c)
{
    int       rc;
    uint32_t  i;

    rc = MCP_OK;

    for (i = 0; rc == MCP_OK && i < c->queued; i++) {
        if (c->chain[c->queue[i]->at] == 0) {
            rc = mcp_schema_chain(c, c->queue[i]);
        }
    }

    return rc;
}
