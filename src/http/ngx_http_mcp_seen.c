
/*
 * Session ids that this worker has opened the seal of.  A client sends the
 * same one with each of its requests, and to open it costs OpenSSL about
 * 10000 instructions, a fifth of a call.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_SEEN       256      /* sessions; a power of two */
#define NGX_HTTP_MCP_SEEN_TEXT  1024     /* a longer id is opened every time */


typedef struct {
    size_t                       len;    /* of the text; 0: free */
    mcp_session_t                session;
    u_char                       info[MCP_SESSION_INFO_MAX];
    u_char                       text[NGX_HTTP_MCP_SEEN_TEXT];
} ngx_http_mcp_seen_t;


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


/* As mcp_session_decode(). */

int
ngx_http_mcp_session_decode(ngx_http_mcp_call_t *call,
    ngx_http_mcp_main_conf_t *mmcf)
{
    int                   rc;
    mcp_str_t             id;
    mcp_session_t        *s;
    ngx_http_mcp_seen_t  *seen;

    s = &call->session;
    id = ngx_http_mcp_core_str(&call->in.session);

    if (id.len < 16 || id.len > NGX_HTTP_MCP_SEEN_TEXT) {
        return mcp_session_decode(s, mmcf->sh->key, &id, &call->arena);
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
        && ngx_http_mcp_seen_equal(seen->text, id.data, id.len))
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

    rc = mcp_session_decode(s, mmcf->sh->key, &id, &call->arena);

    if (rc == MCP_OK && s->client_info.len <= MCP_SESSION_INFO_MAX
        && s->nbackends == 0)
    {
        seen->len = id.len;
        seen->session = *s;
        ngx_memcpy(seen->text, id.data, id.len);

        if (s->client_info.len != 0) {
            ngx_memcpy(seen->info, s->client_info.data, s->client_info.len);
        }
    }

    return rc;
}
