
/* A worker's segment of the spool: how it begins, is followed, and ends. */


#include "ngx_http_mcp_audit.h"

#include <sys/file.h>


#define NGX_HTTP_MCP_AUDIT_OUTCOME_ROOM  1024    /* bytes for an outcome */
#define NGX_HTTP_MCP_AUDIT_AHEAD         1048576


static ngx_int_t ngx_http_mcp_audit_begin(ngx_http_mcp_audit_spool_t *s);
static ngx_int_t ngx_http_mcp_audit_head(ngx_http_mcp_audit_spool_t *s,
    ngx_fd_t fd, ngx_uint_t segment);


ngx_int_t
ngx_http_mcp_audit_prepare(ngx_http_mcp_audit_spool_t *s)
{
    ngx_file_info_t  fi;

    if (s->fd == NGX_INVALID_FILE) {
        return ngx_http_mcp_audit_begin(s);
    }

    /* whoever removes the file takes what is written to it */

    if (s->checked != ngx_time()) {
        s->checked = ngx_time();

        if (ngx_fd_info(s->fd, &fi) == NGX_FILE_ERROR || fi.st_nlink == 0) {
            s->distrust = 1;
        }
    }

    if (s->in_sync) {
        return NGX_OK;
    }

    if (s->distrust) {
        ngx_http_mcp_audit_close_fd(s);
        return ngx_http_mcp_audit_begin(s);
    }

    if ((s->size >= s->amcf->segment
         || (s->size > s->head
             && (s->reopen || ngx_time() < s->opened
                 || ngx_time() - s->opened >= s->amcf->rotate)))
        && s->tried != ngx_time())
    {
        /* a new one is a wish: the old one serves, too */

        if (ngx_http_mcp_audit_begin(s) != NGX_OK) {
            s->tried = ngx_time();
        }
    }

    return NGX_OK;
}


/*
 * The next segment takes over when its head is written: from then on, nothing
 * is written to the one before but its tail.
 */

static ngx_int_t
ngx_http_mcp_audit_begin(ngx_http_mcp_audit_spool_t *s)
{
    off_t       reserved;
    u_char     *p;
    ngx_fd_t    fd, old;
    ngx_err_t   err;
    ngx_uint_t  segment;

    segment = s->segment + 1;

    p = ngx_cpymem(s->path + s->dir, s->chain.name.data, s->chain.name.len);
    p = ngx_sprintf(p, "-%06ui" NGX_HTTP_MCP_AUDIT_SUFFIX, segment);
    *p = '\0';

    fd = open((char *) s->path, O_WRONLY|O_APPEND|O_CREAT|O_EXCL|O_CLOEXEC,
              0640);

    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;

        if (err == NGX_EEXIST) {
            s->segment++;
        }

        ngx_http_mcp_audit_complain(s->amcf, err,
                                    "cannot create a segment of the spool",
                                    s->path);
        return NGX_ERROR;
    }

    reserved = s->reserved;
    s->reserved = 0;

    if (flock(fd, LOCK_EX|LOCK_NB) == -1
        || ngx_http_mcp_audit_head(s, fd, segment) != NGX_OK
        || ngx_http_mcp_audit_reserve(s, fd, s->head) != NGX_OK)
    {
        ngx_http_mcp_audit_complain(s->amcf, ngx_errno,
                                    "cannot write to the spool", s->path);

        (void) ngx_delete_file(s->path);
        (void) ngx_close_file(fd);
        s->reserved = reserved;

        return NGX_ERROR;
    }

    old = s->fd;

    if (old != NGX_INVALID_FILE) {
        ngx_http_mcp_audit_tail(s, 0);
        ngx_http_mcp_audit_close_fd(s);
    }

    s->fd = fd;
    s->segment = segment;
    s->size = s->head;
    s->opened = ngx_time();
    s->checked = s->opened;
    s->reopen = 0;
    s->distrust = 0;
    s->fresh = 1;

    (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.bytes, s->size);

    return NGX_OK;
}


static void
ngx_http_mcp_audit_opened(mcp_buf_t *b, mcp_record_t *rec, u_char *id)
{
    if (rec->nids == MCP_RECORD_OPEN) {
        mcp_record_write(b, rec);
        rec->nids = 0;
    }

    if (id != NULL) {
        rec->ids[rec->nids].data = id;
        rec->ids[rec->nids].len = MCP_RECORD_ID;
        rec->nids++;
        rec->open++;

    } else if (rec->nids != 0) {
        mcp_record_write(b, rec);
    }
}


/* A segment says which calls were open, so that it needs no other. */

