
/*
 * What a line of a child's output is.  The line is checked whole, as JSON, in
 * one pass and without memory of its own; only members that steer it are
 * looked at.
 */


#include "bridge.h"

#include "json.h"


#define MB_RESERVED  "io.modelcontextprotocol/"

#define MB_SEEN_VERSION  0x01
#define MB_SEEN_ID       0x02
#define MB_SEEN_METHOD   0x04
#define MB_SEEN_RESULT   0x08
#define MB_SEEN_ERROR    0x10


static int
mb_line_once(mb_line_t *line, unsigned *seen, unsigned bit)
{
    if (*seen & bit) {
        line->why = "a member of it that matters is there twice";
        return MCP_ERROR;
    }

    *seen |= bit;

    return MCP_OK;
}


static void
mb_line_span(const mb_line_t *line, mb_span_t *span,
    const mcp_json_token_t *tok)
{
    span->at = (size_t) (tok->start - line->text);
    span->len = (size_t) (tok->end - tok->start);
}


static int
mb_line_scalar(const mcp_json_token_t *tok)
{
    return tok->type == MCP_JSON_STRING || tok->type == MCP_JSON_NUMBER;
}


/* A value that is a member of the root. */

static int
mb_line_root(mb_line_t *line, const mcp_json_observer_t *ob,
    const mcp_json_token_t *tok, unsigned *seen)
{
    if (mcp_json_at(ob, 1, "jsonrpc")) {

        if (tok->type != MCP_JSON_STRING || tok->end - tok->start != 5
            || memcmp(tok->start, "\"2.0\"", 5) != 0)
        {
            line->why = "\"jsonrpc\" is not \"2.0\"";
            return MCP_ERROR;
        }

        return mb_line_once(line, seen, MB_SEEN_VERSION);
    }

    if (mcp_json_at(ob, 1, "id")) {

        if (!mb_line_scalar(tok) && tok->type != MCP_JSON_NULL) {
            line->why = "its id is neither a string nor a number";
            return MCP_ERROR;
        }

        if (tok->type != MCP_JSON_NULL) {
            mb_line_span(line, &line->id, tok);
        }

        return mb_line_once(line, seen, MB_SEEN_ID);
    }

    if (mcp_json_at(ob, 1, "method")) {

        if (tok->type != MCP_JSON_STRING) {
            line->why = "its method is not a string";
            return MCP_ERROR;
        }

        mb_line_span(line, &line->method, tok);
        return mb_line_once(line, seen, MB_SEEN_METHOD);
    }

    if (mcp_json_at(ob, 1, "result")) {

        if (tok->type == MCP_JSON_OBJECT) {
            line->result.at = (size_t) (tok->start - line->text);
        }

        return mb_line_once(line, seen, MB_SEEN_RESULT);
    }

    if (mcp_json_at(ob, 1, "error")) {
        return mb_line_once(line, seen, MB_SEEN_ERROR);
    }

    return MCP_OK;
}


static int64_t
mb_line_integer(const mcp_json_token_t *tok)
{
    int                   minus;
    int64_t               n;
    const unsigned char  *p;

    p = tok->start;
    minus = (*p == '-');
    p += minus;

    if (tok->end - p > 9) {
        return 0;
    }

    for (n = 0; p < tok->end; p++) {
        if (*p < '0' || *p > '9') {
            return 0;
        }
        n = n * 10 + (*p - '0');
    }

    return minus ? -n : n;
}


static void
mb_line_member(mb_line_t *line, const mcp_json_observer_t *ob,
    const mcp_json_token_t *tok)
{
    if (tok->depth == 3) {

        if (mcp_json_at(ob, 2, "_meta") && mb_line_scalar(tok)
            && (mcp_json_at(ob, 1, "params") || mcp_json_at(ob, 1, "result"))
            && mcp_json_at(ob, 3, MB_RESERVED "subscriptionId"))
        {
            mb_line_span(line, &line->subscription, tok);
        }

        return;
    }

    if (mcp_json_at(ob, 1, "error")) {

        if (mcp_json_at(ob, 2, "code") && tok->type == MCP_JSON_NUMBER) {
            line->code = mb_line_integer(tok);
        }

        return;
    }

    if (!mcp_json_at(ob, 1, "params") || !mb_line_scalar(tok)) {
        return;
    }

    if (mcp_json_at(ob, 2, "progressToken")) {
        mb_line_span(line, &line->token, tok);

    } else if (mcp_json_at(ob, 2, "requestId")) {
        mb_line_span(line, &line->request, tok);

    } else if (mcp_json_at(ob, 2, "uri")) {
        mb_line_span(line, &line->uri, tok);
    }
}


