
/*
 * Change notifications: what a client asks to be told, whether there is
 * something to tell it, and the events that do.
 */


#ifndef MCP_LISTEN_H
#define MCP_LISTEN_H


#include "catalog.h"
#include "message.h"


/* Kinds of changes: bits, by list.  Templates change with resources. */

#define MCP_LISTEN_KINDS  3
#define MCP_LISTEN_ALL    ((1 << MCP_LISTEN_KINDS) - 1)

#define MCP_LISTEN_ID_MAX  1024      /* bytes of the id of a subscription,
                                        which goes with all of its events */


/*
 * The kinds that a subscriptions/listen asks for.  Types that are not known
 * here, and resourceSubscriptions, are left out: the client sees that in the
 * acknowledgement.  MCP_OK, MCP_NOMEM, or MCP_ERROR with *fault.
 */

int mcp_listen_filter(const mcp_message_t *m, mcp_arena_t *arena,
    unsigned *kinds, mcp_fault_t *fault) MCP_MUSTCHECK;


/*
 * Events of a stream.  id: JSON text of that of the request that opened it;
 * empty: a legacy client's stream, of GET, which has none.
 */

void mcp_listen_acknowledged(mcp_buf_t *b, const mcp_str_t *id,
    unsigned kinds);

/* digest: of all lists, which the last of the events is then marked with. */

void mcp_listen_changed(mcp_buf_t *b, const mcp_str_t *id, unsigned kinds,
    const uint64_t *digest);

/*
 * Streams of GET can be resumed (MCP 2025-11-25, "Resumability"): the id of an
 * event says what the lists were like then, so that whoever comes back with
 * it is told what has changed meanwhile, without anything having been kept.
 * prime: an event that has nothing but an id.
 * last: reads such an id.  MCP_OK, or MCP_ERROR: it is none.
 */

void mcp_listen_prime(mcp_buf_t *b, const uint64_t *digest);
int mcp_listen_last(const mcp_str_t *text, uint64_t *digest) MCP_MUSTCHECK;

/* The response that ends a subscription properly; nothing for a legacy one. */

void mcp_listen_end(mcp_buf_t *b, const mcp_str_t *id);


/*
 * What a list shows to clients of an era, as a number: another one, another
 * list.  The same key must be used throughout; what was found of an item is
 * kept in it.  kind: MCP_RESOURCES is that of templates, too.
 */

uint64_t mcp_listen_digest(mcp_view_t *view, mcp_list_e kind, mcp_era_e era,
    const uint64_t key[2]);


#endif /* MCP_LISTEN_H */
