
/* One item of a view, made of one element of a backend's list. */


#include "view.h"


/* What is changed in the text; by node, 0: nothing. */

typedef struct {
    uint32_t              name;            /* the value that gives way */
    uint32_t              drop[2];         /* the values of members to drop */
} mcp_item_edit_t;


static int
mcp_item_error(mcp_builder_t *vb, const mcp_item_t *item, const char *why)
{
    mcp_builder_say(vb, MCP_VIEW_ERROR, item, "is left out: ", why);

    return MCP_NONE;
}


/* The value of the member if it is of this type, else 0. */

static uint32_t
mcp_item_member(const mcp_json_tape_t *tape, uint32_t node, const char *name,
    mcp_json_type_e type)
{
    node = mcp_json_member(tape, node, name, strlen(name));

    return (node != 0 && tape->node[node].type == type) ? node : 0;
}


static int
mcp_item_hint(const mcp_json_tape_t *tape, const char *name)
{
    uint32_t  node;

    node = mcp_item_member(tape, 0, "annotations", MCP_JSON_OBJECT);

    return node != 0 && mcp_item_member(tape, node, name, MCP_JSON_TRUE) != 0;
}


/* Whether the schema at "node" says that its values are objects. */

static int
mcp_item_object_schema(const mcp_json_tape_t *tape, uint32_t node)
{
    node = mcp_item_member(tape, node, "type", MCP_JSON_STRING);

    return node != 0 && mcp_json_equals(tape, node, "object", 6);
}


/*
 * The text of the element after the edit.  A member that stays takes along
 * what separates it from the one in front, so commas come out right.
 */

static int
mcp_item_edit(const mcp_json_tape_t *tape, const mcp_item_edit_t *edit,
    const mcp_str_t *exposed, mcp_arena_t *arena, mcp_str_t *out)
{
    size_t                from, to;
    uint32_t              i;
    unsigned              first, dropped;
    mcp_str_t             value;
    unsigned char        *p;
    const unsigned char  *text;

    *out = mcp_json_raw(tape, 0);

    if (edit->name == 0 && edit->drop[0] == 0 && edit->drop[1] == 0) {
        return MCP_OK;
    }

    text = tape->text;

    p = mcp_alloc(arena, out->len + exposed->len + 2);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    out->data = p;
    *p++ = '{';

    first = 1;
    dropped = 0;
    to = 1;

    for (i = mcp_json_first(tape, 0); i < tape->node[0].next;
         i = tape->node[i].next)
    {
        value = mcp_json_raw(tape, i + 1);

        /* the first to stay has no use for the comma in front of it */

        from = (first && dropped) ? (size_t) tape->node[i].start - 1 : to;
        to = (size_t) (value.data + value.len - text);

        if (i + 1 == edit->drop[0] || i + 1 == edit->drop[1]) {
            dropped = 1;
            continue;
        }

        first = 0;

        if (i + 1 != edit->name) {
            memcpy(p, text + from, to - from);
            p += to - from;
            continue;
        }

        memcpy(p, text + from, (size_t) (value.data - text) - from);
        p += (size_t) (value.data - text) - from;
        *p++ = '"';
        memcpy(p, exposed->data, exposed->len);
        p += exposed->len;
        *p++ = '"';
    }

    memcpy(p, text + to, tape->len - to);
    p += tape->len - to;

    out->len = (size_t) (p - out->data);

    return MCP_OK;
}


static const char *
mcp_item_bad_name(const mcp_str_t *name)
{
    size_t         i;
    unsigned char  c;

    if (name->len > MCP_NAME_MAX) {
        return "its name is longer than 128 characters";
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-')
        {
            continue;
        }

        return "its name has a character other than"
               " A-Z a-z 0-9 _ . -";
    }

    return NULL;
}


/* The exposed name of a tool or prompt; the native one is its end. */

