
/* Roles and their rules. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "oom.h"
#include "policy.h"


static mcp_arena_t  *arena;


static int
setup(void **state)
{
    arena = mcp_arena_create();
    return arena == NULL;
}


static int
teardown(void **state)
{
    mcp_arena_destroy(arena);
    return 0;
}


static mcp_str_t
str(const char *s)
{
    mcp_str_t  out;

    out.data = (unsigned char *) s;
    out.len = strlen(s);

    return out;
}


static int
says(const mcp_str_t *why, const char *text)
{
    if (memmem(why->data, why->len, text, strlen(text)) != NULL) {
        return 1;
    }

    fail_msg("\"%.*s\" does not say \"%s\"", (int) why->len, why->data, text);

    return 0;
}


static unsigned
words(mcp_str_t *word, unsigned max, const char *text)
{
    char      *p;
    unsigned   n;

    n = 0;
    p = (char *) mcp_memdup(arena, text, strlen(text));
    assert_non_null(p);

    for (p = strtok(p, " "); p != NULL; p = strtok(NULL, " ")) {
        assert_true(n < max);
        word[n++] = str(p);
    }

    return n;
}


/*
 * Lines: "NAME:" begins a role, others are its directives.  A line's number is
 * that in the text.
 */

static int
read_policy(mcp_policy_t **policy, mcp_arena_t *a, const char *text,
    mcp_str_t *why)
{
    int          rc;
    char        *line, *end;
    unsigned     n, number;
    uint32_t     role;
    mcp_str_t    word[64], name;

    *policy = mcp_policy_create(a);
    if (*policy == NULL) {
        return MCP_NOMEM;
    }

    role = 0;
    line = (char *) mcp_memdup(arena, text, strlen(text));
    assert_non_null(line);

    for (number = 1; *line != '\0'; number++) {

        end = strchrnul(line, '\n');

        if (*end != '\0') {
            *end++ = '\0';
        }

        n = (unsigned) strlen(line);

        if (n != 0 && line[n - 1] == ':') {
            name.data = (unsigned char *) line;
            name.len = n - 1;
            rc = mcp_policy_add_role(*policy, &name, "f", number, &role, why);

        } else {
            n = words(word, 64, line);
            rc = mcp_policy_directive(*policy, role, word, n, "f", number,
                                      why);
        }

        if (rc != MCP_OK) {
            return rc;
        }

        line = end;
    }

    return mcp_policy_complete(*policy, why);
}


static mcp_policy_t *
policy_of(const char *text)
{
    mcp_str_t      why;
    mcp_policy_t  *policy;

    if (read_policy(&policy, arena, text, &why) != MCP_OK) {
        fail_msg("%.*s", (int) why.len, why.data);
    }

    return policy;
}


static void
bad(const char *text, const char *like)
{
    mcp_str_t      why;
    mcp_policy_t  *policy;

    assert_int_equal(read_policy(&policy, arena, text, &why), MCP_ERROR);
    assert_true(says(&why, like));
}


/* Roles are separated by ",". */

static mcp_roles_t
roles_of(const mcp_policy_t *policy, const char *names)
{
    char         *p;
    unsigned      n;
    uint32_t      role[64];
    mcp_roles_t   roles;

    n = 0;
    p = (char *) mcp_memdup(arena, names, strlen(names));
    assert_non_null(p);

    for (p = strtok(p, ","); p != NULL; p = strtok(NULL, ",")) {
        if (mcp_policy_find(policy, (unsigned char *) p, strlen(p), &role[n])
            == MCP_OK)
        {
            n++;
        }
    }

    assert_int_equal(mcp_policy_roles(policy, arena, arena, role, n, &roles),
                     MCP_OK);

    return roles;
}


static mcp_verdict_t
judge(const mcp_policy_t *policy, const char *names, mcp_policy_kind_e kind,
    const char *backend, const char *name)
{
    mcp_str_t      b, n;
    mcp_roles_t    roles;
    mcp_verdict_t  v;

    b = str(backend);
    n = str(name);
    roles = roles_of(policy, names);
    mcp_policy_judge(&roles, kind, &b, &n, &v);

    return v;
}


/* The line of the rule that decides; 0: no rule; negative: it hides. */

static int
line_of(const mcp_policy_t *policy, const char *names, mcp_policy_kind_e kind,
    const char *backend, const char *name)
{
    mcp_verdict_t  v;

    v = judge(policy, names, kind, backend, name);

    if (v.deny != NULL) {
        return -(int) v.deny->line;
    }

    if (!mcp_verdict_visible(&v)) {
        return 0;
    }

    return (int) (v.allow ? v.allow->line : v.allow_if->line);
}

