# Further tries: whatever did not come to the backend, and what does no harm
# twice.  A tool that may have run never runs again: the backend counts.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use JSON::PP;
use Time::HiRes qw/time/;

my $true = JSON::PP::true;

# What the backend does with the tries of one call: a word for each; then it
# answers.  The script is the call's own argument, the counter its name.

my $dir = File::Temp::tempdir(CLEANUP => 1);

sub count {
    my ($key) = @_;

    open my $file, '>>', "$dir/$key" or die $!;
    syswrite $file, '.';

    return -s $file;
}

sub tries { return -s "$dir/$_[0]" || 0 }

sub answer {
    my ($c, $params) = @_;
    my ($key, @script) = split / /, $params->{arguments}{script}
                                    // $params->{uri} // '';
    my $do = $script[count($key) - 1] // 'ok';

    if ($do eq 'reset') {
        $c->reset;
    } elsif ($do eq 'close') {
        $c->close;
    } elsif ($do eq 'cut') {
        $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . "Content-Length: 500\r\n\r\n{\"jsonrpc\"");
        $c->close;
    } elsif ($do eq 'cutevent') {
        $c->sse;
        $c->notify('notifications/progress',
                   { progressToken => 1, progress => 1 });
        $c->reset;
    } elsif ($do eq 'hang') {
        $c->gone(20);
    } elsif ($do =~ /^(\d+)(?::(\d+))?$/) {
        $c->respond($1, { defined $2 ? ('Retry-After' => $2) : () });
    } else {
        return 0;
    }

    return 1;
}

sub tool {
    my ($name, %annotations) = @_;

    return { name => $name, inputSchema => { type => 'object' },
             %annotations ? (annotations => \%annotations) : () };
}

my %call = map { $_ => sub { Sentinel::Tools::text('done') } }
           qw/plain reads again both neither/;

sub backend {
    my ($era) = @_;

    return Sentinel::Backend->$era(
        tools => [
            tool('plain'),
            tool('reads', readOnlyHint => $true),
            tool('again', idempotentHint => $true),
            tool('both', readOnlyHint => $true, idempotentHint => $true),
            tool('neither', readOnlyHint => JSON::PP::false,
                 destructiveHint => $true)],
        resources => [{ uri => 'file:///a', name => 'a', text => 'A' }],
        templates => [{ uriTemplate => '{+any}', name => 'any' }],
        call => \%call,
        on => {
            'tools/call' => sub {
                my ($c, $params) = @_;
                return undef if answer($c, $params);
                return Sentinel::Tools::text('done');
            },
            'resources/read' => sub {
                my ($c, $params) = @_;
                return undef if answer($c, $params);
                return { contents => [{ uri => $params->{uri},
                                        text => 'A' }] };
            },
        });
}

my %b = map { $_ => backend($_) } qw/legacy modern/;
my $conf = 'retry 3 backoff=10ms max=50ms; read_timeout 1s;';

my $t = Sentinel::Test->new(
    backends => [legacy => { url => $b{legacy}, conf => $conf },
                 modern => { url => $b{modern}, conf => $conf },
                 none => { url => $b{modern}, conf => 'read_timeout 1s;' }],
    http => 'log_format retries "$args $mcp_retries $mcp_outcome";
             access_log %%DIR%%/retries.log retries;',
)->run->wait_catalog('legacy_plain', 'modern_plain', 'none_plain');

my $session = $t->legacy;
my $n = 0;

# The outcome, and how often the backend was asked.

