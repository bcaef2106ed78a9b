
/* What endpoint.c and endpoint_post.c share. */


#ifndef MCP_BRIDGE_ENDPOINT_H
#define MCP_BRIDGE_ENDPOINT_H


#include "bridge.h"


/* endpoint_post.c: m is a whole message, and the server is ready */

void mb_endpoint_modern(mb_http_t *http, mb_server_t *server,
    const mcp_message_t *m);
void mb_endpoint_legacy(mb_http_t *http, mb_server_t *server,
    const mcp_message_t *m);

/* 503, with the time to wait; id may be empty. */

void mb_endpoint_unavailable(mb_http_t *http, mb_server_t *server,
    const mcp_str_t *id);


#endif /* MCP_BRIDGE_ENDPOINT_H */
