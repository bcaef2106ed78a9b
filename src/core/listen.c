
/* Change notifications. */


#include "listen.h"
#include "reply.h"
#include "sip.h"
#include "sse.h"


typedef struct {
    const char           *filter;          /* a member of "notifications" */
    const char           *method;
} mcp_listen_kind_t;


static const mcp_listen_kind_t  mcp_listen_kinds[MCP_LISTEN_KINDS] = {
    { "toolsListChanged", "notifications/tools/list_changed" },
    { "promptsListChanged", "notifications/prompts/list_changed" },
    { "resourcesListChanged", "notifications/resources/list_changed" }
};


static int
mcp_listen_refuse(mcp_arena_t *arena, const char *name, const char *must,
    mcp_fault_t *fault)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 128);
    mcp_buf_literal(&b, "params.notifications");

    if (name != NULL) {
        mcp_buf_literal(&b, ".");
        mcp_buf_append(&b, name, strlen(name));
    }

    mcp_buf_literal(&b, " must be ");
    mcp_buf_append(&b, must, strlen(must));

    if (b.failed) {
        return MCP_NOMEM;
    }

    (void) mcp_fault(fault, MCP_E_PARAMS, 200, "", "");

    fault->message.data = b.data;
    fault->message.len = b.len;

    return MCP_ERROR;
}


/* An array of strings, which is not honoured, but read all the same. */

static int
mcp_listen_uris(const mcp_json_tape_t *tape, uint32_t array)
{
    uint32_t  i, end;

    if (tape->node[array].type != MCP_JSON_ARRAY) {
        return 0;
    }

    end = tape->node[array].next;

    for (i = array + 1; i < end; i = tape->node[i].next) {
        if (tape->node[i].type != MCP_JSON_STRING) {
            return 0;
        }
    }

    return 1;
}


int
mcp_listen_filter(const mcp_message_t *m, mcp_arena_t *arena, unsigned *kinds,
    mcp_fault_t *fault)
{
    uint32_t                key, end;
    unsigned                i, type;
    const char             *name;
    const mcp_json_tape_t  *tape;

    tape = &m->tape;
    *kinds = 0;

    if (m->id.len > MCP_LISTEN_ID_MAX) {
        return mcp_fault(fault, MCP_E_REQUEST, 200,
                         "the id of a subscription goes with each of its "
                         "messages: use one of at most 1024 bytes", "");
    }

    if (m->notifications == 0
        || tape->node[m->notifications].type != MCP_JSON_OBJECT)
    {
        return mcp_listen_refuse(arena, NULL, "an object of what to listen "
                                 "to, as {\"toolsListChanged\":true}", fault);
    }

    end = tape->node[m->notifications].next;

    for (key = m->notifications + 1; key < end; key = tape->node[key].next) {

        type = tape->node[key + 1].type;

        if (mcp_json_equals(tape, key, "resourceSubscriptions",
                            sizeof("resourceSubscriptions") - 1)
            && !mcp_listen_uris(tape, key + 1))
        {
            return mcp_listen_refuse(arena, "resourceSubscriptions",
                                     "an array of strings", fault);
        }

        for (i = 0; i < MCP_LISTEN_KINDS; i++) {
            name = mcp_listen_kinds[i].filter;

            if (!mcp_json_equals(tape, key, name, strlen(name))) {
                continue;
            }

            if (type != MCP_JSON_TRUE && type != MCP_JSON_FALSE) {
                return mcp_listen_refuse(arena, name, "true or false", fault);
            }

            if (type == MCP_JSON_TRUE) {
                *kinds |= 1u << i;
            }

            break;
        }
    }

    return MCP_OK;
}


/* --- events -------------------------------------------------------------- */


static void
mcp_listen_meta(mcp_buf_t *b, const mcp_str_t *id)
{
    mcp_buf_literal(b, "\"_meta\":{"
                       "\"io.modelcontextprotocol/subscriptionId\":");
    mcp_buf_str(b, id);
}


/* JSON has no raw line ends in a token, and none stand between ours. */

static void
mcp_listen_begin(mcp_buf_t *b)
{
    mcp_buf_literal(b, "event: message\ndata: {\"jsonrpc\":\"2.0\",");
}


static void
mcp_listen_close(mcp_buf_t *b)
{
    mcp_buf_literal(b, "}\n\n");
}


