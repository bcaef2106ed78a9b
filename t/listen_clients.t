# Streams of notifications with real clients and hard ones: both SDKs, HTTP/2
# and TLS, a reader that does not read, keys that are withdrawn, and what is
# on record.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::H2;
use Sentinel::Provider;
use Sentinel::Token;

use JSON::PP;

use constant ID => 'io.modelcontextprotocol/subscriptionId';

my $true = JSON::PP::true;
my $all = { notifications => { map { ("${_}ListChanged" => $true) }
                               qw/tools prompts resources/ } };
my $dir = File::Temp::tempdir(CLEANUP => 1);
my ($crt, $crt_key) = certificate('localhost', $dir);
my ($curl) = grep { -x } map { "$_/curl" } split /:/, $ENV{PATH};

my ($first, $second) = map { Sentinel::Token->ec(kid => $_) } qw/a b/;
my $idp = Sentinel::Provider->new;
$idp->put('/jwks', jwks($first, $second));

my $one;
$one = Sentinel::Backend->modern(
    start => 0, ttl => 0, prompts => [{ name => 'p' }],
    resources => [{ uri => 'x:a', name => 'a' }],
    tools => ['echo', { name => 'change',
                        inputSchema => { type => 'object' } }],
    call => { change => sub {
        my @tools = map { $_->{name} } @{ $one->state->{tools} };
        my $more = 't' . @tools;
        $one->set(tools => [@{ $one->state->{tools} },
            { name => $more, inputSchema => { type => 'object' } }]);
        return Sentinel::Tools::text($more);
    } });
$one->start;

my $t = Sentinel::Calls->new(
    backends => [one => { url => $one, conf => 'refresh 300ms;' }],
    main => "worker_shutdown_timeout 10s;\n",
    http => Sentinel::Audit->conf('') . '
    mcp_auth_jwt_key jwks:' . $idp->url('/jwks') . ' refresh=200ms;
    ssl_certificate ' . $crt . ';
    ssl_certificate_key ' . $crt_key . ';
',
    location => 'mcp_audit all;',
    server => <<"END",
        listen 127.0.0.1:%%PORT:tls%% ssl http2;
        listen 127.0.0.1:%%PORT:clear%% http2;
        location /token { mcp_auth_jwt tools; mcp_pass one; }
        location /many  { mcp_auth_jwt tools; mcp_pass one; }
        location /slow  { mcp_pass one; send_timeout 1s; }
        location /api   { mcp_api; }
END
    workers => 1);
$t->run->wait_catalog('echo', 'change');
my $audit = Sentinel::Audit->new($t);


sub listen_message {
    return json_text({ jsonrpc => '2.0', id => $_[0],
        method => 'subscriptions/listen', params => { %$all, _meta => {
            'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities' => {} } } });
}


sub listening {
    my ($id, %opt) = @_;
    my $c = $t->modern('subscriptions/listen', $all, id => $id, %opt,
                         stream => 1);

    is $c->message->{method}, 'notifications/subscriptions/acknowledged',
        "a stream is open";

    return $c;
}


my $off = 0;

sub switch {
    my $method = ($off = !$off) ? 'PUT' : 'DELETE';

    return $t->http($method, '/api/disabled/backends/one')->status;
}


# --- official clients --------------------------------------------------------

for (['1'], [2, 'auto'], [2, 'legacy']) {
    my $seen = client('listen.mjs', $t->url, @$_);
    my $era = @$_ == 2 && $_->[1] eq 'auto' ? '2026-07-28' : '2025-11-25';
    my @before = @{ $seen->{before} || [] };

    is $seen->{version}, $era, "SDK @$_" or diag $seen->{failed};
    ok scalar @before >= 2, 'it lists';
    is_deeply $seen->{after}, [sort @before, 't' . @before],
        'and hears of one more';
}


# --- TLS and HTTP/2 ----------------------------------------------------------

