# mcp-bridge connect: a stdio server whose answers come from the gateway, for
# clients that speak nothing else, of both eras and on both official SDKs.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Stdio;
use JSON::PP;

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo slow hang progress big fail broken headers/],
    prompts => [{ name => 'greet' }]) } qw/legacy modern/;
my $t = Sentinel::Calls->new(backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_echo m_echo/);

my $m = Sentinel::Stdio->connect($t->url);
my $l = Sentinel::Stdio->connect($t->url);


# both eras

my $r = $m->request('server/discover', {}, modern => 1);
is_deeply [ grep { $_ eq '2026-07-28' } @{ $r->result->{supportedVersions} } ],
    ['2026-07-28'], 'modern: discover';
$r = $l->legacy;
is $r->result->{protocolVersion}, '2025-11-25', 'legacy: initialize';

for my $client ([modern => $m, modern => 1], [legacy => $l]) {
    my ($era, $c, @era) = @$client;

    ok +(grep { $_ eq 'm_echo' } $c->request('tools/list', {}, @era)->tools),
        "$era: tools/list";

    for my $backend (qw/l m/) {
        is $c->call("${backend}_echo", { message => "\x{e9}\n\"x" },
                    @era)->text, "\x{e9}\n\"x", "$era: a call to $backend";
        ok $c->call("${backend}_fail", {}, @era)->result->{isError},
            "$era: a failure of $backend";
        is $c->call("${backend}_broken", {}, @era)->code, -32099,
            "$era: an error of $backend";
        is length $c->call("${backend}_big", { bytes => 1 << 17 },
                           @era)->text, 1 << 17, "$era: a big one";
    }

    is $c->call('none', {}, @era)->code, -32602, "$era: no such tool";
    is $c->request('no/such', {}, @era)->code, -32601,
        "$era: no such method";

    for my $id ('"a\u0041"', '0', '-1', '1.50', '9007199254740993', '"1"',
                '""')
    {
        $c->begin('tools/call', { name => 'm_echo', arguments => {
                  message => "of $id" } }, @era, id => 'ID');
        # what was encoded last is sent; the id by its bytes
        $c->message;
        $c->send(JSON::PP->new->canonical->encode({
            jsonrpc => '2.0', id => 'ID', method => 'tools/call',
            params => { name => 'm_echo', arguments => { message => "of $id" },
                @era ? (_meta => {
                    'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
                    'io.modelcontextprotocol/clientCapabilities' => {} })
                     : () } }) =~ s/"id":"ID"/"id":$id/r);
        my $answer = $c->message;
        like $c->{raw}, qr/"id":\Q$id\E[,}]/, "$era: id $id";
        is $answer->{result}{content}[0]{text}, "of $id", 'with its answer';
    }

    # as it comes

    $c->begin('tools/call', { name => 'l_progress', arguments => {
              steps => 3, pause => 0.1 } }, @era, id => 'p',
              meta => { progressToken => 'tok' });
    is $c->message->{params}{progress}, $_, "$era: progress $_"
        for 1 .. 3;
    is $c->message->{id}, 'p', 'then the answer';

    # many at once

    $c->begin('tools/call', { name => ($_ % 2 ? 'l' : 'm') . '_slow',
              arguments => { seconds => $_ % 3 / 2 } }, @era, id => "s$_")
        for 1 .. 40;
    is_deeply [ map { $c->answer("s$_")->text } 1 .. 40 ],
        [ ('at last') x 40 ], "$era: many in flight";
}


# cancellation

$b{legacy}->forget;
$b{modern}->forget;
$m->begin('tools/call', { name => 'm_hang' }, modern => 1, id => 'h1');
$b{modern}->wait_note('hanging');
$m->notify('notifications/cancelled', { requestId => 'h1' });
ok $b{modern}->wait_note('the caller has gone'),
    'modern: the end of the connection is the cancellation';
is $m->call('m_echo', { message => 'x' }, modern => 1)->text, 'x',
    'and nothing is answered';

$l->begin('tools/call', { name => 'l_hang' }, id => 'h2');
$b{legacy}->wait_note('hanging');
$l->notify('notifications/cancelled', { requestId => 'h2' });
ok $b{legacy}->wait_for('notifications/cancelled'),
    'legacy: a notification is';
is $l->call('l_echo', { message => 'x' })->text, 'x', 'and the session lives';
$m->notify('notifications/cancelled', { requestId => 'never' });


# lines that are none

