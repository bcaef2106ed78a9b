
/* Session ids: what goes in comes out, and nothing else passes for one. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "message.h"
#include "oom.h"
#include "session.h"


#define FIXED  53                /* bytes of the layout with nothing in it */
#define INFO   50                /* where the length of the clientInfo is */


static mcp_arena_t  *arena;

static const unsigned char  key[MCP_SEAL_KEY] =
    "thirty-two bytes of a test key..";


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


/* Decodes bytes that were sealed as if they were a session. */

static int
decode_bytes(const void *data, size_t len, mcp_session_t *s)
{
    mcp_str_t  plain, id;

    plain.data = (unsigned char *) data;
    plain.len = len;

    assert_int_equal(mcp_seal(key, "session", &plain, arena, &id), MCP_OK);

    return mcp_session_decode(s, key, &id, arena);
}


static void
make(mcp_session_t *s)
{
    memset(s, 0, sizeof(mcp_session_t));
    memcpy(s->uid, "0123456789abcdef", MCP_SESSION_UID);
    memcpy(s->identity, "fedcba9876543210", MCP_IDENTITY_HASH);
    s->created = UINT64_C(0x0102030405060708);
    s->expires = UINT64_C(0x1112131415161718);
    mcp_str_set(&s->version, "2025-11-25");
    mcp_str_set(&s->client_info, "{\"name\":\"c\",\"version\":\"1\"}");
}


static void
test_refuses_bad_ids(void **state)
{
    size_t         i;
    mcp_str_t      id, cut, wrong;
    mcp_session_t  s, out;
    unsigned char  other[MCP_SEAL_KEY];

    make(&s);
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);

    for (i = 0; i < id.len; i++) {
        cut.data = id.data;
        cut.len = i;
        assert_int_equal(mcp_session_decode(&out, key, &cut, arena),
                         MCP_ERROR);

        id.data[i] ^= 1;
        assert_int_equal(mcp_session_decode(&out, key, &id, arena),
                         MCP_ERROR);
        id.data[i] ^= 1;
    }

    memcpy(other, key, MCP_SEAL_KEY);
    other[31] ^= 1;
    assert_int_equal(mcp_session_decode(&out, other, &id, arena), MCP_ERROR);

    /* a sealed string of another kind */

    assert_int_equal(mcp_seal(key, "cursor", &s.client_info, arena, &wrong),
                     MCP_OK);
    assert_int_equal(mcp_session_decode(&out, key, &wrong, arena), MCP_ERROR);

    wrong.data = NULL;
    wrong.len = MCP_SESSION_MAX + 1;
    assert_int_equal(mcp_session_decode(&out, key, &wrong, arena), MCP_ERROR);

    wrong.len = 0;
    assert_int_equal(mcp_session_decode(&out, key, &wrong, arena), MCP_ERROR);

    assert_int_equal(mcp_session_decode(&out, key, &id, arena), MCP_OK);
}


static void
test_refuses_bad_layouts(void **state)
{
    size_t         i;
    mcp_session_t  out;
    unsigned char  data[FIXED + 1024];

    memset(data, 0, sizeof(data));
    data[0] = 3;

    assert_int_equal(decode_bytes(data, FIXED, &out), MCP_OK);

    for (i = 0; i < FIXED; i++) {
        assert_int_equal(decode_bytes(data, i, &out), MCP_ERROR);
    }

    /* trailing bytes */

    assert_int_equal(decode_bytes(data, FIXED + 1, &out), MCP_ERROR);

    /* a clientInfo that is cut, followed by something, too long */

    data[INFO + 1] = 10;
    assert_int_equal(decode_bytes(data, FIXED + 10, &out), MCP_OK);
    assert_int_equal(decode_bytes(data, FIXED + 9, &out), MCP_ERROR);
    assert_int_equal(decode_bytes(data, FIXED + 11, &out), MCP_ERROR);
    assert_int_equal(decode_bytes(data, FIXED, &out), MCP_ERROR);

    data[INFO] = 2;
    data[INFO + 1] = 0;
    assert_int_equal(decode_bytes(data, FIXED + 512, &out), MCP_OK);
    data[INFO + 1] = 1;
    assert_int_equal(decode_bytes(data, FIXED + 513, &out), MCP_ERROR);
    data[INFO] = 0xff;
    data[INFO + 1] = 0xff;
    assert_int_equal(decode_bytes(data, FIXED + 1024, &out), MCP_ERROR);

    /* another layout */

    data[INFO] = 0;
    data[INFO + 1] = 0;

    for (i = 0; i < 256; i++) {
        data[0] = (unsigned char) i;
        assert_int_equal(decode_bytes(data, FIXED, &out),
                         i == 3 ? MCP_OK : MCP_ERROR);
    }
}


