
/*
 * The catalog: what backends offer, merged into what clients see.
 *
 * A source is one backend's lists as it gave them, kept as JSON text so that
 * every byte of a schema survives.  The manager encodes all sources into one
 * document; each worker decodes that and builds a view of it for each set of
 * backends that is offered together: names, routing, ready-made list items.
 */


#ifndef MCP_CATALOG_H
#define MCP_CATALOG_H


#include "message.h"
#include "policy.h"


typedef enum {
    MCP_TOOLS = 0,
    MCP_PROMPTS,
    MCP_RESOURCES,
    MCP_TEMPLATES,
    MCP_LISTS                    /* the number of them */
} mcp_list_e;


typedef enum {
    MCP_SOURCE_UNTRIED = 0,      /* discovery has not come to an end yet */
    MCP_SOURCE_FAILED,           /* it failed, and there never were lists */
    MCP_SOURCE_STALE,            /* it failed; the lists are from before */
    MCP_SOURCE_UP
} mcp_source_state_e;


#define MCP_ITEM_DEPTH  256      /* deeper list items are not offered */


typedef enum {
    MCP_VIEW_WARN = 1,
    MCP_VIEW_ERROR
} mcp_view_level_e;

/*
 * Takes a NUL-terminated line of text about something left out or odd.  The
 * line is printable ASCII: what came from a backend is escaped and cut.
 * Wherever a log is taken, NULL is one that hears nothing.
 */

typedef void (*mcp_view_log_pt)(void *data, mcp_view_level_e level,
    const char *line);

#define MCP_VIEW_LINES  32       /* about one list of one backend; then one
                                    more line counts the rest */


typedef struct {
    mcp_str_t             name;            /* the backend's, in nginx.conf */
    mcp_source_state_e    state;
    mcp_era_e             era;
    mcp_str_t             version;         /* protocol version in use with it */
    mcp_str_t             capabilities;    /* JSON object text, or empty */
    mcp_str_t             instructions;    /* plain text, or empty */
    mcp_str_t             list[MCP_LISTS]; /* JSON array text, or empty */
    int64_t               ttl_ms;          /* least of its lists; -1: none */
} mcp_source_t;


/*
 * One document of all sources, and back.  decode: strings point into the
 * text or come from the arena; the text must outlive them.
 * encode: b->failed tells.  decode: MCP_OK, MCP_NOMEM, MCP_ERROR (not a
 * document that encode wrote).
 *
 * encode takes the JSON text of the sources as it is: capabilities must be a
 * whole JSON object, the lists must come from mcp_catalog_append().
 */

void mcp_catalog_encode(mcp_buf_t *b, const mcp_source_t *source, unsigned n);
int mcp_catalog_decode(mcp_arena_t *arena, const unsigned char *text,
    size_t len, mcp_source_t **source, unsigned *n) MCP_MUSTCHECK;


/*
 * Appends the elements of a JSON array (the text of one page's list) to the
 * array text that b holds ("[" ... without the "]"; an empty b gets the "["),
 * each with the bytes that it had.  The array need not have been through a
 * tape: each element is judged by itself, and one that is not an object, has
 * two members of one name at any level or is nested deeper than MCP_ITEM_DEPTH
 * is left out with a line to log() (error), so that one bad tool does not cost
 * its backend the others.
 *
 * MCP_OK, MCP_NOMEM, MCP_ERROR (not a JSON array; b is as it was).
 */

int mcp_catalog_append(mcp_buf_t *b, mcp_arena_t *scratch,
    const mcp_str_t *array, mcp_view_log_pt log, void *data) MCP_MUSTCHECK;


#define MCP_NAME_MAX   128       /* longer names are not offered */
#define MCP_NAME_LONG  64        /* longer ones are warned about */


/* What the arguments of a tool or prompt must be like. */

typedef struct {
    mcp_str_t             text;            /* a JSON Schema */
    void                 *compiled;        /* for who owns the view */
    unsigned              tried:1;         /* likewise */
} mcp_item_schema_t;


