/* A client on the SDK of the legacy era (1.x); see client.mjs. */

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
    StreamableHTTPClientTransport,
} from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { run } from './client.mjs';

const client = new Client({ name: 'sdk1-client', version: '1.0.0' });
const transport = new StreamableHTTPClientTransport(
    new URL(process.argv[2]));

/* the 1.x client wants to see a result of the schema that it knows */
const call = client.callTool.bind(client);
client.callTool = (params, options) => call(params, undefined, options);

await run(client, transport, () => transport.protocolVersion);
