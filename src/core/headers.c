
/*
 * The versions of the protocol, the agreement of a message with its HTTP
 * headers, and the encoding of header values (revision 2026-07-28, "Streamable
 * HTTP").
 */


#include "message.h"


#define MCP_SENTINEL      "=?base64?"
#define MCP_SENTINEL_LEN  (sizeof(MCP_SENTINEL) - 1)


const mcp_str_t  mcp_legacy_versions[] = {
    mcp_string("2025-11-25"),
    mcp_string("2025-06-18"),
    mcp_string("2025-03-26"),
    mcp_null_string
};


static inline int
mcp_same(const mcp_str_t *a, const mcp_str_t *b)
{
    return a->len == b->len && mcp_equal(a->data, b->data, a->len);
}


/* --- versions ------------------------------------------------------------ */


int
mcp_legacy_version(const mcp_str_t *version)
{
    int  i;

    for (i = 0; mcp_legacy_versions[i].len != 0; i++) {
        if (mcp_same(&mcp_legacy_versions[i], version)) {
            return i;
        }
    }

    return -1;
}


const mcp_str_t *
mcp_negotiate(const mcp_str_t *asked)
{
    int  i;

    static const mcp_str_t  oldest = mcp_string(MCP_VERSION_DEFAULT);

    i = mcp_legacy_version(asked);

    if (i != -1) {
        return &mcp_legacy_versions[i];
    }

    if (mcp_str_is(asked, "2024-11-05")) {
        return &oldest;
    }

    return &mcp_legacy_versions[0];
}


void
mcp_supported_versions(mcp_buf_t *b)
{
    const mcp_str_t  *v;

    mcp_buf_literal(b, "[\"" MCP_VERSION_MODERN "\"");

    for (v = mcp_legacy_versions; v->len != 0; v++) {
        mcp_buf_literal(b, ",\"");
        mcp_buf_str(b, v);
        mcp_buf_literal(b, "\"");
    }

    mcp_buf_literal(b, "]");
}


/* A date, as versions are, from that of the first modern one on. */

static int
mcp_version_is_modern(const mcp_str_t *version)
{
    size_t         i;
    unsigned char  c;

    if (version->len != sizeof(MCP_VERSION_MODERN) - 1) {
        return 0;
    }

    for (i = 0; i < version->len; i++) {

        c = version->data[i];

        if (i == 4 || i == 7) {
            if (c != '-') {
                return 0;
            }

        } else if (c < '0' || c > '9') {
            return 0;
        }
    }

    return memcmp(version->data, MCP_VERSION_MODERN, version->len) >= 0;
}


mcp_era_e
mcp_message_era(const mcp_message_t *m, const mcp_message_headers_t *h)
{
    if (m->version_node != 0 || mcp_version_is_modern(&h->version)) {
        return MCP_ERA_MODERN;
    }

    return MCP_ERA_LEGACY;
}


/* --- checks -------------------------------------------------------------- */


static int
mcp_version_fault(const mcp_str_t *requested, mcp_arena_t *arena,
    mcp_fault_t *fault)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, 160);
    mcp_buf_literal(&b, "{\"supported\":");
    mcp_supported_versions(&b);
    mcp_buf_literal(&b, ",\"requested\":");
    mcp_buf_json(&b, requested->data, requested->len);
    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return MCP_NOMEM;
    }

    (void) mcp_fault(fault, MCP_E_VERSION, 400,
                     "this protocol version is not spoken here; use one of "
                     "those in data.supported", "");

    fault->data.data = b.data;
    fault->data.len = b.len;

    return MCP_ERROR;
}


static int
mcp_check_version(const mcp_message_t *m, const mcp_message_headers_t *h,
    mcp_arena_t *arena, mcp_fault_t *fault)
{
    if (h->version.data == NULL) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the MCP-Protocol-Version header is missing; send "
                         "the version that is in params._meta",
                         "{\"header\":\"MCP-Protocol-Version\"}");
    }

    if (m->version_node == 0) {
        return mcp_fault(fault, MCP_E_PARAMS, 400,
                         "params._meta needs "
                         "\"io.modelcontextprotocol/protocolVersion\", a "
                         "string: the version in the MCP-Protocol-Version "
                         "header", "");
    }

    if (!mcp_same(&h->version, &m->version)) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the MCP-Protocol-Version header and the "
                         "protocolVersion in params._meta differ; send the "
                         "same version in both",
                         "{\"header\":\"MCP-Protocol-Version\"}");
    }

    if (m->capabilities == 0) {
        return mcp_fault(fault, MCP_E_PARAMS, 400,
                         "params._meta needs "
                         "\"io.modelcontextprotocol/clientCapabilities\", an "
                         "object; {} if there are none", "");
    }

    if (!mcp_str_is(&m->version, MCP_VERSION_MODERN)) {
        return mcp_version_fault(&m->version, arena, fault);
    }

    return MCP_OK;
}