/* One session of a backend: 12 bytes, then its id. */

static void
test_refuses_bad_backends(void **state)
{
    unsigned       i, n;
    mcp_session_t  out;
    unsigned char  data[FIXED + 17 * 12 + 1024], *b;

    memset(data, 0, sizeof(data));
    data[0] = 3;
    data[FIXED - 1] = 1;
    b = data + FIXED;
    b[11] = 3;

    assert_int_equal(decode_bytes(data, FIXED + 15, &out), MCP_OK);
    assert_int_equal(out.nbackends, 1);
    assert_int_equal(out.backend[0].id.len, 3);

    for (i = 0; i < 15; i++) {
        assert_int_equal(decode_bytes(data, FIXED + i, &out), MCP_ERROR);
    }

    assert_int_equal(decode_bytes(data, FIXED + 16, &out), MCP_ERROR);

    /* versions: those of the table, or none */

    for (n = 0; mcp_legacy_versions[n].len != 0; n++) { /* void */ }

    for (i = 0; i < 256; i++) {
        b[8] = (unsigned char) i;
        assert_int_equal(decode_bytes(data, FIXED + 15, &out),
                         i < n || i == 255 ? MCP_OK : MCP_ERROR);
    }

    /* flags */

    for (i = 0; i < 256; i++) {
        b[9] = (unsigned char) i;
        assert_int_equal(decode_bytes(data, FIXED + 15, &out),
                         i < 2 ? MCP_OK : MCP_ERROR);
    }

    b[9] = 0;

    /* ids that are too long */

    b[10] = 2;
    b[11] = 0;
    assert_int_equal(decode_bytes(data, FIXED + 12 + 512, &out), MCP_OK);
    b[11] = 1;
    assert_int_equal(decode_bytes(data, FIXED + 12 + 513, &out), MCP_ERROR);
    b[10] = b[11] = 0xff;
    assert_int_equal(decode_bytes(data, FIXED + 12 + 513, &out), MCP_ERROR);

    /* too many, and fewer than there are */

    memset(data + FIXED, 0, sizeof(data) - FIXED);

    for (i = 0; i < 256; i++) {
        data[FIXED - 1] = (unsigned char) i;
        assert_int_equal(decode_bytes(data, FIXED + 12 * (i % 18), &out),
                         i <= 16 ? MCP_OK : MCP_ERROR);
        assert_int_equal(decode_bytes(data, FIXED + 12 * (i % 18) + 12, &out),
                         MCP_ERROR);
    }
}


static void
test_backends_come_out(void **state)
{
    unsigned               i, n;
    mcp_str_t              id;
    mcp_session_t          s, out;
    unsigned char          text[MCP_SESSION_ID_MAX + 1];
    mcp_session_backend_t  b[MCP_SESSION_BACKENDS + 1], more;

    make(&s);
    memset(b, 0, sizeof(b));
    memset(text, '~', sizeof(text));
    s.backend = b;

    for (i = 0; i < MCP_SESSION_BACKENDS; i++) {
        b[i].backend = UINT64_MAX - i;
        b[i].version = mcp_legacy_versions[i % 2];
        b[i].id.data = text;
        b[i].id.len = i * 10;
        b[i].logging = i % 2;
    }

    b[3].version.len = 0;

    for (n = 0; n <= MCP_SESSION_BACKENDS; n++) {
        s.nbackends = n;

        assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);
        assert_true(id.len <= MCP_SESSION_MAX);
        assert_int_equal(mcp_session_decode(&out, key, &id, arena), MCP_OK);
        assert_int_equal(out.nbackends, n);

        for (i = 0; i < n; i++) {
            assert_true(out.backend[i].backend == b[i].backend);
            assert_int_equal(out.backend[i].version.len, b[i].version.len);
            assert_int_equal(out.backend[i].id.len, b[i].id.len);
            assert_memory_equal(out.backend[i].id.data, text, b[i].id.len);
            assert_int_equal(out.backend[i].logging, b[i].logging);
        }
    }

    assert_int_equal(mcp_session_fits(&s, &b[0]), 0);
    s.nbackends = MCP_SESSION_BACKENDS + 1;
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);

    /* as many large ones as fit, and the whole id stays small enough */

    memset(&more, 0, sizeof(more));
    more.id.data = text;
    more.id.len = MCP_SESSION_ID_MAX + 1;
    s.nbackends = 0;
    assert_int_equal(mcp_session_fits(&s, &more), 0);

    b[0] = more;
    s.nbackends = 1;
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);

    more.id.len = MCP_SESSION_ID_MAX;

    for (s.nbackends = 0; mcp_session_fits(&s, &more); s.nbackends++) {
        b[s.nbackends] = more;
    }

    assert_true(s.nbackends >= 4 && s.nbackends < MCP_SESSION_BACKENDS);
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);
    assert_true(id.len <= MCP_SESSION_MAX);
    assert_int_equal(mcp_session_decode(&out, key, &id, arena), MCP_OK);

    b[s.nbackends++] = more;
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);

    s.nbackends = 1;
    mcp_str_set(&b[0].version, "2024-11-05");
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);
}