static ngx_int_t
ngx_http_mcp_audit_head(ngx_http_mcp_audit_spool_t *s, ngx_fd_t fd,
    ngx_uint_t segment)
{
    ssize_t                     n;
    mcp_buf_t                   head, list;
    mcp_str_t                   ids[MCP_RECORD_OPEN];
    ngx_uint_t                  i;
    ngx_pool_t                 *pool;
    mcp_arena_t                 arena;
    ngx_queue_t                *q;
    mcp_record_t                rec;
    unsigned char               hex[MCP_RECORD_HEX];
    ngx_http_mcp_audit_call_t  *a;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_mcp_arena_init(&arena, pool);
    mcp_buf_init(&head, &arena, 512);
    mcp_buf_init(&list, &arena, 512);

    ngx_memzero(&rec, sizeof(mcp_record_t));

    rec.kind = MCP_RECORD_OPENED;
    rec.chain = s->chain.name;
    rec.ids = ids;

    for (q = ngx_queue_head(&s->open);
         q != ngx_queue_sentinel(&s->open);
         q = ngx_queue_next(q))
    {
        a = ngx_queue_data(q, ngx_http_mcp_audit_call_t, open);
        ngx_http_mcp_audit_opened(&list, &rec, a->call->uuid);
    }

    for (i = 0; i < s->nentries; i++) {
        if (s->entries[i].kind == MCP_RECORD_OUTCOME
            && s->entries[i].intent == 0)
        {
            ngx_http_mcp_audit_opened(&list, &rec, s->entries[i].id);
        }
    }

    ngx_http_mcp_audit_opened(&list, &rec, NULL);

    mcp_chain_hex(hex, s->written.hash);

    rec.kind = MCP_RECORD_HEAD;
    rec.time = ngx_http_mcp_audit_clock(CLOCK_REALTIME);
    rec.node = ngx_http_mcp_core_str(&s->amcf->node);
    rec.segment = segment;
    rec.seq = s->written.seq;
    rec.prev.data = hex;
    rec.prev.len = sizeof(hex);

    mcp_record_write(&head, &rec);
    mcp_buf_append(&head, list.data, list.len);

    n = -1;

    if (!head.failed && !list.failed) {
        n = ngx_http_mcp_audit_put(fd, head.data, head.len);
        s->head = head.len;
    }

    ngx_destroy_pool(pool);

    return n == (ssize_t) s->head ? NGX_OK : NGX_ERROR;
}


void
ngx_http_mcp_audit_tail(ngx_http_mcp_audit_spool_t *s, ngx_uint_t final)
{
    u_char         text[1024];
    ssize_t        n;
    mcp_buf_t      b;
    mcp_arena_t    arena;
    mcp_record_t   rec;
    unsigned char  hex[MCP_RECORD_HEX];

    arena.alloc = ngx_http_mcp_audit_no_memory;
    ngx_memzero(&b, sizeof(mcp_buf_t));
    b.arena = &arena;
    b.data = text;
    b.size = sizeof(text);

    mcp_chain_hex(hex, s->written.hash);

    ngx_memzero(&rec, sizeof(mcp_record_t));

    rec.kind = MCP_RECORD_TAIL;
    rec.time = ngx_http_mcp_audit_clock(CLOCK_REALTIME);
    rec.chain = s->chain.name;
    rec.segment = s->segment;
    rec.seq = s->written.seq;
    rec.prev.data = hex;
    rec.prev.len = sizeof(hex);
    rec.final = final;

    mcp_record_write(&b, &rec);

    if (b.failed) {
        return;
    }

    n = ngx_http_mcp_audit_put(s->fd, b.data, b.len);

    if (n != (ssize_t) b.len && n > 0) {
        (void) !ftruncate(s->fd, s->size);
    }
}


/*
 * A call is let in only if its outcome will have room, too: so that a disk
 * that is full then does not come between an answer and its record.  Where the
 * file system cannot promise that, outcomes wait in memory.
 */

ngx_int_t
ngx_http_mcp_audit_reserve(ngx_http_mcp_audit_spool_t *s, ngx_fd_t fd,
    off_t size)
{
#if (NGX_LINUX)

    off_t       need;
    ngx_uint_t  i, n;

    n = s->nopen;

    for (i = 0; i < s->nentries; i++) {
        n += (s->entries[i].kind == MCP_RECORD_INTENT);
    }

    need = (off_t) (s->len + n * NGX_HTTP_MCP_AUDIT_OUTCOME_ROOM);

    if (size + need <= s->reserved) {
        return NGX_OK;
    }

    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, size,
                  need + NGX_HTTP_MCP_AUDIT_AHEAD)
        == 0)
    {
        s->reserved = size + need + NGX_HTTP_MCP_AUDIT_AHEAD;
        return NGX_OK;
    }

    if (ngx_errno == NGX_ENOSPC || ngx_errno == EDQUOT) {

        if (fallocate(fd, FALLOC_FL_KEEP_SIZE, size, need) == 0) {
            s->reserved = size + need;
            return NGX_OK;
        }

        return NGX_ERROR;
    }

#endif

    return NGX_OK;
}


/* What was reserved, but not used. */

void
ngx_http_mcp_audit_release(ngx_fd_t fd)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
        (void) !ftruncate(fd, ngx_file_size(&fi));
    }
}


/* As many of the bytes as can be written; errno says why not all. */

ssize_t
ngx_http_mcp_audit_put(ngx_fd_t fd, u_char *p, size_t len)
{
    size_t   done;
    ssize_t  n;

    for (done = 0; done < len; done += n) {

        n = write(fd, p + done, len - done);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            n = 0;
            continue;
        }

        if (n <= 0) {
            if (n == 0) {
                ngx_set_errno(NGX_ENOSPC);
            }
            break;
        }
    }

    return (ssize_t) done;
}


void
ngx_http_mcp_audit_close_fd(ngx_http_mcp_audit_spool_t *s)
{
    ngx_http_mcp_audit_release(s->fd);

    /* a thread may be at it: it holds a descriptor of its own */

    if (ngx_close_file(s->fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      ngx_close_file_n " \"%s\" failed", s->path);
    }

    s->fd = NGX_INVALID_FILE;
}