SKIP: {
    my (%out, %process);

    skip 'no curl' if !$curl;

    for my $how (qw/http1.1 http2/) {
        $out{$how} = "$dir/$how";
        $process{$how} = spawn(
            name => "curl $how", log => "$dir/$how.log",
            command => [$curl, '-sSNk', "--$how", '-o', $out{$how},
                '-H', 'Content-Type: application/json',
                '-H', 'Accept: application/json, text/event-stream',
                '-H', 'MCP-Protocol-Version: 2026-07-28',
                '-H', 'Mcp-Method: subscriptions/listen',
                '--data', listen_message($how),
                'https://127.0.0.1:' . $t->port('tls') . '/mcp']);
        ok await { -e $out{$how} && Sentinel::Process::slurp($out{$how})
                                    =~ /acknowledged/ }, "$how: open";
    }

    switch();

    for my $how (qw/http1.1 http2/) {
        ok await { Sentinel::Process::slurp($out{$how})
                   =~ /tools.list_changed.*prompts.list_changed/s },
            "$how: told";
    }

    switch();
    ok $t->reload, 'a reload';

    for my $how (qw/http1.1 http2/) {
        ok await { Sentinel::Process::slurp($out{$how})
                   =~ /"id":"\Q$how\E","result":\{"resultType":"complete"/ },
            "$how: the end";
        ok await { !$process{$how}->alive }, '... is one for curl';
        is Sentinel::Process::slurp("$dir/$how.log"), '', '... a proper one';
    }

    ok +(await { !$t->leaving } 5), 'the old worker is gone';
}


# --- who does not read -------------------------------------------------------

# By the window of HTTP/2 there is room for the acknowledgement, but not for
# three events of more than 1 KB each.

my $id = 'i' x 1000;
my $watch = listening('watch');
my $h2 = Sentinel::H2->new(port => $t->port('clear'), window => 2000);

my ($slow, $patient) = map {
    my $stream = $h2->request([
        ':method' => 'POST', ':scheme' => 'http', ':path' => $_,
        ':authority' => 'localhost', 'content-type' => 'application/json',
        accept => 'application/json, text/event-stream',
        'mcp-protocol-version' => '2026-07-28',
        'mcp-method' => 'subscriptions/listen' ], listen_message($id));
    ok $h2->wait(sub { $h2->stream($stream)->{body} =~ /acknowledged/ }),
        "a stream is open over HTTP/2";
    $stream;
} qw{/slow /mcp};

# each round is seen when the one that reads has heard of it

for (1 .. 3) {
    switch();
    $watch->message for 1 .. 3;
}

ok $t->wait_log(qr{client timed out.*POST /slow}),
    'who does not read is given up after send_timeout';
$h2->widen($patient, 1_000_000);

sub told {
    my (@data) = $h2->stream($patient)->{body} =~ /^data: (.*)\n\n/mg;

    return map { JSON::PP::decode_json($_) } @data;
}

ok $h2->wait(sub { told() >= 7 }), 'or gets it late';
is_deeply [map { ($_->{method} =~ m{/(\w+)/})[0] } told()],
    [qw/subscriptions/, (qw/tools prompts resources/) x 2],
    '... rounds that it missed as one';
is_deeply [grep { $_->{params}{_meta}{ID()} ne $id } told()], [], '... whole';
switch();
ok $h2->wait(sub { told() >= 10 }), '... and it goes on';
switch() if $off;
ok $h2->wait(sub { $h2->stream($slow)->{reset} }, 20), '... that one';
$h2->close;
$watch->close;
$t->wait_catalog('echo');


# --- a key that is withdrawn -------------------------------------------------

my %c = map {
    my ($key, $name) = @$_;
    ($name => listening($name, path => '/token', headers => {
        Authorization => 'Bearer ' . $key->token({ sub => $name }) }));
} [$first, 'first'], [$second, 'second'];

$idp->put('/jwks', jwks($second));
is $c{first}->message(20)->{result}{resultType}, 'complete',
    'its token no longer listens';
$c{first}->close;
ok $c{second}->quiet(0.1), 'another does';


# --- on record ---------------------------------------------------------------

my $path = $t->tag;
my $c = listening('r', path => $path);
$c->close;
my $r = $t->record($path);
is_deeply [@$r{qw/outcome code era backend method status/}],
    ['ok', '', 'modern', '', 'subscriptions/listen', 200], 'the log';

sub row {
    my ($row) = grep { ($_->{'jsonrpc.request.id'} // '') =~ /\bin-audit\b/ }
                $audit->lines;
    return $row;
}

listening('in-audit')->close;
ok await { row() }, 'the audit trail, with "all"';
is join(' ', map { row()->{$_} // '' } qw/record mcp.method.name outcome/),
    'call subscriptions/listen ok', '... when it has ended';
is_deeply [ $audit->problems ], [], '... chains hold';


# --- what an idle stream costs -----------------------------------------------

# With a token of its own, of which the worker remembers as much as for calls.

SKIP: {
    skip 'a sanitizer has memory of its own' if $ENV{SAN};

    my ($worker) = $t->workers;
    my (@c, @memory);

    for my $round (1, 2) {
        for (1 .. 100) {
            my $c = $t->modern('subscriptions/listen', $all,
                path => '/many', stream => 1, headers => {
                    Authorization => 'Bearer ' . $second->token(
                        { sub => "$round-$_", scope => 'mcp:tools',
                          iss => 'https://idp.example/' }) });
            $c->message;
            push @c, $c;
        }

        push @memory, memory($worker);
    }

    my $each = int(($memory[1] - $memory[0]) / 100);
    cmp_ok $each, '<', 16384, "an idle stream: $each bytes";
    $_->close for @c;
}


# --- nginx ends --------------------------------------------------------------

$c = listening('quit');
my $get = $t->legacy->get(stream => 1);
$t->{process}->signal('QUIT');
is $c->message(20)->{id}, 'quit', 'SIGQUIT ends streams properly';
is $c->event(20), undef, '... and then the answer';
is $get->message(20), undef, '... of GET, too';
ok !$get->truncated && !$c->truncated, '... none is cut';
ok await { !$t->running }, 'nginx is gone';


# --- configuration -----------------------------------------------------------

for (['mcp_listen maybe;', qr/invalid parameter "maybe"/],
     ['mcp_listen off max=1;', qr/invalid parameter "off"/],
     ['mcp_listen max=0;', qr/invalid parameter "max=0".*more than zero/],
     ['mcp_listen max=-1;', qr/invalid parameter "max=-1"/],
     ['mcp_listen client=;', qr/invalid parameter "client="/],
     ['mcp_listen keepalive=0;', qr/invalid parameter "keepalive=0"/],
     ['mcp_listen keepalive=soon;', qr/invalid parameter "keepalive=soon"/],
     ['mcp_listen on; mcp_listen off;', qr/"mcp_listen" directive is dupl/])
{
    my ($conf, $says) = @$_;
    my $bad = Sentinel::Test->new(backends => [one => $one],
                                  location => $conf);
    my ($status, $said) = $bad->check;
    isnt $status, 0, $conf;
    like $said, $says, '... says why';
}

done_testing;
