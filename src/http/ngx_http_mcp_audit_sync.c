
/* sync=group: calls go on when their intents would survive the machine. */


#include "ngx_http_mcp_audit.h"


#if (NGX_THREADS)

typedef struct {
    ngx_http_mcp_audit_spool_t  *s;
    ngx_fd_t                     fd;
    ngx_fd_t                     dir;        /* or NGX_INVALID_FILE */
    ngx_err_t                    err;
} ngx_http_mcp_audit_sync_t;


static void ngx_http_mcp_audit_sync_thread(void *data, ngx_log_t *log);
static void ngx_http_mcp_audit_synced(ngx_event_t *ev);
static void ngx_http_mcp_audit_unsynced(ngx_http_mcp_audit_spool_t *s,
    ngx_queue_t *queue, ngx_err_t err);


/* One thread at a time; who comes meanwhile goes with the next. */

void
ngx_http_mcp_audit_sync(ngx_http_mcp_audit_spool_t *s)
{
    ngx_http_mcp_audit_sync_t  *sync;

    if (s->in_sync) {
        return;
    }

    if (s->task == NULL) {
        s->task = ngx_thread_task_alloc(ngx_cycle->pool,
                                        sizeof(ngx_http_mcp_audit_sync_t));
        if (s->task == NULL) {
            goto failed;
        }

        s->task->handler = ngx_http_mcp_audit_sync_thread;
        s->task->event.handler = ngx_http_mcp_audit_synced;
        s->task->event.data = s->task->ctx;
    }

    sync = s->task->ctx;
    sync->s = s;
    sync->err = 0;
    sync->dir = NGX_INVALID_FILE;
    sync->fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);

    if (sync->fd == NGX_INVALID_FILE) {
        goto failed;
    }

    if (s->fresh) {
        sync->dir = open((char *) s->amcf->path->name.data,
                         O_RDONLY|O_DIRECTORY|O_CLOEXEC);
        s->fresh = 0;
    }

    ngx_queue_add(&s->syncing, &s->unsynced);
    ngx_queue_init(&s->unsynced);

    s->in_sync = 1;

    if (ngx_thread_task_post(s->amcf->threads, s->task) != NGX_OK) {
        s->task->event.active = 0;
        sync->err = NGX_EAGAIN;
        ngx_http_mcp_audit_synced(&s->task->event);
    }

    return;

failed:

    ngx_http_mcp_audit_unsynced(s, &s->unsynced, ngx_errno);
}


/*
 * What the kernel could not write it may forget, and say so once only: the
 * file is not used again.
 */

static void
ngx_http_mcp_audit_unsynced(ngx_http_mcp_audit_spool_t *s, ngx_queue_t *queue,
    ngx_err_t err)
{
    ngx_queue_t                *q;
    ngx_http_mcp_audit_call_t  *a;

    ngx_http_mcp_audit_complain(s->amcf, err, "cannot sync the spool",
                                s->path);
    s->distrust = 1;

    while (!ngx_queue_empty(queue)) {

        q = ngx_queue_head(queue);
        a = ngx_queue_data(q, ngx_http_mcp_audit_call_t, wait);
        a->unsynced = 1;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&s->ready, q);
    }
}


static void
ngx_http_mcp_audit_sync_thread(void *data, ngx_log_t *log)
{
    ngx_http_mcp_audit_sync_t *sync = data;

    if (fdatasync(sync->fd) == -1
        || (sync->dir != NGX_INVALID_FILE && fsync(sync->dir) == -1))
    {
        sync->err = ngx_errno;
    }
}


static void
ngx_http_mcp_audit_synced(ngx_event_t *ev)
{
    ngx_http_mcp_audit_sync_t *sync = ev->data;

    ngx_http_mcp_audit_spool_t  *s;

    s = sync->s;
    s->in_sync = 0;

    (void) ngx_close_file(sync->fd);

    if (sync->dir != NGX_INVALID_FILE) {
        (void) ngx_close_file(sync->dir);
    }

    if (sync->err != 0) {
        ngx_http_mcp_audit_unsynced(s, &s->syncing, sync->err);
    }

    if (!ngx_queue_empty(&s->syncing)) {
        ngx_queue_add(&s->ready, &s->syncing);
        ngx_queue_init(&s->syncing);
    }

    if (!ngx_queue_empty(&s->unsynced)) {
        ngx_http_mcp_audit_sync(s);
    }

    ngx_http_mcp_audit_resume_all(&s->ready);
}

#endif
