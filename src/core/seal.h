
/*
 * Sealed strings: AES-256-GCM (NIST SP 800-38D) under a random nonce, as
 * base64url text (RFC 4648, section 5, no padding).  Whoever holds one can
 * neither read nor change it.  One key is good for 2^32 strings (section 8.3).
 */


#ifndef MCP_SEAL_H
#define MCP_SEAL_H


#include "core.h"


#define MCP_SEAL_KEY       32
#define MCP_SEAL_OVERHEAD  28        /* nonce and tag, before base64url */


/*
 * label is bound to the string, so that one kind can never pass for another
 * ("session", "cursor").  seal: MCP_OK, MCP_NOMEM, MCP_ERROR (OpenSSL).
 * unseal: MCP_OK, MCP_NOMEM, or MCP_ERROR whatever is wrong with it: no
 * caller learns more.  Non-canonical base64url is refused.
 */

int mcp_seal(const unsigned char key[MCP_SEAL_KEY], const char *label,
    const mcp_str_t *plain, mcp_arena_t *arena, mcp_str_t *out) MCP_MUSTCHECK;
int mcp_unseal(const unsigned char key[MCP_SEAL_KEY], const char *label,
    const mcp_str_t *sealed, mcp_arena_t *arena, mcp_str_t *out)
    MCP_MUSTCHECK;


#endif /* MCP_SEAL_H */
