
/*
 * Patterns of ECMA-262 in PCRE2's words.
 *
 * What Annex B of ECMA-262 allows without the "u" flag and cannot be taken for
 * anything else is allowed: braces and brackets that stand for themselves, any
 * punctuation behind a backslash.
 */


#include "regex_ecma.h"


#define MCP_ECMA_REPEAT  65535       /* PCRE2 counts no further */
#define MCP_ECMA_GROUP   2           /* an atom that is a group */


static int
mcp_ecma_has(const unsigned char *p, size_t len, const char *s)
{
    size_t  n;

    n = strlen(s);

    return len >= n && memcmp(p, s, n) == 0;
}


/* Behind a "(". */

static int
mcp_ecma_group(mcp_ecma_t *e)
{
    size_t                n, left;
    const unsigned char  *p;

    if (e->depth == MCP_ECMA_NESTING) {
        return mcp_ecma_error(e, "its pattern is nested too deeply");
    }

    left = (size_t) (e->end - e->p);
    e->assertion[e->depth] = 0;
    n = 0;

    if (left != 0 && *e->p == '*') {
        return mcp_ecma_invalid(e);
    }

    if (left == 0 || *e->p != '?') {
        /* it captures */

    } else if (mcp_ecma_has(e->p, left, "?:")) {
        n = 2;

    } else if (mcp_ecma_has(e->p, left, "?=")
               || mcp_ecma_has(e->p, left, "?!"))
    {
        n = 2;
        e->assertion[e->depth] = 1;

    } else if (mcp_ecma_has(e->p, left, "?<=")
               || mcp_ecma_has(e->p, left, "?<!"))
    {
        n = 3;
        e->assertion[e->depth] = 1;

    } else if (mcp_ecma_has(e->p, left, "?<")) {

        for (p = e->p + 2; p < e->end && (mcp_ecma_alnum(*p) || *p == '_');
             p++)
        {
            /* void */
        }

        if (p == e->end || *p != '>') {
            return mcp_ecma_error(e, "its pattern has a group with a name"
                                  " beyond A-Z a-z 0-9 _");
        }

        n = (size_t) (p + 1 - e->p);

    } else {
        return mcp_ecma_error(e, "its pattern has a group of a kind that is"
                              " not known");
    }

    mcp_buf_literal(e->b, "(");
    mcp_buf_append(e->b, e->p, n);

    e->p += n;
    e->depth++;

    return MCP_OK;
}


/* {n}, {n,} or {n,m} at p: its end; NULL: it is none */

static const unsigned char *
mcp_ecma_braces(mcp_ecma_t *e, const unsigned char *p, uint32_t *min,
    uint32_t *max)
{
    unsigned   i, digits;
    uint32_t  *n;

    *min = 0;
    *max = 0;
    p++;

    for (i = 0; i < 2; i++) {
        n = i ? max : min;
        digits = 0;

        for ( /* void */ ; p < e->end && *p >= '0' && *p <= '9'; p++) {
            *n = (*n > MCP_ECMA_REPEAT) ? *n : *n * 10 + (*p - '0');
            digits++;
        }

        if (p == e->end || (i == 0 && digits == 0)) {
            return NULL;
        }

        if (*p == '}') {
            if (i == 0) {
                *max = *min;

            } else if (digits == 0) {
                *max = UINT32_MAX;
            }

            return p + 1;
        }

        if (i == 1 || *p != ',') {
            return NULL;
        }

        p++;
    }

    return NULL;
}


/* What repeats, at p; MCP_NONE: nothing does. */

