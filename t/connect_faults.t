# mcp-bridge connect before servers that do not do as they should, or that
# forget: each request gets one answer, with its own id; what may have been
# carried out is never sent again.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Stdio;
use JSON::PP;

my %modern = (modern => 1);


# a session that the server has forgotten

my $b = Sentinel::Backend->legacy(tools => [qw/echo slow/], get => 1);
my $c = Sentinel::Stdio->connect($b->url);
is $c->legacy->result->{protocolVersion}, '2025-11-25', 'initialize';
is $c->call('echo', { message => 'one' })->text, 'one', 'a call';
my ($first) = map { $_->{headers}{'mcp-session-id'} }
              $b->requests('tools/call');
ok $first, 'in a session';
is +($b->requests('tools/call'))[0]{headers}{'mcp-protocol-version'},
    '2025-11-25', 'with its version';

ok +(await { grep { $_->{method} eq 'GET' } $b->requests }),
    'it listens, too';
$b->set(tools => [qw/echo slow big/]);
is $c->message->{method}, 'notifications/tools/list_changed',
    'what the server says of its own accord';

$b->end_sessions->forget;
$c->begin('tools/call', { name => 'echo', arguments => { message => $_ } },
          id => $_) for 1 .. 5;
is_deeply [ map { $c->answer($_)->text } 1 .. 5 ], [ 1 .. 5 ],
    'a session that was lost is opened again';
is scalar $b->requests('initialize'), 1, 'once';
is scalar(grep { ($_->{headers}{'mcp-session-id'} // '') ne $first }
          $b->requests('tools/call')), 5,
    'and each call is sent again in it';
like $c->errors, qr/another was opened/, 'which is told';
$c->close_input;
is $c->wait, 0, 'the end';
ok +(grep { $_->{method} eq 'DELETE' } $b->requests), 'of the session, too';

my $lost = 0;
$b = Sentinel::Backend->raw(sub {
    my ($conn, $request) = @_;
    my $message = $request->{json};

    return $conn->respond(405) if $request->{method} ne 'POST';
    return $conn->respond(202) if !defined $message->{id};
    return $conn->respond(404)
        if $message->{method} ne 'initialize';
    return $conn->respond(500) if -e "$ENV{LOST_FILE}";
    open my $file, '>', $ENV{LOST_FILE};
    $conn->json({ jsonrpc => '2.0', id => $message->{id}, result => {
        protocolVersion => '2025-06-18', capabilities => {},
        serverInfo => { name => 'x', version => '1' } } },
        headers => { 'Mcp-Session-Id' => 'gone' });
}, start => 0);
$ENV{LOST_FILE} = "$b->{dir}/lost";
$b->start;
$c = Sentinel::Stdio->connect($b->url);
$c->legacy;
my $r = $c->call('echo');
is $r->code, 404, 'one that cannot be opened again';
like $r->error->{message}, qr/initialize/, 'says what to do';
$c->stop;


# answers of all kinds: [what the server does, code or text]

sub result {
    my ($id, $text) = @_;

    return { jsonrpc => '2.0', id => $id, result => {
             content => [{ type => 'text', text => $text }] } };
}

my $json = JSON::PP->new->utf8->canonical;

my %does = (
    fine => [sub { $_[0]->json(result($_[1], 'fine')) }, 'fine'],
    pretty => [sub { $_[0]->respond(200,
        { 'Content-Type' => 'application/json; charset=utf-8' },
        JSON::PP->new->pretty->encode(result($_[1], 'pretty'))
        =~ s/\n/\r\n/gr) }, 'pretty'],
    untyped => [sub { $_[0]->respond(200, {},
        $json->encode(result($_[1], 'untyped'))) }, 'untyped'],
    stream => [sub { $_[0]->sse; $_[0]->comment('hello');
        $_[0]->event(result($_[1], 'streamed')); $_[0]->end }, 'streamed'],
    lines => [sub { $_[0]->sse;
        $_[0]->bytes(join('', map { "data: $_\r\n" } split /\n/,
            JSON::PP->new->pretty->encode(result($_[1], 'lines'))) . "\r\n");
        $_[0]->end }, 'lines'],
    foreign => [sub { $_[0]->sse;
        $_[0]->bytes("event: other\ndata: {}\n\ndata:\n\n");
        $_[0]->event(result($_[1], 'mine')); $_[0]->end }, 'mine'],
    others => [sub { $_[0]->sse; $_[0]->event(result('other', 'not mine'));
        $_[0]->event(result($_[1], 'mine'));
        $_[0]->event(result($_[1], 'again')); $_[0]->end }, 'mine'],
    open => [sub { $_[0]->sse; $_[0]->event(result($_[1], 'and on'));
        $_[0]->gone(30) }, 'and on'],
    dribble => [sub { $_[0]->dribble("HTTP/1.1 200 OK\r\nContent-Type: "
        . "text/event-stream\r\nConnection: close\r\n\r\n\xef\xbb\xbfdata: "
        . $json->encode(result($_[1], 'slowly')) . "\n\n", 3, 0.001);
        $_[0]->close }, 'slowly'],
    wrongid => [sub { $_[0]->json(result('other', 'not mine')) }, 502],
    nullid => [sub { $_[0]->json({ jsonrpc => '2.0', id => undef, error => {
        code => -32099, message => 'null' } }, status => 400) }, -32099],
    noid => [sub { $_[0]->json({ jsonrpc => '2.0', error => {
        code => -32098, message => 'none' } }, status => 403) }, -32098],
    html => [sub { $_[0]->respond(200, { 'Content-Type' => 'text/html' },
        '<h1>It works</h1>') }, 502],
    empty => [sub { $_[0]->respond(200,
        { 'Content-Type' => 'application/json' }, '') }, 502],
    accepted => [sub { $_[0]->respond(202) }, 502],
    truncated => [sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Type: "
        . "application/json\r\nContent-Length: 500\r\n\r\n{\"jsonrpc\"");
        $_[0]->close }, 502],
    cut => [sub { $_[0]->sse; $_[0]->bytes("data: {\"jsonrpc\":\"2.0\",");
        $_[0]->close }, 502],
    ended => [sub { $_[0]->sse; $_[0]->end }, 502],
    batch => [sub { $_[0]->json([result($_[1], 'batch')]) }, 502],
    both => [sub { $_[0]->json({ %{ result($_[1], 'both') },
        error => { code => 1, message => '' } }) }, 502],
    error => [sub { $_[0]->respond(500, { 'Content-Type' => 'text/html' },
        'x' x 200_000) }, 500],
    redirect => [sub { $_[0]->respond(307, { Location =>
        'http://127.0.0.1:1/' }, '') }, 502],
    denied => [sub { $_[0]->respond(401, {}, '') }, 401],
    busy => [sub { $_[0]->respond(503, { 'Retry-After' => 7 }, '') }, 503],
    large => [sub { $_[0]->respond(413, {}, '') }, 413],
    nothttp => [sub { $_[0]->write("hello\r\n\r\n"); $_[0]->close }, 502],
    closed => [sub { $_[0]->close }, 502],
    reset => [sub { $_[0]->reset }, 502],
);