typedef struct {
    unsigned              source;          /* index of the view's source */
    mcp_str_t             native;          /* name or URI, as the backend's */
    mcp_str_t             exposed;         /* as clients see it */
    mcp_str_t             json[2];         /* the list item for clients of the
                                              legacy [0] and modern [1] era;
                                              data NULL: not offered to it */
    uint64_t              digest[2];       /* of json[], once it was asked for;
                                              0: not yet */
    mcp_params_t          params;          /* tools: Mcp-Param-* headers */
    mcp_item_schema_t    *schema;          /* NULL: there is no such thing */
    uint32_t              hash;            /* of exposed */
    uint32_t              chain;           /* next in the bucket + 1 */
    uint16_t              limit;           /* for who owns the view: which of
                                              its rules is this item's */
    uint16_t              scope;           /* likewise */
    unsigned              disabled:1;      /* ... and that no page has it */
    unsigned              read_only:1;     /* annotations.readOnlyHint */
    unsigned              idempotent:1;    /* annotations.idempotentHint */
} mcp_item_t;


typedef struct {
    const mcp_source_t   *source;
    mcp_str_t             prefix;          /* put in front of tool and prompt
                                              names; may be empty */
    unsigned              disabled:1;      /* for who owns the view */

    /* set in a view */

    unsigned              completions:1;   /* it has the capability */
    unsigned              hidden:1;        /* nothing of it is to be seen */
} mcp_view_source_t;


#define MCP_SEEN     1           /* it is there for the caller */
#define MCP_SEEN_IF  2           /* ... but the arguments matter */


typedef struct mcp_view_s  mcp_view_t;

struct mcp_view_s {
    mcp_view_source_t    *source;
    unsigned              sources;
    struct {
        mcp_item_t       *item;            /* in the order of sources, then of
                                              the backend's list */
        unsigned          n;
        uint32_t         *bucket;          /* item + 1; 0: empty */
        uint32_t          mask;
        int               offered;         /* some source has this capability */
        unsigned char    *seen;            /* of every item; NULL: all are */
    } list[MCP_LISTS];
    mcp_str_t             instructions;    /* of all sources, plain text */
    int64_t               ttl_ms;          /* least of the sources; 0: one of
                                              them has none */
    uint64_t              key[2];          /* random; of the items' hashes */
    void                 *owner;           /* for who owns the view */
    uint64_t              switched;        /* likewise: of which
                                              state "disabled" is; 0: none */
    unsigned              completions:1;   /* some source has the capability */
    unsigned              partial:1;       /* a source is UNTRIED or FAILED */
    unsigned              untried:1;       /* a source is UNTRIED */

    const mcp_view_t     *whole;           /* what this is a part of; NULL: it
                                              is no part */
    const mcp_roles_t    *roles;           /* whose part */
};


/*
 * Merges sources.  Strings of the sources must outlive the view; all else
 * comes from the arena, what is only needed meanwhile from scratch.
 *
 * Left out, with a line to log():
 *   - an element that mcp_catalog_append() would leave out (error)
 *   - an item without a (string, not empty) name or uri or uriTemplate (error)
 *   - a tool whose inputSchema is missing or no object (error: clients refuse
 *     the whole list for it)
 *   - an exposed tool or prompt name longer than MCP_NAME_MAX or with a
 *     character outside [A-Za-z0-9_.-] (error; "/" too is refused)
 *   - a second tool or prompt of the same exposed name, a second resource of
 *     the same URI, a second template of the same text: the first is kept, the
 *     line names both backends (error)
 *   - a tool whose x-mcp-header annotations break the rules (warn)
 *   - for modern clients only, silently: tools whose execution.taskSupport is
 *     "required" (their tasks are another protocol)
 * Kept with a line (warn): names longer than MCP_NAME_LONG; a tool whose
 * inputSchema is not of type "object"; a template that no URI can fit.
 *
 * The items' text is the backend's, byte for byte, but for: "name" with the
 * prefix; "execution" is left out for modern clients; an "outputSchema" whose
 * type is not "object" is left out for legacy clients, one that is no object
 * for all.
 *
 * MCP_OK, MCP_NOMEM, MCP_ERROR (a list is not an array, or OpenSSL has no
 * random bytes; said to log()).
 */

