
/* A process: its keeper, its pipes, its lines, the calls in flight on it. */


#ifndef MCP_BRIDGE_BRIDGE_CHILD_H
#define MCP_BRIDGE_BRIDGE_CHILD_H


/* A part of bridge.h, which includes it. */


/* --- line.c --------------------------------------------------------------- */


typedef enum {
    MB_LINE_NONE = 0,                /* not a message: line->why says why */
    MB_LINE_RESULT,
    MB_LINE_ERROR,
    MB_LINE_REQUEST,
    MB_LINE_NOTIFICATION
} mb_line_e;


/* A value in the line: its bytes with quotes; len 0: there is none. */

typedef struct {
    size_t                at;
    size_t                len;
} mb_span_t;


/* What a child said; a view of its bytes. */

typedef struct {
    mb_line_e             kind;
    const char           *why;
    const unsigned char  *text;
    size_t                len;
    mb_span_t             id;
    mb_span_t             result;          /* whole value, if an object */
    mb_span_t             method;
    mb_span_t             token;           /* params.progressToken */
    mb_span_t             request;         /* params.requestId */
    mb_span_t             uri;             /* params.uri */
    mb_span_t             subscription;    /* params._meta or result._meta:
                                              subscriptionId */
    int64_t               code;            /* error.code */
} mb_line_t;


void mb_line_read(mb_line_t *line, const unsigned char *p, size_t len);

/* An id that we gave: decimal digits, or those in quotes; else 0. */

uint64_t mb_line_number(const mb_line_t *line, const mb_span_t *span);

/* Whether the span is this string, written without escapes. */

int mb_line_is(const mb_line_t *line, const mb_span_t *span, const char *s);


/* --- keeper.c ------------------------------------------------------------- */


/*
 * A keeper runs one child and is the parent of all that the child leaves
 * behind.  One byte each way on its socket:
 *
 *   T  SIGTERM to the child's group    K  SIGKILL to all it has started
 *
 * and mb_keeper_note_t back.  When the socket closes it kills all and leaves;
 * it leaves too once the child and all that it has started are gone.
 */

typedef struct {
    char                  what;      /* S: started (value: pid),
                                        F: failed (value: errno, stage),
                                        X: the child has exited (value: status
                                           of wait) */
    char                  stage;
    int                   value;
} mb_keeper_note_t;


/* fd: standard input, output, error of the child.  -1: errno says why. */

pid_t mb_keeper_start(const mb_entry_t *entry, const int fd[3], int control);

const char *mb_keeper_stage(int stage);

/*
 * keeper_kill.c: SIGKILL to all below pid but those that skip() names; how
 * many.
 */

unsigned mb_kill_below(pid_t pid, int (*skip)(pid_t pid));

/* The limit of open files that we were started with, and children are. */

extern struct rlimit  mb_files;

/* Where ps shows the command line, to name keepers. */

void mb_keeper_title(int argc, char **argv);


/* --- child.c -------------------------------------------------------------- */


typedef enum {
    MB_CHILD_STARTING = 0,           /* not yet executed, or in its handshake */
    MB_CHILD_READY,
    MB_CHILD_STOPPING,
    MB_CHILD_GONE
} mb_child_e;


TAILQ_HEAD(mb_calls_s, mb_call_s);

struct mb_child_s {
    TAILQ_ENTRY(mb_child_s)  link;             /* of its server */
    mb_server_t          *server;
    mb_session_t         *session;             /* that it is for, or NULL */
    mb_child_e            state;
    pid_t                 keeper;
    pid_t                 pid;
    int                   control;
    int                   in;                  /* its standard input, */
    int                   out;                 /* output */
    int                   err;
    struct event         *control_ev;
    struct event         *in_ev;
    struct event         *out_ev;
    struct event         *err_ev;
    struct event         *timer;
    struct evbuffer      *queue;               /* to its standard input */
    unsigned              stop;                /* step of the stop sequence */
    unsigned              handshake;           /* step of it */
    unsigned              exited:1;
    unsigned              failed:1;            /* it was not us who ended it */
    unsigned              closing_in:1;
    uint64_t              started;             /* ms */
    uint64_t              written;             /* when last it read, ms */

    unsigned char        *buf;                 /* a line so far */
    size_t                len;
    size_t                size;

    struct mb_calls_s     calls;               /* oldest first */
    struct mb_calls_s     listens;             /* that last as they like */
    mb_map_t              by_id;
    uint64_t              last_id;
    unsigned              in_flight;

    mb_rate_t             garbage;
    char                  tail[256];           /* the last it said on stderr */
    size_t                tail_len;
    unsigned              tail_skip:1;
};


/* NULL: it could not be started, the log says why. */

mb_child_t *mb_child_start(mb_server_t *server, mb_session_t *session);

/* The sequence: close its input, wait, SIGTERM, wait, SIGKILL. */

void mb_child_stop(mb_child_t *child);

/* SIGKILL now. */

void mb_child_kill(mb_child_t *child);

/* child_io.c: bytes for its standard input; whole lines. */

int mb_child_send(mb_child_t *child, const void *p, size_t len) MCP_MUSTCHECK;

void mb_child_timer(mb_child_t *child, uint64_t ms);

/* SIGCHLD: some keepers are gone. */

void mb_children_reap(void);


/* --- call.c --------------------------------------------------------------- */


typedef void (*mb_done_pt)(mb_child_t *child, const mb_line_t *line);

struct mb_call_s {
    TAILQ_ENTRY(mb_call_s)   link;             /* of its child */
    mb_node_t             by_id;               /* of its child */
    mb_node_t             by_client;           /* if client_len != 0 */
    uint64_t              id;
    mb_child_t           *child;
    mb_http_t            *http;                /* who waits; NULL: we do */
    mb_session_t         *session;
    mb_done_pt            done;                /* ... then with this */
    mcp_method_e          method;
    mcp_era_e             era;
    uint64_t              deadline;            /* ms; 0: none */
    unsigned              registered:1;        /* in by_client */
    unsigned              listens:1;
    size_t                id_len;              /* of the client's id */
    size_t                token_len;
    unsigned char         data[];              /* both as JSON text */
};


/* The request in m, whose text may be changed, goes to the child. */

int mb_call_send(mb_child_t *child, mb_http_t *http, mb_session_t *session,
    const mcp_message_t *m, mcp_era_e era) MCP_MUSTCHECK;

/* One of our own; params is JSON text. */

int mb_call_own(mb_child_t *child, const char *method, const char *params,
    mb_done_pt done) MCP_MUSTCHECK;

/* The client is gone. */

void mb_call_abandon(mb_call_t *call);

/* notifications/cancelled of a session. */

void mb_call_cancel(mb_server_t *server, mb_session_t *session,
    const mcp_str_t *id);

/* call_line.c: a line of its output. */

void mb_call_line(mb_child_t *child, const unsigned char *p, size_t len);

/* The child is gone or no longer serves: an error to all who wait. */

void mb_calls_fail(mb_child_t *child, int code, const char *text);

/* The session of calls that run on has ended. */

void mb_calls_forget(mb_child_t *child, mb_session_t *session);

void mb_calls_expire(mb_child_t *child, uint64_t now);

/* Streams that end with the child's service, and nothing is lost by it. */

void mb_calls_end_listen(mb_child_t *child);


#endif /* MCP_BRIDGE_BRIDGE_CHILD_H */
