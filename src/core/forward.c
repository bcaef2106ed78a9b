
/* The edits that make a client's request a backend's. */


#include "forward.h"


#define MCP_RESERVED      "io.modelcontextprotocol/"
#define MCP_RESERVED_LEN  (sizeof(MCP_RESERVED) - 1)

#define MCP_TASKS         MCP_RESERVED "tasks"


typedef struct {
    const mcp_json_tape_t *tape;
    mcp_arena_t           *arena;
    mcp_edits_t           *edits;
} mcp_editor_t;


/* Whether a member is left out: 1, 0 or MCP_NOMEM. */

typedef int (*mcp_member_pt)(const mcp_editor_t *ed, uint32_t key);


/*
 * Keeps the edits in order; they come nearly so.  Where one inserts and one
 * deletes at the same place, the insertion is the first.
 */

static int
mcp_edit_add(mcp_editor_t *ed, size_t at, size_t del, const void *ins,
    size_t len)
{
    unsigned      i;
    mcp_edit_t   *edit;
    mcp_edits_t  *edits;

    edits = ed->edits;

    if (edits->n == MCP_EDITS_MAX) {
        return MCP_ERROR;
    }

    for (i = edits->n; i > 0; i--) {

        if (edits->edit[i - 1].at < at
            || (edits->edit[i - 1].at == at && del != 0))
        {
            break;
        }

        edits->edit[i] = edits->edit[i - 1];
    }

    edit = &edits->edit[i];
    edit->at = at;
    edit->del = del;
    edit->ins.data = (unsigned char *) ins;
    edit->ins.len = len;

    edits->n++;
    edits->len = edits->len - del + len;

    return MCP_OK;
}


static size_t
mcp_edit_start(const mcp_editor_t *ed, uint32_t node)
{
    return (size_t) (mcp_json_raw(ed->tape, node).data - ed->tape->text);
}


static size_t
mcp_edit_end(const mcp_editor_t *ed, uint32_t node)
{
    mcp_str_t  raw;

    raw = mcp_json_raw(ed->tape, node);

    return (size_t) (raw.data - ed->tape->text) + raw.len;
}


static int
mcp_edit_replace(mcp_editor_t *ed, uint32_t node, const mcp_str_t *ins)
{
    size_t  at;

    at = mcp_edit_start(ed, node);

    return mcp_edit_add(ed, at, mcp_edit_end(ed, node) - at, ins->data,
                        ins->len);
}


/*
 * Leaves members out, each run of them with one edit: with the comma in front
 * of it if a member stays there, else with the one behind it.  Returns
 * MCP_ERROR, or MCP_OK with the number of members that stay.
 */

static int
mcp_edit_drop(mcp_editor_t *ed, uint32_t object, mcp_member_pt drop,
    unsigned *stay)
{
    int                     rc, out;
    size_t                  at, end;
    uint32_t                key, from, kept, last;
    const mcp_json_node_t  *node;

    node = ed->tape->node;
    last = node[object].next;

    end = 0;
    from = 0;                /* the first name of a run */
    kept = 0;                /* the last name that stays */
    *stay = 0;

    for (key = object + 1; /* void */ ; key = node[key].next) {

        out = (key == last) ? 0 : drop(ed, key);

        if (out < 0) {
            return out;
        }

        if (out) {
            from = from ? from : key;
            end = mcp_edit_end(ed, key + 1);
            continue;
        }

        if (from != 0) {
            at = kept ? mcp_edit_end(ed, kept + 1) : mcp_edit_start(ed, from);

            if (kept == 0 && key != last) {
                end = mcp_edit_start(ed, key);
            }

            rc = mcp_edit_add(ed, at, end - at, NULL, 0);
            if (rc != MCP_OK) {
                return rc;
            }

            from = 0;
        }

        if (key == last) {
            return MCP_OK;
        }

        kept = key;
        (*stay)++;
    }
}


static int
mcp_member_reserved(const mcp_editor_t *ed, uint32_t key)
{
    mcp_str_t  name;

    if (mcp_json_unescape(ed->tape, key, ed->arena, &name) != MCP_OK) {
        return MCP_NOMEM;
    }

    return name.len >= MCP_RESERVED_LEN
           && memcmp(name.data, MCP_RESERVED, MCP_RESERVED_LEN) == 0;
}


static int
mcp_member_tasks(const mcp_editor_t *ed, uint32_t key)
{
    return mcp_json_equals(ed->tape, key, MCP_TASKS, sizeof(MCP_TASKS) - 1);
}


static int
mcp_forward_tasks(mcp_editor_t *ed, const mcp_message_t *m)
{
    unsigned  stay;
    uint32_t  extensions;

    if (m->capabilities == 0) {
        return MCP_OK;
    }

    extensions = mcp_json_get(ed->tape, m->capabilities, "extensions");

    if (extensions == 0
        || ed->tape->node[extensions].type != MCP_JSON_OBJECT)
    {
        return MCP_OK;
    }

    return mcp_edit_drop(ed, extensions, mcp_member_tasks, &stay);
}


