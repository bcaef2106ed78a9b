
/*
 * Connections of HTTP/1.1 on libevent's bufferevents; one exchange at a time a
 * connection.
 *
 * libevent's own evhttp is not used: while a request is being answered it
 * does not see its client leave, and ends the process when it is made to read
 * then; a call could not be cancelled.
 */


#include "http.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>


#define MB_AHEAD_MAX     65536       /* read before it is wanted */

#define MB_T_REQUEST     60000       /* ms for a request to come */
#define MB_T_IDLE        900000      /* ms between requests: longer than any
                                        proxy keeps a connection */
#define MB_T_WRITE       60000       /* ms without reading its answer */
#define MB_T_STREAM      20000       /* ms between comments */
#define MB_T_LINGER      5000


struct mb_https_s       mb_http_queues[MB_QS] = {
    TAILQ_HEAD_INITIALIZER(mb_http_queues[MB_Q_REQUEST]),
    TAILQ_HEAD_INITIALIZER(mb_http_queues[MB_Q_IDLE]),
    TAILQ_HEAD_INITIALIZER(mb_http_queues[MB_Q_WRITE]),
    TAILQ_HEAD_INITIALIZER(mb_http_queues[MB_Q_STREAM]),
    TAILQ_HEAD_INITIALIZER(mb_http_queues[MB_Q_LINGER])
};

static unsigned         mb_connections;

static const uint64_t   mb_timeouts[MB_QS] = {
    MB_T_REQUEST, MB_T_IDLE, MB_T_WRITE, MB_T_STREAM, MB_T_LINGER
};


void
mb_http_queue(mb_http_t *http, int queue)
{
    if (http->queue) {
        TAILQ_REMOVE(http->queue, http, link);
        http->queue = NULL;
    }

    if (queue >= 0) {
        http->queue = &mb_http_queues[queue];
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

    out = mb_http_output(http);
    mb_buffered -= evbuffer_get_length(out);
    evbuffer_remove_cb(out, mb_http_counted, http);

    bufferevent_free(http->bev);

    free(http->head);
    free(http->body);
    free(http);

    mb_connections--;
}


/* The answer is in the buffer: on to the next request, or to the end. */

void
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

    if (evbuffer_get_length(mb_http_output(http))) {
        return;
    }

    switch (http->state) {

    case MB_H_CLOSING:

        if (!http->linger) {
            mb_http_close(http);
            return;
        }

        if (http->queue != &mb_http_queues[MB_Q_LINGER]) {
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

    if (evbuffer_add_cb(mb_http_output(http), mb_http_counted, http) == NULL
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

        while ((http = TAILQ_FIRST(&mb_http_queues[i])) != NULL
               && mb_now - http->since >= mb_timeouts[i])
        {
            since = http->since > http->progress ? http->since
                                                 : http->progress;

            if (i == MB_Q_WRITE && mb_now - since < MB_T_WRITE) {
                mb_http_queue(http, i);
                continue;
            }

            if (i == MB_Q_STREAM
                && (evbuffer_get_length(mb_http_output(http)) == 0
                    || mb_now - http->progress < MB_T_WRITE))
            {
                mb_http_queue(http, i);

                if (evbuffer_get_length(mb_http_output(http)) == 0) {
                    http->progress = mb_now;
                    evbuffer_add_printf(mb_http_output(http), "3\r\n:\n\n\r\n");
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
        while ((http = TAILQ_FIRST(&mb_http_queues[ends[i]])) != NULL) {
            mb_http_close(http);
        }
    }
}
