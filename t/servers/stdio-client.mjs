/*
 * A client on an official SDK whose server is a child process:
 *
 *   SDK=1|2 [MODE=...] node stdio-client.mjs '["command", "argument"]' CALLS
 *
 * See client.mjs.  The child gets this process's environment.
 */

import { run } from './client.mjs';

const [command, ...args] = JSON.parse(process.argv[2]);
const server = { command, args, env: process.env, stderr: 'inherit' };
const mode = process.env.MODE ?? 'auto';

if (process.env.SDK === '1') {
    const { Client } =
        await import('@modelcontextprotocol/sdk/client/index.js');
    const { StdioClientTransport } =
        await import('@modelcontextprotocol/sdk/client/stdio.js');
    const client = new Client({ name: 'sdk1-stdio', version: '1.0.0' });
    const transport = new StdioClientTransport(server);
    let version;

    transport.setProtocolVersion = (v) => { version = v; };
    const call = client.callTool.bind(client);
    client.callTool = (params, options) => call(params, undefined, options);
    await run(client, transport, () => version);

} else {
    const { Client } = await import('@modelcontextprotocol/client');
    const { StdioClientTransport } =
        await import('@modelcontextprotocol/client/stdio');
    const client = new Client(
        { name: 'sdk2-stdio', version: '1.0.0' },
        { versionNegotiation: {
            mode: /^\d/.test(mode) ? { pin: mode } : mode } });

    await run(client, new StdioClientTransport(server),
              () => client.getNegotiatedProtocolVersion?.());
}
