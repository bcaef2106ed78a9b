
/*
 * A cache in memory that processes share, any of which may be killed at any
 * instruction of an edit: it has no links.  Entries lie one behind the other
 * in a ring, where new ones take the place of the oldest, and are found by a
 * table of slots.  Each step leaves a ring that is in order: at worst the new
 * entry, or one that was to go, is not there.
 *
 * One process at a time: the caller has a lock.
 */


#ifndef MCP_RING_H
#define MCP_RING_H


#include "core.h"


#define MCP_RING_WAYS      32        /* slots of a set */
#define MCP_RING_KEY_MAX   64


typedef struct {
    uint64_t              at;        /* of the entry, counted from 1 and never
                                        anew; 0: none */
    uint32_t              tag;       /* of the key */
    uint32_t              len;       /* of the value */
} mcp_ring_slot_t;


typedef struct {
    uint64_t              end;       /* bytes that were ever taken */
    uint64_t              room;      /* bytes of entries */
    uint32_t              key_len;
    uint32_t              sets;
} mcp_ring_t;


/*
 * Makes a ring of "size" bytes of zeroed memory, aligned to 8.  Keys have
 * key_len bytes (8 to MCP_RING_KEY_MAX), of which the first 8 are as good as
 * random; values have len bytes or so.  MCP_ERROR: not one would fit.
 */

int mcp_ring_init(mcp_ring_t *ring, size_t size, size_t key_len, size_t len)
    MCP_MUSTCHECK;

/*
 * The value of a key; NULL: it is not there (any more).  It is the ring's own,
 * aligned to 8, and stands until the next one is put.
 */

const unsigned char *mcp_ring_find(const mcp_ring_t *ring,
    const unsigned char *key, size_t *len);

/*
 * Puts a value of n parts, in place of the one that the key had.
 * MCP_ERROR: it is longer than a quarter of the ring.
 */

int mcp_ring_put(mcp_ring_t *ring, const unsigned char *key,
    const mcp_str_t *part, unsigned n);


#endif /* MCP_RING_H */
