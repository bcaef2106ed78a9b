
/*
 * JSON (RFC 8259): a lexer that takes its input in pieces, and its two
 * consumers.  The tape holds the structure of a whole text; the observer names
 * the members near the root of a text while it streams by.
 *
 * Both refuse what RFC 8259 refuses, and also: invalid UTF-8 (RFC 3629), a
 * byte order mark, escapes of lone surrogates, nesting deeper than a limit.
 * Numbers are never converted: their bytes stand.
 */


#ifndef MCP_JSON_H
#define MCP_JSON_H


#include "core.h"


#define MCP_JSON_DEPTH_MAX   1024    /* the most that a limit may allow */
#define MCP_JSON_WATCH_MAX   4       /* levels that the observer can name */
#define MCP_JSON_KEY_MAX     96      /* longer names are not kept by it */


typedef enum {
    MCP_JSON_OBJECT = 1,
    MCP_JSON_OBJECT_END,
    MCP_JSON_ARRAY,
    MCP_JSON_ARRAY_END,
    MCP_JSON_KEY,
    MCP_JSON_STRING,
    MCP_JSON_NUMBER,
    MCP_JSON_TRUE,
    MCP_JSON_FALSE,
    MCP_JSON_NULL
} mcp_json_type_e;


/*
 * A token, or a piece of one: a string, number or literal that the end of the
 * input cut comes in pieces, the first with "first", the last with "last" set
 * (a token that came whole has both).  The piece is [start, end), string
 * quotes included.  A piece may be empty (a number is known to have ended
 * only when the byte behind it is seen).
 */

typedef struct {
    mcp_json_type_e       type;
    unsigned              first:1;
    unsigned              last:1;
    unsigned              escaped:1; /* a backslash was seen so far */
    unsigned              unused:29;
    unsigned              depth;     /* containers around it: 0 is the root */
    const unsigned char  *start;
    const unsigned char  *end;
} mcp_json_token_t;


/* Where and why a text was refused.  text is static, in plain words. */

typedef struct {
    uint64_t              offset;    /* of the offending byte, from 0 */
    const char           *text;
} mcp_json_error_t;


/* Where a scanner of json_scan.h stands in a token that its input cut. */

typedef struct {
    unsigned              at;
    unsigned              escaped;
    uint32_t              code;      /* UTF-8 sequence or \u escape so far */
    const char           *why;       /* after MCP_ERROR */
} mcp_json_scan_t;


/* The fields are the lexer's own, but for error after MCP_ERROR. */

typedef struct {
    unsigned              state;
    unsigned              depth;
    unsigned              max_depth;
    unsigned              open;      /* type of the token under way, or 0 */
    mcp_json_scan_t       scan;
    uint64_t              offset;    /* of *p at the next call */
    mcp_json_error_t      error;
    unsigned char         stack[MCP_JSON_DEPTH_MAX / 8];
                                     /* bit set: an object */
} mcp_json_lexer_t;


/* max_depth: 1 .. MCP_JSON_DEPTH_MAX; more is taken as that. */

void mcp_json_init(mcp_json_lexer_t *lx, unsigned max_depth);


/*
 * The next token of [*p, end); *p moves behind what was used.
 *
 *   MCP_OK       *tok is a token or a piece of one
 *   MCP_AGAIN    all is used, the text is not complete (or may not be)
 *   MCP_DONE     the text is complete and [*p, end) was only white space
 *   MCP_ERROR    lx->error says what is wrong; so says every later call
 */

int mcp_json_next(mcp_json_lexer_t *lx, const unsigned char **p,
    const unsigned char *end, mcp_json_token_t *tok) MCP_MUSTCHECK;


/*
 * There is no more input: MCP_OK if the text was complete (a number at the
 * root ends here), else MCP_ERROR with lx->error.
 */

int mcp_json_finish(mcp_json_lexer_t *lx) MCP_MUSTCHECK;


/* --- the tape ------------------------------------------------------------ */


/*
 * One node a value or member name, in the order of the text; node 0 is the
 * root.  In an object a name (MCP_JSON_KEY) is followed by its value.
 */

typedef struct {
    uint32_t              start;     /* offset: strings behind the quote */
    uint32_t              len;       /* bytes: strings without the quotes,
                                        containers with their brackets */
    uint32_t              next;      /* the node behind this one and all that
                                        is in it; of a name: behind its value */
    uint32_t              count;     /* containers: members or elements;
                                        names: a hash of the first 128
                                        unescaped bytes */
    uint8_t               type;      /* mcp_json_type_e, never an _END */
    uint8_t               escaped;   /* strings, names: has a backslash */
} mcp_json_node_t;


typedef struct {
    const unsigned char  *text;
    size_t                len;
    mcp_json_node_t      *node;
    uint32_t              nodes;
    mcp_json_error_t      error;
} mcp_json_tape_t;


