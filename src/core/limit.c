
/* Rate limits. */


#include "limit.h"


int
mcp_limit_init(mcp_limit_t *limit, uint64_t calls, uint64_t period,
    uint64_t burst)
{
    memset(limit, 0, sizeof(mcp_limit_t));

    if (calls == 0 || calls > MCP_LIMIT_CALLS || period == 0 || period > 3600
        || burst == 0 || burst > MCP_LIMIT_BURST)
    {
        return MCP_ERROR;
    }

    /* rounded up: never more than the rate */

    limit->interval = (period * MCP_LIMIT_SECOND + calls - 1) / calls;
    limit->depth = limit->interval * burst;

    return MCP_OK;
}


int
mcp_limit_take(const mcp_limit_t *limit, uint64_t *tat, uint64_t now,
    uint64_t *wait)
{
    uint64_t  debt;

    debt = (*tat > now) ? *tat - now : 0;

    /* a bucket of a limit that was larger before a reload */

    if (debt > limit->depth) {
        debt = limit->depth;
    }

    debt += limit->interval;

    if (debt > limit->depth) {
        *wait = debt - limit->depth;
        return MCP_AGAIN;
    }

    *tat = now + debt;
    *wait = 0;

    return MCP_OK;
}


/* --- the table ----------------------------------------------------------- */


size_t
mcp_limit_table_size(size_t size)
{
    size_t  n, sets;

    if (size < sizeof(mcp_limit_table_t) + sizeof(mcp_limit_set_t)) {
        return 0;
    }

    n = (size - sizeof(mcp_limit_table_t)) / sizeof(mcp_limit_set_t);

    for (sets = 1; sets <= n / 2; sets *= 2) { /* void */ }

    return sizeof(mcp_limit_table_t) + sets * sizeof(mcp_limit_set_t);
}


void
mcp_limit_table_init(mcp_limit_table_t *table, size_t size)
{
    table->mask = (size - sizeof(mcp_limit_table_t)) / sizeof(mcp_limit_set_t)
                  - 1;
}


/*
 * The keys of a set change under the lock only, and after its tat: whoever
 * looks without the lock and finds the tat as it was has the bucket of its
 * key.
 */

static int
mcp_limit_bucket_take(uint64_t *bucket, const mcp_limit_t *limit,
    uint64_t now, uint64_t *wait)
{
    uint64_t  tat, old;

    old = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);

    for ( ;; ) {
        tat = old;

        if (mcp_limit_take(limit, &tat, now, wait) != MCP_OK) {
            return MCP_AGAIN;
        }

        if (__atomic_compare_exchange_n(bucket, &old, tat, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        {
            return MCP_OK;
        }
    }
}


int
mcp_limit_table_take(mcp_limit_table_t *table, const mcp_limit_t *limit,
    uint64_t key, uint64_t now, uint64_t *wait)
{
    unsigned          i;
    uint64_t          tat, old;
    mcp_limit_set_t  *set;

    key |= (key == 0);
    set = &table->set[key & table->mask];

    for (i = 0; i < MCP_LIMIT_WAYS; i++) {

        if (__atomic_load_n(&set->key[i], __ATOMIC_ACQUIRE) != key) {
            continue;
        }

        old = __atomic_load_n(&set->tat[i], __ATOMIC_ACQUIRE);

        /* once more, lest it is another's by now */

        while (__atomic_load_n(&set->key[i], __ATOMIC_ACQUIRE) == key) {
            tat = old;

            if (mcp_limit_take(limit, &tat, now, wait) != MCP_OK) {
                return MCP_AGAIN;
            }

            if (__atomic_compare_exchange_n(&set->tat[i], &old, tat, 0,
                                            __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
            {
                return MCP_OK;
            }
        }
    }

    return MCP_NONE;
}


/* No room for a bucket of its own. */

static int
mcp_limit_table_share(mcp_limit_table_t *table, const mcp_limit_t *limit,
    uint64_t now, uint64_t *wait)
{
    unsigned  i;

    table->crowded++;

    for (i = 0; i < MCP_LIMIT_SHARED; i++) {
        if (table->shared_id[i] == limit->id && table->shared_tat[i] != 0) {
            return mcp_limit_bucket_take(&table->shared_tat[i], limit, now,
                                         wait);
        }
    }

    for (i = 0; i < MCP_LIMIT_SHARED; i++) {
        if (table->shared_tat[i] <= now) {
            table->shared_tat[i] = 0;
            table->shared_id[i] = limit->id;
            return mcp_limit_bucket_take(&table->shared_tat[i], limit, now,
                                         wait);
        }
    }

    *wait = limit->interval;

    return MCP_AGAIN;
}


int
mcp_limit_table_add(mcp_limit_table_t *table, const mcp_limit_t *limit,
    uint64_t key, uint64_t now, uint64_t *wait)
{
    int               rc;
    unsigned          i, n;
    uint64_t          tat, fresh, least;
    mcp_limit_set_t  *set;

    rc = mcp_limit_table_take(table, limit, key, now, wait);
    if (rc != MCP_NONE) {
        return rc;
    }

    key |= (key == 0);
    set = &table->set[key & table->mask];

    for ( ;; ) {
        n = MCP_LIMIT_WAYS;
        least = now + 1;

        for (i = 0; i < MCP_LIMIT_WAYS; i++) {
            tat = __atomic_load_n(&set->tat[i], __ATOMIC_ACQUIRE);

            if (tat < least) {
                least = tat;
                n = i;
            }
        }

        if (n == MCP_LIMIT_WAYS) {
            return mcp_limit_table_share(table, limit, now, wait);
        }

        fresh = 0;

        if (mcp_limit_take(limit, &fresh, now, wait) != MCP_OK) {
            return MCP_AGAIN;
        }

        /* its owner may just have come back */

        if (__atomic_compare_exchange_n(&set->tat[n], &least, fresh, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        {
            break;
        }
    }

    table->evicted += (set->key[n] != 0);
    __atomic_store_n(&set->key[n], key, __ATOMIC_RELEASE);

    return MCP_OK;
}
