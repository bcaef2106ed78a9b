
/* Whether the store is as it was written. */


#include "store.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>


#define AUDIT_SELECT  4096
#define AUDIT_WHERE   512


/* --- the columns of a row ------------------------------------------------ */


/* What the lines of a row say; -1: nothing. */

typedef struct {
    mcp_record_t          rec;           /* of both */
    int64_t               time;          /* us */
    int64_t               began;
    int64_t               ended;
    int64_t               intent_seq;
    int64_t               outcome_seq;
    int64_t               asked;
    int64_t               duration;
    int64_t               bytes_in;
    int64_t               bytes_out;
} audit_said_t;


typedef enum {
    AUDIT_TEXT = 0,
    AUDIT_BYTES,
    AUDIT_ROLES,
    AUDIT_NUMBER,                        /* -1: null */
    AUDIT_CODE,                          /* 0: null */
    AUDIT_CUT,
    AUDIT_REDACTED,
    AUDIT_SWEPT,
    AUDIT_TRUE
} audit_type_e;


typedef struct {
    const char           *name;
    const char           *sql;           /* NULL: the column itself */
    audit_type_e          type;
    size_t                offset;        /* in audit_said_t */
} audit_column_t;


#define audit_us(column)                                                      \
    "(extract(epoch FROM " column ")*1000000)::bigint::text"

#define audit_text(column, field)                                             \
    { column, NULL, AUDIT_TEXT, offsetof(audit_said_t, rec.field) }

#define audit_number(column, field)                                           \
    { column, column "::text", AUDIT_NUMBER, offsetof(audit_said_t, field) }

#define audit_moment(column, field)                                           \
    { column, audit_us(column), AUDIT_NUMBER, offsetof(audit_said_t, field) }


static const audit_column_t  audit_columns[] = {
    { "id", "id::text", AUDIT_TEXT, offsetof(audit_said_t, rec.id) },
    audit_moment("time", time),
    audit_text("node", node),
    audit_text("client", client),
    { "roles", "array_to_string(roles, E'\\x1f', E'\\x1e')", AUDIT_ROLES, 0 },
    audit_text("address", address),
    audit_text("session", session),
    audit_text("method", method),
    audit_text("name", name),
    audit_text("native", native),
    audit_text("backend", backend),
    { "arguments", "(arguments IS NOT DISTINCT FROM "
      "mcp_audit.try_jsonb(arguments_raw))::text", AUDIT_TRUE, 0 },
    { "arguments_raw", NULL, AUDIT_BYTES,
      offsetof(audit_said_t, rec.arguments) },
    audit_number("arguments_size", asked),
    { "cut", "cut::text", AUDIT_CUT, 0 },
    { "redacted", "redacted::text", AUDIT_REDACTED, 0 },
    audit_text("request_id", request_id),
    audit_text("version", version),
    audit_text("era", era),
    audit_text("trace_id", trace),
    audit_text("span_id", span),
    audit_moment("began", began),
    audit_moment("ended", ended),
    audit_text("outcome", outcome),
    { "code", "code::text", AUDIT_CODE, offsetof(audit_said_t, rec.code) },
    audit_text("reason", reason),
    audit_number("duration_us", duration),
    audit_number("backend_us", rec.backend_time),
    audit_number("bytes_in", bytes_in),
    audit_number("bytes_out", bytes_out),
    { "swept", "swept::text", AUDIT_SWEPT, 0 },
    audit_number("intent_seq", intent_seq),
    audit_number("outcome_seq", outcome_seq)
};


#define AUDIT_COLUMNS                                                         \
    ((int) (sizeof(audit_columns) / sizeof(audit_columns[0])))


