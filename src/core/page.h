
/* A backend's answer to a list request, whole in memory. */


#ifndef MCP_PAGE_H
#define MCP_PAGE_H


#include "core.h"


typedef struct {
    mcp_str_t             array;       /* JSON text of the list; empty: none */
    mcp_str_t             cursor;      /* nextCursor as JSON text, or empty */
    int64_t               ttl_ms;      /* ttlMs; -1: none */
    int64_t               error_code;  /* of an error answer */
    int                   error;       /* it is one */
} mcp_page_t;


/*
 * Reads a JSON-RPC response whose result holds a list under that name.  What
 * is in the list is not judged: see mcp_catalog_append().  Strings point into
 * the text.  MCP_OK, or MCP_ERROR: not JSON, or two of a member that matters.
 */

int mcp_page_read(mcp_page_t *page, const unsigned char *text, size_t len,
    const char *name, size_t name_len) MCP_MUSTCHECK;


#endif /* MCP_PAGE_H */
