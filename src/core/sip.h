
/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012): without the key nobody can
 * choose inputs whose hashes meet.
 */


#ifndef MCP_SIP_H
#define MCP_SIP_H


#include "core.h"


#define mcp_sip_rotl(x, n)  ((x) << (n) | (x) >> (64 - (n)))


static inline void
mcp_sip_rounds(uint64_t v[4], unsigned n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = mcp_sip_rotl(v[1], 13) ^ v[0];
        v[3] = mcp_sip_rotl(v[3], 16) ^ v[2];
        v[0] = mcp_sip_rotl(v[0], 32);

        v[2] += v[1];
        v[0] += v[3];
        v[1] = mcp_sip_rotl(v[1], 17) ^ v[2];
        v[3] = mcp_sip_rotl(v[3], 21) ^ v[0];
        v[2] = mcp_sip_rotl(v[2], 32);
    }
}


static inline uint64_t
mcp_sip(const uint64_t key[2], const unsigned char *p, size_t len)
{
    size_t    n;
    uint64_t  v[4], w;

    v[0] = key[0] ^ UINT64_C(0x736f6d6570736575);
    v[1] = key[1] ^ UINT64_C(0x646f72616e646f6d);
    v[2] = key[0] ^ UINT64_C(0x6c7967656e657261);
    v[3] = key[1] ^ UINT64_C(0x7465646279746573);

    for (n = len; n >= 8; n -= 8) {
        memcpy(&w, p, 8);
        p += 8;

        v[3] ^= w;
        mcp_sip_rounds(v, 1);
        v[0] ^= w;
    }

    w = 0;

    if (n) {
        memcpy(&w, p, n);
    }

    w |= (uint64_t) len << 56;

    v[3] ^= w;
    mcp_sip_rounds(v, 1);
    v[0] ^= w;

    v[2] ^= 0xff;
    mcp_sip_rounds(v, 3);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


#endif /* MCP_SIP_H */
