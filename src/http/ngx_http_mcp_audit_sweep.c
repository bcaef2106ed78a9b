
/*
 * The end of a chain whose process has died: what it left open gets an
 * outcome, "unknown", in its own last segment.
 */


#include "ngx_http_mcp_audit.h"

#include <sys/file.h>
#include <sys/mman.h>


#define NGX_HTTP_MCP_AUDIT_LAST  1024    /* bytes at the end of a segment in
                                            which its tail is looked for */


typedef struct {
    u_char                      *path;
    ngx_fd_t                     fd;
    ngx_pool_t                  *pool;
    mcp_arena_t                  arena;
    u_char                      *text;
    size_t                       len;
    size_t                       whole;      /* of lines that have an end */

    mcp_chain_t                  chain;
    mcp_record_t                 head;
    ngx_uint_t                   ids;        /* that the head's lines name */
    mcp_str_t                    last;       /* line that is in the chain */
    ngx_array_t                  began;      /* u_char *: ids */
    ngx_array_t                  ended;
    ngx_uint_t                   open;
    unsigned                     has_head:1;
    unsigned                     no_lf:1;    /* all that the last line lacks */
    unsigned                     over:1;     /* ... which is the chain's tail */
} ngx_http_mcp_audit_sweep_t;


static ngx_uint_t ngx_http_mcp_audit_is_final(ngx_fd_t fd, off_t size);
static ngx_int_t ngx_http_mcp_audit_sweep_fd(
    ngx_http_mcp_audit_main_conf_t *amcf, ngx_http_mcp_audit_sweep_t *sw);
static ngx_int_t ngx_http_mcp_audit_sweep_read(ngx_http_mcp_audit_sweep_t *sw);
static ngx_int_t ngx_http_mcp_audit_sweep_control(
    ngx_http_mcp_audit_sweep_t *sw, mcp_str_t *line);
static ngx_int_t ngx_http_mcp_audit_sweep_end(
    ngx_http_mcp_audit_main_conf_t *amcf, ngx_http_mcp_audit_sweep_t *sw);


void
ngx_http_mcp_audit_sweep(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg)
{
    u_char                      path[NGX_MAX_PATH], next[NGX_MAX_PATH];
    mcp_str_t                   name;
    ngx_file_info_t             fi;
    ngx_http_mcp_audit_sweep_t  sw;

    ngx_memzero(&sw, sizeof(ngx_http_mcp_audit_sweep_t));

    ngx_snprintf(path, sizeof(path), "%V/%s%Z", &amcf->path->name, seg->name);

    sw.path = path;
    sw.fd = open((char *) path, O_RDWR|O_APPEND|O_CLOEXEC);

    if (sw.fd == NGX_INVALID_FILE) {

        if (ngx_errno != NGX_ENOENT) {
            ngx_http_mcp_audit_complain(amcf, ngx_errno, "cannot open", path);
        }

        return;
    }

    if (ngx_http_mcp_audit_is_final(sw.fd, seg->size)) {
        seg->final = 1;
        goto done;
    }

    if (flock(sw.fd, LOCK_EX|LOCK_NB) == -1) {

        /* its process lives */

        goto done;
    }

    /* it may just have gone on to a next segment */

    ngx_snprintf(next, sizeof(next), "%V/%*s-%06ui" NGX_HTTP_MCP_AUDIT_SUFFIX
                 "%Z", &amcf->path->name, seg->chain, seg->name,
                 seg->number + 1);

    if (ngx_file_info(next, &fi) != NGX_FILE_ERROR
        || ngx_fd_info(sw.fd, &fi) == NGX_FILE_ERROR)
    {
        goto done;
    }

    sw.len = ngx_file_size(&fi);

    name.data = seg->name;
    name.len = seg->chain;
    mcp_chain_begin(&sw.chain, &name);
    sw.head.segment = seg->number;

    if (ngx_http_mcp_audit_sweep_fd(amcf, &sw) == NGX_OK) {
        seg->final = 1;
    }

done:

    (void) ngx_close_file(sw.fd);
}