#define tool(policy, names, backend, name)                                    \
    line_of(policy, names, MCP_POLICY_TOOLS, backend, name)


static void
test_rules(void **state)
{
    mcp_policy_t  *p;

    p = policy_of("a:\n"
                  "allow tools fs/read fs/write_* */ping\n"
                  "deny tools fs/write_x\n"
                  "allow prompts */*\n"
                  "b:\n"
                  "allow tools fs/write_x *s/q* */*_end\n"
                  "allow tools fs/read\n"
                  "c:\n"
                  "deny tools */*\n"
                  "d:");

    assert_int_equal(tool(p, "a", "fs", "read"), 2);
    assert_int_equal(tool(p, "a", "fs", "reads"), 0);
    assert_int_equal(tool(p, "a", "fs", "rea"), 0);
    assert_int_equal(tool(p, "a", "fs", ""), 0);
    assert_int_equal(tool(p, "a", "db", "read"), 0);
    assert_int_equal(tool(p, "a", "fs", "write_"), 2);
    assert_int_equal(tool(p, "a", "fs", "write_y"), 2);
    assert_int_equal(tool(p, "a", "fs", "write_x"), -3);
    assert_int_equal(tool(p, "a", "db", "ping"), 2);
    assert_int_equal(tool(p, "a", "", "ping"), 2);
    assert_int_equal(tool(p, "b", "fs", "write_x"), 6);
    assert_int_equal(tool(p, "b", "dbs", "q1"), 6);
    assert_int_equal(tool(p, "b", "db", "q1"), 0);
    assert_int_equal(tool(p, "b", "db", "the_end"), 6);
    assert_int_equal(tool(p, "b", "db", "_end"), 6);
    assert_int_equal(tool(p, "b", "db", "end"), 0);

    /* kinds are apart */

    assert_int_equal(line_of(p, "a", MCP_POLICY_PROMPTS, "x", "read"), 4);
    assert_int_equal(line_of(p, "b", MCP_POLICY_PROMPTS, "fs", "read"), 0);
    assert_int_equal(line_of(p, "a", MCP_POLICY_RESOURCES, "fs", "read"), 0);

    /* several roles: all that is allowed, but for what is denied */

    assert_int_equal(tool(p, "a,b", "fs", "write_x"), -3);
    assert_int_equal(tool(p, "b,a", "fs", "write_x"), -3);
    assert_int_equal(tool(p, "a,b", "dbs", "q1"), 6);
    assert_int_equal(tool(p, "b,a", "fs", "read"), 2);
    assert_int_equal(tool(p, "a,b,c", "fs", "read"), -9);
    assert_int_equal(tool(p, "d", "fs", "read"), 0);
    assert_int_equal(tool(p, "a,d", "fs", "read"), 2);
    assert_int_equal(tool(p, "", "fs", "read"), 0);
    assert_int_equal(tool(p, "nobody", "fs", "read"), 0);
    assert_int_equal(tool(p, "A", "fs", "read"), 0);
}


static void
test_inherit(void **state)
{
    mcp_roles_t    r;
    mcp_policy_t  *p;

    p = policy_of("a:\n"
                  "inherit b c\n"
                  "b:\n"
                  "inherit d\n"
                  "allow tools x/b\n"
                  "c:\n"
                  "inherit d\n"
                  "deny tools x/no\n"
                  "d:\n"
                  "allow tools x/d x/no\n"
                  "e:\n"
                  "inherit a a a");

    assert_int_equal(tool(p, "a", "x", "b"), 5);
    assert_int_equal(tool(p, "a", "x", "d"), 10);
    assert_int_equal(tool(p, "e", "x", "d"), 10);
    assert_int_equal(tool(p, "b", "x", "no"), 10);
    assert_int_equal(tool(p, "c", "x", "no"), -8);
    assert_int_equal(tool(p, "e", "x", "no"), -8);
    assert_int_equal(tool(p, "d", "x", "b"), 0);

    r = roles_of(p, "e,d,a,e");
    assert_int_equal(r.n, 5);
    r = roles_of(p, "d");
    assert_int_equal(r.n, 1);
    r = roles_of(p, "");
    assert_int_equal(r.n, 0);

    bad("a:\ninherit b", "unknown role \"b\" in \"inherit\" of role \"a\" in "
        "f:2");
    bad("a:\ninherit a", "role \"a\" inherits itself (a inherits a) in f:2");
    bad("a:\ninherit b\nb:\ninherit c\nc:\ninherit a",
        "role \"a\" inherits itself (a inherits b inherits c inherits a) in "
        "f:6");
    bad("a:\ninherit b\nb:\ninherit c\nc:\ninherit b",
        "role \"b\" inherits itself (b inherits c inherits b) in f:6");
}


