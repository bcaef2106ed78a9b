
/*
 * The pipes of a process: its standard input, output and error.  What its
 * lines mean is in call_line.c.
 */


#include "child.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>


#define MB_READ  65536


/* --- standard input ------------------------------------------------------- */


int
mb_child_send(mb_child_t *child, const void *p, size_t len)
{
    size_t  queued;

    if (child->in == -1 || child->closing_in) {
        return MCP_NONE;
    }

    queued = evbuffer_get_length(child->queue);

    if (queued == 0) {
        child->written = mb_now;
    }

    if (evbuffer_add(child->queue, p, len) != 0) {
        return MCP_NOMEM;
    }

    if (queued == 0 && event_add(child->in_ev, NULL) != 0) {
        return MCP_NOMEM;
    }

    return MCP_OK;
}


void
mb_child_writable(evutil_socket_t fd, short what, void *data)
{
    mb_child_t *child = data;

    int  n;

    mb_time();

    n = evbuffer_write(child->queue, child->in);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        (void) event_add(child->in_ev, NULL);
        return;
    }

    if (n == -1) {
        mb_child_close(&child->in, &child->in_ev);
        evbuffer_drain(child->queue, evbuffer_get_length(child->queue));

        if (child->state != MB_CHILD_STOPPING) {
            mb_server_child_failed(child, "it has closed its standard input");
        }

        return;
    }

    child->written = mb_now;

    if (evbuffer_get_length(child->queue)) {
        (void) event_add(child->in_ev, NULL);
        return;
    }

    if (child->closing_in) {
        mb_child_close(&child->in, &child->in_ev);
    }
}


/* --- standard output ------------------------------------------------------ */


static void
mb_child_lines(mb_child_t *child, size_t fresh)
{
    size_t          start, n;
    unsigned char  *lf, *from;

    start = 0;
    from = child->buf + child->len - fresh;

    while ((lf = memchr(from, '\n', (size_t) (child->buf + child->len - from)))
           != NULL)
    {
        n = (size_t) (lf - child->buf) - start;

        if (n > child->server->entry->max_line) {
            break;
        }

        mb_call_line(child, child->buf + start, n);

        start += n + 1;
        from = lf + 1;

        /* the line may have been the end of it */

        if (child->state == MB_CHILD_STOPPING
            && TAILQ_EMPTY(&child->calls))
        {
            child->len = 0;
            return;
        }
    }

    child->len -= start;

    if (start && child->len) {
        memmove(child->buf, child->buf + start, child->len);
    }

    if (child->len > child->server->entry->max_line) {
        child->len = 0;

        if (child->state != MB_CHILD_STOPPING) {
            mb_server_child_failed(child, "a line of its output is longer "
                                   "than \"maxLine\"");
        }
    }

    /* a long line is rare: its memory is not kept */

    if (child->len == 0 && child->size > MB_READ * 4) {
        free(child->buf);
        child->buf = NULL;
        child->size = 0;
    }
}


void
mb_child_readable(evutil_socket_t fd, short what, void *data)
{
    mb_child_t *child = data;

    size_t          size;
    ssize_t         n;
    unsigned char  *buf;

    mb_time();

    if (child->size - child->len < MB_READ) {
        size = child->size ? child->size * 2 : MB_READ * 2;

        buf = realloc(child->buf, size);
        if (buf == NULL) {
            mb_server_child_failed(child, "there is no memory for a line of "
                                   "its output");
            return;
        }

        child->buf = buf;
        child->size = size;
    }

    n = read(child->out, child->buf + child->len, MB_READ);

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        mb_child_close(&child->out, &child->out_ev);

        if (child->state != MB_CHILD_STOPPING && !child->exited) {
            mb_server_child_failed(child, "it has closed its standard output");
        }

        return;
    }

    child->len += (size_t) n;
    mb_child_lines(child, (size_t) n);
}


/* --- standard error ------------------------------------------------------- */


static void
mb_child_said(mb_child_t *child)
{
    uint64_t      dropped;
    mb_server_t  *server;

    server = child->server;

    if (child->tail_len == 0) {
        return;
    }

    if (mb_rate(&server->stderr_rate, 20, 200, &dropped)) {

        if (dropped) {
            mb_log(MB_WARN, server->name, "%llu lines of its standard error "
                   "were left out", (unsigned long long) dropped);
        }

        mb_log_bytes(MB_INFO, server->name, "stderr",
                     (unsigned char *) child->tail, child->tail_len);
    }

    child->tail_len = 0;
}


void
mb_child_stderr(evutil_socket_t fd, short what, void *data)
{
    mb_child_t *child = data;

    size_t    room, take;
    char     *p, *end, *lf;
    ssize_t   n;

    static char  buf[MB_READ];

    mb_time();

    n = read(child->err, buf, sizeof(buf));

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n <= 0) {
        mb_child_said(child);
        mb_child_close(&child->err, &child->err_ev);
        return;
    }

    end = buf + n;

    for (p = buf; p < end; p = lf + 1) {

        lf = memchr(p, '\n', (size_t) (end - p));
        take = (size_t) ((lf ? lf : end) - p);

        if (!child->tail_skip) {
            room = sizeof(child->tail) - child->tail_len;

            if (take > room) {
                take = room;
                child->tail_skip = 1;
            }

            memcpy(child->tail + child->tail_len, p, take);
            child->tail_len += take;
        }

        if (lf == NULL) {
            return;
        }

        mb_child_said(child);
        child->tail_skip = 0;
    }
}
