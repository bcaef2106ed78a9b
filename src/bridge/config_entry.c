
/* One server of mcp.json: what it defaults to, and what is executed. */


#include "config.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>


#define MB_STARTUP   30000           /* ms */
#define MB_CALL      300000
#define MB_IDLE      600000
#define MB_SESSIONS  16


int
mb_conf_wrong(mb_reading_t *r, uint32_t node, const char *what)
{
    return mb_conf_error(r->rd, mb_conf_line(r->rd, node), "server \"%s\": "
                         "%s", r->entry->name, what);
}


unsigned
mb_conf_type(mb_reading_t *r, uint32_t node)
{
    return r->rd->tape.node[node].type;
}


int
mb_conf_is(mb_reading_t *r, uint32_t node, const char *s)
{
    return mb_conf_type(r, node) == MCP_JSON_STRING
           && mcp_json_equals(&r->rd->tape, node, s, strlen(s));
}


/* --- what is executed ----------------------------------------------------- */


static int
mb_entry_argv(mb_reading_t *r, uint32_t name)
{
    uint32_t          i, n;
    mcp_json_tape_t  *tape;

    tape = &r->rd->tape;

    if (r->command == 0) {
        return mb_conf_wrong(r, name, "it has no \"command\"");
    }

    if (mb_conf_type(r, r->command) != MCP_JSON_STRING
        || tape->node[r->command].len == 0)
    {
        return mb_conf_wrong(r, r->command, "\"command\" is a string: the "
                             "program; what follows it stands in \"args\"");
    }

    if (r->args && mb_conf_type(r, r->args) != MCP_JSON_ARRAY) {
        return mb_conf_wrong(r, r->args, "\"args\" is an array of strings");
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
        return mb_conf_wrong(r, r->command, "\"command\" is empty once its "
                             "variables are in place: set them for the bridge");
    }

    n = 1;

    for (i = r->args ? mcp_json_first(tape, r->args) : 0;
         i != 0 && i < tape->node[r->args].next;
         i = tape->node[i].next)
    {
        if (mb_conf_type(r, i) != MCP_JSON_STRING) {
            return mb_conf_wrong(r, i, "\"args\" is an array of strings");
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

    if (r->env && mb_conf_type(r, r->env) != MCP_JSON_OBJECT) {
        return mb_conf_wrong(r, r->env, "\"env\" is an object: {NAME: "
                             "\"value\"}");
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
            return mb_conf_wrong(r, i, "this is not the name of an environment "
                                 "variable");
        }

        if (mb_conf_type(r, i + 1) != MCP_JSON_STRING) {
            return mb_conf_wrong(r, i + 1, "the value of an environment "
                                 "variable is a string");
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

    if (mb_conf_type(&r, node) != MCP_JSON_OBJECT) {
        return mb_conf_wrong(&r, node, "it must be an object: {\"command\": "
                             "...}");
    }

    for (i = mcp_json_first(&rd->tape, node);
         i != 0 && i < rd->tape.node[node].next;
         i = rd->tape.node[i].next)
    {
        if (mb_conf_key(&r, i) != MCP_OK) {
            return MCP_ERROR;
        }
    }

    if (entry->startup == 0 || entry->idle == 0) {
        return mb_conf_wrong(&r, name, "\"startupTimeout\" and \"idleTimeout\" "
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
