
/* Views: sources merged into what clients see. */


#include "view.h"

#include <openssl/rand.h>


#define MCP_VIEW_ITEMS  64       /* to begin with; then the room is doubled */


/* Items to the view, but for those whose exposed name is taken. */

static int
mcp_view_index(mcp_builder_t *vb)
{
    size_t             size;
    unsigned           i, n;
    uint32_t          *bucket;
    mcp_item_t        *item, *to;
    mcp_view_t        *view;
    const mcp_item_t  *first;

    if (vb->n == 0) {
        return MCP_OK;
    }

    view = vb->view;

    for (size = 16; size < (size_t) vb->n * 2; size *= 2) { /* void */ }

    to = mcp_alloc(vb->arena, vb->n * sizeof(mcp_item_t));
    bucket = mcp_calloc(vb->arena, size * sizeof(uint32_t));

    if (to == NULL || bucket == NULL) {
        return MCP_NOMEM;
    }

    view->list[vb->list].item = to;
    view->list[vb->list].bucket = bucket;
    view->list[vb->list].mask = (uint32_t) (size - 1);

    n = 0;

    for (i = 0; i < vb->n; i++) {
        item = &vb->item[i];
        item->hash = mcp_view_hash(view, item->exposed.data,
                                   item->exposed.len);

        if (i == 0 || item->source != item[-1].source) {
            vb->lines = 0;
        }

        first = mcp_view_lookup(view, vb->list, item->exposed.data,
                                item->exposed.len, item->hash);
        if (first != NULL) {
            mcp_builder_say_taken(vb, item, first);
            continue;
        }

        item->chain = bucket[item->hash & (size - 1)];
        bucket[item->hash & (size - 1)] = n + 1;
        to[n++] = *item;
    }

    view->list[vb->list].n = n;

    if (vb->list == MCP_TEMPLATES && n > MCP_TEMPLATES_MAX) {
        mcp_builder_say_source(vb, to[MCP_TEMPLATES_MAX].source,
                               "from here on templates route no resource: ",
                               "there are too many");
    }

    return MCP_OK;
}


/* Room for one more item of the list under way. */

static int
mcp_view_room(mcp_builder_t *vb)
{
    size_t       size;
    mcp_item_t  *item;

    if (vb->n < vb->size) {
        return MCP_OK;
    }

    size = vb->size ? (size_t) vb->size * 2 : MCP_VIEW_ITEMS;
    if (size > UINT32_MAX / 4) {
        return MCP_NOMEM;
    }

    item = mcp_alloc(vb->scratch, size * sizeof(mcp_item_t));
    if (item == NULL) {
        return MCP_NOMEM;
    }

    if (vb->n != 0) {
        memcpy(item, vb->item, vb->n * sizeof(mcp_item_t));
    }

    vb->item = item;
    vb->size = (unsigned) size;

    return MCP_OK;
}


/* One source's part of the list under way. */

static int
mcp_view_list(mcp_builder_t *vb, unsigned source)
{
    int               rc;
    mcp_item_t       *item, none;
    const mcp_str_t  *array;

    array = &vb->view->source[source].source->list[vb->list];
    if (array->len == 0) {
        return MCP_OK;
    }

    vb->lines = 0;
    memset(&none, 0, sizeof(mcp_item_t));
    none.source = source;

    mcp_elements_init(&vb->elements, vb->scratch, array);

    while ((rc = mcp_elements_next(&vb->elements)) != MCP_DONE) {

        if (rc == MCP_NONE) {
            mcp_builder_say(vb, MCP_VIEW_ERROR, &none, "is left out: ",
                            vb->elements.why);
            continue;
        }

        if (rc == MCP_ERROR) {
            mcp_builder_say(vb, MCP_VIEW_ERROR, &none, "is the last: ",
                            "the list is not a JSON array");
            return rc;
        }

        if (rc != MCP_OK || mcp_view_room(vb) != MCP_OK) {
            return MCP_NOMEM;
        }

        item = &vb->item[vb->n];
        *item = none;

        rc = mcp_item_read(vb, item);

        if (rc == MCP_OK) {
            vb->n++;

        } else if (rc != MCP_NONE) {
            return rc;
        }
    }

    return MCP_OK;
}


static int
mcp_view_lists(mcp_builder_t *vb)
{
    int         rc;
    unsigned    i;
    mcp_list_e  list;

    for (list = MCP_TOOLS; list < MCP_LISTS; list++) {
        vb->list = list;
        vb->n = 0;

        for (i = 0; i < vb->view->sources; i++) {
            rc = mcp_view_list(vb, i);
            if (rc != MCP_OK) {
                return rc;
            }
        }

        rc = mcp_view_index(vb);
        if (rc != MCP_OK) {
            return rc;
        }

        vb->view->list[list].offered |= (vb->view->list[list].n != 0);
    }

    return MCP_OK;
}


static int
mcp_view_capable(const mcp_json_tape_t *tape, const char *name)
{
    uint32_t  node;

    node = mcp_json_member(tape, 0, name, strlen(name));

    return node != 0 && tape->node[node].type == MCP_JSON_OBJECT;
}


