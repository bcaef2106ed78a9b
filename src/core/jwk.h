
/*
 * Keys that verify tokens: JWK sets (RFC 7517, 7518, 8037), PEM and raw
 * secrets.  A key is bound to what it may be used with when it is read, so
 * that no token can choose (RFC 8725, sections 3.1 and 3.2).
 */


#ifndef MCP_JWK_H
#define MCP_JWK_H


#include "json.h"


#define MCP_JWK_ID         32
#define MCP_JWK_KEYS_MAX   100           /* keys of one set */
#define MCP_JWK_TEXT_MAX   (512 * 1024)  /* bytes of one */
#define MCP_JWK_KID_MAX    256
#define MCP_JWK_SECRET_MAX 1024


/* Algorithms (RFC 7518, 8037, 8812, 9864), each a bit. */

#define MCP_ALG_HS256      0x0001
#define MCP_ALG_HS384      0x0002
#define MCP_ALG_HS512      0x0004
#define MCP_ALG_RS256      0x0008
#define MCP_ALG_RS384      0x0010
#define MCP_ALG_RS512      0x0020
#define MCP_ALG_PS256      0x0040
#define MCP_ALG_PS384      0x0080
#define MCP_ALG_PS512      0x0100
#define MCP_ALG_ES256      0x0200
#define MCP_ALG_ES384      0x0400
#define MCP_ALG_ES512      0x0800
#define MCP_ALG_ES256K     0x1000
#define MCP_ALG_EDDSA      0x2000
#define MCP_ALG_ED25519    0x4000
#define MCP_ALG_ED448      0x8000

#define MCP_ALG_HS  (MCP_ALG_HS256|MCP_ALG_HS384|MCP_ALG_HS512)
#define MCP_ALG_RS  (MCP_ALG_RS256|MCP_ALG_RS384|MCP_ALG_RS512)
#define MCP_ALG_PS  (MCP_ALG_PS256|MCP_ALG_PS384|MCP_ALG_PS512)
#define MCP_ALG_ES                                                            \
    (MCP_ALG_ES256|MCP_ALG_ES384|MCP_ALG_ES512|MCP_ALG_ES256K)
#define MCP_ALG_ED  (MCP_ALG_EDDSA|MCP_ALG_ED25519|MCP_ALG_ED448)

/* secp256k1 is for those who ask for it */

#define MCP_ALG_DEFAULT    (0xffff & ~MCP_ALG_ES256K)


/* The algorithm of that name, in its very letters; 0: there is none. */

unsigned mcp_alg(const mcp_str_t *name);


typedef struct {
    mcp_str_t             kid;       /* data NULL: it has none */
    unsigned              algs;      /* it may be used with; never 0 */
    void                 *pkey;      /* EVP_PKEY; NULL: the secret counts */
    mcp_str_t             secret;
    unsigned char         id[MCP_JWK_ID];    /* a digest of the key */
} mcp_jwk_t;


typedef struct {
    mcp_jwk_t            *key;
    unsigned              nkeys;
    unsigned              ignored;   /* keys that cannot be used */
    const char           *reason;    /* why the last of them cannot */
} mcp_jwks_t;


/*
 * A JWK set, or one JWK.  Keys of another kind or for another use, weak and
 * malformed ones are left out (RFC 7517, section 5); a set is refused that is
 * left with none, holds the same "kid" twice for one algorithm, or secrets
 * together with public keys.  *error is static.
 *
 *   MCP_OK, MCP_NOMEM, or MCP_ERROR; then there is nothing to free
 */

int mcp_jwks_parse(mcp_jwks_t *set, mcp_arena_t *arena, const mcp_str_t *text,
    const char **error) MCP_MUSTCHECK;

/*
 * What an operator gives: JSON, PEM (public keys, certificates), or else a
 * secret.  What looks like a key is never taken for a secret.
 */

int mcp_jwks_load(mcp_jwks_t *set, mcp_arena_t *arena, const mcp_str_t *text,
    const char **error) MCP_MUSTCHECK;

/* The key of that id; NULL: it is not in the set. */

const mcp_jwk_t *mcp_jwks_find(const mcp_jwks_t *set,
    const unsigned char id[MCP_JWK_ID]);

/* Frees what does not come from the arena. */

void mcp_jwks_free(mcp_jwks_t *set);


/* --- of jwk*.c ----------------------------------------------------------- */


typedef struct {
    const mcp_json_tape_t  *tape;
    uint32_t                node;    /* the JWK */
    mcp_arena_t            *arena;
    const char             *error;
} mcp_jwk_reader_t;


/*
 * The JWK at rd->node.  MCP_OK, MCP_NOMEM, or MCP_ERROR with rd->error; then
 * kid and algs are those that it would have had, as far as they are known.
 */

int mcp_jwk_read(mcp_jwk_reader_t *rd, mcp_jwk_t *key) MCP_MUSTCHECK;

/*
 * The checks and the id that every key gets; pkey becomes the key's own in
 * any case.  MCP_OK, or MCP_ERROR.
 */

int mcp_jwk_public(mcp_jwk_t *key, void *pkey, const char **error)
    MCP_MUSTCHECK;
int mcp_jwk_secret(mcp_jwk_t *key, const mcp_str_t *secret,
    const char **error) MCP_MUSTCHECK;


#endif /* MCP_JWK_H */
