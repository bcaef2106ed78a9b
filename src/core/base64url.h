
/* Base64url without padding (RFC 4648, section 5). */


#ifndef MCP_BASE64URL_H
#define MCP_BASE64URL_H


#include "core.h"


#define mcp_base64url_encoded(len)  (((len) * 4 + 2) / 3)
#define mcp_base64url_decoded(len)  ((len) * 3 / 4)


/* Writes mcp_base64url_encoded(len) bytes; returns the end of them. */

unsigned char *mcp_base64url_encode(unsigned char *dst,
    const unsigned char *p, size_t len);

/*
 * Writes mcp_base64url_decoded(len) bytes, or gives MCP_ERROR.  Two texts never
 * give the same bytes: bits that no byte takes must be 0 (RFC 4648, section
 * 3.5).
 */

int mcp_base64url_decode(unsigned char *dst, const unsigned char *p,
    size_t len) MCP_MUSTCHECK;


#endif /* MCP_BASE64URL_H */
