
/* Event streams: byte-exact cases, however the input is cut; the writer. */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sse.h"


/*
 * What is expected: (data) is an event, () one without data; behind it i and r
 * for an id and a retry field; # is a comment; at the end $ if the stream may
 * end there, else what there was of an event is lost.
 */

typedef struct {
    const char           *in;
    size_t                len;
    const char           *out;
    size_t                out_len;
} case_t;

#define CASE(in, out)  { in, sizeof(in) - 1, out, sizeof(out) - 1 }


typedef struct {
    mcp_sse_reader_t      rd;
    unsigned char        *data;      /* of the event under way */
    size_t                data_len;
    unsigned char        *out;
    size_t                len;
    size_t                size;
    unsigned              pieces;
} run_t;


static void
start(run_t *run, size_t size)
{
    memset(run, 0, sizeof(run_t));
    mcp_sse_init(&run->rd);

    run->size = size;
    run->data = malloc(size);
    run->out = malloc(size);
    assert_non_null(run->data);
    assert_non_null(run->out);
}


static void
end(run_t *run)
{
    free(run->data);
    free(run->out);
}


static void
put(run_t *run, const void *p, size_t len)
{
    assert_true(run->size - run->len >= len);
    memcpy(run->out + run->len, p, len);
    run->len += len;
}


static void
token(run_t *run, const mcp_sse_token_t *tok, const unsigned char *piece,
    const unsigned char *p)
{
    size_t  len;

    switch (tok->type) {

    case MCP_SSE_DATA:

        /* of the input itself, all of it used by now, never empty */

        assert_true(tok->start >= piece && tok->start < tok->end);
        assert_ptr_equal(tok->end, p);

        len = (size_t) (tok->end - tok->start);
        assert_true(run->size - run->data_len > len);
        memcpy(run->data + run->data_len, tok->start, len);
        run->data_len += len;
        run->pieces++;
        break;

    case MCP_SSE_DATA_BREAK:
        run->data[run->data_len++] = '\n';
        break;

    case MCP_SSE_EVENT:
        put(run, "(", 1);

        for (len = 0; len < run->data_len; len++) {
            if (run->data[len] != '\n') {
                break;
            }
        }

        assert_int_equal(tok->empty, len == run->data_len);

        put(run, run->data, run->data_len);
        put(run, ")", 1);
        run->data_len = 0;

        if (run->rd.has_id) {
            put(run, "i", 1);
        }

        if (run->rd.has_retry) {
            put(run, "r", 1);
        }

        assert_true(mcp_sse_between(&run->rd));
        break;

    case MCP_SSE_COMMENT:
        put(run, "#", 1);
        break;

    default:
        fail_msg("token of type %d", tok->type);
    }
}


static void
feed(run_t *run, const char *in, size_t len)
{
    int                   rc;
    unsigned char        *copy;
    mcp_sse_token_t       tok;
    const unsigned char  *p;

    copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, in, len);
    p = copy;

    for ( ;; ) {
        memset(&tok, 0, sizeof(tok));

        rc = mcp_sse_next(&run->rd, &p, copy + len, &tok);
        assert_true(p <= copy + len);

        if (rc == MCP_AGAIN) {
            break;
        }

        assert_int_equal(rc, MCP_OK);
        token(run, &tok, copy, p);
    }

    assert_ptr_equal(p, copy + len);

    free(copy);
}


static void
check(run_t *run, const case_t *c, const char *how, size_t at)
{
    if (mcp_sse_between(&run->rd)) {
        put(run, "$", 1);
        assert_int_equal(run->data_len, 0);
    }

    if (run->len != c->out_len || memcmp(run->out, c->out, run->len) != 0) {
        print_error("%s %zu: \"%.*s\"\n  expected %.*s\n  got %.*s\n", how, at,
                    (int) c->len, c->in, (int) c->out_len, c->out,
                    (int) run->len, run->out);
        fail();
    }

    end(run);
}


