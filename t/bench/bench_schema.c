
/*
 * What checking arguments costs: ns for a call of a usual kind, what its
 * schema costs to compile and keep, and how long a check can be made to last.
 *
 *     bench_schema [milliseconds for each figure, 100 unless told]
 */


#include "schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>


#define BENCH_ROUNDS  20


typedef struct {
    const char           *name;
    const char           *schema;
    const char           *value;
    const char           *unit;      /* repeated in the value, for each % */
    unsigned              times;
} bench_case_t;


static const bench_case_t  cases[] = {

    { "two strings",
      "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"},"
      "\"content\":{\"type\":\"string\"}},\"required\":[\"path\",\"content\"],"
      "\"additionalProperties\":false}",
      "{\"path\":\"/var/tmp/notes.txt\",\"content\":\"plain words\"}",
      "", 0 },

    { "a search",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\","
      "\"minLength\":1,\"maxLength\":400},\"limit\":{\"type\":\"integer\","
      "\"minimum\":1,\"maximum\":100},\"sort\":{\"enum\":[\"asc\",\"desc\"]},"
      "\"exact\":{\"type\":\"boolean\"},\"language\":{\"anyOf\":[{\"type\":"
      "\"string\"},{\"type\":\"null\"}]},\"tags\":{\"type\":\"array\","
      "\"items\":{\"type\":\"string\"},\"maxItems\":10}},"
      "\"required\":[\"query\"],\"additionalProperties\":false}",
      "{\"query\":\"how to rotate logs\",\"limit\":20,\"sort\":\"desc\","
      "\"exact\":false,\"language\":null,\"tags\":[\"nginx\",\"logs\"]}",
      "", 0 },

    { "... with a pattern",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"},"
      "\"repo\":{\"type\":\"string\","
      "\"pattern\":\"^[a-z0-9-]+/[a-z0-9._-]+$\"}},"
      "\"required\":[\"query\",\"repo\"]}",
      "{\"query\":\"how to rotate logs\",\"repo\":\"some-owner/some.thing\"}",
      "", 0 },

    { "500 records",
      "{\"type\":\"object\",\"properties\":{\"rows\":{\"type\":\"array\","
      "\"items\":{\"$ref\":\"#/$defs/row\"}}},\"$defs\":{\"row\":{\"type\":"
      "\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},\"name\":"
      "{\"type\":\"string\"},\"price\":{\"type\":\"number\",\"minimum\":0}},"
      "\"required\":[\"id\",\"name\"]}}}",
      "{\"rows\":[%{\"id\":1,\"name\":\"\"}]}",
      "{\"id\":12345,\"name\":\"some thing\",\"price\":12.50},", 500 },

    { "hostile: a pattern that does not end",
      "{\"properties\":{\"x\":{\"pattern\":\"^(a+)+$\"}}}",
      "{\"x\":\"%b\"}", "a", 60 },

    { "hostile: a pattern, tried everywhere",
      "{\"properties\":{\"x\":{\"pattern\":\"a*a*a*a*b\"}}}",
      "{\"x\":\"%cb\"}", "a", 20000 },

    { "hostile: with a backreference",
      "{\"properties\":{\"x\":{\"pattern\":\"(a*)*\\\\1\\\\1b\"}}}",
      "{\"x\":\"%cb\"}", "a", 20000 },

    { "hostile: alternatives of alternatives",
      "{\"$defs\":{\"t\":{\"anyOf\":[{\"minItems\":1,\"items\":{\"$ref\":"
      "\"#/$defs/t\"}},{\"items\":{\"$ref\":\"#/$defs/t\"},\"minItems\":1}]}"
      "},\"properties\":{\"x\":{\"$ref\":\"#/$defs/t\"}}}",
      "{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
      "", 0 },

    { "hostile: numbers of 20,000 digits",
      "{\"properties\":{\"x\":{\"items\":{\"multipleOf\":7,\"minimum\":3,"
      "\"maximum\":1e99999,\"enum\":[1,2,3,4,5,6,7]}}}}",
      "{\"x\":[%,%,%,%,%,%,%,%]}", "8", 20000 }
};


