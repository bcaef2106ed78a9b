
/* The JSON tape: all values and names of a whole text, in its order. */


#include "core.h"
#include "json.h"
#include "json_scan.h"


/* Nodes to begin with: one for so many bytes of text, within limits. */

#define MCP_JSON_NODE_TEXT  16
#define MCP_JSON_NODES_MIN  32
#define MCP_JSON_NODES_MAX  512


typedef struct {
    mcp_json_tape_t      *tape;
    const unsigned char  *end;
    uint32_t              room;      /* nodes that tape->node has room for */
    unsigned              max_depth;
    mcp_json_names_t      names;
} mcp_json_build_t;


/* Where the building is: all of it in registers, if the compiler will. */

typedef struct {
    mcp_json_node_t      *node;
    uint32_t              nodes;
    uint32_t              parent;    /* the innermost container; while one is
                                        open, its "next" is its own parent */
    unsigned              object;    /* that one is an object */
    unsigned              depth;
} mcp_json_place_t;


/*
 * Room for as many nodes as the text will take if it goes on as it did up to
 * p; within twice and four times those that there are, as it may not.
 */

static int
mcp_json_grow(mcp_json_build_t *b, const unsigned char *p, uint32_t nodes)
{
    uint64_t          room, done, left;
    mcp_json_node_t  *node;

    done = (uint64_t) (p - b->tape->text) + 1;
    left = (uint64_t) (b->end - p);

    room = nodes + nodes / 8 + nodes * left / done;

    if (room < (uint64_t) nodes * 2) {
        room = (uint64_t) nodes * 2;
    }

    if (room > (uint64_t) nodes * 4) {
        room = (uint64_t) nodes * 4;
    }

    /* two bytes are the least that a node takes, but for the last of all */

    if (room > nodes + left / 2 + 2) {
        room = nodes + left / 2 + 2;
    }

    if (room > SIZE_MAX / sizeof(mcp_json_node_t)) {
        return MCP_NOMEM;
    }

    node = mcp_alloc(b->names.arena, room * sizeof(mcp_json_node_t));
    if (node == NULL) {
        return MCP_NOMEM;
    }

    memcpy(node, b->tape->node, nodes * sizeof(mcp_json_node_t));
    b->tape->node = node;
    b->room = (uint32_t) room;

    return MCP_OK;
}


/* A string or name from its opening quote on; NULL: it is cut or invalid. */

mcp_json_inline const unsigned char *
mcp_json_text_node(mcp_json_node_t *nd, const mcp_json_build_t *b,
    const unsigned char *p, unsigned type)
{
    mcp_json_scan_t       scan;
    const unsigned char  *start;

    scan.at = MCP_JSON_AT_START;
    scan.escaped = 0;

    start = ++p;

    if (mcp_json_unlikely(mcp_json_string(&scan, &p, b->end) != MCP_OK)) {
        return NULL;
    }

    nd->start = (uint32_t) (start - b->tape->text);
    nd->len = (uint32_t) (p - 1 - start);
    nd->count = (type != MCP_JSON_KEY) ? 0
                : mcp_json_unlikely(scan.escaped)
                ? mcp_json_hash_escaped(start, nd->len)
                : mcp_json_hash(start, nd->len);
    nd->type = (uint8_t) type;
    nd->escaped = (uint8_t) scan.escaped;

    return p;
}


/* A word that is the root and ends with the text, or an invalid one. */

static mcp_json_noinline const unsigned char *
mcp_json_last_word(const unsigned char *p, const unsigned char *end,
    unsigned type)
{
    int              rc;
    mcp_json_scan_t  scan;

    scan.at = MCP_JSON_AT_START;

    if (type == MCP_JSON_NUMBER) {
        rc = mcp_json_number(&scan, &p, end);

        return (rc == MCP_AGAIN && mcp_json_number_complete(scan.at)) ? p
                                                                      : NULL;
    }

    rc = mcp_json_literal(&scan, &p, end, type);

    return (rc == MCP_OK) ? p : NULL;
}


/* A number or literal; NULL: it is cut or invalid. */

mcp_json_inline const unsigned char *
mcp_json_word_node(mcp_json_node_t *nd, const mcp_json_build_t *b,
    const unsigned char *p, unsigned type)
{
    const unsigned char  *start;

    start = p;

    p = (type == MCP_JSON_NUMBER) ? mcp_json_whole_number(start, b->end)
                                  : mcp_json_whole_literal(start, b->end, type);

    if (mcp_json_unlikely(p == NULL)) {
        p = mcp_json_last_word(start, b->end, type);
        if (p == NULL) {
            return NULL;
        }
    }

    nd->start = (uint32_t) (start - b->tape->text);
    nd->len = (uint32_t) (p - start);
    nd->count = 0;
    nd->type = (uint8_t) type;
    nd->escaped = 0;

    return p;
}


