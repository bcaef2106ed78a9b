
/* Hash tables, randomness, and memory that is used again and again. */


#include "bridge.h"

#include <stdlib.h>
#include <sys/random.h>


static uint64_t  mb_secret[2];


/* --- hash tables ---------------------------------------------------------- */


static int
mb_map_grow(mb_map_t *map)
{
    size_t       i, size;
    mb_node_t  **bucket, *node, *next;

    size = map->size ? map->size * 2 : 16;

    bucket = calloc(size, sizeof(mb_node_t *));
    if (bucket == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < map->size; i++) {
        for (node = map->bucket[i]; node; node = next) {
            next = node->next;
            node->next = bucket[node->hash & (size - 1)];
            bucket[node->hash & (size - 1)] = node;
        }
    }

    free(map->bucket);
    map->bucket = bucket;
    map->size = size;

    return MCP_OK;
}


int
mb_map_insert(mb_map_t *map, mb_node_t *node)
{
    mb_node_t  **bucket;

    /* a table that cannot grow still works */

    if (map->count >= map->size && mb_map_grow(map) != MCP_OK
        && map->size == 0)
    {
        return MCP_NOMEM;
    }

    bucket = &map->bucket[node->hash & (map->size - 1)];
    node->next = *bucket;
    *bucket = node;
    map->count++;

    return MCP_OK;
}


void
mb_map_remove(mb_map_t *map, mb_node_t *node)
{
    mb_node_t  **p;

    for (p = &map->bucket[node->hash & (map->size - 1)]; *p; p = &(*p)->next) {
        if (*p == node) {
            *p = node->next;
            map->count--;
            return;
        }
    }
}


void
mb_map_free(mb_map_t *map)
{
    free(map->bucket);
    memset(map, 0, sizeof(mb_map_t));
}


mb_node_t *
mb_map_first(const mb_map_t *map, uint64_t hash)
{
    mb_node_t  *node;

    if (map->size == 0) {
        return NULL;
    }

    for (node = map->bucket[hash & (map->size - 1)]; node; node = node->next) {
        if (node->hash == hash) {
            return node;
        }
    }

    return NULL;
}


mb_node_t *
mb_map_next(const mb_node_t *node)
{
    uint64_t    hash;
    mb_node_t  *next;

    hash = node->hash;

    for (next = node->next; next; next = next->next) {
        if (next->hash == hash) {
            return next;
        }
    }

    return NULL;
}


/* --- randomness ----------------------------------------------------------- */


int
mb_random(void *data, size_t len)
{
    return getrandom(data, len, 0) == (ssize_t) len ? MCP_OK : MCP_ERROR;
}


int
mb_hash_init(void)
{
    return mb_random(mb_secret, sizeof(mb_secret));
}


static uint64_t
mb_mix(uint64_t a, uint64_t b)
{
    unsigned __int128  m;

    m = (unsigned __int128) (a ^ mb_secret[0]) * (b ^ mb_secret[1]);

    return (uint64_t) m ^ (uint64_t) (m >> 64);
}


uint64_t
mb_hash(uint64_t seed, const void *data, size_t len)
{
    uint64_t              h, word;
    const unsigned char  *p;

    h = mb_mix(seed, len + 1);

    for (p = data; len >= 8; p += 8, len -= 8) {
        memcpy(&word, p, 8);
        h = mb_mix(h, word);
    }

    if (len) {
        word = 0;
        memcpy(&word, p, len);
        h = mb_mix(h, word);
    }

    return mb_mix(h, h >> 32);
}


/* --- memory for one message ----------------------------------------------- */


#define MB_SCRATCH  (256 * 1024)

typedef struct mb_block_s  mb_block_t;

struct mb_block_s {
    mb_block_t           *next;
};


static struct {
    mcp_arena_t           arena;
    unsigned char        *first;
    size_t                used;
    mb_block_t           *blocks;    /* what did not fit into the first */
} mb_memory;


static void *
mb_scratch_alloc(mcp_arena_t *arena, size_t size)
{
    void        *p;
    mb_block_t  *block;

    if (size > SIZE_MAX - 32) {
        return NULL;
    }

    size = (size + 15) & ~(size_t) 15;

    if (size <= MB_SCRATCH - mb_memory.used) {
        p = mb_memory.first + mb_memory.used;
        mb_memory.used += size;
        return p;
    }

    block = malloc(size + 16);
    if (block == NULL) {
        return NULL;
    }

    block->next = mb_memory.blocks;
    mb_memory.blocks = block;

    return (unsigned char *) block + 16;
}


mcp_arena_t *
mb_scratch(void)
{
    mb_block_t  *block;

    if (mb_memory.first == NULL) {
        mb_memory.first = malloc(MB_SCRATCH);
        mb_memory.arena.alloc = mb_scratch_alloc;
        mb_memory.used = MB_SCRATCH;
    }

    while (mb_memory.blocks) {
        block = mb_memory.blocks;
        mb_memory.blocks = block->next;
        free(block);
    }

    if (mb_memory.first != NULL) {
        mb_memory.used = 0;
    }

    return &mb_memory.arena;
}


mcp_arena_t *
mb_scratch_more(void)
{
    return &mb_memory.arena;
}


void
mb_scratch_free(void)
{
    (void) mb_scratch();
    free(mb_memory.first);
    mb_memory.first = NULL;
}
