
/*
 * The backend of the benchmark: an MCP server that does as little as can be
 * done, so that what is measured is the proxy in front of it.  One thread,
 * epoll, kept connections, answers made in advance but for the id, which is
 * the request's own: that is what nginx alone cannot answer with.
 *
 *     backend PORT PATH=ERA,KIND,SIZE,TOOLS ...
 *
 *     ERA    modern (2026-07-28) or legacy (2025-11-25, with a session)
 *     KIND   json; sse: the answer as a stream of one event, chunked;
 *            stream: sent from one block again and again, for sizes that no
 *            memory should hold
 *     SIZE   bytes of text in the result of a call
 *     TOOLS  how many the list has: tool_0, tool_1 ...
 *
 * It listens on 127.0.0.1 and says "ready" when it does.  Its requests are
 * the benchmark's: well-formed, with a Content-Length, and with "method" and
 * "id" in front of any text in which these words could occur.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>


#define BENCH_IN      65536
#define BENCH_BLOCK   262144
#define BENCH_EVENTS  256
#define BENCH_ID_MAX  64

#define BENCH_SESSION "7c1f0a52-98b1-4c0e-8d9a-3f2b6e5d4c01"

#define BENCH_META                                                            \
    "\"resultType\":\"complete\",\"_meta\":{"                                 \
    "\"io.modelcontextprotocol/serverInfo\":"                                 \
    "{\"name\":\"bench\",\"version\":\"1\"}}"


typedef struct {
    char                 *data;
    size_t                len;
    size_t                size;
} text_t;


typedef enum { KIND_JSON, KIND_SSE, KIND_STREAM } kind_e;


typedef struct {
    char                 *path;
    size_t                path_len;
    int                   modern;
    kind_e                kind;
    size_t                size;
    unsigned              tools;
    text_t                call;        /* what follows the id */
    text_t                list;
} route_t;


typedef struct {
    int                   fd;
    size_t                in_len;
    size_t                out_pos;
    text_t                out;         /* what could not be sent at once */
    const text_t         *rest;        /* ... then this, from rest_pos on */
    size_t                rest_pos;
    size_t                blocks;      /* ... then so many, of size, of the
                                          block */
    size_t                size;
    const char           *tail;        /* ... then this */
    char                  in[BENCH_IN];
} conn_t;


static route_t  *routes;
static unsigned  nroutes;
static char      block[BENCH_BLOCK];