static int
mcp_check_name(const mcp_message_t *m, const mcp_message_headers_t *h,
    mcp_arena_t *arena, mcp_fault_t *fault)
{
    int        rc;
    mcp_str_t  name;

    if (h->name.data == NULL) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the Mcp-Name header is missing; send the name, uri "
                         "or taskId that is in params",
                         "{\"header\":\"Mcp-Name\"}");
    }

    rc = mcp_header_decode(&h->name, arena, &name);

    if (rc == MCP_ERROR) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the Mcp-Name header is invalid: it may hold "
                         "printable ASCII only, or =?base64?...?= with padded "
                         "base64 of UTF-8", "{\"header\":\"Mcp-Name\"}");
    }

    if (rc != MCP_OK) {
        return rc;
    }

    if (!mcp_same(&name, &m->name)) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the Mcp-Name header and the name, uri or taskId in "
                         "params differ; send the same value in both",
                         "{\"header\":\"Mcp-Name\"}");
    }

    return MCP_OK;
}


int
mcp_message_check_modern(const mcp_message_t *m,
    const mcp_message_headers_t *h, mcp_arena_t *arena, mcp_fault_t *fault)
{
    int  rc;

    if (m->kind == MCP_NOTIFICATION) {
        return MCP_OK;
    }

    if (m->kind == MCP_RESPONSE) {
        return mcp_fault(fault, MCP_E_REQUEST, 400,
                         "clients of this protocol version send no responses; "
                         "answer input requests by a new request with "
                         "params.inputResponses", "");
    }

    rc = mcp_check_version(m, h, arena, fault);
    if (rc != MCP_OK) {
        return rc;
    }

    if (h->method.data == NULL) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the Mcp-Method header is missing; send the method "
                         "of the message", "{\"header\":\"Mcp-Method\"}");
    }

    if (!mcp_same(&h->method, &m->method_name)) {
        return mcp_fault(fault, MCP_E_HEADER, 400,
                         "the Mcp-Method header and the method of the message "
                         "differ; send the same method in both",
                         "{\"header\":\"Mcp-Method\"}");
    }

    switch (m->method) {
    case MCP_TOOLS_CALL:
    case MCP_PROMPTS_GET:
    case MCP_RESOURCES_READ:
    case MCP_TASKS_GET:
    case MCP_TASKS_UPDATE:
    case MCP_TASKS_CANCEL:
        return mcp_check_name(m, h, arena, fault);
    default:
        return MCP_OK;
    }
}


int
mcp_message_check_legacy(const mcp_message_t *m,
    const mcp_message_headers_t *h, mcp_arena_t *arena, mcp_fault_t *fault)
{
    mcp_buf_t  b;

    if (h->version.data == NULL || m->method == MCP_INITIALIZE
        || mcp_legacy_version(&h->version) != -1)
    {
        return MCP_OK;
    }

    mcp_buf_init(&b, arena, 160);
    mcp_buf_literal(&b, "{\"header\":\"MCP-Protocol-Version\","
                        "\"supported\":");
    mcp_supported_versions(&b);
    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return MCP_NOMEM;
    }

    (void) mcp_fault(fault, MCP_E_REQUEST, 400,
                     "the MCP-Protocol-Version header names no version that "
                     "is spoken here; send the one that initialize was "
                     "answered with", "");

    fault->data.data = b.data;
    fault->data.len = b.len;

    return MCP_ERROR;
}


/* --- values -------------------------------------------------------------- */


/* UTF-8 (RFC 3629): shortest forms only, no surrogates, up to U+10FFFF. */

static int
mcp_utf8_valid(const unsigned char *p, size_t len)
{
    unsigned              n, low, high;
    const unsigned char  *end;

    for (end = p + len; p < end; /* void */ ) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        n = (*p < 0xe0) ? 1 : (*p < 0xf0) ? 2 : 3;

        if (*p < 0xc2 || *p > 0xf4 || (size_t) (end - p) <= n) {
            return 0;
        }

        /* the second byte is what overlong forms and the like show in */

        low = (*p == 0xe0) ? 0xa0 : (*p == 0xf0) ? 0x90 : 0x80;
        high = (*p == 0xed) ? 0x9f : (*p == 0xf4) ? 0x8f : 0xbf;
        p++;

        if (*p < low || *p > high) {
            return 0;
        }

        for (p++; n > 1; n--, p++) {
            if ((*p & 0xc0) != 0x80) {
                return 0;
            }
        }
    }

    return 1;
}


