
/*
 * The scanners that the JSON lexer and the JSON tape share: white space,
 * strings, numbers, literals.  Private to src/core.
 *
 * A scanner may stop at the end of its input in the middle of a token and go
 * on with the next piece; where it stands is kept in a mcp_json_scan_t.
 */


#ifndef MCP_JSON_SCAN_H
#define MCP_JSON_SCAN_H


#include "json.h"


#if defined(__SSE2__) && !defined(MCP_JSON_PORTABLE)
#define MCP_JSON_SSE2  1
#include <emmintrin.h>
#endif


#define mcp_json_inline       static inline __attribute__((always_inline))
#define mcp_json_noinline     __attribute__((noinline, cold))
#define mcp_json_likely(x)    __builtin_expect((x) != 0, 1)
#define mcp_json_unlikely(x)  __builtin_expect((x) != 0, 0)


/* mcp_json_scan_t.at; in a literal it is the number of bytes seen */

enum {
    MCP_JSON_AT_START = 0,

    /* in strings; START is "between two characters" */

    MCP_JSON_AT_ESCAPE,
    MCP_JSON_AT_HEX,                           /* 4 states: digits seen */
    MCP_JSON_AT_PAIR = MCP_JSON_AT_HEX + 4,    /* "\" of a low surrogate */
    MCP_JSON_AT_PAIR_U,
    MCP_JSON_AT_LOW,                           /* 4 states: digits seen */
    MCP_JSON_AT_UTF8 = MCP_JSON_AT_LOW + 3,    /* + the bytes missing */

    /* in numbers */

    MCP_JSON_AT_MINUS = 1,
    MCP_JSON_AT_ZERO,
    MCP_JSON_AT_INT,
    MCP_JSON_AT_POINT,
    MCP_JSON_AT_FRAC,
    MCP_JSON_AT_EXP,
    MCP_JSON_AT_EXP_SIGN,
    MCP_JSON_AT_EXP_INT
};


/* the type of the value that begins with that byte; 0: none does */

static const unsigned char  mcp_json_value_type[256] = {
    ['"'] = MCP_JSON_STRING,
    ['{'] = MCP_JSON_OBJECT,
    ['['] = MCP_JSON_ARRAY,
    ['t'] = MCP_JSON_TRUE,
    ['f'] = MCP_JSON_FALSE,
    ['n'] = MCP_JSON_NULL,
    ['-'] = MCP_JSON_NUMBER,
    ['0' ... '9'] = MCP_JSON_NUMBER
};


/* In json.c: mcp_json_next(), but only tokens of a depth up to watch. */

int mcp_json_observe_step(mcp_json_lexer_t *lx, const unsigned char **pp,
    const unsigned char *end, mcp_json_token_t *tok, unsigned watch);

/* One byte of a string, in any state; MCP_OK, or MCP_ERROR with s->why. */

int mcp_json_string_byte(mcp_json_scan_t *s, unsigned c);

/*
 * A number, a literal or the rest of one.  *pp moves behind it: MCP_OK,
 * MCP_AGAIN at the end of the input, or MCP_ERROR with s->why and *pp at the
 * byte.  A number ends only at a byte that is not its own.
 */

int mcp_json_number(mcp_json_scan_t *s, const unsigned char **pp,
    const unsigned char *end);
int mcp_json_literal(mcp_json_scan_t *s, const unsigned char **pp,
    const unsigned char *end, mcp_json_type_e type);


/* In json_node.c: mcp_json_hash() of what is escaped. */

uint32_t mcp_json_hash_escaped(const unsigned char *p, size_t len);

#define mcp_json_compare(tape, a, b)  mcp_json_order(tape, a, tape, b)

/*
 * In json_names.c: room for finding equal names, kept from object to object,
 * and MCP_OK, MCP_NOMEM or MCP_ERROR with the name that came again.
 */

typedef struct {
    mcp_arena_t          *arena;
    uint32_t             *slot;
    size_t                slots;
} mcp_json_names_t;

