
/* Where in a document there are schemas, and by what names they go. */


#include "schema_compile.h"


/* "$schema" without its scheme and an empty fragment */

static const struct {
    const char               *uri;
    unsigned                  draft;
} mcp_schema_drafts[] = {
    { "json-schema.org/draft/2020-12/schema", MCP_DRAFT_2020 },
    { "json-schema.org/schema", MCP_DRAFT_2020 },
    { "json-schema.org/draft/2019-09/schema", MCP_DRAFT_2019 },
    { "json-schema.org/draft-07/schema", MCP_DRAFT_7 },
    { "json-schema.org/draft-06/schema", MCP_DRAFT_7 }
};


static uint32_t
mcp_schema_member(const mcp_json_tape_t *tape, uint32_t node,
    unsigned keyword)
{
    return mcp_json_member(tape, node, mcp_keywords[keyword].name,
                           mcp_keywords[keyword].len);
}


static int
mcp_schema_string(mcp_schema_compiler_t *c, uint32_t node, mcp_str_t *out)
{
    if (c->tape->node[node].type != MCP_JSON_STRING) {
        return mcp_schema_refuse(c, node, "it must be a string");
    }

    return mcp_json_unescape(c->tape, node, c->scratch, out);
}


static int
mcp_schema_draft(mcp_schema_compiler_t *c, uint32_t node, unsigned *draft)
{
    int        rc;
    size_t     i, n;
    mcp_str_t  uri;

    node = mcp_schema_member(c->tape, node, MCP_KW_SCHEMA);
    if (node == 0) {
        return MCP_OK;
    }

    rc = mcp_schema_string(c, node, &uri);
    if (rc != MCP_OK) {
        return rc;
    }

    n = (uri.len > 8 && memcmp(uri.data, "https://", 8) == 0) ? 8
        : (uri.len > 7 && memcmp(uri.data, "http://", 7) == 0) ? 7 : 0;

    uri.data += n;
    uri.len -= n;

    if (uri.len != 0 && uri.data[uri.len - 1] == '#') {
        uri.len--;
    }

    for (i = 0; i < sizeof(mcp_schema_drafts) / sizeof(mcp_schema_drafts[0]);
         i++)
    {
        if (n != 0 && strlen(mcp_schema_drafts[i].uri) == uri.len
            && memcmp(mcp_schema_drafts[i].uri, uri.data, uri.len) == 0)
        {
            *draft = mcp_schema_drafts[i].draft;
            return MCP_OK;
        }
    }

    return mcp_schema_refuse(c, node, "its $schema is none of 2020-12, 2019-09,"
                             " draft-07 and draft-06");
}


static int
mcp_schema_add_resource(mcp_schema_compiler_t *c, uint32_t root,
    const mcp_str_t *uri, unsigned draft)
{
    mcp_schema_resource_t  *r;

    if (c->resources == UINT16_MAX) {
        return mcp_schema_refuse(c, root, "it has too many $id");
    }

    c->resource = mcp_schema_room(c, c->resource, c->resources,
                                  &c->resource_room,
                                  sizeof(mcp_schema_resource_t));
    if (c->resource == NULL) {
        return MCP_NOMEM;
    }

    r = &c->resource[c->resources++];
    r->root = root;
    r->uri = *uri;
    r->draft = draft;

    return MCP_OK;
}


/* dynamic anchors of one name have one number */

static int
mcp_schema_add_name(mcp_schema_compiler_t *c, uint32_t node,
    const mcp_str_t *name, uint32_t resource, int dynamic)
{
    uint32_t             i, number;
    mcp_schema_named_t  *a;

    if (mcp_schema_step(c, node, c->names) != MCP_OK) {
        return MCP_ERROR;
    }

    c->named = mcp_schema_room(c, c->named, c->names, &c->named_room,
                               sizeof(mcp_schema_named_t));
    if (c->named == NULL) {
        return MCP_NOMEM;
    }

    number = dynamic ? c->names + 1 : 0;

    for (i = 0; i < c->names; i++) {
        a = &c->named[i];

        if (a->name.len != name->len
            || memcmp(a->name.data, name->data, name->len) != 0)
        {
            continue;
        }

        if (a->resource == resource) {
            return mcp_schema_refuse(c, node, "two anchors have one name");
        }

        if (dynamic && a->dynamic != 0) {
            number = a->dynamic;
        }
    }

    a = &c->named[c->names++];
    a->name = *name;
    a->resource = resource;
    a->node = node;
    a->dynamic = number;

    return MCP_OK;
}


/* "$id" of the schema at "node": a new resource, or, in draft-07, an anchor */

