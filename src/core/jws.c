
/* JWS, compact serialization (RFC 7515), verified with OpenSSL. */


#include "base64url.h"
#include "jwt.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>


#define MCP_JWS_HEADER_DEPTH  8
#define MCP_JWS_TRIES         8          /* keys, for a token without "kid" */
#define MCP_JWS_EC_MAX        66         /* bytes of a number of P-521 */


static int
mcp_jws_decode(mcp_arena_t *arena, const mcp_str_t *text, mcp_str_t *out)
{
    out->len = mcp_base64url_decoded(text->len);
    out->data = mcp_alloc(arena, out->len + 1);

    if (out->data == NULL) {
        return MCP_NOMEM;
    }

    return mcp_base64url_decode(out->data, text->data, text->len);
}


/* A string of the header; data NULL: it has none. */

static int
mcp_jws_string(const mcp_json_tape_t *tape, mcp_arena_t *arena,
    const char *name, mcp_str_t *out)
{
    uint32_t  node;

    node = mcp_json_member(tape, 0, name, strlen(name));

    if (node == 0) {
        return MCP_OK;
    }

    if (tape->node[node].type != MCP_JSON_STRING) {
        return MCP_ERROR;
    }

    return mcp_json_unescape(tape, node, arena, out);
}


/*
 * Members that make a token something else than a plain signature under a key
 * that we have: what must be understood (RFC 7515, section 4.1.11), compressed
 * and encrypted content, payloads that are not base64url (RFC 7797), keys that
 * the token brings along or names the place of (RFC 8725, section 3.10).
 */

static const char *
mcp_jws_refused(const mcp_json_tape_t *tape)
{
    unsigned  i;

    static const char *const  names[] = {
        "crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"
    };

    static const char *const  errors[] = {
        "the token has critical extensions",
        "the payload of the token is not base64url",
        "the token is compressed",
        "the token is encrypted",
        "the token brings a key along",
        "the token names the place of a key",
        "the token names the place of a key",
        "the token brings a key along"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mcp_json_member(tape, 0, names[i], strlen(names[i])) != 0) {
            return errors[i];
        }
    }

    return NULL;
}


/* "application/" may be left out where no other slash is (RFC 7515, 4.1.9) */

static mcp_str_t
mcp_media_type(const mcp_str_t *type)
{
    size_t     i;
    mcp_str_t  rest;

    static const char  prefix[] = "application/";

    rest = *type;

    if (rest.len < sizeof(prefix) - 1) {
        return rest;
    }

    for (i = 0; i < sizeof(prefix) - 1; i++) {
        if ((rest.data[i] | 0x20) != (prefix[i] | 0x20)) {
            return rest;
        }
    }

    rest.data += sizeof(prefix) - 1;
    rest.len -= sizeof(prefix) - 1;

    return rest;
}


static int
mcp_jws_header(mcp_jws_t *jws, mcp_arena_t *arena, const mcp_str_t *text,
    const char **error)
{
    int              rc;
    mcp_str_t        alg, cty;
    mcp_json_tape_t  tape;

    rc = mcp_json_tape(&tape, arena, text->data, text->len,
                       MCP_JWS_HEADER_DEPTH);
    if (rc != MCP_OK) {
        *error = "the header of the token is not JSON";
        return rc;
    }

    if (tape.node[0].type != MCP_JSON_OBJECT) {
        *error = "the header of the token is no object";
        return MCP_ERROR;
    }

    *error = mcp_jws_refused(&tape);

    if (*error) {
        return MCP_ERROR;
    }

    memset(&alg, 0, sizeof(mcp_str_t));
    memset(&cty, 0, sizeof(mcp_str_t));

    rc = mcp_jws_string(&tape, arena, "alg", &alg);

    if (rc == MCP_OK) {
        rc = mcp_jws_string(&tape, arena, "kid", &jws->kid);
    }

    if (rc == MCP_OK) {
        rc = mcp_jws_string(&tape, arena, "typ", &jws->typ);
    }

    if (rc == MCP_OK) {
        rc = mcp_jws_string(&tape, arena, "cty", &cty);
    }

    if (rc != MCP_OK) {
        *error = "a member of the token's header is no string";
        return rc;
    }

    jws->alg = mcp_alg(&alg);

    if (jws->alg == 0) {
        *error = "the algorithm of the token is not known";
        return MCP_ERROR;
    }

    if (jws->kid.len > MCP_JWK_KID_MAX) {
        *error = "\"kid\" of the token is too long";
        return MCP_ERROR;
    }

    cty = mcp_media_type(&cty);

    if (cty.len == 3 && (cty.data[0] | 0x20) == 'j'
        && (cty.data[1] | 0x20) == 'w' && (cty.data[2] | 0x20) == 't')
    {
        *error = "the token is nested";
        return MCP_ERROR;
    }

    if (jws->typ.data != NULL) {
        jws->typ = mcp_media_type(&jws->typ);
    }

    return MCP_OK;
}


