
/*
 * What JSON costs: nanoseconds a byte of the lexer, the tape and the observer
 * (two levels), with jansson's json_loadb() beside them, for texts of the
 * kinds that MCP carries.
 *
 *     bench_json [milliseconds for each figure, 100 unless told]
 */


#include "core.h"
#include "json.h"

#include <jansson.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


#define BENCH_DEPTH   64
#define BENCH_ROUNDS  20


typedef struct {
    unsigned char        *data;
    size_t                len;
    size_t                size;
} bench_text_t;

typedef int (*bench_run_pt)(const unsigned char *text, size_t len);
typedef void (*bench_make_pt)(bench_text_t *t);


static void
add(bench_text_t *t, const char *s)
{
    size_t  len;

    len = strlen(s);

    if (t->size - t->len < len) {
        t->size = (t->size + len) * 2;
        t->data = realloc(t->data, t->size);

        if (t->data == NULL) {
            fprintf(stderr, "bench_json: no memory\n");
            exit(1);
        }
    }

    memcpy(t->data + t->len, s, len);
    t->len += len;
}


static void
add_uint(bench_text_t *t, unsigned n)
{
    char  buf[16];

    snprintf(buf, sizeof(buf), "%u", n);
    add(t, buf);
}


static void
open_call(bench_text_t *t)
{
    add(t, "{\"jsonrpc\":\"2.0\",\"id\":42,\"method\":\"tools/call\","
           "\"params\":{\"name\":\"store_write\",\"arguments\":{");
}


static void
make_call(bench_text_t *t)
{
    unsigned  i;

    open_call(t);

    for (i = 0; i < 20; i++) {
        add(t, i ? ",\"field" : "\"field");
        add_uint(t, i);
        add(t, i % 3 ? "\":\"a value of some words\"" : "\":12345");
    }

    add(t, "},\"_meta\":{\"progressToken\":\"token-0001\"}}}");
}


static void
make_words(bench_text_t *t)
{
    unsigned  i;

    open_call(t);
    add(t, "\"path\":\"/var/tmp/notes.txt\",\"content\":\"");

    for (i = 0; i < 2000; i++) {
        add(t, "plain words that go on and on, without an end in sight. ");
    }

    add(t, "\"}}}");
}


static void
make_source(bench_text_t *t)
{
    unsigned  i;

    open_call(t);
    add(t, "\"path\":\"/var/tmp/main.c\",\"content\":\"");

    for (i = 0; i < 1000; i++) {
        add(t, "    if (n != 0) {\\n\\tprintf(\\\"%d items\\\\n\\\", n);\\n"
               "    }\\n");
    }

    add(t, "\"}}}");
}


static void
make_foreign(bench_text_t *t)
{
    unsigned  i;

    open_call(t);
    add(t, "\"content\":\"");

    for (i = 0; i < 1000; i++) {
        add(t, "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, "
               "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c! "
               "Stra\xc3\x9f" "e, caf\xc3\xa9 \xf0\x9f\x98\x80 ");
    }

    add(t, "\"}}}");
}


