
/* Whether the lines of a chain are as they were written. */


#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


void
audit_verify_problem(audit_verify_t *v, int note, const char *format, ...)
{
    va_list  args;

    if (note) {
        v->notes++;
    } else {
        v->problems++;
    }

    fputs(note ? "note: " : "WRONG: ", stdout);

    va_start(args, format);
    vprintf(format, args);
    va_end(args);

    putchar('\n');
}


void
audit_verify_begin(audit_verify_t *v)
{
    v->chains++;
    v->seq = 0;
    v->began = 0;
    memset(v->hash, 0, sizeof(v->hash));
}


/* A line of the chain; rec is what it says. */

void
audit_verify_line(audit_verify_t *v, const char *where, const mcp_str_t *line,
    const mcp_record_t *rec)
{
    unsigned char  prev[MCP_RECORD_HASH];

    v->lines++;

    if (mcp_chain_unhex(prev, &rec->prev) != MCP_OK) {
        memset(prev, 0, sizeof(prev));
    }

    if (!v->began) {

        if (rec->seq != 1) {
            audit_verify_problem(v, 1, "%s: begins with line %llu; those "
                                 "before are no longer here", where,
                                 (unsigned long long) rec->seq);
        }

    } else if (rec->seq != v->seq + 1) {

        if (rec->seq > v->seq + 1) {
            audit_verify_problem(v, 0, "%s: lines %llu to %llu are missing",
                                 where, (unsigned long long) v->seq + 1,
                                 (unsigned long long) rec->seq - 1);
        } else {
            audit_verify_problem(v, 0, "%s: line %llu stands behind line %llu",
                                 where, (unsigned long long) rec->seq,
                                 (unsigned long long) v->seq);
        }

    } else if (memcmp(prev, v->hash, sizeof(prev)) != 0) {
        audit_verify_problem(v, 0, "%s: line %llu was changed (or line %llu, "
                             "which names its hash)", where,
                             (unsigned long long) v->seq,
                             (unsigned long long) rec->seq);
    }

    v->began = 1;
    v->seq = rec->seq;
    mcp_chain_hash(v->hash, line->data, line->len);
}


/* Head and tail say where the chain stands. */

static void
audit_verify_control(audit_verify_t *v, const char *where,
    const mcp_record_t *rec)
{
    unsigned char  prev[MCP_RECORD_HASH];

    if (mcp_chain_unhex(prev, &rec->prev) != MCP_OK) {
        return;
    }

    if (!v->began) {

        if (rec->kind != MCP_RECORD_HEAD) {
            return;
        }

        if (rec->seq != 0) {
            audit_verify_problem(v, 1, "%s: begins behind line %llu; those "
                                 "before are no longer here", where,
                                 (unsigned long long) rec->seq);
        }

        v->began = 1;
        v->seq = rec->seq;
        memcpy(v->hash, prev, sizeof(prev));
        return;
    }

    if (rec->seq != v->seq) {
        audit_verify_problem(v, 0, "%s: lines %llu to %llu are missing", where,
                             (unsigned long long) v->seq + 1,
                             (unsigned long long) rec->seq);

    } else if (memcmp(prev, v->hash, sizeof(prev)) != 0) {
        audit_verify_problem(v, 0, "%s: line %llu was changed", where,
                             (unsigned long long) v->seq);
    }

    v->seq = rec->seq;
    memcpy(v->hash, prev, sizeof(prev));
}


static int
audit_verify_file(audit_verify_t *v, const audit_file_t *f, int *final)
{
    int                   rc;
    size_t                len;
    mcp_str_t             line;
    mcp_arena_t          *arena;
    mcp_record_t          rec;
    unsigned char        *text;
    const unsigned char  *p;

    text = audit_slurp(f->path, &len);
    if (text == NULL) {
        return -1;
    }

    p = text;

    while ((rc = mcp_record_line(&p, text + len, &line)) == MCP_OK) {

        if (line.len == 0) {
            continue;
        }

        arena = mcp_arena_create();
        if (arena == NULL) {
            break;
        }

        if (mcp_record_read(&rec, arena, &line) != MCP_OK) {

            /* its place in the chain shows whether it belonged there */

            audit_verify_problem(v, 1, "%s: %zu bytes at %zu are no record "
                                 "(torn, or not ours)", f->name, line.len,
                                 (size_t) (line.data - text));

        } else if (rec.chain.len != f->chain
                   || memcmp(rec.chain.data, f->name, f->chain) != 0)
        {
            audit_verify_problem(v, 0, "%s: a line of another chain at %zu",
                                 f->name, (size_t) (line.data - text));

        } else if (rec.kind == MCP_RECORD_HEAD
                   || rec.kind == MCP_RECORD_TAIL)
        {
            audit_verify_control(v, f->name, &rec);
            *final |= rec.final;

        } else if (rec.kind != MCP_RECORD_OPENED) {
            audit_verify_line(v, f->name, &line, &rec);
        }

        mcp_arena_destroy(arena);
    }

    if (rc == MCP_AGAIN) {
        audit_verify_problem(v, 1, "%s: the last line has no end (it is being "
                             "written, or was torn)", f->name);
    }

    free(text);

    return 0;
}


int
audit_verify_end(audit_verify_t *v)
{
    printf("%lu lines in %lu chains, %lu wrong\n", v->lines, v->chains,
           v->problems);

    return v->problems != 0;
}


int
audit_verify_spool(const char *dir)
{
    int              final, same;
    long             i, n;
    audit_file_t    *files;
    audit_verify_t   v;

    memset(&v, 0, sizeof(v));

    n = audit_spool_files(dir, &files);
    if (n < 0) {
        return 2;
    }

    final = 1;

    for (i = 0; i < n; i++) {

        same = i != 0 && files[i].chain == files[i - 1].chain
               && memcmp(files[i].name, files[i - 1].name, files[i].chain)
                  == 0;

        if (!same) {
            audit_verify_begin(&v);
            final = 0;

        } else if (files[i].number != files[i - 1].number + 1) {
            audit_verify_problem(&v, 0, "%s: the segment before is missing",
                                 files[i].name);
        }

        if (audit_verify_file(&v, &files[i], &final) != 0) {
            return 2;
        }

        same = i + 1 < n && files[i].chain == files[i + 1].chain
               && memcmp(files[i].name, files[i + 1].name, files[i].chain)
                  == 0;

        if (!same && !final) {
            audit_verify_problem(&v, 1, "%s: has no end (its process runs, or "
                                 "it was cut off)", files[i].name);
        }
    }

    audit_spool_free(files, n);

    return audit_verify_end(&v);
}
