
/* A ring of entries that survives its writers. */


#include "ring.h"


#define mcp_ring_align(n)  (((n) + 7) & ~(uint64_t) 7)

/* The compiler keeps the order; what a process had stored stays, it or not. */

#define mcp_ring_step()    __atomic_thread_fence(__ATOMIC_RELEASE)


static mcp_ring_slot_t *
ring_slots(const mcp_ring_t *ring)
{
    return (mcp_ring_slot_t *) (uintptr_t) (ring + 1);
}


static unsigned char *
ring_entry(const mcp_ring_t *ring, uint64_t at)
{
    return (unsigned char *) (ring_slots(ring)
                              + (size_t) ring->sets * MCP_RING_WAYS)
           + (at - 1) % ring->room;
}


int
mcp_ring_init(mcp_ring_t *ring, size_t size, size_t key_len, size_t len)
{
    size_t    n;
    uint64_t  entry, slots;

    if (key_len < 8 || key_len > MCP_RING_KEY_MAX
        || size < sizeof(mcp_ring_t))
    {
        return MCP_ERROR;
    }

    /* twice the slots: sets are not equally full */

    entry = mcp_ring_align(key_len) + mcp_ring_align(len);
    n = (size - sizeof(mcp_ring_t)) / (entry + 2 * sizeof(mcp_ring_slot_t));

    ring->sets = (uint32_t) (2 * n / MCP_RING_WAYS);

    if (ring->sets == 0) {
        ring->sets = 1;
    }

    slots = (uint64_t) ring->sets * MCP_RING_WAYS * sizeof(mcp_ring_slot_t);

    if (size < sizeof(mcp_ring_t) + slots + 4 * entry) {
        return MCP_ERROR;
    }

    ring->end = 0;
    ring->key_len = (uint32_t) key_len;
    ring->room = (size - sizeof(mcp_ring_t) - slots) & ~(uint64_t) 7;

    return MCP_OK;
}


static mcp_ring_slot_t *
ring_set(const mcp_ring_t *ring, const unsigned char *key, uint32_t *tag)
{
    uint64_t  h;

    memcpy(&h, key, 8);
    *tag = (uint32_t) (h >> 32);

    return ring_slots(ring) + (h & 0xffffffff) % ring->sets * MCP_RING_WAYS;
}


/* Nothing has been written over the entry, nor was to be. */

static int
ring_alive(const mcp_ring_t *ring, const mcp_ring_slot_t *slot)
{
    return slot->at != 0 && slot->at - 1 + ring->room >= ring->end;
}


static mcp_ring_slot_t *
ring_slot(const mcp_ring_t *ring, const unsigned char *key)
{
    unsigned          i;
    uint32_t          tag;
    mcp_ring_slot_t  *slot;

    slot = ring_set(ring, key, &tag);

    for (i = 0; i < MCP_RING_WAYS; i++, slot++) {

        if (slot->tag == tag && ring_alive(ring, slot)
            && memcmp(ring_entry(ring, slot->at), key, ring->key_len) == 0)
        {
            return slot;
        }
    }

    return NULL;
}


const unsigned char *
mcp_ring_find(const mcp_ring_t *ring, const unsigned char *key, size_t *len)
{
    mcp_ring_slot_t  *slot;

    slot = ring_slot(ring, key);

    if (slot == NULL) {
        return NULL;
    }

    *len = slot->len;

    return ring_entry(ring, slot->at) + mcp_ring_align(ring->key_len);
}


/* The one of its set that is no loss, or the least: the oldest. */

static mcp_ring_slot_t *
ring_victim(const mcp_ring_t *ring, const unsigned char *key)
{
    unsigned          i;
    uint32_t          tag;
    mcp_ring_slot_t  *slot, *victim;

    slot = ring_set(ring, key, &tag);
    victim = slot;

    for (i = 0; i < MCP_RING_WAYS; i++) {

        if (slot[i].at < victim->at) {
            victim = &slot[i];
        }
    }

    return victim;
}


int
mcp_ring_put(mcp_ring_t *ring, const unsigned char *key,
    const mcp_str_t *part, unsigned n)
{
    size_t            len;
    uint32_t          tag;
    uint64_t          at, size;
    unsigned          i;
    unsigned char    *p;
    mcp_ring_slot_t  *slot;

    len = 0;

    for (i = 0; i < n; i++) {
        len += part[i].len;
    }

    size = mcp_ring_align(ring->key_len) + mcp_ring_align(len);

    if (len > UINT32_MAX || size > ring->room / 4) {
        return MCP_ERROR;
    }

    slot = ring_slot(ring, key);

    if (slot == NULL) {
        slot = ring_victim(ring, key);
    }

    /* an entry does not lie across the end */

    at = ring->end;

    if (at % ring->room + size > ring->room) {
        at += ring->room - at % ring->room;
    }

    /* from here on what will be written over is gone */

    ring->end = at + size;
    mcp_ring_step();

    p = ring_entry(ring, at + 1);
    memcpy(p, key, ring->key_len);
    p += mcp_ring_align(ring->key_len);

    for (i = 0; i < n; i++) {

        if (part[i].len != 0) {
            memcpy(p, part[i].data, part[i].len);
            p += part[i].len;
        }
    }

    slot->at = 0;
    mcp_ring_step();

    (void) ring_set(ring, key, &tag);
    slot->tag = tag;
    slot->len = (uint32_t) len;
    mcp_ring_step();

    slot->at = at + 1;

    return MCP_OK;
}
