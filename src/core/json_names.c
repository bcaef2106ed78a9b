
/*
 * Equal member names in one object of a JSON tape.
 *
 * A few names are compared pair by pair.  Many go to a hash table; the hash
 * has no secret, so names may be made to collide: once there were too many
 * steps, the names are sorted instead, which no choice of names makes worse
 * than n log n.
 */


#include "core.h"
#include "json.h"
#include "json_scan.h"


#define MCP_JSON_NAMES_FEW    8
#define MCP_JSON_NAMES_STEPS  2      /* in the hash table, for each name; on
                                        the average it takes less than one */


mcp_json_inline int
mcp_json_same(const mcp_json_tape_t *tape, uint32_t a, uint32_t b)
{
    return tape->node[a].count == tape->node[b].count
           && mcp_json_compare(tape, a, b) == 0;
}


static int
mcp_json_names_few(const mcp_json_tape_t *tape, uint32_t object,
    uint32_t *again)
{
    uint32_t                i, j, n, count;
    uint32_t                name[MCP_JSON_NAMES_FEW], hash[MCP_JSON_NAMES_FEW];
    const mcp_json_node_t  *node;

    node = tape->node;
    count = node[object].count;
    i = object + 1;

    for (n = 0; n < count; n++) {

        name[n] = i;
        hash[n] = node[i].count;

        for (j = 0; j < n; j++) {
            if (mcp_json_unlikely(hash[j] == hash[n])
                && mcp_json_compare(tape, name[j], i) == 0)
            {
                *again = i;
                return MCP_ERROR;
            }
        }

        i = node[i].next;
    }

    return MCP_OK;
}


static int
mcp_json_before(const mcp_json_tape_t *tape, uint32_t a, uint32_t b)
{
    int       rc;
    uint32_t  ha, hb;

    ha = tape->node[a].count;
    hb = tape->node[b].count;

    if (ha != hb) {
        return ha < hb;
    }

    rc = mcp_json_compare(tape, a, b);

    return rc ? rc < 0 : a < b;
}


/* A merge sort, bottom up; returns the half of [a, a + 2n) with the result. */

static uint32_t *
mcp_json_names_sort(const mcp_json_tape_t *tape, uint32_t *a, size_t n)
{
    size_t     i, j, k, mid, end, width;
    uint32_t  *b, *swap;

    b = a + n;

    for (width = 1; width < n; width *= 2) {

        for (k = 0; k < n; /* void */ ) {
            i = k;
            mid = (n - k > width) ? k + width : n;
            j = mid;
            end = (n - mid > width) ? mid + width : n;

            while (k < end) {
                if (j == end
                    || (i < mid && mcp_json_before(tape, a[i], a[j])))
                {
                    b[k++] = a[i++];

                } else {
                    b[k++] = a[j++];
                }
            }
        }

        swap = a;
        a = b;
        b = swap;
    }

    return a;
}


/* a has room for all names twice */

static int
mcp_json_names_sorted(const mcp_json_tape_t *tape, uint32_t object,
    uint32_t *a, uint32_t *again)
{
    size_t    n, i;
    uint32_t  node;

    n = tape->node[object].count;
    node = object + 1;

    for (i = 0; i < n; i++) {
        a[i] = node;
        node = tape->node[node].next;
    }

    a = mcp_json_names_sort(tape, a, n);
    *again = 0;

    for (i = 1; i < n; i++) {
        if (mcp_json_same(tape, a[i - 1], a[i])
            && (*again == 0 || a[i] < *again))
        {
            *again = a[i];
        }
    }

    return *again ? MCP_ERROR : MCP_OK;
}


int
mcp_json_names(mcp_json_names_t *nm, const mcp_json_tape_t *tape,
    uint32_t object, uint32_t *again)
{
    size_t     n, i, at, slots, steps;
    uint32_t  *slot, node;

    n = tape->node[object].count;

    if (n <= MCP_JSON_NAMES_FEW) {
        return mcp_json_names_few(tape, object, again);
    }

    /* twice the names at least; a slot of 0 is free, node 0 is no name */

    for (slots = 32; slots < n * 2; slots *= 2) { /* void */ }

    if (slots > nm->slots) {
        nm->slots = 0;

        nm->slot = mcp_alloc(nm->arena, slots * sizeof(uint32_t));
        if (nm->slot == NULL) {
            return MCP_NOMEM;
        }

        nm->slots = slots;
    }

    slot = nm->slot;
    memset(slot, 0, slots * sizeof(uint32_t));

    steps = n * MCP_JSON_NAMES_STEPS;
    node = object + 1;

    for (i = 0; i < n; i++) {

        for (at = tape->node[node].count & (slots - 1);
             slot[at] != 0;
             at = (at + 1) & (slots - 1))
        {
            if (steps-- == 0) {
                return mcp_json_names_sorted(tape, object, slot, again);
            }

            if (mcp_json_same(tape, slot[at], node)) {
                *again = node;
                return MCP_ERROR;
            }
        }

        slot[at] = node;
        node = tape->node[node].next;
    }

    return MCP_OK;
}