static void
audit_said(audit_said_t *said, const mcp_record_t *intent,
    const mcp_record_t *outcome)
{
    memset(said, 0, sizeof(audit_said_t));

    said->began = -1;
    said->ended = -1;
    said->intent_seq = -1;
    said->outcome_seq = -1;
    said->asked = -1;
    said->duration = -1;
    said->bytes_in = -1;
    said->bytes_out = -1;

    if (intent != NULL) {
        said->rec = *intent;
        said->began = intent->time;
        said->ended = intent->kind == MCP_RECORD_CALL ? intent->time : -1;
        said->intent_seq = (int64_t) intent->seq;
        said->asked = (int64_t) intent->arguments_len;
    }

    if (outcome != NULL) {
        said->ended = outcome->time;
        said->outcome_seq = (int64_t) outcome->seq;
        said->rec.id = outcome->id;
        said->rec.outcome = outcome->outcome;
        said->rec.reason = outcome->reason;
        said->rec.code = outcome->code;
        said->rec.duration = outcome->duration;
        said->rec.backend_time = outcome->backend_time;
        said->rec.bytes_in = outcome->bytes_in;
        said->rec.bytes_out = outcome->bytes_out;
        said->rec.swept = outcome->swept;
    }

    said->time = mcp_record_id_time(&said->rec.id);

    if (said->rec.outcome.len != 0 && !said->rec.swept) {
        said->duration = said->rec.duration;
        said->bytes_in = said->rec.bytes_in;
        said->bytes_out = said->rec.bytes_out;
    }
}


/* Postgres has no NUL in its text: U+FFFD stands for it. */

static void
audit_want_text(mcp_buf_t *b, const mcp_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        mcp_buf_append(b, s->data[i] ? (void *) &s->data[i]
                                     : (void *) "\xef\xbf\xbd",
                       s->data[i] ? 1 : 3);
    }
}


static void
audit_want_roles(mcp_buf_t *b, const mcp_record_t *rec)
{
    size_t     k;
    unsigned   i;
    mcp_str_t  s;

    for (i = 0; i < rec->nroles; i++) {

        if (i != 0) {
            mcp_buf_append(b, "\x1f", 1);
        }

        for (k = 0; k < rec->roles[i].len; k++) {
            s.data = rec->roles[i].data[k] == 0x1f ? (unsigned char *) "?"
                                                   : &rec->roles[i].data[k];
            s.len = 1;
            audit_want_text(b, &s);
        }
    }
}


/* What the column should be; nothing: null. */

static void
audit_want(mcp_buf_t *b, const audit_said_t *said, const audit_column_t *c)
{
    int          flag;
    char         text[32];
    int64_t      n;
    const void  *field;

    field = (const char *) said + c->offset;

    switch (c->type) {

    case AUDIT_TEXT:
        audit_want_text(b, field);
        return;

    case AUDIT_BYTES:
        mcp_buf_str(b, (const mcp_str_t *) field);
        return;

    case AUDIT_ROLES:
        audit_want_roles(b, &said->rec);
        return;

    case AUDIT_NUMBER:
    case AUDIT_CODE:
        n = *(const int64_t *) field;

        if (n != (c->type == AUDIT_CODE ? 0 : -1)) {
            snprintf(text, sizeof(text), "%" PRId64, n);
            mcp_buf_append(b, text, strlen(text));
        }
        return;

    case AUDIT_CUT:
        flag = said->rec.cut;
        break;

    case AUDIT_REDACTED:
        flag = said->rec.redacted;
        break;

    case AUDIT_SWEPT:
        flag = said->rec.swept;
        break;

    default: /* AUDIT_TRUE */
        flag = 1;
        break;
    }

    mcp_buf_append(b, flag ? "true" : "false", flag ? 4 : 5);
}


static void
audit_verify_columns(mcp_verify_t *v, PGresult *result,
    const audit_said_t *said, mcp_arena_t *arena)
{
    int                    i;
    mcp_str_t              have;
    mcp_buf_t              want;
    const audit_column_t  *c;

    mcp_buf_init(&want, arena, 1024);

    for (i = 0; i < AUDIT_COLUMNS; i++) {

        c = &audit_columns[i];
        audit_value(result, i + 2, &have);

        /* an outcome alone does not know the node */

        if (said->intent_seq == -1
            && c->offset == offsetof(audit_said_t, rec.node))
        {
            continue;
        }

        want.len = 0;
        audit_want(&want, said, c);

        if (want.failed) {
            v->nomem = 1;
            return;
        }

        if ((want.len == 0) != (PQgetisnull(result, 0, i + 2) == 1)
            || want.len != have.len
            || (have.len != 0 && memcmp(want.data, have.data, have.len) != 0))
        {
            mcp_verify_report(v, 0, "%s is not what the lines say", c->name);
        }
    }
}


