
/* Objects and arrays against the keywords that are about their members. */


#include "schema_node.h"


static const mcp_schema_name_t *
mcp_schema_find_name(mcp_schema_run_t *run, const mcp_schema_object_t *o,
    uint32_t key)
{
    uint32_t                  i, hash;
    const mcp_schema_name_t  *name;

    hash = run->tape->node[key].count;

    for (i = hash & o->mask; o->slot[i] != 0; i = (i + 1) & o->mask) {

        name = &o->name[o->slot[i] - 1];

        if (name->hash == hash
            && mcp_json_equals(run->tape, key, name->name.data,
                               name->name.len))
        {
            return name;
        }

        /* a schema may be made of names that collide */

        if (run->steps != 0) {
            run->steps--;
        }
    }

    return NULL;
}


/* One member; MCP_DONE: no keyword has evaluated it, and it is valid. */

static int
mcp_schema_eval_member(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    const mcp_schema_name_t *name, uint32_t key,
    const mcp_schema_place_t *place)
{
    int                         rc, failed, seen;
    uint32_t                    i;
    const mcp_schema_object_t  *o;

    o = node->object;
    failed = MCP_OK;
    seen = 0;

    if (name != NULL && name->value != NULL) {
        seen = 1;

        rc = mcp_schema_eval(run, name->value, key + 1, place, NULL);
        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    for (i = 0; i < o->patterns; i++) {

        rc = mcp_schema_matches(run, &o->pattern[i].name, key);

        if (rc == MCP_NONE) {
            continue;
        }

        if (rc == MCP_OK) {
            seen = 1;
            rc = mcp_schema_eval(run, o->pattern[i].value, key + 1, place,
                                 NULL);
        }

        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    if (seen || o->additional == NULL) {
        return (seen || failed != MCP_OK) ? failed : MCP_DONE;
    }

    if (o->additional->kind == MCP_SCHEMA_FALSE) {
        return mcp_schema_fail(run, node, place, MCP_KW_ADDITIONAL, key);
    }

    return mcp_schema_eval(run, o->additional, key + 1, place, NULL);
}


/* Names that are required and are not there. */

static int
mcp_schema_eval_required(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place)
{
    int                         rc;
    uint32_t                    i;
    const mcp_schema_object_t  *o;

    o = node->object;

    for (i = 0; i < o->names; i++) {

        if (!o->name[i].required) {
            continue;
        }

        if (mcp_schema_spend(run, 1 + run->tape->node[value].count) != MCP_OK)
        {
            return MCP_ERROR;
        }

        if (mcp_json_member(run->tape, value, (char *) o->name[i].name.data,
                            o->name[i].name.len)
            != 0)
        {
            continue;
        }

        rc = mcp_schema_fail(run, node, place, MCP_KW_REQUIRED, i);
        if (mcp_schema_ends(run, rc)) {
            return rc;
        }
    }

    return MCP_NONE;
}


int
mcp_schema_eval_object(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                         rc, failed;
    uint32_t                    i, n, end, found, count;
    mcp_schema_place_t          at;
    const mcp_schema_name_t    *name;
    const mcp_schema_object_t  *o;

    o = node->object;
    count = run->tape->node[value].count;
    end = run->tape->node[value].next;
    failed = MCP_OK;
    found = 0;
    n = 0;

    if (count < o->min || count > o->max) {
        failed = mcp_schema_fail(run, node, place,
                                 count < o->min ? MCP_KW_MIN_PROPERTIES
                                                : MCP_KW_MAX_PROPERTIES,
                                 count);
        if (mcp_schema_ends(run, failed)) {
            return failed;
        }
    }

    at.up = place;
    at.index = 0;

    for (i = value + 1; i < end; i = run->tape->node[i].next, n++) {

        if (mcp_schema_spend(run, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        at.key = i;

        if (o->names_schema != NULL) {
            run->quiet++;
            rc = mcp_schema_eval(run, o->names_schema, i, &at, NULL);
            run->quiet--;

            if (rc == MCP_NONE) {
                rc = mcp_schema_fail(run, node, &at, MCP_KW_PROPERTY_NAMES, 0);
            }

            if (rc != MCP_OK) {
                failed = rc;

                if (mcp_schema_ends(run, rc)) {
                    return rc;
                }
            }
        }

        name = o->names ? mcp_schema_find_name(run, o, i) : NULL;

        if (name != NULL) {
            found += name->required;
        }

        rc = mcp_schema_eval_member(run, node, name, i, &at);

        if (rc == MCP_DONE) {
            continue;
        }

        if (seen != NULL) {
            mcp_schema_seen_set(seen, n);
        }

        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    if (found < o->required) {
        return mcp_schema_eval_required(run, node, value, place);
    }

    return failed;
}


/* dependentRequired: the names at "array" must be there, too. */

static int
mcp_schema_eval_names(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    const mcp_schema_dependent_t *d, uint32_t value,
    const mcp_schema_place_t *place)
{
    int                     failed;
    uint32_t                i, j, end, last;
    const mcp_json_tape_t  *tape;

    tape = &run->schema->tape;
    last = tape->node[d->names].next;
    end = run->tape->node[value].next;
    failed = MCP_OK;

    for (i = d->names + 1; i < last; i = tape->node[i].next) {

        if (mcp_schema_spend(run, 1 + run->tape->node[value].count) != MCP_OK)
        {
            return MCP_ERROR;
        }

        for (j = value + 1; j < end; j = run->tape->node[j].next) {
            if (mcp_json_order(tape, i, run->tape, j) == 0) {
                break;
            }
        }

        if (j < end) {
            continue;
        }

        failed = mcp_schema_fail(run, node, place, d->keyword, i);
        if (mcp_schema_ends(run, failed)) {
            return failed;
        }
    }

    return failed;
}


int
mcp_schema_eval_dependent(mcp_schema_run_t *run,
    const mcp_schema_node_t *node, uint32_t value,
    const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                            rc, failed;
    uint32_t                       i;
    const mcp_schema_dependent_t  *d;

    failed = MCP_OK;

    for (i = 0; i < node->object->dependents; i++) {

        d = &node->object->dependent[i];

        if (mcp_schema_spend(run, 1 + run->tape->node[value].count) != MCP_OK)
        {
            return MCP_ERROR;
        }

        if (mcp_json_member(run->tape, value, (char *) d->name.data,
                            d->name.len)
            == 0)
        {
            continue;
        }

        rc = d->names ? mcp_schema_eval_names(run, node, d, value, place)
                      : mcp_schema_eval(run, d->schema, value, place, seen);

        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    return failed;
}
