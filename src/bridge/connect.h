
/*
 * mcp-bridge connect: a stdio MCP server whose answers come from a server at a
 * URL.  One thread, libcurl's multi interface, one poll.
 *
 *   connect.c           the loop, and the end
 *   connect_options.c   what it was told
 *   connect_stdio.c     lines in, lines out
 *   connect_message.c   what a line of the client's asks for
 *   connect_session.c   legacy: opened, lost and opened again, its stream
 *   connect_exchange.c  a request to the server and its answer
 *   connect_request.c   ... what it sends
 *   connect_response.c  ... what it gets, while it comes
 *   connect_answer.c    what came back, and what the client is told
 *   connect_params.c    Mcp-Param-* headers
 */


#ifndef MCP_CONNECT_H
#define MCP_CONNECT_H


#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core.h"
#include "message.h"
#include "sse.h"

#include <curl/curl.h>
#include <sys/queue.h>


#define MC_DEPTH          256
#define MC_LINE_MAX       (16 * 1024 * 1024)     /* from the client */
#define MC_ANSWER_MAX     (64 * 1024 * 1024)     /* from the server */
#define MC_PENDING_MAX    (256 * 1024 * 1024)    /* of answers not yet whole */
#define MC_HELD_MAX       (64 * 1024 * 1024)     /* of requests under way */
#define MC_OUT_MAX        (4 * 1024 * 1024)      /* not read by the client */
#define MC_REFUSAL_MAX    65536                  /* body of an HTTP error */
#define MC_EXCHANGES_MAX  4096
#define MC_SESSION_MAX    4096                   /* of a session id */
#define MC_CONNECT_MS     10000
#define MC_CANCELLED_MS   30000                  /* a cancelled call may take */
#define MC_DELETE_MS      2000
#define MC_LINGER_MS      5000                   /* behind an answer */
#define MC_IDLE_S         20                     /* of a kept connection; a
                                                    server closes it later */


typedef enum {
    MC_REQUEST = 1,              /* the client's */
    MC_NOTE,                     /* a notification or response of its */
    MC_INITIALIZE,               /* the client's */
    MC_INITIALIZED,
    MC_REOPEN,                   /* our own initialize, */
    MC_REOPENED,                 /* and what follows it */
    MC_STREAM,                   /* GET */
    MC_DELETE
} mc_kind_e;


typedef struct mc_s           mc_t;
typedef struct mc_exchange_s  mc_exchange_t;
typedef struct mc_page_s      mc_page_t;

TAILQ_HEAD(mc_exchanges_s, mc_exchange_s);


struct mc_exchange_s {
    TAILQ_ENTRY(mc_exchange_s)  link;
    mc_t                 *mc;
    mc_kind_e             kind;
    mcp_era_e             era;
    mcp_arena_t          *arena;
    mcp_message_t         m;
    mcp_str_t             body;
    size_t                sent;            /* bytes of it that libcurl has */
    unsigned              generation;      /* of the session it was sent in */
    uint64_t              deadline;        /* ms; 0: none */

    CURL                 *easy;
    struct curl_slist    *headers;
    char                  error[CURL_ERROR_SIZE];

    /* the response */

    unsigned              status;
    unsigned              retry_after;     /* s */
    char                  session[MC_SESSION_MAX + 1];
    mcp_sse_reader_t      sse;
    unsigned char        *data;            /* event or body so far */
    size_t                len;
    size_t                size;

    unsigned              counted:1;       /* in mc->held */
    unsigned              waiting:1;       /* for a session */
    unsigned              in_session:1;    /* it was sent with its id */
    unsigned              retried:1;
    unsigned              fresh:1;         /* on a connection of its own */
    unsigned              is_sse:1;
    unsigned              is_json:1;
    unsigned              had_session:1;
    unsigned              got:1;           /* some of a response */
    unsigned              answered:1;
    unsigned              result:1;        /* ... and not with an error */
    unsigned              cancelled:1;
    unsigned              paused:1;
    unsigned              too_long:1;
    unsigned              timed_out:1;
    unsigned              broken:1;        /* what came is no MCP */
};


typedef struct {
    unsigned char        *data;
    size_t                pos;
    size_t                len;
    size_t                size;
} mc_bytes_t;


struct mc_s {

    /* options */

    char                 *url;             /* for libcurl */
    const char           *shown;           /* as given */
    char                 *socket;          /* its path, or NULL */
    const char           *ca_file;
    struct curl_slist    *headers;         /* of every request */
    char                 *authorization;   /* a header, or NULL */
    uint64_t              timeout;         /* ms; 0: none */
    uint64_t              drain;
    size_t                line_max;
    unsigned              no_proxy:1;

    CURLM                *multi;
    uint64_t              now;             /* ms, monotonic */
    struct mc_exchanges_s  exchanges;
    unsigned              n;
    unsigned              max;
    size_t                held;
    size_t                pending;

