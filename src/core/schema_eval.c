
/*
 * A schema run over a value of a tape.
 *
 * It recurses into the value (whose depth the tape limits) and into what
 * applies to the same value (whose chains are short, as the schema was
 * compiled); the product is limited here.
 */


#include "schema_node.h"


#define MCP_SCHEMA_STACK       2048    /* calls in each other */

/* What any value may take, and each node and byte of it besides. */

#define MCP_SCHEMA_STEPS       100000
#define MCP_SCHEMA_STEPS_NODE  32
#define MCP_SCHEMA_STEPS_BYTE  1


static const unsigned char  mcp_schema_types[] = {
    [MCP_JSON_OBJECT] = MCP_SCHEMA_T_OBJECT,
    [MCP_JSON_ARRAY] = MCP_SCHEMA_T_ARRAY,
    [MCP_JSON_KEY] = MCP_SCHEMA_T_STRING,
    [MCP_JSON_STRING] = MCP_SCHEMA_T_STRING,
    [MCP_JSON_NUMBER] = MCP_SCHEMA_T_NUMBER,
    [MCP_JSON_TRUE] = MCP_SCHEMA_T_BOOLEAN,
    [MCP_JSON_FALSE] = MCP_SCHEMA_T_BOOLEAN,
    [MCP_JSON_NULL] = MCP_SCHEMA_T_NULL
};


unsigned
mcp_schema_type(const mcp_json_node_t *nd)
{
    return mcp_schema_types[nd->type];
}


/* 1.0 and 1e3 are integers, too. */

static int
mcp_schema_is_integer(mcp_schema_run_t *run, const mcp_json_node_t *nd)
{
    mcp_number_t          d;
    const unsigned char  *p, *end;

    p = run->tape->text + nd->start;
    end = p + nd->len;

    if (memchr(p, '.', nd->len) == NULL && memchr(p, 'e', nd->len) == NULL
        && memchr(p, 'E', nd->len) == NULL)
    {
        return MCP_OK;
    }

    if (mcp_schema_spend(run, nd->len / 8) != MCP_OK) {
        return MCP_ERROR;
    }

    mcp_number_parse(&d, p, end);

    return mcp_number_is_integer(&d) ? MCP_OK : MCP_NONE;
}


static int
mcp_schema_eval_type(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place)
{
    int                     rc;
    const mcp_json_node_t  *nd;

    nd = &run->tape->node[value];

    if (nd->type == MCP_JSON_NUMBER && (node->types & MCP_SCHEMA_T_INTEGER)) {
        rc = mcp_schema_is_integer(run, nd);
        if (rc != MCP_NONE) {
            return rc;
        }
    }

    return mcp_schema_fail(run, node, place, MCP_KW_TYPE, value);
}


/* MCP_NONE: the number is beyond the bound. */

static int
mcp_schema_bound(const mcp_schema_number_t *number, unsigned bound,
    const mcp_number_t *d)
{
    int  rc;

    if (!(number->bounds & 1U << bound)) {
        return MCP_OK;
    }

    rc = mcp_number_compare(d, &number->bound[bound]);

    switch (bound) {

    case MCP_SCHEMA_MINIMUM:
        return rc >= 0 ? MCP_OK : MCP_NONE;

    case MCP_SCHEMA_ABOVE:
        return rc > 0 ? MCP_OK : MCP_NONE;

    case MCP_SCHEMA_MAXIMUM:
        return rc <= 0 ? MCP_OK : MCP_NONE;

    default:
        return rc < 0 ? MCP_OK : MCP_NONE;
    }
}


static int
mcp_schema_eval_number(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place)
{
    int                         rc;
    unsigned                    i;
    mcp_number_t                d;
    const mcp_json_node_t      *nd;
    const mcp_schema_number_t  *number;

    static const unsigned char  keyword[] = {
        MCP_KW_MINIMUM, MCP_KW_ABOVE, MCP_KW_MAXIMUM, MCP_KW_BELOW
    };

    nd = &run->tape->node[value];
    number = node->number;

    if (mcp_schema_spend(run, nd->len / 8) != MCP_OK) {
        return MCP_ERROR;
    }

    mcp_number_parse(&d, run->tape->text + nd->start,
                      run->tape->text + nd->start + nd->len);

    rc = MCP_OK;

    for (i = 0; i < 4; i++) {

        if (mcp_schema_bound(number, i, &d) == MCP_OK) {
            continue;
        }

        rc = mcp_schema_fail(run, node, place, keyword[i], 0);
        if (mcp_schema_ends(run, rc)) {
            return rc;
        }
    }

    if (number->multiple.n != 0
        && !mcp_number_divides(&number->multiple, &d))
    {
        rc = mcp_schema_fail(run, node, place, MCP_KW_MULTIPLE_OF, 0);
    }

    return rc;
}


