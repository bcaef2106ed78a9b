
/*
 * HTTP/1.1 on libevent's bufferevents; one exchange at a time a connection.
 *
 * libevent's own evhttp is not used: while a request is being answered it
 * does not see its client leave, and ends the process when it is made to read
 * then; a call could not be cancelled.
 */


#include "bridge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>


#define MB_HEAD_MAX      32768
#define MB_AHEAD_MAX     65536       /* read before it is wanted */

#define MB_T_REQUEST     60000       /* ms for a request to come */
#define MB_T_IDLE        900000      /* ms between requests: longer than any
                                        proxy keeps a connection */
#define MB_T_WRITE       60000       /* ms without reading its answer */
#define MB_T_STREAM      20000       /* ms between comments */
#define MB_T_LINGER      5000


enum {
    MB_Q_REQUEST = 0,
    MB_Q_IDLE,
    MB_Q_WRITE,
    MB_Q_STREAM,
    MB_Q_LINGER,
    MB_QS
};


static struct mb_https_s  mb_queues[MB_QS] = {
    TAILQ_HEAD_INITIALIZER(mb_queues[MB_Q_REQUEST]),
    TAILQ_HEAD_INITIALIZER(mb_queues[MB_Q_IDLE]),
    TAILQ_HEAD_INITIALIZER(mb_queues[MB_Q_WRITE]),
    TAILQ_HEAD_INITIALIZER(mb_queues[MB_Q_STREAM]),
    TAILQ_HEAD_INITIALIZER(mb_queues[MB_Q_LINGER])
};
static unsigned           mb_connections;

static const uint64_t     mb_timeouts[MB_QS] = {
    MB_T_REQUEST, MB_T_IDLE, MB_T_WRITE, MB_T_STREAM, MB_T_LINGER
};


static void mb_http_next(mb_http_t *http);


/* --- connections ---------------------------------------------------------- */


static struct evbuffer *
mb_output(mb_http_t *http)
{
    return bufferevent_get_output(http->bev);
}


static void
mb_http_queue(mb_http_t *http, int queue)
{
    if (http->queue) {
        TAILQ_REMOVE(http->queue, http, link);
        http->queue = NULL;
    }

    if (queue >= 0) {
        http->queue = &mb_queues[queue];
        http->since = mb_now;
        TAILQ_INSERT_TAIL(http->queue, http, link);
    }
}


static void
mb_http_counted(struct evbuffer *buf, const struct evbuffer_cb_info *info,
    void *data)
{
    mb_http_t *http = data;

    mb_buffered += info->n_added;
    mb_buffered -= info->n_deleted;

    if (info->n_deleted) {
        http->progress = mb_now;
    }
}


void
mb_http_close(mb_http_t *http)
{
    struct evbuffer  *out;

    mb_http_queue(http, -1);
    http->state = MB_H_CLOSING;

    mb_endpoint_gone(http);

    out = mb_output(http);
    mb_buffered -= evbuffer_get_length(out);
    evbuffer_remove_cb(out, mb_http_counted, http);

    bufferevent_free(http->bev);

    free(http->head);
    free(http->body);
    free(http);

    mb_connections--;
}


/* The answer is in the buffer: on to the next request, or to the end. */

static void
mb_http_done(mb_http_t *http)
{
    struct evbuffer  *in;

    free(http->body);
    http->body = NULL;
    http->body_len = 0;
    http->body_size = 0;
    http->sse_ok = 0;
    http->server = NULL;

    if (!http->in.keepalive || mb_exiting) {
        http->state = MB_H_CLOSING;
        in = bufferevent_get_input(http->bev);
        evbuffer_drain(in, evbuffer_get_length(in));

    } else {
        http->state = MB_H_HEAD;
        http->scanned = 0;
    }

    mb_http_queue(http, MB_Q_WRITE);
}


static void
mb_http_read(struct bufferevent *bev, void *data)
{
    mb_http_t *http = data;

    struct evbuffer  *in;

    mb_time();

    switch (http->state) {

    case MB_H_HEAD:
    case MB_H_BODY:
        mb_http_next(http);
        break;

    case MB_H_CLOSING:
        in = bufferevent_get_input(bev);
        evbuffer_drain(in, evbuffer_get_length(in));
        break;

    default:

        /* it waits for its turn */

        break;
    }
}


