
/*
 * The manager's connection to Postgres: what is in the spool goes there in
 * batches.  Nothing here waits; what is not answered in time is given up, and
 * comes again.
 */


#include "ngx_http_mcp_audit_store.h"

#include <libpq-fe.h>


#define NGX_HTTP_MCP_STORE_ANSWER   10000    /* ms for an answer */
#define NGX_HTTP_MCP_STORE_LONG     120000   /* ... to a migration */
#define NGX_HTTP_MCP_STORE_RETRY    250
#define NGX_HTTP_MCP_STORE_RETRY_MAX  10000
#define NGX_HTTP_MCP_STORE_MAINTAIN 3600     /* s */
#define NGX_HTTP_MCP_STORE_RANGES   16       /* halves of halves of a batch */

/* of the advisory lock under which migrations run: "mcp audit" */

#define NGX_HTTP_MCP_STORE_LOCK     "7813577619"


typedef struct {
    ngx_uint_t                   number;
    const char                  *name;
    const char                  *text;
} ngx_http_mcp_migration_t;


static ngx_http_mcp_migration_t  ngx_http_mcp_migrations[] = {
#include "mcp_sql.h"
    { 0, NULL, NULL }
};


typedef struct {
    ngx_uint_t                   from;
    ngx_uint_t                   to;
} ngx_http_mcp_range_t;


typedef struct ngx_http_mcp_store_s  ngx_http_mcp_store_t;

struct ngx_http_mcp_store_s {
    ngx_http_mcp_audit_main_conf_t  *amcf;
    ngx_array_t                 *segments;   /* the manager's */

    PGconn                      *conn;
    ngx_connection_t            *c;          /* of its socket */
    PGresult                    *result;     /* the first that is an error, or
                                                the last */
    void                       (*done)(ngx_http_mcp_store_t *s);
    ngx_event_t                  timer;      /* for an answer, or to connect */
    ngx_msec_t                   backoff;
    time_t                       maintained;
    ngx_uint_t                   version;

    /* what is being sent */
    ngx_http_mcp_store_batch_t  *batch;
    u_char                       name[NGX_HTTP_MCP_AUDIT_NAME];
    ngx_http_mcp_range_t         range[NGX_HTTP_MCP_STORE_RANGES];
    ngx_uint_t                   ranges;
    ngx_uint_t                   turn;       /* segments take turns */

    unsigned                     connecting:1;
    unsigned                     ready:1;    /* idle, all is set up */
    unsigned                     writing:1;  /* write events are wanted */
};


