
/* SIGKILL to all that a process has started, as /proc names it. */


#include "bridge.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


#define MB_TREE_MAX  4096


static void
mb_children_of(pid_t pid, pid_t *list, unsigned *n)
{
    int             fd, task;
    char            path[96], text[4096], *p, *end;
    DIR            *dir;
    size_t          have;
    ssize_t         got;
    struct dirent  *de;

    snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);

    dir = opendir(path);
    if (dir == NULL) {
        return;
    }

    while ((de = readdir(dir)) != NULL) {

        task = atoi(de->d_name);

        if (task <= 0) {
            continue;
        }

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int) pid,
                 task);

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd == -1) {
            continue;
        }

        have = 0;

        while ((got = read(fd, text + have, sizeof(text) - 1 - have)) > 0) {
            have += (size_t) got;
            text[have] = '\0';
            p = text;

            while ((end = strchr(p, ' ')) != NULL) {
                if (*n < MB_TREE_MAX) {
                    list[(*n)++] = (pid_t) atol(p);
                }
                p = end + 1;
            }

            have -= (size_t) (p - text);
            memmove(text, p, have);
        }

        close(fd);
    }

    closedir(dir);
}


/* A kernel without the "children" files: the parents of all there are. */

static void
mb_children_scan(pid_t pid, pid_t *list, unsigned *n)
{
    int             fd, parent;
    char            path[300], text[512], *p;
    DIR            *dir;
    ssize_t         got;
    unsigned        i;
    struct dirent  *de;

    dir = opendir("/proc");
    if (dir == NULL) {
        return;
    }

    while ((de = readdir(dir)) != NULL) {

        if (atoi(de->d_name) <= 0) {
            continue;
        }

        snprintf(path, sizeof(path), "/proc/%s/stat", de->d_name);

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd == -1) {
            continue;
        }

        got = read(fd, text, sizeof(text) - 1);
        close(fd);

        if (got <= 0) {
            continue;
        }

        text[got] = '\0';
        p = strrchr(text, ')');

        if (p == NULL || sscanf(p + 1, " %*c %d", &parent) != 1) {
            continue;
        }

        if (parent == pid) {
            if (*n < MB_TREE_MAX) {
                list[(*n)++] = (pid_t) atoi(de->d_name);
            }
            continue;
        }

        for (i = 0; i < *n; i++) {
            if (list[i] == parent && *n < MB_TREE_MAX) {
                list[(*n)++] = (pid_t) atoi(de->d_name);
                break;
            }
        }
    }

    closedir(dir);
}


unsigned
mb_kill_below(pid_t pid, int (*skip)(pid_t pid))
{
    unsigned  i, n, killed;

    static pid_t  list[MB_TREE_MAX];

    n = 0;
    killed = 0;

    if (access("/proc/self/task", X_OK) != 0
        || access("/proc/thread-self/children", F_OK) != 0)
    {
        mb_children_scan(pid, list, &n);

    } else {
        mb_children_of(pid, list, &n);
    }

    for (i = 0; i < n; i++) {

        if (skip != NULL && skip(list[i])) {
            continue;
        }

        /* those below are found before their parent goes */

        if (n < MB_TREE_MAX) {
            mb_children_of(list[i], list, &n);
        }

        if (kill(list[i], SIGKILL) == 0) {
            killed++;
        }
    }

    return killed;
}