static char *
expand(const bench_case_t *c, size_t *len)
{
    char        *text, *p;
    size_t       unit;
    unsigned     i;
    const char  *s;

    unit = strlen(c->unit);

    text = malloc(strlen(c->value) * (unit * c->times + 1) + 1);
    if (text == NULL) {
        exit(1);
    }

    for (p = text, s = c->value; *s; s++) {

        if (*s != '%') {
            *p++ = *s;
            continue;
        }

        for (i = 0; i < c->times; i++) {
            memcpy(p, c->unit, unit);
            p += unit;
        }
    }

    *len = (size_t) (p - text);

    return text;
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


/* An arena that counts; small pieces of its own block come again and again. */

typedef struct {
    mcp_arena_t           arena;
    mcp_arena_t          *from;
    size_t                used;
} counting_t;


static void *
counting_alloc(mcp_arena_t *arena, size_t size)
{
    counting_t  *c;

    c = arena->data;
    c->used += size;

    return c->from->alloc(c->from, size);
}


static mcp_schema_t *
compile(const bench_case_t *c, counting_t *arena, mcp_arena_t *scratch)
{
    mcp_str_t           text;
    mcp_schema_t       *schema;
    mcp_schema_fault_t  fault;

    arena->arena.alloc = counting_alloc;
    arena->arena.data = arena;
    arena->used = 0;

    text.data = (unsigned char *) c->schema;
    text.len = strlen(c->schema);

    if (mcp_schema_compile(&schema, &arena->arena, scratch, &text, &fault)
        != MCP_OK)
    {
        fprintf(stderr, "bench_schema: %s: %s\n", c->name, fault.why);
        exit(1);
    }

    return schema;
}


static double
measure_compile(const bench_case_t *c, double each, size_t *used)
{
    double        best, start, spent;
    unsigned      i;
    counting_t    arena;
    mcp_arena_t  *scratch;

    best = 0;
    spent = 0;

    for (i = 0; i < BENCH_ROUNDS || spent < each; i++) {
        start = now();

        arena.from = mcp_arena_create();
        scratch = mcp_arena_create();

        (void) compile(c, &arena, scratch);

        mcp_arena_destroy(scratch);
        mcp_arena_destroy(arena.from);

        start = now() - start;
        spent += start;
        best = (i == 0 || start < best) ? start : best;
    }

    *used = arena.used;

    return best;
}


static double
measure(const bench_case_t *c, double each, mcp_matcher_t *matcher,
    mcp_schema_result_t *result, size_t *len)
{
    char             *text;
    double            best, start, spent;
    unsigned          i, n;
    counting_t        arena;
    mcp_arena_t      *scratch;
    mcp_schema_t     *schema;
    mcp_json_tape_t   tape;

    arena.from = mcp_arena_create();
    schema = compile(c, &arena, arena.from);
    text = expand(c, len);

    if (mcp_json_tape(&tape, arena.from, (unsigned char *) text, *len, 64)
        != MCP_OK)
    {
        fprintf(stderr, "bench_schema: %s: no JSON\n", c->name);
        exit(1);
    }

    best = 0;

    for (i = 0; i < BENCH_ROUNDS; i++) {
        scratch = mcp_arena_create();
        n = 0;
        start = now();

        do {
            if (mcp_schema_validate(schema, &tape, 0, matcher, scratch,
                                    result)
                == MCP_NOMEM)
            {
                exit(1);
            }

            n++;
            spent = now() - start;

        } while (spent < each * 1e6 / BENCH_ROUNDS);

        mcp_arena_destroy(scratch);

        spent /= n;
        best = (i == 0 || spent < best) ? spent : best;
    }

    free(text);
    mcp_arena_destroy(arena.from);

    return best;
}


int
main(int argc, char **argv)
{
    double                each, ns, compiled;
    size_t                i, len, used;
    mcp_matcher_t        *matcher;
    mcp_schema_result_t   result;

    each = (argc > 1) ? atof(argv[1]) : 100;

    matcher = mcp_matcher_create();
    if (matcher == NULL) {
        return 1;
    }

    printf("%-38s %9s %9s %9s %9s %11s %8s\n", "", "schema", "compile",
           "kept", "value", "check", "steps");
    printf("%-38s %9s %9s %9s %9s %11s %8s\n", "", "bytes", "ns", "bytes",
           "bytes", "ns", "");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        compiled = measure_compile(&cases[i], each, &used);
        ns = measure(&cases[i], each, matcher, &result, &len);

        printf("%-38s %9zu %9.0f %9zu %9zu %11.0f %8llu%s\n", cases[i].name,
               strlen(cases[i].schema), compiled, used, len, ns,
               (unsigned long long) result.steps,
               result.expensive ? " refused" : result.n ? " invalid" : "");
    }

    mcp_matcher_destroy(matcher);

    return 0;
}
