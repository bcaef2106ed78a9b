
/* The keywords of one schema, but for those about objects. */


#include "schema_compile.h"


#define MCP_SCHEMA_FEW  8            /* values of an enum without a table */


int
mcp_schema_sub(mcp_schema_compiler_t *c, const mcp_schema_node_t *node,
    uint32_t at, mcp_schema_node_t **out)
{
    if (at == 0) {
        *out = NULL;
        return MCP_OK;
    }

    return mcp_schema_get(c, at, node->resource, out);
}


/* A number that is not negative; 2.0 is one, too. */

int
mcp_schema_count(mcp_schema_compiler_t *c, uint32_t at, uint32_t *out)
{
    int64_t                 i;
    uint64_t                n;
    mcp_number_t            d;
    const unsigned char    *p;
    const mcp_json_node_t  *nd;

    if (at == 0) {
        return MCP_OK;
    }

    nd = &c->tape->node[at];

    if (nd->type != MCP_JSON_NUMBER) {
        return mcp_schema_refuse(c, at, "it must be an integer");
    }

    mcp_number_parse(&d, c->tape->text + nd->start,
                     c->tape->text + nd->start + nd->len);

    if (d.negative || !mcp_number_is_integer(&d)) {
        return mcp_schema_refuse(c, at, "it must be an integer that is not"
                                 " negative");
    }

    n = 0;
    p = d.p;

    for (i = 0; i < d.exp && n < UINT32_MAX; i++) {
        n *= 10;

        if (i < (int64_t) d.digits) {
            p += (*p == '.');
            n += (uint64_t) (*p++ - '0');
        }
    }

    *out = n < UINT32_MAX ? (uint32_t) n : UINT32_MAX;

    return MCP_OK;
}


int
mcp_schema_regex(mcp_schema_compiler_t *c, uint32_t at, mcp_regex_t *re)
{
    int          rc;
    mcp_str_t    text;
    const char  *why;

    if (c->tape->node[at].type != MCP_JSON_STRING
        && c->tape->node[at].type != MCP_JSON_KEY)
    {
        return mcp_schema_refuse(c, at, "it must be a string");
    }

    if (c->patterns++ == MCP_SCHEMA_PATTERNS) {
        return mcp_schema_refuse(c, at, "it has too many patterns");
    }

    if (c->regex == NULL) {
        c->regex = mcp_regex_compiler(c->arena);
        if (c->regex == NULL) {
            return MCP_NOMEM;
        }
    }

    rc = mcp_json_unescape(c->tape, at, c->arena, &text);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_regex_compile(re, c->regex, c->scratch, &text, &why);

    return rc == MCP_ERROR ? mcp_schema_refuse(c, at, why) : rc;
}


static unsigned
mcp_schema_type_name(const mcp_json_tape_t *tape, uint32_t at)
{
    size_t  i;

    static const struct {
        const char           *name;
        unsigned              types;
    } names[] = {
        { "string", MCP_SCHEMA_T_STRING },
        { "number", MCP_SCHEMA_T_NUMBER | MCP_SCHEMA_T_INTEGER },
        { "integer", MCP_SCHEMA_T_INTEGER },
        { "boolean", MCP_SCHEMA_T_BOOLEAN },
        { "object", MCP_SCHEMA_T_OBJECT },
        { "array", MCP_SCHEMA_T_ARRAY },
        { "null", MCP_SCHEMA_T_NULL }
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (tape->node[at].type == MCP_JSON_STRING
            && mcp_json_equals(tape, at, names[i].name,
                               strlen(names[i].name)))
        {
            return names[i].types;
        }
    }

    return 0;
}


