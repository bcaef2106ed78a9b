
/* Versions, the agreement of headers and body, the encoding of values. */


#include "msg.h"

#include <openssl/evp.h>
#include <openssl/rand.h>


static mcp_message_headers_t  h;


static mcp_str_t
str(const char *s)
{
    mcp_str_t  v;

    v.len = s ? strlen(s) : 0;
    v.data = s ? msg_copy(s, v.len) : NULL;

    return v;
}


static void
headers(const char *version, const char *method, const char *name)
{
    h.version = str(version);
    h.method = str(method);
    h.name = str(name);
}


/* A modern request with this in params. */

static char *
modern(const char *method, const char *params)
{
    return fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{"
               "%s%s" META "}}", method, params, params[0] ? "," : "");
}


/* header: the one that data must name, or NULL. */

static void
checked(int rc, int code, const char *header, const char *what)
{
    const json_t  *named;

    if (code == 0) {
        if (rc != MCP_OK) {
            fail_msg("refused: %.*s: %s", (int) fault.message.len,
                     (char *) fault.message.data, what);
        }

        return;
    }

    if (rc != MCP_ERROR || fault.code != code || fault.status != 400) {
        fail_msg("%d: %d %u, not %d: %s", rc, fault.code, fault.status, code,
                 what);
    }

    assert_true(fault.message.len > 10);

    if (header != NULL) {
        named = fault_data("header");
        assert_non_null(named);
        assert_string_equal(json_string_value(named), header);
    }
}


static void
modern_is(int code, const char *header)
{
    checked(mcp_message_check_modern(&m, &h, arena, &fault), code, header,
            fmt("%.*s / %.*s / %.*s", (int) h.version.len,
                (char *) h.version.data, (int) h.method.len,
                (char *) h.method.data, (int) h.name.len,
                (char *) h.name.data));
}


/* --- agreement ------------------------------------------------------------ */


typedef struct {
    const char           *value;     /* NULL: no such header */
    int                   good;
} value_t;


/*
 * Every version with every method with every name.  The first header that is
 * not good, in this order, must be the one that is named.
 */

static void
test_combinations(void **state)
{
    size_t  i, j, k, n;

    static const value_t  versions[] = {
        { "2026-07-28", 1 }, { NULL, 0 }, { "", 0 }, { "2025-11-25", 0 },
        { "2026-07-29", 0 }, { "2026-07-28 ", 0 }, { "v2026-07-28", 0 }
    };

    static const value_t  methods[] = {
        { "tools/call", 1 }, { NULL, 0 }, { "", 0 }, { "TOOLS/CALL", 0 },
        { "Tools/call", 0 }, { "tools/list", 0 }, { "tools/call,a", 0 },
        { "=?base64?dG9vbHMvY2FsbA==?=", 0 }
    };

    static const value_t  names[] = {
        { "get_weather", 1 }, { "=?base64?Z2V0X3dlYXRoZXI=?=", 1 },
        { NULL, 0 }, { "", 0 }, { "Get_weather", 0 }, { "get_weathe", 0 },
        { "get_weather ", 0 }, { "get%5fweather", 0 }, { "\"get_weather\"", 0 },
        { "get_weather, get_weather", 0 }, { "get_weather\x01", 0 },
        { "get_we\xc3\xa4ther", 0 },
        { "=?base64?Z2V0X3dlYXRoZXI?=", 0 },         /* no padding */
        { "=?base64?Z2V0X3dlYXRoZXI==?=", 0 },
        { "=?base64?Z2V0X3dlYXRoZXJ=?=", 0 },        /* unused bits */
        { "=?base64?Z2V0X3dlYXRoZXI= ?=", 0 },
        { "=?base64?Z2V0 X3dlYXRoZXI=?=", 0 },
        { "=?BASE64?Z2V0X3dlYXRoZXI=?=", 0 },
        { "=?Base64?Z2V0X3dlYXRoZXI=?=", 0 },
        { "=?utf-8?b?Z2V0X3dlYXRoZXI=?=", 0 },
        { "=?base64?Z2V0X3dlYXRoZXI=", 0 }, { "Z2V0X3dlYXRoZXI=", 0 },
        { "=?base64?PT9iYXNlNjQ/WjJWMFgzZGxZWFJvWlhJPT89?=", 0 },  /* twice */
        { "=?base64?/////w==?=", 0 }, { "=?base64?=", 0 },
        { "=?base64?\?=", 0 }
    };

    parse_ok(modern("tools/call", "\"name\":\"get_weather\""));
    n = 0;

    for (i = 0; i < sizeof(versions) / sizeof(value_t); i++) {
        for (j = 0; j < sizeof(methods) / sizeof(value_t); j++) {
            for (k = 0; k < sizeof(names) / sizeof(value_t); k++, n++) {

                headers(versions[i].value, methods[j].value, names[k].value);

                if (!versions[i].good) {
                    modern_is(MCP_E_HEADER, "MCP-Protocol-Version");

                } else if (!methods[j].good) {
                    modern_is(MCP_E_HEADER, "Mcp-Method");

                } else if (!names[k].good) {
                    modern_is(MCP_E_HEADER, "Mcp-Name");

                } else {
                    modern_is(0, NULL);
                }
            }
        }
    }

    assert_true(n > 120);
}


