
/* Arrays, and what other keywords left over of arrays and objects. */


#include "schema_node.h"


static int
mcp_schema_eval_contains(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                        rc;
    uint32_t                   i, n, end, found;
    const mcp_schema_array_t  *a;

    a = node->array;
    end = run->tape->node[value].next;
    found = 0;
    n = 0;

    if (!a->contained) {
        seen = NULL;
    }

    run->quiet++;

    for (i = value + 1; i < end; i = run->tape->node[i].next, n++) {

        rc = mcp_schema_eval(run, a->contains, i, place, NULL);

        if (rc == MCP_OK) {
            found++;

            if (seen != NULL) {
                mcp_schema_seen_set(seen, n);

            } else if (found >= a->min_contains
                       && a->max_contains == UINT32_MAX)
            {
                break;
            }

        } else if (rc != MCP_NONE) {
            return rc;
        }
    }

    run->quiet--;

    if (found < a->min_contains) {
        return mcp_schema_fail(run, node, place,
                               a->min_contains == 1 ? MCP_KW_CONTAINS
                                                    : MCP_KW_MIN_CONTAINS,
                               found);
    }

    if (found > a->max_contains) {
        return mcp_schema_fail(run, node, place, MCP_KW_MAX_CONTAINS, found);
    }

    return MCP_OK;
}


static int
mcp_schema_eval_elements(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                        rc, failed;
    uint32_t                   i, n, end;
    mcp_schema_node_t         *schema;
    mcp_schema_place_t         at;
    const mcp_schema_array_t  *a;

    a = node->array;
    end = run->tape->node[value].next;
    failed = MCP_OK;
    n = 0;

    at.up = place;
    at.key = 0;

    for (i = value + 1; i < end; i = run->tape->node[i].next, n++) {

        schema = (n < a->prefixes) ? a->prefix[n] : a->items;

        if (schema == NULL) {
            break;
        }

        if (mcp_schema_spend(run, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        if (seen != NULL) {
            mcp_schema_seen_set(seen, n);
        }

        at.index = n;

        rc = mcp_schema_eval(run, schema, i, &at, NULL);
        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    return failed;
}


int
mcp_schema_eval_array(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                        rc, failed;
    uint32_t                   count, again;
    const mcp_schema_array_t  *a;

    a = node->array;
    count = run->tape->node[value].count;
    failed = MCP_OK;

    if (count < a->min || count > a->max) {
        failed = mcp_schema_fail(run, node, place,
                                 count < a->min ? MCP_KW_MIN_ITEMS
                                                : MCP_KW_MAX_ITEMS, count);
        if (mcp_schema_ends(run, failed)) {
            return failed;
        }
    }

    if (a->unique) {
        rc = mcp_schema_unique(run, value, &again);

        if (rc == MCP_NONE) {
            rc = mcp_schema_fail(run, node, place, MCP_KW_UNIQUE_ITEMS, 0);
        }

        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    if (a->prefixes != 0 || a->items != NULL) {
        rc = mcp_schema_eval_elements(run, node, value, place, seen);
        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    if (a->contains != NULL) {
        rc = mcp_schema_eval_contains(run, node, value, place, seen);
        if (rc != MCP_OK) {
            failed = rc;
        }
    }

    return failed;
}


int
mcp_schema_eval_rest(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                       rc, failed;
    uint32_t                  i, n, end, object;
    unsigned                  keyword;
    mcp_schema_place_t        at;
    const mcp_schema_node_t  *rest;

    object = (run->tape->node[value].type == MCP_JSON_OBJECT);
    rest = object ? node->object->unevaluated : node->array->unevaluated;
    keyword = object ? MCP_KW_UNEVALUATED : MCP_KW_UNEVALUATED_ITEMS;

    end = run->tape->node[value].next;
    failed = MCP_OK;
    n = 0;

    for (i = value + 1; i < end; i = run->tape->node[i].next, n++) {

        if (mcp_schema_spend(run, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        if (mcp_schema_seen_get(seen, n)) {
            continue;
        }

        at.up = place;
        at.key = object ? i : 0;
        at.index = n;

        rc = (rest->kind == MCP_SCHEMA_FALSE)
             ? mcp_schema_fail(run, node, &at, keyword, i)
             : mcp_schema_eval(run, rest, i + object, &at, NULL);

        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    return failed;
}