static int
mcp_schema_build_type(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    uint32_t at)
{
    uint32_t  i, end;
    unsigned  types;

    if (at == 0) {
        return MCP_OK;
    }

    end = at + 1;
    i = at;

    if (c->tape->node[at].type == MCP_JSON_ARRAY) {
        end = c->tape->node[at].next;
        i = at + 1;
    }

    node->types = 0;

    for ( /* void */ ; i < end; i = c->tape->node[i].next) {

        types = mcp_schema_type_name(c->tape, i);
        if (types == 0) {
            return mcp_schema_refuse(c, i, "it is no type of JSON values");
        }

        node->types |= (uint8_t) types;
    }

    return MCP_OK;
}


/* A table of the values of an enum, by hash. */

static int
mcp_schema_enum_table(mcp_schema_compiler_t *c, mcp_schema_choice_t *choice)
{
    size_t    slots;
    uint32_t  i, at, end, hash;

    for (slots = 32; slots < (size_t) c->tape->node[choice->values].count * 2;
         slots *= 2)
    {
        /* void */
    }

    choice->slot = mcp_calloc(c->arena, slots * sizeof(uint32_t));
    if (choice->slot == NULL) {
        return MCP_NOMEM;
    }

    choice->mask = (uint32_t) (slots - 1);
    end = c->tape->node[choice->values].next;

    for (i = choice->values + 1; i < end; i = c->tape->node[i].next) {

        if (mcp_schema_hash(c->tape, i, &hash, &c->steps) != MCP_OK) {
            return mcp_schema_step(c, choice->values, 1);
        }

        for (at = hash & choice->mask; choice->slot[at] != 0;
             at = (at + 1) & choice->mask)
        {
            if (mcp_schema_step(c, i, 1) != MCP_OK) {
                return MCP_ERROR;
            }
        }

        choice->slot[at] = i;
    }

    return MCP_OK;
}


static int
mcp_schema_build_choice(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    uint32_t              values;
    mcp_schema_choice_t  *choice;

    values = kw[MCP_KW_ENUM];

    if (values == 0 && kw[MCP_KW_CONST] == 0) {
        return MCP_OK;
    }

    if (values != 0 && c->tape->node[values].type != MCP_JSON_ARRAY) {
        return mcp_schema_refuse(c, values, "it must be an array");
    }

    choice = mcp_calloc(c->arena, sizeof(mcp_schema_choice_t));
    if (choice == NULL) {
        return MCP_NOMEM;
    }

    node->choice = choice;
    choice->constant = kw[MCP_KW_CONST];
    choice->values = values;

    if (values != 0 && c->tape->node[values].count > MCP_SCHEMA_FEW) {
        return mcp_schema_enum_table(c, choice);
    }

    return MCP_OK;
}


static int
mcp_schema_build_number(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    uint32_t                at;
    unsigned                i;
    mcp_number_t            d;
    mcp_schema_number_t    *n;
    const mcp_json_node_t  *nd;

    /* by mcp_schema_bound_e */

    static const unsigned char  keywords[] = {
        MCP_KW_MINIMUM, MCP_KW_ABOVE, MCP_KW_MAXIMUM, MCP_KW_BELOW,
        MCP_KW_MULTIPLE_OF
    };

    n = NULL;

    for (i = 0; i < 5; i++) {

        at = kw[keywords[i]];
        if (at == 0) {
            continue;
        }

        nd = &c->tape->node[at];

        if (nd->type != MCP_JSON_NUMBER) {
            return mcp_schema_refuse(c, at, "it must be a number");
        }

        if (n == NULL) {
            n = mcp_calloc(c->arena, sizeof(mcp_schema_number_t));
            if (n == NULL) {
                return MCP_NOMEM;
            }

            node->number = n;
        }

        mcp_number_parse(&d, c->tape->text + nd->start,
                          c->tape->text + nd->start + nd->len);

        if (i < 4) {
            n->bound[i] = d;
            n->bounds |= 1U << i;

        } else if (mcp_divisor_init(&n->multiple, &d) != MCP_OK) {
            return mcp_schema_refuse(c, at, "it must be above zero and have"
                                     " no more than 18 digits");
        }
    }

    return MCP_OK;
}