/* A line, as far as there is one.  MCP_OK, MCP_DONE, MCP_ERROR. */

static int
audit_half(mcp_verify_t *v, PGresult *result, int column,
    mcp_arena_t *arena, mcp_record_t *rec)
{
    int        outcome;
    mcp_str_t  line;

    if (PQgetisnull(result, 0, column)) {
        return MCP_DONE;
    }

    audit_value(result, column, &line);
    outcome = (column == 1);

    if (mcp_record_read(rec, arena, &line) != MCP_OK
        || rec->kind > MCP_RECORD_CALL
        || (rec->kind == MCP_RECORD_OUTCOME) != outcome)
    {
        mcp_verify_report(v, 0, "the line of its %s is none",
                          outcome ? "outcome" : "intent");
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
audit_verify_row(mcp_verify_t *v, PGresult *result)
{
    int            first, second;
    char           where[64];
    mcp_arena_t   *arena;
    audit_said_t   said;
    mcp_record_t   intent, outcome;

    arena = mcp_arena_create();
    if (arena == NULL) {
        v->nomem = 1;
        return;
    }

    snprintf(where, sizeof(where), "call %.40s", PQgetvalue(result, 0, 2));
    v->where = where;

    first = audit_half(v, result, 0, arena, &intent);
    second = audit_half(v, result, 1, arena, &outcome);

    if (first == MCP_DONE && second == MCP_DONE) {
        mcp_verify_report(v, 0, "has no lines");

    } else if (first != MCP_ERROR && second != MCP_ERROR) {

        if (first == MCP_OK && second == MCP_OK
            && memcmp(intent.id.data, outcome.id.data, MCP_RECORD_ID) != 0)
        {
            mcp_verify_report(v, 0, "its lines are of two calls");
        }

        audit_said(&said, first == MCP_OK ? &intent : NULL,
                   second == MCP_OK ? &outcome : NULL);
        audit_verify_columns(v, result, &said, arena);
    }

    mcp_arena_destroy(arena);
    v->where = "";
}


static int
audit_verify_rows(mcp_verify_t *v, PGconn *conn)
{
    int        i, failed;
    char       sql[AUDIT_SELECT];
    size_t     len;
    PGresult  *result;

    len = (size_t) snprintf(sql, sizeof(sql),
                            "SELECT intent_line, outcome_line");

    for (i = 0; i < AUDIT_COLUMNS; i++) {
        len += (size_t) snprintf(sql + len, sizeof(sql) - len, ", %s",
                                 audit_columns[i].sql ? audit_columns[i].sql
                                                      : audit_columns[i].name);
    }

    snprintf(sql + len, sizeof(sql) - len, " FROM mcp_audit.calls");

    failed = audit_send(conn, sql, 0, NULL);

    while (!failed && (result = audit_next(conn, &failed)) != NULL) {
        audit_verify_row(v, result);
        PQclear(result);
    }

    return failed;
}


/* --- chains -------------------------------------------------------------- */


static const char  audit_lines[] =
    "SELECT l.node, l.chain, l.line, l.seq::text, h.seq::text, h.hash FROM ("
    "SELECT node, chain, intent_seq AS seq, intent_line AS line, 1 AS half"
    " FROM mcp_audit.calls WHERE intent_line IS NOT NULL "
    "UNION ALL "
    "SELECT node, chain, outcome_seq, outcome_line, 2"
    " FROM mcp_audit.calls WHERE outcome_line IS NOT NULL) AS l "
    "LEFT JOIN mcp_audit.chains AS h USING (node, chain) "
    "ORDER BY l.node, l.chain, l.seq, l.half";


/* Chains of which there should be something. */

static const char  audit_gone[] =
    "SELECT h.node, h.chain, h.seq::text FROM mcp_audit.chains AS h "
    "WHERE h.seq > 0 AND h.at > (SELECT min(time) FROM mcp_audit.calls) "
    "AND NOT EXISTS (SELECT FROM mcp_audit.calls AS c WHERE c.node = h.node "
    "AND c.chain = h.chain)";


static void
audit_verify_one(mcp_verify_t *v, PGresult *result)
{
    mcp_str_t      line;
    mcp_arena_t   *arena;
    mcp_record_t   rec;

    arena = mcp_arena_create();
    if (arena == NULL) {
        v->nomem = 1;
        return;
    }

    audit_value(result, 2, &line);

    if (mcp_record_read(&rec, arena, &line) != MCP_OK) {
        mcp_verify_report(v, 0, "line %s is no record",
                          PQgetvalue(result, 0, 3));
    } else {
        mcp_verify_line(v, &line, &rec);
    }

    mcp_arena_destroy(arena);
}


/* The chain is as long as it once was. */

static void
audit_verify_last(mcp_verify_t *v, const char *seq, const char *hash)
{
    unsigned char       hex[MCP_RECORD_HEX];
    unsigned long long  n;

    if (seq[0] == '\0') {
        mcp_verify_report(v, 1, "mcp_audit.chains does not know how long it "
                          "was");
        return;
    }

    n = strtoull(seq, NULL, 10);

    if (n > v->seq) {
        mcp_verify_report(v, 0, "lines %llu to %llu are missing",
                          (unsigned long long) v->seq + 1, n);
        return;
    }

    mcp_chain_hex(hex, v->hash);

    if (n < v->seq || strlen(hash) != sizeof(hex)
        || memcmp(hash, hex, sizeof(hex)) != 0)
    {
        mcp_verify_report(v, 0, "line %llu was changed (or mcp_audit.chains, "
                          "which names its hash)",
                          (unsigned long long) v->seq);
    }
}


static int
audit_verify_lines(mcp_verify_t *v, PGconn *conn)
{
    int         failed;
    char        chain[AUDIT_WHERE], seq[32];
    char        hash[MCP_RECORD_HEX + 2], now[AUDIT_WHERE];
    PGresult   *result;
    mcp_str_t   name;

    chain[0] = '\0';
    failed = audit_send(conn, audit_lines, 0, NULL);

    while (!failed && (result = audit_next(conn, &failed)) != NULL) {

        snprintf(now, sizeof(now), "%s/%s", PQgetvalue(result, 0, 0),
                 PQgetvalue(result, 0, 1));

        if (strcmp(now, chain) != 0) {

            if (chain[0] != '\0') {
                audit_verify_last(v, seq, hash);
            }

            snprintf(chain, sizeof(chain), "%s", now);
            snprintf(seq, sizeof(seq), "%s", PQgetvalue(result, 0, 4));
            snprintf(hash, sizeof(hash), "%s", PQgetvalue(result, 0, 5));
            v->where = chain;
            audit_value(result, 1, &name);
            mcp_verify_chain(v, &name);
        }

        audit_verify_one(v, result);
        PQclear(result);
    }

    if (chain[0] != '\0') {
        audit_verify_last(v, seq, hash);
    }

    v->where = "";

    return failed;
}


static int
audit_verify_gone(mcp_verify_t *v, PGconn *conn)
{
    int        failed;
    char       where[AUDIT_WHERE];
    PGresult  *result;

    failed = audit_send(conn, audit_gone, 0, NULL);

    while (!failed && (result = audit_next(conn, &failed)) != NULL) {

        snprintf(where, sizeof(where), "%s/%s", PQgetvalue(result, 0, 0),
                 PQgetvalue(result, 0, 1));
        v->where = where;
        mcp_verify_report(v, 0, "all %s lines are missing",
                          PQgetvalue(result, 0, 2));
        v->where = "";
        PQclear(result);
    }

    return failed;
}


int
audit_store_verify(const char *dsn)
{
    int           failed;
    PGconn       *conn;
    PGresult     *result;
    mcp_verify_t  v;

    conn = audit_connect(dsn);
    if (conn == NULL) {
        return 2;
    }

    /* all of it as it is at one moment */

    result = PQexec(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    failed = PQresultStatus(result) != PGRES_COMMAND_OK;
    PQclear(result);

    audit_verify_begin(&v);

    failed = failed || audit_verify_lines(&v, conn)
             || audit_verify_rows(&v, conn) || audit_verify_gone(&v, conn);

    PQfinish(conn);

    if (v.nomem) {
        fprintf(stderr, "mcp-audit: out of memory\n");
        failed = 1;
    }

    if (failed) {
        mcp_verify_free(&v);
        return 2;
    }

    return audit_verify_end(&v);
}
