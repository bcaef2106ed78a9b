
/* The JSON lexer (RFC 8259): tokens of a text that comes in pieces. */


#include "core.h"
#include "json.h"
#include "json_scan.h"


/*
 * What the lexer expects next, white space aside.  Behind a name or a value
 * that is no container it is the state before that plus MCP_JSON_S_BEHIND.
 */

#define MCP_JSON_S_BEHIND  4

enum {
    MCP_JSON_S_ROOT = 0,         /* a value */
    MCP_JSON_S_MEMBER,           /* as well, behind a colon */
    MCP_JSON_S_ELEMENT,
    MCP_JSON_S_NAME,

    MCP_JSON_S_DONE,
    MCP_JSON_S_IN_OBJECT,        /* a comma or the end */
    MCP_JSON_S_IN_ARRAY,
    MCP_JSON_S_COLON,

    MCP_JSON_S_FIRST_ELEMENT,    /* or the end of the array */
    MCP_JSON_S_FIRST_NAME,       /* or the end of the object */
    MCP_JSON_S_DEEP,             /* nothing: too deep for this bracket */
    MCP_JSON_S_ERROR
};


void
mcp_json_init(mcp_json_lexer_t *lx, unsigned max_depth)
{
    memset(lx, 0, offsetof(mcp_json_lexer_t, stack));

    if (max_depth == 0) {
        max_depth = 1;
    }

    if (max_depth > MCP_JSON_DEPTH_MAX) {
        max_depth = MCP_JSON_DEPTH_MAX;
    }

    lx->max_depth = max_depth;
    lx->state = MCP_JSON_S_ROOT;
}


/* lx->offset is that of the offending byte */

static int
mcp_json_fail(mcp_json_lexer_t *lx, const char *text)
{
    lx->error.offset = lx->offset;
    lx->error.text = text;
    lx->state = MCP_JSON_S_ERROR;

    /* for mcp_json_run() to look at the state */

    lx->open = MCP_JSON_NULL;

    return MCP_ERROR;
}


static const char *
mcp_json_expected(unsigned state)
{
    switch (state) {
    case MCP_JSON_S_FIRST_ELEMENT:
        return "expected a value or \"]\"";
    case MCP_JSON_S_FIRST_NAME:
        return "expected a member name or \"}\"";
    case MCP_JSON_S_NAME:
        return "expected a member name";
    case MCP_JSON_S_COLON:
        return "expected \":\"";
    case MCP_JSON_S_IN_OBJECT:
        return "expected \",\" or \"}\"";
    case MCP_JSON_S_IN_ARRAY:
        return "expected \",\" or \"]\"";
    case MCP_JSON_S_DONE:
        return "expected nothing behind the value";
    case MCP_JSON_S_DEEP:
        return "nested too deeply";
    default:
        return "expected a value";
    }
}


/* A container opens at a depth.  Returns what is expected in it. */

mcp_json_inline unsigned
mcp_json_enter(mcp_json_lexer_t *lx, unsigned depth, unsigned type)
{
    unsigned char  bit;

    bit = (unsigned char) (1 << depth % 8);

    if (type == MCP_JSON_OBJECT) {
        lx->stack[depth / 8] |= bit;
        return MCP_JSON_S_FIRST_NAME;
    }

    lx->stack[depth / 8] &= (unsigned char) ~bit;

    return MCP_JSON_S_FIRST_ELEMENT;
}


/* What follows a value at a depth. */

mcp_json_inline unsigned
mcp_json_behind(mcp_json_lexer_t *lx, unsigned depth)
{
    if (depth == 0) {
        return MCP_JSON_S_DONE;
    }

    depth--;

    return (lx->stack[depth / 8] & (1 << depth % 8)) ? MCP_JSON_S_IN_OBJECT
                                                     : MCP_JSON_S_IN_ARRAY;
}


/*
 * From *pp on, up to the byte that a token begins with: the type of that
 * token, or 0 where *pp is the end or no token can begin.  *state becomes what
 * is expected there.
 */

