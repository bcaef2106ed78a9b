
/* Tokens and keys: what no corpus has.  RFC 7519, RFC 8725. */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base64url.h"
#include "jwt.h"
#include "oom.h"


#define SECRET  "a secret of thirty-two bytes or more"
#define NOW     1000000


static mcp_arena_t  *arena;


static int
setup(void **state)
{
    arena = mcp_arena_create();
    return arena == NULL;
}


static int
teardown(void **state)
{
    mcp_arena_destroy(arena);
    return 0;
}


static mcp_str_t
str(const char *text)
{
    mcp_str_t  s;

    s.len = strlen(text);
    s.data = mcp_memdup(arena, text, s.len);

    return s;
}


static mcp_str_t
token(const char *header, const char *claims)
{
    unsigned        len;
    mcp_str_t       t;
    unsigned char  *p, mac[EVP_MAX_MD_SIZE];

    t.data = mcp_alloc(arena, strlen(header) * 2 + strlen(claims) * 2 + 128);

    p = mcp_base64url_encode(t.data, (const unsigned char *) header,
                             strlen(header));
    *p++ = '.';
    p = mcp_base64url_encode(p, (const unsigned char *) claims,
                             strlen(claims));

    HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, t.data,
         (size_t) (p - t.data), mac, &len);

    *p++ = '.';
    p = mcp_base64url_encode(p, mac, len);
    t.len = (size_t) (p - t.data);

    return t;
}


/* NULL: the token is taken */

static const char *
verdict(const char *header, const char *claims, const mcp_jwt_rules_t *rules)
{
    mcp_jws_t         jws;
    mcp_jwt_t         jwt;
    mcp_str_t         t, secret;
    mcp_jwks_t        set;
    const char       *error;
    mcp_jwt_rules_t   any;
    const mcp_jwk_t  *key;

    secret = str(SECRET);
    assert_int_equal(mcp_jwks_load(&set, arena, &secret, &error), MCP_OK);

    if (rules == NULL) {
        memset(&any, 0, sizeof(any));
        any.now = NOW;
        any.leeway = 30;
        rules = &any;
    }

    t = token(header, claims);
    error = "";

    if (mcp_jws_parse(&jws, arena, &t, &error) != MCP_OK) {
        assert_true(error[0] != '\0');
        return error;
    }

    if (mcp_jws_verify(&jws, &set, MCP_ALG_DEFAULT, &key) != MCP_OK) {
        return "signature";
    }

    if (mcp_jwt_read(&jwt, arena, &jws, &error) != MCP_OK
        || mcp_jwt_check(&jwt, rules, &error) != MCP_OK)
    {
        assert_true(error[0] != '\0');
        return error;
    }

    return NULL;
}


#define header(h)  verdict(h, "{\"exp\":1000100}", NULL)
#define claims(c)  verdict("{\"alg\":\"HS256\"}", c, NULL)


