
/*
 * Roles, and what they may see and call.
 *
 *     inherit ROLE ...
 *     allow   tools|prompts|resources PATTERN ... [where CONDITION ...]
 *     deny    tools|prompts|resources PATTERN ... [where CONDITION ...]
 *
 * A caller has the rules of all its roles and of all that these inherit:
 * whatever one of them allows it may use, unless one of them denies it.  What
 * no rule allows does not exist for it.  Conditions (where.h; tools only) are
 * about the arguments of a call, so the tool is there to see.
 *
 * A decision looks up, not through: its time grows with the length of the name
 * and the number of the caller's roles, not with that of rules.
 */


#ifndef MCP_POLICY_H
#define MCP_POLICY_H


#include "pattern.h"
#include "where.h"


typedef enum {
    MCP_POLICY_TOOLS = 0,
    MCP_POLICY_PROMPTS,
    MCP_POLICY_RESOURCES,        /* and templates, by their text */
    MCP_POLICY_KINDS             /* the number of them */
} mcp_policy_kind_e;


/* "tools" ... */

extern const mcp_str_t  mcp_policy_kinds[];


typedef struct mcp_policy_s  mcp_policy_t;


typedef struct {
    mcp_str_t             text;      /* as written, one space between words */
    const char           *file;
    unsigned              line;
    uint32_t              role;
    uint32_t              number;    /* in the order of the file */
    mcp_policy_kind_e     kind;
    mcp_where_t          *where;
    unsigned              nwhere;
    unsigned              deny:1;
} mcp_rule_t;


typedef struct {
    mcp_pattern_t         pattern;
    const mcp_rule_t     *rule;
    uint32_t              number;    /* among all patterns */
} mcp_policy_pattern_t;


/* Roles with all that they inherit. */

typedef struct {
    const mcp_policy_t   *policy;
    uint32_t             *role;
    unsigned              n;
} mcp_roles_t;


/* The first rule of each sort that fits; NULL: none does. */

typedef struct {
    const mcp_rule_t     *allow;
    const mcp_rule_t     *allow_if;  /* ... with conditions */
    const mcp_rule_t     *deny;
    const mcp_rule_t     *deny_if;
} mcp_verdict_t;


#define mcp_verdict_visible(v)                                                \
    ((v)->deny == NULL && ((v)->allow != NULL || (v)->allow_if != NULL))

/* ... but whether it may be called depends on the arguments. */

#define mcp_verdict_conditional(v)                                            \
    ((v)->allow == NULL || (v)->deny_if != NULL)


/* --- as nginx.conf is read ----------------------------------------------- */


/*
 * NULL: no memory.  What is given to the functions below is not copied, but
 * for the array of words; it must outlive the policy.  They return MCP_OK,
 * MCP_NOMEM, or MCP_ERROR with *why, a sentence from the arena.
 */

mcp_policy_t *mcp_policy_create(mcp_arena_t *arena);

int mcp_policy_add_role(mcp_policy_t *policy, const mcp_str_t *name,
    const char *file, unsigned line, uint32_t *role, mcp_str_t *why)
    MCP_MUSTCHECK;

int mcp_policy_directive(mcp_policy_t *policy, uint32_t role,
    const mcp_str_t *word, unsigned words, const char *file, unsigned line,
    mcp_str_t *why) MCP_MUSTCHECK;

/* All has been read; *why names file and line. */

int mcp_policy_complete(mcp_policy_t *policy, mcp_str_t *why) MCP_MUSTCHECK;


/* --- from then on -------------------------------------------------------- */


/* MCP_OK or MCP_NONE. */

int mcp_policy_find(const mcp_policy_t *policy, const unsigned char *name,
    size_t len, uint32_t *role);

const mcp_str_t *mcp_policy_role_name(const mcp_policy_t *policy,
    uint32_t role);

unsigned mcp_policy_nroles(const mcp_policy_t *policy);

/* MCP_OK or MCP_NOMEM. */

int mcp_policy_roles(const mcp_policy_t *policy, mcp_arena_t *arena,
    mcp_arena_t *scratch, const uint32_t *role, unsigned n, mcp_roles_t *roles)
    MCP_MUSTCHECK;


void mcp_policy_judge(const mcp_roles_t *roles, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name, mcp_verdict_t *v);


/*
 * Of a resource that is in no list, but that a template may lead to.  It must
 * be visible as it is written and as a server may understand it: see
 * mcp_uri_fold().
 */

int mcp_policy_uri(const mcp_roles_t *roles, const mcp_str_t *backend,
    const mcp_str_t *uri);


/*
 * Appends the URI with: letters of the scheme and the authority in lower case;
 * escapes of unreserved characters, of "/", "\" and "%" decoded, again and
 * again; "\" as "/"; in the path no empty segments, no "." and ".."; a file:
 * URI of this host with an empty authority (RFC 8089), which can make it two
 * bytes longer.  Meanwhile b takes up to MCP_URI_FOLD bytes more than the URI.
 */

#define MCP_URI_FOLD  3

void mcp_uri_fold(mcp_buf_t *b, const mcp_str_t *uri);


/*
 * Whether a visible tool may be called with the arguments at that node (0:
 * none).  MCP_OK, MCP_NOMEM, or MCP_ERROR with *why, a sentence for the
 * caller; *rule is the one that decided: the first that denies, else the first
 * that allows, else the first whose conditions are not true.
 */

int mcp_policy_arguments(const mcp_roles_t *roles, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name,
    const mcp_json_tape_t *tape, uint32_t node, mcp_arena_t *arena,
    mcp_str_t *why, const mcp_rule_t **rule) MCP_MUSTCHECK;


/* All patterns of all roles, and which of them fit: seen[number] = 1. */

const mcp_policy_pattern_t *mcp_policy_pattern(const mcp_policy_t *policy,
    unsigned number);
unsigned mcp_policy_patterns(const mcp_policy_t *policy);
void mcp_policy_mark(const mcp_policy_t *policy, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name, unsigned char *seen);


/*
 * "deny tools fs/x" of role "reader" in FILE:LINE, for people; NULL: "no rule
 * allows it".
 */

void mcp_policy_say(const mcp_policy_t *policy, const mcp_rule_t *rule,
    mcp_buf_t *b);


/*
 * mcp_policy_test: ROLE[,ROLE] can|cannot KIND BACKEND/NAME
 * [with ARGUMENT=VALUE ... | with {JSON}].  MCP_OK, MCP_NOMEM, or MCP_ERROR
 * with *why: it is wrong, or it fails.
 */

int mcp_policy_test(const mcp_policy_t *policy, mcp_arena_t *arena,
    const mcp_str_t *word, unsigned words, mcp_str_t *why) MCP_MUSTCHECK;


#endif /* MCP_POLICY_H */
