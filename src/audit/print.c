
/* Which calls are wanted, and how they are shown. */


#include "audit.h"

#include <stdio.h>
#include <stdlib.h>


#define AUDIT_NAME       40              /* bytes shown of names */
#define AUDIT_ARGUMENTS  160


static int
audit_glob(const char *glob, const mcp_str_t *s)
{
    mcp_str_t  g;

    if (glob == NULL) {
        return 1;
    }

    g.data = (unsigned char *) glob;
    g.len = strlen(glob);

    return mcp_redact_match(&g, s->data ? s->data : (unsigned char *) "",
                            s->len);
}


static int
audit_is(const char *text, const mcp_str_t *s)
{
    return text == NULL
           || (strlen(text) == s->len && memcmp(text, s->data, s->len) == 0);
}


/* The id of a request is JSON text: a string may be named without quotes. */

static int
audit_request(const char *text, const mcp_str_t *id)
{
    mcp_str_t  inner;

    if (audit_is(text, id)) {
        return 1;
    }

    if (id->len < 2 || id->data[0] != '"') {
        return 0;
    }

    inner.data = id->data + 1;
    inner.len = id->len - 2;

    return audit_is(text, &inner);
}


int
audit_match(const audit_query_t *q, const mcp_record_t *intent,
    const mcp_record_t *outcome)
{
    int64_t    time;
    mcp_str_t  state;

    state = outcome->outcome;

    if (state.len == 0) {
        mcp_str_set(&state, "open");
    }

    time = intent->time ? intent->time : outcome->time;

    return audit_glob(q->client, &intent->client)
           && audit_glob(q->name, &intent->name)
           && audit_glob(q->backend, &intent->backend)
           && audit_glob(q->outcome, &state)
           && audit_is(q->id, intent->id.len ? &intent->id : &outcome->id)
           && audit_request(q->request, &intent->request_id)
           && (q->since == 0 || time >= q->since)
           && (q->until == 0 || time < q->until);
}


/* Both records of a row; what is not there is empty. */

int
audit_read(const audit_row_t *row, mcp_arena_t *arena, mcp_record_t *intent,
    mcp_record_t *outcome)
{
    memset(intent, 0, sizeof(mcp_record_t));
    memset(outcome, 0, sizeof(mcp_record_t));

    if (row->intent.len != 0) {

        if (mcp_record_read(intent, arena, &row->intent) != MCP_OK) {
            return MCP_ERROR;
        }

        if (intent->kind == MCP_RECORD_CALL) {
            *outcome = *intent;
            return MCP_OK;
        }
    }

    if (row->outcome.len != 0
        && mcp_record_read(outcome, arena, &row->outcome) != MCP_OK)
    {
        return MCP_ERROR;
    }

    return MCP_OK;
}


void
audit_print_text(const mcp_str_t *s, size_t max)
{
    size_t         i;
    unsigned char  ch;

    for (i = 0; i < s->len && i < max; i++) {
        ch = s->data[i];

        /* U+0080 to U+009F are controls, too */

        if (ch < 0x20 || ch == 0x7f
            || (ch == 0xc2 && i + 1 < s->len && s->data[i + 1] < 0xa0))
        {
            printf("\\x%02x", ch);
            continue;
        }

        putchar(ch);
    }

    if (i < s->len) {
        fputs("...", stdout);
    }
}


