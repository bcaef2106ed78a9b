
/* Answers that the gateway gives itself. */


#include "reply.h"


/* What every result begins with that a modern client gets. */

#define MCP_REPLY_COMPLETE                                                    \
    "\"resultType\":\"complete\",\"_meta\":"                                  \
    "{\"io.modelcontextprotocol/serverInfo\":" MCP_REPLY_SERVER "}"


static const char *const  mcp_reply_lists[] = {
    "\"tools\":[", "\"prompts\":[", "\"resources\":[", "\"resourceTemplates\":["
};


static void
mcp_reply_begin(mcp_buf_t *b, const mcp_str_t *id)
{
    mcp_buf_literal(b, "{\"jsonrpc\":\"2.0\",\"id\":");

    if (id->len != 0) {
        mcp_buf_str(b, id);

    } else {
        mcp_buf_literal(b, "null");
    }
}


static void
mcp_reply_int(mcp_buf_t *b, int64_t n)
{
    if (n < 0) {
        mcp_buf_literal(b, "-");
        mcp_buf_uint(b, 0 - (uint64_t) n);
        return;
    }

    mcp_buf_uint(b, (uint64_t) n);
}


void
mcp_reply_error(mcp_buf_t *b, const mcp_str_t *id, const mcp_fault_t *fault)
{
    mcp_reply_begin(b, id);

    mcp_buf_literal(b, ",\"error\":{\"code\":");
    mcp_reply_int(b, fault->code);
    mcp_buf_literal(b, ",\"message\":");
    mcp_buf_json(b, fault->message.data, fault->message.len);

    if (fault->data.len != 0) {
        mcp_buf_literal(b, ",\"data\":");
        mcp_buf_str(b, &fault->data);
    }

    mcp_buf_literal(b, "}}");
}


void
mcp_reply_empty(mcp_buf_t *b, const mcp_str_t *id, mcp_era_e era)
{
    mcp_reply_begin(b, id);

    if (era == MCP_ERA_MODERN) {
        mcp_buf_literal(b, ",\"result\":{" MCP_REPLY_COMPLETE "}}");
        return;
    }

    mcp_buf_literal(b, ",\"result\":{}}");
}


/*
 * Tools are announced even where there are none yet: a legacy client asks but
 * once, and the catalog may still be coming in.
 */

static void
mcp_reply_capabilities(mcp_buf_t *b, const mcp_view_t *view, unsigned own)
{
    mcp_str_t  list;

    if (own & MCP_REPLY_CHANGES) {
        mcp_str_set(&list, ":{\"listChanged\":true}");

    } else {
        mcp_str_set(&list, ":{}");
    }

    mcp_buf_literal(b, ",\"capabilities\":{\"tools\"");
    mcp_buf_str(b, &list);

    if (view->list[MCP_PROMPTS].offered) {
        mcp_buf_literal(b, ",\"prompts\"");
        mcp_buf_str(b, &list);
    }

    if (view->list[MCP_RESOURCES].offered) {
        mcp_buf_literal(b, ",\"resources\"");
        mcp_buf_str(b, &list);
    }

    if (view->completions) {
        mcp_buf_literal(b, ",\"completions\":{}");
    }

    if (own & MCP_REPLY_LOGGING) {
        mcp_buf_literal(b, ",\"logging\":{}");
    }

    mcp_buf_literal(b, "}");
}


static void
mcp_reply_instructions(mcp_buf_t *b, const mcp_view_t *view)
{
    if (view->instructions.len != 0) {
        mcp_buf_literal(b, ",\"instructions\":");
        mcp_buf_json(b, view->instructions.data, view->instructions.len);
    }
}


/* Answers depend on who asks: never "public". */

static void
mcp_reply_cache(mcp_buf_t *b, const mcp_view_t *view)
{
    mcp_buf_literal(b, ",\"ttlMs\":");
    mcp_reply_int(b, view->partial ? 0 : view->ttl_ms);
    mcp_buf_literal(b, ",\"cacheScope\":\"private\"");
}


void
mcp_reply_initialize(mcp_buf_t *b, const mcp_str_t *id,
    const mcp_str_t *version, const mcp_view_t *view, unsigned own)
{
    mcp_reply_begin(b, id);

    mcp_buf_literal(b, ",\"result\":{\"protocolVersion\":");
    mcp_buf_json(b, version->data, version->len);
    mcp_reply_capabilities(b, view, own);
    mcp_buf_literal(b, ",\"serverInfo\":" MCP_REPLY_SERVER);
    mcp_reply_instructions(b, view);

    mcp_buf_literal(b, "}}");
}


void
mcp_reply_discover(mcp_buf_t *b, const mcp_str_t *id, const mcp_view_t *view,
    unsigned own)
{
    unsigned  i;

    mcp_reply_begin(b, id);

    mcp_buf_literal(b, ",\"result\":{" MCP_REPLY_COMPLETE
                       ",\"supportedVersions\":[\"" MCP_VERSION_MODERN "\"");

    for (i = 0; mcp_legacy_versions[i].len != 0; i++) {
        mcp_buf_literal(b, ",\"");
        mcp_buf_str(b, &mcp_legacy_versions[i]);
        mcp_buf_literal(b, "\"");
    }

    mcp_buf_literal(b, "]");
    mcp_reply_capabilities(b, view, own);
    mcp_reply_instructions(b, view);
    mcp_reply_cache(b, view);

    mcp_buf_literal(b, "}}");
}


void
mcp_reply_list(mcp_buf_t *b, const mcp_str_t *id, const mcp_view_t *view,
    mcp_list_e list, mcp_era_e era, unsigned from, unsigned max,
    mcp_reply_cursor_pt cursor, void *data)
{
    unsigned  next;

    mcp_reply_begin(b, id);

    mcp_buf_literal(b, ",\"result\":{");

    if (era == MCP_ERA_MODERN) {
        mcp_buf_literal(b, MCP_REPLY_COMPLETE ",");
    }

    mcp_buf_append(b, mcp_reply_lists[list], strlen(mcp_reply_lists[list]));
    next = mcp_view_page(view, list, era, from, max, b);
    mcp_buf_literal(b, "]");

    if (next != 0 && cursor != NULL) {
        mcp_buf_literal(b, ",\"nextCursor\":");
        cursor(data, next, b);
    }

    if (era == MCP_ERA_MODERN) {
        mcp_reply_cache(b, view);
    }

    mcp_buf_literal(b, "}}");
}
