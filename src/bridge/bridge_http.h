
/* A connection: the request on it, its answer, what both mean. */


#ifndef MCP_BRIDGE_BRIDGE_HTTP_H
#define MCP_BRIDGE_BRIDGE_HTTP_H


/* A part of bridge.h, which includes it. */


/* --- http.c, http_read.c, http_write.c ------------------------------------ */


typedef enum {
    MB_POST = 1,
    MB_GET,
    MB_DELETE,
    MB_OTHER
} mb_method_e;


typedef enum {
    MB_H_HEAD = 0,                   /* of a request is awaited or read */
    MB_H_BODY,
    MB_H_BUSY,                       /* the request is being answered */
    MB_H_STREAM,                     /* ... with an event stream */
    MB_H_CLOSING                     /* when all is written */
} mb_http_e;


typedef struct {
    mb_method_e           method;
    mcp_str_t             path;
    mcp_str_t             host;
    mcp_str_t             origin;
    mcp_str_t             content_type;
    mcp_str_t             accept;
    mcp_str_t             session;
    mcp_message_headers_t  mcp;
    unsigned              keepalive:1;
    unsigned              http10:1;
    unsigned              chunked:1;
    unsigned              expect:1;
    unsigned              seen;                /* headers, by bit */
    unsigned              status;              /* refused: why, with text */
    const char           *text;
    int64_t               length;              /* -1: none named */
} mb_request_t;


struct mb_http_s {
    TAILQ_ENTRY(mb_http_s)  link;              /* of the timeout it is under */
    TAILQ_ENTRY(mb_http_s)  held;
    struct mb_https_s    *queue;
    uint64_t              since;               /* ms */
    struct bufferevent   *bev;
    mb_http_e             state;
    unsigned              tcp:1;
    unsigned              is_held:1;
    unsigned              sse_ok:1;            /* the client takes a stream */
    unsigned              linger:1;            /* it may still be sending */
    uint64_t              progress;            /* when it last read, ms */
    mb_request_t          in;
    unsigned char        *head;
    size_t                scanned;             /* for the end of the head */
    unsigned char        *body;
    size_t                body_len;
    size_t                body_size;
    unsigned              chunk;               /* state of chunked input */
    uint64_t              chunk_left;

    mb_server_t          *server;              /* of the request, while it is
                                                  held */
    mb_call_t            *call;                /* that it waits for */
    mb_session_t         *stream;              /* that it is the stream of */
};


/* request.c: a head, without its empty line; in->status is 0 if it is good. */

void mb_request_read(mb_request_t *in, unsigned char *p, size_t len);

/* Whether a list of media types has this one. */

int mb_request_accepts(const mcp_str_t *list, const char *type);

void mb_http_accept(evutil_socket_t fd, int tcp);
void mb_http_tick(void);
void mb_http_shutdown(void);
unsigned mb_http_connections(void);

/* A whole answer.  extra: header lines, or NULL. */

void mb_http_answer(mb_http_t *http, unsigned status, const char *type,
    const char *extra, const void *body, size_t len);

/* ... a JSON-RPC error; retry: seconds, 0: none.  id may be empty. */

void mb_http_error(mb_http_t *http, unsigned status, int code,
    const mcp_str_t *id, unsigned retry, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void mb_http_fault(mb_http_t *http, const mcp_str_t *id,
    const mcp_fault_t *fault);

/* ... a line of which span is replaced; in one piece or as an event. */

void mb_http_line(mb_http_t *http, unsigned status, const char *extra,
    const mb_line_t *line, const mb_span_t *span, const mcp_str_t *with,
    const mb_span_t *span2, const mcp_str_t *with2);

/* Begins a stream; then events; then its end. */

void mb_http_stream(mb_http_t *http, const char *extra);
void mb_http_event(mb_http_t *http, const mb_line_t *line,
    const mb_span_t *span, const mcp_str_t *with);
void mb_http_end(mb_http_t *http);

/* The connection is closed now; who waits for it is told. */

void mb_http_close(mb_http_t *http);


/* --- endpoint.c, status.c, listen.c, notify.c ----------------------------- */


void mb_endpoint(mb_http_t *http);
void mb_endpoint_gone(mb_http_t *http);

void mb_status(mb_http_t *http, mb_server_t *server);

int mb_listen(const char *spec) MCP_MUSTCHECK;
int mb_listen_options(const char *mode, const char *group) MCP_MUSTCHECK;
void mb_listen_stop(void);

void mb_notify(const char *state);
void mb_notify_reloading(void);
void mb_notify_watchdog(void);


#endif /* MCP_BRIDGE_BRIDGE_HTTP_H */