static void
test_names(void **state)
{
    size_t  i;

    static const struct {
        const char       *method;
        const char       *params;
        const char       *name;
    } names[] = {
        { "tools/call", "\"name\":\"x y\"", "x y" },
        { "tools/call", "\"name\":\"a\\tb\"", "a\tb" },
        { "tools/call", "\"name\":\"\"", "" },
        { "tools/call", "\"name\":\"\"", "=?base64?\?=" },
        { "tools/call", "\"name\":\"=?base64?eA==?=\"",
          "=?base64?PT9iYXNlNjQ/ZUE9PT89?=" },
        { "tools/call", "\"name\":\"=?base64?eA==\"", "=?base64?eA==" },
        { "tools/call", "\"name\":\"\\u0078\"", "x" },
        { "tools/call", "\"name\":\" padded \"",
          "=?base64?IHBhZGRlZCA=?=" },
        { "tools/call", "\"name\":\"line1\\nline2\"",
          "=?base64?bGluZTEKbGluZTI=?=" },
        { "prompts/get", "\"name\":\"Hello, \xe4\xb8\x96\xe7\x95\x8c\"",
          "=?base64?SGVsbG8sIOS4lueVjA==?=" },
        { "prompts/get", "\"name\":\"\\u4e16\"", "=?base64?5LiW?=" },
        { "prompts/get", "\"name\":\"a\\u0000\"", "=?base64?YQA=?=" },
        { "resources/read", "\"uri\":\"file:///a%20b\"", "file:///a%20b" },
        { "tasks/get", "\"taskId\":\"t-1\"", "t-1" },
        { "tasks/update", "\"taskId\":\"t-1\"", "t-1" },
        { "tasks/cancel", "\"taskId\":\"t-1\"", "t-1" }
    };

    static const char  *nameless[] = {
        "tools/list", "prompts/list", "resources/list", "server/discover",
        "resources/templates/list", "subscriptions/listen", "initialize",
        "ping", "resources/subscribe", "vendor/any"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        parse_ok(modern(names[i].method, names[i].params));

        headers("2026-07-28", names[i].method, names[i].name);
        modern_is(0, NULL);

        headers("2026-07-28", names[i].method, fmt("%sx", names[i].name));
        modern_is(MCP_E_HEADER, "Mcp-Name");

        headers("2026-07-28", names[i].method, NULL);
        modern_is(MCP_E_HEADER, "Mcp-Name");

        headers("2026-07-28", "vendor/other", names[i].name);
        modern_is(MCP_E_HEADER, "Mcp-Method");
    }

    /* the others have none, and one that is there says nothing */

    for (i = 0; i < sizeof(nameless) / sizeof(char *); i++) {
        parse_ok(modern(nameless[i], ""));
        headers("2026-07-28", nameless[i], NULL);
        modern_is(0, NULL);
        headers("2026-07-28", nameless[i], "x");
        modern_is(0, NULL);
        headers("2026-07-28", NULL, NULL);
        modern_is(MCP_E_HEADER, "Mcp-Method");
    }

    parse_ok(modern("completion/complete", "\"ref\":{\"type\":\"ref/prompt\","
                    "\"name\":\"p\"}"));
    headers("2026-07-28", "completion/complete", NULL);
    modern_is(0, NULL);
}