void
mcp_listen_acknowledged(mcp_buf_t *b, const mcp_str_t *id, unsigned kinds)
{
    unsigned     i;
    const char  *comma;

    mcp_listen_begin(b);
    mcp_buf_literal(b, "\"method\":"
                       "\"notifications/subscriptions/acknowledged\","
                       "\"params\":{");
    mcp_listen_meta(b, id);
    mcp_buf_literal(b, "},\"notifications\":{");

    comma = "";

    for (i = 0; i < MCP_LISTEN_KINDS; i++) {

        if (!(kinds & 1u << i)) {
            continue;
        }

        mcp_buf_append(b, comma, strlen(comma));
        mcp_buf_literal(b, "\"");
        mcp_buf_append(b, mcp_listen_kinds[i].filter,
                       strlen(mcp_listen_kinds[i].filter));
        mcp_buf_literal(b, "\":true");
        comma = ",";
    }

    mcp_buf_literal(b, "}}");
    mcp_listen_close(b);
}


static void
mcp_listen_mark(mcp_buf_t *b, const uint64_t *digest)
{
    unsigned       i, shift;
    unsigned char  text[16 * MCP_LISTEN_KINDS], *p;

    static const char  hex[] = "0123456789abcdef";

    p = text;

    for (i = 0; i < MCP_LISTEN_KINDS; i++) {
        for (shift = 64; shift != 0; shift -= 4) {
            *p++ = (unsigned char) hex[digest[i] >> (shift - 4) & 0xf];
        }
    }

    mcp_buf_literal(b, "id: ");
    mcp_buf_append(b, text, sizeof(text));
    mcp_buf_literal(b, "\n");
}


void
mcp_listen_prime(mcp_buf_t *b, const uint64_t *digest)
{
    mcp_listen_mark(b, digest);
    mcp_buf_literal(b, "data:\n\n");
}


int
mcp_listen_last(const mcp_str_t *text, uint64_t *digest)
{
    unsigned       i;
    unsigned char  c;

    if (text->len != 16 * MCP_LISTEN_KINDS) {
        return MCP_ERROR;
    }

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if (c >= 'a' && c <= 'f') {
            c = (unsigned char) (c - 'a' + 10);

        } else {
            return MCP_ERROR;
        }

        digest[i / 16] = digest[i / 16] << 4 | c;
    }

    return MCP_OK;
}


void
mcp_listen_changed(mcp_buf_t *b, const mcp_str_t *id, unsigned kinds,
    const uint64_t *digest)
{
    unsigned  i;

    for (i = 0; i < MCP_LISTEN_KINDS; i++) {

        if (!(kinds & 1u << i)) {
            continue;
        }

        if (digest != NULL && kinds >> (i + 1) == 0) {
            mcp_listen_mark(b, digest);
        }

        mcp_listen_begin(b);
        mcp_buf_literal(b, "\"method\":\"");
        mcp_buf_append(b, mcp_listen_kinds[i].method,
                       strlen(mcp_listen_kinds[i].method));
        mcp_buf_literal(b, "\"");

        if (id->len != 0) {
            mcp_buf_literal(b, ",\"params\":{");
            mcp_listen_meta(b, id);
            mcp_buf_literal(b, "}}");
        }

        mcp_listen_close(b);
    }
}


void
mcp_listen_end(mcp_buf_t *b, const mcp_str_t *id)
{
    if (id->len == 0) {
        return;
    }

    mcp_listen_begin(b);
    mcp_buf_literal(b, "\"id\":");
    mcp_buf_str(b, id);
    mcp_buf_literal(b, ",\"result\":{\"resultType\":\"complete\",");
    mcp_listen_meta(b, id);
    mcp_buf_literal(b, ",\"io.modelcontextprotocol/serverInfo\":"
                       MCP_REPLY_SERVER "}}");
    mcp_listen_close(b);
}


/* --- what there is to tell ----------------------------------------------- */


static uint64_t
mcp_listen_list(mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    const uint64_t key[2], uint64_t digest)
{
    unsigned          i, e;
    uint64_t          pair[2];
    mcp_item_t       *item;
    const mcp_str_t  *text;

    e = (era == MCP_ERA_MODERN);

    for (i = 0; i < view->list[list].n; i++) {

        text = mcp_view_text(view, list, era, i);

        if (text == NULL) {
            continue;
        }

        item = &view->list[list].item[i];

        if (item->digest[e] == 0) {
            item->digest[e] = mcp_sip(key, text->data, text->len) | 1;
        }

        pair[0] = digest;
        pair[1] = item->digest[e];

        digest = mcp_sip(key, (unsigned char *) pair, sizeof(pair));
    }

    return digest;
}


uint64_t
mcp_listen_digest(mcp_view_t *view, mcp_list_e kind, mcp_era_e era,
    const uint64_t key[2])
{
    uint64_t  digest;

    digest = mcp_listen_list(view, kind, era, key, 1);

    if (kind == MCP_RESOURCES) {
        digest = mcp_listen_list(view, MCP_TEMPLATES, era, key, digest ^ 2);
    }

    return digest;
}
