
/* Session ids and sealed strings that nobody sealed, and some that we did. */


#include <stdlib.h>

#include "message.h"
#include "session.h"


#define check(what)  do { if (!(what)) { abort(); } } while (0)


static const unsigned char  key[MCP_SEAL_KEY] =
    "thirty-two bytes of a test key..";


/* Bytes under a good seal: a session if they are laid out as one. */

static void
try_layout(const mcp_str_t *plain, mcp_arena_t *arena)
{
    unsigned       i;
    mcp_str_t      id, again, out;
    mcp_session_t  s, t;

    check(mcp_seal(key, "session", plain, arena, &id) == MCP_OK);
    check(mcp_unseal(key, "session", &id, arena, &out) == MCP_OK);
    check(out.len == plain->len);
    check(out.len == 0 || memcmp(out.data, plain->data, out.len) == 0);
    check(mcp_unseal(key, "cursor", &id, arena, &out) == MCP_ERROR);

    if (mcp_session_decode(&s, key, &id, arena) != MCP_OK) {
        return;
    }

    check(mcp_legacy_version(&s.version) >= 0);
    check(s.client_info.len <= MCP_SESSION_INFO_MAX);
    check(s.nbackends <= MCP_SESSION_BACKENDS);

    for (i = 0; i < s.nbackends; i++) {
        check(s.backend[i].id.len <= MCP_SESSION_ID_MAX);
        check(s.backend[i].version.len == 0
              || mcp_legacy_version(&s.backend[i].version) >= 0);
    }

    check(mcp_session_encode(&s, key, arena, &again) == MCP_OK);
    check(mcp_unseal(key, "session", &again, arena, &out) == MCP_OK);
    check(out.len == plain->len);
    check(memcmp(out.data, plain->data, out.len) == 0);

    check(mcp_session_decode(&t, key, &again, arena) == MCP_OK);
    check(t.created == s.created);
    check(t.expires == s.expires);
    check(memcmp(t.identity, s.identity, MCP_IDENTITY_HASH) == 0);
    check(t.nbackends == s.nbackends);
}


/* A sealed string of ours in which bytes are replaced by others. */

static void
try_changes(const unsigned char *data, size_t size, mcp_arena_t *arena)
{
    size_t         i, at;
    unsigned       changed;
    mcp_str_t      id, out;
    mcp_session_t  s;
    unsigned char *was;

    memset(&s, 0, sizeof(mcp_session_t));
    mcp_str_set(&s.version, MCP_VERSION_LEGACY);
    check(mcp_session_encode(&s, key, arena, &id) == MCP_OK);

    was = mcp_memdup(arena, id.data, id.len);
    check(was != NULL);

    for (i = 0; i + 1 < size; i += 2) {
        at = data[i] % id.len;
        id.data[at] = data[i + 1];
    }

    changed = memcmp(was, id.data, id.len) != 0;

    check(mcp_unseal(key, "session", &id, arena, &out)
          == (changed ? MCP_ERROR : MCP_OK));
    check(mcp_session_decode(&s, key, &id, arena)
          == (changed ? MCP_ERROR : MCP_OK));
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    mcp_str_t      text, out;
    mcp_arena_t   *arena;
    mcp_session_t  s;

    arena = mcp_arena_create();
    check(arena != NULL);

    text.data = (unsigned char *) data;
    text.len = size;

    check(mcp_unseal(key, "session", &text, arena, &out) == MCP_ERROR);
    check(mcp_session_decode(&s, key, &text, arena) == MCP_ERROR);

    try_layout(&text, arena);
    try_changes(data, size, arena);

    mcp_arena_destroy(arena);

    return 0;
}
