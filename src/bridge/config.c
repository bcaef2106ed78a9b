
/*
 * mcp.json: the file that MCP users already have, and some keys of our own.
 * It is read as a tape, so that every complaint can name a line.
 */


#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


#define MB_FILE_MAX  (1024 * 1024)
#define MB_VALUE_MAX (128 * 1024)    /* what execve() takes as one string */
#define MB_SERVERS_MAX  1024
#define MB_UNKNOWN_MAX  8             /* unknown keys that are named */


unsigned
mb_conf_line(const mb_reader_t *rd, uint32_t node)
{
    return mb_conf_line_at(rd, rd->tape.node[node].start);
}


unsigned
mb_conf_line_at(const mb_reader_t *rd, size_t offset)
{
    size_t    i;
    unsigned  line;

    line = 1;

    for (i = 0; i < offset && i < rd->len; i++) {
        line += rd->text[i] == '\n';
    }

    return line;
}


int
mb_conf_error(mb_reader_t *rd, unsigned line, const char *fmt, ...)
{
    int      n;
    char     text[1024];
    va_list  args;

    n = line ? snprintf(text, sizeof(text), "%s:%u: ", rd->file, line)
             : snprintf(text, sizeof(text), "%s: ", rd->file);

    if (n > 0 && (size_t) n < sizeof(text)) {
        va_start(args, fmt);
        (void) vsnprintf(text + n, sizeof(text) - (size_t) n, fmt, args);
        va_end(args);
    }

    /* the first one is the cause */

    if (rd->conf->error == NULL) {
        rd->conf->error = strdup(text);
    }

    return MCP_ERROR;
}


int
mb_conf_nomem(mb_reader_t *rd)
{
    return mb_conf_error(rd, 0, "there is no memory");
}


/* A string as it stands, with a NUL; NULL: no memory, or it has one inside. */

char *
mb_conf_string(mb_reader_t *rd, uint32_t node)
{
    char       *p;
    mcp_str_t   s;

    if (mcp_json_unescape(&rd->tape, node, rd->conf->arena, &s) != MCP_OK) {
        (void) mb_conf_nomem(rd);
        return NULL;
    }

    if (memchr(s.data, '\0', s.len) != NULL) {
        (void) mb_conf_error(rd, mb_conf_line(rd, node),
                             "a string must not have \\u0000 in it");
        return NULL;
    }

    p = (char *) mcp_memdup(rd->conf->arena, s.data, s.len);

    if (p == NULL) {
        (void) mb_conf_nomem(rd);
    }

    return p;
}


/* --- ${NAME} -------------------------------------------------------------- */


/* One ${...}, of which p is behind the brace; NULL: the error is said. */

static const char *
mb_conf_variable(mb_reader_t *rd, uint32_t node, const char *p, mcp_buf_t *b)
{
    char         name[256];
    size_t       len;
    const char  *end, *fallback, *value;

    end = strchr(p, '}');

    if (end == NULL) {
        (void) mb_conf_error(rd, mb_conf_line(rd, node), "a \"${\" has no "
                             "\"}\"; write \"$${\" for a plain \"${\"");
        return NULL;
    }

    len = (size_t) (end - p);
    fallback = memmem(p, len, ":-", 2);

    if (fallback != NULL) {
        len = (size_t) (fallback - p);
    }

    if (len == 0 || len >= sizeof(name)
        || strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                     "0123456789_") < len)
    {
        (void) mb_conf_error(rd, mb_conf_line(rd, node), "\"${%.*s}\" is not "
                             "the name of an environment variable",
                             (int) (len < 64 ? len : 64), p);
        return NULL;
    }

    memcpy(name, p, len);
    name[len] = '\0';

    value = getenv(name);

    if (fallback != NULL && (value == NULL || *value == '\0')) {
        mcp_buf_append(b, fallback + 2, (size_t) (end - fallback) - 2);

    } else if (value == NULL) {
        (void) mb_conf_error(rd, mb_conf_line(rd, node), "the environment "
                             "variable \"%s\" is not set: set it for the "
                             "bridge, or write \"${%s:-...}\" with what to "
                             "take instead", name, name);
        return NULL;

    } else {
        mcp_buf_append(b, value, strlen(value));
    }

    return end + 1;
}


char *
mb_conf_expand(mb_reader_t *rd, uint32_t node)
{
    mcp_buf_t    b;
    const char  *p, *dollar;

    p = mb_conf_string(rd, node);

    if (p == NULL || strstr(p, "${") == NULL) {
        return (char *) p;
    }

    mcp_buf_init(&b, rd->conf->arena, 256);
    b.max = MB_VALUE_MAX;

    while ((dollar = strstr(p, "${")) != NULL) {
        mcp_buf_append(&b, p, (size_t) (dollar - p));

        if (dollar > p && dollar[-1] == '$') {
            mcp_buf_literal(&b, "{");
            p = dollar + 2;
            continue;
        }

        p = mb_conf_variable(rd, node, dollar + 2, &b);

        if (p == NULL) {
            return NULL;
        }
    }

    mcp_buf_append(&b, p, strlen(p));
    mcp_buf_append(&b, "", 1);

    if (b.failed) {
        (void) mb_conf_error(rd, mb_conf_line(rd, node), "with its variables "
                             "in place this is too long: a program takes at "
                             "most %d bytes", MB_VALUE_MAX - 1);
        return NULL;
    }

    return (char *) b.data;
}


/* --- the file ------------------------------------------------------------- */


