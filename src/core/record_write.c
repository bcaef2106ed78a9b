
/* Lines of the audit trail, as they are written. */


#include "record.h"


typedef struct {
    size_t                year;
    unsigned              month;
    unsigned              day;
} mcp_date_t;


/* The Gregorian date of a day since 1970-01-01, from March to February. */

static mcp_date_t
record_date(int64_t day)
{
    int64_t     era, of_era, year, of_year, month;
    mcp_date_t  date;

    day += 719468;               /* since 0000-03-01 */

    era = day / 146097;
    of_era = day % 146097;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;

    date.day = (unsigned) (of_year - (153 * month + 2) / 5 + 1);
    date.month = (unsigned) (month < 10 ? month + 3 : month - 9);
    date.year = (size_t) (year + era * 400 + (date.month <= 2));

    return date;
}


static unsigned char *
record_digits(unsigned char *p, uint64_t n, unsigned digits)
{
    unsigned  i;

    for (i = digits; i > 0; i--) {
        p[i - 1] = (unsigned char) ('0' + n % 10);
        n /= 10;
    }

    return p + digits;
}


unsigned char *
mcp_record_time(unsigned char *p, int64_t us)
{
    uint64_t    sec;
    mcp_date_t  date;

    if (us < 0 || us >= INT64_C(253402300800) * 1000000) {
        us = 0;
    }

    sec = (uint64_t) us / 1000000;
    date = record_date((int64_t) (sec / 86400));
    sec %= 86400;

    p = record_digits(p, date.year, 4);
    *p++ = '-';
    p = record_digits(p, date.month, 2);
    *p++ = '-';
    p = record_digits(p, date.day, 2);
    *p++ = 'T';
    p = record_digits(p, sec / 3600, 2);
    *p++ = ':';
    p = record_digits(p, sec / 60 % 60, 2);
    *p++ = ':';
    p = record_digits(p, sec % 60, 2);
    *p++ = '.';
    p = record_digits(p, (uint64_t) us % 1000000, 6);
    *p++ = 'Z';

    return p;
}


/* --- members ------------------------------------------------------------- */


/*
 * The bytes of a well-formed UTF-8 sequence (RFC 3629) at p; 0: there is
 * none.
 */

static size_t
record_utf8(const unsigned char *p, const unsigned char *end)
{
    size_t    i, len;
    uint32_t  code;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (*p < 0x80) {
        return 1;
    }

    if (*p < 0xc2 || *p > 0xf4) {
        return 0;
    }

    len = 2 + (*p >= 0xe0) + (*p >= 0xf0);

    if ((size_t) (end - p) < len) {
        return 0;
    }

    code = *p & (0x7fu >> len);

    for (i = 1; i < len; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = (code << 6) | (p[i] & 0x3f);
    }

    if (code < least[len] || code > 0x10ffff
        || (code >= 0xd800 && code <= 0xdfff))
    {
        return 0;
    }

    return len;
}


/*
 * mcp_buf_json() for bytes most of which are JSON themselves, and so have many
 * quotes: it copies them one by one where there is room for the worst.
 */

static void
record_escaped(mcp_buf_t *b, const unsigned char *p, size_t len)
{
    unsigned char         ch, *q;
    const unsigned char  *end;

    if (b->failed || b->size - b->len < 2 * len + 2) {
        mcp_buf_json(b, p, len);
        return;
    }

    q = b->data + b->len;
    *q++ = '"';

    for (end = p + len; p < end; p++) {

        ch = *p;

        if (ch >= 0x20 && ch != '"' && ch != '\\' && ch != 0x7f) {
            *q++ = ch;
            continue;
        }

        if (ch != '"' && ch != '\\') {

            /* begin again with who knows them all */

            mcp_buf_json(b, end - len, len);
            return;
        }

        *q++ = '\\';
        *q++ = ch;
    }

    *q++ = '"';
    b->len = (size_t) (q - b->data);
}


/* Any bytes as a JSON string; what is not UTF-8 becomes U+FFFD. */

