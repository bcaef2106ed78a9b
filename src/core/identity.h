
/*
 * Who calls, as others say it: a name, and roles in one of the forms in which
 * identity providers and nginx's variables have them.
 */


#ifndef MCP_IDENTITY_H
#define MCP_IDENTITY_H


#include "core.h"


#define MCP_CLIENT_MAX      1024     /* bytes of a client's name */
#define MCP_ROLES_MAX       128      /* of one client */
#define MCP_ROLE_MAX        256      /* bytes of a role's name */
#define MCP_ROLES_TEXT_MAX  16384
#define MCP_IDENTITY_HASH   16


/*
 * Both: MCP_OK, or MCP_ERROR with *why, static words: too long, control
 * characters, not UTF-8.  Nothing is cut off: to leave out a role could leave
 * out what it denies.
 */

int mcp_client_check(const mcp_str_t *client, const char **why) MCP_MUSTCHECK;


/*
 * The roles in a text: a JSON array of strings, or names between commas and
 * white space.  Each stands in *roles once, in the order of the text.
 */

int mcp_roles_parse(const mcp_str_t *text, mcp_arena_t *arena,
    mcp_str_t **roles, unsigned *n, const char **why) MCP_MUSTCHECK;


/* A text that mcp_roles_parse() reads back: "a,b", or JSON where need be. */

void mcp_roles_text(mcp_buf_t *b, const mcp_str_t *roles, unsigned n);


/*
 * What tells a client from all others: two that differ in the issuer of their
 * token or in the name have different ones.  MCP_OK, MCP_ERROR (OpenSSL).
 */

int mcp_identity_hash(unsigned char out[MCP_IDENTITY_HASH],
    const mcp_str_t *issuer, const mcp_str_t *client) MCP_MUSTCHECK;


#endif /* MCP_IDENTITY_H */