/* The cases of the conformance suite: _meta, then versions. */

static void
test_meta(void **state)
{
    size_t  i;

    static const struct {
        const char       *meta;      /* or params without one */
        const char       *header;
        int               code;
    } cases[] = {

        /* neither _meta nor a version in it, but a modern header */

        { "", "2026-07-28", MCP_E_PARAMS },
        { "\"_meta\":{}", "2026-07-28", MCP_E_PARAMS },
        { "\"_meta\":{\"" RESERVED "clientCapabilities\":{}}",
          "2026-07-28", MCP_E_PARAMS },
        { "\"_meta\":{\"" RESERVED "clientCapabilities\":{}}",
          "2030-01-01", MCP_E_PARAMS },

        /* no capabilities; no client info, which is no fault */

        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"2026-07-28\"}",
          "2026-07-28", MCP_E_PARAMS },
        { META, "2026-07-28", 0 },

        /* the header lacks, or differs */

        { META, NULL, MCP_E_HEADER },
        { META, "2025-11-25", MCP_E_HEADER },
        { META, "2026-07-27", MCP_E_HEADER },
        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"2026-07-28\"}",
          NULL, MCP_E_HEADER },
        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"2025-11-25\",\""
          RESERVED "clientCapabilities\":{}}", "2026-07-28", MCP_E_HEADER },

        /* versions that are not spoken */

        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"2027-01-01\",\""
          RESERVED "clientCapabilities\":{}}", "2027-01-01", MCP_E_VERSION },
        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"2025-11-25\",\""
          RESERVED "clientCapabilities\":{}}", "2025-11-25", MCP_E_VERSION },
        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"a\\\"b\",\""
          RESERVED "clientCapabilities\":{}}", "a\"b", MCP_E_VERSION },
        { "\"_meta\":{\"" RESERVED "protocolVersion\":\"\",\""
          RESERVED "clientCapabilities\":{}}", "", MCP_E_VERSION }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        parse_ok(fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\","
                     "\"params\":{%s}}", cases[i].meta));
        headers(cases[i].header, "tools/list", NULL);

        assert_int_equal(mcp_message_era(&m, &h), MCP_ERA_MODERN);
        modern_is(cases[i].code, cases[i].code == MCP_E_HEADER
                                 ? "MCP-Protocol-Version" : NULL);

        if (cases[i].code == MCP_E_VERSION) {
            assert_string_equal(json_string_value(fault_data("requested")),
                                cases[i].header);
            assert_int_equal(json_array_size(fault_data("supported")), 4);
        }
    }

    parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
    headers("2026-07-28", "tools/list", NULL);
    modern_is(MCP_E_PARAMS, NULL);

    /* clients of this era send no responses; of notifications nothing is
       asked */

    parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    modern_is(MCP_E_REQUEST, NULL);
    parse_ok("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/any\"}");
    headers("2026-07-28", NULL, NULL);
    modern_is(0, NULL);
}


