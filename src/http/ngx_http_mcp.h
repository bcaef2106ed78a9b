
/*
 * What the files of the gateway share: configuration, shared memory, and a
 * client's call on its way.  Each part below names the file that owns it.
 */


#ifndef _NGX_HTTP_MCP_H_INCLUDED_
#define _NGX_HTTP_MCP_H_INCLUDED_


#include "ngx_http_mcp_compat.h"

#include "ask.h"
#include "breaker.h"
#include "catalog.h"
#include "core.h"
#include "forward.h"
#include "identity.h"
#include "limit.h"
#include "message.h"
#include "relay.h"
#include "reply.h"
#include "ring.h"
#include "seal.h"
#include "session.h"
#include "sse.h"


typedef struct ngx_http_mcp_call_s  ngx_http_mcp_call_t;
typedef struct ngx_http_mcp_exchange_s  ngx_http_mcp_exchange_t;
typedef struct ngx_http_mcp_fetch_s  ngx_http_mcp_fetch_t;
typedef struct ngx_http_mcp_gather_s  ngx_http_mcp_gather_t;
typedef struct ngx_http_mcp_parts_s  ngx_http_mcp_parts_t;
typedef struct ngx_http_mcp_backend_s  ngx_http_mcp_backend_t;
typedef struct ngx_http_mcp_snapshot_s  ngx_http_mcp_snapshot_t;
typedef struct ngx_http_mcp_audit_call_s  ngx_http_mcp_audit_call_t;


extern ngx_module_t  ngx_http_mcp_module;


/* src/core has its own string; the two differ in nothing but their name */

static ngx_inline ngx_str_t
ngx_http_mcp_str(const mcp_str_t *s)
{
    ngx_str_t  str;

    str.len = s->len;
    str.data = s->data;

    return str;
}


static ngx_inline mcp_str_t
ngx_http_mcp_core_str(const ngx_str_t *s)
{
    mcp_str_t  str;

    str.len = s->len;
    str.data = s->data;

    return str;
}


/* What ngx_sprintf() does with "%uL", at a tenth of the cost. */