static void
fail(const char *what)
{
    fprintf(stderr, "backend: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
add_len(text_t *t, const char *p, size_t len)
{
    if (t->size - t->len < len) {
        t->size = (t->size + len) * 2;
        t->data = realloc(t->data, t->size);

        if (t->data == NULL) {
            fail("realloc");
        }
    }

    memcpy(t->data + t->len, p, len);
    t->len += len;
}


static void
add(text_t *t, const char *s)
{
    add_len(t, s, strlen(s));
}


static void
add_uint(text_t *t, size_t n, unsigned base)
{
    char  buf[24], *p;

    p = buf + sizeof(buf);

    do {
        *--p = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);

    add_len(t, p, (size_t) (buf + sizeof(buf) - p));
}


/* --- answers made in advance ---------------------------------------------- */


static void
make_call(route_t *rt)
{
    size_t   n, left;
    text_t  *t;

    t = &rt->call;
    add(t, ",\"result\":{");

    if (rt->modern) {
        add(t, BENCH_META ",");
    }

    add(t, "\"content\":[{\"type\":\"text\",\"text\":\"");

    if (rt->kind == KIND_STREAM) {
        return;
    }

    for (left = rt->size; left; left -= n) {
        n = left < BENCH_BLOCK ? left : BENCH_BLOCK;
        add_len(t, block, n);
    }

    add(t, "\"}],\"isError\":false}}");
}


static void
make_list(route_t *rt)
{
    text_t    *t;
    unsigned   i;

    t = &rt->list;
    add(t, ",\"result\":{");

    if (rt->modern) {
        add(t, BENCH_META ",\"ttlMs\":3600000,\"cacheScope\":\"private\",");
    }

    add(t, "\"tools\":[");

    for (i = 0; i < rt->tools; i++) {
        add(t, i ? ",{\"name\":\"tool_" : "{\"name\":\"tool_");
        add_uint(t, i, 10);
        add(t, "\",\"description\":\"Looks up records of one kind by their "
               "key and says what is known of them\",\"inputSchema\":{"
               "\"type\":\"object\",\"properties\":{\"query\":{\"type\":"
               "\"string\"},\"limit\":{\"type\":\"integer\",\"minimum\":1}},"
               "\"required\":[\"query\"]}}");
    }

    add(t, "]}}");
}


/* "PATH=ERA,KIND,SIZE,TOOLS" */

static int
make_route(route_t *rt, char *arg)
{
    char  *era, *kind, *size, *tools;

    rt->path = strsep(&arg, "=");
    era = strsep(&arg, ",");
    kind = strsep(&arg, ",");
    size = strsep(&arg, ",");
    tools = strsep(&arg, ",");

    if (tools == NULL) {
        return -1;
    }

    rt->path_len = strlen(rt->path);
    rt->modern = (strcmp(era, "modern") == 0);
    rt->kind = strcmp(kind, "sse") == 0 ? KIND_SSE
               : strcmp(kind, "stream") == 0 ? KIND_STREAM : KIND_JSON;
    rt->size = strtoul(size, NULL, 10);
    rt->tools = (unsigned) strtoul(tools, NULL, 10);

    make_call(rt);
    make_list(rt);

    return 0;
}


/* --- answering ------------------------------------------------------------ */


static void
add_head(text_t *t, const char *more, size_t len)
{
    add(t, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
    add(t, more);
    add(t, "Content-Length: ");
    add_uint(t, len, 10);
    add(t, "\r\n\r\n");
}


#define BENCH_BEGIN  "{\"jsonrpc\":\"2.0\",\"id\":"
#define BENCH_EVENT  "event: message\ndata: "
#define BENCH_END    "\"}],\"isError\":false}}"


/* rest is sent from where it lies, unless it is small */

static void
answer_json(conn_t *c, const char *more, const char *id, size_t id_len,
    const text_t *rest)
{
    add_head(&c->out, more, sizeof(BENCH_BEGIN) - 1 + id_len + rest->len);
    add(&c->out, BENCH_BEGIN);
    add_len(&c->out, id, id_len);

    if (rest->len <= 4096) {
        add_len(&c->out, rest->data, rest->len);
        return;
    }

    c->rest = rest;
}


static void
answer_sse(conn_t *c, const char *id, size_t id_len, const text_t *rest)
{
    text_t  *t;

    t = &c->out;
    add(t, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
           "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    add_uint(t, sizeof(BENCH_EVENT BENCH_BEGIN) - 1 + id_len + rest->len + 2,
             16);
    add(t, "\r\n" BENCH_EVENT BENCH_BEGIN);
    add_len(t, id, id_len);
    add_len(t, rest->data, rest->len);
    add(t, "\n\n\r\n0\r\n\r\n");
}


static void
answer_stream(conn_t *c, const route_t *rt, const char *id, size_t id_len)
{
    add_head(&c->out, "", sizeof(BENCH_BEGIN) - 1 + id_len + rt->call.len
                          + rt->size + sizeof(BENCH_END) - 1);
    add(&c->out, BENCH_BEGIN);
    add_len(&c->out, id, id_len);
    add_len(&c->out, rt->call.data, rt->call.len);

    c->size = rt->size;
    c->blocks = rt->size;
    c->tail = BENCH_END;
}


static void
answer_text(conn_t *c, const char *more, const char *id, size_t id_len,
    const char *s)
{
    text_t  t;

    t.data = (char *) s;
    t.len = strlen(s);
    answer_json(c, more, id, id_len, &t);
}


static void
answer(conn_t *c, const route_t *rt, const char *method, size_t len,
    const char *id, size_t id_len)
{
#define is(s)  (len == sizeof(s) - 1 && memcmp(method, s, len) == 0)

    if (id == NULL) {
        add(&c->out, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");

    } else if (is("tools/call")) {

        if (rt->kind == KIND_SSE) {
            answer_sse(c, id, id_len, &rt->call);

        } else if (rt->kind == KIND_STREAM) {
            answer_stream(c, rt, id, id_len);

        } else {
            answer_json(c, "", id, id_len, &rt->call);
        }

    } else if (is("tools/list")) {
        answer_json(c, "", id, id_len, &rt->list);

    } else if (is("server/discover") && rt->modern) {
        answer_text(c, "", id, id_len, ",\"result\":{" BENCH_META ","
                    "\"supportedVersions\":[\"2026-07-28\"],"
                    "\"capabilities\":{\"tools\":{}},"
                    "\"ttlMs\":3600000,\"cacheScope\":\"private\"}}");

    } else if (is("initialize") && !rt->modern) {
        answer_text(c, "Mcp-Session-Id: " BENCH_SESSION "\r\n", id, id_len,
                    ",\"result\":{\"protocolVersion\":\"2025-11-25\","
                    "\"capabilities\":{\"tools\":{}},\"serverInfo\":"
                    "{\"name\":\"bench\",\"version\":\"1\"}}}");

    } else {
        answer_text(c, "", id, id_len, ",\"error\":{\"code\":-32601,"
                    "\"message\":\"no such method\"}}");
    }

#undef is
}


/* What stands behind "name": in the text; a string without its quotes. */

static const char *
member(const char *p, const char *end, const char *name, size_t *len)
{
    const char  *from;

    p = memmem(p, (size_t) (end - p), name, strlen(name));

    if (p == NULL) {
        return NULL;
    }

    p += strlen(name);
    from = p;

    if (strchr(name, '\0')[-1] == '"') {
        p = memchr(p, '"', (size_t) (end - p));
        *len = p ? (size_t) (p - from) : 0;
        return p ? from : NULL;
    }

    while (p < end && *p != ',' && *p != '}') {
        p++;
    }

    *len = (size_t) (p - from);

    return *len <= BENCH_ID_MAX ? from : NULL;
}


/* The length of the first request in the buffer; 0: it is not whole yet. */

static size_t
request(conn_t *c)
{
    char        *p, *end, *body;
    size_t       n, len, method_len, id_len;
    unsigned     i;
    const char  *method, *id;

    end = c->in + c->in_len;
    body = memmem(c->in, c->in_len, "\r\n\r\n", 4);

    if (body == NULL) {
        return 0;
    }

    body += 4;
    n = 0;

    for (p = c->in; p < body - 4; p += 2) {
        if (strncasecmp(p, "Content-Length:", 15) == 0) {
            n = strtoul(p + 15, NULL, 10);
        }

        p = memmem(p, (size_t) (end - p), "\r\n", 2);
    }

    if (n > (size_t) (end - body)) {
        return 0;
    }

    end = body + n;
    p = memchr(c->in, ' ', (size_t) (body - c->in));
    len = p ? strcspn(++p, " ?\r") : 0;

    for (i = 0; i < nroutes; i++) {
        if (p != NULL && len == routes[i].path_len
            && memcmp(p, routes[i].path, len) == 0)
        {
            break;
        }
    }

    method = member(body, end, "\"method\":\"", &method_len);
    id = member(body, end, "\"id\":", &id_len);

    if (i == nroutes || method == NULL) {
        add(&c->out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        return (size_t) (end - c->in);
    }

    answer(c, &routes[i], method, method_len, id, id_len);

    return (size_t) (end - c->in);
}


/* 0: all is sent; 1: the socket is full; -1: the connection is over */

static int
flush(conn_t *c)
{
    int           n;
    size_t        at, len;
    ssize_t       sent;
    struct iovec  iov[3];

    for ( ;; ) {
        n = 0;

        if (c->out_pos < c->out.len) {
            iov[n].iov_base = c->out.data + c->out_pos;
            iov[n++].iov_len = c->out.len - c->out_pos;
        }

        if (c->rest) {
            iov[n].iov_base = c->rest->data + c->rest_pos;
            iov[n++].iov_len = c->rest->len - c->rest_pos;

        } else if (c->blocks) {
            at = (c->size - c->blocks) % BENCH_BLOCK;
            len = BENCH_BLOCK - at;
            iov[n].iov_base = block + at;
            iov[n++].iov_len = c->blocks < len ? c->blocks : len;

        } else if (c->tail) {
            iov[n].iov_base = (char *) c->tail;
            iov[n++].iov_len = strlen(c->tail);
        }

        if (n == 0) {
            c->out.len = 0;
            c->out_pos = 0;
            return 0;
        }

        sent = (n == 1) ? send(c->fd, iov[0].iov_base, iov[0].iov_len,
                               MSG_NOSIGNAL)
                        : writev(c->fd, iov, n);

        if (sent < 0) {
            return (errno == EAGAIN) ? 1 : -1;
        }

        len = c->out.len - c->out_pos;
        len = len < (size_t) sent ? len : (size_t) sent;
        c->out_pos += len;
        sent -= (ssize_t) len;

        if (c->rest) {
            c->rest_pos += (size_t) sent;

            if (c->rest_pos == c->rest->len) {
                c->rest = NULL;
                c->rest_pos = 0;
            }

        } else if (c->blocks) {
            c->blocks -= (size_t) sent;

        } else if (c->tail && sent) {
            c->tail = ((size_t) sent < strlen(c->tail)) ? c->tail + sent
                                                        : NULL;
        }
    }
}


/* The same results as flush(). */

static int
serve(conn_t *c, int readable)
{
    int      rc;
    size_t   used;
    ssize_t  n;

    rc = flush(c);

    if (rc != 0 || !readable) {
        return rc;
    }

    if (c->in_len == BENCH_IN) {
        return -1;
    }

    n = read(c->fd, c->in + c->in_len, BENCH_IN - c->in_len);

    if (n <= 0) {
        return (n < 0 && errno == EAGAIN) ? 0 : -1;
    }

    c->in_len += (size_t) n;
    used = request(c);

    if (used == 0) {
        return 0;
    }

    c->in_len -= used;
    memmove(c->in, c->in + used, c->in_len);

    return flush(c);
}


static int
listener(unsigned port)
{
    int                 fd, one;
    struct sockaddr_in  sin;

    one = 1;
    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((unsigned short) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0
        || bind(fd, (struct sockaddr *) &sin, sizeof(sin)) != 0
        || listen(fd, 511) != 0)
    {
        fail("listen");
    }

    return fd;
}


static void
watch(int ep, int op, conn_t *c, int fd, unsigned events)
{
    struct epoll_event  ev;

    ev.events = events;
    ev.data.ptr = c;

    if (epoll_ctl(ep, op, fd, &ev) != 0) {
        fail("epoll_ctl");
    }
}


static void
accept_one(int ep, int listen_fd)
{
    int      fd, one;
    conn_t  *c;

    one = 1;
    fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        return;
    }

    c = calloc(1, sizeof(conn_t));

    if (c == NULL) {
        fail("calloc");
    }

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->fd = fd;
    watch(ep, EPOLL_CTL_ADD, c, fd, EPOLLIN);
}


static void
event(int ep, const struct epoll_event *ev)
{
    int      rc;
    conn_t  *c;

    c = ev->data.ptr;
    rc = serve(c, (ev->events & EPOLLIN) != 0);

    if (rc < 0 || (ev->events & (EPOLLERR | EPOLLHUP))) {
        close(c->fd);
        free(c->out.data);
        free(c);
        return;
    }

    /* no further request is read before an answer has gone out */

    if (rc == 1 && !(ev->events & EPOLLOUT)) {
        watch(ep, EPOLL_CTL_MOD, c, c->fd, EPOLLOUT);

    } else if (rc == 0 && (ev->events & EPOLLOUT)) {
        watch(ep, EPOLL_CTL_MOD, c, c->fd, EPOLLIN);
    }
}


int
main(int argc, char **argv)
{
    int                 i, n, ep, fd;
    struct epoll_event  events[BENCH_EVENTS];

    if (argc < 3) {
        fprintf(stderr, "usage: backend PORT PATH=ERA,KIND,SIZE,TOOLS ...\n");
        return 2;
    }

    for (i = 0; i < BENCH_BLOCK; i++) {
        block[i] = "plain words that go on without an end in sight. "[i % 48];
    }

    nroutes = (unsigned) (argc - 2);
    routes = calloc(nroutes, sizeof(route_t));
    ep = epoll_create1(EPOLL_CLOEXEC);

    if (routes == NULL || ep < 0) {
        fail("start");
    }

    for (i = 2; i < argc; i++) {
        if (make_route(&routes[i - 2], argv[i]) != 0) {
            fprintf(stderr, "backend: bad route \"%s\"\n", argv[i]);
            return 2;
        }
    }

    fd = listener((unsigned) atoi(argv[1]));
    watch(ep, EPOLL_CTL_ADD, NULL, fd, EPOLLIN);

    puts("ready");
    fflush(stdout);

    for ( ;; ) {
        n = epoll_wait(ep, events, BENCH_EVENTS, -1);

        for (i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL) {
                accept_one(ep, fd);
            } else {
                event(ep, &events[i]);
            }
        }
    }
}
