
/*
 * What an Mcp-Session-Id carries, before it is sealed:
 *
 *   1         the version of this layout: MCP_SESSION_LAYOUT
 *   1         the protocol version, by its index in mcp_legacy_versions; when
 *             that table changes, so must the layout's number
 *   8         created, big-endian
 *   16        uid
 *   2         length of the clientInfo, big-endian
 *   ...       the clientInfo
 */


#include "message.h"
#include "session.h"


#define MCP_SESSION_LAYOUT  1
#define MCP_SESSION_FIXED   (1 + 1 + 8 + MCP_SESSION_UID + 2)
#define MCP_SESSION_LABEL   "session"


int
mcp_session_encode(const mcp_session_t *s,
    const unsigned char key[MCP_SEAL_KEY], mcp_arena_t *arena, mcp_str_t *out)
{
    int             i, version;
    size_t          len;
    mcp_str_t       plain;
    unsigned char  *p, data[MCP_SESSION_FIXED + MCP_SESSION_INFO_MAX];

    version = mcp_legacy_version(&s->version);
    if (version < 0 || version > 255) {
        return MCP_ERROR;
    }

    len = s->client_info.len;
    if (len > MCP_SESSION_INFO_MAX) {
        len = 0;
    }

    p = data;
    *p++ = MCP_SESSION_LAYOUT;
    *p++ = (unsigned char) version;

    for (i = 56; i >= 0; i -= 8) {
        *p++ = (unsigned char) (s->created >> i);
    }

    memcpy(p, s->uid, MCP_SESSION_UID);
    p += MCP_SESSION_UID;

    *p++ = (unsigned char) (len >> 8);
    *p++ = (unsigned char) len;

    if (len != 0) {
        memcpy(p, s->client_info.data, len);
    }

    plain.data = data;
    plain.len = MCP_SESSION_FIXED + len;

    return mcp_seal(key, MCP_SESSION_LABEL, &plain, arena, out);
}


int
mcp_session_decode(mcp_session_t *s, const unsigned char key[MCP_SEAL_KEY],
    const mcp_str_t *id, mcp_arena_t *arena)
{
    int                   i, rc;
    size_t                len;
    unsigned              version;
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

    if (plain.len < MCP_SESSION_FIXED || *p++ != MCP_SESSION_LAYOUT) {
        return MCP_ERROR;
    }

    memset(s, 0, sizeof(mcp_session_t));

    /* the table has no length but its end */

    version = *p++;

    for (i = 0; i < (int) version; i++) {
        if (mcp_legacy_versions[i].len == 0) {
            return MCP_ERROR;
        }
    }

    s->version = mcp_legacy_versions[version];
    if (s->version.len == 0) {
        return MCP_ERROR;
    }

    for (i = 0; i < 8; i++) {
        s->created = s->created << 8 | *p++;
    }

    memcpy(s->uid, p, MCP_SESSION_UID);
    p += MCP_SESSION_UID;

    len = (size_t) p[0] << 8 | p[1];
    p += 2;

    if (len > MCP_SESSION_INFO_MAX || plain.len - MCP_SESSION_FIXED != len) {
        return MCP_ERROR;
    }

    s->client_info.data = (unsigned char *) p;
    s->client_info.len = len;

    return MCP_OK;
}
