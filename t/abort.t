# Clients and backends that break off at any moment, hundreds of them, of
# both eras: afterwards nothing is left of them, no descriptor, no memory, no
# line in the log that should worry anybody, and every other call was right.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Sentinel::Load;
use Time::HiRes qw/time sleep/;

my $seed = $ENV{SEED} // time() * 1000 % 1_000_000;
srand $seed;
note "SEED=$seed";

# A backend that breaks off, too, in the middle of what it says.

sub fickle {
    my ($c, $arguments) = @_;
    my $body = result($c->id, 'x' x (rand() < 0.5 ? 100 : 100_000));

    srand;

    if (rand() < 0.5) {
        $c->sse;
        $c->event('{"jsonrpc":"2.0","method":"notifications/progress",'
                  . '"params":{"progressToken":1,"progress":1}}')
            if rand() < 0.5;
        $c->pause(rand 0.02);
        # never nothing: that would be the proper end, of a kept connection
        $c->bytes(substr event($body), 0, 1 + rand 2 * length $body);

    } else {
        $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . 'Content-Length: ' . length($body) . "\r\n\r\n");
        $c->pause(rand 0.02);
        $c->write(substr $body, 0, rand length $body);
    }

    $c->pause(rand 0.02);
    rand() < 0.5 ? $c->reset : $c->close;

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo slow progress big fickle/],
    call => { fickle => \&fickle }) } qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_fickle m_fickle/);

my $session = $t->legacy;
my @workers = $t->workers;

sub storm {
    my ($rounds) = @_;

    for (1 .. $rounds) {
        my @c;

        for my $n (1 .. 50) {
            my $tool = (rand() < 0.5 ? 'l_' : 'm_')
                       . (qw/echo slow progress big fickle/)[rand 5];
            my $client = rand() < 0.5 ? $t : $session;
            my $c = $t->connection;

            if (rand() < 0.1) {
                # not even a whole request
                $c->write(substr "POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
                    . "Content-Type: application/json\r\n"
                    . "Content-Length: 2000\r\n\r\n" . '{' x 100, 0,
                    10 + rand 180);

            } else {
                $client->call($tool, { message => 'm', seconds => 0.1,
                                       steps => 2, bytes => 16 * 20_000 },
                              on => $c, send => 1,
                              meta => { progressToken => 'p' });
            }

            if (rand() < 0.3) {
                $c->abort;
            } else {
                push @c, $c;
            }
        }

        for my $c (sort { rand() <=> 0.5 } @c) {
            sleep rand 0.004;
            eval { $c->fill(time() + 0.001) } if rand() < 0.4;
            rand() < 0.5 ? $c->abort : $c->close;
        }
    }
}

sub descriptors { return open_but_for(\@workers, map { $_->port } values %b) }

my $load = Sentinel::Load->new(1, sub {
    my ($n) = @_;
    my $r = ($n % 2 ? $t : $session)
        ->call(($n % 3 ? 'l' : 'm') . '_echo', { message => "n$n" });

    return $r && ($r->text // '') eq "n$n" ? '' : $r ? $r->body : 'nothing';
});

# ... of which the client that goes on calling has one, or none.

my $before = descriptors() + 1;
storm(5);
ok +(await { descriptors() <= $before } 20), 'no descriptor is left'
    or diag descriptors() . " now, $before before";

my @memory = map { memory($_) } @workers;
storm(5);
ok +(await { descriptors() <= $before } 20), 'nor after as many again';
storm(3);
ok +(await { descriptors() <= $before } 20), 'and again';

my ($calls, @wrong) = $load->stop;
is_deeply \@wrong, [], "all of $calls other calls were right";
is_deeply [$t->workers], \@workers, 'the workers live';

for (0, 1) {
    cmp_ok memory($workers[$_]) - $memory[$_], '<',
        ($ENV{SAN} ? 64 : 3) * 1024 * 1024, 'no memory is lost';
}

# Clients that go while they wait for a first catalog

my $late = Sentinel::Backend->modern(tools => ['echo'], start => 0);
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1:' . $late->port,
                                     Listen => 50, ReuseAddr => 1);
my $u = Sentinel::Calls->new(
    workers => 1, backends => [late => $late],
    location => 'lingering_close off;');
$u->run;

my @waiting = map {
    $_ % 3 == 0 ? $u->modern('tools/list', {}, send => 1)
    : $_ % 3 == 1 ? $u->call('echo', { message => 'x' }, send => 1)
    : $u->post('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{'
               . '"protocolVersion":"2025-11-25","capabilities":{},'
               . '"clientInfo":{"name":"x","version":"1"}}}', {}, send => 1)
} 1 .. 60;

for (0 .. $#waiting) {
    my $c = $waiting[$_];
    $_ % 4 == 0 ? $c->abort : $_ % 4 == 1 ? $c->close : next;
    sleep rand 0.01;
}

# the backend that hung is replaced by one that answers
close $listener;
$late->start;
my @said = map { my $r = eval { $waiting[$_]->response };
                 !$r ? 'nothing' : $r->result || $r->error ? ()
                                 : $r->body }
           grep { $_ % 4 > 1 } 0 .. $#waiting;
is_deeply \@said, [], 'those that stay have an answer';
$u->wait_catalog('echo');
is $u->call('echo', { message => 'x' })->text, 'x', 'and calls go on';
ok $u->stop('QUIT'), 'a gentle end';


# what was open would be an alert

my $process = $t->{process};
ok $t->stop('QUIT'), 'a gentle end';
is $process->{status}, 0, 'exit status';
unlike $t->error_log, qr/\[(?:crit|alert|emerg)\]/, 'nothing to worry about';

done_testing;
