
/* Sockets: of the file system, or of the loopback. */


#include "bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>


#define MB_PATH     sizeof(((struct sockaddr_un *) 0)->sun_path)
#define MB_BACKLOG  511
#define MB_ACCEPT   64               /* at a time */
#define MB_PAUSE    200              /* ms, when there is no descriptor left */


typedef struct mb_listener_s  mb_listener_t;

struct mb_listener_s {
    mb_listener_t        *next;
    int                   fd;
    int                   tcp;
    struct event         *ev;
    struct event         *pause;
    char                  path[MB_PATH];
};


static mb_listener_t  *mb_listeners;
static mode_t          mb_mode = 0660;
static gid_t           mb_group = (gid_t) -1;


int
mb_listen_options(const char *mode, const char *group)
{
    char          *end;
    long           n;
    struct group  *gr;

    if (mode) {
        n = strtol(mode, &end, 8);

        if (*mode == '\0' || *end != '\0' || n < 0 || n > 0777) {
            mb_log(MB_ERROR, NULL, "-m takes an octal mode such as 0660, not "
                   "\"%s\"", mode);
            return MCP_ERROR;
        }

        mb_mode = (mode_t) n;
    }

    if (group) {
        gr = getgrnam(group);

        if (gr == NULL) {
            mb_log(MB_ERROR, NULL, "there is no group \"%s\"", group);
            return MCP_ERROR;
        }

        mb_group = gr->gr_gid;
    }

    return MCP_OK;
}


static void
mb_listen_pause_over(evutil_socket_t fd, short what, void *data)
{
    mb_listener_t *ls = data;

    (void) event_add(ls->ev, NULL);
}


static void
mb_listen_accept(evutil_socket_t fd, short what, void *data)
{
    mb_listener_t *ls = data;

    int             i, s, on;
    struct timeval  tv;

    mb_time();

    for (i = 0; i < MB_ACCEPT; i++) {
        s = accept4(ls->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (s != -1) {

            if (ls->tcp) {
                on = 1;
                (void) setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on,
                                  sizeof(on));
            }

            mb_http_accept(s, ls->tcp);
            continue;
        }

        switch (errno) {

        case EINTR:
        case ECONNABORTED:
            continue;

        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:

            mb_log(MB_ERROR, NULL, "a connection has to wait: %s",
                   strerror(errno));

            tv.tv_sec = 0;
            tv.tv_usec = MB_PAUSE * 1000;

            if (evtimer_add(ls->pause, &tv) == 0) {
                (void) event_del(ls->ev);
            }

            return;

        default:
            return;
        }
    }
}


static int
mb_listen_on(int fd, int tcp, const char *path)
{
    mb_listener_t  *ls;

    ls = calloc(1, sizeof(mb_listener_t));
    if (ls == NULL) {
        return MCP_NOMEM;
    }

    ls->fd = fd;
    ls->tcp = tcp;
    snprintf(ls->path, sizeof(ls->path), "%s", path ? path : "");
    ls->ev = event_new(mb_base, fd, EV_READ|EV_PERSIST, mb_listen_accept, ls);
    ls->pause = evtimer_new(mb_base, mb_listen_pause_over, ls);

    if (ls->ev == NULL || ls->pause == NULL || event_add(ls->ev, NULL) != 0) {
        if (ls->ev) {
            event_free(ls->ev);
        }
        if (ls->pause) {
            event_free(ls->pause);
        }
        free(ls);
        return MCP_NOMEM;
    }

    ls->next = mb_listeners;
    mb_listeners = ls;

    return MCP_OK;
}


/* --- unix ----------------------------------------------------------------- */


/* A socket that nobody answers at is what a bridge left that was killed. */

static int
mb_listen_stale(const char *path, const struct sockaddr_un *sun)
{
    int          fd, rc;
    struct stat  st;

    if (lstat(path, &st) != 0) {
        return MCP_OK;
    }

    if (!S_ISSOCK(st.st_mode)) {
        mb_log(MB_ERROR, NULL, "%s is no socket: it is left alone", path);
        return MCP_ERROR;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) {
        return MCP_ERROR;
    }

    rc = connect(fd, (const struct sockaddr *) sun, sizeof(*sun));

    if (rc == 0 || errno != ECONNREFUSED) {
        mb_log(MB_ERROR, NULL, "another bridge listens at %s", path);
        close(fd);
        return MCP_ERROR;
    }

    close(fd);

    if (unlink(path) != 0) {
        mb_log(MB_ERROR, NULL, "%s: %s", path, strerror(errno));
        return MCP_ERROR;
    }

    return MCP_OK;
}


