
/*
 * The elements of a list as a backend gave it, one at a time, each with a tape
 * of its own: what is wrong with one costs no other, and the memory needed is
 * that of the largest.
 */


#ifndef MCP_ELEMENTS_H
#define MCP_ELEMENTS_H


#include "json.h"


typedef struct {

    /* of the element at hand; good until the next call */

    mcp_str_t             text;
    mcp_json_tape_t       tape;            /* after MCP_OK: of that text */
    const char           *why;             /* after MCP_NONE: static words */
    unsigned              number;          /* from 1 */

    /* private to elements.c */

    mcp_arena_t           arena;
    mcp_arena_t          *parent;
    unsigned char        *block;
    size_t                size;            /* of the block */
    size_t                used;
    const unsigned char  *pos;
    const unsigned char  *end;
    mcp_json_observer_t   observer;
} mcp_elements_t;


/*
 * The text must outlive the elements, and el must not be moved.  What scratch
 * gives is used again for each element.
 */

void mcp_elements_init(mcp_elements_t *el, mcp_arena_t *scratch,
    const mcp_str_t *array);


/*
 *   MCP_OK       an object
 *   MCP_NONE     an element that is of no use: el->why says why.  It is no
 *                object, or nothing that a tape can be made of: two members
 *                of one name, or nesting deeper than MCP_ITEM_DEPTH
 *   MCP_DONE     there are no more
 *   MCP_ERROR    the text is no JSON array; earlier elements have come
 *   MCP_NOMEM
 */

int mcp_elements_next(mcp_elements_t *el) MCP_MUSTCHECK;


#endif /* MCP_ELEMENTS_H */