static void
test_era(void **state)
{
    size_t  i;

    static const struct {
        const char       *version;
        mcp_era_e         era;
    } eras[] = {
        { NULL, MCP_ERA_LEGACY }, { "", MCP_ERA_LEGACY },
        { "2024-11-05", MCP_ERA_LEGACY }, { "2025-11-25", MCP_ERA_LEGACY },
        { "2026-07-27", MCP_ERA_LEGACY }, { "2026-07-28", MCP_ERA_MODERN },
        { "2026-07-29", MCP_ERA_MODERN }, { "2026-10-01", MCP_ERA_MODERN },
        { "2100-01-01", MCP_ERA_MODERN }, { "9999-99-99", MCP_ERA_MODERN },
        { "2026-07-28x", MCP_ERA_LEGACY }, { "2026-07-2", MCP_ERA_LEGACY },
        { "2026/07/28", MCP_ERA_LEGACY }, { "2026-07-2x", MCP_ERA_LEGACY },
        { "zzzz-zz-zz", MCP_ERA_LEGACY }, { "draft", MCP_ERA_LEGACY }
    };

    for (i = 0; i < sizeof(eras) / sizeof(eras[0]); i++) {
        headers(eras[i].version, NULL, NULL);

        parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}");
        assert_int_equal(mcp_message_era(&m, &h), eras[i].era);

        parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
        assert_int_equal(mcp_message_era(&m, &h), eras[i].era);

        parse_ok(modern("initialize", "\"protocolVersion\":\"2025-11-25\""));
        assert_int_equal(mcp_message_era(&m, &h), MCP_ERA_MODERN);
    }

    /* the version of initialize is asked for, not named */

    parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
             "\"params\":{\"protocolVersion\":\"2026-07-28\"}}");
    headers(NULL, NULL, NULL);
    assert_int_equal(mcp_message_era(&m, &h), MCP_ERA_LEGACY);
}


static void
test_legacy(void **state)
{
    size_t  i;

    static const value_t  versions[] = {
        { "2024-11-05", 0 }, { "", 0 }, { "2025-11-26", 0 }, { "draft", 0 },
        { "2025-11-25 ", 0 }, { "2025-11-25, 2025-11-25", 0 },
        { "2025-03-2", 0 }, { NULL, 1 }, { "2025-11-25", 1 },
        { "2025-06-18", 1 }, { "2025-03-26", 1 }
    };

    for (i = 0; i < sizeof(versions) / sizeof(value_t); i++) {
        headers(versions[i].value, NULL, NULL);

        parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}");
        checked(mcp_message_check_legacy(&m, &h, arena, &fault),
                versions[i].good ? 0 : MCP_E_REQUEST, "MCP-Protocol-Version",
                versions[i].value);

        parse_ok("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/any\"}");
        checked(mcp_message_check_legacy(&m, &h, arena, &fault),
                versions[i].good ? 0 : MCP_E_REQUEST, "MCP-Protocol-Version",
                versions[i].value);

        parse_ok("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}");
        checked(mcp_message_check_legacy(&m, &h, arena, &fault), 0, NULL,
                versions[i].value);
    }
}


static void
test_negotiation(void **state)
{
    size_t           i;
    json_t          *list;
    mcp_buf_t        b;
    mcp_str_t        asked;

    static const struct {
        const char       *asked;
        const char       *answer;
    } versions[] = {
        { "", "2025-11-25" }, { "garbage", "2025-11-25" },
        { "2026-07-28", "2025-11-25" }, { "2024-10-07", "2025-11-25" },
        { "2024-11-05", "2025-03-26" }, { "2025-03-26", "2025-03-26" },
        { "2025-06-18", "2025-06-18" }, { "2025-11-25", "2025-11-25" }
    };

    for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        asked = str(versions[i].asked);
        assert_str(mcp_negotiate(&asked), versions[i].answer);
    }

    asked = str(NULL);
    assert_str(mcp_negotiate(&asked), "2025-11-25");

    mcp_buf_init(&b, arena, 0);
    mcp_supported_versions(&b);
    list = json_loadb((char *) b.data, b.len, 0, NULL);
    assert_non_null(list);

    assert_string_equal(json_string_value(json_array_get(list, 0)),
                        MCP_VERSION_MODERN);

    for (i = 0; mcp_legacy_versions[i].len != 0; i++) {
        assert_str(&mcp_legacy_versions[i],
                   json_string_value(json_array_get(list, i + 1)));
        assert_int_equal(mcp_legacy_version(&mcp_legacy_versions[i]), i);
    }

    assert_int_equal(json_array_size(list), i + 1);
    assert_str(&mcp_legacy_versions[0], MCP_VERSION_LEGACY);
    json_decref(list);
}


