
/* Lines of the audit trail: what is written is read, and a chain holds. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "record_text.h"


static mcp_arena_t  *arena;


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


static mcp_str_t
str(const char *text)
{
    mcp_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return s;
}


#define assert_str(s, text)                                                   \
    do {                                                                      \
        assert_int_equal((s).len, sizeof(text) - 1);                          \
        assert_memory_equal((s).data, text, sizeof(text) - 1);                \
    } while (0)


static void
redacted(const char *json, mcp_record_t *rec, const char *const *globs,
    unsigned n)
{
    unsigned         i;
    mcp_str_t        glob[8];
    mcp_redact_t     redact;
    mcp_json_tape_t  tape;

    for (i = 0; i < n; i++) {
        glob[i] = str(globs[i]);
    }

    redact.glob = glob;
    redact.n = n;

    memset(rec, 0, sizeof(mcp_record_t));
    assert_int_equal(mcp_json_tape(&tape, arena, (unsigned char *) json,
                                   strlen(json), 1000), MCP_OK);
    assert_int_equal(mcp_record_arguments(rec, &tape, 0, &redact, arena),
                     MCP_OK);
}


static void
test_redact_match(void **state)
{
    mcp_str_t  g;
    size_t     i;
    char       many[4096];

    static const struct {
        const char  *glob;
        const char  *name;
        int          yes;
    } cases[] = {
        { "password", "password", 1 }, { "password", "Password", 1 },
        { "PASSWORD", "password", 1 }, { "password", "passwords", 0 },
        { "password", "passwor", 0 }, { "*secret*", "my_secret_key", 1 },
        { "*secret*", "secret", 1 }, { "*secret*", "secre", 0 },
        { "*key", "apiKey", 1 }, { "*key", "keyring", 0 },
        { "key*", "keyring", 1 }, { "*", "", 1 }, { "**", "x", 1 },
        { "", "", 1 }, { "", "x", 0 }, { "a*b*c", "aXbYc", 1 },
        { "a*b*c", "abcb", 0 }, { "*aab", "aaaab", 1 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        g = str(cases[i].glob);
        if (mcp_redact_match(&g, (unsigned char *) cases[i].name,
                             strlen(cases[i].name)) != cases[i].yes)
        {
            fail_msg("%s %s", cases[i].glob, cases[i].name);
        }
    }

    /* would take years if it looked at every way to divide the name */

    memset(many, 'a', sizeof(many));
    g = str("*a*a*a*a*a*a*a*a*a*a*a*a*b");
    assert_false(mcp_redact_match(&g, (unsigned char *) many, sizeof(many)));
}


static void
test_redact(void **state)
{
    mcp_record_t  rec;

    static const char *const  globs[] = { "password", "*token*" };

    redacted("{\"a\": 1,\"password\" : \"x\" }", &rec, globs, 2);
    assert_str(rec.arguments, "{\"a\": 1,\"password\" : \"[redacted]\" }");
    assert_true(rec.redacted);
    assert_int_equal(rec.arguments_len, 26);

    redacted("{\"a\":[{\"b\":{\"Token\":{\"password\":1}}},"
             "{\"accessToken\":null}],\"c\":\"password\"}", &rec, globs, 2);
    assert_str(rec.arguments, "{\"a\":[{\"b\":{\"Token\":\"[redacted]\"}},"
               "{\"accessToken\":\"[redacted]\"}],\"c\":\"password\"}");

    /* a name in disguise */

    redacted("{\"pass\\u0077ord\":\"x\"}", &rec, globs, 2);
    assert_str(rec.arguments, "{\"pass\\u0077ord\":\"[redacted]\"}");

    redacted("{\"a\":\"password\"}", &rec, globs, 2);
    assert_str(rec.arguments, "{\"a\":\"password\"}");
    assert_false(rec.redacted);

    redacted("{\"password\":1}", &rec, globs, 0);
    assert_str(rec.arguments, "{\"password\":1}");

    redacted("{}", &rec, globs, 2);
    assert_str(rec.arguments, "{}");
}


