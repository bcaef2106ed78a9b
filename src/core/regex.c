
/* Patterns compiled and run, within limits. */


#define PCRE2_CODE_UNIT_WIDTH  8

#include <pcre2.h>

#include "regex.h"


#define MCP_REGEX_NESTING  64
#define MCP_REGEX_HEAP     4096        /* KiB, while a pattern is run */
#define MCP_REGEX_MATCH    100000000   /* the steps end it long before */


struct mcp_regex_compiler_s {
    mcp_arena_t              *arena;
    pcre2_general_context    *general;
    pcre2_compile_context    *compile;
};


struct mcp_matcher_s {
    mcp_arena_t              *arena;
    pcre2_match_context      *context;
    pcre2_match_data         *data;

    /* of the match under way */

    uint64_t                  steps;       /* left */
    size_t                    place;
    const mcp_regex_t        *re;
};


static void *
mcp_regex_alloc(size_t size, void *data)
{
    return mcp_alloc(data, size);
}


/* All of it goes with the arena. */

static void
mcp_regex_free(void *p, void *data)
{
}


mcp_regex_compiler_t *
mcp_regex_compiler(mcp_arena_t *arena)
{
    mcp_regex_compiler_t  *rc;

    rc = mcp_alloc(arena, sizeof(mcp_regex_compiler_t));
    if (rc == NULL) {
        return NULL;
    }

    rc->arena = arena;

    rc->general = pcre2_general_context_create(mcp_regex_alloc, mcp_regex_free,
                                               arena);
    if (rc->general == NULL) {
        return NULL;
    }

    rc->compile = pcre2_compile_context_create(rc->general);
    if (rc->compile == NULL) {
        return NULL;
    }

    (void) pcre2_set_parens_nest_limit(rc->compile, MCP_REGEX_NESTING);

    return rc;
}


static const char *
mcp_regex_why(int error)
{
    switch (error) {

    case PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH:
        return "its pattern looks behind for a text of no fixed length";

    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP:
    case PCRE2_ERROR_QUANTIFIER_TOO_BIG:
        return "its pattern is too large";

    case PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY:
    case PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY:
        return "its pattern names a Unicode property that is not known";

    default:
        return "its pattern is not a regular expression of ECMA-262";
    }
}


int
mcp_regex_compile(mcp_regex_t *re, mcp_regex_compiler_t *rc,
    mcp_arena_t *scratch, const mcp_str_t *text, const char **why)
{
    int         error;
    mcp_buf_t   b;
    PCRE2_SIZE  offset;

    if (text->len > MCP_SCHEMA_PATTERN_MAX) {
        *why = "its pattern is too long";
        return MCP_ERROR;
    }

    memset(re, 0, sizeof(mcp_regex_t));
    re->text = *text;

    mcp_buf_init(&b, scratch, text->len * 2 + 64);

    if (mcp_regex_translate(re, &b, why) != MCP_OK) {
        return MCP_ERROR;
    }

    if (b.failed) {
        return MCP_NOMEM;
    }

    re->code = pcre2_compile(b.data, b.len,
                             PCRE2_UTF | PCRE2_NO_UTF_CHECK
                             | PCRE2_DOLLAR_ENDONLY | PCRE2_AUTO_CALLOUT
                             | PCRE2_MATCH_UNSET_BACKREF
                             | PCRE2_NEVER_BACKSLASH_C,
                             &error, &offset, rc->compile);

    if (re->code == NULL) {
        if (error == PCRE2_ERROR_HEAP_FAILED) {
            return MCP_NOMEM;
        }

        *why = mcp_regex_why(error);
        return MCP_ERROR;
    }

    return MCP_OK;
}


/*
 * PCRE2's own limit counts anew at every place where a match may begin, and
 * not what a repeated character runs over.  So steps are counted here, before
 * each item of the pattern that is tried.
 */

static int
mcp_regex_callout(pcre2_callout_block *block, void *data)
{
    mcp_matcher_t *m = data;

    uint64_t  cost;

    cost = m->re->weight;

    if (block->current_position > m->place) {
        cost += (block->current_position - m->place) / 16;
    }

    if (m->re->refers) {
        cost += block->current_position / 32;
    }

    m->place = block->current_position;

    if (cost > m->steps) {
        m->steps = 0;
        return PCRE2_ERROR_CALLOUT;
    }

    m->steps -= cost;

    return 0;
}


mcp_matcher_t *
mcp_matcher_create(void)
{
    mcp_matcher_t          *m;
    mcp_arena_t            *arena;
    pcre2_general_context  *general;

    arena = mcp_arena_create();
    if (arena == NULL) {
        return NULL;
    }

    m = mcp_calloc(arena, sizeof(mcp_matcher_t));
    general = pcre2_general_context_create(NULL, NULL, NULL);

    if (m == NULL || general == NULL) {
        pcre2_general_context_free(general);
        mcp_arena_destroy(arena);
        return NULL;
    }

    m->arena = arena;
    m->context = pcre2_match_context_create(general);
    m->data = pcre2_match_data_create(1, general);

    pcre2_general_context_free(general);

    if (m->context == NULL || m->data == NULL) {
        mcp_matcher_destroy(m);
        return NULL;
    }

    (void) pcre2_set_match_limit(m->context, MCP_REGEX_MATCH);
    (void) pcre2_set_depth_limit(m->context, MCP_REGEX_MATCH);
    (void) pcre2_set_heap_limit(m->context, MCP_REGEX_HEAP);
    (void) pcre2_set_callout(m->context, mcp_regex_callout, m);

    return m;
}


void
mcp_matcher_destroy(mcp_matcher_t *m)
{
    pcre2_match_context_free(m->context);
    pcre2_match_data_free(m->data);
    mcp_arena_destroy(m->arena);
}


int
mcp_regex_match(mcp_matcher_t *m, const mcp_regex_t *re,
    const unsigned char *p, size_t len, uint64_t *steps)
{
    int  rc;

    m->steps = *steps;
    m->place = 0;
    m->re = re;

    rc = pcre2_match(re->code, p, len, 0, PCRE2_NO_UTF_CHECK, m->data,
                     m->context);

    *steps = m->steps;

    if (rc >= 0) {
        return MCP_OK;
    }

    if (rc == PCRE2_ERROR_NOMATCH) {
        return MCP_NONE;
    }

    return MCP_ERROR;
}