/* --- encoding ------------------------------------------------------------- */


static void
test_decode_refused(void **state)
{
    size_t     i;
    mcp_str_t  out, in;

    static const char  *bad[] = {
        "\x01", "a\nb", "a\r\nb", "\x7f", "\x80", "caf\xc3\xa9", "\x1b[0m",

        "=?base64?=",                    /* the markers overlap */
        "=?base64?A?=", "=?base64?AA?=", "=?base64?AAA?=",
        "=?base64?SGVsbG8?=",            /* no padding */
        "=?base64?SGVsbG8==?=", "=?base64?SGVsbG8===?=",
        "=?base64?====?=", "=?base64?A===?=", "=?base64?=?=",
        "=?base64?AA=A?=", "=?base64?AA==AA==?=", "=?base64?AAA=AAAA?=",
        "=?base64?SGVs!!!bG8=?=", "=?base64?SGV-bG8_?=",
        "=?base64? SGVsbG8=?=", "=?base64?SGVs bG8=?=",
        "=?base64?SGVs\tbG8=?=", "=?base64?SGVsbG8=\n?=",
        "=?base64?QR==?=", "=?base64?QUJ=?=", "=?base64?QUF=?=",
        "=?base64?QUK=?=", "=?base64?QY==?=",

        "=?base64?/w==?=", "=?base64?wIA=?=", "=?base64?wK8=?=",
        "=?base64?4ICA?=",               /* overlong */
        "=?base64?7aCA?=",               /* a surrogate */
        "=?base64?9JCAgA==?=",           /* U+110000 */
        "=?base64?5Lg=?=",               /* cut */
        "=?base64?gA==?="
    };

    for (i = 0; i < sizeof(bad) / sizeof(char *); i++) {
        in = str(bad[i]);

        if (mcp_header_decode(&in, arena, &out) != MCP_ERROR) {
            fail_msg("%s", bad[i]);
        }
    }
}


static void
test_decode(void **state)
{
    size_t     i;
    mcp_str_t  out, in;

    static const struct {
        const char       *value;
        const char       *is;
    } good[] = {
        { "us-west1", "us-west1" }, { "", "" }, { "a b\tc", "a b\tc" },
        { "=?base64?SGVsbG8=?=", "Hello" }, { "=?base64?\?=", "" },
        { "=?base64?SGVsbG8sIOS4lueVjA==?=",
          "Hello, \xe4\xb8\x96\xe7\x95\x8c" },
        { "=?base64?IHBhZGRlZCA=?=", " padded " },
        { "=?base64?bGluZTEKbGluZTI=?=", "line1\nline2" },
        { "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?=" },
        { "=?base64?8J+YgA==?=", "\xf0\x9f\x98\x80" },

        /* literals: not the exact markers */

        { "SGVsbG8=", "SGVsbG8=" }, { "=?base64?SGVsbG8=",
                                      "=?base64?SGVsbG8=" },
        { "SGVsbG8=?=", "SGVsbG8=?=" },
        { "=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?=" },
        { "=?Base64?!?=", "=?Base64?!?=" },
        { " =?base64?SGVsbG8=?=", " =?base64?SGVsbG8=?=" },
        { "=?base64?", "=?base64?" }, { "=?base64", "=?base64" },
        { "?=", "?=" }, { "=", "=" }
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        in = str(good[i].value);
        assert_int_equal(mcp_header_decode(&in, arena, &out), MCP_OK);
        assert_str(&out, good[i].is);
    }
}


