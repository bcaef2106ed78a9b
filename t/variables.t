# $mcp_* and $upstream_* in logs and in headers to backends: true for every way
# a call can end, and never a way for a client to write a line or a header of
# its own.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my @mcp = qw/request_id method name backend era protocol_version outcome
             error_code session/;
my @upstream = qw/addr status response_time connect_time header_time
                  response_length bytes_received bytes_sent/;

my $a = Sentinel::Backend->legacy(
    name => 'a', tools => [qw/echo fail broken hang slow/],
    prompts => [{ name => 'p' }],
    resources => [{ name => 'r', uri => 'test://r' }],
    templates => [{ name => 't', uriTemplate => 'any://{+x}' }],
    call => { slow => sub {
        $_[0]->json('{"jsonrpc":"2.0","id":7777777,"result":{}}') } });
my $b = Sentinel::Backend->modern(name => 'b', tools => [qw/echo broken/]);
my $gone = Sentinel::Backend->legacy(name => 'gone', tools => ['echo']);
my $headers = Sentinel::Backend->modern(name => 'headers', tools => ['echo']);

my $t = Sentinel::Test->new(
    env => { SENTINEL_TOKEN => 't0ken' },
    backends => [
        a => { url => $a, conf => 'read_timeout 300ms;' },
        b => $b, gone => $gone,
        headers => { url => $headers, conf => <<'END' },
            set_header Authorization "Bearer $token";
            set_header User-Agent "mine/$mcp_era";
            set_header Host my.host.example;
            set_header X-Call $mcp_request_id;
            set_header X-Name $mcp_name;
            set_header X-From $http_x_from;
            set_header X-Path $uri;
            set_header X-Method "$mcp_method on $mcp_backend";
            set_header X-Empty "$arg_none";
END
    ],
    pass => 'a b gone',
    http => "    mcp_secret \$token env:SENTINEL_TOKEN;\n"
        . "    log_format mcp escape=json '{"
        . join(',', map { "\"$_\":\"\$$_\"" } 'args', 'status', 'uri',
               (map { "mcp_$_" } @mcp), map { "upstream_$_" } @upstream)
        . "}';\n",
    server => <<'END',
        access_log %%DIR%%/calls.log mcp;

        location /headers { mcp_pass headers; }

        location /other { return 200 "$mcp_request_id/$mcp_method$mcp_era"; }
END
)->run->wait_catalog(qw/a_echo b_echo gone_echo/);

my $s = $t->legacy;
my $n = 0;

# The line of a request that is made with that path.

