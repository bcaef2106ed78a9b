
/*
 * Tokens: JWS in its compact form (RFC 7515) and the claims of a JWT (RFC
 * 7519), as RFC 8725 wants them checked.  All that is decided here comes from
 * the keys and the rules; a token's header only picks among them.
 */


#ifndef MCP_JWT_H
#define MCP_JWT_H


#include "json.h"
#include "jwk.h"


#define MCP_JWT_MAX          16384       /* bytes of a token */
#define MCP_JWT_HEADER_MAX   4096        /* ... of its header, decoded */
#define MCP_JWT_DEPTH        32          /* of claims */
#define MCP_JWT_SUBJECT_MAX  1024


typedef struct {
    unsigned              alg;       /* one bit */
    mcp_str_t             kid;       /* data NULL: none */
    mcp_str_t             typ;       /* data NULL: none */
    mcp_str_t             input;     /* what is signed */
    mcp_str_t             payload;   /* decoded */
    mcp_str_t             signature; /* decoded */
} mcp_jws_t;


/*
 * Takes a token apart; nothing of it can be trusted yet.  MCP_OK, MCP_NOMEM,
 * or MCP_ERROR with a static *error, which may be shown to the client.
 */

int mcp_jws_parse(mcp_jws_t *jws, mcp_arena_t *arena, const mcp_str_t *token,
    const char **error) MCP_MUSTCHECK;

/* Whether the key may be used with the algorithm and did sign it. */

int mcp_jws_signed_by(const mcp_jws_t *jws, const mcp_jwk_t *key);

/*
 * Looks for the key that signed it: with a "kid" among those of that "kid" and
 * those without any, else among all; a few at most.  "allowed" are algorithms.
 *
 *   MCP_OK with *key, MCP_ERROR, or MCP_NONE: no key could have signed it
 */

int mcp_jws_verify(const mcp_jws_t *jws, const mcp_jwks_t *set,
    unsigned allowed, const mcp_jwk_t **key) MCP_MUSTCHECK;


/* --- claims -------------------------------------------------------------- */


typedef struct {
    mcp_json_tape_t       claims;
    mcp_str_t             issuer;    /* data NULL: none, so of the next */
    mcp_str_t             subject;
    int64_t               expires;   /* seconds */
    int64_t               not_before;    /* 0: any time */
} mcp_jwt_t;


typedef struct {
    int64_t               now;       /* seconds */
    int64_t               leeway;
    mcp_str_t             issuer;    /* len 0: any */
    const mcp_str_t      *audience;  /* one of these */
    unsigned              naudience; /* 0: any */
} mcp_jwt_rules_t;


/*
 * Reads the claims of a verified token; the payload must outlive them.  typ,
 * types and sizes are checked here, what they say below.
 */

int mcp_jwt_read(mcp_jwt_t *jwt, mcp_arena_t *arena, const mcp_jws_t *jws,
    const char **error) MCP_MUSTCHECK;

/* MCP_OK, or MCP_ERROR with a static *error. */

int mcp_jwt_check(const mcp_jwt_t *jwt, const mcp_jwt_rules_t *rules,
    const char **error) MCP_MUSTCHECK;

/* Only what changes with time. */

int mcp_jwt_alive(const mcp_jwt_t *jwt, int64_t now, int64_t leeway,
    const char **error) MCP_MUSTCHECK;


/*
 * The claim that a variable's name means: letters of any case, "__" goes into
 * an object, "_" is also any character that no variable can have in its name.
 * The very name goes before all others.  0: there is none, or several.
 */

uint32_t mcp_jwt_claim(const mcp_json_tape_t *claims, const mcp_str_t *name);

/*
 * Whether a value has this word: is it, is a string of words one of which it
 * is, or an array with such a string.
 */

int mcp_jwt_has(const mcp_json_tape_t *claims, uint32_t node,
    const mcp_str_t *word);

/* Whether the token was given this scope (RFC 8693, 4.2; "scp" elsewhere). */

int mcp_jwt_scope(const mcp_json_tape_t *claims, const mcp_str_t *scope);


#endif /* MCP_JWT_H */