static int
mcp_item_expose(mcp_builder_t *vb, mcp_item_t *item)
{
    const char       *why;
    unsigned char    *p;
    const mcp_str_t  *prefix;

    prefix = &vb->view->source[item->source].prefix;
    item->exposed = item->native;

    if (prefix->len != 0) {

        if (item->native.len > MCP_NAME_MAX
            || prefix->len > MCP_NAME_MAX - item->native.len)
        {
            return mcp_item_error(vb, item, "its name with the prefix is"
                                  " longer than 128 characters");
        }

        p = mcp_alloc(vb->arena, prefix->len + item->native.len);
        if (p == NULL) {
            return MCP_NOMEM;
        }

        memcpy(p, prefix->data, prefix->len);
        memcpy(p + prefix->len, item->native.data, item->native.len);

        item->exposed.data = p;
        item->exposed.len = prefix->len + item->native.len;
        item->native.data = p + prefix->len;
    }

    why = mcp_item_bad_name(&item->exposed);
    if (why != NULL) {
        return mcp_item_error(vb, item, why);
    }

    if (item->exposed.len > MCP_NAME_LONG) {
        mcp_builder_say(vb, MCP_VIEW_WARN, item, "has a name longer than 64"
                        " characters, which some clients refuse", "");
    }

    return MCP_OK;
}


/* The names; the string at "uri" is what a resource or template goes by. */

static int
mcp_item_name(mcp_builder_t *vb, mcp_item_t *item, uint32_t *name)
{
    uint32_t                node;
    mcp_str_t              *native;
    const mcp_json_tape_t  *tape;

    tape = &vb->elements.tape;
    native = &item->native;

    node = mcp_item_member(tape, 0, "name", MCP_JSON_STRING);
    if (node == 0) {
        return mcp_item_error(vb, item, "it has no name that is a string");
    }

    *name = node;

    if (vb->list == MCP_RESOURCES) {
        node = mcp_item_member(tape, 0, "uri", MCP_JSON_STRING);

    } else if (vb->list == MCP_TEMPLATES) {
        node = mcp_item_member(tape, 0, "uriTemplate", MCP_JSON_STRING);
    }

    if (node != 0 && mcp_json_unescape(tape, node, vb->arena, native)
                     != MCP_OK)
    {
        return MCP_NOMEM;
    }

    if (native->len == 0) {
        return mcp_item_error(vb, item,
                              vb->list == MCP_RESOURCES ? "it has no uri"
                              : vb->list == MCP_TEMPLATES
                              ? "it has no uriTemplate"
                              : "its name is empty");
    }

    if (vb->list == MCP_TOOLS || vb->list == MCP_PROMPTS) {
        return mcp_item_expose(vb, item);
    }

    item->exposed = *native;

    if (vb->list == MCP_TEMPLATES && mcp_template_check(native) != MCP_OK) {
        mcp_builder_say(vb, MCP_VIEW_WARN, item, "is one that no URI can fit",
                        "");
    }

    return MCP_OK;
}


static int
mcp_item_set_schema(mcp_builder_t *vb, mcp_item_t *item, const mcp_str_t *text)
{
    item->schema = mcp_calloc(vb->arena, sizeof(mcp_item_schema_t));
    if (item->schema == NULL) {
        return MCP_NOMEM;
    }

    item->schema->text = *text;

    return MCP_OK;
}


static int
mcp_item_schema(mcp_builder_t *vb, mcp_item_t *item)
{
    int                     rc;
    uint32_t                schema;
    mcp_str_t               text;
    const char             *why;
    const mcp_json_tape_t  *tape;

    tape = &vb->elements.tape;

    schema = mcp_item_member(tape, 0, "inputSchema", MCP_JSON_OBJECT);
    if (schema == 0) {
        return mcp_item_error(vb, item, "it has no inputSchema that is an"
                              " object");
    }

    if (!mcp_item_object_schema(tape, schema)) {
        mcp_builder_say(vb, MCP_VIEW_WARN, item, "has an inputSchema whose"
                        " type is not \"object\", which some clients refuse",
                        "");
    }

    why = "";

    rc = mcp_params_compile(&item->params, vb->arena, tape, schema, &why);

    if (rc == MCP_ERROR) {
        mcp_builder_say(vb, MCP_VIEW_WARN, item, "is left out: ", why);
        return MCP_NONE;
    }

    text = mcp_json_raw(tape, schema);

    return rc == MCP_OK ? mcp_item_set_schema(vb, item, &text) : rc;
}