static void
record_string(mcp_buf_t *b, const mcp_str_t *s, size_t max)
{
    size_t                n, len;
    const unsigned char  *p, *end;
    unsigned char        *q, text[MCP_RECORD_TEXT + 4];

    len = s->len < max ? s->len : max;
    p = s->data;
    end = p + len;

    while (p < end && *p < 0x80) {
        p++;
    }

    if (p == end) {
        record_escaped(b, s->data, len);
        return;
    }

    q = text;
    p = s->data;
    end = p + s->len;

    while (p < end) {

        n = record_utf8(p, end);

        if ((size_t) (q - text) + (n ? n : 3) > max) {
            break;
        }

        if (n == 0) {
            memcpy(q, "\xef\xbf\xbd", 3);
            q += 3;
            p++;
            continue;
        }

        memcpy(q, p, n);
        q += n;
        p += n;
    }

    mcp_buf_json(b, text, (size_t) (q - text));
}


static void
record_member(mcp_buf_t *b, const char *name, size_t len, const mcp_str_t *s)
{
    if (s->len != 0) {
        mcp_buf_append(b, name, len);
        record_string(b, s, MCP_RECORD_TEXT);
    }
}

#define record_text(b, name, s)                                               \
    record_member(b, ",\"" name "\":", sizeof(",\"" name "\":") - 1, s)


/* Of bytes that need no escapes. */

static void
record_plain_member(mcp_buf_t *b, const char *name, size_t len,
    const mcp_str_t *s)
{
    if (s->len != 0) {
        mcp_buf_append(b, name, len);
        mcp_buf_str(b, s);
        mcp_buf_append(b, "\"", 1);
    }
}

#define record_plain(b, name, s)                                              \
    record_plain_member(b, ",\"" name "\":\"",                                \
                        sizeof(",\"" name "\":\"") - 1, s)


static void
record_int(mcp_buf_t *b, int64_t n)
{
    if (n < 0) {
        mcp_buf_append(b, "-", 1);
    }

    mcp_buf_uint(b, n < 0 ? 0 - (uint64_t) n : (uint64_t) n);
}


#define record_number(b, name, n)                                             \
    do {                                                                      \
        mcp_buf_literal(b, ",\"" name "\":");                                 \
        record_int(b, n);                                                     \
    } while (0)


static void
record_stamp(mcp_buf_t *b, int64_t us)
{
    unsigned char  text[MCP_RECORD_TIME];

    mcp_record_time(text, us);

    mcp_buf_literal(b, ",\"time\":\"");
    mcp_buf_append(b, text, sizeof(text));
    mcp_buf_append(b, "\"", 1);
}


void
mcp_record_trace(mcp_record_t *rec, const mcp_str_t *traceparent)
{
    size_t                i;
    const unsigned char  *p;

    /* W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex> */

    p = traceparent->data;

    if (traceparent->len != 55 || p[2] != '-' || p[35] != '-'
        || p[52] != '-')
    {
        return;
    }

    for (i = 3; i < 52; i++) {
        if (i != 35 && !(p[i] >= '0' && p[i] <= '9')
            && !(p[i] >= 'a' && p[i] <= 'f'))
        {
            return;
        }
    }

    rec->trace.data = traceparent->data + 3;
    rec->trace.len = 32;
    rec->span.data = traceparent->data + 36;
    rec->span.len = 16;
}


/* --- lines --------------------------------------------------------------- */


static void
record_intent(mcp_buf_t *b, const mcp_record_t *rec)
{
    unsigned  i;

    record_text(b, "node", &rec->node);
    record_text(b, "client", &rec->client);

    if (rec->nroles != 0) {
        mcp_buf_literal(b, ",\"roles\":[");

        for (i = 0; i < rec->nroles && i < MCP_RECORD_ROLES; i++) {
            if (i != 0) {
                mcp_buf_append(b, ",", 1);
            }
            record_string(b, &rec->roles[i], MCP_RECORD_ROLE);
        }

        mcp_buf_append(b, "]", 1);
    }

    record_text(b, "client.address", &rec->address);
    record_text(b, "mcp.method.name", &rec->method);

    switch (rec->name_is) {

    case MCP_RECORD_TOOL:
        record_text(b, "gen_ai.tool.name", &rec->name);
        break;

    case MCP_RECORD_PROMPT:
        record_text(b, "gen_ai.prompt.name", &rec->name);
        break;

    case MCP_RECORD_RESOURCE:
        record_text(b, "mcp.resource.uri", &rec->name);
        break;

    default:
        record_text(b, "name", &rec->name);
        break;
    }

    record_text(b, "native", &rec->native);
    record_text(b, "backend", &rec->backend);

    if (rec->arguments.len != 0) {
        mcp_buf_literal(b, ",\"gen_ai.tool.call.arguments\":");
        record_escaped(b, rec->arguments.data, rec->arguments.len);
        record_number(b, "arguments.size", (int64_t) rec->arguments_len);
    }

    if (rec->cut) {
        mcp_buf_literal(b, ",\"arguments.cut\":true");
    }

    if (rec->redacted) {
        mcp_buf_literal(b, ",\"arguments.redacted\":true");
    }

    record_text(b, "jsonrpc.request.id", &rec->request_id);
    record_text(b, "mcp.protocol.version", &rec->version);
    record_plain(b, "era", &rec->era);
    record_plain(b, "mcp.session.id", &rec->session);
    record_plain(b, "trace_id", &rec->trace);
    record_plain(b, "span_id", &rec->span);
}