static void
test_every_version(void **state)
{
    unsigned       i, n;
    mcp_str_t      id;
    mcp_session_t  s, out;
    unsigned char  data[FIXED];

    make(&s);

    for (n = 0; mcp_legacy_versions[n].len != 0; n++) {
        s.version = mcp_legacy_versions[n];
        assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);
        assert_int_equal(mcp_session_decode(&out, key, &id, arena), MCP_OK);
        assert_int_equal(out.version.len, s.version.len);
        assert_memory_equal(out.version.data, s.version.data, s.version.len);
    }

    assert_true(n >= 3);

    memset(data, 0, sizeof(data));
    data[0] = 3;

    for (i = 0; i < 256; i++) {
        data[1] = (unsigned char) i;
        assert_int_equal(decode_bytes(data, FIXED, &out),
                         i < n ? MCP_OK : MCP_ERROR);
    }

    mcp_str_set(&s.version, "2026-07-28");
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);
    mcp_str_set(&s.version, "");
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);
    mcp_str_set(&s.version, "2025-11-2");
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_ERROR);
}


static void
test_comes_out_as_it_went_in(void **state)
{
    size_t         len;
    mcp_str_t      id;
    mcp_session_t  s, out;
    unsigned char  info[MCP_SESSION_INFO_MAX + 1];

    make(&s);
    memset(info, 'i', sizeof(info));
    s.client_info.data = info;

    for (len = 0; len <= sizeof(info); len++) {
        s.client_info.len = len;
        s.created = (len % 2) ? UINT64_MAX - len : len;
        s.expires = s.created / 3;

        assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);
        assert_true(id.len <= MCP_SESSION_MAX);

        assert_int_equal(mcp_session_decode(&out, key, &id, arena), MCP_OK);
        assert_memory_equal(out.uid, s.uid, MCP_SESSION_UID);
        assert_memory_equal(out.identity, s.identity, MCP_IDENTITY_HASH);
        assert_true(out.created == s.created);
        assert_true(out.expires == s.expires);
        assert_true(mcp_str_is(&out.version, "2025-11-25"));

        /* a larger one is not kept */

        if (len > MCP_SESSION_INFO_MAX) {
            assert_int_equal(out.client_info.len, 0);
            continue;
        }

        assert_int_equal(out.client_info.len, len);
        assert_memory_equal(out.client_info.data, info, len);
    }
}


static void
test_no_memory(void **state)
{
    mcp_str_t              id;
    oom_arena_t            oom;
    mcp_session_t          s, out;
    mcp_session_backend_t  b;

    make(&s);
    oom_init(&oom, arena, 0);
    assert_int_equal(mcp_session_encode(&s, key, &oom.arena, &id), MCP_NOMEM);

    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);
    assert_int_equal(mcp_session_decode(&out, key, &id, &oom.arena),
                     MCP_NOMEM);

    /* the second piece is the list of backends */

    memset(&b, 0, sizeof(b));
    s.backend = &b;
    s.nbackends = 1;
    assert_int_equal(mcp_session_encode(&s, key, arena, &id), MCP_OK);
    oom_init(&oom, arena, 1);
    assert_int_equal(mcp_session_decode(&out, key, &id, &oom.arena),
                     MCP_NOMEM);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses_bad_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_bad_layouts,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses_bad_backends,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_backends_come_out,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comes_out_as_it_went_in,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
