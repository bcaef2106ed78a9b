
/*
 * The stdio server for tests: what it answers to which message.
 */


#include "stdio_server.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


#define DEPTH       200
#define SUBSCRIBED  64


static later_t   *laters;
static char      *subscribed[SUBSCRIBED];
static unsigned   n_subscribed;


/* --- answers -------------------------------------------------------------- */


void
answer(const char *id, size_t id_len, int modern, const char *text,
    size_t text_len)
{
    char   *line, *p;
    size_t  size;

    size = id_len + text_len + 160;
    line = must(malloc(size));
    p = line + snprintf(line, size, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,"
                        "\"result\":{\"content\":[{\"type\":\"text\","
                        "\"text\":", (int) id_len, id);
    p = mempcpy(p, text, text_len);
    p += snprintf(p, size - (p - line), "}]%s}}\n",
                  modern ? ",\"resultType\":\"complete\"" : "");
    say_bytes(line, p - line);
    free(line);
}


void
answer_text(const call_t *call, const char *fmt, ...)
{
    int             n;
    char           *text, *json, *p;
    va_list         args;
    unsigned char  *s;

    va_start(args, fmt);
    n = vasprintf(&text, fmt, args);
    va_end(args);

    if (n == -1) {
        _exit(9);
    }

    json = must(malloc((size_t) n * 6 + 3));
    p = json;
    *p++ = '"';

    for (s = (unsigned char *) text; *s; s++) {
        if (*s < 0x20 || *s > 0x7e || *s == '"' || *s == '\\') {
            p += sprintf(p, "\\u%04x", *s);

        } else {
            *p++ = *s;
        }
    }

    *p++ = '"';
    answer((char *) call->id.data, call->id.len, call->modern, json,
           p - json);
    free(json);
    free(text);
}


void
answer_later(later_t *later)
{
    later->next = laters;
    laters = later;
}


later_t *
find_later(const mcp_str_t *id)
{
    later_t  *later;

    for (later = laters; later; later = later->next) {
        if (strlen(later->id) == id->len
            && memcmp(later->id, id->data, id->len) == 0)
        {
            return later;
        }
    }

    return NULL;
}


void
forget_later(later_t *later)
{
    later_t  **p;

    for (p = &laters; *p != later; p = &(*p)->next) { /* void */ }

    *p = later->next;
    free(later->id);
    free(later->token);
    free(later->text);
    free(later);
}


int
run_laters(void)
{
    int        wait;
    later_t   *later, *next;
    uint64_t   now;

    now = now_ms();
    wait = -1;

    for (later = laters; later; later = next) {
        next = later->next;

        if (later->text == NULL) {
            continue;
        }

        while (later->when <= now && later->steps != 0) {
            later->steps--;
            later->when += later->every;
            say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\","
                "\"params\":{\"progressToken\":%s,\"progress\":%d}}\n",
                later->token, ++later->step);
        }

        if (later->when <= now) {
            answer(later->id, strlen(later->id), later->modern, later->text,
                   strlen(later->text));
            forget_later(later);
            continue;
        }

        if (wait == -1 || later->when - now < (uint64_t) wait) {
            wait = later->when - now;
        }
    }

    return wait;
}


/* --- requests ------------------------------------------------------------- */


long
number_of(const mcp_json_tape_t *tape, uint32_t object, const char *name,
    long otherwise)
{
    int64_t   n;
    uint32_t  node;

    node = object ? mcp_json_member(tape, object, name, strlen(name)) : 0;

    if (node == 0 || mcp_json_integer(tape, node, &n) != MCP_OK) {
        return otherwise;
    }

    return n;
}


mcp_str_t
raw_of(const mcp_json_tape_t *tape, uint32_t object, const char *name)
{
    uint32_t   node;
    mcp_str_t  none = mcp_null_string;

    node = object ? mcp_json_member(tape, object, name, strlen(name)) : 0;

    return node ? mcp_json_raw(tape, node) : none;
}


static void
error(const mcp_str_t *id, int code, const char *text)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"error\":{\"code\":%d,"
        "\"message\":\"%s\"}}\n", (int) id->len, id->data, code, text);
}


static const char *
capabilities(void)
{
    return no_capability ? "{}"
         : "{\"tools\":{\"listChanged\":true},"
           "\"prompts\":{},\"resources\":{\"subscribe\":true}}";
}


