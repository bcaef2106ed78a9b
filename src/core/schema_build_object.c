
/* The keywords about objects. */


#include "schema_compile.h"


/* An array of strings at "at"; *n: how many */

static int
mcp_schema_strings(mcp_schema_compiler_t *c, uint32_t at, uint32_t *n)
{
    uint32_t  i, end;

    *n = 0;

    if (at == 0) {
        return MCP_OK;
    }

    if (c->tape->node[at].type != MCP_JSON_ARRAY) {
        return mcp_schema_refuse(c, at, "it must be an array of names");
    }

    end = c->tape->node[at].next;

    for (i = at + 1; i < end; i = c->tape->node[i].next) {
        if (c->tape->node[i].type != MCP_JSON_STRING) {
            return mcp_schema_refuse(c, i, "it must be a string");
        }
    }

    *n = c->tape->node[at].count;

    return MCP_OK;
}


static int
mcp_schema_map(mcp_schema_compiler_t *c, uint32_t at, uint32_t *n)
{
    *n = 0;

    if (at == 0) {
        return MCP_OK;
    }

    if (c->tape->node[at].type != MCP_JSON_OBJECT) {
        return mcp_schema_refuse(c, at, "it must be an object");
    }

    *n = c->tape->node[at].count;

    return MCP_OK;
}


/* The entry of a name (at a node of the tape), which is added if need be. */

static int
mcp_schema_name(mcp_schema_compiler_t *c, mcp_schema_object_t *o, uint32_t at,
    mcp_schema_name_t **out)
{
    uint32_t            i, hash;
    mcp_schema_name_t  *name;

    hash = mcp_json_text_hash(c->tape, at);

    for (i = hash & o->mask; o->slot[i] != 0; i = (i + 1) & o->mask) {

        name = &o->name[o->slot[i] - 1];

        if (mcp_schema_step(c, at, 1) != MCP_OK) {
            return MCP_ERROR;
        }

        if (name->hash == hash
            && mcp_json_equals(c->tape, at, name->name.data, name->name.len))
        {
            *out = name;
            return MCP_OK;
        }
    }

    name = &o->name[o->names++];
    name->hash = hash;

    o->slot[i] = o->names;
    *out = name;

    return mcp_json_unescape(c->tape, at, c->arena, &name->name);
}


