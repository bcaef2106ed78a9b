
/*
 * The process between the bridge and a child.  It is a "subreaper": whatever
 * the child leaves behind, double-forked or in a session of its own, becomes
 * the keeper's, and ends when the child does, or the bridge.
 *
 * It runs on after fork() in a copy of the bridge's memory and allocates
 * nothing.
 */


#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


enum {
    MB_STAGE_FORK = 1,
    MB_STAGE_USER,
    MB_STAGE_LIMITS,
    MB_STAGE_CWD,
    MB_STAGE_EXEC,
    MB_STAGE_OTHER
};


extern char  **environ;

struct rlimit  mb_files;

static char   *mb_title;
static size_t  mb_title_len;


void
mb_keeper_title(int argc, char **argv)
{
    int  i;

    /* the strings lie one behind the other */

    mb_title = argv[0];
    mb_title_len = strlen(argv[0]) + 1;

    for (i = 1; i < argc && argv[i] == mb_title + mb_title_len; i++) {
        mb_title_len += strlen(argv[i]) + 1;
    }
}


const char *
mb_keeper_stage(int stage)
{
    switch (stage) {
    case MB_STAGE_FORK:
        return "no process can be created";
    case MB_STAGE_USER:
        return "the change of the user failed";
    case MB_STAGE_LIMITS:
        return "a limit could not be set";
    case MB_STAGE_CWD:
        return "\"cwd\" cannot be entered";
    case MB_STAGE_EXEC:
        return "\"command\" cannot be run";
    default:
        return "it cannot be set up";
    }
}


/* --- the child, until it is executed -------------------------------------- */


static int
mb_limit(int resource, uint64_t value)
{
    struct rlimit  rl;

    if (value == 0) {
        return 0;
    }

    rl.rlim_cur = (rlim_t) value;
    rl.rlim_max = (rlim_t) value;

    return setrlimit((__rlimit_resource_t) resource, &rl);
}


static int
mb_child_setup(const mb_entry_t *entry, const int fd[3], pid_t keeper)
{
    int       i;
    sigset_t  none;

    for (i = 1; i < NSIG; i++) {
        (void) signal(i, SIG_DFL);
    }

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    if (setsid() == -1) {
        return MB_STAGE_OTHER;
    }

    for (i = 0; i < 3; i++) {
        if (dup2(fd[i], i) == -1) {
            return MB_STAGE_OTHER;
        }
    }

    if (mb_limit(RLIMIT_DATA, entry->memory) != 0
        || mb_limit(RLIMIT_NPROC, entry->processes) != 0
        || (entry->files == 0 ? setrlimit(RLIMIT_NOFILE, &mb_files)
                              : mb_limit(RLIMIT_NOFILE, entry->files)) != 0)
    {
        return MB_STAGE_LIMITS;
    }

    if (entry->user != NULL && getuid() == 0
        && (initgroups(entry->user, entry->gid) != 0
            || setgid(entry->gid) != 0 || setuid(entry->uid) != 0))
    {
        return MB_STAGE_USER;
    }

    /* no file that it executes gives it other rights */

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    {
        return MB_STAGE_OTHER;
    }

    if (getppid() != keeper) {
        _exit(127);
    }

    if (entry->cwd != NULL && chdir(entry->cwd) != 0) {
        return MB_STAGE_CWD;
    }

    environ = entry->env;
    execvp(entry->argv[0], entry->argv);

    return MB_STAGE_EXEC;
}


static pid_t
mb_child_fork(const mb_entry_t *entry, const int fd[3], int control)
{
    int               report[2];
    pid_t             pid, keeper;
    ssize_t           n;
    mb_keeper_note_t  note;

    memset(&note, 0, sizeof(note));
    note.what = 'F';
    note.stage = MB_STAGE_FORK;
    keeper = getpid();

    if (pipe2(report, O_CLOEXEC) != 0) {
        note.value = errno;
        (void) !write(control, &note, sizeof(note));
        return -1;
    }

    pid = fork();

    if (pid == 0) {
        note.stage = (char) mb_child_setup(entry, fd, keeper);
        note.value = errno;
        (void) !write(report[1], &note, sizeof(note));
        _exit(127);
    }

    note.value = errno;
    close(report[1]);

    if (pid == -1) {
        close(report[0]);
        (void) !write(control, &note, sizeof(note));
        return -1;
    }

    /* the pipe closes when the program begins to run */

    do {
        n = read(report[0], &note, sizeof(note));
    } while (n == -1 && errno == EINTR);

    close(report[0]);

    if (n != (ssize_t) sizeof(note)) {
        note.what = 'S';
        note.stage = 0;
        note.value = pid;
    }

    (void) !write(control, &note, sizeof(note));

    return pid;
}


