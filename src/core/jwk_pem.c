
/* Keys as operators keep them: JWK sets, PEM, or a secret. */


#include "jwk.h"

#include <ctype.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>


static EVP_PKEY *
mcp_pem_block(const char *name, const unsigned char *der, long len,
    const char **error)
{
    X509      *x509;
    EVP_PKEY  *pkey;

    pkey = NULL;

    if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
        pkey = d2i_PUBKEY(NULL, &der, len);

    } else if (strcmp(name, PEM_STRING_RSA_PUBLIC) == 0) {
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, len);

    } else if (strcmp(name, PEM_STRING_X509) == 0) {
        x509 = d2i_X509(NULL, &der, len);
        pkey = x509 ? X509_get_pubkey(x509) : NULL;
        X509_free(x509);

    } else if (strstr(name, "PRIVATE KEY") != NULL) {
        *error = "it holds a private key: give the public one";
        return NULL;

    } else {
        *error = "a PEM block is no public key and no certificate";
        return NULL;
    }

    if (pkey == NULL) {
        *error = "a PEM block cannot be read";
    }

    return pkey;
}


static int
mcp_pem_read(mcp_jwks_t *set, BIO *bio, const char **error)
{
    int             rc;
    long            len;
    char           *name, *header;
    EVP_PKEY       *pkey;
    unsigned char  *der;

    for ( ;; ) {

        if (PEM_read_bio(bio, &name, &header, &der, &len) != 1) {

            if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
                *error = "a PEM block is broken";
                return MCP_ERROR;
            }

            if (set->nkeys == 0) {
                *error = "there is no PEM block in it";
                return MCP_ERROR;
            }

            return MCP_OK;
        }

        if (set->nkeys == MCP_JWK_KEYS_MAX) {
            *error = "there are more than 100 keys in it";
            pkey = NULL;

        } else {
            pkey = mcp_pem_block(name, der, len, error);
        }

        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);

        if (pkey == NULL) {
            return MCP_ERROR;
        }

        rc = mcp_jwk_public(&set->key[set->nkeys], pkey, error);
        if (rc != MCP_OK) {
            return rc;
        }

        set->nkeys++;
    }
}


static int
mcp_jwks_pem(mcp_jwks_t *set, mcp_arena_t *arena, const mcp_str_t *text,
    const char **error)
{
    int   rc;
    BIO  *bio;

    set->key = mcp_calloc(arena, MCP_JWK_KEYS_MAX * sizeof(mcp_jwk_t));
    if (set->key == NULL) {
        return MCP_NOMEM;
    }

    bio = BIO_new_mem_buf(text->data, (int) text->len);
    if (bio == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_pem_read(set, bio, error);

    BIO_free(bio);
    ERR_clear_error();

    if (rc != MCP_OK) {
        mcp_jwks_free(set);
    }

    return rc;
}


/* Whether it is a key in DER, with or without its algorithm. */

static int
mcp_is_der(const mcp_str_t *text)
{
    X509                 *x509;
    EVP_PKEY             *pkey;
    const unsigned char  *p;

    p = text->data;
    pkey = d2i_PUBKEY(NULL, &p, (long) text->len);

    if (pkey == NULL) {
        p = text->data;
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long) text->len);
    }

    if (pkey == NULL) {
        p = text->data;
        x509 = d2i_X509(NULL, &p, (long) text->len);
        pkey = x509 ? X509_get_pubkey(x509) : NULL;
        X509_free(x509);
    }

    ERR_clear_error();

    if (pkey == NULL) {
        return 0;
    }

    EVP_PKEY_free(pkey);

    return 1;
}


/*
 * A public key that is taken for a secret lets everybody sign who knows it: a
 * text that has to do with keys is one, or it is refused.
 */

int
mcp_jwks_load(mcp_jwks_t *set, mcp_arena_t *arena, const mcp_str_t *text,
    const char **error)
{
    size_t     i;
    mcp_str_t  rest, secret;

    static const char  begin[] = "-----BEGIN";

    memset(set, 0, sizeof(mcp_jwks_t));

    if (text->len > MCP_JWK_TEXT_MAX) {
        *error = "it is larger than 512 KiB";
        return MCP_ERROR;
    }

    /* with a byte order mark it is no JSON, but no secret either */

    i = (text->len > 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0) ? 3 : 0;

    for ( /* void */ ; i < text->len && isspace(text->data[i]); i++) {
        /* void */
    }

    if (i < text->len && (text->data[i] == '{' || text->data[i] == '[')) {
        return mcp_jwks_parse(set, arena, text, error);
    }

    rest.data = text->data + i;
    rest.len = text->len - i;

    for ( /* void */ ; i + sizeof(begin) - 1 <= text->len; i++) {
        if (memcmp(text->data + i, begin, sizeof(begin) - 1) == 0) {
            return mcp_jwks_pem(set, arena, &rest, error);
        }
    }

    if (mcp_is_der(text)) {
        *error = "it is a key in DER: convert it to PEM";
        return MCP_ERROR;
    }

    secret.len = text->len;
    secret.data = mcp_memdup(arena, text->data, text->len);
    set->key = mcp_calloc(arena, sizeof(mcp_jwk_t));

    if (secret.data == NULL || set->key == NULL) {
        return MCP_NOMEM;
    }

    if (mcp_jwk_secret(set->key, &secret, error) != MCP_OK) {
        return MCP_ERROR;
    }

    set->nkeys = 1;

    return MCP_OK;
}
