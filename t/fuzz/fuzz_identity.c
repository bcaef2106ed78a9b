
/*
 * Roles and names as others say them: what is taken is whole and plain, and
 * reads back from its own text.
 */


#include "identity.h"

#include <stdlib.h>


#define check(what)  do { if (!(what)) { abort(); } } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned      i, k, n, m;
    mcp_buf_t     b;
    mcp_str_t     text, written, *roles, *again;
    const char   *why;
    mcp_arena_t  *arena;

    arena = mcp_arena_create();
    check(arena != NULL);

    text.len = size;
    text.data = malloc(size ? size : 1);
    check(text.data != NULL);

    if (size) {
        memcpy(text.data, data, size);
    }

    why = NULL;
    check((mcp_client_check(&text, &why) == MCP_OK) == (why == NULL));

    switch (mcp_roles_parse(&text, arena, &roles, &n, &why)) {

    case MCP_OK:
        break;

    case MCP_ERROR:
        check(why != NULL && n == 0);
        goto done;

    default:
        abort();
    }

    check(n <= MCP_ROLES_MAX);

    for (i = 0; i < n; i++) {
        check(roles[i].len != 0 && roles[i].len <= MCP_ROLE_MAX);
        check(mcp_client_check(&roles[i], &why) == MCP_OK);

        for (k = 0; k < i; k++) {
            check(roles[i].len != roles[k].len
                  || memcmp(roles[i].data, roles[k].data, roles[i].len) != 0);
        }
    }

    mcp_buf_init(&b, arena, 16);
    mcp_roles_text(&b, roles, n);
    check(!b.failed);

    if (b.len > MCP_ROLES_TEXT_MAX) {
        goto done;
    }

    written.data = b.data;
    written.len = b.len;

    check(mcp_roles_parse(&written, arena, &again, &m, &why) == MCP_OK);
    check(m == n);

    for (i = 0; i < n; i++) {
        check(again[i].len == roles[i].len
              && memcmp(again[i].data, roles[i].data, roles[i].len) == 0);
    }

done:

    free(text.data);
    mcp_arena_destroy(arena);

    return 0;
}