/* A member's name, up to its value; NULL: it is cut or invalid. */

mcp_json_inline const unsigned char *
mcp_json_name_node(mcp_json_node_t *nd, const mcp_json_build_t *b,
    const unsigned char *p)
{
    if (mcp_json_unlikely(p == b->end || *p != '"')) {
        return NULL;
    }

    p = mcp_json_text_node(nd, b, p, MCP_JSON_KEY);

    if (mcp_json_unlikely(p == NULL)) {
        return NULL;
    }

    p = mcp_json_space(p, b->end);

    if (mcp_json_unlikely(p == b->end || *p != ':')) {
        return NULL;
    }

    return mcp_json_space(p + 1, b->end);
}


/* The innermost container, which ends behind the bracket at p. */

mcp_json_inline int
mcp_json_close_node(mcp_json_build_t *b, mcp_json_place_t *at,
    const unsigned char *p)
{
    int               rc;
    uint32_t          node, again;
    mcp_json_node_t  *nd;

    node = at->parent;
    nd = &at->node[node];

    at->parent = nd->next;
    at->depth--;

    nd->next = at->nodes;
    nd->len = (uint32_t) (p + 1 - b->tape->text) - nd->start;

    if (at->object && nd->count > 1
        && !(nd->count == 2
             && at->node[node + 1].count
                != at->node[at->node[node + 1].next].count))
    {
        rc = mcp_json_names(&b->names, b->tape, node, &again);

        if (rc == MCP_ERROR) {
            b->tape->error.offset = at->node[again].start - 1;
            b->tape->error.text = "the member name comes twice";
        }

        if (mcp_json_unlikely(rc != MCP_OK)) {
            return rc;
        }
    }

    at->object = (at->depth != 0
                  && at->node[at->parent].type == MCP_JSON_OBJECT);

    if (at->object) {
        at->node[node - 1].next = at->nodes;
    }

    return MCP_OK;
}


/*
 * Behind a value: closes the containers that end there.  MCP_AGAIN: *pp is
 * behind a comma; MCP_OK: it is behind the root.
 */

mcp_json_inline int
mcp_json_behind_value(mcp_json_build_t *b, mcp_json_place_t *at,
    const unsigned char **pp)
{
    int                   rc;
    const unsigned char  *p;

    for (p = *pp; at->depth != 0; p++) {

        p = mcp_json_space(p, b->end);

        if (mcp_json_unlikely(p == b->end)) {
            return MCP_ERROR;
        }

        if (*p == ',') {
            at->node[at->parent].count++;
            *pp = mcp_json_space(p + 1, b->end);
            return MCP_AGAIN;
        }

        if (mcp_json_unlikely(*p != (at->object ? '}' : ']'))) {
            return MCP_ERROR;
        }

        rc = mcp_json_close_node(b, at, p);

        if (mcp_json_unlikely(rc != MCP_OK)) {
            return rc;
        }
    }

    *pp = mcp_json_space(p, b->end);

    return MCP_OK;
}


/*
 * A container at *pp; MCP_AGAIN: *pp is behind its bracket, MCP_OK: it is
 * empty, and *pp at its end.
 */

mcp_json_inline int
mcp_json_open_node(mcp_json_build_t *b, mcp_json_place_t *at,
    const unsigned char **pp, unsigned type)
{
    mcp_json_node_t      *nd;
    const unsigned char  *p;

    if (mcp_json_unlikely(at->depth == b->max_depth)) {
        return MCP_ERROR;
    }

    p = *pp;

    nd = &at->node[at->nodes];
    nd->start = (uint32_t) (p - b->tape->text);
    nd->next = at->parent;
    nd->count = 0;
    nd->type = (uint8_t) type;
    nd->escaped = 0;

    at->parent = at->nodes++;
    at->object = (type == MCP_JSON_OBJECT);
    at->depth++;

    p = mcp_json_space(p + 1, b->end);
    *pp = p;

    if (mcp_json_unlikely(p == b->end)) {
        return MCP_ERROR;
    }

    if (*p == (at->object ? '}' : ']')) {
        return MCP_OK;
    }

    nd->count = 1;

    return MCP_AGAIN;
}


/* MCP_ERROR without tape->error: what is wrong is the lexer's to say. */

