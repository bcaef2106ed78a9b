
/* The keywords about arrays, and those that apply to the same value. */


#include "schema_compile.h"


static int
mcp_schema_list(mcp_schema_compiler_t *c, const mcp_schema_node_t *node,
    uint32_t at, mcp_schema_node_t ***out, uint32_t *n)
{
    int       rc;
    uint32_t  i, end;

    *n = 0;

    if (at == 0) {
        return MCP_OK;
    }

    if (c->tape->node[at].type != MCP_JSON_ARRAY) {
        return mcp_schema_refuse(c, at, "it must be an array of schemas");
    }

    *out = mcp_alloc(c->arena, (c->tape->node[at].count + 1)
                               * sizeof(mcp_schema_node_t *));
    if (*out == NULL) {
        return MCP_NOMEM;
    }

    end = c->tape->node[at].next;

    for (i = at + 1; i < end; i = c->tape->node[i].next) {
        rc = mcp_schema_sub(c, node, i, &(*out)[(*n)++]);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* "items" of an array is what prefixItems was called before 2020-12. */

static int
mcp_schema_build_items(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                  rc;
    uint32_t             prefix, items;
    mcp_schema_array_t  *a;

    a = node->array;
    prefix = kw[MCP_KW_PREFIX_ITEMS];
    items = kw[MCP_KW_ITEMS];

    if (items != 0 && prefix == 0
        && c->tape->node[items].type == MCP_JSON_ARRAY)
    {
        prefix = items;
        items = kw[MCP_KW_ADDITIONAL_ITEMS];
    }

    rc = mcp_schema_list(c, node, prefix, &a->prefix, &a->prefixes);

    return rc == MCP_OK ? mcp_schema_sub(c, node, items, &a->items) : rc;
}


static int
mcp_schema_build_contains(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                  rc;
    mcp_schema_array_t  *a;

    a = node->array;
    a->min_contains = 1;
    a->max_contains = UINT32_MAX;
    a->contained = (c->resource[node->resource].draft == MCP_DRAFT_2020);

    rc = mcp_schema_sub(c, node, kw[MCP_KW_CONTAINS], &a->contains);

    if (rc == MCP_OK) {
        rc = mcp_schema_count(c, kw[MCP_KW_MIN_CONTAINS], &a->min_contains);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_count(c, kw[MCP_KW_MAX_CONTAINS], &a->max_contains);
    }

    return rc;
}


int
mcp_schema_build_array(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                  rc;
    size_t               i;
    uint32_t             unique;
    mcp_schema_array_t  *a;

    static const unsigned char  keywords[] = {
        MCP_KW_ITEMS, MCP_KW_PREFIX_ITEMS, MCP_KW_CONTAINS,
        MCP_KW_MIN_ITEMS, MCP_KW_MAX_ITEMS, MCP_KW_UNIQUE_ITEMS,
        MCP_KW_UNEVALUATED_ITEMS
    };

    for (i = 0; i < sizeof(keywords) && kw[keywords[i]] == 0; i++) {
        /* void */
    }

    if (i == sizeof(keywords)) {
        return MCP_OK;
    }

    a = mcp_calloc(c->arena, sizeof(mcp_schema_array_t));
    if (a == NULL) {
        return MCP_NOMEM;
    }

    node->array = a;
    a->max = UINT32_MAX;

    unique = kw[MCP_KW_UNIQUE_ITEMS];

    if (unique != 0) {
        a->unique = (c->tape->node[unique].type == MCP_JSON_TRUE);

        if (!a->unique && c->tape->node[unique].type != MCP_JSON_FALSE) {
            return mcp_schema_refuse(c, unique, "it must be true or false");
        }
    }

    rc = mcp_schema_count(c, kw[MCP_KW_MIN_ITEMS], &a->min);

    if (rc == MCP_OK) {
        rc = mcp_schema_count(c, kw[MCP_KW_MAX_ITEMS], &a->max);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_build_items(c, node, kw);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_build_contains(c, node, kw);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_sub(c, node, kw[MCP_KW_UNEVALUATED_ITEMS],
                            &a->unevaluated);
    }

    return rc;
}


/* $ref and, in 2019-09, what is the same as long as there is one resource */

static int
mcp_schema_build_ref(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                        rc;
    uint32_t                   at, target;
    mcp_schema_logic_t        *l;
    const mcp_schema_named_t  *named;

    l = node->logic;

    if (kw[MCP_KW_RECURSIVE_REF] != 0) {

        if (c->resources > 1 || kw[MCP_KW_REF] != 0) {
            return mcp_schema_refuse(c, kw[MCP_KW_RECURSIVE_REF],
                                     "$recursiveRef is known in documents of"
                                     " one $id only");
        }

        rc = mcp_schema_get(c, 0, 0, &l->ref);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    at = kw[MCP_KW_REF];

    if (at != 0) {
        rc = mcp_schema_resolve(c, at, node->resource, &target, &named);

        if (rc == MCP_OK) {
            rc = mcp_schema_get(c, target, node->resource, &l->ref);
        }

        if (rc != MCP_OK) {
            return rc;
        }
    }

    at = kw[MCP_KW_DYNAMIC_REF];

    if (at == 0) {
        return MCP_OK;
    }

    rc = mcp_schema_resolve(c, at, node->resource, &target, &named);

    if (rc == MCP_OK) {
        rc = mcp_schema_get(c, target, node->resource, &l->dynamic);
    }

    if (rc == MCP_OK && named != NULL) {
        l->anchor = named->dynamic;
    }

    return rc;
}


int
mcp_schema_build_logic(mcp_schema_compiler_t *c, mcp_schema_node_t *node,
    const uint32_t *kw)
{
    int                  rc;
    size_t               i;
    mcp_schema_logic_t  *l;

    static const unsigned char  keywords[] = {
        MCP_KW_REF, MCP_KW_RECURSIVE_REF, MCP_KW_DYNAMIC_REF, MCP_KW_ALL_OF,
        MCP_KW_ANY_OF, MCP_KW_ONE_OF, MCP_KW_NOT, MCP_KW_IF
    };

    for (i = 0; i < sizeof(keywords) && kw[keywords[i]] == 0; i++) {
        /* void */
    }

    if (i == sizeof(keywords)) {
        return MCP_OK;
    }

    l = mcp_calloc(c->arena, sizeof(mcp_schema_logic_t));
    if (l == NULL) {
        return MCP_NOMEM;
    }

    node->logic = l;

    if ((rc = mcp_schema_build_ref(c, node, kw)) != MCP_OK
        || (rc = mcp_schema_list(c, node, kw[MCP_KW_ALL_OF], &l->all.schema,
                                 &l->all.n)) != MCP_OK
        || (rc = mcp_schema_list(c, node, kw[MCP_KW_ANY_OF], &l->any.schema,
                                 &l->any.n)) != MCP_OK
        || (rc = mcp_schema_list(c, node, kw[MCP_KW_ONE_OF], &l->one.schema,
                                 &l->one.n)) != MCP_OK
        || (rc = mcp_schema_sub(c, node, kw[MCP_KW_NOT], &l->not)) != MCP_OK)
    {
        return rc;
    }

    if (kw[MCP_KW_IF] == 0) {
        return MCP_OK;
    }

    if ((rc = mcp_schema_sub(c, node, kw[MCP_KW_IF], &l->when)) != MCP_OK
        || (rc = mcp_schema_sub(c, node, kw[MCP_KW_THEN], &l->then)) != MCP_OK)
    {
        return rc;
    }

    return mcp_schema_sub(c, node, kw[MCP_KW_ELSE], &l->otherwise);
}
