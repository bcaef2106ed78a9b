/*
 * A client on the SDK of the modern era (2.x); see client.mjs.  MODE is its
 * way of choosing an era: auto (the default), legacy, or a revision.
 */

import {
    Client, StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';

import { run } from './client.mjs';

const mode = process.env.MODE ?? 'auto';
const client = new Client(
    { name: 'sdk2-client', version: '1.0.0' },
    { versionNegotiation: {
        mode: /^\d/.test(mode) ? { pin: mode } : mode } });
const transport = new StreamableHTTPClientTransport(
    new URL(process.argv[2]));

await run(client, transport,
          () => client.getNegotiatedProtocolVersion?.()
                ?? transport.protocolVersion);
