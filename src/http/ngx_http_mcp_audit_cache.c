
/*
 * The spool and the page cache.  Left alone, lines would stay there until the
 * kernel wants memory: in place of what is read, as they hardly are; and each
 * page for new ones would be memory that nobody has touched for long.  So some
 * time after the writing to the disk was begun, what is clean is given back,
 * and soon used again.  All that in small portions: a worker may have to share
 * its processor with this.
 */


#define _GNU_SOURCE                      /* sync_file_range() */

#include "ngx_http_mcp_audit.h"


#define NGX_HTTP_MCP_AUDIT_PIECE  1048576
#define NGX_HTTP_MCP_AUDIT_TURN   1000   /* ms for the disk */
#define NGX_HTTP_MCP_AUDIT_IDLE   5000   /* ms that the store has to read
                                            what is in memory */


#if (NGX_HAVE_POSIX_FADVISE)

/* What is done with, in whole pieces while lines are still added. */

static off_t
ngx_http_mcp_audit_done_with(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg)
{
    if (amcf->dsn != NULL
        && (seg->last
            || ngx_current_msec - seg->grown < NGX_HTTP_MCP_AUDIT_IDLE))
    {
        return 0;
    }

    return seg->last ? seg->size - seg->size % NGX_HTTP_MCP_AUDIT_PIECE
                     : seg->size;
}


void
ngx_http_mcp_audit_uncache(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg, off_t *budget)
{
    off_t     upto, n;
    u_char    path[NGX_MAX_PATH];
    ngx_fd_t  fd;

    if (ngx_current_msec - seg->turned >= NGX_HTTP_MCP_AUDIT_TURN) {
        seg->turned = ngx_current_msec;
        seg->clean = seg->flushed_before;
        seg->flushed_before = seg->flushed;
    }

    upto = ngx_http_mcp_audit_done_with(amcf, seg);

    if (upto <= seg->flushed && seg->clean <= seg->uncached) {
        return;
    }

    ngx_snprintf(path, sizeof(path), "%V/%s%Z", &amcf->path->name, seg->name);

    fd = open((char *) path, O_RDONLY|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        return;
    }

    /* advice: what does not come of it costs memory alone */

    n = ngx_min(seg->clean - seg->uncached, *budget);

    if (n > 0) {
        (void) posix_fadvise(fd, seg->uncached, n, POSIX_FADV_DONTNEED);
        seg->uncached += n;
        *budget -= n;
    }

    n = ngx_min(upto - seg->flushed, *budget);

    if (n > 0) {
#if (NGX_LINUX)
        (void) sync_file_range(fd, seg->flushed, n, SYNC_FILE_RANGE_WRITE);
#endif
        seg->flushed += n;
        *budget -= n;
    }

    (void) ngx_close_file(fd);
}

#else

void
ngx_http_mcp_audit_uncache(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg, off_t *budget)
{
}

#endif