/* --- the keeper ----------------------------------------------------------- */


/* Whether any child is left; the one that counts is reported. */

static int
mb_keeper_reap(pid_t *child, int control)
{
    int               status;
    pid_t             pid;
    mb_keeper_note_t  note;

    for ( ;; ) {
        pid = waitpid(-1, &status, WNOHANG);

        if (pid == 0) {
            return 1;
        }

        if (pid == -1) {

            if (errno == EINTR) {
                continue;
            }

            return 0;
        }

        if (pid == *child) {
            *child = 0;

            memset(&note, 0, sizeof(note));
            note.what = 'X';
            note.value = status;
            (void) !write(control, &note, sizeof(note));
        }
    }
}


/* Kills until nothing is left; what dies gives its children to us. */

static void
mb_keeper_end(pid_t *child, int control)
{
    unsigned       rounds;
    struct pollfd  none;

    none.fd = -1;
    none.events = 0;

    for (rounds = 0; rounds < 10000; rounds++) {
        (void) mb_kill_below(getpid(), NULL);

        if (!mb_keeper_reap(child, control)) {
            break;
        }

        (void) poll(&none, 1, rounds < 10 ? 1 : 10);
    }

    _exit(0);
}


static void
mb_keeper_run(const mb_entry_t *entry, const int fd[3], int control)
{
    int                      sig;
    char                     command;
    pid_t                    child;
    ssize_t                  n;
    sigset_t                 set;
    struct pollfd            pfd[2];
    struct signalfd_siginfo  info;

    /* all signals stay blocked: only the bridge tells it what to do */

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);

    sig = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    if (sig == -1 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        _exit(1);
    }

    child = mb_child_fork(entry, fd, control);

    close(fd[0]);
    close(fd[1]);
    close(fd[2]);

    if (child == -1) {
        _exit(1);
    }

    pfd[0].fd = control;
    pfd[0].events = POLLIN;
    pfd[1].fd = sig;
    pfd[1].events = POLLIN;

    while (mb_keeper_reap(&child, control)) {

        if (poll(pfd, 2, -1) == -1) {
            continue;
        }

        if (pfd[1].revents) {
            while (read(sig, &info, sizeof(info)) > 0) { /* void */ }
        }

        if (pfd[0].revents == 0) {
            continue;
        }

        n = read(control, &command, 1);

        if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }

        if (n == 1 && command == 'T') {

            /* reaped only here, so the group is still the child's */

            if (child != 0) {
                (void) kill(-child, SIGTERM);
            }

            continue;
        }

        mb_keeper_end(&child, control);
    }

    _exit(0);
}


/* Only the descriptors of the child and the control socket stay open. */

static int
mb_keeper_files(int fd[3], int *control)
{
    int       i, from, *all[4];
    unsigned  first;

    all[0] = &fd[0];
    all[1] = &fd[1];
    all[2] = &fd[2];
    all[3] = control;

    /* above all that they could be in the way of, then down to 3 .. 6 */

    first = 16;

    for (i = 0; i < 4; i++) {
        from = fcntl(*all[i], F_DUPFD_CLOEXEC, (int) first);
        if (from == -1) {
            return -1;
        }

        *all[i] = from;
    }

    for (i = 0; i < 4; i++) {
        if (dup3(*all[i], 3 + i, O_CLOEXEC) == -1) {
            return -1;
        }

        *all[i] = 3 + i;
    }

    return (int) syscall(SYS_close_range, 7, ~0U, 0);
}


pid_t
mb_keeper_start(const mb_entry_t *entry, const int fd[3], int control)
{
    int       own[3], null;
    pid_t     pid;
    sigset_t  all, old;

    /* no handler of the bridge's may run in the keeper */

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);

    pid = fork();

    if (pid != 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        return pid;
    }

    memcpy(own, fd, sizeof(own));

    if (mb_keeper_files(own, &control) != 0) {
        _exit(1);
    }

    null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1
        || dup2(null, 2) == -1)
    {
        _exit(1);
    }

    close(null);
    (void) setsid();

    /* another name, so that who kills "mcp-bridge" by name spares it */

    (void) prctl(PR_SET_NAME, "mcp-keeper", 0, 0, 0);

    if (mb_title_len > sizeof("mcp-keeper")) {
        memset(mb_title, 0, mb_title_len);
        memcpy(mb_title, "mcp-keeper", sizeof("mcp-keeper"));
    }

    mb_keeper_run(entry, own, control);
    _exit(0);
}