static int
mcp_view_capabilities(mcp_builder_t *vb, unsigned i)
{
    int               rc;
    mcp_view_t       *view;
    mcp_json_tape_t   tape;
    const mcp_str_t  *text;

    view = vb->view;
    text = &view->source[i].source->capabilities;

    if (text->len == 0) {
        return MCP_OK;
    }

    rc = mcp_json_tape(&tape, vb->scratch, text->data, text->len,
                       MCP_ITEM_DEPTH);
    if (rc == MCP_ERROR) {
        mcp_builder_say_source(vb, i, "its capabilities are left out: ",
                               tape.error.text);
        return MCP_OK;
    }

    if (rc != MCP_OK) {
        return rc;
    }

    view->list[MCP_TOOLS].offered |= mcp_view_capable(&tape, "tools");
    view->list[MCP_PROMPTS].offered |= mcp_view_capable(&tape, "prompts");
    view->list[MCP_RESOURCES].offered |= mcp_view_capable(&tape, "resources");
    view->source[i].completions = mcp_view_capable(&tape, "completions");
    view->completions |= view->source[i].completions;

    return MCP_OK;
}


/* What the sources say of themselves, but for their lists. */

static int
mcp_view_sources(mcp_builder_t *vb)
{
    int                  rc;
    unsigned             i;
    mcp_view_t          *view;
    const mcp_source_t  *s;

    view = vb->view;

    for (i = 0; i < view->sources; i++) {
        s = view->source[i].source;

        view->untried |= (s->state == MCP_SOURCE_UNTRIED);
        view->partial |= (s->state == MCP_SOURCE_UNTRIED
                          || s->state == MCP_SOURCE_FAILED);

        rc = mcp_view_capabilities(vb, i);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    mcp_view_ttl(view);

    return MCP_OK;
}


void
mcp_view_ttl(mcp_view_t *view)
{
    int64_t   ttl, least;
    unsigned  i;

    least = -1;

    for (i = 0; i < view->sources; i++) {
        ttl = view->source[i].source->ttl_ms;

        if (view->source[i].hidden) {
            continue;
        }

        if (ttl <= 0) {
            least = 0;
            break;
        }

        if (least < 0 || ttl < least) {
            least = ttl;
        }
    }

    view->ttl_ms = (least > 0) ? least : 0;
}


int
mcp_view_instructions(mcp_view_t *view, mcp_arena_t *arena)
{
    size_t               len;
    unsigned             i;
    mcp_buf_t            b;
    const mcp_source_t  *s;

    if (view->sources == 1) {
        view->instructions = view->source[0].source->instructions;

        if (view->source[0].hidden) {
            view->instructions.len = 0;
        }

        return MCP_OK;
    }

    len = 0;

    for (i = 0; i < view->sources; i++) {
        s = view->source[i].source;

        if (s->instructions.len != 0 && !view->source[i].hidden) {
            len += sizeof("## \n\n\n\n") - 1 + s->name.len
                   + s->instructions.len;
        }
    }

    mcp_buf_init(&b, arena, len);

    for (i = 0; i < view->sources; i++) {
        s = view->source[i].source;

        if (s->instructions.len != 0 && !view->source[i].hidden) {
            mcp_buf_literal(&b, "## ");
            mcp_buf_str(&b, &s->name);
            mcp_buf_literal(&b, "\n\n");
            mcp_buf_str(&b, &s->instructions);
            mcp_buf_literal(&b, "\n\n");
        }
    }

    view->instructions.data = b.data;
    view->instructions.len = b.len;

    return b.failed ? MCP_NOMEM : MCP_OK;
}


void
mcp_view_offer(mcp_view_t *view)
{
    int  offered;

    offered = view->list[MCP_RESOURCES].offered
              || view->list[MCP_TEMPLATES].offered;

    view->list[MCP_RESOURCES].offered = offered;
    view->list[MCP_TEMPLATES].offered = offered;
}


int
mcp_view_build(mcp_view_t *view, mcp_arena_t *arena, mcp_arena_t *scratch,
    const mcp_view_source_t *source, unsigned n, mcp_view_log_pt log,
    void *data)
{
    int            rc;
    mcp_builder_t  vb;

    memset(view, 0, sizeof(mcp_view_t));
    memset(&vb, 0, sizeof(mcp_builder_t));

    vb.view = view;
    vb.arena = arena;
    vb.scratch = scratch;
    vb.log = log;
    vb.data = data;

    if (n != 0) {
        view->source = (mcp_view_source_t *)
                       mcp_memdup(arena, source, n * sizeof(*source));
        if (view->source == NULL) {
            return MCP_NOMEM;
        }

        for (view->sources = 0; view->sources < n; view->sources++) {
            view->source[view->sources].completions = 0;
            view->source[view->sources].hidden = 0;
        }
    }

    if (RAND_bytes((unsigned char *) view->key, sizeof(view->key)) != 1) {
        if (log != NULL) {
            log(data, MCP_VIEW_ERROR, "OpenSSL has no random bytes");
        }

        return MCP_ERROR;
    }

    rc = mcp_view_sources(&vb);

    if (rc == MCP_OK) {
        rc = mcp_view_instructions(view, arena);
    }

    if (rc == MCP_OK) {
        rc = mcp_view_lists(&vb);
    }

    mcp_view_offer(view);

    return rc;
}