static void
test_encode(void **state)
{
    size_t     i;
    mcp_str_t  out, in, back;

    static const struct {
        const char       *value;
        const char       *is;
    } values[] = {
        { "us-west1", "us-west1" }, { "us west 1", "us west 1" },
        { "a\tb", "a\tb" }, { "=?base64?", "=?base64?" },
        { "=?base64?x", "=?base64?x" }, { "x?=", "x?=" },
        { "", "=?base64?\?=" },
        { " padded ", "=?base64?IHBhZGRlZCA=?=" },
        { " us-west1", "=?base64?IHVzLXdlc3Qx?=" },
        { "us-west1 ", "=?base64?dXMtd2VzdDEg?=" },
        { "\tindented", "=?base64?CWluZGVudGVk?=" },
        { "line1\nline2", "=?base64?bGluZTEKbGluZTI=?=" },
        { "line1\r\nline2", "=?base64?bGluZTENCmxpbmUy?=" },
        { "Hello, \xe4\xb8\x96\xe7\x95\x8c",
          "=?base64?SGVsbG8sIOS4lueVjA==?=" },
        { "=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=" },
        { "=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?=" },
        { "\x7f", "=?base64?fw==?=" }
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        in = str(values[i].value);
        assert_int_equal(mcp_header_encode(&in, arena, &out), MCP_OK);
        assert_str(&out, values[i].is);
        assert_int_equal(mcp_header_decode(&out, arena, &back), MCP_OK);
        assert_str(&back, values[i].value);
    }
}


/* Against another encoder: what is accepted is what it would have written. */

static void
test_base64_is_canonical(void **state)
{
    int            n, digits, accepted;
    unsigned       i, j, x;
    mcp_str_t      in, out;
    unsigned char  value[64], other[16];

    static const char  some[] = "AQgw/+=B-";

    digits = sizeof(some) - 1;
    accepted = 0;
    n = digits * digits * digits * digits;

    for (i = 0; i < (unsigned) n; i++) {
        memcpy(value, "=?base64?", 9);

        for (j = 0, x = i; j < 4; j++, x /= (unsigned) digits) {
            value[9 + j] = (unsigned char) some[x % (unsigned) digits];
        }

        memcpy(value + 13, "?=", 2);
        in.data = value;
        in.len = 15;

        if (mcp_header_decode(&in, arena, &out) != MCP_OK) {
            continue;
        }

        accepted++;
        assert_int_equal(EVP_EncodeBlock(other, out.data, (int) out.len), 4);
        assert_memory_equal(other, value + 9, 4);
    }

    assert_true(accepted > 100);
}


static void
test_every_ascii_value(void **state)
{
    int            i, len, n;
    char           expected[80];
    mcp_str_t      in, out, back;
    unsigned char  bytes[40];

    for (i = 0; i < 2000; i++) {
        len = i % 40;
        assert_int_equal(RAND_bytes(bytes, 40), 1);

        for (n = 0; n < len; n++) {
            bytes[n] &= 0x7f;
        }

        in.data = bytes;
        in.len = (size_t) len;

        assert_int_equal(mcp_header_encode(&in, arena, &out), MCP_OK);

        if (out.data != bytes) {
            n = sprintf(expected, "=?base64?");
            n += EVP_EncodeBlock((unsigned char *) expected + n, bytes, len);
            (void) sprintf(expected + n, "?=");
            assert_str(&out, expected);
        }

        assert_int_equal(mcp_header_decode(&out, arena, &back), MCP_OK);
        assert_int_equal(back.len, in.len);
        assert_memory_equal(back.data, bytes, in.len);
    }
}


/* The corpus of UTF-8: what a value may carry is what is valid there. */

