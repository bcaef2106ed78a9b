
/* Compiled schemas: private to schema*.c. */


#ifndef MCP_SCHEMA_NODE_H
#define MCP_SCHEMA_NODE_H


#include "number.h"
#include "regex.h"
#include "schema.h"


typedef struct mcp_schema_node_s  mcp_schema_node_t;


/* Types of values; an integer is a number, too. */

#define MCP_SCHEMA_T_NULL     0x01
#define MCP_SCHEMA_T_BOOLEAN  0x02
#define MCP_SCHEMA_T_INTEGER  0x04
#define MCP_SCHEMA_T_NUMBER   0x08
#define MCP_SCHEMA_T_STRING   0x10
#define MCP_SCHEMA_T_ARRAY    0x20
#define MCP_SCHEMA_T_OBJECT   0x40
#define MCP_SCHEMA_T_ANY      0x7f


/* const, or one of the values of enum: nodes of the schema's tape */

typedef struct {
    uint32_t              constant;        /* 0: none */
    uint32_t              values;          /* the array; 0: none */
    uint32_t             *slot;            /* by hash; NULL: they are few */
    uint32_t              mask;
} mcp_schema_choice_t;


typedef struct {
    mcp_number_t          bound[4];        /* by mcp_schema_bound_e */
    mcp_divisor_t         multiple;        /* n 0: none */
    unsigned              bounds;          /* bits of those there are */
} mcp_schema_number_t;

typedef enum {
    MCP_SCHEMA_MINIMUM = 0,
    MCP_SCHEMA_ABOVE,
    MCP_SCHEMA_MAXIMUM,
    MCP_SCHEMA_BELOW
} mcp_schema_bound_e;


typedef struct {
    uint32_t              min;
    uint32_t              max;
    mcp_regex_t          *pattern;
} mcp_schema_string_t;


typedef struct {
    uint32_t              min;
    uint32_t              max;
    uint32_t              prefixes;
    mcp_schema_node_t   **prefix;
    mcp_schema_node_t    *items;           /* behind the prefix */
    mcp_schema_node_t    *contains;
    uint32_t              min_contains;
    uint32_t              max_contains;
    mcp_schema_node_t    *unevaluated;
    unsigned              unique:1;
    unsigned              contained:1;     /* contains evaluates, too */
} mcp_schema_array_t;


/* A name of "properties" or "required". */

typedef struct {
    mcp_str_t             name;
    uint32_t              hash;
    uint32_t              required;
    mcp_schema_node_t    *value;           /* NULL: only required */
} mcp_schema_name_t;


/* What is also asked for where there is a member of that name. */

typedef struct {
    mcp_str_t             name;
    uint32_t              names;           /* an array of the schema's tape;
                                              0: a schema */
    mcp_schema_node_t    *schema;
    unsigned              keyword;
} mcp_schema_dependent_t;


typedef struct {
    mcp_regex_t           name;
    mcp_schema_node_t    *value;
} mcp_schema_pattern_t;


typedef struct {
    uint32_t                 min;
    uint32_t                 max;
    mcp_schema_name_t       *name;
    uint32_t                 names;
    uint32_t                *slot;         /* name + 1; 0: free */
    uint32_t                 mask;
    uint32_t                 required;     /* the number of them */
    uint32_t                 patterns;
    mcp_schema_pattern_t    *pattern;
    mcp_schema_node_t       *additional;
    mcp_schema_node_t       *names_schema; /* of propertyNames */
    mcp_schema_node_t       *unevaluated;
    mcp_schema_dependent_t  *dependent;
    uint32_t                 dependents;
} mcp_schema_object_t;


typedef struct {
    mcp_schema_node_t   **schema;
    uint32_t              n;
} mcp_schema_list_t;


/* What applies to the same value. */

typedef struct {
    mcp_schema_node_t    *ref;
    mcp_schema_node_t    *dynamic;         /* where nothing in scope has it */
    uint32_t              anchor;          /* the name of that, from 1; 0: it
                                              is as good as a ref */
    mcp_schema_list_t     all;
    mcp_schema_list_t     any;
    mcp_schema_list_t     one;
    mcp_schema_node_t    *not;
    mcp_schema_node_t    *when;            /* if */
    mcp_schema_node_t    *then;
    mcp_schema_node_t    *otherwise;
} mcp_schema_logic_t;


typedef enum {
    MCP_SCHEMA_KEYWORDS = 0,
    MCP_SCHEMA_TRUE,
    MCP_SCHEMA_FALSE
} mcp_schema_kind_e;


