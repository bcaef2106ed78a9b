
/* Escapes and classes of ECMA-262's patterns in PCRE2's words. */


#include "regex_ecma.h"

#include <stdio.h>


#define MCP_ECMA_SPACES                                                       \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}"        \
    "\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"

#define MCP_ECMA_OTHERS                                                       \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}"             \
    "\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}"               \
    "\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}"               \
    "\\x{ff00}-\\x{10ffff}"


static int
mcp_ecma_hex(unsigned c)
{
    return (c >= '0' && c <= '9') ? (int) c - '0'
           : (c >= 'a' && c <= 'f') ? (int) c - 'a' + 10
           : (c >= 'A' && c <= 'F') ? (int) c - 'A' + 10 : -1;
}


void
mcp_ecma_put(mcp_ecma_t *e, uint32_t code)
{
    int            n;
    char           text[16];
    unsigned char  c;

    if (code < 0x80 && mcp_ecma_alnum(code)) {
        c = (unsigned char) code;
        mcp_buf_append(e->b, &c, 1);
        return;
    }

    n = snprintf(text, sizeof(text), "\\x{%x}", (unsigned) code);
    mcp_buf_append(e->b, text, (size_t) n);
}


/* The code point at hand, of valid UTF-8. */

uint32_t
mcp_ecma_next(mcp_ecma_t *e)
{
    int       n;
    uint32_t  c;

    c = *e->p++;

    if (c < 0xc0) {
        return c;
    }

    n = (c >= 0xf0) ? 3 : (c >= 0xe0) ? 2 : 1;
    c &= 0x3fU >> n;

    for ( /* void */ ; n != 0 && e->p < e->end; n--) {
        c = c << 6 | (*e->p++ & 0x3f);
    }

    return c;
}


/* So many hexadecimal digits, or MCP_ERROR. */

static int
mcp_ecma_digits(mcp_ecma_t *e, unsigned n, uint32_t *code)
{
    int  digit;

    *code = 0;

    for ( /* void */ ; n != 0; n--) {
        digit = (e->p < e->end) ? mcp_ecma_hex(*e->p) : -1;
        if (digit < 0) {
            return mcp_ecma_invalid(e);
        }

        *code = *code << 4 | (uint32_t) digit;
        e->p++;
    }

    return MCP_OK;
}


/* Behind "\u": four digits, two such halves, or {...}. */

static int
mcp_ecma_unicode(mcp_ecma_t *e)
{
    int       digit;
    uint32_t  low;

    if (e->p < e->end && *e->p == '{') {

        e->code = 0;

        for (e->p++; e->p < e->end && *e->p != '}'; e->p++) {
            digit = mcp_ecma_hex(*e->p);
            if (digit < 0) {
                return mcp_ecma_invalid(e);
            }

            e->code = e->code << 4 | (uint32_t) digit;
            if (e->code > 0x10ffff) {
                return mcp_ecma_invalid(e);
            }
        }

        if (e->p == e->end || e->p[-1] == '{') {
            return mcp_ecma_invalid(e);
        }

        e->p++;

    } else if (mcp_ecma_digits(e, 4, &e->code) != MCP_OK) {
        return MCP_ERROR;

    } else if (e->code >= 0xd800 && e->code < 0xdc00 && e->end - e->p >= 6
               && e->p[0] == '\\' && e->p[1] == 'u')
    {
        e->p += 2;

        if (mcp_ecma_digits(e, 4, &low) != MCP_OK) {
            return MCP_ERROR;
        }

        if (low < 0xdc00 || low > 0xdfff) {
            return mcp_ecma_invalid(e);
        }

        e->code = 0x10000 + ((e->code - 0xd800) << 10) + (low - 0xdc00);
    }

    if (e->code >= 0xd800 && e->code <= 0xdfff) {
        return mcp_ecma_error(e, "its pattern has half of a surrogate pair");
    }

    return MCP_OK;
}


/* Behind "\p" or "\P". */

