
/*
 * Signatures, MACs and keys that nobody here made: Wycheproof and the JOSE
 * cookbook (RFC 7520, 7797, 8037).  Each vector is a test of its own.
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include <jansson.h>

#include "jwt.h"


#define VECTORS_MAX  4000


typedef enum {
    COMPACT = 0,             /* key is a JWK or set; text a token */
    BARE,                    /* a message and its signature */
    KEY                      /* the key alone: whether it is taken */
} vector_e;


typedef struct {
    vector_e              kind;
    json_t               *key;
    const char           *text;
    const char           *msg;
    const char           *sig;
    unsigned              alg;
    int                   valid;
    int                   otherwise;
} vector_t;


static vector_t           vectors[VECTORS_MAX];
static struct CMUnitTest  tests[VECTORS_MAX];
static size_t             nvectors;
static json_t            *files[64];     /* kept to the end */
static size_t             nfiles;


/*
 * What we decide otherwise.  346 and 350 are signed with PS384 under a key that
 * says "alg": "PS256": a key is for one algorithm (RFC 8725, section 3.1).
 * 372 and 373 have a "?" in their base64url (RFC 7515, section 2).  367 and 370
 * are to be refused for a padding that they do not have: they are the very
 * bytes of 357, which is to be accepted.
 */

static const char  *const otherwise[] = {
    "json_web_signature_test 346",
    "json_web_signature_test 350",
    "json_web_signature_test 367",
    "json_web_signature_test 370",
    "json_web_signature_test 372",
    "json_web_signature_test 373",
    NULL
};


static int
unhex(const char *text, mcp_str_t *out, mcp_arena_t *arena)
{
    size_t    i;
    unsigned  byte;

    out->len = strlen(text) / 2;
    out->data = mcp_alloc(arena, out->len + 1);

    for (i = 0; i < out->len; i++) {
        if (sscanf(text + 2 * i, "%2x", &byte) != 1) {
            return -1;
        }

        out->data[i] = (unsigned char) byte;
    }

    return 0;
}


/* On heap blocks of their very size, so that a sanitizer sees overreads. */

static mcp_str_t
heap(const char *text)
{
    mcp_str_t  s;

    s.len = strlen(text);
    s.data = malloc(s.len ? s.len : 1);
    memcpy(s.data, text, s.len);

    return s;
}


static int
decide(const vector_t *v, mcp_arena_t *arena, mcp_str_t *token,
    mcp_jwks_t *set)
{
    mcp_jws_t         jws;
    const char       *error;
    const mcp_jwk_t  *key;

    switch (v->kind) {

    case KEY:
        return 1;

    case BARE:
        memset(&jws, 0, sizeof(mcp_jws_t));
        jws.alg = v->alg;

        assert_int_equal(unhex(v->msg, &jws.input, arena), 0);
        assert_int_equal(unhex(v->sig, &jws.signature, arena), 0);

        return mcp_jws_signed_by(&jws, set->key);

    default:
        return mcp_jws_parse(&jws, arena, token, &error) == MCP_OK
               && mcp_jws_verify(&jws, set, MCP_ALG_DEFAULT, &key) == MCP_OK;
    }
}


static void
run(void **state)
{
    int           ok;
    char         *text;
    vector_t     *v;
    mcp_str_t     key, token;
    mcp_jwks_t    set;
    const char   *error;
    mcp_arena_t  *arena;

    v = *state;

    arena = mcp_arena_create();
    assert_non_null(arena);

    text = json_is_string(v->key) ? strdup(json_string_value(v->key))
                                  : json_dumps(v->key, 0);
    assert_non_null(text);
    key = heap(text);
    token = heap(v->text ? v->text : "");
    free(text);

    ok = mcp_jwks_load(&set, arena, &key, &error) == MCP_OK;

    if (ok) {
        ok = decide(v, arena, &token, &set);
        mcp_jwks_free(&set);
    }

    free(key.data);
    free(token.data);
    mcp_arena_destroy(arena);

    assert_int_equal(ok, v->valid);
}


static vector_t *
add(const char *file, int id, const char *comment)
{
    char        name[256];
    vector_t   *v;
    unsigned    i;

    if (nvectors == VECTORS_MAX) {
        fprintf(stderr, "too many vectors\n");
        exit(1);
    }

    v = &vectors[nvectors];

    snprintf(name, sizeof(name), "%s %d", file, id);

    for (i = 0; otherwise[i]; i++) {
        if (strcmp(name, otherwise[i]) == 0) {
            v->otherwise = 1;
        }
    }

    snprintf(name, sizeof(name), "%s %d %s", file, id, comment ? comment : "");

    tests[nvectors].name = strdup(name);
    tests[nvectors].test_func = run;
    tests[nvectors].initial_state = v;
    nvectors++;

    return v;
}


