
/*
 * Whether the lines of a chain are as they were written.  Lines of calls are
 * bound by their hashes.  Head, opened and tail are in no chain: of them all
 * is compared that is known from elsewhere, and how they are written.
 */


#ifndef MCP_RECORD_VERIFY_H
#define MCP_RECORD_VERIFY_H


#include "record.h"


#define MCP_VERIFY_TEXT   512            /* bytes of a report, with NUL */
#define MCP_VERIFY_SLOTS  16384          /* a power of two */


typedef struct mcp_verify_s  mcp_verify_t;
typedef struct mcp_verify_open_s  mcp_verify_open_t;

struct mcp_verify_s {

    /* the caller's; a note is no problem */
    void                (*report)(mcp_verify_t *v, int note,
                                  const char *text);
    const char           *where;         /* what reports begin with */

    unsigned long         lines;
    unsigned long         chains;
    unsigned long         problems;

    /* the chain under way */
    mcp_str_t             name;
    uint64_t              seq;
    unsigned char         hash[MCP_RECORD_HASH];
    mcp_arena_t          *arena;         /* of calls without an outcome */
    mcp_verify_open_t   **slot;
    mcp_verify_open_t    *free;
    uint64_t              nopen;
    size_t                node_len;
    unsigned char         node[MCP_RECORD_TEXT];

    /* ... and its segment */
    uint64_t              segment;
    uint64_t              open;          /* calls that the head counts */
    uint64_t              named;         /* ... and that were named */

    unsigned              began:1;
    unsigned              final:1;
    unsigned              has_node:1;
    unsigned              first:1;       /* segment of those that are here */
    unsigned              head:1;
    unsigned              body:1;        /* behind the lines of the head */
    unsigned              tail:1;
    unsigned              torn:1;        /* the line before was no record */
    unsigned              nomem:1;
};


void mcp_verify_init(mcp_verify_t *v,
    void (*report)(mcp_verify_t *v, int note, const char *text));
void mcp_verify_free(mcp_verify_t *v);

/* A chain begins; name must live until its last segment was given. */

void mcp_verify_chain(mcp_verify_t *v, const mcp_str_t *name);

/* All bytes of a segment.  MCP_OK, MCP_NOMEM. */

int mcp_verify_segment(mcp_verify_t *v, uint64_t number,
    const unsigned char *text, size_t len) MCP_MUSTCHECK;

/* The segment was the last one of its chain. */

void mcp_verify_end(mcp_verify_t *v);

/* One line of a call, where there are no segments; rec is what it says. */

void mcp_verify_line(mcp_verify_t *v, const mcp_str_t *line,
    const mcp_record_t *rec);

#ifdef __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
void mcp_verify_report(mcp_verify_t *v, int note, const char *format, ...);


#endif /* MCP_RECORD_VERIFY_H */
