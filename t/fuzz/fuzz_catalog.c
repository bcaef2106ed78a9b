
/*
 * Lists and documents as a hostile backend would send them.  The input is a
 * byte of flags and one for memory, then up to four lists with a byte 0 in
 * between; all of it is also tried as a document.
 */


#include <stdlib.h>

#include "catalog.h"


#define LISTS  4

#define check(what)  do { if (!(what)) { abort(); } } while (0)


typedef struct {
    mcp_arena_t           arena;
    mcp_arena_t          *from;
    unsigned              left;            /* allocations; 0: no limit */
    unsigned              limited;
} limited_t;


static void *
limited_alloc(mcp_arena_t *arena, size_t size)
{
    limited_t  *l;

    l = arena->data;

    if (l->limited) {
        if (l->left == 0) {
            return NULL;
        }

        l->left--;
    }

    return l->from->alloc(l->from, size);
}


static void
hear(void *data, mcp_view_level_e level, const char *line)
{
    unsigned  *heard;

    heard = data;
    ++*heard;

    check(strlen(line) < 1024);

    for ( /* void */ ; *line != '\0'; line++) {
        check(*line >= 0x20 && *line <= 0x7e);
    }
}


static uint32_t
member(const mcp_json_tape_t *tape, uint32_t node, const char *name)
{
    return mcp_json_member(tape, node, name, strlen(name));
}


/* An item's text is an object that says what the item says. */

static void
check_text(const mcp_item_t *item, mcp_list_e list, unsigned modern,
    mcp_arena_t *arena)
{
    uint32_t          node, type;
    const mcp_str_t  *text;
    mcp_json_tape_t   tape;

    static const char *const  keys[] = {
        "name", "name", "uri", "uriTemplate"
    };

    text = &item->json[modern];
    check(mcp_json_tape(&tape, arena, text->data, text->len, MCP_ITEM_DEPTH)
          == MCP_OK);
    check(tape.node[0].type == MCP_JSON_OBJECT);

    node = member(&tape, 0, keys[list]);
    check(node != 0 && mcp_json_equals(&tape, node, item->exposed.data,
                                       item->exposed.len));

    if (list != MCP_TOOLS) {
        return;
    }

    node = member(&tape, 0, "inputSchema");
    check(node != 0 && tape.node[node].type == MCP_JSON_OBJECT);

    check(!modern || member(&tape, 0, "execution") == 0);

    node = member(&tape, 0, "outputSchema");
    if (node != 0) {
        check(tape.node[node].type == MCP_JSON_OBJECT);
        type = member(&tape, node, "type");
        check(modern || (type != 0 && mcp_json_equals(&tape, type, "object",
                                                      6)));
    }
}


