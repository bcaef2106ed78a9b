# Processes die.  One that is killed takes with it only the calls that it
# had; the others go on, nginx starts another, and what all share (the
# catalog, sessions, the key) is still there.  Told to stop, nginx lets calls
# finish or stops at once, as the signal says.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Load;
use Time::HiRes qw/time/;

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo slow hang progress/]) } qw/legacy modern/;

sub gateway {
    my (%arg) = @_;
    my $t;

    $t = Sentinel::Calls->new(
        backends => [l => $b{legacy}, m => $b{modern}], %arg);
    $t->run->wait_catalog(qw/l_echo m_echo/);

    return $t;
}

my $t = gateway();
my $session = $t->legacy;

sub works {
    my ($what) = @_;

    is $t->call('l_echo', { message => $what })->text, $what,
        "$what: a modern client";
    is $session->call('m_echo', { message => $what })->text, $what,
        "$what: a legacy client, in its session";
}


sub sockets {
    my ($pid) = @_;

    return scalar grep { (readlink // '') =~ /^socket:/ } glob "/proc/$pid/fd/*";
}


# a worker: calls at the other are not touched

for my $round (1 .. 3) {
    # 20 calls, spread over both workers
    my @calls = map { ($_ % 2 ? $t : $session)->call(
        ($_ % 3 ? 'l' : 'm') . '_slow', { seconds => 1.5 }, id => "c$_",
        send => 1) } 1 .. 20;
    await { $b{legacy}->requests('tools/call')
            + $b{modern}->requests('tools/call') >= 20 * $round };

    # the kernel may give most of them to one: that one stays
    my ($victim) = sort { sockets($a) <=> sockets($b) } $t->workers;
    ok $t->kill_child($victim), "worker $round is killed, and replaced";
    works("after kill $round");

    my %ends;
    for (1 .. 20) {
        my $r = eval { $calls[$_ - 1]->response };
        $ends{ !$r ? 'cut off' : $r->text eq 'at last'
               && $r->json->{id} eq "c$_" ? 'answered' : $r->body }++;
    }
    is join(' ', sort keys %ends) =~ s/answered cut off/answered/r,
        'answered', 'the others have their answers';
    note join ', ', map { "$ends{$_} $_" } sort keys %ends;
}

is_deeply [scalar $b{legacy}->requests('initialize')], [1],
    "the gateway's session with a backend was kept";
$_->forget for values %b;


# under load: only calls of the killed worker fail

my $load = Sentinel::Load->new(3, sub {
    my ($n, $client) = @_;
    my $r = ($n % 2 ? $t : $session)->call('l_echo', { message => "$n" });

    return $r ? ($r->text // $r->body) eq $n ? '' : $r->body : 'cut off';
});
$load->wait(10);

for (1 .. 3) {
    $t->kill_child(($t->workers)[0]);
    $load->wait(10);
}

my ($calls, @wrong) = $load->stop;
is_deeply [grep { !/ cut off$/ } @wrong], [], 'nothing wrong is answered';
cmp_ok scalar @wrong, '<=', 3 * 3, "of $calls calls few are cut off";


# the manager

my $tools = join ' ', $t->modern('tools/list')->tools;

for my $round (1, 2) {
    my $manager = $t->manager;
    ok $manager, 'there is a manager';
    $b{legacy}->forget;
    ok $t->kill_child($manager), "it is killed, and replaced, $round";
    is join(' ', $t->modern('tools/list')->tools), $tools,
        'the catalog stays';
    works("without manager $round");
    ok $b{legacy}->wait_for('tools/list'), 'the new one looks at backends';
}

isnt $t->manager, undef, 'a manager is there';
$b{modern}->set(tools => [qw/echo slow hang progress fresh/]);
$t->kill_child($t->manager);
$t->wait_catalog('m_fresh');
pass 'and finds what is new';

# killed while backends do not answer, nothing is lost

$_->stop for values %b;
$t->kill_child($t->manager);
$t->kill_child($_) for $t->workers;
my $began = time();
is scalar $t->modern('tools/list')->tools, 9, 'the catalog outlives them';
cmp_ok time() - $began, '<', patience(1), 'and no request waits';
$_->start for values %b;
works('all were replaced');


# all at once

my @all = $t->children(qr/^nginx:/);
$t->expect(qr/exited on signal 9/);
kill KILL => @all;
ok +(await {
    my @now = $t->children(qr/^nginx:/);
    my %old = map { $_ => 1 } @all;
    @now >= 3 && !grep { $old{$_} } @now;
}), 'all are killed, and replaced';
works('after that');


# QUIT: calls finish

my @c = map { ($_ % 2 ? $t : $session)->call('l_slow', { seconds => 1 },
                                            id => "q$_", send => 1) } 1 .. 6;
my $stream = $t->call('m_progress', { steps => 20 }, stream => 1,
                      meta => { progressToken => 1 });
await { $b{legacy}->requests('tools/call') >= 6 };
my $process = $t->{process};
$process->signal('QUIT');
ok +(await { !port_open($t->port) }), 'told to quit, it takes no more';
is_deeply [map { $_->response->text } @c], [('at last') x 6],
    'calls finish';
$stream->body;
ok !$stream->truncated, 'streams finish';
$_->close for @c, $stream;
ok +(await { !$process->alive }), 'then it ends';
is $process->{status}, 0, 'as it should';


# TERM: at once

$t = gateway();
$session = $t->legacy;
@c = map { $t->call('l_hang', {}, send => 1),
           $session->call('m_hang', {}, send => 1) } 1 .. 5;
$b{$_}->wait_note('hanging') for keys %b;
$began = time();
ok $t->stop('TERM'), 'told to end, it ends';
cmp_ok time() - $began, '<', patience(2), 'at once';
ok $_->eof(2), 'connections are closed' for @c;


# one process for all

$t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}], workers => 0,
    no_wait => 1);
$t->write('nginx.conf', $t->read('nginx.conf')
                        =~ s/master_process on/master_process off/r
                        =~ s/worker_processes 0/worker_processes 1/r);
$t->run;
await { port_open($t->port) };
$t->wait_catalog(qw/l_echo m_echo/);
$session = $t->legacy;
works('without a master');
is scalar $t->children(qr/^nginx:/), 0, 'there is one process only';
$b{modern}->set(tools => [qw/echo slow/]);
$b{legacy}->set(tools => [qw/echo slow hang late/]);
@c = map { $t->call('l_slow', { seconds => 0.5 }, send => 1) } 1 .. 5;
is $t->call('m_echo', { message => 'x' })->text, 'x', 'calls do not wait';
is_deeply [map { $_->response->text } @c], [('at last') x 5], 'slow ones';
ok $t->stop('QUIT'), 'it stops';

done_testing;
