
/* What roles inherit, and what a caller's roles decide. */


#include "policy_roles.h"

#include <stdio.h>


typedef struct {
    uint32_t                     role;
    const mcp_inherit_t         *next;       /* to go into */
} mcp_policy_step_t;


static int
mcp_policy_unknown(const mcp_policy_t *policy, uint32_t role,
    const mcp_inherit_t *in, mcp_str_t *why)
{
    char       text[32];
    mcp_str_t  file, line;

    (void) snprintf(text, sizeof(text), ":%u", in->line);
    line.data = (unsigned char *) text;
    line.len = strlen(text);
    file.data = (unsigned char *) in->file;
    file.len = strlen(in->file);

    return mcp_policy_why(policy, why, mcp_why("unknown role \""), &in->name,
                          mcp_why("\" in \"inherit\" of role \""),
                          &policy->role[role]->name, mcp_why("\" in "), &file,
                          &line, mcp_why(": there is no mcp_role of this "
                          "name"), mcp_end);
}


/* From where it is met first to where it is met again. */

static int
mcp_policy_cycle(const mcp_policy_t *policy, const mcp_policy_step_t *step,
    unsigned n, uint32_t role, const mcp_inherit_t *in, mcp_str_t *why)
{
    char       text[32];
    unsigned   i;
    mcp_buf_t  b;

    for (i = n; step[i - 1].role != role; i--) { /* void */ }

    mcp_buf_init(&b, policy->arena, 128);
    mcp_buf_literal(&b, "role \"");
    mcp_buf_str(&b, &policy->role[role]->name);
    mcp_buf_literal(&b, "\" inherits itself (");

    for (i--; i < n; i++) {
        mcp_buf_str(&b, &policy->role[step[i].role]->name);
        mcp_buf_literal(&b, " inherits ");

        if (b.len > 1024) {
            mcp_buf_literal(&b, "... inherits ");
            break;
        }
    }

    mcp_buf_str(&b, &policy->role[role]->name);
    mcp_buf_literal(&b, ") in ");
    mcp_buf_append(&b, in->file, strlen(in->file));

    (void) snprintf(text, sizeof(text), ":%u", in->line);
    mcp_buf_append(&b, text, strlen(text));

    why->data = b.data;
    why->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_ERROR;
}


/* Goes into everything that is inherited, each role once. */

static int
mcp_policy_cycles(const mcp_policy_t *policy, mcp_str_t *why)
{
    unsigned              n;
    uint32_t              i;
    unsigned char        *state;             /* 1: under way, 2: seen */
    mcp_policy_step_t    *step;
    const mcp_inherit_t  *in;

    state = mcp_calloc(policy->arena, (size_t) policy->nroles + 1);
    step = mcp_alloc(policy->arena, ((size_t) policy->nroles + 1)
                                    * sizeof(mcp_policy_step_t));

    if (state == NULL || step == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < policy->nroles; i++) {

        if (state[i] != 0) {
            continue;
        }

        state[i] = 1;
        step[0].role = i;
        step[0].next = policy->role[i]->inherit;

        for (n = 1; n != 0; /* void */ ) {

            in = step[n - 1].next;

            if (in == NULL) {
                state[step[--n].role] = 2;
                continue;
            }

            step[n - 1].next = in->next;

            if (state[in->role] == 1) {
                return mcp_policy_cycle(policy, step, n, in->role, in, why);
            }

            if (state[in->role] == 0) {
                state[in->role] = 1;
                step[n].role = in->role;
                step[n++].next = policy->role[in->role]->inherit;
            }
        }
    }

    return MCP_OK;
}


int
mcp_policy_inherit(mcp_policy_t *policy, mcp_str_t *why)
{
    uint32_t        i;
    mcp_inherit_t  *in;

    for (i = 0; i < policy->nroles; i++) {

        for (in = policy->role[i]->inherit; in != NULL; in = in->next) {

            if (mcp_policy_find(policy, in->name.data, in->name.len,
                                &in->role)
                != MCP_OK)
            {
                return mcp_policy_unknown(policy, i, in, why);
            }
        }
    }

    return mcp_policy_cycles(policy, why);
}


int
mcp_policy_roles(const mcp_policy_t *policy, mcp_arena_t *arena,
    mcp_arena_t *scratch, const uint32_t *role, unsigned n, mcp_roles_t *roles)
{
    unsigned              i, at;
    uint32_t             *list;
    unsigned char        *seen;
    const mcp_inherit_t  *in;

    roles->policy = policy;
    roles->role = NULL;
    roles->n = 0;

    if (n == 0) {
        return MCP_OK;
    }

    seen = mcp_calloc(scratch, policy->nroles);
    list = mcp_alloc(scratch, policy->nroles * sizeof(uint32_t));

    if (seen == NULL || list == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < n; i++) {
        if (!seen[role[i]]) {
            seen[role[i]] = 1;
            list[roles->n++] = role[i];
        }
    }

    for (at = 0; at < roles->n; at++) {

        in = policy->role[list[at]]->inherit;

        for ( /* void */ ; in != NULL; in = in->next) {
            if (!seen[in->role]) {
                seen[in->role] = 1;
                list[roles->n++] = in->role;
            }
        }
    }

    roles->role = (uint32_t *) mcp_memdup(arena, list,
                                          roles->n * sizeof(uint32_t));

    return roles->role ? MCP_OK : MCP_NOMEM;
}


const mcp_str_t *
mcp_policy_role_name(const mcp_policy_t *policy, uint32_t role)
{
    return &policy->role[role]->name;
}


unsigned
mcp_policy_nroles(const mcp_policy_t *policy)
{
    return policy->nroles;
}
