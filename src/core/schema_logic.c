
/* Schemas that apply to the same value: references, all, any, one, if. */


#include "schema_node.h"


#define MCP_SCHEMA_HOPS  8         /* references that are followed to find the
                                      types of an alternative */


/* A branch: what it evaluates counts only if it is valid. */

static int
mcp_schema_eval_branch(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                rc;
    uint32_t           i;
    mcp_schema_seen_t  own;

    run->quiet++;

    if (seen == NULL) {
        rc = mcp_schema_eval(run, node, value, place, NULL);
        run->quiet--;
        return rc;
    }

    rc = mcp_schema_seen_init(run, &own, seen->n);

    if (rc == MCP_OK) {
        rc = mcp_schema_eval(run, node, value, place, &own);
    }

    run->quiet--;

    for (i = 0; rc == MCP_OK && i <= seen->n / 64 && i * 64 < seen->n; i++) {
        seen->bits[i] |= own.bits[i];
    }

    return rc;
}


/* The types that a schema admits, as far as that is seen at once. */

static unsigned
mcp_schema_admits(const mcp_schema_node_t *node)
{
    unsigned  i;

    for (i = 0; i < MCP_SCHEMA_HOPS; i++) {

        if (node->types != MCP_SCHEMA_T_ANY || node->logic == NULL
            || node->logic->ref == NULL)
        {
            break;
        }

        node = node->logic->ref;
    }

    return node->kind == MCP_SCHEMA_FALSE ? 0 : node->types;
}


/*
 * No alternative fits.  Where but one is for values of this type, what that
 * one has against it says more.
 */

static int
mcp_schema_fail_any(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    const mcp_schema_list_t *list, uint32_t value,
    const mcp_schema_place_t *place, unsigned keyword)
{
    int                       rc;
    uint32_t                  i, n;
    unsigned                  type, types, all;
    const mcp_schema_node_t  *one;

    if (run->quiet) {
        return MCP_NONE;
    }

    type = mcp_schema_type(&run->tape->node[value]);
    one = NULL;
    all = 0;
    n = 0;

    for (i = 0; i < list->n; i++) {
        types = mcp_schema_admits(list->schema[i]);

        all |= types;

        if (types & MCP_SCHEMA_T_INTEGER) {
            types |= MCP_SCHEMA_T_NUMBER;
        }

        if (types & type) {
            one = list->schema[i];
            n++;
        }
    }

    if (n == 1) {
        n = run->result->n;

        rc = mcp_schema_eval(run, one, value, place, NULL);

        if (rc != MCP_OK && (rc != MCP_NONE || run->result->n != n)) {
            return rc;
        }
    }

    return mcp_schema_fail(run, node, place, keyword, n ? 0 : all);
}


static int
mcp_schema_eval_any(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                       rc, found;
    uint32_t                  i;
    const mcp_schema_list_t  *list;

    list = &node->logic->any;
    found = 0;

    for (i = 0; i < list->n; i++) {

        rc = mcp_schema_eval_branch(run, list->schema[i], value, place, seen);

        if (rc == MCP_OK) {
            found = 1;

            if (seen == NULL) {
                break;
            }

        } else if (rc != MCP_NONE) {
            return rc;
        }
    }

    return found ? MCP_OK
           : mcp_schema_fail_any(run, node, list, value, place, MCP_KW_ANY_OF);
}


static int
mcp_schema_eval_one(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                       rc;
    uint32_t                  i, found;
    const mcp_schema_list_t  *list;

    list = &node->logic->one;
    found = 0;

    for (i = 0; i < list->n && found < 2; i++) {

        rc = mcp_schema_eval_branch(run, list->schema[i], value, place, seen);

        if (rc == MCP_OK) {
            found++;

        } else if (rc != MCP_NONE) {
            return rc;
        }
    }

    switch (found) {

    case 0:
        return mcp_schema_fail_any(run, node, list, value, place,
                                   MCP_KW_ONE_OF);
    case 1:
        return MCP_OK;

    default:
        return mcp_schema_fail(run, node, place, MCP_KW_TOO_MANY, 0);
    }
}


static int
mcp_schema_eval_not(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place)
{
    int  rc;

    run->quiet++;
    rc = mcp_schema_eval(run, node->logic->not, value, place, NULL);
    run->quiet--;

    if (rc == MCP_OK) {
        return mcp_schema_fail(run, node, place, MCP_KW_NOT, 0);
    }

    return rc == MCP_NONE ? MCP_OK : rc;
}


static int
mcp_schema_eval_if(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                       rc;
    const mcp_schema_node_t  *next;

    rc = mcp_schema_eval_branch(run, node->logic->when, value, place, seen);

    if (rc != MCP_OK && rc != MCP_NONE) {
        return rc;
    }

    next = (rc == MCP_OK) ? node->logic->then : node->logic->otherwise;

    return next ? mcp_schema_eval(run, next, value, place, seen) : MCP_OK;
}


/* The schema of that anchor in the outermost resource that has one. */

static const mcp_schema_node_t *
mcp_schema_dynamic(mcp_schema_run_t *run, const mcp_schema_logic_t *logic)
{
    uint32_t                     i;
    const mcp_schema_t          *schema;
    const mcp_schema_node_t     *found;
    const mcp_schema_scope_t    *scope;
    const mcp_schema_anchor_t   *anchor;

    schema = run->schema;
    found = logic->dynamic;

    if (logic->anchor == 0) {
        return found;
    }

    for (scope = run->scope; scope != NULL; scope = scope->up) {
        for (i = 0; i < schema->anchors; i++) {

            if (mcp_schema_spend(run, 1) != MCP_OK) {
                return NULL;
            }

            anchor = &schema->anchor[i];

            if (anchor->resource == scope->resource
                && anchor->anchor == logic->anchor)
            {
                found = anchor->schema;
            }
        }
    }

    return found;
}


static int
mcp_schema_eval_dynamic(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    const mcp_schema_node_t  *found;

    found = mcp_schema_dynamic(run, node->logic);

    return found ? mcp_schema_eval(run, found, value, place, seen) : MCP_ERROR;
}


int
mcp_schema_eval_logic(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                        rc, failed;
    uint32_t                   i;
    const mcp_schema_logic_t  *logic;

    logic = node->logic;
    failed = MCP_OK;

#define mcp_schema_also(expr)                                                 \
    rc = expr;                                                                \
                                                                              \
    if (rc != MCP_OK) {                                                       \
        failed = rc;                                                          \
                                                                              \
        if (mcp_schema_ends(run, rc)) {                                       \
            return rc;                                                        \
        }                                                                     \
    }

    if (logic->ref != NULL) {
        mcp_schema_also(mcp_schema_eval(run, logic->ref, value, place, seen));
    }

    if (logic->dynamic != NULL) {
        mcp_schema_also(mcp_schema_eval_dynamic(run, node, value, place,
                                                seen));
    }

    for (i = 0; i < logic->all.n; i++) {
        mcp_schema_also(mcp_schema_eval(run, logic->all.schema[i], value,
                                        place, seen));
    }

    if (logic->any.n != 0) {
        mcp_schema_also(mcp_schema_eval_any(run, node, value, place, seen));
    }

    if (logic->one.n != 0) {
        mcp_schema_also(mcp_schema_eval_one(run, node, value, place, seen));
    }

    if (logic->not != NULL) {
        mcp_schema_also(mcp_schema_eval_not(run, node, value, place));
    }

    if (logic->when != NULL) {
        mcp_schema_also(mcp_schema_eval_if(run, node, value, place, seen));
    }

#undef mcp_schema_also

    return failed;
}
