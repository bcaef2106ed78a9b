# requestState: what a modern backend gives a client to be presented again is
# the client's own. Behind the gateway's credential a backend cannot tell who
# presents it, so the gateway seals it for that client and that request.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use JSON::PP;
use MIME::Base64 qw/encode_base64/;

my $json = JSON::PP->new->allow_nonref->canonical;

# Tools that ask for input with the state that they are told to, and say which
# they got.

sub ask {
    my ($c, $arguments, $request) = @_;
    my $params = $request->{json}{params};

    return { content => [{ type => 'text', text =>
                 $json->encode($params->{requestState}) }] }
        if exists $params->{requestState} || $params->{inputResponses};

    return { resultType => 'input_required',
             inputRequests => { a => { method => 'elicitation/create',
                 params => { message => 'go on?', requestedSchema => {
                     type => 'object', properties => {} } } } },
             $arguments->{none} ? ()
                                : (requestState => $arguments->{state}) };
}

sub raw_ask {
    my ($c, $arguments, $request) = @_;

    return ask(@_) if exists $request->{json}{params}{requestState};

    $c->json('{"jsonrpc":"2.0","id":' . $json->encode($c->id)
             . ',"result":{"resultType":"input_required",'
             . "$arguments->{members}}}");
    return undef;
}

my %modern = map { my $answer = $_;
    $_ => Sentinel::Backend->modern(
        answer => $_, tools => [qw/ask other raw echo/],
        call => { ask => \&ask, other => \&ask, raw => \&raw_ask }) }
    qw/json sse/;
my $legacy = Sentinel::Backend->legacy(tools => ['echo']);

my $key = encode_base64(pack('C*', map { int rand 256 } 1 .. 32), '');
my @backends = (json => $modern{json}, sse => $modern{sse},
                old => $legacy);

