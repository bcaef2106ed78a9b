
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
mcp_chain_begin(mcp_chain_t *chain, const mcp_str_t *name)
{
    chain->name = *name;
    chain->seq = 0;
    mcp_chain_hash(chain->hash, name->data, name->len);
}


void
mcp_chain_hex(unsigned char *hex, const unsigned char *hash)
{
    unsigned  i;

    static const char  pairs[] =
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
        "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"
        "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
        "c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
        "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

    for (i = 0; i < MCP_RECORD_HASH; i++) {
        memcpy(hex + 2 * i, pairs + 2 * hash[i], 2);
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
    unsigned char  prev[sizeof(",\"prev\":\"\"}\n") - 1 + MCP_RECORD_HEX];

    memcpy(prev, ",\"prev\":\"", 9);
    mcp_chain_hex(prev + 9, chain->hash);
    memcpy(prev + 9 + MCP_RECORD_HEX, "\"}\n", 3);

    mcp_buf_literal(b, ",\"seq\":");
    mcp_buf_uint(b, chain->seq + 1);
    mcp_buf_append(b, prev, sizeof(prev));

    if (b->failed) {
        return;
    }

    chain->seq++;
    mcp_chain_hash(chain->hash, b->data + start, b->len - start - 1);
}