/* A chain that would exhaust the stack of one who recurses. */

static void
test_deep(void **state)
{
    int           n;
    size_t        len;
    char         *text, *at;
    mcp_str_t     why;
    mcp_roles_t   r;
    mcp_policy_t *p;

    text = malloc(50000 * 40);
    assert_non_null(text);

    for (at = text, n = 0; n < 50000; n++) {
        len = (size_t) sprintf(at, "r%d:\ninherit r%d\n", n, n + 1);
        at += len;
    }

    len = (size_t) sprintf(at, "r%d:\nallow tools a/b", n);

    p = policy_of(text);
    assert_int_equal(tool(p, "r0", "a", "b"), 100002);
    r = roles_of(p, "r0");
    assert_int_equal(r.n, 50001);

    sprintf(at, "r%d:\ninherit r7", n);
    assert_int_equal(read_policy(&p, arena, text, &why), MCP_ERROR);
    assert_true(says(&why, "role \"r7\" inherits itself (r7 inherits r8"));
    assert_true(why.len < 2000);

    free(text);
}


static void
test_bad(void **state)
{
    bad("a:\na:", "duplicate role \"a\", the first is in f:1");
    bad(":", "invalid role name \"\"");
    bad("a,b:", "invalid role name");
    bad("a\"b:", "invalid role name");
    bad("a\x01:", "invalid role name");
    bad("a:\nfrobnicate x", "unknown directive \"frobnicate\"");
    bad("a:\ninherit", "unknown directive \"inherit\"");
    bad("a:\nallow", "\"allow\" must be followed by tools");
    bad("a:\nallow tool x/y", "\"allow\" must be followed by tools");
    bad("a:\nallow tools", "there is no pattern");
    bad("a:\nallow tools x", "invalid pattern \"x\"");
    bad("a:\nallow tools x/y where", "no condition behind");
    bad("a:\nallow prompts x/y where a = 1", "conditions are for tools");
    bad("a:\nallow tools x/y where a ~ [", "the regex \"[\" is wrong");
}


/* --- the index against trying every pattern ------------------------------ */


static uint32_t  seed;


static unsigned
dice(unsigned n)
{
    seed = seed * 1664525 + 1013904223;

    return (seed >> 8) % n;
}


static unsigned
some(char *p, unsigned max, const char *alphabet)
{
    unsigned  i, n;

    n = 1 + dice(max);

    for (i = 0; i < n; i++) {
        p[i] = alphabet[dice((unsigned) strlen(alphabet))];
    }

    p[n] = '\0';

    return n;
}


static void
check_slow(const mcp_policy_t *p, const mcp_roles_t *roles,
    mcp_policy_kind_e kind, const mcp_str_t *backend, const mcp_str_t *name)
{
    unsigned                     i, k;
    mcp_verdict_t                v, slow;
    const mcp_rule_t            *rule, **at;
    const mcp_policy_pattern_t  *pat;

    memset(&slow, 0, sizeof(slow));

    for (i = 0; i < mcp_policy_patterns(p); i++) {
        pat = mcp_policy_pattern(p, i);
        rule = pat->rule;

        for (k = 0; k < roles->n && roles->role[k] != rule->role; k++) {
            /* void */
        }

        if (rule->kind != kind || k == roles->n
            || !mcp_pattern_match(&pat->pattern, backend, name))
        {
            continue;
        }

        at = rule->deny ? (rule->nwhere ? &slow.deny_if : &slow.deny)
                        : (rule->nwhere ? &slow.allow_if : &slow.allow);

        if (*at == NULL) {
            *at = rule;
        }
    }

    mcp_policy_judge(roles, kind, backend, name, &v);
    assert_memory_equal(&v, &slow, sizeof(v));
}


