
/*
 * Tokens that this worker has verified.  A token is found by its last bytes,
 * which are of its signature and so as good as random, and compared whole:
 * that costs a tenth of a digest over it.
 */


#include "ngx_http_mcp_auth.h"


#define NGX_HTTP_MCP_ENTRIES  512        /* that a worker remembers */
#define NGX_HTTP_MCP_BUCKETS  1024


static ngx_http_mcp_entry_t  *ngx_http_mcp_entries[NGX_HTTP_MCP_BUCKETS];
static ngx_queue_t            ngx_http_mcp_entry_queue;
static ngx_uint_t             ngx_http_mcp_nentries;
static volatile ngx_cycle_t  *ngx_http_mcp_entry_cycle;


static uint32_t
ngx_http_mcp_entry_hash(ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text)
{
    uint64_t  tail;

    tail = 0;

    if (text->len >= sizeof(uint64_t) + 2) {

        /* the very last may have few bits in it */

        ngx_memcpy(&tail, text->data + text->len - sizeof(uint64_t) - 2,
                   sizeof(uint64_t));
    }

    tail ^= (uintptr_t) alcf >> 4;
    tail *= 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (tail >> 32);
}


/* In a time that does not tell how much of it was right. */

static ngx_uint_t
ngx_http_mcp_entry_same(const u_char *a, const u_char *b, size_t len)
{
    size_t    i;
    uint64_t  x, y, diff;

    diff = 0;

    for (i = 0; i + sizeof(uint64_t) <= len; i += sizeof(uint64_t)) {
        ngx_memcpy(&x, a + i, sizeof(uint64_t));
        ngx_memcpy(&y, b + i, sizeof(uint64_t));
        diff |= x ^ y;
    }

    for ( /* void */ ; i < len; i++) {
        diff |= a[i] ^ b[i];
    }

    return diff == 0;
}


static void
ngx_http_mcp_entry_forget(ngx_http_mcp_entry_t *entry)
{
    ngx_http_mcp_entry_t  **ep;

    ep = &ngx_http_mcp_entries[entry->hash % NGX_HTTP_MCP_BUCKETS];

    while (*ep != entry) {
        ep = &(*ep)->next;
    }

    *ep = entry->next;

    ngx_queue_remove(&entry->queue);
    ngx_http_mcp_nentries--;

    entry->linked = 0;
    ngx_http_mcp_entry_release(entry);
}


static void
ngx_http_mcp_entries_flush(void)
{
    ngx_queue_t  *q;

    while (ngx_http_mcp_nentries) {
        q = ngx_queue_last(&ngx_http_mcp_entry_queue);
        ngx_http_mcp_entry_forget(ngx_queue_data(q, ngx_http_mcp_entry_t,
                                                 queue));
    }
}


ngx_uint_t
ngx_http_mcp_entry_key(ngx_http_mcp_entry_t *entry)
{
    const mcp_jwk_t   *key;
    const mcp_jwks_t  *set;

    set = ngx_http_mcp_keys(entry->source);
    key = set ? mcp_jwks_find(set, entry->key) : NULL;

    return key != NULL && (key->algs & entry->alg);
}


ngx_http_mcp_entry_t *
ngx_http_mcp_entry_find(ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text)
{
    uint32_t               hash;
    ngx_http_mcp_entry_t  *entry;

    if (ngx_http_mcp_entry_cycle != ngx_cycle) {

        /* without a master the locations of another cycle may lie here */

        ngx_http_mcp_entries_flush();
        ngx_http_mcp_entry_cycle = ngx_cycle;
    }

    hash = ngx_http_mcp_entry_hash(alcf, text);

    for (entry = ngx_http_mcp_entries[hash % NGX_HTTP_MCP_BUCKETS];
         entry;
         entry = entry->next)
    {
        if (entry->hash == hash
            && entry->conf == alcf
            && entry->text.len == text->len
            && ngx_http_mcp_entry_same(entry->text.data, text->data,
                                       text->len))
        {
            break;
        }
    }

    if (entry == NULL) {
        return NULL;
    }

    if (!ngx_http_mcp_entry_key(entry)) {
        ngx_http_mcp_entry_forget(entry);
        return NULL;
    }

    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_head(&ngx_http_mcp_entry_queue, &entry->queue);

    entry->refs++;

    return entry;
}


ngx_http_mcp_entry_t *
ngx_http_mcp_entry_create(ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text,
    ngx_log_t *log)
{
    ngx_pool_t            *pool;
    ngx_http_mcp_entry_t  *entry;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    entry = ngx_pcalloc(pool, sizeof(ngx_http_mcp_entry_t));

    if (entry == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    entry->pool = pool;
    entry->refs = 1;
    entry->conf = alcf;
    entry->hash = ngx_http_mcp_entry_hash(alcf, text);
    entry->text.len = text->len;
    entry->text.data = ngx_pstrdup(pool, text);

    if (entry->text.data == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_http_mcp_arena_init(&entry->token.arena, pool);

    return entry;
}


void
ngx_http_mcp_entry_remember(ngx_http_mcp_entry_t *entry)
{
    ngx_queue_t            *q;
    ngx_http_mcp_entry_t  **bucket;

    if (ngx_http_mcp_nentries == 0) {
        ngx_queue_init(&ngx_http_mcp_entry_queue);
    }

    if (ngx_http_mcp_nentries == NGX_HTTP_MCP_ENTRIES) {
        q = ngx_queue_last(&ngx_http_mcp_entry_queue);
        ngx_http_mcp_entry_forget(ngx_queue_data(q, ngx_http_mcp_entry_t,
                                                 queue));
    }

    bucket = &ngx_http_mcp_entries[entry->hash % NGX_HTTP_MCP_BUCKETS];

    entry->next = *bucket;
    *bucket = entry;

    ngx_queue_insert_head(&ngx_http_mcp_entry_queue, &entry->queue);
    ngx_http_mcp_nentries++;

    entry->linked = 1;
    entry->refs++;
}


void
ngx_http_mcp_entry_release(ngx_http_mcp_entry_t *entry)
{
    if (--entry->refs == 0) {
        ngx_destroy_pool(entry->pool);
    }
}