static void
try_case(const case_t *c)
{
    run_t   run;
    size_t  i, j;

    start(&run, 4 * c->len + 16);
    feed(&run, c->in, c->len);
    check(&run, c, "whole", 0);

    for (i = 0; i <= c->len; i++) {
        start(&run, 4 * c->len + 16);
        feed(&run, c->in, i);
        feed(&run, c->in + i, c->len - i);
        check(&run, c, "cut at", i);
    }

    for (i = 0; i <= c->len; i++) {
        for (j = i; j <= c->len; j++) {
            start(&run, 4 * c->len + 16);
            feed(&run, c->in, i);
            feed(&run, c->in + i, j - i);
            feed(&run, c->in + j, c->len - j);
            check(&run, c, "cut at (and before)", j);
        }
    }

    start(&run, 4 * c->len + 16);

    for (i = 0; i < c->len; i++) {
        feed(&run, c->in + i, 1);
    }

    check(&run, c, "bytes", 0);
}


static void
try_cases(const case_t *c, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        try_case(&c[i]);
    }
}

#define TRY(cases)  try_cases(cases, sizeof(cases) / sizeof((cases)[0]))


/* --- what is lost or means nothing --------------------------------------- */


static void
test_cut_short(void **state)
{
    static const case_t  cases[] = {
        CASE("", "$"),
        CASE("data", ""),
        CASE("data:", ""),
        CASE("data: x", ""),
        CASE("data: x\n", ""),
        CASE("data: x\r", ""),
        CASE("data: x\r\n", ""),
        CASE("data: x\n\ndata: y\n", "(x)"),
        CASE("data: x\n\ndata: y\n\nd", "(x)(y)"),
        CASE("id: 1\n", ""),
        CASE("x", ""),
        CASE(":comment", "#$"),
        CASE("data: x\n:comment", "#"),
        CASE("\xef", "$"),
        CASE("\xef\xbb", "$"),
        CASE("\xef\xbb\xbf", "$"),
        CASE("\xef\xbb\xbf" "d", "")
    };

    TRY(cases);
}


static void
test_other_fields(void **state)
{
    static const case_t  cases[] = {
        CASE("event: message\n\n", "()$"),
        CASE("event: message\ndata: x\n\n", "(x)$"),
        CASE("data: x\nevent: data: y\n\n", "(x)$"),
        CASE("foo: bar\ndata: x\n\n", "(x)$"),
        CASE("a line without a colon\ndata: x\n\n", "(x)$"),
        CASE("dat: y\ndata1: y\ndataa: y\ndatadata:y\ndata: x\n\n", "(x)$"),
        CASE("Data: y\nDATA: y\n data: y\n\tdata: y\ndata : y\n\n", "()$"),
        CASE("data\0: y\ndata:x\n\n", "(x)$"),
        CASE("aaaaaaaa: y\naaaaaaaaa: y\naaaaaaaa\naaaaaaaaadata:y\n\n", "()$"),
        CASE("id: 1\n\n", "()i$"),
        CASE("id\n\n", "()i$"),
        CASE("id: 1\ndata: x\n\ndata: y\n\n", "(x)i(y)$"),
        CASE("data: x\n\nid: 1\n\ndata\n\n", "(x)()i()$"),
        CASE("data: x\nid: 1\nretry: 5\n\n\ndata: y\nretry\n\n",
             "(x)ir(y)r$"),
        CASE("id: 1\nretry: 3000\ndata\n\n", "()ir$"),
        CASE("ids: 1\nretr: 2\ni: 3\n\n", "()$"),
        CASE("id: a\0b\ndata: x\n\n", "(x)i$"),
        CASE("retry: data: x\n\n", "()r$")
    };

    TRY(cases);
}


static void
test_comments(void **state)
{
    static const case_t  cases[] = {
        CASE(":\n\n", "#$"),
        CASE(":\n:\n:\n", "###$"),
        CASE(": data: x\n\n", "#$"),
        CASE(":data: y\ndata: x\n:data: y\ndata: z\n:\n\n", "###(x\nz)$"),
        CASE("data: x\n:\n\n", "#(x)$"),
        CASE(":\r\ndata: x\r\n:\r\n\r\n", "##(x)$")
    };

    TRY(cases);
}


/* --- lines --------------------------------------------------------------- */