/* Code points; an escaped pair of surrogates is one. */

static uint32_t
mcp_schema_length(const mcp_json_tape_t *tape, const mcp_json_node_t *nd)
{
    uint32_t              n;
    const unsigned char  *p, *end;

    p = tape->text + nd->start;
    end = p + nd->len;
    n = 0;

    if (!nd->escaped) {
        for ( /* void */ ; p < end; p++) {
            n += ((*p & 0xc0) != 0x80);
        }

        return n;
    }

    while (p < end) {

        if (*p != '\\') {
            n += ((*p++ & 0xc0) != 0x80);
            continue;
        }

        n++;

        if (p[1] != 'u') {
            p += 2;
            continue;
        }

        /* the first half: D800 to DBFF */

        p += ((p[2] == 'd' || p[2] == 'D')
              && (p[3] == '8' || p[3] == '9' || (p[3] | 0x20) == 'a'
                  || (p[3] | 0x20) == 'b')) ? 12 : 6;
    }

    return n;
}


static int
mcp_schema_eval_length(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place)
{
    uint32_t                    n;
    const mcp_json_node_t      *nd;
    const mcp_schema_string_t  *string;

    nd = &run->tape->node[value];
    string = node->string;

    /* most often the number of bytes tells */

    if (nd->len <= string->max
        && (string->min == 0 || nd->len / 12 >= string->min))
    {
        return MCP_OK;
    }

    if (mcp_schema_spend(run, nd->len / 16) != MCP_OK) {
        return MCP_ERROR;
    }

    n = mcp_schema_length(run->tape, nd);

    if (n < string->min) {
        return mcp_schema_fail(run, node, place, MCP_KW_MIN_LENGTH, n);
    }

    if (n > string->max) {
        return mcp_schema_fail(run, node, place, MCP_KW_MAX_LENGTH, n);
    }

    return MCP_OK;
}


int
mcp_schema_matches(mcp_schema_run_t *run, const mcp_regex_t *re,
    uint32_t text)
{
    size_t                  len;
    const unsigned char    *p;
    const mcp_json_node_t  *nd;

    nd = &run->tape->node[text];
    p = run->tape->text + nd->start;
    len = nd->len;

    if (mcp_schema_spend(run, 8 + len / 16) != MCP_OK) {
        return MCP_ERROR;
    }

    if (nd->escaped) {

        if (len > run->size) {
            run->text = mcp_alloc(run->arena, len * 2);
            if (run->text == NULL) {
                return MCP_NOMEM;
            }

            run->size = len * 2;
        }

        len = (size_t) (mcp_json_decode(run->text, p, p + len) - run->text);
        p = run->text;
    }

    return mcp_regex_match(run->matcher, re, p, len, &run->steps);
}


static int
mcp_schema_eval_string(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place)
{
    int  rc, length;

    length = mcp_schema_eval_length(run, node, value, place);

    if (node->string->pattern == NULL
        || (length != MCP_OK && mcp_schema_ends(run, length)))
    {
        return length;
    }

    rc = mcp_schema_matches(run, node->string->pattern, value);

    if (rc == MCP_NONE) {
        return mcp_schema_fail(run, node, place, MCP_KW_PATTERN, 0);
    }

    return rc == MCP_OK ? length : rc;
}


static int
mcp_schema_eval_typed(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    switch (run->tape->node[value].type) {

    case MCP_JSON_STRING:
    case MCP_JSON_KEY:
        return node->string ? mcp_schema_eval_string(run, node, value, place)
                            : MCP_OK;

    case MCP_JSON_NUMBER:
        return node->number ? mcp_schema_eval_number(run, node, value, place)
                            : MCP_OK;

    case MCP_JSON_ARRAY:
        return node->array
               ? mcp_schema_eval_array(run, node, value, place, seen)
               : MCP_OK;

    case MCP_JSON_OBJECT:
        return node->object
               ? mcp_schema_eval_object(run, node, value, place, seen)
               : MCP_OK;

    default:
        return MCP_OK;
    }
}


static const mcp_schema_node_t *
mcp_schema_unevaluated(const mcp_schema_node_t *node, unsigned type)
{
    if (type == MCP_JSON_OBJECT && node->object) {
        return node->object->unevaluated;
    }

    if (type == MCP_JSON_ARRAY && node->array) {
        return node->array->unevaluated;
    }

    return NULL;
}


/* All keywords but type, const and enum. */

