
/* The spool: its files, searching them, and following them. */


#include "audit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


#define AUDIT_SUFFIX  ".jsonl"
#define AUDIT_SLOTS   65536              /* of calls without an outcome */
#define AUDIT_TAIL    10                 /* calls that tail begins with */


/* --- files --------------------------------------------------------------- */


static int
audit_file(audit_file_t *f, const char *dir, const char *name)
{
    char        *end;
    size_t       len;
    const char  *p;

    len = strlen(name);

    if (len <= sizeof(AUDIT_SUFFIX) - 1 || name[0] < '0' || name[0] > '9'
        || strcmp(name + len - (sizeof(AUDIT_SUFFIX) - 1), AUDIT_SUFFIX) != 0)
    {
        return 0;
    }

    p = strrchr(name, '-');
    if (p == NULL) {
        return 0;
    }

    f->number = strtol(p + 1, &end, 10);
    f->chain = (size_t) (p - name);

    if (end == p + 1 || strcmp(end, AUDIT_SUFFIX) != 0) {
        return 0;
    }

    f->path = malloc(strlen(dir) + 1 + len + 1);
    if (f->path == NULL) {
        return -1;
    }

    sprintf(f->path, "%s/%s", dir, name);
    f->name = f->path + strlen(dir) + 1;

    return 1;
}


static int
audit_file_cmp(const void *one, const void *two)
{
    int                  rc;
    size_t               len;
    const audit_file_t  *a, *b;

    a = one;
    b = two;

    len = a->chain < b->chain ? a->chain : b->chain;
    rc = memcmp(a->name, b->name, len);

    if (rc != 0) {
        return rc;
    }

    if (a->chain != b->chain) {
        return a->chain < b->chain ? -1 : 1;
    }

    return a->number < b->number ? -1 : a->number > b->number;
}


long
audit_spool_files(const char *dir, audit_file_t **files)
{
    DIR            *d;
    int             rc;
    long            n, room;
    audit_file_t   *more;
    struct dirent  *de;

    *files = NULL;
    n = 0;
    room = 0;

    d = opendir(dir);

    if (d == NULL) {
        fprintf(stderr, "mcp-audit: %s: %s\n", dir, strerror(errno));
        return -1;
    }

    while ((de = readdir(d)) != NULL) {

        if (n == room) {
            room = room ? room * 2 : 64;

            more = realloc(*files, (size_t) room * sizeof(audit_file_t));
            if (more == NULL) {
                break;
            }

            *files = more;
        }

        rc = audit_file(&(*files)[n], dir, de->d_name);

        if (rc > 0) {
            n++;
        }
    }

    closedir(d);

    if (n != 0) {
        qsort(*files, (size_t) n, sizeof(audit_file_t), audit_file_cmp);
    }

    return n;
}


void
audit_spool_free(audit_file_t *files, long n)
{
    while (n > 0) {
        free(files[--n].path);
    }

    free(files);
}


unsigned char *
audit_slurp(const char *path, size_t *len)
{
    FILE           *f;
    size_t          n;
    struct stat     st;
    unsigned char  *text;

    f = fopen(path, "rb");

    if (f == NULL || fstat(fileno(f), &st) == -1) {
        fprintf(stderr, "mcp-audit: %s: %s\n", path, strerror(errno));
        if (f != NULL) {
            fclose(f);
        }
        return NULL;
    }

    text = malloc((size_t) st.st_size + 1);

    if (text == NULL) {
        fprintf(stderr, "mcp-audit: out of memory\n");
        fclose(f);
        return NULL;
    }

    n = fread(text, 1, (size_t) st.st_size, f);
    *len = n;

    fclose(f);

    return text;
}


/* --- halves that wait for the other -------------------------------------- */


typedef struct audit_open_s  audit_open_t;

struct audit_open_s {
    audit_open_t         *next;
    unsigned char         id[MCP_RECORD_ID];
    size_t                len;
    unsigned char         line[];
};


typedef struct {
    audit_open_t         *slot[AUDIT_SLOTS];
    audit_rows_t          rows;
    const audit_query_t  *q;
    int                   follow;        /* print at once */
} audit_search_t;


static audit_open_t **
audit_open_find(audit_search_t *s, const unsigned char *id)
{
    size_t          i;
    uint32_t        hash;
    audit_open_t  **o;

    hash = 2166136261u;

    for (i = 0; i < MCP_RECORD_ID; i++) {
        hash = (hash ^ id[i]) * 16777619u;
    }

    for (o = &s->slot[hash % AUDIT_SLOTS]; *o != NULL; o = &(*o)->next) {
        if (memcmp((*o)->id, id, MCP_RECORD_ID) == 0) {
            break;
        }
    }

    return o;
}


static int
audit_found(audit_search_t *s, audit_row_t *row)
{
    int            rc;
    mcp_arena_t   *arena;
    mcp_record_t   intent, outcome;

    arena = mcp_arena_create();
    if (arena == NULL) {
        return -1;
    }

    rc = 0;

    if (audit_read(row, arena, &intent, &outcome) == MCP_OK
        && audit_match(s->q, &intent, &outcome))
    {
        row->time = intent.time ? intent.time : outcome.time;

        if (s->follow) {
            audit_print(s->q, row);

        } else {
            rc = audit_rows_add(&s->rows, row);
        }
    }

    mcp_arena_destroy(arena);

    return rc;
}


