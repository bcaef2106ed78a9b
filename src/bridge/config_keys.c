
/* The keys of a server in mcp.json, and what each allows. */


#include "config.h"

#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>


#define MB_UNKNOWN_MAX  8            /* unknown keys that are named */
#define MB_TIME_MAX     (7 * 24 * 3600 * UINT64_C(1000))


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

    if (mb_conf_type(r, node) == MCP_JSON_NUMBER) {

        if (mcp_json_integer(&r->rd->tape, node, &n) != MCP_OK || n < 0
            || (uint64_t) n > max)
        {
            return MCP_NONE;
        }

        *out = (uint64_t) n;
        return MCP_OK;
    }

    if (mb_conf_type(r, node) != MCP_JSON_STRING) {
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
           : mb_conf_wrong(r, node, "a time is a number of milliseconds, or a "
                           "string such as \"30s\", \"5m\", \"500ms\"; at most "
                           "a week");
}


static int
mb_key_line(mb_reading_t *r, uint32_t node, void *to)
{
    uint64_t  n;

    if (mb_number(r, node, mb_sizes, 256 * 1024 * 1024, &n) != MCP_OK
        || n < 1024)
    {
        return mb_conf_wrong(r, node, "\"maxLine\" is a number of bytes, or a "
                             "string such as \"16m\"; from 1k to 256m");
    }

    *(size_t *) to = (size_t) n;

    return MCP_OK;
}


static int
mb_key_sessions(mb_reading_t *r, uint32_t node, void *to)
{
    int64_t  n;

    if (mb_conf_type(r, node) != MCP_JSON_NUMBER
        || mcp_json_integer(&r->rd->tape, node, &n) != MCP_OK
        || n < 1 || n > MB_PROCESSES_MAX)
    {
        return mb_conf_wrong(r, node, "\"maxSessions\" is a number from 1 to "
                             "64");
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
    if (mb_conf_type(r, node) != MCP_JSON_STRING) {
        return mb_conf_wrong(r, node, "\"cwd\" is a string");
    }

    r->entry->cwd = mb_conf_expand(r->rd, node);

    if (r->entry->cwd == NULL) {
        return MCP_ERROR;
    }

    return *r->entry->cwd
           ? MCP_OK
           : mb_conf_wrong(r, node, "\"cwd\" is empty: name a folder, or leave "
                           "it out");
}


static int
mb_key_isolation(mb_reading_t *r, uint32_t node, void *to)
{
    if (!mb_conf_is(r, node, "session") && !mb_conf_is(r, node, "shared")) {
        return mb_conf_wrong(r, node, "\"isolation\" is \"shared\" (one "
                             "process for all clients) or \"session\" (one "
                             "each)");
    }

    r->entry->session = mb_conf_is(r, node, "session");

    return MCP_OK;
}


static int
mb_key_protocol(mb_reading_t *r, uint32_t node, void *to)
{
    if (mb_conf_is(r, node, "modern")) {
        r->entry->protocol = MCP_ERA_MODERN;

    } else if (mb_conf_is(r, node, "legacy")) {
        r->entry->protocol = MCP_ERA_LEGACY;

    } else if (!mb_conf_is(r, node, "auto")) {
        return mb_conf_wrong(r, node, "\"protocol\" is \"auto\", \"modern\" or "
                             "\"legacy\"");
    }

    return MCP_OK;
}


static int
mb_key_type(mb_reading_t *r, uint32_t node, void *to)
{
    return mb_conf_is(r, node, "stdio")
           ? MCP_OK
           : mb_conf_wrong(r, node, "only servers of \"type\" \"stdio\" need a "
                           "bridge: name others as mcp_backend in nginx.conf");
}


static int
mb_key_url(mb_reading_t *r, uint32_t node, void *to)
{
    return mb_conf_wrong(r, node, "a server with a \"url\" needs no bridge: "
                         "name it as mcp_backend in nginx.conf");
}


static int
mb_key_disabled(mb_reading_t *r, uint32_t node, void *to)
{
    if (mb_conf_type(r, node) != MCP_JSON_TRUE
        && mb_conf_type(r, node) != MCP_JSON_FALSE)
    {
        return mb_conf_wrong(r, node, "\"disabled\" is true or false");
    }

    r->entry->disabled = mb_conf_type(r, node) == MCP_JSON_TRUE;

    return MCP_OK;
}


static int
mb_key_user(mb_reading_t *r, uint32_t node, void *to)
{
    char           *name;
    struct passwd  *pw;

    if (mb_conf_type(r, node) != MCP_JSON_STRING) {
        return mb_conf_wrong(r, node, "\"user\" is a string");
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

    if (mb_conf_type(r, node) != MCP_JSON_OBJECT) {
        return mb_conf_wrong(r, node, "\"limits\" is an object: {\"memory\": "
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
            return mb_conf_wrong(r, i, "\"limits\" may name \"memory\", "
                                 "\"processes\" and \"files\"");
        }

        if (mb_number(r, value, mb_sizes, UINT64_C(1) << 50, field) != MCP_OK
            || *field == 0)
        {
            return mb_conf_wrong(r, value, "a limit is a number, or a string "
                                 "such as \"512m\"; it is not 0");
        }
    }

    return MCP_OK;
}


/* --- any of them ---------------------------------------------------------- */


int
mb_conf_key(mb_reading_t *r, uint32_t key)
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
