
/* mcp_policy_test: what an operator expects of roles, and whether it is so. */


#include "policy_roles.h"


typedef struct {
    const mcp_policy_t  *policy;
    mcp_arena_t         *arena;
    mcp_str_t           *why;

    mcp_roles_t          roles;
    const mcp_str_t     *names;      /* of the roles, as written */
    int                  can;        /* what is expected */
    mcp_policy_kind_e    kind;
    const mcp_str_t     *text;       /* backend/name */
    mcp_pattern_t        name;
    int                  with;       /* arguments are given */
    mcp_json_tape_t      tape;
    uint32_t             node;       /* of them */
} mcp_ptest_t;


static int
mcp_ptest_roles(mcp_ptest_t *pt)
{
    unsigned              n;
    uint32_t             *role;
    mcp_str_t             name;
    const unsigned char  *p, *end, *comma;

    p = pt->names->data;
    end = p + pt->names->len;

    role = mcp_alloc(pt->arena, (pt->names->len + 1) * sizeof(uint32_t));
    if (role == NULL) {
        return MCP_NOMEM;
    }

    for (n = 0; p <= end; p = comma + 1) {

        comma = memchr(p, ',', (size_t) (end - p));
        if (comma == NULL) {
            comma = end;
        }

        name.data = (unsigned char *) p;
        name.len = (size_t) (comma - p);

        if (mcp_policy_find(pt->policy, name.data, name.len, &role[n++])
            != MCP_OK)
        {
            return mcp_policy_why(pt->policy, pt->why,
                                  mcp_why("unknown role \""), &name,
                                  mcp_why("\": there is no mcp_role of this "
                                  "name"), mcp_end);
        }
    }

    return mcp_policy_roles(pt->policy, pt->arena, pt->arena, role, n,
                            &pt->roles);
}


/* A value: JSON text as it is, anything else as a string. */

static int
mcp_ptest_value(mcp_ptest_t *pt, const mcp_str_t *value, mcp_buf_t *b)
{
    int              rc;
    mcp_json_tape_t  tape;

    rc = mcp_json_tape(&tape, pt->arena, value->data, value->len,
                       MCP_JSON_DEPTH_MAX);
    if (rc == MCP_OK) {
        mcp_buf_str(b, value);
        return MCP_OK;
    }

    mcp_buf_json(b, value->data, value->len);

    return rc == MCP_NOMEM ? rc : MCP_OK;
}


static int
mcp_ptest_arguments(mcp_ptest_t *pt, const mcp_str_t *word, unsigned words)
{
    int                   rc;
    unsigned              i;
    mcp_buf_t             b;
    mcp_str_t             value;
    const unsigned char  *eq;

    mcp_buf_init(&b, pt->arena, 128);
    mcp_buf_literal(&b, "{\"arguments\":");

    if (words == 1 && word[0].len != 0 && word[0].data[0] == '{') {
        mcp_buf_str(&b, &word[0]);
        goto parse;
    }

    for (i = 0; i < words; i++) {

        eq = word[i].len ? memchr(word[i].data, '=', word[i].len) : NULL;

        if (eq == NULL || eq == word[i].data) {
            return mcp_policy_why(pt->policy, pt->why, mcp_why("\""), &word[i],
                                  mcp_why("\" is no argument: write it as "
                                  "NAME=VALUE, or all of them as one JSON "
                                  "object"), mcp_end);
        }

        mcp_buf_append(&b, i ? "," : "{", 1);
        mcp_buf_json(&b, word[i].data, (size_t) (eq - word[i].data));
        mcp_buf_literal(&b, ":");

        value.data = (unsigned char *) eq + 1;
        value.len = word[i].len - (size_t) (value.data - word[i].data);

        if (mcp_ptest_value(pt, &value, &b) != MCP_OK) {
            return MCP_NOMEM;
        }
    }

    mcp_buf_literal(&b, "}");

parse:

    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return MCP_NOMEM;
    }

    rc = mcp_json_tape(&pt->tape, pt->arena, b.data, b.len,
                       MCP_JSON_DEPTH_MAX);

    if (rc == MCP_ERROR) {
        value.data = (unsigned char *) pt->tape.error.text;
        value.len = strlen(pt->tape.error.text);

        return mcp_policy_why(pt->policy, pt->why, mcp_why("the arguments "
                              "behind \"with\" are wrong: "), &value, mcp_end);
    }

    pt->node = mcp_json_get(&pt->tape, 0, "arguments");

    return rc;
}