/* What a prompt says of its arguments, as a schema: which it requires. */

static int
mcp_item_prompt(mcp_builder_t *vb, mcp_item_t *item)
{
    uint32_t                i, end, arguments, name;
    mcp_buf_t               b;
    mcp_str_t               raw;
    const mcp_json_tape_t  *tape;

    tape = &vb->elements.tape;

    arguments = mcp_item_member(tape, 0, "arguments", MCP_JSON_ARRAY);
    if (arguments == 0) {
        return MCP_OK;
    }

    mcp_buf_init(&b, vb->arena, 128);
    end = tape->node[arguments].next;

    for (i = arguments + 1; i < end; i = tape->node[i].next) {

        name = mcp_item_member(tape, i, "name", MCP_JSON_STRING);

        if (name == 0
            || mcp_item_member(tape, i, "required", MCP_JSON_TRUE) == 0)
        {
            continue;
        }

        if (b.len == 0) {
            mcp_buf_literal(&b, "{\"type\":\"object\",\"required\":[");

        } else {
            mcp_buf_literal(&b, ",");
        }

        raw = mcp_json_raw(tape, name);
        mcp_buf_str(&b, &raw);
    }

    if (b.len == 0) {
        return MCP_OK;
    }

    mcp_buf_literal(&b, "]}");

    raw.data = b.data;
    raw.len = b.len;

    return b.failed ? MCP_NOMEM : mcp_item_set_schema(vb, item, &raw);
}


/* The text for either era; where both are equal they are the same memory. */

static int
mcp_item_texts(mcp_builder_t *vb, mcp_item_t *item, uint32_t name)
{
    int                     hidden;
    uint32_t                execution, output, task;
    mcp_item_edit_t         legacy, modern;
    const mcp_json_tape_t  *tape;

    tape = &vb->elements.tape;
    memset(&legacy, 0, sizeof(mcp_item_edit_t));
    memset(&modern, 0, sizeof(mcp_item_edit_t));
    hidden = 0;

    if (item->exposed.len != item->native.len) {
        legacy.name = name;
        modern.name = name;
    }

    if (vb->list == MCP_TOOLS) {
        execution = mcp_json_get(tape, 0, "execution");
        output = mcp_json_get(tape, 0, "outputSchema");

        modern.drop[0] = execution;

        if (execution != 0) {
            task = mcp_item_member(tape, execution, "taskSupport",
                                   MCP_JSON_STRING);
            hidden = task != 0 && mcp_json_equals(tape, task, "required", 8);
        }

        if (output != 0 && !mcp_item_object_schema(tape, output)) {
            legacy.drop[1] = output;

            if (tape->node[output].type != MCP_JSON_OBJECT) {
                modern.drop[1] = output;
            }
        }
    }

    if (mcp_item_edit(tape, &legacy, &item->exposed, vb->arena,
                      &item->json[0])
        != MCP_OK)
    {
        return MCP_NOMEM;
    }

    if (hidden) {
        return MCP_OK;
    }

    if (memcmp(&legacy, &modern, sizeof(mcp_item_edit_t)) == 0) {
        item->json[1] = item->json[0];
        return MCP_OK;
    }

    return mcp_item_edit(tape, &modern, &item->exposed, vb->arena,
                         &item->json[1]);
}


int
mcp_item_read(mcp_builder_t *vb, mcp_item_t *item)
{
    int       rc;
    uint32_t  name;

    rc = mcp_item_name(vb, item, &name);
    if (rc != MCP_OK) {
        return rc;
    }

    if (vb->list == MCP_TOOLS) {
        item->read_only = mcp_item_hint(&vb->elements.tape, "readOnlyHint");
        item->idempotent = mcp_item_hint(&vb->elements.tape,
                                         "idempotentHint");

        rc = mcp_item_schema(vb, item);
        if (rc != MCP_OK) {
            return rc;
        }

    } else if (vb->list == MCP_PROMPTS) {
        rc = mcp_item_prompt(vb, item);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return mcp_item_texts(vb, item, name);
}
