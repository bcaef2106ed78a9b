
/* Whether the lines of a chain are as they were written. */


#include "record_verify.h"

#include <stdarg.h>
#include <stdio.h>


struct mcp_verify_open_s {
    mcp_verify_open_t    *next;
    uint64_t              segment;       /* the last one that named it */
    unsigned char         id[MCP_RECORD_ID];
};


void
mcp_verify_report(mcp_verify_t *v, int note, const char *format, ...)
{
    int      n;
    char     text[MCP_VERIFY_TEXT];
    va_list  args;

    if (!note) {
        v->problems++;
    }

    n = snprintf(text, sizeof(text), "%.200s: ", v->where);

    if (n < 0) {
        return;
    }

    va_start(args, format);
    (void) vsnprintf(text + n, sizeof(text) - (size_t) n, format, args);
    va_end(args);

    v->report(v, note, text);
}


void
mcp_verify_init(mcp_verify_t *v,
    void (*report)(mcp_verify_t *v, int note, const char *text))
{
    memset(v, 0, sizeof(mcp_verify_t));
    v->report = report;
    v->where = "";
}


void
mcp_verify_free(mcp_verify_t *v)
{
    if (v->arena != NULL) {
        mcp_arena_destroy(v->arena);
        v->arena = NULL;
    }

    v->slot = NULL;
    v->free = NULL;
    v->nopen = 0;
}


void
mcp_verify_chain(mcp_verify_t *v, const mcp_str_t *name)
{
    mcp_verify_free(v);

    v->chains++;
    v->name = *name;
    v->seq = 0;
    v->began = 0;
    v->final = 0;
    v->has_node = 0;
    v->segment = 0;
    mcp_chain_hash(v->hash, name->data, name->len);
}


/* --- calls without an outcome -------------------------------------------- */


static mcp_verify_open_t **
verify_find(mcp_verify_t *v, const unsigned char *id)
{
    size_t               i;
    uint32_t             hash;
    mcp_verify_open_t  **o;

    if (v->arena == NULL) {

        v->arena = mcp_arena_create();

        if (v->arena != NULL) {
            v->slot = mcp_calloc(v->arena, MCP_VERIFY_SLOTS
                                           * sizeof(mcp_verify_open_t *));
        }
    }

    if (v->slot == NULL) {
        v->nomem = 1;
        return NULL;
    }

    hash = 2166136261u;

    for (i = 0; i < MCP_RECORD_ID; i++) {
        hash = (hash ^ id[i]) * 16777619u;
    }

    hash ^= hash >> 16;
    o = &v->slot[hash & (MCP_VERIFY_SLOTS - 1)];

    while (*o != NULL && memcmp((*o)->id, id, MCP_RECORD_ID) != 0) {
        o = &(*o)->next;
    }

    return o;
}


static mcp_verify_open_t *
verify_open(mcp_verify_t *v, mcp_verify_open_t **o, const unsigned char *id)
{
    mcp_verify_open_t  *new;

    new = v->free;

    if (new != NULL) {
        v->free = new->next;

    } else {
        new = mcp_alloc(v->arena, sizeof(mcp_verify_open_t));
        if (new == NULL) {
            v->nomem = 1;
            return NULL;
        }
    }

    new->next = NULL;
    new->segment = 0;
    memcpy(new->id, id, MCP_RECORD_ID);
    *o = new;
    v->nopen++;

    return new;
}


/* Each intent has one outcome, and stands before it. */

static void
verify_call(mcp_verify_t *v, const mcp_record_t *rec)
{
    mcp_verify_open_t  **o, *gone;

    if (rec->kind == MCP_RECORD_CALL) {
        return;
    }

    o = verify_find(v, rec->id.data);
    if (o == NULL) {
        return;
    }

    if (rec->kind == MCP_RECORD_INTENT) {

        if (*o != NULL) {
            mcp_verify_report(v, 0, "a second intent of call %.36s",
                              rec->id.data);
            return;
        }

        (void) verify_open(v, o, rec->id.data);
        return;
    }

    gone = *o;

    if (gone == NULL) {
        mcp_verify_report(v, 0, "an outcome without an intent, of call %.36s",
                          rec->id.data);
        return;
    }

    *o = gone->next;
    gone->next = v->free;
    v->free = gone;
    v->nopen--;
}