static void
test_cut(void **state)
{
    char          *text;
    size_t         i;
    mcp_record_t   rec;

    static const char *const  globs[] = { "password" };

    text = calloc(1, 100000);
    assert_non_null(text);

    /* three bytes each, so that the cut would be within one */

    strcpy(text, "{\"a\":\"");
    for (i = 6; i < 60000; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    strcat(text, "\",\"password\":\"x\"}");

    redacted(text, &rec, globs, 1);
    assert_true(rec.cut);
    assert_int_equal(rec.arguments_len, strlen(text));
    assert_in_range(rec.arguments.len, MCP_RECORD_ARGUMENTS - 3,
                    MCP_RECORD_ARGUMENTS);
    assert_int_equal((rec.arguments.len - 6) % 3, 0);
    assert_false(rec.redacted);

    /* a secret before the cut, and one in which it is */

    memset(text, 0, 100000);
    strcpy(text, "{\"password\":\"sesame\",\"a\":\"");
    memset(text + strlen(text), 'x', MCP_RECORD_ARGUMENTS - 60);
    strcat(text, "\",\"password\":\"");
    memset(text + strlen(text), 's', 5000);
    strcat(text, "\"}");
    text[2] = 'P';

    redacted(text, &rec, globs, 1);
    assert_true(rec.redacted);
    assert_null(memmem(rec.arguments.data, rec.arguments.len, "sesame", 6));
    assert_null(memmem(rec.arguments.data, rec.arguments.len, "sss", 3));

    /* exactly as much as fits */

    memset(text, 0, 100000);
    text[0] = '"';
    memset(text + 1, 'x', MCP_RECORD_ARGUMENTS - 2);
    strcat(text, "\"");
    redacted(text, &rec, globs, 1);
    assert_false(rec.cut);
    assert_int_equal(rec.arguments.len, MCP_RECORD_ARGUMENTS);

    free(text);
}


static void
test_time(void **state)
{
    size_t         i;
    unsigned char  text[MCP_RECORD_TIME], *end;

    static const struct {
        int64_t      us;
        const char  *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000000Z" },
        { INT64_C(951782399999999), "2000-02-28T23:59:59.999999Z" },
        { INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z" },
        { INT64_C(951868800000000), "2000-03-01T00:00:00.000000Z" },
        { INT64_C(1795234745123456), "2026-11-21T04:19:05.123456Z" },
        { INT64_C(4107542399000000), "2100-02-28T23:59:59.000000Z" },
        { INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z" },
        { INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        end = mcp_record_time(text, cases[i].us);
        assert_ptr_equal(end, text + MCP_RECORD_TIME);
        assert_memory_equal(text, cases[i].text, MCP_RECORD_TIME);
    }
}


static void
fill(mcp_record_t *rec)
{
    static mcp_str_t  roles[2];

    roles[0] = str("reader");
    roles[1] = str("an \"analyst\"");

    memset(rec, 0, sizeof(mcp_record_t));

    rec->kind = MCP_RECORD_INTENT;
    rec->id = str("01940e2c-7b3f-7a10-8000-0123456789ab");
    rec->time = INT64_C(1795234745123456);
    rec->node = str("gw1");
    rec->client = str("alice\xff\x00");
    rec->roles = roles;
    rec->nroles = 2;
    rec->session = str("00112233445566778899aabbccddeeff");
    rec->method = str("tools/call");
    rec->name_is = MCP_RECORD_TOOL;
    rec->name = str("a_read\n");
    rec->native = str("read\n");
    rec->backend = str("a");
    rec->arguments = str("{\"q\":\"\\u0000 1e131073\",\n\"q\\\\\":1}");
    rec->arguments_len = rec->arguments.len;
    rec->request_id = str("\"7\"");
    rec->version = str("2026-07-28");
    rec->era = str("modern");
    rec->address = str("::1");
    rec->outcome = str("rpc_error");
    rec->code = -32602;
    rec->duration = 1234;
    rec->backend_time = -1;
    rec->bytes_in = 100;
    rec->bytes_out = 0;
}


static void
test_round_trip(void **state)
{
    mcp_str_t             line, trace;
    mcp_buf_t             b;
    mcp_chain_t           chain;
    mcp_record_t          rec, got;
    const unsigned char  *p, *id;

    line = str("20261121T041905123Z-4711");
    mcp_chain_begin(&chain, &line);

    fill(&rec);
    trace = str("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    mcp_record_trace(&rec, &trace);

    mcp_buf_init(&b, arena, 64);
    mcp_record_write(&b, &rec);
    mcp_chain_end(&b, 0, &chain);
    assert_false(b.failed);

    p = b.data;
    assert_int_equal(mcp_record_line(&p, b.data + b.len, &line), MCP_OK);
    assert_int_equal(mcp_record_line(&p, b.data + b.len, &trace), MCP_DONE);
    assert_int_equal(mcp_record_peek(&line, &id), MCP_RECORD_INTENT);
    assert_memory_equal(id, rec.id.data, MCP_RECORD_ID);

    assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
    assert_int_equal(got.kind, MCP_RECORD_INTENT);
    assert_str(got.id, "01940e2c-7b3f-7a10-8000-0123456789ab");
    assert_true(got.time == rec.time);
    assert_str(got.client, "alice\xef\xbf\xbd");
    assert_int_equal(got.nroles, 2);
    assert_str(got.roles[1], "an \"analyst\"");
    assert_int_equal(got.name_is, MCP_RECORD_TOOL);
    assert_str(got.name, "a_read\n");
    assert_str(got.native, "read\n");
    assert_str(got.backend, "a");
    assert_int_equal(got.arguments.len, rec.arguments.len);
    assert_memory_equal(got.arguments.data, rec.arguments.data,
                        rec.arguments.len);
    assert_str(got.request_id, "\"7\"");
    assert_str(got.trace, "0af7651916cd43dd8448eb211c80319c");
    assert_str(got.span, "b7ad6b7169203331");
    assert_int_equal(got.arguments_len, rec.arguments_len);
    assert_int_equal(got.seq, 1);
    assert_int_equal(got.outcome.len, 0);

    rec.kind = MCP_RECORD_CALL;
    b.len = 0;
    mcp_record_write(&b, &rec);
    mcp_chain_end(&b, 0, &chain);
    line.data = b.data;
    line.len = b.len - 1;
    assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
    assert_str(got.outcome, "rpc_error");
    assert_int_equal(got.code, -32602);
    assert_int_equal(got.duration, 1234);
    assert_int_equal(got.backend_time, -1);
    assert_int_equal(got.bytes_in, 100);
    assert_int_equal(got.seq, 2);
    assert_str(got.client, "alice\xef\xbf\xbd");
}


static void
test_long(void **state)
{
    unsigned      i;
    mcp_str_t     line, name;
    mcp_buf_t     b;
    mcp_chain_t   chain;
    mcp_record_t  rec, got;
    mcp_str_t     roles[40];

    /* nothing that a client sends makes a line longer than it may be */

    name.len = 100000;
    name.data = calloc(1, name.len);
    assert_non_null(name.data);
    memset(name.data, 1, name.len);

    fill(&rec);
    rec.kind = MCP_RECORD_CALL;
    rec.client = rec.name = rec.native = rec.method = rec.request_id = name;
    rec.version = rec.address = rec.node = rec.backend = name;

    for (i = 0; i < 40; i++) {
        roles[i] = name;
    }
    rec.roles = roles;
    rec.nroles = 40;

    rec.arguments = name;
    rec.arguments.len = MCP_RECORD_ARGUMENTS;
    memset(rec.arguments.data, 0x7f, rec.arguments.len);
    line = str("c");
    mcp_chain_begin(&chain, &line);

    mcp_buf_init(&b, arena, 64);
    b.max = MCP_RECORD_LINE;
    mcp_record_write(&b, &rec);
    b.max += MCP_RECORD_SUFFIX;
    mcp_chain_end(&b, 0, &chain);
    assert_false(b.failed);
    line.data = b.data;
    line.len = b.len - 1;
    assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
    assert_int_equal(got.nroles, MCP_RECORD_ROLES);

    free(name.data);
}


static void
test_segment(void **state)
{
    mcp_str_t             line, ids[2];
    mcp_buf_t             b;
    mcp_record_t          rec, got;
    const unsigned char  *p;
    unsigned char         hex[MCP_RECORD_HEX], hash[MCP_RECORD_HASH];

    memset(hash, 0xab, sizeof(hash));
    mcp_chain_hex(hex, hash);

    memset(&rec, 0, sizeof(mcp_record_t));
    rec.kind = MCP_RECORD_HEAD;
    rec.node = str("gw1");
    rec.chain = str("c");
    rec.segment = 3;
    rec.seq = 17;
    rec.prev.data = hex;
    rec.prev.len = sizeof(hex);
    rec.open = 2;

    mcp_buf_init(&b, arena, 64);
    mcp_record_write(&b, &rec);

    rec.kind = MCP_RECORD_OPENED;
    ids[0] = str("01940e2c-7b3f-7a10-8000-0123456789ab");
    ids[1] = str("01940e2c-7b3f-7a10-8000-0123456789ac");
    rec.ids = ids;
    rec.nids = 2;
    mcp_record_write(&b, &rec);

    rec.kind = MCP_RECORD_TAIL;
    rec.final = 1;
    mcp_record_write(&b, &rec);
    mcp_buf_literal(&b, "{\"record\":\"int");

    p = b.data;
    assert_int_equal(mcp_record_line(&p, b.data + b.len, &line), MCP_OK);
    assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
    assert_int_equal(got.kind, MCP_RECORD_HEAD);
    assert_int_equal(got.segment, 3);
    assert_int_equal(got.seq, 17);
    assert_int_equal(got.open, 2);

    assert_int_equal(mcp_record_line(&p, b.data + b.len, &line), MCP_OK);
    assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
    assert_int_equal(got.kind, MCP_RECORD_OPENED);
    assert_int_equal(got.nids, 2);
    assert_str(got.ids[1], "01940e2c-7b3f-7a10-8000-0123456789ac");

    assert_int_equal(mcp_record_line(&p, b.data + b.len, &line), MCP_OK);
    assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
    assert_int_equal(got.kind, MCP_RECORD_TAIL);
    assert_true(got.final);

    assert_int_equal(mcp_record_line(&p, b.data + b.len, &line), MCP_AGAIN);
}


static void
test_chain(void **state)
{
    size_t                start;
    unsigned              i;
    mcp_str_t             line;
    mcp_buf_t             b;
    mcp_chain_t           chain;
    mcp_record_t          rec, got;
    unsigned char         hash[MCP_RECORD_HASH], prev[MCP_RECORD_HASH];
    const unsigned char  *p;

    static const unsigned char  abc[] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad
    };

    /* FIPS 180-2, appendix B.1 */

    mcp_chain_hash(hash, "abc", 3);
    assert_memory_equal(hash, abc, sizeof(abc));

    line = str("abc");
    mcp_chain_begin(&chain, &line);
    mcp_buf_init(&b, arena, 64);
    fill(&rec);

    for (i = 0; i < 5; i++) {
        start = b.len;
        mcp_record_write(&b, &rec);
        mcp_chain_end(&b, start, &chain);
    }

    /* the first names the hash of the chain's name */

    memcpy(prev, abc, sizeof(prev));
    p = b.data;

    for (i = 0; i < 5; i++) {
        assert_int_equal(mcp_record_line(&p, b.data + b.len, &line), MCP_OK);
        assert_int_equal(mcp_record_read(&got, arena, &line), MCP_OK);
        assert_int_equal(mcp_chain_unhex(hash, &got.prev), MCP_OK);
        assert_memory_equal(hash, prev, sizeof(prev));
        assert_int_equal(got.seq, i + 1);
        mcp_chain_hash(prev, line.data, line.len);
    }

    assert_memory_equal(chain.hash, prev, sizeof(prev));
}


static void
test_refused(void **state)
{
    size_t        i;
    mcp_str_t     line;
    mcp_record_t  rec;

#define PREV   "\"seq\":1,\"prev\":\"00000000000000000000"                    \
               "00000000000000000000000000000000000000000000\""
#define CHAIN  "\"chain\":\"c\"," PREV
#define ID     "\"id\":\"01940e2c-7b3f-7a10-8000-0123456789ab\""

    static const char  *bad[] = {
        "", "x", "[]", "{}", "{\"record\":1}", "{\"record\":\"other\"}",
        "{\"record\":\"intent\"}", "{\"record\":\"intent\"," ID "}",
        "{\"record\":\"intent\",\"id\":\"x\"," CHAIN "}",
        "{\"record\":\"intent\"," ID ",\"time\":\"today\"," CHAIN "}",
        "{\"record\":\"intent\"," ID ",\"client\":1," CHAIN "}",
        "{\"record\":\"intent\"," ID ",\"roles\":[1]," CHAIN "}",
        "{\"record\":\"outcome\"," ID "," CHAIN "}",
        "{\"record\":\"outcome\"," ID ",\"outcome\":\"ok\","
            "\"rpc.response.status_code\":\"x\"," CHAIN "}",
        "{\"record\":\"outcome\"," ID ",\"outcome\":\"ok\"," CHAIN "},",
        "{\"record\":\"tail\",\"chain\":\"c\",\"prev\":\"00\"}",
        "{\"record\":\"tail\"," PREV "}", "{\"record\":\"head\"," PREV "}",
        "{\"record\":\"opened\",\"ids\":[]}"
    };

    static const char  *good[] = {
        "{\"record\":\"intent\"," ID "," CHAIN "}",
        "{\"record\":\"intent\"," ID "," PREV "}",
        "{\"record\":\"intent\"," ID ",\"new\":{\"a\":[1]}," CHAIN "}",
        "{\"record\":\"outcome\"," ID ",\"outcome\":\"ok\"," CHAIN "}"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        line = str(bad[i]);
        if (mcp_record_read(&rec, arena, &line) != MCP_ERROR) {
            fail_msg("accepted: %s", bad[i]);
        }
    }

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        line = str(good[i]);
        if (mcp_record_read(&rec, arena, &line) != MCP_OK) {
            fail_msg("refused: %s", good[i]);
        }
    }
}


static void
test_id_time(void **state)
{
    mcp_str_t  id;

    id = str("01940e2c-7b3f-7a10-8000-0123456789ab");
    assert_true(mcp_record_id_time(&id) == INT64_C(0x01940e2c7b3f) * 1000);
    id = str("01940e2c-7b3f-7a10-8000-0123456789aB");
    assert_true(mcp_record_id_time(&id) == -1);
    id = str("01940e2c-7b3f-7a10-8000-0123456789a");
    assert_true(mcp_record_id_time(&id) == -1);
}


/* Strings of any length with any byte at any place, by both ways. */

static void
test_strings(void **state)
{
    size_t         len, at;
    unsigned       ch;
    mcp_str_t      s;
    mcp_buf_t      got, want;
    unsigned char  text[40], valid[44];

    mcp_buf_init(&got, arena, 1024);
    mcp_buf_init(&want, arena, 1024);

    for (len = 1; len <= sizeof(text); len++) {
        for (at = 0; at < len; at++) {
            for (ch = 0; ch < 256; ch++) {

                memset(text, 'x', sizeof(text));
                text[at] = (unsigned char) ch;
                text[len - 1] = at % 2 ? '"' : text[len - 1];

                memcpy(valid, text, len);
                s.data = valid;
                s.len = len;

                if (text[at] >= 0x80) {
                    memmove(valid + at + 3, valid + at + 1, len - at - 1);
                    memcpy(valid + at, "\xef\xbf\xbd", 3);
                    s.len += 2;
                }

                want.len = 0;
                mcp_buf_json(&want, s.data, s.len);

                s.data = text;
                s.len = len;
                got.len = 0;
                mcp_record_string(&got, &s, MCP_RECORD_TEXT);

                assert_int_equal(got.len, want.len);
                assert_memory_equal(got.data, want.data, want.len);

                want.len = 0;
                mcp_buf_json(&want, text, len);
                got.len = 0;
                mcp_record_json(&got, text, len);

                assert_int_equal(got.len, want.len);
                assert_memory_equal(got.data, want.data, want.len);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_redact_match),
        cmocka_unit_test(test_redact),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_id_time)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
