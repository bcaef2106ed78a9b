
/* Reading the params of a message: _meta, and what the methods need. */


#include "message_parse.h"


/* A wrong _meta is HTTP 400 by revision 2026-07-28, "_meta". */

static int
mcp_parse_refuse_meta(mcp_parse_t *ps, const char *what_is_wrong,
    uint32_t node, const char *expected)
{
    int  rc;

    rc = mcp_parse_refuse_node(ps, MCP_E_PARAMS, what_is_wrong, node,
                               expected);
    ps->fault->status = 400;

    return rc;
}


static int
mcp_parse_meta(mcp_parse_t *ps, uint32_t meta)
{
    mcp_message_t  *m;
    uint32_t        value[MCP_META_WORDS] = { 0 };

    m = ps->m;

    if (mcp_parse_type(ps, meta) != MCP_JSON_OBJECT) {
        return mcp_parse_refuse_meta(ps, "params._meta must be an object",
                                     meta, "object");
    }

    m->meta = meta;

    if (mcp_parse_members(ps, mcp_meta_words, meta, value) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (ps->odd != 0) {
        return mcp_parse_refuse_odd(ps);
    }

    m->progress_token = value[MCP_META_TOKEN];
    m->version_node = value[MCP_META_VERSION];
    m->capabilities = value[MCP_META_CAPABILITIES];
    m->client_info = value[MCP_META_CLIENT_INFO];

    if (m->progress_token && !mcp_parse_is_id(ps, m->progress_token)) {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                   "_meta.progressToken must be a string or a number",
                   m->progress_token, "string or number");
    }

    if (m->capabilities
        && mcp_parse_type(ps, m->capabilities) != MCP_JSON_OBJECT)
    {
        return mcp_parse_refuse_meta(ps, "clientCapabilities in _meta must be "
                                     "an object", m->capabilities, "object");
    }

    if (m->client_info
        && mcp_parse_type(ps, m->client_info) != MCP_JSON_OBJECT)
    {
        return mcp_parse_refuse_meta(ps, "clientInfo in _meta must be an "
                                     "object", m->client_info, "object");
    }

    if (m->version_node == 0) {
        return MCP_OK;
    }

    if (mcp_parse_type(ps, m->version_node) != MCP_JSON_STRING) {
        return mcp_parse_refuse_meta(ps, "protocolVersion in _meta must be a "
                                     "string", m->version_node, "string");
    }

    return mcp_json_unescape(&m->tape, m->version_node, ps->arena,
                             &m->version);
}


/* node 0: absent. */

static int
mcp_parse_name(mcp_parse_t *ps, uint32_t node, const char *what_is_wrong)
{
    mcp_message_t  *m;

    m = ps->m;

    if (node == 0 || mcp_parse_type(ps, node) != MCP_JSON_STRING) {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS, what_is_wrong,
                                     node ? node : m->params, "string");
    }

    m->name_node = node;

    return mcp_json_unescape(&m->tape, node, ps->arena, &m->name);
}


static int
mcp_parse_arguments(mcp_parse_t *ps, uint32_t node)
{
    if (node && mcp_parse_type(ps, node) != MCP_JSON_OBJECT) {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                   "params.arguments must be an object; leave it out if there "
                   "are none", node, "object");
    }

    ps->m->arguments = node;

    return MCP_OK;
}


static int
mcp_parse_ref(mcp_parse_t *ps, uint32_t ref)
{
    uint32_t        type;
    mcp_message_t  *m;
    uint32_t        value[MCP_REF_WORDS] = { 0 };

    m = ps->m;

    if (ref == 0 || mcp_parse_type(ps, ref) != MCP_JSON_OBJECT) {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                   "completion/complete needs params.ref, an object",
                   ref ? ref : m->params, "object");
    }

    if (mcp_parse_members(ps, mcp_ref_words, ref, value) != MCP_OK) {
        return MCP_NOMEM;
    }

    if (ps->odd != 0) {
        return mcp_parse_refuse_odd(ps);
    }

    type = value[MCP_REF_TYPE];

    if (type && mcp_parse_type(ps, type) == MCP_JSON_STRING) {

        if (mcp_json_equals(&m->tape, type, "ref/prompt", 10)) {
            return mcp_parse_name(ps, value[MCP_REF_NAME],
                                  "a ref/prompt needs \"name\", a string");
        }

        if (mcp_json_equals(&m->tape, type, "ref/resource", 12)) {
            m->ref_resource = 1;
            return mcp_parse_name(ps, value[MCP_REF_URI],
                                  "a ref/resource needs \"uri\", a string");
        }
    }

    return mcp_parse_refuse_node(ps, MCP_E_PARAMS, "params.ref.type must be "
                                 "\"ref/prompt\" or \"ref/resource\"",
                                 type ? type : ref,
                                 "ref/prompt or ref/resource");
}


