
/*
 * What an Mcp-Session-Id of the gateway's carries.  It is sealed, so the
 * gateway keeps no session store: any worker of any node reads it.
 */


#ifndef MCP_SESSION_H
#define MCP_SESSION_H


#include "core.h"
#include "seal.h"


#define MCP_SESSION_UID        16
#define MCP_SESSION_INFO_MAX   512   /* a larger clientInfo is not kept */
#define MCP_SESSION_MAX        2048  /* longer session ids are refused unread */


typedef struct {
    unsigned char         uid[MCP_SESSION_UID];  /* random; names the session */
    uint64_t              created;         /* seconds of the Epoch */
    mcp_str_t             version;         /* a legacy protocol version */
    mcp_str_t             client_info;     /* JSON object text, or empty */
} mcp_session_t;


/*
 * encode: *out is the sealed id.  decode: *s from an id; its strings are
 * static or from the arena.  MCP_OK, MCP_NOMEM, MCP_ERROR.
 */

int mcp_session_encode(const mcp_session_t *s,
    const unsigned char key[MCP_SEAL_KEY], mcp_arena_t *arena, mcp_str_t *out)
    MCP_MUSTCHECK;
int mcp_session_decode(mcp_session_t *s,
    const unsigned char key[MCP_SEAL_KEY], const mcp_str_t *id,
    mcp_arena_t *arena) MCP_MUSTCHECK;


#endif /* MCP_SESSION_H */