static int
mcp_ecma_property(mcp_ecma_t *e, unsigned char letter)
{
    const unsigned char  *p;

    p = e->p;

    if (p == e->end || *p != '{') {
        return mcp_ecma_invalid(e);
    }

    for (e->p = ++p; e->p < e->end && *e->p != '}'; e->p++) {
        if (!mcp_ecma_alnum(*e->p) && *e->p != '_' && *e->p != '=') {
            return mcp_ecma_invalid(e);
        }
    }

    if (e->p == e->end || e->p == p) {
        return mcp_ecma_invalid(e);
    }

    mcp_regex_property(e->b, letter, p, (size_t) (e->p - p));
    e->p++;

    return MCP_OK;
}


/* \d and the like; 0: it is none of them */

static int
mcp_ecma_class_escape(mcp_ecma_t *e, unsigned char c, int inside)
{
    unsigned char  text[2];

    switch (c) {

    case 'd':
    case 'D':
    case 'w':
    case 'W':
        text[0] = '\\';
        text[1] = c;
        mcp_buf_append(e->b, text, 2);
        return 1;

    case 's':
    case 'S':
        if (!inside) {
            mcp_buf_literal(e->b, "[");
        }

        if (c == 's') {
            mcp_buf_literal(e->b, MCP_ECMA_SPACES);

        } else {
            mcp_buf_literal(e->b, MCP_ECMA_OTHERS);
        }

        if (!inside) {
            mcp_buf_literal(e->b, "]");
        }

        return 1;

    default:
        return 0;
    }
}


/* An escape for a code point, from the letter behind the backslash on. */

static int
mcp_ecma_character(mcp_ecma_t *e, unsigned char c)
{
    switch (c) {

    case 't':
        e->code = 0x09;
        return MCP_OK;

    case 'n':
        e->code = 0x0a;
        return MCP_OK;

    case 'v':
        e->code = 0x0b;
        return MCP_OK;

    case 'f':
        e->code = 0x0c;
        return MCP_OK;

    case 'r':
        e->code = 0x0d;
        return MCP_OK;

    case '0':
        if (e->p < e->end && *e->p >= '0' && *e->p <= '9') {
            return mcp_ecma_invalid(e);
        }

        e->code = 0;
        return MCP_OK;

    case 'c':
        if (e->p == e->end || !mcp_ecma_alnum(*e->p) || *e->p <= '9') {
            return mcp_ecma_invalid(e);
        }

        e->code = *e->p++ & 0x1fU;
        return MCP_OK;

    case 'x':
        return mcp_ecma_digits(e, 2, &e->code);

    case 'u':
        return mcp_ecma_unicode(e);
    }

    if (c < 0x20 || c >= 0x7f || mcp_ecma_alnum(c)) {
        return mcp_ecma_invalid(e);
    }

    e->code = c;

    return MCP_OK;
}


/* \1, \k<name> */

static int
mcp_ecma_reference(mcp_ecma_t *e, unsigned char c)
{
    int                   len;
    char                  text[24];
    uint32_t              n;
    const unsigned char  *p;

    e->re->refers = 1;

    if (c != 'k') {

        for (n = c - '0'; e->p < e->end && *e->p >= '0' && *e->p <= '9';
             e->p++)
        {
            n = n * 10 + (*e->p - '0');
            if (n > MCP_SCHEMA_PATTERN_MAX) {
                break;
            }
        }

        if (n > e->groups) {
            return mcp_ecma_invalid(e);
        }

        len = snprintf(text, sizeof(text), "\\g{%u}", (unsigned) n);
        mcp_buf_append(e->b, text, (size_t) len);

        return MCP_OK;
    }

    p = e->p;

    if (p == e->end || *p != '<') {
        return mcp_ecma_invalid(e);
    }

    for (p++; p < e->end && (mcp_ecma_alnum(*p) || *p == '_'); p++) {
        /* void */
    }

    if (p == e->end || *p != '>') {
        return mcp_ecma_invalid(e);
    }

    p++;

    mcp_buf_literal(e->b, "\\k");
    mcp_buf_append(e->b, e->p, (size_t) (p - e->p));
    e->p = p;

    return MCP_OK;
}


/* Behind a backslash, outside of brackets. */

