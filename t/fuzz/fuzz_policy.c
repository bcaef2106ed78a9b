
/*
 * Rules of two roles, a byte 0, a backend, a byte 0, a name, a byte 0,
 * arguments.  What the index finds is compared with trying every pattern; a
 * pattern with trying every way to match.
 */


#include <stdlib.h>

#include "policy.h"


#define WORDS  64
#define SHORT  20

#define check(what)  do { if (!(what)) { abort(); } } while (0)


/* One part of the input, up to a byte 0. */

static mcp_str_t
part(const unsigned char **p, const unsigned char *end)
{
    mcp_str_t             s;
    const unsigned char  *zero;

    zero = *p < end ? memchr(*p, '\0', (size_t) (end - *p)) : NULL;
    s.data = (unsigned char *) *p;
    s.len = (size_t) ((zero ? zero : end) - *p);
    *p = zero ? zero + 1 : end;

    return s;
}


static int
try(const unsigned char *g, const unsigned char *gend, const unsigned char *p,
    const unsigned char *end)
{
    if (g == gend) {
        return p == end;
    }

    if (*g == '*') {
        return try(g + 1, gend, p, end)
               || (p < end && try(g, gend, p + 1, end));
    }

    return p < end && *g == *p && try(g + 1, gend, p + 1, end);
}


static void
check_glob(const mcp_glob_t *g, const mcp_str_t *s)
{
    if (g->text.len <= SHORT && s->len <= SHORT) {
        check(mcp_glob_match(g, s->data, s->len)
              == try(g->text.data, g->text.data + g->text.len, s->data,
                     s->data + s->len));
    }
}


/* Lines of words; a line "." begins the second role. */

static int
rules(mcp_policy_t *policy, mcp_str_t text)
{
    unsigned        n;
    uint32_t        role;
    mcp_str_t       why, name, word[WORDS];
    unsigned char  *p, *end, *eol;

    mcp_str_set(&name, "a");
    check(mcp_policy_add_role(policy, &name, "f", 1, &role, &why) == MCP_OK);

    p = text.data;
    end = p + text.len;

    while (p < end) {
        eol = memchr(p, '\n', (size_t) (end - p));
        eol = eol ? eol : end;

        for (n = 0; p < eol; p++) {

            if (*p == ' ') {
                continue;
            }

            if (n == WORDS) {
                return 0;
            }

            word[n].data = p;
            while (p < eol && *p != ' ') {
                p++;
            }

            word[n].len = (size_t) (p - word[n].data);
            n++;
        }

        p = eol + 1;

        if (n == 0) {
            continue;
        }

        if (n == 1 && mcp_str_is(&word[0], ".")) {
            mcp_str_set(&name, "b");

            if (mcp_policy_add_role(policy, &name, "f", 1, &role, &why)
                != MCP_OK)
            {
                return 0;
            }

            continue;
        }

        if (mcp_policy_directive(policy, role, word, n, "f", 1, &why)
            != MCP_OK)
        {
            check(why.len != 0);
            return 0;
        }
    }

    return mcp_policy_complete(policy, &why) == MCP_OK;
}


static void
check_judge(const mcp_roles_t *roles, mcp_policy_kind_e kind,
    const mcp_str_t *backend, const mcp_str_t *name)
{
    unsigned                     i, k;
    mcp_verdict_t                v, slow;
    const mcp_rule_t           **at;
    const mcp_policy_pattern_t  *p;

    memset(&slow, 0, sizeof(slow));

    for (i = 0; i < mcp_policy_patterns(roles->policy); i++) {
        p = mcp_policy_pattern(roles->policy, i);
        check_glob(&p->pattern.backend, backend);
        check_glob(&p->pattern.name, name);

        for (k = 0; k < roles->n && roles->role[k] != p->rule->role; k++) {
            /* void */
        }

        if (k == roles->n || p->rule->kind != kind
            || !mcp_pattern_match(&p->pattern, backend, name))
        {
            continue;
        }

        at = p->rule->deny ? (p->rule->nwhere ? &slow.deny_if : &slow.deny)
                           : (p->rule->nwhere ? &slow.allow_if : &slow.allow);
        *at = *at ? *at : p->rule;
    }

    mcp_policy_judge(roles, kind, backend, name, &v);
    check(memcmp(&v, &slow, sizeof(v)) == 0);
}


static void
check_fold(mcp_arena_t *arena, const mcp_str_t *uri)
{
    mcp_buf_t  b;

    if (uri->len > 4096) {
        return;
    }

    mcp_buf_init(&b, arena, uri->len + MCP_URI_FOLD);
    b.max = uri->len + MCP_URI_FOLD;
    mcp_uri_fold(&b, uri);

    check(!b.failed && b.len <= uri->len + 2);
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                   rc;
    uint32_t              role[2] = { 0, 1 };
    mcp_str_t             text, backend, name, arguments, why;
    mcp_arena_t          *arena;
    mcp_roles_t           roles;
    mcp_policy_t         *policy;
    mcp_json_tape_t       tape;
    const mcp_rule_t     *rule;
    const unsigned char  *p;

    p = data;
    text = part(&p, data + size);
    backend = part(&p, data + size);
    name = part(&p, data + size);
    arguments = part(&p, data + size);

    arena = mcp_arena_create();
    check(arena != NULL);

    check_fold(arena, &name);

    policy = mcp_policy_create(arena);
    check(policy != NULL);

    if (!rules(policy, text)) {
        goto done;
    }

    check(mcp_policy_roles(policy, arena, arena, role,
                           mcp_policy_nroles(policy), &roles) == MCP_OK);

    check_judge(&roles, MCP_POLICY_TOOLS, &backend, &name);
    check_judge(&roles, MCP_POLICY_RESOURCES, &backend, &name);
    (void) mcp_policy_uri(&roles, &backend, &name);

    if (mcp_json_tape(&tape, arena, arguments.data, arguments.len, 16)
        != MCP_OK)
    {
        goto done;
    }

    rc = mcp_policy_arguments(&roles, MCP_POLICY_TOOLS, &backend, &name, &tape,
                              mcp_json_first(&tape, 0) ? 2 : 0, arena, &why,
                              &rule);
    check(rc == MCP_OK || rc == MCP_ERROR);
    check(rc == MCP_ERROR || rule != NULL);

done:

    mcp_arena_destroy(arena);

    return 0;
}
