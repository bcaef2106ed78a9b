
/*
 * A backend's message on its way to the client: one JSON-RPC message that
 * streams by, in pieces of any size, while it is judged and edited.  The edits
 * are few: the id is put back, a result gains or loses members of the other
 * era.  Memory is bounded whatever the size of the message.
 */


#ifndef MCP_RELAY_H
#define MCP_RELAY_H


#include "message.h"


typedef enum {
    MCP_RELAY_UNKNOWN = 0,       /* no telling member has come yet */
    MCP_RELAY_RESULT,
    MCP_RELAY_ERROR,
    MCP_RELAY_NOTIFICATION,      /* a method; known for good at the end: an id
                                    makes it a request */
    MCP_RELAY_REQUEST
} mcp_relay_kind_e;


typedef enum {
    MCP_RESULT_ABSENT = 0,       /* no resultType: complete */
    MCP_RESULT_COMPLETE,
    MCP_RESULT_INPUT_REQUIRED,
    MCP_RESULT_TASK,             /* of the tasks extension */
    MCP_RESULT_OTHER
} mcp_result_type_e;


/* The same for all messages of one exchange; outlives the relays. */

typedef struct {
    mcp_str_t             id;          /* JSON text that was sent as the id */
    mcp_str_t             client_id;   /* JSON text to put in its place */
    mcp_str_t             token;       /* progress token that was sent, as JSON
                                          text; empty: none */
    mcp_str_t             client_token;
    mcp_era_e             client;
    mcp_era_e             backend;
    mcp_method_e          method;      /* of the request */
    mcp_str_t             uri;         /* JSON text of the resource that is
                                          read; empty: none */
    mcp_str_t             client_version;

    /*
     * Puts another string in the place of a result's requestState; both are
     * JSON text.  state has room for it, up to its max; NULL: it stands.
     */

    int                 (*seal)(void *data, const mcp_str_t *value,
                              mcp_str_t *out);
    void                 *data;
    mcp_buf_t            *state;
    unsigned              max_depth;
    unsigned              lines:1;     /* line ends may stay as they are */
} mcp_relay_conf_t;


#define MCP_RELAY_METHOD_MAX  64
#define MCP_RELAY_VALUE_MAX   256    /* a longer id is refused, a longer token
                                        passes as it is */
#define MCP_RELAY_STATE_MAX   65536  /* of a requestState; a longer one is
                                        refused */
#define MCP_RELAY_HELD_MAX    416    /* METHOD_MAX bytes, all as \u escapes */


typedef struct mcp_relay_s  mcp_relay_t;

/*
 * out() takes edited bytes in order, of the input or not, good for the call
 * only, never none; what it returns other than MCP_OK ends the feed with that.
 */

typedef int (*mcp_relay_out_pt)(void *data, const unsigned char *p, size_t len);


struct mcp_relay_s {
    const mcp_relay_conf_t  *conf;

    /* what is known so far; final after MCP_DONE of mcp_relay_finish() */

    mcp_relay_kind_e      kind;
    mcp_result_type_e     result_type;     /* as the backend has it */
    unsigned              id_seen:1;
    unsigned              id_ours:1;       /* the id equals conf->id */
    unsigned              id_null:1;
    unsigned              is_error:1;      /* result.isError is true */
    unsigned              jsonrpc:1;       /* "jsonrpc": "2.0" was there */
    int64_t               error_code;      /* of an error; else 0 */
    size_t                method_len;      /* of a notification or request */
    size_t                id_len;          /* of the id that came */
    const char           *why;             /* after MCP_ERROR: static words */

    /* private to relay.c */

    unsigned              edit;            /* what to do with a result */
    unsigned              member;          /* of the root, that is under way */
    unsigned              field;           /* what its value, or that of a
                                              member in it, is to us */
    unsigned              seen;            /* fields, by bit */
    unsigned              failed:1;
    unsigned              off:1;           /* input is not passed on now */
    unsigned              editing:1;       /* in the result, to be edited */
    unsigned              comma:1;         /* ... a member of it is out */
    unsigned              dropping:1;      /* ... in a member left out */
    unsigned              pending:1;       /* ... depends on its value */
    unsigned              naming:1;        /* held is a name of it */
    unsigned              withheld:1;      /* held is still to be passed on */
    unsigned              over:1;          /* held is only the beginning */
    size_t                held_len;

    /* from here on as large as said above; not zeroed */

    unsigned char         method[MCP_RELAY_METHOD_MAX];
    unsigned char         id[MCP_RELAY_VALUE_MAX];    /* as JSON text */
    unsigned char         held[MCP_RELAY_HELD_MAX];
    mcp_json_observer_t   observer;
};


void mcp_relay_init(mcp_relay_t *re, const mcp_relay_conf_t *conf);


/*
 * Takes the next bytes of the message.  The edits:
 *
 *   - the root's "id", where it equals conf->id, becomes conf->client_id; any
 *     other id stands (the caller refuses the message, by id_ours).  Ids and
 *     tokens are equal by value: "a" is "\u0061", 1 is 1.0, but never "1";
 *   - params.progressToken equal to conf->token becomes conf->client_token;
 *   - a string that is result.requestState goes through conf->seal();
 *   - modern client, legacy backend: the result gets "resultType":"complete"
 *     as its first member (and, for resources/read, "ttlMs":0,
 *     "cacheScope":"private"); members of these names that were there are
 *     left out; an error.code of -32002 becomes -32602, and such an error of
 *     resources/read gets "data":{"uri":...} if it has no data;
 *   - legacy client, modern backend: resultType, ttlMs and cacheScope are
 *     left out of the result, and so is structuredContent that is not an
 *     object; for the 2025-03-26 revision structuredContent is left out
 *     always;
 *   - line ends between tokens become spaces, so that the edited message is
 *     one line (strings cannot hold raw ones).
 *
 * White space between the members of a result that is edited is left out.
 * The edited bytes do not depend on how the input was cut, but what precedes
 * an error in the same feed may be kept back.
 *
 *   MCP_OK, what out() returned, or MCP_ERROR with re->why: not JSON, not one
 *   object, two of a member that matters (jsonrpc, id, method, result, error;
 *   result.resultType, result.isError, result.requestState), two of result,
 *   error and method, a method that is no string, an id that is no string,
 *   number or null, or is too long, too deep.  After anything but MCP_OK the
 *   message is over: every later call is MCP_ERROR.
 */

int mcp_relay_feed(mcp_relay_t *re, const unsigned char *p, size_t len,
    mcp_relay_out_pt out, void *data) MCP_MUSTCHECK;


/*
 * The message has ended: MCP_DONE if it is one whole JSON-RPC message (an
 * object with jsonrpc "2.0" that is a result or error with an id, or has a
 * method), else MCP_ERROR with re->why.
 */

int mcp_relay_finish(mcp_relay_t *re, mcp_relay_out_pt out, void *data)
    MCP_MUSTCHECK;


#endif /* MCP_RELAY_H */
