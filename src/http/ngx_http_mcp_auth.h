
/*
 * What the files of authentication share:
 *
 *   ngx_http_mcp_auth.c           the access phase
 *   ngx_http_mcp_auth_conf.c      the module, its directives
 *   ngx_http_mcp_auth_keys.c      where keys come from
 *   ngx_http_mcp_auth_fetch.c     keys of providers, in the manager
 *   ngx_http_mcp_auth_zone.c      keys in shared memory
 *   ngx_http_mcp_auth_seen.c      tokens that were verified, in all workers
 *   ngx_http_mcp_auth_token.c     tokens that were verified, in this worker
 *   ngx_http_mcp_auth_answer.c    401 and 403
 *   ngx_http_mcp_auth_scope.c     mcp_scope
 *   ngx_http_mcp_auth_metadata.c  mcp_authorization_server (RFC 9728)
 *   ngx_http_mcp_claim.c          claims, $mcp_claim_NAME
 */


#ifndef _NGX_HTTP_MCP_AUTH_H_INCLUDED_
#define _NGX_HTTP_MCP_AUTH_H_INCLUDED_


#include "ngx_http_mcp.h"

#include "jwt.h"
#include "pattern.h"


extern ngx_module_t  ngx_http_mcp_auth_module;


typedef struct ngx_http_mcp_entry_s  ngx_http_mcp_entry_t;


/* --- keys ---------------------------------------------------------------- */


#define NGX_HTTP_MCP_KEYS_AGAIN  30      /* s between unknown kids */


/*
 * What all processes know of keys that are fetched.  They are found again
 * after a reload by where they come from.
 */

typedef struct {
    ngx_queue_t                  queue;
    ngx_atomic_t                 generation; /* of the text; 0: none yet */
    ngx_atomic_t                 fetching;   /* it is under way */
    ngx_atomic_t                 wanted;     /* a token has an unknown kid */
    ngx_atomic_t                 again;      /* when that may count again */

    size_t                       len;        /* under the mutex */
    u_char                      *text;

    ngx_uint_t                   identity_len;
    u_char                       identity[1];
} ngx_http_mcp_keys_sh_t;


struct ngx_http_mcp_auth_sh_s {
    ngx_uint_t                   magic;
    ngx_queue_t                  keys;       /* ngx_http_mcp_keys_sh_t */

    mcp_ring_t                  *seen;       /* tokens that were verified:
                                                ngx_http_mcp_auth_seen.c */
};


/*
 * What one mcp_auth_jwt_key names.  Keys that are fetched lie in the zone as
 * text; each worker reads them anew when the generation there has changed.
 */

typedef struct {
    ngx_str_t                    from;       /* as in the configuration */
    ngx_str_t                    issuer;     /* its keys sign for this one
                                                only; empty: for any */
    mcp_jwks_t                   set;

    /* fetched */

    ngx_http_mcp_backend_t      *backend;    /* NULL: they are not */
    ngx_msec_t                   refresh;
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_keys_sh_t      *sh;
    ngx_pool_t                  *pool;       /* of the set */
    ngx_uint_t                   generation; /* ... and of what it was read */
    unsigned                     oidc:1;     /* by way of discovery */
} ngx_http_mcp_key_source_t;


/* The keys as they are now; NULL: they have not come yet. */

const mcp_jwks_t *ngx_http_mcp_keys(ngx_http_mcp_key_source_t *source);

/* A set that was fetched; *error is static. */

ngx_int_t ngx_http_mcp_keys_read(mcp_jwks_t *set, ngx_pool_t *pool,
    ngx_str_t *text, const char **error);

/* mcp_auth_jwt_key, from cf->args */

ngx_http_mcp_key_source_t *ngx_http_mcp_key_source(ngx_conf_t *cf);


/* ngx_http_mcp_auth_zone.c: the text of a set, copied to the pool */

ngx_int_t ngx_http_mcp_keys_text(ngx_http_mcp_key_source_t *source,
    ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t *generation);

/* NGX_DECLINED: it is what was there */

ngx_int_t ngx_http_mcp_keys_publish(ngx_http_mcp_key_source_t *source,
    ngx_str_t *text);


/* --- configuration ------------------------------------------------------- */


typedef struct {
    mcp_str_t                    name;
    mcp_str_t                    value;
} ngx_http_mcp_require_t;


/* mcp_scope tools=PATTERN SCOPE ...: what calls of these need */

typedef struct {
    mcp_pattern_t                pattern;
    ngx_array_t                  scopes;     /* mcp_str_t */
} ngx_http_mcp_tool_scope_t;


/* An mcp_pass that nothing was said of. */

