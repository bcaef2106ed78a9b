
/* The claims of a token (RFC 7519). */


#include "jwt.h"


#define MCP_CLAIM_LEVELS  8              /* that a name can go into */


typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
} mcp_words_t;


/* typ says what a token is for: the other kinds are refused (RFC 8725, 3.11) */

static int
mcp_jwt_typ(const mcp_str_t *typ)
{
    size_t      i, n;
    unsigned    ok;
    const char *const  *name;

    static const char *const  names[] = { "jwt", "at+jwt", NULL };

    for (name = names; *name; name++) {
        n = strlen(*name);

        if (typ->len != n) {
            continue;
        }

        ok = 1;

        for (i = 0; i < n; i++) {
            ok &= (unsigned char) (*name)[i]
                  == (typ->data[i] >= 'A' && typ->data[i] <= 'Z'
                      ? typ->data[i] | 0x20 : typ->data[i]);
        }

        if (ok) {
            return 1;
        }
    }

    return 0;
}


/*
 * NumericDate: seconds, perhaps with a fraction, which is dropped.  Nobody
 * writes a date with a sign or exponent, nor in more than 15 digits.
 */

static int
mcp_jwt_date(const mcp_json_tape_t *tape, const char *name, int64_t *out)
{
    size_t     i;
    int64_t    n;
    uint32_t   node;
    mcp_str_t  text;

    node = mcp_json_member(tape, 0, name, strlen(name));

    if (node == 0) {
        return MCP_NONE;
    }

    if (tape->node[node].type != MCP_JSON_NUMBER) {
        return MCP_ERROR;
    }

    text = mcp_json_raw(tape, node);
    n = 0;

    for (i = 0; i < text.len && text.data[i] != '.'; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 15) {
            return MCP_ERROR;
        }

        n = n * 10 + (text.data[i] - '0');
    }

    for (i++; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return MCP_ERROR;
        }
    }

    *out = n;

    return MCP_OK;
}


/* A claim that is a string without controls, if it is there at all. */