static void
test_line_ends(void **state)
{
    static const case_t  cases[] = {
        CASE("data: x\n\n", "(x)$"),
        CASE("data: x\r\r", "(x)$"),
        CASE("data: x\r\n\r\n", "(x)$"),
        CASE("data: x\n\r", "(x)$"),
        CASE("data: x\n\r\n", "(x)$"),
        CASE("data: x\r\n\r", "(x)$"),
        CASE("data: x\r\n\n", "(x)$"),
        CASE("data: x\r\r\n", "(x)$"),
        CASE("data: x\r\rdata: y\r\r", "(x)(y)$"),
        CASE("data: x\r\r\ndata: y\r\n\r\n", "(x)(y)$"),
        CASE("data: a\rdata: b\r\ndata: c\ndata: d\r\n\r", "(a\nb\nc\nd)$"),
        CASE("data:\r\n\r\ndata\r\n\r\n", "()()$"),
        CASE("data: x\n\n\n\n\r\r\r\n\r\n", "(x)$"),
        CASE("\n\r\r\n\ndata: x\n\n", "(x)$"),
        CASE("event\r\rdata:x\r\r", "()(x)$"),

        /* these end no line */

        CASE("data: a\x0b" "b\x0c" "c\xc2\x85" "d\xe2\x80\xa8" "e\0f\n\n",
             "(a\x0b" "b\x0c" "c\xc2\x85" "d\xe2\x80\xa8" "e\0f)$"),
        CASE("data: \\n\\r\n\n", "(\\n\\r)$")
    };

    TRY(cases);
}


static void
test_data(void **state)
{
    static const case_t  cases[] = {
        CASE("data:x\n\n", "(x)$"),
        CASE("data: x\n\n", "(x)$"),
        CASE("data:  x\n\n", "( x)$"),
        CASE("data:   x \n\n", "(  x )$"),
        CASE("data:\tx\n\n", "(\tx)$"),
        CASE("data::x\n\n", "(:x)$"),
        CASE("data: :x: y\n\n", "(:x: y)$"),
        CASE("data:data:x\n\n", "(data:x)$"),
        CASE("data\n\n", "()$"),
        CASE("data:\n\n", "()$"),
        CASE("data: \n\n", "()$"),
        CASE("data:  \n\n", "( )$"),
        CASE("data\ndata\n\n", "(\n)$"),
        CASE("data:\ndata: \ndata\n\n", "(\n\n)$"),
        CASE("data: x\ndata\n\n", "(x\n)$"),
        CASE("data\ndata: x\n\n", "(\nx)$"),
        CASE("data: a\ndata:\ndata: b\n\n", "(a\n\nb)$"),
        CASE("data\n\ndata\ndata\n\ndata:", "()(\n)"),
        CASE("data: YHOO\ndata: +2\ndata: 10\n\n", "(YHOO\n+2\n10)$"),
        CASE(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\n"
             "id\n\ndata:  third event\n", "#(first event)i(second event)i"),
        CASE("data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1}\n\n",
             "({\"jsonrpc\":\"2.0\",\n\"id\":1})$"),
        CASE("data: \xff\xfe\xc0\n\n", "(\xff\xfe\xc0)$")
    };

    TRY(cases);
}


static void
test_bom(void **state)
{
    static const case_t  cases[] = {
        CASE("\xef\xbb\xbf" "data: x\n\n", "(x)$"),
        CASE("\xef\xbb\xbf\n\ndata: x\n\n", "(x)$"),
        CASE("\xef\xbb\xbf:c\ndata: x\n\n", "#(x)$"),
        CASE("\xef\xbb\xbf\xef\xbb\xbf" "data: y\ndata: x\n\n", "(x)$"),
        CASE("data: x\n\n\xef\xbb\xbf" "data: y\ndata: z\n\n", "(x)(z)$"),
        CASE("\n\xef\xbb\xbf" "data: y\n\n", "()$"),
        CASE("\xef\xbb" "data: y\n\n", "()$"),
        CASE("\xef" "data: y\ndata: x\n\n", "(x)$"),
        CASE("\xef\xbb\n\n", "()$"),
        CASE("\xef:\n\n", "()$"),
        CASE("\xbb\xbf" "data: y\n\n", "()$"),
        CASE("\xef\xef\xbb\xbf" "data: y\n\n", "()$"),
        CASE("data: \xef\xbb\xbfx\n\n", "(\xef\xbb\xbfx)$")
    };

    TRY(cases);
}


/* --- size ---------------------------------------------------------------- */


/* A data line of 8 MiB comes as one piece of each read, of the read itself. */

