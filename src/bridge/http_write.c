
/* Answers: in one piece or as a stream of events. */


#include "http.h"

#include <stdarg.h>
#include <stdio.h>


static const char *
mb_reason(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Error";
    }
}


static void
mb_http_start(mb_http_t *http, unsigned status, const char *type,
    const char *extra, size_t len)
{
    int   n;
    char  head[1024];

    n = snprintf(head, sizeof(head),
                 "HTTP/1.1 %u %s\r\n%s%s%s%s%s", status, mb_reason(status),
                 type ? "Content-Type: " : "", type ? type : "",
                 type ? "\r\n" : "", extra ? extra : "",
                 (!http->in.keepalive || mb_exiting) ? "Connection: close\r\n"
                                                     : "");

    if (status != 202 || len) {
        n += snprintf(head + n, sizeof(head) - (size_t) n,
                      "Content-Length: %zu\r\n\r\n", len);
    } else {
        n += snprintf(head + n, sizeof(head) - (size_t) n,
                      "Content-Length: 0\r\n\r\n");
    }

    (void) evbuffer_add(mb_http_output(http), head, (size_t) n);
}


void
mb_http_answer(mb_http_t *http, unsigned status, const char *type,
    const char *extra, const void *body, size_t len)
{
    if (http->state == MB_H_CLOSING) {
        return;
    }

    mb_http_start(http, status, type, extra, len);
    (void) evbuffer_add(mb_http_output(http), body, len);
    mb_http_done(http);
}


static size_t
mb_escape(char *dst, size_t size, const unsigned char *p, size_t len)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < len && n + 7 < size; i++) {

        if (p[i] == '"' || p[i] == '\\') {
            dst[n++] = '\\';
            dst[n++] = (char) p[i];

        } else if (p[i] < 0x20) {
            n += (size_t) snprintf(dst + n, size - n, "\\u%04x", p[i]);

        } else {
            dst[n++] = (char) p[i];
        }
    }

    return n;
}


static void
mb_http_error_text(mb_http_t *http, unsigned status, int code,
    const mcp_str_t *id, unsigned retry, const mcp_str_t *text,
    const mcp_str_t *data)
{
    int         n;
    char        body[8192], extra[64];
    size_t      len;
    unsigned    known;
    mb_line_t   line;

    if (http->state == MB_H_CLOSING) {
        return;
    }

    known = (id->len != 0 && id->len <= MB_ID_MAX);

    len = (size_t) snprintf(body, sizeof(body),
                            "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":"
                            "{\"code\":%d,\"message\":\"",
                            (int) (known ? id->len : 4),
                            known ? (char *) id->data : "null", code);

    len += mb_escape(body + len, 4096, text->data, text->len);

    if (data->len && data->len < 2048) {
        n = snprintf(body + len, sizeof(body) - len, "\",\"data\":%.*s}}",
                     (int) data->len, (char *) data->data);

    } else if (retry) {
        n = snprintf(body + len, sizeof(body) - len,
                     "\",\"data\":{\"retryAfterMs\":%u}}}", retry * 1000);

    } else {
        n = snprintf(body + len, sizeof(body) - len, "\"}}");
    }

    len += (size_t) n;

    if (http->state == MB_H_STREAM) {
        memset(&line, 0, sizeof(mb_line_t));
        line.text = (unsigned char *) body;
        line.len = len;

        mb_http_line(http, status, NULL, &line, NULL, NULL, NULL, NULL);
        return;
    }

    extra[0] = '\0';

    if (retry) {
        snprintf(extra, sizeof(extra), "Retry-After: %u\r\n", retry);

    } else if (status == 405) {
        snprintf(extra, sizeof(extra), "Allow: GET, POST, DELETE\r\n");
    }

    mb_http_answer(http, status, "application/json", extra, body, len);
}


void
mb_http_error(mb_http_t *http, unsigned status, int code, const mcp_str_t *id,
    unsigned retry, const char *fmt, ...)
{
    int        n;
    char       text[1024];
    va_list    args;
    mcp_str_t  message, none;

    va_start(args, fmt);
    n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    message.data = (unsigned char *) text;
    message.len = n < 0 ? 0 : (size_t) n < sizeof(text) ? (size_t) n
                                                        : sizeof(text) - 1;
    none.data = NULL;
    none.len = 0;

    mb_http_error_text(http, status, code, id, retry, &message, &none);
}


