
/* What a caller's roles decide. */


#include "policy_roles.h"

#include <stdio.h>


/* Longer URIs fit no template either. */

#define MCP_POLICY_URI    4096

#define MCP_POLICY_FOLDS  4


static void
mcp_policy_first(const mcp_rule_t **at, const mcp_rule_t *rule)
{
    if (*at == NULL || rule->number < (*at)->number) {
        *at = rule;
    }
}


static void
mcp_policy_found(void *data, const mcp_policy_pattern_t *pattern)
{
    mcp_verdict_t *v = data;

    const mcp_rule_t  *rule;

    rule = pattern->rule;

    if (rule->deny) {
        mcp_policy_first(rule->nwhere ? &v->deny_if : &v->deny, rule);

    } else {
        mcp_policy_first(rule->nwhere ? &v->allow_if : &v->allow, rule);
    }
}


static void
mcp_policy_each(const mcp_roles_t *roles, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name, mcp_index_pt found,
    void *data)
{
    unsigned           i;
    const mcp_role_t  *role;

    for (i = 0; i < roles->n; i++) {
        role = roles->policy->role[roles->role[i]];
        mcp_index_find(&role->index[kind], backend, name, found, data);
    }
}


void
mcp_policy_judge(const mcp_roles_t *roles, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name, mcp_verdict_t *v)
{
    memset(v, 0, sizeof(mcp_verdict_t));

    mcp_policy_each(roles, kind, backend, name, mcp_policy_found, v);
}


/*
 * What is folded may hold what can be folded again ("%%32e" is "%2e").  Few
 * times are enough for everyone who means well.
 */

int
mcp_policy_uri(const mcp_roles_t *roles, const mcp_str_t *backend,
    const mcp_str_t *uri)
{
    unsigned       i;
    mcp_buf_t      b;
    mcp_str_t      last;
    mcp_verdict_t  v;
    unsigned char  room[2][MCP_POLICY_URI + MCP_POLICY_FOLDS * MCP_URI_FOLD];

    if (uri->len > MCP_POLICY_URI) {
        return 0;
    }

    mcp_policy_judge(roles, MCP_POLICY_RESOURCES, backend, uri, &v);

    if (!mcp_verdict_visible(&v)) {
        return 0;
    }

    last = *uri;

    for (i = 0; i < MCP_POLICY_FOLDS; i++) {

        memset(&b, 0, sizeof(mcp_buf_t));
        b.data = room[i & 1];
        b.size = sizeof(room[0]);

        mcp_uri_fold(&b, &last);

        if (b.len == last.len && memcmp(b.data, last.data, b.len) == 0) {
            break;
        }

        last.data = b.data;
        last.len = b.len;
    }

    if (i == MCP_POLICY_FOLDS) {
        return 0;
    }

    if (i != 0) {
        mcp_policy_judge(roles, MCP_POLICY_RESOURCES, backend, &last, &v);
    }

    return mcp_verdict_visible(&v);
}


/* --- arguments ----------------------------------------------------------- */


typedef struct {
    const mcp_json_tape_t       *tape;
    uint32_t                     node;
    mcp_arena_t                 *arena;

    const mcp_rule_t            *allow;      /* the first that holds */
    const mcp_rule_t            *deny;       /* ... that does, or may */
    unsigned                     deny_at;    /* condition that is unsure */
    const mcp_rule_t            *other;      /* the first allow that does not
                                                hold */
    unsigned                     other_at;
} mcp_policy_call_t;


static void
mcp_policy_found_where(void *data, const mcp_policy_pattern_t *pattern)
{
    mcp_policy_call_t *pc = data;

    unsigned           failed;
    mcp_where_e        is;
    const mcp_rule_t  *rule;

    rule = pattern->rule;

    if (rule->nwhere == 0) {
        if (!rule->deny) {
            mcp_policy_first(&pc->allow, rule);
        }

        return;
    }

    failed = 0;
    is = mcp_where_eval(rule->where, rule->nwhere, pc->tape, pc->node,
                        pc->arena, &failed);

    if (rule->deny) {

        if (is != MCP_WHERE_NO
            && (pc->deny == NULL || rule->number < pc->deny->number))
        {
            pc->deny = rule;
            pc->deny_at = failed;
        }

        return;
    }

    if (is == MCP_WHERE_YES) {
        mcp_policy_first(&pc->allow, rule);
        return;
    }

    if (pc->other == NULL || rule->number < pc->other->number) {
        pc->other = rule;
        pc->other_at = failed;
    }
}


/*
 * The caller sees the tool, so it may know which argument is at fault, but not
 * what would be allowed: that may tell of what others have.
 */

int
mcp_policy_arguments(const mcp_roles_t *roles, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name,
    const mcp_json_tape_t *tape, uint32_t node, mcp_arena_t *arena,
    mcp_str_t *why, const mcp_rule_t **rule)
{
    mcp_buf_t          b;
    mcp_policy_call_t  pc;

    memset(&pc, 0, sizeof(mcp_policy_call_t));

    pc.tape = tape;
    pc.node = node;
    pc.arena = arena;

    mcp_policy_each(roles, kind, backend, name, mcp_policy_found_where, &pc);

    *rule = pc.deny;

    if (pc.deny == NULL) {
        *rule = pc.allow ? pc.allow : pc.other;

        if (pc.allow != NULL) {
            return MCP_OK;
        }
    }

    mcp_buf_init(&b, arena, 128);
    mcp_buf_literal(&b, "your roles do not allow this call");

    if (pc.deny != NULL) {
        mcp_buf_literal(&b, " with this value of the argument \"");
        mcp_buf_str(&b, mcp_where_name(pc.deny->where, pc.deny_at));
        mcp_buf_literal(&b, "\"");

    } else if (pc.other != NULL) {
        mcp_buf_literal(&b, ": the argument \"");
        mcp_buf_str(&b, mcp_where_name(pc.other->where, pc.other_at));
        mcp_buf_literal(&b, "\" is missing or has a value that they do not "
                        "allow");
    }

    why->data = b.data;
    why->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_ERROR;
}


/* --- for operators ------------------------------------------------------- */


const mcp_policy_pattern_t *
mcp_policy_pattern(const mcp_policy_t *policy, unsigned number)
{
    return policy->pattern[number];
}


unsigned
mcp_policy_patterns(const mcp_policy_t *policy)
{
    return policy->npatterns;
}


static void
mcp_policy_seen(void *data, const mcp_policy_pattern_t *pattern)
{
    unsigned char *seen = data;

    seen[pattern->number] = 1;
}


void
mcp_policy_mark(const mcp_policy_t *policy, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name, unsigned char *seen)
{
    mcp_index_find(&policy->all[kind], backend, name, mcp_policy_seen, seen);
}


void
mcp_policy_say(const mcp_policy_t *policy, const mcp_rule_t *rule,
    mcp_buf_t *b)
{
    if (rule == NULL) {
        mcp_buf_literal(b, "no rule allows it");
        return;
    }

    mcp_buf_literal(b, "\"");
    mcp_buf_str(b, &rule->text);
    mcp_buf_literal(b, "\" of role \"");
    mcp_buf_str(b, &policy->role[rule->role]->name);
    mcp_buf_literal(b, "\" in ");
    mcp_buf_append(b, rule->file, strlen(rule->file));
    mcp_buf_literal(b, ":");
    mcp_buf_uint(b, rule->line);
}