struct mcp_schema_node_s {
    uint8_t               kind;            /* mcp_schema_kind_e */
    uint8_t               types;
    uint16_t              resource;
    uint32_t              at;              /* node of the schema's tape */
    mcp_schema_choice_t  *choice;
    mcp_schema_number_t  *number;
    mcp_schema_string_t  *string;
    mcp_schema_array_t   *array;
    mcp_schema_object_t  *object;
    mcp_schema_logic_t   *logic;
};


/* A $dynamicAnchor of a resource. */

typedef struct {
    uint32_t              resource;
    uint32_t              anchor;          /* its name, from 1 */
    mcp_schema_node_t    *schema;
} mcp_schema_anchor_t;


struct mcp_schema_s {
    mcp_json_tape_t       tape;
    mcp_schema_node_t    *root;
    mcp_schema_anchor_t  *anchor;          /* those that some $dynamicRef may
                                              mean */
    uint32_t              anchors;
};


/* --- running ------------------------------------------------------------- */


/* Where a value is; they lie on the stack, each in that of its parent. */

typedef struct mcp_schema_place_s  mcp_schema_place_t;

struct mcp_schema_place_s {
    const mcp_schema_place_t  *up;         /* NULL: the root */
    uint32_t                   key;        /* the name; 0: an element */
    uint32_t                   index;
};


/* Resources that evaluation has come through, the last one first. */

typedef struct mcp_schema_scope_s  mcp_schema_scope_t;

struct mcp_schema_scope_s {
    const mcp_schema_scope_t  *up;
    uint32_t                   resource;
};


/* The members or elements of one value that were evaluated. */

typedef struct {
    uint64_t             *bits;
    uint64_t              few;             /* bits points here up to 64 */
    uint32_t              n;
} mcp_schema_seen_t;


typedef struct {
    const mcp_schema_t        *schema;
    const mcp_json_tape_t     *tape;
    mcp_matcher_t             *matcher;
    mcp_arena_t               *arena;
    mcp_schema_result_t       *result;
    const mcp_schema_scope_t  *scope;
    uint64_t                   steps;      /* left */
    unsigned                   depth;
    unsigned                   quiet;      /* a failure ends it at once and
                                              is not told */
    unsigned char             *text;       /* room for unescaped strings */
    size_t                     size;
} mcp_schema_run_t;


/*
 * All that evaluates returns MCP_OK; MCP_NONE: the value is not valid; or
 * MCP_ERROR (no steps are left) and MCP_NOMEM, which end the run.
 */

static inline int MCP_MUSTCHECK
mcp_schema_spend(mcp_schema_run_t *run, uint64_t steps)
{
    if (run->steps < steps) {
        run->steps = 0;
        return MCP_ERROR;
    }

    run->steps -= steps;

    return MCP_OK;
}


/* Whether rc ends it; else there may be more to tell of the value. */

static inline int
mcp_schema_ends(const mcp_schema_run_t *run, int rc)
{
    return rc != MCP_NONE || run->quiet;
}


