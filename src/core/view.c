
/* Views: what is asked of them. */


#include "view.h"
#include "sip.h"


/* Names and URIs are the backends' choice: their hash has a key. */

uint32_t
mcp_view_hash(const mcp_view_t *view, const unsigned char *p, size_t len)
{
    uint64_t  w;

    w = mcp_sip(view->key, p, len);

    return (uint32_t) (w ^ w >> 32);
}


const mcp_item_t *
mcp_view_lookup(const mcp_view_t *view, mcp_list_e list,
    const unsigned char *name, size_t len, uint32_t hash)
{
    uint32_t           i;
    const mcp_item_t  *item;

    i = view->list[list].bucket[hash & view->list[list].mask];

    for ( /* void */ ; i != 0; i = item->chain) {
        item = &view->list[list].item[i - 1];

        if (item->hash == hash && item->exposed.len == len
            && mcp_equal(item->exposed.data, name, len))
        {
            return item;
        }
    }

    return NULL;
}


static int
mcp_view_seen(const mcp_view_t *view, mcp_list_e list, const mcp_item_t *item)
{
    const unsigned char  *seen;

    seen = view->list[list].seen;

    return seen == NULL || seen[item - view->list[list].item];
}


const mcp_item_t *
mcp_view_find(const mcp_view_t *view, mcp_list_e list,
    const unsigned char *name, size_t len)
{
    const mcp_item_t  *item;

    if (view->list[list].n == 0 || len == 0) {
        return NULL;
    }

    if ((list == MCP_TOOLS || list == MCP_PROMPTS) && len > MCP_NAME_MAX) {
        return NULL;
    }

    item = mcp_view_lookup(view, list, name, len,
                           mcp_view_hash(view, name, len));

    return (item != NULL && mcp_view_seen(view, list, item)) ? item : NULL;
}


int
mcp_view_conditional(const mcp_view_t *view, mcp_list_e list,
    const mcp_item_t *item)
{
    const unsigned char  *seen;

    seen = view->list[list].seen;

    return seen != NULL && (seen[item - view->list[list].item] & MCP_SEEN_IF);
}


int
mcp_view_resource(const mcp_view_t *view, const mcp_str_t *uri)
{
    int                denied;
    unsigned           i, n;
    const mcp_item_t  *item;

    item = mcp_view_find(view, MCP_RESOURCES, uri->data, uri->len);
    if (item != NULL) {
        return (int) item->source;
    }

    n = view->list[MCP_TEMPLATES].n;
    if (n > MCP_TEMPLATES_MAX) {
        n = MCP_TEMPLATES_MAX;
    }

    denied = -1;

    for (i = 0; i < n; i++) {
        item = &view->list[MCP_TEMPLATES].item[i];

        if ((int) item->source == denied
            || !mcp_template_match(&item->native, uri))
        {
            continue;
        }

        if (view->roles == NULL
            || mcp_policy_uri(view->roles,
                              &view->source[item->source].source->name, uri))
        {
            return (int) item->source;
        }

        denied = (int) item->source;
    }

    return -1;
}


const mcp_str_t *
mcp_view_text(const mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    unsigned i)
{
    const mcp_item_t     *item;
    const unsigned char  *seen;

    item = &view->list[list].item[i];
    seen = view->list[list].seen;

    if ((seen != NULL && !seen[i]) || item->disabled
        || item->json[era == MCP_ERA_MODERN].data == NULL)
    {
        return NULL;
    }

    return &item->json[era == MCP_ERA_MODERN];
}


unsigned
mcp_view_page(const mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    unsigned from, unsigned max, mcp_buf_t *b)
{
    unsigned          i, n;
    const mcp_str_t  *text;

    n = 0;

    for (i = from; i < view->list[list].n; i++) {

        text = mcp_view_text(view, list, era, i);

        if (text == NULL) {
            continue;
        }

        if (max != 0 && n == max) {
            return i;
        }

        if (n++ != 0) {
            mcp_buf_literal(b, ",");
        }

        mcp_buf_str(b, text);
    }

    return 0;
}


size_t
mcp_view_page_len(const mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    unsigned from, unsigned max)
{
    size_t            len;
    unsigned          i, n;
    const mcp_str_t  *text;

    len = 0;
    n = 0;

    for (i = from; i < view->list[list].n && (max == 0 || n < max); i++) {

        text = mcp_view_text(view, list, era, i);

        if (text != NULL) {
            len += text->len + 1;
            n++;
        }
    }

    return len;
}