static int
mb_conf_load(mb_reader_t *rd)
{
    int          fd;
    ssize_t      n;
    struct stat  st;

    fd = open(rd->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd == -1) {
        return mb_conf_error(rd, 0, "%s", strerror(errno));
    }

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return mb_conf_error(rd, 0, "it is not a regular file");
    }

    /* who writes this file runs programs as us */

    if (st.st_mode & S_IWOTH) {
        close(fd);
        return mb_conf_error(rd, 0, "everybody may write it, and so run "
                             "programs: chmod o-w it");
    }

    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        close(fd);
        return mb_conf_error(rd, 0, "it belongs to another user, who could "
                             "run programs by it: chown it");
    }

    if ((st.st_mode & S_IWGRP) && st.st_gid != 0 && st.st_gid != getegid()) {
        mb_log(MB_WARN, NULL, "%s: another group may write it, and so run "
               "programs: chmod g-w it", rd->file);
    }

    if (st.st_size > MB_FILE_MAX) {
        close(fd);
        return mb_conf_error(rd, 0, "it has more than %d bytes", MB_FILE_MAX);
    }

    rd->text = mcp_alloc(rd->conf->arena, MB_FILE_MAX + 1);

    if (rd->text == NULL) {
        close(fd);
        return mb_conf_nomem(rd);
    }

    while (rd->len <= MB_FILE_MAX
           && (n = read(fd, rd->text + rd->len, MB_FILE_MAX + 1 - rd->len))
              != 0)
    {
        if (n == -1) {
            n = errno;
            close(fd);
            return mb_conf_error(rd, 0, "%s", strerror((int) n));
        }

        rd->len += (size_t) n;
    }

    close(fd);

    return rd->len > MB_FILE_MAX
           ? mb_conf_error(rd, 0, "it has more than %d bytes", MB_FILE_MAX)
           : MCP_OK;
}


static int
mb_conf_servers(mb_reader_t *rd, uint32_t servers)
{
    uint32_t    i;
    mb_conf_t  *conf;

    conf = rd->conf;

    if (rd->tape.node[servers].count > MB_SERVERS_MAX) {
        return mb_conf_error(rd, mb_conf_line(rd, servers), "there are more "
                             "than %d servers: use more bridges",
                             MB_SERVERS_MAX);
    }

    conf->entry = mcp_calloc(conf->arena, (rd->tape.node[servers].count + 1)
                                          * sizeof(mb_entry_t));
    if (conf->entry == NULL) {
        return mb_conf_nomem(rd);
    }

    for (i = mcp_json_first(&rd->tape, servers);
         i != 0 && i < rd->tape.node[servers].next;
         i = rd->tape.node[i].next)
    {
        if (mb_conf_entry(rd, &conf->entry[conf->n], i) != MCP_OK) {
            return MCP_ERROR;
        }

        conf->n++;
    }

    if (rd->root[0]) {
        mb_log(MB_WARN, NULL, "%s: these servers run as root: %s; name a "
               "\"user\" for each", rd->file, rd->root);
    }

    return MCP_OK;
}


/* Other programs keep settings of their own beside the servers. */

static void
mb_conf_others(mb_reader_t *rd)
{
    uint32_t          i;
    unsigned          n;
    mcp_str_t         raw;
    mcp_json_tape_t  *tape;

    tape = &rd->tape;
    n = 0;

    for (i = mcp_json_first(tape, 0);
         i != 0 && i < tape->node[0].next && n < MB_UNKNOWN_MAX;
         i = tape->node[i].next)
    {
        if (mcp_json_equals(tape, i, "mcpServers", 10)) {
            continue;
        }

        n++;
        raw = mcp_json_raw(tape, i);
        mb_log(MB_WARN, NULL, "%s:%u: the key %.*s is not known, it is left "
               "out", rd->file, mb_conf_line(rd, i),
               (int) (raw.len < 64 ? raw.len : 64), (char *) raw.data);
    }
}


static int
mb_conf_parse(mb_reader_t *rd)
{
    int               rc;
    uint32_t          servers;
    mcp_json_tape_t  *tape;

    tape = &rd->tape;

    rc = mcp_json_tape(tape, rd->conf->arena, rd->text, rd->len, 32);

    if (rc == MCP_NOMEM) {
        return mb_conf_nomem(rd);
    }

    if (rc != MCP_OK) {
        return mb_conf_error(rd, mb_conf_line_at(rd, tape->error.offset),
                             "this is not JSON: %s", tape->error.text);
    }

    if (tape->node[0].type != MCP_JSON_OBJECT) {
        return mb_conf_error(rd, 1, "the file must be an object: "
                             "{\"mcpServers\": {...}}");
    }

    servers = mcp_json_get(tape, 0, "mcpServers");

    if (servers == 0) {
        return mb_conf_error(rd, 1, "there is no \"mcpServers\": the file "
                             "must be {\"mcpServers\": {NAME: {\"command\": "
                             "...}}}");
    }

    if (tape->node[servers].type != MCP_JSON_OBJECT) {
        return mb_conf_error(rd, mb_conf_line(rd, servers),
                             "\"mcpServers\" must be an object: {NAME: "
                             "{\"command\": ...}}");
    }

    mb_conf_others(rd);

    return mb_conf_servers(rd, servers);
}


int
mb_conf_read(mb_conf_t *conf, const char *file)
{
    mb_reader_t  rd;

    memset(&rd, 0, sizeof(rd));
    rd.file = file;
    rd.conf = conf;

    conf->arena = mcp_arena_create();

    if (conf->arena == NULL) {
        return mb_conf_nomem(&rd);
    }

    if (mb_conf_load(&rd) != MCP_OK) {
        return MCP_ERROR;
    }

    return mb_conf_parse(&rd);
}


void
mb_conf_free(mb_conf_t *conf)
{
    if (conf->arena) {
        mcp_arena_destroy(conf->arena);
        conf->arena = NULL;
    }

    free(conf->error);
    conf->error = NULL;
    conf->n = 0;
}
