# Clients of the revisions up to 2025-11-25: most of those in use.  What they
# may not do, and with which status they are told, decides whether they
# recover (404: begin a new session) or give up.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $text = 'application/json, text/event-stream';
my $ping = '{"jsonrpc":"2.0","id":7,"method":"ping"}';

my $b = Sentinel::Backend->legacy(tools => ['echo']);
my $t = Sentinel::Test->new(
    backends => [one => $b],
    server => "        listen 127.0.0.1:%%PORT:spread%% reuseport;\n"
            . "        add_header X-Worker \$pid always;\n",
)->run->wait_catalog('echo');

my $other = Sentinel::Test->new(backends => [one => $b])->run
    ->wait_catalog('echo');

# a session is needed, and has to be one of ours

my %alone = (
    'tools/list' => '{"jsonrpc":"2.0","id":7,"method":"tools/list"}',
    'tools/call' => '{"jsonrpc":"2.0","id":7,"method":"tools/call",'
                  . '"params":{"name":"echo","arguments":{}}}',
    ping => $ping,
    unknown => '{"jsonrpc":"2.0","id":7,"method":"no/such"}',
);

untouched $b, 'without a session nothing reaches the backend', sub {
    refused $t->post($alone{$_}), 400, -32600, "$_ without a session",
            id => 7
        for sort keys %alone;
    is $t->post('{"jsonrpc":"2.0","method":"notifications/initialized"}')
         ->status, 400, 'a notification without a session';
    is $t->post('{"jsonrpc":"2.0","id":1,"result":{}}')->status, 400,
        'a response without a session';
};

my $s = $t->legacy;
my $id = $s->id;

is $s->initialized->status, 200, 'initialize';
like $id, qr/\A[\x21-\x7e]{16,}\z/, 'the session id is visible ASCII';

my @wrong = (
    [truncated => map { substr $id, 0, $_ } 1 .. length($id) - 1],
    [changed => map { my $x = $id;
                      substr($x, $_, 1) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90\-_/;
                      $x } 0 .. length($id) - 1],
    [longer => "${id}A", "A$id", "$id=", $id . 'A' x 3000, "$id,$id"],
    ['in other case' => lc $id, uc $id],
    ['made up' => 'x', '0', '-', 'null', 'A' x length $id,
                  '3a1b0c7e-7a43-4f6e-9c5f-0d4e7a1b2c3d', '../../etc'],
    ["another gateway's" => $other->legacy->id],
);

