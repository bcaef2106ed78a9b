
/* Reads one JWK. */


#include "base64url.h"
#include "jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>


#define MCP_JWK_VALUE_MAX  2048          /* bytes of a base64url value */


typedef struct {
    const char             *name;
    size_t                  len;
    unsigned                alg;
} mcp_alg_name_t;


#define mcp_alg_name(name, alg)  { name, sizeof(name) - 1, alg }


static const mcp_alg_name_t  mcp_alg_names[] = {
    mcp_alg_name("HS256", MCP_ALG_HS256),
    mcp_alg_name("HS384", MCP_ALG_HS384),
    mcp_alg_name("HS512", MCP_ALG_HS512),
    mcp_alg_name("RS256", MCP_ALG_RS256),
    mcp_alg_name("RS384", MCP_ALG_RS384),
    mcp_alg_name("RS512", MCP_ALG_RS512),
    mcp_alg_name("PS256", MCP_ALG_PS256),
    mcp_alg_name("PS384", MCP_ALG_PS384),
    mcp_alg_name("PS512", MCP_ALG_PS512),
    mcp_alg_name("ES256", MCP_ALG_ES256),
    mcp_alg_name("ES384", MCP_ALG_ES384),
    mcp_alg_name("ES512", MCP_ALG_ES512),
    mcp_alg_name("ES256K", MCP_ALG_ES256K),
    mcp_alg_name("EdDSA", MCP_ALG_EDDSA),
    mcp_alg_name("Ed25519", MCP_ALG_ED25519),
    mcp_alg_name("Ed448", MCP_ALG_ED448),
    { NULL, 0, 0 }
};


unsigned
mcp_alg(const mcp_str_t *name)
{
    const mcp_alg_name_t  *n;

    for (n = mcp_alg_names; n->name; n++) {
        if (n->len == name->len && memcmp(n->name, name->data, n->len) == 0) {
            return n->alg;
        }
    }

    return 0;
}


/* --- the members of a JWK ------------------------------------------------ */


/* MCP_OK, MCP_NONE (there is no such member), MCP_ERROR (no string). */

static int
mcp_jwk_string(mcp_jwk_reader_t *rd, const char *name, mcp_str_t *out)
{
    uint32_t  node;

    out->len = 0;
    out->data = NULL;

    node = mcp_json_member(rd->tape, rd->node, name, strlen(name));
    if (node == 0) {
        return MCP_NONE;
    }

    if (rd->tape->node[node].type != MCP_JSON_STRING) {
        rd->error = "a member of a key that must be a string is none";
        return MCP_ERROR;
    }

    return mcp_json_unescape(rd->tape, node, rd->arena, out);
}


static int
mcp_jwk_bytes(mcp_jwk_reader_t *rd, const char *name, mcp_str_t *out)
{
    int        rc;
    mcp_str_t  text;

    rc = mcp_jwk_string(rd, name, &text);

    if (rc == MCP_NONE || (rc == MCP_OK && text.len == 0)) {
        rd->error = "a key lacks a member";
        return MCP_ERROR;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (text.len > MCP_JWK_VALUE_MAX) {
        rd->error = "a key is too long";
        return MCP_ERROR;
    }

    out->len = mcp_base64url_decoded(text.len);
    out->data = mcp_alloc(rd->arena, out->len + 1);

    if (out->data == NULL) {
        return MCP_NOMEM;
    }

    if (mcp_base64url_decode(out->data, text.data, text.len) != MCP_OK) {
        rd->error = "a member of a key is not base64url";
        return MCP_ERROR;
    }

    return MCP_OK;
}


static EVP_PKEY *
mcp_jwk_build(const char *type, OSSL_PARAM_BLD *bld)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params != NULL
        && ctx != NULL
        && EVP_PKEY_fromdata_init(ctx) == 1
        && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


static int
mcp_jwk_read_rsa(mcp_jwk_reader_t *rd, EVP_PKEY **pkey)
{
    int              rc;
    BIGNUM          *bn, *be;
    mcp_str_t        n, e;
    OSSL_PARAM_BLD  *bld;

    rc = mcp_jwk_bytes(rd, "n", &n);

    if (rc == MCP_OK) {
        rc = mcp_jwk_bytes(rd, "e", &e);
    }

    if (rc != MCP_OK) {
        return rc;
    }

    bn = BN_bin2bn(n.data, (int) n.len, NULL);
    be = BN_bin2bn(e.data, (int) e.len, NULL);
    bld = OSSL_PARAM_BLD_new();

    if (bn != NULL
        && be != NULL
        && bld != NULL
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn) == 1
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be) == 1)
    {
        *pkey = mcp_jwk_build("RSA", bld);
    }

    OSSL_PARAM_BLD_free(bld);
    BN_free(bn);
    BN_free(be);

    return MCP_OK;
}


