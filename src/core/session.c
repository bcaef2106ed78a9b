
/*
 * What an Mcp-Session-Id carries, before it is sealed:
 *
 *   1         the version of this layout: MCP_SESSION_LAYOUT
 *   1         the protocol version, by its index in mcp_legacy_versions; when
 *             that table changes, so must the layout's number
 *   8         created, big-endian
 *   8         expires, big-endian
 *   16        whose it is: mcp_identity_hash()
 *   16        uid
 *   2         length of the clientInfo, big-endian
 *   ...       the clientInfo
 *   1         the number of sessions with backends
 *
 * and for each of these
 *
 *   8         the backend, big-endian
 *   1         the protocol version, as above; 255: none to be sent
 *   1         flags: 1 is logging
 *   2         length of the session id, big-endian
 *   ...       the session id
 */


#include "message.h"
#include "session.h"


#define MCP_SESSION_LAYOUT   3
#define MCP_SESSION_FIXED    (1 + 1 + 8 + 8 + MCP_IDENTITY_HASH                \
                              + MCP_SESSION_UID + 2 + 1)
#define MCP_SESSION_BACKEND  (8 + 1 + 1 + 2)
#define MCP_SESSION_NONE     255
#define MCP_SESSION_LABEL    "session"


static size_t
mcp_session_size(const mcp_session_t *s)
{
    size_t    len;
    unsigned  i;

    len = MCP_SESSION_FIXED;

    if (s->client_info.len <= MCP_SESSION_INFO_MAX) {
        len += s->client_info.len;
    }

    for (i = 0; i < s->nbackends; i++) {
        len += MCP_SESSION_BACKEND + s->backend[i].id.len;
    }

    return len;
}


int
mcp_session_fits(const mcp_session_t *s, const mcp_session_backend_t *backend)
{
    return s->nbackends < MCP_SESSION_BACKENDS
           && backend->id.len <= MCP_SESSION_ID_MAX
           && mcp_session_size(s) + MCP_SESSION_BACKEND + backend->id.len
              <= MCP_SESSION_PLAIN_MAX;
}


static unsigned char *
mcp_session_put(unsigned char *p, uint64_t n, unsigned bytes)
{
    while (bytes--) {
        *p++ = (unsigned char) (n >> (8 * bytes));
    }

    return p;
}


static uint64_t
mcp_session_get(const unsigned char **p, unsigned bytes)
{
    uint64_t  n;

    for (n = 0; bytes; bytes--) {
        n = n << 8 | *(*p)++;
    }

    return n;
}


/* NULL: something is not as it should be. */

static unsigned char *
mcp_session_put_backend(unsigned char *p, const mcp_session_backend_t *b)
{
    int  version;

    version = MCP_SESSION_NONE;

    if (b->version.len != 0) {
        version = mcp_legacy_version(&b->version);
        if (version < 0 || version >= MCP_SESSION_NONE) {
            return NULL;
        }
    }

    p = mcp_session_put(p, b->backend, 8);
    *p++ = (unsigned char) version;
    *p++ = (unsigned char) b->logging;
    p = mcp_session_put(p, b->id.len, 2);

    if (b->id.len != 0) {
        memcpy(p, b->id.data, b->id.len);
    }

    return p + b->id.len;
}


int
mcp_session_encode(const mcp_session_t *s,
    const unsigned char key[MCP_SEAL_KEY], mcp_arena_t *arena, mcp_str_t *out)
{
    int             version;
    size_t          len;
    unsigned        i;
    mcp_str_t       plain;
    unsigned char  *p, data[MCP_SESSION_PLAIN_MAX];

    version = mcp_legacy_version(&s->version);
    if (version < 0 || version >= MCP_SESSION_NONE) {
        return MCP_ERROR;
    }

    if (s->nbackends > MCP_SESSION_BACKENDS) {
        return MCP_ERROR;
    }

    for (i = 0; i < s->nbackends; i++) {
        if (s->backend[i].id.len > MCP_SESSION_ID_MAX) {
            return MCP_ERROR;
        }
    }

    if (mcp_session_size(s) > MCP_SESSION_PLAIN_MAX) {
        return MCP_ERROR;
    }

    len = s->client_info.len;
    if (len > MCP_SESSION_INFO_MAX) {
        len = 0;
    }

    p = data;
    *p++ = MCP_SESSION_LAYOUT;
    *p++ = (unsigned char) version;
    p = mcp_session_put(p, s->created, 8);
    p = mcp_session_put(p, s->expires, 8);

    memcpy(p, s->identity, MCP_IDENTITY_HASH);
    p += MCP_IDENTITY_HASH;

    memcpy(p, s->uid, MCP_SESSION_UID);
    p += MCP_SESSION_UID;

    p = mcp_session_put(p, len, 2);

    if (len != 0) {
        memcpy(p, s->client_info.data, len);
        p += len;
    }

    *p++ = (unsigned char) s->nbackends;

    for (i = 0; i < s->nbackends; i++) {
        p = mcp_session_put_backend(p, &s->backend[i]);
        if (p == NULL) {
            return MCP_ERROR;
        }
    }

    plain.data = data;
    plain.len = (size_t) (p - data);

    return mcp_seal(key, MCP_SESSION_LABEL, &plain, arena, out);
}