static void
test_long_line(void **state)
{
    char    *in;
    run_t    run;
    size_t   i, j, size;

    static const size_t  pieces[] = { 8 * 1024 * 1024 + 8, 65536, 4093 };

    size = 8 * 1024 * 1024;
    in = malloc(size + 8);
    assert_non_null(in);

    memset(in, 'x', size + 8);
    memcpy(in, "data: ", 6);
    in[size + 6] = '\n';
    in[size + 7] = '\n';

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        start(&run, size + 16);

        for (j = 0; j < size + 8; j += pieces[i]) {
            feed(&run, in + j, size + 8 - j < pieces[i] ? size + 8 - j
                                                        : pieces[i]);
        }

        assert_int_equal(run.pieces, (size + pieces[i]) / pieces[i]);
        assert_int_equal(run.len, size + 2);
        assert_memory_equal(run.out + 1, in + 6, size);
        end(&run);
    }

    free(in);
}


/* Lines of one byte, with but one of the two line ends: still linear. */

static void
test_many_lines(void **state)
{
    char    *in;
    run_t    run;
    size_t   i, size;

    size = 4 * 1024 * 1024;
    in = malloc(size);
    assert_non_null(in);

    for (i = 0; i < size; i += 2) {
        memcpy(in + i, ":\r", 2);
    }

    start(&run, size);
    feed(&run, in, size);
    assert_int_equal(run.len, size / 2);
    end(&run);

    for (i = 0; i < size; i += 2) {
        memcpy(in + i, "d\n", 2);
    }

    start(&run, size);
    feed(&run, in, size);
    assert_int_equal(run.len, 0);
    assert_false(mcp_sse_between(&run.rd));
    end(&run);

    free(in);
}


static void
test_line_end(void **state)
{
    unsigned char        *p;
    unsigned              c;
    size_t                i, n;
    const unsigned char  *q;

    for (n = 0; n < 70; n++) {
        p = malloc(n ? n : 1);
        assert_non_null(p);

        for (i = 0; i <= n; i++) {
            for (c = '\n'; c <= '\r'; c += '\r' - '\n') {
                memset(p, 'x', n ? n : 1);

                if (i < n) {
                    p[i] = (unsigned char) c;
                    p[n - 1] = '\n';
                }

                q = mcp_sse_line_end(p, p + n);
                assert_ptr_equal(q, p + i);
            }
        }

        /* all other bytes are none, next to any other */

        for (c = 0; n != 0 && c < 256; c++) {
            if (c == '\n' || c == '\r') {
                continue;
            }

            memset(p, (int) c, n);
            p[n / 2] ^= 0x80;

            if (p[n / 2] != '\n' && p[n / 2] != '\r') {
                assert_ptr_equal(mcp_sse_line_end(p, p + n), p + n);
            }
        }

        free(p);
    }
}


/* --- the writer ---------------------------------------------------------- */


static void
test_write(void **state)
{
    size_t        i;
    mcp_buf_t     b;
    mcp_arena_t  *arena;

    static const case_t  cases[] = {
        CASE("", "data:\n\n"),
        CASE("x", "data: x\n\n"),
        CASE(" x", "data:  x\n\n"),
        CASE("a\nb", "data: a\ndata: b\n\n"),
        CASE("a\rb", "data: a\ndata: b\n\n"),
        CASE("a\r\nb", "data: a\ndata: b\n\n"),
        CASE("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
        CASE("a\n", "data: a\ndata: \n\n"),
        CASE("\n", "data: \ndata: \n\n"),
        CASE("\r\n", "data: \ndata: \n\n"),
        CASE("x\n\nevent: evil\ndata: y\n\n",
             "data: x\ndata: \ndata: event: evil\ndata: data: y\ndata: \n"
             "data: \n\n"),
        CASE("x\rid: 1\r\rdata: y", "data: x\ndata: id: 1\ndata: \n"
             "data: data: y\n\n"),
        CASE("a\0b", "data: a\0b\n\n")
    };

    arena = mcp_arena_create();
    assert_non_null(arena);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mcp_buf_init(&b, arena, 0);
        mcp_sse_write(&b, cases[i].in, cases[i].len);
        assert_false(b.failed);
        assert_int_equal(b.len, cases[i].out_len);
        assert_memory_equal(b.data, cases[i].out, b.len);
    }

    /* NULL is good for no data */

    mcp_buf_init(&b, arena, 0);
    mcp_sse_write(&b, NULL, 0);
    assert_int_equal(b.len, 7);

    /* a buffer that is full says so */

    mcp_buf_init(&b, arena, 0);
    b.max = 10;
    mcp_sse_write(&b, "0123456789", 10);
    assert_true(b.failed);

    mcp_arena_destroy(arena);
}