static int
mcp_schema_build_string(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                   rc;
    mcp_schema_string_t  *s;

    if (kw[MCP_KW_MIN_LENGTH] == 0 && kw[MCP_KW_MAX_LENGTH] == 0
        && kw[MCP_KW_PATTERN] == 0)
    {
        return MCP_OK;
    }

    s = mcp_calloc(c->arena, sizeof(mcp_schema_string_t));
    if (s == NULL) {
        return MCP_NOMEM;
    }

    node->string = s;
    s->max = UINT32_MAX;

    rc = mcp_schema_count(c, kw[MCP_KW_MIN_LENGTH], &s->min);

    if (rc == MCP_OK) {
        rc = mcp_schema_count(c, kw[MCP_KW_MAX_LENGTH], &s->max);
    }

    if (rc != MCP_OK || kw[MCP_KW_PATTERN] == 0) {
        return rc;
    }

    s->pattern = mcp_alloc(c->arena, sizeof(mcp_regex_t));
    if (s->pattern == NULL) {
        return MCP_NOMEM;
    }

    return mcp_schema_regex(c, kw[MCP_KW_PATTERN], s->pattern);
}


static void
mcp_schema_keywords(const mcp_schema_compiler_t *c, uint32_t at,
    unsigned draft, uint32_t *kw)
{
    uint32_t  i, end, ref;
    unsigned  keyword;

    memset(kw, 0, MCP_KW_LAST * sizeof(uint32_t));
    end = c->tape->node[at].next;

    for (i = at + 1; i < end; i = c->tape->node[i].next) {
        keyword = mcp_keyword(c->tape, i, draft);

        if (keyword != 0) {
            kw[keyword] = i + 1;
        }
    }

    /* draft-07, section 8.3: nothing beside a reference counts */

    ref = kw[MCP_KW_REF];

    if (draft == MCP_DRAFT_7 && ref != 0) {
        memset(kw, 0, MCP_KW_LAST * sizeof(uint32_t));
        kw[MCP_KW_REF] = ref;
    }
}


int
mcp_schema_build(mcp_schema_compiler_t *c, mcp_schema_node_t *node)
{
    int       rc;
    uint32_t  at, kw[MCP_KW_LAST];

    at = node->at;

    if (mcp_schema_step(c, at, 1 + c->tape->node[at].count) != MCP_OK) {
        return MCP_ERROR;
    }

    switch (c->tape->node[at].type) {

    case MCP_JSON_TRUE:
        node->kind = MCP_SCHEMA_TRUE;
        return MCP_OK;

    case MCP_JSON_FALSE:
        node->kind = MCP_SCHEMA_FALSE;
        return MCP_OK;

    case MCP_JSON_OBJECT:
        break;

    default:
        return mcp_schema_refuse(c, at, "a schema must be an object, true or"
                                 " false");
    }

    mcp_schema_keywords(c, at, c->resource[node->resource].draft, kw);

    if ((rc = mcp_schema_build_type(c, node, kw[MCP_KW_TYPE])) != MCP_OK
        || (rc = mcp_schema_build_choice(c, node, kw)) != MCP_OK
        || (rc = mcp_schema_build_number(c, node, kw)) != MCP_OK
        || (rc = mcp_schema_build_string(c, node, kw)) != MCP_OK
        || (rc = mcp_schema_build_array(c, node, kw)) != MCP_OK
        || (rc = mcp_schema_build_object(c, node, kw)) != MCP_OK)
    {
        return rc;
    }

    rc = mcp_schema_build_logic(c, node, kw);

    if (rc == MCP_OK && node->types == MCP_SCHEMA_T_ANY
        && node->choice == NULL && node->number == NULL
        && node->string == NULL && node->array == NULL
        && node->object == NULL && node->logic == NULL)
    {
        node->kind = MCP_SCHEMA_TRUE;
    }

    return rc;
}
