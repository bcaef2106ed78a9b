/*
 * What the servers have in common: an HTTP server on the loopback port
 * given as PORT, and sessions for servers of the legacy era.
 */

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const LIMIT = 64 << 20;


/* The JSON of a request's body; undefined if there is none. */

async function readBody(req) {
    const chunks = [];
    let size = 0;

    for await (const chunk of req) {
        size += chunk.length;

        if (size > LIMIT) {
            throw new Error('too large');
        }

        chunks.push(chunk);
    }

    return size ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
}


export function reject(res, status, code, message) {
    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(JSON.stringify({ jsonrpc: '2.0', id: null,
                             error: { code, message } }));
}


/* handle(req, res, body), with body as data, for each request to /mcp. */

export function serve(handle) {
    const server = createServer(async (req, res) => {
        let body;

        if (!req.url.startsWith('/mcp')) {
            res.writeHead(404).end();
            return;
        }

        try {
            body = await readBody(req);

        } catch (error) {
            reject(res, 400, -32700, `Parse error: ${error.message}`);
            return;
        }

        try {
            await handle(req, res, body);

        } catch (error) {
            console.error(error);

            if (!res.headersSent) {
                reject(res, 500, -32603, 'Internal error');
            }
        }
    });

    server.keepAliveTimeout = 30_000;
    server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
        console.log(`listening on ${server.address().port}`);
    });

    /* A test that ends, however it does, closes our standard input. */
    process.stdin.on('end', () => process.exit(0)).resume();
    process.on('SIGTERM', () => process.exit(0));
}


/*
 * Serves requests of the legacy era: newTransport(id, closed) makes the
 * transport of a new session and connects a server to it.
 */

export function sessions(newTransport) {
    const open = new Map();

    return async (req, res, body) => {
        const id = req.headers['mcp-session-id'];
        let transport = open.get(id);

        if (!transport && id !== undefined) {
            reject(res, 404, -32001, 'Session not found');
            return;
        }

        if (!transport) {
            if (body?.method !== 'initialize') {
                reject(res, 400, -32000,
                       'Bad Request: Server not initialized');
                return;
            }

            const fresh = randomUUID();

            transport = await newTransport(fresh, () => open.delete(fresh));
            open.set(fresh, transport);
        }

        await transport.handleRequest(req, res, body);
    };
}


/* Keeps the events of streams, for clients that come back for the rest. */

export class MemoryEventStore {
    #events = [];

    async storeEvent(streamId, message) {
        this.#events.push({ streamId, message });

        return `${streamId}/${this.#events.length - 1}`;
    }

    async getStreamIdForEventId(eventId) {
        return this.#events[Number(eventId.split('/').pop())]?.streamId;
    }

    async replayEventsAfter(eventId, { send }) {
        const last = Number(eventId.split('/').pop());
        const streamId = this.#events[last]?.streamId;

        for (let i = last + 1; i < this.#events.length; i++) {
            const { streamId: of, message } = this.#events[i];

            /* the event that opens a stream has no message in it */
            if (of === streamId && message.jsonrpc !== undefined) {
                await send(`${streamId}/${i}`, message);
            }
        }

        return streamId;
    }
}