static int
mb_listen_unix(const char *path)
{
    int                  fd;
    char                *slash, dir[MB_PATH];
    mode_t               mask;
    struct sockaddr_un   sun;

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;

    if (path[0] != '/' || strlen(path) >= sizeof(sun.sun_path)) {
        mb_log(MB_ERROR, NULL, "the path of a socket begins with \"/\" and "
               "has less than %zu bytes: \"%s\"", sizeof(sun.sun_path), path);
        return MCP_ERROR;
    }

    memcpy(sun.sun_path, path, strlen(path));

    memcpy(dir, sun.sun_path, sizeof(dir));
    slash = strrchr(dir, '/');
    *slash = '\0';

    if (slash != dir && mkdir(dir, 0755) != 0 && errno != EEXIST) {
        mb_log(MB_ERROR, NULL, "%s: %s", dir, strerror(errno));
        return MCP_ERROR;
    }

    if (mb_listen_stale(path, &sun) != MCP_OK) {
        return MCP_ERROR;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) {
        mb_log(MB_ERROR, NULL, "socket: %s", strerror(errno));
        return MCP_ERROR;
    }

    /* nobody connects before the mode is what it should be */

    mask = umask(0177);

    if (bind(fd, (struct sockaddr *) &sun, sizeof(sun)) != 0
        || (mb_group != (gid_t) -1 && chown(path, (uid_t) -1, mb_group) != 0)
        || chmod(path, mb_mode) != 0
        || listen(fd, MB_BACKLOG) != 0)
    {
        umask(mask);
        mb_log(MB_ERROR, NULL, "%s: %s", path, strerror(errno));
        close(fd);
        return MCP_ERROR;
    }

    umask(mask);

    if (mb_listen_on(fd, 0, path) != MCP_OK) {
        close(fd);
        return MCP_ERROR;
    }

    mb_log(MB_NOTICE, NULL, "listening at %s", path);

    return MCP_OK;
}


/* --- loopback ------------------------------------------------------------- */


static int
mb_listen_tcp(const char *spec)
{
    int                       fd, on, len;
    struct sockaddr_in       *sin;
    struct sockaddr_in6      *sin6;
    struct sockaddr_storage   addr;

    len = sizeof(addr);
    memset(&addr, 0, sizeof(addr));

    if (evutil_parse_sockaddr_port(spec, (struct sockaddr *) &addr, &len)
        != 0)
    {
        mb_log(MB_ERROR, NULL, "-l takes unix:PATH or 127.0.0.1:PORT, not "
               "\"%s\"", spec);
        return MCP_ERROR;
    }

    sin = (struct sockaddr_in *) &addr;
    sin6 = (struct sockaddr_in6 *) &addr;

    /* who reaches the socket runs the servers: that is this machine alone */

    if ((addr.ss_family == AF_INET
         && ntohl(sin->sin_addr.s_addr) >> 24 != 127)
        || (addr.ss_family == AF_INET6
            && !IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr)))
    {
        mb_log(MB_ERROR, NULL, "\"%s\" is not of the loopback: use "
               "127.0.0.1 or [::1], and nginx in front", spec);
        return MCP_ERROR;
    }

    if ((addr.ss_family == AF_INET ? sin->sin_port : sin6->sin6_port) == 0) {
        mb_log(MB_ERROR, NULL, "\"%s\" names no port", spec);
        return MCP_ERROR;
    }

    fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    on = 1;

    if (fd == -1
        || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0
        || bind(fd, (struct sockaddr *) &addr, (socklen_t) len) != 0
        || listen(fd, MB_BACKLOG) != 0
        || mb_listen_on(fd, 1, NULL) != MCP_OK)
    {
        mb_log(MB_ERROR, NULL, "%s: %s", spec, strerror(errno));

        if (fd != -1) {
            close(fd);
        }

        return MCP_ERROR;
    }

    mb_log(MB_NOTICE, NULL, "listening at %s", spec);

    return MCP_OK;
}


int
mb_listen(const char *spec)
{
    if (strncmp(spec, "unix:", 5) == 0) {
        return mb_listen_unix(spec + 5);
    }

    return mb_listen_tcp(spec);
}


void
mb_listen_stop(void)
{
    mb_listener_t  *ls;

    while ((ls = mb_listeners) != NULL) {
        mb_listeners = ls->next;

        event_free(ls->ev);
        event_free(ls->pause);
        close(ls->fd);

        if (ls->path[0]) {
            (void) unlink(ls->path);
        }

        free(ls);
    }
}
