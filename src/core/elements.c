
/* The elements of a backend's list, one at a time. */


#include "elements.h"
#include "catalog.h"


#define MCP_ELEMENTS_BLOCK  4096
#define MCP_ELEMENTS_ALIGN  16


/*
 * An arena that forgets all it gave when "used" is set to 0.  Its blocks
 * double, so that those it has outgrown are never more than the last one.
 */

static void *
mcp_elements_alloc(mcp_arena_t *arena, size_t size)
{
    void            *p;
    size_t           room;
    mcp_elements_t  *el;

    el = arena->data;

    if (size > SIZE_MAX / 4) {
        return NULL;
    }

    size = (size + MCP_ELEMENTS_ALIGN - 1) & ~(size_t) (MCP_ELEMENTS_ALIGN - 1);

    if (size > el->size - el->used) {

        room = el->size ? el->size * 2 : MCP_ELEMENTS_BLOCK;
        if (room < size) {
            room = size;
        }

        el->block = mcp_alloc(el->parent, room);
        if (el->block == NULL) {
            el->size = 0;
            el->used = 0;
            return NULL;
        }

        el->size = room;
        el->used = 0;
    }

    p = el->block + el->used;
    el->used += size;

    return p;
}


void
mcp_elements_init(mcp_elements_t *el, mcp_arena_t *scratch,
    const mcp_str_t *array)
{
    memset(el, 0, offsetof(mcp_elements_t, observer));

    el->arena.alloc = mcp_elements_alloc;
    el->arena.data = el;
    el->parent = scratch;
    el->pos = array->len ? array->data : NULL;
    el->end = array->len ? array->data + array->len : NULL;

    mcp_json_observe_init(&el->observer, 1, MCP_JSON_DEPTH_MAX);
}


static int
mcp_elements_tape(mcp_elements_t *el)
{
    int  rc;

    el->used = 0;

    rc = mcp_json_tape(&el->tape, &el->arena, el->text.data, el->text.len,
                       MCP_ITEM_DEPTH);
    if (rc == MCP_ERROR) {
        el->why = el->tape.error.text;
        return MCP_NONE;
    }

    return rc;
}


int
mcp_elements_next(mcp_elements_t *el)
{
    int               rc;
    mcp_json_token_t  tok;

    if (el->pos == NULL) {
        return MCP_ERROR;
    }

    for ( ;; ) {
        rc = mcp_json_observe(&el->observer, &el->pos, el->end, &tok);

        if (rc == MCP_DONE) {
            return MCP_DONE;
        }

        if (rc != MCP_OK) {
            return MCP_ERROR;
        }

        if (tok.depth == 0) {
            if (tok.type != MCP_JSON_ARRAY && tok.type != MCP_JSON_ARRAY_END) {
                return MCP_ERROR;
            }

            continue;
        }

        if (tok.type != MCP_JSON_OBJECT_END && tok.type != MCP_JSON_ARRAY_END
            && tok.first)
        {
            el->text.data = (unsigned char *) tok.start;
            el->number++;
        }

        if (tok.type == MCP_JSON_OBJECT || tok.type == MCP_JSON_ARRAY
            || !tok.last)
        {
            continue;
        }

        el->text.len = (size_t) (tok.end - el->text.data);

        if (tok.type != MCP_JSON_OBJECT_END) {
            el->why = "it is not an object";
            return MCP_NONE;
        }

        return mcp_elements_tape(el);
    }
}
