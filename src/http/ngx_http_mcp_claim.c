
/* Claims of the token that a request came with. */


#include "ngx_http_mcp.h"


ngx_http_mcp_token_t *
ngx_http_mcp_auth_token(ngx_http_request_t *r)
{
    return NULL;
}


ngx_int_t
ngx_http_mcp_auth_claim(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_mcp_claim_t *claim)
{
    return NGX_DECLINED;
}
