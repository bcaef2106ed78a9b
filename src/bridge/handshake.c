
/*
 * The opening of a process that all clients share (MCP 2026-07-28, stdio):
 * server/discover first; what does not answer that with a result or with
 * -32022 is of an earlier revision, and gets initialize.
 */


#include "bridge.h"

#include <stdio.h>


#define MB_PROBE       5000          /* ms for an answer to server/discover */
#define MB_RESULT_MAX  (1024 * 1024)

#define MB_META                                                               \
    "{\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\""              \
    MCP_VERSION_MODERN "\",\"io.modelcontextprotocol/clientInfo\":"           \
    "{\"name\":\"mcp-bridge\",\"version\":\"" MB_VERSION "\"},"               \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}}"


enum {
    MB_STEP_NONE = 0,
    MB_STEP_PROBE,
    MB_STEP_INITIALIZE,
    MB_STEP_DONE
};


static void mb_handshake_initialize(mb_child_t *child);


/* The result of a line, kept for the life of the handshake. */

static int
mb_handshake_keep(mb_server_t *server, const mb_line_t *line, mcp_str_t *to)
{
    if (line->result.len == 0 || line->result.len > MB_RESULT_MAX) {
        return MCP_ERROR;
    }

    to->data = mcp_memdup(server->arena, line->text + line->result.at,
                          line->result.len);
    to->len = line->result.len;

    return to->data ? MCP_OK : MCP_NOMEM;
}


/* --- the lists: how many tools there are ---------------------------------- */


static void
mb_handshake_listed(mb_child_t *child, const mb_line_t *line)
{
    uint32_t         tools;
    mcp_json_tape_t  tape;

    if (line->kind != MB_LINE_RESULT || child->session
        || line->result.len == 0)
    {
        return;
    }

    if (mcp_json_tape(&tape, mb_scratch(), line->text + line->result.at,
                      line->result.len, MB_DEPTH)
        != MCP_OK)
    {
        return;
    }

    tools = mcp_json_get(&tape, 0, "tools");

    if (tools && tape.node[tools].type == MCP_JSON_ARRAY) {
        child->server->tools = tape.node[tools].count;
    }
}


void
mb_handshake_list(mb_child_t *child)
{
    if (mb_call_own(child, "tools/list",
                    child->server->era == MCP_ERA_MODERN ? MB_META : "{}",
                    mb_handshake_listed)
        != MCP_OK)
    {
        mb_log(MB_WARN, child->server->name, "its tools could not be asked "
               "for");
    }
}


/* --- both eras ------------------------------------------------------------ */


static void
mb_handshake_modern(mb_child_t *child, const mb_line_t *line)
{
    if (line->kind == MB_LINE_RESULT
        && mb_handshake_keep(child->server, line, &child->server->discover)
           != MCP_OK)
    {
        mb_server_child_failed(child, "its answer to server/discover is too "
                               "large");
        return;
    }

    child->handshake = MB_STEP_DONE;
    mb_server_child_ready(child, MCP_ERA_MODERN);
}


/* Whether a result of server/discover names the revision that we speak. */

static int
mb_handshake_supported(const mb_line_t *line)
{
    uint32_t         versions, i;
    mcp_json_tape_t  tape;

    if (mcp_json_tape(&tape, mb_scratch(), line->text + line->result.at,
                      line->result.len, MB_DEPTH)
        != MCP_OK)
    {
        return 0;
    }

    versions = mcp_json_get(&tape, 0, "supportedVersions");

    if (versions == 0 || tape.node[versions].type != MCP_JSON_ARRAY) {
        return 0;
    }

    for (i = mcp_json_first(&tape, versions);
         i != 0 && i < tape.node[versions].next;
         i = tape.node[i].next)
    {
        if (tape.node[i].type == MCP_JSON_STRING
            && mcp_json_equals(&tape, i, MCP_VERSION_MODERN,
                               sizeof(MCP_VERSION_MODERN) - 1))
        {
            return 1;
        }
    }

    return 0;
}


