# A client keeps its connection: whatever was answered on it, refused with its
# body unread or streamed, the next request is understood; requests may be
# sent before the answers have come; and only an answer that broke off ends
# the connection.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

my $large = 'x' x 100_000;

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo slow hang progress cut wrong/], call => {
        cut => sub {
            my ($c) = @_;
            $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      . "Content-Length: 200000\r\n\r\n"
                      . substr result($c->id, $large), 0, 90_000);
            $c->close;
        },
        wrong => sub { $_[0]->respond(500) },
    }) } qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_wrong m_wrong/);

my $session = $t->legacy;
my %client = (legacy => $session, modern => $t);


# One request, and what shall come of it: a status, and a text or a code.

my @kinds = (
    (map { my $era = $_; map { my $way = $_; (
        [200, 'x', sub { $client{$era}->call("${way}_echo",
                                             { message => 'x' }, @_) }],
        [200, $large, sub { $client{$era}->call("${way}_echo",
                                                { message => $large }, @_) }],
        [200, '2 steps', sub { $client{$era}->call("${way}_progress",
            { steps => 2, pause => 0 }, meta => { progressToken => 1 },
            @_) }],
        [200, 502, sub { $client{$era}->call("${way}_wrong", {}, @_) }],
        [200, -32602, sub { $client{$era}->call("no_such_tool", {}, @_) }],
        [400, -32700, sub { $client{$era}->call("${way}_echo", undef,
            raw => '{"jsonrpc":' . $large, @_) }],
        [400, -32600, sub { $client{$era}->call("${way}_echo", undef,
            raw => "[1,\"$large\"]", @_) }],
    ) } qw/l m/ } qw/legacy modern/),
    [404, -32601, sub { $t->modern('no/such/method', {}, @_) }],
    [400, -32020, sub { $t->call('l_echo', {},
        headers => { 'Mcp-Name' => 'other' }, @_) }],
    [200, -32601, sub { $session->request('no/such/method', {}, @_) }],
    [202, undef, sub { $session->notify('notifications/initialized', {},
                                        @_) }],
    [403, 403, sub { $t->call('l_echo', { message => $large },
        headers => { Origin => 'https://evil.example' }, @_) }],
    [403, 403, sub { $t->call('l_echo', { message => 'x' },
        headers => { Host => 'evil.example' }, @_) }],
    [404, 404, sub { $t->post('{"jsonrpc":"2.0","id":1,"method":"ping"}',
        { 'Mcp-Session-Id' => 'none' }, @_) }],
    [406, 406, sub { $t->http('GET', '/mcp', {}, undef, @_) }],
    [405, 405, sub { $t->http('PUT', '/mcp', {}, $large, @_) }],
    [415, 415, sub { $t->post($large, { 'Content-Type' => 'text/plain' },
                              @_) }],
    [406, 406, sub { $t->call('l_echo', {},
                              headers => { Accept => 'image/png' }, @_) }],
);


sub seen {
    my ($r) = @_;
    my $json;

    return ['no answer'] if !$r;
    $json = $r->body ne '' ? eval { $r->json } || { bad => $r->body } : {};

    return [$r->status, $json->{error} ? $json->{error}{code} : $r->text];
}

my $seed = $ENV{SEED} // time() % 1_000_000;
srand $seed;

for my $round (1 .. 3) {
    my $c = $t->connection;
    my @wrong;

    for my $kind ($round == 1 ? @kinds : sort { rand() <=> 0.5 } @kinds) {
        my ($status, $want, $request) = @$kind;
        my $r = eval { $request->(on => $c) };
        my $got = seen($r);
        push @wrong, { want => [$status, $want], got => $got, died => $@ }
            if json_text($got) ne json_text([$status, $want]);
        last if $@;
    }

    is_deeply \@wrong, [],
        scalar(@kinds) . " requests on one connection, SEED=$seed";
    is $t->call('m_echo', { message => 'last' }, on => $c)->text, 'last',
        '... and one more';
}


# The answers that are still to come are read one after the other.

sub answers {
    my ($c, $count) = @_;
    my @answers;

    for (1 .. $count) {
        delete @$c{qw/ended left sse/};
        my $head = $c->head or last;
        $c->body;
        push @answers, seen($head)->[1];
    }

    return \@answers;
}

for my $era (sort keys %client) {
    my $c = $t->connection;
    my $b = $b{legacy}->forget;
    my @send = (on => $c, send => 1);

    $client{$era}->call('l_slow', { seconds => 0.3 }, @send);
    $client{$era}->call('m_echo', { message => 'b' }, @send);
    $client{$era}->call('l_progress', { steps => 2 }, @send);
    $client{$era}->call('l_echo', { message => $large }, @send);
    is_deeply answers($c, 4), ['at last', 'b', '2 steps', $large],
        "4 requests ahead: $era client";

    # one that waits for its turn is never begun when the client goes

    $c = $t->connection;
    $client{$era}->call($era eq 'modern' ? 'l_hang' : 'l_slow',
                        { seconds => 0.5 }, on => $c, send => 1);
    $b->forget->wait_for('tools/call');
    $client{$era}->call('m_echo', { message => 'not this' }, on => $c,
                        send => 1);
    $b{modern}->forget;
    $c->close;

    if ($era eq 'modern') {
        ok $b->wait_note('the caller has gone', 1),
            '... a client that goes, with a request behind';
    }

    $t->call('m_echo', { message => 'this' }) for 1 .. 3;
    my @came = map { $_->{json}{params}{arguments}{message} }
               $b{modern}->requests('tools/call');
    is_deeply [grep { $_ eq 'not this' } @came], [],
        '... which is not begun' if $era eq 'modern';
}


# An answer that broke off ends the connection.

for my $era (sort keys %client) {
    for my $way (qw/l m/) {
        my $c = $t->connection;
        $client{$era}->call("${way}_cut", {}, on => $c, send => 1);
        $client{$era}->call("${way}_echo", { message => 'x' }, on => $c,
                            send => 1);
        my $head = $c->head;
        $c->body;

        if (!$c->truncated) {
            # nothing of it was on its way yet
            is $head->code, 502, "an error: $era client, $way";
            is_deeply answers($c, 1), ['x'], '... and the next answer';
            next;
        }

        ok $c->eof(1), "a cut answer is the last: $era client, $way";
        unlike $c->{in}, qr/HTTP/, '... of its connection';
    }
}

done_testing;
