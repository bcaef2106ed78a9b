
/* Names of clients and lists of roles. */


#include "identity.h"
#include "json.h"
#include "json_scan.h"

#include <openssl/evp.h>


#define MCP_ROLES_DEPTH  2


/* NULL: the text is plain; else what is wrong with it. */

static const char *
mcp_identity_bad(const mcp_str_t *s)
{
    unsigned char         last[4];
    const unsigned char  *p, *q, *end;

    p = s->data;
    end = p + s->len;

    while (p < end) {

        if (*p < 0x20 || *p == 0x7f) {
            return "has a control character";
        }

        if (*p < 0x80) {
            p++;
            continue;
        }

        q = mcp_json_utf8(p, end);

        if (q == p && end - p < 4) {

            /* that needs 4 bytes to look at, whatever they are */

            memset(last, 0, sizeof(last));
            memcpy(last, p, (size_t) (end - p));
            q = p + (mcp_json_utf8(last, last + 4) - last);
        }

        if (q == p) {
            return "is not UTF-8";
        }

        p = q;
    }

    return NULL;
}


int
mcp_client_check(const mcp_str_t *client, const char **why)
{
    if (client->len > MCP_CLIENT_MAX) {
        *why = "is too long";
        return MCP_ERROR;
    }

    *why = mcp_identity_bad(client);

    return *why ? MCP_ERROR : MCP_OK;
}


static int
mcp_roles_add(mcp_str_t *roles, unsigned *n, const mcp_str_t *name,
    const char **why)
{
    unsigned  i;

    if (name->len == 0) {
        return MCP_OK;
    }

    if (name->len > MCP_ROLE_MAX) {
        *why = "have a name that is too long";
        return MCP_ERROR;
    }

    if (mcp_identity_bad(name)) {
        *why = "have a name with a control character, or not in UTF-8";
        return MCP_ERROR;
    }

    for (i = 0; i < *n; i++) {
        if (roles[i].len == name->len
            && memcmp(roles[i].data, name->data, name->len) == 0)
        {
            return MCP_OK;
        }
    }

    if (*n == MCP_ROLES_MAX) {
        *why = "are too many";
        return MCP_ERROR;
    }

    roles[(*n)++] = *name;

    return MCP_OK;
}


static int
mcp_roles_json(const mcp_str_t *text, mcp_arena_t *arena, mcp_str_t *roles,
    unsigned *n, const char **why)
{
    int              rc;
    uint32_t         i;
    mcp_str_t        name;
    mcp_json_tape_t  tape;

    rc = mcp_json_tape(&tape, arena, text->data, text->len, MCP_ROLES_DEPTH);

    if (rc != MCP_OK) {
        *why = "are not a JSON array of strings";
        return rc;
    }

    for (i = mcp_json_first(&tape, 0);
         i != 0 && i < tape.node[0].next;
         i = tape.node[i].next)
    {
        if (tape.node[i].type != MCP_JSON_STRING) {
            *why = "are not a JSON array of strings";
            return MCP_ERROR;
        }

        rc = mcp_json_unescape(&tape, i, arena, &name);
        if (rc != MCP_OK) {
            return rc;
        }

        rc = mcp_roles_add(roles, n, &name, why);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


static int
mcp_roles_between(unsigned char c)
{
    return c == ' ' || c == ',' || c == '\t';
}


static int
mcp_roles_words(const mcp_str_t *text, mcp_str_t *roles, unsigned *n,
    const char **why)
{
    int                   rc;
    mcp_str_t             name;
    const unsigned char  *p, *end;

    p = text->data;
    end = p + text->len;

    while (p < end) {

        if (mcp_roles_between(*p)) {
            p++;
            continue;
        }

        name.data = (unsigned char *) p;

        while (p < end && !mcp_roles_between(*p)) {
            p++;
        }

        name.len = (size_t) (p - name.data);

        rc = mcp_roles_add(roles, n, &name, why);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    return MCP_OK;
}


int
mcp_roles_parse(const mcp_str_t *text, mcp_arena_t *arena, mcp_str_t **roles,
    unsigned *n, const char **why)
{
    int         rc;
    unsigned    found;
    mcp_str_t   rest, list[MCP_ROLES_MAX];

    *roles = NULL;
    *n = 0;
    *why = NULL;

    rest = *text;

    while (rest.len && (*rest.data == ' ' || *rest.data == '\t')) {
        rest.data++;
        rest.len--;
    }

    if (rest.len == 0) {
        return MCP_OK;
    }

    if (rest.len > MCP_ROLES_TEXT_MAX) {
        *why = "are too long";
        return MCP_ERROR;
    }

    if (*rest.data == '{') {
        *why = "are a JSON object, not an array of strings";
        return MCP_ERROR;
    }

    found = 0;
    rc = (*rest.data == '[') ? mcp_roles_json(&rest, arena, list, &found, why)
                             : mcp_roles_words(&rest, list, &found, why);

    if (rc != MCP_OK || found == 0) {
        return rc;
    }

    *roles = (void *) mcp_memdup(arena, list, found * sizeof(mcp_str_t));
    if (*roles == NULL) {
        return MCP_NOMEM;
    }

    *n = found;

    return MCP_OK;
}


void
mcp_roles_text(mcp_buf_t *b, const mcp_str_t *roles, unsigned n)
{
    size_t    i;
    unsigned  k, json;

    json = 0;

    for (k = 0; k < n; k++) {

        json |= (roles[k].data[0] == '[' || roles[k].data[0] == '{');

        for (i = 0; i < roles[k].len; i++) {
            json |= (unsigned) mcp_roles_between(roles[k].data[i]);
        }
    }

    if (json) {
        mcp_buf_literal(b, "[");
    }

    for (k = 0; k < n; k++) {

        if (k != 0) {
            mcp_buf_literal(b, ",");
        }

        if (json) {
            mcp_buf_json(b, roles[k].data, roles[k].len);

        } else {
            mcp_buf_str(b, &roles[k]);
        }
    }

    if (json) {
        mcp_buf_literal(b, "]");
    }
}


int
mcp_identity_hash(unsigned char out[MCP_IDENTITY_HASH],
    const mcp_str_t *issuer, const mcp_str_t *client)
{
    int             ok;
    EVP_MD_CTX     *ctx;
    unsigned char   hash[EVP_MAX_MD_SIZE], len[8];
    unsigned        i;

    /* the length between the two tells "ab" "c" from "a" "bc" */

    for (i = 0; i < sizeof(len); i++) {
        len[i] = (unsigned char) ((uint64_t) issuer->len >> (8 * i));
    }

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return MCP_ERROR;
    }

    ok = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(ctx, len, sizeof(len)) == 1
         && EVP_DigestUpdate(ctx, issuer->data, issuer->len) == 1
         && EVP_DigestUpdate(ctx, client->data, client->len) == 1
         && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;

    EVP_MD_CTX_free(ctx);

    if (!ok) {
        return MCP_ERROR;
    }

    memcpy(out, hash, MCP_IDENTITY_HASH);

    return MCP_OK;
}
