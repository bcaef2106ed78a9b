
/* What call.c and call_line.c share. */


#ifndef MCP_BRIDGE_CALL_H
#define MCP_BRIDGE_CALL_H


#include "bridge.h"


/* The call that has this number of ours, or NULL. */

mb_call_t *mb_call_find(const mb_child_t *child, uint64_t id);

void mb_call_free(mb_call_t *call);

/* One message, one line: raw line ends are only ever between tokens. */

void mb_call_one_line(unsigned char *p, size_t len);


#endif /* MCP_BRIDGE_CALL_H */
