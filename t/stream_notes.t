# What a backend says on the stream of a call besides the answer: progress is
# the client's, log messages only if it may have them, changes are the
# gateway's business, and what a backend asks of a client is answered for it,
# since in a session that all clients share nobody else could.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

# The tool sends the messages that it is told to, then its result.

sub act {
    my ($c, $arguments, $request) = @_;
    my ($token, $id);

    $token = ($request->{json}{params}{_meta} || {})->{progressToken};
    $token = JSON::PP->new->allow_nonref->encode($token);
    $c->sse;

    for (@{ $arguments->{send} }) {
        my $message = $_ =~ s/%TOKEN%/$token/r;
        $c->event($message);
        $c->note("token $token") if $message ne $_;
    }

    if ($arguments->{change}) {
        $c->{backend}->set(tools => ['act', $arguments->{change}]);
    }

    $c->event(result($c->id));
    $c->end;

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(tools => ['act'],
                                          call => { act => \&act }) }
        qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_act m_act/);

my %client = (legacy => $t->legacy, modern => $t);
my %of = (l => $b{legacy}, m => $b{modern});
my @pairs = map { my $era = $_; map { [$era, $_] } qw/l m/ }
            qw/legacy modern/;
my $meta = 'io.modelcontextprotocol/';


# A call whose _meta has this progress token, as JSON text.

sub call_with {
    my ($era, $tool, $arguments, $token, %more) = @_;
    my $raw;

    $raw = json_text({
        jsonrpc => '2.0', id => 1, method => 'tools/call',
        params => { name => $tool, arguments => $arguments, _meta => {
            progressToken => '%T%', $era eq 'legacy' ? () : (
                "${meta}protocolVersion" => '2026-07-28',
                "${meta}clientCapabilities" => {}) } } });
    $raw =~ s/"%T%"/$token/;
    utf8::encode($raw);

    return $client{$era}->call($tool, undef, raw => $raw, %more);
}

sub methods { return map { $_->{method} // 'response' } $_[0]->messages }


# Progress: the client's token, to the byte and of its type, and a token
# that no other client of the session has.

my $progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":'
               . '{"progress":0.5,"progressToken":%TOKEN%,"total":1,'
               . '"message":"\u00e9"}}';

for (@pairs) {
    my ($era, $way) = @$_;
    my %sent;

    for my $token ('"tok"', '1', '"1"', '0', '9007199254740993', '""',
                   '"\u0022\\\\ \u20ac"', '"' . 't' x 200 . '"')
    {
        my $r = call_with($era, "${way}_act", { send => [$progress] },
                          $token);
        my ($got) = $r->body =~ /"progressToken":(.*?),"total"/;
        is $got, $token, "progress token $token: $era client, $way";
        is $r->text, 'fine', '... and a result';
    }

    # two clients, one token
    my @c = map { call_with($era, "${way}_act", { send => [$progress] }, '7',
                            send => 1) } 1, 2;
    is $_->response->text, 'fine', 'the same token at once' for @c;
}

for my $way (sort keys %of) {
    my @tokens = grep { /^token/ } $of{$way}->notes;
    my %seen = map { $_ => 1 } @tokens;
    is scalar(keys %seen), @tokens, "no token twice: $way";
}

is_deeply [methods(call_with('modern', 'l_act', { send => [
    $progress =~ s/%TOKEN%/999999999/r ] }, '1'))],
    [qw{notifications/progress response}], 'progress under another token';


# Log messages: a modern client gets them if it asks.

my $log = '{"jsonrpc":"2.0","method":"notifications/message","params":'
          . '{"level":"info","data":"secret of nobody"}}';

for my $way (qw/l m/) {
    my $r = $client{modern}->call("${way}_act", { send => [$log] });
    is_deeply [methods($r)], ['response'], "no log unasked: $way";

    $r = $client{modern}->call("${way}_act", { send => [$log] },
                               meta => { "${meta}logLevel" => 'debug' });
    is_deeply [methods($r)], [qw{notifications/message response}],
        "a log message when asked: $way";

    $r = $client{legacy}->call("${way}_act", { send => [$log] });
    is_deeply [methods($r)], [qw{notifications/message response}],
        "a log message for a legacy client: $way";
}


# What is not for this client.

my @foreign = map { "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/$_\","
                    . '"params":{"requestId":1,"uri":"a:b"}}' }
              qw{cancelled resources/updated tools/list_changed
                 prompts/list_changed resources/list_changed
                 roots/list_changed};

for (@pairs) {
    my ($era, $way) = @$_;
    my $r = $client{$era}->call("${way}_act", { send => \@foreign });
    is_deeply [methods($r)], ['response'],
        "not for the client: $era client, $way";
}


# list_changed has the lists read again, long before refresh is due.

for my $way (qw/l m/) {
    for my $era (qw/legacy modern/) {
        my $name = "new_of_$era";
        my $r = $client{$era}->call("${way}_act", { change => $name,
            send => ['{"jsonrpc":"2.0","method":'
                     . '"notifications/tools/list_changed"}'] });
        is $r->text, 'fine', "a change: $era client, $way";
    }
    # the manager looks at once, and may have looked before the change
    my $r = $client{modern}->call("${way}_act", { change => 'last',
        send => ['{"jsonrpc":"2.0","method":'
                 . '"notifications/tools/list_changed"}'] });
    ok +(await { scalar grep { $_ eq "${way}_last" }
                        $t->modern('tools/list')->tools } 3),
        "the new list is there: $way";
}


# What a backend asks.

my $n = 0;

for (@pairs) {
    my ($era, $way) = @$_;

    for my $ask (['roots/list', -32601], ['sampling/createMessage', -32601],
                 ['elicitation/create', -32601], ['ping', undef],
                 ['x' x 300, -32601])
    {
        my ($method, $code) = @$ask;

        for my $id (++$n, '"s-' . ++$n . '"', '"\u20ac ' . ++$n . '"') {
            $of{$way}->forget;
            my $r = $client{$era}->call("${way}_act", { send => [
                "{\"jsonrpc\":\"2.0\",\"id\":$id,\"method\":\"$method\","
                . '"params":{}}'] });
            is_deeply [methods($r)], ['response'],
                'a request is not for the client: '
                . substr($method, 0, 30) . ", $era client, $way";

            if ($way eq 'm') {
                is scalar(grep { !/discover|list/ } map { $_->{json}{method} }
                          $of{$way}->requests), 1,
                    '... and is no part of the modern protocol';
                next;
            }

            my $answer = {};
            await {
                $_->{json}{method} // ($answer = $_)
                    for $of{$way}->requests;
                %$answer;
            } 3;
            is $answer->{json}{error}{code}, $code, '... and is answered';
            ok $answer->{json}{result}, '... with a result' if !$code;
            is $answer->{json}{id},
               JSON::PP->new->allow_nonref->decode($id), '... with its id';
            ok $answer->{headers}{'mcp-session-id'}, '... in the session';
        }
    }
}


# One that takes no streams gets JSON, and the other way round.

for my $way (qw/l m/) {
    my $r = $client{modern}->call("${way}_act", { send => [$progress, $log] },
                                  headers => { Accept => 'application/json' });
    is $r->text, 'fine', "a stream for a client that accepts JSON: $way";
    ok !$r->is_sse, '... comes as JSON';
    is_deeply [methods($r)], ['response'], '... and only the response';
}

done_testing;
