
/* URI references (RFC 3986). */


#ifndef MCP_URI_H
#define MCP_URI_H


#include "core.h"


#define MCP_URI_MAX  1024            /* longer ones are refused */


/*
 * The reference against the base (RFC 3986, section 5.2; either may be empty):
 * *uri is what it refers to without the fragment, *fragment that, its percent
 * escapes decoded; data NULL: it has none.  MCP_OK, MCP_NOMEM, MCP_ERROR (too
 * long, or a bad escape in the fragment).
 */

int mcp_uri_resolve(mcp_arena_t *arena, const mcp_str_t *base,
    const mcp_str_t *ref, mcp_str_t *uri, mcp_str_t *fragment) MCP_MUSTCHECK;


#endif /* MCP_URI_H */
