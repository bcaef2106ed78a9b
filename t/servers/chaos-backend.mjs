/*
 * An MCP server of either era that does wrong when it is told to, and counts
 * what it executes: each "act" may be executed once, "echo" as often as one
 * likes.
 *
 *   POST /mcp                MCP
 *   PUT  /faults/a,b,c       from now on each request meets one of these, or
 *                            none; an empty list: all is well
 *   GET  /counts             { executed, twice: names of calls }
 *
 * PORT and ERA are taken from the environment.
 */

import http from 'node:http';

const MODERN = '2026-07-28', LEGACY = '2025-11-25';
const META = 'io.modelcontextprotocol/';
const modern = process.env.ERA === 'modern';
const session = 'chaos-' + process.pid;
const executed = new Map();

let faults = [];

const tools = [
    { name: 'echo', inputSchema: { type: 'object' },
      annotations: { readOnlyHint: true } },
    { name: 'act', inputSchema: { type: 'object' } },
];

const lies = [
    (text) => text.slice(0, -1),
    (text) => text.replace(/"id":[^,]+/, '"id":"nobody"'),
    (text) => text + text,
    (text) => '[' + text + ']',
    (text) => text.replace('"jsonrpc":"2.0"', '"jsonrpc":"2.0","id":0'),
    (text) => text.replace('result', 'error'),
    () => '<html>no</html>',
    () => '{"a":'.repeat(3000),
    () => '',
];

const any = (list) => list[Math.floor(Math.random() * list.length)];


function result(method, params) {
    const plain = modern ? { resultType: 'complete' } : {};

    switch (method) {

    case 'initialize':
        return { protocolVersion: LEGACY, capabilities: { tools: {} },
                 serverInfo: { name: 'chaos', version: '1' } };

    case 'server/discover':
        return { ...plain, supportedVersions: [MODERN], ttlMs: 60000,
                 cacheScope: 'private', capabilities: { tools: {} },
                 _meta: { [META + 'serverInfo']: { name: 'chaos',
                                                   version: '1' } } };

    case 'tools/list':
        return modern ? { ...plain, tools, ttlMs: 60000,
                          cacheScope: 'private' } : { tools };

    case 'tools/call':
        if (params.name === 'act') {
            executed.set(params.arguments.key,
                         (executed.get(params.arguments.key) ?? 0) + 1);
        }

        return { ...plain, content: [
            { type: 'text', text: String(params.arguments.key) }] };

    case 'ping':
        return {};

    default:
        return null;
    }
}


function answer(res, text, status = 200) {
    res.writeHead(status, { 'Content-Type': 'application/json',
                            'Content-Length': Buffer.byteLength(text),
                            'Mcp-Session-Id': session });
    res.end(text);
}


function handle(res, text) {
    const message = JSON.parse(text);
    const fault = faults.length && Math.random() < 0.8 ? any(faults) : '';
    const { id, method, params } = message;

    if (id === undefined) {
        res.writeHead(202).end();
        return;
    }

    if (fault === 'hang' && Math.random() < 0.5) {
        return;
    }

    if (fault === '500') {
        answer(res, 'no', any([500, 502, 503, 504]));
        return;
    }

    if (fault === 'reset' && Math.random() < 0.5) {
        res.socket.resetAndDestroy();
        return;
    }

    if (method === 'server/discover' && !modern) {
        answer(res, JSON.stringify({ jsonrpc: '2.0', id, error: {
            code: -32601, message: 'Method not found' } }));
        return;
    }

    const what = result(method, params);
    const whole = JSON.stringify(what
        ? { jsonrpc: '2.0', id, result: what }
        : { jsonrpc: '2.0', id,
            error: { code: -32601, message: 'Method not found' } });

    switch (fault) {

    case 'hang':
        res.writeHead(200, { 'Content-Type': 'application/json',
                             'Content-Length': Buffer.byteLength(whole) });
        res.write(whole.slice(0, whole.length / 2));
        return;

    case 'reset':
        res.writeHead(200, { 'Content-Type': any(['application/json',
                                                  'text/event-stream']) });
        res.write(whole.slice(0, whole.length / 2));
        setTimeout(() => res.socket?.resetAndDestroy(), 5);
        return;

    case 'trickle':
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        trickle(res, `event: message\ndata: ${whole}\n\n`);
        return;

    case 'lie':
        answer(res, any(lies)(whole));
        return;

    default:
        answer(res, whole);
    }
}


function trickle(res, text) {
    const timer = setInterval(() => {
        res.write(text.slice(0, 1));
        text = text.slice(1);

        if (text === '') {
            clearInterval(timer);
            res.end();
        }
    }, 10);

    res.on('close', () => clearInterval(timer));
}


const server = http.createServer((req, res) => {
    const body = [];

    req.on('error', () => {});
    res.on('error', () => {});

    if (req.method === 'PUT') {
        faults = req.url.replace('/faults/', '').split(',').filter(Boolean);
        res.end();
        return;
    }

    if (req.method === 'GET') {
        answer(res, JSON.stringify({
            executed: executed.size,
            twice: [...executed].filter(([, n]) => n > 1).map(([k]) => k),
        }));
        return;
    }

    req.on('data', (chunk) => body.push(chunk));
    req.on('end', () => handle(res, Buffer.concat(body).toString()));
});

server.keepAliveTimeout = 60000;
server.on('clientError', (error, socket) => socket.destroy());
server.listen(Number(process.env.PORT), '127.0.0.1', 1024);