sub try_it {
    my ($client, $tool, $script) = @_;
    my $key = 'c' . ++$n;
    my $r = $client->call($tool, { script => "$key $script" });

    return ($r->code // $r->text) . ' ' . tries($key);
}

for my $era (qw/legacy modern/) {
    for my $client ([legacy => $session], [modern => $t]) {
        my ($whose, $who) = @$client;
        my $name = "$whose client, $era backend";

        # never a second execution

        for my $fault (qw/reset close cut 502 503 504 500/) {
            like try_it($who, "${era}_$_", $fault), qr/^50[234] 1$/,
                "$name: $_, $fault: once" for qw/plain neither/;
        }

        # what says that it may

        for my $fault (qw/reset close cut 502 503 504/) {
            is try_it($who, "${era}_reads", $fault), 'done 2',
                "$name: reads, $fault: again";
        }

        is try_it($who, "${era}_$_", '503 reset 502'), 'done 4',
            "$name: $_: three times more" for qw/again both/;
        like try_it($who, "${era}_again", '503 503 503 503 503'), qr/^503 4$/,
            "$name: and no more";
        is try_it($who, "${era}_reads", '500'), '502 1', "$name: not for 500";
        is try_it($who, "${era}_reads", '400'), '502 1', "$name: not for 400";
        is try_it($who, "${era}_reads", '429'), '503 1', "$name: not for 429";
    }
}

# a read, which needs no annotation

my $r = $t->modern('resources/read', { uri => 'read 503 reset' });
is $r->code, undef, 'resources/read' or diag $r->body;
is tries('read'), 3, '... is tried again';

# without "retry" nothing is

is try_it($t, 'none_reads', '503'), '503 1', 'off by default';
is try_it($t, 'none_reads', 'reset'), '502 1', '... for resets, too';

# what the client has seen the beginning of cannot begin anew

is try_it($t, 'modern_reads', 'cutevent'), '502 1',
    'not once the client has got something';

# Retry-After of the backend: waited for if that is not too long

is try_it($t, 'modern_reads', '503:0'), 'done 2', 'Retry-After: 0';
is try_it($t, 'modern_reads', '503:1'), '503 1',
    'Retry-After beyond max: the client is told';

# in all no longer than read_timeout

my $from = time;
is try_it($t, 'modern_reads', 'hang'), '504 1', 'time runs out: no other try';
$from = time;
is try_it($t, 'modern_reads', '503 hang'), '504 2',
    'what is left for a second try';
cmp_ok time - $from, '<', 5, '... is less than read_timeout';

is try_it($t, 'modern_again', '503 503 503'), 'done 4', 'three more tries';
ok +(await { $t->read('retries.log') =~ / 3 ok$/m
             && $t->read('retries.log') =~ / 1 ok$/m
             && $t->read('retries.log') =~ / 3 unavailable$/m }),
    '$mcp_retries' or diag $t->read('retries.log');

# connections that cannot be made: always, even for tools

$b{modern}->stop;
# those that were kept may break off, first
my $were = () = $t->read('retries.log') =~ / 3 unavailable$/mg;
ok +(await { $t->call('modern_plain', {})->code == 503 }), 'down';
ok +(await { (() = $t->read('retries.log') =~ / 3 unavailable$/mg) > $were }),
    '... tried four times' or diag $t->read('retries.log');

# no connection is kept here
my $t2 = Sentinel::Test->new(
    http => 'upstream up { server 127.0.0.1:' . $b{modern}->port . '; '
            . Sentinel::Test->unkept . ' }',
    backends => [m => { url => 'http://up/mcp',
        conf => 'retry 100 backoff=20ms max=100ms; read_timeout 10s;' }]);
$b{modern}->start;
$t2->run->wait_catalog('plain');
$b{modern}->stop;

my $c = $t2->call('plain', { script => 'late ok' }, send => 1);
ok $t2->wait_log(qr/is tried again/), 'a tool waits for its backend';
$b{modern}->start;
is $c->response->text, 'done', '... which comes';
is tries('late'), 1, 'and runs once';

# the client goes while a try is waited for

$b{modern}->stop;
$t2->write('error.log', '');
$c = $t2->call('plain', { script => 'gone ok' }, send => 1);
ok $t2->wait_log(qr/is tried again/), 'waiting';
$c->abort;
$b{modern}->start;
is $t2->call('plain', { script => 'next ok' })->text, 'done', 'another call';
is tries('gone'), 0, 'one that was given up is not made';

# a legacy client cancels

$b{modern}->stop;
$t2->write('error.log', '');
my $s = $t2->legacy;
$c = $s->call('plain', { script => 'cancelled ok' }, id => 77, send => 1);
ok $t2->wait_log(qr/is tried again/), 'waiting';
$s->notify('notifications/cancelled', { requestId => 77 });
is +($c->response // $c)->status, 200, 'a stream without an answer';
$b{modern}->start;
is $s->call('plain', { script => 'next2 ok' })->text, 'done', 'another call';
is tries('cancelled'), 0, 'a call that was cancelled is not made';

# a reload while one is waited for

$b{modern}->stop;
$t2->write('error.log', '');
$c = $t2->call('plain', { script => 'reload ok' }, send => 1);
ok $t2->wait_log(qr/is tried again/), 'waiting';
ok $t2->reload, 'reload';
$b{modern}->start;
is $c->response->text, 'done', 'the call is made all the same';
is tries('reload'), 1, 'once';

# a worker that has to go does not wait for its backend

$b{modern}->stop;
$t2->configure(main => "worker_shutdown_timeout 1s;\n");
ok $t2->reload, 'with worker_shutdown_timeout';
$t2->write('error.log', '');
$c = $t2->call('plain', { script => 'never ok' }, id => 'n', send => 1);
ok $t2->wait_log(qr/is tried again/), 'waiting';
ok $t2->reload, 'reload';
refused $c->response, 200, 503, 'the call has a proper end', id => '"n"';
ok +(await { !$t2->leaving }), 'the old worker goes';
$b{modern}->start;
is tries('never'), 0, 'it is not made';

done_testing;