static int
mcp_jwt_string(const mcp_json_tape_t *tape, mcp_arena_t *arena,
    const char *name, mcp_str_t *out)
{
    int       rc;
    size_t    i;
    uint32_t  node;

    node = mcp_json_member(tape, 0, name, strlen(name));

    if (node == 0) {
        return MCP_OK;
    }

    if (tape->node[node].type != MCP_JSON_STRING
        || tape->node[node].len > MCP_JWT_SUBJECT_MAX)
    {
        return MCP_ERROR;
    }

    rc = mcp_json_unescape(tape, node, arena, out);
    if (rc != MCP_OK) {
        return rc;
    }

    if (out->len == 0) {
        return MCP_ERROR;
    }

    for (i = 0; i < out->len; i++) {
        if (out->data[i] < 0x20 || out->data[i] == 0x7f) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


/* RFC 7519, section 4.1.3: a string, or an array of strings */

static int
mcp_jwt_audience_type(const mcp_json_tape_t *tape)
{
    uint32_t  node, i;

    node = mcp_json_get(tape, 0, "aud");

    if (node == 0 || tape->node[node].type == MCP_JSON_STRING) {
        return MCP_OK;
    }

    if (tape->node[node].type != MCP_JSON_ARRAY) {
        return MCP_ERROR;
    }

    for (i = mcp_json_first(tape, node);
         i != 0 && i < tape->node[node].next;
         i = tape->node[i].next)
    {
        if (tape->node[i].type != MCP_JSON_STRING) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


static int
mcp_jwt_dates(mcp_jwt_t *jwt, const char **error)
{
    int      rc;
    int64_t  issued;

    rc = mcp_jwt_date(&jwt->claims, "exp", &jwt->expires);

    if (rc != MCP_OK) {
        *error = (rc == MCP_NONE) ? "the token has no \"exp\""
                                  : "\"exp\" of the token is no date";
        return MCP_ERROR;
    }

    if (mcp_jwt_date(&jwt->claims, "nbf", &jwt->not_before) == MCP_ERROR) {
        *error = "\"nbf\" of the token is no date";
        return MCP_ERROR;
    }

    rc = mcp_jwt_date(&jwt->claims, "iat", &issued);

    if (rc == MCP_ERROR) {
        *error = "\"iat\" of the token is no date";
        return MCP_ERROR;
    }

    /* what was not issued yet cannot be valid yet */

    if (rc == MCP_OK && issued > jwt->not_before) {
        jwt->not_before = issued;
    }

    return MCP_OK;
}


int
mcp_jwt_read(mcp_jwt_t *jwt, mcp_arena_t *arena, const mcp_jws_t *jws,
    const char **error)
{
    int  rc;

    memset(jwt, 0, sizeof(mcp_jwt_t));

    if (jws->typ.data != NULL && !mcp_jwt_typ(&jws->typ)) {
        *error = "the token is no access token, its \"typ\" says";
        return MCP_ERROR;
    }

    rc = mcp_json_tape(&jwt->claims, arena, jws->payload.data,
                       jws->payload.len, MCP_JWT_DEPTH);
    if (rc != MCP_OK) {
        *error = "the claims of the token are not JSON";
        return rc;
    }

    if (jwt->claims.node[0].type != MCP_JSON_OBJECT) {
        *error = "the claims of the token are no object";
        return MCP_ERROR;
    }

    rc = mcp_jwt_dates(jwt, error);
    if (rc != MCP_OK) {
        return rc;
    }

    if (mcp_jwt_audience_type(&jwt->claims) != MCP_OK) {
        *error = "\"aud\" of the token is no string and no array of strings";
        return MCP_ERROR;
    }

    rc = mcp_jwt_string(&jwt->claims, arena, "iss", &jwt->issuer);
    if (rc != MCP_OK) {
        *error = "\"iss\" of the token is no string";
        return rc;
    }

    rc = mcp_jwt_string(&jwt->claims, arena, "sub", &jwt->subject);
    if (rc != MCP_OK) {
        *error = "\"sub\" of the token is no string";
        return rc;
    }

    return MCP_OK;
}


static int
mcp_jwt_audience(const mcp_json_tape_t *tape, const mcp_str_t *audience)
{
    uint32_t  node, i;

    node = mcp_json_get(tape, 0, "aud");

    if (node == 0) {
        return 0;
    }

    if (tape->node[node].type == MCP_JSON_STRING) {
        return mcp_json_equals(tape, node, audience->data, audience->len);
    }

    for (i = mcp_json_first(tape, node);
         i != 0 && i < tape->node[node].next;
         i = tape->node[i].next)
    {
        if (mcp_json_equals(tape, i, audience->data, audience->len)) {
            return 1;
        }
    }

    return 0;
}


int
mcp_jwt_alive(const mcp_jwt_t *jwt, int64_t now, int64_t leeway,
    const char **error)
{
    if (now >= jwt->expires + leeway) {
        *error = "the token has expired";
        return MCP_ERROR;
    }

    if (now < jwt->not_before - leeway) {
        *error = "the token is not valid yet";
        return MCP_ERROR;
    }

    return MCP_OK;
}


int
mcp_jwt_check(const mcp_jwt_t *jwt, const mcp_jwt_rules_t *rules,
    const char **error)
{
    unsigned  i;

    if (mcp_jwt_alive(jwt, rules->now, rules->leeway, error) != MCP_OK) {
        return MCP_ERROR;
    }

    if (rules->issuer.len != 0
        && (jwt->issuer.len != rules->issuer.len
            || memcmp(jwt->issuer.data, rules->issuer.data,
                      rules->issuer.len)
               != 0))
    {
        *error = "the token is of another issuer";
        return MCP_ERROR;
    }

    if (rules->naudience == 0) {
        return MCP_OK;
    }

    for (i = 0; i < rules->naudience; i++) {
        if (mcp_jwt_audience(&jwt->claims, &rules->audience[i])) {
            return MCP_OK;
        }
    }

    *error = "the token is for another audience";

    return MCP_ERROR;
}


/* --- claims by name ------------------------------------------------------ */


static unsigned char
mcp_claim_char(unsigned char ch)
{
    if (ch >= 'A' && ch <= 'Z') {
        return ch | 0x20;
    }

    if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')) {
        return ch;
    }

    return '_';
}


static int
mcp_claim_like(const mcp_json_tape_t *tape, uint32_t key, const mcp_str_t *name)
{
    uint32_t              i;
    const mcp_json_node_t *nd;

    nd = &tape->node[key];

    if (nd->len != name->len || nd->escaped) {
        return 0;
    }

    for (i = 0; i < nd->len; i++) {
        if (mcp_claim_char(tape->text[nd->start + i])
            != mcp_claim_char(name->data[i]))
        {
            return 0;
        }
    }

    return 1;
}


/* 0: there is none; UINT32_MAX: there are several */

static uint32_t
mcp_claim_member(const mcp_json_tape_t *tape, uint32_t object,
    const mcp_str_t *name)
{
    uint32_t  i, found;

    if (name->len == 0 || tape->node[object].type != MCP_JSON_OBJECT) {
        return 0;
    }

    found = mcp_json_member(tape, object, (const char *) name->data,
                            name->len);
    if (found != 0) {
        return found;
    }

    for (i = mcp_json_first(tape, object);
         i != 0 && i < tape->node[object].next;
         i = tape->node[i].next)
    {
        if (!mcp_claim_like(tape, i, name)) {
            continue;
        }

        if (found != 0) {
            return UINT32_MAX;
        }

        found = i + 1;
    }

    return found;
}


uint32_t
mcp_jwt_claim(const mcp_json_tape_t *tape, const mcp_str_t *name)
{
    size_t     i;
    uint32_t   object, node;
    unsigned   level;
    mcp_str_t  rest, part;

    rest = *name;
    object = 0;

    for (level = 0; level < MCP_CLAIM_LEVELS; level++) {

        node = mcp_claim_member(tape, object, &rest);

        if (node != 0) {
            return node == UINT32_MAX ? 0 : node;
        }

        /* the first "__" that leads into an object */

        for (i = 1; i + 2 < rest.len; i++) {

            if (rest.data[i] != '_' || rest.data[i + 1] != '_') {
                continue;
            }

            part.data = rest.data;
            part.len = i;

            node = mcp_claim_member(tape, object, &part);

            if (node == UINT32_MAX) {
                return 0;
            }

            if (node != 0 && tape->node[node].type == MCP_JSON_OBJECT) {
                break;
            }
        }

        if (i + 2 >= rest.len) {
            return 0;
        }

        object = node;
        rest.data += i + 2;
        rest.len -= i + 2;
    }

    return 0;
}


/* The next of the words that spaces are between. */

static int
mcp_words_next(mcp_words_t *w, mcp_str_t *word)
{
    const unsigned char  *start;

    while (w->p < w->end && *w->p == ' ') {
        w->p++;
    }

    if (w->p == w->end) {
        return 0;
    }

    start = w->p;

    while (w->p < w->end && *w->p != ' ') {
        w->p++;
    }

    word->data = (unsigned char *) start;
    word->len = (size_t) (w->p - start);

    return 1;
}


static int
mcp_jwt_string_has(const mcp_json_tape_t *tape, uint32_t node,
    const mcp_str_t *word)
{
    mcp_str_t               one;
    mcp_words_t             w;
    const mcp_json_node_t  *nd;

    nd = &tape->node[node];

    if (nd->type != MCP_JSON_STRING) {
        return 0;
    }

    if (mcp_json_equals(tape, node, word->data, word->len)) {
        return 1;
    }

    /* no word of a list needs an escape: one that has it is no list */

    if (nd->escaped) {
        return 0;
    }

    w.p = tape->text + nd->start;
    w.end = w.p + nd->len;

    while (mcp_words_next(&w, &one)) {
        if (one.len == word->len
            && memcmp(one.data, word->data, one.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


int
mcp_jwt_has(const mcp_json_tape_t *tape, uint32_t node, const mcp_str_t *word)
{
    uint32_t   i;
    mcp_str_t  raw;

    switch (tape->node[node].type) {

    case MCP_JSON_STRING:
        return mcp_jwt_string_has(tape, node, word);

    case MCP_JSON_ARRAY:

        for (i = mcp_json_first(tape, node);
             i != 0 && i < tape->node[node].next;
             i = tape->node[i].next)
        {
            if (tape->node[i].type == MCP_JSON_STRING
                && mcp_json_equals(tape, i, word->data, word->len))
            {
                return 1;
            }
        }

        return 0;

    case MCP_JSON_NUMBER:
    case MCP_JSON_TRUE:
    case MCP_JSON_FALSE:
        raw = mcp_json_raw(tape, node);

        return raw.len == word->len
               && memcmp(raw.data, word->data, word->len) == 0;

    default:
        return 0;
    }
}


int
mcp_jwt_scope(const mcp_json_tape_t *tape, const mcp_str_t *scope)
{
    uint32_t  node;

    node = mcp_json_get(tape, 0, "scope");

    if (node != 0 && mcp_jwt_has(tape, node, scope)) {
        return 1;
    }

    node = mcp_json_get(tape, 0, "scp");

    return node != 0 && mcp_jwt_has(tape, node, scope);
}
