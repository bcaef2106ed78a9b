
/*
 * The tools of the stdio server: what a caller can make it do.  Arguments in
 * parentheses.
 *
 *   echo (message)              the text, as it came
 *   slow (ms, message)          answers later, others meanwhile
 *   progress (steps, ms, message)
 *   reorder (n, message)        the n-th such call answers all, last first
 *   hang                        never answers
 *   cancelled                   ids of calls that were cancelled
 *   late (message)              answers when it is cancelled
 *   ask (method, params)        asks the client, answers with its answer
 *   big (bytes)                 a long text
 *   flood (bytes)               no line at all, then an end of line
 *   exit (code)  crash          ends
 *   half                        ends in the middle of a line
 *   stderr (bytes)              writes there, then answers
 *   close_stdout                and lives on
 *   deaf                        answers, then reads no more
 *   stubborn                    from now on ignores SIGTERM and end of input
 *   orphans (n)  tree (depth, width)      start processes
 *   garbage  unknown  twice  strange  wrong (kind)      wrong answers
 *   notify (method)             a notification of its own
 *   self                        pid and what else /proc knows of it
 *   environment                 a variable a line
 *   error  failed               a JSON-RPC error, a tool's error
 */


#include "stdio_server.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>


#define ASKED      256
#define WAITING    1024


typedef void (*tool_pt)(const call_t *call);

typedef struct {
    const char    *name;
    tool_pt        run;
} tool_t;



static later_t   *asked[ASKED];
static long       n_asked;
static later_t   *waiting[WAITING];
static long       n_waiting;
static char       cancelled_ids[65536] = "";


/* --- those that behave ---------------------------------------------------- */


static later_t *
keep(const call_t *call, const char *text, size_t len)
{
    later_t  *later;

    later = calloc(1, sizeof(later_t));

    if (later == NULL) {
        _exit(9);
    }

    later->id = strndup((char *) call->id.data, call->id.len);
    later->token = strndup((char *) call->token.data, call->token.len);
    later->modern = call->modern;
    later->text = text ? strndup(text, len) : NULL;

    return later;
}


static mcp_str_t
message_of(const call_t *call)
{
    mcp_str_t         s;
    static const char  none[] = "\"\"";

    s = raw_of(call->tape, call->arguments, "message");

    if (s.len == 0 || s.data[0] != '"') {
        s.data = (unsigned char *) none;
        s.len = 2;
    }

    return s;
}


static void
tool_echo(const call_t *call)
{
    mcp_str_t  s;

    s = message_of(call);
    answer((char *) call->id.data, call->id.len, call->modern,
           (char *) s.data, s.len);
}


static void
tool_slow(const call_t *call)
{
    later_t    *later;
    mcp_str_t   s;

    s = message_of(call);
    later = keep(call, (char *) s.data, s.len);
    later->when = now_ms()
                  + number_of(call->tape, call->arguments, "ms", 1000);
    answer_later(later);
}


static void
tool_progress(const call_t *call)
{
    later_t    *later;
    mcp_str_t   s;

    s = message_of(call);
    later = keep(call, (char *) s.data, s.len);
    later->every = number_of(call->tape, call->arguments, "ms", 10);
    later->when = now_ms() + later->every;

    if (call->token.len) {
        later->steps = number_of(call->tape, call->arguments, "steps", 3);
    }

    answer_later(later);
}


static void
tool_reorder(const call_t *call)
{
    long       n;
    later_t   *later;
    mcp_str_t  s;

    n = number_of(call->tape, call->arguments, "n", 2);
    s = message_of(call);
    waiting[n_waiting++] = keep(call, (char *) s.data, s.len);

    if (n_waiting < n && n_waiting < WAITING) {
        return;
    }

    while (n_waiting) {
        later = waiting[--n_waiting];
        later->when = 0;
        answer(later->id, strlen(later->id), later->modern, later->text,
               strlen(later->text));
    }
}


static void
tool_hang(const call_t *call)
{
    answer_later(keep(call, NULL, 0));
}


static void
tool_late(const call_t *call)
{
    mcp_str_t   s;
    later_t    *later;

    s = message_of(call);
    later = keep(call, (char *) s.data, s.len);
    later->when = now_ms() + 3600 * 1000;
    later->every = -1;
    answer_later(later);
}


void
cancelled(const mcp_str_t *id)
{
    later_t  *later;

    if (strlen(cancelled_ids) + id->len + 2 < sizeof(cancelled_ids)) {
        strcat(strncat(cancelled_ids, (char *) id->data, id->len), " ");
    }

    later = find_later(id);

    if (later == NULL) {
        return;
    }

    if (later->every == -1) {
        answer(later->id, strlen(later->id), later->modern, later->text,
               strlen(later->text));
    }

    forget_later(later);
}


