
/* Sealed strings: AES-256-GCM under a random nonce, as base64url text. */


#include "seal.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define MCP_SEAL_NONCE  12
#define MCP_SEAL_TAG    16

/* Longer text is refused: EVP takes the length as an int. */

#define MCP_SEAL_MAX    (INT_MAX / 4)


static const char  mcp_base64url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of each byte; 0x80: it is not in the alphabet. */

static const unsigned char  mcp_base64url_value[256] = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x3e, 0x80, 0x80,
    0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
    0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12,
    0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x80, 0x80, 0x80, 0x80, 0x3f,
    0x80, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24,
    0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30,
    0x31, 0x32, 0x33, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0x80, 0x80, 0x80, 0x80
};


static unsigned char *
mcp_base64url_encode(unsigned char *dst, const unsigned char *p, size_t len)
{
    uint32_t  w;

    for ( /* void */ ; len >= 3; len -= 3) {
        w = (uint32_t) p[0] << 16 | (uint32_t) p[1] << 8 | p[2];
        p += 3;

        *dst++ = (unsigned char) mcp_base64url[w >> 18];
        *dst++ = (unsigned char) mcp_base64url[w >> 12 & 63];
        *dst++ = (unsigned char) mcp_base64url[w >> 6 & 63];
        *dst++ = (unsigned char) mcp_base64url[w & 63];
    }

    if (len == 0) {
        return dst;
    }

    w = (uint32_t) p[0] << 16 | (len == 2 ? (uint32_t) p[1] << 8 : 0);

    *dst++ = (unsigned char) mcp_base64url[w >> 18];
    *dst++ = (unsigned char) mcp_base64url[w >> 12 & 63];

    if (len == 2) {
        *dst++ = (unsigned char) mcp_base64url[w >> 6 & 63];
    }

    return dst;
}


/*
 * To len * 3 / 4 bytes.  Two texts never give the same bytes: bits that no
 * byte takes must be 0 (RFC 4648, section 3.5).
 */

static int
mcp_base64url_decode(unsigned char *dst, const unsigned char *p, size_t len)
{
    uint32_t              w;
    unsigned              bad;
    const unsigned char  *v;

    v = mcp_base64url_value;
    bad = (len % 4 == 1) ? 0x80 : 0;

    for ( /* void */ ; len >= 4; len -= 4) {
        bad |= v[p[0]] | v[p[1]] | v[p[2]] | v[p[3]];

        w = (uint32_t) v[p[0]] << 18 | (uint32_t) v[p[1]] << 12
            | (uint32_t) v[p[2]] << 6 | v[p[3]];
        p += 4;

        *dst++ = (unsigned char) (w >> 16);
        *dst++ = (unsigned char) (w >> 8);
        *dst++ = (unsigned char) w;
    }

    if (len >= 2) {
        bad |= v[p[0]] | v[p[1]] | (len == 3 ? v[p[2]] : 0);

        w = (uint32_t) v[p[0]] << 18 | (uint32_t) v[p[1]] << 12
            | (len == 3 ? (uint32_t) v[p[2]] << 6 : 0);

        *dst++ = (unsigned char) (w >> 16);

        if (len == 3) {
            *dst = (unsigned char) (w >> 8);
        }

        if (w & (len == 3 ? 0xff : 0xffff)) {
            return MCP_ERROR;
        }
    }

    return (bad & 0x80) ? MCP_ERROR : MCP_OK;
}


/* len bytes at p, behind the nonce, are encrypted in place; the tag follows. */

static int
mcp_seal_encrypt(const unsigned char *key, const char *label,
    unsigned char *nonce, size_t len)
{
    int              rc, n;
    unsigned char   *p;
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return MCP_NOMEM;
    }

    p = nonce + MCP_SEAL_NONCE;

    rc = (RAND_bytes(nonce, MCP_SEAL_NONCE) == 1
          && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1
          && EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *) label,
                               (int) strlen(label)) == 1
          && EVP_EncryptUpdate(ctx, p, &n, p, (int) len) == 1
          && EVP_EncryptFinal_ex(ctx, p + len, &n) == 1
          && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MCP_SEAL_TAG,
                                 p + len) == 1)
         ? MCP_OK : MCP_ERROR;

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


static int
mcp_seal_decrypt(const unsigned char *key, const char *label,
    unsigned char *nonce, size_t len)
{
    int              rc, n;
    unsigned char   *p;
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return MCP_NOMEM;
    }

    p = nonce + MCP_SEAL_NONCE;

    rc = (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1
          && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MCP_SEAL_TAG,
                                 p + len) == 1
          && EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *) label,
                               (int) strlen(label)) == 1
          && EVP_DecryptUpdate(ctx, p, &n, p, (int) len) == 1
          && EVP_DecryptFinal_ex(ctx, p + len, &n) == 1)
         ? MCP_OK : MCP_ERROR;

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


int
mcp_seal(const unsigned char key[MCP_SEAL_KEY], const char *label,
    const mcp_str_t *plain, mcp_arena_t *arena, mcp_str_t *out)
{
    int             rc;
    size_t          len, size;
    unsigned char  *text, *nonce;

    if (plain->len > MCP_SEAL_MAX) {
        return MCP_ERROR;
    }

    len = plain->len + MCP_SEAL_OVERHEAD;
    size = len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);

    text = mcp_alloc(arena, size + len);
    if (text == NULL) {
        return MCP_NOMEM;
    }

    nonce = text + size;

    if (plain->len != 0) {
        memcpy(nonce + MCP_SEAL_NONCE, plain->data, plain->len);
    }

    rc = mcp_seal_encrypt(key, label, nonce, plain->len);
    if (rc != MCP_OK) {
        return rc;
    }

    out->data = text;
    out->len = (size_t) (mcp_base64url_encode(text, nonce, len) - text);

    return MCP_OK;
}


int
mcp_unseal(const unsigned char key[MCP_SEAL_KEY], const char *label,
    const mcp_str_t *sealed, mcp_arena_t *arena, mcp_str_t *out)
{
    int             rc;
    size_t          len;
    unsigned char  *nonce;

    len = sealed->len / 4 * 3 + sealed->len % 4 * 3 / 4;

    if (len < MCP_SEAL_OVERHEAD || sealed->len > MCP_SEAL_MAX) {
        return MCP_ERROR;
    }

    nonce = mcp_alloc(arena, len);
    if (nonce == NULL) {
        return MCP_NOMEM;
    }

    if (mcp_base64url_decode(nonce, sealed->data, sealed->len) != MCP_OK) {
        return MCP_ERROR;
    }

    len -= MCP_SEAL_OVERHEAD;

    rc = mcp_seal_decrypt(key, label, nonce, len);
    if (rc != MCP_OK) {

        /* what was decrypted is nobody's: it must not be found in memory */

        OPENSSL_cleanse(nonce + MCP_SEAL_NONCE, len);
        return rc;
    }

    out->data = nonce + MCP_SEAL_NONCE;
    out->len = len;

    return MCP_OK;
}
