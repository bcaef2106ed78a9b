
/* UUID version 7 (RFC 9562, section 5.7): the time, then random bits. */


#include "ngx_http_mcp.h"

#include <openssl/rand.h>


/* random bytes are fetched for many at a time */

static u_char      ngx_http_mcp_uuid_pool[5120];
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

    static const u_char  hex[] = "0123456789abcdef";
    static const u_char  at[] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26,
                                  28, 30, 32, 34 };

    tp = ngx_timeofday();
    ms = (uint64_t) tp->sec * 1000 + tp->msec;

    for (i = 0; i < 6; i++) {
        bytes[i] = (u_char) (ms >> (40 - 8 * i));
    }

    ngx_memcpy(bytes + 6, ngx_http_mcp_uuid_random(), 10);

    bytes[6] = (u_char) (0x70 | (bytes[6] & 0x0f));
    bytes[8] = (u_char) (0x80 | (bytes[8] & 0x3f));

    for (i = 0; i < 16; i++) {
        p[at[i]] = hex[bytes[i] >> 4];
        p[at[i] + 1] = hex[bytes[i] & 0xf];
    }

    p[8] = p[13] = p[18] = p[23] = '-';
}