mcp_json_inline unsigned
mcp_json_begin(unsigned *state, const unsigned char **pp,
    const unsigned char *end)
{
    unsigned              c, type;
    const unsigned char  *p;

    p = *pp = mcp_json_space(*pp, end);
    if (mcp_json_unlikely(p == end)) {
        return 0;
    }

    c = *p;

    switch (*state) {

    case MCP_JSON_S_COLON:
        if (c != ':') {
            return 0;
        }

        *state = MCP_JSON_S_MEMBER;
        break;

    case MCP_JSON_S_IN_OBJECT:
        if (c != ',') {
            return (c == '}') ? MCP_JSON_OBJECT_END : 0;
        }

        *state = MCP_JSON_S_NAME;
        *pp = mcp_json_space(p + 1, end);

        return (*pp < end && **pp == '"') ? MCP_JSON_KEY : 0;

    case MCP_JSON_S_IN_ARRAY:
        if (c != ',') {
            return (c == ']') ? MCP_JSON_ARRAY_END : 0;
        }

        *state = MCP_JSON_S_ELEMENT;
        break;

    case MCP_JSON_S_NAME:
        return (c == '"') ? MCP_JSON_KEY : 0;

    case MCP_JSON_S_FIRST_NAME:
        if (c != '"') {
            return (c == '}') ? MCP_JSON_OBJECT_END : 0;
        }

        *state = MCP_JSON_S_NAME;
        return MCP_JSON_KEY;

    case MCP_JSON_S_FIRST_ELEMENT:
        type = mcp_json_value_type[c];

        if (type == 0) {
            return (c == ']') ? MCP_JSON_ARRAY_END : 0;
        }

        *state = MCP_JSON_S_ELEMENT;
        return type;

    case MCP_JSON_S_DONE:
        return 0;

    default: /* a value */
        return mcp_json_value_type[c];
    }

    *pp = mcp_json_space(p + 1, end);

    return (*pp < end) ? mcp_json_value_type[**pp] : 0;
}


/* A name or a value that is no container, from its first byte on. */

mcp_json_inline int
mcp_json_scalar(mcp_json_scan_t *s, const unsigned char **pp,
    const unsigned char *end, unsigned type)
{
    int                   rc;
    const unsigned char  *p;

    if (type == MCP_JSON_STRING || type == MCP_JSON_KEY) {
        (*pp)++;
        return mcp_json_string(s, pp, end);
    }

    p = (type == MCP_JSON_NUMBER) ? mcp_json_whole_number(*pp, end)
                                  : mcp_json_whole_literal(*pp, end, type);

    if (mcp_json_likely(p != NULL)) {
        *pp = p;
        return MCP_OK;
    }

    /* not of *pp itself: what has an address is in no register */

    p = *pp;
    rc = (type == MCP_JSON_NUMBER) ? mcp_json_number(s, &p, end)
                                   : mcp_json_literal(s, &p, end, type);
    *pp = p;

    return rc;
}


/* A further piece of the token that is under way, or MCP_ERROR again. */

static mcp_json_noinline int
mcp_json_resume(mcp_json_lexer_t *lx, const unsigned char **pp,
    const unsigned char *end, mcp_json_token_t *tok)
{
    int                   rc;
    unsigned              type;
    const unsigned char  *start;

    if (lx->state == MCP_JSON_S_ERROR) {
        return MCP_ERROR;
    }

    start = *pp;
    type = lx->open;

    if (start == end) {
        return MCP_AGAIN;
    }

    rc = (type == MCP_JSON_STRING || type == MCP_JSON_KEY)
             ? mcp_json_string(&lx->scan, pp, end)
         : (type == MCP_JSON_NUMBER)
             ? mcp_json_number(&lx->scan, pp, end)
             : mcp_json_literal(&lx->scan, pp, end, type);

    lx->offset += (uint64_t) (*pp - start);

    if (rc == MCP_ERROR) {
        return mcp_json_fail(lx, lx->scan.why);
    }

    if (rc == MCP_OK) {
        lx->open = 0;
    }

    tok->type = type;
    tok->first = 0;
    tok->last = (rc == MCP_OK);
    tok->escaped = lx->scan.escaped;
    tok->unused = 0;
    tok->depth = lx->depth;
    tok->start = start;
    tok->end = *pp;

    return MCP_OK;
}