static int
mcp_jwk_read_ec(mcp_jwk_reader_t *rd, EVP_PKEY **pkey)
{
    int              rc;
    char            *group;
    size_t           size;
    mcp_str_t        crv, x, y;
    unsigned char   *point;
    OSSL_PARAM_BLD  *bld;

    rc = mcp_jwk_string(rd, "crv", &crv);

    if (rc == MCP_OK) {
        rc = mcp_jwk_bytes(rd, "x", &x);
    }

    if (rc == MCP_OK) {
        rc = mcp_jwk_bytes(rd, "y", &y);
    }

    if (rc != MCP_OK) {
        rd->error = "an EC key lacks a member";
        return rc == MCP_NOMEM ? rc : MCP_ERROR;
    }

    if (mcp_str_is(&crv, "P-256")) {
        group = (char *) "prime256v1";
        size = 32;

    } else if (mcp_str_is(&crv, "P-384")) {
        group = (char *) "secp384r1";
        size = 48;

    } else if (mcp_str_is(&crv, "P-521")) {
        group = (char *) "secp521r1";
        size = 66;

    } else if (mcp_str_is(&crv, "secp256k1")) {
        group = (char *) "secp256k1";
        size = 32;

    } else {
        rd->error = "the curve of an EC key is not one of tokens";
        return MCP_ERROR;
    }

    /* RFC 7518, section 6.2.1.2 */

    if (x.len != size || y.len != size) {
        rd->error = "a coordinate of an EC key is not as long as its curve";
        return MCP_ERROR;
    }

    point = mcp_alloc(rd->arena, 1 + 2 * size);
    if (point == NULL) {
        return MCP_NOMEM;
    }

    point[0] = 0x04;
    memcpy(point + 1, x.data, size);
    memcpy(point + 1 + size, y.data, size);

    bld = OSSL_PARAM_BLD_new();

    if (bld != NULL
        && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                           group, 0)
           == 1
        && OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, 1 + 2 * size)
           == 1)
    {
        *pkey = mcp_jwk_build("EC", bld);
    }

    OSSL_PARAM_BLD_free(bld);

    return MCP_OK;
}


static int
mcp_jwk_read_okp(mcp_jwk_reader_t *rd, EVP_PKEY **pkey)
{
    int        rc, type;
    mcp_str_t  crv, x;

    rc = mcp_jwk_string(rd, "crv", &crv);

    if (rc == MCP_OK) {
        rc = mcp_jwk_bytes(rd, "x", &x);
    }

    if (rc != MCP_OK) {
        rd->error = "an OKP key lacks a member";
        return rc == MCP_NOMEM ? rc : MCP_ERROR;
    }

    if (mcp_str_is(&crv, "Ed25519")) {
        type = EVP_PKEY_ED25519;

    } else if (mcp_str_is(&crv, "Ed448")) {
        type = EVP_PKEY_ED448;

    } else {
        rd->error = "the curve of an OKP key is not one of tokens";
        return MCP_ERROR;
    }

    *pkey = EVP_PKEY_new_raw_public_key(type, NULL, x.data, x.len);

    return MCP_OK;
}


/* "use", "key_ops" and "alg": each may only narrow what the key is for. */

