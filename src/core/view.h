
/* How a view is built: shared by view*.c and item.c. */


#ifndef MCP_VIEW_H
#define MCP_VIEW_H


#include "catalog.h"
#include "elements.h"


typedef struct {
    mcp_arena_t              *arena;
    mcp_arena_t              *scratch;
    mcp_view_log_pt           log;
    void                     *data;
    mcp_view_t               *view;

    /* of the list under way */

    mcp_list_e                list;
    unsigned                  lines;       /* said of it */
    mcp_item_t               *item;
    unsigned                  n;
    unsigned                  size;
    mcp_elements_t            elements;
} mcp_builder_t;


/*
 * A line to the log: whose item, its name, what it is and why.  An item
 * without a name goes by the number of its element.
 */

void mcp_builder_say(mcp_builder_t *vb, mcp_view_level_e level,
    const mcp_item_t *item, const char *what, const char *why);


/* ... that its exposed name is that of an item which came first. */

void mcp_builder_say_taken(mcp_builder_t *vb, const mcp_item_t *item,
    const mcp_item_t *first);


/* A warning about the source itself. */

void mcp_builder_say_source(mcp_builder_t *vb, unsigned source,
    const char *what, const char *why);


/* The list must not be empty. */

uint32_t mcp_view_hash(const mcp_view_t *view, const unsigned char *p,
    size_t len);
const mcp_item_t *mcp_view_lookup(const mcp_view_t *view, mcp_list_e list,
    const unsigned char *name, size_t len, uint32_t hash);


/* Of the sources that are not hidden: see view_restrict.c. */

void mcp_view_ttl(mcp_view_t *view);
int mcp_view_instructions(mcp_view_t *view, mcp_arena_t *arena)
    MCP_MUSTCHECK;

/* Resources are one capability with their templates. */

void mcp_view_offer(mcp_view_t *view);


/*
 * Reads the element at hand into *item, whose source is set.  MCP_OK,
 * MCP_NOMEM, or MCP_NONE: it is left out, and the log has heard it.
 */

int mcp_item_read(mcp_builder_t *vb, mcp_item_t *item) MCP_MUSTCHECK;


#endif /* MCP_VIEW_H */