static void
tool_cancelled(const call_t *call)
{
    answer_text(call, "%s", cancelled_ids);
}


static void
tool_ask(const call_t *call)
{
    mcp_str_t  method, params;

    method = raw_of(call->tape, call->arguments, "method");
    params = raw_of(call->tape, call->arguments, "params");

    if (n_asked == ASKED || method.len == 0) {
        answer_text(call, "cannot ask");
        return;
    }

    asked[n_asked] = keep(call, "", 0);
    say("{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":%.*s%s%.*s}\n",
        n_asked++, (int) method.len, method.data,
        params.len ? ",\"params\":" : "", (int) params.len, params.data);
}


void
answer_asked(long number, const char *text, size_t len)
{
    call_t    call;
    later_t  *later;

    if (number < 0 || number >= n_asked || asked[number] == NULL) {
        return;
    }

    later = asked[number];
    asked[number] = NULL;
    memset(&call, 0, sizeof(call));
    call.id.data = (unsigned char *) later->id;
    call.id.len = strlen(later->id);
    call.modern = later->modern;
    answer_text(&call, "%.*s", (int) len, text);
    free(later->id);
    free(later->token);
    free(later->text);
    free(later);
}


static void
tool_big(const call_t *call)
{
    long   n;
    char  *text;

    n = number_of(call->tape, call->arguments, "bytes", 1000000);
    text = malloc(n + 2);

    if (text == NULL) {
        answer_text(call, "no memory");
        return;
    }

    memset(text, 'x', n + 2);
    text[0] = text[n + 1] = '"';
    answer((char *) call->id.data, call->id.len, call->modern, text, n + 2);
    free(text);
}


/* --- those that do not --------------------------------------------------- */


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


/* --- what it is ----------------------------------------------------------- */


static void
tool_self(const call_t *call)
{
    int             n, privs;
    DIR            *dir;
    char            cwd[4096], fds[1024];
    struct dirent  *entry;
    struct rlimit   files, memory, processes;

    n = 0;
    fds[0] = '\0';
    dir = opendir("/proc/self/fd");

    while (dir && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir)
            && (record == NULL || atoi(entry->d_name) != fileno(record))
            && n < 900)
        {
            n += snprintf(fds + n, sizeof(fds) - n, "%s,", entry->d_name);
        }
    }

    if (dir) {
        closedir(dir);
    }

    privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_AS, &memory);
    getrlimit(RLIMIT_NPROC, &processes);

    answer_text(call, "pid=%d ppid=%d pgid=%d sid=%d uid=%d gid=%d "
                "groups=%d privs=%d files=%ld memory=%ld processes=%ld "
                "fds=%s cwd=%s", (int) getpid(), (int) getppid(),
                (int) getpgid(0), (int) getsid(0), (int) getuid(),
                (int) getgid(), getgroups(0, NULL), privs,
                (long) files.rlim_cur, (long) memory.rlim_cur,
                (long) processes.rlim_cur, fds,
                getcwd(cwd, sizeof(cwd)) ? cwd : "?");
}


static void
tool_environment(const call_t *call)
{
    char   *text, *new;
    char  **e;

    text = strdup("");

    for (e = environ; *e && text; e++) {
        if (asprintf(&new, "%s%s\n", text, *e) == -1) {
            _exit(9);
        }

        free(text);
        text = new;
    }

    answer_text(call, "%s", text ? text : "");
    free(text);
}


static void
tool_error(const call_t *call)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":{\"code\":-32001,"
        "\"message\":\"as you wish\",\"data\":{\"why\":[1,2]}}}\n",
        (int) call->id.len, call->id.data);
}


static void
tool_failed(const call_t *call)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"content\":[{"
        "\"type\":\"text\",\"text\":\"no luck\"}],\"isError\":true%s}}\n",
        (int) call->id.len, call->id.data,
        call->modern ? ",\"resultType\":\"complete\"" : "");
}


static const tool_t  tools[] = {
    { "echo", tool_echo },
    { "slow", tool_slow },
    { "progress", tool_progress },
    { "reorder", tool_reorder },
    { "hang", tool_hang },
    { "cancelled", tool_cancelled },
    { "late", tool_late },
    { "ask", tool_ask },
    { "big", tool_big },
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
    { "self", tool_self },
    { "environment", tool_environment },
    { "error", tool_error },
    { "failed", tool_failed },
    { NULL, NULL }
};


const char *
tool_name(unsigned i)
{
    return tools[i].name;
}


int
run_tool(const call_t *call, const mcp_str_t *name)
{
    unsigned  i;

    for (i = 0; tools[i].name; i++) {
        if (strlen(tools[i].name) == name->len
            && memcmp(tools[i].name, name->data, name->len) == 0)
        {
            tools[i].run(call);
            return 1;
        }
    }

    return 0;
}