static void ngx_http_mcp_store_connect(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_poll(ngx_http_mcp_store_t *s);
static ngx_int_t ngx_http_mcp_store_watch(ngx_http_mcp_store_t *s,
    ngx_uint_t write);
static void ngx_http_mcp_store_unwatch(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_event(ngx_event_t *ev);
static void ngx_http_mcp_store_timer(ngx_event_t *ev);
static void ngx_http_mcp_store_results(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_query(ngx_http_mcp_store_t *s,
    const char *sql, void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time);
static void ngx_http_mcp_store_sent(ngx_http_mcp_store_t *s, ngx_int_t ok,
    void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time);
static void ngx_http_mcp_store_fail(ngx_http_mcp_store_t *s,
    const char *what);
static void ngx_http_mcp_store_setup(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_has_table(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_has_version(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_locked(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_locked_table(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_locked_version(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_migrate(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_maintain(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_maintained(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_next(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_send(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_answered(ngx_http_mcp_store_t *s);
static ngx_int_t ngx_http_mcp_store_dead(ngx_http_mcp_store_t *s,
    const char *code, const char *why, mcp_str_t *line);
static void ngx_http_mcp_store_commit(ngx_http_mcp_store_t *s);


static ngx_http_mcp_store_t  *ngx_http_mcp_store;


void
ngx_http_mcp_store_start(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_cycle_t *cycle)
{
    ngx_http_mcp_store_t  *s;

    if (amcf->dsn == NULL) {
        return;
    }

    s = ngx_pcalloc(cycle->pool, sizeof(ngx_http_mcp_store_t));
    if (s == NULL) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "no memory to start the store of the audit trail");
        return;
    }

    s->amcf = amcf;
    s->backoff = NGX_HTTP_MCP_STORE_RETRY;

    s->timer.handler = ngx_http_mcp_store_timer;
    s->timer.data = s;
    s->timer.log = cycle->log;
    s->timer.cancelable = 1;

    ngx_http_mcp_store = s;
}


void
ngx_http_mcp_store_kick(ngx_array_t *segments)
{
    ngx_http_mcp_store_t  *s;

    s = ngx_http_mcp_store;

    if (s == NULL) {
        return;
    }

    s->segments = segments;

    if (s->conn == NULL) {

        if (!s->timer.timer_set) {
            ngx_http_mcp_store_connect(s);
        }

        return;
    }

    if (s->ready) {
        ngx_http_mcp_store_next(s);
    }
}


/* --- the connection ------------------------------------------------------ */


static void
ngx_http_mcp_store_notice(void *data, const PGresult *result)
{
    /* else libpq would write it to the standard error */
}


static void
ngx_http_mcp_store_connect(ngx_http_mcp_store_t *s)
{
    const char *const  words[] = {
        "passfile", "fallback_application_name", "dbname", "client_encoding",
        NULL
    };

    const char *const  values[] = {
        s->amcf->passfile, "mcp audit", s->amcf->dsn, "UTF8", NULL
    };

    s->connecting = 1;
    s->conn = PQconnectStartParams(words, values, 1);

    ngx_add_timer(&s->timer, NGX_HTTP_MCP_STORE_ANSWER);

    if (s->conn == NULL || PQstatus(s->conn) == CONNECTION_BAD) {
        ngx_http_mcp_store_fail(s, "cannot connect to the store");
        return;
    }

    (void) PQsetnonblocking(s->conn, 1);
    (void) PQsetNoticeReceiver(s->conn, ngx_http_mcp_store_notice, NULL);

    if (ngx_http_mcp_store_watch(s, 1) != NGX_OK) {
        ngx_http_mcp_store_fail(s, "cannot watch the store's socket");
    }
}


static void
ngx_http_mcp_store_poll(ngx_http_mcp_store_t *s)
{
    ngx_uint_t  write;

    /* libpq may go on with another socket, even of the same number */

    ngx_http_mcp_store_unwatch(s);

    switch (PQconnectPoll(s->conn)) {

    case PGRES_POLLING_READING:
        write = 0;
        break;

    case PGRES_POLLING_WRITING:
        write = 1;
        break;

    case PGRES_POLLING_OK:
        s->connecting = 0;

        if (ngx_http_mcp_store_watch(s, 0) != NGX_OK) {
            ngx_http_mcp_store_fail(s, "cannot watch the store's socket");
            return;
        }

        ngx_http_mcp_store_setup(s);
        return;

    default:
        ngx_http_mcp_store_fail(s, "cannot connect to the store");
        return;
    }

    if (ngx_http_mcp_store_watch(s, write) != NGX_OK) {
        ngx_http_mcp_store_fail(s, "cannot watch the store's socket");
    }
}


/*
 * libpq reads and writes its socket itself: the events are level-triggered, so
 * that it need not drain it.
 */

static ngx_int_t
ngx_http_mcp_store_watch(ngx_http_mcp_store_t *s, ngx_uint_t write)
{
    int                fd;
    ngx_connection_t  *c;

    fd = PQsocket(s->conn);

    if (fd < 0) {
        return NGX_ERROR;
    }

    if (s->c == NULL) {

        c = ngx_get_connection(fd, ngx_cycle->log);
        if (c == NULL) {
            return NGX_ERROR;
        }

        c->data = s;
        c->log = ngx_cycle->log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = ngx_http_mcp_store_event;
        c->write->handler = ngx_http_mcp_store_event;

        s->c = c;
        s->writing = 0;

        if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT)
            != NGX_OK)
        {
            ngx_http_mcp_store_unwatch(s);
            return NGX_ERROR;
        }
    }

    if (write && !s->writing) {

        if (ngx_add_event(s->c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        s->writing = 1;
    }

    if (!write && s->writing) {

        if (ngx_del_event(s->c->write, NGX_WRITE_EVENT, 0) != NGX_OK) {
            return NGX_ERROR;
        }

        s->writing = 0;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_store_unwatch(ngx_http_mcp_store_t *s)
{
    ngx_uint_t         flags;
    ngx_connection_t  *c;

    c = s->c;

    if (c == NULL) {
        return;
    }

    /* libpq closes it after an error: then there is nothing to remove */

    flags = PQsocket(s->conn) == c->fd ? 0 : NGX_CLOSE_EVENT;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    /* an event of it that is still under way is stale */

    c->read->closed = 1;
    c->write->closed = 1;
    ngx_reusable_connection(c, 0);
    ngx_free_connection(c);

    /* the socket is libpq's */

    c->fd = (ngx_socket_t) -1;
    s->c = NULL;
    s->writing = 0;
}


static void
ngx_http_mcp_store_event(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;

    ngx_http_mcp_store_t  *s;

    s = c->data;

    if (s->conn == NULL) {
        return;
    }

    if (s->connecting) {
        ngx_http_mcp_store_poll(s);
        return;
    }

    if (!PQconsumeInput(s->conn)) {
        ngx_http_mcp_store_fail(s, "the store has closed the connection");
        return;
    }

    switch (PQflush(s->conn)) {

    case 0:
        (void) ngx_http_mcp_store_watch(s, 0);
        break;

    case 1:
        (void) ngx_http_mcp_store_watch(s, 1);
        break;

    default:
        ngx_http_mcp_store_fail(s, "cannot send to the store");
        return;
    }

    ngx_http_mcp_store_results(s);
}


/* No answer came, or it is time to try again. */

static void
ngx_http_mcp_store_timer(ngx_event_t *ev)
{
    ngx_http_mcp_store_t *s = ev->data;

    if (s->conn != NULL) {
        ngx_http_mcp_store_fail(s, "the store does not answer");
        return;
    }

    ngx_http_mcp_store_connect(s);
}


static void
ngx_http_mcp_store_results(ngx_http_mcp_store_t *s)
{
    PGresult  *result;
    void     (*done)(ngx_http_mcp_store_t *s);

    while (!PQisBusy(s->conn)) {

        result = PQgetResult(s->conn);

        if (result == NULL) {

            done = s->done;

            if (done == NULL) {
                return;
            }

            s->done = NULL;

            if (s->timer.timer_set) {
                ngx_del_timer(&s->timer);
            }

            done(s);
            return;
        }

        if (s->result != NULL
            && PQresultStatus(s->result) == PGRES_FATAL_ERROR)
        {
            PQclear(result);
            continue;
        }

        PQclear(s->result);
        s->result = result;
    }
}


static void
ngx_http_mcp_store_query(ngx_http_mcp_store_t *s, const char *sql,
    void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time)
{
    PQclear(s->result);
    s->result = NULL;

    ngx_http_mcp_store_sent(s, PQsendQuery(s->conn, sql), done, time);
}


static void
ngx_http_mcp_store_sent(ngx_http_mcp_store_t *s, ngx_int_t ok,
    void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time)
{
    int  rc;

    s->ready = 0;
    s->done = done;

    ngx_add_timer(&s->timer, time);

    rc = ok ? PQflush(s->conn) : -1;

    if (rc == -1 || ngx_http_mcp_store_watch(s, rc) != NGX_OK) {
        ngx_http_mcp_store_fail(s, "cannot send to the store");
    }
}


/*
 * The connection is given up; what was being sent will be read and sent
 * again.  What libpq says never has the password in it.
 */

static void
ngx_http_mcp_store_fail(ngx_http_mcp_store_t *s, const char *what)
{
    size_t       i;
    u_char       text[192];
    const char  *why;

    why = "";

    if (s->result != NULL
        && PQresultStatus(s->result) == PGRES_FATAL_ERROR)
    {
        why = PQresultErrorMessage(s->result);

    } else if (s->conn != NULL) {
        why = PQerrorMessage(s->conn);
    }

    for (i = 0; why[i] && why[i] != '\n' && i < sizeof(text) - 1; i++) {
        text[i] = (u_char) (why[i] < 0x20 || why[i] > 0x7e ? '?' : why[i]);
    }

    text[i] = '\0';

    ngx_http_mcp_audit_complain(s->amcf, 0, what, i ? text : NULL);

    PQclear(s->result);
    s->result = NULL;
    s->done = NULL;
    s->ready = 0;
    s->connecting = 0;

    if (s->batch != NULL) {
        ngx_destroy_pool(s->batch->pool);
        s->batch = NULL;
    }

    ngx_http_mcp_store_unwatch(s);

    if (s->conn != NULL) {
        PQfinish(s->conn);
        s->conn = NULL;
    }

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    ngx_add_timer(&s->timer, s->backoff + ngx_random() % (s->backoff / 2 + 1));

    s->backoff = ngx_min(s->backoff * 2, NGX_HTTP_MCP_STORE_RETRY_MAX);
}


static ngx_int_t
ngx_http_mcp_store_ok(ngx_http_mcp_store_t *s, const char *what)
{
    switch (PQresultStatus(s->result)) {

    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        return NGX_OK;

    default:
        ngx_http_mcp_store_fail(s, what);
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_mcp_store_value(ngx_http_mcp_store_t *s)
{
    if (PQntuples(s->result) != 1 || PQnfields(s->result) != 1) {
        return 0;
    }

    return atoi(PQgetvalue(s->result, 0, 0));
}


/* --- the schema ---------------------------------------------------------- */


#define NGX_HTTP_MCP_STORE_HAS_TABLE                                          \
    "SELECT (to_regclass('mcp_audit.migrations') IS NOT NULL)::int"

#define NGX_HTTP_MCP_STORE_HAS_VERSION                                        \
    "SELECT coalesce(max(version), 0) FROM mcp_audit.migrations"


static ngx_uint_t
ngx_http_mcp_store_latest(void)
{
    return ngx_http_mcp_migrations[sizeof(ngx_http_mcp_migrations)
                                   / sizeof(ngx_http_mcp_migration_t) - 2]
           .number;
}


static void
ngx_http_mcp_store_setup(ngx_http_mcp_store_t *s)
{
    s->version = 0;

    ngx_http_mcp_store_query(s, "SET statement_timeout = '8s';"
                             "SET lock_timeout = '5s';"
                             NGX_HTTP_MCP_STORE_HAS_TABLE,
                             ngx_http_mcp_store_has_table,
                             NGX_HTTP_MCP_STORE_ANSWER);
}


static void
ngx_http_mcp_store_lock(ngx_http_mcp_store_t *s)
{
    ngx_http_mcp_store_query(s, "BEGIN; SET LOCAL statement_timeout = 0; "
                             "SET LOCAL lock_timeout = 0; "
                             "SET LOCAL client_min_messages = warning; "
                             "SELECT pg_advisory_xact_lock("
                             NGX_HTTP_MCP_STORE_LOCK ")",
                             ngx_http_mcp_store_locked,
                             NGX_HTTP_MCP_STORE_LONG);
}


static void
ngx_http_mcp_store_has_table(ngx_http_mcp_store_t *s)
{
    if (ngx_http_mcp_store_ok(s, "cannot look for the store's tables")
        != NGX_OK)
    {
        return;
    }

    if (ngx_http_mcp_store_value(s) == 0) {
        ngx_http_mcp_store_lock(s);
        return;
    }

    ngx_http_mcp_store_query(s, NGX_HTTP_MCP_STORE_HAS_VERSION,
                             ngx_http_mcp_store_has_version,
                             NGX_HTTP_MCP_STORE_ANSWER);
}


static void
ngx_http_mcp_store_has_version(ngx_http_mcp_store_t *s)
{
    if (ngx_http_mcp_store_ok(s, "cannot look for the store's version")
        != NGX_OK)
    {
        return;
    }

    s->version = ngx_http_mcp_store_value(s);

    if (s->version < ngx_http_mcp_store_latest()) {
        ngx_http_mcp_store_lock(s);
        return;
    }

    ngx_http_mcp_store_maintain(s);
}


/* Under the lock all is asked again: another gateway may have been first. */

static void
ngx_http_mcp_store_locked(ngx_http_mcp_store_t *s)
{
    if (ngx_http_mcp_store_ok(s, "cannot lock the store for migration")
        == NGX_OK)
    {
        ngx_http_mcp_store_query(s, NGX_HTTP_MCP_STORE_HAS_TABLE,
                                 ngx_http_mcp_store_locked_table,
                                 NGX_HTTP_MCP_STORE_ANSWER);
    }
}


static void
ngx_http_mcp_store_locked_table(ngx_http_mcp_store_t *s)
{
    if (ngx_http_mcp_store_ok(s, "cannot look for the store's tables")
        != NGX_OK)
    {
        return;
    }

    s->version = 0;

    if (ngx_http_mcp_store_value(s) == 0) {
        ngx_http_mcp_store_migrate(s);
        return;
    }

    ngx_http_mcp_store_query(s, NGX_HTTP_MCP_STORE_HAS_VERSION,
                             ngx_http_mcp_store_locked_version,
                             NGX_HTTP_MCP_STORE_ANSWER);
}


static void
ngx_http_mcp_store_locked_version(ngx_http_mcp_store_t *s)
{
    if (ngx_http_mcp_store_ok(s, "cannot look for the store's version")
        == NGX_OK)
    {
        s->version = ngx_http_mcp_store_value(s);
        ngx_http_mcp_store_migrate(s);
    }
}


/* The rest in one piece: it is one transaction anyway. */

static void
ngx_http_mcp_store_migrate(ngx_http_mcp_store_t *s)
{
    size_t                     len;
    u_char                    *sql, *p;
    ngx_http_mcp_migration_t  *m;

    len = sizeof("COMMIT");

    for (m = ngx_http_mcp_migrations; m->text; m++) {
        len += ngx_strlen(m->text) + ngx_strlen(m->name) + 128;
    }

    sql = ngx_alloc(len, ngx_cycle->log);
    if (sql == NULL) {
        ngx_http_mcp_store_fail(s, "out of memory");
        return;
    }

    p = sql;

    for (m = ngx_http_mcp_migrations; m->text; m++) {

        if (m->number <= s->version) {
            continue;
        }

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mcp audit: migration %s of the store", m->name);

        p = ngx_sprintf(p, "%s;INSERT INTO mcp_audit.migrations "
                        "(version, name) VALUES (%ui, '%s');", m->text,
                        m->number, m->name);
    }

    ngx_sprintf(p, "COMMIT%Z");

    s->maintained = 0;

    ngx_http_mcp_store_query(s, (char *) sql, ngx_http_mcp_store_maintain,
                             NGX_HTTP_MCP_STORE_LONG);
    ngx_free(sql);
}


static void
ngx_http_mcp_store_maintain(ngx_http_mcp_store_t *s)
{
    u_char  sql[128];

    if (ngx_http_mcp_store_ok(s, "cannot migrate the store") != NGX_OK) {
        return;
    }

    if (s->maintained != 0
        && ngx_time() - s->maintained < NGX_HTTP_MCP_STORE_MAINTAIN)
    {
        ngx_http_mcp_store_maintained(s);
        return;
    }

    s->maintained = ngx_time();

    ngx_sprintf(sql, "SELECT mcp_audit.maintain(%T)%Z", s->amcf->retention);

    ngx_http_mcp_store_query(s, (char *) sql, ngx_http_mcp_store_maintained,
                             NGX_HTTP_MCP_STORE_ANSWER);
}


/* What could not be removed now is removed later: rows come first. */

static void
ngx_http_mcp_store_maintained(ngx_http_mcp_store_t *s)
{
    if (s->result != NULL
        && PQresultStatus(s->result) == PGRES_FATAL_ERROR)
    {
        ngx_http_mcp_audit_complain(s->amcf, 0,
                                    "cannot maintain the store's tables",
                                    NULL);
    }

    s->ready = 1;
    s->backoff = NGX_HTTP_MCP_STORE_RETRY;

    ngx_http_mcp_store_next(s);
}


/* --- sending ------------------------------------------------------------- */


static ngx_uint_t
ngx_http_mcp_store_complete(ngx_http_mcp_store_t *s, ngx_uint_t i)
{
    ngx_http_mcp_audit_segment_t  *seg;

    seg = s->segments->elts;

    /* what is being written may be seen in part */

    return (!seg[i].last || seg[i].final) && ngx_time() - seg[i].mtime > 2;
}


/* The next segment that has something, after the last one. */

static void
ngx_http_mcp_store_next(ngx_http_mcp_store_t *s)
{
    ngx_uint_t                     i, k, n;
    ngx_http_mcp_audit_segment_t  *seg;

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        return;
    }

    if (ngx_time() - s->maintained >= NGX_HTTP_MCP_STORE_MAINTAIN) {
        ngx_http_mcp_store_maintain(s);
        return;
    }

    seg = s->segments->elts;
    n = s->segments->nelts;

    for (k = 0; k < n; k++) {

        i = (s->turn + k) % n;

        if (seg[i].sent >= seg[i].size) {
            continue;
        }

        s->batch = ngx_http_mcp_store_read(s->amcf, &seg[i],
                                           ngx_http_mcp_store_complete(s, i));
        if (s->batch == NULL) {
            continue;
        }

        if (s->batch->next == seg[i].sent) {
            ngx_destroy_pool(s->batch->pool);
            s->batch = NULL;
            continue;
        }

        s->turn = i + 1;
        ngx_memcpy(s->name, seg[i].name, NGX_HTTP_MCP_AUDIT_NAME);

        s->ranges = 0;

        if (s->batch->rows != 0 || s->batch->final) {
            s->range[0].from = 0;
            s->range[0].to = s->batch->rows;
            s->ranges = 1;
        }

        s->ready = 0;
        ngx_http_mcp_store_send(s);
        return;
    }
}


static void
ngx_http_mcp_store_send(ngx_http_mcp_store_t *s)
{
    ngx_int_t                     rc;
    ngx_pool_t                   *pool;
    ngx_http_mcp_range_t         *range;
    ngx_http_mcp_store_params_t   params;

    static const char  sql[] =
        "SELECT mcp_audit.append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,"
        "$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30,"
        "$31,$32,$33,$34,$35,$36)";

    if (s->ranges == 0) {
        ngx_http_mcp_store_commit(s);
        return;
    }

    range = &s->range[s->ranges - 1];

    pool = ngx_create_pool(65536, ngx_cycle->log);

    if (pool == NULL
        || ngx_http_mcp_store_params(s->batch, range->from, range->to, pool,
                                     &params)
           != NGX_OK)
    {
        if (pool) {
            ngx_destroy_pool(pool);
        }
        ngx_http_mcp_store_fail(s, "out of memory");
        return;
    }

    PQclear(s->result);
    s->result = NULL;

    rc = PQsendQueryParams(s->conn, sql, NGX_HTTP_MCP_STORE_PARAMS,
                           params.type, params.value, params.len,
                           params.format, 0);

    ngx_destroy_pool(pool);

    ngx_http_mcp_store_sent(s, rc, ngx_http_mcp_store_answered,
                            NGX_HTTP_MCP_STORE_ANSWER);
}


/*
 * Classes of errors that are about the rows: data, constraints, limits of the
 * program, and what a trigger raises.
 */

static ngx_uint_t
ngx_http_mcp_store_poison(const char *code)
{
    return code != NULL
           && (ngx_strncmp(code, "22", 2) == 0
               || ngx_strncmp(code, "23", 2) == 0
               || ngx_strncmp(code, "54", 2) == 0
               || ngx_strncmp(code, "P0", 2) == 0);
}


/*
 * A row that is refused takes the others of its batch with it: they are sent
 * again in halves, until it stands alone.
 */

static void
ngx_http_mcp_store_answered(ngx_http_mcp_store_t *s)
{
    const char                *code, *why;
    ngx_uint_t                 middle;
    ngx_http_mcp_range_t       range;
    ngx_http_mcp_store_row_t  *row;

    range = s->range[s->ranges - 1];

    switch (PQresultStatus(s->result)) {

    case PGRES_TUPLES_OK:
        s->ranges--;
        (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.sent,
                                    range.to - range.from);
        ngx_http_mcp_store_send(s);
        return;

    default:
        break;
    }

    code = s->result ? PQresultErrorField(s->result, PG_DIAG_SQLSTATE) : NULL;

    if (!ngx_http_mcp_store_poison(code) || range.to == range.from) {
        ngx_http_mcp_store_fail(s, "the store refuses rows");
        return;
    }

    if (range.to - range.from == 1) {

        row = &s->batch->row[range.from];
        why = PQresultErrorField(s->result, PG_DIAG_MESSAGE_PRIMARY);

        if ((row->intent.len != 0
             && ngx_http_mcp_store_dead(s, code, why, &row->intent) != NGX_OK)
            || (row->outcome.len != 0
                && ngx_http_mcp_store_dead(s, code, why, &row->outcome)
                   != NGX_OK))
        {
            ngx_http_mcp_store_fail(s, "cannot keep a row that the store "
                                    "refuses");
            return;
        }

        (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.dead, 1);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mcp audit: the store refuses call %*s (%s); it is in "
                      "dead-letters.jsonl of the spool",
                      row->rec.id.len, row->rec.id.data, code);

        s->ranges--;
        ngx_http_mcp_store_send(s);
        return;
    }

    middle = range.from + (range.to - range.from) / 2;

    s->range[s->ranges - 1].from = middle;
    s->range[s->ranges].from = range.from;
    s->range[s->ranges].to = middle;
    s->ranges++;

    ngx_http_mcp_store_send(s);
}


/* A line that says why, and the bytes. */

static ngx_int_t
ngx_http_mcp_store_dead(ngx_http_mcp_store_t *s, const char *code,
    const char *why, mcp_str_t *line)
{
    u_char       path[NGX_MAX_PATH], stamp[MCP_RECORD_TIME];
    ssize_t      n;
    ngx_fd_t     fd;
    mcp_buf_t    b;
    ngx_int_t    rc;

    mcp_record_time(stamp, ngx_http_mcp_audit_clock(CLOCK_REALTIME));

    mcp_buf_init(&b, &s->batch->arena, line->len + 512);
    mcp_buf_literal(&b, "{\"record\":\"dead\",\"time\":\"");
    mcp_buf_append(&b, stamp, sizeof(stamp));
    mcp_buf_literal(&b, "\",\"sqlstate\":");
    mcp_buf_json(&b, code, ngx_strlen(code));
    mcp_buf_literal(&b, ",\"why\":");
    mcp_buf_json(&b, why ? why : "", why ? ngx_strlen(why) : 0);
    mcp_buf_literal(&b, "}\n");
    mcp_buf_str(&b, line);
    mcp_buf_literal(&b, "\n");

    if (b.failed) {
        return NGX_ERROR;
    }

    ngx_snprintf(path, sizeof(path), "%V/dead-letters.jsonl%Z",
                 &s->amcf->path->name);

    fd = open((char *) path, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0640);

    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    n = write(fd, b.data, b.len);
    rc = (n == (ssize_t) b.len) ? NGX_OK : NGX_ERROR;

    (void) ngx_close_file(fd);

    return rc;
}


/* All rows of the batch have an end: the segment is that much shorter. */

static void
ngx_http_mcp_store_commit(ngx_http_mcp_store_t *s)
{
    ngx_uint_t                     i;
    mcp_str_t                     *damaged;
    ngx_http_mcp_store_batch_t    *b;
    ngx_http_mcp_audit_segment_t  *seg;

    b = s->batch;
    damaged = b->damaged.elts;

    for (i = 0; i < b->damaged.nelts; i++) {

        if (ngx_http_mcp_store_dead(s, "", "no record", &damaged[i])
            != NGX_OK)
        {
            ngx_http_mcp_store_fail(s, "cannot keep a damaged line");
            return;
        }

        (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.dead, 1);
    }

    /* the folder may have been read anew meanwhile */

    seg = s->segments->elts;

    for (i = 0; i < s->segments->nelts; i++) {

        if (ngx_strcmp(seg[i].name, s->name) != 0) {
            continue;
        }

        seg[i].sent = b->next;
        seg[i].head |= b->head;
        seg[i].tail |= b->final;

        break;
    }

    ngx_destroy_pool(b->pool);
    s->batch = NULL;
    s->ready = 1;

    ngx_http_mcp_store_next(s);
}


/* --- configuration ------------------------------------------------------- */


/* mcp_audit_store postgres:env:NAME | postgres:file:PATH | postgres:DSN; */

char *
ngx_http_mcp_store_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_audit_main_conf_t *amcf = conf;

    char              *error;
    ngx_str_t         *value, from, dsn;
    ngx_uint_t         secret, has;
    PQconninfoOption  *options, *o;

    if (amcf->dsn != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len <= 9
        || ngx_strncmp(value[1].data, "postgres:", 9) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid store in \"mcp_audit_store\": write "
                           "\"postgres:env:NAME\", \"postgres:file:PATH\", or "
                           "\"postgres:\" and a connection string without a "
                           "password");
        return NGX_CONF_ERROR;
    }

    from.data = value[1].data + 9;
    from.len = value[1].len - 9;

    secret = ngx_strncmp(from.data, "env:", 4) == 0
             || ngx_strncmp(from.data, "file:", 5) == 0;

    if (!secret) {
        dsn = from;

    } else if (ngx_http_mcp_secret_read(cf, &from, &dsn) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    amcf->dsn = ngx_pnalloc(cf->pool, dsn.len + 1);
    if (amcf->dsn == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_cpystrn((u_char *) amcf->dsn, dsn.data, dsn.len + 1);

    /* nginx's processes do not keep the environment */

    amcf->passfile = getenv("PGPASSFILE");

    if (amcf->passfile != NULL) {
        from.data = (u_char *) amcf->passfile;
        from.len = ngx_strlen(amcf->passfile) + 1;
        amcf->passfile = (char *) ngx_pstrdup(cf->pool, &from);
    }

    /* what is wrong with it may be the password: it is not repeated */

    error = NULL;
    options = PQconninfoParse(amcf->dsn, &error);
    PQfreemem(error);

    if (options == NULL || (ngx_strchr(amcf->dsn, '=') == NULL
                            && ngx_strstr(amcf->dsn, "://") == NULL))
    {
        PQconninfoFree(options);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the connection string of \"mcp_audit_store\" is "
                           "none: write it as \"host=db dbname=audit "
                           "user=gateway\" or "
                           "\"postgresql://gateway@db/audit\"");
        return NGX_CONF_ERROR;
    }

    has = 0;

    for (o = options; o->keyword; o++) {
        has |= ngx_strcmp(o->keyword, "password") == 0 && o->val != NULL
               && o->val[0] != '\0';
    }

    PQconninfoFree(options);

    if (has && !secret) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a password cannot stand in the configuration: "
                           "give the connection string of "
                           "\"mcp_audit_store\" as \"postgres:env:NAME\" or "
                           "\"postgres:file:PATH\", or use PGPASSFILE");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