static void
mb_http_written(struct bufferevent *bev, void *data)
{
    mb_http_t *http = data;

    mb_time();

    if (evbuffer_get_length(mb_output(http))) {
        return;
    }

    switch (http->state) {

    case MB_H_CLOSING:

        if (!http->linger) {
            mb_http_close(http);
            return;
        }

        if (http->queue != &mb_queues[MB_Q_LINGER]) {
            (void) shutdown(bufferevent_getfd(bev), SHUT_WR);
            mb_http_queue(http, MB_Q_LINGER);
        }

        break;

    case MB_H_HEAD:
        mb_http_queue(http, MB_Q_IDLE);

        if (evbuffer_get_length(bufferevent_get_input(bev))) {
            bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS
                                              |BEV_TRIG_DEFER_CALLBACKS);
        }

        break;

    default:
        break;
    }
}


static void
mb_http_event_cb(struct bufferevent *bev, short what, void *data)
{
    mb_time();
    mb_http_close(data);
}


void
mb_http_accept(evutil_socket_t fd, int tcp)
{
    mb_http_t  *http;

    http = calloc(1, sizeof(mb_http_t));
    if (http == NULL) {
        close(fd);
        return;
    }

    http->bev = bufferevent_socket_new(mb_base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (http->bev == NULL) {
        close(fd);
        free(http);
        return;
    }

    http->tcp = tcp ? 1 : 0;
    mb_connections++;

    bufferevent_setcb(http->bev, mb_http_read, mb_http_written,
                      mb_http_event_cb, http);
    bufferevent_setwatermark(http->bev, EV_READ, 0, MB_AHEAD_MAX);

    mb_http_queue(http, MB_Q_REQUEST);

    if (evbuffer_add_cb(mb_output(http), mb_http_counted, http) == NULL
        || bufferevent_enable(http->bev, EV_READ|EV_WRITE) != 0)
    {
        mb_http_close(http);
    }
}


unsigned
mb_http_connections(void)
{
    return mb_connections;
}


void
mb_http_tick(void)
{
    int         i;
    uint64_t    since;
    mb_http_t  *http;

    for (i = 0; i < MB_QS; i++) {

        while ((http = TAILQ_FIRST(&mb_queues[i])) != NULL
               && mb_now - http->since >= mb_timeouts[i])
        {
            since = http->since > http->progress ? http->since
                                                 : http->progress;

            if (i == MB_Q_WRITE && mb_now - since < MB_T_WRITE) {
                mb_http_queue(http, i);
                continue;
            }

            if (i == MB_Q_STREAM
                && (evbuffer_get_length(mb_output(http)) == 0
                    || mb_now - http->progress < MB_T_WRITE))
            {
                mb_http_queue(http, i);

                if (evbuffer_get_length(mb_output(http)) == 0) {
                    http->progress = mb_now;
                    evbuffer_add_printf(mb_output(http), "3\r\n:\n\n\r\n");
                }

                continue;
            }

            mb_http_close(http);
        }
    }
}


/* Only those who have a request under way remain, until it is answered. */

void
mb_http_shutdown(void)
{
    int         i;
    mb_http_t  *http;

    static const int  ends[] = { MB_Q_REQUEST, MB_Q_IDLE, MB_Q_LINGER };

    for (i = 0; i < 3; i++) {
        while ((http = TAILQ_FIRST(&mb_queues[ends[i]])) != NULL) {
            mb_http_close(http);
        }
    }
}


/* --- requests ------------------------------------------------------------- */


static void
mb_http_refuse(mb_http_t *http, unsigned status, const char *text)
{
    mcp_str_t  none;

    none.len = 0;
    none.data = NULL;

    http->in.keepalive = 0;
    http->linger = 1;

    mb_http_error(http, status, status == 413 ? 413 : MCP_E_REQUEST, &none, 0,
                  "%s", text);
}


static int
mb_http_room(mb_http_t *http, size_t more)
{
    size_t          size;
    unsigned char  *p;

    if (http->body_size - http->body_len >= more) {
        return MCP_OK;
    }

    size = http->body_size ? http->body_size * 2 : 1024;

    while (size - http->body_len < more) {
        size *= 2;
    }

    /* a length that was named is reserved only as it comes */

    p = realloc(http->body, size);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    http->body = p;
    http->body_size = size;

    return MCP_OK;
}


static int
mb_http_take(mb_http_t *http, struct evbuffer *in, size_t n)
{
    if (mb_http_room(http, n) != MCP_OK) {
        mb_http_refuse(http, 503, "there is no memory for this request");
        return MCP_ERROR;
    }

    (void) evbuffer_remove(in, http->body + http->body_len, n);
    http->body_len += n;

    return MCP_OK;
}


/* A line of the chunked coding: MCP_OK, MCP_AGAIN, MCP_ERROR. */

static int
mb_http_chunk_line(mb_http_t *http, struct evbuffer *in, char *line,
    size_t size)
{
    size_t               len;
    struct evbuffer_ptr  eol;

    eol = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_CRLF_STRICT);

    if (eol.pos == -1) {

        if (evbuffer_get_length(in) >= size) {
            return MCP_ERROR;
        }

        return MCP_AGAIN;
    }

    len = (size_t) eol.pos;

    if (len >= size) {
        return MCP_ERROR;
    }

    (void) evbuffer_remove(in, line, len);
    (void) evbuffer_drain(in, 2);
    line[len] = '\0';

    return strlen(line) == len ? MCP_OK : MCP_ERROR;
}