static json_t *
load(const char *dir, const char *file)
{
    char          path[512];
    json_t       *root;
    const char   *corpora;
    json_error_t  error;

    corpora = getenv("MCP_CORPORA");

    snprintf(path, sizeof(path), "%s/%s/%s.json",
             corpora ? corpora : "../shared/corpora", dir, file);

    root = json_load_file(path, 0, &error);

    if (root == NULL) {
        fprintf(stderr, "the vectors of %s cannot be read: %s\n", path,
                error.text);
        exit(1);
    }

    files[nfiles++] = root;

    return root;
}


static const char *
string(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}


static int
is_valid(json_t *test)
{
    return strcmp(string(test, "result"), "valid") == 0;
}


/* Tokens; those that are encrypted are none to us. */

static void
wycheproof_tokens(const char *file)
{
    size_t     i, n;
    json_t    *groups, *group, *all, *test, *key, *text;
    vector_t  *v;

    groups = json_object_get(load("wycheproof", file), "testGroups");

    json_array_foreach(groups, i, group) {
        key = json_object_get(group, "public");

        if (key == NULL) {
            key = json_object_get(group, "private");
        }

        all = json_object_get(group, "tests");

        json_array_foreach(all, n, test) {
            v = add(file, (int) json_integer_value(json_object_get(test,
                                                                   "tcId")),
                    string(test, "comment"));
            v->key = key;
            v->valid = is_valid(test) != v->otherwise;

            text = json_object_get(test, "jws");

            if (text == NULL) {
                text = json_object_get(test, "jwe");
                v->valid = 0;
            }

            v->text = json_is_string(text) ? json_string_value(text)
                                           : json_dumps(text, 0);
        }
    }
}


/* A key as JWK or PEM, from what a file of primitives has. */

static json_t *
primitive_key(json_t *group, json_t *test)
{
    size_t       i;
    char        *k, *p;
    json_t      *key;
    const char  *hex;

    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    key = json_object_get(group, "publicKeyJwk");

    if (key == NULL) {
        key = json_object_get(group, "keyJwk");
    }

    if (key == NULL) {
        key = json_object_get(group, "publicKeyPem");
    }

    if (key != NULL) {
        return key;
    }

    hex = string(test, "key");
    k = calloc(1, strlen(hex) + 1);
    p = k;

    /* six bits at a time */

    for (i = 0; i < strlen(hex) * 4; i += 6) {
        unsigned  bit, value, digit;

        value = 0;

        for (bit = i; bit < i + 6; bit++) {
            digit = 0;

            if (bit / 4 < strlen(hex)) {
                sscanf(hex + bit / 4, "%1x", &digit);
            }

            value = value << 1 | ((digit >> (3 - bit % 4)) & 1);
        }

        *p++ = digits[value];
    }

    key = json_pack("{s:s,s:s}", "kty", "oct", "k", k);
    free(k);

    return key;
}


static void
wycheproof_primitive(const char *file, unsigned alg)
{
    size_t     i, n;
    json_t    *groups, *group, *all, *test;
    vector_t  *v;

    groups = json_object_get(load("wycheproof", file), "testGroups");

    json_array_foreach(groups, i, group) {
        all = json_object_get(group, "tests");

        json_array_foreach(all, n, test) {
            v = add(file, (int) json_integer_value(json_object_get(test,
                                                                   "tcId")),
                    string(test, "comment"));
            v->kind = BARE;
            v->alg = alg;
            v->key = primitive_key(group, test);
            v->msg = string(test, "msg");
            v->sig = string(test, "sig");
            v->valid = is_valid(test);

            if (v->sig == NULL) {
                v->sig = string(test, "tag");

                /* no short keys and tags (RFC 7518, section 3.2) */

                v->valid &= strlen(v->sig) == 64
                            && strlen(string(test, "key")) >= 64;
            }
        }
    }
}


static void
cookbook(const char *file, const char *key, const char *text, int valid)
{
    json_t    *root, *at;
    vector_t  *v;

    root = load("jose-cookbook", file);
    v = add(file, 0, text);

    if (text == NULL) {
        v->kind = KEY;
        v->key = root;
        v->valid = valid;
        return;
    }

    at = json_object_get(root, "sign");
    if (at == NULL) {
        at = root;
    }

    v->key = json_object_get(json_object_get(at, "input"), "key");

    if (key != NULL) {
        v->key = json_object_get(json_object_get(at, "input"), key);
    }

    if (json_is_array(v->key)) {
        v->key = json_pack("{s:O}", "keys", v->key);
    }

    if (strcmp(text, "encrypted") == 0) {
        at = json_object_get(json_object_get(root, "encrypt"), "output");
        text = "compact";

    } else {
        at = json_object_get(at, "output");
    }

    at = json_object_get(at, text);
    v->text = json_is_string(at) ? json_string_value(at)
                                 : json_dumps(at, JSON_COMPACT);
    v->valid = valid;

    if (v->key == NULL || v->text == NULL) {
        fprintf(stderr, "%s is not as expected\n", file);
        exit(1);
    }
}


