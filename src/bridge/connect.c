
/*
 * mcp-bridge connect URL: the loop, and the end.
 */


#include "connect.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>


#define MC_DRAIN_MS  30000
#define MC_LEAVE_MS  1000


static int mc_run(mc_t *mc);
static void mc_turn(mc_t *mc, int signals, uint64_t until);
static void mc_leave(mc_t *mc, int signals);
static void mc_free(mc_t *mc);


void
mc_log(const char *fmt, ...)
{
    char     text[2048], *p;
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    for (p = text; *p; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    fprintf(stderr, "mcp-bridge connect: %s\n", text);
}


static uint64_t
mc_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + 1;
}


int
mcp_bridge_connect(int argc, char **argv)
{
    int            rc;
    mc_t           mc;
    struct rlimit  files;

    memset(&mc, 0, sizeof(mc));
    TAILQ_INIT(&mc.exchanges);
    mc.drain = MC_DRAIN_MS;
    mc.line_max = MC_LINE_MAX;
    mc.out_flags = -1;

    rc = mc_options(&mc, argc, argv);

    if (rc != MCP_OK) {
        mc_free(&mc);
        return (rc == MCP_DONE) ? 0 : 2;
    }

    /* a connection for each call in flight, where HTTP/1.1 is spoken */

    if (getrlimit(RLIMIT_NOFILE, &files) == -1) {
        files.rlim_cur = 1024;

    } else if (files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
        (void) getrlimit(RLIMIT_NOFILE, &files);
    }

    mc.max = (files.rlim_cur < MC_EXCHANGES_MAX + 64)
             ? (files.rlim_cur > 128 ? files.rlim_cur - 64 : 64)
             : MC_EXCHANGES_MAX;

    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        mc_log("libcurl cannot be used");
        mc_free(&mc);
        return 1;
    }

    rc = mc_run(&mc);

    mc_free(&mc);
    curl_global_cleanup();

    return (rc == MCP_OK) ? 0 : 1;
}


static void
mc_free(mc_t *mc)
{
    mc_params_free(mc);
    curl_slist_free_all(mc->headers);

    free(mc->url);
    free(mc->socket);
    free(mc->authorization);
    free(mc->session);
    free(mc->initialize.data);
}


/* --- the loop ------------------------------------------------------------- */


static int
mc_run(mc_t *mc)
{
    int       signals;
    sigset_t  set;

    (void) signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);

    if (sigprocmask(SIG_BLOCK, &set, NULL) == -1
        || (signals = signalfd(-1, &set, SFD_NONBLOCK|SFD_CLOEXEC)) == -1)
    {
        mc_log("signals: %s", strerror(errno));
        return MCP_ERROR;
    }

    mc->multi = curl_multi_init();

    if (mc->multi == NULL || mc_stdio_open(mc) != MCP_OK) {
        curl_multi_cleanup(mc->multi);
        close(signals);
        return MCP_ERROR;
    }

    (void) curl_multi_setopt(mc->multi, CURLMOPT_MAXCONNECTS, 32L);
    mc->now = mc_clock();

    while (!mc->stopped && !mc->gone
           && (!mc->eof || mc->in.pos < mc->in.len))
    {
        mc_turn(mc, signals, UINT64_MAX);
    }

    mc_leave(mc, signals);

    while (!TAILQ_EMPTY(&mc->exchanges)) {
        mc_exchange_free(TAILQ_FIRST(&mc->exchanges));
    }

    curl_multi_cleanup(mc->multi);
    mc_stdio_close(mc);
    close(signals);

    return MCP_OK;
}


/* When the next deadline is, in ms from now. */

static int
mc_wait(const mc_t *mc, uint64_t until)
{
    const mc_exchange_t  *x;

    TAILQ_FOREACH(x, &mc->exchanges, link) {
        if (x->deadline && x->deadline < until && !x->paused) {
            until = x->deadline;
        }
    }

    if (mc->stream_at && !mc->streaming && !mc->eof
        && mc->stream_at < until)
    {
        until = mc->stream_at;
    }

    if (until <= mc->now) {
        return 0;
    }

    return (until - mc->now > 60000) ? 60000 : (int) (until - mc->now);
}


