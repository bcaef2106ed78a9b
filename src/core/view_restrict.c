
/* Views: the part that a caller's roles may see. */


#include "view.h"


static int
mcp_view_judge(mcp_view_t *part, mcp_list_e list, mcp_arena_t *arena)
{
    unsigned           i;
    mcp_verdict_t      v;
    unsigned char     *seen;
    const mcp_item_t  *item;

    part->list[list].offered = 0;

    if (part->list[list].n == 0) {
        return MCP_OK;
    }

    seen = mcp_calloc(arena, part->list[list].n);
    if (seen == NULL) {
        return MCP_NOMEM;
    }

    part->list[list].seen = seen;

    for (i = 0; i < part->list[list].n; i++) {
        item = &part->list[list].item[i];

        mcp_policy_judge(part->roles, mcp_view_kind(list),
                         &part->source[item->source].source->name,
                         &item->native, &v);

        if (!mcp_verdict_visible(&v)) {
            continue;
        }

        seen[i] = MCP_SEEN;

        if (mcp_verdict_conditional(&v)) {
            seen[i] |= MCP_SEEN_IF;
        }

        part->list[list].offered = 1;
        part->source[item->source].hidden = 0;
    }

    return MCP_OK;
}


int
mcp_view_restrict(mcp_view_t *part, const mcp_view_t *view,
    mcp_arena_t *arena, const mcp_roles_t *roles)
{
    unsigned    i;
    mcp_list_e  list;

    *part = *view;
    part->whole = view;
    part->roles = roles;

    if (view->sources != 0) {
        part->source = (mcp_view_source_t *)
                       mcp_memdup(arena, view->source,
                                  view->sources * sizeof(*view->source));
        if (part->source == NULL) {
            return MCP_NOMEM;
        }
    }

    for (i = 0; i < part->sources; i++) {
        part->source[i].hidden = 1;
    }

    for (list = MCP_TOOLS; list < MCP_LISTS; list++) {
        if (mcp_view_judge(part, list, arena) != MCP_OK) {
            return MCP_NOMEM;
        }
    }

    mcp_view_offer(part);

    part->completions = 0;

    for (i = 0; i < part->sources; i++) {
        if (!part->source[i].hidden) {
            part->completions |= part->source[i].completions;
        }
    }

    mcp_view_ttl(part);

    return mcp_view_instructions(part, arena);
}