static void
test_index(void **state)
{
    char          *text, *at, backend[16], name[32];
    unsigned       round, i;
    mcp_str_t      b, n;
    mcp_roles_t    roles;
    mcp_policy_t  *p;

    text = malloc(200000);
    assert_non_null(text);
    seed = 1;

    for (round = 0; round < 30; round++) {

        at = text;

        for (i = 0; i < 200; i++) {
            if (i % 50 == 0) {
                at += sprintf(at, "%sr%u:", i ? "\n" : "", i / 50);
            }

            at += sprintf(at, "\n%s %s ", dice(3) ? "allow" : "deny",
                          mcp_policy_kinds[dice(3)].data);
            at += some(at, 3, "ab*");
            *at++ = '/';
            at += some(at, 5, "ab*");
            *at = '\0';
        }

        p = policy_of(text);
        roles = roles_of(p, round % 2 ? "r0,r2" : "r3");

        for (i = 0; i < 300; i++) {
            some(backend, 3, "ab");
            some(name, 7, "ab");
            b = str(backend);
            n = str(name);
            check_slow(p, &roles, i % 3, &b, &n);
        }
    }

    free(text);
}


/* --- URIs ---------------------------------------------------------------- */


static void
folds(const char *uri, const char *want)
{
    mcp_buf_t  b;
    mcp_str_t  u;

    u = str(uri);
    mcp_buf_init(&b, arena, 16);
    mcp_uri_fold(&b, &u);

    assert_false(b.failed);
    assert_true(b.len <= u.len + 2);

    if (b.len != strlen(want) || memcmp(b.data, want, b.len) != 0) {
        fail_msg("%s is %.*s, not %s", uri, (int) b.len, b.data, want);
    }

    /* it changes nothing more */

    u.data = b.data;
    u.len = b.len;
    mcp_buf_init(&b, arena, 16);
    mcp_uri_fold(&b, &u);

    if (b.len != u.len || memcmp(b.data, u.data, b.len) != 0) {
        fail_msg("%s is %.*s, and then %.*s", uri, (int) u.len, u.data,
                 (int) b.len, b.data);
    }
}


static void
test_fold(void **state)
{
    static const char  *same[] = {
        "", "x", "x:", "x:y", "file:///", "file:///a", "file:///a/",
        "file:///a/b?x=/../%20", "http://h/a%20b%C3%A9", "http://h",
        "urn:x:y", "a/b", "/a", "db://t", "x:a/b", "file:///a/...", "x:%",
        "x:%2", "x:%zz", "file:///.a/..b/c..", "mailto:a@b"
    };

    size_t  i;

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        folds(same[i], same[i]);
    }

    folds("FILE:///A", "file:///A");
    folds("HTTP://EXAMPLE.com/A", "http://example.com/A");
    folds("file:///a/../b", "file:///b");
    folds("file:///a/..", "file:///");
    folds("file:///a/.", "file:///a/");
    folds("file:///a/./b", "file:///a/b");
    folds("file:///../../b", "file:///b");
    folds("file:///a//b///c", "file:///a/b/c");
    folds("file:////a", "file:///a");
    folds("file:///a\\..\\b", "file:///b");
    folds("file:///%61", "file:///a");
    folds("file:///%2e%2E/x", "file:///x");
    folds("file:///p/..%2fs", "file:///s");
    folds("file:///p/..%5cs", "file:///s");
    folds("file:///p/%252e%252e/s", "file:///s");
    folds("file:///p/%25252e%25252e/s", "file:///s");
    folds("file:///a%2520b", "file:///a%20b");
    folds("file:///a?b/../c", "file:///a?b/../c");
    folds("file:///a?%62", "file:///a?b");
    folds("file:/a", "file:///a");
    folds("file://localhost/a", "file:///a");
    folds("FILE://LOCALHOST/a", "file:///a");
    folds("file://other/a", "file://other/a");
    folds("%66ile:///a", "file:///a");
    folds("file:\\a", "file:///a");
    folds("x:a/../b", "x:b");
    folds("x:../b", "x:b");
    folds("../b", "b");
}


static int
uri(const mcp_policy_t *p, const char *names, const char *text)
{
    mcp_str_t    b, u;
    mcp_roles_t  roles;

    b = str("fs");
    u = str(text);
    roles = roles_of(p, names);

    return mcp_policy_uri(&roles, &b, &u);
}


