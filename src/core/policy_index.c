
/*
 * Patterns, found by what they begin or end with.
 *
 * The bytes at hand are hashed once, from the front and from the back; at
 * every length that some key has, the hash so far is looked up.  Keys are
 * nginx.conf's and never seen by callers, so the hash needs no secret.
 */


#include "policy_index.h"


/* Where the key of a pattern is looked for, and the key's length and hash. */

static unsigned
mcp_index_key(const mcp_pattern_t *p, uint32_t *len, uint64_t *hash)
{
    size_t                n, i;
    uint64_t              h;
    unsigned              table;
    const unsigned char  *s;

    h = MCP_FNV_BASIS;

    if (p->name.prefix == 0 && p->name.suffix != 0) {
        n = p->name.suffix;
        s = p->text.data + p->text.len;

        for (i = 0; i < n; i++) {
            h = mcp_fnv(h, *--s);
        }

        *len = (uint32_t) n;
        *hash = h;

        return MCP_INDEX_TAIL;
    }

    if (p->backend.star) {
        s = p->name.text.data;
        n = p->name.prefix;
        table = MCP_INDEX_NAME;

    } else {
        s = p->text.data;
        n = p->backend.text.len + 1 + p->name.prefix;
        table = MCP_INDEX_WHOLE;
    }

    for (i = 0; i < n; i++) {
        h = mcp_fnv(h, s[i]);
    }

    *len = (uint32_t) n;
    *hash = h;

    return table;
}


static int
mcp_index_table(mcp_index_table_t *t, mcp_arena_t *arena, uint32_t n,
    const unsigned char *lens)
{
    unsigned  i;
    uint32_t  size;

    if (n == 0) {
        return MCP_OK;
    }

    for (size = 4; size < n * 2; size *= 2) { /* void */ }

    t->mask = size - 1;
    t->entry = mcp_alloc(arena, n * sizeof(mcp_index_entry_t));
    t->bucket = mcp_calloc(arena, size * sizeof(uint32_t));

    for (i = 0; i <= MCP_PATTERN_MAX; i++) {
        t->lens += lens[i];
    }

    t->len = mcp_alloc(arena, t->lens * sizeof(uint32_t));

    if (t->entry == NULL || t->bucket == NULL || t->len == NULL) {
        return MCP_NOMEM;
    }

    t->lens = 0;

    for (i = 0; i <= MCP_PATTERN_MAX; i++) {
        if (lens[i]) {
            t->len[t->lens++] = i;
        }
    }

    return MCP_OK;
}


int
mcp_index_build(mcp_index_t *index, mcp_arena_t *arena,
    const mcp_policy_pattern_t **pattern, unsigned n)
{
    unsigned            i, k;
    uint32_t            len, *bucket, count[MCP_INDEX_TABLES];
    uint64_t            hash;
    unsigned char       lens[MCP_INDEX_TABLES][MCP_PATTERN_MAX + 1];
    mcp_index_table_t  *t;
    mcp_index_entry_t  *e;

    memset(index, 0, sizeof(mcp_index_t));

    if (n == 0) {
        return MCP_OK;
    }

    memset(count, 0, sizeof(count));
    memset(lens, 0, sizeof(lens));

    for (i = 0; i < n; i++) {
        k = mcp_index_key(&pattern[i]->pattern, &len, &hash);
        count[k]++;
        lens[k][len] = 1;
    }

    for (k = 0; k < MCP_INDEX_TABLES; k++) {
        if (mcp_index_table(&index->table[k], arena, count[k], lens[k])
            != MCP_OK)
        {
            return MCP_NOMEM;
        }
    }

    for (i = 0; i < n; i++) {
        k = mcp_index_key(&pattern[i]->pattern, &len, &hash);
        t = &index->table[k];

        e = &t->entry[t->n++];
        bucket = &t->bucket[hash & t->mask];

        e->hash = hash;
        e->pattern = pattern[i];
        e->next = *bucket;
        *bucket = t->n;
    }

    return MCP_OK;
}


typedef struct {
    const mcp_str_t             *backend;
    const mcp_str_t             *name;
    mcp_index_pt                 found;
    void                        *data;
} mcp_index_query_t;


static void
mcp_index_probe(const mcp_index_table_t *t, uint64_t hash,
    const mcp_index_query_t *q)
{
    uint32_t                  i;
    const mcp_index_entry_t  *e;

    for (i = t->bucket[hash & t->mask]; i != 0; i = e->next) {
        e = &t->entry[i - 1];

        if (e->hash == hash
            && mcp_pattern_match(&e->pattern->pattern, q->backend, q->name))
        {
            q->found(q->data, e->pattern);
        }
    }
}


/* Keys that the bytes begin with (step -1: end with), after "done" others. */

static void
mcp_index_scan(const mcp_index_table_t *t, uint64_t h, size_t done,
    const unsigned char *p, size_t len, int step, const mcp_index_query_t *q)
{
    size_t    at;
    unsigned  i;

    at = done;

    for (i = 0; i < t->lens; i++) {

        if (t->len[i] > done + len) {
            return;
        }

        if (t->len[i] < done) {
            continue;
        }

        for ( /* void */ ; at < t->len[i]; at++) {
            h = mcp_fnv(h, *p);
            p += step;
        }

        mcp_index_probe(t, h, q);
    }
}


void
mcp_index_find(const mcp_index_t *index, const mcp_str_t *backend,
    const mcp_str_t *name, mcp_index_pt found, void *data)
{
    size_t                    i;
    uint64_t                  h;
    mcp_index_query_t         q;
    const mcp_index_table_t  *t;

    q.backend = backend;
    q.name = name;
    q.found = found;
    q.data = data;

    t = &index->table[MCP_INDEX_WHOLE];

    if (t->n != 0) {
        h = MCP_FNV_BASIS;

        for (i = 0; i < backend->len; i++) {
            h = mcp_fnv(h, backend->data[i]);
        }

        h = mcp_fnv(h, '/');

        mcp_index_scan(t, h, backend->len + 1, name->data, name->len, 1, &q);
    }

    t = &index->table[MCP_INDEX_NAME];

    if (t->n != 0) {
        mcp_index_scan(t, MCP_FNV_BASIS, 0, name->data, name->len, 1, &q);
    }

    t = &index->table[MCP_INDEX_TAIL];

    if (t->n != 0 && name->len != 0) {
        mcp_index_scan(t, MCP_FNV_BASIS, 0, name->data + name->len - 1,
                       name->len, -1, &q);
    }
}
