/*
 * Clients of a gateway, of both eras, which go on calling for some time:
 *
 *   chaos-clients.mjs URL CLIENTS SECONDS RUN BACKEND ...
 *
 * Prints as JSON, for each backend: calls, right answers, wrong ones (of
 * somebody else, or none at all; the first few), errors by code, and times in
 * milliseconds.
 */

import http from 'node:http';

const [url, clients, seconds, run, ...backends] = process.argv.slice(2);
const MODERN = '2026-07-28', LEGACY = '2025-11-25';
const META = 'io.modelcontextprotocol/';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1000 });
const until = performance.now() + Number(seconds) * 1000;
const seen = Object.fromEntries(backends.map((name) => [name, {
    calls: 0, right: 0, wrong: [], wrongs: 0, codes: {}, times: [] }]));

let next = 0;


function post(message, headers) {
    return new Promise((resolve, reject) => {
        const body = JSON.stringify(message);
        const req = http.request(url, {
            method: 'POST', agent, headers: {
                'Content-Type': 'application/json',
                'Accept': 'application/json, text/event-stream',
                'Content-Length': Buffer.byteLength(body), ...headers },
        }, (res) => {
            const parts = [];

            res.on('data', (part) => parts.push(part));
            res.on('error', reject);
            res.on('end', () => resolve({
                headers: res.headers, status: res.statusCode,
                text: Buffer.concat(parts).toString() }));
        });

        req.on('error', reject);
        req.setTimeout(20000, () => req.destroy(new Error('no answer')));
        req.end(body);
    });
}


function last(response) {
    const events = response.headers['content-type'] === 'text/event-stream'
        ? response.text.split('\n').filter((l) => l.startsWith('data: '))
                       .map((l) => l.slice(6)) : [response.text];

    return JSON.parse(events.at(-1));
}


async function initialize() {
    const response = await post({ jsonrpc: '2.0', id: 0, method: 'initialize',
        params: { protocolVersion: LEGACY, capabilities: {},
                  clientInfo: { name: 'chaos', version: '1' } } });

    return { 'Mcp-Session-Id': response.headers['mcp-session-id'],
             'MCP-Protocol-Version': LEGACY };
}


async function call(session, backend, key) {
    const tool = `${backend}_${Math.random() < 0.5 ? 'echo' : 'act'}`;
    const params = { name: tool, arguments: { key } };
    const message = { jsonrpc: '2.0', id: key, method: 'tools/call', params };

    if (session) {
        return last(await post(message, session));
    }

    params._meta = { [META + 'protocolVersion']: MODERN,
                     [META + 'clientCapabilities']: {},
                     [META + 'clientInfo']: { name: 'c', version: '1' } };

    return last(await post(message, { 'MCP-Protocol-Version': MODERN,
                                      'Mcp-Method': 'tools/call',
                                      'Mcp-Name': tool }));
}


async function client(n) {
    const session = n % 2 ? await initialize() : null;

    while (performance.now() < until) {
        const backend = backends[Math.floor(Math.random() * backends.length)];
        const key = `${run}-${++next}`;
        const one = seen[backend];
        const began = performance.now();
        let wrong = '';

        one.calls++;

        try {
            const answer = await call(session, backend, key);

            if (answer.id !== key) {
                wrong = 'another id';
            } else if (answer.error) {
                one.codes[answer.error.code] =
                    (one.codes[answer.error.code] ?? 0) + 1;
            } else if (answer.result?.content?.[0]?.text !== key) {
                wrong = 'another answer';
            } else {
                one.right++;
                one.times.push(performance.now() - began);
            }
        } catch (error) {
            wrong = String(error);
        }

        if (wrong) {
            one.wrongs++;
            one.wrong.length < 5 && one.wrong.push(`${key}: ${wrong}`);
        }

        await new Promise((f) => setTimeout(f, 50 + Math.random() * 100));
    }
}


function at(sorted, part) {
    return sorted.length
        ? sorted[Math.min(sorted.length - 1,
                          Math.floor(sorted.length * part))] : null;
}


await Promise.all(Array.from({ length: Number(clients) },
                             (_, n) => client(n)));

for (const one of Object.values(seen)) {
    const sorted = one.times.sort((a, b) => a - b);

    one.times = { p50: at(sorted, 0.5), p99: at(sorted, 0.99),
                  most: sorted.at(-1) ?? null };
}

console.log(JSON.stringify(seen));
process.exit(0);
