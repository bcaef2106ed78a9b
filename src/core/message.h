
/*
 * A message from a client: JSON-RPC 2.0 and the MCP envelope of both eras,
 * and its agreement with the HTTP headers that came with it.
 */


#ifndef MCP_MESSAGE_H
#define MCP_MESSAGE_H


#include "core.h"
#include "json.h"


/* modern: revision 2026-07-28; legacy: 2025-11-25 and earlier */

typedef enum {
    MCP_ERA_UNKNOWN = 0,
    MCP_ERA_LEGACY,
    MCP_ERA_MODERN
} mcp_era_e;


#define MCP_VERSION_MODERN   "2026-07-28"
#define MCP_VERSION_LEGACY   "2025-11-25"      /* the newest of them */
#define MCP_VERSION_DEFAULT  "2025-03-26"      /* where none is named */

/* The legacy revisions that are spoken, newest first; ends with a len of 0. */

extern const mcp_str_t  mcp_legacy_versions[];

/* -1, or the index of that version in mcp_legacy_versions. */

int mcp_legacy_version(const mcp_str_t *version);

/*
 * The version to answer a legacy initialize with: the one asked for if it is
 * spoken, 2025-03-26 for 2024-11-05 (the same messages over another
 * transport), else the newest.
 */

const mcp_str_t *mcp_negotiate(const mcp_str_t *asked);

/*
 * A JSON array of all versions that are spoken: "supportedVersions" of
 * server/discover, and "supported" of error -32022.
 */

void mcp_supported_versions(mcp_buf_t *b);


typedef enum {
    MCP_REQUEST = 1,
    MCP_NOTIFICATION,
    MCP_RESPONSE
} mcp_message_kind_e;


typedef enum {
    MCP_METHOD_UNKNOWN = 0,
    MCP_INITIALIZE,
    MCP_PING,
    MCP_DISCOVER,
    MCP_TOOLS_LIST,
    MCP_TOOLS_CALL,
    MCP_PROMPTS_LIST,
    MCP_PROMPTS_GET,
    MCP_RESOURCES_LIST,
    MCP_TEMPLATES_LIST,
    MCP_RESOURCES_READ,
    MCP_RESOURCES_SUBSCRIBE,
    MCP_RESOURCES_UNSUBSCRIBE,
    MCP_COMPLETE,
    MCP_SET_LEVEL,
    MCP_LISTEN,
    MCP_INITIALIZED,
    MCP_CANCELLED,
    MCP_PROGRESS,
    MCP_ROOTS_CHANGED,
    MCP_TASKS_GET,
    MCP_TASKS_UPDATE,
    MCP_TASKS_CANCEL
} mcp_method_e;


/* JSON-RPC and MCP error codes that the gateway itself gives. */

#define MCP_E_PARSE            -32700
#define MCP_E_REQUEST          -32600
#define MCP_E_METHOD           -32601
#define MCP_E_PARAMS           -32602
#define MCP_E_INTERNAL         -32603
#define MCP_E_HEADER           -32020
#define MCP_E_CAPABILITY       -32021
#define MCP_E_VERSION          -32022
#define MCP_E_RESOURCE_LEGACY  -32002          /* only ever a backend's */
#define MCP_E_BACKEND          502
#define MCP_E_UNAVAILABLE      503
#define MCP_E_TIMEOUT          504
#define MCP_E_UNRECORDED       507


/*
 * Why a message is refused: JSON-RPC code, HTTP status, a sentence for the
 * caller that says what to do, and the JSON text of "data" (empty: none).
 * The strings are static or from the arena of the call that set them.
 */

typedef struct {
    int                   code;
    unsigned              status;
    mcp_str_t             message;
    mcp_str_t             data;
} mcp_fault_t;


/* Both texts are literals, json that of "data" or empty; gives MCP_ERROR. */

#define mcp_fault(f, number, http, text, json)                                \
    ((f)->code = (number), (f)->status = (http),                              \
     (f)->message = (mcp_str_t) mcp_string(text),                             \
     (f)->data = (mcp_str_t) mcp_string(json), MCP_ERROR)