$b = Sentinel::Backend->raw(sub {
    my ($conn, $request) = @_;
    my $message = $request->{json};

    return $conn->respond(202) if !defined $message->{id};
    return $conn->close if $message->{method} eq 'tools/list'
                           && $conn->{requests}++ == 0 && $conn->{n}++;
    $does{ $message->{params}{name} // 'fine' }[0]->($conn, $message->{id});
});

$c = Sentinel::Stdio->connect($b->url);

for my $kind (sort keys %does) {
    # on a connection that is kept
    is $c->call('fine', {}, %modern)->text, 'fine', "before $kind";
    $b->forget;
    $r = $c->call($kind, {}, %modern, id => "id of $kind");
    is $r->text // $r->code, $does{$kind}[1], $kind
        or diag $json->encode({ %$r });
    is scalar(my @sent = $b->requests('tools/call')), 1, 'sent once';
    is $r->error->{data}{retryAfterMs}, 7000, 'when to try again'
        if $kind eq 'busy';
    # what is wrong is told with what to do
    like $r->error->{message}, qr/\w.*\w/, 'in words' if $r->code;
}

# all of them at once

my @kinds = (sort keys %does) x 8;
$c->begin('tools/call', { name => $kinds[$_] }, %modern, id => "at once $_")
    for 0 .. $#kinds;
my @wrong = grep { my $a = $c->answer("at once $_");
                   ($a->text // $a->code) ne $does{ $kinds[$_] }[1] }
            0 .. $#kinds;
is_deeply \@wrong, [], 'all at once: each has its own';
$c->close_input;
is $c->wait, 0, 'the end';
is $c->line, undef, 'with nothing unasked';


# a server that asks

$b = Sentinel::Backend->raw(sub {
    my ($conn, $request) = @_;
    my $message = $request->{json};

    if (!defined $message->{method}) {
        open my $file, '>', "$b->{dir}/answered";
        print $file $request->{body};
        close $file;
        return $conn->respond(202);
    }

    return $conn->respond(202) if !defined $message->{id};
    $conn->sse;
    $conn->event({ jsonrpc => '2.0', id => 0, method => 'roots/list' });
    await { -s "$b->{dir}/answered" };
    $conn->event(result($message->{id}, 'thank you'));
    $conn->end;
}, start => 0);
$b->start;
$c = Sentinel::Stdio->connect($b->url);
$c->begin('tools/call', { name => 'x' }, id => 'asking');
is $c->message->{method}, 'roots/list', 'a request of the server';
$c->send({ jsonrpc => '2.0', id => 0, result => { roots => [] } });
is $c->answer('asking')->text, 'thank you', 'is answered';
is_deeply $json->decode(Sentinel::Process::slurp("$b->{dir}/answered")),
    { jsonrpc => '2.0', id => 0, result => { roots => [] } }, 'as it was';
$c->stop;


# what is sent

$b = Sentinel::Backend->modern(tools => [
    'headers', 'echo', { name => 'region', inputSchema => {
        type => 'object', properties => { where => { type => 'string',
        'x-mcp-header' => 'Region' } } } }],
    call => { region => sub { Sentinel::Tools::text(
        $_[2]{headers}{'mcp-param-region'} // 'none') } });
$c = Sentinel::Stdio->connect($b->url, '--header', 'X-Key: a ${SECRET} b',
    '--header', 'X-Empty:', '--token-env', 'TOKEN',
    { SECRET => 's3', TOKEN => 'tok.en' });
my $headers = $json->decode($c->call('headers', {}, %modern)->text);
is $headers->{authorization}, 'Bearer tok.en', 'a token of the environment';
is $headers->{'x-key'}, 'a s3 b', 'a header, with a variable';
is $headers->{'mcp-method'}, 'tools/call', 'Mcp-Method';
is $headers->{'mcp-name'}, 'headers', 'Mcp-Name';
is $headers->{'mcp-protocol-version'}, '2026-07-28', 'the version';
is $headers->{'mcp-session-id'}, undef, 'no session';
unlike Sentinel::Process::slurp("/proc/@{[ $c->pid ]}/cmdline"),
    qr/s3|tok\.en/, 'secrets are not on the command line';

$c->request('tools/list', {}, %modern);
is $c->call('region', { where => 'eu' }, %modern)->text, 'eu',
    'an argument that is wanted in a header';
is $c->call('region', {}, %modern)->text, 'none', 'or is not there';
$c->stop;

$c = Sentinel::Stdio->connect($b->url, { MCP_TOKEN => 'other' });
is $json->decode($c->call('headers', {}, %modern)->text)->{authorization},
    'Bearer other', 'MCP_TOKEN';
$c->stop;

my $u = Sentinel::Backend->modern(tools => ['echo'], unix => 1);
$c = Sentinel::Stdio->connect($u->url);
is $c->call('echo', { message => 'u' }, %modern)->text, 'u',
    'over a unix socket';
$c->stop;


# silence

$b = Sentinel::Backend->modern(tools => [qw/hang progress/]);
$c = Sentinel::Stdio->connect($b->url, '--timeout', 1);
is $c->call('hang', {}, %modern)->code, 504, 'a call that is not answered';
ok $b->wait_note('the caller has gone'), 'is given up';
is $c->call('progress', { steps => 4, pause => 0.4 }, %modern,
            meta => { progressToken => 1 })->text, '4 steps',
    'one with signs of life is not';
$c->stop;


# options

my $binary = Sentinel::Stdio::bridge_binary();

for my $case (
    [[], 'usage'], [['ftp://x/'], 'http or https'], [['http://'], 'no host'],
    [['http://a', 'http://b'], 'usage'], [['http://u:p@h/'], 'seen'],
    [['http://a b/'], 'encoded'], [['http://unix:x'], 'SOCKET'],
    [['--nonsense', 'http://a'], 'nonsense'],
    [['--header', 'no colon', 'http://a'], 'NAME: VALUE'],
    [['--header', "A: b\nC: d", 'http://a'], 'control'],
    [['--header', 'Mcp-Name: x', 'http://a'], 'message'],
    [['--header', 'A: ${NOT_THERE_AT_ALL}', 'http://a'], 'NOT_THERE'],
    [['--header', 'A: ${NOT', 'http://a'], '\}'],
    [['--token-env', 'NOT_THERE_AT_ALL', 'http://a'], 'NOT_THERE'],
    [['--cacert', '/none', 'http://a'], '/none'],
    [['--timeout', 'x', 'http://a'], 'timeout'],
    [['--max-line', '-1', 'http://a'], 'max-line'])
{
    my ($status, $out, $err) = capture(command => [ $binary, 'connect',
                                                    @{ $case->[0] } ]);
    is "$status $out", '2 ', "refused: @{ $case->[0] }" =~ tr/\n/ /r;
    like $err, qr/$case->[1]/, 'and why';
}

my ($status, $out) = capture(command => [ $binary, 'connect', '--help' ]);
is $status, 0, 'help';
like $out, qr/MCP_TOKEN/, 'is given';

done_testing;
