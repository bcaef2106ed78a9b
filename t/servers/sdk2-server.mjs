/* A server on the SDK of the modern era (2.x), which refuses legacy. */

import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';

import { serve } from './http.mjs';
import { register } from './tools.mjs';

const handler = toNodeHandler(createMcpHandler(() => {
    const server = new McpServer(
        { name: 'sdk2-server', version: '1.0.0' },
        { cacheHints: { 'tools/list': { ttlMs: 60_000,
                                        cacheScope: 'public' } } });

    register(server, 'sdk2', ({ mcpReq }) => ({
        token: mcpReq._meta?.progressToken, notify: mcpReq.notify,
        signal: mcpReq.signal,
    }));

    return server;
}, { legacy: 'reject', responseMode: process.env.RESPONSE_MODE ?? 'auto' }));

serve(handler);
