
/* Lines of the audit trail, as they are written. */


#include "record_text.h"


/* --- members ------------------------------------------------------------- */


static void
record_member(mcp_buf_t *b, const char *name, size_t len, const mcp_str_t *s)
{
    if (s->len != 0) {
        mcp_buf_append(b, name, len);
        mcp_record_string(b, s, MCP_RECORD_TEXT);
    }
}

#define record_text(b, name, s)                                               \
    record_member(b, ",\"" name "\":", sizeof(",\"" name "\":") - 1, s)


/* Of bytes that need no escapes. */

static void
record_plain_member(mcp_buf_t *b, const char *name, size_t len,
    const mcp_str_t *s)
{
    if (s->len != 0) {
        mcp_buf_append(b, name, len);
        mcp_buf_str(b, s);
        mcp_buf_append(b, "\"", 1);
    }
}

#define record_plain(b, name, s)                                              \
    record_plain_member(b, ",\"" name "\":\"",                                \
                        sizeof(",\"" name "\":\"") - 1, s)


static void
record_int(mcp_buf_t *b, int64_t n)
{
    if (n < 0) {
        mcp_buf_append(b, "-", 1);
    }

    mcp_buf_uint(b, n < 0 ? 0 - (uint64_t) n : (uint64_t) n);
}


#define record_number(b, name, n)                                             \
    do {                                                                      \
        mcp_buf_literal(b, ",\"" name "\":");                                 \
        record_int(b, n);                                                     \
    } while (0)


static void
record_stamp(mcp_buf_t *b, int64_t us)
{
    unsigned char  text[sizeof(",\"time\":\"") + MCP_RECORD_TIME];

    memcpy(text, ",\"time\":\"", sizeof(text) - 1 - MCP_RECORD_TIME);
    (void) mcp_record_time(text + sizeof(text) - 1 - MCP_RECORD_TIME, us);
    text[sizeof(text) - 1] = '"';

    mcp_buf_append(b, text, sizeof(text));
}


void
mcp_record_trace(mcp_record_t *rec, const mcp_str_t *traceparent)
{
    size_t                i;
    const unsigned char  *p;

    /* W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex> */

    p = traceparent->data;

    if (traceparent->len != 55 || p[2] != '-' || p[35] != '-'
        || p[52] != '-')
    {
        return;
    }

    for (i = 3; i < 52; i++) {
        if (i != 35 && !(p[i] >= '0' && p[i] <= '9')
            && !(p[i] >= 'a' && p[i] <= 'f'))
        {
            return;
        }
    }

    rec->trace.data = traceparent->data + 3;
    rec->trace.len = 32;
    rec->span.data = traceparent->data + 36;
    rec->span.len = 16;
}


/* --- lines --------------------------------------------------------------- */


static void
record_intent(mcp_buf_t *b, const mcp_record_t *rec)
{
    unsigned  i;

    record_text(b, "node", &rec->node);
    record_text(b, "client", &rec->client);

    if (rec->nroles != 0) {
        mcp_buf_literal(b, ",\"roles\":[");

        for (i = 0; i < rec->nroles && i < MCP_RECORD_ROLES; i++) {
            if (i != 0) {
                mcp_buf_append(b, ",", 1);
            }
            mcp_record_string(b, &rec->roles[i], MCP_RECORD_ROLE);
        }

        mcp_buf_append(b, "]", 1);
    }

    record_text(b, "client.address", &rec->address);
    record_text(b, "mcp.method.name", &rec->method);

    switch (rec->name_is) {

    case MCP_RECORD_TOOL:
        record_text(b, "gen_ai.tool.name", &rec->name);
        break;

    case MCP_RECORD_PROMPT:
        record_text(b, "gen_ai.prompt.name", &rec->name);
        break;

    case MCP_RECORD_RESOURCE:
        record_text(b, "mcp.resource.uri", &rec->name);
        break;

    default:
        record_text(b, "name", &rec->name);
        break;
    }

    record_text(b, "native", &rec->native);
    record_text(b, "backend", &rec->backend);

    if (rec->arguments.len != 0) {
        mcp_buf_literal(b, ",\"gen_ai.tool.call.arguments\":");
        mcp_record_json(b, rec->arguments.data, rec->arguments.len);
    }

    if (rec->cut || rec->redacted) {
        record_number(b, "arguments.size", (int64_t) rec->arguments_len);
    }

    if (rec->cut) {
        mcp_buf_literal(b, ",\"arguments.cut\":true");
    }

    if (rec->redacted) {
        mcp_buf_literal(b, ",\"arguments.redacted\":true");
    }

    record_text(b, "jsonrpc.request.id", &rec->request_id);
    record_text(b, "mcp.protocol.version", &rec->version);
    record_plain(b, "era", &rec->era);
    record_plain(b, "mcp.session.id", &rec->session);
    record_plain(b, "trace_id", &rec->trace);
    record_plain(b, "span_id", &rec->span);
}