static void
record_outcome(mcp_buf_t *b, const mcp_record_t *rec)
{
    record_plain(b, "outcome", &rec->outcome);

    if (rec->code != 0) {
        mcp_buf_literal(b, ",\"rpc.response.status_code\":\"");
        record_int(b, rec->code);
        mcp_buf_append(b, "\"", 1);
    }

    if (rec->reason.len != 0) {
        mcp_buf_literal(b, ",\"reason\":");
        record_string(b, &rec->reason, MCP_RECORD_REASON);
    }

    if (rec->swept) {
        mcp_buf_literal(b, ",\"swept\":true");
        return;
    }

    record_number(b, "duration_us", rec->duration);

    if (rec->backend_time >= 0) {
        record_number(b, "backend_us", rec->backend_time);
    }

    record_number(b, "http.request.body.size", rec->bytes_in);
    record_number(b, "http.response.body.size", rec->bytes_out);
}


/* Head and tail say where the chain stands. */

static void
record_segment(mcp_buf_t *b, const mcp_record_t *rec)
{
    record_stamp(b, rec->time);
    record_text(b, "node", &rec->node);
    record_text(b, "chain", &rec->chain);
    record_number(b, "segment", (int64_t) rec->segment);
    record_number(b, "seq", (int64_t) rec->seq);
    record_plain(b, "prev", &rec->prev);

    if (rec->kind == MCP_RECORD_HEAD) {
        record_number(b, "open", (int64_t) rec->open);
    }

    if (rec->final) {
        mcp_buf_literal(b, ",\"final\":true");
    }

    if (rec->swept) {
        mcp_buf_literal(b, ",\"swept\":true");
    }

    mcp_buf_literal(b, "}\n");
}


static void
record_opened(mcp_buf_t *b, const mcp_record_t *rec)
{
    unsigned  i;

    record_text(b, "chain", &rec->chain);
    mcp_buf_literal(b, ",\"ids\":[");

    for (i = 0; i < rec->nids; i++) {
        if (i != 0) {
            mcp_buf_append(b, ",", 1);
        }
        mcp_buf_append(b, "\"", 1);
        mcp_buf_str(b, &rec->ids[i]);
        mcp_buf_append(b, "\"", 1);
    }

    mcp_buf_literal(b, "]}\n");
}


void
mcp_record_write(mcp_buf_t *b, const mcp_record_t *rec)
{
    switch (rec->kind) {

    case MCP_RECORD_INTENT:
        mcp_buf_literal(b, "{\"record\":\"intent\"");
        record_plain(b, "id", &rec->id);
        record_stamp(b, rec->time);
        record_intent(b, rec);
        return;

    case MCP_RECORD_OUTCOME:
        mcp_buf_literal(b, "{\"record\":\"outcome\"");
        record_plain(b, "id", &rec->id);
        record_stamp(b, rec->time);
        record_outcome(b, rec);
        return;

    case MCP_RECORD_CALL:
        mcp_buf_literal(b, "{\"record\":\"call\"");
        record_plain(b, "id", &rec->id);
        record_stamp(b, rec->time);
        record_intent(b, rec);
        record_outcome(b, rec);
        return;

    case MCP_RECORD_HEAD:
        mcp_buf_literal(b, "{\"record\":\"head\"");
        record_segment(b, rec);
        return;

    case MCP_RECORD_OPENED:
        mcp_buf_literal(b, "{\"record\":\"opened\"");
        record_opened(b, rec);
        return;

    case MCP_RECORD_TAIL:
        mcp_buf_literal(b, "{\"record\":\"tail\"");
        record_segment(b, rec);
        return;
    }
}