static int
audit_line(audit_search_t *s, const mcp_str_t *line)
{
    int                    rc;
    audit_row_t            row;
    mcp_record_e           kind;
    audit_open_t         **o, *gone;
    const unsigned char   *id;

    kind = mcp_record_peek(line, &id);

    if (kind == 0) {
        return 0;
    }

    memset(&row, 0, sizeof(row));

    if (kind == MCP_RECORD_CALL) {
        row.intent = *line;
        return audit_found(s, &row);
    }

    o = audit_open_find(s, id);

    if (kind == MCP_RECORD_INTENT) {

        if (*o != NULL) {
            return 0;
        }

        *o = malloc(sizeof(audit_open_t) + line->len);
        if (*o == NULL) {
            return -1;
        }

        (*o)->next = NULL;
        (*o)->len = line->len;
        memcpy((*o)->id, id, MCP_RECORD_ID);
        memcpy((*o)->line, line->data, line->len);

        return 0;
    }

    row.outcome = *line;
    gone = *o;

    if (gone != NULL) {
        row.intent.data = gone->line;
        row.intent.len = gone->len;
        *o = gone->next;
    }

    rc = audit_found(s, &row);
    free(gone);

    return rc;
}


static int
audit_still_open(audit_search_t *s)
{
    long           i;
    audit_row_t    row;
    audit_open_t  *o;

    for (i = 0; i < AUDIT_SLOTS; i++) {
        for (o = s->slot[i]; o != NULL; o = o->next) {

            memset(&row, 0, sizeof(row));
            row.intent.data = o->line;
            row.intent.len = o->len;

            if (audit_found(s, &row) != 0) {
                return -1;
            }
        }
    }

    return 0;
}


static int
audit_text(audit_search_t *s, const unsigned char *text, size_t len,
    size_t *used)
{
    mcp_str_t             line;
    const unsigned char  *p;

    p = text;

    while (mcp_record_line(&p, text + len, &line) == MCP_OK) {
        if (audit_line(s, &line) != 0) {
            fprintf(stderr, "mcp-audit: out of memory\n");
            return -1;
        }
    }

    *used = (size_t) (p - text);

    return 0;
}


/* --- commands ------------------------------------------------------------ */


int
audit_spool_search(const char *dir, const audit_query_t *q)
{
    int              rc;
    long             i, n;
    size_t           len, used;
    audit_file_t    *files;
    unsigned char   *text;
    audit_search_t  *s;

    n = audit_spool_files(dir, &files);
    if (n < 0) {
        return 2;
    }

    s = calloc(1, sizeof(audit_search_t));
    if (s == NULL) {
        return 2;
    }

    s->q = q;
    rc = 0;

    for (i = 0; i < n && rc == 0; i++) {

        text = audit_slurp(files[i].path, &len);

        if (text != NULL) {
            rc = audit_text(s, text, len, &used);
            free(text);
        }
    }

    if (rc != 0 || audit_still_open(s) != 0) {
        return 2;
    }

    audit_rows_print(&s->rows, q);
    audit_spool_free(files, n);

    return 0;
}


typedef struct {
    char                 *name;
    off_t                 done;
} audit_followed_t;


static audit_followed_t *
audit_follow(audit_followed_t **list, size_t *n, const char *name)
{
    size_t             i;
    audit_followed_t  *more;

    for (i = 0; i < *n; i++) {
        if (strcmp((*list)[i].name, name) == 0) {
            return &(*list)[i];
        }
    }

    more = realloc(*list, (*n + 1) * sizeof(audit_followed_t));
    if (more == NULL) {
        return NULL;
    }

    *list = more;
    more[*n].name = strdup(name);
    more[*n].done = 0;

    return more[*n].name ? &more[(*n)++] : NULL;
}


static int
audit_more(audit_search_t *s, audit_followed_t *f, const char *path)
{
    int             rc;
    FILE           *file;
    size_t          len, used;
    struct stat     st;
    unsigned char  *text;

    if (stat(path, &st) == -1 || st.st_size <= f->done) {
        return 0;
    }

    file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }

    text = malloc((size_t) (st.st_size - f->done));
    rc = -1;

    if (text != NULL && fseeko(file, f->done, SEEK_SET) == 0) {
        len = fread(text, 1, (size_t) (st.st_size - f->done), file);
        rc = audit_text(s, text, len, &used);
        f->done += (off_t) used;
    }

    free(text);
    fclose(file);

    return rc;
}


/* The last calls, then what comes; until it is interrupted. */

int
audit_spool_tail(const char *dir, const audit_query_t *q)
{
    long               i, n;
    size_t             nf;
    audit_file_t      *files;
    audit_query_t      first;
    audit_search_t    *s;
    audit_followed_t  *list, *f;

    s = calloc(1, sizeof(audit_search_t));
    if (s == NULL) {
        return 2;
    }

    s->q = q;
    list = NULL;
    nf = 0;

    for ( ;; ) {

        n = audit_spool_files(dir, &files);
        if (n < 0) {
            return 2;
        }

        for (i = 0; i < n; i++) {

            f = audit_follow(&list, &nf, files[i].name);

            if (f == NULL || audit_more(s, f, files[i].path) != 0) {
                return 2;
            }
        }

        audit_spool_free(files, n);

        if (!s->follow) {
            first = *q;
            first.last = q->last ? q->last : AUDIT_TAIL;
            audit_rows_print(&s->rows, &first);
            s->follow = 1;
        }

        if (fflush(stdout) != 0) {
            return 2;
        }

        usleep(200000);
    }
}
