
/* JSON scalars as bytes of JSON text, for the relay. */


#include "relay_field.h"


/* digits * 10^exponent; no zeros at either end of the digits, none for 0 */

typedef struct {
    unsigned              negative;
    size_t                n;
    int64_t               exponent;
    unsigned char         digit[MCP_RELAY_VALUE_MAX];
} mcp_relay_decimal_t;


static int
mcp_relay_digit(unsigned c)
{
    return c >= '0' && c <= '9';
}


/* The exponent at [p, end), behind its "e".  More than 9 digits: none. */

static int
mcp_relay_exponent(const unsigned char *p, const unsigned char *end,
    int64_t *out)
{
    int      negative;
    int64_t  n;

    negative = (p < end && *p == '-');

    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }

    if (p == end || end - p > 9) {
        return MCP_NONE;
    }

    for (n = 0; p < end; p++) {
        if (!mcp_relay_digit(*p)) {
            return MCP_NONE;
        }

        n = n * 10 + (*p - '0');
    }

    *out = negative ? -n : n;

    return MCP_OK;
}


static int
mcp_relay_decimal(const mcp_str_t *value, mcp_relay_decimal_t *d)
{
    int64_t               exponent;
    unsigned              point, any;
    const unsigned char  *p, *end;

    if (value->len > MCP_RELAY_VALUE_MAX) {
        return MCP_NONE;
    }

    p = value->data;
    end = p + value->len;

    d->n = 0;
    d->exponent = 0;
    d->negative = (p < end && *p == '-');

    point = 0;
    any = 0;

    for (p += d->negative; p < end; p++) {

        if (*p == '.' && !point) {
            point = 1;
            continue;
        }

        if (!mcp_relay_digit(*p)) {
            break;
        }

        any = 1;
        d->exponent -= point;

        if (d->n != 0 || *p != '0') {
            d->digit[d->n++] = *p;
        }
    }

    if (!any) {
        return MCP_NONE;
    }

    if (p < end) {
        if ((*p != 'e' && *p != 'E')
            || mcp_relay_exponent(p + 1, end, &exponent) != MCP_OK)
        {
            return MCP_NONE;
        }

        d->exponent += exponent;
    }

    while (d->n != 0 && d->digit[d->n - 1] == '0') {
        d->n--;
        d->exponent++;
    }

    if (d->n == 0) {
        d->exponent = 0;
        d->negative = 0;
    }

    return MCP_OK;
}


int
mcp_relay_integer(const mcp_str_t *value, int64_t *out)
{
    size_t               i;
    int64_t              n;
    mcp_relay_decimal_t  d;

    if (mcp_relay_decimal(value, &d) != MCP_OK
        || d.exponent < 0 || d.exponent > 19 || d.n > 19)
    {
        return MCP_NONE;
    }

    n = 0;

    /* downwards, since INT64_MIN has no opposite */

    for (i = 0; i < d.n + (size_t) d.exponent; i++) {
        if (__builtin_mul_overflow(n, 10, &n)
            || (i < d.n && __builtin_sub_overflow(n, d.digit[i] - '0', &n)))
        {
            return MCP_NONE;
        }
    }

    if (!d.negative && __builtin_sub_overflow(0, n, &n)) {
        return MCP_NONE;
    }

    *out = n;

    return MCP_OK;
}


/* Whether it is a string short enough for the buffers here. */

static int
mcp_relay_is_string(const mcp_str_t *value)
{
    return value->len >= 2 && value->len <= MCP_RELAY_VALUE_MAX
           && value->data[0] == '"';
}


static size_t
mcp_relay_decode(unsigned char *dst, const mcp_str_t *value)
{
    return (size_t) (mcp_json_decode(dst, value->data + 1,
                                     value->data + value->len - 1) - dst);
}


int
mcp_relay_equal(const mcp_str_t *a, const mcp_str_t *b)
{
    size_t               n;
    unsigned char        s[MCP_RELAY_VALUE_MAX], t[MCP_RELAY_VALUE_MAX];
    mcp_relay_decimal_t  d, e;

    if (a->len == 0 || b->len == 0
        || a->len > MCP_RELAY_VALUE_MAX || b->len > MCP_RELAY_VALUE_MAX)
    {
        return 0;
    }

    if (a->len == b->len && mcp_equal(a->data, b->data, a->len)) {
        return a->data[0] == '"' || a->data[0] == '-'
               || mcp_relay_digit(a->data[0]);
    }

    if (mcp_relay_is_string(a)) {

        if (!mcp_relay_is_string(b)) {
            return 0;
        }

        if (a->len == b->len && mcp_equal(a->data, b->data, a->len)) {
            return 1;
        }

        n = mcp_relay_decode(s, a);

        return n == mcp_relay_decode(t, b) && memcmp(s, t, n) == 0;
    }

    if (mcp_relay_decimal(a, &d) != MCP_OK
        || mcp_relay_decimal(b, &e) != MCP_OK)
    {
        /* of numbers, one with an enormous exponent is equal to itself */

        return (a->data[0] == '-' || mcp_relay_digit(a->data[0]))
               && a->len == b->len && mcp_equal(a->data, b->data, a->len);
    }

    return d.negative == e.negative && d.exponent == e.exponent
           && d.n == e.n && memcmp(d.digit, e.digit, d.n) == 0;
}


int
mcp_relay_string_is(const mcp_str_t *value, const char *text)
{
    size_t         n;
    unsigned char  s[MCP_RELAY_VALUE_MAX];

    if (!mcp_relay_is_string(value)) {
        return 0;
    }

    n = strlen(text);

    if (value->len == n + 2 && mcp_equal(value->data + 1, text, n)) {
        return 1;
    }

    /* it could only be the same if something in it is escaped */

    if (value->len <= n + 2) {
        return 0;
    }

    return mcp_relay_decode(s, value) == n && memcmp(s, text, n) == 0;
}


/* The end of the last escape of [p, end) that is whole. */

static const unsigned char *
mcp_relay_whole(const unsigned char *p, const unsigned char *end)
{
    size_t  n;

    while (p < end) {
        n = 1;

        if (*p == '\\') {
            n = 2;

            if (end - p > 1 && p[1] == 'u') {

                /* the first half of a surrogate pair is \uD8xx to \uDBxx */

                n = (end - p > 3 && (p[2] | 0x20) == 'd'
                     && (p[3] == '8' || p[3] == '9'
                         || (p[3] | 0x20) == 'a' || (p[3] | 0x20) == 'b'))
                        ? 12 : 6;
            }
        }

        if ((size_t) (end - p) < n) {
            break;
        }

        p += n;
    }

    return p;
}


size_t
mcp_relay_unquote(unsigned char *dst, size_t max, const mcp_str_t *value,
    int cut)
{
    size_t                n;
    unsigned char         s[MCP_RELAY_HELD_MAX];
    const unsigned char  *p, *end;

    p = value->data + 1;
    end = value->data + value->len;
    end = cut ? mcp_relay_whole(p, end) : end - 1;

    n = (size_t) (mcp_json_decode(s, p, end) - s);

    /* not in the middle of a character */

    if (n > max) {
        n = max;

        while (n > 0 && (s[n] & 0xc0) == 0x80) {
            n--;
        }
    }

    memcpy(dst, s, n);

    return n;
}
