
/*
 * The tools of the stdio server: what a caller can make it do.  Arguments in
 * parentheses.  Those that misbehave are in stdio_abuse.c.
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
    later->token = call->token.len ? strndup((char *) call->token.data,
                                             call->token.len)
                                   : strdup("");
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
    getrlimit(RLIMIT_DATA, &memory);
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
    { "self", tool_self },
    { "environment", tool_environment },
    { "error", tool_error },
    { "failed", tool_failed },
    { NULL, NULL }
};


const char *
tool_name(unsigned i)
{
    unsigned  n;

    n = sizeof(tools) / sizeof(tools[0]) - 1;

    return (i < n) ? tools[i].name : abuses[i - n].name;
}


static int
run_one_of(const tool_t *tool, const call_t *call, const mcp_str_t *name)
{
    for ( /* void */ ; tool->name; tool++) {
        if (strlen(tool->name) == name->len
            && memcmp(tool->name, name->data, name->len) == 0)
        {
            tool->run(call);
            return 1;
        }
    }

    return 0;
}


int
run_tool(const call_t *call, const mcp_str_t *name)
{
    return run_one_of(tools, call, name) || run_one_of(abuses, call, name);
}
