
/*
 * The head of an HTTP/1.1 request (RFC 9112), strictly: what two readers could
 * read in two ways is refused.
 */


#include "bridge.h"

#include <strings.h>


enum {
    MB_H_HOST = 1,
    MB_H_ORIGIN,
    MB_H_TYPE,
    MB_H_ACCEPT,
    MB_H_LENGTH,
    MB_H_TRANSFER,
    MB_H_CONNECTION,
    MB_H_EXPECT,
    MB_H_ENCODING,
    MB_H_SESSION,
    MB_H_VERSION,
    MB_H_METHOD,
    MB_H_NAME
};


static const struct {
    const char           *name;
    size_t                len;
    unsigned              header;
} mb_headers[] = {
#define mb_header(s, n)  { s, sizeof(s) - 1, n }
    mb_header("host", MB_H_HOST),
    mb_header("accept", MB_H_ACCEPT),
    mb_header("expect", MB_H_EXPECT),
    mb_header("origin", MB_H_ORIGIN),
    mb_header("mcp-name", MB_H_NAME),
    mb_header("connection", MB_H_CONNECTION),
    mb_header("mcp-method", MB_H_METHOD),
    mb_header("content-type", MB_H_TYPE),
    mb_header("content-length", MB_H_LENGTH),
    mb_header("mcp-session-id", MB_H_SESSION),
    mb_header("content-encoding", MB_H_ENCODING),
    mb_header("transfer-encoding", MB_H_TRANSFER),
    mb_header("mcp-protocol-version", MB_H_VERSION)
#undef mb_header
};


static int
mb_refuse(mb_request_t *in, unsigned status, const char *text)
{
    in->status = status;
    in->text = text;
    in->keepalive = 0;

    return MCP_ERROR;
}


static int
mb_is(const mcp_str_t *s, const char *text)
{
    return s->len == strlen(text)
           && strncasecmp((char *) s->data, text, s->len) == 0;
}


/* One of the members of a comma separated list, parameters aside. */

int
mb_request_accepts(const mcp_str_t *list, const char *type)
{
    size_t                n;
    const unsigned char  *p, *q, *end;

    n = strlen(type);
    p = list->data;
    end = p + list->len;

    while (p < end) {

        while (p < end && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        for (q = p; q < end && *q != ',' && *q != ';' && *q != ' '
                    && *q != '\t'; q++)
        {
            /* void */
        }

        if ((size_t) (q - p) == n && strncasecmp((char *) p, type, n) == 0) {
            return 1;
        }

        for (p = q; p < end && *p != ','; p++) { /* void */ }
    }

    return 0;
}


static int
mb_request_line(mb_request_t *in, unsigned char *p, unsigned char *end)
{
    unsigned char  *sp, *target;

    sp = memchr(p, ' ', (size_t) (end - p));

    if (sp == NULL) {
        return mb_refuse(in, 400, "the request line is not HTTP/1.1");
    }

    switch (sp - p) {

    case 4:
        in->method = memcmp(p, "POST", 4) == 0 ? MB_POST : MB_OTHER;
        break;

    case 3:
        in->method = memcmp(p, "GET", 3) == 0 ? MB_GET : MB_OTHER;
        break;

    case 6:
        in->method = memcmp(p, "DELETE", 6) == 0 ? MB_DELETE : MB_OTHER;
        break;

    default:
        in->method = MB_OTHER;
    }

    target = sp + 1;

    if (end - target < 10 || target[0] != '/'
        || (memcmp(end - 9, " HTTP/1.1", 9) != 0
            && memcmp(end - 9, " HTTP/1.0", 9) != 0))
    {
        return mb_refuse(in, 400, "the request line is not HTTP/1.1");
    }

    in->http10 = (end[-1] == '0');
    in->keepalive = !in->http10;
    end -= 9;

    for (p = target; p < end; p++) {
        if (*p <= 0x20 || *p >= 0x7f) {
            return mb_refuse(in, 400, "the request line is not HTTP/1.1");
        }
    }

    p = memchr(target, '?', (size_t) (end - target));

    in->path.data = target;
    in->path.len = (size_t) ((p ? p : end) - target);

    return MCP_OK;
}


static int
mb_request_length(mb_request_t *in, const mcp_str_t *value)
{
    size_t  i;

    if (value->len == 0 || value->len > 15) {
        return mb_refuse(in, 400, "Content-Length is not a number");
    }

    for (in->length = 0, i = 0; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            return mb_refuse(in, 400, "Content-Length is not a number");
        }

        in->length = in->length * 10 + (value->data[i] - '0');
    }

    return MCP_OK;
}