static mb_line_e
mb_line_kind(mb_line_t *line, unsigned seen)
{
    if (!(seen & MB_SEEN_VERSION)) {
        line->why = "it has no \"jsonrpc\"";
        return MB_LINE_NONE;
    }

    switch (seen & (MB_SEEN_METHOD|MB_SEEN_RESULT|MB_SEEN_ERROR)) {

    case MB_SEEN_METHOD:

        if (line->id.len) {
            return MB_LINE_REQUEST;
        }

        if (seen & MB_SEEN_ID) {
            line->why = "its id is null";
            return MB_LINE_NONE;
        }

        return MB_LINE_NOTIFICATION;

    case MB_SEEN_RESULT:

        if (line->id.len == 0) {
            line->why = "it is a result without an id";
            return MB_LINE_NONE;
        }

        return MB_LINE_RESULT;

    case MB_SEEN_ERROR:

        if (line->id.len == 0) {
            line->why = "it is an error without an id";
            return MB_LINE_NONE;
        }

        return MB_LINE_ERROR;

    default:
        line->why = "it is neither a request nor a response";
        return MB_LINE_NONE;
    }
}


void
mb_line_read(mb_line_t *line, const unsigned char *p, size_t len)
{
    int                   rc;
    unsigned              seen;
    mcp_json_token_t      tok;
    mcp_json_observer_t   ob;
    const unsigned char  *pos, *end;

    memset(line, 0, sizeof(mb_line_t));
    line->text = p;
    line->len = len;

    mcp_json_observe_init(&ob, 3, MB_DEPTH);

    pos = p;
    end = p + len;
    seen = 0;

    while ((rc = mcp_json_observe(&ob, &pos, end, &tok)) == MCP_OK) {

        if (tok.depth == 0) {

            if (tok.type != MCP_JSON_OBJECT
                && tok.type != MCP_JSON_OBJECT_END)
            {
                line->why = "it is not an object";
                return;
            }

            continue;
        }

        if (tok.type == MCP_JSON_KEY) {
            continue;
        }

        /* one piece of a line is all of it, but for what it cuts */

        if (!tok.first || !tok.last) {
            continue;
        }

        if (tok.type == MCP_JSON_OBJECT_END || tok.type == MCP_JSON_ARRAY_END)
        {
            if (tok.depth == 1 && tok.type == MCP_JSON_OBJECT_END
                && mcp_json_at(&ob, 1, "result"))
            {
                line->result.len = (size_t) (tok.end - line->text)
                                   - line->result.at;
            }

            continue;
        }

        if (tok.depth == 1) {

            if (mb_line_root(line, &ob, &tok, &seen) != MCP_OK) {
                return;
            }

            continue;
        }

        mb_line_member(line, &ob, &tok);
    }

    if (rc == MCP_ERROR || mcp_json_observe_finish(&ob) != MCP_OK) {
        line->why = ob.lexer.error.text ? ob.lexer.error.text
                                        : "it is not JSON";
        return;
    }

    line->kind = mb_line_kind(line, seen);
}


uint64_t
mb_line_number(const mb_line_t *line, const mb_span_t *span)
{
    size_t                len;
    uint64_t              n;
    const unsigned char  *p;

    p = line->text + span->at;
    len = span->len;

    if (len > 2 && p[0] == '"') {
        p++;
        len -= 2;
    }

    if (len == 0 || len > 18 || p[0] == '0') {
        return 0;
    }

    for (n = 0; len; p++, len--) {
        if (*p < '0' || *p > '9') {
            return 0;
        }
        n = n * 10 + (uint64_t) (*p - '0');
    }

    return n;
}


int
mb_line_is(const mb_line_t *line, const mb_span_t *span, const char *s)
{
    size_t  len;

    len = strlen(s);

    return span->len == len + 2
           && memcmp(line->text + span->at + 1, s, len) == 0;
}
