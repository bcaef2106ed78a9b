
/* Arenas and the growing buffer. */


#include "core.h"

#include <stdlib.h>


#define MCP_ARENA_BLOCK  16384
#define MCP_ARENA_ALIGN  16


typedef struct mcp_block_s  mcp_block_t;

struct mcp_block_s {
    mcp_block_t          *next;
    unsigned char        *pos;
    unsigned char        *end;
};

/* the header of a block keeps the alignment of what follows */

#define MCP_BLOCK_HEADER                                                      \
    ((sizeof(mcp_block_t) + MCP_ARENA_ALIGN - 1)                              \
     & ~(size_t) (MCP_ARENA_ALIGN - 1))


void *
mcp_calloc(mcp_arena_t *arena, size_t size)
{
    void  *p;

    p = mcp_alloc(arena, size);
    if (p != NULL) {
        memset(p, 0, size);
    }

    return p;
}


unsigned char *
mcp_memdup(mcp_arena_t *arena, const void *data, size_t len)
{
    unsigned char  *p;

    p = mcp_alloc(arena, len + 1);
    if (p == NULL) {
        return NULL;
    }

    if (len != 0) {
        memcpy(p, data, len);
    }

    p[len] = '\0';

    return p;
}


static mcp_block_t *
mcp_block_create(size_t size)
{
    mcp_block_t  *block;

    block = malloc(MCP_BLOCK_HEADER + size);
    if (block == NULL) {
        return NULL;
    }

    block->next = NULL;
    block->pos = (unsigned char *) block + MCP_BLOCK_HEADER;
    block->end = block->pos + size;

    return block;
}


static void *
mcp_arena_malloc(mcp_arena_t *arena, size_t size)
{
    void         *p;
    mcp_block_t  *block, *large;

    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    size = (size + MCP_ARENA_ALIGN - 1) & ~(size_t) (MCP_ARENA_ALIGN - 1);
    block = arena->data;

    if (block != NULL && (size_t) (block->end - block->pos) >= size) {
        p = block->pos;
        block->pos += size;
        return p;
    }

    if (block != NULL && size > MCP_ARENA_BLOCK / 4) {

        /* a block of its own, behind the one in use */

        large = mcp_block_create(size);
        if (large == NULL) {
            return NULL;
        }

        p = large->pos;
        large->pos = large->end;
        large->next = block->next;
        block->next = large;

        return p;
    }

    block = mcp_block_create(size > MCP_ARENA_BLOCK ? size : MCP_ARENA_BLOCK);
    if (block == NULL) {
        return NULL;
    }

    block->next = arena->data;
    arena->data = block;

    p = block->pos;
    block->pos += size;

    return p;
}


mcp_arena_t *
mcp_arena_create(void)
{
    mcp_arena_t  *arena;

    arena = malloc(sizeof(mcp_arena_t));
    if (arena == NULL) {
        return NULL;
    }

    arena->alloc = mcp_arena_malloc;
    arena->data = NULL;

    return arena;
}


void
mcp_arena_destroy(mcp_arena_t *arena)
{
    mcp_block_t  *block, *next;

    for (block = arena->data; block != NULL; block = next) {
        next = block->next;
        free(block);
    }

    free(arena);
}


void
mcp_buf_init(mcp_buf_t *b, mcp_arena_t *arena, size_t size)
{
    memset(b, 0, sizeof(mcp_buf_t));
    b->arena = arena;

    if (size != 0) {
        b->data = mcp_alloc(arena, size);
        if (b->data == NULL) {
            b->failed = 1;
            return;
        }

        b->size = size;
    }
}


static int
mcp_buf_grow(mcp_buf_t *b, size_t len)
{
    size_t          size;
    unsigned char  *data;

    if (len > SIZE_MAX / 4 - b->len
        || (b->max != 0 && b->len + len > b->max))
    {
        b->failed = 1;
        return MCP_NOMEM;
    }

    size = b->size ? b->size * 2 : 256;
    while (size < b->len + len) {
        size *= 2;
    }

    data = mcp_alloc(b->arena, size);
    if (data == NULL) {
        b->failed = 1;
        return MCP_NOMEM;
    }

    if (b->len != 0) {
        memcpy(data, b->data, b->len);
    }

    b->data = data;
    b->size = size;

    return MCP_OK;
}


void
mcp_buf_extend(mcp_buf_t *b, const void *data, size_t len)
{
    if (b->failed || len == 0) {
        return;
    }

    if (b->max != 0 && (len > b->max || b->len > b->max - len)) {
        b->failed = 1;
        return;
    }

    if (b->size - b->len < len && mcp_buf_grow(b, len) != MCP_OK) {
        return;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}


const char  mcp_digits[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


void
mcp_buf_uint(mcp_buf_t *b, uint64_t n)
{
    unsigned char  text[20], *p;

    p = text + sizeof(text);

    while (n >= 100) {
        p -= 2;
        memcpy(p, mcp_digits + 2 * (n % 100), 2);
        n /= 100;
    }

    if (n >= 10) {
        p -= 2;
        memcpy(p, mcp_digits + 2 * n, 2);

    } else {
        *--p = (unsigned char) ('0' + n);
    }

    mcp_buf_append(b, p, (size_t) (text + sizeof(text) - p));
}


/* The letter of a short escape (RFC 8259, section 7), or 0. */

static unsigned char
mcp_buf_short_escape(unsigned char ch)
{
    switch (ch) {

    case '"':
    case '\\':
        return ch;

    case '\n':
        return 'n';

    case '\r':
        return 'r';

    case '\t':
        return 't';

    default:
        return 0;
    }
}


void
mcp_buf_json(mcp_buf_t *b, const void *data, size_t len)
{
    unsigned char         esc[6];
    const unsigned char  *p, *start, *end;

    static const char  hex[] = "0123456789abcdef";

    mcp_buf_append(b, "\"", 1);

    start = data;
    end = start + len;

    for (p = start; p < end; p++) {

        if (*p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f) {
            continue;
        }

        mcp_buf_append(b, start, (size_t) (p - start));
        start = p + 1;

        esc[0] = '\\';
        esc[1] = mcp_buf_short_escape(*p);

        if (esc[1]) {
            mcp_buf_append(b, esc, 2);
            continue;
        }

        memcpy(esc, "\\u00", 4);
        esc[4] = (unsigned char) hex[*p >> 4];
        esc[5] = (unsigned char) hex[*p & 0xf];
        mcp_buf_append(b, esc, 6);
    }

    mcp_buf_append(b, start, (size_t) (end - start));
    mcp_buf_append(b, "\"", 1);
}