static int
mb_request_header(mb_request_t *in, unsigned header, const mcp_str_t *value)
{
    /* of these, a list may come in parts; the others are there once */

    if (header == MB_H_CONNECTION) {

        if (mb_request_accepts(value, "close")) {
            in->keepalive = 0;

        } else if (mb_request_accepts(value, "keep-alive")) {
            in->keepalive = 1;
        }

        return MCP_OK;
    }

    if (header == MB_H_ACCEPT && in->accept.len) {
        return MCP_OK;
    }

    if (in->seen & 1u << header) {
        return mb_refuse(in, 400, "a header that may come once comes twice");
    }

    in->seen |= 1u << header;

    switch (header) {

    case MB_H_HOST:
        in->host = *value;
        break;

    case MB_H_ORIGIN:
        in->origin = *value;
        break;

    case MB_H_TYPE:
        in->content_type = *value;
        break;

    case MB_H_ACCEPT:
        in->accept = *value;
        break;

    case MB_H_SESSION:
        in->session = *value;
        break;

    case MB_H_VERSION:
        in->mcp.version = *value;
        break;

    case MB_H_METHOD:
        in->mcp.method = *value;
        break;

    case MB_H_NAME:
        in->mcp.name = *value;
        break;

    case MB_H_LENGTH:
        return mb_request_length(in, value);

    case MB_H_TRANSFER:

        if (!mb_is(value, "chunked") || in->http10) {
            return mb_refuse(in, 501, "of the transfer encodings only chunked "
                             "is known");
        }

        in->chunked = 1;
        break;

    case MB_H_EXPECT:

        if (!mb_is(value, "100-continue")) {
            return mb_refuse(in, 417, "this expectation is not known");
        }

        in->expect = 1;
        break;

    case MB_H_ENCODING:

        if (!mb_is(value, "identity")) {
            return mb_refuse(in, 415, "a body must not be encoded");
        }

        break;
    }

    return MCP_OK;
}


static int
mb_token_char(unsigned c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || (c != 0 && strchr("!#$%&'*+-.^_`|~", (int) c) != NULL);
}


static int
mb_request_field(mb_request_t *in, unsigned char *p, unsigned char *end)
{
    size_t          i, len;
    mcp_str_t       value;
    unsigned char  *colon, *q;

    for (colon = p; colon < end && mb_token_char(*colon); colon++) {
        /* void */
    }

    if (colon == end || colon == p || *colon != ':') {
        return mb_refuse(in, 400, "a header line is not well-formed");
    }

    len = (size_t) (colon - p);

    for (q = colon + 1; q < end && (*q == ' ' || *q == '\t'); q++) {
        /* void */
    }

    while (end > q && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    value.data = q;
    value.len = (size_t) (end - q);

    for ( /* void */ ; q < end; q++) {
        if ((*q < 0x20 && *q != '\t') || *q == 0x7f) {
            return mb_refuse(in, 400, "a header has a control character");
        }
    }

    for (i = 0; i < sizeof(mb_headers) / sizeof(mb_headers[0]); i++) {
        if (mb_headers[i].len == len
            && strncasecmp((char *) p, mb_headers[i].name, len) == 0)
        {
            return mb_request_header(in, mb_headers[i].header, &value);
        }
    }

    return MCP_OK;
}


void
mb_request_read(mb_request_t *in, unsigned char *p, size_t len)
{
    unsigned        lines;
    unsigned char  *end, *eol;

    memset(in, 0, sizeof(mb_request_t));
    in->length = -1;

    end = p + len;

    for (lines = 0; p < end; p = eol + 2, lines++) {

        eol = memchr(p, '\n', (size_t) (end - p));
        eol = eol ? eol - 1 : end;

        if (eol < p || (eol < end && *eol != '\r')) {
            (void) mb_refuse(in, 400, "a line does not end with CR LF");
            return;
        }

        if ((lines == 0 ? mb_request_line(in, p, eol)
                        : mb_request_field(in, p, eol))
            != MCP_OK)
        {
            return;
        }

        if (lines == 200) {
            (void) mb_refuse(in, 431, "there are too many header lines");
            return;
        }
    }

    if (lines == 0) {
        (void) mb_refuse(in, 400, "the request line is not HTTP/1.1");

    } else if (in->chunked && in->length != -1) {
        (void) mb_refuse(in, 400, "a body has either a Content-Length or a "
                         "Transfer-Encoding");

    } else if (!in->http10 && !(in->seen & 1u << MB_H_HOST)) {
        (void) mb_refuse(in, 400, "there is no Host header");
    }
}
