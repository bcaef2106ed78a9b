
/* How a pattern is translated: shared by regex_ecma.c and regex_escape.c. */


#ifndef MCP_REGEX_ECMA_H
#define MCP_REGEX_ECMA_H


#include "regex.h"


#define MCP_ECMA_NESTING   64


typedef enum {
    MCP_ECMA_CHAR = 0,                 /* a code point: not written yet */
    MCP_ECMA_SET,                      /* several: written */
    MCP_ECMA_NOTHING                   /* an assertion: written */
} mcp_ecma_e;


typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
    mcp_buf_t            *b;
    mcp_regex_t          *re;
    const char           *why;
    uint32_t              code;        /* of MCP_ECMA_CHAR */
    uint32_t              groups;      /* that capture, in all */
    uint32_t              repeat;      /* the most that must be repeated */
    unsigned              depth;
    unsigned char         assertion[MCP_ECMA_NESTING];
} mcp_ecma_t;


static inline int
mcp_ecma_error(mcp_ecma_t *e, const char *why)
{
    e->why = why;

    return MCP_ERROR;
}


#define mcp_ecma_invalid(e)                                                   \
    mcp_ecma_error(e, "its pattern is not a regular expression of ECMA-262")


static inline int
mcp_ecma_alnum(unsigned c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


/* One code point, so that PCRE2 takes it for nothing else. */

void mcp_ecma_put(mcp_ecma_t *e, uint32_t code);

/* The code point at hand, of valid UTF-8. */

uint32_t mcp_ecma_next(mcp_ecma_t *e);

/* Behind a backslash, outside of brackets. */

int mcp_ecma_escape(mcp_ecma_t *e, mcp_ecma_e *what) MCP_MUSTCHECK;

/* Behind a "[". */

int mcp_ecma_class(mcp_ecma_t *e) MCP_MUSTCHECK;


#endif /* MCP_REGEX_ECMA_H */
