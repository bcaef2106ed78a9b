
/* The keywords of JSON Schema, and in which draft they are any. */


#include "schema_node.h"


#define MCP_DRAFT_ANY    (MCP_DRAFT_7 | MCP_DRAFT_2019 | MCP_DRAFT_2020)
#define MCP_DRAFT_SINCE  (MCP_DRAFT_2019 | MCP_DRAFT_2020)

#define keyword(s, shape, drafts)                                             \
    { s, sizeof(s) - 1, MCP_SHAPE_ ## shape, MCP_DRAFT_ ## drafts }


/* By mcp_keyword_e, which is the order of their names, too. */

const mcp_keyword_t  mcp_keywords[MCP_KW_LAST] = {
    keyword("", VALUE, ANY),
    keyword("$anchor", VALUE, SINCE),
    keyword("$defs", MAP, ANY),
    keyword("$dynamicAnchor", VALUE, 2020),
    keyword("$dynamicRef", VALUE, 2020),
    keyword("$id", VALUE, ANY),
    keyword("$recursiveAnchor", VALUE, 2019),
    keyword("$recursiveRef", VALUE, 2019),
    keyword("$ref", VALUE, ANY),
    keyword("$schema", VALUE, ANY),
    keyword("additionalItems", SCHEMA, ANY),
    keyword("additionalProperties", SCHEMA, ANY),
    keyword("allOf", LIST, ANY),
    keyword("anyOf", LIST, ANY),
    keyword("const", VALUE, ANY),
    keyword("contains", SCHEMA, ANY),
    keyword("contentSchema", SCHEMA, SINCE),
    keyword("definitions", MAP, ANY),
    keyword("dependencies", MAP, ANY),
    keyword("dependentRequired", VALUE, SINCE),
    keyword("dependentSchemas", MAP, SINCE),
    keyword("else", SCHEMA, ANY),
    keyword("enum", VALUE, ANY),
    keyword("exclusiveMaximum", VALUE, ANY),
    keyword("exclusiveMinimum", VALUE, ANY),
    keyword("if", SCHEMA, ANY),
    keyword("items", ITEMS, ANY),
    keyword("maxContains", VALUE, SINCE),
    keyword("maxItems", VALUE, ANY),
    keyword("maxLength", VALUE, ANY),
    keyword("maxProperties", VALUE, ANY),
    keyword("maximum", VALUE, ANY),
    keyword("minContains", VALUE, SINCE),
    keyword("minItems", VALUE, ANY),
    keyword("minLength", VALUE, ANY),
    keyword("minProperties", VALUE, ANY),
    keyword("minimum", VALUE, ANY),
    keyword("multipleOf", VALUE, ANY),
    keyword("not", SCHEMA, ANY),
    keyword("oneOf", LIST, ANY),
    keyword("pattern", VALUE, ANY),
    keyword("patternProperties", MAP, ANY),
    keyword("prefixItems", LIST, 2020),
    keyword("properties", MAP, ANY),
    keyword("propertyNames", SCHEMA, ANY),
    keyword("required", VALUE, ANY),
    keyword("then", SCHEMA, ANY),
    keyword("type", VALUE, ANY),
    keyword("unevaluatedItems", SCHEMA, SINCE),
    keyword("unevaluatedProperties", SCHEMA, SINCE),
    keyword("uniqueItems", VALUE, ANY)
};


static int
mcp_keyword_order(const mcp_keyword_t *kw, const unsigned char *p, size_t len)
{
    int     rc;
    size_t  n;

    n = kw->len < len ? kw->len : len;
    rc = memcmp(p, kw->name, n);

    return rc ? rc : (len > kw->len) - (len < kw->len);
}


unsigned
mcp_keyword(const mcp_json_tape_t *tape, uint32_t key, unsigned drafts)
{
    int                     rc;
    size_t                  len;
    unsigned                low, high, i;
    unsigned char           name[32 * 6];
    const unsigned char    *p;
    const mcp_json_node_t  *nd;

    nd = &tape->node[key];
    p = tape->text + nd->start;
    len = nd->len;

    if (len > sizeof(name)) {
        return 0;
    }

    if (nd->escaped) {
        len = (size_t) (mcp_json_decode(name, p, p + len) - name);
        p = name;
    }

    low = 1;
    high = MCP_KW_LAST;

    while (low < high) {
        i = (low + high) / 2;
        rc = mcp_keyword_order(&mcp_keywords[i], p, len);

        if (rc == 0) {
            return (mcp_keywords[i].drafts & drafts) ? i : 0;
        }

        if (rc < 0) {
            high = i;

        } else {
            low = i + 1;
        }
    }

    return 0;
}
