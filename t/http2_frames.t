# HTTP/2 towards clients: many calls on one connection, of which each ends by
# itself, and other ways to say what HTTP/1.1 says.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::H2;

my $b = Sentinel::Backend->legacy(
    tools => [qw/echo slow hang progress big/], call => { slow => sub {
        my ($c, $arguments) = @_;

        $c->pause(rand 0.2);
        return Sentinel::Tools::text($arguments->{message});
    } });
my $t = Sentinel::Test->new(backends => [one => $b],
    server => 'listen 127.0.0.1:%%PORT:h2%% http2;')->run
    ->wait_catalog('echo');
my $h2 = Sentinel::H2->new(port => $t->port('h2'));
my $s = $t->legacy;

sub body {
    my ($tool, $arguments, $id) = @_;

    return JSON::PP->new->utf8->encode({
        jsonrpc => '2.0', id => $id // 1, method => 'tools/call',
        params => { name => $tool, arguments => $arguments // {}, _meta => {
            'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities' => {},
            progressToken => 'p' } } });
}

# A call's headers, with changes; undef leaves one out.

sub headers {
    my ($tool, %change) = @_;
    my (@list, @out);

    @list = (':method' => 'POST', ':scheme' => 'http', ':path' => '/mcp',
             ':authority' => 'localhost', 'content-type' =>
             'application/json', accept => '*/*', 'mcp-protocol-version' =>
             '2026-07-28', 'mcp-method' => 'tools/call', 'mcp-name' => $tool);

    while (my ($name, $value) = splice @list, 0, 2) {
        $value = delete $change{$name} if exists $change{$name};
        push @out, $name, $_ for ref $value ? @$value : $value // ();
    }

    return [@out, %change];
}

sub text {
    my ($r) = @_;
    my $json;

    $json = eval { JSON::PP::decode_json($r->{body} =~ /^data: (.*result.*)$/m
                                         ? $1 : $r->{body}) };

    return ref $json eq 'HASH' && $json->{result}
           ? $json->{result}{content}[0]{text} : undef;
}

# what is refused in HTTP/1.1 is refused here

untouched $b, 'what is refused does not reach the backend', sub {
    for (['another authority', 403, ':authority' => 'evil.example'],
         ['another Host', 40, ':authority' => undef, host => 'evil.example'],
         ['two names', 40, host => 'evil.example'],
         ['another origin', 403, origin => 'http://evil.example'],
         ['another name', 400, 'mcp-name' => 'other'],
         ['a name twice', 400, 'mcp-name' => ['echo', 'echo']],
         ['a name in upper case', 40, 'mcp-name' => undef,
          'Mcp-Name' => 'echo'],
         ['another version', 400, 'mcp-protocol-version' => '2025-11-25'],
         ['another type', 415, 'content-type' => 'text/plain'],
         ['another encoding', 415, 'content-encoding' => 'gzip'],
         ['GET', 400, ':method' => 'GET'], ['PUT', 405, ':method' => 'PUT'],
         ['a shorter body', 40, 'content-length' => 5],
         ['a longer body', 40, 'content-length' => 5000])
    {
        my ($what, $status, @change) = @$_;

        $h2 = Sentinel::H2->new(port => $t->port('h2')) if $h2->{goaway};
        my $r = $h2->response($h2->request(headers('echo', @change),
                                           body('echo')), 3);
        ok $r->{reset} || $h2->{goaway}
           || ($r->{status} // 400) =~ /^$status/, $what
            or diag 'status ' . ($r->{status} // 'none');
        ok !defined text($r), 'no answer of the tool';
    }
};

# calls

$h2 = Sentinel::H2->new(port => $t->port('h2'));

is text($h2->response($h2->request(headers('echo'),
                                   body('echo', { message => "h\x{e9}" })))),
    "h\x{e9}", 'a call';

my $id = $h2->open(headers('echo'));
$h2->data($id, $_) for split //, body('echo', { message => 'bytes' });
$h2->data($id, '', 1);
is text($h2->response($id)), 'bytes', 'a body in frames of one byte';

my $legacy = '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":'
           . '{"name":"echo","arguments":{"message":"old"}}}';
is text($h2->response($h2->request(headers('echo',
        'mcp-protocol-version' => '2025-11-25', 'mcp-method' => undef,
        'mcp-name' => undef, 'mcp-session-id' => $s->id), $legacy))),
    'old', 'a call of a legacy client';

my $text = text($h2->response($h2->request(headers('big'),
                              body('big', { bytes => 1_600_000 }))));
is length($text // ''), 1_600_000, 'a large answer';

# many at once, in any order

my %calls = map { my $n = $_;
                  ($n => $h2->request(headers('slow'),
                      body('slow', { message => "nonce $n" }, $n % 3))) }
            1 .. 40;
my @wrong = grep { (text($h2->response($calls{$_})) // '') ne "nonce $_" }
            sort keys %calls;
is_deeply \@wrong, [], '40 calls on one connection, each with its answer';

# streams come as they are made

$id = $h2->request(headers('progress'), body('progress', { steps => 3,
                                                           pause => 0.3 }));
ok $h2->wait(sub { $h2->stream($id)->{body} =~ /"progress":1/ }),
    'progress comes';
ok !$h2->stream($id)->{ended}, 'before the end';
is text($h2->response($id)), '3 steps', 'which comes, too';

# one stream is cancelled, the others are not

my $hang = $h2->request(headers('hang'), body('hang'));
my $slow = $h2->request(headers('progress'), body('progress', {
    steps => 3, pause => 0.1 }));
ok $b->wait_note(qr/hanging/), 'a call that hangs';
$h2->reset($hang);
ok $b->wait_note(qr/has gone/), 'its stream is reset: the backend is told';
is text($h2->response($slow)), '3 steps', 'a call beside it goes on';
is text($h2->response($h2->request(headers('echo'),
                                   body('echo', { message => 'on' })))),
    'on', 'the connection, too';

$b->forget;
$h2->request(headers('hang'), body('hang')) for 1 .. 3;
ok await { 3 == (() = grep { /hanging/ } $b->notes) }, 'three calls hang';
$h2->close;
ok await { 3 == (() = grep { /has gone/ } $b->notes) },
    'the connection closes: all of them end';
is $t->call('echo', { message => 'm' })->text, 'm', 'nginx goes on';

done_testing;