static int
mcp_schema_names(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    uint32_t properties, uint32_t required)
{
    int                   rc;
    size_t                slots;
    uint32_t              i, end, np, nr;
    mcp_schema_name_t    *name;
    mcp_schema_object_t  *o;

    o = node->object;

    rc = mcp_schema_map(c, properties, &np);

    if (rc == MCP_OK) {
        rc = mcp_schema_strings(c, required, &nr);
    }

    if (rc != MCP_OK || (size_t) np + nr == 0) {
        return rc;
    }

    for (slots = 4; slots < ((size_t) np + nr) * 2; slots *= 2) {
        /* void */
    }

    o->mask = (uint32_t) (slots - 1);
    o->slot = mcp_calloc(c->arena, slots * sizeof(uint32_t));
    o->name = mcp_calloc(c->arena, ((size_t) np + nr)
                                   * sizeof(mcp_schema_name_t));
    if (o->slot == NULL || o->name == NULL) {
        return MCP_NOMEM;
    }

    end = np ? c->tape->node[properties].next : 0;

    for (i = properties + 1; i < end; i = c->tape->node[i].next) {

        rc = mcp_schema_name(c, o, i, &name);

        if (rc == MCP_OK) {
            rc = mcp_schema_sub(c, node, i + 1, &name->value);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    end = nr ? c->tape->node[required].next : 0;

    for (i = required + 1; i < end; i = c->tape->node[i].next) {

        rc = mcp_schema_name(c, o, i, &name);
        if (rc != MCP_OK) {
            return rc;
        }

        o->required += !name->required;
        name->required = 1;
    }

    return MCP_OK;
}


static int
mcp_schema_patterns(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    uint32_t at)
{
    int                    rc;
    uint32_t               i, n, end;
    mcp_schema_object_t   *o;
    mcp_schema_pattern_t  *p;

    o = node->object;

    rc = mcp_schema_map(c, at, &n);
    if (rc != MCP_OK || n == 0) {
        return rc;
    }

    o->pattern = mcp_calloc(c->arena, n * sizeof(mcp_schema_pattern_t));
    if (o->pattern == NULL) {
        return MCP_NOMEM;
    }

    end = c->tape->node[at].next;

    for (i = at + 1; i < end; i = c->tape->node[i].next) {

        p = &o->pattern[o->patterns++];

        rc = mcp_schema_regex(c, i, &p->name);

        if (rc == MCP_OK) {
            rc = mcp_schema_sub(c, node, i + 1, &p->value);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* One of: dependencies, dependentRequired, dependentSchemas */

static int
mcp_schema_dependents(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    uint32_t at, unsigned keyword)
{
    int                      rc, names;
    uint32_t                 i, n, end, none;
    mcp_schema_dependent_t  *d;

    rc = mcp_schema_map(c, at, &n);
    if (rc != MCP_OK || n == 0) {
        return rc;
    }

    end = c->tape->node[at].next;

    for (i = at + 1; i < end; i = c->tape->node[i].next) {

        d = &node->object->dependent[node->object->dependents++];
        d->keyword = keyword;

        rc = mcp_json_unescape(c->tape, i, c->arena, &d->name);
        if (rc != MCP_OK) {
            return rc;
        }

        names = (keyword == MCP_KW_DEPENDENT_REQUIRED)
                || (keyword == MCP_KW_DEPENDENCIES
                    && c->tape->node[i + 1].type == MCP_JSON_ARRAY);

        if (names) {
            d->names = i + 1;
            rc = mcp_schema_strings(c, i + 1, &none);

        } else {
            rc = mcp_schema_sub(c, node, i + 1, &d->schema);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static int
mcp_schema_all_dependents(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int       rc;
    size_t    i, n;
    uint32_t  count;

    static const unsigned char  keywords[] = {
        MCP_KW_DEPENDENCIES, MCP_KW_DEPENDENT_REQUIRED,
        MCP_KW_DEPENDENT_SCHEMAS
    };

    n = 0;

    for (i = 0; i < sizeof(keywords); i++) {
        rc = mcp_schema_map(c, kw[keywords[i]], &count);
        if (rc != MCP_OK) {
            return rc;
        }

        n += count;
    }

    if (n == 0) {
        return MCP_OK;
    }

    node->object->dependent = mcp_calloc(c->arena,
                                         n * sizeof(mcp_schema_dependent_t));
    if (node->object->dependent == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < sizeof(keywords); i++) {
        rc = mcp_schema_dependents(c, node, kw[keywords[i]], keywords[i]);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


int
mcp_schema_build_object(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                   rc;
    size_t                i;
    mcp_schema_object_t  *o;

    static const unsigned char  keywords[] = {
        MCP_KW_PROPERTIES, MCP_KW_REQUIRED, MCP_KW_PATTERN_PROPERTIES,
        MCP_KW_ADDITIONAL, MCP_KW_PROPERTY_NAMES, MCP_KW_MIN_PROPERTIES,
        MCP_KW_MAX_PROPERTIES, MCP_KW_UNEVALUATED, MCP_KW_DEPENDENCIES,
        MCP_KW_DEPENDENT_REQUIRED, MCP_KW_DEPENDENT_SCHEMAS
    };

    for (i = 0; i < sizeof(keywords) && kw[keywords[i]] == 0; i++) {
        /* void */
    }

    if (i == sizeof(keywords)) {
        return MCP_OK;
    }

    o = mcp_calloc(c->arena, sizeof(mcp_schema_object_t));
    if (o == NULL) {
        return MCP_NOMEM;
    }

    node->object = o;
    o->max = UINT32_MAX;

    if ((rc = mcp_schema_count(c, kw[MCP_KW_MIN_PROPERTIES], &o->min))
        != MCP_OK
        || (rc = mcp_schema_count(c, kw[MCP_KW_MAX_PROPERTIES], &o->max))
           != MCP_OK
        || (rc = mcp_schema_names(c, node, kw[MCP_KW_PROPERTIES],
                                  kw[MCP_KW_REQUIRED])) != MCP_OK
        || (rc = mcp_schema_patterns(c, node, kw[MCP_KW_PATTERN_PROPERTIES]))
           != MCP_OK
        || (rc = mcp_schema_sub(c, node, kw[MCP_KW_ADDITIONAL],
                                &o->additional)) != MCP_OK
        || (rc = mcp_schema_sub(c, node, kw[MCP_KW_PROPERTY_NAMES],
                                &o->names_schema)) != MCP_OK
        || (rc = mcp_schema_sub(c, node, kw[MCP_KW_UNEVALUATED],
                                &o->unevaluated)) != MCP_OK)
    {
        return rc;
    }

    return mcp_schema_all_dependents(c, node, kw);
}