typedef struct {
    mcp_json_tape_t       tape;
    mcp_message_kind_e    kind;
    mcp_method_e          method;
    mcp_str_t             method_name;     /* unescaped; empty: a response */
    mcp_str_t             id;              /* its bytes as JSON text; empty if
                                              there is none or it is no id */
    uint32_t              id_node;         /* nodes of the tape; 0: absent */
    uint32_t              params;          /* an object, if present */
    uint32_t              meta;            /* params._meta, an object */
    uint32_t              name_node;       /* what name comes from */
    mcp_str_t             name;            /* unescaped: tool or prompt name,
                                              resource URI, task id */
    uint32_t              arguments;       /* params.arguments */
    uint32_t              cursor;          /* params.cursor, a string */
    uint32_t              request_state;   /* params.requestState, of any
                                              type */
    uint32_t              progress_token;  /* params._meta.progressToken */
    uint32_t              version_node;    /* params._meta[...protocolVersion]:
                                              a string */
    mcp_str_t             version;         /* its value; for initialize:
                                              params.protocolVersion */
    uint32_t              capabilities;    /* clientCapabilities in _meta, or
                                              initialize's capabilities: an
                                              object */
    uint32_t              client_info;     /* likewise clientInfo: an object */
    uint32_t              cancel_id;       /* notifications/cancelled:
                                              params.requestId */
    uint32_t              notifications;   /* subscriptions/listen:
                                              params.notifications, of any
                                              type */
    unsigned              ref_resource:1;  /* completion/complete: name is the
                                              URI (template) of a resource,
                                              not the name of a prompt */
} mcp_message_t;


/*
 * Reads a whole request body; the text must outlive m.  Refused with *fault
 * (MCP_ERROR): not JSON, not an object, a batch, not JSON-RPC 2.0, an id that
 * is neither string nor number (a fraction or exponent is still an id), null
 * id, duplicate names at any level, and at the top, in params and in
 * params._meta names that differ from one of the protocol's only by case
 * (Unicode simple folding of U+017F and U+212A included) or by U+0000; params
 * that is not an object; a wrong type of what the fields above hold;
 * tools/call, prompts/get without a string "name", resources/read without
 * "uri", tasks/... without "taskId", completion/complete without a "ref";
 * arguments that is not an object; a notification with an id, a known request
 * without one.  m->id is set even then, where it could be read.
 *
 * The uri of resources/subscribe and unsubscribe may be missing where _meta
 * names a protocol version: the modern era has no such methods, and "unknown
 * method" is the answer then.
 *
 *   MCP_OK, MCP_NOMEM, MCP_ERROR
 */

int mcp_message_parse(mcp_message_t *m, mcp_arena_t *arena,
    const unsigned char *text, size_t len, unsigned max_depth,
    mcp_fault_t *fault) MCP_MUSTCHECK;


/* Request headers by value; data NULL: absent.  OWS is already trimmed. */

typedef struct {
    mcp_str_t             version;         /* MCP-Protocol-Version */
    mcp_str_t             method;          /* Mcp-Method */
    mcp_str_t             name;            /* Mcp-Name */
} mcp_message_headers_t;


/*
 * The era of a client's message: modern if its _meta names a protocol version
 * or its header names a modern one (2026-07-28 or a later date).
 */

mcp_era_e mcp_message_era(const mcp_message_t *m,
    const mcp_message_headers_t *h);


/*
 * Revision 2026-07-28, "Streamable HTTP": a request's header and _meta agree,
 * the version is spoken, required _meta is there, Mcp-Method and Mcp-Name
 * equal the body's (Mcp-Name may be "=?base64?...?=").  Notifications have no
 * header requirements.  MCP_OK, MCP_NOMEM, or MCP_ERROR with *fault
 * (-32020, -32022, -32602; HTTP 400).
 */

