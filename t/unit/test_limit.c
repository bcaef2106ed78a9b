
/* Rate limits: never more than they say, and the wait they name suffices. */


#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "limit.h"


#define SECOND  MCP_LIMIT_SECOND


static uint64_t  seed = 1;


static uint64_t
next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}


static mcp_limit_table_t *
make(size_t room)
{
    size_t              size;
    mcp_limit_table_t  *table;

    size = mcp_limit_table_size(room);
    assert_true(size != 0 && size <= room);

    table = calloc(1, size);
    assert_non_null(table);
    mcp_limit_table_init(table, size);

    return table;
}


static void
bounds(void **state)
{
    mcp_limit_t  l;

    assert_int_equal(mcp_limit_init(&l, 0, 1, 1), MCP_ERROR);
    assert_int_equal(mcp_limit_init(&l, 1, 0, 1), MCP_ERROR);
    assert_int_equal(mcp_limit_init(&l, 1, 3601, 1), MCP_ERROR);
    assert_int_equal(mcp_limit_init(&l, 1, 1, 0), MCP_ERROR);
    assert_int_equal(mcp_limit_init(&l, MCP_LIMIT_CALLS + 1, 1, 1), MCP_ERROR);
    assert_int_equal(mcp_limit_init(&l, 1, 1, MCP_LIMIT_BURST + 1), MCP_ERROR);

    /* the largest that there is does not overflow */

    assert_int_equal(mcp_limit_init(&l, 1, 3600, MCP_LIMIT_BURST), MCP_OK);
    assert_true(l.depth / MCP_LIMIT_BURST == l.interval);
    assert_int_equal(mcp_limit_init(&l, MCP_LIMIT_CALLS, 1, 1), MCP_OK);
    assert_int_equal(l.interval, 1000);
}


static void
burst(void **state)
{
    unsigned     i;
    uint64_t     tat, now, wait;
    mcp_limit_t  l;

    assert_int_equal(mcp_limit_init(&l, 5, 60, 3), MCP_OK);

    now = 1000 * SECOND;
    tat = 0;

    for (i = 0; i < 3; i++) {
        assert_int_equal(mcp_limit_take(&l, &tat, now, &wait), MCP_OK);
        assert_int_equal(wait, 0);
    }

    assert_int_equal(mcp_limit_take(&l, &tat, now, &wait), MCP_AGAIN);
    assert_int_equal(wait, 12 * SECOND);

    /* a nanosecond too early; who was refused pays nothing */

    assert_int_equal(mcp_limit_take(&l, &tat, now + wait - 1, &wait),
                     MCP_AGAIN);
    assert_int_equal(wait, 1);
    assert_int_equal(mcp_limit_take(&l, &tat, now + 12 * SECOND, &wait),
                     MCP_OK);
    assert_int_equal(mcp_limit_take(&l, &tat, now + 12 * SECOND, &wait),
                     MCP_AGAIN);

    /* however long it lies idle, it holds no more than the burst */

    now += 100000 * SECOND;

    for (i = 0; i < 3; i++) {
        assert_int_equal(mcp_limit_take(&l, &tat, now, &wait), MCP_OK);
    }

    assert_int_equal(mcp_limit_take(&l, &tat, now, &wait), MCP_AGAIN);
}


/* A bucket from before a reload, when the limit was another. */

static void
smaller(void **state)
{
    uint64_t     tat, now, wait;
    mcp_limit_t  large, small;

    assert_int_equal(mcp_limit_init(&large, 1, 3600, 1000), MCP_OK);
    assert_int_equal(mcp_limit_init(&small, 1, 1, 1), MCP_OK);

    now = SECOND;
    tat = 0;

    while (mcp_limit_take(&large, &tat, now, &wait) == MCP_OK) { /* void */ }

    assert_int_equal(mcp_limit_take(&small, &tat, now, &wait), MCP_AGAIN);
    assert_true(wait <= small.interval);
}


/*
 * Against what a limit means: in no window of time t pass more than
 * burst + rate * t, and a call that had to wait passes just then.
 */

