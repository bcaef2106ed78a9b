
/*
 * What a decision of policy costs, by the number of rules: a caller of two
 * roles, one of which has half of all rules, before a catalog of 1,000 tools.
 *
 *   call       names of roles to roles, and one tool looked up for them
 *   by rule    a resource that no list has, judged by the rules themselves
 *   try all    the same by trying one pattern after the other
 *   part       what the roles see of the whole catalog, once for each change
 */


#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "catalog.h"


#define TOOLS  1000


typedef struct {
    mcp_arena_t        *arena;
    mcp_policy_t       *policy;
    mcp_source_t        source;
    mcp_view_t          view;
    mcp_view_t          part;
    mcp_roles_t         roles;
    char                name[64];
    size_t              len;
} bench_t;


typedef void (*bench_run_pt)(bench_t *b);


static volatile uintptr_t  sink;


static void
must(int ok)
{
    if (!ok) {
        fprintf(stderr, "bench_policy: failed\n");
        exit(1);
    }
}


static mcp_str_t
text(bench_t *b, const char *format, unsigned n)
{
    int        len;
    char       s[256];
    mcp_str_t  out;

    len = snprintf(s, sizeof(s), format, n, n);
    must(len > 0 && len < (int) sizeof(s));

    out.len = (size_t) len;
    out.data = mcp_memdup(b->arena, s, out.len);
    must(out.data != NULL);

    return out;
}


/* Literals, prefixes, suffixes, any backend; one in ten denies. */

static void
make_rules(bench_t *b, unsigned rules)
{
    unsigned   i;
    uint32_t   role;
    mcp_str_t  word[3], why, name;

    static const char *const  forms[] = {
        "one/tool_%u", "one/tool_%u*", "one/*_%u", "*/tool_%u_*",
        "two/tool_%u", "one/file:///dir%u/*", "*/*_%u_x"
    };

    b->policy = mcp_policy_create(b->arena);
    must(b->policy != NULL);

    for (i = 0; i < rules; i++) {

        if (i == 0 || i == rules / 2) {
            name = text(b, "role%u", i ? 1 : 0);
            must(mcp_policy_add_role(b->policy, &name, "f", 1, &role, &why)
                 == MCP_OK);
        }

        word[0] = text(b, i % 10 == 9 ? "deny" : "allow", 0);
        word[1] = text(b, i % 7 == 5 ? "resources" : "tools", 0);
        word[2] = text(b, forms[i % 7], i);
        must(mcp_policy_directive(b->policy, role, word, 3, "f", 1, &why)
             == MCP_OK);
    }

    must(mcp_policy_complete(b->policy, &why) == MCP_OK);
}


static void
make_view(bench_t *b)
{
    unsigned           i;
    mcp_buf_t          list;
    mcp_str_t          item;
    mcp_view_source_t  vs;

    mcp_buf_init(&list, b->arena, 65536);
    mcp_buf_literal(&list, "[");

    for (i = 0; i < TOOLS; i++) {
        item = text(b, "{\"name\":\"tool_%u\",\"inputSchema\":"
                    "{\"type\":\"object\"}}", i);
        mcp_buf_append(&list, ",", i != 0);
        mcp_buf_str(&list, &item);
    }

    mcp_buf_literal(&list, "]");

    memset(&b->source, 0, sizeof(mcp_source_t));
    b->source.name = text(b, "one", 0);
    b->source.state = MCP_SOURCE_UP;
    b->source.list[MCP_TOOLS].data = list.data;
    b->source.list[MCP_TOOLS].len = list.len;

    memset(&vs, 0, sizeof(mcp_view_source_t));
    vs.source = &b->source;
    must(mcp_view_build(&b->view, b->arena, b->arena, &vs, 1, NULL, NULL)
         == MCP_OK);
}


static void
make(bench_t *b, unsigned rules)
{
    uint32_t  role[2] = { 0, 1 };

    b->arena = mcp_arena_create();
    must(b->arena != NULL);

    make_rules(b, rules);
    make_view(b);

    must(mcp_policy_roles(b->policy, b->arena, b->arena, role, 2, &b->roles)
         == MCP_OK);
    must(mcp_view_restrict(&b->part, &b->view, b->arena, &b->roles)
         == MCP_OK);

    b->len = (size_t) snprintf(b->name, sizeof(b->name), "tool_7");
}


static void
run_call(bench_t *b)
{
    uint32_t  one, two;

    (void) mcp_policy_find(b->policy, (unsigned char *) "role0", 5, &one);
    (void) mcp_policy_find(b->policy, (unsigned char *) "role1", 5, &two);

    sink = (uintptr_t) mcp_view_find(&b->part, MCP_TOOLS,
                                     (unsigned char *) b->name, b->len)
           + one + two;
}


static const mcp_str_t  backend = mcp_string("one");
static const mcp_str_t  uri = mcp_string("file:///dir5/sub/report_12.txt");


static void
run_rule(bench_t *b)
{
    sink = (uintptr_t) mcp_policy_uri(&b->roles, &backend, &uri);
}


static void
run_all(bench_t *b)
{
    unsigned                     i, n;
    const mcp_policy_pattern_t  *p;

    for (i = 0, n = 0; i < mcp_policy_patterns(b->policy); i++) {
        p = mcp_policy_pattern(b->policy, i);
        n += (p->rule->kind == MCP_POLICY_RESOURCES
              && mcp_pattern_match(&p->pattern, &backend, &uri));
    }

    sink = n;
}


static void
run_part(bench_t *b)
{
    mcp_view_t    part;
    mcp_arena_t  *arena;

    arena = mcp_arena_create();
    must(arena != NULL);
    must(mcp_view_restrict(&part, &b->view, arena, &b->roles) == MCP_OK);
    mcp_arena_destroy(arena);
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


/* ns of one run, the best of several rounds of that length. */

static double
measure(bench_run_pt run, bench_t *b, double each)
{
    double    start, spent, best;
    unsigned  i, round, n;

    for (n = 1; ; n *= 2) {
        start = now();

        for (i = 0; i < n; i++) {
            run(b);
        }

        if (now() - start > each / 4) {
            break;
        }
    }

    best = 0;

    for (round = 0; round < 5; round++) {
        start = now();

        for (i = 0; i < n; i++) {
            run(b);
        }

        spent = (now() - start) / n;

        if (round == 0 || spent < best) {
            best = spent;
        }
    }

    return best;
}


int
main(int argc, char **argv)
{
    double    each;
    bench_t   b;
    unsigned  i;

    static const unsigned  rules[] = { 10, 100, 1000, 10000 };

    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);

    each = (argc > 1 ? atof(argv[1]) : 100) * 1e6;

    printf("%8s %10s %10s %10s %10s\n", "rules", "call ns", "by rule ns",
           "try all ns", "part us");

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        make(&b, rules[i]);

        printf("%8u %10.0f %10.0f %10.0f %10.0f\n", rules[i],
               measure(run_call, &b, each), measure(run_rule, &b, each),
               measure(run_all, &b, each),
               measure(run_part, &b, each) / 1e3);
        fflush(stdout);

        mcp_arena_destroy(b.arena);
    }

    return 0;
}
