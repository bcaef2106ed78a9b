
/*
 * A worker's segment of the spool.  The lines of one turn of the event loop
 * are a batch, which goes out in one write(); then the calls that waited for
 * them go on.
 */


#include "ngx_http_mcp_audit.h"


#define NGX_HTTP_MCP_AUDIT_BUFFER   262144
#define NGX_HTTP_MCP_AUDIT_FIXED    131072   /* of a line, but arguments */
#define NGX_HTTP_MCP_AUDIT_KEEP     1048576  /* a larger buffer is freed */
#define NGX_HTTP_MCP_AUDIT_RETRY    100      /* ms */
#define NGX_HTTP_MCP_AUDIT_REPEAT   10000    /* ms between equal complaints */


static ngx_http_mcp_audit_spool_t *ngx_http_mcp_audit_get(
    ngx_http_mcp_audit_main_conf_t *amcf);
static ngx_int_t ngx_http_mcp_audit_room(ngx_http_mcp_audit_spool_t *s,
    size_t len);
static void ngx_http_mcp_audit_flush_handler(ngx_event_t *ev);
static void ngx_http_mcp_audit_retry_handler(ngx_event_t *ev);
static void ngx_http_mcp_audit_flush(ngx_http_mcp_audit_spool_t *s);
static ngx_uint_t ngx_http_mcp_audit_write(ngx_http_mcp_audit_spool_t *s);
static void ngx_http_mcp_audit_settle(ngx_http_mcp_audit_spool_t *s,
    ngx_uint_t good);
static void ngx_http_mcp_audit_retain(ngx_http_mcp_audit_spool_t *s,
    ngx_uint_t good);


/* the process's own; NULL: nothing was recorded yet */

static ngx_http_mcp_audit_spool_t  *ngx_http_mcp_audit_spool;


int64_t
ngx_http_mcp_audit_clock(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


int64_t
ngx_http_mcp_audit_time(int64_t monotonic)
{
    static int64_t     apart;
    static ngx_msec_t  as_of;

    /* clocks are far from free: they are compared once in a millisecond */

    if (apart == 0 || as_of != ngx_current_msec) {
        apart = ngx_http_mcp_audit_clock(CLOCK_REALTIME)
                - ngx_http_mcp_audit_clock(CLOCK_MONOTONIC);
        as_of = ngx_current_msec;
    }

    return monotonic + apart;
}


void
ngx_http_mcp_audit_complain(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_err_t err, const char *what, u_char *name)
{
    u_char                    text[NGX_HTTP_MCP_AUDIT_ERROR], *p, *last;
    ngx_http_mcp_audit_sh_t  *sh;

    static ngx_msec_t   logged;
    static const char  *said;

    sh = &amcf->mmcf->sh->audit;
    last = text + sizeof(text) - 1;

    p = ngx_slprintf(text, last, "%s", what);

    if (name != NULL) {
        p = ngx_slprintf(p, last, " \"%s\"", name);
    }

    if (err != 0) {
        p = ngx_slprintf(p, last, ": ");
        p = ngx_strerror(err, p, last - p);
    }

    *p = '\0';

    ngx_shmtx_lock(&amcf->mmcf->shpool->mutex);
    ngx_memcpy(sh->error, text, p - text + 1);
    sh->error_time = ngx_time();
    ngx_shmtx_unlock(&amcf->mmcf->shpool->mutex);

    if (said == what
        && ngx_current_msec - logged < NGX_HTTP_MCP_AUDIT_REPEAT)
    {
        return;
    }

    said = what;
    logged = ngx_current_msec;

    ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0, "mcp audit: %s", text);
}


/* --- the batch ----------------------------------------------------------- */