static void
model(void **state)
{
    double        rate;
    unsigned      i, n, round, from;
    uint64_t      tat, now, wait, *passed;
    mcp_limit_t   l;

    static const unsigned  calls[] = { 1, 5, 7, 60, 1000, 999983 };
    static const unsigned  period[] = { 1, 60, 3600 };

    passed = malloc(20000 * sizeof(uint64_t));
    assert_non_null(passed);

    for (round = 0; round < 60; round++) {
        unsigned  c = calls[round % 6], p = period[round % 3];
        unsigned  b = 1 + (unsigned) (next() % 20);

        assert_int_equal(mcp_limit_init(&l, c, p, b), MCP_OK);

        now = next() % (1000 * SECOND);
        tat = 0;
        n = 0;

        for (i = 0; i < 20000; i++) {

            now += next() % (l.interval * (1 + next() % 4) / 2 + 1);

            if (mcp_limit_take(&l, &tat, now, &wait) == MCP_OK) {
                passed[n++] = now;
                continue;
            }

            assert_true(wait > 0 && wait <= l.interval);

            if (next() % 8 == 0) {
                now += wait;
                assert_int_equal(mcp_limit_take(&l, &tat, now, &wait), MCP_OK);
                passed[n++] = now;
                i++;
            }
        }

        rate = (double) c / (p * (double) SECOND);

        for (i = 0; i < 2000; i++) {
            from = (unsigned) (next() % n);
            now = passed[from];

            for (unsigned to = from; to < n && to < from + 50; to++) {
                assert_true(to - from + 1
                            <= b + (double) (passed[to] - now) * rate + 1e-6);
            }
        }

        /* and nearly all that may pass does, when there is always someone */

        tat = 0;
        now = 0;

        for (i = 0; i < 1000 + b; i++) {
            if (mcp_limit_take(&l, &tat, now, &wait) != MCP_OK) {
                now += wait;
                assert_int_equal(mcp_limit_take(&l, &tat, now, &wait), MCP_OK);
            }
        }

        assert_true((double) now * rate <= 1000 * 1.01);
        assert_true((double) now * rate >= 1000 * 0.99);
    }

    free(passed);
}


static void
table_sizes(void **state)
{
    size_t              size, room;
    mcp_limit_table_t  *table;

    assert_int_equal(mcp_limit_table_size(0), 0);
    assert_int_equal(mcp_limit_table_size(sizeof(mcp_limit_table_t)), 0);

    for (room = 2000; room < 100000; room += 777) {
        size = mcp_limit_table_size(room);
        assert_true(size <= room && size * 2 > room - 2000);
    }

    table = make(100000);
    assert_int_equal(table->mask & (table->mask + 1), 0);
    free(table);
}


static int
take(mcp_limit_table_t *table, const mcp_limit_t *l, uint64_t key,
    uint64_t now, uint64_t *wait)
{
    int  rc;

    rc = mcp_limit_table_take(table, l, key, now, wait);

    return rc == MCP_NONE ? mcp_limit_table_add(table, l, key, now, wait) : rc;
}


static void
table_keys(void **state)
{
    uint64_t            wait, key;
    mcp_limit_t         l;
    mcp_limit_table_t  *table;

    table = make(65536);
    assert_int_equal(mcp_limit_init(&l, 1, 60, 2), MCP_OK);

    for (key = 0; key < 20; key++) {
        assert_int_equal(take(table, &l, key * 7919, SECOND, &wait), MCP_OK);
        assert_int_equal(take(table, &l, key * 7919, SECOND, &wait), MCP_OK);
        assert_int_equal(take(table, &l, key * 7919, SECOND, &wait),
                         MCP_AGAIN);
        assert_int_equal(wait, 60 * SECOND);
    }

    free(table);
}


/*
 * A flood of new keys: no bucket in debt gives way, the flood itself passes at
 * the rate of one client once there is no room, and memory is what it was.
 */

static void
flood(void **state)
{
    uint64_t            wait, now, passed, i, room;
    mcp_limit_t         l;
    mcp_limit_table_t  *table;

    table = make(65536);
    room = (table->mask + 1) * MCP_LIMIT_WAYS;

    assert_int_equal(mcp_limit_init(&l, 1, 60, 2), MCP_OK);
    l.id = 1;
    now = 1000 * SECOND;

    for (i = 1; i <= 64; i++) {
        assert_int_equal(take(table, &l, i * 0x9e3779b97f4a7c15ULL, now,
                              &wait), MCP_OK);
        assert_int_equal(take(table, &l, i * 0x9e3779b97f4a7c15ULL, now,
                              &wait), MCP_OK);
    }

    passed = 0;

    for (i = 0; i < 100 * room; i++) {
        passed += (take(table, &l, next(), now, &wait) == MCP_OK);
        assert_true(wait <= l.interval);
    }

    assert_true(passed <= room - 64 + 2);
    assert_int_equal(table->evicted, 0);
    assert_true(table->crowded > 90 * room);

    for (i = 1; i <= 64; i++) {
        assert_int_equal(take(table, &l, i * 0x9e3779b97f4a7c15ULL, now,
                              &wait), MCP_AGAIN);
        assert_int_equal(wait, 60 * SECOND);
    }

    /* a new client is limited with the flood, and has room when it is over */

    assert_int_equal(take(table, &l, 4242, now, &wait), MCP_AGAIN);

    now += 120 * SECOND;
    assert_int_equal(take(table, &l, 4242, now, &wait), MCP_OK);
    assert_int_equal(take(table, &l, 4242, now, &wait), MCP_OK);
    assert_int_equal(take(table, &l, 4242, now, &wait), MCP_AGAIN);
    assert_int_equal(table->evicted, 1);

    free(table);
}