static int
mcp_ptest_read(mcp_ptest_t *pt, const mcp_str_t *word, unsigned words)
{
    int          rc;
    const char  *reason;

    if (words < 4) {
        return mcp_policy_why(pt->policy, pt->why, mcp_why("write it as "
                              "ROLE[,ROLE] can|cannot tools|prompts|resources "
                              "BACKEND/NAME [with ARGUMENT=VALUE ...]"),
                              mcp_end);
    }

    pt->names = &word[0];
    pt->can = mcp_str_is(&word[1], "can");

    if (!pt->can && !mcp_str_is(&word[1], "cannot")) {
        return mcp_policy_why(pt->policy, pt->why, mcp_why("\""), &word[1],
                              mcp_why("\" must be \"can\" or \"cannot\""),
                              mcp_end);
    }

    pt->kind = mcp_policy_kind(&word[2]);

    if (pt->kind == MCP_POLICY_KINDS) {
        return mcp_policy_why(pt->policy, pt->why, mcp_why("\""), &word[2],
                              mcp_why("\" must be \"tools\", \"prompts\" or "
                              "\"resources\""), mcp_end);
    }

    pt->text = &word[3];

    if (mcp_pattern_init(&pt->name, pt->text, &reason) != MCP_OK
        || pt->name.backend.star || pt->name.name.star)
    {
        return mcp_policy_why(pt->policy, pt->why, mcp_why("\""), &word[3],
                              mcp_why("\" must be the whole name of one item "
                              "as backend/name, without \"*\""), mcp_end);
    }

    rc = mcp_ptest_roles(pt);

    if (rc != MCP_OK || words == 4) {
        return rc;
    }

    if (!mcp_str_is(&word[4], "with") || words == 5) {
        return mcp_policy_why(pt->policy, pt->why, mcp_why("\""), &word[4],
                              mcp_why("\" is unexpected: only \"with "
                              "ARGUMENT=VALUE ...\" may follow"), mcp_end);
    }

    if (pt->kind != MCP_POLICY_TOOLS) {
        return mcp_policy_why(pt->policy, pt->why, mcp_why("only tools have "
                              "arguments that conditions are about: drop "
                              "what begins with \"with\""), mcp_end);
    }

    pt->with = 1;

    return mcp_ptest_arguments(pt, &word[5], words - 5);
}


/* It is not as expected. */

static int
mcp_ptest_fails(mcp_ptest_t *pt, int call, const mcp_rule_t *rule)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, pt->arena, 256);

    mcp_buf_literal(&b, "role \"");
    mcp_buf_str(&b, pt->names);
    mcp_buf_literal(&b, "\" ");
    mcp_buf_append(&b, "cannot", pt->can ? 6 : 3);

    if (call) {
        mcp_buf_literal(&b, " call ");

    } else {
        mcp_buf_literal(&b, " see ");
    }

    mcp_buf_str(&b, &mcp_policy_kinds[pt->kind]);
    mcp_buf_literal(&b, " ");
    mcp_buf_str(&b, pt->text);

    if (call) {
        mcp_buf_literal(&b, " with these arguments");
    }

    mcp_buf_literal(&b, ": ");

    if (call && pt->can && !rule->deny) {
        mcp_buf_literal(&b, "the conditions are not met of ");
    }

    mcp_policy_say(pt->policy, rule, &b);

    pt->why->data = b.data;
    pt->why->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_ERROR;
}


int
mcp_policy_test(const mcp_policy_t *policy, mcp_arena_t *arena,
    const mcp_str_t *word, unsigned words, mcp_str_t *why)
{
    int                rc, can;
    mcp_str_t          ignored;
    mcp_ptest_t        pt;
    mcp_verdict_t      v;
    const mcp_rule_t  *rule;

    memset(&pt, 0, sizeof(mcp_ptest_t));

    pt.policy = policy;
    pt.arena = arena;
    pt.why = why;

    rc = mcp_ptest_read(&pt, word, words);
    if (rc != MCP_OK) {
        return rc;
    }

    mcp_policy_judge(&pt.roles, pt.kind, &pt.name.backend.text,
                     &pt.name.name.text, &v);

    can = mcp_verdict_visible(&v);
    rule = v.deny ? v.deny : v.allow ? v.allow : v.allow_if;

    if (can && pt.kind == MCP_POLICY_RESOURCES
        && !mcp_policy_uri(&pt.roles, &pt.name.backend.text,
                           &pt.name.name.text))
    {
        can = 0;
        rule = NULL;
    }

    if (!can || !pt.with) {
        return can == pt.can ? MCP_OK : mcp_ptest_fails(&pt, 0, rule);
    }

    rc = mcp_policy_arguments(&pt.roles, pt.kind, &pt.name.backend.text,
                              &pt.name.name.text, &pt.tape, pt.node, arena,
                              &ignored, &rule);
    if (rc == MCP_NOMEM) {
        return rc;
    }

    can = (rc == MCP_OK);

    return can == pt.can ? MCP_OK : mcp_ptest_fails(&pt, 1, rule);
}
