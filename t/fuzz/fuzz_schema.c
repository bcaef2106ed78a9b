
/*
 * A schema and a value, with a byte 0 in between.  Whatever the two are, steps
 * are limited, the same is said twice, and errors are JSON.
 */


#include <stdlib.h>

#include "schema.h"


#define check(what)  do { if (!(what)) { abort(); } } while (0)


static void
run(const mcp_schema_t *schema, const mcp_json_tape_t *tape,
    mcp_matcher_t *matcher, mcp_arena_t *arena)
{
    int                   first, second;
    unsigned              i;
    mcp_buf_t             b;
    mcp_json_tape_t       json;
    mcp_schema_result_t   result, again;

    first = mcp_schema_validate(schema, tape, 0, matcher, arena, &result);
    second = mcp_schema_validate(schema, tape, 0, matcher, arena, &again);

    check(first == second && (first == MCP_OK || first == MCP_ERROR));
    check(result.n == again.n && result.steps == again.steps);
    check((first == MCP_OK) == (result.n == 0));
    check(result.n <= MCP_SCHEMA_ERRORS);
    check(result.steps <= 100000 + (uint64_t) tape->nodes * 32 + tape->len);

    for (i = 0; i < result.n; i++) {
        check(result.error[i].path.len < 1024);
        check(result.error[i].message.len < 1024);
    }

    mcp_buf_init(&b, arena, 64);
    mcp_schema_errors(&b, &result);

    check(!b.failed);
    check(mcp_json_tape(&json, arena, b.data, b.len, 8) == MCP_OK);
    check(json.node[0].count == result.n);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                    rc;
    mcp_str_t              text;
    mcp_arena_t           *arena;
    mcp_schema_t          *schema;
    mcp_json_tape_t        tape;
    mcp_schema_fault_t     fault;
    const unsigned char   *zero;

    static mcp_matcher_t  *matcher;

    zero = memchr(data, '\0', size);
    if (zero == NULL) {
        return 0;
    }

    if (matcher == NULL) {
        matcher = mcp_matcher_create();
        check(matcher != NULL);
    }

    arena = mcp_arena_create();
    check(arena != NULL);

    text.data = (unsigned char *) data;
    text.len = (size_t) (zero - data);

    rc = mcp_schema_compile(&schema, arena, arena, &text, &fault);

    if (rc == MCP_ERROR) {
        check(fault.why != NULL && fault.at.len < 256);
    }

    if (rc == MCP_OK
        && mcp_json_tape(&tape, arena, zero + 1, size - text.len - 1, 64)
           == MCP_OK)
    {
        run(schema, &tape, matcher, arena);
    }

    mcp_arena_destroy(arena);

    return 0;
}