int
mcp_jws_parse(mcp_jws_t *jws, mcp_arena_t *arena, const mcp_str_t *token,
    const char **error)
{
    int             rc;
    mcp_str_t       part[3], header;
    unsigned        n;
    unsigned char  *p, *end, *dot;

    memset(jws, 0, sizeof(mcp_jws_t));

    if (token->len > MCP_JWT_MAX) {
        *error = "the token is too long";
        return MCP_ERROR;
    }

    p = token->data;
    end = p + token->len;

    for (n = 0; n < 3; n++) {
        dot = (p < end) ? memchr(p, '.', (size_t) (end - p)) : NULL;

        if ((dot != NULL) != (n < 2)) {
            *error = "the token has not three parts";
            return MCP_ERROR;
        }

        part[n].data = p;
        part[n].len = (size_t) ((dot ? dot : end) - p);
        p = dot ? dot + 1 : end;
    }

    if (part[0].len > mcp_base64url_encoded(MCP_JWT_HEADER_MAX)) {
        *error = "the header of the token is too long";
        return MCP_ERROR;
    }

    if (part[2].len == 0) {
        *error = "the token is not signed";
        return MCP_ERROR;
    }

    rc = mcp_jws_decode(arena, &part[0], &header);

    if (rc == MCP_OK) {
        rc = mcp_jws_decode(arena, &part[1], &jws->payload);
    }

    if (rc == MCP_OK) {
        rc = mcp_jws_decode(arena, &part[2], &jws->signature);
    }

    if (rc != MCP_OK) {
        *error = "the token is not base64url";
        return rc;
    }

    jws->input.data = token->data;
    jws->input.len = (size_t) (part[2].data - 1 - token->data);

    return mcp_jws_header(jws, arena, &header, error);
}


/* --- signatures ---------------------------------------------------------- */


static const EVP_MD *
mcp_jws_hash(unsigned alg)
{
    if (alg & (MCP_ALG_HS256|MCP_ALG_RS256|MCP_ALG_PS256|MCP_ALG_ES256
               |MCP_ALG_ES256K))
    {
        return EVP_sha256();
    }

    if (alg & (MCP_ALG_HS384|MCP_ALG_RS384|MCP_ALG_PS384|MCP_ALG_ES384)) {
        return EVP_sha384();
    }

    return EVP_sha512();
}


static int
mcp_jws_hmac(const mcp_jws_t *jws, const mcp_jwk_t *key)
{
    unsigned       len;
    unsigned char  mac[EVP_MAX_MD_SIZE];

    if (HMAC(mcp_jws_hash(jws->alg), key->secret.data, (int) key->secret.len,
             jws->input.data, jws->input.len, mac, &len)
        == NULL)
    {
        return 0;
    }

    return jws->signature.len == len
           && CRYPTO_memcmp(mac, jws->signature.data, len) == 0;
}