static void
test_utf8_corpus(void **state)
{
    int             n, valid, rc;
    FILE           *f;
    char           *hex, *path, line[8192];
    size_t          len;
    unsigned        byte;
    mcp_str_t       in, out;
    const char     *corpora;
    unsigned char   bytes[4096], value[8192];

    corpora = getenv("MCP_CORPORA");
    path = fmt("%s/utf8tests/utf8tests.txt",
               corpora ? corpora : "../shared/corpora");

    f = fopen(path, "r");
    if (f == NULL) {
        fail_msg("no corpus in %s", path);
    }

    n = 0;

    while (fgets(line, sizeof(line), f) != NULL) {

        hex = strstr(line, ":valid hex:");
        valid = (hex != NULL);

        if (hex == NULL) {
            hex = strstr(line, ":invalid hex:");
        }

        if (line[0] == '#' || hex == NULL) {
            continue;
        }

        hex = strstr(hex, "hex:") + 4;

        for (len = 0; sscanf(hex, " %2x", &byte) == 1; len++) {
            bytes[len] = (unsigned char) byte;
            hex += strspn(hex, " ") + 2;
        }

        memcpy(value, "=?base64?", 9);
        in.data = value;
        in.len = 9 + (size_t) EVP_EncodeBlock(value + 9, bytes, (int) len);
        memcpy(value + in.len, "?=", 2);
        in.len += 2;

        rc = mcp_header_decode(&in, arena, &out);
        n++;

        if (rc != (valid ? MCP_OK : MCP_ERROR)) {
            fail_msg("%d for %s", rc, line);
        }
    }

    fclose(f);
    assert_true(n > 200);
}


static void
test_no_memory(void **state)
{
    unsigned     i;
    mcp_str_t    in, out;
    oom_arena_t  oom;

    oom_init(&oom, arena, 0);

    in = str("=?base64?SGVsbG8=?=");
    assert_int_equal(mcp_header_decode(&in, &oom.arena, &out), MCP_NOMEM);
    in = str(" x");
    assert_int_equal(mcp_header_encode(&in, &oom.arena, &out), MCP_NOMEM);
    in = str("plain");
    assert_int_equal(mcp_header_decode(&in, &oom.arena, &out), MCP_OK);
    assert_int_equal(mcp_header_encode(&in, &oom.arena, &out), MCP_OK);

    parse_ok(modern("tools/call", "\"name\":\"x\""));
    headers("2026-07-28", "tools/call", "=?base64?eA==?=");
    assert_int_equal(mcp_message_check_modern(&m, &h, &oom.arena, &fault),
                     MCP_NOMEM);

    headers("bad", NULL, NULL);
    assert_int_equal(mcp_message_check_legacy(&m, &h, &oom.arena, &fault),
                     MCP_NOMEM);

    parse_ok(fmt("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{"
                 "\"_meta\":{\"" RESERVED "protocolVersion\":\"%0300d\",\""
                 RESERVED "clientCapabilities\":{}}}}", 0));
    h.version = m.version;

    for (i = 0; i < 2; i++) {
        oom_init(&oom, arena, i);
        assert_int_equal(mcp_message_check_modern(&m, &h, &oom.arena, &fault),
                         MCP_NOMEM);
    }
}


int
main(void)
{
    int  rc;

    const struct CMUnitTest  tests[] = {
        msg_test(test_combinations),
        msg_test(test_names),
        msg_test(test_meta),
        msg_test(test_era),
        msg_test(test_legacy),
        msg_test(test_negotiation),
        msg_test(test_decode_refused),
        msg_test(test_decode),
        msg_test(test_encode),
        msg_test(test_base64_is_canonical),
        msg_test(test_every_ascii_value),
        msg_test(test_utf8_corpus),
        msg_test(test_no_memory)
    };

    rc = cmocka_run_group_tests(tests, NULL, NULL);
    fault_forget();

    return rc;
}
