
/*
 * mcp-bridge: stdio MCP servers as HTTP upstreams.  One thread, one libevent
 * loop.  The parts, from the outside in:
 *
 *   main.c      options, signals, the loop        log.c, notify.c, map.c
 *   config.c    mcp.json:                         connect*.c  the other way
 *               config_entry.c  a server          round: see connect.h
 *               config_keys.c   its keys
 *   listen.c    sockets
 *   http.c      HTTP/1.1, one exchange at a time a connection:
 *               http_read.c  requests               http_write.c  answers
 *   request.c   the head of a request
 *   endpoint.c  what a request to /<name> means   status.c    GET
 *               endpoint_post.c  a message
 *   session.c   Mcp-Session-Id, streams of a session
 *   server.c    one server of mcp.json: backoff, drain
 *               server_conf.c  which there are: reload
 *   handshake.c server/discover, or initialize
 *   call.c      requests in flight on a child: ids, tokens, timeouts
 *   call_line.c what becomes of a line that the child has written
 *   line.c      what a line of a child's output is
 *   child.c     a process: its start, its stop sequence
 *   child_io.c  ... its pipes
 *   keeper.c    the process between: nothing of a child outlives it
 *               keeper_kill.c  all that a process has started
 */


#ifndef MCP_BRIDGE_H
#define MCP_BRIDGE_H


#include "core.h"
#include "message.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>


#define MB_VERSION         "0.1.0"

#define MB_DEPTH           256
#define MB_BODY_MAX        (16 * 1024 * 1024)   /* of a request */
#define MB_LINE_MAX        (16 * 1024 * 1024)   /* default of maxLine */
#define MB_QUEUE_MAX       (8 * 1024 * 1024)    /* not yet read by a child */
#define MB_CLIENT_MAX      (1024 * 1024)        /* not yet read by a client,
                                                   besides its answer */
#define MB_BUFFERED_MAX    (512 * 1024 * 1024)  /* of all clients */
#define MB_CALLS_MAX       65536                /* in flight on a child */
#define MB_HELD_MAX        4096                 /* while a server starts */
#define MB_SESSIONS_MAX    16384                /* shared: of a server */
#define MB_PROCESSES_MAX   64                   /* session: of a server */
#define MB_NAME_MAX        64
#define MB_ID_MAX          1024                 /* of an id or a token */


typedef struct mb_entry_s    mb_entry_t;
typedef struct mb_conf_s     mb_conf_t;
typedef struct mb_server_s   mb_server_t;
typedef struct mb_child_s    mb_child_t;
typedef struct mb_call_s     mb_call_t;
typedef struct mb_http_s     mb_http_t;
typedef struct mb_session_s  mb_session_t;


/* What glibc's <sys/queue.h> lacks. */

#define TAILQ_FOREACH_SAFE(var, head, field, next)                            \
    for ((var) = TAILQ_FIRST(head);                                           \
         (var) && ((next) = TAILQ_NEXT(var, field), 1);                       \
         (var) = (next))

#define TAILQ_FOREACH_REVERSE_SAFE(var, head, headname, field, prev)          \
    for ((var) = TAILQ_LAST(head, headname);                                  \
         (var) && ((prev) = TAILQ_PREV(var, headname, field), 1);             \
         (var) = (prev))


/* --- connect.c: a program of its own -------------------------------------- */


/* argv[0] is "connect"; the result is the exit status. */

int mcp_bridge_connect(int argc, char **argv) __attribute__((weak));


/* --- log.c ---------------------------------------------------------------- */


typedef enum {
    MB_ERROR = 0,
    MB_WARN,
    MB_NOTICE,
    MB_INFO
} mb_level_e;


/* A line on standard error; what cannot be printed is escaped. */

