
/* The store's schema: migrations, partitions, what is old. */


#include "ngx_http_mcp_audit_store.h"


#define NGX_HTTP_MCP_STORE_LONG     120000   /* ms for a migration */

/* of the advisory lock under which migrations run */

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


static void ngx_http_mcp_store_has_table(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_has_version(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_locked(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_locked_table(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_locked_version(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_migrate(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_maintained(ngx_http_mcp_store_t *s);


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


void
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


ngx_uint_t
ngx_http_mcp_store_overdue(ngx_http_mcp_store_t *s)
{
    return s->maintained == 0 || ngx_current_msec - s->maintained
                                 >= NGX_HTTP_MCP_STORE_MAINTAIN;
}


/*
 * The server's clock may have been set wrong, and be ahead of ours: then what
 * it thinks too old may not be.
 */

void
ngx_http_mcp_store_maintain(ngx_http_mcp_store_t *s)
{
    u_char  sql[256];

    if (ngx_http_mcp_store_ok(s, "cannot migrate the store") != NGX_OK) {
        return;
    }

    if (!ngx_http_mcp_store_overdue(s)) {
        ngx_http_mcp_store_maintained(s);
        return;
    }

    s->maintained = ngx_current_msec | 1;

    if (s->amcf->retention == 0) {
        ngx_sprintf(sql, "SELECT mcp_audit.maintain(0)%Z");

    } else {
        ngx_sprintf(sql, "SELECT mcp_audit.maintain(%T + greatest(0, "
                    "extract(epoch FROM now())::bigint - %T))%Z",
                    s->amcf->retention, ngx_http_mcp_audit_steady());
    }

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
