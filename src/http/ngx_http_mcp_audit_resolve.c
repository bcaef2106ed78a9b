
/*
 * The address of the store's host.  libpq would look it up by itself, and the
 * manager would wait: a thread does.
 */


#include "ngx_http_mcp_audit_store.h"

#include <pthread.h>
#include <signal.h>


#define NGX_HTTP_MCP_RESOLVE_MAX  8


struct ngx_http_mcp_resolve_s {
    ngx_atomic_t                 done;
    ngx_uint_t                   n;
    char                         address[NGX_HTTP_MCP_RESOLVE_MAX]
                                        [INET6_ADDRSTRLEN];
    char                         host[1];
};


static void *
ngx_http_mcp_resolve_thread(void *data)
{
    ngx_http_mcp_resolve_t *r = data;

    struct addrinfo  hints, *list, *ai;

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_socktype = SOCK_STREAM;

    if (getaddrinfo(r->host, NULL, &hints, &list) == 0) {

        for (ai = list; ai && r->n < NGX_HTTP_MCP_RESOLVE_MAX;
             ai = ai->ai_next)
        {
            if (getnameinfo(ai->ai_addr, ai->ai_addrlen, r->address[r->n],
                            INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST)
                == 0)
            {
                r->n++;
            }
        }

        freeaddrinfo(list);
    }

    ngx_memory_barrier();
    r->done = 1;

    return NULL;
}


ngx_http_mcp_resolve_t *
ngx_http_mcp_resolve_start(const char *host)
{
    int                      rc;
    sigset_t                 all, old;
    pthread_t                thread;
    pthread_attr_t           attr;
    ngx_http_mcp_resolve_t  *r;

    r = ngx_calloc(sizeof(ngx_http_mcp_resolve_t) + ngx_strlen(host),
                   ngx_cycle->log);
    if (r == NULL) {
        return NULL;
    }

    ngx_memcpy(r->host, host, ngx_strlen(host) + 1);

    /* signals are for the process's own thread */

    sigfillset(&all);
    (void) pthread_sigmask(SIG_BLOCK, &all, &old);

    rc = pthread_attr_init(&attr);

    if (rc == 0) {
        (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        rc = pthread_create(&thread, &attr, ngx_http_mcp_resolve_thread, r);
        (void) pthread_attr_destroy(&attr);
    }

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (rc != 0) {
        ngx_free(r);
        return NULL;
    }

    return r;
}


ngx_int_t
ngx_http_mcp_resolve_result(ngx_http_mcp_resolve_t *r, ngx_uint_t n,
    const char **address)
{
    if (!r->done) {
        return NGX_AGAIN;
    }

    ngx_memory_barrier();

    if (r->n == 0) {
        return NGX_ERROR;
    }

    *address = r->address[n % r->n];

    return NGX_OK;
}


void
ngx_http_mcp_resolve_free(ngx_http_mcp_resolve_t *r)
{
    ngx_free(r);
}
