/*
 * The server that the MCP conformance suite wants: certain tools, prompts
 * and resources, in both eras on one endpoint.
 */

import {
    NodeStreamableHTTPServerTransport, localhostHostValidation,
    localhostOriginValidation, toNodeHandler, toWebRequest,
} from '@modelcontextprotocol/node';
import {
    McpServer, createMcpHandler, isLegacyRequest,
} from '@modelcontextprotocol/server';

import { MemoryEventStore, serve, sessions } from './http.mjs';
import { inputTools, stateCodec } from './conformance-input.mjs';
import { promptsAndResources } from './conformance-content.mjs';
import { tools } from './conformance-tools.mjs';


/* Announces a change to a session, or to those who listen (modern). */

let listeners;

function newServer(era) {
    const server = new McpServer(
        { name: 'conformance-fixture', version: '1.0.0' },
        {
            capabilities: {
                logging: {}, completions: {},
                tools: { listChanged: true },
                prompts: { listChanged: true },
                resources: { listChanged: true, subscribe: true },
            },
            cacheHints: Object.fromEntries([
                'tools/list', 'prompts/list', 'resources/list',
                'resources/templates/list', 'resources/read',
                'server/discover',
            ].map((method) => [method, { ttlMs: 30_000,
                                         cacheScope: 'public' }])),
            requestState: { verify: stateCodec.verify },
        });
    const changed = era === 'modern'
        ? { tools: () => listeners.toolsChanged(),
            prompts: () => listeners.promptsChanged() }
        : { tools: () => server.sendToolListChanged(),
            prompts: () => server.sendPromptListChanged() };

    tools(server, changed);
    inputTools(server);
    promptsAndResources(server, era);

    return server;
}


const handler = createMcpHandler(({ era }) => newServer(era),
                                 { legacy: 'reject', keepAliveMs: 0 });
const modern = toNodeHandler(handler);

listeners = handler.notify;

const legacy = sessions(async (id, closed) => {
    const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => id, eventStore: new MemoryEventStore(),
        retryInterval: 200, onsessionclosed: closed,
    });

    await newServer('legacy').connect(transport);

    return transport;
});

const hostIsOurs = localhostHostValidation();
const originIsOurs = localhostOriginValidation();

serve(async (req, res, body) => {
    if (!hostIsOurs(req, res) || !originIsOurs(req, res)) {
        return;
    }

    /* what names a session is never modern */
    const old = req.method !== 'POST'
        || await isLegacyRequest(await toWebRequest(req, body ?? null),
                                 body ?? null);

    await (old ? legacy : modern)(req, res, body);
});
