
/* A server of mcp.json: its state, its sessions, its handshake. */


#ifndef MCP_BRIDGE_BRIDGE_SERVER_H
#define MCP_BRIDGE_BRIDGE_SERVER_H


/* A part of bridge.h, which includes it. */


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


#endif /* MCP_BRIDGE_BRIDGE_SERVER_H */