static void
make_tools(bench_text_t *t)
{
    unsigned  i, j;

    add(t, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[");

    for (i = 0; i < 60; i++) {
        add(t, i ? ",{\"name\":\"tool_" : "{\"name\":\"tool_");
        add_uint(t, i);
        add(t, "\",\"title\":\"Tool\",\"description\":\"Does a thing to a "
               "record and tells what came of it.\",\"inputSchema\":"
               "{\"type\":\"object\",\"properties\":{");

        for (j = 0; j < 6; j++) {
            add(t, j ? ",\"arg" : "\"arg");
            add_uint(t, j);
            add(t, "\":{\"type\":\"string\",\"description\":\"An argument\","
                   "\"maxLength\":64}");
        }

        add(t, "},\"required\":[\"arg0\",\"arg1\"],"
               "\"additionalProperties\":false},\"annotations\":"
               "{\"readOnlyHint\":true,\"openWorldHint\":false}}");
    }

    add(t, "]}}");
}


/* The same over lines, two spaces a level. */

static void
make_pretty(bench_text_t *t)
{
    char           c[2];
    size_t         i;
    unsigned       quoted, depth, j;
    bench_text_t   tools = { NULL, 0, 0 };

    make_tools(&tools);
    c[1] = '\0';
    depth = 0;
    quoted = 0;

    for (i = 0; i < tools.len; i++) {
        c[0] = (char) tools.data[i];
        quoted ^= (c[0] == '"');

        if (!quoted && (c[0] == '}' || c[0] == ']')) {
            depth--;
            add(t, "\n");
            for (j = 0; j < depth; j++) {
                add(t, "  ");
            }
        }

        add(t, c);

        if (quoted) {
            continue;
        }

        depth += (c[0] == '{' || c[0] == '[');

        if (c[0] == '{' || c[0] == '[' || c[0] == ',') {
            add(t, "\n");
            for (j = 0; j < depth; j++) {
                add(t, "  ");
            }

        } else if (c[0] == ':') {
            add(t, " ");
        }
    }

    free(tools.data);
}


static void
make_rows(bench_text_t *t)
{
    unsigned  i;

    add(t, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"structuredContent\":"
           "{\"rows\":[");

    for (i = 0; i < 1500; i++) {
        add(t, i ? ",{\"id\":" : "{\"id\":");
        add_uint(t, 10000 + i * 7);
        add(t, ",\"x\":0.");
        add_uint(t, i * 7919 % 100000);
        add(t, ",\"on\":true,\"note\":null,\"tag\":\"a");
        add_uint(t, i % 10);
        add(t, "\"}");
    }

    add(t, "]}}}");
}


static void
make_numbers(bench_text_t *t)
{
    unsigned  i;

    add(t, "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"v\":[");

    for (i = 0; i < 8000; i++) {
        add(t, i ? ",-1." : "-1.");
        add_uint(t, i * 7919 % 1000000);
        add(t, "e-7");
    }

    add(t, "]}}");
}


static void
make_digits(bench_text_t *t)
{
    unsigned  i;

    add(t, "[[0");

    for (i = 0; i < 20000; i++) {
        add(t, i % 100 ? ",1" : "],[1");
    }

    add(t, "]]");
}


static void
make_names(bench_text_t *t)
{
    unsigned  i;

    add(t, "{\"_\":0");

    for (i = 0; i < 5000; i++) {
        add(t, ",\"member_");
        add_uint(t, i);
        add(t, "\":0");
    }

    add(t, "}");
}


static int
run_lexer(const unsigned char *text, size_t len)
{
    int                   rc;
    mcp_json_lexer_t      lx;
    mcp_json_token_t      tok;
    const unsigned char  *p;

    p = text;
    mcp_json_init(&lx, BENCH_DEPTH);

    do {
        rc = mcp_json_next(&lx, &p, text + len, &tok);
    } while (rc == MCP_OK);

    return rc == MCP_DONE && mcp_json_finish(&lx) == MCP_OK;
}


static int
run_observer(const unsigned char *text, size_t len)
{
    int                   rc;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;
    const unsigned char  *p;

    p = text;
    mcp_json_observe_init(&ob, 2, BENCH_DEPTH);

    do {
        rc = mcp_json_observe(&ob, &p, text + len, &tok);
    } while (rc == MCP_OK);

    return rc == MCP_DONE && mcp_json_observe_finish(&ob) == MCP_OK;
}


static int
run_tape(const unsigned char *text, size_t len)
{
    int               rc;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;

    arena = mcp_arena_create();
    rc = mcp_json_tape(&tape, arena, text, len, BENCH_DEPTH);
    mcp_arena_destroy(arena);

    return rc == MCP_OK;
}


static int
run_jansson(const unsigned char *text, size_t len)
{
    json_t  *json;

    json = json_loadb((const char *) text, len,
                      JSON_DECODE_ANY|JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL,
                      NULL);
    json_decref(json);

    return json != NULL;
}


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


/* The best of some rounds: others use the machine, too. */

static double
measure(bench_run_pt run, bench_text_t *t, double each)
{
    double    best, start, spent;
    unsigned  i, n;

    best = 0;

    for (i = 0; i < BENCH_ROUNDS; i++) {
        n = 0;
        start = now();

        do {
            if (!run(t->data, t->len)) {
                fprintf(stderr, "bench_json: a text was refused\n");
                exit(1);
            }

            n++;
            spent = now() - start;

        } while (spent < each / BENCH_ROUNDS);

        spent /= (double) n * (double) t->len;

        if (i == 0 || spent < best) {
            best = spent;
        }
    }

    return best;
}


int
main(int argc, char **argv)
{
    double        each;
    unsigned      i, k;
    bench_text_t  t;

    static const struct {
        const char    *name;
        bench_make_pt  make;
    } texts[] = {
        { "a call, small", make_call },
        { "a call, plain words", make_words },
        { "a call, source code", make_source },
        { "a call, not ASCII", make_foreign },
        { "tools/list", make_tools },
        { "tools/list, indented", make_pretty },
        { "rows of records", make_rows },
        { "real numbers", make_numbers },
        { "single digits", make_digits },
        { "many members", make_names }
    };

    static const bench_run_pt  runs[] = {
        run_lexer, run_tape, run_observer, run_jansson
    };

    /* keep what is freed: the kernel's part in this is not of interest */

    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);

    each = (argc > 1 ? atof(argv[1]) : 100) * 1e6;

    printf("%-22s %8s %8s %8s %8s %8s   ns/byte\n", "text", "bytes", "lexer",
           "tape", "observer", "jansson");

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        memset(&t, 0, sizeof(bench_text_t));
        texts[i].make(&t);

        printf("%-22s %8zu", texts[i].name, t.len);

        for (k = 0; k < sizeof(runs) / sizeof(runs[0]); k++) {
            printf(" %8.2f", measure(runs[k], &t, each));
            fflush(stdout);
        }

        printf("\n");
        free(t.data);
    }

    return 0;
}
