
/* Requests: the head as a whole, and a body as it comes (RFC 9112). */


#include "http.h"

#include <stdlib.h>


#define MB_HEAD_MAX  32768


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

        if (http->queue != &mb_http_queues[MB_Q_REQUEST]) {
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


void
mb_http_next(mb_http_t *http)
{
    struct evbuffer  *in;

    in = bufferevent_get_input(http->bev);

    if (http->state == MB_H_HEAD) {

        /* who sends on without reading its answers waits */

        if (evbuffer_get_length(mb_http_output(http)) > MB_CLIENT_MAX
            || mb_http_head(http, in) != MCP_OK)
        {
            return;
        }

        http->state = MB_H_BODY;
        http->chunk = 0;

        if (http->queue != &mb_http_queues[MB_Q_REQUEST]) {
            mb_http_queue(http, MB_Q_REQUEST);
        }

        if (http->in.expect
            && (http->in.chunked || http->in.length > 0)
            && evbuffer_get_length(in) == 0)
        {
            evbuffer_add_printf(mb_http_output(http),
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
