
/* Sealed strings: AES-256-GCM under a random nonce, as base64url text. */


#include "base64url.h"
#include "seal.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define MCP_SEAL_NONCE  12
#define MCP_SEAL_TAG    16

/* Longer text is refused: EVP takes the length as an int. */

#define MCP_SEAL_MAX    (INT_MAX / 4)


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