sub logged {
    my ($code) = @_;
    my ($tag, $line, $r);

    $tag = 'n=' . ++$n;
    $r = $code->("/mcp?$tag");
    await { ($line) = grep { /"args":"$tag"/ }
                      $t->read('calls.log') =~ /^(.*)\n/mg };

    return (JSON::PP->new->decode($line // '{}'), $r);
}

sub raw {
    my ($path, $body, %headers) = @_;

    return $t->post($body, \%headers, path => $path);
}

$gone->stop;

my $modern = [modern => '2026-07-28'];
my $legacy = [legacy => '2025-11-25'];
my $nobody = ['', ''];

# what, how, the expected: outcome, code, HTTP status, method, name, backend,
# [era, version], upstream status

my @cases = (
    ['not JSON', sub { raw($_[0], '{') },
     'invalid', -32700, 400, '', '', '', $nobody, ''],
    ['a batch', sub { raw($_[0], '[]') },
     'invalid', -32600, 400, '', '', '', $nobody, ''],
    ['a page of somebody else', sub {
        raw($_[0], '{}', Origin => 'http://evil.example') },
     'denied', 403, 403, '', '', '', $nobody, ''],
    ['another host', sub { raw($_[0], '{}', Host => 'evil.example') },
     'denied', 403, 403, '', '', '', $nobody, ''],
    ['GET', sub { $t->http('GET', $_[0]) },
     'invalid', 406, 406, '', '', '', ['legacy', ''], ''],
    ['PUT', sub { $t->http('PUT', $_[0]) },
     'invalid', 405, 405, '', '', '', $nobody, ''],
    ['another type', sub { raw($_[0], '{}', 'Content-Type' => 'text/x') },
     'invalid', 415, 415, '', '', '', $nobody, ''],
    ['no session', sub {
        raw($_[0], '{"jsonrpc":"2.0","id":1,"method":"ping"}') },
     'invalid', -32600, 400, 'ping', '', '', ['legacy', ''], ''],
    ['an unknown session', sub {
        raw($_[0], '{"jsonrpc":"2.0","id":1,"method":"ping"}',
            'Mcp-Session-Id' => 'x') },
     'invalid', 404, 404, 'ping', '', '', ['legacy', ''], ''],
    ['headers that disagree', sub {
        $t->call('a_echo', {}, path => $_[0],
                 headers => { 'Mcp-Name' => 'x' }) },
     'invalid', -32020, 400, 'tools/call', 'a_echo', '', $modern, ''],
    ['an unknown method', sub { $t->modern('no/such', {}, path => $_[0]) },
     'invalid', -32601, 404, 'no/such', '', '', $modern, ''],
    ['an unknown method, legacy', sub {
        $s->request('no/such', {}, path => $_[0]) },
     'invalid', -32601, 200, 'no/such', '', '', $legacy, ''],
    ['an unknown tool', sub { $t->call('none', {}, path => $_[0]) },
     'invalid', -32602, 200, 'tools/call', 'none', '', $modern, ''],
    ['a backend that is down', sub {
        $t->call('gone_echo', {}, path => $_[0]) },
     'unavailable', 503, 200, 'tools/call', 'gone_echo', 'gone', $modern,
     '502'],
    ['a backend that hangs', sub { $s->call('a_hang', {}, path => $_[0]) },
     'timeout', 504, 200, 'tools/call', 'a_hang', 'a', $legacy, '504'],
    ['a backend that answers another', sub {
        $s->call('a_slow', {}, path => $_[0]) },
     'unknown', 502, 200, 'tools/call', 'a_slow', 'a', $legacy, '200'],
    ['a tool that fails', sub { $t->call('a_fail', {}, path => $_[0]) },
     'tool_error', '', 200, 'tools/call', 'a_fail', 'a', $modern, '200'],
    ['an error of the backend', sub { $s->call('b_broken', {},
                                               path => $_[0]) },
     'rpc_error', -32099, 200, 'tools/call', 'b_broken', 'b', $legacy, '200'],
    ['a call', sub { $t->call('b_echo', {}, path => $_[0]) },
     'ok', '', 200, 'tools/call', 'b_echo', 'b', $modern, '200'],
    ['a legacy call', sub { $s->call('a_echo', {}, path => $_[0]) },
     'ok', '', 200, 'tools/call', 'a_echo', 'a', $legacy, '200'],
    ['a prompt', sub { $s->request('prompts/get', { name => 'a_p' },
                                   path => $_[0]) },
     'ok', '', 200, 'prompts/get', 'a_p', 'a', $legacy, '200'],
    ['a resource', sub { $t->modern('resources/read', { uri => 'test://r' },
                                    path => $_[0]) },
     'ok', '', 200, 'resources/read', 'test://r', 'a', $modern, '200'],
    ['a list', sub { $t->modern('tools/list', {}, path => $_[0]) },
     'ok', '', 200, 'tools/list', '', '', $modern, ''],
    ['server/discover', sub { $t->modern('server/discover', {},
                                         path => $_[0]) },
     'ok', '', 200, 'server/discover', '', '', $modern, ''],
    ['ping', sub { $s->request('ping', {}, path => $_[0]) },
     'ok', '', 200, 'ping', '', '', $legacy, ''],
    ['a notification', sub { $s->notify('notifications/initialized', {},
                                        path => $_[0]) },
     'ok', '', 202, 'notifications/initialized', '', '', $legacy, ''],
    ['initialize', sub {
        $t->legacy(version => '2025-06-18', bare => 1, path => $_[0])
          ->initialized },
     'ok', '', 200, 'initialize', '', '', ['legacy', '2025-06-18'], ''],
    ['DELETE', sub {
        my $s = $t->legacy;
        $t->http('DELETE', $_[0], { 'Mcp-Session-Id' => $s->id }) },
     'ok', '', 204, '', '', '', ['legacy', '2025-11-25'], ''],
);

my (%sessions, %ids);

for (@cases) {
    my ($what, $code, $outcome, $error, $status, $method, $name, $backend,
        $era, $upstream) = @$_;
    my ($v, $r) = logged($code);

    is_deeply
        { map { ($_ => $v->{$_}) } qw/mcp_outcome mcp_error_code status
            mcp_method mcp_name mcp_backend mcp_era mcp_protocol_version
            upstream_status/ },
        { mcp_outcome => $outcome, mcp_error_code => "$error",
          status => "$status", mcp_method => $method, mcp_name => $name,
          mcp_backend => $backend, mcp_era => $era->[0],
          mcp_protocol_version => $era->[1],
          upstream_status => $upstream }, $what
        or diag shown($v);

    like $v->{mcp_request_id}, qr/\A[0-9a-f-]{14}7[0-9a-f-]{21}\z/,
        'has an id';
    $ids{ $v->{mcp_request_id} }++;

    if ($upstream eq '') {
        is join('', @$v{map { "upstream_$_" } @upstream}), '',
            'no backend was asked';

    } else {
        my %port = (a => $a, b => $b, gone => $gone);
        is $v->{upstream_addr}, '127.0.0.1:' . $port{$backend}->port,
            'its address';
        like $v->{upstream_response_time}, qr/\A\d+\.\d{3}\z/, 'its time';
        cmp_ok $v->{upstream_bytes_sent}, '>', 100, 'what was sent'
            if $backend ne 'gone';
        cmp_ok $v->{upstream_bytes_received}, '>', 100, 'what was received'
            if $upstream eq '200';
    }

    if ($status < 300 && $era->[0] eq 'legacy') {
        like $v->{mcp_session}, qr/\A[0-9a-f]{32}\z/, 'a session';
        $sessions{ $v->{mcp_session} }++ if $what !~ /^(?:init|DEL)/;
        unlike $s->id, qr/\Q$v->{mcp_session}\E/, 'whose id it is not';

    } elsif ($era->[0] ne 'legacy') {
        is $v->{mcp_session}, '', 'no session';
    }
}

is keys %ids, @cases, 'every request has an id of its own';
is keys %sessions, 1, 'all calls of one session name it alike';
is $t->post('{"jsonrpc":"2.0","id":1,"method":"ping"}',
            { 'Mcp-Session-Id' => (keys %sessions)[0] })->status, 404,
    'nobody enters it by that name';

# a modern client that goes away has cancelled

my ($line) = logged(sub {
    my $c = $t->connection;

    $c->request('POST', $_[0], { 'Content-Type' => 'application/json',
        'MCP-Protocol-Version' => '2026-07-28', 'Mcp-Method' => 'tools/call',
        'Mcp-Name' => 'a_hang' }, '{"jsonrpc":"2.0","id":1,"method":'
        . '"tools/call","params":{"name":"a_hang","_meta":{'
        . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        . '"io.modelcontextprotocol/clientCapabilities":{}}}}');
    $a->wait_note(qr/hanging/);
    await { $a->requests('tools/call') } ;
    $c->abort;
});
like $line->{mcp_outcome}, qr/\A(?:cancelled|timeout)\z/,
    'a client that goes away';

# elsewhere there is no call, but an id

like $t->http('GET', '/other')->body, qr{\A[0-9a-f-]{36}/\z},
    'in another location';

# the gateway's own requests have none

is_deeply [map { lines($_, 'X-Call') } $headers->requests('tools/list')], [],
    'a header with an empty value is left out';
is_deeply [map { lines($_, 'X-Name') } $headers->requests('tools/list')], [],
    'the manager\'s requests are no calls';

# headers to a backend

await { $t->modern('tools/list', {}, path => '/headers')->tools };
my ($r, %got);
my ($request) = sent $headers, sub {
    $r = $t->call('echo', { message => 'm' }, path => '/headers/x',
                  headers => { 'X-From' => "me, \xe9", Host => 'localhost',
                               'User-Agent' => 'client' });
};

is $r->text, 'm', 'a backend with set_header';
push @{ $got{lc $_->[0]} }, $_->[1] for @{ $request->{raw_headers} };
is_deeply { map { ($_ => $got{$_}) }
            qw/authorization user-agent host x-name x-from x-path x-method
               x-empty/ },
    { authorization => ['Bearer t0ken'], 'user-agent' => ['mine/modern'],
      host => ['my.host.example'], 'x-name' => ['echo'],
      'x-from' => ["me, \xe9"], 'x-path' => ['/headers/x'],
      'x-method' => ['tools/call on headers'], 'x-empty' => undef },
    'each once, with its value';
is_deeply [@{ $got{'x-call'} || [] }], [$request->{headers}{'x-request-id'}],
    'the id of the call';

for (['X-Path', '/headers%0d%0aEvil:%201'], ['X-Path', '/headers%0aEvil:1'],
     ['X-Path', '/headers%0dEvil:1'])
{
    my ($header, $path) = @$_;
    my $r;

    untouched $headers, "$header with a line break: nothing is sent", sub {
        $r = $t->call('echo', {}, path => $path);
    };
    ok $r->error, 'the client gets an error' or diag $r->body;
}

like $t->error_log, qr/"set_header X-Path" has a line break/,
    'which is in the log';

# what clients send does not break out of its line

for my $name ("x\n2026/01/01 00:00:00 [emerg] 1#1: INJECTED", "x\rINJECTED",
              "x\x1b[31mINJECTED", "x\0INJECTED", "x\x7fINJECTED",
              "x\x{85}INJECTED", "x\x{2028}INJECTED", "x\"INJECTED",
              "x\tINJECTED", "x\\nINJECTED")
{
    $t->call($name);
    $s->call($name);
    $s->request($name);
    $t->modern('prompts/get', { name => $name });
    $s->request('completion/complete', { ref => { type => 'ref/prompt',
                                                  name => $name },
                                         argument => { name => 'a',
                                                       value => $name } });
    $t->modern('resources/read', { uri => "none://$name" });
    $s->request('resources/read', { uri => "any://$name" });
    $s->request('tools/list', { cursor => $name });
    $s->notify("notifications/$name");
    utf8::encode(my $bytes = "{\"$name\":1}");
    $t->post($bytes);
}

$a->stop;
$s->request('resources/read', { uri => "any://x\nINJECTED \x1b[31m" });

is_deeply [grep { !m{\A\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: } }
           split /\n/, $t->error_log], [],
    'every line of the error log is one of nginx\'s';
is_deeply [grep { /^2026\/01\/01/ } split /\n/, $t->error_log], [],
    'none is the client\'s';
unlike $t->error_log, qr/[^\x20-\x7e\n]/,
    'no bytes in it that a terminal could take for something else';
is_deeply [grep { !eval { JSON::PP->new->decode($_) } }
           split /\n/, $t->read('calls.log')], [],
    'every line of the access log is whole';

done_testing;
