
/* An arena over another one that runs out of memory when it is told to. */


#ifndef T_OOM_H
#define T_OOM_H


#include "core.h"


typedef struct {
    mcp_arena_t           arena;
    mcp_arena_t          *from;
    unsigned              left;            /* allocations until it fails */
    unsigned              made;
} oom_arena_t;


static inline void *
oom_alloc(mcp_arena_t *arena, size_t size)
{
    oom_arena_t  *oom;

    oom = arena->data;

    if (oom->left == 0) {
        return NULL;
    }

    oom->left--;
    oom->made++;

    return oom->from->alloc(oom->from, size);
}


static inline void
oom_init(oom_arena_t *oom, mcp_arena_t *from, unsigned left)
{
    oom->arena.alloc = oom_alloc;
    oom->arena.data = oom;
    oom->from = from;
    oom->left = left;
    oom->made = 0;
}


#endif /* T_OOM_H */