int mcp_json_names(mcp_json_names_t *nm, const mcp_json_tape_t *tape,
    uint32_t object, uint32_t *again);


mcp_json_inline uint64_t
mcp_json_load8(const unsigned char *p)
{
    uint64_t  w;

    memcpy(&w, p, 8);

    return w;
}


mcp_json_inline uint64_t
mcp_json_load4(const unsigned char *p)
{
    uint32_t  w;

    memcpy(&w, p, 4);

    return w;
}


/*
 * The hash of a string's or name's unescaped bytes.  Of long ones the first
 * bytes are enough: who compares hashes compares what is equal in them, too.
 */

#define MCP_JSON_HASHED  128

mcp_json_inline uint32_t
mcp_json_hash(const unsigned char *p, size_t len)
{
    uint64_t  h, a, b;

    if (len > MCP_JSON_HASHED) {
        len = MCP_JSON_HASHED;
    }

    h = len * UINT64_C(0x9e3779b97f4a7c15);

    while (len > 16) {
        h = (h ^ mcp_json_load8(p)) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 32;
        p += 8;
        len -= 8;
    }

    /* the rest, in two words that overlap */

    if (len >= 8) {
        a = mcp_json_load8(p);
        b = mcp_json_load8(p + len - 8);

    } else if (len >= 4) {
        a = mcp_json_load4(p);
        b = mcp_json_load4(p + len - 4);

    } else if (len > 0) {
        a = (uint64_t) p[0] << 8 | p[len / 2];
        b = p[len - 1];

    } else {
        a = 0;
        b = 0;
    }

    h = (h ^ a) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 32 ^ b) * UINT64_C(0xc4ceb9fe1a85ec53);
    h = (h ^ h >> 32) * UINT64_C(0xff51afd7ed558ccd);

    return (uint32_t) (h >> 32);
}


/* The value of a hexadecimal digit; more than 15: it is none. */

mcp_json_inline unsigned
mcp_json_hex(unsigned c)
{
    unsigned  n;

    n = c - '0';
    if (n < 10) {
        return n;
    }

    n = (c | 0x20) - 'a';

    return n < 6 ? n + 10 : 16;
}


/* The rest of white space of which there is one byte at least. */

static inline const unsigned char *
mcp_json_spaces(const unsigned char *p, const unsigned char *end)
{
#if (MCP_JSON_SSE2)

    int      mask;
    __m128i  x;

    while (end - p >= 16) {
        x = _mm_loadu_si128((const __m128i *) (const void *) p);

        mask = _mm_movemask_epi8(
                   _mm_or_si128(
                       _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8(' ')),
                                    _mm_cmpeq_epi8(x, _mm_set1_epi8('\n'))),
                       _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r')),
                                    _mm_cmpeq_epi8(x, _mm_set1_epi8('\t')))));

        if (mask != 0xffff) {
            return p + __builtin_ctz(~(unsigned) mask);
        }

        p += 16;
    }

#endif

    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }

    return p;
}


mcp_json_inline const unsigned char *
mcp_json_space(const unsigned char *p, const unsigned char *end)
{
    if (mcp_json_likely(p < end && *p > ' ')) {
        return p;
    }

    /* one space, as behind a colon */

    if (end - p >= 2 && p[0] == ' ' && p[1] > ' ') {
        return p + 1;
    }

    return mcp_json_spaces(p, end);
}


/*
 * Skips what needs no look in a string: ASCII but for controls, quote and
 * backslash.
 */

mcp_json_inline const unsigned char *
mcp_json_plain(const unsigned char *p, const unsigned char *end)
{
    uint64_t  w, m;

#if (MCP_JSON_SSE2)

    int      mask;
    __m128i  x;

    while (end - p >= 16) {
        x = _mm_loadu_si128((const __m128i *) (const void *) p);

        /* the comparison is signed: below 0x20 is also 0x80 and above */

        mask = _mm_movemask_epi8(
                   _mm_or_si128(
                       _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                    _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))),
                       _mm_cmplt_epi8(x, _mm_set1_epi8(0x20))));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned) mask);
        }

        p += 16;
    }