static int
mcp_jwk_purpose(mcp_jwk_reader_t *rd, mcp_jwk_t *key)
{
    int        rc;
    uint32_t   node, i;
    unsigned   algs;
    mcp_str_t  use, alg;

    algs = key->algs;
    key->algs = 0;

    rc = mcp_jwk_string(rd, "use", &use);

    if (rc == MCP_OK && !mcp_str_is(&use, "sig")) {
        rd->error = "a key is not for signatures";
        return MCP_ERROR;
    }

    if (rc != MCP_OK && rc != MCP_NONE) {
        return rc;
    }

    node = mcp_json_get(rd->tape, rd->node, "key_ops");

    if (node != 0) {

        if (rd->tape->node[node].type != MCP_JSON_ARRAY) {
            rd->error = "\"key_ops\" of a key is no array";
            return MCP_ERROR;
        }

        for (i = mcp_json_first(rd->tape, node);
             i != 0 && i < rd->tape->node[node].next;
             i = rd->tape->node[i].next)
        {
            if (rd->tape->node[i].type == MCP_JSON_STRING
                && mcp_json_equals(rd->tape, i, "verify", 6))
            {
                break;
            }
        }

        if (i == 0 || i >= rd->tape->node[node].next) {
            rd->error = "a key is not for verifying";
            return MCP_ERROR;
        }
    }

    rc = mcp_jwk_string(rd, "alg", &alg);

    if (rc == MCP_NONE) {
        key->algs = algs;
        return MCP_OK;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    /* ES512 is often called after its curve */

    key->algs = algs & (mcp_str_is(&alg, "ES521") ? MCP_ALG_ES512
                                                  : mcp_alg(&alg));

    if (key->algs == 0) {
        rd->error = "\"alg\" of a key does not fit the key";
        return MCP_ERROR;
    }

    return MCP_OK;
}


int
mcp_jwk_read(mcp_jwk_reader_t *rd, mcp_jwk_t *key)
{
    int        rc;
    EVP_PKEY  *pkey;
    mcp_str_t  kty, k;

    memset(key, 0, sizeof(mcp_jwk_t));
    pkey = NULL;

    if (rd->tape->node[rd->node].type != MCP_JSON_OBJECT) {
        rd->error = "a key is no object";
        return MCP_ERROR;
    }

    rc = mcp_jwk_string(rd, "kid", &key->kid);

    if (rc == MCP_OK && key->kid.len > MCP_JWK_KID_MAX) {
        rd->error = "\"kid\" of a key is too long";
        return MCP_ERROR;
    }

    if (rc == MCP_OK || rc == MCP_NONE) {
        rc = mcp_jwk_string(rd, "kty", &kty);
    }

    if (rc == MCP_NONE) {
        rd->error = "a key has no \"kty\"";
        return MCP_ERROR;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (mcp_str_is(&kty, "oct")) {
        key->algs = MCP_ALG_HS;
        rc = mcp_jwk_bytes(rd, "k", &k);

        if (rc != MCP_OK) {
            return rc;
        }

        rc = mcp_jwk_secret(key, &k, &rd->error);

        return rc == MCP_OK ? mcp_jwk_purpose(rd, key) : rc;
    }

    if (mcp_str_is(&kty, "RSA")) {
        key->algs = MCP_ALG_RS|MCP_ALG_PS;
        rc = mcp_jwk_read_rsa(rd, &pkey);

    } else if (mcp_str_is(&kty, "EC")) {
        key->algs = MCP_ALG_ES;
        rc = mcp_jwk_read_ec(rd, &pkey);

    } else if (mcp_str_is(&kty, "OKP")) {
        key->algs = MCP_ALG_ED;
        rc = mcp_jwk_read_okp(rd, &pkey);

    } else {
        rd->error = "\"kty\" of a key is not known";
        return MCP_ERROR;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (pkey == NULL) {
        ERR_clear_error();
        rd->error = "a key is not valid";
        return MCP_ERROR;
    }

    rc = mcp_jwk_public(key, pkey, &rd->error);

    if (rc != MCP_OK) {
        return rc;
    }

    rc = mcp_jwk_purpose(rd, key);

    if (rc != MCP_OK) {
        EVP_PKEY_free(key->pkey);
        key->pkey = NULL;
    }

    return rc;
}