/* The first segment that is here says what was open; others repeat it. */

static void
verify_opened(mcp_verify_t *v, const mcp_record_t *rec)
{
    unsigned              i;
    mcp_verify_open_t   **o, *open;

    for (i = 0; i < rec->nids; i++) {

        v->named++;

        if (rec->ids[i].len != MCP_RECORD_ID) {
            mcp_verify_report(v, 0, "an open call whose id is none");
            continue;
        }

        o = verify_find(v, rec->ids[i].data);
        if (o == NULL) {
            return;
        }

        open = *o;

        if (open == NULL && v->first) {
            open = verify_open(v, o, rec->ids[i].data);
            if (open == NULL) {
                return;
            }

        } else if (open == NULL || open->segment == v->segment) {
            mcp_verify_report(v, 0, "names call %.36s as open, which is not",
                              rec->ids[i].data);
            continue;
        }

        open->segment = v->segment;
    }
}


/* --- lines --------------------------------------------------------------- */


/* A line of the chain. */

void
mcp_verify_line(mcp_verify_t *v, const mcp_str_t *line,
    const mcp_record_t *rec)
{
    unsigned char  prev[MCP_RECORD_HASH];

    v->lines++;

    if (mcp_chain_unhex(prev, &rec->prev) != MCP_OK) {
        memset(prev, 0, sizeof(prev));
    }

    if (!v->began && rec->seq != 1) {
        mcp_verify_report(v, 1, "begins with line %llu; those before are no "
                          "longer here", (unsigned long long) rec->seq);

    } else if (rec->seq > v->seq + 1 && v->began) {
        mcp_verify_report(v, 0, "lines %llu to %llu are missing",
                          (unsigned long long) v->seq + 1,
                          (unsigned long long) rec->seq - 1);

    } else if (rec->seq != v->seq + 1) {
        mcp_verify_report(v, 0, "line %llu stands behind line %llu",
                          (unsigned long long) rec->seq,
                          (unsigned long long) v->seq);

    } else if (memcmp(prev, v->hash, sizeof(prev)) != 0 && v->seq == 0) {
        mcp_verify_report(v, 0, "line 1 was changed, or is of another chain");

    } else if (memcmp(prev, v->hash, sizeof(prev)) != 0) {
        mcp_verify_report(v, 0, "line %llu was changed (or line %llu, which "
                          "names its hash)", (unsigned long long) v->seq,
                          (unsigned long long) rec->seq);
    }

    v->began = 1;
    v->seq = rec->seq;
    mcp_chain_hash(v->hash, line->data, line->len);
}


/* All of a process is of one node. */

static void
verify_node(mcp_verify_t *v, const mcp_record_t *rec)
{
    if (!v->has_node) {
        v->has_node = 1;
        v->node_len = rec->node.len < sizeof(v->node) ? rec->node.len
                                                      : sizeof(v->node);
        if (v->node_len != 0) {
            memcpy(v->node, rec->node.data, v->node_len);
        }

        return;
    }

    if (rec->node.len != v->node_len
        || (v->node_len != 0
            && memcmp(rec->node.data, v->node, v->node_len) != 0))
    {
        mcp_verify_report(v, 0, "what is behind line %llu is of another node",
                          (unsigned long long) v->seq);
    }
}


