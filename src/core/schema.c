
/* A schema compiled: its limits, and the list of what is to be done. */


#include "schema_compile.h"


/* Steps: one for each node, name or reference that is looked at. */

#define MCP_SCHEMA_WORK       20000
#define MCP_SCHEMA_WORK_BYTE  32

#define MCP_SCHEMA_AT         100    /* bytes of where a fault is */


void *
mcp_schema_room(mcp_schema_compiler_t *c, void *array, uint32_t n,
    uint32_t *room, size_t size)
{
    void  *p;

    if (n < *room) {
        return array;
    }

    p = mcp_alloc(c->scratch, (size_t) (n * 2 + 8) * size);

    if (p != NULL) {
        if (n != 0) {
            memcpy(p, array, n * size);
        }

        *room = n * 2 + 8;
    }

    return p;
}


int
mcp_schema_get(mcp_schema_compiler_t *c, uint32_t at, uint32_t resource,
    mcp_schema_node_t **node)
{
    mcp_schema_node_t  *n;

    if (c->node[at] != NULL) {
        *node = c->node[at];
        return MCP_OK;
    }

    if (c->owner[at] == 0) {
        c->owner[at] = resource + 1;
    }

    n = mcp_calloc(c->arena, sizeof(mcp_schema_node_t));
    if (n == NULL) {
        return MCP_NOMEM;
    }

    n->at = at;
    n->types = MCP_SCHEMA_T_ANY;
    n->resource = (uint16_t) (c->owner[at] - 1);

    c->node[at] = n;
    c->queue[c->queued++] = n;
    *node = n;

    return MCP_OK;
}


/* All dynamic anchors, where there is more than one of a name. */

static int
mcp_schema_anchors(mcp_schema_compiler_t *c)
{
    int                        rc;
    uint32_t                   i;
    mcp_schema_t              *schema;
    const mcp_schema_named_t  *a;

    schema = c->schema;

    for (i = 0; i < c->names; i++) {
        schema->anchors += (c->named[i].dynamic != 0);
    }

    if (schema->anchors < 2) {
        schema->anchors = 0;
        return MCP_OK;
    }

    schema->anchor = mcp_alloc(c->arena, schema->anchors
                                         * sizeof(mcp_schema_anchor_t));
    if (schema->anchor == NULL) {
        return MCP_NOMEM;
    }

    schema->anchors = 0;

    for (i = 0; i < c->names; i++) {
        a = &c->named[i];

        if (a->dynamic == 0) {
            continue;
        }

        schema->anchor[schema->anchors].resource = a->resource;
        schema->anchor[schema->anchors].anchor = a->dynamic;

        rc = mcp_schema_get(c, a->node, a->resource,
                            &schema->anchor[schema->anchors].schema);
        if (rc != MCP_OK) {
            return rc;
        }

        schema->anchors++;
    }

    return MCP_OK;
}


static int
mcp_schema_work(mcp_schema_compiler_t *c)
{
    int       rc;
    uint32_t  i, n;

    n = c->tape->nodes;

    c->owner = mcp_calloc(c->scratch, n * sizeof(uint32_t));
    c->node = mcp_calloc(c->scratch, n * sizeof(mcp_schema_node_t *));
    c->queue = mcp_alloc(c->scratch, n * sizeof(mcp_schema_node_t *));
    c->chain = mcp_calloc(c->scratch, n);

    if (c->owner == NULL || c->node == NULL || c->queue == NULL
        || c->chain == NULL)
    {
        return MCP_NOMEM;
    }

    rc = mcp_schema_scan(c);

    if (rc == MCP_OK) {
        rc = mcp_schema_get(c, 0, 0, &c->schema->root);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_anchors(c);
    }

    for (i = 0; rc == MCP_OK && i < c->queued; i++) {
        rc = mcp_schema_build(c, c->queue[i]);
    }

    return rc == MCP_OK ? mcp_schema_chains(c) : rc;
}


/* Where a node is: a JSON Pointer, of nothing but printable ASCII. */

static int
mcp_schema_where(mcp_schema_compiler_t *c, mcp_str_t *at)
{
    uint32_t                i, n, node, object;
    mcp_buf_t               b;
    unsigned char           ch;
    const mcp_json_node_t  *nd;

    nd = c->tape->node;
    mcp_buf_init(&b, c->scratch, MCP_SCHEMA_AT);
    node = 0;

    while (node != c->where && b.len < MCP_SCHEMA_AT) {

        object = (nd[node].type == MCP_JSON_OBJECT);
        n = 0;

        for (i = node + 1; nd[i].next <= c->where; i = nd[i].next) {
            n++;
        }

        mcp_buf_literal(&b, "/");

        if (!object) {
            mcp_buf_uint(&b, n);
        }

        for (n = 0; object && n < nd[i].len && n < MCP_SCHEMA_AT / 2; n++) {
            ch = c->tape->text[nd[i].start + n];
            ch = (ch < 0x20 || ch > 0x7e || ch == '"' || ch == '\\') ? '?'
                                                                     : ch;
            mcp_buf_append(&b, &ch, 1);
        }

        node = (i == c->where) ? i : i + object;
    }

    at->data = b.data;
    at->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_OK;
}


int
mcp_schema_compile(mcp_schema_t **schema, mcp_arena_t *arena,
    mcp_arena_t *scratch, const mcp_str_t *text, mcp_schema_fault_t *fault)
{
    int                    rc;
    mcp_schema_t          *s;
    mcp_schema_compiler_t  c;

    memset(fault, 0, sizeof(mcp_schema_fault_t));
    memset(&c, 0, sizeof(mcp_schema_compiler_t));

    if (text->len > MCP_SCHEMA_TEXT_MAX) {
        fault->why = "it is larger than 256 KiB";
        return MCP_ERROR;
    }

    s = mcp_calloc(arena, sizeof(mcp_schema_t));
    if (s == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_json_tape(&s->tape, arena, text->data, text->len,
                       MCP_SCHEMA_DEPTH_MAX);
    if (rc == MCP_ERROR) {
        fault->why = s->tape.error.text;
        return rc;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    c.schema = s;
    c.tape = &s->tape;
    c.arena = arena;
    c.scratch = scratch;
    c.steps = MCP_SCHEMA_WORK + text->len * MCP_SCHEMA_WORK_BYTE;

    rc = mcp_schema_work(&c);

    if (rc == MCP_ERROR) {
        fault->why = c.why;

        return mcp_schema_where(&c, &fault->at) == MCP_OK ? MCP_ERROR
                                                          : MCP_NOMEM;
    }

    *schema = s;

    return rc;
}