static int
mb_http_chunk_size(mb_http_t *http, const char *line)
{
    int       digits;
    unsigned  c;

    http->chunk_left = 0;

    for (digits = 0; *line && *line != ';'; line++, digits++) {
        c = (unsigned char) *line | 0x20;

        if (c >= '0' && c <= '9') {
            c -= '0';
        } else if (c >= 'a' && c <= 'f') {
            c -= 'a' - 10;
        } else {
            return MCP_ERROR;
        }

        http->chunk_left = http->chunk_left * 16 + c;
    }

    return (digits == 0 || digits > 8) ? MCP_ERROR : MCP_OK;
}


/* RFC 9112, 7.1.  MCP_DONE at its end; MCP_ERROR: it has been refused. */

static int
mb_http_chunked(mb_http_t *http, struct evbuffer *in)
{
    int     rc;
    char    line[256];
    size_t  n;

    enum { AT_SIZE = 0, AT_DATA, AT_END, AT_TRAILER };

    for ( ;; ) {

        if (http->chunk == AT_DATA) {
            n = evbuffer_get_length(in);

            if (n > http->chunk_left) {
                n = (size_t) http->chunk_left;
            }

            if (n && mb_http_take(http, in, n) != MCP_OK) {
                return MCP_ERROR;
            }

            http->chunk_left -= n;

            if (http->chunk_left) {
                return MCP_AGAIN;
            }

            http->chunk = AT_END;
        }

        rc = mb_http_chunk_line(http, in, line, sizeof(line));

        if (rc == MCP_AGAIN) {
            return MCP_AGAIN;
        }

        if (rc == MCP_ERROR
            || (http->chunk == AT_END && line[0] != '\0')
            || (http->chunk == AT_SIZE
                && mb_http_chunk_size(http, line) != MCP_OK))
        {
            mb_http_refuse(http, 400, "the chunks of the body are not "
                           "well-formed");
            return MCP_ERROR;
        }

        switch (http->chunk) {

        case AT_SIZE:

            if (http->chunk_left > MB_BODY_MAX - http->body_len) {
                mb_http_refuse(http, 413, "the request is too large");
                return MCP_ERROR;
            }

            http->chunk = http->chunk_left ? AT_DATA : AT_TRAILER;
            break;

        case AT_END:
            http->chunk = AT_SIZE;
            break;

        default:

            if (line[0] == '\0') {
                return MCP_DONE;
            }
        }
    }
}


static int
mb_http_body(mb_http_t *http, struct evbuffer *in)
{
    size_t  n, left;

    if (http->in.chunked) {
        return mb_http_chunked(http, in);
    }

    if (http->in.length <= 0) {
        return MCP_DONE;
    }

    n = evbuffer_get_length(in);
    left = (size_t) http->in.length - http->body_len;

    if (n > left) {
        n = left;
    }

    if (n && mb_http_take(http, in, n) != MCP_OK) {
        return MCP_ERROR;
    }

    return n == left ? MCP_DONE : MCP_AGAIN;
}


