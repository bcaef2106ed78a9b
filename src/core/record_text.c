
/* Values in lines of the audit trail: times, strings. */


#include "record_text.h"


/* --- times --------------------------------------------------------------- */


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
record_two_digits(unsigned char *p, uint64_t n)
{
    memcpy(p, mcp_digits + 2 * n, 2);

    return p + 2;
}


unsigned char *
mcp_record_time(unsigned char *p, int64_t us)
{
    uint64_t    sec, part;
    mcp_date_t  date;

    if (us < 0 || us >= INT64_C(253402300800) * 1000000) {
        us = 0;
    }

    sec = (uint64_t) us / 1000000;
    part = (uint64_t) us % 1000000;
    date = record_date((int64_t) (sec / 86400));
    sec %= 86400;

    p = record_two_digits(p, date.year / 100);
    p = record_two_digits(p, date.year % 100);
    *p++ = '-';
    p = record_two_digits(p, date.month);
    *p++ = '-';
    p = record_two_digits(p, date.day);
    *p++ = 'T';
    p = record_two_digits(p, sec / 3600);
    *p++ = ':';
    p = record_two_digits(p, sec / 60 % 60);
    *p++ = ':';
    p = record_two_digits(p, sec % 60);
    *p++ = '.';
    p = record_two_digits(p, part / 10000);
    p = record_two_digits(p, part / 100 % 100);
    p = record_two_digits(p, part % 100);
    *p++ = 'Z';

    return p;
}


/* --- strings ------------------------------------------------------------- */


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


#define RECORD_ESCAPED  1        /* by mcp_buf_json() */
#define RECORD_FOREIGN  2        /* not ASCII */


static const unsigned char  record_stop[256] = {
    [0 ... 0x1f] = RECORD_ESCAPED,
    ['"'] = RECORD_ESCAPED,
    ['\\'] = RECORD_ESCAPED,
    [0x7f] = RECORD_ESCAPED,
    [0x80 ... 0xff] = RECORD_FOREIGN
};


/* Copies bytes up to the first of those: how many there were. */

static inline size_t
record_copy(unsigned char *q, const unsigned char *p, size_t len,
    unsigned stop)
{
    size_t  n;

    for (n = 0; n < len && !(record_stop[p[n]] & stop); n++) {
        q[n] = p[n];
    }

    return n;
}


void
mcp_record_json(mcp_buf_t *b, const unsigned char *p, size_t len)
{
    unsigned char        *q;
    const unsigned char  *at, *end;

    if (b->failed || b->size - b->len < 2 * len + 2) {
        mcp_buf_json(b, p, len);
        return;
    }

    q = b->data + b->len;
    *q++ = '"';
    end = p + len;

    for (at = p; at < end; at++) {

        len = record_copy(q, at, (size_t) (end - at), RECORD_ESCAPED);
        q += len;
        at += len;

        if (at == end) {
            break;
        }

        if (*at != '"' && *at != '\\') {

            /* begin again with who knows them all */

            mcp_buf_json(b, p, (size_t) (end - p));
            return;
        }

        *q++ = '\\';
        *q++ = *at;
    }

    *q++ = '"';
    b->len = (size_t) (q - b->data);
}


/* Any bytes as UTF-8. */

static size_t
record_valid(unsigned char *text, const mcp_str_t *s, size_t max)
{
    size_t                n;
    unsigned char        *q;
    const unsigned char  *p, *end;

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

    return (size_t) (q - text);
}


void
mcp_record_string(mcp_buf_t *b, const mcp_str_t *s, size_t max)
{
    size_t         len;
    unsigned char  *q, text[MCP_RECORD_TEXT + 4];

    len = s->len < max ? s->len : max;

    if (!b->failed && b->size - b->len >= len + 2) {

        q = b->data + b->len;

        if (record_copy(q + 1, s->data, len, RECORD_ESCAPED|RECORD_FOREIGN)
            == len) {
            q[0] = '"';
            q[len + 1] = '"';
            b->len += len + 2;
            return;
        }
    }

    mcp_buf_json(b, text, record_valid(text, s, max));
}