/* len of 0: there is no such version */

static mcp_str_t
mcp_session_version(unsigned version)
{
    unsigned  i;

    /* the table has no length but its end */

    for (i = 0; i < version && mcp_legacy_versions[i].len != 0; i++) {
        /* void */
    }

    return mcp_legacy_versions[i];
}


static int
mcp_session_get_backends(mcp_session_t *s, mcp_arena_t *arena,
    const unsigned char *p, size_t len)
{
    unsigned                i, version, flags;
    mcp_session_backend_t  *b;

    if (s->nbackends > MCP_SESSION_BACKENDS) {
        return MCP_ERROR;
    }

    if (s->nbackends != 0) {
        s->backend = mcp_calloc(arena, s->nbackends
                                       * sizeof(mcp_session_backend_t));
        if (s->backend == NULL) {
            return MCP_NOMEM;
        }
    }

    for (i = 0; i < s->nbackends; i++) {

        if (len < MCP_SESSION_BACKEND) {
            return MCP_ERROR;
        }

        b = &s->backend[i];
        b->backend = mcp_session_get(&p, 8);
        version = *p++;
        flags = *p++;
        b->id.len = (size_t) mcp_session_get(&p, 2);
        b->id.data = (unsigned char *) p;
        b->logging = flags & 1;
        len -= MCP_SESSION_BACKEND;

        if (version != MCP_SESSION_NONE) {
            b->version = mcp_session_version(version);
            if (b->version.len == 0) {
                return MCP_ERROR;
            }
        }

        if (flags > 1 || b->id.len > MCP_SESSION_ID_MAX || b->id.len > len) {
            return MCP_ERROR;
        }

        p += b->id.len;
        len -= b->id.len;
    }

    return len == 0 ? MCP_OK : MCP_ERROR;
}


int
mcp_session_decode(mcp_session_t *s, const unsigned char key[MCP_SEAL_KEY],
    const mcp_str_t *id, mcp_arena_t *arena)
{
    int                   rc;
    size_t                len, rest;
    mcp_str_t             plain;
    const unsigned char  *p;

    if (id->len > MCP_SESSION_MAX) {
        return MCP_ERROR;
    }

    rc = mcp_unseal(key, MCP_SESSION_LABEL, id, arena, &plain);
    if (rc != MCP_OK) {
        return rc;
    }

    p = plain.data;

    if (plain.len < MCP_SESSION_FIXED || plain.len > MCP_SESSION_PLAIN_MAX
        || *p++ != MCP_SESSION_LAYOUT)
    {
        return MCP_ERROR;
    }

    memset(s, 0, sizeof(mcp_session_t));

    s->version = mcp_session_version(*p++);
    if (s->version.len == 0) {
        return MCP_ERROR;
    }

    s->created = mcp_session_get(&p, 8);
    s->expires = mcp_session_get(&p, 8);

    memcpy(s->identity, p, MCP_IDENTITY_HASH);
    p += MCP_IDENTITY_HASH;

    memcpy(s->uid, p, MCP_SESSION_UID);
    p += MCP_SESSION_UID;

    len = (size_t) mcp_session_get(&p, 2);
    rest = plain.len - MCP_SESSION_FIXED;

    if (len > MCP_SESSION_INFO_MAX || len > rest) {
        return MCP_ERROR;
    }

    s->client_info.data = (unsigned char *) p;
    s->client_info.len = len;
    p += len;

    s->nbackends = *p++;

    return mcp_session_get_backends(s, arena, p, rest - len);
}
