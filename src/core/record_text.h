
/* Values in lines of the audit trail. */


#ifndef MCP_RECORD_TEXT_H
#define MCP_RECORD_TEXT_H


#include "record.h"


/*
 * Any bytes as a JSON string of at most max bytes, without the escapes; what
 * is not UTF-8 becomes U+FFFD.  max is MCP_RECORD_TEXT at most.
 */

void mcp_record_string(mcp_buf_t *b, const mcp_str_t *s, size_t max);


/* mcp_buf_json() for bytes of which most need no escape, or are JSON. */

void mcp_record_json(mcp_buf_t *b, const unsigned char *p, size_t len);


#endif /* MCP_RECORD_TEXT_H */