static void
check_item(const mcp_view_t *view, mcp_list_e list, unsigned i,
    mcp_arena_t *arena)
{
    size_t             k;
    unsigned char      c;
    const mcp_str_t   *prefix;
    const mcp_item_t  *item;

    item = &view->list[list].item[i];

    check(item->source < view->sources);
    check(item->exposed.len != 0 && item->native.len != 0);
    check(mcp_view_find(view, list, item->exposed.data, item->exposed.len)
          == item);
    check(item->json[0].data != NULL);
    check_text(item, list, 0, arena);

    if (item->json[1].data != NULL) {
        check_text(item, list, 1, arena);
    }

    if (list == MCP_RESOURCES) {
        check(mcp_view_resource(view, &item->native) == (int) item->source);
    }

    if (list == MCP_RESOURCES || list == MCP_TEMPLATES) {
        return;
    }

    check(item->exposed.len <= MCP_NAME_MAX);

    for (k = 0; k < item->exposed.len; k++) {
        c = item->exposed.data[k];
        check((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-');
    }

    prefix = &view->source[item->source].prefix;
    check(item->exposed.len == prefix->len + item->native.len);
    check(prefix->len == 0
          || memcmp(item->exposed.data, prefix->data, prefix->len) == 0);
    check(memcmp(item->exposed.data + prefix->len, item->native.data,
                 item->native.len) == 0);
}


/* Pages of any size are the items in their order. */

static void
check_pages(const mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    mcp_arena_t *arena)
{
    unsigned         max, from, pages;
    mcp_buf_t        b, all;
    mcp_json_tape_t  tape;

    mcp_buf_init(&all, arena, 0);
    mcp_buf_literal(&all, "[");
    check(mcp_view_page(view, list, era, 0, 0, &all) == 0);
    mcp_buf_literal(&all, "]");
    check(!all.failed);
    check(mcp_json_tape(&tape, arena, all.data, all.len, MCP_JSON_DEPTH_MAX)
          == MCP_OK);

    for (max = 1; max <= 3; max++) {
        mcp_buf_init(&b, arena, 0);
        mcp_buf_literal(&b, "[");
        from = 0;
        pages = 0;

        do {
            if (pages++ != 0) {
                mcp_buf_literal(&b, ",");
            }

            check(pages <= view->list[list].n + 1);
            from = mcp_view_page(view, list, era, from, max, &b);
        } while (from != 0);

        mcp_buf_literal(&b, "]");
        check(b.len == all.len && memcmp(b.data, all.data, b.len) == 0);
    }
}


static void
check_view(const mcp_view_t *view, mcp_arena_t *arena)
{
    unsigned    i;
    mcp_list_e  list;

    for (list = MCP_TOOLS; list < MCP_LISTS; list++) {

        for (i = 0; i < view->list[list].n; i++) {
            check_item(view, list, i, arena);
        }

        check_pages(view, list, MCP_ERA_LEGACY, arena);
        check_pages(view, list, MCP_ERA_MODERN, arena);
        check(view->list[list].n == 0 || view->list[list].offered);
    }

    check(view->ttl_ms >= 0);
}


/* Builds a view of sources, once with little memory and once with enough. */

static void
build(const mcp_source_t *source, unsigned n, unsigned flags, unsigned left,
    mcp_arena_t *arena)
{
    int                 rc;
    unsigned            i, heard;
    limited_t           l;
    mcp_view_t          view;
    mcp_view_source_t  *vs;

    static const mcp_str_t  prefixes[] = {
        mcp_null_string, mcp_string("a_"), mcp_string("b."), mcp_null_string
    };

    heard = 0;
    vs = mcp_alloc(arena, (n + 1) * sizeof(mcp_view_source_t));
    check(vs != NULL);

    for (i = 0; i < n; i++) {
        vs[i].source = &source[i];
        vs[i].prefix = prefixes[(flags >> i % 8) & 3];
    }

    l.arena.alloc = limited_alloc;
    l.arena.data = &l;
    l.from = arena;
    l.left = left;
    l.limited = 1;

    rc = mcp_view_build(&view, &l.arena, &l.arena, vs, n, hear, &heard);
    check(rc == MCP_OK || rc == MCP_NOMEM || rc == MCP_ERROR);

    rc = mcp_view_build(&view, arena, arena, vs, n, hear, &heard);
    check(rc == MCP_OK || rc == MCP_ERROR);

    if (rc == MCP_OK) {
        check_view(&view, arena);
    }
}


static int
same(const mcp_str_t *a, const mcp_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static void
try_document(const unsigned char *text, size_t len, unsigned flags,
    unsigned left, mcp_arena_t *arena)
{
    unsigned       i, k, n, again;
    mcp_buf_t      b;
    mcp_source_t  *source, *back;

    if (mcp_catalog_decode(arena, text, len, &source, &n) != MCP_OK) {
        return;
    }

    mcp_buf_init(&b, arena, 0);
    mcp_catalog_encode(&b, source, n);
    check(!b.failed);
    check(mcp_catalog_decode(arena, b.data, b.len, &back, &again) == MCP_OK);
    check(n == again);

    for (i = 0; i < n; i++) {
        check(same(&source[i].name, &back[i].name));
        check(same(&source[i].version, &back[i].version));
        check(same(&source[i].capabilities, &back[i].capabilities));
        check(same(&source[i].instructions, &back[i].instructions));
        check(source[i].ttl_ms == back[i].ttl_ms);
        check(source[i].state == back[i].state);
        check(source[i].era == back[i].era);

        for (k = 0; k < MCP_LISTS; k++) {
            check(same(&source[i].list[k], &back[i].list[k]));
        }
    }

    build(source, n, flags, left, arena);
}


/* What is appended is a list of which all is good. */

static int
try_append(const mcp_str_t *array, mcp_arena_t *arena, mcp_str_t *out)
{
    unsigned   heard, none;
    mcp_buf_t  b, again;

    heard = 0;
    none = 0;
    mcp_buf_init(&b, arena, 0);

    if (mcp_catalog_append(&b, arena, array, hear, &heard) != MCP_OK) {
        check(b.len == 0);
        return MCP_ERROR;
    }

    mcp_buf_literal(&b, "]");
    out->data = b.data;
    out->len = b.len;

    mcp_buf_init(&again, arena, 0);
    check(mcp_catalog_append(&again, arena, out, hear, &none) == MCP_OK);
    mcp_buf_literal(&again, "]");
    check(again.len == b.len && memcmp(again.data, b.data, b.len) == 0);
    check(none == 0 && heard <= MCP_VIEW_LINES + 1);

    return MCP_OK;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    unsigned              i, n, flags, left;
    mcp_buf_t             b;
    mcp_str_t             array;
    mcp_arena_t          *arena;
    mcp_source_t          source[2], *back;
    const unsigned char  *p, *end, *zero;

    if (size < 2) {
        return 0;
    }

    flags = data[0];
    left = data[1];
    p = data + 2;
    end = data + size;

    arena = mcp_arena_create();
    check(arena != NULL);

    try_document(p, (size_t) (end - p), flags, left, arena);

    memset(source, 0, sizeof(source));
    mcp_str_set(&source[0].name, "first");
    mcp_str_set(&source[1].name, "second");
    source[0].state = MCP_SOURCE_UP;
    source[1].state = MCP_SOURCE_STALE;

    for (i = 0; i < LISTS; i++) {
        zero = memchr(p, '\0', (size_t) (end - p));
        array.data = (unsigned char *) p;
        array.len = (size_t) ((zero ? zero : end) - p);

        /* the first two are of one kind, so that names meet */

        source[i & 1].list[(flags >> (i & 2)) & 3] = array;

        if (zero == NULL) {
            break;
        }

        p = zero + 1;
    }

    build(source, 2, flags, left, arena);

    for (i = 0; i < 2 * MCP_LISTS; i++) {
        array = source[i & 1].list[i >> 1];

        if (try_append(&array, arena, &source[i & 1].list[i >> 1])
            != MCP_OK)
        {
            source[i & 1].list[i >> 1].len = 0;
        }
    }

    build(source, 2, flags, left, arena);

    mcp_buf_init(&b, arena, 0);
    mcp_catalog_encode(&b, source, 2);
    check(mcp_catalog_decode(arena, b.data, b.len, &back, &n) == MCP_OK);
    check(n == 2);

    mcp_arena_destroy(arena);

    return 0;
}
