
/* Lines of the audit trail that we did not write, and arguments of theirs. */


#include <stdlib.h>

#include "record.h"


#define check(what)  do { if (!(what)) { abort(); } } while (0)


static void
try_write(const mcp_json_tape_t *tape, mcp_arena_t *arena)
{
    mcp_buf_t     b;
    mcp_str_t     globs[2], line;
    mcp_chain_t   chain;
    mcp_record_t  rec, got;
    mcp_redact_t  redact;

    mcp_str_set(&globs[0], "a*");
    mcp_str_set(&globs[1], "*secret*");
    redact.glob = globs;
    redact.n = 2;

    memset(&rec, 0, sizeof(mcp_record_t));
    check(mcp_record_arguments(&rec, tape, 0, &redact, arena) == MCP_OK);
    check(rec.arguments.len <= MCP_RECORD_ARGUMENTS);

    rec.kind = MCP_RECORD_CALL;
    mcp_str_set(&rec.id, "01940e2c-7b3f-7a10-8000-0123456789ab");
    mcp_str_set(&rec.outcome, "denied");
    rec.client.data = (unsigned char *) tape->text;
    rec.client.len = tape->len;
    rec.name = rec.client;

    mcp_str_set(&line, "c");
    mcp_chain_begin(&chain, &line);

    mcp_buf_init(&b, arena, 0);
    mcp_record_write(&b, &rec);
    check(b.len <= MCP_RECORD_LINE);
    mcp_chain_end(&b, 0, &chain);
    check(!b.failed && memchr(b.data, '\n', b.len) == b.data + b.len - 1);

    line.data = b.data;
    line.len = b.len - 1;
    check(mcp_record_read(&got, arena, &line) == MCP_OK);
    check(got.arguments.len == rec.arguments.len);
    check(memcmp(got.arguments.data, rec.arguments.data, got.arguments.len)
          == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcp_str_t             line;
    mcp_arena_t          *arena;
    mcp_record_t          rec;
    mcp_json_tape_t       tape;
    const unsigned char  *p, *id;

    arena = mcp_arena_create();
    if (arena == NULL) {
        return 0;
    }

    p = data;

    while (mcp_record_line(&p, data + size, &line) == MCP_OK) {
        if (mcp_record_peek(&line, &id) != 0) {
            check(id + MCP_RECORD_ID < line.data + line.len);
        }

        (void) !mcp_record_read(&rec, arena, &line);
    }

    if (mcp_json_tape(&tape, arena, data, size, 64) == MCP_OK) {
        try_write(&tape, arena);
    }

    mcp_arena_destroy(arena);

    return 0;
}
