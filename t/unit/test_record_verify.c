
/* Every byte of a small spool, and every line: what was changed is found. */


#define _GNU_SOURCE

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "record_verify.h"


#define SEGMENTS  3
#define LINES     64
#define CHAIN     "20261121T041905123Z-4711"


typedef struct {
    unsigned char  text[16384];
    size_t         len;
} segment_t;


static mcp_arena_t  *arena;
static mcp_chain_t   chain;
static segment_t     spool[SEGMENTS];
static char          said[MCP_VERIFY_TEXT];


static mcp_str_t
str(const char *text)
{
    mcp_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return s;
}


static void
report(mcp_verify_t *v, int note, const char *text)
{
    (void) v;

    if (!note) {
        snprintf(said, sizeof(said), "%s", text);
    }
}


static mcp_str_t
call_id(unsigned n)
{
    char  *id;

    id = mcp_alloc(arena, MCP_RECORD_ID + 1);
    assert_non_null(id);
    snprintf(id, MCP_RECORD_ID + 1, "01940e2c-7b3f-7a10-8000-%012x",
             0x1000 + n);

    return str(id);
}


static void
add(segment_t *s, mcp_record_t *rec)
{
    mcp_buf_t      b;
    unsigned char  hex[MCP_RECORD_HEX];

    mcp_buf_init(&b, arena, 1024);
    rec->time = INT64_C(1795234745123456);

    if (rec->kind >= MCP_RECORD_HEAD) {
        mcp_chain_hex(hex, chain.hash);
        rec->chain = chain.name;
        rec->seq = chain.seq;
        rec->prev.data = hex;
        rec->prev.len = sizeof(hex);
        mcp_record_write(&b, rec);

    } else {
        mcp_record_write(&b, rec);
        mcp_chain_end(&b, 0, &chain);
    }

    assert_false(b.failed);
    assert_true(s->len + b.len < sizeof(s->text));
    memcpy(s->text + s->len, b.data, b.len);
    s->len += b.len;
}


static void
control(segment_t *s, mcp_record_e kind, unsigned from, unsigned to,
    int final)
{
    unsigned       i;
    mcp_str_t      ids[MCP_RECORD_OPEN];
    mcp_record_t   rec;

    memset(&rec, 0, sizeof(rec));
    rec.kind = kind;
    rec.segment = (uint64_t) (s - spool) + 1;
    rec.final = final != 0;
    rec.swept = final >= 2;

    if (kind == MCP_RECORD_HEAD) {
        rec.node = str("gw1");
        rec.open = to - from;
        add(s, &rec);

        if (rec.open == 0) {
            return;
        }

        rec.kind = MCP_RECORD_OPENED;
        rec.ids = ids;

        for (i = from; i < to; i++) {
            ids[rec.nids++] = call_id(i);
        }
    }

    add(s, &rec);
}


static void
half(segment_t *s, mcp_record_e kind, unsigned n, int swept)
{
    mcp_record_t   rec;

    memset(&rec, 0, sizeof(rec));
    rec.kind = kind;
    rec.id = call_id(n);
    rec.backend_time = -1;
    rec.swept = swept != 0;

    if (kind != MCP_RECORD_OUTCOME) {
        rec.node = str("gw1");
        rec.client = str("alice");
        rec.method = str("tools/call");
        rec.name_is = MCP_RECORD_TOOL;
        rec.name = str("echo");
        rec.arguments = str("{\"marker\":\"a\\\"}\"}");
        rec.arguments_len = rec.arguments.len;
    }

    if (kind != MCP_RECORD_INTENT) {
        rec.outcome = str(swept ? "unknown" : "ok");
        rec.duration = 42;
    }

    add(s, &rec);
}


/*
 * Three segments, calls that run from one into the next.  The chain has not
 * ended (0), has (1), or was ended for a process that died behind a torn line
 * (2), or before its next segment was whole (3).
 */