static ngx_http_mcp_audit_spool_t *
ngx_http_mcp_audit_get(ngx_http_mcp_audit_main_conf_t *amcf)
{
    size_t                       len;
    ngx_tm_t                     tm;
    mcp_str_t                    name;
    ngx_time_t                  *tp;
    ngx_http_mcp_audit_spool_t  *s;

    if (ngx_http_mcp_audit_spool != NULL) {
        return ngx_http_mcp_audit_spool;
    }

    len = amcf->path->name.len + 1 + NGX_HTTP_MCP_AUDIT_NAME;

    s = ngx_calloc(sizeof(ngx_http_mcp_audit_spool_t) + len, ngx_cycle->log);
    if (s == NULL) {
        return NULL;
    }

    s->amcf = amcf;
    s->fd = NGX_INVALID_FILE;
    s->path = (u_char *) (s + 1);
    s->dir = ngx_sprintf(s->path, "%V/", &amcf->path->name) - s->path;

    tp = ngx_timeofday();
    ngx_gmtime(tp->sec, &tm);

    name.data = s->name;
    name.len = ngx_sprintf(s->name, "%4d%02d%02dT%02d%02d%02d%03dZ-%P",
                           tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                           tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                           (int) tp->msec, ngx_pid)
               - s->name;

    mcp_chain_begin(&s->chain, &name);
    s->written = s->chain;

    ngx_queue_init(&s->open);
    ngx_queue_init(&s->ready);

#if (NGX_THREADS)
    ngx_queue_init(&s->unsynced);
    ngx_queue_init(&s->syncing);
#endif

    s->flush.handler = ngx_http_mcp_audit_flush_handler;
    s->flush.data = s;
    s->flush.log = ngx_cycle->log;

    s->retry.handler = ngx_http_mcp_audit_retry_handler;
    s->retry.data = s;
    s->retry.log = ngx_cycle->log;

    ngx_http_mcp_audit_spool = s;

    return s;
}


static ngx_int_t
ngx_http_mcp_audit_room(ngx_http_mcp_audit_spool_t *s, size_t len)
{
    u_char                      *buf;
    size_t                       room;
    ngx_uint_t                   n;
    ngx_http_mcp_audit_entry_t  *entries;

    if (s->room - s->len < len) {

        room = ngx_max(s->room * 2, NGX_HTTP_MCP_AUDIT_BUFFER);

        while (room - s->len < len) {
            room *= 2;
        }

        buf = ngx_alloc(room, ngx_cycle->log);
        if (buf == NULL) {
            return NGX_ERROR;
        }

        if (s->buf) {
            ngx_memcpy(buf, s->buf, s->len);
            ngx_free(s->buf);
        }

        s->buf = buf;
        s->room = room;
    }

    if (s->nentries == s->nalloc) {

        n = s->nalloc ? s->nalloc * 2 : 64;

        entries = ngx_alloc(n * sizeof(ngx_http_mcp_audit_entry_t),
                            ngx_cycle->log);
        if (entries == NULL) {
            return NGX_ERROR;
        }

        if (s->entries) {
            ngx_memcpy(entries, s->entries,
                       s->nentries * sizeof(ngx_http_mcp_audit_entry_t));
            ngx_free(s->entries);
        }

        s->entries = entries;
        s->nalloc = n;
    }

    return NGX_OK;
}


void *
ngx_http_mcp_audit_no_memory(mcp_arena_t *arena, size_t size)
{
    return NULL;
}