/* Any data comes back, with LF for each line end. */

static void
test_round_trip(void **state)
{
    char          data[8], expected[16];
    run_t         run;
    size_t        i, j, n, len, at;
    mcp_buf_t     b;
    mcp_arena_t  *arena;

    static const char  bytes[] = "\r\n :dx\xef";

    /* all texts of up to 5 of these bytes */

    for (len = 0, n = 1; len <= 5; len++, n *= 7) {

        arena = mcp_arena_create();
        assert_non_null(arena);

        for (i = 0; i < n; i++) {

            for (j = 0, at = i; j < len; j++, at /= 7) {
                data[j] = bytes[at % 7];
            }

            mcp_buf_init(&b, arena, 64);
            mcp_sse_write(&b, data, len);
            assert_false(b.failed);

            expected[0] = '(';
            at = 1;

            for (j = 0; j < len; j++) {
                if (data[j] == '\n' && j > 0 && data[j - 1] == '\r') {
                    continue;
                }

                expected[at++] = (data[j] == '\r') ? '\n' : data[j];
            }

            expected[at++] = ')';

            start(&run, 64);
            feed(&run, (char *) b.data, b.len);
            assert_true(mcp_sse_between(&run.rd));
            assert_int_equal(run.len, at);
            assert_memory_equal(run.out, expected, at);
            end(&run);
        }

        mcp_arena_destroy(arena);
    }
}


/* An event of another type than "message" is told from ours, cut anywhere. */

static void
test_types(void **state)
{
    size_t                i, cut, len;
    unsigned              n;
    mcp_sse_token_t       tok;
    mcp_sse_reader_t      rd;
    const unsigned char  *p, *end, *text;

    static const struct {
        const char       *text;
        unsigned          foreign;
    } types[] = {
        { "data: x\n\n", 0 },
        { "event: message\ndata: x\n\n", 0 },
        { "event:message\r\ndata: x\r\n\r\n", 0 },
        { "data: x\revent: message\r\r", 0 },
        { "event\ndata: x\n\n", 0 },
        { "event:\ndata: x\n\n", 0 },
        { "event: ping\nevent: message\ndata: x\n\n", 0 },
        { "events: ping\ndata: x\n\n", 0 },
        { "event: ping\ndata: x\n\n", 1 },
        { "data: x\nevent: endpoint\n\n", 1 },
        { "event: messag\ndata: x\n\n", 1 },
        { "event: messages\ndata: x\n\n", 1 },
        { "event: Message\ndata: x\n\n", 1 },
        { "event: message\nevent: x\ndata: x\n\n", 1 },
        { "event:  message\ndata: x\n\n", 1 },
        { "event: message \ndata: x\n\n", 1 }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        text = (const unsigned char *) types[i].text;
        len = strlen(types[i].text);

        for (cut = 0; cut <= len; cut++) {
            mcp_sse_init(&rd);

            for (n = 0; n < 2; n++) {
                p = n ? text + cut : text;
                end = n ? text + len : text + cut;

                while (mcp_sse_next(&rd, &p, end, &tok) == MCP_OK) {
                    if (tok.type == MCP_SSE_EVENT) {
                        assert_int_equal(tok.foreign, types[i].foreign);
                    }
                }
            }

            /* the type is this event's alone */

            p = (const unsigned char *) "\ndata: y\n\n";
            end = p + strlen((const char *) p);

            n = 0;

            while (mcp_sse_next(&rd, &p, end, &tok) == MCP_OK) {
                if (tok.type == MCP_SSE_EVENT) {
                    assert_int_equal(tok.foreign, 0);
                    n++;
                }
            }

            assert_int_equal(n, 1);
        }
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_other_fields),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_bom),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_many_lines),
        cmocka_unit_test(test_line_end),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_round_trip)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