/* Waits for the network, the client, a signal or the time. */

static void
mc_poll(mc_t *mc, int signals, uint64_t until)
{
    unsigned                  i, n;
    struct pollfd             fds[3];
    struct curl_waitfd        wait[3];
    struct signalfd_siginfo   info;

    n = 0;
    fds[n].fd = signals;
    fds[n++].events = POLLIN;

    if (!mc->gone) {
        fds[n].fd = STDOUT_FILENO;
        fds[n++].events = (mc->out.pos < mc->out.len) ? POLLOUT : 0;
    }

    if (mc_want_read(mc)) {
        fds[n].fd = STDIN_FILENO;
        fds[n++].events = POLLIN;
    }

    for (i = 0; i < n; i++) {
        wait[i].fd = fds[i].fd;
        wait[i].events = (fds[i].events & POLLIN ? CURL_WAIT_POLLIN : 0)
                         | (fds[i].events & POLLOUT ? CURL_WAIT_POLLOUT : 0);
        wait[i].revents = 0;
    }

    (void) curl_multi_poll(mc->multi, wait, n,
                           mc_lines_due(mc) ? 0 : mc_wait(mc, until), NULL);

    /* libcurl does not tell of errors and of the other end's closing */

    if (poll(fds, n, 0) <= 0) {
        return;
    }

    for (i = 0; i < n; i++) {

        if (fds[i].revents == 0) {
            continue;
        }

        if (fds[i].fd == signals) {
            (void) !read(signals, &info, sizeof(info));
            mc->stopped = 1;

        } else if (fds[i].fd == STDIN_FILENO) {
            mc_read(mc);

        } else if (fds[i].revents & (POLLERR|POLLHUP|POLLNVAL)) {
            mc->gone = 1;
        }
    }
}


/* One wait, and then everything that is due. */

static void
mc_turn(mc_t *mc, int signals, uint64_t until)
{
    int  running;

    mc_poll(mc, signals, until);
    mc->now = mc_clock();

    mc_lines(mc);
    mc_session_stream(mc);
    (void) curl_multi_perform(mc->multi, &running);
    mc_exchanges_done(mc);
    mc_flush(mc);
    mc_exchanges_resume(mc);
    mc_exchanges_expire(mc);
}


/* Whether a request waits for its answer, or a notification is under way. */

static int
mc_busy(const mc_t *mc)
{
    const mc_exchange_t  *x;

    TAILQ_FOREACH(x, &mc->exchanges, link) {
        if (x->kind != MC_STREAM && x->m.method != MCP_LISTEN
            && !x->cancelled && !x->answered)
        {
            return 1;
        }
    }

    return mc->out.pos < mc->out.len;
}


/*
 * Calls in flight may end, but not for ever; who is still unanswered is told;
 * then the session ends.
 */

static void
mc_leave(mc_t *mc, int signals)
{
    uint64_t        until;
    mc_exchange_t  *x;

    until = mc->now + mc->drain;

    while (!mc->stopped && !mc->gone && mc->now < until && mc_busy(mc)) {
        mc_turn(mc, signals, until);
    }

    while ((x = TAILQ_FIRST(&mc->exchanges)) != NULL) {

        if ((x->kind == MC_REQUEST || x->kind == MC_INITIALIZE)
            && !x->answered && !x->cancelled && x->m.method != MCP_LISTEN)
        {
            mc_error(mc, &x->m.id, MCP_E_TIMEOUT, 0, 0,
                     "this client is ending, and %s had not yet answered; "
                     "what was asked for may have been done", mc->shown);
        }

        mc_exchange_free(x);
    }

    mc->eof = 1;
    mc->opening = 0;
    mc->reopening = 0;
    mc->in.pos = mc->in.len;
    mc_session_end(mc);
    until = mc->now + (mc->stopped ? MC_LEAVE_MS : MC_DELETE_MS);

    while (mc->now < until
           && (mc->n != 0 || (!mc->gone && mc->out.pos < mc->out.len)))
    {
        mc_turn(mc, signals, until);
    }
}