    /* the client */

    mc_bytes_t            in;
    mc_bytes_t            out;
    size_t                scanned;         /* of in: no line end in it */
    int                   out_flags;       /* to be put back, or -1 */
    unsigned              out_socket:1;
    unsigned              skipping:1;      /* the rest of a long line */
    unsigned              eof:1;
    unsigned              gone:1;          /* nobody reads our output */
    unsigned              stopped:1;       /* by a signal */

    /* the session */

    char                 *session;         /* or NULL */
    char                  version[16];
    unsigned              generation;
    mcp_str_t             initialize;      /* as the client sent it */
    unsigned              opening:1;       /* what follows has to wait */
    unsigned              reopening:2;
    unsigned              no_stream:1;
    unsigned              streaming:1;
    unsigned              stream_failures;
    uint64_t              stream_at;       /* ms; 0: not to be opened */

    mc_page_t            *pages;           /* of tools with params */
};


/* connect.c: the program; argv[0] is "connect"; its exit status */

int mcp_bridge_connect(int argc, char **argv);

/* A line on standard error. */

void mc_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* connect_options.c: MCP_OK, MCP_DONE (there is no more to do), MCP_ERROR */

int mc_options(mc_t *mc, int argc, char **argv) MCP_MUSTCHECK;

/* connect_stdio.c */

int mc_stdio_open(mc_t *mc) MCP_MUSTCHECK;
void mc_stdio_close(mc_t *mc);
void mc_read(mc_t *mc);

/* Whether to read more of the client's lines; whether some are due. */

int mc_want_read(const mc_t *mc);
int mc_lines_due(const mc_t *mc);

/* Takes lines from what was read, as far as they may be begun. */

void mc_lines(mc_t *mc);
void mc_flush(mc_t *mc);

static inline int
mc_out_full(const mc_t *mc)
{
    return mc->out.len - mc->out.pos > MC_OUT_MAX;
}


/*
 * A line for the client: the text, with "with" in place of what is between
 * at and at + len.
 */

void mc_say(mc_t *mc, const unsigned char *text, size_t len, size_t at,
    size_t cut, const mcp_str_t *with);

int mc_bytes_add(mc_bytes_t *b, const void *data, size_t len) MCP_MUSTCHECK;

/* connect_message.c */

void mc_line(mc_t *mc, const unsigned char *line, size_t len);

/* A JSON-RPC error for the client; id may be empty. */

void mc_error(mc_t *mc, const mcp_str_t *id, int code, unsigned status,
    unsigned retry_after, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* connect_session.c */

/*
 * x got 404, which is how a server says that a session has ended: 1 if x is
 * sent once more, in another.
 */

int mc_session_lost(mc_exchange_t *x);

/* An exchange that the session depends on has ended. */

void mc_session_done(mc_exchange_t *x);

/* The result of initialize. */

void mc_session_opened(mc_exchange_t *x, const unsigned char *text,
    size_t len);

void mc_session_stream(mc_t *mc);
void mc_session_stream_ended(mc_exchange_t *x);

/* DELETE, at the end. */

void mc_session_end(mc_t *mc);

/* connect_exchange.c */

mc_exchange_t *mc_exchange_create(mc_t *mc, mc_kind_e kind);
int mc_exchange_send(mc_exchange_t *x) MCP_MUSTCHECK;

/* Off the network, to be sent again or freed. */

void mc_exchange_reset(mc_exchange_t *x);
void mc_exchange_free(mc_exchange_t *x);
void mc_exchanges_done(mc_t *mc);
void mc_exchanges_resume(mc_t *mc);
void mc_exchanges_expire(mc_t *mc);

/* connect_request.c: headers first, then all options of libcurl */

int mc_request_headers(mc_exchange_t *x) MCP_MUSTCHECK;
int mc_request_easy(mc_exchange_t *x) MCP_MUSTCHECK;
int mc_header(mc_exchange_t *x, const char *name, const void *value,
    size_t len) MCP_MUSTCHECK;

/* Whether all of it is visible ASCII, and there is any. */

int mc_visible(const mcp_str_t *s);

/* connect_response.c: libcurl's callbacks; data is the exchange */

size_t mc_response_header(char *line, size_t size, size_t n, void *data);
size_t mc_response_data(char *p, size_t size, size_t n, void *data);

/* What was kept of its body. */

void mc_response_drop(mc_exchange_t *x);

/* connect_answer.c */

/* A whole message of the server's. */

void mc_answer(mc_exchange_t *x, const unsigned char *text, size_t len);

/* The exchange is over. */

void mc_answer_end(mc_exchange_t *x, CURLcode rc);

/* connect_params.c */

void mc_params_learn(mc_exchange_t *x, const unsigned char *text, size_t len);
int mc_params_headers(mc_exchange_t *x) MCP_MUSTCHECK;
void mc_params_free(mc_t *mc);


#endif /* MCP_CONNECT_H */