static int
mcp_json_build(mcp_json_build_t *b)
{
    int                   rc;
    unsigned              type;
    mcp_json_place_t      at;
    const unsigned char  *p;

    memset(&at, 0, sizeof(mcp_json_place_t));

    at.node = b->tape->node;
    p = mcp_json_space(b->tape->text, b->end);

    for ( ;; ) {

        if (mcp_json_unlikely(b->room - at.nodes < 2)) {
            if (mcp_json_grow(b, p, at.nodes) != MCP_OK) {
                return MCP_NOMEM;
            }

            at.node = b->tape->node;
        }

        if (at.object) {
            p = mcp_json_name_node(&at.node[at.nodes], b, p);

            if (mcp_json_unlikely(p == NULL)) {
                return MCP_ERROR;
            }

            /* a container will know better as it closes */

            at.node[at.nodes].next = at.nodes + 2;
            at.nodes++;
        }

        if (mcp_json_unlikely(p == b->end)) {
            return MCP_ERROR;
        }

        type = mcp_json_value_type[*p];

        switch (type) {

        case 0:
            return MCP_ERROR;

        case MCP_JSON_OBJECT:
        case MCP_JSON_ARRAY:
            rc = mcp_json_open_node(b, &at, &p, type);

            if (rc == MCP_AGAIN) {
                continue;
            }

            if (mcp_json_unlikely(rc != MCP_OK)) {
                return MCP_ERROR;
            }

            break;

        case MCP_JSON_STRING:
            p = mcp_json_text_node(&at.node[at.nodes], b, p, MCP_JSON_STRING);
            at.node[at.nodes].next = at.nodes + 1;
            at.nodes++;
            break;

        default:
            p = mcp_json_word_node(&at.node[at.nodes], b, p, type);
            at.node[at.nodes].next = at.nodes + 1;
            at.nodes++;
            break;
        }

        if (mcp_json_unlikely(p == NULL)) {
            return MCP_ERROR;
        }

        rc = mcp_json_behind_value(b, &at, &p);

        if (rc != MCP_AGAIN) {
            b->tape->nodes = at.nodes;
            return (rc == MCP_OK && p != b->end) ? MCP_ERROR : rc;
        }
    }
}


/* What the lexer has against a text that the tape refused. */

static mcp_json_noinline void
mcp_json_tape_error(mcp_json_tape_t *tape, unsigned max_depth)
{
    int                   rc;
    mcp_json_lexer_t      lx;
    mcp_json_token_t      tok;
    const unsigned char  *p;

    mcp_json_init(&lx, max_depth);
    p = tape->text;

    do {
        rc = mcp_json_next(&lx, &p, tape->text + tape->len, &tok);
    } while (rc == MCP_OK);

    if (rc != MCP_ERROR && mcp_json_finish(&lx) == MCP_OK) {
        tape->error.text = "not JSON";
        return;
    }

    tape->error = lx.error;
}


int
mcp_json_tape(mcp_json_tape_t *tape, mcp_arena_t *arena,
    const unsigned char *text, size_t len, unsigned max_depth)
{
    int               rc;
    size_t            room;
    mcp_json_build_t  b;

    memset(tape, 0, sizeof(mcp_json_tape_t));
    memset(&b, 0, sizeof(mcp_json_build_t));

    tape->text = text;
    tape->len = len;

    if (len > UINT32_MAX) {
        tape->error.offset = UINT32_MAX;
        tape->error.text = "the text is too long";
        return MCP_ERROR;
    }

    if (len == 0) {
        mcp_json_tape_error(tape, max_depth);
        return MCP_ERROR;
    }

    room = MCP_JSON_NODES_MIN + len / MCP_JSON_NODE_TEXT;
    if (room > MCP_JSON_NODES_MAX) {
        room = MCP_JSON_NODES_MAX;
    }

    tape->node = mcp_alloc(arena, room * sizeof(mcp_json_node_t));
    if (tape->node == NULL) {
        return MCP_NOMEM;
    }

    b.tape = tape;
    b.end = text + len;
    b.room = (uint32_t) room;
    b.names.arena = arena;

    b.max_depth = (max_depth == 0) ? 1
                  : (max_depth > MCP_JSON_DEPTH_MAX) ? MCP_JSON_DEPTH_MAX
                  : max_depth;

    rc = mcp_json_build(&b);

    if (rc != MCP_OK) {
        tape->nodes = 0;
    }

    if (rc == MCP_ERROR && tape->error.text == NULL) {
        mcp_json_tape_error(tape, max_depth);
    }

    return rc;
}