static void
record_outcome(mcp_buf_t *b, const mcp_record_t *rec)
{
    record_plain(b, "outcome", &rec->outcome);

    if (rec->code != 0) {
        mcp_buf_literal(b, ",\"rpc.response.status_code\":\"");
        record_int(b, rec->code);
        mcp_buf_append(b, "\"", 1);
    }

    if (rec->reason.len != 0) {
        mcp_buf_literal(b, ",\"reason\":");
        mcp_record_string(b, &rec->reason, MCP_RECORD_REASON);
    }

    if (rec->swept) {
        mcp_buf_literal(b, ",\"swept\":true");
        return;
    }

    record_number(b, "duration_us", rec->duration);

    if (rec->backend_time >= 0) {
        record_number(b, "backend_us", rec->backend_time);
    }

    record_number(b, "http.request.body.size", rec->bytes_in);
    record_number(b, "http.response.body.size", rec->bytes_out);
}


/* Head and tail say where the chain stands. */

static void
record_segment(mcp_buf_t *b, const mcp_record_t *rec)
{
    record_stamp(b, rec->time);
    record_text(b, "node", &rec->node);
    record_text(b, "chain", &rec->chain);
    record_number(b, "segment", (int64_t) rec->segment);
    record_number(b, "seq", (int64_t) rec->seq);
    record_plain(b, "prev", &rec->prev);

    if (rec->kind == MCP_RECORD_HEAD) {
        record_number(b, "open", (int64_t) rec->open);
    }

    if (rec->final) {
        mcp_buf_literal(b, ",\"final\":true");
    }

    if (rec->swept) {
        mcp_buf_literal(b, ",\"swept\":true");
    }

    mcp_buf_literal(b, "}\n");
}


static void
record_opened(mcp_buf_t *b, const mcp_record_t *rec)
{
    unsigned  i;

    record_text(b, "chain", &rec->chain);
    mcp_buf_literal(b, ",\"ids\":[");

    for (i = 0; i < rec->nids; i++) {
        if (i != 0) {
            mcp_buf_append(b, ",", 1);
        }
        mcp_buf_append(b, "\"", 1);
        mcp_buf_str(b, &rec->ids[i]);
        mcp_buf_append(b, "\"", 1);
    }

    mcp_buf_literal(b, "]}\n");
}


void
mcp_record_write(mcp_buf_t *b, const mcp_record_t *rec)
{
    switch (rec->kind) {

    case MCP_RECORD_INTENT:
        mcp_buf_literal(b, "{\"record\":\"intent\"");
        record_plain(b, "id", &rec->id);
        record_stamp(b, rec->time);
        record_intent(b, rec);
        return;

    case MCP_RECORD_OUTCOME:
        mcp_buf_literal(b, "{\"record\":\"outcome\"");
        record_plain(b, "id", &rec->id);
        record_stamp(b, rec->time);
        record_outcome(b, rec);
        return;

    case MCP_RECORD_CALL:
        mcp_buf_literal(b, "{\"record\":\"call\"");
        record_plain(b, "id", &rec->id);
        record_stamp(b, rec->time);
        record_intent(b, rec);
        record_outcome(b, rec);
        return;

    case MCP_RECORD_HEAD:
        mcp_buf_literal(b, "{\"record\":\"head\"");
        record_segment(b, rec);
        return;

    case MCP_RECORD_OPENED:
        mcp_buf_literal(b, "{\"record\":\"opened\"");
        record_opened(b, rec);
        return;

    case MCP_RECORD_TAIL:
        mcp_buf_literal(b, "{\"record\":\"tail\"");
        record_segment(b, rec);
        return;
    }
}