untouched $b, 'in a wrong session nothing reaches the backend', sub {
    for (@wrong) {
        my ($what, @ids) = @$_;
        my $c = $t->connection;
        my @not = grep {
            my $r = $t->post($alone{'tools/call'},
                             { 'Mcp-Session-Id' => $_ }, on => $c);
            $r->status != 404 || ($r->code // 0) != 404
            || id_of($r) ne '7' || defined $r->header('Mcp-Session-Id');
        } @ids;
        is_deeply \@not, [], "a session id that is $what: 404";
    }

    refused $t->post($ping, { 'Mcp-Session-Id' => [$id, $id] }), 400, -32600,
        'two session ids';
    isnt $t->post($ping, { 'Mcp-Session-Id' => '' })->status, 200,
        'an empty session id';
    is $t->post('{"jsonrpc":"2.0","method":"notifications/initialized"}',
                { 'Mcp-Session-Id' => "${id}x" })->status, 404,
        'a notification in no session';
    is $t->post('{"jsonrpc":"2.0","id":1,"result":{}}',
                { 'Mcp-Session-Id' => "${id}x" })->status, 404,
        'a response in no session';
};

is $s->request('ping')->status, 200, 'the true one is not affected';

# initialize

my %params = (capabilities => {}, clientInfo => { name => 'x',
                                                  version => '1' });

for (['2025-11-25', '2025-11-25'], ['2025-06-18', '2025-06-18'],
     ['2025-03-26', '2025-03-26'], ['2024-11-05', '2025-03-26'],
     ['2026-07-28', '2025-11-25'], ['2099-01-01', '2025-11-25'],
     ['2024-10-07', '2025-11-25'], ['1.0', '2025-11-25'],
     ['', '2025-11-25'], [' 2025-06-18', '2025-11-25'],
     ["2025-06-18\0", '2025-11-25'], ['DRAFT-2026-v1', '2025-11-25'])
{
    my ($asked, $answered) = @$_;
    my $r = $t->post({ jsonrpc => '2.0', id => 'i', method => 'initialize',
                       params => { %params, protocolVersion => $asked } });
    my $result = $r->result // {};

    is_deeply [$r->status, $result->{protocolVersion}], [200, $answered],
        'initialize with ' . shown($asked);
    is_deeply [sort keys %$result],
        [qw/capabilities protocolVersion serverInfo/], 'and nothing else';
    like $r->header('Mcp-Session-Id') // '', qr/\A[\x21-\x7e]+\z/,
        'in a session';
}

my %ids = map { $t->legacy(bare => 1)->id => 1 } 1 .. 20;
is keys %ids, 20, 'each initialize opens another session';

my $again = $t->post({ jsonrpc => '2.0', id => 1, method => 'initialize',
                       params => { %params,
                                   protocolVersion => '2025-06-18' } },
                     { 'Mcp-Session-Id' => $id });
is $again->status, 200, 'initialize within a session';
isnt $again->header('Mcp-Session-Id'), $id, 'opens another one';

is $t->post({ jsonrpc => '2.0', id => 1, method => 'initialize',
              params => { %params, protocolVersion => '2025-06-18' } },
            { 'MCP-Protocol-Version' => '2025-06-18' })->status, 200,
    'initialize with a version header';

for ([-32602, 200, 'a version that is no string', protocolVersion => 1],
     [-32602, 200, 'capabilities that are a list', capabilities => []],
     [-32602, 200, 'clientInfo that is a string', clientInfo => 'me'])
{
    my ($code, $status, $what, @change) = @$_;

    my $r = $t->post({ jsonrpc => '2.0', id => 1, method => 'initialize',
                       params => { %params, protocolVersion => '2025-11-25',
                                   @change } });
    refused $r, $status, $code, "initialize with $what", id => 1;
    is $r->header('Mcp-Session-Id'), undef, 'gives no session';
}

for ('x' x 10_000, "\x{20ac}" x 3000, '"\\' x 2000) {
    my $s = $t->legacy(raw => shown({
        jsonrpc => '2.0', id => 1, method => 'initialize', params => {
            protocolVersion => '2025-11-25', capabilities => {},
            clientInfo => { name => $_, version => '1' } } }));
    cmp_ok length($s->id // 'x' x 9999), '<', 2000,
        'a large clientInfo makes no large session id';
    is $s->call('echo', { message => 'hi' })->text, 'hi',
        'which can be used';
}

refused $t->post({ jsonrpc => '2.0', method => 'initialize',
                   params => { %params, protocolVersion => '2025-11-25' } }),
    400, -32600, 'initialize without an id', id => 'null';

is_deeply $s->initialized->result->{capabilities},
    { tools => { listChanged => JSON::PP::true } },
    'what is offered: tools only';

# each revision's client

for my $version ('2025-03-26', '2025-06-18', '2025-11-25') {
    my $s = $t->legacy(version => $version);
    my @before = $b->requests('tools/call');

    # what is sent without asking

    for (['initialized', '{"jsonrpc":"2.0","method":'
                         . '"notifications/initialized"}'],
         ['cancelled', '{"jsonrpc":"2.0","method":"notifications/cancelled",'
                       . '"params":{"requestId":"none","reason":"x"}}'],
         ['progress', '{"jsonrpc":"2.0","method":"notifications/progress",'
                      . '"params":{"progressToken":1,"progress":1}}'],
         ['roots', '{"jsonrpc":"2.0","method":'
                   . '"notifications/roots/list_changed"}'],
         ['an unknown notification', '{"jsonrpc":"2.0","method":'
                                     . '"notifications/x","params":{}}'],
         ['a result', '{"jsonrpc":"2.0","id":1,"result":{}}'],
         ['an error', '{"jsonrpc":"2.0","id":"x","error":'
                      . '{"code":-1,"message":"no"}}'])
    {
        my ($what, $body) = @$_;
        my $r = $s->request(undef, undef, raw => $body);

        is_deeply [$r->status, $r->body, $r->header('Content-Type')],
            [202, '', undef], "$version: $what: 202, nothing else";
    }

    is $b->requests('tools/call'), @before, 'none of it went to the backend';

    # ping and tools

    my $r = $s->request(undef, undef, raw => $ping);
    is_deeply [$r->status, $r->json],
        [200, { jsonrpc => '2.0', id => 7, result => {} }],
        "$version: ping";

    $r = $s->request('tools/list');
    is_deeply [$r->status, $r->tools], [200, 'echo'], 'tools/list';
    is_deeply [sort keys %{ $r->result }], ['tools'],
        'without members of the modern revision';
    is $s->call('echo', { message => 'hi' })->text, 'hi', 'tools/call';
    is_deeply [sort keys %{ $s->call('echo', {})->result }], ['content'],
        'its result has no modern members either';
    is $r->header('Mcp-Session-Id'), undef,
        'the session id is given with initialize only';

    # unknown methods

    for (qw{no/such server/discover subscriptions/listen Tools/list
            tools/List tools prompts/list prompts/get resources/list
            resources/read resources/templates/list completion/complete
            logging/setLevel resources/subscribe tasks/get tasks/list},
         'tools/list ', '../tools/list', "tools/list\0", '')
    {
        my $params = m{^prompts/get} ? { name => 'x' }
                   : m{^resources/[rs]} ? { uri => 'x:y' }
                   : m{^tasks/get} ? { taskId => 'x' }
                   : m{^completion} ? { ref => { type => 'ref/prompt',
                                                 name => 'x' } }
                   : m{^logging} ? { level => 'info' } : {};
        my $r = $s->request($_, $params, id => 'u');

        refused $r, ($_ eq '' ? (400, -32600) : (200, -32601)),
            "$version: method " . shown($_), id => '"u"';
    }

    # batches: never (one would have to be judged and sent whole)

    my $call = '{"jsonrpc":"2.0","id":1,"method":"tools/call",'
             . '"params":{"name":"echo","arguments":{}}}';

    untouched $b, "$version: nothing of a batch reaches the backend", sub {
        for ('[]', "[$ping]", "[$call]", "[$call,$call]", "[$ping,$call]",
             "[[$call]]", "[[]]", '[1]', '[null]', '["x"]', " [$call]",
             "\n\r\t [$call]", "[$call] ", "[ $call ]",
             '[{"jsonrpc":"2.0","method":"notifications/initialized"}]',
             '[{"jsonrpc":"2.0","id":1,"result":{}}]', "[{},$call]",
             '[' . join(',', ($call) x 200) . ']')
        {
            refused $s->request(undef, undef, raw => $_), 400, -32600,
                "$version: batch " . substr(s/\s/~/gr, 0, 30), id => 'null';
        }

        for ("\xef\xbb\xbf[$call]", "[$call", "[$call],", "$call$call",
             "[$call]]", "\xff\xfe[\0", "[$call,]", "\0[$call]",
             "\x0b[$call]", "\xc2\xa0[$call]")
        {
            refused $s->request(undef, undef, raw => $_), 400, -32700,
                "$version: not JSON " . substr(s/[^ -~]/~/gr, 0, 30);
        }
    };

    # the version header

    for ('2025-06-19', '2024-11-05', '2026-07-27', 'garbage', '2025-11-25x',
         '2025-11-2', '2025-11-25, 2025-06-18', '"2025-11-25"', '0', '')
    {
        refused $s->request(undef, undef, raw => $ping,
                            headers => { 'MCP-Protocol-Version' => $_ }),
            400, -32600, "$version: MCP-Protocol-Version: $_", id => 7;
    }

    for ('2025-03-26', '2025-06-18', '2025-11-25', "  2025-11-25\t", undef) {
        is $s->request(undef, undef, raw => $ping,
                       headers => { 'MCP-Protocol-Version' => $_ })->status,
            200, "$version: MCP-Protocol-Version: " . ($_ // 'none');
    }

    refused $s->request(undef, undef, raw => $ping,
        headers => { 'MCP-Protocol-Version' => ['2025-06-18',
                                                '2025-06-18'] }),
        400, -32600, "$version: two of them";

    is $s->end->status, 204, "$version: DELETE";
}

# what the client accepts

for (undef, 'application/json', 'text/event-stream', 'text/html', '',
     'application/xml, text/plain', 'application/*', 'text/*')
{
    refused $s->request(undef, undef, raw => $ping,
                        headers => { Accept => $_ }),
        406, 406, 'Accept: ' . ($_ // 'none'), id => 7;
}

for ('*/*', 'application/*, text/*', 'Application/JSON,TEXT/Event-Stream',
     'text/event-stream, application/json', 'text/html, */*;q=0.1',
     'application/json;q=0.9 , text/event-stream;q=0.5',
     ['application/json', 'text/event-stream'])
{
    is $s->request(undef, undef, raw => $ping,
                   headers => { Accept => $_ })->status, 200,
        'Accept: ' . (ref $_ ? 'in two lines' : $_);
}

# what it sends

for (undef, '', 'text/plain', 'text/json', 'application/jsonp',
     'application/json-rpc', 'application/jsonrequest', 'application',
     'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x',
     'application/json; charset=utf-16', 'application/json; charset=utf-7',
     'application/json;charset=iso-8859-1', 'application/json; charset=utf-80',
     'application/json; charset=', 'application/json, text/plain',
     'application/json text/plain', 'application/ld+json',
     'text/plain; application/json', 'text/plain, application/json')
{
    refused $s->request(undef, undef, raw => $ping,
                        headers => { 'Content-Type' => $_ }),
        415, 415, 'Content-Type: ' . ($_ // 'none');
}

for ('application/json', 'application/json; charset=utf-8',
     'application/json;charset=UTF-8', 'application/json; charset="utf-8"',
     'APPLICATION/JSON', 'application/json ; charset=utf-8',
     'application/json;', 'application/json; x=y', "application/json\t")
{
    is $s->request(undef, undef, raw => $ping,
                   headers => { 'Content-Type' => $_ })->status, 200,
        "Content-Type: $_";
}

refused $s->request(undef, undef, raw => $ping,
    headers => { 'Content-Type' => ['application/json', 'text/plain'] }),
    400, -32600, 'two of them';

for ('gzip', 'br', 'deflate', 'x-gzip', 'identity, gzip', 'identityx', 'zstd')
{
    refused $s->request(undef, undef, raw => $ping,
                        headers => { 'Content-Encoding' => $_ }),
        415, 415, "Content-Encoding: $_";
}

is $s->request(undef, undef, raw => $ping,
               headers => { 'Content-Encoding' => 'identity' })->status, 200,
    'Content-Encoding: identity';

# methods of HTTP

for my $method (qw/HEAD PUT PATCH OPTIONS PROPFIND REPORT/) {
    for my $headers ({}, $s->headers({ Accept => $text })) {
        my $r = $t->http($method, '/mcp', $headers,
                         $method =~ /^P/ ? $ping : undef);

        is_deeply [$r->status, [sort split /,\s*/, $r->header('Allow') // '']],
            [405, [qw/DELETE GET POST/]],
            "$method " . (%$headers ? 'in a session' : 'without a session');
        is $r->body, '', 'no body' if $method eq 'HEAD';
    }
}

refused $t->http('PUT', '/mcp', {}, $ping), 405, 405, 'PUT says so in JSON',
    id => 'null';
refused $t->http('GET', '/mcp', { Accept => 'text/html' }), 406, 406,
    'GET is for event streams', id => 'null';
is $t->http($_, '/mcp', {}, undef)->status, 405, "$_ is nginx's to refuse"
    for qw/TRACE/;
is $s->request('ping', {}, headers => { 'X-HTTP-Method-Override' => 'DELETE',
                                        'X-HTTP-Method' => 'DELETE' })
     ->status, 200, 'no method but the true one counts';
is $s->request('ping')->status, 200, 'the session lives';

# DELETE

refused $t->http('DELETE', '/mcp'), 400, -32600, 'DELETE without a session';
refused $t->http('DELETE', '/mcp', { 'Mcp-Session-Id' => "${id}x" }),
    404, 404, 'DELETE of an unknown session';
refused $t->http('DELETE', '/mcp',
                 { 'Mcp-Session-Id' => $other->legacy->id }),
    404, 404, "DELETE of another gateway's session";
refused $t->http('DELETE', '/mcp', { 'Mcp-Session-Id' => [$id, $id] }),
    400, -32600, 'DELETE with two session ids';
is $s->request('ping')->status, 200, 'the session still lives';

my $neighbour = $t->legacy;
my $ended = $s->end;
is_deeply [$ended->status, $ended->body], [204, ''], 'DELETE';
refused $s->end, 404, 404, 'a second DELETE';

my $spread = Sentinel::MCP->new(port => $t->port('spread'));
my (%workers, @alive);

untouched $b, 'an ended session reaches no backend', sub {
    await {
        my $r = $spread->post($alone{'tools/call'}, $s->headers);
        push @alive, $r->status if $r->status != 404;
        $workers{ $r->header('X-Worker') }++;
        keys %workers == 2;
    };
};

is keys %workers, 2, 'all workers were asked';
is_deeply \@alive, [], 'the session has ended on all of them';
is $s->notify('notifications/initialized')->status, 404,
    'for notifications too';
is $s->get->status, 404, 'and GET';

my %served;
await {
    my $r = $spread->post($ping, $neighbour->headers);
    $served{ $r->header('X-Worker') }{ $r->status }++;
    keys %served == 2;
};
is_deeply [map { keys %$_ } values %served], [200, 200],
    'another session goes on, on every worker';

done_testing;
