
/*
 * Patterns of nginx.conf: "backend/name", where a "*" on either side stands
 * for any bytes, none included.  Nothing else is special, letters differ by
 * case.  The first "/" is the one between the two: no backend has one in its
 * name.
 */


#ifndef MCP_PATTERN_H
#define MCP_PATTERN_H


#include "core.h"


typedef struct {
    mcp_str_t             text;
    size_t                prefix;    /* bytes in front of the first "*" */
    size_t                suffix;    /* ... and behind the last one */
    unsigned              star:1;    /* there is one */
} mcp_glob_t;


/* The text must outlive g. */

void mcp_glob_init(mcp_glob_t *g, const mcp_str_t *text);

/*
 * Nothing is tried twice: every literal is looked for once, from left to
 * right, so the time is that of as many searches in what is left of the bytes.
 */

int mcp_glob_match(const mcp_glob_t *g, const unsigned char *p, size_t len);


#define MCP_PATTERN_MAX  1024


typedef struct {
    mcp_str_t             text;
    mcp_glob_t            backend;
    mcp_glob_t            name;
} mcp_pattern_t;


/*
 * MCP_OK, or MCP_ERROR with a static *why.  The text must outlive the pattern.
 */

int mcp_pattern_init(mcp_pattern_t *pattern, const mcp_str_t *text,
    const char **why) MCP_MUSTCHECK;

int mcp_pattern_match(const mcp_pattern_t *pattern, const mcp_str_t *backend,
    const mcp_str_t *name);


#endif /* MCP_PATTERN_H */