int mcp_message_check_modern(const mcp_message_t *m,
    const mcp_message_headers_t *h, mcp_arena_t *arena, mcp_fault_t *fault)
    MCP_MUSTCHECK;


/*
 * Legacy: the version header, where there is one, names a legacy revision
 * (not checked on initialize).  MCP_OK, MCP_NOMEM or MCP_ERROR with *fault.
 */

int mcp_message_check_legacy(const mcp_message_t *m,
    const mcp_message_headers_t *h, mcp_arena_t *arena, mcp_fault_t *fault)
    MCP_MUSTCHECK;


/*
 * Header values as revision 2026-07-28 encodes them ("Value Encoding").
 * decode: *out is the value of a header: itself, or what "=?base64?...?="
 * carries (strict base64, valid UTF-8).  MCP_OK, MCP_NOMEM, MCP_ERROR (bad
 * base64, or bytes outside printable ASCII and tab).
 * encode: the form in which a value can be sent; an empty one, which some hops
 * would drop, is sent as base64 too.
 */

int mcp_header_decode(const mcp_str_t *value, mcp_arena_t *arena,
    mcp_str_t *out) MCP_MUSTCHECK;
int mcp_header_encode(const mcp_str_t *value, mcp_arena_t *arena,
    mcp_str_t *out) MCP_MUSTCHECK;


/* --- Mcp-Param-* headers (x-mcp-header in a tool's inputSchema) ---------- */


/* More could not be sent as headers anyway; the revision names no limit. */

#define MCP_PARAMS_MAX       64      /* annotations in one schema */
#define MCP_PARAM_DEPTH_MAX  32      /* names in a path */
#define MCP_PARAM_NAME_MAX   256     /* bytes behind "Mcp-Param-" */


typedef enum {
    MCP_PARAM_STRING = 1,
    MCP_PARAM_INTEGER,
    MCP_PARAM_BOOLEAN
} mcp_param_type_e;


typedef struct {
    mcp_str_t             header;          /* the whole name: "Mcp-Param-X" */
    mcp_str_t            *path;            /* names of properties from the
                                              arguments down */
    unsigned              depth;           /* of them */
    mcp_param_type_e      type;
} mcp_param_t;


typedef struct {
    mcp_param_t          *param;
    unsigned              n;
} mcp_params_t;


/*
 * The x-mcp-header annotations in the schema at "node".  All strings are
 * copied to the arena.  MCP_OK (n may be 0), MCP_NOMEM, or MCP_ERROR with a
 * static *why where an annotation breaks the rules of the revision (the tool
 * must then not be offered): not a string on a string, integer or boolean that
 * is reached by "properties" alone, not an RFC 9110 token, twice (ignoring
 * case), or beyond the limits above.
 */

int mcp_params_compile(mcp_params_t *params, mcp_arena_t *arena,
    const mcp_json_tape_t *tape, uint32_t node, const char **why)
    MCP_MUSTCHECK;


/*
 * The value of a param in a message's arguments, as header text before
 * encoding.  MCP_OK, MCP_NONE (absent or null), MCP_NOMEM, MCP_ERROR (a type
 * that the schema does not allow; the fault is the schema's to find; or an
 * integer beyond +-(2^53 - 1)).
 */

int mcp_param_value(const mcp_param_t *param, const mcp_message_t *m,
    mcp_arena_t *arena, mcp_str_t *out) MCP_MUSTCHECK;


/*
 * Whether the header (data NULL: absent) agrees with the body: present and
 * equal (integers by value: 42 and 42.0 agree), or both absent.  A value of
 * the wrong type must be equal as text too, or, if it is an object or array,
 * have no header; then its type is left to the schema.
 * MCP_OK, MCP_NOMEM, MCP_ERROR with *fault (-32020).
 */

int mcp_param_check(const mcp_param_t *param, const mcp_message_t *m,
    const mcp_str_t *header, mcp_arena_t *arena, mcp_fault_t *fault)
    MCP_MUSTCHECK;


#endif /* MCP_MESSAGE_H */
