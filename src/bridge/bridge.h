
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
 *
 * What all use is declared here, with config.c, log.c and map.c; from call.c
 * to keeper.c in bridge_child.h, from session.c to handshake.c in
 * bridge_server.h, the rest in bridge_http.h.
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


/* --- reused memory for one message ---------------------------------------- */


/* Good until the next call of it. */

mcp_arena_t *mb_scratch(void);

/* The same, with what is in it. */

mcp_arena_t *mb_scratch_more(void);
void mb_scratch_free(void);


#include "bridge_child.h"
#include "bridge_server.h"
#include "bridge_http.h"


#endif /* MCP_BRIDGE_H */
