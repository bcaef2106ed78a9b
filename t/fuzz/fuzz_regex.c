
/*
 * A pattern and a subject, with a byte 0 in between: what is translated,
 * PCRE2 takes or refuses for reasons that are known, and no match takes more
 * steps than it is given.
 */


#include <stdlib.h>

#include "json.h"
#include "regex.h"


#define check(what)  do { if (!(what)) { abort(); } } while (0)


/* As JSON strings, which are the only ones that come this far. */

static int
utf8(mcp_arena_t *arena, const unsigned char *p, size_t len, mcp_str_t *out)
{
    mcp_buf_t        b;
    mcp_json_tape_t  tape;

    mcp_buf_init(&b, arena, len + 2);
    mcp_buf_json(&b, p, len);

    return mcp_json_tape(&tape, arena, b.data, b.len, 1) == MCP_OK
           && mcp_json_unescape(&tape, 0, arena, out) == MCP_OK;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    uint64_t               steps, left;
    mcp_str_t              pattern, subject;
    mcp_regex_t            re;
    const char            *why;
    mcp_arena_t           *arena;
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

    if (utf8(arena, data, (size_t) (zero - data), &pattern)
        && utf8(arena, zero + 1, size - (size_t) (zero - data) - 1, &subject))
    {
        why = NULL;

        switch (mcp_regex_compile(&re, mcp_regex_compiler(arena), arena,
                                  &pattern, &why))
        {
        case MCP_OK:
            steps = 20000;
            left = steps;
            check(mcp_regex_match(matcher, &re, subject.data, subject.len,
                                  &left) != MCP_NOMEM);
            check(left <= steps);
            break;

        default:
            check(why != NULL);
        }
    }

    mcp_arena_destroy(arena);

    return 0;
}
