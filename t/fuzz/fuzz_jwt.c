
/*
 * Tokens and keys of any make.  The first byte says what the rest is; nothing
 * that was not signed may pass.
 */


#include <stdlib.h>

#include "jwt.h"


#define check(what)  do { if (!(what)) { abort(); } } while (0)


static void
try_claims(const mcp_str_t *payload, mcp_arena_t *arena)
{
    mcp_jws_t        jws;
    mcp_jwt_t        jwt;
    mcp_str_t        word;
    const char      *error;
    mcp_jwt_rules_t  rules;

    memset(&jws, 0, sizeof(mcp_jws_t));
    memset(&rules, 0, sizeof(mcp_jwt_rules_t));
    jws.payload = *payload;

    if (mcp_jwt_read(&jwt, arena, &jws, &error) != MCP_OK) {
        return;
    }

    mcp_str_set(&word, "a__b_c__d");
    rules.now = 1000000;
    rules.issuer = word;
    rules.audience = &word;
    rules.naudience = 1;

    check(jwt.subject.len <= MCP_JWT_SUBJECT_MAX);
    check(jwt.expires >= 0);

    (void) !mcp_jwt_check(&jwt, &rules, &error);
    check(mcp_jwt_claim(&jwt.claims, &word) < jwt.claims.nodes);

    /* a claim can also be named by what is in the token */

    check(mcp_jwt_claim(&jwt.claims, payload) < jwt.claims.nodes);
    (void) mcp_jwt_scope(&jwt.claims, &word);
}


static void
try_keys(const mcp_str_t *text, mcp_arena_t *arena)
{
    unsigned     i;
    mcp_jwks_t   set;
    const char  *error;

    error = NULL;

    if (mcp_jwks_load(&set, arena, text, &error) != MCP_OK) {
        check(error != NULL);
        return;
    }

    check(set.nkeys > 0 && set.nkeys <= MCP_JWK_KEYS_MAX);

    for (i = 0; i < set.nkeys; i++) {
        check(set.key[i].algs != 0);
        check((set.key[i].pkey == NULL)
              == ((set.key[i].algs & ~MCP_ALG_HS) == 0));
        check(mcp_jwks_find(&set, set.key[i].id) != NULL);
    }

    mcp_jwks_free(&set);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    mcp_jws_t         jws;
    mcp_str_t         text, secret;
    mcp_jwks_t        set;
    const char       *error;
    mcp_arena_t      *arena;
    const mcp_jwk_t  *key;

    if (size == 0) {
        return 0;
    }

    arena = mcp_arena_create();
    check(arena != NULL);

    text.data = (unsigned char *) data + 1;
    text.len = size - 1;

    switch (data[0] % 3) {

    case 0:
        mcp_str_set(&secret, "a key that nobody else has a copy of");
        check(mcp_jwks_load(&set, arena, &secret, &error) == MCP_OK);

        if (mcp_jws_parse(&jws, arena, &text, &error) == MCP_OK) {
            check(mcp_jws_verify(&jws, &set, MCP_ALG_DEFAULT, &key) != MCP_OK);
        }

        mcp_jwks_free(&set);
        break;

    case 1:
        try_keys(&text, arena);
        break;

    default:
        try_claims(&text, arena);
        break;
    }

    mcp_arena_destroy(arena);

    return 0;
}
