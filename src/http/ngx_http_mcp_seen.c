
/*
 * The client's session, and the ids that this worker has opened the seal of.
 * A client sends the same one with each of its requests, and to open it costs
 * OpenSSL about 10000 instructions, a fifth of a call.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_SEEN       256      /* sessions; a power of two */
#define NGX_HTTP_MCP_SEEN_TEXT  1024     /* a longer id is opened every time */
#define NGX_HTTP_MCP_SEEN_WHO   512      /* ... and that of a longer name */


typedef struct {
    size_t                       len;    /* of the text; 0: free */
    size_t                       issuer_len;
    size_t                       client_len;
    mcp_session_t                session;
    u_char                       info[MCP_SESSION_INFO_MAX];
    u_char                       who[NGX_HTTP_MCP_SEEN_WHO]; /* issuer, client
                                                                */
    u_char                       text[NGX_HTTP_MCP_SEEN_TEXT];
} ngx_http_mcp_seen_t;


static int ngx_http_mcp_session_decode(ngx_http_mcp_call_t *call,
    ngx_http_mcp_main_conf_t *mmcf);
static int ngx_http_mcp_session_open_seal(ngx_http_mcp_call_t *call,
    ngx_http_mcp_main_conf_t *mmcf, mcp_str_t *id);
static ngx_uint_t ngx_http_mcp_seen_by(ngx_http_mcp_seen_t *seen,
    ngx_http_mcp_call_t *call);
static void ngx_http_mcp_seen_keep(ngx_http_mcp_seen_t *seen,
    ngx_http_mcp_call_t *call, mcp_str_t *id);


static ngx_http_mcp_seen_t  *ngx_http_mcp_seen;


/* Takes the same time wherever the two differ: an id is a secret. */

static ngx_uint_t
ngx_http_mcp_seen_equal(u_char *a, u_char *b, size_t len)
{
    size_t    i;
    uint64_t  x, y, differ;

    differ = 0;

    for (i = 0; i + 8 <= len; i += 8) {
        ngx_memcpy(&x, a + i, 8);
        ngx_memcpy(&y, b + i, 8);
        differ |= x ^ y;
    }

    for ( /* void */ ; i < len; i++) {
        differ |= a[i] ^ b[i];
    }

    return differ == 0;
}


ngx_int_t
ngx_http_mcp_session_enter(ngx_http_mcp_call_t *call)
{
    mcp_session_t             *session;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    session = &call->session;

    switch (ngx_http_mcp_session_decode(call, mmcf)) {

    case MCP_OK:
        break;

    case MCP_NOMEM:
        return NGX_ERROR;

    default:
        return NGX_DECLINED;
    }

    if (ngx_http_mcp_session_over(mmcf, session)) {
        return NGX_DECLINED;
    }

    call->has_session = 1;
    call->version = session->version;

    return NGX_OK;
}


ngx_uint_t
ngx_http_mcp_session_over(ngx_http_mcp_main_conf_t *mmcf,
    mcp_session_t *session)
{
    /* a shorter mcp_session_timeout is good for the sessions there are */

    return session->expires < (uint64_t) ngx_time()
           || session->created + mmcf->session_timeout < (uint64_t) ngx_time()
           || ngx_http_mcp_session_ended(mmcf, session);
}


/* As mcp_session_decode(), and the session is this client's. */

static int
ngx_http_mcp_session_decode(ngx_http_mcp_call_t *call,
    ngx_http_mcp_main_conf_t *mmcf)
{
    int                   rc;
    mcp_str_t             id;
    mcp_session_t        *s;
    ngx_http_mcp_seen_t  *seen;

    s = &call->session;
    id = ngx_http_mcp_core_str(&call->in.session);

    if (id.len < 16 || id.len > NGX_HTTP_MCP_SEEN_TEXT
        || call->issuer.len + call->client.len > NGX_HTTP_MCP_SEEN_WHO)
    {
        return ngx_http_mcp_session_open_seal(call, mmcf, &id);
    }

    if (ngx_http_mcp_seen == NULL) {
        ngx_http_mcp_seen = ngx_calloc(NGX_HTTP_MCP_SEEN
                                       * sizeof(ngx_http_mcp_seen_t),
                                       ngx_cycle->log);
        if (ngx_http_mcp_seen == NULL) {
            return MCP_NOMEM;
        }
    }

    /* an id begins with what is random in it */

    seen = &ngx_http_mcp_seen[ngx_murmur_hash2(id.data, 16)
                              & (NGX_HTTP_MCP_SEEN - 1)];

    if (seen->len == id.len
        && ngx_http_mcp_seen_equal(seen->text, id.data, id.len)
        && ngx_http_mcp_seen_by(seen, call))
    {
        *s = seen->session;

        /* another session may come to this place while the call lasts */

        if (s->client_info.len != 0) {
            s->client_info.data = mcp_memdup(&call->arena, seen->info,
                                             s->client_info.len);
            if (s->client_info.data == NULL) {
                return MCP_NOMEM;
            }
        }

        return MCP_OK;
    }

    rc = ngx_http_mcp_session_open_seal(call, mmcf, &id);

    if (rc == MCP_OK && s->client_info.len <= MCP_SESSION_INFO_MAX
        && s->nbackends == 0)
    {
        ngx_http_mcp_seen_keep(seen, call, &id);
    }

    return rc;
}


/*
 * Takes the same steps whether the seal is broken or the session another's:
 * the hash is made first.
 */

static int
ngx_http_mcp_session_open_seal(ngx_http_mcp_call_t *call,
    ngx_http_mcp_main_conf_t *mmcf, mcp_str_t *id)
{
    int            rc;
    u_char         identity[MCP_IDENTITY_HASH];
    ngx_uint_t     i;
    const u_char  *key;

    if (ngx_http_mcp_identity_hash(call, identity) != NGX_OK) {
        return MCP_NOMEM;
    }

    rc = MCP_ERROR;

    for (i = 0; rc == MCP_ERROR; i++) {

        key = ngx_http_mcp_key(mmcf, i);
        if (key == NULL) {
            break;
        }

        rc = mcp_session_decode(&call->session, key, id, &call->arena);
    }

    if (rc == MCP_OK
        && !ngx_http_mcp_seen_equal(call->session.identity, identity,
                                    MCP_IDENTITY_HASH))
    {
        return MCP_ERROR;
    }

    return rc;
}


/* Whether it was this client who was seen in it. */

static ngx_uint_t
ngx_http_mcp_seen_by(ngx_http_mcp_seen_t *seen, ngx_http_mcp_call_t *call)
{
    return seen->issuer_len == call->issuer.len
           && seen->client_len == call->client.len
           && ngx_memcmp(seen->who, call->issuer.data, call->issuer.len) == 0
           && ngx_memcmp(seen->who + seen->issuer_len, call->client.data,
                         call->client.len)
              == 0;
}


static void
ngx_http_mcp_seen_keep(ngx_http_mcp_seen_t *seen, ngx_http_mcp_call_t *call,
    mcp_str_t *id)
{
    u_char         *p;
    mcp_session_t  *s;

    s = &call->session;

    seen->len = id->len;
    seen->session = *s;
    ngx_memcpy(seen->text, id->data, id->len);

    if (s->client_info.len != 0) {
        ngx_memcpy(seen->info, s->client_info.data, s->client_info.len);
    }

    seen->issuer_len = call->issuer.len;
    seen->client_len = call->client.len;

    p = ngx_cpymem(seen->who, call->issuer.data, call->issuer.len);
    ngx_memcpy(p, call->client.data, call->client.len);
}
