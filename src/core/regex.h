
/*
 * Regular expressions of ECMA-262 (with the "u" flag), run by PCRE2.
 *
 * A pattern is translated, never handed on: what PCRE2 would understand
 * otherwise is written so that it does not, what it has beyond ECMA-262 is
 * refused.  What remains of a difference: a group in a repeated group keeps
 * what it matched in an earlier round.
 */


#ifndef MCP_REGEX_H
#define MCP_REGEX_H


#include "schema.h"


typedef struct {
    void                 *code;
    mcp_str_t             text;            /* as it was written */
    uint32_t              weight;          /* steps of one thing tried */
    unsigned              refers:1;        /* has backreferences */
} mcp_regex_t;


/* What the patterns of one schema are compiled with; NULL: no memory. */

typedef struct mcp_regex_compiler_s  mcp_regex_compiler_t;

mcp_regex_compiler_t *mcp_regex_compiler(mcp_arena_t *arena);


/*
 * The text must outlive the expression.  MCP_OK, MCP_NOMEM, or MCP_ERROR with
 * a static *why.
 */

int mcp_regex_compile(mcp_regex_t *re, mcp_regex_compiler_t *rc,
    mcp_arena_t *scratch, const mcp_str_t *text, const char **why)
    MCP_MUSTCHECK;


/* The pattern in PCRE2's words: MCP_OK, or MCP_ERROR with a static *why. */

int mcp_regex_translate(mcp_regex_t *re, mcp_buf_t *b, const char **why)
    MCP_MUSTCHECK;


/*
 * Appends \p{...} or, with letter "P", \P{...} in PCRE2's words for what is
 * between the braces.
 */

void mcp_regex_property(mcp_buf_t *b, unsigned char letter,
    const unsigned char *p, size_t len);


/*
 * Whether it matches anywhere in these bytes, which are valid UTF-8: MCP_OK,
 * MCP_NONE; MCP_ERROR: there are not as many steps.  Takes from *steps what
 * it took: one or more for each item of the pattern that is tried at some
 * place.
 */

int mcp_regex_match(mcp_matcher_t *m, const mcp_regex_t *re,
    const unsigned char *p, size_t len, uint64_t *steps) MCP_MUSTCHECK;


#endif /* MCP_REGEX_H */
