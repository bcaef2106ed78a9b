
/*
 * Mcp-Param-* headers: arguments of a tool that a modern client repeats in
 * headers, as "x-mcp-header" in the tool's inputSchema asks (revision
 * 2026-07-28, "Custom Headers from Tool Parameters").  The reading of schemas.
 */


#include "message.h"


#define MCP_PARAM_PREFIX  "Mcp-Param-"


/* What a container of a schema is.  FIXED: reached by "properties" alone. */

typedef enum {
    MCP_SCHEMA_FIXED,
    MCP_SCHEMA_OTHER,
    MCP_SCHEMA_PROPERTIES,       /* of a fixed schema */
    MCP_SCHEMA_NAMES,            /* other objects with names of any choice */
    MCP_SCHEMA_LIST,
    MCP_SCHEMA_DATA              /* no schema at all */
} mcp_schema_place_e;


typedef struct {
    uint32_t              node;
    uint8_t               place;
} mcp_schema_level_t;


typedef struct {
    mcp_arena_t           *arena;
    const mcp_json_tape_t *tape;
    unsigned               levels;
    unsigned               depth;    /* properties on the way; may exceed */
    unsigned               n;
    mcp_str_t              name[MCP_PARAM_DEPTH_MAX];
                                     /* copies; data NULL: not yet made */
    uint32_t               key[MCP_PARAM_DEPTH_MAX];
    mcp_param_t            param[MCP_PARAMS_MAX];
    mcp_schema_level_t     level[MCP_JSON_DEPTH_MAX];
} mcp_schema_walk_t;


/* --- annotations --------------------------------------------------------- */


static int
mcp_param_is_token(const unsigned char *p, size_t len)
{
    static const char  punctuation[] = "!#$%&'*+-.^_`|~";

    if (len == 0) {
        return 0;
    }

    for ( /* void */ ; len != 0; len--, p++) {

        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
            || (*p >= '0' && *p <= '9'))
        {
            continue;
        }

        if (*p == '\0' || strchr(punctuation, *p) == NULL) {
            return 0;
        }
    }

    return 1;
}


static int
mcp_param_same_header(const mcp_str_t *a, const mcp_str_t *b)
{
    size_t         i;
    unsigned char  ca, cb;

    if (a->len != b->len) {
        return 0;
    }

    for (i = 0; i < a->len; i++) {
        ca = a->data[i];
        cb = b->data[i];

        if ((ca >= 'A' && ca <= 'Z' ? ca | 0x20 : ca)
            != (cb >= 'A' && cb <= 'Z' ? cb | 0x20 : cb))
        {
            return 0;
        }
    }

    return 1;
}


static mcp_param_type_e
mcp_param_type(const mcp_json_tape_t *tape, uint32_t schema)
{
    uint32_t  type;

    type = mcp_json_get(tape, schema, "type");

    if (type == 0 || tape->node[type].type != MCP_JSON_STRING) {
        return 0;
    }

    if (mcp_json_equals(tape, type, "string", 6)) {
        return MCP_PARAM_STRING;
    }

    if (mcp_json_equals(tape, type, "integer", 7)) {
        return MCP_PARAM_INTEGER;
    }

    if (mcp_json_equals(tape, type, "boolean", 7)) {
        return MCP_PARAM_BOOLEAN;
    }

    return 0;
}


/* The names are copied once for all params below them. */

static int
mcp_param_path(mcp_schema_walk_t *w, mcp_param_t *param)
{
    unsigned   i;
    mcp_str_t  name;

    for (i = 0; i < w->depth; i++) {

        if (w->name[i].data != NULL) {
            continue;
        }

        if (mcp_json_unescape(w->tape, w->key[i], w->arena, &name)
            != MCP_OK)
        {
            return MCP_NOMEM;
        }

        w->name[i].data = mcp_memdup(w->arena, name.data, name.len);
        w->name[i].len = name.len;

        if (w->name[i].data == NULL) {
            return MCP_NOMEM;
        }
    }

    param->depth = w->depth;
    param->path = mcp_alloc(w->arena, w->depth * sizeof(mcp_str_t));

    if (param->path == NULL) {
        return MCP_NOMEM;
    }

    memcpy(param->path, w->name, w->depth * sizeof(mcp_str_t));

    return MCP_OK;
}


