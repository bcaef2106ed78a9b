
/*
 * The service manager (sd_notify(3)): a datagram to the socket that
 * NOTIFY_SOCKET names.
 */


#include "bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>


static uint64_t  mb_watchdog_last;


void
mb_notify(const char *state)
{
    int                  fd;
    size_t               len;
    const char          *path;
    struct sockaddr_un   sun;

    path = getenv("NOTIFY_SOCKET");

    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return;
    }

    len = strlen(path);

    if (len < 2 || len >= sizeof(sun.sun_path)) {
        return;
    }

    memset(&sun, 0, sizeof(sun));
    sun.sun_family = AF_UNIX;
    memcpy(sun.sun_path, path, len);

    /* an abstract socket's name is not ended by a NUL */

    if (path[0] == '@') {
        sun.sun_path[0] = '\0';
    }

    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) {
        return;
    }

    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL,
               (struct sockaddr *) &sun,
               (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len
                            + (path[0] == '@' ? 0 : 1)))
        == -1)
    {
        mb_log(MB_WARN, NULL, "the service manager does not take \"%s\"",
               state);
    }

    close(fd);
}


void
mb_notify_reloading(void)
{
    char             text[64];
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long) ts.tv_sec * 1000000 + ts.tv_nsec / 1000);

    mb_notify(text);
}


void
mb_notify_watchdog(void)
{
    uint64_t     usec;
    const char  *value, *pid;

    value = getenv("WATCHDOG_USEC");
    pid = getenv("WATCHDOG_PID");

    if (value == NULL || (pid != NULL && atol(pid) != (long) getpid())) {
        return;
    }

    usec = strtoull(value, NULL, 10);

    if (usec == 0 || (mb_watchdog_last != 0
                      && mb_now - mb_watchdog_last < usec / 2000))
    {
        return;
    }

    mb_watchdog_last = mb_now;
    mb_notify("WATCHDOG=1");
}
