
/*
 * Event streams: any cut gives what a plain reader of the whole gives, and
 * what the writer writes comes back.
 *
 * Input: 4 bytes that say how to cut, then the stream (or the data).
 */


#include "sse.h"

#include <stdio.h>
#include <stdlib.h>


#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)


/*
 * What a reader made of a stream: "D" byte for data, "B" for a break, "C", and
 * "E" with its flags.
 */

typedef struct {
    size_t                len;
    size_t                size;
    unsigned char        *data;
    int                   between;
} log_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
note(log_t *l, unsigned a, unsigned b)
{
    if (l->size - l->len < 2) {
        l->size = l->size * 2 + 64;
        l->data = realloc(l->data, l->size);
        CHECK(l->data != NULL);
    }

    l->data[l->len++] = (unsigned char) a;
    l->data[l->len++] = (unsigned char) b;
}


static void
feed(mcp_sse_reader_t *rd, log_t *l, const uint8_t *in, size_t len)
{
    int                   rc;
    unsigned char        *copy;
    mcp_sse_token_t       tok;
    const unsigned char  *p, *q, *last;

    copy = malloc(len ? len : 1);
    CHECK(copy != NULL);
    memcpy(copy, in, len);

    p = copy;
    last = copy;

    for ( ;; ) {
        rc = mcp_sse_next(rd, &p, copy + len, &tok);
        CHECK(p >= last && p <= copy + len);
        last = p;

        if (rc == MCP_AGAIN) {
            CHECK(p == copy + len);
            break;
        }

        CHECK(rc == MCP_OK);

        switch (tok.type) {
        case MCP_SSE_DATA:
            CHECK(tok.start >= copy && tok.start < tok.end && tok.end == p);

            for (q = tok.start; q < tok.end; q++) {
                note(l, 'D', *q);
            }

            break;

        case MCP_SSE_DATA_BREAK:
            note(l, 'B', 0);
            break;

        case MCP_SSE_EVENT:
            note(l, 'E', tok.empty | (unsigned) rd->has_id << 1
                         | (unsigned) rd->has_retry << 2);
            break;

        case MCP_SSE_COMMENT:
            note(l, 'C', 0);
            break;

        default:
            CHECK(0);
        }
    }

    free(copy);
}


/* The same of a whole stream, line by line. */

static void
plain(log_t *l, const uint8_t *p, size_t len)
{
    size_t          n, name, value;
    unsigned        data, filled, fields, id, retry;
    const uint8_t  *end;

    end = p + len;
    data = filled = fields = id = retry = 0;

    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;

    } else if ((len == 2 && memcmp(p, "\xef\xbb", 2) == 0)
               || (len == 1 && *p == 0xef))
    {
        l->between = 1;
        return;
    }

    while (p < end) {

        for (n = 0; p + n < end && p[n] != '\n' && p[n] != '\r'; n++) {
            /* void */
        }

        if (n == 0) {
            if (fields) {
                note(l, 'E', !filled | id << 1 | retry << 2);
            }

            data = filled = fields = id = retry = 0;

        } else if (p[0] == ':') {
            note(l, 'C', 0);

        } else {
            fields = 1;

            for (name = 0; name < n && p[name] != ':'; name++) {
                /* void */
            }

            /* a name is known when the byte behind it has come */

            value = (name < n) ? name + 1 : n;

            if (value < n && p[value] == ' ') {
                value++;
            }

            if (name < n || p + n < end) {

                if (name == 4 && memcmp(p, "data", 4) == 0) {
                    if (data) {
                        note(l, 'B', 0);
                    }

                    data = 1;

                    for ( /* void */ ; value < n; value++) {
                        note(l, 'D', p[value]);
                        filled = 1;
                    }

                } else if (name == 2 && memcmp(p, "id", 2) == 0) {
                    id = 1;

                } else if (name == 5 && memcmp(p, "retry", 5) == 0) {
                    retry = 1;
                }
            }
        }

        p += n;

        if (p < end) {
            p += (*p == '\r' && p + 1 < end && p[1] == '\n') ? 2 : 1;
        }
    }

    l->between = !fields;
}


static uint32_t
dice(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;

    return *seed >> 8;
}


/* most: of a piece; 0: the whole */

static void
read_cut(log_t *l, const uint8_t *p, size_t len, uint32_t *seed, size_t most)
{
    size_t            n;
    mcp_sse_reader_t  rd;

    memset(l, 0, sizeof(log_t));
    mcp_sse_init(&rd);

    while (len != 0) {
        n = (most == 0) ? len : dice(seed) % (most + 1);

        if (n > len) {
            n = len;
        }

        feed(&rd, l, p, n);
        p += n;
        len -= n;
    }

    l->between = mcp_sse_between(&rd);
}


static void
same(const log_t *a, const log_t *b)
{
    CHECK(a->len == b->len);
    CHECK(a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
    CHECK(a->between == b->between);
}


static void
round_trip(const uint8_t *p, size_t len, uint32_t *seed)
{
    log_t         l;
    size_t        i, at;
    unsigned      c;
    mcp_buf_t     b;
    mcp_arena_t  *arena;

    arena = mcp_arena_create();
    CHECK(arena != NULL);

    mcp_buf_init(&b, arena, 0);
    mcp_sse_write(&b, p, len);
    CHECK(!b.failed);

    read_cut(&l, b.data, b.len, seed, 9);
    CHECK(l.between);

    at = 0;

    for (i = 0; i < len; i++) {
        if (p[i] == '\n' && i > 0 && p[i - 1] == '\r') {
            continue;
        }

        CHECK(at + 2 <= l.len);
        c = (p[i] == '\n' || p[i] == '\r') ? 'B' : 'D';
        CHECK(l.data[at] == c);
        CHECK(c == 'B' || l.data[at + 1] == p[i]);
        at += 2;
    }

    CHECK(at + 2 == l.len && l.data[at] == 'E');

    free(l.data);
    mcp_arena_destroy(arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    log_t     whole, other;
    size_t    i;
    uint32_t  seed;

    static const size_t  most[] = { 1, 3, 20, 100 };

    if (size < 4) {
        return 0;
    }

    memcpy(&seed, data, 4);
    data += 4;
    size -= 4;

    read_cut(&whole, data, size, &seed, 0);

    memset(&other, 0, sizeof(other));
    plain(&other, data, size);
    same(&whole, &other);
    free(other.data);

    for (i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        read_cut(&other, data, size, &seed, most[i]);
        same(&whole, &other);
        free(other.data);
    }

    free(whole.data);
    round_trip(data, size, &seed);

    return 0;
}