int
mcp_ecma_escape(mcp_ecma_t *e, mcp_ecma_e *what)
{
    unsigned char  c;

    if (e->p == e->end) {
        return mcp_ecma_invalid(e);
    }

    c = *e->p++;

    *what = MCP_ECMA_SET;

    if (mcp_ecma_class_escape(e, c, 0)) {
        return MCP_OK;
    }

    if (c == 'p' || c == 'P') {
        return mcp_ecma_property(e, c);
    }

    if (c == 'k' || (c >= '1' && c <= '9')) {
        return mcp_ecma_reference(e, c);
    }

    if (c == 'b' || c == 'B') {
        *what = MCP_ECMA_NOTHING;
        mcp_buf_append(e->b, c == 'b' ? "\\b" : "\\B", 2);
        return MCP_OK;
    }

    *what = MCP_ECMA_CHAR;

    return mcp_ecma_character(e, c);
}


/* One end of a range, or what stands alone between brackets. */

static int
mcp_ecma_member(mcp_ecma_t *e, mcp_ecma_e *what)
{
    unsigned char  c;

    *what = MCP_ECMA_CHAR;

    if (*e->p != '\\') {
        e->code = mcp_ecma_next(e);
        return MCP_OK;
    }

    if (++e->p == e->end) {
        return mcp_ecma_invalid(e);
    }

    c = *e->p++;

    if (c == 'b') {
        e->code = 0x08;
        return MCP_OK;
    }

    if (mcp_ecma_class_escape(e, c, 1)) {
        *what = MCP_ECMA_SET;
        return MCP_OK;
    }

    if (c == 'p' || c == 'P') {
        *what = MCP_ECMA_SET;
        return mcp_ecma_property(e, c);
    }

    return mcp_ecma_character(e, c);
}


static int
mcp_ecma_is_set(unsigned char c)
{
    return c == 'd' || c == 'D' || c == 'w' || c == 'W' || c == 's'
           || c == 'S' || c == 'p' || c == 'P';
}


/* a-z and what looks like it; a "-" next to a set stands for itself */

static int
mcp_ecma_range(mcp_ecma_t *e)
{
    uint32_t    low;
    mcp_ecma_e  first, second;

    if (mcp_ecma_member(e, &first) != MCP_OK) {
        return MCP_ERROR;
    }

    low = e->code;

    if (first == MCP_ECMA_CHAR) {
        mcp_ecma_put(e, low);
    }

    if (e->end - e->p < 2 || e->p[0] != '-' || e->p[1] == ']') {
        return MCP_OK;
    }

    e->p++;

    if (first == MCP_ECMA_SET
        || (e->end - e->p >= 2 && *e->p == '\\'
            && mcp_ecma_is_set(e->p[1])))
    {
        mcp_ecma_put(e, '-');
        return MCP_OK;
    }

    if (mcp_ecma_member(e, &second) != MCP_OK) {
        return MCP_ERROR;
    }

    if (e->code < low) {
        return mcp_ecma_invalid(e);
    }

    mcp_buf_literal(e->b, "-");
    mcp_ecma_put(e, e->code);

    return MCP_OK;
}


/* Behind a "[". */

int
mcp_ecma_class(mcp_ecma_t *e)
{
    int  negated;

    negated = (e->p < e->end && *e->p == '^');
    e->p += negated;

    if (e->p < e->end && *e->p == ']') {
        e->p++;

        if (negated) {
            mcp_buf_literal(e->b, "[\\x{0}-\\x{10ffff}]");

        } else {
            mcp_buf_literal(e->b, "[^\\x{0}-\\x{10ffff}]");
        }

        return MCP_OK;
    }

    mcp_buf_append(e->b, "[^", negated ? 2 : 1);

    while (e->p < e->end && *e->p != ']') {
        if (mcp_ecma_range(e) != MCP_OK) {
            return MCP_ERROR;
        }
    }

    if (e->p == e->end) {
        return mcp_ecma_invalid(e);
    }

    e->p++;
    mcp_buf_literal(e->b, "]");

    return MCP_OK;
}
