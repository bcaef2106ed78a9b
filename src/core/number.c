
/* JSON numbers by their digits. */


#include "number.h"


#define MCP_EXPONENT_MAX    (INT64_C(1) << 60)
#define MCP_DIVISOR_DIGITS  18


/* The exponent behind "e"; beyond all that makes a difference it is cut. */

static int64_t
mcp_number_exponent(const unsigned char *p, const unsigned char *end)
{
    int      minus;
    int64_t  n;

    minus = (p < end && *p == '-');

    if (p < end && (*p == '-' || *p == '+')) {
        p++;
    }

    for (n = 0; p < end; p++) {
        if (n < MCP_EXPONENT_MAX / 10 - 1) {
            n = n * 10 + (*p - '0');

        } else {
            n = MCP_EXPONENT_MAX;
        }
    }

    return minus ? -n : n;
}


void
mcp_number_parse(mcp_number_t *d, const unsigned char *p,
    const unsigned char *end)
{
    int64_t               e;
    const unsigned char  *point, *first, *last, *q;

    d->negative = (p < end && *p == '-');
    d->digits = 0;
    d->exp = 0;

    point = NULL;
    first = NULL;
    last = NULL;
    e = 0;

    for (q = p + d->negative; q < end; q++) {

        if (*q == '.') {
            point = q;
            continue;
        }

        if (*q == 'e' || *q == 'E') {
            e = mcp_number_exponent(q + 1, end);
            break;
        }

        if (*q != '0') {
            first = first ? first : q;
            last = q;
        }
    }

    d->p = first;

    if (first == NULL) {
        d->negative = 0;
        return;
    }

    if (point == NULL) {
        point = q;
    }

    d->digits = (uint32_t) (last - first + 1 - (first < point
                                                && point < last));

    /* in front of the point, or zeros behind it */

    d->exp = e + (first < point ? point - first : -(first - point - 1));
}


static int
mcp_number_magnitudes(const mcp_number_t *a, const mcp_number_t *b)
{
    uint32_t              i, n;
    const unsigned char  *p, *q;

    if (a->digits == 0 || b->digits == 0) {
        return (a->digits != 0) - (b->digits != 0);
    }

    if (a->exp != b->exp) {
        return a->exp < b->exp ? -1 : 1;
    }

    n = a->digits < b->digits ? a->digits : b->digits;
    p = a->p;
    q = b->p;

    for (i = 0; i < n; i++) {
        p += (*p == '.');
        q += (*q == '.');

        if (*p != *q) {
            return *p < *q ? -1 : 1;
        }

        p++;
        q++;
    }

    return (a->digits > n) - (b->digits > n);
}


int
mcp_number_compare(const mcp_number_t *a, const mcp_number_t *b)
{
    int  rc;

    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }

    rc = mcp_number_magnitudes(a, b);

    return a->negative ? -rc : rc;
}


int
mcp_number_order(const mcp_str_t *a, const mcp_str_t *b)
{
    mcp_number_t  na, nb;

    mcp_number_parse(&na, a->data, a->data + a->len);
    mcp_number_parse(&nb, b->data, b->data + b->len);

    return mcp_number_compare(&na, &nb);
}


uint64_t
mcp_number_hash(const mcp_number_t *d)
{
    uint32_t              i;
    uint64_t              h;
    const unsigned char  *p;

    h = ((uint64_t) d->exp << 1 | d->negative) ^ d->digits;
    p = d->p;

    for (i = 0; i < d->digits; i++) {
        p += (*p == '.');
        h = (h ^ *p++) * UINT64_C(0x100000001b3);
    }

    return h;
}


int
mcp_divisor_init(mcp_divisor_t *v, const mcp_number_t *d)
{
    uint32_t              i;
    const unsigned char  *p;

    if (d->digits == 0 || d->negative || d->digits > MCP_DIVISOR_DIGITS) {
        return MCP_ERROR;
    }

    v->n = 0;
    v->exp = d->exp - (int64_t) d->digits;
    p = d->p;

    for (i = 0; i < d->digits; i++) {
        p += (*p == '.');
        v->n = v->n * 10 + (uint64_t) (*p++ - '0');
    }

    return MCP_OK;
}


static uint64_t
mcp_multiply(uint64_t a, uint64_t b, uint64_t n)
{
    return (uint64_t) ((unsigned __int128) a * b % n);
}


int
mcp_number_divides(const mcp_divisor_t *v, const mcp_number_t *d)
{
    int64_t               k;
    uint32_t              i;
    uint64_t              rest, ten;
    const unsigned char  *p;

    if (d->digits == 0) {
        return 1;
    }

    /* the digits do not end with a zero, so ten is no factor of them */

    k = d->exp - (int64_t) d->digits - v->exp;
    if (k < 0) {
        return 0;
    }

    rest = 0;
    p = d->p;

    for (i = 0; i < d->digits; i++) {
        p += (*p == '.');
        rest = (rest * 10 + (uint64_t) (*p++ - '0')) % v->n;
    }

    for (ten = 10 % v->n; k != 0 && rest != 0; k >>= 1) {
        if (k & 1) {
            rest = mcp_multiply(rest, ten, v->n);
        }

        ten = mcp_multiply(ten, ten, v->n);
    }

    return rest == 0;
}
