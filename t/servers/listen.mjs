/*
 * A client on an official SDK that is told of changes: it connects, calls the
 * tool "change", and prints what its handler got.
 *
 *   node listen.mjs URL 1            the SDK of the legacy era
 *   node listen.mjs URL 2 MODE       that of the modern one; see sdk2-client
 *
 *   { version, before: [names], after: [names] }
 */

const [, , url, sdk, mode] = process.argv;

const { Client } = await import(
    sdk === '1' ? '@modelcontextprotocol/sdk/client/index.js'
                : '@modelcontextprotocol/client');
const { StreamableHTTPClientTransport } = await import(
    sdk === '1' ? '@modelcontextprotocol/sdk/client/streamableHttp.js'
                : '@modelcontextprotocol/client');

let opened, heard;
const stream = new Promise((resolve) => { opened = resolve; });
const change = new Promise((resolve, reject) => {
    heard = (error, tools) => (error ? reject(error) : resolve(tools));
});

const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: async (to, init) => {
        const response = await fetch(to, init);

        if (init?.method === 'GET') {
            opened(response.status);
        }

        return response;
    },
});

const client = new Client(
    { name: 'listener', version: '1.0.0' },
    { listChanged: { tools: { onChanged: heard } },
      ...(sdk === '2' && { versionNegotiation: { mode } }) });

const names = (tools) => tools.map((tool) => tool.name).sort();

await client.connect(transport);

/* connect() does not wait for the stream of GET */

if (sdk === '1' || mode === 'legacy') {
    await stream;
}

const before = names((await client.listTools()).tools);
await client.callTool({ name: 'change', arguments: {} });
const after = names(await change);

process.stdout.write(JSON.stringify({
    version: client.getNegotiatedProtocolVersion?.()
             ?? transport.protocolVersion,
    before, after,
}), () => process.exit(0));