static int
mcp_param_header(mcp_schema_walk_t *w, const mcp_str_t *token,
    mcp_str_t *header)
{
    header->len = sizeof(MCP_PARAM_PREFIX) - 1 + token->len;
    header->data = mcp_alloc(w->arena, header->len);

    if (header->data == NULL) {
        return MCP_NOMEM;
    }

    memcpy(header->data, MCP_PARAM_PREFIX, sizeof(MCP_PARAM_PREFIX) - 1);
    memcpy(header->data + sizeof(MCP_PARAM_PREFIX) - 1, token->data,
           token->len);

    return MCP_OK;
}


/* An annotation with this value stands in the schema at w's last level. */

static int
mcp_param_add(mcp_schema_walk_t *w, uint32_t value, const char **why)
{
    unsigned                   i;
    mcp_str_t                  token;
    mcp_param_t               *param;
    const mcp_schema_level_t  *level;

    level = &w->level[w->levels - 1];

    if (level->place != MCP_SCHEMA_FIXED || w->depth == 0) {
        *why = "x-mcp-header stands where \"properties\" alone do not lead";
        return MCP_ERROR;
    }

    if (w->tape->node[value].type != MCP_JSON_STRING) {
        *why = "x-mcp-header is not a string";
        return MCP_ERROR;
    }

    if (w->n == MCP_PARAMS_MAX || w->depth > MCP_PARAM_DEPTH_MAX) {
        *why = "x-mcp-header comes too often, or too deep in the schema";
        return MCP_ERROR;
    }

    if (mcp_json_unescape(w->tape, value, w->arena, &token) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (token.len > MCP_PARAM_NAME_MAX) {
        *why = "x-mcp-header is too long";
        return MCP_ERROR;
    }

    if (!mcp_param_is_token(token.data, token.len)) {
        *why = "x-mcp-header is not a token as in RFC 9110, 5.6.2";
        return MCP_ERROR;
    }

    param = &w->param[w->n];
    param->type = mcp_param_type(w->tape, level->node);

    if (param->type == 0) {
        *why = "x-mcp-header is not on a string, integer or boolean";
        return MCP_ERROR;
    }

    if (mcp_param_header(w, &token, &param->header) != MCP_OK
        || mcp_param_path(w, param) != MCP_OK)
    {
        return MCP_NOMEM;
    }

    for (i = 0; i < w->n; i++) {
        if (mcp_param_same_header(&w->param[i].header, &param->header)) {
            *why = "two x-mcp-header are equal but for upper and lower case";
            return MCP_ERROR;
        }
    }

    w->n++;

    return MCP_OK;
}


/* --- the walk ------------------------------------------------------------ */


#define mcp_schema_is(w, key, name)                                           \
    mcp_json_equals((w)->tape, key, name, sizeof(name) - 1)


/* What the value of a schema's keyword is. */

static mcp_schema_place_e
mcp_schema_keyword(const mcp_schema_walk_t *w, uint32_t key,
    mcp_schema_place_e in)
{
    if (mcp_schema_is(w, key, "properties")) {
        return (in == MCP_SCHEMA_FIXED) ? MCP_SCHEMA_PROPERTIES
                                        : MCP_SCHEMA_NAMES;
    }

    if (mcp_schema_is(w, key, "$defs")
        || mcp_schema_is(w, key, "definitions")
        || mcp_schema_is(w, key, "patternProperties")
        || mcp_schema_is(w, key, "dependentSchemas")
        || mcp_schema_is(w, key, "dependencies"))
    {
        return MCP_SCHEMA_NAMES;
    }

    if (mcp_schema_is(w, key, "const") || mcp_schema_is(w, key, "enum")
        || mcp_schema_is(w, key, "default")
        || mcp_schema_is(w, key, "examples"))
    {
        return MCP_SCHEMA_DATA;
    }

    return MCP_SCHEMA_OTHER;
}


/* What the member or element at node i of the last level's container is. */

static mcp_schema_place_e
mcp_schema_place(const mcp_schema_walk_t *w, uint32_t i, uint32_t value)
{
    mcp_schema_place_e  in, place;

    in = w->level[w->levels - 1].place;

    switch (in) {
    case MCP_SCHEMA_FIXED:
    case MCP_SCHEMA_OTHER:
        place = mcp_schema_keyword(w, i, in);
        break;
    case MCP_SCHEMA_PROPERTIES:
        place = MCP_SCHEMA_FIXED;
        break;
    default:
        place = MCP_SCHEMA_OTHER;
    }

    if (place != MCP_SCHEMA_DATA
        && w->tape->node[value].type == MCP_JSON_ARRAY)
    {
        place = MCP_SCHEMA_LIST;
    }

    return place;
}


static void
mcp_schema_push(mcp_schema_walk_t *w, uint32_t key, uint32_t value,
    mcp_schema_place_e place)
{
    w->level[w->levels].node = value;
    w->level[w->levels].place = (uint8_t) place;
    w->levels++;

    if (place != MCP_SCHEMA_FIXED) {
        return;
    }

    if (w->depth < MCP_PARAM_DEPTH_MAX) {
        w->key[w->depth] = key;
        w->name[w->depth].data = NULL;
    }

    w->depth++;
}


/* Leaves the containers that end before node i. */

static void
mcp_schema_pop(mcp_schema_walk_t *w, uint32_t i)
{
    const mcp_schema_level_t  *level;

    for ( ;; ) {
        level = &w->level[w->levels - 1];

        if (w->levels == 1 || w->tape->node[level->node].next > i) {
            return;
        }

        if (level->place == MCP_SCHEMA_FIXED) {
            w->depth--;
        }

        w->levels--;
    }
}


static int
mcp_schema_walk(mcp_schema_walk_t *w, uint32_t root, const char **why)
{
    int                     rc;
    uint32_t                i, value;
    mcp_schema_place_e      place;
    const mcp_json_node_t  *node;

    node = w->tape->node;

    w->level[0].node = root;
    w->level[0].place = MCP_SCHEMA_FIXED;
    w->levels = 1;

    for (i = root + 1; i < node[root].next; /* void */ ) {

        mcp_schema_pop(w, i);

        value = i + (node[i].type == MCP_JSON_KEY);
        place = w->level[w->levels - 1].place;

        if ((place == MCP_SCHEMA_FIXED || place == MCP_SCHEMA_OTHER)
            && mcp_schema_is(w, i, "x-mcp-header"))
        {
            rc = mcp_param_add(w, value, why);
            if (rc != MCP_OK) {
                return rc;
            }

            i = node[i].next;
            continue;
        }

        if (node[value].type != MCP_JSON_OBJECT
            && node[value].type != MCP_JSON_ARRAY)
        {
            i = node[i].next;
            continue;
        }

        place = mcp_schema_place(w, i, value);

        if (place == MCP_SCHEMA_DATA) {
            i = node[i].next;
            continue;
        }

        if (w->levels == MCP_JSON_DEPTH_MAX) {
            *why = "the schema is nested too deeply";
            return MCP_ERROR;
        }

        mcp_schema_push(w, i, value, place);
        i = value + 1;
    }

    return MCP_OK;
}


/* Most schemas have no annotation: that is found out without a walk. */

static int
mcp_schema_annotated(const mcp_json_tape_t *tape, uint32_t root)
{
    uint32_t                i;
    const mcp_json_node_t  *node;

    node = tape->node;

    for (i = root + 1; i < node[root].next; i++) {
        if (node[i].type == MCP_JSON_KEY
            && mcp_json_equals(tape, i, "x-mcp-header", 12))
        {
            return 1;
        }
    }

    return 0;
}


int
mcp_params_compile(mcp_params_t *params, mcp_arena_t *arena,
    const mcp_json_tape_t *tape, uint32_t node, const char **why)
{
    int                rc;
    mcp_schema_walk_t  w;

    params->param = NULL;
    params->n = 0;
    *why = NULL;

    if (node >= tape->nodes || tape->node[node].type != MCP_JSON_OBJECT
        || !mcp_schema_annotated(tape, node))
    {
        return MCP_OK;
    }

    w.arena = arena;
    w.tape = tape;
    w.depth = 0;
    w.n = 0;

    rc = mcp_schema_walk(&w, node, why);

    if (rc != MCP_OK || w.n == 0) {
        return rc;
    }

    params->param = mcp_alloc(arena, w.n * sizeof(mcp_param_t));
    if (params->param == NULL) {
        return MCP_NOMEM;
    }

    memcpy(params->param, w.param, w.n * sizeof(mcp_param_t));
    params->n = w.n;

    return MCP_OK;
}
