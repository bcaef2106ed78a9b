
/* One key: what it may be used with, whether it is sound, and its id. */


#include "jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/x509.h>


#define MCP_RSA_BITS_MIN  2048           /* RFC 7518, section 3.3 */
#define MCP_RSA_BITS_MAX  8192           /* what a token may cost */


/*
 * Keys of the Infineon library (CVE-2017-15361) have moduli that are powers of
 * 65537 modulo each of these primes; others have that by chance once in 2^150.
 */

static int
mcp_rsa_roca(const BIGNUM *n)
{
    unsigned  i;
    BN_ULONG  p, power, rest;

    static const unsigned char  primes[] = {
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67,
        71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
        149, 151, 157, 163, 167
    };

    for (i = 0; i < sizeof(primes); i++) {
        p = primes[i];
        rest = BN_mod_word(n, p);
        power = 1;

        do {
            if (power == rest) {
                break;
            }

            power = power * 65537 % p;
        } while (power != 1);

        if (power != rest) {
            return 0;
        }
    }

    return 1;
}


static const char *
mcp_jwk_rsa(mcp_jwk_t *key, EVP_PKEY *pkey)
{
    int          bits;
    BIGNUM      *n, *e;
    const char  *error;

    n = NULL;
    e = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1
        || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
    {
        BN_free(n);
        return "an RSA key cannot be read";
    }

    bits = BN_num_bits(n);

    if (bits < MCP_RSA_BITS_MIN) {
        error = "an RSA key has less than 2048 bits";

    } else if (bits > MCP_RSA_BITS_MAX) {
        error = "an RSA key has more than 8192 bits";

    } else if (!BN_is_odd(n)) {
        error = "the modulus of an RSA key is even";

    } else if (!BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64) {
        error = "the exponent of an RSA key is not an odd number from 3 to "
                "2^64";

    } else if (mcp_rsa_roca(n)) {
        error = "an RSA key can be factored (CVE-2017-15361)";

    } else {
        error = NULL;
        key->algs = MCP_ALG_RS|MCP_ALG_PS;
    }

    BN_free(n);
    BN_free(e);

    return error;
}


static const char *
mcp_jwk_ec(mcp_jwk_t *key, EVP_PKEY *pkey)
{
    int            ok;
    char           group[32];
    EVP_PKEY_CTX  *ctx;

    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                       sizeof(group), NULL)
        != 1)
    {
        return "the curve of an EC key is not known";
    }

    if (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0) {
        key->algs = MCP_ALG_ES256;

    } else if (strcmp(group, "secp384r1") == 0 || strcmp(group, "P-384") == 0) {
        key->algs = MCP_ALG_ES384;

    } else if (strcmp(group, "secp521r1") == 0 || strcmp(group, "P-521") == 0) {
        key->algs = MCP_ALG_ES512;

    } else if (strcmp(group, "secp256k1") == 0) {
        key->algs = MCP_ALG_ES256K;

    } else {
        return "the curve of an EC key is not one of tokens";
    }

    ctx = EVP_PKEY_CTX_new(pkey, NULL);
    if (ctx == NULL) {
        return "out of memory";
    }

    ok = (EVP_PKEY_public_check(ctx) == 1);

    EVP_PKEY_CTX_free(ctx);

    return ok ? NULL : "an EC key is not a point of its curve";
}


static int
mcp_jwk_id(mcp_jwk_t *key)
{
    int             len;
    unsigned char  *der;

    der = NULL;

    len = i2d_PUBKEY(key->pkey, &der);
    if (len <= 0) {
        return MCP_ERROR;
    }

    SHA256(der, (size_t) len, key->id);
    OPENSSL_free(der);

    return MCP_OK;
}


int
mcp_jwk_public(mcp_jwk_t *key, void *pkey, const char **error)
{
    const char  *why;

    switch (EVP_PKEY_get_base_id(pkey)) {

    case EVP_PKEY_RSA:
        why = mcp_jwk_rsa(key, pkey);
        break;

    case EVP_PKEY_EC:
        why = mcp_jwk_ec(key, pkey);
        break;

    case EVP_PKEY_ED25519:
        key->algs = MCP_ALG_EDDSA|MCP_ALG_ED25519;
        why = NULL;
        break;

    case EVP_PKEY_ED448:
        key->algs = MCP_ALG_EDDSA|MCP_ALG_ED448;
        why = NULL;
        break;

    default:
        why = "a key is of a kind that signs no tokens";
        break;
    }

    key->pkey = pkey;

    if (why == NULL && mcp_jwk_id(key) != MCP_OK) {
        why = "out of memory";
    }

    /* a worker would find what is left here in its TLS connections */

    ERR_clear_error();

    if (why == NULL) {
        return MCP_OK;
    }

    EVP_PKEY_free(pkey);
    key->pkey = NULL;
    *error = why;

    return MCP_ERROR;
}


int
mcp_jwk_secret(mcp_jwk_t *key, const mcp_str_t *secret, const char **error)
{
    static const unsigned char  label[] = "key id";

    /* RFC 7518, section 3.2: a key as long as the hash, or longer */

    if (secret->len < 32) {
        *error = "a secret has less than 32 bytes";
        return MCP_ERROR;
    }

    if (secret->len > MCP_JWK_SECRET_MAX) {
        *error = "a secret has more than 1024 bytes";
        return MCP_ERROR;
    }

    key->algs = MCP_ALG_HS256;

    if (secret->len >= 48) {
        key->algs |= MCP_ALG_HS384;
    }

    if (secret->len >= 64) {
        key->algs |= MCP_ALG_HS512;
    }

    key->pkey = NULL;
    key->secret = *secret;

    /* not a plain digest: the id lies in shared memory */

    if (HMAC(EVP_sha256(), secret->data, (int) secret->len, label,
             sizeof(label) - 1, key->id, NULL)
        == NULL)
    {
        *error = "out of memory";
        return MCP_ERROR;
    }

    return MCP_OK;
}
