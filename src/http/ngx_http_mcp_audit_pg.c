
/*
 * The manager's connection to Postgres, by libpq.  Nothing here waits; what is
 * not answered in time is given up.
 */


#include "ngx_http_mcp_audit_store.h"


#define NGX_HTTP_MCP_STORE_RETRY_MAX  10000  /* ms */
#define NGX_HTTP_MCP_STORE_LOOK       50


static void ngx_http_mcp_store_resolved(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_start_at(ngx_http_mcp_store_t *s,
    const char *address);
static void ngx_http_mcp_store_poll(ngx_http_mcp_store_t *s);
static ngx_int_t ngx_http_mcp_store_watch(ngx_http_mcp_store_t *s,
    ngx_uint_t write);
static void ngx_http_mcp_store_unwatch(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_event(ngx_event_t *ev);
static void ngx_http_mcp_store_results(ngx_http_mcp_store_t *s);


static void
ngx_http_mcp_store_notice(void *data, const PGresult *result)
{
    /* else libpq would write it to the standard error */
}


void
ngx_http_mcp_store_connect(ngx_http_mcp_store_t *s)
{
    if (s->amcf->host == NULL) {
        ngx_http_mcp_store_start_at(s, NULL);
        return;
    }

    if (s->resolve == NULL) {

        s->resolve = ngx_http_mcp_resolve_start(s->amcf->host);
        s->looked = ngx_current_msec;

        if (s->resolve == NULL) {
            ngx_http_mcp_store_fail(s, "cannot look up the store's host");
            return;
        }
    }

    ngx_http_mcp_store_resolved(s);
}


/* Asks again and again, but not for ever; the thread may take its time. */

static void
ngx_http_mcp_store_resolved(ngx_http_mcp_store_t *s)
{
    ngx_int_t    rc;
    const char  *address;

    rc = ngx_http_mcp_resolve_result(s->resolve, s->tries, &address);

    switch (rc) {

    case NGX_OK:
        s->tries++;
        ngx_http_mcp_store_start_at(s, address);
        ngx_http_mcp_resolve_free(s->resolve);
        s->resolve = NULL;
        return;

    case NGX_ERROR:
        ngx_http_mcp_resolve_free(s->resolve);
        s->resolve = NULL;
        ngx_http_mcp_store_fail(s, "the store's host has no address");
        return;

    default: /* NGX_AGAIN */
        break;
    }

    if (ngx_current_msec - s->looked > NGX_HTTP_MCP_STORE_ANSWER) {
        s->looked = ngx_current_msec;
        ngx_http_mcp_audit_complain(s->amcf, 0,
                                    "nobody tells the address of the store's "
                                    "host", NULL);
    }

    ngx_add_timer(&s->timer, NGX_HTTP_MCP_STORE_LOOK);
}


static void
ngx_http_mcp_store_start_at(ngx_http_mcp_store_t *s, const char *address)
{
    const char *const  words[] = {
        "passfile", "fallback_application_name", "dbname", "client_encoding",
        "hostaddr", NULL
    };

    const char *const  values[] = {
        s->amcf->passfile, "mcp audit", s->amcf->dsn, "UTF8", address, NULL
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

void
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


void
ngx_http_mcp_store_query(ngx_http_mcp_store_t *s, const char *sql,
    void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time)
{
    PQclear(s->result);
    s->result = NULL;

    ngx_http_mcp_store_sent(s, PQsendQuery(s->conn, sql), done, time);
}


void
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

void
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


ngx_int_t
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


ngx_int_t
ngx_http_mcp_store_value(ngx_http_mcp_store_t *s)
{
    if (PQntuples(s->result) != 1 || PQnfields(s->result) != 1) {
        return 0;
    }

    return atoi(PQgetvalue(s->result, 0, 0));
}
