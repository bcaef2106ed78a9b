
/*
 * A stdio MCP server for tests.  Options say how it misbehaves from its start;
 * its tools (stdio_tools.c) what it does when called.
 *
 *   --era legacy|modern|dual   default: dual
 *   --record FILE     appends a line for each start, line read, signal, end
 *   --exit CODE       ends at once
 *   --exit-once FILE  ends at once if the file is not there, and makes it
 *   --exit-on-probe   ends when the first request is not initialize
 *   --silent          reads, never answers
 *   --deaf            never reads
 *   --no-initialize   never answers initialize
 *   --slow-start MS   answers nothing for that long
 *   --ignore-term     ignores SIGTERM
 *   --ignore-eof      lives on when its standard input ends
 *   --orphans N       starts N processes that leave its session
 *   --tree D          starts two processes, which start two each, D deep
 *   --stderr BYTES    writes that much there first
 *   --garbage         says what is no JSON before anything else
 *   --tools N         lists N more tools, none of which exists
 *   --no-capability   tells of no tools
 */


#include "stdio_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


FILE  *record;
int    reading = 1;
int    ignore_eof;
int    era_legacy = 1;
int    era_modern = 1;
int    silent;
int    no_initialize;
int    exit_on_probe;
int    no_capability;
long   more_tools;

static uint64_t   slow_until;
static char      *in;
static size_t     in_len;
static size_t     in_size;


uint64_t
now_ms(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void *
must(void *p)
{
    if (p == NULL) {
        perror("stdio");
        _exit(9);
    }

    return p;
}


void
say_bytes(const void *data, size_t len)
{
    ssize_t      n;
    const char  *p;

    for (p = data; len != 0; p += n, len -= n) {
        n = write(STDOUT_FILENO, p, len);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n == -1) {
            if (record) {
                fprintf(record, "%d broken\n", (int) getpid());
            }

            if (ignore_eof) {
                return;
            }

            _exit(0);
        }
    }
}


void
say(const char *fmt, ...)
{
    int      n;
    char    *text;
    va_list  args;

    va_start(args, fmt);
    n = vasprintf(&text, fmt, args);
    va_end(args);

    if (n == -1) {
        _exit(9);
    }

    say_bytes(text, n);
    free(text);
}


/* --- input ---------------------------------------------------------------- */


static int
read_some(void)
{
    char     *p, *end, *nl;
    ssize_t   n;

    if (in_size - in_len < 65536) {
        in_size = in_size ? in_size * 2 : 131072;
        in = must(realloc(in, in_size));
    }

    n = read(STDIN_FILENO, in + in_len, in_size - in_len);

    if (n <= 0) {
        return (n == -1 && errno == EINTR) ? 1 : 0;
    }

    end = in + in_len + n;
    p = in;
    nl = memchr(in + in_len, '\n', n);

    /* what was read is heard even if a tool stops the reading */

    while (nl) {
        if (nl != p) {
            message(p, nl - p);
        }

        p = nl + 1;
        nl = memchr(p, '\n', end - p);
    }

    in_len = end - p;
    memmove(in, p, in_len);

    return 1;
}


static void
loop(void)
{
    int            wait, ended;
    uint64_t       now;
    struct pollfd  fd;

    ended = 0;

    for ( ;; ) {
        now = now_ms();

        if (now < slow_until) {
            poll(NULL, 0, slow_until - now);
            continue;
        }

        wait = run_laters();
        fd.fd = reading ? STDIN_FILENO : -1;
        fd.events = POLLIN;

        if (poll(&fd, 1, wait) <= 0 || fd.fd == -1) {
            continue;
        }

        if (!read_some()) {
            ended = 1;

            if (record) {
                fprintf(record, "%d eof\n", (int) getpid());
                fflush(record);
            }
        }

        if (ended && !ignore_eof) {
            exit(0);
        }

        if (ended) {
            reading = 0;
        }
    }
}


/* --- start ---------------------------------------------------------------- */


static void
terminated(int sig)
{
    static const char  text[] = "terminated\n";

    /* the record may be in the middle of a line; that is seen */

    if (record) {
        (void) !write(fileno(record), text, sizeof(text) - 1);
    }

    _exit(0);
}


static void
fill_stderr(long n)
{
    long               i;
    static const char  line[] = "a line on standard error, one of many\n";

    for (i = 0; i < n; i += sizeof(line) - 1) {
        (void) !write(STDERR_FILENO, line, sizeof(line) - 1);
    }
}


static void
garbage(void)
{
    static const char  text[] =
        "Server running on stdio\n"
        "\n"
        "\xff\xfe\n"
        "[]\n"
        "{}\n"
        "null\n"
        "{\"jsonrpc\":\"2.0\"}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":\"x\"\n"
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"result\":{}}\n";

    say_bytes(text, sizeof(text) - 1);
}


static int
option(const char *name, char **value)
{
    FILE        *file;
    const char  *v;

    v = *value ? *value : "";

    if (strcmp(name, "--era") == 0) {
        era_legacy = strcmp(v, "modern") != 0;
        era_modern = strcmp(v, "legacy") != 0;
        return 1;
    }

    if (strcmp(name, "--record") == 0) {
        record = must(fopen(v, "a"));
        fprintf(record, "%d start\n", (int) getpid());
        fflush(record);
        return 1;
    }

    if (strcmp(name, "--exit") == 0) {
        fprintf(stderr, "leaving at once\n");
        exit(atoi(v));
    }

    if (strcmp(name, "--exit-once") == 0) {
        if (access(v, F_OK) != 0) {
            file = must(fopen(v, "w"));
            fclose(file);
            exit(1);
        }

        return 1;
    }

    if (strcmp(name, "--slow-start") == 0) {
        slow_until = now_ms() + atol(v);
        return 1;
    }

    if (strcmp(name, "--orphans") == 0) {
        orphans(atol(v));
        return 1;
    }

    if (strcmp(name, "--tree") == 0) {
        tree(atol(v), 2);
        return 1;
    }

    if (strcmp(name, "--stderr") == 0) {
        fill_stderr(atol(v));
        return 1;
    }

    if (strcmp(name, "--tools") == 0) {
        more_tools = atol(v);
        return 1;
    }

    if (strcmp(name, "--exit-on-probe") == 0) {
        exit_on_probe = 1;

    } else if (strcmp(name, "--silent") == 0) {
        silent = 1;

    } else if (strcmp(name, "--deaf") == 0) {
        reading = 0;

    } else if (strcmp(name, "--no-initialize") == 0) {
        no_initialize = 1;

    } else if (strcmp(name, "--ignore-term") == 0) {
        signal(SIGTERM, SIG_IGN);

    } else if (strcmp(name, "--ignore-eof") == 0) {
        ignore_eof = 1;

    } else if (strcmp(name, "--garbage") == 0) {
        garbage();

    } else if (strcmp(name, "--no-capability") == 0) {
        no_capability = 1;

    } else if (strncmp(name, "--", 2) == 0) {
        fprintf(stderr, "stdio: no option %s\n", name);
        exit(2);
    }

    return 0;
}


int
main(int argc, char **argv)
{
    int  i;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, terminated);

    for (i = 1; i < argc; i++) {
        i += option(argv[i], &argv[i + 1]);
    }

    loop();

    return 0;
}