void
mb_http_fault(mb_http_t *http, const mcp_str_t *id, const mcp_fault_t *fault)
{
    mb_http_error_text(http, fault->status, fault->code, id, 0,
                       &fault->message, &fault->data);
}


/* The line with up to two spans replaced, in their order in it. */

static size_t
mb_line_len(const mb_line_t *line, const mb_span_t *span,
    const mcp_str_t *with, const mb_span_t *span2, const mcp_str_t *with2)
{
    return line->len - (span ? span->len : 0) + (span ? with->len : 0)
           - (span2 ? span2->len : 0) + (span2 ? with2->len : 0);
}


static void
mb_line_put(struct evbuffer *out, const mb_line_t *line, const mb_span_t *span,
    const mcp_str_t *with, const mb_span_t *span2, const mcp_str_t *with2)
{
    size_t            at;
    const mb_span_t  *s;
    const mcp_str_t  *w;

    if (span && span2 && span2->at < span->at) {
        s = span;
        w = with;
        span = span2;
        with = with2;
        span2 = s;
        with2 = w;
    }

    at = 0;

    if (span) {
        (void) evbuffer_add(out, line->text, span->at);
        (void) evbuffer_add(out, with->data, with->len);
        at = span->at + span->len;
    }

    if (span2) {
        (void) evbuffer_add(out, line->text + at, span2->at - at);
        (void) evbuffer_add(out, with2->data, with2->len);
        at = span2->at + span2->len;
    }

    (void) evbuffer_add(out, line->text + at, line->len - at);
}


static void
mb_http_put_event(mb_http_t *http, const mb_line_t *line,
    const mb_span_t *span, const mcp_str_t *with, const mb_span_t *span2,
    const mcp_str_t *with2)
{
    size_t            len;
    struct evbuffer  *out;

    /* line ends have become spaces: it is one data line */

    out = mb_http_output(http);
    len = mb_line_len(line, span, with, span2, with2);

    (void) evbuffer_add_printf(out, "%zx\r\ndata: ", len + 8);
    mb_line_put(out, line, span, with, span2, with2);
    (void) evbuffer_add(out, "\n\n\r\n", 4);
}


static int
mb_http_full(mb_http_t *http, size_t most, size_t more)
{
    if (evbuffer_get_length(mb_http_output(http)) > most
        || mb_buffered + more > MB_BUFFERED_MAX)
    {
        mb_log(MB_WARN, NULL, "a client does not read what it is sent, its "
               "connection is closed");
        mb_http_close(http);
        return 1;
    }

    return 0;
}


void
mb_http_line(mb_http_t *http, unsigned status, const char *extra,
    const mb_line_t *line, const mb_span_t *span, const mcp_str_t *with,
    const mb_span_t *span2, const mcp_str_t *with2)
{
    if (http->state == MB_H_CLOSING
        || mb_http_full(http, MB_CLIENT_MAX * 2, line->len))
    {
        return;
    }

    if (http->state == MB_H_STREAM) {
        mb_http_put_event(http, line, span, with, span2, with2);
        mb_http_end(http);
        return;
    }

    mb_http_start(http, status, "application/json", extra,
                  mb_line_len(line, span, with, span2, with2));
    mb_line_put(mb_http_output(http), line, span, with, span2, with2);
    mb_http_done(http);
}


void
mb_http_stream(mb_http_t *http, const char *extra)
{
    (void) evbuffer_add_printf(mb_http_output(http),
                               "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/event-stream\r\n"
                               "Cache-Control: no-cache\r\n"
                               "X-Accel-Buffering: no\r\n%s%s"
                               "Transfer-Encoding: chunked\r\n\r\n",
                               extra ? extra : "",
                               http->in.keepalive ? ""
                                                  : "Connection: close\r\n");
    http->state = MB_H_STREAM;
    http->progress = mb_now;
    mb_http_queue(http, MB_Q_STREAM);
}


void
mb_http_event(mb_http_t *http, const mb_line_t *line, const mb_span_t *span,
    const mcp_str_t *with)
{
    if (http->state == MB_H_CLOSING
        || mb_http_full(http, MB_CLIENT_MAX, line->len))
    {
        return;
    }

    if (http->state != MB_H_STREAM) {
        mb_http_stream(http, NULL);
    }

    mb_http_put_event(http, line, span, with, NULL, NULL);
}


void
mb_http_end(mb_http_t *http)
{
    if (http->state != MB_H_STREAM) {
        return;
    }

    (void) evbuffer_add(mb_http_output(http), "0\r\n\r\n", 5);
    mb_http_done(http);
}