static void
initialize(const call_t *call, uint32_t params)
{
    mcp_str_t           version;
    static const char  *known[] = { "\"2024-11-05\"", "\"2025-03-26\"",
                                    "\"2025-06-18\"", "\"2025-11-25\"" };
    unsigned            i;

    version = raw_of(call->tape, params, "protocolVersion");

    for (i = 0; i < 4; i++) {
        if (version.len == strlen(known[i])
            && memcmp(version.data, known[i], version.len) == 0)
        {
            break;
        }
    }

    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"protocolVersion\":%s,"
        "\"capabilities\":%s,\"serverInfo\":{\"name\":\"stdio\","
        "\"version\":\"1\"},\"instructions\":\"call me\"}}\n",
        (int) call->id.len, call->id.data, known[i < 4 ? i : 3],
        capabilities());
}


static void
discover(const call_t *call)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"resultType\":"
        "\"complete\",\"supportedVersions\":[\"2026-07-28\"],"
        "\"capabilities\":%s,\"ttlMs\":0,\"cacheScope\":\"private\","
        "\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":"
        "\"stdio\",\"version\":\"1\"}}}}\n",
        (int) call->id.len, call->id.data, capabilities());
}


static void
list(const call_t *call, const char *member)
{
    long        i;
    char       *text, *p;
    size_t      size;
    const char *name;

    size = 1000 + (64 + more_tools) * 200;
    text = must(malloc(size));
    p = text + sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{"
                       "%s\"%s\":[", (int) call->id.len, call->id.data,
                       call->modern ? "\"resultType\":\"complete\","
                       "\"ttlMs\":0,\"cacheScope\":\"private\"," : "",
                       member);

    if (strcmp(member, "tools") == 0) {
        for (i = 0; (name = tool_name(i)) != NULL; i++) {
            p += sprintf(p, "%s{\"name\":\"%s\",\"description\":\"does it\","
                         "\"inputSchema\":{\"type\":\"object\"}}",
                         i ? "," : "", name);
        }

        for (i = 0; i < more_tools; i++) {
            p += sprintf(p, ",{\"name\":\"tool_%ld\",\"inputSchema\":"
                         "{\"type\":\"object\"}}", i);
        }

    } else if (strcmp(member, "resources") == 0) {
        p += sprintf(p, "{\"uri\":\"test://one\",\"name\":\"one\"}");

    } else if (strcmp(member, "prompts") == 0) {
        p += sprintf(p, "{\"name\":\"greet\"}");
    }

    p += sprintf(p, "]}}\n");
    say_bytes(text, p - text);
    free(text);
}


static void
other(const call_t *call, const char *body)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{%s%s%s}}\n",
        (int) call->id.len, call->id.data, body,
        *body && call->modern ? "," : "",
        call->modern ? "\"resultType\":\"complete\"" : "");
}


static void
listen_to(const call_t *call)
{
    if (n_subscribed == SUBSCRIBED) {
        error(&call->id, -32000, "too many");
        return;
    }

    subscribed[n_subscribed++] = must(strndup((char *) call->id.data,
                                              call->id.len));
    say("{\"jsonrpc\":\"2.0\",\"method\":"
        "\"notifications/subscriptions/acknowledged\",\"params\":{"
        "\"notifications\":{\"toolsListChanged\":true},\"_meta\":{"
        "\"io.modelcontextprotocol/subscriptionId\":%.*s}}}\n",
        (int) call->id.len, call->id.data);
}


void
tell(const char *method)
{
    unsigned  i;

    if (n_subscribed == 0) {
        say("{\"jsonrpc\":\"2.0\",\"method\":\"%s\"}\n", method);
        return;
    }

    for (i = 0; i < n_subscribed; i++) {
        say("{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"_meta\":{"
            "\"io.modelcontextprotocol/subscriptionId\":%s}}}\n",
            method, subscribed[i]);
    }
}


static void
unlisten(const mcp_str_t *id)
{
    unsigned  i;

    for (i = 0; i < n_subscribed; i++) {
        if (strlen(subscribed[i]) == id->len
            && memcmp(subscribed[i], id->data, id->len) == 0)
        {
            free(subscribed[i]);
            subscribed[i] = subscribed[--n_subscribed];
            return;
        }
    }
}