static void
test_uri(void **state)
{
    char          *text;
    mcp_policy_t  *p;

    p = policy_of("a:\n"
                  "allow resources fs/file:///p/*\n"
                  "b:\n"
                  "allow resources fs/*\n"
                  "deny resources fs/file:///s/*");

    assert_true(uri(p, "a", "file:///p/x"));
    assert_true(uri(p, "a", "file:///p/x/../y"));
    assert_false(uri(p, "a", "file:///p/../s/x"));
    assert_false(uri(p, "a", "file:///%70/x"));
    assert_false(uri(p, "a", "file:/p/x"));
    assert_true(uri(p, "b", "file:///p/x"));
    assert_true(uri(p, "b", "file:///s"));
    assert_false(uri(p, "b", "file:///s/x"));
    assert_false(uri(p, "b", "file:///%73/x"));
    assert_false(uri(p, "b", "file:////s/x"));
    assert_false(uri(p, "b", "file:/s/x"));
    assert_false(uri(p, "b", "File:///s/x"));
    assert_false(uri(p, "b", "file://localhost/s/x"));
    assert_false(uri(p, "b", "file:///p/%%32e%%32e/s/x"));
    assert_true(uri(p, "b", "x:%%%33%32e"));
    assert_false(uri(p, "b", "x:%%%%33%33%%33%32e"));
    assert_true(uri(p, "b", ""));

    text = malloc(5000);
    assert_non_null(text);
    memset(text, 'x', 5000);
    memcpy(text, "file:/", 6);

    text[4096] = '\0';
    assert_true(uri(p, "b", text));
    text[4096] = 'x';
    text[4097] = '\0';
    assert_false(uri(p, "b", text));

    free(text);
}


/* --- arguments ----------------------------------------------------------- */


/* The line of the rule that decides; negative: it refuses. */

static int
call(const mcp_policy_t *p, const char *names, const char *json)
{
    int                rc;
    mcp_buf_t          text;
    mcp_str_t          b, n, why;
    mcp_roles_t        roles;
    mcp_json_tape_t    tape;
    const mcp_rule_t  *rule;

    b = str("x");
    n = str("t");
    roles = roles_of(p, names);

    mcp_buf_init(&text, arena, 64);
    mcp_buf_literal(&text, "{\"a\":");
    mcp_buf_append(&text, json, strlen(json));
    mcp_buf_literal(&text, "}");

    assert_int_equal(mcp_json_tape(&tape, arena, text.data, text.len, 64),
                     MCP_OK);

    rc = mcp_policy_arguments(&roles, MCP_POLICY_TOOLS, &b, &n, &tape,
                              mcp_json_get(&tape, 0, "a"), arena, &why,
                              &rule);

    if (rc == MCP_OK) {
        return (int) rule->line;
    }

    assert_int_equal(rc, MCP_ERROR);
    assert_true(says(&why, "your roles do not allow this call"));

    /* what would be allowed is nobody's business */

    assert_null(memmem(why.data, why.len, "secret", 6));

    return rule ? -(int) rule->line : 0;
}


static void
test_arguments(void **state)
{
    mcp_verdict_t  v;
    mcp_policy_t  *p;

    p = policy_of("a:\n"
                  "allow tools x/t where p = secret1\n"
                  "allow tools x/* where p = secret2 and q = 1\n"
                  "b:\n"
                  "allow tools x/t\n"
                  "deny tools */t where p ~ ^secret\n"
                  "c:\n"
                  "deny tools x/t where n absent");

    v = judge(p, "a", MCP_POLICY_TOOLS, "x", "t");
    assert_true(mcp_verdict_visible(&v) && mcp_verdict_conditional(&v));
    v = judge(p, "b", MCP_POLICY_TOOLS, "x", "t");
    assert_true(mcp_verdict_visible(&v) && mcp_verdict_conditional(&v));
    v = judge(p, "c", MCP_POLICY_TOOLS, "x", "t");
    assert_false(mcp_verdict_visible(&v));

    assert_int_equal(call(p, "a", "{\"p\":\"secret1\"}"), 2);
    assert_int_equal(call(p, "a", "{\"p\":\"secret2\",\"q\":1}"), 3);
    assert_int_equal(call(p, "a", "{\"p\":\"secret2\"}"), -2);
    assert_int_equal(call(p, "a", "{}"), -2);
    assert_int_equal(call(p, "a", "{\"p\":[\"secret1\"]}"), -2);
    assert_int_equal(call(p, "a", "5"), -2);

    assert_int_equal(call(p, "b", "{\"p\":\"x\"}"), 5);
    assert_int_equal(call(p, "b", "{}"), 5);
    assert_int_equal(call(p, "b", "{\"p\":\"secret\"}"), -6);

    /* what a deny cannot tell is denied */

    assert_int_equal(call(p, "b", "{\"p\":[\"secret\"]}"), -6);
    assert_int_equal(call(p, "b", "{\"p\":\"x\",\"P\":\"secret\"}"), -6);
    assert_int_equal(call(p, "b", "{\"p\":null}"), -6);

    assert_int_equal(call(p, "a,b", "{\"p\":\"secret1\"}"), -6);
    assert_int_equal(call(p, "a,b", "{\"p\":\"x\"}"), 5);
    assert_int_equal(call(p, "c,b", "{\"p\":\"x\"}"), -8);
    assert_int_equal(call(p, "c,b", "{\"p\":\"x\",\"n\":0}"), 5);
    assert_int_equal(call(p, "c", "{\"n\":0}"), 0);
}