static int
mcp_parse_initialize(mcp_parse_t *ps, const uint32_t *value)
{
    mcp_message_t  *m;

    m = ps->m;

    /* the modern era has no such method: its params mean nothing */

    if (m->version_node != 0) {
        return MCP_OK;
    }

    m->capabilities = value[MCP_PARAMS_CAPABILITIES];
    m->client_info = value[MCP_PARAMS_CLIENT_INFO];

    if (m->capabilities
        && mcp_parse_type(ps, m->capabilities) != MCP_JSON_OBJECT)
    {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                                     "params.capabilities must be an object",
                                     m->capabilities, "object");
    }

    if (m->client_info
        && mcp_parse_type(ps, m->client_info) != MCP_JSON_OBJECT)
    {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                                     "params.clientInfo must be an object",
                                     m->client_info, "object");
    }

    if (value[MCP_PARAMS_VERSION] == 0) {
        return MCP_OK;
    }

    if (mcp_parse_type(ps, value[MCP_PARAMS_VERSION]) != MCP_JSON_STRING) {
        return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                   "params.protocolVersion must be a string",
                   value[MCP_PARAMS_VERSION], "string");
    }

    return mcp_json_unescape(&m->tape, value[MCP_PARAMS_VERSION], ps->arena,
                             &m->version);
}


static int
mcp_parse_method_params(mcp_parse_t *ps, const uint32_t *value)
{
    int             rc;
    mcp_message_t  *m;

    m = ps->m;

    switch (m->method) {

    case MCP_INITIALIZE:
        return mcp_parse_initialize(ps, value);

    case MCP_TOOLS_CALL:
    case MCP_PROMPTS_GET:
        rc = mcp_parse_name(ps, value[MCP_PARAMS_NAME],
                            m->method == MCP_TOOLS_CALL
                            ? "tools/call needs params.name, a string"
                            : "prompts/get needs params.name, a string");
        if (rc != MCP_OK) {
            return rc;
        }

        return mcp_parse_arguments(ps, value[MCP_PARAMS_ARGUMENTS]);

    case MCP_RESOURCES_SUBSCRIBE:
    case MCP_RESOURCES_UNSUBSCRIBE:
        if (m->version_node != 0) {
            return MCP_OK;
        }

        /* fall through */

    case MCP_RESOURCES_READ:
        return mcp_parse_name(ps, value[MCP_PARAMS_URI],
                              "this method needs params.uri, a string");

    case MCP_TASKS_GET:
    case MCP_TASKS_UPDATE:
    case MCP_TASKS_CANCEL:
        return mcp_parse_name(ps, value[MCP_PARAMS_TASK_ID],
                              "this method needs params.taskId, a string");

    case MCP_COMPLETE:
        return mcp_parse_ref(ps, value[MCP_PARAMS_REF]);

    case MCP_TOOLS_LIST:
    case MCP_PROMPTS_LIST:
    case MCP_RESOURCES_LIST:
    case MCP_TEMPLATES_LIST:
        m->cursor = value[MCP_PARAMS_CURSOR];

        if (m->cursor && mcp_parse_type(ps, m->cursor) != MCP_JSON_STRING) {
            return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                       "params.cursor must be the string nextCursor of the "
                       "page before; leave it out for the first page",
                       m->cursor, "string");
        }

        return MCP_OK;

    case MCP_LISTEN:
        m->notifications = value[MCP_PARAMS_NOTIFICATIONS];
        return MCP_OK;

    case MCP_CANCELLED:
        m->cancel_id = value[MCP_PARAMS_REQUEST_ID];

        if (m->cancel_id && !mcp_parse_is_id(ps, m->cancel_id)) {
            return mcp_parse_refuse_node(ps, MCP_E_PARAMS,
                       "params.requestId must be a string or a number",
                       m->cancel_id, "string or number");
        }

        return MCP_OK;

    default:
        return MCP_OK;
    }
}


int
mcp_parse_params(mcp_parse_t *ps, uint32_t params)
{
    int       rc;
    uint32_t  value[MCP_PARAMS_WORDS] = { 0 };

    if (params == 0) {
        return mcp_parse_method_params(ps, value);
    }

    if (mcp_parse_type(ps, params) != MCP_JSON_OBJECT) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "params must be an object; leave it out if there are none",
                   params, "object");
    }

    ps->m->params = params;

    if (mcp_parse_members(ps, mcp_params_words, params, value) != MCP_OK) {
        return MCP_NOMEM;
    }

    ps->m->request_state = value[MCP_PARAMS_STATE];

    if (ps->odd != 0) {
        return mcp_parse_refuse_odd(ps);
    }

    if (value[MCP_PARAMS_META] != 0) {
        rc = mcp_parse_meta(ps, value[MCP_PARAMS_META]);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return mcp_parse_method_params(ps, value);
}
