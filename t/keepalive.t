# Connections to backends are kept and used again, but never one whose state
# is in doubt: what is left on it would answer the next client's call.  And
# a tools/call is never sent twice, also when the connection that was kept
# turns out to be closed at the moment it is used.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

my %fields = (
    tools => [qw/echo act/],
    resources => [{ uri => 'test:///r', name => 'r' }],
    prompts => [{ name => 'p' }],
);


# act does as its arguments say, around a good answer.

sub act {
    my ($c, $arguments, $request) = @_;
    my ($do, $body, $n);

    $do = $arguments->{do} // '';
    $body = result($c->id, $do);
    $n = length $body;

    return close_when_used($c, $body) if $do eq 'close when used again';

    return $c->respond(200, { 'Content-Type' => 'application/json',
                              Connection => 'close' }, $body)
        if $do eq 'say close';

    return $c->write("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n"
                     . "Content-Length: $n\r\n\r\n$body") && undef
        if $do eq 'HTTP/1.0';

    return $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . "Content-Length: $n\r\n\r\n$body"
                     . $arguments->{extra}) && undef
        if $do eq 'extra behind a length';

    return $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . "Transfer-Encoding: chunked\r\n\r\n"
                     . sprintf("%x\r\n%s\r\n0\r\n\r\n", $n, $body)
                     . $arguments->{extra}) && undef
        if $do eq 'extra behind chunks';

    if ($do eq 'extra later') {
        $c->json($body);
        $c->pause(0.05);
        $c->write($arguments->{extra});
        $c->note($c->gone(5) ? 'closed' : 'still open');
        return undef;
    }

    if ($do eq 'no end') {
        $c->sse;
        $c->event($body);
        $c->note($c->gone(5) ? 'closed' : 'still open');
        return $c->close;
    }

    if ($do eq 'stream') {
        answer_sse($c, event($body));
        return undef;
    }

    return $c->json($body);
}


# The first use of a connection works; at the second it closes, with the
# request read and with nothing said.

sub close_when_used {
    my ($c, $body) = @_;

    return $c->close if $c->{used}++;

    return $c->json($body);
}

# A request that is answered while it is being read.

sub early {
    my ($tool, $then) = @_;

    return '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"'
        . $tool . '","_meta":{"io.modelcontextprotocol/protocolVersion":'
        . '"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},'
        . '"arguments":{"early":"' . $then . '","pad":"'
        . 'x' x 1_000_000 . '"}}}';
}

{
    no warnings 'redefine';
    my $fill = \&Sentinel::Backend::Connection::fill;

    *Sentinel::Backend::Connection::fill = sub {
        my ($c) = @_;

        if (length $c->{in} > 100_000
            && $c->{in} =~ /"id":(\d+).*?"early":"(\w+)"/s)
        {
            $c->json(result($1, 'early')) if !$c->{early};
            $c->{early}++;
            return 0 if $2 eq 'closes';
            $c->pause(0.3) if $2 eq 'waits' && $c->{early} == 1;
        }

        return $fill->($c);
    };
}

my %b = map {
    my $b = $_;
    $b => Sentinel::Backend->$b(
        %fields, before => sub { delete $_[0]{early} },
        call => { act => \&act },
        on => { map { $_ => sub {
            my ($c, $params, $request) = @_;
            my $member = $request->{json}{method} eq 'prompts/get'
                         ? '"messages":[]' : '"contents":[]';
            my $more = $b eq 'modern' ? '"resultType":"complete",' : '';
            close_when_used($c, '{"jsonrpc":"2.0","id":' . $c->id
                                . ",\"result\":{$more$member}}");
        } } qw{resources/read prompts/get} });
} qw/legacy modern/;

my $unix = Sentinel::Backend->modern(tools => ['echo'], unix => 1);
my $two = Sentinel::Backend->modern(tools => ['echo']);
my $plain = Sentinel::Backend->modern(tools => ['echo']);

my $t = Sentinel::Calls->new(
    workers => 1,
    http => "    upstream kept { server 127.0.0.1:" . $two->port
            . "; keepalive 2; }\n    upstream plain { server 127.0.0.1:"
            . $plain->port . '; ' . Sentinel::Test->unkept . " }\n",
    backends => [
        l => $b{legacy}, m => $b{modern}, u => $unix,
        kept => 'http://kept/mcp', plain => 'http://plain/mcp' ]);

$t->run->wait_catalog(qw/l_act m_act u_echo kept_echo plain_echo/);

my %client = (legacy => $t->legacy, modern => $t);
my %of = (l => $b{legacy}, m => $b{modern});

# Connections that calls came on, in order.