static void
request(call_t *call, const mcp_str_t *method, uint32_t params)
{
    mcp_str_t  name;
    uint32_t   node, meta;

    meta = params ? mcp_json_get(call->tape, params, "_meta") : 0;
    call->modern = meta && mcp_json_get(call->tape, meta,
                               "io.modelcontextprotocol/protocolVersion");
    call->arguments = params ? mcp_json_get(call->tape, params, "arguments")
                             : 0;
    call->token = raw_of(call->tape, meta, "progressToken");

    if (mcp_str_is(method, "initialize") && era_legacy) {
        if (!no_initialize) {
            initialize(call, params);
        }

        exit_on_probe = 0;
        return;
    }

    if (exit_on_probe) {
        _exit(1);
    }

    if (call->modern && !era_modern) {
        error(&call->id, -32601, "Method not found");
        return;
    }

    if (mcp_str_is(method, "server/discover") && call->modern) {
        discover(call);

    } else if (mcp_str_is(method, "tools/list")) {
        list(call, "tools");

    } else if (mcp_str_is(method, "resources/list")) {
        list(call, "resources");

    } else if (mcp_str_is(method, "resources/templates/list")) {
        list(call, "resourceTemplates");

    } else if (mcp_str_is(method, "prompts/list")) {
        list(call, "prompts");

    } else if (mcp_str_is(method, "resources/read")) {
        other(call, "\"contents\":[{\"uri\":\"test://one\",\"text\":\"1\"}]");

    } else if (mcp_str_is(method, "prompts/get")) {
        other(call, "\"messages\":[{\"role\":\"user\",\"content\":{"
              "\"type\":\"text\",\"text\":\"hello\"}}]");

    } else if (mcp_str_is(method, "subscriptions/listen") && call->modern) {
        listen_to(call);

    } else if (mcp_str_is(method, "ping")
               || mcp_str_is(method, "logging/setLevel")
               || mcp_str_is(method, "resources/subscribe")
               || mcp_str_is(method, "resources/unsubscribe"))
    {
        other(call, "");

    } else if (mcp_str_is(method, "tools/call")) {
        node = params ? mcp_json_get(call->tape, params, "name") : 0;
        name = node ? mcp_json_raw(call->tape, node)
                    : (mcp_str_t) mcp_null_string;

        if (name.len > 2) {
            name.data++;
            name.len -= 2;
        }

        if (!run_tool(call, &name)) {
            error(&call->id, -32602, "Unknown tool");
        }

    } else {
        error(&call->id, -32601, "Method not found");
    }
}


void
message(char *line, size_t len)
{
    call_t            call;
    uint32_t          method, params, id, node;
    mcp_str_t         name, target;
    mcp_arena_t      *arena;
    mcp_json_tape_t   tape;

    if (record) {
        fprintf(record, "%d read %.*s\n", (int) getpid(), (int) len, line);
        fflush(record);
    }

    if (silent) {
        return;
    }

    arena = must(mcp_arena_create());

    if (mcp_json_tape(&tape, arena, (unsigned char *) line, len, DEPTH)
        != MCP_OK)
    {
        say("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,"
            "\"message\":\"%s\"}}\n", tape.error.text);
        goto done;
    }

    method = mcp_json_get(&tape, 0, "method");
    params = mcp_json_get(&tape, 0, "params");
    id = mcp_json_get(&tape, 0, "id");
    memset(&call, 0, sizeof(call));
    call.tape = &tape;

    if (id) {
        call.id = mcp_json_raw(&tape, id);
    }

    if (method == 0) {
        /* an answer to us: either member, as it stands */
        node = mcp_json_get(&tape, 0, "result");
        node = node ? node : mcp_json_get(&tape, 0, "error");

        if (id && node) {
            name = mcp_json_raw(&tape, node);
            answer_asked(atol((char *) call.id.data
                              + (*call.id.data == '"')),
                         (char *) name.data, name.len);
        }

        goto done;
    }

    name = mcp_json_raw(&tape, method);
    name.data++;
    name.len -= 2;

    if (id) {
        request(&call, &name, params);

    } else if (mcp_str_is(&name, "notifications/cancelled")) {
        target = raw_of(&tape, params, "requestId");

        if (target.len) {
            unlisten(&target);
            cancelled(&target);
        }
    }

done:

    mcp_arena_destroy(arena);
}