ngx_int_t
ngx_http_mcp_audit_append(ngx_http_mcp_audit_main_conf_t *amcf,
    mcp_record_t *rec, ngx_http_mcp_audit_call_t *a)
{
    mcp_buf_t                    b;
    mcp_arena_t                  arena;
    ngx_http_mcp_audit_sh_t     *sh;
    ngx_http_mcp_audit_entry_t  *e;
    ngx_http_mcp_audit_spool_t  *s;

    s = ngx_http_mcp_audit_get(amcf);

    if (s == NULL
        || ngx_http_mcp_audit_room(s, NGX_HTTP_MCP_AUDIT_FIXED
                                      + 6 * rec->arguments.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* an outcome always has room: its intent was let in */

    sh = &amcf->mmcf->sh->audit;

    if (rec->kind != MCP_RECORD_OUTCOME
        && (off_t) (sh->bytes + s->len) >= amcf->size)
    {
        ngx_http_mcp_audit_complain(amcf, 0, "the spool is full", NULL);
        return NGX_DECLINED;
    }

    arena.alloc = ngx_http_mcp_audit_no_memory;
    ngx_memzero(&b, sizeof(mcp_buf_t));
    b.arena = &arena;
    b.data = s->buf;
    b.len = s->len;
    b.size = s->room;

    e = &s->entries[s->nentries];
    e->start = s->len;
    mcp_record_write(&b, rec);
    e->body = b.len;
    mcp_chain_end(&b, e->start, &s->chain);
    e->end = b.len;

    if (b.failed) {
        return NGX_ERROR;
    }

    e->kind = rec->kind;
    e->intent = 0;
    e->a = a;
    ngx_memcpy(e->id, rec->id.data, MCP_RECORD_ID);

    s->len = b.len;
    s->nentries++;

    if (a != NULL) {
        e->intent = a->entry;
        a->entry = s->nentries;

        if (e->intent != 0) {
            s->entries[e->intent - 1].a = NULL;
        }

        if (rec->kind == MCP_RECORD_OUTCOME && a->in_open) {
            ngx_queue_remove(&a->open);
            a->in_open = 0;
            s->nopen--;
        }
    }

    ngx_post_event(&s->flush, &ngx_posted_events);

    return NGX_OK;
}


void
ngx_http_mcp_audit_forget(ngx_http_mcp_audit_call_t *a)
{
    ngx_http_mcp_audit_spool_t  *s;

    s = ngx_http_mcp_audit_spool;

    if (s == NULL) {
        return;
    }

    if (a->entry != 0) {
        s->entries[a->entry - 1].a = NULL;
        a->entry = 0;
    }

    if (a->in_open) {
        ngx_queue_remove(&a->open);
        a->in_open = 0;
        s->nopen--;
    }

    if (a->in_wait) {
        ngx_queue_remove(&a->wait);
        a->in_wait = 0;
    }
}


/*
 * Events that other handlers of this turn have posted come first: they may
 * have lines, too.
 */

static void
ngx_http_mcp_audit_flush_handler(ngx_event_t *ev)
{
    ngx_http_mcp_audit_spool_t *s = ev->data;

    if (!s->deferred && !ngx_queue_empty(&ngx_posted_events)) {
        s->deferred = 1;
        ngx_post_event(ev, &ngx_posted_events);
        return;
    }

    s->deferred = 0;
    ngx_http_mcp_audit_flush(s);
}


static void
ngx_http_mcp_audit_retry_handler(ngx_event_t *ev)
{
    ngx_http_mcp_audit_flush(ev->data);
}


static void
ngx_http_mcp_audit_flush(ngx_http_mcp_audit_spool_t *s)
{
    ngx_uint_t  good;

    if (s->nentries == 0) {
        return;
    }

    good = 0;

    if (ngx_http_mcp_audit_prepare(s) == NGX_OK) {

        if (ngx_http_mcp_audit_reserve(s, s->fd, s->size) != NGX_OK) {

            /* outcomes alone: room for them was kept */

            ngx_http_mcp_audit_complain(s->amcf, ngx_errno,
                                        "cannot write to the spool", s->path);
            ngx_http_mcp_audit_settle(s, 0);
            ngx_http_mcp_audit_retain(s, 0);
        }

        if (s->nentries != 0) {
            good = ngx_http_mcp_audit_write(s);
        }
    }

    ngx_http_mcp_audit_settle(s, good);
    ngx_http_mcp_audit_retain(s, good);

#if (NGX_THREADS)
    if (!ngx_queue_empty(&s->unsynced)) {
        ngx_http_mcp_audit_sync(s);
    }
#endif

    ngx_http_mcp_audit_resume_all(&s->ready);
}


/* Writes the batch; how many of its lines are whole in the file. */

static ngx_uint_t
ngx_http_mcp_audit_write(ngx_http_mcp_audit_spool_t *s)
{
    size_t                       keep;
    ssize_t                      n;
    ngx_err_t                    err;
    ngx_uint_t                   good;
    ngx_http_mcp_audit_entry_t  *e;

    n = ngx_http_mcp_audit_put(s->fd, s->buf, s->len);
    err = ngx_errno;

    if (n == (ssize_t) s->len) {
        good = s->nentries;
        keep = s->len;
        s->written = s->chain;

    } else {

        keep = 0;

        for (good = 0; good < s->nentries; good++) {
            e = &s->entries[good];

            if ((ssize_t) e->end > n) {
                break;
            }

            keep = e->end;
            s->written.seq++;
            mcp_chain_hash(s->written.hash, s->buf + e->start,
                           e->end - e->start - 1);
        }

        ngx_http_mcp_audit_complain(s->amcf, err,
                                    "cannot write to the spool", s->path);
    }

    s->size += keep;
    (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.bytes, keep);

    /*
     * What was torn is taken away.  Where that fails, nothing may follow it:
     * readers know a line without its end at the end of a segment.
     */

    if (n > (ssize_t) keep && ftruncate(s->fd, s->size) == -1) {
        ngx_http_mcp_audit_complain(s->amcf, ngx_errno,
                                    "cannot take back a torn line of", s->path);
        ngx_http_mcp_audit_close_fd(s);
    }

    return good;
}


/* What the calls of the batch learn of it. */

static void
ngx_http_mcp_audit_settle(ngx_http_mcp_audit_spool_t *s, ngx_uint_t good)
{
    ngx_uint_t                   i;
    ngx_queue_t                 *queue;
    ngx_http_mcp_audit_call_t   *a;
    ngx_http_mcp_audit_entry_t  *e;

    for (i = 0; i < s->nentries; i++) {

        e = &s->entries[i];
        a = e->a;

        if (a == NULL) {
            continue;
        }

        queue = &s->ready;
        a->entry = 0;
        e->a = NULL;

        switch (e->kind) {

        case MCP_RECORD_INTENT:

            if (i >= good) {
                a->state = NGX_HTTP_MCP_AUDIT_FAILED;
                break;
            }

            a->state = NGX_HTTP_MCP_AUDIT_OPEN;
            a->in_open = 1;
            s->nopen++;
            ngx_queue_insert_tail(&s->open, &a->open);

#if (NGX_THREADS)
            if (s->amcf->sync) {
                queue = &s->unsynced;
            }
#endif
            break;

        case MCP_RECORD_OUTCOME:

            /* if it is not written yet, it will be: the client need not wait */

            a->state = NGX_HTTP_MCP_AUDIT_CLOSED;
            break;

        default:
            continue;
        }

        if (a->held) {
            a->in_wait = 1;
            ngx_queue_insert_tail(queue, &a->wait);
        }
    }
}


/*
 * Of what could not be written, outcomes of calls whose intent was are kept:
 * they are no more than the calls that were in flight.
 */

static void
ngx_http_mcp_audit_retain(ngx_http_mcp_audit_spool_t *s, ngx_uint_t good)
{
    size_t                       len;
    mcp_buf_t                    b;
    mcp_arena_t                  arena;
    ngx_uint_t                   i, n;
    ngx_http_mcp_audit_sh_t     *sh;
    ngx_http_mcp_audit_entry_t  *e;

    sh = &s->amcf->mmcf->sh->audit;
    n = s->nentries;

    s->chain = s->written;
    s->nentries = 0;
    s->len = 0;

    arena.alloc = ngx_http_mcp_audit_no_memory;

    for (i = good; i < n; i++) {

        e = &s->entries[i];

        if (e->kind != MCP_RECORD_OUTCOME || e->intent > good) {

            if (e->kind == MCP_RECORD_CALL) {
                (void) ngx_atomic_fetch_add(&sh->dropped, 1);
            }

            continue;
        }

        /* the line is no longer than it was: there is room for it in place */

        len = e->body - e->start;
        ngx_memmove(s->buf + s->len, s->buf + e->start, len);

        ngx_memzero(&b, sizeof(mcp_buf_t));
        b.arena = &arena;
        b.data = s->buf;
        b.len = s->len + len;
        b.size = s->room;

        s->entries[s->nentries] = *e;
        e = &s->entries[s->nentries++];

        e->intent = 0;
        e->start = s->len;
        e->body = b.len;
        mcp_chain_end(&b, e->start, &s->chain);
        e->end = b.len;

        s->len = b.len;
    }

    if (s->nentries != 0) {

        if (!s->retry.timer_set) {
            ngx_add_timer(&s->retry, NGX_HTTP_MCP_AUDIT_RETRY);
        }

        return;
    }

    if (s->retry.timer_set) {
        ngx_del_timer(&s->retry);
    }

    if (s->room > NGX_HTTP_MCP_AUDIT_KEEP) {
        ngx_free(s->buf);
        s->buf = NULL;
        s->room = 0;
    }
}


/* A call that goes on may end others, and may add lines to the next batch. */

void
ngx_http_mcp_audit_resume_all(ngx_queue_t *queue)
{
    ngx_queue_t                 run, *q;
    ngx_http_mcp_audit_call_t  *a;

    if (ngx_queue_empty(queue)) {
        return;
    }

    ngx_queue_init(&run);
    ngx_queue_add(&run, queue);
    ngx_queue_init(queue);

    while (!ngx_queue_empty(&run)) {

        q = ngx_queue_head(&run);
        a = ngx_queue_data(q, ngx_http_mcp_audit_call_t, wait);

        ngx_queue_remove(q);
        a->in_wait = 0;
        a->held = 0;

        ngx_http_mcp_audit_resume(a);
    }
}


/* --- the end ------------------------------------------------------------- */


void
ngx_http_mcp_audit_reopen(ngx_open_file_t *file, ngx_log_t *log)
{
    if (ngx_http_mcp_audit_spool != NULL) {
        ngx_http_mcp_audit_spool->reopen = 1;
    }
}


void
ngx_http_mcp_audit_close(ngx_cycle_t *cycle)
{
    ngx_queue_t                 *q;
    mcp_record_t                 rec;
    ngx_http_mcp_audit_call_t   *a;
    ngx_http_mcp_audit_spool_t  *s;

    s = ngx_http_mcp_audit_spool;

    if (s == NULL) {
        return;
    }

    /* what still runs will not be seen to end */

    while (!ngx_queue_empty(&s->open)) {

        q = ngx_queue_head(&s->open);
        a = ngx_queue_data(q, ngx_http_mcp_audit_call_t, open);
        ngx_queue_remove(q);
        a->in_open = 0;
        s->nopen--;

        ngx_memzero(&rec, sizeof(mcp_record_t));

        rec.kind = MCP_RECORD_OUTCOME;
        rec.id.data = a->call->uuid;
        rec.id.len = MCP_RECORD_ID;
        mcp_str_set(&rec.outcome, "unknown");
        mcp_str_set(&rec.reason, "the gateway was stopped");
        rec.duration = ngx_http_mcp_audit_clock(CLOCK_MONOTONIC) - a->began;
        rec.time = a->time + rec.duration;
        rec.backend_time = rec.duration;
        rec.duration += a->before;

        (void) ngx_http_mcp_audit_append(s->amcf, &rec, NULL);
    }

    if (s->nentries != 0 && ngx_http_mcp_audit_prepare(s) == NGX_OK
        && ngx_http_mcp_audit_write(s) != s->nentries)
    {
        /* the next manager closes what could not be */
        return;
    }

    if (s->fd != NGX_INVALID_FILE) {
        ngx_http_mcp_audit_tail(s, 1);
        ngx_http_mcp_audit_close_fd(s);
    }
}