void mb_log(mb_level_e level, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Bytes of a child's, for a person to read. */

void mb_log_bytes(mb_level_e level, const char *name, const char *what,
    const unsigned char *p, size_t len);


/* At most burst lines at once, and rate a second; what is over is counted. */

typedef struct {
    uint64_t              last;      /* ms */
    uint64_t              tokens;    /* thousandths of a line */
    uint64_t              dropped;
} mb_rate_t;

/* Whether one more may be logged; *dropped: how many were not, before it. */

int mb_rate(mb_rate_t *rate, unsigned per_second, unsigned burst,
    uint64_t *dropped);


/* --- map.c ---------------------------------------------------------------- */


/* A hash table of members that bring their own node. */

typedef struct mb_node_s  mb_node_t;

struct mb_node_s {
    mb_node_t            *next;
    uint64_t              hash;
};

typedef struct {
    mb_node_t           **bucket;
    size_t                size;      /* a power of 2, or 0 */
    size_t                count;
} mb_map_t;

#define mb_data(node, type, member)                                           \
    ((type *) ((char *) (node) - offsetof(type, member)))

int mb_map_insert(mb_map_t *map, mb_node_t *node) MCP_MUSTCHECK;
void mb_map_remove(mb_map_t *map, mb_node_t *node);
void mb_map_free(mb_map_t *map);

/* All nodes of that hash: first(), then next() until NULL. */

mb_node_t *mb_map_first(const mb_map_t *map, uint64_t hash);
mb_node_t *mb_map_next(const mb_node_t *node);

/* Not to be foreseen by who chooses the bytes. */

uint64_t mb_hash(uint64_t seed, const void *data, size_t len);
int mb_hash_init(void) MCP_MUSTCHECK;
int mb_random(void *data, size_t len) MCP_MUSTCHECK;


/* --- config.c ------------------------------------------------------------- */


struct mb_entry_s {
    const char           *name;
    char                **argv;      /* argv[0]: the command */
    char                **env;       /* all of it */
    const char           *cwd;       /* or NULL */
    const char           *user;      /* or NULL */
    uid_t                 uid;
    gid_t                 gid;
    unsigned              session:1;           /* isolation */
    unsigned              disabled:1;
    mcp_era_e             protocol;            /* UNKNOWN: to be probed */
    uint64_t              startup;             /* ms */
    uint64_t              call;                /* ms; 0: none */
    uint64_t              idle;                /* ms, of a session */
    size_t                max_line;
    unsigned              max_sessions;
    uint64_t              memory;              /* limits; 0: none */
    uint64_t              processes;
    uint64_t              files;
    unsigned              line;                /* in the file */
    mcp_str_t             print;               /* equal if all above is */
};


struct mb_conf_s {
    mcp_arena_t          *arena;
    mb_entry_t           *entry;
    unsigned              n;
    char                 *error;     /* "FILE:LINE: what, and the mend" */
};


/* MCP_OK or MCP_ERROR with conf->error; warnings go to the log. */

int mb_conf_read(mb_conf_t *conf, const char *file) MCP_MUSTCHECK;
void mb_conf_free(mb_conf_t *conf);


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

/* keeper_kill.c: SIGKILL to all below pid but those that skip() names; how many. */

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


/* --- session.c ------------------------------------------------------------ */


#define MB_SESSION_ID  32
#define MB_ASKED_MAX   32

TAILQ_HEAD(mb_sessions_s, mb_session_s);

typedef struct mb_asked_s  mb_asked_t;

struct mb_session_s {
    TAILQ_ENTRY(mb_session_s)  link;           /* least recently used first */
    mb_node_t             by_id;
    mb_server_t          *server;
    mb_child_t           *child;               /* its own, or NULL */
    mb_http_t            *stream;              /* GET, or NULL */
    uint64_t              used;                /* ms */
    unsigned              calls;               /* in flight */
    unsigned              asked;               /* requests of the child's */
    mb_asked_t           *first;
    char                  id[MB_SESSION_ID + 1];
};


mb_session_t *mb_session_create(mb_server_t *server);
mb_session_t *mb_session_find(mb_server_t *server, const mcp_str_t *id);
void mb_session_touch(mb_session_t *s);

/* Ends it; why: for calls that are in flight. */

void mb_session_end(mb_session_t *s, const char *why);
void mb_sessions_expire(mb_server_t *server, uint64_t now);

/* The child asks its client; MCP_NONE: there is nobody to ask. */

int mb_session_ask(mb_session_t *s, const mb_line_t *line) MCP_MUSTCHECK;

/* The client's answer: MCP_OK if it was asked for. */

int mb_session_answer(mb_session_t *s, const mcp_message_t *m) MCP_MUSTCHECK;

/* A message for one session, or for all of a server. */

int mb_session_tell(mb_session_t *s, const mb_line_t *line);
void mb_sessions_tell(mb_server_t *server, const mb_line_t *line);


/* --- server.c ------------------------------------------------------------- */


typedef enum {
    MB_STARTING = 0,
    MB_READY,
    MB_BACKOFF,
    MB_DRAINING,
    MB_STOPPING,
    MB_DISABLED
} mb_state_e;


TAILQ_HEAD(mb_servers_s, mb_server_s);
TAILQ_HEAD(mb_children_s, mb_child_s);
TAILQ_HEAD(mb_https_s, mb_http_s);

struct mb_server_s {
    TAILQ_ENTRY(mb_server_s)  link;
    mb_conf_t            *conf;                /* that entry is of */
    const mb_entry_t     *entry;
    mb_conf_t            *next_conf;           /* after the drain */
    const mb_entry_t     *next;
    char                  name[MB_NAME_MAX + 1];
    mb_state_e            state;
    unsigned              removed:1;
    unsigned              exits_on_probe:1;
    mcp_era_e             era;
    mb_child_t           *child;               /* that serves all, or NULL */
    struct mb_children_s  children;            /* all there are */
    struct mb_https_s     held;                /* until it is ready */
    unsigned              n_held;
    struct event         *timer;
    uint64_t              until;               /* BACKOFF: ms */
    uint64_t              ready;               /* since, ms */
    unsigned              failures;            /* in a row */
    uint64_t              restarts;
    uint64_t              calls;               /* so far */
    uint64_t              garbage;             /* lines */
    uint64_t              tools;
    char                  last_error[256];

    mcp_arena_t          *arena;               /* of what follows */
    mcp_str_t             initialize;          /* results, as JSON text */
    mcp_str_t             discover;
    mcp_str_t             version;             /* negotiated, legacy */

    struct mb_sessions_s  sessions;
    mb_map_t              session_by_id;
    unsigned              n_sessions;
    unsigned              n_streams;
    mb_rate_t             stderr_rate;
};


extern struct mb_servers_s  mb_servers;
extern struct event_base   *mb_base;
extern uint64_t             mb_now;            /* monotonic ms, of this turn */
extern uint64_t             mb_boot;
extern size_t               mb_buffered;       /* bytes that clients have not
                                                  read */
extern int                  mb_exiting;


void mb_time(void);

mb_server_t *mb_server_find(const void *name, size_t len);

/* server_conf.c: the servers become those of conf, which is theirs then. */

int mb_servers_apply(mb_conf_t *conf) MCP_MUSTCHECK;

void mb_servers_stop(void);
void mb_servers_tick(void);

/* From child.c */

void mb_server_child_started(mb_child_t *child);
void mb_server_child_ready(mb_child_t *child, mcp_era_e era);
void mb_server_child_failed(mb_child_t *child, const char *why);
void mb_server_child_gone(mb_child_t *child);
void mb_server_child_timer(mb_child_t *child);

/* Nothing is in flight on it any more. */

void mb_server_child_idle(mb_child_t *child);

void mb_server_list_changed(mb_server_t *server, const mb_line_t *line);

/* Seconds until it is worth while to try again. */

unsigned mb_server_retry(const mb_server_t *server);

const char *mb_server_state(const mb_server_t *server);


/* --- handshake.c ---------------------------------------------------------- */


void mb_handshake_start(mb_child_t *child);
void mb_handshake_timer(mb_child_t *child);

/* Whether it has been asked nothing but server/discover. */

int mb_handshake_probing(const mb_child_t *child);

/* Counts its tools anew. */

void mb_handshake_list(mb_child_t *child);


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


/* --- reused memory for one message ---------------------------------------- */


/* Good until the next call of it. */

mcp_arena_t *mb_scratch(void);

/* The same, with what is in it. */

mcp_arena_t *mb_scratch_more(void);
void mb_scratch_free(void);


#endif /* MCP_BRIDGE_H */
