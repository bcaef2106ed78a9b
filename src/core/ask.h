
/*
 * Requests of a backend to a client (sampling, elicitation, roots, ping) and
 * the client's answers.  The id that the client sees says which of its
 * sessions with backends asked and what the backend's own id is, so that an
 * answer finds its way on any worker without shared state: a JSON string
 * "<index of the session>.<the backend's id as JSON text>".
 */


#ifndef MCP_ASK_H
#define MCP_ASK_H


#include "forward.h"


/*
 * The edit that turns a backend's message, which must be a valid one, into
 * what the client gets: the id of a request, or params.requestId of a
 * notifications/cancelled.  id: JSON text of the backend's own id where that
 * does not stand in the message any more; empty: it does.
 *
 *   MCP_OK, MCP_NOMEM, MCP_ERROR (no JSON, no such id)
 */

int mcp_ask_request(const unsigned char *text, size_t len, unsigned session,
    const mcp_str_t *id, mcp_arena_t *arena, mcp_edits_t *edits)
    MCP_MUSTCHECK;
int mcp_ask_cancelled(const unsigned char *text, size_t len, unsigned session,
    mcp_arena_t *arena, mcp_edits_t *edits) MCP_MUSTCHECK;


/*
 * The edit that turns a client's response into what the backend gets, and the
 * index of the session.  MCP_OK, MCP_NOMEM, MCP_ERROR (the id is not one that
 * mcp_ask_request() could have made).
 */

int mcp_ask_answer(const mcp_message_t *m, mcp_arena_t *arena,
    unsigned *session, mcp_edits_t *edits) MCP_MUSTCHECK;


#endif /* MCP_ASK_H */