static int
mcp_schema_scan_id(mcp_schema_compiler_t *c, uint32_t node, uint32_t *resource)
{
    int                     rc;
    uint32_t                id;
    unsigned                draft;
    mcp_str_t               text, uri, fragment;
    mcp_schema_resource_t  *r;

    r = &c->resource[*resource];
    draft = r->draft;

    if (draft == MCP_DRAFT_7
        && mcp_schema_member(c->tape, node, MCP_KW_REF) != 0)
    {
        return MCP_OK;
    }

    id = mcp_schema_member(c->tape, node, MCP_KW_ID);
    if (id == 0) {
        return MCP_OK;
    }

    rc = mcp_schema_string(c, id, &text);
    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_uri_resolve(c->scratch, &r->uri, &text, &uri, &fragment);
    if (rc == MCP_ERROR) {
        return mcp_schema_refuse(c, id, "its $id is no URI reference");
    }

    if (rc != MCP_OK || mcp_schema_step(c, id, uri.len / 8) != MCP_OK) {
        return rc != MCP_OK ? rc : MCP_ERROR;
    }

    if (fragment.len != 0 && draft == MCP_DRAFT_7) {
        rc = mcp_schema_add_name(c, node, &fragment, *resource, 0);

        if (rc != MCP_OK || text.data[0] == '#') {
            return rc;
        }
    }

    if (node == 0) {
        r->uri = uri;
        return MCP_OK;
    }

    rc = mcp_schema_draft(c, node, &draft);

    if (rc == MCP_OK) {
        *resource = c->resources;
        rc = mcp_schema_add_resource(c, node, &uri, draft);
    }

    return rc;
}


static int
mcp_schema_scan_anchor(mcp_schema_compiler_t *c, uint32_t node,
    uint32_t resource, unsigned keyword)
{
    int        rc;
    uint32_t   value;
    mcp_str_t  name;

    value = mcp_schema_member(c->tape, node, keyword);

    if (value == 0
        || !(mcp_keywords[keyword].drafts & c->resource[resource].draft))
    {
        return MCP_OK;
    }

    rc = mcp_schema_string(c, value, &name);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_schema_add_name(c, node, &name, resource,
                               keyword == MCP_KW_DYNAMIC_ANCHOR);
}


static int mcp_schema_scan_node(mcp_schema_compiler_t *c, uint32_t node,
    uint32_t resource);


/* The schemas that are the value of a keyword. */

static int
mcp_schema_scan_value(mcp_schema_compiler_t *c, uint32_t value,
    uint32_t resource, mcp_shape_e shape)
{
    int       rc;
    uint32_t  i, end, map;
    unsigned  type;

    type = c->tape->node[value].type;

    if (shape == MCP_SHAPE_SCHEMA
        || (shape == MCP_SHAPE_ITEMS && type != MCP_JSON_ARRAY))
    {
        return mcp_schema_scan_node(c, value, resource);
    }

    map = (shape == MCP_SHAPE_MAP);

    if (type != (map ? MCP_JSON_OBJECT : MCP_JSON_ARRAY)) {
        return MCP_OK;
    }

    end = c->tape->node[value].next;

    for (i = value + 1; i < end; i = c->tape->node[i].next) {
        rc = mcp_schema_scan_node(c, i + map, resource);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


/* The depth of the text is limited. */

static int
mcp_schema_scan_node(mcp_schema_compiler_t *c, uint32_t node,
    uint32_t resource)
{
    int       rc;
    uint32_t  i, end;
    unsigned  keyword;

    if (c->tape->node[node].type != MCP_JSON_OBJECT) {
        c->owner[node] = resource + 1;
        return MCP_OK;
    }

    rc = mcp_schema_step(c, node, c->tape->node[node].count);

    if (rc == MCP_OK) {
        rc = mcp_schema_scan_id(c, node, &resource);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_scan_anchor(c, node, resource, MCP_KW_ANCHOR);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_scan_anchor(c, node, resource, MCP_KW_DYNAMIC_ANCHOR);
    }

    c->owner[node] = resource + 1;
    end = c->tape->node[node].next;

    for (i = node + 1; rc == MCP_OK && i < end; i = c->tape->node[i].next) {

        keyword = mcp_keyword(c->tape, i, c->resource[resource].draft);

        if (keyword != 0 && mcp_keywords[keyword].shape != MCP_SHAPE_VALUE) {
            rc = mcp_schema_scan_value(c, i + 1, resource,
                                       mcp_keywords[keyword].shape);
        }
    }

    return rc;
}


int
mcp_schema_scan(mcp_schema_compiler_t *c)
{
    int        rc;
    unsigned   draft;
    mcp_str_t  none;

    draft = MCP_DRAFT_2020;
    memset(&none, 0, sizeof(mcp_str_t));

    rc = mcp_schema_draft(c, 0, &draft);

    if (rc == MCP_OK) {
        rc = mcp_schema_add_resource(c, 0, &none, draft);
    }

    if (rc == MCP_OK) {
        rc = mcp_schema_scan_node(c, 0, 0);
    }

    return rc;
}
