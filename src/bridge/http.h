
/* What the files of a connection share: http.c, http_read.c, http_write.c. */


#ifndef MCP_BRIDGE_HTTP_H
#define MCP_BRIDGE_HTTP_H


#include "bridge.h"


/* Each connection is under one timeout, or none. */

enum {
    MB_Q_REQUEST = 0,
    MB_Q_IDLE,
    MB_Q_WRITE,
    MB_Q_STREAM,
    MB_Q_LINGER,
    MB_QS
};


extern struct mb_https_s  mb_http_queues[MB_QS];


static inline struct evbuffer *
mb_http_output(mb_http_t *http)
{
    return bufferevent_get_output(http->bev);
}


/* http.c */

/* MB_Q_*; -1: no timeout. */

void mb_http_queue(mb_http_t *http, int queue);

/* The answer is in the buffer: on to the next request, or to the end. */

void mb_http_done(mb_http_t *http);

/* http_read.c: what there is of a request is read. */

void mb_http_next(mb_http_t *http);


#endif /* MCP_BRIDGE_HTTP_H */