static ngx_uint_t
ngx_http_mcp_audit_is_final(ngx_fd_t fd, off_t size)
{
    u_char   text[NGX_HTTP_MCP_AUDIT_LAST], *p;
    ssize_t  n;

    n = pread(fd, text, sizeof(text),
              size > (off_t) sizeof(text) ? size - sizeof(text) : 0);

    if (n <= 0 || text[n - 1] != LF) {
        return 0;
    }

    for (p = text + n - 1; p > text && p[-1] != LF; p--) { /* void */ }

    n -= p - text;

#define ngx_http_mcp_audit_tail_begin  "{\"record\":\"tail\""

    return n > 32
           && ngx_memcmp(p, ngx_http_mcp_audit_tail_begin,
                         sizeof(ngx_http_mcp_audit_tail_begin) - 1) == 0
           && ngx_strlcasestrn(p, p + n, (u_char *) "\"final\":true", 12 - 1)
              != NULL;
}


static ngx_int_t
ngx_http_mcp_audit_sweep_fd(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_sweep_t *sw)
{
    ngx_int_t   rc;

    rc = NGX_ERROR;

    sw->pool = ngx_create_pool(16384, ngx_cycle->log);
    if (sw->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_mcp_arena_init(&sw->arena, sw->pool);

    if (sw->len != 0) {
        sw->text = mmap(NULL, sw->len, PROT_READ, MAP_SHARED, sw->fd, 0);

        if (sw->text == MAP_FAILED) {
            ngx_http_mcp_audit_complain(amcf, ngx_errno, "cannot read",
                                        sw->path);
            ngx_destroy_pool(sw->pool);
            return NGX_ERROR;
        }
    }

    if (ngx_http_mcp_audit_sweep_read(sw) != NGX_OK) {
        goto done;
    }

    /*
     * It died before the head was whole: then nothing stands in this segment,
     * and what the one before has left open is still open.
     */

    if (sw->last.len == 0 && (!sw->has_head || sw->ids != sw->head.open)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mcp audit: \"%s\" was never begun, removed", sw->path);
        (void) ngx_delete_file(sw->path);
        goto done;
    }

    rc = ngx_http_mcp_audit_sweep_end(amcf, sw);

done:

    if (sw->len != 0) {
        (void) munmap(sw->text, sw->len);
    }

    ngx_destroy_pool(sw->pool);

    return rc;
}