int mcp_view_build(mcp_view_t *view, mcp_arena_t *arena, mcp_arena_t *scratch,
    const mcp_view_source_t *source, unsigned n, mcp_view_log_pt log,
    void *data) MCP_MUSTCHECK;


/*
 * What those roles may see of a view: for all that is asked below, of reply.h
 * too, there is nothing else then.  The view and the roles must outlive it.
 * MCP_OK or MCP_NOMEM.
 */

int mcp_view_restrict(mcp_view_t *part, const mcp_view_t *view,
    mcp_arena_t *arena, const mcp_roles_t *roles) MCP_MUSTCHECK;


/* The kind of rules that a list is subject to. */

#define mcp_view_kind(list)                                                   \
    ((list) == MCP_TEMPLATES ? MCP_POLICY_RESOURCES                           \
                             : (mcp_policy_kind_e) (list))


/* The item of that exposed name or URI, or NULL.  Time does not grow with n. */

const mcp_item_t *mcp_view_find(const mcp_view_t *view, mcp_list_e list,
    const unsigned char *name, size_t len);


/* Whether the arguments matter to who may call it (MCP_SEEN_IF). */

int mcp_view_conditional(const mcp_view_t *view, mcp_list_e list,
    const mcp_item_t *item);


/*
 * The source that serves a resource: of the item with that URI, else of the
 * first template that it fits, in the order of sources (of the first
 * MCP_TEMPLATES_MAX); -1: none.  To a part of a view templates need not belong:
 * it is the URI that must be allowed.
 */

#define MCP_TEMPLATES_MAX  1024

int mcp_view_resource(const mcp_view_t *view, const mcp_str_t *uri);


/*
 * URI templates (RFC 6570), matched conservatively: literals byte for byte,
 * an expression one or more characters, none of them "/" unless it is of the
 * {+...} or {#...} kind or ends with an explode modifier ({path*}: servers in
 * use mean a whole path by it).  What an operator puts in front ("#", ".",
 * "/", ";", "?", "&") must be there; {?...} and {&...}, whose variables are
 * optional, also match nothing.  {/a,b} may hold further "/".
 *
 * check: MCP_OK, or MCP_ERROR: such a template matches nothing (a stray
 * brace, an empty expression, an operator that RFC 6570 reserves, longer than
 * MCP_TEMPLATE_LEN, more than MCP_TEMPLATE_EXPRS expressions).
 * match: whether they fit; an empty URI or one longer than MCP_TEMPLATE_URI
 * fits none.  The time is at most in proportion to the product of the lengths.
 */

#define MCP_TEMPLATE_LEN    1024
#define MCP_TEMPLATE_EXPRS  16
#define MCP_TEMPLATE_URI    4096

int mcp_template_check(const mcp_str_t *tmpl);
int mcp_template_match(const mcp_str_t *tmpl, const mcp_str_t *uri);


/* The text of an item that goes into a list; NULL: it does not. */

const mcp_str_t *mcp_view_text(const mcp_view_t *view, mcp_list_e list,
    mcp_era_e era, unsigned i);


/*
 * Appends up to max items (0: all) from index "from", separated by commas, for
 * clients of that era; returns the index to go on from, or 0 at the end.
 */

unsigned mcp_view_page(const mcp_view_t *view, mcp_list_e list, mcp_era_e era,
    unsigned from, unsigned max, mcp_buf_t *b);

/* How much that is, at most. */

size_t mcp_view_page_len(const mcp_view_t *view, mcp_list_e list,
    mcp_era_e era, unsigned from, unsigned max);


#endif /* MCP_CATALOG_H */