#endif

#define MCP_JSON_ONES   UINT64_C(0x0101010101010101)
#define MCP_JSON_HIGHS  UINT64_C(0x8080808080808080)

    while (end - p >= 8) {
        memcpy(&w, p, 8);

        /* may take a byte behind a hit for another: only "any" is exact */

        m = w | (w - MCP_JSON_ONES * 0x20)
            | ((w ^ (MCP_JSON_ONES * '"')) - MCP_JSON_ONES)
            | ((w ^ (MCP_JSON_ONES * '\\')) - MCP_JSON_ONES);

        if (m & MCP_JSON_HIGHS) {
            break;
        }

        p += 8;
    }

    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/*
 * Skips whole valid UTF-8 sequences (RFC 3629) from a byte of 0x80 or above;
 * what is cut or invalid is left where it stands.
 */

mcp_json_inline const unsigned char *
mcp_json_utf8(const unsigned char *p, const unsigned char *end)
{
    unsigned  c;

    while (end - p >= 4 && *p >= 0x80) {
        c = p[0];

        if (c < 0xe0) {
            if (c < 0xc2 || (p[1] & 0xc0) != 0x80) {
                break;
            }

            p += 2;
            continue;
        }

        if (c < 0xf0) {
            if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80
                || (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f))
            {
                break;
            }

            p += 3;
            continue;
        }

        if (c > 0xf4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80
            || (p[3] & 0xc0) != 0x80 || (c == 0xf0 && p[1] < 0x90)
            || (c == 0xf4 && p[1] > 0x8f))
        {
            break;
        }

        p += 4;
    }

    return p;
}


mcp_json_inline unsigned
mcp_json_hex4(const unsigned char *p)
{
    unsigned  a, b, c, d;

    a = mcp_json_hex(p[0]);
    b = mcp_json_hex(p[1]);
    c = mcp_json_hex(p[2]);
    d = mcp_json_hex(p[3]);

    if ((a | b | c | d) > 15) {
        return 0x10000;
    }

    return a << 12 | b << 8 | c << 4 | d;
}


/* What a backslash and that byte stand for; 0: nothing, or it is "u". */

mcp_json_inline unsigned char
mcp_json_escaped(unsigned c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return (unsigned char) c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}


/*
 * A whole valid escape from its backslash on; NULL: it is cut or invalid.
 * *code is its code point.
 */

mcp_json_inline const unsigned char *
mcp_json_escape(const unsigned char *p, const unsigned char *end,
    uint32_t *code)
{
    uint32_t  high, low;

    if (mcp_json_unlikely(end - p < 2)) {
        return NULL;
    }

    if (p[1] != 'u') {
        *code = mcp_json_escaped(p[1]);
        return *code ? p + 2 : NULL;
    }

    if (end - p < 6) {
        return NULL;
    }

    high = mcp_json_hex4(p + 2);

    if (high > 0xffff) {
        return NULL;
    }

    if ((high & 0xf800) != 0xd800) {
        *code = high;
        return p + 6;
    }

    if (high > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u') {
        return NULL;
    }

    low = mcp_json_hex4(p + 8);

    if ((low & ~UINT32_C(0x3ff)) != 0xdc00) {
        return NULL;
    }

    *code = 0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff));

    return p + 12;
}


/* Returns the end of what was written, at most 4 bytes. */

