
/* GET / and GET /<name>: how the servers are, for people and for probes. */


#include "bridge.h"

#include <jansson.h>
#include <stdlib.h>


static int
mb_status_set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value);
}


static json_t *
mb_status_server(mb_server_t *server)
{
    int          failed;
    json_t      *object, *pids;
    unsigned     in_flight;
    mb_child_t  *child;

    object = json_object();
    pids = json_array();

    if (object == NULL || pids == NULL) {
        json_decref(object);
        json_decref(pids);
        return NULL;
    }

    in_flight = 0;

    TAILQ_FOREACH(child, &server->children, link) {
        in_flight += child->in_flight;

        if (child->pid) {
            (void) json_array_append_new(pids, json_integer(child->pid));
        }
    }

    child = server->child;

    failed = mb_status_set(object, "name", json_string(server->name))
        | mb_status_set(object, "state", json_string(mb_server_state(server)))
        | mb_status_set(object, "isolation",
                        json_string(server->entry->session ? "session"
                                                           : "shared"))
        | mb_status_set(object, "era",
                        server->state != MB_READY ? json_null()
                        : json_string(server->era == MCP_ERA_MODERN
                                      ? "modern" : "legacy"))
        | mb_status_set(object, "pid", child && child->pid
                                       ? json_integer(child->pid)
                                       : json_null())
        | mb_status_set(object, "pids", pids)
        | mb_status_set(object, "restarts",
                        json_integer((json_int_t) server->restarts))
        | mb_status_set(object, "uptime", json_integer((json_int_t)
                            (server->state == MB_READY
                             ? (mb_now - server->ready) / 1000 : 0)))
        | mb_status_set(object, "inFlight", json_integer(in_flight))
        | mb_status_set(object, "sessions", json_integer(server->n_sessions))
        | mb_status_set(object, "calls",
                        json_integer((json_int_t) server->calls))
        | mb_status_set(object, "garbage",
                        json_integer((json_int_t) server->garbage))
        | mb_status_set(object, "tools",
                        json_integer((json_int_t) server->tools));

    if (server->state == MB_BACKOFF) {
        failed |= mb_status_set(object, "failures",
                                json_integer(server->failures))
               | mb_status_set(object, "retryIn",
                               json_integer(mb_server_retry(server)));
    }

    /* what a server wrote is never in here, but its text may be any bytes */

    if (server->last_error[0]) {
        failed |= mb_status_set(object, "lastError",
                                json_string_nocheck(server->last_error));
    }

    if (failed) {
        json_decref(object);
        return NULL;
    }

    return object;
}


static json_t *
mb_status_all(void)
{
    json_t       *object, *list, *one;
    mb_server_t  *server;

    object = json_object();
    list = json_array();

    if (object == NULL || list == NULL) {
        json_decref(object);
        json_decref(list);
        return NULL;
    }

    TAILQ_FOREACH(server, &mb_servers, link) {
        one = mb_status_server(server);

        if (one == NULL || json_array_append_new(list, one) != 0) {
            json_decref(object);
            json_decref(list);
            return NULL;
        }
    }

    if (mb_status_set(object, "version", json_string(MB_VERSION))
        | mb_status_set(object, "uptime",
                        json_integer((json_int_t) ((mb_now - mb_boot) / 1000)))
        | mb_status_set(object, "connections",
                        json_integer(mb_http_connections()))
        | mb_status_set(object, "servers", list))
    {
        json_decref(object);
        return NULL;
    }

    return object;
}


void
mb_status(mb_http_t *http, mb_server_t *server)
{
    char       *text;
    json_t     *object;
    mcp_str_t   none;

    object = server ? mb_status_server(server) : mb_status_all();
    text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;

    json_decref(object);

    if (text == NULL) {
        none.len = 0;
        none.data = NULL;
        mb_http_error(http, 503, 503, &none, 1, "there is no memory");
        return;
    }

    mb_http_answer(http, 200, "application/json", NULL, text, strlen(text));
    free(text);
}
