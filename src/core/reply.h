
/*
 * Answers that the gateway gives itself: errors, and what the catalog knows.
 * Each appends one whole JSON-RPC message to b; b->failed tells of a lack of
 * memory.  Results for modern clients carry resultType and, in _meta, who the
 * gateway says it is.
 */


#ifndef MCP_REPLY_H
#define MCP_REPLY_H


#include "catalog.h"
#include "message.h"


/* Who the gateway says it is (serverInfo). */

#define MCP_SERVER_NAME     "sentinel"
#define MCP_SERVER_VERSION  "0.1.0"

#define MCP_REPLY_SERVER                                                      \
    "{\"name\":\"" MCP_SERVER_NAME "\",\"version\":\"" MCP_SERVER_VERSION "\"}"


/* Capabilities of the gateway's own, beside those of the view. */

#define MCP_REPLY_LOGGING  1
#define MCP_REPLY_CHANGES  2     /* it tells when a list has changed */



/* id: JSON text, or empty where it could not be read: then null. */

void mcp_reply_error(mcp_buf_t *b, const mcp_str_t *id,
    const mcp_fault_t *fault);

/* ping, logging/setLevel: an empty result; resultType for a modern client. */

void mcp_reply_empty(mcp_buf_t *b, const mcp_str_t *id, mcp_era_e era);

/* Legacy; version: the one to answer with; own: of MCP_REPLY_... */

void mcp_reply_initialize(mcp_buf_t *b, const mcp_str_t *id,
    const mcp_str_t *version, const mcp_view_t *view, unsigned own);

/* Modern: supportedVersions is MCP_VERSION_MODERN with all legacy ones. */

void mcp_reply_discover(mcp_buf_t *b, const mcp_str_t *id,
    const mcp_view_t *view, unsigned own);

/*
 * A page of a list from index "from", of up to max items (0: all); what
 * nextCursor shall say is given by cursor(data, index, b) which appends a JSON
 * string; not called on the last page.  Modern answers carry ttlMs (0 while
 * the view is partial) and cacheScope.
 */

typedef void (*mcp_reply_cursor_pt)(void *data, unsigned index, mcp_buf_t *b);

void mcp_reply_list(mcp_buf_t *b, const mcp_str_t *id, const mcp_view_t *view,
    mcp_list_e list, mcp_era_e era, unsigned from, unsigned max,
    mcp_reply_cursor_pt cursor, void *data);


#endif /* MCP_REPLY_H */
