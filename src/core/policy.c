
/* Roles and their rules, as nginx.conf has them. */


#include "policy_roles.h"

#include <stdarg.h>
#include <stdio.h>


const mcp_str_t  mcp_policy_kinds[] = {
    mcp_string("tools"), mcp_string("prompts"), mcp_string("resources"),
    mcp_null_string
};


int
mcp_policy_why(const mcp_policy_t *policy, mcp_str_t *why, ...)
{
    va_list           args;
    mcp_buf_t         b;
    const mcp_str_t  *s;

    mcp_buf_init(&b, policy->arena, 256);

    va_start(args, why);

    while ((s = va_arg(args, const mcp_str_t *)) != mcp_end) {
        mcp_buf_str(&b, s);
    }

    va_end(args);

    why->data = b.data;
    why->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_ERROR;
}


mcp_policy_t *
mcp_policy_create(mcp_arena_t *arena)
{
    mcp_policy_t  *policy;

    policy = mcp_calloc(arena, sizeof(mcp_policy_t));
    if (policy == NULL) {
        return NULL;
    }

    policy->arena = arena;
    policy->mask = 15;

    policy->bucket = mcp_calloc(arena, 16 * sizeof(uint32_t));

    return policy->bucket ? policy : NULL;
}


/* Room for one more pointer. */

static int
mcp_policy_room(mcp_policy_t *policy, void ***array, uint32_t n,
    uint32_t *size)
{
    void      **to;
    uint32_t    more;

    if (n < *size) {
        return MCP_OK;
    }

    if (n >= MCP_POLICY_MAX) {
        return MCP_NOMEM;
    }

    more = n ? n * 2 : 64;

    to = mcp_alloc(policy->arena, more * sizeof(void *));
    if (to == NULL) {
        return MCP_NOMEM;
    }

    if (n != 0) {
        memcpy(to, *array, n * sizeof(void *));
    }

    *array = to;
    *size = more;

    return MCP_OK;
}


static uint64_t
mcp_policy_hash(const unsigned char *p, size_t len)
{
    uint64_t  h;

    for (h = MCP_FNV_BASIS; len; len--) {
        h = mcp_fnv(h, *p++);
    }

    return h ^ h >> 32;
}


int
mcp_policy_find(const mcp_policy_t *policy, const unsigned char *name,
    size_t len, uint32_t *role)
{
    uint32_t           i;
    const mcp_role_t  *r;

    if (len > MCP_ROLE_NAME_MAX) {
        return MCP_NONE;
    }

    i = policy->bucket[mcp_policy_hash(name, len) & policy->mask];

    for ( /* void */ ; i != 0; i = r->chain) {
        r = policy->role[i - 1];

        if (r->name.len == len && memcmp(r->name.data, name, len) == 0) {
            *role = i - 1;
            return MCP_OK;
        }
    }

    return MCP_NONE;
}


static int
mcp_policy_rehash(mcp_policy_t *policy)
{
    uint32_t     i, size, *bucket;
    mcp_role_t  *r;

    size = (policy->mask + 1) * 4;

    bucket = mcp_calloc(policy->arena, size * sizeof(uint32_t));
    if (bucket == NULL) {
        return MCP_NOMEM;
    }

    policy->bucket = bucket;
    policy->mask = size - 1;

    for (i = 0; i < policy->nroles; i++) {
        r = policy->role[i];
        bucket = &policy->bucket[mcp_policy_hash(r->name.data, r->name.len)
                                 & policy->mask];
        r->chain = *bucket;
        *bucket = i + 1;
    }

    return MCP_OK;
}