static void
mb_handshake_discovered(mb_child_t *child, const mb_line_t *line)
{
    if (child->state != MB_CHILD_STARTING || child->handshake == MB_STEP_DONE) {
        return;
    }

    if (line->kind == MB_LINE_RESULT && line->result.len
        && mb_handshake_supported(line))
    {
        mb_handshake_modern(child, line);
        return;
    }

    if (line->kind == MB_LINE_ERROR && line->code == MCP_E_VERSION
        && child->server->entry->protocol == MCP_ERA_MODERN)
    {
        mb_server_child_failed(child, "it does not speak "
                               MCP_VERSION_MODERN);
        return;
    }

    if (child->server->entry->protocol == MCP_ERA_MODERN) {
        mb_server_child_failed(child, "it does not know server/discover, but "
                               "its protocol is said to be modern");
        return;
    }

    /* it may have been late: then the other question is on its way */

    if (child->handshake == MB_STEP_PROBE) {
        mb_handshake_initialize(child);
    }
}


static void
mb_handshake_initialized(mb_child_t *child, const mb_line_t *line)
{
    uint32_t         version;
    mcp_str_t        raw;
    mb_server_t     *server;
    mcp_json_tape_t  tape;

    static const char  done[] = "{\"jsonrpc\":\"2.0\",\"method\":"
                                "\"notifications/initialized\"}\n";

    if (child->state != MB_CHILD_STARTING || child->handshake == MB_STEP_DONE) {
        return;
    }

    server = child->server;

    if (line->kind != MB_LINE_RESULT || line->result.len == 0) {
        mb_log_bytes(MB_ERROR, server->name, "its answer to initialize",
                     line->text, line->len < 512 ? line->len : 512);
        mb_server_child_failed(child, "it refuses to be initialized");
        return;
    }

    if (mb_handshake_keep(server, line, &server->initialize) != MCP_OK
        || mcp_json_tape(&tape, mb_scratch(), server->initialize.data,
                         server->initialize.len, MB_DEPTH)
           != MCP_OK)
    {
        mb_server_child_failed(child, "its answer to initialize is too large, "
                               "or names a member twice");
        return;
    }

    version = mcp_json_get(&tape, 0, "protocolVersion");

    if (version && tape.node[version].type == MCP_JSON_STRING) {
        raw = mcp_json_raw(&tape, version);
        server->version = raw;
    }

    if (mb_child_send(child, done, sizeof(done) - 1) != MCP_OK) {
        mb_server_child_failed(child, "it does not take "
                               "notifications/initialized");
        return;
    }

    child->handshake = MB_STEP_DONE;
    mb_server_child_ready(child, MCP_ERA_LEGACY);
}


static void
mb_handshake_initialize(mb_child_t *child)
{
    child->handshake = MB_STEP_INITIALIZE;

    /* of what a client could do nothing is said: it would be for all of them */

    if (mb_call_own(child, "initialize",
                    "{\"protocolVersion\":\"" MCP_VERSION_LEGACY "\","
                    "\"capabilities\":{},\"clientInfo\":{\"name\":"
                    "\"mcp-bridge\",\"version\":\"" MB_VERSION "\"}}",
                    mb_handshake_initialized)
        != MCP_OK)
    {
        mb_server_child_failed(child, "initialize could not be sent");
        return;
    }

    mb_child_timer(child, child->server->entry->startup);
}


void
mb_handshake_start(mb_child_t *child)
{
    uint64_t      wait;
    mb_server_t  *server;

    server = child->server;

    if (server->entry->protocol == MCP_ERA_LEGACY || server->exits_on_probe) {
        mb_handshake_initialize(child);
        return;
    }

    child->handshake = MB_STEP_PROBE;

    if (mb_call_own(child, "server/discover", MB_META,
                    mb_handshake_discovered)
        != MCP_OK)
    {
        mb_server_child_failed(child, "server/discover could not be sent");
        return;
    }

    wait = server->entry->startup;

    if (server->entry->protocol != MCP_ERA_MODERN && wait > MB_PROBE) {
        wait = MB_PROBE;
    }

    mb_child_timer(child, wait);
}


/* Its time is over. */

void
mb_handshake_timer(mb_child_t *child)
{
    if (child->handshake == MB_STEP_PROBE
        && child->server->entry->protocol != MCP_ERA_MODERN)
    {
        mb_handshake_initialize(child);
        return;
    }

    mb_server_child_failed(child, "it does not answer within startupTimeout");
}


int
mb_handshake_probing(const mb_child_t *child)
{
    return child->handshake == MB_STEP_PROBE;
}