sub gateway {
    my ($http) = @_;

    return Sentinel::Test->new(
        env => { KEY => $key }, backends => \@backends, http => $http,
        location => '    mcp_client $http_x_user;',
        server => '    mcp_client $http_x_user;
                       location = /json { mcp_pass json; }
                       location = /sse { mcp_pass sse; }')
        ->run->wait_catalog(qw/json_ask sse_ask old_echo/);
}

my $t = gateway('mcp_session_key env:KEY;');
my $twin = gateway('mcp_session_key env:KEY;');
my $other = gateway('');

sub as { return { 'X-User' => $_[0] } }

my @caps = (caps => { elicitation => { form => {} } });

# A first call: the state that comes with the result.

sub first {
    my ($tool, $arguments, %opt) = @_;
    my $r = ($opt{on_gateway} // $t)->call($tool, $arguments, @caps,
        path => $opt{path},
        headers => as($opt{user} // 'alice'));

    return (($r->result // {})->{requestState}, $r);
}

sub retry {
    my ($tool, $arguments, $state, %opt) = @_;

    return ($opt{on_gateway} // $t)->modern('tools/call',
        { name => $tool, arguments => $arguments, requestState => $state,
          inputResponses => { a => { action => 'accept', content => {} } } },
        @caps, path => $opt{path}, headers => as($opt{user} // 'alice'));
}

for my $way (qw/json sse/) {
    for my $state ('s', '', 'x' x 10, "\"\\/\b\f\n\r\t\x01", "\x{e9}\x{20ac}",
                   "\x{1f600}" x 50, 'y' x 255, 'y' x 256, 'y' x 257,
                   'z' x 20_000, '{"user":"alice"}')
    {
        my $name = "$way: " . shown(substr $state, 0, 12) . ' '
                   . length $state;
        my ($sealed, $r) = first("${way}_ask", { state => $state });

        is $r->result->{resultType}, 'input_required', $name;
        is $r->result->{inputRequests}{a}{method}, 'elicitation/create',
            '... the question';
        like $sealed // '', qr/\A[\w-]{40,}\z/, '... the state is sealed';
        isnt $sealed, (first("${way}_ask", { state => $state }))[0],
            '... each time otherwise';
        is retry("${way}_ask", { state => $state }, $sealed)->text,
            $json->encode($state), '... and comes back as it was given';
    }
}

# other ways to write it

for (['"requestState":"a\\u0062\\/\\ud83d\\ude00"', "ab/\x{1f600}"],
     ['"request\\u0053tate" : "x" ', 'x'],
     ['"x":{"requestState":"inner"},"requestState":"outer"', 'outer'])
{
    my ($members, $state) = @$_;
    my ($sealed) = first('json_raw', { members => $members });
    is retry('json_raw', {}, $sealed)->text, $json->encode($state), $members;
}

is +(first('json_raw', { members => '"requestState":null' }))[0], undef,
    'what is no string is not sealed';
is +(first('json_raw', { members => '"requestState":"' . 'x' x 70_000
                                    . '"' }))[1]->code, 502,
    'one that is too long is refused';
is +(first('json_raw', { members => '"requestState":"x","requestState":"y"' })
    )[1]->code, 502, 'two of them are refused';

# a state may be left out

is +(first('json_ask', { none => 1 }))[0], undef, 'no state';
is $t->modern('tools/call', { name => 'json_ask', arguments => {},
                              inputResponses => { a => {} } }, @caps,
              headers => as('alice'))->text, 'null', '... is none';

# whose, what for, and where

my ($state) = first('json_ask', { state => 's' });

my ($alone) = first('ask', { state => 's' }, path => '/json');
is retry('ask', {}, $alone, path => '/json')->text, '"s"',
    'in a location of its own';

my %refused = (
    'another backend, a tool of that name' =>
        ['ask', $alone, path => '/sse'],
    'another client' => ['json_ask', $state, user => 'bob'],
    'a client without a name' => ['json_ask', $state, user => ''],
    'another tool' => ['json_other', $state],
    'another backend' => ['sse_ask', $state],
    'a backend that gives none' => ['old_echo', $state],
    'another gateway' => ['json_ask', $state, on_gateway => $other],
    'one that the backend gave' => ['json_ask', 's'],
    'one that is empty' => ['json_ask', ''],
    'one that is cut' => ['json_ask', substr $state, 0, -1],
    'one that is changed' => ['json_ask', $state =~ s/(.)\z/
                                          $1 eq 'A' ? 'Q' : 'A'/er],
    'one that is longer' => ['json_ask', "${state}A"],
    'null' => ['json_ask', undef],
    'a number' => ['json_ask', 1],
    'an object' => ['json_ask', { s => $state }],
    'a list' => ['json_ask', [$state]],
    'a cursor' => ['json_ask', do {
        my $u = Sentinel::Test->new(
            env => { KEY => $key }, backends => \@backends,
            http => 'mcp_session_key env:KEY;',
            location => '    mcp_page_size 1; mcp_client $http_x_user;')
            ->run;
        await { $u->modern('tools/list', {}, headers => as('alice'))
                  ->result->{nextCursor} } }],
);

for my $what (sort keys %refused) {
    my ($tool, $given, @opt) = @{ $refused{$what} };

    untouched $_, "$what: nothing reaches the backend", sub {
        my $r = retry($tool, { state => 's' }, $given, @opt);
        refused $r, 200, -32602, "... $what";
        unlike $r->body, qr/bob|alice/, '... says nothing of it';
    } for @modern{qw/json sse/}, $legacy;
}

is retry('json_ask', { state => 's' }, $state)->text, '"s"',
    'the true one is good';
is retry('json_ask', { state => 's' }, $state, on_gateway => $twin)->text,
    '"s"', '... on a second nginx with the same key';
$t->stop;
$t->run->wait_catalog('json_ask');
is retry('json_ask', { state => 's' }, $state)->text, '"s"',
    '... after a restart';

# legacy clients have no states, but may have such a member for a legacy server

my $s = $t->legacy(headers => as('alice'));
my $params = { name => 'old_echo', arguments => { message => 'm' },
               requestState => 5 };
is $s->request('tools/call', $params)->text, 'm',
    'legacy client, legacy backend: a member as any other';
is +($legacy->requests('tools/call'))[-1]{json}{params}{requestState}, 5,
    '... which is passed on';
$params->{name} = 'json_echo';
refused $s->request('tools/call', $params), 200, -32602,
    'legacy client, modern backend: none was given';

# and they run out

$twin->configure(http => 'mcp_session_key env:KEY; mcp_session_timeout 1s;');
ok $twin->reload, 'a timeout of a second';
my ($brief) = first('json_ask', { state => 's' }, on_gateway => $twin);
ok +(await { (retry('json_ask', { state => 's' }, $brief)->code // 0)
             == -32602 }), 'a state whose time is over';

done_testing;
