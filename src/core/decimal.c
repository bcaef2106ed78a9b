
/* JSON numbers by value. */


#include "decimal.h"


#define MCP_DECIMAL_EXP  INT64_C(1000000000000000)   /* more is as much */


/* 0.d1 d2 d3 ... * 10^exp; d1 is not 0 */

typedef struct {
    int                   sign;      /* 0: the number is zero */
    int64_t               exp;
    const unsigned char  *p;         /* of the digits, a "." among them */
    const unsigned char  *end;
} mcp_decimal_t;


static int64_t
mcp_decimal_exp(const unsigned char *p, const unsigned char *end)
{
    int      minus;
    int64_t  e;

    if (p == end) {
        return 0;
    }

    p++;
    minus = (p < end && *p == '-');
    p += (p < end && (*p == '-' || *p == '+'));

    for (e = 0; p < end; p++) {
        if (e < MCP_DECIMAL_EXP) {
            e = e * 10 + (*p - '0');
        }
    }

    return minus ? -e : e;
}


static void
mcp_decimal_read(mcp_decimal_t *d, const mcp_str_t *s)
{
    int                   fraction;
    const unsigned char  *p, *end;

    p = s->data;
    end = s->data + s->len;

    d->sign = 1;
    d->exp = 0;
    d->p = NULL;

    if (p < end && *p == '-') {
        d->sign = -1;
        p++;
    }

    for (fraction = 0; p < end && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            fraction = 1;
            continue;
        }

        if (d->p == NULL && *p != '0') {
            d->p = p;
        }

        if (d->p != NULL) {
            d->exp += !fraction;

        } else {
            d->exp -= fraction;
        }
    }

    d->end = p;

    if (d->p == NULL) {
        d->sign = 0;
        return;
    }

    d->exp += mcp_decimal_exp(p, end);
}


static int
mcp_decimal_digit(mcp_decimal_t *d)
{
    if (d->p < d->end && *d->p == '.') {
        d->p++;
    }

    return d->p < d->end ? *d->p++ - '0' : 0;
}


int
mcp_decimal_compare(const mcp_str_t *a, const mcp_str_t *b)
{
    int            m, n;
    mcp_decimal_t  x, y;

    mcp_decimal_read(&x, a);
    mcp_decimal_read(&y, b);

    if (x.sign != y.sign || x.sign == 0) {
        return x.sign - y.sign;
    }

    if (x.exp != y.exp) {
        return x.exp < y.exp ? -x.sign : x.sign;
    }

    while (x.p < x.end || y.p < y.end) {
        m = mcp_decimal_digit(&x);
        n = mcp_decimal_digit(&y);

        if (m != n) {
            return m < n ? -x.sign : x.sign;
        }
    }

    return 0;
}
