
/* Lines of the audit trail, as they are read. */


#include "record.h"

#include <stddef.h>


#define MCP_RECORD_DEPTH  4


typedef enum {
    RECORD_STRING = 0,
    RECORD_INTEGER,
    RECORD_CODE,                         /* an integer written as a string */
    RECORD_TIME,
    RECORD_STRINGS,
    RECORD_FLAG
} record_type_e;


typedef struct {
    const char           *name;
    size_t                len;
    record_type_e         type;
    size_t                offset;        /* of strings: with their number
                                            behind; of flags: a number */
} record_field_t;


enum {
    RECORD_CUT = 0,
    RECORD_REDACTED,
    RECORD_FINAL,
    RECORD_SWEPT
};


#define record_field(name, type, field)                                       \
    { name, sizeof(name) - 1, type, offsetof(mcp_record_t, field) }

#define record_flag(name, flag)                                               \
    { name, sizeof(name) - 1, RECORD_FLAG, flag }


static const record_field_t  record_fields[] = {
    record_field("id", RECORD_STRING, id),
    record_field("time", RECORD_TIME, time),
    record_field("node", RECORD_STRING, node),
    record_field("client", RECORD_STRING, client),
    record_field("roles", RECORD_STRINGS, roles),
    record_field("client.address", RECORD_STRING, address),
    record_field("mcp.method.name", RECORD_STRING, method),
    record_field("gen_ai.tool.name", RECORD_STRING, name),
    record_field("gen_ai.prompt.name", RECORD_STRING, name),
    record_field("mcp.resource.uri", RECORD_STRING, name),
    record_field("name", RECORD_STRING, name),
    record_field("native", RECORD_STRING, native),
    record_field("backend", RECORD_STRING, backend),
    record_field("gen_ai.tool.call.arguments", RECORD_STRING, arguments),
    record_field("arguments.size", RECORD_INTEGER, arguments_len),
    record_flag("arguments.cut", RECORD_CUT),
    record_flag("arguments.redacted", RECORD_REDACTED),
    record_field("jsonrpc.request.id", RECORD_STRING, request_id),
    record_field("mcp.protocol.version", RECORD_STRING, version),
    record_field("era", RECORD_STRING, era),
    record_field("mcp.session.id", RECORD_STRING, session),
    record_field("trace_id", RECORD_STRING, trace),
    record_field("span_id", RECORD_STRING, span),
    record_field("outcome", RECORD_STRING, outcome),
    record_field("reason", RECORD_STRING, reason),
    record_field("rpc.response.status_code", RECORD_CODE, code),
    record_field("duration_us", RECORD_INTEGER, duration),
    record_field("backend_us", RECORD_INTEGER, backend_time),
    record_field("http.request.body.size", RECORD_INTEGER, bytes_in),
    record_field("http.response.body.size", RECORD_INTEGER, bytes_out),
    record_field("chain", RECORD_STRING, chain),
    record_field("seq", RECORD_INTEGER, seq),
    record_field("prev", RECORD_STRING, prev),
    record_field("segment", RECORD_INTEGER, segment),
    record_field("open", RECORD_INTEGER, open),
    record_field("ids", RECORD_STRINGS, ids),
    record_flag("final", RECORD_FINAL),
    record_flag("swept", RECORD_SWEPT)
};


int
mcp_record_line(const unsigned char **p, const unsigned char *end,
    mcp_str_t *line)
{
    const unsigned char  *lf;

    if (*p == end) {
        return MCP_DONE;
    }

    lf = memchr(*p, '\n', (size_t) (end - *p));

    if (lf == NULL) {
        return MCP_AGAIN;
    }

    line->data = (unsigned char *) *p;
    line->len = (size_t) (lf - *p);
    *p = lf + 1;

    return MCP_OK;
}


mcp_record_e
mcp_record_peek(const mcp_str_t *line, const unsigned char **id)
{
    size_t        skip;
    mcp_record_e  kind;

#define record_is(text)                                                       \
    (line->len >= sizeof(text) - 1 + MCP_RECORD_ID + 1                        \
     && memcmp(line->data, text, sizeof(text) - 1) == 0                       \
     && line->data[line->len - 1] == '}'                                      \
     && (skip = sizeof(text) - 1) != 0)

    if (record_is("{\"record\":\"intent\",\"id\":\"")) {
        kind = MCP_RECORD_INTENT;

    } else if (record_is("{\"record\":\"outcome\",\"id\":\"")) {
        kind = MCP_RECORD_OUTCOME;

    } else if (record_is("{\"record\":\"call\",\"id\":\"")) {
        kind = MCP_RECORD_CALL;

    } else {
        return 0;
    }

#undef record_is

    *id = line->data + skip;

    return kind;
}