mcp_json_inline unsigned char *
mcp_json_put_utf8(unsigned char *dst, uint32_t code)
{
    if (code < 0x80) {
        *dst++ = (unsigned char) code;
        return dst;
    }

    if (code < 0x800) {
        *dst++ = (unsigned char) (0xc0 | code >> 6);

    } else {
        if (code < 0x10000) {
            *dst++ = (unsigned char) (0xe0 | code >> 12);

        } else {
            *dst++ = (unsigned char) (0xf0 | code >> 18);
            *dst++ = (unsigned char) (0x80 | (code >> 12 & 0x3f));
        }

        *dst++ = (unsigned char) (0x80 | (code >> 6 & 0x3f));
    }

    *dst++ = (unsigned char) (0x80 | (code & 0x3f));

    return dst;
}


/*
 * The rest of a string behind its opening quote; *pp moves behind the closing
 * one.  As mcp_json_number() otherwise.
 */

mcp_json_inline int
mcp_json_string(mcp_json_scan_t *s, const unsigned char **pp,
    const unsigned char *end)
{
    uint32_t              code;
    const unsigned char  *p, *q;

    p = *pp;

    if (mcp_json_unlikely(s->at != MCP_JSON_AT_START)) {
        goto bytes;
    }

    for ( ;; ) {

        p = mcp_json_plain(p, end);

        if (mcp_json_unlikely(p == end)) {
            *pp = p;
            return MCP_AGAIN;
        }

        if (mcp_json_likely(*p == '"')) {
            *pp = p + 1;
            return MCP_OK;
        }

        if (*p == '\\') {
            s->escaped = 1;

            q = mcp_json_escape(p, end, &code);
            if (mcp_json_likely(q != NULL)) {
                p = q;
                continue;
            }

        } else if (*p >= 0x80) {

            q = mcp_json_utf8(p, end);
            if (mcp_json_likely(q != p)) {
                p = q;
                continue;
            }
        }

    bytes:

        do {
            if (p == end) {
                *pp = p;
                return MCP_AGAIN;
            }

            if (mcp_json_string_byte(s, *p) != MCP_OK) {
                *pp = p;
                return MCP_ERROR;
            }

            p++;

        } while (s->at != MCP_JSON_AT_START);
    }
}


mcp_json_inline const unsigned char *
mcp_json_digits(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (unsigned) (*p - '0') < 10) {
        p++;
    }

    return p;
}


/* Whether a number may end in that state. */

mcp_json_inline int
mcp_json_number_complete(unsigned at)
{
    return at == MCP_JSON_AT_ZERO || at == MCP_JSON_AT_INT
           || at == MCP_JSON_AT_FRAC || at == MCP_JSON_AT_EXP_INT;
}


/*
 * A whole number that ends before the input does; NULL: it does not, or is
 * invalid.
 */

mcp_json_inline const unsigned char *
mcp_json_whole_number(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *digit;

    p += (*p == '-');

    if (p < end && *p == '0') {
        p++;

    } else {
        digit = p;
        p = mcp_json_digits(p, end);
        if (p == digit) {
            return NULL;
        }
    }

    if (mcp_json_unlikely(p == end)) {
        return NULL;
    }

    if (*p == '.') {
        digit = ++p;
        p = mcp_json_digits(p, end);
        if (p == digit || p == end) {
            return NULL;
        }
    }

    if ((*p | 0x20) == 'e') {
        p++;
        p += (p < end && (*p == '+' || *p == '-'));
        digit = p;
        p = mcp_json_digits(p, end);
        if (p == digit || p == end) {
            return NULL;
        }
    }

    return p;
}


/* As well, a literal of that type; it is one behind its first letter. */

mcp_json_inline const unsigned char *
mcp_json_whole_literal(const unsigned char *p, const unsigned char *end,
    mcp_json_type_e type)
{
    if (mcp_json_unlikely(end - p < 5)) {
        return NULL;
    }

    if (type == MCP_JSON_FALSE) {
        return memcmp(p + 1, "alse", 4) == 0 ? p + 5 : NULL;
    }

    return memcmp(p, type == MCP_JSON_TRUE ? "true" : "null", 4) == 0 ? p + 4
                                                                      : NULL;
}


#endif /* MCP_JSON_SCAN_H */
