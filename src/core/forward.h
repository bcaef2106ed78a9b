
/*
 * A client's request on its way to a backend: the client's own bytes, with
 * small replacements between them.  What was judged is what is sent.
 */


#ifndef MCP_FORWARD_H
#define MCP_FORWARD_H


#include "message.h"


/* At offset "at" of the text, "del" bytes give way to "ins". */

typedef struct {
    size_t                at;
    size_t                del;
    mcp_str_t             ins;
} mcp_edit_t;


#define MCP_EDITS_MAX  24


typedef struct {
    mcp_edit_t            edit[MCP_EDITS_MAX];   /* in the order of the text,
                                                    never overlapping */
    unsigned              n;
    size_t                len;                   /* of the edited text */
} mcp_edits_t;


typedef struct {
    mcp_str_t             id;              /* JSON text to send as the id */
    mcp_str_t             name;            /* native name (unescaped) to send
                                              in place of m->name; data NULL:
                                              leave the name as it is */
    mcp_str_t             token;           /* JSON text in place of the
                                              progress token; data NULL: leave
                                              it */
    mcp_str_t             state;           /* likewise in place of
                                              params.requestState */
    mcp_era_e             client;          /* era of the client */
    mcp_era_e             backend;         /* era of the backend */
    mcp_str_t             version;         /* modern backend behind a legacy
                                              client: protocol version (empty:
                                              MCP_VERSION_MODERN), */
    mcp_str_t             client_info;     /* clientInfo as JSON text, or
                                              empty */
} mcp_forward_t;


/*
 * The edits that turn a client's tools/call, prompts/get, resources/read or
 * completion/complete into what the backend gets:
 *
 *   - the id, the name, the progress token and the requestState are
 *     replaced;
 *   - modern client, modern backend: the tasks extension
 *     ("io.modelcontextprotocol/tasks" in clientCapabilities.extensions) is
 *     left out, since the gateway does not carry it;
 *   - modern client, legacy backend: members of params._meta whose names begin
 *     with "io.modelcontextprotocol/" are left out;
 *   - legacy client, modern backend: such members of the client's are left
 *     out, and protocolVersion, clientInfo (if given) and empty
 *     clientCapabilities are put in; params and _meta are made if absent.
 *
 * For completion/complete "name" replaces params.ref.name (m->name_node).
 * Edited text is again valid JSON.  MCP_OK, MCP_NOMEM, or MCP_ERROR: not a
 * request, or more edits than MCP_EDITS_MAX (a client that puts other members
 * between a dozen reserved ones).
 */

int mcp_forward(const mcp_message_t *m, const mcp_forward_t *fw,
    mcp_arena_t *arena, mcp_edits_t *edits) MCP_MUSTCHECK;


/*
 * Calls out() with the spans of the edited text, in order; none is empty.
 * What out() returns other than MCP_OK ends that, and is returned.
 */

typedef int (*mcp_span_pt)(void *data, const unsigned char *p, size_t len);

int mcp_edits_spans(const mcp_edits_t *edits, const unsigned char *text,
    size_t len, mcp_span_pt out, void *data) MCP_MUSTCHECK;


#endif /* MCP_FORWARD_H */