int64_t
mcp_record_id_time(const mcp_str_t *id)
{
    size_t    i;
    int64_t   ms;
    unsigned  ch;

    if (id->len != MCP_RECORD_ID) {
        return -1;
    }

    ms = 0;

    for (i = 0; i < MCP_RECORD_ID; i++) {
        ch = id->data[i];

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (ch != '-') {
                return -1;
            }
            continue;
        }

        if (!(ch >= '0' && ch <= '9') && !(ch >= 'a' && ch <= 'f')) {
            return -1;
        }

        if (i < 13) {
            ms = ms * 16 + (ch <= '9' ? ch - '0' : ch - 'a' + 10);
        }
    }

    return ms * 1000;
}


static int
record_digits(const unsigned char *p, unsigned n, int64_t *out)
{
    for (*out = 0; n > 0; n--, p++) {

        if (*p < '0' || *p > '9') {
            return MCP_ERROR;
        }

        *out = *out * 10 + (*p - '0');
    }

    return MCP_OK;
}


/* As mcp_record_time() writes it. */

static int
record_read_time(const mcp_str_t *s, int64_t *us)
{
    int64_t   part[7], year, month, day;
    unsigned  i;

    static const struct {
        unsigned char     at;
        unsigned char     digits;
        char              behind;
    } layout[] = {
        { 0, 4, '-' }, { 5, 2, '-' }, { 8, 2, 'T' }, { 11, 2, ':' },
        { 14, 2, ':' }, { 17, 2, '.' }, { 20, 6, 'Z' }
    };

    if (s->len != MCP_RECORD_TIME) {
        return MCP_ERROR;
    }

    for (i = 0; i < 7; i++) {
        if (record_digits(s->data + layout[i].at, layout[i].digits, &part[i])
            != MCP_OK
            || s->data[layout[i].at + layout[i].digits] != layout[i].behind)
        {
            return MCP_ERROR;
        }
    }

    if (part[0] < 1970 || part[1] < 1 || part[1] > 12 || part[2] < 1
        || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60)
    {
        return MCP_ERROR;
    }

    /* days since 1970: years begin in March */

    year = part[0] - (part[1] <= 2);
    month = part[1] + (part[1] > 2 ? -3 : 9);

    day = year * 365 + year / 4 - year / 100 + year / 400
          + (153 * month + 2) / 5 + part[2] - 1 - 719468;

    *us = (((day * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * 1000000
          + part[6];

    return MCP_OK;
}


static int
record_strings(const mcp_json_tape_t *tape, uint32_t node,
    mcp_arena_t *arena, mcp_str_t **out, unsigned *n)
{
    uint32_t    i;
    mcp_str_t  *s;

    if (tape->node[node].type != MCP_JSON_ARRAY) {
        return MCP_ERROR;
    }

    *n = 0;
    s = mcp_alloc(arena, (tape->node[node].count + 1) * sizeof(mcp_str_t));
    if (s == NULL) {
        return MCP_NOMEM;
    }

    *out = s;

    for (i = mcp_json_first(tape, node);
         i != 0 && i < tape->node[node].next;
         i = tape->node[i].next)
    {
        if (tape->node[i].type != MCP_JSON_STRING) {
            return MCP_ERROR;
        }

        if (mcp_json_unescape(tape, i, arena, &s[*n]) != MCP_OK) {
            return MCP_NOMEM;
        }

        (*n)++;
    }

    return MCP_OK;
}


static int
record_code(const mcp_str_t *s, int64_t *out)
{
    unsigned  minus;

    minus = s->len != 0 && s->data[0] == '-';

    if (s->len == minus || s->len > 12
        || record_digits(s->data + minus, (unsigned) s->len - minus, out)
           != MCP_OK)
    {
        return MCP_ERROR;
    }

    if (minus) {
        *out = -*out;
    }

    return MCP_OK;
}


static void
record_set_flag(mcp_record_t *rec, size_t flag)
{
    switch (flag) {

    case RECORD_CUT:
        rec->cut = 1;
        return;

    case RECORD_REDACTED:
        rec->redacted = 1;
        return;

    case RECORD_FINAL:
        rec->final = 1;
        return;

    default: /* RECORD_SWEPT */
        rec->swept = 1;
        return;
    }
}


static int
record_value(mcp_record_t *rec, const record_field_t *f,
    const mcp_json_tape_t *tape, uint32_t node, mcp_arena_t *arena)
{
    void        *p;
    unsigned     type;
    mcp_str_t    s;

    p = (unsigned char *) rec + f->offset;
    type = tape->node[node].type;

    switch (f->type) {

    case RECORD_INTEGER:
        return mcp_json_integer(tape, node, p) == MCP_OK ? MCP_OK : MCP_ERROR;

    case RECORD_FLAG:
        if (type == MCP_JSON_TRUE) {
            record_set_flag(rec, f->offset);
        }
        return MCP_OK;

    case RECORD_STRINGS:
        if (p == &rec->roles) {
            return record_strings(tape, node, arena, &rec->roles,
                                  &rec->nroles);
        }
        return record_strings(tape, node, arena, &rec->ids, &rec->nids);

    default:
        break;
    }

    if (type != MCP_JSON_STRING) {
        return MCP_ERROR;
    }

    if (mcp_json_unescape(tape, node, arena, &s) != MCP_OK) {
        return MCP_NOMEM;
    }

    switch (f->type) {

    case RECORD_TIME:
        return record_read_time(&s, p);

    case RECORD_CODE:
        return record_code(&s, p);

    default:
        *(mcp_str_t *) p = s;
        return MCP_OK;
    }
}


static mcp_record_e
record_kind(const mcp_json_tape_t *tape)
{
    uint32_t  node;

    static const char  *names[] = {
        "intent", "outcome", "call", "head", "opened", "tail"
    };

    unsigned  i;

    node = mcp_json_get(tape, 0, "record");

    if (node == 0 || tape->node[node].type != MCP_JSON_STRING) {
        return 0;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (mcp_json_equals(tape, node, names[i], strlen(names[i]))) {
            return (mcp_record_e) (i + 1);
        }
    }

    return 0;
}


static int
record_check(mcp_record_t *rec)
{
    unsigned char  hash[MCP_RECORD_HASH];

    if (rec->chain.len > MCP_RECORD_CHAIN) {
        return MCP_ERROR;
    }

    if (rec->kind == MCP_RECORD_OPENED) {
        return rec->chain.len != 0 ? MCP_OK : MCP_ERROR;
    }

    if (mcp_chain_unhex(hash, &rec->prev) != MCP_OK
        || (int64_t) rec->seq < 0)
    {
        return MCP_ERROR;
    }

    if (rec->kind == MCP_RECORD_HEAD || rec->kind == MCP_RECORD_TAIL) {
        return rec->chain.len != 0 ? MCP_OK : MCP_ERROR;
    }

    if (mcp_record_id_time(&rec->id) < 0
        || (rec->kind != MCP_RECORD_INTENT && rec->outcome.len == 0))
    {
        return MCP_ERROR;
    }

    return MCP_OK;
}


int
mcp_record_read(mcp_record_t *rec, mcp_arena_t *arena, const mcp_str_t *line)
{
    int                    rc;
    size_t                 k, len;
    uint32_t               i;
    mcp_json_tape_t        tape;
    const unsigned char   *name;
    const record_field_t  *f;

    static const size_t  n = sizeof(record_fields) / sizeof(record_fields[0]);

    memset(rec, 0, sizeof(mcp_record_t));
    rec->backend_time = -1;

    rc = mcp_json_tape(&tape, arena, line->data, line->len, MCP_RECORD_DEPTH);

    if (rc != MCP_OK) {
        return rc;
    }

    if (tape.node[0].type != MCP_JSON_OBJECT) {
        return MCP_ERROR;
    }

    rec->kind = record_kind(&tape);

    if (rec->kind == 0) {
        return MCP_ERROR;
    }

    for (i = mcp_json_first(&tape, 0); i != 0 && i < tape.node[0].next;
         i = tape.node[i].next)
    {
        name = tape.text + tape.node[i].start;
        len = tape.node[i].len;

        for (k = 0; k < n; k++) {
            f = &record_fields[k];

            if (f->len != len || memcmp(f->name, name, len) != 0) {
                continue;
            }

            rc = record_value(rec, f, &tape, i + 1, arena);
            if (rc != MCP_OK) {
                return rc;
            }

            if (f->offset == offsetof(mcp_record_t, name)
                && f->type == RECORD_STRING)
            {
                rec->name_is = name[0] == 'm' ? MCP_RECORD_RESOURCE
                             : len == 16 ? MCP_RECORD_TOOL
                             : len == 18 ? MCP_RECORD_PROMPT
                             : MCP_RECORD_NAME;
            }

            break;
        }
    }

    if (!rec->cut && !rec->redacted) {
        rec->arguments_len = rec->arguments.len;
    }

    return record_check(rec);
}
