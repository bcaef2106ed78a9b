
/* Sets of JWKs. */


#include "jwk.h"

#include <openssl/evp.h>


#define MCP_JWK_DEPTH  16


/* Which "kid" was there, also of a key that is left out as malformed. */

typedef struct {
    mcp_str_t               kid;
    unsigned                algs;
} mcp_jwk_seen_t;


void
mcp_jwks_free(mcp_jwks_t *set)
{
    unsigned  i;

    for (i = 0; i < set->nkeys; i++) {
        EVP_PKEY_free(set->key[i].pkey);
        set->key[i].pkey = NULL;
    }

    set->nkeys = 0;
}


const mcp_jwk_t *
mcp_jwks_find(const mcp_jwks_t *set, const unsigned char id[MCP_JWK_ID])
{
    unsigned  i;

    for (i = 0; i < set->nkeys; i++) {
        if (memcmp(set->key[i].id, id, MCP_JWK_ID) == 0) {
            return &set->key[i];
        }
    }

    return NULL;
}


static const char *
mcp_jwks_check(const mcp_jwks_t *set)
{
    unsigned  i;

    if (set->nkeys == 0) {
        return set->reason ? set->reason : "there is no key in it";
    }

    for (i = 1; i < set->nkeys; i++) {
        if ((set->key[i].pkey == NULL) != (set->key[0].pkey == NULL)) {
            return "secrets stand together with public keys";
        }
    }

    return NULL;
}


/* A "kid" may stand for several keys, but of different kinds (RFC 7517, 4.5) */

static int
mcp_jwks_twice(mcp_jwk_seen_t *seen, unsigned *n, const mcp_jwk_t *key)
{
    unsigned  i;

    if (key->kid.data == NULL) {
        return 0;
    }

    for (i = 0; i < *n; i++) {
        if ((seen[i].algs & key->algs)
            && seen[i].kid.len == key->kid.len
            && memcmp(seen[i].kid.data, key->kid.data, key->kid.len) == 0)
        {
            return 1;
        }
    }

    seen[*n].kid = key->kid;
    seen[*n].algs = key->algs;
    (*n)++;

    return 0;
}


static int
mcp_jwks_members(mcp_jwks_t *set, mcp_jwk_reader_t *rd, uint32_t keys,
    const char **error)
{
    int                     rc;
    uint32_t                end;
    unsigned                nseen;
    mcp_jwk_t               key;
    mcp_jwk_seen_t         *seen;
    const mcp_json_node_t  *node;

    node = &rd->tape->node[keys];

    if (node->type != MCP_JSON_ARRAY) {
        *error = "\"keys\" is no array";
        return MCP_ERROR;
    }

    if (node->count > MCP_JWK_KEYS_MAX) {
        *error = "there are more than 100 keys in it";
        return MCP_ERROR;
    }

    set->key = mcp_calloc(rd->arena, (node->count + 1) * sizeof(mcp_jwk_t));
    seen = mcp_calloc(rd->arena, (node->count + 1) * sizeof(mcp_jwk_seen_t));

    if (set->key == NULL || seen == NULL) {
        return MCP_NOMEM;
    }

    nseen = 0;
    end = node->next;
    rd->node = mcp_json_first(rd->tape, keys);

    while (rd->node != 0 && rd->node < end) {

        rc = mcp_jwk_read(rd, &key);

        switch (rc) {

        case MCP_OK:
            set->key[set->nkeys++] = key;
            break;

        case MCP_ERROR:
            set->ignored++;
            set->reason = rd->error;
            break;

        default:
            return rc;
        }

        if (mcp_jwks_twice(seen, &nseen, &key)) {
            *error = "two keys have the same \"kid\"";
            return MCP_ERROR;
        }

        rd->node = rd->tape->node[rd->node].next;
    }

    return MCP_OK;
}


static int
mcp_jwks_read(mcp_jwks_t *set, mcp_jwk_reader_t *rd, const char **error)
{
    int       rc;
    uint32_t  keys;

    if (rd->tape->node[0].type != MCP_JSON_OBJECT) {
        *error = "it is no object";
        return MCP_ERROR;
    }

    keys = mcp_json_get(rd->tape, 0, "keys");

    if (keys != 0) {
        return mcp_jwks_members(set, rd, keys, error);
    }

    if (mcp_json_get(rd->tape, 0, "kty") == 0) {
        *error = "it has no \"keys\"";
        return MCP_ERROR;
    }

    set->key = mcp_calloc(rd->arena, sizeof(mcp_jwk_t));
    if (set->key == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_jwk_read(rd, set->key);

    if (rc == MCP_OK) {
        set->nkeys = 1;
        return MCP_OK;
    }

    *error = rd->error;

    return rc;
}


int
mcp_jwks_parse(mcp_jwks_t *set, mcp_arena_t *arena, const mcp_str_t *text,
    const char **error)
{
    int               rc;
    mcp_json_tape_t   tape;
    mcp_jwk_reader_t  rd;

    memset(set, 0, sizeof(mcp_jwks_t));

    if (text->len > MCP_JWK_TEXT_MAX) {
        *error = "it is larger than 512 KiB";
        return MCP_ERROR;
    }

    rc = mcp_json_tape(&tape, arena, text->data, text->len, MCP_JWK_DEPTH);

    if (rc != MCP_OK) {
        *error = "it is not JSON";
        return rc;
    }

    memset(&rd, 0, sizeof(mcp_jwk_reader_t));
    rd.tape = &tape;
    rd.arena = arena;

    rc = mcp_jwks_read(set, &rd, error);

    if (rc == MCP_OK) {
        *error = mcp_jwks_check(set);

        if (*error == NULL) {
            return MCP_OK;
        }

        rc = MCP_ERROR;
    }

    mcp_jwks_free(set);

    return rc;
}