static void
verify_head(mcp_verify_t *v, const mcp_record_t *rec)
{
    unsigned char  prev[MCP_RECORD_HASH];

    (void) mcp_chain_unhex(prev, &rec->prev);

    if (v->head) {
        mcp_verify_report(v, 0, "a second head");
        return;
    }

    v->head = 1;
    v->open = rec->open;
    verify_node(v, rec);

    if (!v->began && rec->seq != 0) {

        mcp_verify_report(v, 1, "begins behind line %llu; those before are no "
                          "longer here", (unsigned long long) rec->seq);

    } else if (rec->seq != v->seq) {
        mcp_verify_report(v, 0, "begins behind line %llu, and not behind line "
                          "%llu", (unsigned long long) rec->seq,
                          (unsigned long long) v->seq);

    } else if (memcmp(prev, v->hash, sizeof(prev)) != 0) {
        mcp_verify_report(v, 0, "line %llu was changed",
                          (unsigned long long) v->seq);
    }

    v->began = 1;
    v->seq = rec->seq;
    memcpy(v->hash, prev, sizeof(prev));
}


static void
verify_tail(mcp_verify_t *v, const mcp_record_t *rec)
{
    unsigned char  prev[MCP_RECORD_HASH];

    (void) mcp_chain_unhex(prev, &rec->prev);

    v->tail = 1;
    v->final = rec->final;

    if (rec->seq != v->seq) {
        mcp_verify_report(v, 0, "ends with line %llu, and not with line %llu",
                          (unsigned long long) rec->seq,
                          (unsigned long long) v->seq);

    } else if (memcmp(prev, v->hash, sizeof(prev)) != 0) {
        mcp_verify_report(v, 0, "line %llu was changed",
                          (unsigned long long) v->seq);
    }

    if (rec->final && v->nopen != 0) {
        mcp_verify_report(v, 0, "%llu calls have no outcome, though the chain "
                          "has ended", (unsigned long long) v->nopen);
    }
}


/* As it would be written. */

static int
verify_written(const mcp_record_t *rec, const mcp_str_t *line,
    mcp_arena_t *arena)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, arena, line->len + 256);
    mcp_record_write(&b, rec);

    return !b.failed && b.len == line->len + 1
           && memcmp(b.data, line->data, line->len) == 0;
}


/* Behind the lines of the head all open calls were named. */

static void
verify_body(mcp_verify_t *v)
{
    if (v->body) {
        return;
    }

    v->body = 1;

    if (!v->head) {
        mcp_verify_report(v, 0, "the head is missing");

    } else if (v->named != v->open || (!v->first && v->open != v->nopen)) {
        mcp_verify_report(v, 0, "names %llu open calls, counts %llu, and "
                          "there are %llu", (unsigned long long) v->named,
                          (unsigned long long) v->open,
                          (unsigned long long) v->nopen);
    }
}


static void
verify_control(mcp_verify_t *v, const mcp_record_t *rec,
    const mcp_str_t *line, mcp_arena_t *arena)
{
    if (!verify_written(rec, line, arena)
        || (rec->kind != MCP_RECORD_OPENED && rec->segment != v->segment))
    {
        mcp_verify_report(v, 0, "%s was changed",
                          rec->kind == MCP_RECORD_TAIL ? "the tail"
                          : "the head");
    }

    if (rec->kind == MCP_RECORD_TAIL) {
        verify_body(v);
        verify_tail(v, rec);
        return;
    }

    if (v->body) {
        mcp_verify_report(v, 0, "a line of the head behind line %llu",
                          (unsigned long long) v->seq);
        return;
    }

    if (rec->kind == MCP_RECORD_HEAD) {
        verify_head(v, rec);

    } else if (v->head) {
        verify_opened(v, rec);

    } else {
        mcp_verify_report(v, 0, "the head is missing");
    }
}


static void
verify_record(mcp_verify_t *v, const mcp_record_t *rec,
    const mcp_str_t *line, mcp_arena_t *arena)
{
    /*
     * Where the next segment was never begun, what the process left open ends
     * behind the tail.
     */

    if (v->tail && (v->final || !rec->swept)) {
        mcp_verify_report(v, 0, "a line behind the tail");
    }

    /* what was torn is followed by what the manager wrote of the process */

    if (v->torn && !rec->swept) {
        mcp_verify_report(v, 0, "a line before line %llu cannot be read",
                          (unsigned long long) rec->seq);
    }

    v->torn = 0;

    if (rec->chain.len != 0
        && (rec->chain.len != v->name.len
            || memcmp(rec->chain.data, v->name.data, rec->chain.len) != 0))
    {
        mcp_verify_report(v, 0, "a line of another chain behind line %llu",
                          (unsigned long long) v->seq);
        return;
    }

    if (rec->kind >= MCP_RECORD_HEAD) {
        verify_control(v, rec, line, arena);
        return;
    }

    verify_body(v);

    if (rec->kind != MCP_RECORD_OUTCOME) {
        verify_node(v, rec);
    }

    mcp_verify_line(v, line, rec);
    verify_call(v, rec);
}


