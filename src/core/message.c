
/* Reading a client's message: the JSON-RPC 2.0 envelope. */


#include "message_parse.h"


int
mcp_parse_members(mcp_parse_t *ps, const mcp_word_t *words, uint32_t object,
    uint32_t *value)
{
    uint32_t                key, end;
    unsigned                id;
    mcp_str_t               name;
    const char             *almost;
    const mcp_json_node_t  *node;
    const mcp_json_tape_t  *tape;

    tape = &ps->m->tape;
    node = tape->node;
    end = node[object].next;

    for (key = object + 1; key < end; key = node[key].next) {

        if (mcp_json_unescape(tape, key, ps->arena, &name) != MCP_OK) {
            return MCP_NOMEM;
        }

        id = mcp_word_find(words, name.data, name.len);

        if (id != 0) {
            value[id] = key + 1;
            continue;
        }

        if (ps->odd != 0) {
            continue;
        }

        almost = mcp_word_almost(words, name.data, name.len);

        if (almost != NULL) {
            ps->odd = key;
            ps->word = almost;
        }
    }

    return MCP_OK;
}


int
mcp_parse_refuse(mcp_parse_t *ps, int code, const char *what_is_wrong,
    const char *detail, uint64_t position, const char *expected)
{
    mcp_buf_t  b;

    ps->fault->code = code;
    ps->fault->status = (code == MCP_E_PARAMS && ps->m->kind == MCP_REQUEST)
                        ? 200 : 400;

    mcp_buf_init(&b, ps->arena, 192);
    mcp_buf_append(&b, what_is_wrong, strlen(what_is_wrong));

    if (detail != NULL) {
        mcp_buf_literal(&b, ": ");
        mcp_buf_append(&b, detail, strlen(detail));
    }

    mcp_buf_literal(&b, " (at byte ");
    mcp_buf_uint(&b, position);
    mcp_buf_literal(&b, " of the body)");

    if (b.failed) {
        return MCP_NOMEM;
    }

    ps->fault->message.data = b.data;
    ps->fault->message.len = b.len;

    mcp_buf_init(&b, ps->arena, 96);
    mcp_buf_literal(&b, "{\"position\":");
    mcp_buf_uint(&b, position);

    if (expected != NULL) {
        mcp_buf_literal(&b, ",\"expected\":");
        mcp_buf_json(&b, expected, strlen(expected));
    }

    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return MCP_NOMEM;
    }

    ps->fault->data.data = b.data;
    ps->fault->data.len = b.len;

    return MCP_ERROR;
}


static uint64_t
mcp_parse_position(const mcp_parse_t *ps, uint32_t node)
{
    const mcp_json_tape_t  *tape;

    tape = &ps->m->tape;

    return (uint64_t) (mcp_json_raw(tape, node).data - tape->text);
}


int
mcp_parse_refuse_node(mcp_parse_t *ps, int code, const char *what_is_wrong,
    uint32_t node, const char *expected)
{
    return mcp_parse_refuse(ps, code, what_is_wrong, NULL,
                            mcp_parse_position(ps, node), expected);
}


int
mcp_parse_refuse_odd(mcp_parse_t *ps)
{
    return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
               "a member name that differs from one of the protocol's only by "
               "case or NUL characters; use the exact name or another one",
               ps->odd, ps->word);
}


/*
 * A text that the tape refused, or a batch.  If it is JSON all the same, then
 * for a name that comes twice; the id can be read then, unless it is the one.
 */

/*
 * A text that the tape refused, or a batch, from that bracket on.  If it is
 * JSON all the same, then for a name that comes twice; the id can be read
 * then, unless it is the one.
 */

static int
mcp_parse_refuse_text(mcp_parse_t *ps, const unsigned char *text, size_t len,
    unsigned max_depth, const unsigned char *batch)
{
    int                   rc;
    unsigned              ids;
    mcp_str_t             id;
    mcp_json_token_t      tok;
    const unsigned char  *p;
    mcp_json_observer_t   ob;

    mcp_json_observe_init(&ob, 1, max_depth);

    p = text;
    ids = 0;
    id = (mcp_str_t) mcp_null_string;

    for ( ;; ) {

        rc = mcp_json_observe(&ob, &p, text + len, &tok);

        if (rc != MCP_OK) {
            break;
        }

        if (tok.depth != 1 || tok.type == MCP_JSON_KEY
            || !tok.first || !tok.last || !mcp_json_at(&ob, 1, "id"))
        {
            continue;
        }

        ids++;

        if (tok.type == MCP_JSON_STRING || tok.type == MCP_JSON_NUMBER) {
            id.data = (unsigned char *) tok.start;
            id.len = (size_t) (tok.end - tok.start);
        }
    }

    if (rc == MCP_ERROR || mcp_json_observe_finish(&ob) != MCP_OK) {
        return mcp_parse_refuse(ps, MCP_E_PARSE, "the body is not valid JSON",
                                ob.lexer.error.text, ob.lexer.error.offset,
                                NULL);
    }

    if (batch != NULL) {
        return mcp_parse_refuse(ps, MCP_E_REQUEST,
                   "batches are not accepted; send each message in a request "
                   "of its own", NULL, (uint64_t) (batch - text), "object");
    }

    if (ids == 1) {
        ps->m->id = id;
    }

    return mcp_parse_refuse(ps, MCP_E_REQUEST, "not an acceptable message",
                            ps->m->tape.error.text, ps->m->tape.error.offset,
                            NULL);
}


