
/*
 * The chain of lines.  SHA-256 is taken from OpenSSL's low-level interface:
 * it is deprecated, not slower, and looks up nothing for each line.
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include "record.h"

#include <openssl/sha.h>


void
mcp_chain_hash(unsigned char *hash, const void *line, size_t len)
{
    SHA256_CTX  ctx;

    (void) SHA256_Init(&ctx);
    (void) SHA256_Update(&ctx, line, len);
    (void) SHA256_Final(hash, &ctx);
}


void
mcp_chain_hex(unsigned char *hex, const unsigned char *hash)
{
    unsigned  i;

    static const char  digit[] = "0123456789abcdef";

    for (i = 0; i < MCP_RECORD_HASH; i++) {
        *hex++ = (unsigned char) digit[hash[i] >> 4];
        *hex++ = (unsigned char) digit[hash[i] & 0xf];
    }
}


static int
chain_digit(unsigned char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return -1;
}


int
mcp_chain_unhex(unsigned char *hash, const mcp_str_t *hex)
{
    int       high, low;
    unsigned  i;

    if (hex->len != MCP_RECORD_HEX) {
        return MCP_ERROR;
    }

    for (i = 0; i < MCP_RECORD_HASH; i++) {
        high = chain_digit(hex->data[2 * i]);
        low = chain_digit(hex->data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return MCP_ERROR;
        }

        hash[i] = (unsigned char) (high << 4 | low);
    }

    return MCP_OK;
}


void
mcp_chain_end(mcp_buf_t *b, size_t start, mcp_chain_t *chain)
{
    unsigned char  hex[MCP_RECORD_HEX];

    mcp_chain_hex(hex, chain->hash);

    mcp_buf_literal(b, ",\"chain\":\"");
    mcp_buf_str(b, &chain->name);
    mcp_buf_literal(b, "\",\"seq\":");
    mcp_buf_uint(b, chain->seq + 1);
    mcp_buf_literal(b, ",\"prev\":\"");
    mcp_buf_append(b, hex, sizeof(hex));
    mcp_buf_literal(b, "\"}\n");

    if (b->failed) {
        return;
    }

    chain->seq++;
    mcp_chain_hash(chain->hash, b->data + start, b->len - start - 1);
}
