
/*
 * Which servers there are: made as the file says, replaced or removed when it
 * is read anew and their processes are gone.
 */


#include "server.h"

#include <stdio.h>
#include <stdlib.h>


/* Frees what no server refers to any more. */

static void
mb_conf_drop(mb_conf_t *conf)
{
    mb_server_t  *server;

    if (conf == NULL) {
        return;
    }

    TAILQ_FOREACH(server, &mb_servers, link) {
        if (server->conf == conf || server->next_conf == conf) {
            return;
        }
    }

    mb_conf_free(conf);
    free(conf);
}


static void
mb_server_free(mb_server_t *server)
{
    mb_conf_t  *conf, *next;

    conf = server->conf;
    next = server->next_conf;

    TAILQ_REMOVE(&mb_servers, server, link);

    if (server->arena) {
        mcp_arena_destroy(server->arena);
    }

    mb_map_free(&server->session_by_id);
    free(server);

    mb_conf_drop(conf);

    if (next != conf) {
        mb_conf_drop(next);
    }
}


/* All of its processes are gone. */

void
mb_server_emptied(mb_server_t *server)
{
    mb_conf_t  *old;

    if (server->removed) {
        server->state = MB_STOPPING;
        mb_server_release(server);

        while (!TAILQ_EMPTY(&server->sessions)) {
            mb_session_end(TAILQ_FIRST(&server->sessions), NULL);
        }

        mb_server_free(server);
        return;
    }

    if (server->next) {
        old = server->conf;
        server->conf = server->next_conf;
        server->entry = server->next;
        server->next = NULL;
        server->next_conf = NULL;
        server->failures = 0;
        server->exits_on_probe = 0;

        /* sessions were with the process that is gone */

        while (!TAILQ_EMPTY(&server->sessions)) {
            mb_session_end(TAILQ_FIRST(&server->sessions), NULL);
        }

        mb_conf_drop(old);
    }

    mb_server_start(server);
}


static int
mb_server_create(mb_conf_t *conf, const mb_entry_t *entry)
{
    mb_server_t  *server;

    server = calloc(1, sizeof(mb_server_t));
    if (server == NULL) {
        return MCP_NOMEM;
    }

    server->conf = conf;
    server->entry = entry;
    snprintf(server->name, sizeof(server->name), "%s", entry->name);
    TAILQ_INIT(&server->children);
    TAILQ_INIT(&server->held);
    TAILQ_INIT(&server->sessions);
    TAILQ_INSERT_TAIL(&mb_servers, server, link);

    mb_server_start(server);

    return MCP_OK;
}


static int
mb_entry_same(const mb_entry_t *a, const mb_entry_t *b)
{
    return a->print.len == b->print.len
           && memcmp(a->print.data, b->print.data, a->print.len) == 0;
}


static void
mb_server_update(mb_server_t *server, mb_conf_t *conf, const mb_entry_t *entry)
{
    mb_conf_t  *old;

    old = server->next_conf;
    server->next = NULL;
    server->next_conf = NULL;
    mb_conf_drop(old);

    if (mb_entry_same(server->entry, entry)
        && server->state != MB_DRAINING && server->state != MB_STOPPING)
    {
        old = server->conf;
        server->conf = conf;
        server->entry = entry;
        mb_conf_drop(old);
        return;
    }

    mb_log(MB_NOTICE, server->name, "its entry has changed, it is restarted "
           "when its calls have ended");

    server->next = entry;
    server->next_conf = conf;
    mb_server_drain(server);
}


int
mb_servers_apply(mb_conf_t *conf)
{
    unsigned      i;
    mb_server_t  *server, *next;

    TAILQ_FOREACH_SAFE(server, &mb_servers, link, next) {

        if (server->removed) {
            continue;
        }

        for (i = 0; i < conf->n; i++) {
            if (strcmp(conf->entry[i].name, server->name) == 0) {
                break;
            }
        }

        if (i < conf->n) {
            mb_server_update(server, conf, &conf->entry[i]);
            continue;
        }

        mb_log(MB_NOTICE, server->name, "it is not in the file any more, it "
               "is stopped when its calls have ended");

        server->removed = 1;
        mb_server_drain(server);
    }

    for (i = 0; i < conf->n; i++) {
        if (mb_server_find(conf->entry[i].name, strlen(conf->entry[i].name))
            == NULL
            && mb_server_create(conf, &conf->entry[i]) != MCP_OK)
        {
            return MCP_NOMEM;
        }
    }

    /* no server at all is a file, too */

    mb_conf_drop(conf);

    return MCP_OK;
}