static int
verify_text(mcp_verify_t *v, const mcp_str_t *line)
{
    int            rc;
    mcp_arena_t   *arena;
    mcp_record_t   rec;

    arena = mcp_arena_create();
    if (arena == NULL) {
        return MCP_NOMEM;
    }

    rc = mcp_record_read(&rec, arena, line);

    if (rc == MCP_OK) {
        verify_record(v, &rec, line, arena);
    }

    mcp_arena_destroy(arena);

    if (rc == MCP_NOMEM || v->nomem) {
        return MCP_NOMEM;
    }

    if (rc == MCP_OK) {
        return MCP_OK;
    }

    if (line->len == 0 || v->torn || v->tail || !v->head) {
        mcp_verify_report(v, 0, "a line behind line %llu cannot be read",
                          (unsigned long long) v->seq);
        return MCP_OK;
    }

    v->torn = 1;

    return MCP_OK;
}


/* --- segments ------------------------------------------------------------ */


/* What has no LF: nothing but the beginning of a line. */

static int
verify_rest(mcp_verify_t *v, const unsigned char *p, size_t len)
{
    int            rc;
    mcp_str_t      line;
    mcp_arena_t   *arena;
    mcp_record_t   rec;

    arena = mcp_arena_create();
    if (arena == NULL) {
        return MCP_NOMEM;
    }

    line.data = (unsigned char *) p;
    line.len = len - 1;

    rc = mcp_record_read(&rec, arena, &line);

    mcp_arena_destroy(arena);

    if (rc == MCP_NOMEM) {
        return rc;
    }

    if (rc == MCP_OK) {
        mcp_verify_report(v, 0, "what is behind line %llu cannot be read",
                          (unsigned long long) v->seq);

    } else {
        mcp_verify_report(v, 1, "the last line has no end (it is being "
                          "written, or was torn)");
    }

    return MCP_OK;
}


static void
verify_begin(mcp_verify_t *v, uint64_t number)
{
    v->first = (v->segment == 0);

    if (v->final) {
        mcp_verify_report(v, 0, "a segment behind the end of the chain");
        v->final = 0;
    }

    if (!v->first && number != v->segment + 1) {
        mcp_verify_report(v, 0, "the segment before is missing");

        /* what was open in it is not known */

        mcp_verify_free(v);
        v->first = 1;
    }

    v->segment = number;
    v->open = 0;
    v->named = 0;
    v->head = 0;
    v->body = 0;
    v->tail = 0;
    v->torn = 0;
}


int
mcp_verify_segment(mcp_verify_t *v, uint64_t number,
    const unsigned char *text, size_t len)
{
    int                   rc;
    mcp_str_t             line;
    const unsigned char  *p;

    verify_begin(v, number);

    p = text;

    while ((rc = mcp_record_line(&p, text + len, &line)) == MCP_OK) {

        rc = verify_text(v, &line);
        if (rc != MCP_OK) {
            return rc;
        }
    }

    if (v->torn) {
        mcp_verify_report(v, 0, "a line behind line %llu cannot be read",
                          (unsigned long long) v->seq);
    }

    return rc == MCP_AGAIN ? verify_rest(v, p, (size_t) (text + len - p))
                           : MCP_OK;
}


void
mcp_verify_end(mcp_verify_t *v)
{
    if (!v->final) {
        mcp_verify_report(v, 1, "has no end (its process runs, or it was cut "
                          "off)");
    }
}