static void
audit_print_human(const mcp_record_t *intent, const mcp_record_t *outcome)
{
    unsigned char        stamp[MCP_RECORD_TIME];
    const mcp_record_t  *any;

    any = intent->id.len ? intent : outcome;

    mcp_record_time(stamp, any->time);
    stamp[10] = ' ';
    printf("%.23s  ", stamp);

    if (intent->client.len) {
        audit_print_text(&intent->client, AUDIT_NAME);

    } else if (intent->address.len) {
        audit_print_text(&intent->address, AUDIT_NAME);

    } else {
        putchar('-');
    }

    fputs("  ", stdout);

    if (intent->name.len) {
        audit_print_text(&intent->name, AUDIT_NAME);
    } else {
        audit_print_text(&intent->method, AUDIT_NAME);
    }

    fputs("  ", stdout);

    if (outcome->outcome.len == 0) {
        fputs("open", stdout);

    } else {
        audit_print_text(&outcome->outcome, AUDIT_NAME);

        if (outcome->code != 0) {
            printf(" %lld", (long long) outcome->code);
        }

        if (!outcome->swept) {
            printf("  %.1f ms", (double) outcome->duration / 1000);
        }
    }

    fputs("  ", stdout);
    audit_print_text(&any->id, MCP_RECORD_ID);

    if (intent->arguments.len) {
        fputs("  ", stdout);
        audit_print_text(&intent->arguments, AUDIT_ARGUMENTS);
    }

    if (outcome->reason.len) {
        fputs("  (", stdout);
        audit_print_text(&outcome->reason, AUDIT_ARGUMENTS);
        putchar(')');
    }

    putchar('\n');
}


/* One object: the members of the intent, then those of the outcome. */

static void
audit_print_json(const audit_row_t *row)
{
    size_t                i;
    const unsigned char  *p;

    if (row->outcome.len == 0 || row->intent.len == 0) {
        p = row->intent.len ? row->intent.data : row->outcome.data;
        fwrite(p, 1, row->intent.len ? row->intent.len : row->outcome.len,
               stdout);
        putchar('\n');
        return;
    }

    /* what both have is the intent's: record, id, time; seq, prev */

    fwrite(row->intent.data, 1, row->intent.len - 1, stdout);

    p = memmem(row->outcome.data, row->outcome.len, ",\"outcome\":\"", 12);

    if (p != NULL) {
        i = (size_t) (p - row->outcome.data);
        p = memmem(p, row->outcome.len - i, ",\"seq\":", 7);

        fwrite(row->outcome.data + i, 1,
               p ? (size_t) (p - row->outcome.data) - i
                 : row->outcome.len - i - 1, stdout);
    }

    fputs("}\n", stdout);
}


void
audit_print(const audit_query_t *q, const audit_row_t *row)
{
    mcp_arena_t   *arena;
    mcp_record_t   intent, outcome;

    if (q->json) {
        audit_print_json(row);
        return;
    }

    arena = mcp_arena_create();
    if (arena == NULL) {
        return;
    }

    if (audit_read(row, arena, &intent, &outcome) == MCP_OK) {
        audit_print_human(&intent, &outcome);
    }

    mcp_arena_destroy(arena);
}


/* --- rows that were found ------------------------------------------------ */


static int
audit_copy(mcp_str_t *to, const mcp_str_t *from)
{
    to->len = from->len;
    to->data = NULL;

    if (from->len == 0) {
        return 0;
    }

    to->data = malloc(from->len);
    if (to->data == NULL) {
        return -1;
    }

    memcpy(to->data, from->data, from->len);

    return 0;
}


int
audit_rows_add(audit_rows_t *rows, const audit_row_t *row)
{
    size_t        room;
    audit_row_t  *more;

    if (rows->n == rows->room) {
        room = rows->room ? rows->room * 2 : 64;

        more = realloc(rows->row, room * sizeof(audit_row_t));
        if (more == NULL) {
            return -1;
        }

        rows->row = more;
        rows->room = room;
    }

    rows->row[rows->n].time = row->time;

    if (audit_copy(&rows->row[rows->n].intent, &row->intent) != 0
        || audit_copy(&rows->row[rows->n].outcome, &row->outcome) != 0)
    {
        return -1;
    }

    rows->n++;

    return 0;
}


static int
audit_rows_cmp(const void *one, const void *two)
{
    const audit_row_t  *a, *b;

    a = one;
    b = two;

    return a->time < b->time ? -1 : a->time > b->time;
}


void
audit_rows_print(audit_rows_t *rows, const audit_query_t *q)
{
    size_t  i, from;

    if (rows->n == 0) {
        return;
    }

    qsort(rows->row, rows->n, sizeof(audit_row_t), audit_rows_cmp);

    from = q->last != 0 && (size_t) q->last < rows->n
           ? rows->n - (size_t) q->last : 0;

    for (i = from; i < rows->n; i++) {
        audit_print(q, &rows->row[i]);
    }
}