for my $bad (['not json', -32700], ['[]', -32600], ['[{"jsonrpc":"2.0"}]',
             -32600], ['{"jsonrpc":"2.0","id":null,"method":"x"}', -32600],
             ['{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}', -32600],
             ["{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700])
{
    $m->send($bad->[0]);
    is $m->message->{error}{code}, $bad->[1], "refused: $bad->[0]";
}

$m->send('{"jsonrpc":"2.0","id":"q","method":7}');
is $m->message->{id}, 'q', 'a refusal has the id, if that can be read';
$m->write("\n\r\n  \n");
$m->write('{"jsonrpc":"2.0","id":"crlf","method":"ping"}' . "\r\n");
ok $m->answer('crlf'), 'empty lines and CRLF';


# the end

$l->begin('tools/call', { name => 'l_slow', arguments => { seconds => 1 } },
          id => 'last');
$l->write('{"jsonrpc":"2.0","id":"nolf","method":"ping"}');
$l->close_input;
ok $l->answer('nolf'), 'the last line needs no end';
is $l->answer('last')->text, 'at last', 'calls in flight finish';
is $l->wait, 0, 'then it ends';
is $l->line, undef, 'with nothing more to say';
unlike $l->errors, qr/./, 'nor to complain of';

$m->begin('tools/call', { name => 'm_hang' }, modern => 1);
$b{modern}->wait_note('hanging', 2);
$m->signal('TERM');
is $m->wait(5), 0, 'SIGTERM ends it at once';

my $c = Sentinel::Stdio->connect($t->url, '--drain', '1');
$c->begin('tools/call', { name => 'm_hang' }, modern => 1, id => 'x');
$c->close_input;
is $c->answer('x')->code, 504, 'calls that go on are told';
is $c->wait, 0, 'and it ends';

$c = Sentinel::Stdio->connect($t->url);
$c->begin('tools/call', { name => 'm_big', arguments => { bytes => 1 << 20 }},
          modern => 1, id => $_) for 1 .. 5;
$c->close_output;
is $c->wait, 0, 'a client that is gone ends it';

$c = Sentinel::Stdio->connect($t->url, '--max-line', 1000);
$c->write('x' x 100_000 . "\n");
is $c->message->{error}{code}, -32600, 'a line that is too long';
$c->write('{"jsonrpc":"2.0","id":"y","method":"' . 'y' x 1000);
is $c->message->{error}{code}, -32600, 'or has no end, is refused once';
$c->write('y' x 100_000 . "\n");
is $c->call('m_echo', { message => 'next' }, modern => 1)->text, 'next',
    'and the next is not';


# a client that does not read

$c->begin('tools/call', { name => 'm_big', arguments => { bytes => 1 << 20 }},
          modern => 1, id => "b$_") for 1 .. 100;
await { $b{modern}->requests('tools/call') >= 100 } 5;
await { 0 } 0.5;
cmp_ok memory($c->pid), '<', 220 << 20, 'costs bounded memory'
    unless $ENV{SAN} || $ENV{VALGRIND};
my %lengths = map { my $line = $c->line;
                    $line =~ /"id":"b(\d+)"/ => length $line } 1 .. 100;
is scalar(grep { $_ > 1 << 20 } values %lengths), 100,
    'and gets all when it reads again';


# official SDKs

my $bridge = json_text([ Sentinel::Stdio::bridge_command(), 'connect',
                         $t->url ]);

for my $sdk ([1, ''], [2, 'auto'], [2, 'legacy'], [2, '2026-07-28']) {
    my $seen = client('stdio-client.mjs',
        { SDK => $sdk->[0], MODE => $sdk->[1] || 'auto' }, $bridge, [
        { name => 'm_echo', arguments => { message => 'hi' } },
        { name => 'l_progress', arguments => { steps => 2 } },
        { name => 'l_fail', arguments => {} } ]);
    my $name = "SDK @$sdk";

    ok !$seen->{failed}, "$name runs" or diag $seen->{failed};
    my @calls = @{ $seen->{calls} || [] };
    is $calls[0]{result}{content}[0]{text}, 'hi', "$name: a call";
    is scalar @{ $calls[1]{progress} || [] }, 2, "$name: progress";
    ok $calls[2]{result}{isError}, "$name: a failure";
    is $seen->{version}, $sdk->[1] =~ /legacy|^$/ ? '2025-11-25'
                                                  : '2026-07-28',
        "$name: its era";
}

ok $t->stop, 'the gateway stops';
is $c->call('m_echo', {}, modern => 1)->code, 503, 'it is not there';

done_testing;
