# mcp-bridge: stdio servers of both eras as HTTP endpoints; many clients of
# one process, each of which gets its own answers.

use Sentinel::Test;
use Sentinel::Bridge;
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical;
my $b = Sentinel::Bridge->new(servers => {
    legacy => ['--era', 'legacy'],
    modern => ['--era', 'modern'],
    off => { args => [], disabled => JSON::PP::true },
})->run->wait_ready('legacy', 'modern');


# what there is

my $all = $b->status;
is_deeply [ sort keys %$all ], [qw/legacy modern off/], 'GET / lists all';

for my $name (qw/legacy modern/) {
    my $s = $b->status($name);
    is $s->{state}, 'ready', "$name: state";
    is $s->{era}, $name, 'era';
    is $s->{restarts}, 0, 'restarts';
    ok kill(0, $s->{pid} // 0), 'pid';
    ok defined $s->{uptime}, 'uptime';
    is_deeply $all->{$name}{pid}, $s->{pid}, 'the same in the list';
}

is $b->status('off')->{state}, 'disabled', 'one that is disabled';
is $b->mcp('off')->legacy->initialized->status, 503, 'does not serve';
is $b->mcp('none')->post('{}', {})->status, 404, 'one that is not there';


# clients of their era

my $m = $b->mcp('modern');
my $l = $b->mcp('legacy')->legacy(version => '2025-06-18');
ok $l->id, 'legacy: a session';
is $l->initialized->result->{serverInfo}{name}, 'stdio',
    'with what the server said of itself';
is_deeply $m->modern('server/discover')->result->{supportedVersions},
    ['2026-07-28'], 'modern: discover';

my $meta = { 'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
             'io.modelcontextprotocol/clientCapabilities' => {} };
my %ask = (legacy => sub { $l->call(@_) }, modern => sub { $m->call(@_) });

for my $era (qw/legacy modern/) {
    my $ask = $ask{$era};

    ok +(grep { $_ eq 'echo' } ($era eq 'legacy' ? $l->request('tools/list')
                                : $m->modern('tools/list'))->tools),
        "$era: tools/list";

    for my $id ('"a\u0041"', '0', '-1', '1.50', '9007199254740993', '"1"',
                '1', '""', '"' . 'x' x 500 . '"')
    {
        my $r = $ask->('echo', undef, raw => $json->encode({
            jsonrpc => '2.0', id => 'ID', method => 'tools/call',
            params => { name => 'echo', arguments => { message => 'MSG' },
                        $era eq 'modern' ? (_meta => $meta) : () } })
            =~ s/"ID"/$id/r =~ s/"MSG"/"of \\u0041 \\ud83d\\ude00"/r);
        like $r->body, qr/"id":\Q$id\E[,}]/, "$era: id $id";
        like $r->body, qr/"text":"of \\u0041 \\ud83d\\ude00"/,
            'the bytes of its answer';
        is $r->header('Content-Type'), 'application/json', 'plain JSON';
    }

    my $r = $ask->('error');
    is $r->code, -32001, "$era: a JSON-RPC error";
    is_deeply $r->error->{data}, { why => [1, 2] }, 'with its data';
    ok $ask->('failed')->result->{isError}, 'a tool that fails';
    is $ask->('none')->code, -32602, 'an unknown tool';
    is length $ask->('big', { bytes => 300_000 })->text, 300_000,
        'a big answer';
    is length $ask->('echo', { message => 'x' x 300_000 })->text, 300_000,
        'a big request';

    # in pieces and over many lines

    $r = $ask->('echo', undef, raw => JSON::PP->new->pretty->encode({
        jsonrpc => '2.0', id => 7, method => 'tools/call', params => {
        name => 'echo', arguments => { message => "a\nb" },
        $era eq 'modern' ? (_meta => $meta) : () } })
        =~ s/\n/\r\n/gr);
    is $r->text, "a\nb", 'a request of many lines';

    # wrong answers

    is $ask->($_->[0])->text, $_->[1], "$era: $_->[0]"
        for ['garbage', 'garbage was said'], ['unknown', 'mine'],
            ['twice', 'first'], ['strange', 'mine'];
    is $ask->('echo', { message => 'after' })->text, 'after',
        'the next is not confused';
    is $b->status($era)->{restarts}, 0, 'and no reason to restart';
}


# bodies that are no requests

