
/* Ids of requests that go from a backend to a client. */


#include "ask.h"


#define MCP_ASK_DIGITS  2        /* of the index of a session */
#define MCP_ASK_DEPTH   256


/* Replaces a node by the string that names the session and the id. */

static int
mcp_ask_replace(const mcp_json_tape_t *tape, uint32_t node, unsigned session,
    const mcp_str_t *id, mcp_arena_t *arena, mcp_edits_t *edits)
{
    mcp_str_t    raw;
    mcp_buf_t    plain, quoted;
    mcp_edit_t  *edit;

    raw = mcp_json_raw(tape, node);

    mcp_buf_init(&plain, arena, id->len + 8);
    mcp_buf_uint(&plain, session);
    mcp_buf_literal(&plain, ".");
    mcp_buf_str(&plain, id);

    mcp_buf_init(&quoted, arena, 2 * plain.len + 2);

    if (!plain.failed) {
        mcp_buf_json(&quoted, plain.data, plain.len);
    }

    if (plain.failed || quoted.failed) {
        return MCP_NOMEM;
    }

    edit = &edits->edit[0];
    edit->at = (size_t) (raw.data - tape->text);
    edit->del = raw.len;
    edit->ins.data = quoted.data;
    edit->ins.len = quoted.len;

    edits->n = 1;
    edits->len = tape->len - raw.len + quoted.len;

    return MCP_OK;
}


static int
mcp_ask_is_id(const mcp_json_tape_t *tape, uint32_t node)
{
    return tape->node[node].type == MCP_JSON_STRING
           || tape->node[node].type == MCP_JSON_NUMBER;
}


int
mcp_ask_request(const unsigned char *text, size_t len, unsigned session,
    const mcp_str_t *id, mcp_arena_t *arena, mcp_edits_t *edits)
{
    int              rc;
    uint32_t         node;
    mcp_str_t        raw;
    mcp_json_tape_t  tape;

    rc = mcp_json_tape(&tape, arena, text, len, MCP_ASK_DEPTH);
    if (rc != MCP_OK) {
        return rc;
    }

    node = mcp_json_get(&tape, 0, "id");

    if (node == 0 || !mcp_ask_is_id(&tape, node)) {
        return MCP_ERROR;
    }

    raw = id->len ? *id : mcp_json_raw(&tape, node);

    return mcp_ask_replace(&tape, node, session, &raw, arena, edits);
}


int
mcp_ask_cancelled(const unsigned char *text, size_t len, unsigned session,
    mcp_arena_t *arena, mcp_edits_t *edits)
{
    int              rc;
    uint32_t         node;
    mcp_str_t        raw;
    mcp_json_tape_t  tape;

    rc = mcp_json_tape(&tape, arena, text, len, MCP_ASK_DEPTH);
    if (rc != MCP_OK) {
        return rc;
    }

    node = mcp_json_get(&tape, 0, "params");

    if (node != 0) {
        node = mcp_json_get(&tape, node, "requestId");
    }

    if (node == 0 || !mcp_ask_is_id(&tape, node)) {
        return MCP_ERROR;
    }

    raw = mcp_json_raw(&tape, node);

    return mcp_ask_replace(&tape, node, session, &raw, arena, edits);
}


int
mcp_ask_answer(const mcp_message_t *m, mcp_arena_t *arena, unsigned *session,
    mcp_edits_t *edits)
{
    int              rc;
    size_t           i;
    unsigned         n;
    mcp_str_t        id, raw;
    mcp_edit_t      *edit;
    mcp_json_tape_t  tape;

    if (m->kind != MCP_RESPONSE || m->id_node == 0
        || m->tape.node[m->id_node].type != MCP_JSON_STRING)
    {
        return MCP_ERROR;
    }

    rc = mcp_json_unescape(&m->tape, m->id_node, arena, &id);
    if (rc != MCP_OK) {
        return rc;
    }

    n = 0;

    for (i = 0; i < id.len && i < MCP_ASK_DIGITS; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') {
            break;
        }

        n = n * 10 + (id.data[i] - '0');
    }

    if (i == 0 || i == id.len || id.data[i] != '.'
        || (i > 1 && id.data[0] == '0'))
    {
        return MCP_ERROR;
    }

    i++;

    /* it becomes part of a message: nothing but one id may be there */

    rc = mcp_json_tape(&tape, arena, id.data + i, id.len - i, 1);
    if (rc != MCP_OK) {
        return rc;
    }

    if (!mcp_ask_is_id(&tape, 0)) {
        return MCP_ERROR;
    }

    *session = n;
    raw = mcp_json_raw(&m->tape, m->id_node);

    edit = &edits->edit[0];
    edit->at = (size_t) (raw.data - m->tape.text);
    edit->del = raw.len;
    edit->ins = mcp_json_raw(&tape, 0);

    edits->n = 1;
    edits->len = m->tape.len - raw.len + edit->ins.len;

    return MCP_OK;
}
