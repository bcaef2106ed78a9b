
/*
 * The tools of the stdio server that no server should have; stdio_tools.c says
 * what each does.
 */


#include "stdio_server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>


static void
tool_flood(const call_t *call)
{
    long         n;
    static char  block[65536];

    memset(block, 'y', sizeof(block));

    for (n = number_of(call->tape, call->arguments, "bytes", 1 << 26); n > 0;
         n -= sizeof(block))
    {
        say_bytes(block, sizeof(block));
    }

    say("\n");
    answer_text(call, "flooded");
}


static void
tool_exit(const call_t *call)
{
    _exit(number_of(call->tape, call->arguments, "code", 3));
}


static void
tool_crash(const call_t *call)
{
    raise(SIGKILL);
}


static void
tool_half(const call_t *call)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[",
        (int) call->id.len, call->id.data);
    _exit(0);
}


static void
tool_stderr(const call_t *call)
{
    long         n;
    static char  line[100];

    memset(line, 'e', sizeof(line));
    line[99] = '\n';

    for (n = number_of(call->tape, call->arguments, "bytes", 1 << 20); n > 0;
         n -= sizeof(line))
    {
        (void) !write(STDERR_FILENO, line, sizeof(line));
    }

    answer_text(call, "filled");
}


static void
tool_close_stdout(const call_t *call)
{
    ignore_eof = 1;
    close(STDOUT_FILENO);
}


static void
tool_deaf(const call_t *call)
{
    answer_text(call, "deaf");
    reading = 0;
}


static void
tool_stubborn(const call_t *call)
{
    signal(SIGTERM, SIG_IGN);
    ignore_eof = 1;
    answer_text(call, "stubborn");
}


/* Named, so that tests find them; they hold standard output open. */

static void
sleeper(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_NAME, "stdio-orphan");

    for ( ;; ) {
        pause();
    }
}


void
orphans(long n)
{
    pid_t  pid;

    while (n-- > 0) {
        pid = fork();

        if (pid == 0) {
            setsid();

            if (fork() == 0) {
                setsid();
                sleeper();
            }

            _exit(0);
        }
    }
}


void
tree(long depth, long width)
{
    long  i;

    for (i = 0; i < width && depth > 0; i++) {
        if (fork() == 0) {
            setpgid(0, 0);
            tree(depth - 1, width);
            sleeper();
        }
    }
}


static void
tool_orphans(const call_t *call)
{
    orphans(number_of(call->tape, call->arguments, "n", 1));
    answer_text(call, "started");
}


static void
tool_tree(const call_t *call)
{
    tree(number_of(call->tape, call->arguments, "depth", 2),
         number_of(call->tape, call->arguments, "width", 2));
    answer_text(call, "started");
}


static void
tool_garbage(const call_t *call)
{
    static const char  text[] =
        "not json\n\n\xff\xfe\xc0\xaf\n[]\n[{\"jsonrpc\":\"2.0\"}]\n42\n"
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{}}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":7}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"method\":\"b\"}\n"
        "\x1b[31mred\x1b[0m\r\n";

    say_bytes(text, sizeof(text) - 1);
    answer_text(call, "garbage was said");
}


/* Ids that nobody has, or that others might have. */

static void
tool_unknown(const call_t *call)
{
    long  i, own;

    own = atol((char *) call->id.data + (call->id.data[0] == '"'));

    for (i = 0; i < 50; i++) {
        if (own + i + 1 != own) {
            say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"content\":[{"
                "\"type\":\"text\",\"text\":\"stray\"}]}}\n",
                own + 1000000 + i);
        }
    }

    say("{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999999999,"
        "\"result\":{}}\n{\"jsonrpc\":\"2.0\",\"id\":\"\",\"result\":{}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":-1,\"result\":{}}\n");
    answer_text(call, "mine");
}


static void
tool_twice(const call_t *call)
{
    answer_text(call, "first");
    answer_text(call, "second");
}


/* The id as no server should give it back: all but the last is dropped. */

static void
tool_strange(const call_t *call)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s.0,\"result\":{\"content\":[]}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":%.*se0,\"result\":{\"content\":[]}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":[%.*s],\"result\":{\"content\":[]}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":{\"content\":[]}}\n"
        "{\"jsonrpc\":\"2.0\",\"ID\":%.*s,\"result\":{\"content\":[]}}\n",
        (int) call->id.len, call->id.data, (int) call->id.len, call->id.data,
        (int) call->id.len, call->id.data, (int) call->id.len, call->id.data);
    answer_text(call, "mine");
}


static void
tool_wrong(const call_t *call)
{
    int                 n;
    const char         *id;
    static const char  *body[] = {
        "\"result\":7", "\"result\":null", "\"error\":\"bad\"",
        "\"result\":{},\"error\":{\"code\":1,\"message\":\"m\"}",
        "\"error\":{\"code\":\"1\"}", "\"neither\":1", "\"result\":[",
        "\"result\":{\"a\":1,\"a\":2},\"result\":{}"
    };

    n = call->id.len;
    id = (char *) call->id.data;
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,%s}\n", n, id,
        body[number_of(call->tape, call->arguments, "kind", 0) & 7]);
}


static void
tool_notify(const call_t *call)
{
    mcp_str_t   method;
    char       *name;

    method = raw_of(call->tape, call->arguments, "method");

    if (method.len > 2) {
        name = strndup((char *) method.data + 1, method.len - 2);
        tell(name);
        free(name);
    }

    answer_text(call, "told");
}


const tool_t  abuses[] = {
    { "flood", tool_flood },
    { "exit", tool_exit },
    { "crash", tool_crash },
    { "half", tool_half },
    { "stderr", tool_stderr },
    { "close_stdout", tool_close_stdout },
    { "deaf", tool_deaf },
    { "stubborn", tool_stubborn },
    { "orphans", tool_orphans },
    { "tree", tool_tree },
    { "garbage", tool_garbage },
    { "unknown", tool_unknown },
    { "twice", tool_twice },
    { "strange", tool_strange },
    { "wrong", tool_wrong },
    { "notify", tool_notify },
    { NULL, NULL }
};