int mcp_schema_eval(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
    MCP_MUSTCHECK;

int mcp_schema_eval_object(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
    MCP_MUSTCHECK;
int mcp_schema_eval_array(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
    MCP_MUSTCHECK;
int mcp_schema_eval_logic(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
    MCP_MUSTCHECK;
int mcp_schema_eval_dependent(mcp_schema_run_t *run,
    const mcp_schema_node_t *node, uint32_t value,
    const mcp_schema_place_t *place, mcp_schema_seen_t *seen) MCP_MUSTCHECK;

/* What is left over after all else was evaluated. */

int mcp_schema_eval_rest(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    uint32_t value, const mcp_schema_place_t *place, mcp_schema_seen_t *seen)
    MCP_MUSTCHECK;

int mcp_schema_matches(mcp_schema_run_t *run, const mcp_regex_t *re,
    uint32_t text) MCP_MUSTCHECK;

/* The type of a value: one bit; that of a number is MCP_SCHEMA_T_NUMBER. */

unsigned mcp_schema_type(const mcp_json_node_t *nd);

int mcp_schema_seen_init(mcp_schema_run_t *run, mcp_schema_seen_t *seen,
    uint32_t n) MCP_MUSTCHECK;

static inline void
mcp_schema_seen_set(mcp_schema_seen_t *seen, uint32_t i)
{
    seen->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline int
mcp_schema_seen_get(const mcp_schema_seen_t *seen, uint32_t i)
{
    return (int) (seen->bits[i / 64] >> (i % 64) & 1);
}


/* --- comparing: schema_equal.c ------------------------------------------- */


/*
 * Whether two values are equal: numbers by value, objects in any order.  Nodes
 * may be of two tapes.  MCP_OK, MCP_NONE, MCP_ERROR: no steps are left.
 */

int mcp_schema_equal(const mcp_json_tape_t *ta, uint32_t a,
    const mcp_json_tape_t *tb, uint32_t b, uint64_t *steps) MCP_MUSTCHECK;

/* Equal values have equal hashes.  MCP_OK or MCP_ERROR. */

int mcp_schema_hash(const mcp_json_tape_t *tape, uint32_t node,
    uint32_t *hash, uint64_t *steps) MCP_MUSTCHECK;

int mcp_schema_chosen(mcp_schema_run_t *run, const mcp_schema_choice_t *choice,
    uint32_t value) MCP_MUSTCHECK;

/* MCP_NONE: two elements are equal, the later one is *again. */

int mcp_schema_unique(mcp_schema_run_t *run, uint32_t array, uint32_t *again)
    MCP_MUSTCHECK;


/* --- words: schema_error.c ----------------------------------------------- */


/* Notes an error, unless the run is quiet; gives MCP_NONE or MCP_NOMEM. */

int mcp_schema_fail(mcp_schema_run_t *run, const mcp_schema_node_t *node,
    const mcp_schema_place_t *place, unsigned keyword, uint32_t detail)
    MCP_MUSTCHECK;

int mcp_schema_expensive(mcp_schema_run_t *run) MCP_MUSTCHECK;


/* --- keywords: schema_keyword.c ------------------------------------------ */


typedef enum {
    MCP_KW_ANCHOR = 1,
    MCP_KW_DEFS,
    MCP_KW_DYNAMIC_ANCHOR,
    MCP_KW_DYNAMIC_REF,
    MCP_KW_ID,
    MCP_KW_RECURSIVE_ANCHOR,
    MCP_KW_RECURSIVE_REF,
    MCP_KW_REF,
    MCP_KW_SCHEMA,
    MCP_KW_ADDITIONAL_ITEMS,
    MCP_KW_ADDITIONAL,
    MCP_KW_ALL_OF,
    MCP_KW_ANY_OF,
    MCP_KW_CONST,
    MCP_KW_CONTAINS,
    MCP_KW_CONTENT_SCHEMA,
    MCP_KW_DEFINITIONS,
    MCP_KW_DEPENDENCIES,
    MCP_KW_DEPENDENT_REQUIRED,
    MCP_KW_DEPENDENT_SCHEMAS,
    MCP_KW_ELSE,
    MCP_KW_ENUM,
    MCP_KW_BELOW,                          /* exclusiveMaximum */
    MCP_KW_ABOVE,                          /* exclusiveMinimum */
    MCP_KW_IF,
    MCP_KW_ITEMS,
    MCP_KW_MAX_CONTAINS,
    MCP_KW_MAX_ITEMS,
    MCP_KW_MAX_LENGTH,
    MCP_KW_MAX_PROPERTIES,
    MCP_KW_MAXIMUM,
    MCP_KW_MIN_CONTAINS,
    MCP_KW_MIN_ITEMS,
    MCP_KW_MIN_LENGTH,
    MCP_KW_MIN_PROPERTIES,
    MCP_KW_MINIMUM,
    MCP_KW_MULTIPLE_OF,
    MCP_KW_NOT,
    MCP_KW_ONE_OF,
    MCP_KW_PATTERN,
    MCP_KW_PATTERN_PROPERTIES,
    MCP_KW_PREFIX_ITEMS,
    MCP_KW_PROPERTIES,
    MCP_KW_PROPERTY_NAMES,
    MCP_KW_REQUIRED,
    MCP_KW_THEN,
    MCP_KW_TYPE,
    MCP_KW_UNEVALUATED_ITEMS,
    MCP_KW_UNEVALUATED,
    MCP_KW_UNIQUE_ITEMS,
    MCP_KW_LAST,

    /* what fails, but is no keyword */

    MCP_KW_FALSE = MCP_KW_LAST,
    MCP_KW_TOO_MANY                        /* oneOf: more than one */
} mcp_keyword_e;


typedef enum {
    MCP_SHAPE_VALUE = 0,                   /* no schema in it */
    MCP_SHAPE_SCHEMA,
    MCP_SHAPE_LIST,                        /* an array of schemas */
    MCP_SHAPE_MAP,                         /* an object of schemas */
    MCP_SHAPE_ITEMS                        /* a schema or an array of them */
} mcp_shape_e;


typedef enum {
    MCP_DRAFT_7 = 1,
    MCP_DRAFT_2019 = 2,
    MCP_DRAFT_2020 = 4
} mcp_draft_e;


typedef struct {
    const char           *name;
    size_t                len;
    mcp_shape_e           shape;
    unsigned              drafts;
} mcp_keyword_t;


extern const mcp_keyword_t  mcp_keywords[MCP_KW_LAST];

/* The keyword that a name is in that draft; 0: none. */

unsigned mcp_keyword(const mcp_json_tape_t *tape, uint32_t key,
    unsigned drafts);


#endif /* MCP_SCHEMA_NODE_H */
