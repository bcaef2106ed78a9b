
/*
 * What an Mcp-Session-Id of the gateway's carries.  It is sealed, so the
 * gateway keeps no session store: any worker of any node reads it.
 */


#ifndef MCP_SESSION_H
#define MCP_SESSION_H


#include "core.h"
#include "identity.h"
#include "seal.h"


#define MCP_SESSION_UID        16
#define MCP_SESSION_INFO_MAX   512   /* a larger clientInfo is not kept */
#define MCP_SESSION_BACKENDS   16    /* the client's sessions with backends */
#define MCP_SESSION_ID_MAX     512   /* bytes of the id of one of those */
#define MCP_SESSION_PLAIN_MAX  3000  /* all of it, before it is sealed */
#define MCP_SESSION_MAX        4096  /* longer session ids are refused unread */


/* A session with a backend that this client has for itself. */

typedef struct {
    uint64_t              backend;         /* a hash that names it */
    mcp_str_t             version;         /* a legacy protocol version; empty:
                                              an older one, never sent */
    mcp_str_t             id;              /* visible ASCII; empty: none */
    unsigned              logging:1;       /* has the logging capability */
} mcp_session_backend_t;


typedef struct {
    unsigned char         uid[MCP_SESSION_UID];  /* random; names the session */
    uint64_t              created;         /* seconds of the Epoch */
    uint64_t              expires;
    unsigned char         identity[MCP_IDENTITY_HASH];   /* whose it is */
    mcp_str_t             version;         /* a legacy protocol version */
    mcp_str_t             client_info;     /* JSON object text, or empty */
    mcp_session_backend_t  *backend;
    unsigned              nbackends;
} mcp_session_t;


/*
 * encode: *out is the sealed id.  decode: *s from an id; its strings are
 * static or from the arena.  MCP_OK, MCP_NOMEM, MCP_ERROR (encode: a version
 * that is not spoken, or more than fits).
 */

int mcp_session_encode(const mcp_session_t *s,
    const unsigned char key[MCP_SEAL_KEY], mcp_arena_t *arena, mcp_str_t *out)
    MCP_MUSTCHECK;
int mcp_session_decode(mcp_session_t *s,
    const unsigned char key[MCP_SEAL_KEY], const mcp_str_t *id,
    mcp_arena_t *arena) MCP_MUSTCHECK;


/* Whether s can be encoded with one more session of a backend. */

int mcp_session_fits(const mcp_session_t *s,
    const mcp_session_backend_t *backend);


#endif /* MCP_SESSION_H */