static void
cookbook_all(void)
{
    unsigned  i;

    static const char  *const jwe[] = {
        "5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2",
        "5_2.key_encryption_using_rsa-oaep_with_aes-gcm",
        "5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_"
            "with_aes-gcm",
        "5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2",
        "5_6.direct_encryption_using_aes-gcm",
        "5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2",
        "5_8.key_wrap_using_aes-keywrap_with_aes-gcm",
        "5_9.compressed_content",
        "5_10.including_additional_authentication_data",
        "5_11.protecting_specific_header_fields",
        "5_12.protecting_content_only",
        "5_13.encrypting_to_multiple_recipients",
        NULL
    };

    cookbook("jws/4_1.rsa_v15_signature", NULL, "compact", 1);
    cookbook("jws/4_2.rsa-pss_signature", NULL, "compact", 1);
    cookbook("jws/4_3.ecdsa_signature", NULL, "compact", 1);
    cookbook("jws/4_4.hmac-sha2_integrity_protection", NULL, "compact", 1);
    cookbook("curve25519/jws", NULL, "compact", 1);
    cookbook("6.nesting_signatures_and_encryption", NULL, "compact", 1);

    /* without its content, with an unprotected header, encrypted */

    cookbook("jws/4_5.signature_with_detached_content", NULL, "compact", 0);
    cookbook("rfc7797/hmac-sha2_b64_false", NULL, "compact", 0);
    cookbook("rfc7797/4.2.hmac-sha2_b64_false", NULL, "json", 0);
    cookbook("6.nesting_signatures_and_encryption", NULL, "encrypted", 0);
    cookbook("curve25519/ecdh-es", NULL, "json", 0);

    /* none of them is a token in JSON */

    cookbook("jws/4_1.rsa_v15_signature", NULL, "json", 0);
    cookbook("jws/4_1.rsa_v15_signature", NULL, "json_flat", 0);
    cookbook("jws/4_2.rsa-pss_signature", NULL, "json", 0);
    cookbook("jws/4_3.ecdsa_signature", NULL, "json_flat", 0);
    cookbook("jws/4_4.hmac-sha2_integrity_protection", NULL, "json", 0);
    cookbook("jws/4_5.signature_with_detached_content", NULL, "json", 0);
    cookbook("jws/4_6.protecting_specific_header_fields", NULL, "json", 0);
    cookbook("jws/4_6.protecting_specific_header_fields", NULL, "json_flat",
             0);
    cookbook("jws/4_7.protecting_content_only", NULL, "json", 0);
    cookbook("jws/4_7.protecting_content_only", NULL, "json_flat", 0);
    cookbook("jws/4_8.multiple_signatures", NULL, "json", 0);

    cookbook("jwk/3_1.ec_public_key", NULL, NULL, 1);
    cookbook("jwk/3_2.ec_private_key", NULL, NULL, 1);
    cookbook("jwk/3_3.rsa_public_key", NULL, NULL, 1);
    cookbook("jwk/3_4.rsa_private_key", NULL, NULL, 1);
    cookbook("jwk/3_5.symmetric_key_mac_computation", NULL, NULL, 1);
    cookbook("jwk/3_6.symmetric_key_encryption", NULL, NULL, 0);

    for (i = 0; jwe[i]; i++) {
        char       file[256];
        json_t    *root, *out;
        vector_t  *v;

        snprintf(file, sizeof(file), "jwe/%s", jwe[i]);
        root = load("jose-cookbook", file);
        out = json_object_get(root, "output");

        v = add(file, 0, "");
        v->key = json_object_get(json_object_get(root, "input"), "key");
        v->valid = 0;

        if (v->key == NULL) {
            v->key = json_object();
        }

        v->text = string(out, "compact");

        if (v->text == NULL) {
            v->text = json_dumps(json_object_get(out, "json"), JSON_COMPACT);
        }
    }
}


int
main(void)
{
    wycheproof_tokens("json_web_signature_test");
    wycheproof_tokens("json_web_key_test");
    wycheproof_tokens("json_web_crypto_test");
    wycheproof_tokens("json_web_encryption_test");

    wycheproof_primitive("ecdsa_secp256r1_sha256_p1363_test", MCP_ALG_ES256);
    wycheproof_primitive("ed25519_test", MCP_ALG_EDDSA);
    wycheproof_primitive("hmac_sha256_test", MCP_ALG_HS256);
    wycheproof_primitive("rsa_pss_2048_sha256_mgf1_32_test", MCP_ALG_PS256);
    wycheproof_primitive("rsa_signature_2048_sha256_test", MCP_ALG_RS256);

    cookbook_all();

    return _cmocka_run_group_tests("jwt_vectors", tests, nvectors, NULL, NULL);
}