int
mcp_policy_add_role(mcp_policy_t *policy, const mcp_str_t *name,
    const char *file, unsigned line, uint32_t *role, mcp_str_t *why)
{
    char         at[32];
    size_t       i;
    uint32_t    *bucket;
    mcp_str_t    where[2];
    mcp_role_t  *r;

    for (i = 0; i < name->len; i++) {
        if (name->data[i] < 0x20 || name->data[i] == 0x7f
            || strchr(",\"\\", name->data[i]) != NULL)
        {
            break;
        }
    }

    if (name->len == 0 || i < name->len || name->len > MCP_ROLE_NAME_MAX) {
        return mcp_policy_why(policy, why, mcp_why("invalid role name \""),
                              name, mcp_why("\": use 1 to 256 bytes, "
                              "without commas, quotes and controls"), mcp_end);
    }

    if (mcp_policy_find(policy, name->data, name->len, role) == MCP_OK) {
        r = policy->role[*role];

        (void) snprintf(at, sizeof(at), ":%u", r->line);
        where[0].data = (unsigned char *) r->file;
        where[0].len = strlen(r->file);
        where[1].data = (unsigned char *) at;
        where[1].len = strlen(at);

        return mcp_policy_why(policy, why, mcp_why("duplicate role \""), name,
                              mcp_why("\", the first is in "), &where[0],
                              &where[1], mcp_end);
    }

    if (mcp_policy_room(policy, (void ***) &policy->role, policy->nroles,
                        &policy->role_size)
        != MCP_OK
        || (policy->nroles > policy->mask
            && mcp_policy_rehash(policy) != MCP_OK))
    {
        return MCP_NOMEM;
    }

    r = mcp_calloc(policy->arena, sizeof(mcp_role_t));
    if (r == NULL) {
        return MCP_NOMEM;
    }

    r->name = *name;
    r->file = file;
    r->line = line;
    r->last = &r->inherit;

    bucket = &policy->bucket[mcp_policy_hash(name->data, name->len)
                             & policy->mask];
    r->chain = *bucket;

    *role = policy->nroles;
    policy->role[policy->nroles++] = r;
    *bucket = policy->nroles;

    return MCP_OK;
}


static int
mcp_policy_add_inherit(mcp_policy_t *policy, uint32_t role,
    const mcp_str_t *word, unsigned words, const char *file, unsigned line)
{
    mcp_role_t     *r;
    mcp_inherit_t  *in;

    r = policy->role[role];

    while (words--) {
        in = mcp_calloc(policy->arena, sizeof(mcp_inherit_t));
        if (in == NULL) {
            return MCP_NOMEM;
        }

        in->name = *word++;
        in->file = file;
        in->line = line;

        *r->last = in;
        r->last = &in->next;
    }

    return MCP_OK;
}


mcp_policy_kind_e
mcp_policy_kind(const mcp_str_t *word)
{
    mcp_policy_kind_e  kind;

    for (kind = MCP_POLICY_TOOLS; kind < MCP_POLICY_KINDS; kind++) {
        if (word->len == mcp_policy_kinds[kind].len
            && memcmp(word->data, mcp_policy_kinds[kind].data, word->len) == 0)
        {
            break;
        }
    }

    return kind;
}


static int
mcp_policy_add_pattern(mcp_policy_t *policy, const mcp_rule_t *rule,
    const mcp_str_t *word, mcp_str_t *why)
{
    mcp_str_t              text, shown;
    const char            *reason;
    mcp_policy_pattern_t  *p;

    p = mcp_alloc(policy->arena, sizeof(mcp_policy_pattern_t));

    if (p == NULL
        || mcp_policy_room(policy, (void ***) &policy->pattern,
                           policy->npatterns, &policy->pattern_size)
           != MCP_OK)
    {
        return MCP_NOMEM;
    }

    reason = "";

    if (mcp_pattern_init(&p->pattern, word, &reason) != MCP_OK) {
        text.data = (unsigned char *) reason;
        text.len = strlen(reason);

        shown = *word;

        if (shown.len > MCP_PATTERN_MAX) {
            shown.len = 64;
        }

        return mcp_policy_why(policy, why, mcp_why("invalid pattern \""),
                              &shown, mcp_why("\": "), &text, mcp_end);
    }

    p->rule = rule;
    p->number = policy->npatterns;
    policy->pattern[policy->npatterns++] = p;

    return MCP_OK;
}


/* Behind the patterns of a rule. */

static int
mcp_policy_where(mcp_policy_t *policy, mcp_rule_t *rule,
    const mcp_str_t *word, unsigned words, mcp_str_t *why)
{
    if (rule->kind != MCP_POLICY_TOOLS) {
        return mcp_policy_why(policy, why, mcp_why("conditions are for tools "
                              "alone: drop what begins with \"where\""),
                              mcp_end);
    }

    return mcp_where_parse(&rule->where, &rule->nwhere, policy->arena, word,
                           words, why);
}