static void
make(int final)
{
    mcp_str_t  name;

    name = str(CHAIN);
    mcp_chain_begin(&chain, &name);
    memset(spool, 0, sizeof(spool));

    control(&spool[0], MCP_RECORD_HEAD, 0, 0, 0);
    half(&spool[0], MCP_RECORD_INTENT, 0, 0);
    half(&spool[0], MCP_RECORD_INTENT, 1, 0);
    half(&spool[0], MCP_RECORD_CALL, 2, 0);
    half(&spool[0], MCP_RECORD_INTENT, 3, 0);
    half(&spool[0], MCP_RECORD_OUTCOME, 3, 0);
    control(&spool[0], MCP_RECORD_TAIL, 0, 0, 0);

    control(&spool[1], MCP_RECORD_HEAD, 0, 2, 0);
    half(&spool[1], MCP_RECORD_OUTCOME, 1, 0);
    control(&spool[1], MCP_RECORD_TAIL, 0, 0, 0);

    control(&spool[2], MCP_RECORD_HEAD, 0, 1, 0);
    half(&spool[2], MCP_RECORD_INTENT, 4, 0);
    half(&spool[2], MCP_RECORD_OUTCOME, 4, 0);

    if (final == 3) {
        control(&spool[2], MCP_RECORD_TAIL, 0, 0, 0);
    }

    if (final == 2) {
        memcpy(spool[2].text + spool[2].len, "{\"record\":\"int\n", 15);
        spool[2].len += 15;
    }

    if (final != 0) {
        half(&spool[2], MCP_RECORD_OUTCOME, 0, final >= 2);
        control(&spool[2], MCP_RECORD_TAIL, 0, 0, final);
    }
}


static unsigned long
problems_from(unsigned from)
{
    unsigned      i;
    mcp_str_t     name;
    mcp_verify_t  v;

    mcp_verify_init(&v, report);
    name = str(CHAIN);
    said[0] = '\0';
    mcp_verify_chain(&v, &name);

    for (i = from; i < SEGMENTS; i++) {
        if (spool[i].len == 0) {
            continue;
        }
        assert_int_equal(mcp_verify_segment(&v, i + 1, spool[i].text,
                                            spool[i].len), MCP_OK);
    }

    mcp_verify_end(&v);
    mcp_verify_free(&v);

    return v.problems;
}


static unsigned long
problems(void)
{
    return problems_from(0);
}


static void
test_whole(void **state)
{
    int       final;
    unsigned  i;

    for (final = 0; final <= 3; final++) {
        make(final);
        if (problems() != 0) {
            fail_msg("end %d: %s", final, said);
        }

        /* segments that were shipped and removed */

        for (i = 1; i < SEGMENTS; i++) {
            if (problems_from(i) != 0) {
                fail_msg("end %d, from %u: %s", final, i, said);
            }
        }
    }

    /* a living chain, or one cut off, anywhere in its last segment */

    make(0);

    while (spool[2].len-- > 0) {
        if (problems() != 0) {
            fail_msg("cut at %zu: %s", spool[2].len, said);
        }
    }
}


/* The only bytes that nothing else tells: the time in a head or a tail. */

static int
is_time(const segment_t *s, size_t at)
{
    const unsigned char  *line, *time;

    for (line = s->text + at; line > s->text && line[-1] != '\n'; line--) {
        /* void */
    }

    if (memcmp(line, "{\"record\":\"head\"", 16) != 0
        && memcmp(line, "{\"record\":\"tail\"", 16) != 0)
    {
        return 0;
    }

    time = memmem(line, 200, "\"time\":\"", 8);

    return time != NULL && s->text + at >= time + 8
           && s->text + at < time + 8 + MCP_RECORD_TIME;
}


/* What was torn; and a tail before the manager's lines, which may be so. */

static int
is_torn(const segment_t *s, size_t at)
{
    const unsigned char  *torn, *end, *stop;

    stop = s->text + s->len;
    torn = memmem(s->text, s->len, "{\"record\":\"int\n", 15);

    if (torn == NULL) {
        torn = memmem(s->text, s->len, "{\"record\":\"tail\"", 16);
    }

    if (torn == NULL) {
        return 0;
    }

    end = memchr(torn, '\n', (size_t) (stop - torn));

    return end != NULL && end + 1 < stop && s->text + at >= torn
           && s->text + at < end;
}


