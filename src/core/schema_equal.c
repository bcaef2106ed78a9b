
/* Values of two tapes, or of one, compared by what they mean. */


#include "schema_node.h"


#define MCP_SCHEMA_FEW  8            /* elements that are compared in pairs */


static inline int
mcp_schema_take(uint64_t *steps, uint64_t n)
{
    if (*steps < n) {
        *steps = 0;
        return MCP_ERROR;
    }

    *steps -= n;

    return MCP_OK;
}


static inline unsigned
mcp_schema_kind(const mcp_json_node_t *nd)
{
    return nd->type == MCP_JSON_KEY ? MCP_JSON_STRING : nd->type;
}


static inline void
mcp_schema_decimal(mcp_number_t *d, const mcp_json_tape_t *tape,
    const mcp_json_node_t *nd)
{
    mcp_number_parse(d, tape->text + nd->start,
                      tape->text + nd->start + nd->len);
}


static int
mcp_schema_equal_numbers(const mcp_json_tape_t *ta, const mcp_json_node_t *a,
    const mcp_json_tape_t *tb, const mcp_json_node_t *b)
{
    mcp_number_t  da, db;

    mcp_schema_decimal(&da, ta, a);
    mcp_schema_decimal(&db, tb, b);

    return mcp_number_compare(&da, &db) == 0 ? MCP_OK : MCP_NONE;
}


static int
mcp_schema_equal_arrays(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b, uint64_t *steps)
{
    int       rc;
    uint32_t  n;

    n = ta->node[a].count;
    a++;
    b++;

    for ( /* void */ ; n != 0; n--) {
        rc = mcp_schema_equal(ta, a, tb, b, steps);
        if (rc != MCP_OK) {
            return rc;
        }

        a = ta->node[a].next;
        b = tb->node[b].next;
    }

    return MCP_OK;
}


/* The member of the object b that has the name at the node a; 0: none. */