static void
headers(void **state)
{
    assert_null(header("{\"alg\":\"HS256\"}"));
    assert_null(header("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    assert_null(header("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}"));
    assert_null(header("{\"alg\":\"HS256\",\"typ\":\"application/AT+JWT\"}"));
    assert_null(header("{\"alg\":\"HS256\",\"kid\":\"any\"}"));
    assert_null(header("{\"alg\":\"HS256\",\"x5t\":\"any\"}"));
    assert_null(header("{\"alg\":\"HS256\",\"cty\":\"json\"}"));

    assert_non_null(header("{\"alg\":\"none\"}"));
    assert_non_null(header("{\"alg\":\"hs256\"}"));
    assert_non_null(header("{\"alg\":\"HS256 \"}"));
    assert_non_null(header("{\"alg\":\"HS384\"}"));
    assert_non_null(header("{\"alg\":[\"HS256\"]}"));
    assert_non_null(header("{\"alg\":256}"));
    assert_non_null(header("{\"alg\":null}"));
    assert_non_null(header("{}"));
    assert_non_null(header("[]"));
    assert_non_null(header("null"));
    assert_non_null(header(""));
    assert_non_null(header("{\"alg\":\"HS256\",\"alg\":\"HS256\"}"));
    assert_non_null(header("{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"crit\":[]}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"crit\":[\"exp\"]}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"b64\":true}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"zip\":\"DEF\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"enc\":\"A128GCM\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"cty\":\"JWT\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"cty\":\"application/jwt\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"jku\":\"http://x/\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"x5u\":\"http://x/\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"x5c\":[]}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"jwk\":{}}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"kid\":1}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"typ\":1}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}"));
    assert_non_null(header("{\"alg\":\"HS256\",\"typ\":\"\"}"));
    assert_non_null(header("{\"alg\":\"HS256\"} x"));
    assert_non_null(header("{\"alg\":\"HS256\",\"a\":[[[[[[[[[]]]]]]]]]}"));
}


static void
dates(void **state)
{
    assert_null(claims("{\"exp\":1000001}"));
    assert_null(claims("{\"exp\":1000100.75}"));
    assert_null(claims("{\"exp\":999971}"));
    assert_null(claims("{\"exp\":999999999999999}"));
    assert_null(claims("{\"exp\":1000100,\"nbf\":1000030}"));
    assert_null(claims("{\"exp\":1000100,\"iat\":1000030}"));
    assert_null(claims("{\"exp\":1000100,\"iat\":0,\"nbf\":0}"));

    assert_string_equal(claims("{}"), "the token has no \"exp\"");
    assert_string_equal(claims("{\"exp\":999970}"), "the token has expired");
    assert_string_equal(claims("{\"exp\":0}"), "the token has expired");
    assert_string_equal(claims("{\"exp\":1000100,\"nbf\":1000031}"),
                        "the token is not valid yet");
    assert_string_equal(claims("{\"exp\":1000100,\"iat\":1000031}"),
                        "the token is not valid yet");

    assert_non_null(claims("{\"exp\":-1}"));
    assert_non_null(claims("{\"exp\":\"1000100\"}"));
    assert_non_null(claims("{\"exp\":1e20}"));
    assert_non_null(claims("{\"exp\":1.0e6}"));
    assert_non_null(claims("{\"exp\":1E9}"));
    assert_non_null(claims("{\"exp\":9223372036854775807}"));
    assert_non_null(claims("{\"exp\":99999999999999999999999999}"));
    assert_non_null(claims("{\"exp\":null}"));
    assert_non_null(claims("{\"exp\":true}"));
    assert_non_null(claims("{\"exp\":[1000100]}"));
    assert_non_null(claims("{\"exp\":NaN}"));
    assert_non_null(claims("{\"exp\":1000100,\"nbf\":\"0\"}"));
    assert_non_null(claims("{\"exp\":1000100,\"iat\":{}}"));
    assert_non_null(claims("{\"exp\":1000100,\"exp\":1000101}"));
    assert_non_null(claims("{\"exp\":1,\"e\\u0078p\":1000100}"));
}


static void
types(void **state)
{
    char  deep[256];

    assert_null(claims("{\"exp\":1000100,\"sub\":\"a\",\"iss\":\"b\"}"));
    assert_null(claims("{\"exp\":1000100,\"aud\":[\"a\",\"b\"]}"));
    assert_null(claims("{\"exp\":1000100,\"aud\":[]}"));

    assert_non_null(claims("{\"exp\":1000100,\"sub\":1}"));
    assert_non_null(claims("{\"exp\":1000100,\"sub\":\"\"}"));
    assert_non_null(claims("{\"exp\":1000100,\"sub\":null}"));
    assert_non_null(claims("{\"exp\":1000100,\"sub\":\"a\\u0000b\"}"));
    assert_non_null(claims("{\"exp\":1000100,\"sub\":\"a\\r\\nb\"}"));
    assert_non_null(claims("{\"exp\":1000100,\"sub\":[\"a\"]}"));
    assert_non_null(claims("{\"exp\":1000100,\"iss\":{}}"));
    assert_non_null(claims("{\"exp\":1000100,\"aud\":1}"));
    assert_non_null(claims("{\"exp\":1000100,\"aud\":[1]}"));
    assert_non_null(claims("{\"exp\":1000100,\"aud\":{\"a\":1}}"));
    assert_non_null(claims("[1000100]"));
    assert_non_null(claims("1000100"));
    assert_non_null(claims(""));
    assert_non_null(claims("{\"exp\":1000100,\"a\":\"\xff\"}"));

    memset(deep, 0, sizeof(deep));
    strcpy(deep, "{\"exp\":1000100,\"a\":");
    memset(deep + strlen(deep), '[', 40);
    memset(deep + strlen(deep), ']', 40);
    strcat(deep, "}");
    assert_non_null(claims(deep));
}


static void
rules(void **state)
{
    mcp_str_t        audience[2];
    mcp_jwt_rules_t  r;

    memset(&r, 0, sizeof(r));
    r.now = NOW;
    r.issuer = str("https://idp.example/");
    audience[0] = str("https://gw.example/mcp");
    audience[1] = str("other");
    r.audience = audience;
    r.naudience = 2;

#define ruled(iss, aud)                                                       \
    verdict("{\"alg\":\"HS256\"}",                                            \
            "{\"exp\":1000100" iss aud "}", &r)
#define ISS  ",\"iss\":\"https://idp.example/\""
#define AUD  ",\"aud\":\"https://gw.example/mcp\""

    assert_null(ruled(ISS, AUD));
    assert_null(ruled(ISS, ",\"aud\":[\"x\",\"https://gw.example/mcp\"]"));
    assert_null(ruled(ISS, ",\"aud\":[\"other\"]"));
    assert_null(ruled(",\"iss\":\"https:\\/\\/idp.example\\/\"", AUD));

    assert_non_null(ruled("", AUD));
    assert_non_null(ruled(ISS, ""));
    assert_non_null(ruled(ISS, ",\"aud\":[]"));
    assert_non_null(ruled(ISS, ",\"aud\":\"https://gw.example/mcp/\""));
    assert_non_null(ruled(ISS, ",\"aud\":\"https://gw.example/mc\""));
    assert_non_null(ruled(ISS, ",\"aud\":\"HTTPS://GW.EXAMPLE/mcp\""));
    assert_non_null(ruled(ISS, ",\"aud\":\"x https://gw.example/mcp\""));
    assert_non_null(ruled(",\"iss\":\"https://idp.example\"", AUD));
    assert_non_null(ruled(",\"iss\":\"https://idp.example//\"", AUD));
}


static uint32_t
find(const mcp_json_tape_t *tape, const char *name)
{
    mcp_str_t  s;

    s = str(name);

    return mcp_jwt_claim(tape, &s);
}


static void
names(void **state)
{
    uint32_t         node;
    mcp_str_t        text, raw;
    mcp_json_tape_t  tape;

    text = str("{\"sub\":\"s\",\"realm_access\":{\"roles\":[\"a\"]},"
               "\"clientId\":1,\"a__b\":2,\"a\":{\"b\":3,\"c_d\":{\"e\":4}},"
               "\"X\":5,\"x\":6,\"Yy\":7,\"yY\":8,"
               "\"https://e.x/r\":9,\"n\":{\"my-app.1\":{\"z\":10}},"
               "\"\":11,\"q__\":12}");

    assert_int_equal(mcp_json_tape(&tape, arena, text.data, text.len, 32),
                     MCP_OK);

#define claim_is(name, value)                                                 \
    node = find(&tape, name);                                                 \
    assert_int_not_equal(node, 0);                                            \
    raw = mcp_json_raw(&tape, node);                                          \
    assert_int_equal(raw.len, sizeof(value) - 1);                             \
    assert_memory_equal(raw.data, value, raw.len)

    claim_is("sub", "\"s\"");
    claim_is("SUB", "\"s\"");
    claim_is("realm_access__roles", "[\"a\"]");
    claim_is("clientid", "1");
    claim_is("a__b", "2");
    claim_is("a__c_d__e", "4");
    claim_is("x", "6");
    claim_is("https___e_x_r", "9");
    claim_is("n__my_app_1__z", "10");
    claim_is("q__", "12");

    assert_int_equal(find(&tape, ""), 0);
    assert_int_equal(find(&tape, "_"), 0);
    assert_int_equal(find(&tape, "__"), 0);
    assert_int_equal(find(&tape, "____"), 0);
    assert_int_equal(find(&tape, "su"), 0);
    assert_int_equal(find(&tape, "yy"), 0);
    assert_int_equal(find(&tape, "sub__a"), 0);
    assert_int_equal(find(&tape, "realm_access__"), 0);
    assert_int_equal(find(&tape, "realm_access__roles__a"), 0);
}


static int
scope(const char *text, const char *word)
{
    mcp_str_t        t, w;
    mcp_json_tape_t  tape;

    t = str(text);
    w = str(word);

    assert_int_equal(mcp_json_tape(&tape, arena, t.data, t.len, 32), MCP_OK);

    return mcp_jwt_scope(&tape, &w);
}


static void
scopes(void **state)
{
    assert_true(scope("{\"scope\":\"read\"}", "read"));
    assert_true(scope("{\"scope\":\"write read\"}", "read"));
    assert_true(scope("{\"scope\":\" write  read \"}", "read"));
    assert_true(scope("{\"scope\":[\"write\",\"read\"]}", "read"));
    assert_true(scope("{\"scp\":\"write read\"}", "read"));
    assert_true(scope("{\"scope\":\"a\",\"scp\":[\"read\"]}", "read"));

    assert_false(scope("{}", "read"));
    assert_false(scope("{\"scope\":\"\"}", "read"));
    assert_false(scope("{\"scope\":\"readonly\"}", "read"));
    assert_false(scope("{\"scope\":\"Read\"}", "read"));
    assert_false(scope("{\"scope\":\"write,read\"}", "read"));
    assert_false(scope("{\"scope\":\"write\\tread\"}", "read"));
    assert_false(scope("{\"scope\":\"*\"}", "read"));
    assert_false(scope("{\"scope\":{\"read\":true}}", "read"));
    assert_false(scope("{\"scope\":[[\"read\"]]}", "read"));
    assert_false(scope("{\"scope\":[\"write read\"]}", "read"));
    assert_false(scope("{\"Scope\":\"read\"}", "read"));
    assert_false(scope("{\"scope\":\"re\xcc\x81" "ad\"}", "read"));
}


/* --- keys ---------------------------------------------------------------- */


#define EC_X  "\"x\":\"04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY\""
#define EC_Y  "\"y\":\"UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw\""
#define EC    "\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y
#define OKP   "\"kty\":\"OKP\",\"crv\":\"Ed25519\","                          \
              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define OCT   "\"kty\":\"oct\",\"k\":"                                        \
              "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\""

#define PEM_ED                                                                \
    "-----BEGIN PUBLIC KEY-----\n"                                            \
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"          \
    "-----END PUBLIC KEY-----\n"


/* how many keys are taken; -1: none of it */

static int
load(const char *text, unsigned *algs)
{
    int          rc, n;
    mcp_str_t    s;
    mcp_jwks_t   set;
    const char  *error;

    s = str(text);
    error = NULL;

    rc = mcp_jwks_load(&set, arena, &s, &error);

    if (rc != MCP_OK) {
        assert_int_equal(rc, MCP_ERROR);
        assert_non_null(error);
        return -1;
    }

    n = (int) set.nkeys;

    if (algs) {
        *algs = set.key[0].algs;
    }

    assert_ptr_equal(mcp_jwks_find(&set, set.key[0].id), &set.key[0]);
    assert_null(mcp_jwks_find(&set, (const unsigned char *)
                                    "00000000000000000000000000000000"));

    mcp_jwks_free(&set);

    return n;
}


static void
keys(void **state)
{
    unsigned  algs;

    assert_int_equal(load("{" EC "}", &algs), 1);
    assert_int_equal(algs, MCP_ALG_ES256);
    assert_int_equal(load("{" OKP "}", &algs), 1);
    assert_int_equal(algs, MCP_ALG_EDDSA|MCP_ALG_ED25519);
    assert_int_equal(load("{" OKP ",\"alg\":\"Ed25519\"}", &algs), 1);
    assert_int_equal(algs, MCP_ALG_ED25519);
    assert_int_equal(load("{" OCT "}", &algs), 1);
    assert_int_equal(algs, MCP_ALG_HS256);
    assert_int_equal(load("{\"keys\":[{" EC "},{" OKP "}]}", NULL), 2);

    /* what is not for us, beside what is */

    assert_int_equal(load("{\"keys\":[{" EC "},{\"kty\":\"XYZ\"},1,"
                          "{" OKP ",\"use\":\"enc\"}]}", NULL), 1);
    assert_int_equal(load("{\"keys\":[{" EC ",\"kid\":\"1\"},"
                          "{" OKP ",\"kid\":\"1\"}]}", NULL), 2);

    assert_int_equal(load("{\"keys\":[]}", NULL), -1);
    assert_int_equal(load("{\"keys\":{}}", NULL), -1);
    assert_int_equal(load("{\"keys\":[{\"kty\":\"XYZ\"}]}", NULL), -1);
    assert_int_equal(load("{\"keys\":[{" EC "}],\"keys\":[]}", NULL), -1);
    assert_int_equal(load("{}", NULL), -1);
    assert_int_equal(load("{" EC, NULL), -1);
    assert_int_equal(load("[{" EC "}]", NULL), -1);
    assert_int_equal(load("\xef\xbb\xbf{" EC "}", NULL), -1);
    assert_int_equal(load("{\"keys\":[{" EC "},{" OCT "}]}", NULL), -1);
    assert_int_equal(load("{\"keys\":[{" EC ",\"kid\":\"1\"},"
                          "{" EC ",\"kid\":\"1\"}]}", NULL), -1);
    assert_int_equal(load("{" EC ",\"kid\":1}", NULL), -1);
    assert_int_equal(load("{" EC ",\"alg\":\"RS256\"}", NULL), -1);
    assert_int_equal(load("{" EC ",\"alg\":\"ES384\"}", NULL), -1);
    assert_int_equal(load("{" EC ",\"alg\":1}", NULL), -1);
    assert_int_equal(load("{" EC ",\"use\":1}", NULL), -1);
    assert_int_equal(load("{" EC ",\"key_ops\":\"verify\"}", NULL), -1);
    assert_int_equal(load("{" EC ",\"key_ops\":[]}", NULL), -1);
    assert_int_equal(load("{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "}", NULL),
                     -1);
    assert_int_equal(load("{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X ","
                          "\"y\":\"AFCPHscvgtOmuw1J4yHRDZMXhbRzOPpf-NS6hMPZ1YJ"
                          "s\"}", NULL), -1);
    assert_int_equal(load("{\"kty\":\"oct\",\"k\":\"AAEC\"}", NULL), -1);
    assert_int_equal(load("{\"kty\":\"oct\",\"k\":5}", NULL), -1);
    assert_int_equal(load("{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", NULL),
                     -1);
}


static void
files(void **state)
{
    unsigned  algs;

    assert_int_equal(load(SECRET, &algs), 1);
    assert_int_equal(algs, MCP_ALG_HS256);
    assert_int_equal(load("0123456789012345678901234567890123456789012345678",
                          &algs), 1);
    assert_int_equal(algs, MCP_ALG_HS256|MCP_ALG_HS384);
    assert_int_equal(load("thirty-one bytes are too short.", NULL), -1);
    assert_int_equal(load("", NULL), -1);

    assert_int_equal(load(PEM_ED, &algs), 1);
    assert_int_equal(algs, MCP_ALG_EDDSA|MCP_ALG_ED25519);
    assert_int_equal(load(" \n\t" PEM_ED, NULL), 1);
    assert_int_equal(load("a comment\n" PEM_ED PEM_ED, NULL), 2);

    /* what has to do with keys is no secret, whatever is wrong with it */

    assert_int_equal(load("x" PEM_ED, NULL), -1);
    assert_int_equal(load("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYA",
                          NULL), -1);
    assert_int_equal(load("-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpe"
                          "zJpGXA7rAMcrn9g\n"
                          "-----END PRIVATE KEY-----\n", NULL), -1);
    assert_int_equal(load("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                          "-----END EC PARAMETERS-----\n", NULL), -1);
}


/* A public key that everybody has is no secret for HS256. */

static void
confusion(void **state)
{
    mcp_jws_t         jws;
    mcp_str_t         s, t;
    mcp_jwks_t        set;
    const char       *error;
    const mcp_jwk_t  *key;

    s = str(PEM_ED);
    assert_int_equal(mcp_jwks_load(&set, arena, &s, &error), MCP_OK);

    t = token("{\"alg\":\"HS256\"}", "{\"exp\":1000100}");
    assert_int_equal(mcp_jws_parse(&jws, arena, &t, &error), MCP_OK);
    assert_int_equal(mcp_jws_verify(&jws, &set, MCP_ALG_DEFAULT, &key),
                     MCP_NONE);

    /* not even if the key was said to be for it */

    set.key[0].algs = MCP_ALG_DEFAULT;
    assert_int_equal(mcp_jws_verify(&jws, &set, MCP_ALG_DEFAULT, &key),
                     MCP_ERROR);

    mcp_jwks_free(&set);
}


/* Whatever allocation fails, nothing else does. */

static void
no_memory(void **state)
{
    int           rc;
    unsigned      i;
    mcp_jws_t     jws;
    mcp_jwt_t     jwt;
    mcp_str_t     set_text, t;
    mcp_jwks_t    set;
    const char   *error;
    oom_arena_t   oom;

    set_text = str("{\"keys\":[{" EC ",\"kid\":\"\\u0031\"},{" OKP "}]}");
    t = token("{\"alg\":\"HS256\",\"kid\":\"\\u0031\"}",
              "{\"exp\":1000100,\"sub\":\"\\u0031\"}");

    for (i = 0; ; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_jwks_load(&set, &oom.arena, &set_text, &error);

        if (rc == MCP_OK) {
            mcp_jwks_free(&set);
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_true(i > 3);

    for (i = 0; ; i++) {
        oom_init(&oom, arena, i);
        rc = mcp_jws_parse(&jws, &oom.arena, &t, &error);

        if (rc == MCP_OK) {
            rc = mcp_jwt_read(&jwt, &oom.arena, &jws, &error);
        }

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_true(i > 3);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(headers, setup, teardown),
        cmocka_unit_test_setup_teardown(dates, setup, teardown),
        cmocka_unit_test_setup_teardown(types, setup, teardown),
        cmocka_unit_test_setup_teardown(rules, setup, teardown),
        cmocka_unit_test_setup_teardown(names, setup, teardown),
        cmocka_unit_test_setup_teardown(scopes, setup, teardown),
        cmocka_unit_test_setup_teardown(keys, setup, teardown),
        cmocka_unit_test_setup_teardown(files, setup, teardown),
        cmocka_unit_test_setup_teardown(confusion, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory, setup, teardown)
    };

    return cmocka_run_group_tests_name("jwt", tests, NULL, NULL);
}