static ngx_int_t
ngx_http_mcp_audit_sweep_line(ngx_http_mcp_audit_sweep_t *sw, mcp_str_t *line)
{
    u_char               **slot;
    mcp_record_e           kind;
    const unsigned char   *id;

    kind = mcp_record_peek(line, &id);

    if (kind == 0) {
        return ngx_http_mcp_audit_sweep_control(sw, line);
    }

    sw->last = *line;

    if (kind == MCP_RECORD_CALL) {
        return NGX_OK;
    }

    slot = ngx_array_push(kind == MCP_RECORD_INTENT ? &sw->began : &sw->ended);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = (u_char *) id;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_audit_sweep_read(ngx_http_mcp_audit_sweep_t *sw)
{
    int                   rc;
    mcp_str_t             line;
    mcp_record_t          rec;
    const unsigned char  *p;

    if (ngx_array_init(&sw->began, sw->pool, 256, sizeof(u_char *)) != NGX_OK
        || ngx_array_init(&sw->ended, sw->pool, 256, sizeof(u_char *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = sw->text;

    while ((rc = mcp_record_line(&p, sw->text + sw->len, &line)) == MCP_OK) {

        sw->whole = p - sw->text;

        if (ngx_http_mcp_audit_sweep_line(sw, &line) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* a line may lack its LF alone: then it stands */

    if (rc == MCP_AGAIN) {
        line.data = (u_char *) p;
        line.len = sw->text + sw->len - p;

        if (mcp_record_read(&rec, &sw->arena, &line) == MCP_OK) {
            sw->whole = sw->len;
            sw->no_lf = 1;
            sw->over = (rec.kind == MCP_RECORD_TAIL && rec.final);

            if (ngx_http_mcp_audit_sweep_line(sw, &line) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    /* where the chain stands */

    if (sw->last.len != 0) {

        if (mcp_record_read(&rec, &sw->arena, &sw->last) == MCP_OK) {
            sw->chain.seq = rec.seq;
        }

        mcp_chain_hash(sw->chain.hash, sw->last.data, sw->last.len);

    } else if (sw->has_head) {
        sw->chain.seq = sw->head.seq;
        (void) mcp_chain_unhex(sw->chain.hash, &sw->head.prev);
    }

    return NGX_OK;
}


/* Lines that are no call's: the head, and ids behind it. */

static ngx_int_t
ngx_http_mcp_audit_sweep_control(ngx_http_mcp_audit_sweep_t *sw,
    mcp_str_t *line)
{
    u_char        **slot;
    unsigned        i;
    mcp_record_t    rec;

    switch (mcp_record_read(&rec, &sw->arena, line)) {

    case MCP_OK:
        break;

    case MCP_NOMEM:
        return NGX_ERROR;

    default:
        return NGX_OK;
    }

    if (rec.kind == MCP_RECORD_HEAD && !sw->has_head) {
        sw->head = rec;
        sw->has_head = 1;
    }

    if (rec.kind != MCP_RECORD_OPENED) {
        return NGX_OK;
    }

    for (i = 0; i < rec.nids; i++) {

        if (rec.ids[i].len != MCP_RECORD_ID) {
            continue;
        }

        slot = ngx_array_push(&sw->began);
        if (slot == NULL) {
            return NGX_ERROR;
        }

        *slot = rec.ids[i].data;
        sw->ids++;
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_mcp_audit_id_cmp(const void *one, const void *two)
{
    return ngx_memcmp(*(u_char **) one, *(u_char **) two, MCP_RECORD_ID);
}


/* Those that began and did not end, in place. */

static ngx_uint_t
ngx_http_mcp_audit_sweep_open(ngx_http_mcp_audit_sweep_t *sw)
{
    int          cmp;
    u_char     **began, **ended;
    ngx_uint_t   i, k, n;

    began = sw->began.elts;
    ended = sw->ended.elts;

    qsort(began, sw->began.nelts, sizeof(u_char *), ngx_http_mcp_audit_id_cmp);
    qsort(ended, sw->ended.nelts, sizeof(u_char *), ngx_http_mcp_audit_id_cmp);

    n = 0;
    k = 0;

    for (i = 0; i < sw->began.nelts; i++) {

        cmp = 1;

        while (k < sw->ended.nelts) {
            cmp = ngx_memcmp(ended[k], began[i], MCP_RECORD_ID);

            if (cmp >= 0) {
                break;
            }

            k++;
        }

        if (k == sw->ended.nelts || cmp != 0) {
            began[n++] = began[i];
        }
    }

    return n;
}


static ngx_int_t
ngx_http_mcp_audit_sweep_end(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_sweep_t *sw)
{
    u_char        **open, hex[MCP_RECORD_HEX];
    size_t          start;
    ssize_t         n;
    mcp_buf_t       b;
    ngx_uint_t      i;
    mcp_record_t    rec;

    sw->open = ngx_http_mcp_audit_sweep_open(sw);
    open = sw->began.elts;

    mcp_buf_init(&b, &sw->arena, 4096);

    /* what was torn gets an end, so that it is a line of its own */

    if (sw->whole < sw->len || sw->no_lf) {
        mcp_buf_literal(&b, "\n");
    }

    if (sw->over) {
        goto write;
    }

    ngx_memzero(&rec, sizeof(mcp_record_t));

    rec.kind = MCP_RECORD_OUTCOME;
    rec.time = ngx_http_mcp_audit_clock(CLOCK_REALTIME);
    rec.id.len = MCP_RECORD_ID;
    rec.swept = 1;
    mcp_str_set(&rec.outcome, "unknown");
    mcp_str_set(&rec.reason, "the process that had the call died");

    for (i = 0; i < sw->open; i++) {
        rec.id.data = open[i];
        start = b.len;
        mcp_record_write(&b, &rec);
        mcp_chain_end(&b, start, &sw->chain);
    }

    mcp_chain_hex(hex, sw->chain.hash);

    rec.kind = MCP_RECORD_TAIL;
    rec.chain = sw->chain.name;
    rec.segment = sw->head.segment;
    rec.seq = sw->chain.seq;
    rec.prev.data = hex;
    rec.prev.len = sizeof(hex);
    rec.final = 1;
    mcp_record_write(&b, &rec);

write:

    if (b.failed) {
        return NGX_ERROR;
    }

    n = write(sw->fd, b.data, b.len);

    if (n != (ssize_t) b.len) {
        ngx_http_mcp_audit_complain(amcf, n == -1 ? ngx_errno : NGX_ENOSPC,
                                    "cannot write to the spool", sw->path);
        if (n > 0) {
            (void) !ftruncate(sw->fd, sw->len);
        }

        return NGX_ERROR;
    }

    ngx_http_mcp_audit_release(sw->fd);

    (void) ngx_atomic_fetch_add(&amcf->mmcf->sh->audit.bytes, b.len);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "mcp audit: the process of \"%s\" has died with %ui calls "
                  "open, which are \"unknown\" now%s", sw->path, sw->open,
                  sw->whole < sw->len ? "; its last line was torn" : "");

    return NGX_OK;
}
