
/*
 * mcp-bridge connect: arguments that a modern server wants repeated in
 * headers (x-mcp-header), as its tools/list told.
 */


#include "connect.h"
#include "json.h"

#include <stdlib.h>


#define MC_PARAM_TOOLS_MAX  4096


typedef struct mc_tool_s  mc_tool_t;

struct mc_tool_s {
    mc_tool_t            *next;
    mcp_str_t             name;
    mcp_params_t          params;
};


/* A page of the list, with the tools of it that have such arguments. */

struct mc_page_s {
    mc_page_t            *next;
    mcp_arena_t          *arena;
    mc_tool_t            *tools;
    unsigned              n;
};


static void mc_params_tool(mc_page_t *page, const mcp_json_tape_t *tape,
    uint32_t node);


void
mc_params_free(mc_t *mc)
{
    mc_page_t  *page, *next;

    for (page = mc->pages; page != NULL; page = next) {
        next = page->next;
        mcp_arena_destroy(page->arena);
        free(page);
    }

    mc->pages = NULL;
}


/* A list that begins anew replaces what was known. */

void
mc_params_learn(mc_exchange_t *x, const unsigned char *text, size_t len)
{
    unsigned          n;
    uint32_t          i, node;
    mc_page_t        *page;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;

    if (x->m.cursor == 0) {
        mc_params_free(x->mc);
    }

    if (memmem(text, len, "\"x-mcp-header\"", 14) == NULL) {
        return;
    }

    for (n = 0, page = x->mc->pages; page != NULL; page = page->next) {
        n += page->n;
    }

    arena = mcp_arena_create();
    page = calloc(1, sizeof(mc_page_t));

    if (arena == NULL || page == NULL) {
        goto failed;
    }

    page->arena = mcp_arena_create();

    if (page->arena == NULL
        || mcp_json_tape(&tape, arena, text, len, MC_DEPTH) != MCP_OK
        || (node = mcp_json_get(&tape, 0, "result")) == 0
        || (node = mcp_json_get(&tape, node, "tools")) == 0
        || tape.node[node].type != MCP_JSON_ARRAY)
    {
        goto failed;
    }

    i = mcp_json_first(&tape, node);

    while (i != 0 && i < tape.node[node].next
           && n + page->n < MC_PARAM_TOOLS_MAX)
    {
        mc_params_tool(page, &tape, i);
        i = tape.node[i].next;
    }

    mcp_arena_destroy(arena);
    page->next = x->mc->pages;
    x->mc->pages = page;

    return;

failed:

    if (page != NULL && page->arena != NULL) {
        mcp_arena_destroy(page->arena);
    }

    if (arena != NULL) {
        mcp_arena_destroy(arena);
    }

    free(page);
}


static void
mc_params_tool(mc_page_t *page, const mcp_json_tape_t *tape, uint32_t node)
{
    uint32_t        name, schema;
    mcp_str_t       text;
    mc_tool_t      *tool;
    const char     *why;
    mcp_params_t    params;

    name = mcp_json_get(tape, node, "name");
    schema = mcp_json_get(tape, node, "inputSchema");

    if (name == 0 || schema == 0
        || mcp_params_compile(&params, page->arena, tape, schema, &why)
           != MCP_OK
        || params.n == 0
        || mcp_json_unescape(tape, name, page->arena, &text) != MCP_OK)
    {
        return;
    }

    tool = mcp_alloc(page->arena, sizeof(mc_tool_t));
    if (tool == NULL) {
        return;
    }

    tool->name.data = mcp_memdup(page->arena, text.data, text.len);
    tool->name.len = text.len;
    tool->params = params;

    if (tool->name.data == NULL) {
        return;
    }

    tool->next = page->tools;
    page->tools = tool;
    page->n++;
}


static const mcp_params_t *
mc_params_find(const mc_t *mc, const mcp_str_t *name)
{
    mc_tool_t  *tool;
    mc_page_t  *page;

    for (page = mc->pages; page != NULL; page = page->next) {
        for (tool = page->tools; tool != NULL; tool = tool->next) {

            if (tool->name.len == name->len
                && memcmp(tool->name.data, name->data, name->len) == 0)
            {
                return &tool->params;
            }
        }
    }

    return NULL;
}


int
mc_params_headers(mc_exchange_t *x)
{
    int                  rc;
    char                 name[MCP_PARAM_NAME_MAX + 16];
    unsigned             i;
    mcp_str_t            value, coded;
    const mcp_param_t   *param;
    const mcp_params_t  *params;

    params = mc_params_find(x->mc, &x->m.name);

    for (i = 0; params != NULL && i < params->n; i++) {
        param = &params->param[i];
        rc = mcp_param_value(param, &x->m, x->arena, &value);

        if (rc == MCP_NOMEM) {
            return rc;
        }

        if (rc != MCP_OK || param->header.len >= sizeof(name)) {
            continue;
        }

        memcpy(name, param->header.data, param->header.len);
        name[param->header.len] = '\0';

        if (mcp_header_encode(&value, x->arena, &coded) != MCP_OK
            || mc_header(x, name, coded.data, coded.len) != MCP_OK)
        {
            return MCP_NOMEM;
        }
    }

    return MCP_OK;
}
