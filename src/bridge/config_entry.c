
/* One server of mcp.json: its keys, what they default to, what they allow. */


#include "config.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>


#define MB_STARTUP   30000           /* ms */
#define MB_CALL      300000
#define MB_IDLE      600000
#define MB_SESSIONS  16
#define MB_UNKNOWN_MAX  8             /* unknown keys that are named */
#define MB_TIME_MAX  (7 * 24 * 3600 * UINT64_C(1000))


typedef struct {
    mb_reader_t          *rd;
    mb_entry_t           *entry;
    uint32_t              command;   /* nodes; 0: not given */
    uint32_t              args;
    uint32_t              env;
    unsigned              unknown;   /* keys so far */
} mb_reading_t;


typedef int (*mb_key_pt)(mb_reading_t *r, uint32_t node, void *to);


typedef struct {
    const char           *name;
    mb_key_pt             read;
    size_t                offset;    /* in mb_entry_t */
} mb_key_t;


static int mb_key_node(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_cwd(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_isolation(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_protocol(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_type(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_time(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_line(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_sessions(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_user(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_limits(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_disabled(mb_reading_t *r, uint32_t node, void *to);
static int mb_key_url(mb_reading_t *r, uint32_t node, void *to);


#define mb_key(name, read, field)  { name, read, offsetof(mb_entry_t, field) }

static const mb_key_t  mb_keys[] = {
    mb_key("command", mb_key_node, argv),
    mb_key("args", mb_key_node, argv),
    mb_key("env", mb_key_node, env),
    mb_key("cwd", mb_key_cwd, cwd),
    mb_key("isolation", mb_key_isolation, name),
    mb_key("protocol", mb_key_protocol, name),
    mb_key("type", mb_key_type, name),
    mb_key("startupTimeout", mb_key_time, startup),
    mb_key("callTimeout", mb_key_time, call),
    mb_key("idleTimeout", mb_key_time, idle),
    mb_key("maxLine", mb_key_line, max_line),
    mb_key("maxSessions", mb_key_sessions, max_sessions),
    mb_key("user", mb_key_user, user),
    mb_key("limits", mb_key_limits, memory),
    mb_key("disabled", mb_key_disabled, name),
    mb_key("url", mb_key_url, name),
    { NULL, NULL, 0 }
};


static int
mb_wrong(mb_reading_t *r, uint32_t node, const char *what)
{
    return mb_conf_error(r->rd, mb_conf_line(r->rd, node), "server \"%s\": "
                         "%s", r->entry->name, what);
}


static unsigned
mb_type(mb_reading_t *r, uint32_t node)
{
    return r->rd->tape.node[node].type;
}


static int
mb_is(mb_reading_t *r, uint32_t node, const char *s)
{
    return mb_type(r, node) == MCP_JSON_STRING
           && mcp_json_equals(&r->rd->tape, node, s, strlen(s));
}


/* --- numbers with units --------------------------------------------------- */


typedef struct {
    const char           *name;
    uint64_t              n;
} mb_unit_t;


static const mb_unit_t  mb_times[] = {
    { "", 1 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
    { NULL, 0 }
};

static const mb_unit_t  mb_sizes[] = {
    { "", 1 }, { "k", 1024 }, { "K", 1024 }, { "m", 1024 * 1024 },
    { "M", 1024 * 1024 }, { "g", 1024 * 1024 * 1024 },
    { "G", 1024 * 1024 * 1024 }, { NULL, 0 }
};


/* A number, or a string with a unit. */

static int
mb_number(mb_reading_t *r, uint32_t node, const mb_unit_t *unit, uint64_t max,
    uint64_t *out)
{
    char     *p, *end;
    int64_t   n;

    if (mb_type(r, node) == MCP_JSON_NUMBER) {

        if (mcp_json_integer(&r->rd->tape, node, &n) != MCP_OK || n < 0
            || (uint64_t) n > max)
        {
            return MCP_NONE;
        }

        *out = (uint64_t) n;
        return MCP_OK;
    }

    if (mb_type(r, node) != MCP_JSON_STRING) {
        return MCP_NONE;
    }

    p = mb_conf_string(r->rd, node);

    if (p == NULL || !isdigit((unsigned char) *p) || strlen(p) > 18) {
        return MCP_NONE;
    }

    *out = strtoull(p, &end, 10);

    for ( /* void */ ; unit->name; unit++) {

        if (strcmp(unit->name, end) != 0) {
            continue;
        }

        if (*out > max / unit->n) {
            return MCP_NONE;
        }

        *out *= unit->n;
        return MCP_OK;
    }

    return MCP_NONE;
}


static int
mb_key_time(mb_reading_t *r, uint32_t node, void *to)
{
    return mb_number(r, node, mb_times, MB_TIME_MAX, to) == MCP_OK
           ? MCP_OK
           : mb_wrong(r, node, "a time is a number of milliseconds, or a "
                      "string such as \"30s\", \"5m\", \"500ms\"; at most a "
                      "week");
}


static int
mb_key_line(mb_reading_t *r, uint32_t node, void *to)
{
    uint64_t  n;

    if (mb_number(r, node, mb_sizes, 256 * 1024 * 1024, &n) != MCP_OK
        || n < 1024)
    {
        return mb_wrong(r, node, "\"maxLine\" is a number of bytes, or a "
                        "string such as \"16m\"; from 1k to 256m");
    }

    *(size_t *) to = (size_t) n;

    return MCP_OK;
}


static int
mb_key_sessions(mb_reading_t *r, uint32_t node, void *to)
{
    int64_t  n;

    if (mb_type(r, node) != MCP_JSON_NUMBER
        || mcp_json_integer(&r->rd->tape, node, &n) != MCP_OK
        || n < 1 || n > MB_PROCESSES_MAX)
    {
        return mb_wrong(r, node, "\"maxSessions\" is a number from 1 to 64");
    }

    *(unsigned *) to = (unsigned) n;

    return MCP_OK;
}


/* --- words ---------------------------------------------------------------- */


static int
mb_key_node(mb_reading_t *r, uint32_t node, void *to)
{
    return MCP_OK;
}


static int
mb_key_cwd(mb_reading_t *r, uint32_t node, void *to)
{
    if (mb_type(r, node) != MCP_JSON_STRING) {
        return mb_wrong(r, node, "\"cwd\" is a string");
    }

    r->entry->cwd = mb_conf_expand(r->rd, node);

    if (r->entry->cwd == NULL) {
        return MCP_ERROR;
    }

    return *r->entry->cwd
           ? MCP_OK
           : mb_wrong(r, node, "\"cwd\" is empty: name a folder, or leave it "
                      "out");
}


static int
mb_key_isolation(mb_reading_t *r, uint32_t node, void *to)
{
    if (!mb_is(r, node, "session") && !mb_is(r, node, "shared")) {
        return mb_wrong(r, node, "\"isolation\" is \"shared\" (one process "
                        "for all clients) or \"session\" (one each)");
    }

    r->entry->session = mb_is(r, node, "session");

    return MCP_OK;
}


static int
mb_key_protocol(mb_reading_t *r, uint32_t node, void *to)
{
    if (mb_is(r, node, "modern")) {
        r->entry->protocol = MCP_ERA_MODERN;

    } else if (mb_is(r, node, "legacy")) {
        r->entry->protocol = MCP_ERA_LEGACY;

    } else if (!mb_is(r, node, "auto")) {
        return mb_wrong(r, node, "\"protocol\" is \"auto\", \"modern\" or "
                        "\"legacy\"");
    }

    return MCP_OK;
}


static int
mb_key_type(mb_reading_t *r, uint32_t node, void *to)
{
    return mb_is(r, node, "stdio")
           ? MCP_OK
           : mb_wrong(r, node, "only servers of \"type\" \"stdio\" need a "
                      "bridge: name others as mcp_backend in nginx.conf");
}


static int
mb_key_url(mb_reading_t *r, uint32_t node, void *to)
{
    return mb_wrong(r, node, "a server with a \"url\" needs no bridge: name "
                    "it as mcp_backend in nginx.conf");
}


static int
mb_key_disabled(mb_reading_t *r, uint32_t node, void *to)
{
    if (mb_type(r, node) != MCP_JSON_TRUE && mb_type(r, node) != MCP_JSON_FALSE)
    {
        return mb_wrong(r, node, "\"disabled\" is true or false");
    }

    r->entry->disabled = mb_type(r, node) == MCP_JSON_TRUE;

    return MCP_OK;
}


static int
mb_key_user(mb_reading_t *r, uint32_t node, void *to)
{
    char           *name;
    struct passwd  *pw;

    if (mb_type(r, node) != MCP_JSON_STRING) {
        return mb_wrong(r, node, "\"user\" is a string");
    }

    name = mb_conf_expand(r->rd, node);
    if (name == NULL) {
        return MCP_ERROR;
    }

    pw = getpwnam(name);

    if (pw == NULL) {
        return mb_conf_error(r->rd, mb_conf_line(r->rd, node), "server "
                             "\"%s\": there is no user \"%s\"",
                             r->entry->name, name);
    }

    if (geteuid() != 0 && pw->pw_uid != geteuid()) {
        return mb_conf_error(r->rd, mb_conf_line(r->rd, node), "server "
                             "\"%s\": only a bridge that runs as root can "
                             "start it as \"%s\"", r->entry->name, name);
    }

    r->entry->user = name;
    r->entry->uid = pw->pw_uid;
    r->entry->gid = pw->pw_gid;

    return MCP_OK;
}


static int
mb_key_limits(mb_reading_t *r, uint32_t node, void *to)
{
    uint32_t          i, value;
    uint64_t         *field;
    mcp_json_tape_t  *tape;

    tape = &r->rd->tape;

    if (mb_type(r, node) != MCP_JSON_OBJECT) {
        return mb_wrong(r, node, "\"limits\" is an object: {\"memory\": "
                        "\"1g\", \"processes\": 64, \"files\": 1024}");
    }

    for (i = mcp_json_first(tape, node);
         i != 0 && i < tape->node[node].next;
         i = tape->node[i].next)
    {
        value = i + 1;

        field = mcp_json_equals(tape, i, "memory", 6) ? &r->entry->memory
              : mcp_json_equals(tape, i, "processes", 9)
                ? &r->entry->processes
              : mcp_json_equals(tape, i, "files", 5) ? &r->entry->files
                                                     : NULL;
        if (field == NULL) {
            return mb_wrong(r, i, "\"limits\" may name \"memory\", "
                            "\"processes\" and \"files\"");
        }

        if (mb_number(r, value, mb_sizes, UINT64_C(1) << 50, field) != MCP_OK
            || *field == 0)
        {
            return mb_wrong(r, value, "a limit is a number, or a string such "
                            "as \"512m\"; it is not 0");
        }
    }

    return MCP_OK;
}


/* --- what is executed ----------------------------------------------------- */


static int
mb_entry_argv(mb_reading_t *r, uint32_t name)
{
    uint32_t          i, n;
    mcp_json_tape_t  *tape;

    tape = &r->rd->tape;

    if (r->command == 0) {
        return mb_wrong(r, name, "it has no \"command\"");
    }

    if (mb_type(r, r->command) != MCP_JSON_STRING
        || tape->node[r->command].len == 0)
    {
        return mb_wrong(r, r->command, "\"command\" is a string: the program; "
                        "what follows it stands in \"args\"");
    }

    if (r->args && mb_type(r, r->args) != MCP_JSON_ARRAY) {
        return mb_wrong(r, r->args, "\"args\" is an array of strings");
    }

    n = r->args ? tape->node[r->args].count : 0;

    r->entry->argv = mcp_calloc(r->rd->conf->arena,
                                ((size_t) n + 2) * sizeof(char *));
    if (r->entry->argv == NULL) {
        return mb_conf_nomem(r->rd);
    }

    r->entry->argv[0] = mb_conf_expand(r->rd, r->command);

    if (r->entry->argv[0] == NULL) {
        return MCP_ERROR;
    }

    if (*r->entry->argv[0] == '\0') {
        return mb_wrong(r, r->command, "\"command\" is empty once its "
                        "variables are in place: set them for the bridge");
    }

    n = 1;

    for (i = r->args ? mcp_json_first(tape, r->args) : 0;
         i != 0 && i < tape->node[r->args].next;
         i = tape->node[i].next)
    {
        if (mb_type(r, i) != MCP_JSON_STRING) {
            return mb_wrong(r, i, "\"args\" is an array of strings");
        }

        r->entry->argv[n] = mb_conf_expand(r->rd, i);

        if (r->entry->argv[n++] == NULL) {
            return MCP_ERROR;
        }
    }

    return MCP_OK;
}


static char *
mb_pair(mb_reading_t *r, const char *name, const char *value)
{
    char    *p;
    size_t   len;

    len = strlen(name) + strlen(value) + 2;
    p = mcp_alloc(r->rd->conf->arena, len);

    if (p) {
        snprintf(p, len, "%s=%s", name, value);
    }

    return p;
}


/* What the bridge itself has, where the entry does not say otherwise. */

static int
mb_entry_inherit(mb_reading_t *r, uint32_t *n)
{
    unsigned        i;
    const char     *value;
    struct passwd  *pw;

    static const char *const  names[] = { "PATH", "HOME", "LANG" };

    for (i = 0; i < 3; i++) {

        if (r->env && mcp_json_member(&r->rd->tape, r->env, names[i],
                                      strlen(names[i])))
        {
            continue;
        }

        value = getenv(names[i]);

        if (i == 1 && r->entry->user) {
            pw = getpwnam(r->entry->user);
            value = pw ? pw->pw_dir : NULL;
        }

        if (value == NULL && i == 0) {
            value = "/usr/local/bin:/usr/bin:/bin";
        }

        if (value) {
            r->entry->env[*n] = mb_pair(r, names[i], value);

            if (r->entry->env[(*n)++] == NULL) {
                return mb_conf_nomem(r->rd);
            }
        }
    }

    return MCP_OK;
}


static int
mb_entry_env(mb_reading_t *r)
{
    char             *name, *value;
    uint32_t          i, n;
    mcp_json_tape_t  *tape;

    tape = &r->rd->tape;
    n = r->env ? tape->node[r->env].count : 0;

    if (r->env && mb_type(r, r->env) != MCP_JSON_OBJECT) {
        return mb_wrong(r, r->env, "\"env\" is an object: {NAME: \"value\"}");
    }

    r->entry->env = mcp_calloc(r->rd->conf->arena,
                               ((size_t) n + 4) * sizeof(char *));
    if (r->entry->env == NULL) {
        return mb_conf_nomem(r->rd);
    }

    n = 0;

    for (i = r->env ? mcp_json_first(tape, r->env) : 0;
         i != 0 && i < tape->node[r->env].next;
         i = tape->node[i].next)
    {
        name = mb_conf_string(r->rd, i);
        if (name == NULL) {
            return MCP_ERROR;
        }

        if (*name == '\0' || strchr(name, '=') != NULL) {
            return mb_wrong(r, i, "this is not the name of an environment "
                            "variable");
        }

        if (mb_type(r, i + 1) != MCP_JSON_STRING) {
            return mb_wrong(r, i + 1, "the value of an environment variable "
                            "is a string");
        }

        value = mb_conf_expand(r->rd, i + 1);
        if (value == NULL) {
            return MCP_ERROR;
        }

        r->entry->env[n] = mb_pair(r, name, value);

        if (r->entry->env[n++] == NULL) {
            return mb_conf_nomem(r->rd);
        }
    }

    return mb_entry_inherit(r, &n);
}


static int
mb_env_order(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/* How many, and each with its NUL: no two lists look the same. */

static void
mb_print_list(mcp_buf_t *b, char **list, size_t n)
{
    size_t  i;

    mcp_buf_uint(b, n);
    mcp_buf_append(b, "", 1);

    for (i = 0; i < n; i++) {
        mcp_buf_append(b, list[i], strlen(list[i]) + 1);
    }
}


/* All that makes a difference to the process, one field behind the other. */

static int
mb_entry_print(mb_reading_t *r)
{
    char         n[256];
    size_t       args, env;
    mcp_buf_t    b;
    mb_entry_t  *e;

    e = r->entry;
    mcp_buf_init(&b, r->rd->conf->arena, 1024);

    for (args = 0; e->argv[args]; args++) { /* void */ }
    for (env = 0; e->env[env]; env++) { /* void */ }

    /* its names are unique, and their order means nothing */

    qsort(e->env, env, sizeof(char *), mb_env_order);

    mb_print_list(&b, e->argv, args);
    mb_print_list(&b, e->env, env);
    mcp_buf_append(&b, e->cwd ? e->cwd : "", e->cwd ? strlen(e->cwd) + 1 : 1);
    mcp_buf_append(&b, e->user ? e->user : "",
                   e->user ? strlen(e->user) + 1 : 1);

    snprintf(n, sizeof(n),
             "%u %u %d %llu %llu %llu %zu %u %llu %llu %llu %u %u",
             e->session, e->disabled, (int) e->protocol,
             (unsigned long long) e->startup, (unsigned long long) e->call,
             (unsigned long long) e->idle, e->max_line, e->max_sessions,
             (unsigned long long) e->memory,
             (unsigned long long) e->processes, (unsigned long long) e->files,
             (unsigned) e->uid, (unsigned) e->gid);
    mcp_buf_append(&b, n, strlen(n));

    if (b.failed) {
        return mb_conf_nomem(r->rd);
    }

    e->print.data = b.data;
    e->print.len = b.len;

    return MCP_OK;
}


/* --- all of it ------------------------------------------------------------ */


static int
mb_entry_key(mb_reading_t *r, uint32_t key)
{
    mcp_str_t        raw;
    const mb_key_t  *k;

    for (k = mb_keys; k->name; k++) {

        if (!mcp_json_equals(&r->rd->tape, key, k->name, strlen(k->name))) {
            continue;
        }

        if (strcmp(k->name, "command") == 0) {
            r->command = key + 1;
        } else if (strcmp(k->name, "args") == 0) {
            r->args = key + 1;
        } else if (strcmp(k->name, "env") == 0) {
            r->env = key + 1;
        }

        return k->read(r, key + 1, (char *) r->entry + k->offset);
    }

    /* other programs have keys of their own in the same file */

    if (r->unknown++ >= MB_UNKNOWN_MAX) {
        return MCP_OK;
    }

    raw = mcp_json_raw(&r->rd->tape, key);
    mb_log(MB_WARN, r->entry->name, "%s:%u: the key %.*s is not known, it is "
           "left out", r->rd->file, mb_conf_line(r->rd, key),
           (int) (raw.len < 64 ? raw.len : 64), (char *) raw.data);

    return MCP_OK;
}


static int
mb_entry_name(mb_reading_t *r, uint32_t name)
{
    size_t  len;

    r->entry->name = mb_conf_string(r->rd, name);

    if (r->entry->name == NULL) {
        return MCP_ERROR;
    }

    len = strlen(r->entry->name);

    if (len == 0 || len > MB_NAME_MAX
        || strspn(r->entry->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz0123456789_-") != len)
    {
        return mb_conf_error(r->rd, mb_conf_line(r->rd, name), "the name of a "
                             "server is part of its URL: 1 to %d letters, "
                             "digits, \"_\" and \"-\"", MB_NAME_MAX);
    }

    return MCP_OK;
}


int
mb_conf_entry(mb_reader_t *rd, mb_entry_t *entry, uint32_t name)
{
    size_t        used;
    uint32_t      i, node;
    mb_reading_t  r;

    memset(&r, 0, sizeof(r));
    r.rd = rd;
    r.entry = entry;

    entry->line = mb_conf_line(rd, name);
    entry->protocol = MCP_ERA_UNKNOWN;
    entry->startup = MB_STARTUP;
    entry->call = MB_CALL;
    entry->idle = MB_IDLE;
    entry->max_line = MB_LINE_MAX;
    entry->max_sessions = MB_SESSIONS;

    if (mb_entry_name(&r, name) != MCP_OK) {
        return MCP_ERROR;
    }

    node = name + 1;

    if (mb_type(&r, node) != MCP_JSON_OBJECT) {
        return mb_wrong(&r, node, "it must be an object: {\"command\": ...}");
    }

    for (i = mcp_json_first(&rd->tape, node);
         i != 0 && i < rd->tape.node[node].next;
         i = rd->tape.node[i].next)
    {
        if (mb_entry_key(&r, i) != MCP_OK) {
            return MCP_ERROR;
        }
    }

    if (entry->startup == 0 || entry->idle == 0) {
        return mb_wrong(&r, name, "\"startupTimeout\" and \"idleTimeout\" "
                        "cannot be 0");
    }

    if (mb_entry_argv(&r, name) != MCP_OK || mb_entry_env(&r) != MCP_OK
        || mb_entry_print(&r) != MCP_OK)
    {
        return MCP_ERROR;
    }

    if (geteuid() == 0 && entry->user == NULL && !entry->disabled) {
        used = strlen(rd->root);
        snprintf(rd->root + used, sizeof(rd->root) - used, "%s%s",
                 used ? ", " : "", entry->name);
    }

    return MCP_OK;
}