static int
mb_http_head(mb_http_t *http, struct evbuffer *in)
{
    size_t               len;
    struct evbuffer_ptr  from, end;

    /* an empty line before a request is skipped (RFC 9112, 2.2) */

    while (http->scanned == 0 && evbuffer_get_length(in) >= 2
           && memcmp(evbuffer_pullup(in, 2), "\r\n", 2) == 0)
    {
        evbuffer_drain(in, 2);
    }

    len = evbuffer_get_length(in);

    if (len == 0) {
        return MCP_AGAIN;
    }

    (void) evbuffer_ptr_set(in, &from,
                            http->scanned > 3 ? http->scanned - 3 : 0,
                            EVBUFFER_PTR_SET);
    end = evbuffer_search(in, "\r\n\r\n", 4, &from);

    if (end.pos == -1) {
        http->scanned = len;

        if (len > MB_HEAD_MAX) {
            mb_http_refuse(http, 431, "the header is too large");
            return MCP_ERROR;
        }

        if (http->queue != &mb_queues[MB_Q_REQUEST]) {
            mb_http_queue(http, MB_Q_REQUEST);
        }

        return MCP_AGAIN;
    }

    len = (size_t) end.pos;

    free(http->head);
    http->head = malloc(len + 1);

    if (http->head == NULL) {
        mb_http_refuse(http, 503, "there is no memory for this request");
        return MCP_ERROR;
    }

    (void) evbuffer_remove(in, http->head, len);
    evbuffer_drain(in, 4);

    mb_request_read(&http->in, http->head, len);

    if (http->in.status) {
        mb_http_refuse(http, http->in.status, http->in.text);
        return MCP_ERROR;
    }

    if (http->in.length > MB_BODY_MAX) {
        mb_http_refuse(http, 413, "the request is too large");
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
mb_http_next(mb_http_t *http)
{
    struct evbuffer  *in;

    in = bufferevent_get_input(http->bev);

    if (http->state == MB_H_HEAD) {

        /* who sends on without reading its answers waits */

        if (evbuffer_get_length(mb_output(http)) > MB_CLIENT_MAX
            || mb_http_head(http, in) != MCP_OK)
        {
            return;
        }

        http->state = MB_H_BODY;
        http->chunk = 0;

        if (http->queue != &mb_queues[MB_Q_REQUEST]) {
            mb_http_queue(http, MB_Q_REQUEST);
        }

        if (http->in.expect
            && (http->in.chunked || http->in.length > 0)
            && evbuffer_get_length(in) == 0)
        {
            evbuffer_add_printf(mb_output(http),
                                "HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    if (mb_http_body(http, in) != MCP_DONE) {
        return;
    }

    http->state = MB_H_BUSY;
    http->sse_ok = !http->in.http10
                   && mb_request_accepts(&http->in.accept,
                                         "text/event-stream");
    mb_http_queue(http, -1);
    mb_endpoint(http);
}


/* --- answers -------------------------------------------------------------- */


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

    (void) evbuffer_add(mb_output(http), head, (size_t) n);
}


void
mb_http_answer(mb_http_t *http, unsigned status, const char *type,
    const char *extra, const void *body, size_t len)
{
    if (http->state == MB_H_CLOSING) {
        return;
    }

    mb_http_start(http, status, type, extra, len);
    (void) evbuffer_add(mb_output(http), body, len);
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

    out = mb_output(http);
    len = mb_line_len(line, span, with, span2, with2);

    (void) evbuffer_add_printf(out, "%zx\r\ndata: ", len + 8);
    mb_line_put(out, line, span, with, span2, with2);
    (void) evbuffer_add(out, "\n\n\r\n", 4);
}


static int
mb_http_full(mb_http_t *http, size_t most, size_t more)
{
    if (evbuffer_get_length(mb_output(http)) > most
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
    mb_line_put(mb_output(http), line, span, with, span2, with2);
    mb_http_done(http);
}


void
mb_http_stream(mb_http_t *http, const char *extra)
{
    (void) evbuffer_add_printf(mb_output(http),
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

    (void) evbuffer_add(mb_output(http), "0\r\n\r\n", 5);
    mb_http_done(http);
}
