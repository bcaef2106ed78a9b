
/* The circuit breaker, state by state, and at random against its promises. */


#include <stdarg.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "breaker.h"


static const mcp_breaker_conf_t  conf = { 3, 1000 };
static const mcp_breaker_conf_t  off = { 0, 1000 };


static int
ask(mcp_breaker_t *b, uint64_t now, uint64_t left)
{
    int       rc;
    uint64_t  wait;

    rc = mcp_breaker_ask(b, &conf, now, &wait);
    assert_int_equal(wait, left);

    return rc;
}


static mcp_breaker_state_e
state_of(mcp_breaker_t *b, uint64_t now, uint64_t left)
{
    uint64_t             l;
    mcp_breaker_state_e  state;

    state = mcp_breaker_state(b, &conf, now, &l);
    assert_int_equal(l, left);

    return state;
}


static void
opened(mcp_breaker_t *b, uint64_t now)
{
    memset(b, 0, sizeof(mcp_breaker_t));

    assert_int_equal(mcp_breaker_failed(b, &conf, now, 0), MCP_OK);
    assert_int_equal(mcp_breaker_failed(b, &conf, now, 0), MCP_OK);
    assert_int_equal(mcp_breaker_failed(b, &conf, now, 0), MCP_DONE);
}


static void
in_a_row(void **state)
{
    unsigned       i;
    mcp_breaker_t  b;

    memset(&b, 0, sizeof(b));
    assert_true(mcp_breaker_idle(&b, &conf));

    for (i = 0; i < 10; i++) {
        assert_int_equal(mcp_breaker_failed(&b, &conf, i, 0), MCP_OK);
        assert_false(mcp_breaker_idle(&b, &conf));
        assert_int_equal(mcp_breaker_failed(&b, &conf, i, 0), MCP_OK);
        assert_int_equal(ask(&b, i, 0), MCP_OK);
        assert_int_equal(mcp_breaker_succeeded(&b, &conf, 0), MCP_OK);
        assert_true(mcp_breaker_idle(&b, &conf));
    }
}


static void
opens(void **state)
{
    mcp_breaker_t  b;

    opened(&b, 5000);

    assert_false(mcp_breaker_idle(&b, &conf));
    assert_int_equal(ask(&b, 5000, 1000), MCP_AGAIN);
    assert_int_equal(ask(&b, 5999, 1), MCP_AGAIN);
    assert_int_equal(state_of(&b, 5999, 1), MCP_BREAKER_OPEN);

    /* those that were on their way when it opened change nothing */

    assert_int_equal(mcp_breaker_failed(&b, &conf, 5500, 0), MCP_OK);
    assert_int_equal(mcp_breaker_succeeded(&b, &conf, 0), MCP_OK);
    assert_int_equal(ask(&b, 5999, 1), MCP_AGAIN);
}


static void
one_tries(void **state)
{
    mcp_breaker_t  b;

    opened(&b, 5000);

    assert_int_equal(state_of(&b, 6000, 0), MCP_BREAKER_HALF_OPEN);
    assert_int_equal(ask(&b, 6000, 0), MCP_DONE);
    assert_int_equal(ask(&b, 6000, 1000), MCP_AGAIN);
    assert_int_equal(ask(&b, 6999, 1), MCP_AGAIN);
    assert_int_equal(state_of(&b, 6500, 500), MCP_BREAKER_HALF_OPEN);

    /* not by those that are not the one */

    assert_int_equal(mcp_breaker_succeeded(&b, &conf, 0), MCP_OK);
    assert_int_equal(mcp_breaker_failed(&b, &conf, 6500, 0), MCP_OK);
    assert_int_equal(ask(&b, 6999, 1), MCP_AGAIN);

    assert_int_equal(mcp_breaker_failed(&b, &conf, 6500, 1), MCP_DONE);
    assert_int_equal(ask(&b, 6501, 999), MCP_AGAIN);

    assert_int_equal(ask(&b, 7500, 0), MCP_DONE);
    assert_int_equal(mcp_breaker_succeeded(&b, &conf, 1), MCP_DONE);
    assert_true(mcp_breaker_idle(&b, &conf));
    assert_int_equal(ask(&b, 7500, 0), MCP_OK);
}


static void
lost(void **state)
{
    mcp_breaker_t  b;

    /* its worker died: another one may try when its time is over */

    opened(&b, 0);
    assert_int_equal(ask(&b, 1000, 0), MCP_DONE);
    assert_int_equal(ask(&b, 1999, 1), MCP_AGAIN);
    assert_int_equal(ask(&b, 2000, 0), MCP_DONE);
    assert_int_equal(ask(&b, 2001, 999), MCP_AGAIN);

    /* it was refused elsewhere, or cancelled: at once */

    mcp_breaker_unused(&b, 2100);
    assert_int_equal(ask(&b, 2100, 0), MCP_DONE);

    /* nothing to give back */

    assert_int_equal(mcp_breaker_succeeded(&b, &conf, 1), MCP_DONE);
    mcp_breaker_unused(&b, 2200);
    assert_int_equal(ask(&b, 2200, 0), MCP_OK);

    opened(&b, 3000);
    mcp_breaker_unused(&b, 3000);
    assert_int_equal(ask(&b, 3000, 1000), MCP_AGAIN);
}


