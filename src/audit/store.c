
/* The store: searching it, and whether it has what was written. */


#include "audit.h"

#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>


#define AUDIT_PARAMS  10
#define AUDIT_SQL     4096


static PGconn *
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


/* Results come row by row, so that their number does not matter. */

static int
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


/* NULL: that was all, or *failed is set. */

static PGresult *
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


static void
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


/* --- verify -------------------------------------------------------------- */


static const char  audit_lines[] =
    "SELECT l.node, l.chain, l.line, l.client, l.name, l.outcome, l.raw,"
    " l.seq::text, h.seq::text, h.hash FROM ("
    "SELECT node, chain, intent_seq AS seq, intent_line AS line, client, name,"
    " CASE WHEN outcome_line IS NULL THEN outcome END AS outcome,"
    " arguments_raw AS raw, 1 AS half"
    " FROM mcp_audit.calls WHERE intent_line IS NOT NULL "
    "UNION ALL "
    "SELECT node, chain, outcome_seq, outcome_line, NULL, NULL, outcome,"
    " NULL, 2 FROM mcp_audit.calls WHERE outcome_line IS NOT NULL) AS l "
    "LEFT JOIN mcp_audit.chains AS h USING (node, chain) "
    "ORDER BY l.node, l.chain, l.seq, l.half";


/* Chains of which there should be something. */

static const char  audit_gone[] =
    "SELECT h.node, h.chain, h.seq::text FROM mcp_audit.chains AS h "
    "WHERE h.seq > 0 AND h.at > (SELECT min(time) FROM mcp_audit.calls) "
    "AND NOT EXISTS (SELECT FROM mcp_audit.calls AS c WHERE c.node = h.node "
    "AND c.chain = h.chain)";


static int
audit_differs(PGresult *result, int column, const mcp_str_t *want)
{
    mcp_str_t  have;

    audit_value(result, column, &have);

    /* NUL is not the same there */

    if (want->len != 0 && memchr(want->data, '\0', want->len) != NULL) {
        return 0;
    }

    return have.len != want->len
           || (have.len != 0 && memcmp(have.data, want->data, have.len) != 0);
}


static void
audit_verify_row(audit_verify_t *v, PGresult *result)
{
    char          where[128];
    mcp_str_t     line;
    mcp_arena_t  *arena;
    mcp_record_t  rec;

    arena = mcp_arena_create();
    if (arena == NULL) {
        return;
    }

    audit_value(result, 2, &line);
    snprintf(where, sizeof(where), "%s/%s", PQgetvalue(result, 0, 0),
             PQgetvalue(result, 0, 1));

    if (mcp_record_read(&rec, arena, &line) != MCP_OK) {
        audit_verify_problem(v, 0, "%s: line %s is no record", where,
                             PQgetvalue(result, 0, 7));

    } else {

        audit_verify_line(v, where, &line, &rec);

        if ((rec.kind == MCP_RECORD_OUTCOME
             && audit_differs(result, 5, &rec.outcome))
            || (rec.kind != MCP_RECORD_OUTCOME
                && (audit_differs(result, 3, &rec.client)
                    || audit_differs(result, 4, &rec.name)
                    || audit_differs(result, 6, &rec.arguments)))
            || (rec.kind == MCP_RECORD_CALL
                && audit_differs(result, 5, &rec.outcome)))
        {
            audit_verify_problem(v, 0, "%s: the columns of call %.36s are not "
                                 "what its line says", where, rec.id.data);
        }
    }

    mcp_arena_destroy(arena);
}


/* The chain is as long as it once was. */

static void
audit_verify_last(audit_verify_t *v, const char *chain, const char *seq,
    const char *hash)
{
    unsigned char       hex[MCP_RECORD_HEX];
    unsigned long long  n;

    n = strtoull(seq, NULL, 10);

    if (n > v->seq) {
        audit_verify_problem(v, 0, "%s: lines %llu to %llu are missing", chain,
                             (unsigned long long) v->seq + 1, n);
        return;
    }

    mcp_chain_hex(hex, v->hash);

    if (n == v->seq && strlen(hash) == sizeof(hex)
        && memcmp(hash, hex, sizeof(hex)) != 0)
    {
        audit_verify_problem(v, 0, "%s: line %llu was changed", chain,
                             (unsigned long long) v->seq);
    }
}


int
audit_store_verify(const char *dsn)
{
    int             failed;
    char            chain[128], seq[32], hash[MCP_RECORD_HEX + 1], now[128];
    PGconn         *conn;
    PGresult       *result;
    audit_verify_t  v;

    conn = audit_connect(dsn);
    if (conn == NULL) {
        return 2;
    }

    memset(&v, 0, sizeof(v));
    chain[0] = '\0';
    failed = audit_send(conn, audit_lines, 0, NULL);

    while (!failed && (result = audit_next(conn, &failed)) != NULL) {

        snprintf(now, sizeof(now), "%s/%s", PQgetvalue(result, 0, 0),
                 PQgetvalue(result, 0, 1));

        if (strcmp(now, chain) != 0) {

            if (chain[0] != '\0') {
                audit_verify_last(&v, chain, seq, hash);
            }

            snprintf(chain, sizeof(chain), "%s", now);
            snprintf(seq, sizeof(seq), "%s", PQgetvalue(result, 0, 8));
            snprintf(hash, sizeof(hash), "%s", PQgetvalue(result, 0, 9));
            audit_verify_begin(&v);
        }

        audit_verify_row(&v, result);
        PQclear(result);
    }

    if (chain[0] != '\0') {
        audit_verify_last(&v, chain, seq, hash);
    }

    if (!failed) {
        failed = audit_send(conn, audit_gone, 0, NULL);
    }

    while (!failed && (result = audit_next(conn, &failed)) != NULL) {
        audit_verify_problem(&v, 0, "%s/%s: all %s lines are missing",
                             PQgetvalue(result, 0, 0),
                             PQgetvalue(result, 0, 1),
                             PQgetvalue(result, 0, 2));
        PQclear(result);
    }

    PQfinish(conn);

    return failed ? 2 : audit_verify_end(&v);
}
