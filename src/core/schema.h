
/*
 * JSON Schema: what a tool's arguments must be like.  A schema is compiled
 * once, from its JSON text, and run over the tape of a call.
 *
 * Draft 2020-12, or what "$schema" says: 2019-09, draft-07, draft-06.  "format"
 * and the "content..." keywords are annotations.  References stay within the
 * document: nothing is ever fetched.  Patterns are those of ECMA-262 with the
 * "u" flag; one that PCRE2 cannot be told to run alike is refused.  Numbers
 * are compared by their digits, never by a double.
 *
 * Neither schema nor value is trusted: what a schema may cost is limited as it
 * is compiled, what a value may cost by a number of steps that grows with its
 * size alone.
 */


#ifndef MCP_SCHEMA_H
#define MCP_SCHEMA_H


#include "core.h"
#include "json.h"


#define MCP_SCHEMA_TEXT_MAX     (256 * 1024)
#define MCP_SCHEMA_DEPTH_MAX    128      /* nesting of its JSON text */
#define MCP_SCHEMA_PATTERN_MAX  4096     /* bytes of one pattern */
#define MCP_SCHEMA_PATTERNS     1024     /* in one schema */
#define MCP_SCHEMA_ERRORS       10       /* that are told of one value */


typedef struct mcp_schema_s  mcp_schema_t;

/* What patterns are run with: one for each process is enough. */

typedef struct mcp_matcher_s  mcp_matcher_t;


/* NULL: no memory */

mcp_matcher_t *mcp_matcher_create(void);
void mcp_matcher_destroy(mcp_matcher_t *m);


/* Why a schema is of no use. */

typedef struct {
    const char           *why;             /* static, in plain words */
    mcp_str_t             at;              /* JSON Pointer of where; printable
                                              ASCII, cut; from scratch */
} mcp_schema_fault_t;


/*
 * The text must outlive the schema, which comes from the arena and needs
 * nothing to be freed but that.  MCP_OK, MCP_NOMEM, or MCP_ERROR with *fault.
 */

int mcp_schema_compile(mcp_schema_t **schema, mcp_arena_t *arena,
    mcp_arena_t *scratch, const mcp_str_t *text, mcp_schema_fault_t *fault)
    MCP_MUSTCHECK;


typedef struct {
    mcp_str_t             path;            /* JSON Pointer into the value */
    const char           *keyword;         /* of the schema */
    mcp_str_t             message;         /* for people; never the value */
} mcp_schema_error_t;


typedef struct {
    mcp_schema_error_t    error[MCP_SCHEMA_ERRORS];
    unsigned              n;
    uint64_t              steps;           /* that were taken */
    unsigned              expensive:1;     /* it took too long: whether the
                                              value is valid is not known */
} mcp_schema_result_t;


/*
 * Whether the value at "node" is valid: MCP_OK; MCP_ERROR: it is not, *result
 * says why (where it would take too long to tell, in one error that says so);
 * MCP_NOMEM.  The arena is for the errors, and for what few keywords need
 * meanwhile.
 */

int mcp_schema_validate(const mcp_schema_t *schema,
    const mcp_json_tape_t *tape, uint32_t node, mcp_matcher_t *matcher,
    mcp_arena_t *arena, mcp_schema_result_t *result) MCP_MUSTCHECK;


/* A JSON array of {"path", "keyword", "message"}. */

void mcp_schema_errors(mcp_buf_t *b, const mcp_schema_result_t *result);


#endif /* MCP_SCHEMA_H */