for my $bad (['', -32700], ['nonsense', -32700], ['[]', -32600],
             ['{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}', -32600])
{
    my $r = $b->mcp('legacy')->post($bad->[0], $l->headers);
    is $r->status, 400, "refused: '$bad->[0]'";
    is $r->code, $bad->[1], 'with its code';
}


# many clients with the same ids, one process

for my $era (qw/legacy modern/) {
    my $ask = $ask{$era};
    my $n = 60;

    if ($era eq 'legacy') {
        # ids are of a session: each client has its own
        my @s = map { $b->mcp('legacy')->legacy } 1 .. $n;
        $ask = sub { my ($tool, $a, %opt) = @_;
                     $s[$opt{client}]->call($tool, $a, %opt) };
    }

    my @c = map { $ask->('reorder', { n => $n, message => "mine $_" },
                         id => 1, send => 1, client => $_ - 1) } 1 .. $n;
    is_deeply [ map { $_->response->text } @c ],
        [ map { "mine $_" } 1 .. $n ],
        "$era: $n clients, one id, answers in another order";

    @c = map { $ask->('progress', { steps => 3, ms => 20,
                                    message => "mine $_" },
                      id => 1, send => 1, client => $_ - 1,
                      meta => { progressToken => $_ % 2 ? 't' : 7 }) } 1 .. 10;
    my $wrong = 0;

    for my $i (1 .. 10) {
        $c[$i - 1]->head;
        my @got;
        while (my $msg = $c[$i - 1]->message) {
            push @got, $msg;
        }
        my $steps = join ',', map { $_->{method} ? $_->{params}{progress}
                                                 : 'end' } @got;
        $wrong++ if $steps ne '1,2,3,end'
                    || (grep { $_->{method} && $_->{params}{progressToken}
                                              ne ($i % 2 ? 't' : 7) } @got)
                    || $got[-1]{result}{content}[0]{text} ne "mine $i";
    }
    is $wrong, 0, "$era: progress comes to its caller, with its token";
}


# cancellation

my $c = $m->call('late', { message => 'late' }, send => 1);
ok +(await { $b->status('modern')->{inFlight} }), 'a call is in flight';
$c->close;
ok +(await { $m->call('cancelled')->text =~ /\d/ }),
    'modern: whoever goes has cancelled';

my $s2 = $b->mcp('legacy')->legacy;
$c = $l->call('late', { message => 'late' }, id => 'x', send => 1);
$b->said('legacy', qr/"late"/);
$s2->notify('notifications/cancelled', { requestId => 'x' });
is $l->call('cancelled')->text, '', 'legacy: one cannot cancel for another';
$l->notify('notifications/cancelled', { requestId => 'x' });
ok +(await { $l->call('cancelled')->text =~ /\d/ }), 'but for oneself';
is $l->call('echo', { message => 'on' })->text, 'on', 'and the rest goes on';


# the server speaks up

is_deeply $json->decode($l->call('ask', { method => 'roots/list' })->text)
    ->{code}, -32601, 'what a shared server asks, nobody can answer';

my $stream = $l->get(stream => 1);
is $stream->{head}->status, 200, 'a stream of a session';
$m->call('notify', { method => 'notifications/tools/list_changed' });
$l->call('notify', { method => 'notifications/tools/list_changed' });
is $stream->message->{method}, 'notifications/tools/list_changed',
    'is told what concerns all';

my $listen = $m->modern('subscriptions/listen', {
    notifications => { toolsListChanged => JSON::PP::true } },
    id => 'sub-1', stream => 1);
my $listen2 = $m->modern('subscriptions/listen', {
    notifications => { toolsListChanged => JSON::PP::true } },
    id => 7, stream => 1);
my $key = 'io.modelcontextprotocol/subscriptionId';

for my $one ([$listen, 'sub-1'], [$listen2, 7]) {
    my $msg = $one->[0]->message;
    is $msg->{method}, 'notifications/subscriptions/acknowledged',
        'modern: listening';
    is $msg->{params}{_meta}{$key}, $one->[1], 'by its own name';
}

$m->call('notify', { method => 'notifications/tools/list_changed' });
is $_->[0]->message->{params}{_meta}{$key}, $_->[1], 'told'
    for [$listen, 'sub-1'], [$listen2, 7];
$listen->close;


# its standard error

$l->call('stderr', { bytes => 500 });
ok +(await { $b->log =~ /legacy.*eeeee/ }), 'a line of its standard error';
unlike $b->log, qr/[^\n\x20-\x7e]/, 'nothing raw is in the log';

$b->ends;

done_testing;
