/* A server on the SDK of the legacy era (1.x): sessions, nothing modern. */

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
    StreamableHTTPServerTransport,
} from '@modelcontextprotocol/sdk/server/streamableHttp.js';

import { serve, sessions } from './http.mjs';
import { register } from './tools.mjs';

serve(sessions(async (id, closed) => {
    const server = new McpServer({ name: 'sdk1-server', version: '1.0.0' });
    const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => id, onsessionclosed: closed,
        enableJsonResponse: process.env.JSON_RESPONSES === '1',
    });

    register(server, 'sdk1', (extra) => ({
        token: extra._meta?.progressToken, notify: extra.sendNotification,
        signal: extra.signal,
    }));
    await server.connect(transport);

    return transport;
}));