static void
test_why(void **state)
{
    mcp_str_t          b, n, why;
    mcp_roles_t        roles;
    mcp_policy_t      *p;
    mcp_json_tape_t    tape;
    const mcp_rule_t  *rule;

    b = str("x");
    n = str("t");

    p = policy_of("a:\n"
                  "allow tools x/t where q = 1 and o.path ~ ^secret\n"
                  "b:\n"
                  "inherit a\n"
                  "deny tools x/t where mode = secret");

    assert_int_equal(mcp_json_tape(&tape, arena, (unsigned char *)
                     "{\"a\":{\"q\":1,\"mode\":\"secret\"}}", 29, 64),
                     MCP_OK);

    roles = roles_of(p, "a");
    assert_int_equal(mcp_policy_arguments(&roles, MCP_POLICY_TOOLS, &b, &n,
                     &tape, mcp_json_get(&tape, 0, "a"), arena, &why, &rule),
                     MCP_ERROR);
    assert_true(says(&why, "the argument \"o.path\" is missing or has"));

    roles = roles_of(p, "b");
    assert_int_equal(mcp_policy_arguments(&roles, MCP_POLICY_TOOLS, &b, &n,
                     &tape, mcp_json_get(&tape, 0, "a"), arena, &why, &rule),
                     MCP_ERROR);
    assert_true(says(&why, "with this value of the argument \"mode\""));

    /* a call without arguments */

    roles = roles_of(p, "a");
    assert_int_equal(mcp_policy_arguments(&roles, MCP_POLICY_TOOLS, &b, &n,
                     &tape, 0, arena, &why, &rule), MCP_ERROR);
    assert_true(says(&why, "the argument \"q\""));
}


/* --- memory -------------------------------------------------------------- */


static int
oom_policy(mcp_arena_t *a)
{
    int            rc;
    unsigned       n;
    uint32_t       role;
    mcp_str_t      why, word[16];
    mcp_roles_t    roles;
    mcp_policy_t  *p;

    rc = read_policy(&p, a, "a:\ninherit b\nallow tools x/y* where p ~ ^x "
                     "and q = 1\nb:\nallow resources */a *b/c */*d", &why);
    if (rc != MCP_OK) {
        return rc;
    }

    role = 0;
    rc = mcp_policy_roles(p, a, a, &role, 1, &roles);
    if (rc != MCP_OK) {
        return rc;
    }

    n = words(word, 16, "a cannot tools x/yz with p=x q=2");
    rc = mcp_policy_test(p, a, word, n, &why);

    if (rc == MCP_OK) {
        n = words(word, 16, "a can tools x/yz with p=x q=2");
        rc = mcp_policy_test(p, a, word, n, &why);
        rc = (rc == MCP_ERROR) ? MCP_OK : rc;
    }

    return rc;
}


static void
test_oom(void **state)
{
    int          rc;
    unsigned     i;
    oom_arena_t  oom;

    for (i = 0; i < 500; i++) {
        oom_init(&oom, arena, i);
        rc = oom_policy(&oom.arena);

        if (rc == MCP_OK) {
            break;
        }

        assert_int_equal(rc, MCP_NOMEM);
    }

    assert_in_range(i, 30, 499);
}


static void
test_mark(void **state)
{
    mcp_str_t      b, n;
    mcp_policy_t  *p;
    unsigned char  seen[8];

    memset(seen, 0, sizeof(seen));

    p = policy_of("a:\nallow tools x/y x/z\ndeny tools */y\nb:\n"
                  "allow tools x/* x/zz\nallow prompts x/y");
    assert_int_equal(mcp_policy_patterns(p), 6);

    b = str("x");
    n = str("y");
    mcp_policy_mark(p, MCP_POLICY_TOOLS, &b, &n, seen);
    assert_memory_equal(seen, "\1\0\1\1\0\0\0\0", 8);
    assert_int_equal(mcp_policy_pattern(p, 2)->rule->line, 3);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inherit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uri, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_why, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oom, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mark, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
