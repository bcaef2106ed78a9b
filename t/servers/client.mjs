/*
 * What the clients on both SDKs do: connect, list, make the calls given as
 * JSON on the command line, and print as JSON what came of it.
 *
 *   node sdkN-client.mjs URL '[{"name": "echo", "arguments": {...}}, ...]'
 *
 *   { server, version, tools, calls: [{ result or error, progress }] }
 */

export async function run(client, transport, version) {
    const calls = JSON.parse(process.argv[3] ?? '[]');

    await client.connect(transport);

    const { tools } = await client.listTools();
    const made = [];

    for (const { name, arguments: args, timeout } of calls) {
        const progress = [];
        const options = { timeout: timeout ?? 20_000,
                          onprogress: (event) => progress.push(event) };

        try {
            made.push({ progress,
                        result: await client.callTool(
                            { name, arguments: args }, options) });

        } catch (error) {
            made.push({ progress, error: { code: error.code,
                                           message: error.message } });
        }
    }

    process.stdout.write(JSON.stringify({
        server: client.getServerVersion()?.name,
        version: version(),
        tools: tools.map((tool) => tool.name),
        schemas: Object.fromEntries(tools.map(
            (tool) => [tool.name, tool.inputSchema])),
        calls: made,
    }), () => process.exit(0));
}