/* Of the full ones the one that was used least recently gives way. */

static void
oldest(void **state)
{
    uint64_t            wait, i, sets;
    mcp_limit_t         l;
    mcp_limit_table_t  *table;

    table = make(65536);
    sets = table->mask + 1;
    assert_int_equal(mcp_limit_init(&l, 1, 1, 1), MCP_OK);

    for (i = 1; i <= MCP_LIMIT_WAYS; i++) {
        assert_int_equal(take(table, &l, i * sets, i * SECOND, &wait),
                         MCP_OK);
    }

    assert_int_equal(take(table, &l, sets, 100 * SECOND, &wait), MCP_OK);
    assert_int_equal(take(table, &l, 99 * sets, 100 * SECOND, &wait), MCP_OK);

    /* not the first, which was just used, but the second */

    assert_int_equal(mcp_limit_table_take(table, &l, sets, 100 * SECOND,
                                          &wait), MCP_AGAIN);
    assert_int_equal(mcp_limit_table_take(table, &l, 2 * sets, 100 * SECOND,
                                          &wait), MCP_NONE);
    assert_int_equal(mcp_limit_table_take(table, &l, 3 * sets, 100 * SECOND,
                                          &wait), MCP_OK);

    free(table);
}


/* Rules do not share the bucket of those without room. */

static void
rules(void **state)
{
    uint64_t            wait, i, now;
    mcp_limit_t         one, two;
    mcp_limit_table_t  *table;

    table = make(2048);
    now = 1000 * SECOND;

    assert_int_equal(mcp_limit_init(&one, 1, 3600, 1), MCP_OK);
    assert_int_equal(mcp_limit_init(&two, 1, 3600, 5), MCP_OK);
    one.id = 1;
    two.id = 2;

    for (i = 0; i < 10000; i++) {
        (void) take(table, &one, next(), now, &wait);
    }

    for (i = 0; i < 5; i++) {
        assert_int_equal(take(table, &two, next(), now, &wait), MCP_OK);
    }

    assert_int_equal(take(table, &two, next(), now, &wait), MCP_AGAIN);

    /* more rules than shared buckets: refused, not let pass */

    for (i = 3; i < 200; i++) {
        one.id = i;
        (void) take(table, &one, next(), now, &wait);
    }

    assert_int_equal(take(table, &one, next(), now, &wait), MCP_AGAIN);

    free(table);
}


/* Processes at once: not one call more than there are tokens. */

#define THREADS  4
#define KEYS     8


static mcp_limit_table_t  *crowd;
static mcp_limit_t         crowd_limit;
static pthread_mutex_t     crowd_lock = PTHREAD_MUTEX_INITIALIZER;


static void *
one_of_many(void *data)
{
    int        rc;
    unsigned   i;
    uint64_t  *passed = data, wait, key;

    for (i = 0; i < 50000; i++) {
        key = 1 + i % KEYS;
        rc = mcp_limit_table_take(crowd, &crowd_limit, key, SECOND, &wait);

        if (rc == MCP_NONE) {
            pthread_mutex_lock(&crowd_lock);
            rc = mcp_limit_table_add(crowd, &crowd_limit, key, SECOND, &wait);
            pthread_mutex_unlock(&crowd_lock);
        }

        *passed += (rc == MCP_OK);
    }

    return NULL;
}


static void
threads(void **state)
{
    unsigned   i;
    uint64_t   passed[THREADS] = { 0 }, all;
    pthread_t  thread[THREADS];

    crowd = make(65536);
    assert_int_equal(mcp_limit_init(&crowd_limit, 1, 1, 1000), MCP_OK);

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, one_of_many,
                                        &passed[i]), 0);
    }

    all = 0;

    for (i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        all += passed[i];
    }

    assert_int_equal(all, 1000 * KEYS);

    free(crowd);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(bounds),
        cmocka_unit_test(burst),
        cmocka_unit_test(smaller),
        cmocka_unit_test(model),
        cmocka_unit_test(table_sizes),
        cmocka_unit_test(table_keys),
        cmocka_unit_test(flood),
        cmocka_unit_test(oldest),
        cmocka_unit_test(rules),
        cmocka_unit_test(threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
