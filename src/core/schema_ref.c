
/* References, which must stay within the document. */


#include "schema_compile.h"


#define MCP_SCHEMA_REMOTE                                                     \
    "it refers to another document, which is never fetched"


/* ~0 and ~1 (RFC 6901) to dst, which has room for them; its length */

static size_t
mcp_schema_untilde(unsigned char *dst, const unsigned char *p, size_t len)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < len; i++) {

        if (p[i] == '~' && i + 1 < len && (p[i + 1] == '0' || p[i + 1] == '1'))
        {
            dst[n++] = (p[++i] == '0') ? '~' : '/';
            continue;
        }

        dst[n++] = p[i];
    }

    return n;
}


/* The element of that index; 0: there is none */

static uint32_t
mcp_schema_element(const mcp_json_tape_t *tape, uint32_t node,
    const unsigned char *p, size_t len)
{
    size_t    i;
    uint32_t  n, at;

    if (len == 0 || len > 6 || (len > 1 && p[0] == '0')) {
        return 0;
    }

    n = 0;

    for (i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }

        n = n * 10 + (p[i] - '0');
    }

    if (n >= tape->node[node].count) {
        return 0;
    }

    for (at = node + 1; n != 0; n--) {
        at = tape->node[at].next;
    }

    return at;
}


/* A JSON pointer from the root of a resource. */

static int
mcp_schema_pointer(mcp_schema_compiler_t *c, uint32_t at, uint32_t root,
    const mcp_str_t *pointer, uint32_t *node)
{
    size_t                n;
    unsigned char        *name;
    const unsigned char  *p, *end, *q;

    *node = root;
    p = pointer->data;
    end = p + pointer->len;

    name = mcp_alloc(c->scratch, pointer->len + 1);
    if (name == NULL) {
        return MCP_NOMEM;
    }

    while (p < end) {

        p++;
        q = memchr(p, '/', (size_t) (end - p));
        q = q ? q : end;

        n = mcp_schema_untilde(name, p, (size_t) (q - p));
        p = q;

        if (mcp_schema_step(c, at, 1 + c->tape->node[*node].count) != MCP_OK) {
            return MCP_ERROR;
        }

        *node = (c->tape->node[*node].type == MCP_JSON_OBJECT)
                ? mcp_json_member(c->tape, *node, (char *) name, n)
                : (c->tape->node[*node].type == MCP_JSON_ARRAY)
                ? mcp_schema_element(c->tape, *node, name, n) : 0;

        if (*node == 0) {
            return mcp_schema_refuse(c, at, "it refers to what is not there");
        }
    }

    return MCP_OK;
}


static int
mcp_schema_find_anchor(mcp_schema_compiler_t *c, uint32_t at,
    uint32_t resource, const mcp_str_t *name, uint32_t *node,
    const mcp_schema_named_t **named)
{
    uint32_t                   i;
    const mcp_schema_named_t  *a;

    if (mcp_schema_step(c, at, c->names) != MCP_OK) {
        return MCP_ERROR;
    }

    for (i = 0; i < c->names; i++) {
        a = &c->named[i];

        if (a->resource == resource && a->name.len == name->len
            && memcmp(a->name.data, name->data, name->len) == 0)
        {
            *node = a->node;
            *named = a;
            return MCP_OK;
        }
    }

    return mcp_schema_refuse(c, at, "it refers to an anchor that is not"
                             " there");
}


int
mcp_schema_resolve(mcp_schema_compiler_t *c, uint32_t at, uint32_t resource,
    uint32_t *node, const mcp_schema_named_t **named)
{
    int        rc;
    uint32_t   i;
    mcp_str_t  ref, uri, fragment;

    *named = NULL;

    if (c->tape->node[at].type != MCP_JSON_STRING) {
        return mcp_schema_refuse(c, at, "a reference must be a string");
    }

    rc = mcp_json_unescape(c->tape, at, c->scratch, &ref);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_uri_resolve(c->scratch, &c->resource[resource].uri, &ref, &uri,
                         &fragment);
    if (rc == MCP_ERROR) {
        return mcp_schema_refuse(c, at, "it is no URI reference");
    }

    if (rc != MCP_OK || mcp_schema_step(c, at, uri.len / 8 + c->resources)
                        != MCP_OK)
    {
        return rc != MCP_OK ? rc : MCP_ERROR;
    }

    /* what has no URI of its own is referred to by the fragment alone */

    if (ref.len == 0 || ref.data[0] == '#') {
        i = resource;

    } else {
        for (i = 0; i < c->resources; i++) {
            if (c->resource[i].uri.len == uri.len
                && memcmp(c->resource[i].uri.data, uri.data, uri.len) == 0)
            {
                break;
            }
        }
    }

    if (i == c->resources) {
        return mcp_schema_refuse(c, at, MCP_SCHEMA_REMOTE);
    }

    if (fragment.len == 0) {
        *node = c->resource[i].root;
        return MCP_OK;
    }

    if (fragment.data[0] == '/') {
        return mcp_schema_pointer(c, at, c->resource[i].root, &fragment, node);
    }

    return mcp_schema_find_anchor(c, at, i, &fragment, node, named);
}
