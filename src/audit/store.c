
/* The store: asking it, and searching it. */


#include "store.h"

#include <stdio.h>
#include <stdlib.h>


#define AUDIT_PARAMS  10
#define AUDIT_SQL     4096


PGconn *
audit_connect(const char *dsn)
{
    PGconn  *conn;

    const char *const  words[] = {
        "fallback_application_name", "dbname", "client_encoding", NULL
    };

    const char *const  values[] = { "mcp-audit", dsn, "UTF8", NULL };

    conn = PQconnectdbParams(words, values, 1);

    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "mcp-audit: %s", PQerrorMessage(conn));
        PQfinish(conn);
        return NULL;
    }

    return conn;
}


int
audit_send(PGconn *conn, const char *sql, int n, const char *const *values)
{
    if (!PQsendQueryParams(conn, sql, n, NULL, values, NULL, NULL, 1)
        || !PQsetSingleRowMode(conn))
    {
        fprintf(stderr, "mcp-audit: %s", PQerrorMessage(conn));
        return -1;
    }

    return 0;
}


PGresult *
audit_next(PGconn *conn, int *failed)
{
    PGresult  *result;

    while ((result = PQgetResult(conn)) != NULL) {

        switch (PQresultStatus(result)) {

        case PGRES_SINGLE_TUPLE:
            return result;

        case PGRES_TUPLES_OK:
            PQclear(result);
            continue;

        default:
            fprintf(stderr, "mcp-audit: %s", PQresultErrorMessage(result));
            PQclear(result);
            *failed = 1;
        }
    }

    return NULL;
}


void
audit_value(PGresult *result, int column, mcp_str_t *s)
{
    s->data = (unsigned char *) PQgetvalue(result, 0, column);
    s->len = (size_t) PQgetlength(result, 0, column);
}


/* --- search -------------------------------------------------------------- */


typedef struct {
    char                  sql[AUDIT_SQL];
    size_t                len;
    const char           *value[AUDIT_PARAMS];
    char                 *made[AUDIT_PARAMS];
    int                   n;
} audit_where_t;


/* A glob as a pattern of LIKE. */

static char *
audit_like(const char *glob)
{
    char  *like, *p;

    like = malloc(2 * strlen(glob) + 1);
    if (like == NULL) {
        return NULL;
    }

    for (p = like; *glob; glob++) {
        if (*glob == '%' || *glob == '_' || *glob == '\\') {
            *p++ = '\\';
        }
        *p++ = *glob == '*' ? '%' : *glob;
    }

    *p = '\0';

    return like;
}


static void
audit_and(audit_where_t *w, const char *format, const char *value)
{
    if (value == NULL || w->n == AUDIT_PARAMS) {
        return;
    }

    w->value[w->n++] = value;
    w->len += (size_t) snprintf(w->sql + w->len, AUDIT_SQL - w->len, format,
                                w->n);
}


/* Equality where it can be, so that the index serves. */

static void
audit_and_glob(audit_where_t *w, const char *is, const char *like,
    const char *glob)
{
    if (glob == NULL) {
        return;
    }

    if (strchr(glob, '*') == NULL) {
        audit_and(w, is, glob);
        return;
    }

    w->made[w->n] = audit_like(glob);
    audit_and(w, like, w->made[w->n]);
}


static void
audit_and_time(audit_where_t *w, const char *format, int64_t us)
{
    char  *text;

    if (us == 0) {
        return;
    }

    text = malloc(MCP_RECORD_TIME + 1);
    if (text == NULL) {
        return;
    }

    *mcp_record_time((unsigned char *) text, us) = '\0';
    w->made[w->n] = text;
    audit_and(w, format, text);
}


static void
audit_where(audit_where_t *w, const audit_query_t *q)
{
    memset(w, 0, sizeof(audit_where_t));

    w->len = (size_t) snprintf(w->sql, AUDIT_SQL,
                               "SELECT intent_line, outcome_line FROM ("
                               "SELECT * FROM mcp_audit.calls WHERE true");

    audit_and_glob(w, " AND client = $%d", " AND client ILIKE $%d", q->client);
    audit_and_glob(w, " AND name = $%d", " AND name ILIKE $%d", q->name);
    audit_and_glob(w, " AND backend = $%d", " AND backend ILIKE $%d",
                   q->backend);
    audit_and_glob(w, " AND coalesce(outcome, 'open') = $%d",
                   " AND coalesce(outcome, 'open') LIKE $%d", q->outcome);
    audit_and(w, " AND request_id IN ($%1$d, to_json($%1$d::text)::text)",
              q->request);
    audit_and(w, " AND id = $%d::uuid", q->id);
    audit_and_time(w, " AND time >= $%d::timestamptz", q->since);
    audit_and_time(w, " AND time < $%d::timestamptz", q->until);

    if (q->last != 0) {
        w->len += (size_t) snprintf(w->sql + w->len, AUDIT_SQL - w->len,
                                    " ORDER BY time DESC LIMIT %ld", q->last);
    }

    snprintf(w->sql + w->len, AUDIT_SQL - w->len, ") AS c ORDER BY time");
}


int
audit_store_search(const char *dsn, const audit_query_t *q)
{
    int            i, failed;
    PGconn        *conn;
    PGresult      *result;
    audit_row_t    row;
    audit_where_t  where;

    conn = audit_connect(dsn);
    if (conn == NULL) {
        return 2;
    }

    audit_where(&where, q);
    failed = audit_send(conn, where.sql, where.n, where.value);

    while (!failed && (result = audit_next(conn, &failed)) != NULL) {

        memset(&row, 0, sizeof(row));
        audit_value(result, 0, &row.intent);
        audit_value(result, 1, &row.outcome);

        audit_print(q, &row);
        PQclear(result);
    }

    for (i = 0; i < where.n; i++) {
        free(where.made[i]);
    }

    PQfinish(conn);

    return failed ? 2 : 0;
}
