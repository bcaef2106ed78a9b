
/*
 * Conditions on the arguments of a call:
 *
 *     NAME = VALUE      != < <= > >=
 *     NAME ~ REGEX      !~ and, ignoring case, ~* !~*
 *     NAME present      absent
 *
 * joined by "and".  NAME is that of an argument, "a.b" of one in an object
 * ("\." is a dot of the name itself), "a[]" or "a[].b" of every element of an
 * array.  A VALUE that is JSON text of a number, true, false or a string is
 * that; any other is a string as it stands.
 */


#ifndef MCP_WHERE_H
#define MCP_WHERE_H


#include "json.h"


#define MCP_WHERE_MAX       16       /* conditions of one rule */
#define MCP_WHERE_DEPTH     16       /* names in a path */
#define MCP_WHERE_ELEMENTS  64       /* of an array, that are looked at */
#define MCP_WHERE_SUBJECT   65536    /* bytes that a regex is tried on */


/*
 * What cannot be told is neither: the argument is of another type than the
 * VALUE, null, too large, or there is one more that differs from it by case
 * alone, which a server may prefer.  Of a missing argument only "absent" is
 * true; that it is not equal, or does not match, cannot be told.  An allow
 * takes only what is true, a deny all but what is not.
 */

typedef enum {
    MCP_WHERE_NO = 0,
    MCP_WHERE_YES,
    MCP_WHERE_UNSURE
} mcp_where_e;


typedef struct mcp_where_s  mcp_where_t;


/*
 * Reads conditions.  Strings are not copied: words must outlive them.  MCP_OK,
 * MCP_NOMEM, or MCP_ERROR with *why, which is from the arena.
 */

int mcp_where_parse(mcp_where_t **where, unsigned *n, mcp_arena_t *arena,
    const mcp_str_t *word, unsigned words, mcp_str_t *why) MCP_MUSTCHECK;


/*
 * Whether all of n conditions are true of the object "node" (0: there is none)
 * of a tape.  Memory for unescaped strings comes from the arena; a lack of it
 * leaves a condition unsure.  *failed: the first that is not YES.
 */

mcp_where_e mcp_where_eval(const mcp_where_t *where, unsigned n,
    const mcp_json_tape_t *tape, uint32_t node, mcp_arena_t *arena,
    unsigned *failed);


/* The NAME of the condition number i, as it was written. */

const mcp_str_t *mcp_where_name(const mcp_where_t *where, unsigned i);


#endif /* MCP_WHERE_H */
