
/* Views: what is asked of them. */


#include "view.h"


/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012).  Names and URIs are the
 * backends' choice; without the key nobody can make them meet in one bucket.
 */

#define mcp_rotl(x, n)  ((x) << (n) | (x) >> (64 - (n)))


static void
mcp_sip_rounds(uint64_t v[4], unsigned n)
{
    while (n--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = mcp_rotl(v[1], 13) ^ v[0];
        v[3] = mcp_rotl(v[3], 16) ^ v[2];
        v[0] = mcp_rotl(v[0], 32);

        v[2] += v[1];
        v[0] += v[3];
        v[1] = mcp_rotl(v[1], 17) ^ v[2];
        v[3] = mcp_rotl(v[3], 21) ^ v[0];
        v[2] = mcp_rotl(v[2], 32);
    }
}


uint32_t
mcp_view_hash(const mcp_view_t *view, const unsigned char *p, size_t len)
{
    size_t    n;
    uint64_t  v[4], w;

    v[0] = view->key[0] ^ UINT64_C(0x736f6d6570736575);
    v[1] = view->key[1] ^ UINT64_C(0x646f72616e646f6d);
    v[2] = view->key[0] ^ UINT64_C(0x6c7967656e657261);
    v[3] = view->key[1] ^ UINT64_C(0x7465646279746573);

    for (n = len; n >= 8; n -= 8) {
        memcpy(&w, p, 8);
        p += 8;

        v[3] ^= w;
        mcp_sip_rounds(v, 1);
        v[0] ^= w;
    }

    w = 0;
    memcpy(&w, p, n);
    w |= (uint64_t) len << 56;

    v[3] ^= w;
    mcp_sip_rounds(v, 1);
    v[0] ^= w;

    v[2] ^= 0xff;
    mcp_sip_rounds(v, 3);
    w = v[0] ^ v[1] ^ v[2] ^ v[3];

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
            && memcmp(item->exposed.data, name, len) == 0)
        {
            return item;
        }
    }

    return NULL;
}


const mcp_item_t *
mcp_view_find(const mcp_view_t *view, mcp_list_e list,
    const unsigned char *name, size_t len)
{
    if (view->list[list].n == 0 || len == 0) {
        return NULL;
    }

    if ((list == MCP_TOOLS || list == MCP_PROMPTS) && len > MCP_NAME_MAX) {
        return NULL;
    }

    return mcp_view_lookup(view, list, name, len,
                           mcp_view_hash(view, name, len));
}


int
mcp_view_resource(const mcp_view_t *view, const mcp_str_t *uri)
{
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

    for (i = 0; i < n; i++) {
        item = &view->list[MCP_TEMPLATES].item[i];

        if (mcp_template_match(&item->native, uri)) {
            return (int) item->source;
        }
    }

    return -1;
}


unsigned
mcp_view_page(const mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    unsigned from, unsigned max, mcp_buf_t *b)
{
    unsigned          i, n;
    const mcp_str_t  *text;

    n = 0;

    for (i = from; i < view->list[list].n; i++) {
        text = &view->list[list].item[i].json[era == MCP_ERA_MODERN];

        if (text->data == NULL) {
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