static int
mcp_jws_digest(const mcp_jws_t *jws, EVP_PKEY *pkey, const unsigned char *sig,
    size_t len)
{
    int            rc;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;
    const EVP_MD  *md;

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return 0;
    }

    md = (jws->alg & MCP_ALG_ED)
         ? NULL : mcp_jws_hash(jws->alg);

    rc = EVP_DigestVerifyInit(ctx, &pctx, md, NULL, pkey);

    if (rc == 1 && (jws->alg & MCP_ALG_RS)) {
        rc = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING);
    }

    if (rc == 1 && (jws->alg & MCP_ALG_PS)) {

        /* RFC 7518, section 3.5: MGF1 and the salt are of the hash */

        rc = EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, md) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST)
                == 1;
    }

    if (rc == 1) {
        rc = EVP_DigestVerify(ctx, sig, len, jws->input.data, jws->input.len);
    }

    EVP_MD_CTX_free(ctx);

    return rc == 1;
}


/* R and S side by side (RFC 7518, section 3.4), which OpenSSL wants in DER */

static int
mcp_jws_ecdsa(const mcp_jws_t *jws, EVP_PKEY *pkey)
{
    int             len, ok;
    size_t          size;
    BIGNUM         *r, *s;
    ECDSA_SIG      *sig;
    unsigned char  *p, der[2 * MCP_JWS_EC_MAX + 16];

    size = ((size_t) EVP_PKEY_get_bits(pkey) + 7) / 8;

    if (size > MCP_JWS_EC_MAX || jws->signature.len != 2 * size) {
        return 0;
    }

    r = BN_bin2bn(jws->signature.data, (int) size, NULL);
    s = BN_bin2bn(jws->signature.data + size, (int) size, NULL);
    sig = ECDSA_SIG_new();

    if (r == NULL || s == NULL || sig == NULL
        || ECDSA_SIG_set0(sig, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(sig);
        return 0;
    }

    p = der;
    len = i2d_ECDSA_SIG(sig, NULL);

    ok = len > 0
         && (size_t) len <= sizeof(der)
         && i2d_ECDSA_SIG(sig, &p) == len
         && mcp_jws_digest(jws, pkey, der, (size_t) len);

    ECDSA_SIG_free(sig);

    return ok;
}


int
mcp_jws_signed_by(const mcp_jws_t *jws, const mcp_jwk_t *key)
{
    int  ok;

    if ((key->algs & jws->alg) == 0) {
        return 0;
    }

    if (jws->alg & MCP_ALG_HS) {
        return key->pkey == NULL && mcp_jws_hmac(jws, key);
    }

    if (key->pkey == NULL) {
        return 0;
    }

    if (jws->alg & (MCP_ALG_RS|MCP_ALG_PS)) {
        ok = jws->signature.len == (size_t) EVP_PKEY_get_size(key->pkey)
             && mcp_jws_digest(jws, key->pkey, jws->signature.data,
                               jws->signature.len);

    } else if (jws->alg & MCP_ALG_ED) {
        ok = mcp_jws_digest(jws, key->pkey, jws->signature.data,
                            jws->signature.len);

    } else {
        ok = mcp_jws_ecdsa(jws, key->pkey);
    }

    /* a worker would find what is left here in its TLS connections */

    ERR_clear_error();

    return ok;
}


int
mcp_jws_verify(const mcp_jws_t *jws, const mcp_jwks_t *set, unsigned allowed,
    const mcp_jwk_t **key)
{
    unsigned          i, tries;
    const mcp_jwk_t  *k;

    if ((jws->alg & allowed) == 0) {
        return MCP_ERROR;
    }

    tries = 0;

    for (i = 0; i < set->nkeys && tries < MCP_JWS_TRIES; i++) {
        k = &set->key[i];

        if ((k->algs & jws->alg) == 0) {
            continue;
        }

        if (jws->kid.data != NULL
            && k->kid.data != NULL
            && (k->kid.len != jws->kid.len
                || memcmp(k->kid.data, jws->kid.data, jws->kid.len) != 0))
        {
            continue;
        }

        tries++;

        if (mcp_jws_signed_by(jws, k)) {
            *key = k;
            return MCP_OK;
        }
    }

    return tries ? MCP_ERROR : MCP_NONE;
}