static ngx_inline u_char *
ngx_http_mcp_uint(u_char *p, uint64_t n)
{
    u_char  text[NGX_INT64_LEN], *q;

    q = text + sizeof(text);

    do {
        *--q = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    return ngx_cpymem(p, q, text + sizeof(text) - q);
}


/* --- shared memory: ngx_http_mcp_zone.c ---------------------------------- */


#define NGX_HTTP_MCP_SESSION_ID_MAX  512
#define NGX_HTTP_MCP_VERSION_MAX     16
#define NGX_HTTP_MCP_CANCEL_RING     256
#define NGX_HTTP_MCP_ERROR_LEN       128

#define NGX_HTTP_MCP_HEALTH_UNKNOWN  0
#define NGX_HTTP_MCP_HEALTH_ALIVE    1
#define NGX_HTTP_MCP_HEALTH_DEAD     2


/*
 * What all processes know of one backend.  It is found again after a reload
 * by its name and URL.
 */

typedef struct {
    ngx_queue_t                  queue;
    ngx_atomic_t                 era;        /* mcp_era_e */
    ngx_atomic_t                 session;    /* changes with the fields below */
    ngx_atomic_t                 refresh;    /* a process asks for discovery */
    ngx_atomic_t                 retries;    /* further tries of calls */
    ngx_atomic_t                 source;     /* mcp_source_state_e */
    ngx_atomic_t                 health;     /* what the last probe said */

    /* under the mutex */

    mcp_breaker_t                breaker;
    time_t                       error_time;
    ngx_uint_t                   error_len;
    u_char                       error[NGX_HTTP_MCP_ERROR_LEN];
    ngx_atomic_t                 hangs;      /* seconds of the Epoch: until then
                                                no client waits for a session
                                                of its own */

    /* of the gateway's own session with a legacy backend; under the mutex */
    ngx_uint_t                   version_len;
    u_char                       version[NGX_HTTP_MCP_VERSION_MAX];
    ngx_uint_t                   session_len;
    u_char                       session_id[NGX_HTTP_MCP_SESSION_ID_MAX];

    ngx_uint_t                   identity_len;
    u_char                       identity[1];
} ngx_http_mcp_peer_t;


/* Of the audit trail.  Counters since the zone was made. */

#define NGX_HTTP_MCP_AUDIT_ERROR  256

typedef struct {
    ngx_atomic_t                 bytes;      /* in the spool */
    ngx_atomic_t                 unrecorded; /* calls that were refused */
    ngx_atomic_t                 dropped;    /* records that were lost */
    ngx_atomic_t                 dead;       /* rows that the store refused */
    ngx_atomic_t                 sent;       /* rows that it took */
    ngx_atomic_t                 oldest;     /* s since 1970: of what is not in
                                                the store; 0: nothing */
    ngx_atomic_t                 error_time; /* s since 1970; 0: never */
    u_char                       error[NGX_HTTP_MCP_AUDIT_ERROR];
} ngx_http_mcp_audit_sh_t;


typedef struct {
    ngx_uint_t                   magic;
    ngx_atomic_t                 next_id;    /* of requests to backends */
    mcp_ring_t                  *ended;      /* sessions that were deleted */
    ngx_queue_t                  peers;
    ngx_atomic_t                 cancel_seq; /* of keys put into the ring */
    uint64_t                     cancel[NGX_HTTP_MCP_CANCEL_RING];
    u_char                       key[MCP_SEAL_KEY];

    ngx_queue_t                  switches;   /* ngx_http_mcp_disable.c */
    ngx_uint_t                   nswitches;
    ngx_atomic_t                 switched;   /* changes with them; not 0 */
    ngx_atomic_t                 saved;      /* "switched", as in the file */

    mcp_limit_table_t           *limits;     /* mcp_limit */
    uint64_t                     limit_key[2];
    ngx_http_mcp_audit_sh_t      audit;

    struct ngx_http_mcp_auth_sh_s  *auth;    /* ngx_http_mcp_auth_zone.c */
} ngx_http_mcp_shctx_t;


/* The catalog's zone: two slots, of which one is current. */

typedef struct {
    ngx_uint_t                   magic;
    ngx_atomic_t                 generation; /* 0: nothing there yet */
    ngx_uint_t                   active;
    size_t                       len[2];
    u_char                      *slot[2];
} ngx_http_mcp_catalog_sh_t;


typedef struct {
    ngx_shm_zone_t              *zone;
    ngx_http_mcp_shctx_t        *sh;
    ngx_slab_pool_t             *shpool;

    ngx_shm_zone_t              *catalog_zone;
    ngx_http_mcp_catalog_sh_t   *catalog;
    ngx_slab_pool_t             *catalog_shpool;

    ngx_str_t                    zone_name;
    size_t                       zone_size;
    size_t                       catalog_size;
    ngx_path_t                  *state_path; /* NULL: there is no mcp_api */
    ngx_uint_t                   api;        /* there is */

    ngx_array_t                 *keys;       /* MCP_SEAL_KEY bytes each; NULL:
                                                none */
    time_t                       session_timeout;
    ngx_http_handler_pt          auth_basic; /* NULL: nginx has none */

    ngx_array_t                  backends;   /* ngx_http_mcp_backend_t * */
    ngx_array_t                  passes;     /* ngx_http_mcp_loc_conf_t * */
    ngx_array_t                 *sources;    /* of keys, which are fetched;
                                                NULL: none */
    ngx_http_conf_ctx_t         *ctx;        /* merged; for requests without a
                                                client */
} ngx_http_mcp_main_conf_t;


char *ngx_http_mcp_zone_add(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf);

/* The gateway's session with a legacy backend, copied to the pool. */

ngx_int_t ngx_http_mcp_peer_session(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_peer_t *peer, ngx_pool_t *pool, ngx_str_t *id,
    ngx_str_t *version);
ngx_int_t ngx_http_mcp_peer_set_session(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_peer_t *peer, ngx_str_t *id, ngx_str_t *version);

/* What went wrong with it last, for operators. */

void ngx_http_mcp_peer_error(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_peer_t *peer, const char *text);

/* Sessions that clients deleted, until they would have expired anyway. */

ngx_int_t ngx_http_mcp_session_end(ngx_http_mcp_main_conf_t *mmcf,
    mcp_session_t *session);
ngx_uint_t ngx_http_mcp_session_ended(ngx_http_mcp_main_conf_t *mmcf,
    mcp_session_t *session);

/* A ring of src/core in the zone; NULL: there is no room. */

mcp_ring_t *ngx_http_mcp_ring_create(ngx_slab_pool_t *shpool, size_t size,
    size_t key_len, size_t len);


/* --- backends: ngx_http_mcp_backend.c ------------------------------------ */


typedef struct {
    ngx_str_t                    key;
    ngx_http_complex_value_t     value;
} ngx_http_mcp_header_t;


typedef enum {
    NGX_HTTP_MCP_PROTOCOL_AUTO = 0,
    NGX_HTTP_MCP_PROTOCOL_MODERN,
    NGX_HTTP_MCP_PROTOCOL_LEGACY
} ngx_http_mcp_protocol_e;


typedef enum {
    NGX_HTTP_MCP_SESSION_SHARED = 0,
    NGX_HTTP_MCP_SESSION_CLIENT
} ngx_http_mcp_session_e;


struct ngx_http_mcp_backend_s {
    ngx_str_t                    name;
    ngx_uint_t                   index;      /* in mmcf->backends */
    ngx_http_upstream_conf_t     upstream;
    ngx_str_t                    url;
    ngx_str_t                    authority;  /* host[:port] as in the URL */
    ngx_str_t                    host;       /* of the Host header */
    ngx_str_t                    uri;
    ngx_str_t                    server;     /* for a server directive */
    ngx_str_t                    identity;   /* name and URL */
    uint64_t                     hash;       /* of the identity */
    ngx_http_mcp_peer_t         *peer;

    ngx_str_t                    prefix;
    ngx_uint_t                   protocol;
    ngx_uint_t                   session;
    ngx_array_t                 *headers;    /* ngx_http_mcp_header_t */
    ngx_str_t                    request_line;   /* "POST /mcp HTTP/1.1 ..."
                                                with what never changes */
    ngx_msec_t                   refresh;

    ngx_uint_t                   retry;      /* tries after the first */
    ngx_msec_t                   retry_backoff;
    ngx_msec_t                   retry_max;
    mcp_breaker_conf_t           breaker;
    ngx_msec_t                   health_interval;    /* 0: off */
    ngx_msec_t                   health_timeout;

    ngx_flag_t                   ssl_verify;
    ngx_uint_t                   ssl_verify_depth;
    ngx_uint_t                   ssl_protocols;
    ngx_str_t                    ssl_ciphers;
    ngx_str_t                    ssl_trusted_certificate;
    ngx_str_t                    ssl_crl;
    ngx_str_t                    ssl_certificate;
    ngx_str_t                    ssl_certificate_key;

    u_char                      *file;       /* of the block, for messages */
    ngx_uint_t                   line;

    unsigned                     ssl:1;
    unsigned                     prefix_set:1;
    unsigned                     breaker_set:1;
    unsigned                     host_set:1; /* by set_header */
    unsigned                     agent_set:1;
    unsigned                     plain:1;    /* no MCP server: it is asked with
                                                GET for a document */
    unsigned                     resolve:1;  /* each time, by "resolver" */
    in_port_t                    port;       /* ... of resolve_host */
    ngx_str_t                    resolve_host;
};


/* ngx_http_mcp_breaker.c, ngx_http_mcp_retry.c, ngx_http_mcp_health.c */

#define NGX_HTTP_MCP_BREAKER_FAILURES  5
#define NGX_HTTP_MCP_BREAKER_COOLDOWN  30000     /* ms */

#define NGX_HTTP_MCP_RETRY_TRIES       100
#define NGX_HTTP_MCP_RETRY             2
#define NGX_HTTP_MCP_RETRY_BACKOFF     100       /* ms */
#define NGX_HTTP_MCP_RETRY_LONGEST     2000

#define NGX_HTTP_MCP_HEALTH_INTERVAL   10000     /* ms */
#define NGX_HTTP_MCP_HEALTH_TIMEOUT    3000

char *ngx_http_mcp_health_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_mcp_breaker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_mcp_retry_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

char *ngx_http_mcp_backend_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * One that is no MCP server, for documents that the manager fetches; the text
 * of its URL may not be changed.  ca: a file; empty: what the system trusts.
 */

ngx_http_mcp_backend_t *ngx_http_mcp_backend_plain(ngx_conf_t *cf,
    ngx_str_t *url, ngx_str_t *ca);
char *ngx_http_mcp_backend_plain_init(ngx_conf_t *cf,
    ngx_http_mcp_backend_t *be);

/* ngx_http_mcp_backend_upstream.c: the TLS context, with defaults */

char *ngx_http_mcp_backend_ssl(ngx_conf_t *cf, ngx_http_mcp_backend_t *be);

/* The lines that every request to it has, but for the method. */

ngx_int_t ngx_http_mcp_backend_lines(ngx_pool_t *pool,
    ngx_http_mcp_backend_t *be);

char *ngx_http_mcp_backend_ssl_name(ngx_pool_t *pool,
    ngx_http_mcp_backend_t *be);

/* Host and port of be->authority, to be resolved at each request. */

ngx_int_t ngx_http_mcp_backend_resolve(ngx_http_mcp_backend_t *be);

/* Completes all backends once the whole configuration was read. */

char *ngx_http_mcp_backends_init(ngx_conf_t *cf,
    ngx_http_mcp_main_conf_t *mmcf);


/* --- locations: ngx_http_mcp_module.c ------------------------------------ */


typedef struct {
    ngx_array_t                 *pass_names; /* ngx_str_t: of mcp_pass */
    ngx_http_mcp_backend_t     **backends;
    ngx_str_t                   *prefixes;   /* one a backend */
    ngx_uint_t                   nbackends;
    ngx_uint_t                   index;      /* of the view: in mmcf->passes */
    ngx_array_t                 *origins;    /* ngx_str_t */
    ngx_uint_t                   max_depth;
    ngx_uint_t                   page_size;
    ngx_uint_t                   validate;   /* ngx_http_mcp_validate_e */
    ngx_http_complex_value_t    *client;
    ngx_http_complex_value_t    *roles;

    void                       **loc_conf;   /* of all modules */
    u_char                      *file;       /* of mcp_pass, for messages */
    ngx_uint_t                   line;

    unsigned                     identity_claimed:1; /* the two values have no
                                                variables but claims */
} ngx_http_mcp_loc_conf_t;


ngx_http_mcp_backend_t *ngx_http_mcp_find_backend(
    ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *name);


/* --- origin: ngx_http_mcp_origin.c --------------------------------------- */


char *ngx_http_mcp_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Whether a request may come from where its Origin header (NULL: it has none)
 * says, and was meant for this host: NGX_OK, or NGX_DECLINED with the reason.
 */

ngx_int_t ngx_http_mcp_origin_check(ngx_http_request_t *r, ngx_str_t *origin,
    const char **reason);


/* --- who calls, by token: ngx_http_mcp_auth.c, ngx_http_mcp_claim.c ------- */


/*
 * A verified token, which a worker remembers for one location: it stays until
 * the pool of every request that it was given to is destroyed.
 */

typedef struct {
    mcp_json_tape_t              claims;     /* an object; depth is limited */
    mcp_arena_t                  arena;      /* ends with the token */
    ngx_str_t                    issuer;     /* iss; empty: none */
    ngx_str_t                    subject;    /* sub, no controls in it; empty:
                                                none */
    time_t                       expires;

    /*
     * What others derive from it once (client, roles), from the arena; NULL
     * at first.
     */

    void                        *identity;
} ngx_http_mcp_token_t;


/* NULL: the request has none, or needs none here. */

ngx_http_mcp_token_t *ngx_http_mcp_auth_token(ngx_http_request_t *r);

/* Whether a request with that token, if any, would still be let in. */

ngx_uint_t ngx_http_mcp_auth_alive(ngx_http_request_t *r);


/* A claim: a node of the tape. */

typedef struct {
    const mcp_json_tape_t       *tape;
    uint32_t                     node;
    mcp_json_type_e              type;
    ngx_str_t                    raw;        /* JSON text, with quotes */
} ngx_http_mcp_claim_t;


/*
 * The claim of that name, as it follows "$mcp_claim_": letters of any case,
 * "__" goes into an object, "_" is also any character that no variable can
 * have in its name.  NGX_DECLINED: there is no token, or it has no such claim,
 * or more than one that the name could mean.
 */

ngx_int_t ngx_http_mcp_auth_claim(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_mcp_claim_t *claim);


/* --- identity: ngx_http_mcp_identity.c ----------------------------------- */


typedef struct {
    ngx_str_t                    issuer;
    ngx_str_t                    client;
    ngx_str_t                   *roles;
    ngx_uint_t                   nroles;
    ngx_http_mcp_loc_conf_t     *conf;       /* by which it was told */
} ngx_http_mcp_identity_t;


void ngx_http_mcp_identity_merge(ngx_http_mcp_loc_conf_t *conf,
    ngx_http_mcp_loc_conf_t *prev);

ngx_int_t ngx_http_mcp_identity_init(ngx_conf_t *cf);

/*
 * Sets call->issuer, client and roles.  NGX_DECLINED: the client's name or
 * roles cannot be used; the log has heard why.  Or the status of a refusal.
 */

ngx_int_t ngx_http_mcp_identify(ngx_http_mcp_call_t *call);

/* Who calls, for what only they may present again: MCP_IDENTITY_HASH bytes. */

ngx_int_t ngx_http_mcp_identity_hash(ngx_http_mcp_call_t *call, u_char *hash);
ngx_int_t ngx_http_mcp_identity_text(ngx_http_mcp_call_t *call,
    ngx_str_t *text);


/* --- seals: ngx_http_mcp_key.c ------------------------------------------- */


char *ngx_http_mcp_session_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The first seals, all unseal; NULL behind the last. */

const u_char *ngx_http_mcp_key(ngx_http_mcp_main_conf_t *mmcf, ngx_uint_t i);

/* As mcp_seal() and mcp_unseal(). */

int ngx_http_mcp_seal(ngx_http_mcp_main_conf_t *mmcf, const char *label,
    const mcp_str_t *plain, mcp_arena_t *arena, mcp_str_t *out);
int ngx_http_mcp_unseal(ngx_http_mcp_main_conf_t *mmcf, const char *label,
    const mcp_str_t *sealed, mcp_arena_t *arena, mcp_str_t *out);


/* ngx_http_mcp_auth_scope.c: mcp_scope */

ngx_int_t ngx_http_mcp_scope_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

/* ngx_http_mcp_auth_zone.c: keys and tokens in shared memory */

ngx_int_t ngx_http_mcp_auth_create_zone(ngx_http_mcp_main_conf_t *mmcf,
    size_t size);
ngx_int_t ngx_http_mcp_auth_init_zone(ngx_http_mcp_main_conf_t *mmcf,
    ngx_log_t *log);

/* ngx_http_mcp_auth_keys.c: when the configuration was read */

char *ngx_http_mcp_auth_init_sources(ngx_conf_t *cf,
    ngx_http_mcp_main_conf_t *mmcf);

/* ngx_http_mcp_auth_fetch.c: in the manager */

void ngx_http_mcp_auth_fetch_start(ngx_http_mcp_main_conf_t *mmcf,
    ngx_cycle_t *cycle);


/* --- secrets: ngx_http_mcp_secret.c -------------------------------------- */


char *ngx_http_mcp_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * The secret that "env:NAME" or "file:PATH" names, from cf->pool.
 * NGX_CONF_ERROR: an [emerg] was logged; it never holds the secret.
 */

char *ngx_http_mcp_secret_read(ngx_conf_t *cf, ngx_str_t *from,
    ngx_str_t *secret);


/* --- one request to one backend: ngx_http_mcp_exchange.c ----------------- */


typedef enum {
    NGX_HTTP_MCP_BODY_OTHER = 0,
    NGX_HTTP_MCP_BODY_JSON,
    NGX_HTTP_MCP_BODY_SSE
} ngx_http_mcp_body_e;


#define NGX_HTTP_MCP_SMALL  1024         /* bytes of a body that is sent in one
                                            piece with the header */


struct ngx_http_mcp_exchange_s {

    /* set by the caller; zero where nothing is said */

    ngx_http_mcp_backend_t      *backend;
    ngx_http_request_t          *parent;
    ngx_chain_t                 *body;       /* not empty; ends with last_buf */
    off_t                        body_len;
    ngx_str_t                    headers;    /* lines with CRLF each */
    void                        *data;

    /*
     * header() when the response header is read; body() with decoded bytes of
     * the response as they come; done() once, at the end, whatever happened:
     * then no more calls are made, and status, rc, and complete are final.
     * header() and body() return NGX_ERROR to end the exchange (then rc is
     * that).
     */

    ngx_int_t                  (*header)(ngx_http_mcp_exchange_t *x);
    ngx_int_t                  (*body_handler)(ngx_http_mcp_exchange_t *x,
                                    u_char *p, size_t len);
    void                       (*done)(ngx_http_mcp_exchange_t *x);

    u_char                      *buffer;     /* of the backend's buffer_size;
                                                NULL: nginx takes one */

    unsigned                     idempotent:1;   /* may be sent to a further
                                                    server after a failure */
    unsigned                     delete:1;       /* method DELETE, no body */
    unsigned                     get:1;          /* method GET, no body */

    /* what came back */

    ngx_uint_t                   status;     /* 0: no response header */
    ngx_http_mcp_body_e          type;
    ngx_str_t                    content_type;
    ngx_str_t                    session_id; /* Mcp-Session-Id */
    time_t                       retry_after;    /* seconds; -1: none */
    ngx_int_t                    rc;         /* NGX_OK, or nginx's verdict: a
                                                5xx of its own, NGX_ERROR */
    unsigned                     complete:1; /* the response came to its end */
    unsigned                     sent:1;     /* bytes of the request may have
                                                been seen by the backend */
    unsigned                     tried:1;    /* nginx has come to the backend:
                                                rc tells of that */

    /* private */

    ngx_http_request_t          *request;
    ngx_event_t                  start;
    ngx_http_status_t            parse;
    ngx_http_chunked_t           chunked;
    ngx_http_upstream_handler_pt read_handler;
    unsigned                     paused:1;
    unsigned                     started:1;
    unsigned                     finished:1;
};


/* NGX_OK: done() will be called, never from within.  NGX_ERROR: it will not. */

ngx_int_t ngx_http_mcp_exchange_start(ngx_http_mcp_exchange_t *x);

/* Stop reading from the backend, and go on. */

void ngx_http_mcp_exchange_pause(ngx_http_mcp_exchange_t *x);
void ngx_http_mcp_exchange_resume(ngx_http_mcp_exchange_t *x);

/* Closes the connection; done() is not called. */

void ngx_http_mcp_exchange_abort(ngx_http_mcp_exchange_t *x);


/* --- a JSON-RPC call without a client: ngx_http_mcp_fetch.c -------------- */


struct ngx_http_mcp_fetch_s {

    /* set by the caller */

    ngx_http_mcp_backend_t      *backend;
    ngx_str_t                    body;       /* JSON text; empty: DELETE */
    ngx_str_t                    headers;    /* lines with CRLF each */
    size_t                       max;        /* bytes of an answer */
    ngx_uint_t                   idempotent;
    ngx_msec_t                   timeout;    /* for all of it; 0: none */
    void                        *data;
    void                       (*handler)(ngx_http_mcp_fetch_t *f);

    /* what came back: the exchange's, and the JSON-RPC response; from a plain
       backend, GET: the body of a 200 */

    ngx_pool_t                  *pool;       /* destroyed after handler() */
    ngx_http_mcp_exchange_t      exchange;
    mcp_str_t                    answer;     /* JSON text; empty: none */
    const char                  *error;      /* NULL: there is an answer */

    /* private */

    mcp_arena_t                  arena;
    mcp_buf_t                    collected;
    mcp_sse_reader_t             sse;
    ngx_connection_t            *connection;
    ngx_http_request_t          *request;
    ngx_event_t                  finish;
    ngx_event_t                  deadline;
    unsigned                     is_response:1;
};


/*
 * Copies f, so that it may lie on the stack.  handler() is called once, from
 * the event loop, in any case but when this returns NGX_ERROR.
 */

ngx_int_t ngx_http_mcp_fetch(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_fetch_t *f, ngx_log_t *log);


/* --- the worker's catalog: ngx_http_mcp_snapshot.c ----------------------- */


struct ngx_http_mcp_snapshot_s {
    ngx_pool_t                  *pool;
    mcp_arena_t                  arena;
    ngx_uint_t                   refs;
    ngx_uint_t                   generation;
    mcp_source_t                *source;     /* one a backend, by its index */
    mcp_view_t                 **view;       /* one an mcp_pass; NULL: not
                                                built yet */
    ngx_http_mcp_parts_t        *parts;      /* of the views, for roles */
};


/*
 * The newest view of what this location offers to this caller; it stays until
 * the pool of the request is destroyed.  NULL: no memory.
 */

mcp_view_t *ngx_http_mcp_view(ngx_http_request_t *r);

/* For one who is done before it returns: NULL: no memory. */

mcp_view_t *ngx_http_mcp_view_now(ngx_http_mcp_call_t *call);
ngx_http_mcp_snapshot_t *ngx_http_mcp_snapshot_newest(
    ngx_http_mcp_main_conf_t *mmcf);
mcp_view_t *ngx_http_mcp_snapshot_view(ngx_http_mcp_snapshot_t *snap,
    ngx_http_mcp_loc_conf_t *mlcf);


/* Reads the shared catalog; sources by backend index.  For the manager too. */

ngx_http_mcp_snapshot_t *ngx_http_mcp_snapshot_load(
    ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log);
void ngx_http_mcp_snapshot_release(ngx_http_mcp_snapshot_t *snap);

/*
 * Builds every view once, to log what had to be left out, unless just that was
 * said before.  The manager does.
 */

void ngx_http_mcp_views_check(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log);

/* A line about an item, unless it was said before; data NULL: nobody hears. */

void ngx_http_mcp_view_log(void *data, mcp_view_level_e level,
    const char *line);


/* --- a client's call ----------------------------------------------------- */


typedef enum {
    NGX_HTTP_MCP_OUTCOME_NONE = 0,
    NGX_HTTP_MCP_OK,
    NGX_HTTP_MCP_TOOL_ERROR,
    NGX_HTTP_MCP_RPC_ERROR,
    NGX_HTTP_MCP_DENIED,
    NGX_HTTP_MCP_DISABLED,
    NGX_HTTP_MCP_LIMITED,
    NGX_HTTP_MCP_INVALID,
    NGX_HTTP_MCP_UNAVAILABLE,
    NGX_HTTP_MCP_TIMEOUT,
    NGX_HTTP_MCP_CANCELLED,
    NGX_HTTP_MCP_UNRECORDED,
    NGX_HTTP_MCP_UNKNOWN
} ngx_http_mcp_outcome_e;


/* Request headers that the gateway reads; data NULL: absent. */

typedef struct {
    ngx_str_t                    origin;
    ngx_str_t                    accept;
    ngx_str_t                    content_type;
    ngx_str_t                    content_encoding;
    ngx_str_t                    session;
    ngx_str_t                    version;
    ngx_str_t                    method;
    ngx_str_t                    name;
    ngx_str_t                    traceparent;
    ngx_str_t                    tracestate;
    ngx_str_t                    last_event;
    ngx_str_t                    duplicate;  /* the name of one given twice */
} ngx_http_mcp_headers_t;


struct ngx_http_mcp_call_s {
    ngx_http_request_t          *request;
    mcp_arena_t                  arena;

    u_char                       uuid[36];   /* $mcp_request_id */
    ngx_http_mcp_headers_t       in;
    mcp_message_t                message;
    mcp_era_e                    era;
    mcp_str_t                    version;    /* protocol version */
    mcp_session_t                session;    /* legacy */
    ngx_str_t                    session_id; /* to give with the answer */

    mcp_view_t                  *view;
    const mcp_item_t            *item;
    ngx_uint_t                   view_source;    /* the backend's index there */
    ngx_http_mcp_backend_t      *backend;
    ngx_uint_t                   gate;       /* the next to pass */

    /* who calls, once the access phase is over */
    ngx_str_t                    issuer;     /* of the token, if any */
    ngx_str_t                    client;
    ngx_str_t                   *roles;
    ngx_uint_t                   nroles;

    ngx_http_mcp_outcome_e       outcome;
    ngx_int_t                    error_code; /* JSON-RPC; 0: none */
    ngx_str_t                    reason;     /* the true one, for the audit
                                                trail; empty: as the client is
                                                told */
    ngx_http_mcp_audit_call_t   *audit;      /* NULL: not recorded so far */

    /* waiting for a first catalog */
    ngx_event_t                  wait;

    ngx_rbtree_node_t            cancel;     /* ngx_http_mcp_cancel.c */
    ngx_queue_t                  flight;     /* ngx_http_mcp_flight.c */

    /* the proxied call: ngx_http_mcp_proxy.c */
    ngx_http_mcp_exchange_t     *exchange;
    ngx_msec_t                   began;
    ngx_uint_t                   retries;    /* tries after the first */
    ngx_event_t                  retry;
    mcp_relay_conf_t             relay_conf;
    mcp_sse_reader_t             sse;
    const mcp_source_t          *source;
    mcp_era_e                    backend_era;
    const mcp_session_backend_t *own;        /* the client's own session with
                                                the backend; NULL: the shared
                                                one, if any */
    ngx_str_t                    upstream_session;
    ngx_str_t                    upstream_version;
    mcp_str_t                    request_state;  /* as the backend gave it */
    mcp_buf_t                    state;      /* ... and gives it */
    void                       **renew;      /* see ngx_http_mcp_proxy_renew()
                                                */

    /* what comes back: ngx_http_mcp_relay.c */
    ngx_chain_t                 *stage;      /* of a message not judged yet */
    ngx_chain_t                **last_stage;
    ngx_buf_t                   *stage_tail;
    size_t                       stage_len;
    ngx_chain_t                 *out;        /* may go to the client */
    ngx_chain_t                **last_out;
    ngx_buf_t                   *out_tail;
    size_t                       out_len;
    ngx_chain_t                 *busy;
    ngx_chain_t                 *free;
    size_t                       queued;     /* room that busy takes */
    ngx_uint_t                   requests;   /* of the backend's, answered */
    ngx_event_t                  linger;
    ngx_str_t                    page;       /* instead of nginx's error page */
    const char                  *refused;    /* why there is such a page */
    ngx_uint_t                   out_status; /* HTTP status of the answer */
    mcp_fault_t                  fault;

    unsigned                     limit:2;    /* mcp_limit's verdict */
    unsigned                     trial:1;    /* the one that a half-open
                                                breaker lets pass */
    unsigned                     retrying:1; /* the next try is not due yet */
    unsigned                     parsed:1;
    unsigned                     has_session:1;
    unsigned                     accept_json:1;
    unsigned                     accept_sse:1;
    unsigned                     in_event:1; /* SSE: an event is under way */
    unsigned                     broken:1;   /* ... and is no message */
    unsigned                     sse_out:1;  /* the client gets a stream */
    unsigned                     started:1;  /* the header went to the client */
    unsigned                     answered:1; /* the response is whole in out */
    unsigned                     partial:1;  /* part of a message that is not
                                                whole yet went to the client */
    unsigned                     log_level:1;    /* modern: asked for logs */
    unsigned                     retried:1;  /* with a new backend session */
    unsigned                     renewing:1; /* the session is being renewed */
    unsigned                     gone:1;     /* the client is */
    unsigned                     done:1;     /* the exchange is */
    unsigned                     failed:1;
    unsigned                     finished:1;
    unsigned                     relayed:1;  /* a relay was fed */
    unsigned                     foreign:1;  /* another id was complained of */
    unsigned                     flooded:1;  /* requests were left unanswered */
    unsigned                     cancellable:1;  /* is in the tree of calls */

    /* the last, so that it need not be zeroed for every call */
    mcp_relay_t                  relay;
};


/* ngx_http_mcp_call.c: the call of a request, made when first asked for */

ngx_http_mcp_call_t *ngx_http_mcp_get_call(ngx_http_request_t *r);

/*
 * For one that stays long and has no backend: what is still needed of it moves
 * to the pool of the request, without the arguments and all else of its arena.
 * NULL: no memory; the call is as it was.
 */

ngx_http_mcp_call_t *ngx_http_mcp_call_settle(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_handler.c: the content handler, up to a parsed message */

ngx_int_t ngx_http_mcp_handler(ngx_http_request_t *r);
ngx_str_t ngx_http_mcp_trim(ngx_str_t *value);
void ngx_http_mcp_arena_init(mcp_arena_t *arena, ngx_pool_t *pool);

/*
 * ngx_http_mcp_seen.c: opens the session whose id the client sent.
 * NGX_DECLINED: there is none that is this client's, whatever the reason.
 */

ngx_int_t ngx_http_mcp_session_enter(ngx_http_mcp_call_t *call);

/* Whether it has expired or was deleted meanwhile. */

ngx_uint_t ngx_http_mcp_session_over(ngx_http_mcp_main_conf_t *mmcf,
    mcp_session_t *session);

/* An answer before the body was read: there is no id to give. */

ngx_int_t ngx_http_mcp_refuse_fault(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

/*
 * ngx_http_mcp_listen.c: streams of notifications, by subscriptions/listen and
 * GET
 */

ngx_uint_t ngx_http_mcp_listen_on(ngx_http_request_t *r);
void ngx_http_mcp_listen(ngx_http_mcp_call_t *call);
ngx_int_t ngx_http_mcp_listen_get(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_dispatch.c: what a message asks for */

void ngx_http_mcp_dispatch(ngx_http_mcp_call_t *call);

/*
 * ngx_http_mcp_gate.c: what a call passes on its way to call->backend.  A gate
 * returns NGX_OK; NGX_DECLINED, when it has set the fault and call->outcome;
 * NGX_AGAIN, when it will call ngx_http_mcp_gates_run(), which asks the same
 * gate again; or NGX_ERROR.
 */

typedef ngx_int_t (*ngx_http_mcp_gate_pt)(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

void ngx_http_mcp_gates_run(ngx_http_mcp_call_t *call);

/* When to come back: in the fault's data, and as Retry-After. */

ngx_int_t ngx_http_mcp_retry_after(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault, uint64_t ms);

/* ngx_http_mcp_disable.c: the view says what is switched off */

#define NGX_HTTP_MCP_LOCKED  423

ngx_int_t ngx_http_mcp_disable_apply(ngx_http_mcp_call_t *call);
ngx_int_t ngx_http_mcp_disable_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

/* ngx_http_mcp_limit_module.c */

#define NGX_HTTP_MCP_LIMIT_PASSED    1
#define NGX_HTTP_MCP_LIMIT_REJECTED  2
#define NGX_HTTP_MCP_LIMIT_DRY_RUN   3

ngx_int_t ngx_http_mcp_limit_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

/* ngx_http_mcp_schema_module.c: the arguments are what the tool asks for */

typedef enum {
    NGX_HTTP_MCP_VALIDATE_OFF = 0,
    NGX_HTTP_MCP_VALIDATE_ON,
    NGX_HTTP_MCP_VALIDATE_STRICT
} ngx_http_mcp_validate_e;

ngx_int_t ngx_http_mcp_schema_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

/*
 * What the location's mcp_validate does to its lists; said: see
 * ngx_http_mcp_view_log().
 */

ngx_int_t ngx_http_mcp_schema_view(mcp_view_t *view,
    ngx_http_mcp_loc_conf_t *mlcf, void *said);

/* ngx_http_mcp_audit_call.c: the last of them, which records the call */

ngx_int_t ngx_http_mcp_audit_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);

/*
 * The outcome of a call is known, its answer is about to be ended.  NGX_OK;
 * NGX_AGAIN: ngx_http_mcp_relay_write() will be called when that is recorded.
 */

ngx_int_t ngx_http_mcp_audit_answer(ngx_http_mcp_call_t *call);

/* A member of an object: gauges; nothing where there is no spool. */

void ngx_http_mcp_audit_status(ngx_http_request_t *r, mcp_buf_t *b);

/*
 * ngx_http_mcp_audit_module.c: NGX_ERROR, and logged: workers could not write
 * to the spool.
 */

ngx_int_t ngx_http_mcp_audit_check(ngx_http_mcp_main_conf_t *mmcf,
    ngx_log_t *log);

/* ngx_http_mcp_audit_manager.c: what the manager does for the spool */

void ngx_http_mcp_audit_manager(ngx_cycle_t *cycle);

/* ngx_http_mcp_variables.c */

ngx_str_t *ngx_http_mcp_outcome_name(ngx_http_mcp_outcome_e outcome);

/* ngx_http_mcp_mrtr.c: requestState, sealed for the client that gets it */

ngx_int_t ngx_http_mcp_mrtr_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
void ngx_http_mcp_mrtr_relay(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_breaker.c; judge: of the exchange that has ended */

ngx_int_t ngx_http_mcp_breaker_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
void ngx_http_mcp_breaker_judge(ngx_http_mcp_call_t *call);
void ngx_http_mcp_breaker_ended(ngx_http_mcp_call_t *call, ngx_uint_t failed);

/* ngx_http_mcp_retry.c: not 0 if the exchange that has ended is made anew */

ngx_uint_t ngx_http_mcp_retry(ngx_http_mcp_call_t *call);
ngx_uint_t ngx_http_mcp_retry_idempotent(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_proxy.c: a call that goes to call->backend */

void ngx_http_mcp_proxy(ngx_http_mcp_call_t *call);
ngx_int_t ngx_http_mcp_proxy_start(ngx_http_mcp_call_t *call);

/* Header lines of the session with the backend that the call is in. */

ngx_int_t ngx_http_mcp_proxy_session(ngx_http_mcp_call_t *call,
    ngx_str_t *headers);

void ngx_http_mcp_proxy_line(mcp_buf_t *b, const char *name, size_t len,
    const mcp_str_t *value);

/*
 * ngx_http_mcp_params.c: Mcp-Param-* headers of a modern client against the
 * body (NGX_DECLINED: *fault says what), and those for a modern backend.
 */

ngx_int_t ngx_http_mcp_params_check(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
ngx_int_t ngx_http_mcp_params_forward(ngx_http_mcp_call_t *call,
    mcp_buf_t *b);
ngx_int_t ngx_http_mcp_printable(ngx_str_t *s);

/* Tells a legacy backend that nobody waits for its answer any more. */

void ngx_http_mcp_proxy_cancel(ngx_http_mcp_call_t *call);

/* The client has cancelled it: it ends without an answer. */

void ngx_http_mcp_proxy_cancelled(ngx_http_mcp_call_t *call);

/* The worker is about to go: the call ends with an error. */

void ngx_http_mcp_proxy_shutdown(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_flight.c: the calls that this worker has in flight */

void ngx_http_mcp_flight_add(ngx_http_mcp_call_t *call);
void ngx_http_mcp_flight_remove(ngx_http_mcp_call_t *call);

/*
 * ngx_http_mcp_cancel.c: calls of legacy clients, for notifications/cancelled.
 * notify() may end a call of this worker.
 */

void ngx_http_mcp_cancel_reset(ngx_http_mcp_main_conf_t *mmcf);
void ngx_http_mcp_cancel_poll(ngx_http_mcp_main_conf_t *mmcf);
void ngx_http_mcp_cancel_register(ngx_http_mcp_call_t *call);
void ngx_http_mcp_cancel_unregister(ngx_http_mcp_call_t *call);
void ngx_http_mcp_cancel_notify(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_relay.c: what comes back, and how it goes to the client */

ngx_int_t ngx_http_mcp_relay_init(ngx_http_mcp_call_t *call);
ngx_int_t ngx_http_mcp_relay_header(ngx_http_mcp_exchange_t *x);
ngx_int_t ngx_http_mcp_relay_body(ngx_http_mcp_exchange_t *x, u_char *p,
    size_t len);
ngx_uint_t ngx_http_mcp_relay_lost_session(ngx_http_mcp_call_t *call);
void ngx_http_mcp_relay_done(ngx_http_mcp_call_t *call);
void ngx_http_mcp_relay_fail(ngx_http_mcp_call_t *call, ngx_int_t code,
    const char *text);
void ngx_http_mcp_relay_write(ngx_http_request_t *r);

/* Ends what the client gets, without a response. */

void ngx_http_mcp_relay_cancelled(ngx_http_mcp_call_t *call);

/* What every event begins with, and the stage of one that is under way. */

#define NGX_HTTP_MCP_EVENT  "event: message\ndata: "

int ngx_http_mcp_relay_out(void *data, const unsigned char *p, size_t len);
void ngx_http_mcp_relay_drop(ngx_http_mcp_call_t *call);

/* What a client is told whose session a backend has ended. */

#define NGX_HTTP_MCP_LOST                                                     \
    "a backend has ended the session; begin with initialize"

/*
 * ngx_http_mcp_send.c: a whole answer of the gateway's own, which finalizes
 * the request.
 */

void ngx_http_mcp_send_json(ngx_http_mcp_call_t *call, ngx_uint_t status,
    mcp_buf_t *b);
void ngx_http_mcp_send_fault(ngx_http_mcp_call_t *call, mcp_fault_t *fault);
void ngx_http_mcp_send_empty(ngx_http_mcp_call_t *call, ngx_uint_t status);
ngx_str_t ngx_http_mcp_loggable(ngx_pool_t *pool, const mcp_str_t *text);
ngx_int_t ngx_http_mcp_add_header(ngx_http_request_t *r, const char *key,
    ngx_str_t *value);

/* ngx_http_mcp_filter.c: nginx's own error pages as JSON-RPC */

ngx_int_t ngx_http_mcp_filter_init(ngx_conf_t *cf);

/* ngx_http_mcp_variables.c */

ngx_int_t ngx_http_mcp_add_variables(ngx_conf_t *cf);

/* ngx_http_mcp_uuid.c: RFC 9562, section 5.7; 36 bytes */

void ngx_http_mcp_uuid7(u_char *p);


/*
 * Whether a moment has come that was no more than so many seconds away when it
 * was noted: if it is further away, the clock was set back.
 */

#define ngx_http_mcp_past(at, seconds)                                        \
    (ngx_time() >= (time_t) (at) || (time_t) (at) - ngx_time() > (seconds))

/* --- sessions of the gateway's own: ngx_http_mcp_session.c --------------- */


/* What a legacy backend said of itself; good while the handler runs. */

typedef struct {
    mcp_str_t                    id;         /* empty: none */
    mcp_str_t                    version;
    mcp_str_t                    capabilities;
    mcp_str_t                    instructions;
} ngx_http_mcp_opened_t;


/* opened NULL: it failed, error says why */

typedef void (*ngx_http_mcp_session_pt)(void *data,
    ngx_http_mcp_opened_t *opened, const char *error);


/*
 * Opens a new session with a legacy backend, stores it in the zone and calls
 * handler(), with opened NULL if that failed.  Those who ask while one is
 * being opened share it.  NGX_ERROR: handler() will not be called.
 */

ngx_int_t ngx_http_mcp_session_open(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *backend, ngx_http_mcp_session_pt handler,
    void *data);

/*
 * Opens a session that is the caller's own, with that initialize; NULL: the
 * gateway's.  NGX_ERROR: handler() will not be called.
 */

ngx_int_t ngx_http_mcp_session_new(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *backend, ngx_str_t *body,
    ngx_http_mcp_session_pt handler, void *data);

/* Header lines that a request in the backend's shared session carries. */

ngx_int_t ngx_http_mcp_session_headers(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *backend, ngx_pool_t *pool, ngx_str_t *headers);


/* --- waiting for several: ngx_http_mcp_gather.c -------------------------- */


struct ngx_http_mcp_gather_s {
    ngx_pool_t                  *pool;       /* until the last has come back */
    ngx_http_mcp_call_t         *call;       /* NULL: nobody waits any more */
    ngx_http_mcp_main_conf_t    *mmcf;

    /* set by the caller */

    ngx_uint_t                   pending;
    void                        *data;

    /* all have come back, or the time is over; never from within wait() */
    void                       (*done)(ngx_http_mcp_gather_t *g,
                                    ngx_http_mcp_call_t *call);

    /* NULL, or the client went away before done(); pending is not 0 */
    void                       (*gone)(ngx_http_mcp_gather_t *g);

    /* private */

    ngx_event_t                  deadline;
    ngx_http_mcp_gather_t      **link;
};


ngx_http_mcp_gather_t *ngx_http_mcp_gather_create(ngx_http_mcp_call_t *call);

/*
 * Holds the client's request.  NGX_AGAIN: done() will be called, or gone();
 * NGX_OK: nothing is pending, g is gone; NGX_ERROR: the request cannot go on.
 */

ngx_int_t ngx_http_mcp_gather_wait(ngx_http_mcp_gather_t *g,
    ngx_msec_t timeout);

/* One of those that were pending has come back. */

void ngx_http_mcp_gather_one(ngx_http_mcp_gather_t *g);


/* --- sessions that are a client's own: ngx_http_mcp_client_session.c ----- */


/*
 * Opens one with each backend of the location that is "session client", and
 * notes them in call->session.  NGX_OK: there is none; NGX_AGAIN: done() will
 * be called.
 */

ngx_int_t ngx_http_mcp_client_sessions_open(ngx_http_mcp_call_t *call,
    void (*done)(ngx_http_mcp_call_t *call));
void ngx_http_mcp_client_sessions_end(ngx_http_mcp_call_t *call);

/* The client's session with a backend; NULL: it has none of its own. */

const mcp_session_backend_t *ngx_http_mcp_client_session(
    ngx_http_mcp_call_t *call, ngx_http_mcp_backend_t *be);

/* The other way round; NULL: not of this location. */

ngx_http_mcp_backend_t *ngx_http_mcp_client_session_backend(
    ngx_http_mcp_call_t *call, const mcp_session_backend_t *s);

/*
 * Sends a message in such a session (body NULL: DELETE); handler may be NULL.
 * NGX_ERROR: it will not be called.
 */

ngx_int_t ngx_http_mcp_client_session_send(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *be, const mcp_session_backend_t *s,
    ngx_str_t *body, void (*handler)(ngx_http_mcp_fetch_t *f), void *data);

/* --- ... and what goes over them besides calls: ngx_http_mcp_ask.c ------- */


/*
 * NGX_OK: what is staged may go to the client.  NGX_DECLINED: there is nobody
 * who could be asked.
 */

ngx_int_t ngx_http_mcp_ask(ngx_http_mcp_call_t *call);

/* A response or notification of a client. */

void ngx_http_mcp_client_message(ngx_http_mcp_call_t *call);

/* logging/setLevel, where there is a backend that logs for this client */

ngx_uint_t ngx_http_mcp_client_logs(ngx_http_mcp_call_t *call);
void ngx_http_mcp_set_level(ngx_http_mcp_call_t *call);


/* --- the manager process: ngx_http_mcp_discovery.c ----------------------- */


/* What the gateway's own requests of the modern revision carry. */

#define NGX_HTTP_MCP_META                                                     \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\""               \
    MCP_VERSION_MODERN "\",\"io.modelcontextprotocol/clientInfo\":{"          \
    "\"name\":\"" MCP_SERVER_NAME "\",\"version\":\"" MCP_SERVER_VERSION      \
    "\"},\"io.modelcontextprotocol/clientCapabilities\":{}}"

ngx_int_t ngx_http_mcp_discovery_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_http_mcp_discovery_init_process(ngx_cycle_t *cycle);


/* --- what mcp_api has switched off: ngx_http_mcp_disable.c --------------- */


#define NGX_HTTP_MCP_SWITCHES    256     /* at most so many */
#define NGX_HTTP_MCP_SWITCH_LEN  256     /* bytes of a name */


typedef enum {
    NGX_HTTP_MCP_SWITCH_TOOLS = 0,       /* a pattern, "backend/tool" */
    NGX_HTTP_MCP_SWITCH_BACKEND
} ngx_http_mcp_switch_e;


typedef struct {
    ngx_queue_t                  queue;
    ngx_http_mcp_switch_e        what;
    size_t                       len;
    u_char                       name[1];
} ngx_http_mcp_switch_t;


/* The same, outside of shared memory. */

typedef struct {
    ngx_http_mcp_switch_e        what;
    ngx_str_t                    name;
} ngx_http_mcp_off_t;


/* NULL, or what is wrong with the name. */

const char *ngx_http_mcp_switch_check(ngx_http_mcp_switch_e what,
    ngx_str_t *name);

/*
 * off: NGX_DONE, NGX_OK: it was off; NGX_ERROR: there is no room.
 * on: NGX_OK, NGX_DECLINED: it was not off.
 */

ngx_int_t ngx_http_mcp_switch_off(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_switch_e what, ngx_str_t *name);
ngx_int_t ngx_http_mcp_switch_on(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_switch_e what, ngx_str_t *name);

/* All of them, in a list of ngx_http_mcp_off_t that need not be set up. */

ngx_int_t ngx_http_mcp_switches(ngx_http_mcp_main_conf_t *mmcf,
    ngx_pool_t *pool, ngx_array_t *list, ngx_uint_t *switched);


/* --- ... and the file that keeps it: ngx_http_mcp_state.c ---------------- */


char *ngx_http_mcp_state_init(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf);

/* Into a zone that is new. */

void ngx_http_mcp_state_load(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log);

/* If there is something new. */

void ngx_http_mcp_state_save(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log);
void ngx_http_mcp_state_exit_master(ngx_cycle_t *cycle);


/* ngx_http_mcp_health.c */

void ngx_http_mcp_health_tick(ngx_http_mcp_main_conf_t *mmcf);


/* --- the shared catalog: ngx_http_mcp_publish.c -------------------------- */


/*
 * Encodes the sources (n of them, named by identity) and makes them current,
 * unless nothing has changed.  NGX_DECLINED: they do not fit.
 */

ngx_int_t ngx_http_mcp_publish(ngx_http_mcp_main_conf_t *mmcf,
    mcp_source_t *source, ngx_uint_t n, ngx_log_t *log, size_t *len);


#endif /* _NGX_HTTP_MCP_H_INCLUDED_ */
