
/*
 * A process: its start, its end.  What goes through its pipes is in
 * child_io.c, what its end means in server.c.
 */


#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>


#define MB_STOP_STEP  2000           /* ms between the steps of a stop */


static void mb_child_control(evutil_socket_t fd, short what, void *data);
static void mb_child_timed(evutil_socket_t fd, short what, void *data);


void
mb_child_close(int *fd, struct event **ev)
{
    if (*ev) {
        event_free(*ev);
        *ev = NULL;
    }

    if (*fd != -1) {
        close(*fd);
        *fd = -1;
    }
}


static void
mb_child_free(mb_child_t *child)
{
    mb_child_close(&child->in, &child->in_ev);
    mb_child_close(&child->out, &child->out_ev);
    mb_child_close(&child->err, &child->err_ev);
    mb_child_close(&child->control, &child->control_ev);

    if (child->timer) {
        event_free(child->timer);
    }

    if (child->queue) {
        evbuffer_free(child->queue);
    }

    mb_map_free(&child->by_id);
    free(child->buf);
    free(child);
}


/* --- the start ------------------------------------------------------------ */


static int
mb_child_pipes(mb_child_t *child, int theirs[3], int *control)
{
    int  i, in[2], out[2], err[2], pair[2];

    if (pipe2(in, O_CLOEXEC) != 0) {
        return MCP_ERROR;
    }

    child->in = in[1];
    theirs[0] = in[0];

    if (pipe2(out, O_CLOEXEC) != 0) {
        return MCP_ERROR;
    }

    child->out = out[0];
    theirs[1] = out[1];

    if (pipe2(err, O_CLOEXEC) != 0) {
        return MCP_ERROR;
    }

    child->err = err[0];
    theirs[2] = err[1];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return MCP_ERROR;
    }

    child->control = pair[0];
    *control = pair[1];

    for (i = 0; i < 4; i++) {
        if (evutil_make_socket_nonblocking(i == 0 ? child->in
                                           : i == 1 ? child->out
                                           : i == 2 ? child->err
                                                    : child->control)
            != 0)
        {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


static int
mb_child_events(mb_child_t *child)
{
    child->queue = evbuffer_new();

    child->in_ev = event_new(mb_base, child->in, EV_WRITE, mb_child_writable,
                             child);
    child->out_ev = event_new(mb_base, child->out, EV_READ|EV_PERSIST,
                              mb_child_readable, child);
    child->err_ev = event_new(mb_base, child->err, EV_READ|EV_PERSIST,
                              mb_child_stderr, child);
    child->control_ev = event_new(mb_base, child->control, EV_READ|EV_PERSIST,
                                  mb_child_control, child);
    child->timer = evtimer_new(mb_base, mb_child_timed, child);

    if (child->queue == NULL || child->in_ev == NULL || child->out_ev == NULL
        || child->err_ev == NULL || child->control_ev == NULL
        || child->timer == NULL || event_add(child->out_ev, NULL) != 0
        || event_add(child->err_ev, NULL) != 0
        || event_add(child->control_ev, NULL) != 0)
    {
        return MCP_ERROR;
    }

    return MCP_OK;
}


mb_child_t *
mb_child_start(mb_server_t *server, mb_session_t *session)
{
    int          i, theirs[4];
    mb_child_t  *child;

    child = calloc(1, sizeof(mb_child_t));
    if (child == NULL) {
        return NULL;
    }

    child->server = server;
    child->session = session;
    child->in = child->out = child->err = child->control = -1;
    theirs[0] = theirs[1] = theirs[2] = theirs[3] = -1;
    TAILQ_INIT(&child->calls);
    TAILQ_INIT(&child->listens);

    if (mb_child_pipes(child, theirs, &theirs[3]) == MCP_OK
        && mb_child_events(child) == MCP_OK)
    {
        child->keeper = mb_keeper_start(server->entry, theirs, theirs[3]);
    } else {
        child->keeper = -1;
    }

    if (child->keeper == -1) {
        mb_log(MB_ERROR, server->name, "no process could be started: %s",
               strerror(errno));
    }

    for (i = 0; i < 4; i++) {
        if (theirs[i] != -1) {
            close(theirs[i]);
        }
    }

    if (child->keeper == -1) {
        mb_child_free(child);
        return NULL;
    }

    child->started = mb_now;
    child->written = mb_now;
    TAILQ_INSERT_TAIL(&server->children, child, link);

    return child;
}


void
mb_child_timer(mb_child_t *child, uint64_t ms)
{
    struct timeval  tv;

    tv.tv_sec = (time_t) (ms / 1000);
    tv.tv_usec = (suseconds_t) (ms % 1000 * 1000);

    (void) evtimer_add(child->timer, &tv);
}


/* --- the end -------------------------------------------------------------- */


static void
mb_child_command(mb_child_t *child, char command)
{
    if (child->control == -1) {
        return;
    }

    if (write(child->control, &command, 1) != 1 && !child->exited
        && child->pid)
    {
        mb_log(MB_WARN, child->server->name, "the keeper of process %d does "
               "not listen", (int) child->pid);
    }
}


void
mb_child_stop(mb_child_t *child)
{
    if (child->state == MB_CHILD_GONE || child->state == MB_CHILD_STOPPING) {
        return;
    }

    child->state = MB_CHILD_STOPPING;
    child->stop = 1;

    /* what is queued still goes out: it may be the cancellation of calls */

    child->closing_in = 1;

    if (evbuffer_get_length(child->queue) == 0) {
        mb_child_close(&child->in, &child->in_ev);
    }

    mb_child_timer(child, MB_STOP_STEP);
}


void
mb_child_kill(mb_child_t *child)
{
    if (child->state == MB_CHILD_GONE) {
        return;
    }

    child->state = MB_CHILD_STOPPING;
    child->stop = 3;

    mb_child_close(&child->in, &child->in_ev);
    mb_child_command(child, 'K');
    mb_child_timer(child, MB_STOP_STEP);
}


static void
mb_child_timed(evutil_socket_t fd, short what, void *data)
{
    mb_child_t *child = data;

    mb_time();

    if (child->state != MB_CHILD_STOPPING) {
        mb_server_child_timer(child);
        return;
    }

    switch (child->stop++) {

    case 1:
        mb_child_close(&child->in, &child->in_ev);
        mb_child_command(child, 'T');
        break;

    case 2:
        mb_log(MB_NOTICE, child->server->name, "process %d ignores the end of "
               "its input and SIGTERM, it is killed", (int) child->pid);
        mb_child_command(child, 'K');
        break;

    default:
        mb_child_command(child, 'K');
    }

    mb_child_timer(child, MB_STOP_STEP);
}


static void
mb_child_gone(mb_child_t *child)
{
    child->state = MB_CHILD_GONE;

    TAILQ_REMOVE(&child->server->children, child, link);
    mb_server_child_gone(child);
    mb_child_free(child);
}


static void
mb_child_exited(mb_child_t *child, int status)
{
    const char  *log;

    child->exited = 1;

    if (child->state != MB_CHILD_STOPPING) {

        log = child->server->name;

        if (WIFSIGNALED(status)) {
            mb_log(MB_WARN, log, "process %d was killed by signal %d",
                   (int) child->pid, WTERMSIG(status));
        } else {
            mb_log(MB_WARN, log, "process %d has exited with status %d",
                   (int) child->pid, WEXITSTATUS(status));
        }

        /* what it has said before counts */

        if (child->out != -1) {
            mb_child_readable(child->out, EV_READ, child);
        }

        if (child->err != -1) {
            mb_child_stderr(child->err, EV_READ, child);
        }

        mb_server_child_failed(child, "its process has exited");
    }

    /* the rest of its family goes at once */

    mb_child_kill(child);
}


static void
mb_child_control(evutil_socket_t fd, short what, void *data)
{
    mb_child_t *child = data;

    ssize_t           n;
    mb_keeper_note_t  note;

    mb_time();

    n = read(child->control, &note, sizeof(note));

    if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }

    if (n != (ssize_t) sizeof(note)) {

        /* the keeper is gone, and with it all that it kept */

        mb_child_close(&child->control, &child->control_ev);

        if (child->state != MB_CHILD_STOPPING) {
            mb_server_child_failed(child, "the keeper of its process is gone");
        }

        if (child->keeper == 0) {
            mb_child_gone(child);
        }

        return;
    }

    switch (note.what) {

    case 'S':
        child->pid = note.value;

        if (child->state == MB_CHILD_STARTING) {
            mb_server_child_started(child);
        }

        break;

    case 'F':
        mb_log(MB_ERROR, child->server->name, "%s: \"%s\": %s",
               mb_keeper_stage(note.stage), child->server->entry->argv[0],
               strerror(note.value));

        if (child->state != MB_CHILD_STOPPING) {
            mb_server_child_failed(child, mb_keeper_stage(note.stage));
        }

        break;

    case 'X':
        mb_child_exited(child, note.value);
        break;
    }
}


static mb_child_t *
mb_child_of(pid_t keeper)
{
    mb_child_t   *child;
    mb_server_t  *server;

    TAILQ_FOREACH(server, &mb_servers, link) {
        TAILQ_FOREACH(child, &server->children, link) {
            if (child->keeper == keeper) {
                return child;
            }
        }
    }

    return NULL;
}


static int
mb_is_keeper(pid_t pid)
{
    return mb_child_of(pid) != NULL;
}


void
mb_children_reap(void)
{
    int          status, lost;
    pid_t        pid;
    mb_child_t  *child;

    lost = 0;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {

        if (WIFSIGNALED(status)) {
            lost = 1;
        }

        child = mb_child_of(pid);

        if (child == NULL) {
            continue;
        }

        child->keeper = 0;

        /* what it wrote last is read first */

        if (child->control == -1) {
            mb_child_gone(child);
        }
    }

    /* a keeper that was killed has left to us what it kept */

    if (lost) {
        (void) mb_kill_below(getpid(), mb_is_keeper);
    }
}