static void
flip(segment_t *s, size_t at, unsigned char ch, unsigned long *missed)
{
    unsigned char  was;

    was = s->text[at];

    if (ch == was || is_torn(s, at)
        || (is_time(s, at) && ch >= '0' && ch <= '9'))
    {
        return;
    }

    s->text[at] = ch;

    if (problems() == 0) {
        print_error("not found: byte %zu of segment %d, '%c' to 0x%02x\n",
                    at, (int) (s - spool) + 1, was, ch);
        (*missed)++;
    }

    s->text[at] = was;
}


static void
test_bytes(void **state)
{
    int            final;
    size_t         at;
    unsigned       i, k;
    unsigned long  missed;

    static const unsigned char  other[] = { '\n', '}', '"', ' ', '0', ',' };

    missed = 0;

    for (final = 1; final <= 3; final++) {
        make(final);

        for (i = 0; i < SEGMENTS; i++) {
            for (at = 0; at < spool[i].len; at++) {

                for (k = 0; k < 8; k++) {
                    flip(&spool[i], at,
                         (unsigned char) (spool[i].text[at] ^ (1u << k)),
                         &missed);
                }

                for (k = 0; k < sizeof(other); k++) {
                    flip(&spool[i], at, other[k], &missed);
                }
            }
        }
    }

    assert_int_equal(missed, 0);
}


/* --- lines --------------------------------------------------------------- */


typedef struct {
    const unsigned char  *at;
    size_t                len;
} piece_t;


static unsigned
cut(const segment_t *s, piece_t *line)
{
    size_t                left;
    unsigned              n;
    const unsigned char  *p, *lf;

    n = 0;

    for (p = s->text; p < s->text + s->len; p = lf + 1) {
        left = (size_t) (s->text + s->len - p);
        lf = memchr(p, '\n', left);
        assert_non_null(lf);
        line[n].at = p;
        line[n++].len = (size_t) (lf + 1 - p);
    }

    return n;
}


static void
put(segment_t *s, const piece_t *line, unsigned n)
{
    unsigned  i;

    s->len = 0;

    for (i = 0; i < n; i++) {
        memcpy(s->text + s->len, line[i].at, line[i].len);
        s->len += line[i].len;
    }
}


static int
is(const piece_t *line, const char *kind)
{
    return memcmp(line->at + 11, kind, strlen(kind)) == 0;
}


static void
found(const char *how, unsigned segment, unsigned line, int may_miss)
{
    unsigned long  n;

    n = problems();

    if ((n == 0) != may_miss) {
        fail_msg("line %u of segment %u %s: %s", line + 1, segment + 1, how,
                 n ? said : "not found");
    }
}


static void
test_lines(void **state)
{
    unsigned   i, k, m, n;
    piece_t    line[LINES], with[LINES], was;
    segment_t  saved, other;

    make(1);

    for (i = 0; i < SEGMENTS; i++) {

        saved = spool[i];
        n = cut(&saved, line);

        for (k = 0; k < n; k++) {

            /* a tail is no more than an end: it may have been cut off */

            memcpy(with, line, sizeof(line));
            memmove(with + k, with + k + 1, (n - k - 1) * sizeof(piece_t));
            put(&spool[i], with, n - 1);
            found("removed", i, k, is(&line[k], "tail"));

            memcpy(with, line, sizeof(line));
            memmove(with + k + 1, with + k, (n - k) * sizeof(piece_t));
            put(&spool[i], with, n + 1);
            found("duplicated", i, k, 0);

            for (m = k + 1; m < n; m++) {
                memcpy(with, line, sizeof(line));
                was = with[k];
                with[k] = with[m];
                with[m] = was;
                put(&spool[i], with, n);
                found("swapped", i, k, 0);
            }
        }

        spool[i] = saved;
    }

    /* segments that change places, or go */

    other = spool[1];
    spool[1] = spool[2];
    spool[2] = other;
    found("exchanged segments", 1, 0, 0);

    make(1);
    spool[1].len = 0;
    found("a segment gone", 1, 0, 0);
}


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_lines)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
