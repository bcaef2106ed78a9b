# Clients of either era before backends of either era, all four pairs: what a
# backend gets.  Its body is the client's, byte for byte, but for what the era
# asks: what was judged is what is executed.  Its headers are the gateway's:
# nothing that a client sends there is a backend's business.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

use constant { NOW => '2026-07-28', META => 'io.modelcontextprotocol/' };

my $plain = Sentinel::Backend->legacy(
    name => 'plain', tools => ['echo'], session => 0,
    versions => ['2025-06-18']);
my $older = Sentinel::Backend->legacy(
    name => 'older', tools => ['echo'], versions => ['2024-11-05']);

my $p = Sentinel::Pairs->new(
    backends => [plain => $plain, older => $older],
    location => 'add_header X-Call $mcp_request_id always;',
    server => 'location /plain { mcp_pass plain; }
               location /older { mcp_pass older; }');
my $t = $p->t;
my %prefix = %Sentinel::Pairs::prefix;

my $meta = $Sentinel::Pairs::meta;
my $injected = '"' . META . 'protocolVersion":"' . NOW . '","'
             . META . 'clientInfo":{"name":"test","version":"1"},"'
             . META . 'clientCapabilities":{}';

# Headers that are nobody's business but the client's and the gateway's.

my $trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
my %noise = (
    Authorization => 'Bearer canary', 'Proxy-Authorization' => 'Basic canary',
    Cookie => 'session=canary', 'X-Request-Id' => 'canary',
    'X-User' => 'canary', 'X-Roles' => 'canary', 'X-Api-Key' => 'canary',
    'X-Forwarded-For' => '1.2.3.4', 'X-Real-IP' => '1.2.3.4',
    Forwarded => 'for=1.2.3.4', Via => '1.1 canary',
    'X-Accel-Redirect' => '/canary', 'X-Accel-Expires' => '1',
    'User-Agent' => 'canary', Referer => 'http://canary/',
    'Accept-Language' => 'canary', 'Accept-Encoding' => 'gzip',
    'If-None-Match' => '"canary"', Range => 'bytes=0-1',
    'If-Modified-Since' => 'Sat, 29 Oct 1994 19:43:31 GMT',
    'Last-Event-ID' => 'canary', TE => 'trailers', 'Cache-Control' => 'canary',
    'X-HTTP-Method-Override' => 'DELETE', Trailer => 'canary',
    Upgrade => 'canary', Pragma => 'canary',
    'X-Mcp-Method' => 'canary', Baggage => 'canary=1',
    traceparent => $trace, tracestate => 'vendor=1,other=2',
);

for my $client (qw/legacy modern/) {
    for my $backend (qw/legacy modern/) {
        my ($pair, $b, $raw, $want, $request, $r, %got, $id);

        $pair = "$client client, $backend backend";
        $b = $p->backend($backend);

        # the request: odd white space, escapes and numbers stay

        $raw = qq({ "jsonrpc" : "2.0",\n\t"id":  "x\\u0041", )
             . qq("params" : {"arguments":{"message":"h\\u00e9 \xc3\xa9",)
             . qq("n":[1e2 , 9007199254740993,-0.0, 1E+400],"":{"_meta":1},)
             . qq("name":"not this","id":7} ,"name": "$prefix{$backend})
             . qq(ech\\u006f", "_meta" : {"com.example\\/a":[ ] )
             . ($client eq 'modern' ? ",$meta" : '')
             . qq(},"more":null}, "method":"tools\\/call" } \r\n);

        ($request) = sent $b, sub { $r = $p->ask($client, $raw, %noise) };

        is_deeply [$r->status, $r->text], [200, "h\x{e9} \x{e9}"],
            "$pair: tools/call";
        is id_of($r), '"x\\u0041"', 'the client has its id back';

        ($id) = $request->{body} =~ /"id":  (\d+),/;
        ok $id, 'the backend gets an id of the gateway, a number';

        $want = $raw =~ s/"x\\u0041"/$id/r;
        $want =~ s/"[lm]_ech\\u006f"/"echo"/;
        $want =~ s/ ,\Q$meta\E// if $backend eq 'legacy';
        $want =~ s/(?<="_meta" : \{)(?=")/$injected,/
            if "$client$backend" eq 'legacymodern';

        is $request->{body}, $want, 'body as sent, but for what it must be';

        # its headers, all of them

        push @{ $got{lc $_->[0]} }, $_->[1] for @{ $request->{raw_headers} };
        my $call_id = ($got{'x-request-id'} // [''])->[0];
        my $session = ($got{'mcp-session-id'} // [''])->[0];

        is_deeply \%got, {
            host => ['127.0.0.1:' . $b->port],
            'user-agent' => ['sentinel/0.1.0'],
            accept => ['application/json, text/event-stream'],
            'content-type' => ['application/json'],
            'content-length' => [length $request->{body}],
            'x-request-id' => [$call_id],
            traceparent => [$trace], tracestate => ['vendor=1,other=2'],
            $backend eq 'legacy'
                ? ('mcp-protocol-version' => ['2025-11-25'],
                   'mcp-session-id' => [$session])
                : ('mcp-protocol-version' => [NOW],
                   'mcp-method' => ['tools/call'], 'mcp-name' => ['echo']),
        }, 'these headers, each once, and none else';

        like $call_id, qr/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}
                          -[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/x,
            'X-Request-Id is a UUIDv7';
        is $call_id, $r->header('X-Call'), 'that of $mcp_request_id';
        my ($high, $low) = map { hex } $call_id =~ /^(.{8})-(.{4})/;
        ok abs(($high * 65536 + $low) / 1000 - time) < 60, 'made now';
        is_deeply [$request->{method}, $request->{uri}], ['POST', '/mcp'],
            'POST to the path of the URL';
    }
}

my %calls = map { $_->{headers}{'x-request-id'} // '' => 1 }
            map { $p->backend($_)->requests('tools/call') } qw/legacy modern/;
is keys %calls, 4, 'each call has an id of its own';

# A name that has no prefix keeps its bytes.

$t->modern('tools/list', {}, path => '/plain');
my ($request) = sent $plain, sub {
    my $r = $t->call('echo', undef, path => '/plain', raw =>
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":'
        . '"\u0065cho","arguments":{"message":"m"},"_meta":{' . $meta
        . '}}}');
    is $r->text, 'm', 'a backend without sessions, of 2025-06-18';
};
like $request->{body}, qr/"name":"\\u0065cho"/, 'no prefix: name as sent';
is_deeply [lines($request, 'Mcp-Session-Id')], [], 'no session header';
is_deeply [lines($request, 'MCP-Protocol-Version')], ['2025-06-18'],
    'the version as negotiated';
is_deeply [lines($request, 'traceparent')], [], 'no traceparent of our own';

is $t->call('echo', { message => 'm' }, path => '/older')->text, 'm',
    'a backend of 2024-11-05';

my ($init) = $p->backend('legacy')->requests('initialize');
is_deeply $init->{json}{params}{capabilities}, {},
    'a shared session is opened without client capabilities';
is $init->{json}{params}{clientInfo}{name}, 'sentinel', 'in our own name';
is $p->backend('legacy')->requests('notifications/initialized'), 1,
    'and completed';
is $p->backend('modern')->requests('initialize'), 0,
    'a modern backend is never initialized';

# trace context that cannot be one stays outside

for (['too short', traceparent => '00-1-2-01'],
     ['too long', traceparent => "$trace-x"],
     ['bytes', traceparent => substr($trace, 0, 54) . "\xff"],
     ['tracestate alone', traceparent => undef])
{
    my ($what, @headers) = @$_;
    ($request) = sent $p->backend('modern'), sub {
        $t->call('m_echo', {}, headers => { tracestate => 'a=b', @headers });
    };
    is_deeply [map { lines($request, $_) } qw/traceparent tracestate/], [],
        "traceparent: $what";
}

is $t->call('m_echo', {}, headers => { traceparent => [$trace, $trace] })
     ->status, 400, 'two of them';

# _meta on its way to another era

sub forwarded {
    my ($client, $backend, $params) = @_;
    my ($request, $method);

    $method = $params =~ /"ref"/ ? 'completion/complete'
            : $params =~ /"uri"/ ? 'resources/read'
            : $params =~ /greet/ ? 'prompts/get' : 'tools/call';

    ($request) = sent $p->backend($backend), sub {
        $p->ask($client, qq({"jsonrpc":"2.0","id":1,"method":"$method",)
                         . qq("params":$params}));
    };

    return 'nothing' if !$request;
    return $request->{body} =~ /\A\{"jsonrpc":"2.0","id":\d+,"method":"$method",
                                "params":(.*)\}\z/x ? $1 : $request->{body};
}

$p->answer('{"jsonrpc":"2.0","id":%ID%,"result":{}}');

my $m = 'io.modelcontextprotocol\\/';
my $caps = $meta =~ s/\{\}/{"sampling":{},"elicitation":{"url":{}}}/r;
my $tasks = $meta =~ s/\{\}/{"extensions":{"x.y\/z":{},"${m}tasks":{}}}/r;
my $plain_caps = $meta =~ s/\{\}/{"extensions":{"x.y\/z":{}}}/r;
my $argument = '"argument":{"name":"a","value":""}';

for (
    ['legacy', 'modern', '{"name":"m_echo"}',
     "{\"_meta\":{$injected},\"name\":\"echo\"}"],
    ['legacy', 'modern', '{"name":"m_echo","_meta":{}}',
     "{\"name\":\"echo\",\"_meta\":{$injected}}"],
    ['legacy', 'modern', '{"name":"m_echo","_meta": { } }',
     "{\"name\":\"echo\",\"_meta\": {$injected } }"],
    ['legacy', 'modern', '{"_meta":{"a/b":1},"name":"m_echo"}',
     "{\"_meta\":{$injected,\"a/b\":1},\"name\":\"echo\"}"],
    ['legacy', 'modern', '{"_meta":{"' . META . 'clientInfo":{},"a/b":1,"'
     . META . 'x":[2]},"name":"m_echo"}',
     "{\"_meta\":{$injected,\"a/b\":1},\"name\":\"echo\"}"],
    ['legacy', 'modern', '{"_meta":{"' . META . 'logLevel":"debug"},'
     . '"name":"m_echo"}', "{\"_meta\":{$injected},\"name\":\"echo\"}"],
    ['legacy', 'modern', "{\"_meta\":{\"$m"
     . 'clientCapabilities":{"sampling":{}}},"name":"m_echo"}',
     "{\"_meta\":{$injected},\"name\":\"echo\"}"],
    ['legacy', 'modern', '{"uri":"test://modern/one"}',
     "{\"_meta\":{$injected},\"uri\":\"test://modern/one\"}"],
    ['legacy', 'modern', '{"name":"m_greet","arguments":{"a":"b"}}',
     "{\"_meta\":{$injected},\"name\":\"greet\",\"arguments\":{\"a\":\"b\"}}"],
    ['legacy', 'modern',
     "{\"ref\":{\"type\":\"ref/prompt\",\"name\":\"m_greet\"},$argument}",
     "{\"_meta\":{$injected},\"ref\":{\"type\":\"ref/prompt\","
     . "\"name\":\"greet\"},$argument}"],

    ['legacy', 'legacy', '{"name":"l_echo"}', '{"name":"echo"}'],
    ['legacy', 'legacy', '{"name":"l_echo","_meta":{"' . META
     . 'related-task":{"taskId":"x"}}}',
     '{"name":"echo","_meta":{"' . META . 'related-task":{"taskId":"x"}}}'],

    ['modern', 'legacy', "{\"_meta\":{$meta},\"name\":\"l_echo\"}",
     '{"_meta":{},"name":"echo"}'],
    ['modern', 'legacy', "{\"_meta\":{$meta,\"a\":1},\"name\":\"l_echo\"}",
     '{"_meta":{"a":1},"name":"echo"}'],
    ['modern', 'legacy', "{\"_meta\":{\"a\":1,$meta},\"name\":\"l_echo\"}",
     '{"_meta":{"a":1},"name":"echo"}'],
    ['modern', 'legacy',
     "{\"_meta\":{\"a\":1,$meta,\"b\":2},\"name\":\"l_echo\"}",
     '{"_meta":{"a":1,"b":2},"name":"echo"}'],
    ['modern', 'legacy', "{\"_meta\":{$meta,\"${m}logLevel\":\"x\","
     . "\"traceparent\":\"$trace\"},\"name\":\"l_echo\"}",
     "{\"_meta\":{\"traceparent\":\"$trace\"},\"name\":\"echo\"}"],
    ['modern', 'legacy', "{\"_meta\":{$meta},\"uri\":\"test://legacy/one\"}",
     '{"_meta":{},"uri":"test://legacy/one"}'],
    ['modern', 'legacy', "{\"_meta\":{$meta},\"ref\":{\"type\":"
     . "\"ref/resource\",\"uri\":\"test://legacy/one\"},$argument}",
     '{"_meta":{},"ref":{"type":"ref/resource",'
     . "\"uri\":\"test://legacy/one\"},$argument}"],

    ['modern', 'modern', "{\"_meta\":{$meta,\"a\":1},\"name\":\"m_echo\"}",
     "{\"_meta\":{$meta,\"a\":1},\"name\":\"echo\"}"],
    ['modern', 'modern', "{\"_meta\":{$caps},\"name\":\"m_echo\"}",
     "{\"_meta\":{$caps},\"name\":\"echo\"}"],
    ['modern', 'modern', "{\"_meta\":{$tasks},\"name\":\"m_echo\"}",
     "{\"_meta\":{$plain_caps},\"name\":\"echo\"}"],
    ['modern', 'modern', "{\"_meta\":{$meta},\"name\":\"m_greet\"}",
     "{\"_meta\":{$meta},\"name\":\"greet\"}"],
) {
    my ($client, $backend, $params, $want) = @$_;

    is forwarded($client, $backend, $params), $want,
        "$client client, $backend backend: " . ($params
            =~ s/\Qio.modelcontextprotocol\E/~/gr);
}

done_testing;