typedef struct {
    ngx_http_core_srv_conf_t    *server;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_mcp_open_t;


typedef struct ngx_http_mcp_auth_loc_conf_s  ngx_http_mcp_auth_loc_conf_t;


/* A location with metadata (RFC 9728). */

typedef struct {
    ngx_http_core_srv_conf_t      *server;
    ngx_http_mcp_auth_loc_conf_t  *conf;
} ngx_http_mcp_resource_t;


typedef struct {
    ngx_array_t                  open;       /* ngx_http_mcp_open_t */
    ngx_array_t                  resources;  /* ngx_http_mcp_resource_t */
} ngx_http_mcp_auth_main_conf_t;


struct ngx_http_mcp_auth_loc_conf_s {
    ngx_str_t                   *realm;      /* NULL: no token is wanted */
    ngx_flag_t                   said;       /* mcp_auth_jwt was, if only off */
    ngx_array_t                 *keys;       /* ngx_http_mcp_key_source_t * */
    ngx_uint_t                   algs;
    ngx_str_t                    issuer;
    ngx_array_t                 *audience;   /* mcp_str_t */
    time_t                       leeway;
    ngx_array_t                 *require;    /* ngx_http_mcp_require_t */
    ngx_array_t                 *scopes;     /* mcp_str_t: of every request */
    ngx_array_t                 *tools;      /* ngx_http_mcp_tool_scope_t */
    ngx_array_t                 *servers;    /* ngx_str_t: authorization
                                                servers; NULL: no metadata */
    ngx_str_t                    path;       /* of the location; "/": empty */
    ngx_str_t                    resource;   /* the audience that is its URL;
                                                empty: none */
};


/* --- tokens that were verified ------------------------------------------- */


/*
 * One a token and location, so that all that the location asks of a token is
 * asked once; but for its keys and its time, which change.
 */

struct ngx_http_mcp_entry_s {
    ngx_http_mcp_token_t           token;

    ngx_http_mcp_auth_loc_conf_t  *conf;
    ngx_str_t                      text;
    uint32_t                       hash;
    mcp_jwt_t                      jwt;

    ngx_http_mcp_key_source_t     *source;
    unsigned                       alg;
    u_char                         key[MCP_JWK_ID];

    ngx_pool_t                    *pool;
    ngx_uint_t                     refs;
    ngx_http_mcp_entry_t          *next;     /* in its bucket */
    ngx_queue_t                    queue;    /* by last use */
    unsigned                       linked:1;
};


/* With a reference; NULL: not seen before, or its key is gone. */

ngx_http_mcp_entry_t *ngx_http_mcp_entry_find(
    ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text);

/* Whether the key that signed it is still there, for the same use. */

ngx_uint_t ngx_http_mcp_entry_key(ngx_http_mcp_entry_t *entry);

/* With a copy of the text and one reference, but not found yet. */

ngx_http_mcp_entry_t *ngx_http_mcp_entry_create(
    ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text, ngx_log_t *log);
void ngx_http_mcp_entry_remember(ngx_http_mcp_entry_t *entry);
void ngx_http_mcp_entry_release(ngx_http_mcp_entry_t *entry);


/* ... in all workers, by the SHA-256 of the whole token */

#define NGX_HTTP_MCP_DIGEST  32

ngx_int_t ngx_http_mcp_seen_init(ngx_http_mcp_main_conf_t *mmcf, size_t size);

/* NGX_OK: its payload, from the pool of the entry; key and alg are set. */

ngx_int_t ngx_http_mcp_seen_find(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_entry_t *entry, const u_char *digest, mcp_str_t *payload);
void ngx_http_mcp_seen_add(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_entry_t *entry, const u_char *digest,
    const mcp_str_t *payload);


/* --- a request ----------------------------------------------------------- */


typedef struct {
    ngx_http_mcp_entry_t        *entry;      /* NULL: no token */
    ngx_event_t                 *wait;       /* for keys; NULL: it has not */
    ngx_msec_t                   until;
} ngx_http_mcp_auth_ctx_t;


/*
 * 401 or 403.  error is that of RFC 6750, section 3.1 (NULL: no token came),
 * why goes into the answer.
 */

ngx_int_t ngx_http_mcp_auth_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *error, const char *why);

/* The WWW-Authenticate of such an answer; more: scopes, or NULL. */

ngx_int_t ngx_http_mcp_auth_challenge(ngx_http_request_t *r,
    const char *error, const char *why, ngx_array_t *more);

/* The keys are not there: 503. */

ngx_int_t ngx_http_mcp_auth_unavailable(ngx_http_request_t *r,
    const char *why);


/* --- the rest ------------------------------------------------------------ */


ngx_int_t ngx_http_mcp_auth_handler(ngx_http_request_t *r);

/* mcp_scope, mcp_authorization_server */

char *ngx_http_mcp_scope(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_mcp_authorization_server(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* All scopes that are required anywhere in the location; may be empty. */

ngx_int_t ngx_http_mcp_scopes(ngx_http_mcp_auth_loc_conf_t *alcf,
    mcp_buf_t *b, ngx_array_t *more, ngx_uint_t json);

/* ngx_http_mcp_auth_metadata.c */

char *ngx_http_mcp_resource_add(ngx_conf_t *cf,
    ngx_http_mcp_auth_loc_conf_t *conf);
ngx_int_t ngx_http_mcp_metadata_handler(ngx_http_request_t *r);

/* The URL of a location and of its metadata; nothing, if Host is none. */

void ngx_http_mcp_resource_url(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf, mcp_buf_t *b, ngx_uint_t metadata);

ngx_int_t ngx_http_mcp_claim_add_variable(ngx_conf_t *cf);


#endif /* _NGX_HTTP_MCP_AUTH_H_INCLUDED_ */