/*
 * The next token of a depth up to watch.  What is in use of the lexer is in
 * local variables until it stops.
 */

mcp_json_inline int
mcp_json_run(mcp_json_lexer_t *lx, const unsigned char **pp,
    const unsigned char *end, mcp_json_token_t *tok, unsigned watch)
{
    int                   rc;
    unsigned              state, depth, level, type;
    mcp_json_scan_t       scan;
    const unsigned char  *p, *start;

    if (mcp_json_unlikely(lx->open)) {
        rc = mcp_json_resume(lx, pp, end, tok);

        if (rc != MCP_OK || tok->depth <= watch) {
            return rc;
        }

        if (!tok->last) {
            return MCP_AGAIN;
        }
    }

    p = *pp;
    state = lx->state;
    depth = lx->depth;

    do {
        type = mcp_json_begin(&state, &p, end);

        rc = MCP_OK;
        start = p;
        level = depth;
        scan.at = MCP_JSON_AT_START;
        scan.escaped = 0;

        switch (type) {

        case 0:
            rc = (p < end) ? MCP_ERROR
                 : (state == MCP_JSON_S_DONE) ? MCP_DONE : MCP_AGAIN;
            break;

        case MCP_JSON_OBJECT:
        case MCP_JSON_ARRAY:
            if (mcp_json_unlikely(depth == lx->max_depth)) {
                type = 0;
                state = MCP_JSON_S_DEEP;
                rc = MCP_ERROR;
                break;
            }

            state = mcp_json_enter(lx, depth++, type);
            p++;
            break;

        case MCP_JSON_OBJECT_END:
        case MCP_JSON_ARRAY_END:
            level = --depth;
            state = mcp_json_behind(lx, depth);
            p++;
            break;

        default:
            state += MCP_JSON_S_BEHIND;
            rc = mcp_json_scalar(&scan, &p, end, type);
            break;
        }

    } while (rc == MCP_OK && level > watch);

    lx->offset += (uint64_t) (p - *pp);
    lx->state = state;
    lx->depth = depth;
    *pp = p;

    if (mcp_json_unlikely(rc != MCP_OK)) {

        if (rc == MCP_ERROR) {
            return mcp_json_fail(lx, type ? scan.why
                                          : mcp_json_expected(state));
        }

        if (type == 0) {
            return rc;
        }

        lx->open = type;
        lx->scan = scan;

        if (level > watch) {
            return rc;
        }
    }

    tok->type = type;
    tok->first = 1;
    tok->last = (rc == MCP_OK);
    tok->escaped = scan.escaped;
    tok->unused = 0;
    tok->depth = level;
    tok->start = start;
    tok->end = p;

    return MCP_OK;
}


int
mcp_json_observe_step(mcp_json_lexer_t *lx, const unsigned char **pp,
    const unsigned char *end, mcp_json_token_t *tok, unsigned watch)
{
    return mcp_json_run(lx, pp, end, tok, watch);
}


int
mcp_json_next(mcp_json_lexer_t *lx, const unsigned char **pp,
    const unsigned char *end, mcp_json_token_t *tok)
{
    return mcp_json_run(lx, pp, end, tok, MCP_JSON_DEPTH_MAX);
}


int
mcp_json_finish(mcp_json_lexer_t *lx)
{
    if (lx->state == MCP_JSON_S_ERROR) {
        return MCP_ERROR;
    }

    if (lx->open == MCP_JSON_NUMBER
        && mcp_json_number_complete(lx->scan.at))
    {
        lx->open = 0;
    }

    if (lx->state == MCP_JSON_S_DONE && lx->open == 0) {
        return MCP_OK;
    }

    return mcp_json_fail(lx, "the text ends too early");
}
