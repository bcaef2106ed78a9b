
/* Options, signals, and the loop. */


#include "bridge.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>


#define MB_TICK     100              /* ms */
#define MB_LISTENS  16
#define MB_DEFAULT  "unix:/run/mcp-bridge/bridge.sock"


struct event_base  *mb_base;
uint64_t            mb_now;
uint64_t            mb_boot;
size_t              mb_buffered;
int                 mb_exiting;


typedef struct {
    const char           *file;
    const char           *listen[MB_LISTENS];
    unsigned              n;
    const char           *mode;
    const char           *group;
    int                   test;
} mb_options_t;


static const char  *mb_file;


void
mb_time(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    mb_now = (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static void
mb_usage(FILE *out)
{
    fprintf(out,
        "usage: mcp-bridge -c FILE [-l unix:PATH | -l 127.0.0.1:PORT] ...\n"
        "                  [-m MODE] [-g GROUP] [-t] [-V]\n"
        "       mcp-bridge connect URL [--header \"NAME: VALUE\"] ...\n"
        "\n"
        "Runs the stdio MCP servers of FILE (mcp.json), each at /<name>.\n"
        "\n"
        "  -c FILE   {\"mcpServers\": {NAME: {\"command\": ...}}}\n"
        "  -l WHERE  a socket; default: " MB_DEFAULT "\n"
        "  -m MODE   of the unix socket, octal; default: 0660\n"
        "  -g GROUP  of the unix socket: the one that nginx's workers are in\n"
        "  -t        check the file and leave\n"
        "  -V        print the version and leave\n"
        "\n"
        "SIGHUP reads FILE again: only servers whose entry has changed are\n"
        "restarted.  SIGTERM stops all.\n");
}


/* -1: go on; else the exit status. */

static int
mb_options(mb_options_t *o, int argc, char **argv)
{
    int  c;

    while ((c = getopt(argc, argv, "c:l:m:g:tVh")) != -1) {

        switch (c) {

        case 'c':
            o->file = optarg;
            break;

        case 'l':

            if (o->n == MB_LISTENS) {
                fprintf(stderr, "mcp-bridge: too many sockets\n");
                return 2;
            }

            o->listen[o->n++] = optarg;
            break;

        case 'm':
            o->mode = optarg;
            break;

        case 'g':
            o->group = optarg;
            break;

        case 't':
            o->test = 1;
            break;

        case 'V':
            printf("mcp-bridge %s\n", MB_VERSION);
            return 0;

        case 'h':
            mb_usage(stdout);
            return 0;

        default:
            mb_usage(stderr);
            return 2;
        }
    }

    if (optind != argc || o->file == NULL) {
        mb_usage(stderr);
        return 2;
    }

    if (o->n == 0) {
        o->listen[o->n++] = MB_DEFAULT;
    }

    return -1;
}


static mb_conf_t *
mb_read(const char *file)
{
    mb_conf_t  *conf;

    conf = calloc(1, sizeof(mb_conf_t));

    if (conf == NULL) {
        mb_log(MB_ERROR, NULL, "there is no memory");
        return NULL;
    }

    if (mb_conf_read(conf, file) == MCP_OK) {
        return conf;
    }

    mb_log(MB_ERROR, NULL, "%s", conf->error ? conf->error
                                             : "there is no memory");
    mb_conf_free(conf);
    free(conf);

    return NULL;
}


/* --- signals -------------------------------------------------------------- */


static void
mb_on_hup(evutil_socket_t fd, short what, void *data)
{
    mb_conf_t  *conf;

    mb_time();

    if (mb_exiting) {
        return;
    }

    mb_log(MB_NOTICE, NULL, "reading %s again", mb_file);
    mb_notify_reloading();

    conf = mb_read(mb_file);

    if (conf == NULL) {
        mb_log(MB_ERROR, NULL, "the servers stay as they are");

    } else if (mb_servers_apply(conf) != MCP_OK) {
        mb_log(MB_ERROR, NULL, "there is no memory for all the servers");
    }

    mb_notify("READY=1");
}


static void
mb_on_term(evutil_socket_t fd, short what, void *data)
{
    mb_child_t   *child, *next;
    mb_server_t  *server;

    mb_time();

    if (mb_exiting++) {

        /* somebody is in a hurry */

        TAILQ_FOREACH(server, &mb_servers, link) {
            TAILQ_FOREACH_SAFE(child, &server->children, link, next) {
                mb_child_kill(child);
            }
        }

        return;
    }

    mb_log(MB_NOTICE, NULL, "stopping");
    mb_notify("STOPPING=1");

    mb_listen_stop();
    mb_servers_stop();
    mb_http_shutdown();
}


static void
mb_on_chld(evutil_socket_t fd, short what, void *data)
{
    mb_time();
    mb_children_reap();
}


static void
mb_on_tick(evutil_socket_t fd, short what, void *data)
{
    mb_time();

    mb_http_tick();
    mb_servers_tick();
    mb_notify_watchdog();
}


/* --- the program ---------------------------------------------------------- */


static void
mb_limits(void)
{
    struct rlimit  rl;

    if (getrlimit(RLIMIT_NOFILE, &mb_files) != 0) {
        return;
    }

    rl = mb_files;
    rl.rlim_cur = rl.rlim_max;

    if (setrlimit(RLIMIT_NOFILE, &rl) != 0) {
        mb_log(MB_WARN, NULL, "the limit of open files stays at %llu",
               (unsigned long long) mb_files.rlim_cur);
    }
}


static int
mb_events(void)
{
    unsigned        i;
    struct event   *ev;
    struct timeval  tv;

    static const struct {
        int                signal;
        event_callback_fn  handler;
    } signals[] = {
        { SIGHUP, mb_on_hup },
        { SIGTERM, mb_on_term },
        { SIGINT, mb_on_term },
        { SIGCHLD, mb_on_chld },
    };

    mb_base = event_base_new();
    if (mb_base == NULL) {
        return MCP_NOMEM;
    }

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        ev = evsignal_new(mb_base, signals[i].signal, signals[i].handler,
                          NULL);

        if (ev == NULL || event_add(ev, NULL) != 0) {
            return MCP_NOMEM;
        }
    }

    tv.tv_sec = 0;
    tv.tv_usec = MB_TICK * 1000;
    ev = event_new(mb_base, -1, EV_PERSIST, mb_on_tick, NULL);

    if (ev == NULL || event_add(ev, &tv) != 0) {
        return MCP_NOMEM;
    }

    return MCP_OK;
}


int
main(int argc, char **argv)
{
    int           rc;
    unsigned      i;
    mb_conf_t    *conf;
    mb_options_t  o;

    if (argc > 1 && strcmp(argv[1], "connect") == 0) {

        if (mcp_bridge_connect == NULL) {
            fprintf(stderr, "mcp-bridge: built without \"connect\"\n");
            return 2;
        }

        return mcp_bridge_connect(argc - 1, argv + 1);
    }

    memset(&o, 0, sizeof(o));
    rc = mb_options(&o, argc, argv);

    if (rc != -1) {
        return rc;
    }

    mb_time();
    mb_boot = mb_now;
    mb_file = o.file;

    conf = mb_read(o.file);

    if (conf == NULL) {
        return 1;
    }

    if (o.test) {
        fprintf(stderr, "mcp-bridge: %s is good, it has %u server%s\n",
                o.file, conf->n, conf->n == 1 ? "" : "s");
        mb_conf_free(conf);
        free(conf);
        return 0;
    }

    signal(SIGPIPE, SIG_IGN);
    mb_limits();
    mb_keeper_title(argc, argv);

    if (mb_hash_init() != MCP_OK || mb_events() != MCP_OK
        || mb_listen_options(o.mode, o.group) != MCP_OK)
    {
        mb_log(MB_ERROR, NULL, "the bridge could not be started");
        return 1;
    }

    for (i = 0; i < o.n; i++) {
        if (mb_listen(o.listen[i]) != MCP_OK) {
            mb_listen_stop();
            return 1;
        }
    }

    if (mb_servers_apply(conf) != MCP_OK) {
        mb_log(MB_ERROR, NULL, "there is no memory for all the servers");
    }

    mb_notify("READY=1");

    rc = event_base_dispatch(mb_base);

    mb_log(MB_NOTICE, NULL, "stopped");

    return (rc == -1) ? 1 : 0;
}