static int
mcp_ecma_quantifier(mcp_ecma_t *e, int atom)
{
    uint32_t              min, max;
    const unsigned char  *end;

    min = 0;

    switch (*e->p) {

    case '*':
    case '+':
    case '?':
        end = e->p + 1;
        break;

    case '{':
        end = mcp_ecma_braces(e, e->p, &min, &max);

        if (end == NULL) {
            return MCP_NONE;
        }

        if (max < min) {
            return mcp_ecma_invalid(e);
        }

        if (min > MCP_ECMA_REPEAT
            || (max > MCP_ECMA_REPEAT && max != UINT32_MAX))
        {
            return mcp_ecma_error(e, "its pattern repeats too often");
        }

        /* PCRE2 10.42 would search for what need not be there */

        if (max == 0 && atom == MCP_ECMA_GROUP) {
            return mcp_ecma_error(e, "its pattern has a group that is never"
                                  " there");
        }

        break;

    default:
        return MCP_NONE;
    }

    if (!atom) {
        return mcp_ecma_invalid(e);
    }

    if (min > e->repeat) {
        e->repeat = min;
    }

    if (end < e->end && *end == '?') {
        end++;
    }

    mcp_buf_append(e->b, e->p, (size_t) (end - e->p));
    e->p = end;

    return MCP_OK;
}


static void
mcp_ecma_count(mcp_ecma_t *e)
{
    int                   class;
    const unsigned char  *p;

    class = 0;

    for (p = e->p; p < e->end; p++) {

        if (*p == '\\') {
            p++;

        } else if (*p == '[') {
            class = 1;

        } else if (*p == ']') {
            class = 0;

        } else if (*p == '(' && !class
                   && (e->end - p < 2 || p[1] != '?'
                       || (e->end - p > 3 && p[2] == '<' && p[3] != '='
                           && p[3] != '!')))
        {
            e->groups++;
        }
    }
}


/* One thing other than a quantifier; *atom: whether it may be repeated. */

static int
mcp_ecma_one(mcp_ecma_t *e, int *atom)
{
    mcp_ecma_e     what;
    unsigned char  c;

    c = *e->p;
    *atom = 0;

    switch (c) {

    case '|':
    case '^':
    case '$':
        mcp_buf_append(e->b, &c, 1);
        e->p++;
        return MCP_OK;

    case '(':
        e->p++;
        return mcp_ecma_group(e);

    case ')':
        if (e->depth == 0) {
            return mcp_ecma_invalid(e);
        }

        *atom = e->assertion[--e->depth] ? 0 : MCP_ECMA_GROUP;
        mcp_buf_literal(e->b, ")");
        e->p++;
        return MCP_OK;

    case '.':
        *atom = 1;
        mcp_buf_literal(e->b, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
        e->p++;
        return MCP_OK;

    case '[':
        *atom = 1;
        e->p++;
        return mcp_ecma_class(e);

    case '\\':
        e->p++;

        if (mcp_ecma_escape(e, &what) != MCP_OK) {
            return MCP_ERROR;
        }

        *atom = (what != MCP_ECMA_NOTHING);

        if (what == MCP_ECMA_CHAR) {
            mcp_ecma_put(e, e->code);
        }

        return MCP_OK;
    }

    *atom = 1;
    mcp_ecma_put(e, mcp_ecma_next(e));

    return MCP_OK;
}


int
mcp_regex_translate(mcp_regex_t *re, mcp_buf_t *b, const char **why)
{
    int         rc, atom;
    mcp_ecma_t  e;

    memset(&e, 0, sizeof(mcp_ecma_t));

    e.p = re->text.data;
    e.end = re->text.data + re->text.len;
    e.b = b;
    e.re = re;

    mcp_ecma_count(&e);

    atom = 0;
    rc = MCP_OK;

    while (rc == MCP_OK && e.p < e.end) {
        rc = mcp_ecma_quantifier(&e, atom);

        if (rc == MCP_OK) {
            atom = 0;

        } else if (rc == MCP_NONE) {
            rc = mcp_ecma_one(&e, &atom);
        }
    }

    if (rc == MCP_OK && e.depth != 0) {
        rc = mcp_ecma_invalid(&e);
    }

    *why = e.why;
    re->weight = 1 + e.repeat / 16;

    return rc;
}