static void
health(void **state)
{
    mcp_breaker_t  b;

    memset(&b, 0, sizeof(b));

    assert_int_equal(mcp_breaker_health(&b, &conf, 0, 1), MCP_OK);
    assert_int_equal(mcp_breaker_health(&b, &conf, 0, 0), MCP_DONE);
    assert_int_equal(ask(&b, 0, 1000), MCP_AGAIN);

    /* as long as it is dead */

    assert_int_equal(mcp_breaker_health(&b, &conf, 900, 0), MCP_OK);
    assert_int_equal(ask(&b, 1800, 100), MCP_AGAIN);
    assert_int_equal(mcp_breaker_health(&b, &conf, 1900, 1), MCP_DONE);
    assert_int_equal(ask(&b, 1900, 0), MCP_OK);

    /* calls fail though it answers probes */

    opened(&b, 2000);
    assert_int_equal(mcp_breaker_health(&b, &conf, 2100, 1), MCP_OK);
    assert_int_equal(ask(&b, 2100, 900), MCP_AGAIN);
    assert_int_equal(mcp_breaker_health(&b, &conf, 3500, 1), MCP_OK);
    assert_int_equal(ask(&b, 3500, 0), MCP_DONE);
    assert_int_equal(mcp_breaker_health(&b, &conf, 3600, 1), MCP_OK);
    assert_int_equal(ask(&b, 3600, 900), MCP_AGAIN);
    assert_int_equal(mcp_breaker_succeeded(&b, &conf, 1), MCP_DONE);

    /* dead, but calls have said so first */

    opened(&b, 4000);
    assert_int_equal(mcp_breaker_health(&b, &conf, 4500, 0), MCP_OK);
    assert_int_equal(ask(&b, 5400, 100), MCP_AGAIN);
    assert_int_equal(mcp_breaker_health(&b, &conf, 5450, 1), MCP_OK);
    assert_int_equal(ask(&b, 5450, 50), MCP_AGAIN);
}


static void
switched_off(void **state)
{
    uint64_t       wait;
    mcp_breaker_t  b;

    opened(&b, 5000);

    assert_true(mcp_breaker_idle(&b, &off));
    assert_int_equal(mcp_breaker_ask(&b, &off, 5000, &wait), MCP_OK);
    assert_int_equal(mcp_breaker_state(&b, &off, 5000, &wait),
                     MCP_BREAKER_CLOSED);

    memset(&b, 0, sizeof(b));
    assert_int_equal(mcp_breaker_failed(&b, &off, 0, 0), MCP_OK);
    assert_int_equal(mcp_breaker_health(&b, &off, 0, 0), MCP_OK);
    assert_int_equal(b.state, MCP_BREAKER_CLOSED);
}


/* A reload has made the cooldown shorter. */

static void
shorter(void **state)
{
    uint64_t                  wait;
    mcp_breaker_t             b;
    const mcp_breaker_conf_t  was = { 1, 3600000 };

    memset(&b, 0, sizeof(b));
    assert_int_equal(mcp_breaker_failed(&b, &was, 0, 0), MCP_DONE);
    assert_int_equal(mcp_breaker_ask(&b, &conf, 0, &wait), MCP_AGAIN);
    assert_int_equal(wait, 1000);
}


/*
 * Whatever happens in whatever order: it opens after three failures in a row
 * and not before, lets nobody pass before the time is over, and never two try
 * within one cooldown unless the first has ended.
 */

static void
at_random(void **state)
{
    int            rc, probing;
    unsigned       i, row, r;
    uint64_t       now, wait, since;
    mcp_breaker_t  b;

    memset(&b, 0, sizeof(b));
    srandom(1);
    now = 0;
    row = 0;
    probing = 0;
    since = 0;

    for (i = 0; i < 200000; i++) {
        now += (uint64_t) random() % 200;
        r = (unsigned) random() % 8;

        if (b.state == MCP_BREAKER_CLOSED) {
            assert_true(row < 3);
            assert_int_equal(ask(&b, now, 0), MCP_OK);

            if (r < 4) {
                row++;
                rc = mcp_breaker_failed(&b, &conf, now, 0);
                assert_int_equal(rc, row == 3 ? MCP_DONE : MCP_OK);
                since = now;

            } else {
                row = 0;
                assert_int_equal(mcp_breaker_succeeded(&b, &conf, 0), MCP_OK);
            }

            probing = 0;
            continue;
        }

        rc = mcp_breaker_ask(&b, &conf, now, &wait);
        assert_int_equal(rc, now - since >= 1000 ? MCP_DONE : MCP_AGAIN);

        if (rc == MCP_AGAIN) {
            assert_int_equal(wait, 1000 - (now - since));

        } else {
            probing = 1;
            since = now;
        }

        if (!probing) {
            continue;
        }

        if (r == 0) {
            assert_int_equal(mcp_breaker_succeeded(&b, &conf, 1), MCP_DONE);
            row = 0;
            probing = 0;

        } else if (r == 1) {
            assert_int_equal(mcp_breaker_failed(&b, &conf, now, 1), MCP_DONE);
            since = now;
            probing = 0;
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(in_a_row),
        cmocka_unit_test(opens),
        cmocka_unit_test(one_tries),
        cmocka_unit_test(lost),
        cmocka_unit_test(health),
        cmocka_unit_test(switched_off),
        cmocka_unit_test(shorter),
        cmocka_unit_test(at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