static int
mcp_policy_add_rule(mcp_policy_t *policy, mcp_rule_t *rule,
    const mcp_str_t *word, unsigned words, mcp_str_t *why)
{
    int        rc;
    unsigned   i;
    mcp_buf_t  b;

    mcp_buf_init(&b, policy->arena, 64);

    for (i = 0; i < words; i++) {
        if (i != 0) {
            mcp_buf_literal(&b, " ");
        }

        mcp_buf_str(&b, &word[i]);
    }

    if (b.failed) {
        return MCP_NOMEM;
    }

    rule->text.data = b.data;
    rule->text.len = b.len;

    for (i = 2; i < words && !mcp_str_is(&word[i], "where"); i++) {
        rc = mcp_policy_add_pattern(policy, rule, &word[i], why);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (i == 2) {
        return mcp_policy_why(policy, why, mcp_why("there is no pattern in \""),
                              &rule->text, mcp_why("\": name what it is "
                              "about as backend/name"), mcp_end);
    }

    if (i == words) {
        return MCP_OK;
    }

    return mcp_policy_where(policy, rule, &word[i + 1], words - i - 1, why);
}


int
mcp_policy_directive(mcp_policy_t *policy, uint32_t role,
    const mcp_str_t *word, unsigned words, const char *file, unsigned line,
    mcp_str_t *why)
{
    mcp_rule_t  *rule;

    if (words > 1 && mcp_str_is(&word[0], "inherit")) {
        return mcp_policy_add_inherit(policy, role, &word[1], words - 1, file,
                                      line);
    }

    if (!mcp_str_is(&word[0], "allow") && !mcp_str_is(&word[0], "deny")) {
        return mcp_policy_why(policy, why, mcp_why("unknown directive \""),
                              &word[0], mcp_why("\" in \"mcp_role\": it takes "
                              "inherit ROLE, allow and deny"), mcp_end);
    }

    rule = mcp_calloc(policy->arena, sizeof(mcp_rule_t));
    if (rule == NULL) {
        return MCP_NOMEM;
    }

    rule->kind = words > 1 ? mcp_policy_kind(&word[1]) : MCP_POLICY_KINDS;

    if (rule->kind == MCP_POLICY_KINDS) {
        return mcp_policy_why(policy, why, mcp_why("\""), &word[0],
                              mcp_why("\" must be followed by tools, prompts "
                              "or resources"), mcp_end);
    }

    rule->role = role;
    rule->file = file;
    rule->line = line;
    rule->number = policy->nrules++;
    rule->deny = mcp_str_is(&word[0], "deny");

    return mcp_policy_add_rule(policy, rule, word, words, why);
}


/* The patterns of every role and kind, gathered and indexed. */

static int
mcp_policy_index(mcp_policy_t *policy)
{
    uint32_t                      i, n, from, role;
    mcp_policy_kind_e             kind;
    const mcp_policy_pattern_t  **list, *p;

    list = mcp_alloc(policy->arena, ((size_t) policy->npatterns + 1)
                                    * sizeof(mcp_policy_pattern_t *));
    if (list == NULL) {
        return MCP_NOMEM;
    }

    for (kind = MCP_POLICY_TOOLS; kind < MCP_POLICY_KINDS; kind++) {

        n = 0;

        for (i = 0; i < policy->npatterns; i++) {
            if (policy->pattern[i]->rule->kind == kind) {
                list[n++] = policy->pattern[i];
            }
        }

        if (mcp_index_build(&policy->all[kind], policy->arena, list, n)
            != MCP_OK)
        {
            return MCP_NOMEM;
        }

        /* a role is one block: its patterns follow each other */

        for (from = 0; from < n; from = i) {

            role = list[from]->rule->role;

            for (i = from; i < n; i++) {
                p = list[i];

                if (p->rule->role != role) {
                    break;
                }
            }

            if (mcp_index_build(&policy->role[role]->index[kind],
                                policy->arena, &list[from], i - from)
                != MCP_OK)
            {
                return MCP_NOMEM;
            }
        }
    }

    return MCP_OK;
}


int
mcp_policy_complete(mcp_policy_t *policy, mcp_str_t *why)
{
    int  rc;

    rc = mcp_policy_inherit(policy, why);

    return rc == MCP_OK ? mcp_policy_index(policy) : rc;
}