/*
 * The members that a modern backend needs in _meta.  It is put in front of
 * what is there, as a member of _meta, params or the message: whichever is the
 * innermost that exists.  stay: the members that _meta keeps.
 */

static int
mcp_forward_meta(mcp_editor_t *ed, const mcp_message_t *m,
    const mcp_forward_t *fw, unsigned stay)
{
    uint32_t   object, members;
    mcp_buf_t  b;

    static const mcp_str_t  modern = mcp_string(MCP_VERSION_MODERN);

    mcp_buf_init(&b, ed->arena, 256 + fw->client_info.len);

    if (m->params == 0) {
        object = 0;
        members = 1;
        mcp_buf_literal(&b, "\"params\":{\"_meta\":{");

    } else if (m->meta == 0) {
        object = m->params;
        members = ed->tape->node[object].count;
        mcp_buf_literal(&b, "\"_meta\":{");

    } else {
        object = m->meta;
        members = stay;
    }

    mcp_buf_literal(&b, "\"" MCP_RESERVED "protocolVersion\":");

    if (fw->version.len != 0) {
        mcp_buf_json(&b, fw->version.data, fw->version.len);
    } else {
        mcp_buf_json(&b, modern.data, modern.len);
    }

    if (fw->client_info.len != 0) {
        mcp_buf_literal(&b, ",\"" MCP_RESERVED "clientInfo\":");
        mcp_buf_str(&b, &fw->client_info);
    }

    mcp_buf_literal(&b, ",\"" MCP_RESERVED "clientCapabilities\":{}");

    if (m->params == 0) {
        mcp_buf_literal(&b, "}}");

    } else if (m->meta == 0) {
        mcp_buf_literal(&b, "}");
    }

    if (members != 0) {
        mcp_buf_literal(&b, ",");
    }

    if (b.failed) {
        return MCP_NOMEM;
    }

    return mcp_edit_add(ed, mcp_edit_start(ed, object) + 1, 0, b.data, b.len);
}


static int
mcp_forward_eras(mcp_editor_t *ed, const mcp_message_t *m,
    const mcp_forward_t *fw)
{
    int       rc;
    unsigned  stay;

    stay = 0;

    if (fw->client == MCP_ERA_MODERN && fw->backend == MCP_ERA_MODERN) {
        return mcp_forward_tasks(ed, m);
    }

    if (fw->client == fw->backend || fw->client == MCP_ERA_UNKNOWN
        || fw->backend == MCP_ERA_UNKNOWN)
    {
        return MCP_OK;
    }

    if (m->meta != 0) {
        rc = mcp_edit_drop(ed, m->meta, mcp_member_reserved, &stay);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (fw->backend == MCP_ERA_LEGACY) {
        return MCP_OK;
    }

    return mcp_forward_meta(ed, m, fw, stay);
}


int
mcp_forward(const mcp_message_t *m, const mcp_forward_t *fw,
    mcp_arena_t *arena, mcp_edits_t *edits)
{
    int           rc;
    mcp_buf_t     b;
    mcp_str_t     name;
    mcp_editor_t  ed;

    edits->n = 0;
    edits->len = m->tape.len;

    ed.tape = &m->tape;
    ed.arena = arena;
    ed.edits = edits;

    if (m->kind != MCP_REQUEST) {
        return MCP_ERROR;
    }

    rc = mcp_edit_replace(&ed, m->id_node, &fw->id);
    if (rc != MCP_OK) {
        return rc;
    }

    if (fw->name.data != NULL && m->name_node != 0) {

        mcp_buf_init(&b, arena, fw->name.len + 16);
        mcp_buf_json(&b, fw->name.data, fw->name.len);

        if (b.failed) {
            return MCP_NOMEM;
        }

        name.data = b.data;
        name.len = b.len;

        rc = mcp_edit_replace(&ed, m->name_node, &name);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (fw->state.data != NULL && m->request_state != 0) {
        rc = mcp_edit_replace(&ed, m->request_state, &fw->state);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (fw->token.data != NULL && m->progress_token != 0) {
        rc = mcp_edit_replace(&ed, m->progress_token, &fw->token);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return mcp_forward_eras(&ed, m, fw);
}


int
mcp_edits_spans(const mcp_edits_t *edits, const unsigned char *text,
    size_t len, mcp_span_pt out, void *data)
{
    int                rc;
    size_t             pos;
    unsigned           i;
    const mcp_edit_t  *edit;

    pos = 0;

    for (i = 0; i < edits->n; i++) {
        edit = &edits->edit[i];

        if (edit->at < pos || edit->at > len || edit->del > len - edit->at) {
            return MCP_ERROR;
        }

        if (edit->at > pos) {
            rc = out(data, text + pos, edit->at - pos);
            if (rc != MCP_OK) {
                return rc;
            }
        }

        if (edit->ins.len != 0) {
            rc = out(data, edit->ins.data, edit->ins.len);
            if (rc != MCP_OK) {
                return rc;
            }
        }

        pos = edit->at + edit->del;
    }

    if (pos == len) {
        return MCP_OK;
    }

    return out(data, text + pos, len - pos);
}