sub connections {
    my ($b, $method) = @_;

    return map { $_->{connection} } $b->requests($method // 'tools/call');
}

sub distinct { my %seen = map { $_ => 1 } @_; return scalar keys %seen }


# reuse, over every kind of connection

for my $way ('l', 'm') {
    for my $do ('', 'stream') {
        $of{$way}->forget;
        is $client{$_ % 2 ? 'legacy' : 'modern'}
            ->call("${way}_act", { do => $do })->text, $do, "call $_"
            for 1 .. 25;
        is distinct(connections($of{$way})), 1, "one connection: $way $do";
    }
}

for ([ u => $unix, 1 ], [ kept => $two, 1 ], [ plain => $plain, 10 ]) {
    my ($name, $b, $want) = @$_;
    $t->call("${name}_echo", { message => 'x' }) for 1 .. 10;
    is distinct(connections($b)), $want, "connections of $name";
}

# many at a time: each gets its own answer, and kept ones are limited

my @many = map { $t->call('l_echo', { message => "m$_" }, send => 1) }
           1 .. 100;
is_deeply [map { $_->response->text } @many], [map { "m$_" } 1 .. 100],
    '100 calls at once';
$b{legacy}->forget;
$t->call('l_echo', { message => 'x' }) for 1 .. 5;
is distinct(connections($b{legacy})), 1, 'and one after the other again';


# connections that must not be used again

my $trap = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           . "Content-Length: %d\r\n\r\n%s";
$trap = sprintf $trap, length result(1, 'stolen'), result(1, 'stolen');

for my $way ('l', 'm') {
    my $tool = "${way}_act";
    my $b = $of{$way};

    for my $case ([ 'say close' ], [ 'HTTP/1.0' ],
                  [ 'extra behind a length', 'x' ],
                  [ 'extra behind a length', $trap ],
                  [ 'extra behind chunks', "\n" ],
                  [ 'extra behind chunks', $trap ],
                  [ 'extra later', $trap ],
                  [ 'no end' ])
    {
        my ($do, $extra) = @$case;
        my $waits = $do =~ /later|no end/;

        for my $era (sort keys %client) {
            $b->forget;
            is $client{$era}->call($tool, { do => $do, extra => $extra })
                ->text, $do, "$do: $way, $era client";
            ok $b->wait_note('closed'), '... is closed' if $waits;
            is $client{$era}->call($tool, { do => 'next' })->text, 'next',
                '... the next call gets its own answer';
            is distinct(connections($b)), 2, '... on a new connection';
        }
    }
}

# A backend that answers before it has read the whole request has the rest
# of it still before it.

for my $way ('l', 'm') {
    my $b = $of{$way};

    for my $then (qw/reads closes waits/) {
        $t->call("${way}_act", {});
        $b->forget;
        my $open = connected($b->port);
        is $t->call("${way}_act", undef, raw => early("${way}_act", $then))
            ->text, 'early', "an answer before the request: $way, $then";

        if ($then eq 'closes') {
            ok await { connected($b->port) < $open }, '... it is closed';
            # a turn of the event loop, in which nginx sees it
            $t->modern('tools/list');
        }

        is $t->call("${way}_act", { do => 'next' })->text, 'next',
            '... and the next';
        is +($b->requests('tools/call'))[-1]{json}{params}{arguments}{do},
            'next', '... is not mixed up with the rest';
    }
}


# closed at the moment it is used

for my $way ('l', 'm') {
    my $b = $of{$way};
    my $tool = "${way}_act";

    for my $era (sort keys %client) {
        # a connection of its own
        $client{$era}->call($tool, { do => 'say close' });
        $b->forget;

        is $client{$era}->call($tool, { do => 'close when used again' })
            ->text, 'close when used again', "first use: $way, $era client";

        my $path = $t->tag;
        is $client{$era}->call($tool, { do => 'close when used again' },
                               path => $path)->code, 502,
            '... a call whose connection closes fails';
        is scalar $b->requests('tools/call'), 2, '... it was sent once';
        is $t->record($path)->{outcome}, 'unknown', '... outcome';

        for (['resources/read', { uri => 'test:///r' }],
             ['prompts/get', { name => "${way}_p" }])
        {
            my ($method, $params) = @$_;
            $client{$era}->call($tool, { do => 'say close' });
            $b->forget;
            $params->{uri} and $way eq 'm' and next;  # l has that URI first
            ok $client{$era}->$_($method, $params)->result,
                "... $method, first use" for $era eq 'modern' ? 'modern'
                                                              : 'request';
            ok $client{$era}->$_($method, $params)->result,
                '... it may be sent again' for $era eq 'modern' ? 'modern'
                                                                : 'request';
            is scalar $b->requests($method), 3, '... and was';
        }
    }
}


# X-Request-Id: the id of the log

for my $way ('l', 'm') {
    for my $era (sort keys %client) {
        my $path = $t->tag;
        $of{$way}->forget;
        $client{$era}->call("${way}_echo", { message => 'x' }, path => $path,
            headers => { 'X-Request-Id' => 'mine' });
        my ($request) = $of{$way}->requests('tools/call');
        my @ids = map { $_->[1] } grep { lc $_->[0] eq 'x-request-id' }
                  @{ $request->{raw_headers} };
        is_deeply \@ids, [$t->record($path)->{id}],
            "X-Request-Id: $way, $era client";
        like $ids[0], qr/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}
                         -[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/x, '... UUIDv7';
    }
}

done_testing;