static int
mcp_schema_same_name(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b, uint32_t *name, uint64_t *steps)
{
    uint32_t  i, end;

    end = tb->node[b].next;
    *name = 0;

    for (i = b + 1; i < end; i = tb->node[i].next) {

        if (mcp_schema_take(steps, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        if (ta->node[a].count == tb->node[i].count
            && mcp_json_order(ta, a, tb, i) == 0)
        {
            *name = i;
            return MCP_OK;
        }
    }

    return MCP_NONE;
}


static int
mcp_schema_equal_objects(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b, uint64_t *steps)
{
    int       rc;
    uint32_t  i, end, name, guess;

    end = ta->node[a].next;
    guess = b + 1;

    for (i = a + 1; i < end; i = ta->node[i].next) {

        /* most often the order is the same */

        if (ta->node[i].count == tb->node[guess].count
            && mcp_json_order(ta, i, tb, guess) == 0)
        {
            name = guess;

        } else {
            rc = mcp_schema_same_name(ta, i, tb, b, &name, steps);
            if (rc != MCP_OK) {
                return rc;
            }
        }

        rc = mcp_schema_equal(ta, i + 1, tb, name + 1, steps);
        if (rc != MCP_OK) {
            return rc;
        }

        guess = tb->node[name].next;

        if (guess >= tb->node[b].next) {
            guess = b + 1;
        }
    }

    return MCP_OK;
}


int
mcp_schema_equal(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b, uint64_t *steps)
{
    const mcp_json_node_t  *na, *nb;

    na = &ta->node[a];
    nb = &tb->node[b];

    if (mcp_schema_kind(na) != mcp_schema_kind(nb)) {
        return MCP_NONE;
    }

    switch (na->type) {

    case MCP_JSON_KEY:
    case MCP_JSON_STRING:

        if (!na->escaped && !nb->escaped && na->len != nb->len) {
            return mcp_schema_take(steps, 1) == MCP_OK ? MCP_NONE : MCP_ERROR;
        }

        if (mcp_schema_take(steps, 1 + (na->len < nb->len ? na->len : nb->len)
                                       / 16)
            != MCP_OK)
        {
            return MCP_ERROR;
        }

        return mcp_json_order(ta, a, tb, b) == 0 ? MCP_OK : MCP_NONE;

    case MCP_JSON_NUMBER:

        if (mcp_schema_take(steps, 1 + (na->len + nb->len) / 8) != MCP_OK) {
            return MCP_ERROR;
        }

        return mcp_schema_equal_numbers(ta, na, tb, nb);

    case MCP_JSON_ARRAY:
    case MCP_JSON_OBJECT:

        if (mcp_schema_take(steps, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        if (na->count != nb->count) {
            return MCP_NONE;
        }

        return na->type == MCP_JSON_ARRAY
               ? mcp_schema_equal_arrays(ta, a, tb, b, steps)
               : mcp_schema_equal_objects(ta, a, tb, b, steps);

    default:
        return MCP_OK;
    }
}


static inline uint64_t
mcp_schema_mix(uint64_t h)
{
    h = (h ^ h >> 32) * UINT64_C(0xff51afd7ed558ccd);

    return h ^ h >> 32;
}


/* Of an object: a sum, which does not depend on the order. */

static int
mcp_schema_hash_members(const mcp_json_tape_t *tape, uint32_t node,
    uint64_t *sum, uint64_t *steps)
{
    int       object;
    uint32_t  i, end, hash;

    end = tape->node[node].next;
    object = (tape->node[node].type == MCP_JSON_OBJECT);

    for (i = node + 1; i < end; i = tape->node[i].next) {

        if (mcp_schema_hash(tape, i + (uint32_t) object, &hash, steps)
            != MCP_OK)
        {
            return MCP_ERROR;
        }

        *sum = object ? *sum + mcp_schema_mix((uint64_t) tape->node[i].count
                                              << 32 | hash)
                      : mcp_schema_mix(*sum + hash);
    }

    return MCP_OK;
}


int
mcp_schema_hash(const mcp_json_tape_t *tape, uint32_t node, uint32_t *hash,
    uint64_t *steps)
{
    uint64_t                h;
    mcp_number_t            d;
    const mcp_json_node_t  *nd;

    nd = &tape->node[node];
    h = mcp_schema_kind(nd);

    if (mcp_schema_take(steps, 1) != MCP_OK) {
        return MCP_ERROR;
    }

    switch (nd->type) {

    case MCP_JSON_STRING:
    case MCP_JSON_KEY:
        h += mcp_json_text_hash(tape, node);
        break;

    case MCP_JSON_NUMBER:
        if (mcp_schema_take(steps, nd->len / 8) != MCP_OK) {
            return MCP_ERROR;
        }

        mcp_schema_decimal(&d, tape, nd);
        h += mcp_number_hash(&d);
        break;

    case MCP_JSON_ARRAY:
    case MCP_JSON_OBJECT:
        if (mcp_schema_hash_members(tape, node, &h, steps) != MCP_OK) {
            return MCP_ERROR;
        }
        break;
    }

    *hash = (uint32_t) mcp_schema_mix(h);

    return MCP_OK;
}


static int
mcp_schema_chosen_slot(mcp_schema_run_t *run,
    const mcp_schema_choice_t *choice, uint32_t value)
{
    int       rc;
    uint32_t  i, hash;

    if (mcp_schema_hash(run->tape, value, &hash, &run->steps) != MCP_OK) {
        return MCP_ERROR;
    }

    for (i = hash & choice->mask; choice->slot[i] != 0;
         i = (i + 1) & choice->mask)
    {
        rc = mcp_schema_equal(run->tape, value, &run->schema->tape,
                              choice->slot[i], &run->steps);
        if (rc != MCP_NONE) {
            return rc;
        }
    }

    return MCP_NONE;
}


int
mcp_schema_chosen(mcp_schema_run_t *run, const mcp_schema_choice_t *choice,
    uint32_t value)
{
    int                     rc;
    uint32_t                i, end;
    const mcp_json_tape_t  *tape;

    tape = &run->schema->tape;

    if (choice->constant != 0) {
        rc = mcp_schema_equal(run->tape, value, tape, choice->constant,
                              &run->steps);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (choice->values == 0) {
        return MCP_OK;
    }

    if (choice->slot != NULL) {
        return mcp_schema_chosen_slot(run, choice, value);
    }

    end = tape->node[choice->values].next;

    for (i = choice->values + 1; i < end; i = tape->node[i].next) {
        rc = mcp_schema_equal(run->tape, value, tape, i, &run->steps);
        if (rc != MCP_NONE) {
            return rc;
        }
    }

    return MCP_NONE;
}


static int
mcp_schema_unique_few(mcp_schema_run_t *run, uint32_t array, uint32_t *again)
{
    int       rc;
    uint32_t  i, j, end;

    end = run->tape->node[array].next;

    for (i = array + 1; i < end; i = run->tape->node[i].next) {
        for (j = array + 1; j < i; j = run->tape->node[j].next) {

            rc = mcp_schema_equal(run->tape, i, run->tape, j, &run->steps);

            if (rc == MCP_OK) {
                *again = i;
                return MCP_NONE;
            }

            if (rc != MCP_NONE) {
                return rc;
            }
        }
    }

    return MCP_OK;
}


/*
 * Elements may be made to collide; then the steps run out, which is all that
 * comes of it.
 */

int
mcp_schema_unique(mcp_schema_run_t *run, uint32_t array, uint32_t *again)
{
    int        rc;
    size_t     n, slots, at;
    uint32_t   i, end, hash, *slot;

    n = run->tape->node[array].count;

    if (n <= MCP_SCHEMA_FEW) {
        return mcp_schema_unique_few(run, array, again);
    }

    /* a slot is a hash and a node; of a free one the node is 0 */

    for (slots = 32; slots < n * 2; slots *= 2) { /* void */ }

    if (mcp_schema_spend(run, slots / 4) != MCP_OK) {
        return MCP_ERROR;
    }

    slot = mcp_calloc(run->arena, slots * 2 * sizeof(uint32_t));
    if (slot == NULL) {
        return MCP_NOMEM;
    }

    end = run->tape->node[array].next;

    for (i = array + 1; i < end; i = run->tape->node[i].next) {

        if (mcp_schema_hash(run->tape, i, &hash, &run->steps) != MCP_OK) {
            return MCP_ERROR;
        }

        for (at = hash & (slots - 1); slot[at * 2 + 1] != 0;
             at = (at + 1) & (slots - 1))
        {
            rc = mcp_schema_spend(run, 1);

            if (rc == MCP_OK && slot[at * 2] == hash) {
                rc = mcp_schema_equal(run->tape, i, run->tape,
                                      slot[at * 2 + 1], &run->steps);
                if (rc == MCP_OK) {
                    *again = i;
                    return MCP_NONE;
                }
            }

            if (rc == MCP_ERROR) {
                return rc;
            }
        }

        slot[at * 2] = hash;
        slot[at * 2 + 1] = i;
    }

    return MCP_OK;
}
