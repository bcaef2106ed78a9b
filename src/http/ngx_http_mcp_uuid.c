
/* UUID version 7 (RFC 9562, section 5.7): the time, then random bits. */


#include "ngx_http_mcp.h"

#include <openssl/rand.h>


/* random bytes are fetched for many at a time */

static u_char      ngx_http_mcp_uuid_pool[640];
static ngx_uint_t  ngx_http_mcp_uuid_left;
static ngx_pid_t   ngx_http_mcp_uuid_pid;


static u_char *
ngx_http_mcp_uuid_random(void)
{
    ngx_uint_t  i;

    if (ngx_http_mcp_uuid_left < 10 || ngx_http_mcp_uuid_pid != ngx_pid) {

        if (RAND_bytes(ngx_http_mcp_uuid_pool, sizeof(ngx_http_mcp_uuid_pool))
            != 1)
        {
            for (i = 0; i < sizeof(ngx_http_mcp_uuid_pool); i++) {
                ngx_http_mcp_uuid_pool[i] = (u_char) ngx_random();
            }
        }

        ngx_http_mcp_uuid_left = sizeof(ngx_http_mcp_uuid_pool);
        ngx_http_mcp_uuid_pid = ngx_pid;
    }

    ngx_http_mcp_uuid_left -= 10;

    return ngx_http_mcp_uuid_pool + ngx_http_mcp_uuid_left;
}


void
ngx_http_mcp_uuid7(u_char *p)
{
    u_char       bytes[16];
    uint64_t     ms;
    ngx_uint_t   i;
    ngx_time_t  *tp;

    static u_char  hex[] = "0123456789abcdef";

    tp = ngx_timeofday();
    ms = (uint64_t) tp->sec * 1000 + tp->msec;

    for (i = 0; i < 6; i++) {
        bytes[i] = (u_char) (ms >> (40 - 8 * i));
    }

    ngx_memcpy(bytes + 6, ngx_http_mcp_uuid_random(), 10);

    bytes[6] = (u_char) (0x70 | (bytes[6] & 0x0f));
    bytes[8] = (u_char) (0x80 | (bytes[8] & 0x3f));

    for (i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }

        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 0xf];
    }
}