/*
 * The tape of a whole text of less than 4 GiB, which must outlive it.  Nodes
 * come from the arena.  An object with two names that are equal after
 * unescaping is refused, at every level, in time linear in the names.
 *
 *   MCP_OK, MCP_NOMEM, or MCP_ERROR with tape->error
 */

int mcp_json_tape(mcp_json_tape_t *tape, mcp_arena_t *arena,
    const unsigned char *text, size_t len, unsigned max_depth) MCP_MUSTCHECK;


/*
 * The value of the member of that name (compared after unescaping) in the
 * object "node"; 0 if there is none, or node is not an object.
 */

uint32_t mcp_json_member(const mcp_json_tape_t *tape, uint32_t node,
    const char *name, size_t len);

#define mcp_json_get(tape, node, name)                                        \
    mcp_json_member(tape, node, name, sizeof(name) - 1)


/*
 * To walk a container: the first member name or element, 0 if it is empty;
 * then node[i].next while that is less than node[container].next.  Of a name
 * i the value is i + 1.
 */

uint32_t mcp_json_first(const mcp_json_tape_t *tape, uint32_t node);


/* Whether the string or name is these bytes, after unescaping. */

int mcp_json_equals(const mcp_json_tape_t *tape, uint32_t node,
    const void *data, size_t len);


/*
 * The order of two strings or names, of one tape or two, by their unescaped
 * bytes: as memcmp(), the shorter first.
 */

int mcp_json_order(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b);


/* What the names of a tape are hashed with, for a string or name. */

uint32_t mcp_json_text_hash(const mcp_json_tape_t *tape, uint32_t node);


/*
 * The unescaped bytes of a string or name: in the text itself where nothing
 * is escaped, else from the arena.  MCP_OK or MCP_NOMEM.
 */

int mcp_json_unescape_text(const mcp_json_tape_t *tape, uint32_t node,
    mcp_arena_t *arena, mcp_str_t *out) MCP_MUSTCHECK;


static inline int MCP_MUSTCHECK
mcp_json_unescape(const mcp_json_tape_t *tape, uint32_t node,
    mcp_arena_t *arena, mcp_str_t *out)
{
    const mcp_json_node_t  *nd;

    nd = &tape->node[node];

    if (nd->escaped
        || (nd->type != MCP_JSON_STRING && nd->type != MCP_JSON_KEY))
    {
        return mcp_json_unescape_text(tape, node, arena, out);
    }

    out->data = (unsigned char *) tape->text + nd->start;
    out->len = nd->len;

    return MCP_OK;
}


/* The bytes of any value as they stand in the text, with quotes. */

mcp_str_t mcp_json_raw(const mcp_json_tape_t *tape, uint32_t node);


/*
 * An integer (no fraction, no exponent) within int64_t: MCP_OK, else MCP_NONE.
 */

int mcp_json_integer(const mcp_json_tape_t *tape, uint32_t node,
    int64_t *out) MCP_MUSTCHECK;


/*
 * Unescapes [p, end), the inside of a valid JSON string, to dst, which has
 * room for end - p bytes and lies elsewhere.  Returns the end of what was
 * written.
 */

unsigned char *mcp_json_decode(unsigned char *dst, const unsigned char *p,
    const unsigned char *end);


/* --- the observer -------------------------------------------------------- */


/*
 * Watches the first "watch" levels of a text that streams by.  What lies
 * deeper is checked and skipped; its bytes lie between two tokens.
 */

typedef struct {
    mcp_json_lexer_t      lexer;
    unsigned              watch;
    unsigned              escape;    /* private: where an escape in a name */
    uint32_t              code;      /*   was cut, and its digits so far */
    uint32_t              key_len[MCP_JSON_WATCH_MAX];
                                     /* over MCP_JSON_KEY_MAX: not kept */
    unsigned char         key[MCP_JSON_WATCH_MAX][MCP_JSON_KEY_MAX];
} mcp_json_observer_t;


/* watch: 1 .. MCP_JSON_WATCH_MAX. */

void mcp_json_observe_init(mcp_json_observer_t *ob, unsigned watch,
    unsigned max_depth);


/*
 * As mcp_json_next(), but gives only tokens of a depth up to "watch" (with
 * watch 2: the root's members, and the members of objects that are values
 * there).  Behind the last piece of a name at depth d, the name is
 * ob->key[d - 1] (unescaped), and stays there for the tokens of its value and,
 * with the names of the levels above, for all that lies in it.  In an array
 * the level's key_len is 0.
 */

int mcp_json_observe(mcp_json_observer_t *ob, const unsigned char **p,
    const unsigned char *end, mcp_json_token_t *tok) MCP_MUSTCHECK;


/* Whether level d (from 1) is now at a member of this name. */

#define mcp_json_at(ob, d, name)                                              \
    ((ob)->key_len[(d) - 1] == sizeof(name) - 1                               \
     && memcmp((ob)->key[(d) - 1], name, sizeof(name) - 1) == 0)


#define mcp_json_observe_finish(ob)  mcp_json_finish(&(ob)->lexer)


#endif /* MCP_JSON_H */