static int
mcp_schema_eval_parts(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int  rc, failed;

    failed = mcp_schema_eval_typed(run, node, value, place, seen);

    if (failed != MCP_OK && mcp_schema_ends(run, failed)) {
        return failed;
    }

    if (node->object != NULL && node->object->dependents != 0
        && run->tape->node[value].type == MCP_JSON_OBJECT)
    {
        rc = mcp_schema_eval_dependent(run, node, value, place, seen);
        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    if (node->logic != NULL) {
        rc = mcp_schema_eval_logic(run, node, value, place, seen);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return failed;
}


/* With unevaluatedItems or unevaluatedProperties: what all others left. */

static int
mcp_schema_eval_all(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                rc;
    uint32_t           i;
    mcp_schema_seen_t  own;

    rc = mcp_schema_seen_init(run, &own, run->tape->node[value].count);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_schema_eval_parts(run, node, value, place, &own);

    if (rc == MCP_OK) {
        rc = mcp_schema_eval_rest(run, node, value, place, &own);
    }

    if (seen != NULL) {
        for (i = 0; i < seen->n; i++) {
            mcp_schema_seen_set(seen, i);
        }
    }

    return rc;
}


static int
mcp_schema_eval_node(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int       rc, failed;
    unsigned  type;

    type = run->tape->node[value].type;

    if (!(node->types & mcp_schema_types[type])) {
        rc = mcp_schema_eval_type(run, node, value, place);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    failed = MCP_OK;

    if (node->choice != NULL) {
        rc = mcp_schema_chosen(run, node->choice, value);

        if (rc == MCP_NONE) {
            rc = mcp_schema_fail(run, node, place,
                                 node->choice->values ? MCP_KW_ENUM
                                                      : MCP_KW_CONST, 0);
        }

        if (rc != MCP_OK) {
            failed = rc;

            if (mcp_schema_ends(run, rc)) {
                return rc;
            }
        }
    }

    rc = (mcp_schema_unevaluated(node, type) != NULL)
         ? mcp_schema_eval_all(run, node, value, place, seen)
         : mcp_schema_eval_parts(run, node, value, place, seen);

    return rc == MCP_OK ? failed : rc;
}


/* ... in a resource other than that of the schema which led here */

static int
mcp_schema_eval_resource(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int                 rc;
    mcp_schema_scope_t  scope;

    scope.up = run->scope;
    scope.resource = node->resource;

    run->scope = &scope;
    rc = mcp_schema_eval_node(run, node, value, place, seen);
    run->scope = scope.up;

    return rc;
}


int
mcp_schema_eval(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
{
    int  rc;

    if (node->kind == MCP_SCHEMA_TRUE) {
        return MCP_OK;
    }

    if (mcp_schema_spend(run, 1) != MCP_OK || run->depth == MCP_SCHEMA_STACK) {
        return MCP_ERROR;
    }

    if (node->kind == MCP_SCHEMA_FALSE) {
        return mcp_schema_fail(run, node, place, MCP_KW_FALSE, 0);
    }

    run->depth++;

    rc = (run->schema->anchors == 0 || run->scope->resource == node->resource)
         ? mcp_schema_eval_node(run, node, value, place, seen)
         : mcp_schema_eval_resource(run, node, value, place, seen);

    run->depth--;

    return rc;
}


int
mcp_schema_seen_init(mcp_schema_run_t *run, mcp_schema_seen_t *seen,
    uint32_t n)
{
    seen->n = n;
    seen->few = 0;
    seen->bits = &seen->few;

    if (n <= 64) {
        return MCP_OK;
    }

    if (mcp_schema_spend(run, n / 64) != MCP_OK) {
        return MCP_ERROR;
    }

    seen->bits = mcp_calloc(run->arena, (n / 64 + 1) * sizeof(uint64_t));

    return seen->bits ? MCP_OK : MCP_NOMEM;
}


int
mcp_schema_validate(const mcp_schema_t *schema, const mcp_json_tape_t *tape,
    uint32_t node, mcp_matcher_t *matcher, mcp_arena_t *arena,
    mcp_schema_result_t *result)
{
    int                     rc;
    uint64_t                steps;
    mcp_schema_run_t        run;
    mcp_schema_scope_t      scope;
    mcp_schema_place_t      root;
    const mcp_json_node_t  *nd;

    memset(&run, 0, sizeof(mcp_schema_run_t));
    memset(&root, 0, sizeof(mcp_schema_place_t));

    nd = &tape->node[node];

    steps = MCP_SCHEMA_STEPS
            + (uint64_t) (nd->next - node) * MCP_SCHEMA_STEPS_NODE
            + (uint64_t) nd->len * MCP_SCHEMA_STEPS_BYTE;

    run.schema = schema;
    run.tape = tape;
    run.matcher = matcher;
    run.arena = arena;
    run.result = result;
    run.steps = steps;

    result->n = 0;
    result->expensive = 0;

    scope.up = NULL;
    scope.resource = schema->root->resource;
    run.scope = &scope;

    rc = mcp_schema_eval(&run, schema->root, node, &root, NULL);

    result->steps = steps - run.steps;

    if (rc == MCP_ERROR) {
        return mcp_schema_expensive(&run);
    }

    return rc == MCP_NONE ? MCP_ERROR : rc;
}
