
/*
 * What every part of src/core shares: strings, arenas, a growing buffer.
 *
 * src/core is the protocol in plain C.  It does no I/O, reads no clock and
 * keeps no globals; what it allocates comes from an arena of the caller's and
 * lives as long as that arena.
 */


#ifndef MCP_CORE_H
#define MCP_CORE_H


#include <stddef.h>
#include <stdint.h>
#include <string.h>


#define MCP_OK        0
#define MCP_ERROR    -1          /* the input is wrong */
#define MCP_AGAIN    -2          /* more input is needed */
#define MCP_DONE     -3          /* the input has come to its proper end */
#define MCP_NOMEM    -4          /* the arena has no memory left */
#define MCP_NONE     -5          /* there is no such thing */


#define MCP_MUSTCHECK  __attribute__((warn_unused_result))


/* Bytes and their number; never NUL-terminated unless said so. */

typedef struct {
    size_t                len;
    unsigned char        *data;
} mcp_str_t;


#define mcp_string(s)     { sizeof(s) - 1, (unsigned char *) (s) }
#define mcp_null_string   { 0, NULL }

#define mcp_str_set(str, s)                                                   \
    (str)->len = sizeof(s) - 1; (str)->data = (unsigned char *) (s)

#define mcp_str_is(str, s)                                                    \
    ((str)->len == sizeof(s) - 1                                              \
     && memcmp((str)->data, s, sizeof(s) - 1) == 0)


/*
 * alloc() returns memory aligned for any type, or NULL.  Nothing is freed by
 * itself: the owner of the arena frees all of it at once.
 */

typedef struct mcp_arena_s  mcp_arena_t;

struct mcp_arena_s {
    void               *(*alloc)(mcp_arena_t *arena, size_t size);
    void                 *data;
};


/*
 * memcmp() == 0 for what is mostly short: names of a few bytes, of which many
 * are compared for each call.
 */

static inline int
mcp_equal(const void *a, const void *b, size_t len)
{
    uint32_t              u, v;
    uint64_t              x, y;
    const unsigned char  *p, *q;

    p = a;
    q = b;

    if (len >= sizeof(x)) {

        for ( /* void */ ; len > sizeof(x); len -= sizeof(x)) {
            memcpy(&x, p, sizeof(x));
            memcpy(&y, q, sizeof(y));

            if (x != y) {
                return 0;
            }

            p += sizeof(x);
            q += sizeof(x);
        }

        memcpy(&x, p + len - sizeof(x), sizeof(x));
        memcpy(&y, q + len - sizeof(y), sizeof(y));

        return x == y;
    }

    if (len >= sizeof(u)) {
        memcpy(&u, p, sizeof(u));
        memcpy(&v, q, sizeof(v));
        x = u ^ v;
        memcpy(&u, p + len - sizeof(u), sizeof(u));
        memcpy(&v, q + len - sizeof(v), sizeof(v));

        return (x | (u ^ v)) == 0;
    }

    while (len != 0) {
        len--;

        if (p[len] != q[len]) {
            return 0;
        }
    }

    return 1;
}


static inline void *
mcp_alloc(mcp_arena_t *arena, size_t size)
{
    return arena->alloc(arena, size);
}


void *mcp_calloc(mcp_arena_t *arena, size_t size);

/* A copy of len bytes with a NUL behind them (not counted); NULL: no memory. */

unsigned char *mcp_memdup(mcp_arena_t *arena, const void *data, size_t len);


/*
 * An arena over malloc(), for programs and tests.  NULL: no memory.
 * mcp_arena_destroy() frees it with all that came from it.
 */

mcp_arena_t *mcp_arena_create(void);
void mcp_arena_destroy(mcp_arena_t *arena);


/*
 * A buffer that grows in an arena.  Appending never fails visibly: once the
 * arena is out of memory, or max would be passed, "failed" is set and all that
 * follows is ignored, so that a caller checks once, at the end.
 */

typedef struct {
    unsigned char        *data;
    size_t                len;
    size_t                size;
    size_t                max;       /* the most bytes it may hold; 0: any */
    mcp_arena_t          *arena;
    unsigned              failed:1;
} mcp_buf_t;


void mcp_buf_init(mcp_buf_t *b, mcp_arena_t *arena, size_t size);
void mcp_buf_extend(mcp_buf_t *b, const void *data, size_t len);
void mcp_buf_uint(mcp_buf_t *b, uint64_t n);


/* "00", "01" ... "99", one after the other */

extern const char  mcp_digits[];


static inline void
mcp_buf_append(mcp_buf_t *b, const void *data, size_t len)
{
    if (len == 0) {
        return;
    }

    if (len > b->size - b->len || b->max != 0 || b->failed) {
        mcp_buf_extend(b, data, len);
        return;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}


/* A JSON string: the bytes (valid UTF-8) quoted and escaped. */

void mcp_buf_json(mcp_buf_t *b, const void *data, size_t len);

#define mcp_buf_str(b, s)      mcp_buf_append(b, (s)->data, (s)->len)
#define mcp_buf_literal(b, s)  mcp_buf_append(b, s, sizeof(s) - 1)


#endif /* MCP_CORE_H */
