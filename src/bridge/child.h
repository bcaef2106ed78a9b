
/* What child.c and child_io.c share. */


#ifndef MCP_BRIDGE_CHILD_H
#define MCP_BRIDGE_CHILD_H


#include "bridge.h"


/* child.c: closes both, as far as they are open */

void mb_child_close(int *fd, struct event **ev);

/* child_io.c: events of its pipes; data is the child */

void mb_child_writable(evutil_socket_t fd, short what, void *data);
void mb_child_readable(evutil_socket_t fd, short what, void *data);
void mb_child_stderr(evutil_socket_t fd, short what, void *data);


#endif /* MCP_BRIDGE_CHILD_H */