static int
mcp_parse_response(mcp_parse_t *ps, const uint32_t *value)
{
    ps->m->kind = MCP_RESPONSE;

    if (value[MCP_TOP_RESULT] && value[MCP_TOP_ERROR]) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "a response has either \"result\" or \"error\", not both",
                   value[MCP_TOP_ERROR], NULL);
    }

    if (value[MCP_TOP_ERROR]
        && mcp_parse_type(ps, value[MCP_TOP_ERROR]) != MCP_JSON_OBJECT)
    {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                                     "\"error\" must be an object",
                                     value[MCP_TOP_ERROR], "object");
    }

    if (ps->m->id_node == 0) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "a response needs the \"id\" of the request it answers",
                   0, "id");
    }

    return MCP_OK;
}


/* Requests have an id, notifications/... have none. */

static int
mcp_parse_kind(mcp_parse_t *ps)
{
    int             notification;
    mcp_message_t  *m;

    m = ps->m;

    notification = (m->method_name.len > 14
                    && memcmp(m->method_name.data, "notifications/", 14) == 0);

    if (notification && m->id_node != 0) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "a notification has no \"id\"; leave it out", m->id_node,
                   NULL);
    }

    if (!notification && m->id_node == 0 && m->method != MCP_METHOD_UNKNOWN) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "a request needs an \"id\", a string or a number", 0,
                   "id");
    }

    m->kind = m->id_node ? MCP_REQUEST : MCP_NOTIFICATION;

    return MCP_OK;
}


static int
mcp_parse_envelope(mcp_parse_t *ps, const uint32_t *value)
{
    int             rc;
    uint32_t        method, node;
    mcp_message_t  *m;

    m = ps->m;
    node = value[MCP_TOP_JSONRPC];

    if (node == 0 || mcp_parse_type(ps, node) != MCP_JSON_STRING
        || !mcp_json_equals(&m->tape, node, "2.0", 3))
    {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "not JSON-RPC 2.0: \"jsonrpc\" must be \"2.0\"", node,
                   "2.0");
    }

    if (m->id_node != 0 && m->id.len == 0) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "\"id\" must be a string or a number, not null or another "
                   "type", m->id_node, "string or number");
    }

    method = value[MCP_TOP_METHOD];
    node = value[MCP_TOP_RESULT] ? value[MCP_TOP_RESULT]
                                 : value[MCP_TOP_ERROR];

    if (method == 0 && node == 0) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "neither a request (\"method\") nor a response (\"result\" "
                   "or \"error\")", 0, "method");
    }

    if (method == 0) {
        return mcp_parse_response(ps, value);
    }

    if (node != 0) {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                   "both a request (\"method\") and a response (\"result\" or "
                   "\"error\")", node, NULL);
    }

    if (mcp_parse_type(ps, method) != MCP_JSON_STRING
        || m->tape.node[method].len == 0)
    {
        return mcp_parse_refuse_node(ps, MCP_E_REQUEST,
                                     "\"method\" must be the name of a "
                                     "method, a string", method, "string");
    }

    if (mcp_json_unescape(&m->tape, method, ps->arena, &m->method_name)
        != MCP_OK)
    {
        return MCP_NOMEM;
    }

    m->method = mcp_word_find(mcp_method_words, m->method_name.data,
                              m->method_name.len);

    rc = mcp_parse_kind(ps);
    if (rc != MCP_OK) {
        return rc;
    }

    return mcp_parse_params(ps, value[MCP_TOP_PARAMS]);
}


int
mcp_message_parse(mcp_message_t *m, mcp_arena_t *arena,
    const unsigned char *text, size_t len, unsigned max_depth,
    mcp_fault_t *fault)
{
    int                   rc;
    size_t                n;
    mcp_parse_t           ps;
    const unsigned char  *p;
    uint32_t              value[MCP_TOP_WORDS] = { 0 };

    memset(m, 0, sizeof(mcp_message_t));
    memset(fault, 0, sizeof(mcp_fault_t));
    memset(&ps, 0, sizeof(mcp_parse_t));

    ps.m = m;
    ps.arena = arena;
    ps.fault = fault;

    p = text;

    for (n = len; n != 0; n--, p++) {
        if (*p != ' ' && *p != '\t' && *p != '\n' && *p != '\r') {
            break;
        }
    }

    if (n == 0) {
        return mcp_parse_refuse(&ps, MCP_E_PARSE, "the body is empty; send a "
                                "JSON-RPC message", NULL, len, "object");
    }

    /* a batch of any size costs no memory */

    if (*p == '[') {
        return mcp_parse_refuse_text(&ps, text, len, max_depth, p);
    }

    rc = mcp_json_tape(&m->tape, arena, text, len, max_depth);

    if (rc == MCP_ERROR) {
        return mcp_parse_refuse_text(&ps, text, len, max_depth, NULL);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (mcp_parse_type(&ps, 0) != MCP_JSON_OBJECT) {
        return mcp_parse_refuse_node(&ps, MCP_E_REQUEST, "a JSON-RPC message "
                                     "is an object", 0, "object");
    }

    if (mcp_parse_members(&ps, mcp_top_words, 0, value) != MCP_OK) {
        return MCP_NOMEM;
    }

    m->id_node = value[MCP_TOP_ID];

    if (m->id_node != 0 && mcp_parse_is_id(&ps, m->id_node)) {
        m->id = mcp_json_raw(&m->tape, m->id_node);
    }

    if (ps.odd != 0) {
        return mcp_parse_refuse_odd(&ps);
    }

    return mcp_parse_envelope(&ps, value);
}