static int
mcp_base64_digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return (c == '+') ? 62 : (c == '/') ? 63 : -1;
}


/*
 * Base64 (RFC 4648, 4) with its padding, without line ends, and with unused
 * bits of 0, so that every value has one form only.
 */

static int
mcp_base64_decode(unsigned char *dst, size_t *n, const unsigned char *p,
    size_t len)
{
    int             digit;
    size_t          i, pad;
    uint32_t        bits;
    unsigned char  *start;

    if (len % 4 != 0) {
        return MCP_ERROR;
    }

    pad = 0;

    if (len != 0 && p[len - 1] == '=') {
        pad = (p[len - 2] == '=') ? 2 : 1;
    }

    bits = 0;
    start = dst;

    for (i = 0; i < len - pad; i++) {

        digit = mcp_base64_digit(p[i]);
        if (digit == -1) {
            return MCP_ERROR;
        }

        bits = bits << 6 | (uint32_t) digit;

        if (i % 4 != 0) {
            *dst++ = (unsigned char) (bits >> (6 - i % 4 * 2));
        }
    }

    if ((pad == 1 && (bits & 0x3) != 0) || (pad == 2 && (bits & 0xf) != 0)) {
        return MCP_ERROR;
    }

    *n = (size_t) (dst - start);

    return MCP_OK;
}


static void
mcp_base64_encode(mcp_buf_t *b, const unsigned char *p, size_t len)
{
    size_t         i, n;
    uint32_t       bits;
    unsigned char  out[4];

    static const char  digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (i = 0; i < len; i += 3) {

        n = len - i;
        bits = (uint32_t) p[i] << 16;
        bits |= (n > 1) ? (uint32_t) p[i + 1] << 8 : 0;
        bits |= (n > 2) ? p[i + 2] : 0;

        out[0] = (unsigned char) digits[bits >> 18];
        out[1] = (unsigned char) digits[bits >> 12 & 63];
        out[2] = (n > 1) ? (unsigned char) digits[bits >> 6 & 63] : '=';
        out[3] = (n > 2) ? (unsigned char) digits[bits & 63] : '=';

        mcp_buf_append(b, out, 4);
    }
}


/* Whether it begins and ends as encoded values do; the two may overlap. */

static int
mcp_header_marked(const mcp_str_t *value)
{
    return value->len > MCP_SENTINEL_LEN
           && memcmp(value->data, MCP_SENTINEL, MCP_SENTINEL_LEN) == 0
           && value->data[value->len - 2] == '?'
           && value->data[value->len - 1] == '=';
}


/* Printable ASCII, space and tab (RFC 9110, 5.5). */

static int
mcp_header_plain(const mcp_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if ((value->data[i] < 0x20 && value->data[i] != '\t')
            || value->data[i] > 0x7e)
        {
            return 0;
        }
    }

    return 1;
}


int
mcp_header_decode(const mcp_str_t *value, mcp_arena_t *arena, mcp_str_t *out)
{
    size_t                len;
    const unsigned char  *p;

    if (!mcp_header_plain(value)) {
        return MCP_ERROR;
    }

    if (!mcp_header_marked(value)) {
        *out = *value;
        return MCP_OK;
    }

    if (value->len < MCP_SENTINEL_LEN + 2) {
        return MCP_ERROR;
    }

    p = value->data + MCP_SENTINEL_LEN;
    len = value->len - MCP_SENTINEL_LEN - 2;

    out->data = mcp_alloc(arena, len / 4 * 3 + 1);
    if (out->data == NULL) {
        return MCP_NOMEM;
    }

    if (mcp_base64_decode(out->data, &out->len, p, len) != MCP_OK
        || !mcp_utf8_valid(out->data, out->len))
    {
        return MCP_ERROR;
    }

    return MCP_OK;
}


int
mcp_header_encode(const mcp_str_t *value, mcp_arena_t *arena, mcp_str_t *out)
{
    mcp_buf_t      b;
    unsigned char  first, last;

    if (value->len != 0 && !mcp_header_marked(value)
        && mcp_header_plain(value))
    {
        first = value->data[0];
        last = value->data[value->len - 1];

        if (first != ' ' && first != '\t' && last != ' ' && last != '\t') {
            *out = *value;
            return MCP_OK;
        }
    }

    mcp_buf_init(&b, arena, value->len / 3 * 4 + 16);
    mcp_buf_literal(&b, MCP_SENTINEL);
    mcp_base64_encode(&b, value->data, value->len);
    mcp_buf_literal(&b, "?=");

    if (b.failed) {
        return MCP_NOMEM;
    }

    out->data = b.data;
    out->len = b.len;

    return MCP_OK;
}
