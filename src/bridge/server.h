
/* What server.c and server_conf.c share. */


#ifndef MCP_BRIDGE_SERVER_H
#define MCP_BRIDGE_SERVER_H


#include "bridge.h"


/* server.c */

void mb_server_start(mb_server_t *server);

/* Its process goes when nothing is in flight on it. */

void mb_server_drain(mb_server_t *server);

/* Requests that wait until it is ready go on, if it no longer starts. */

void mb_server_release(mb_server_t *server);

/* server_conf.c: all of its processes are gone; it may be freed */

void mb_server_emptied(mb_server_t *server);


#endif /* MCP_BRIDGE_SERVER_H */
