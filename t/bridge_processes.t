# mcp-bridge and processes that do as they like: none of them harms another,
# and nothing of them is left behind, however it ends.

use Sentinel::Test;
use Sentinel::Bridge;
use Time::HiRes qw/time/;

my @ends = qw/exit crash half close_stdout flood/;
my $once = "/tmp/bridge-once-$$";
unlink $once;

my $b = Sentinel::Bridge->new(servers => {
    good => ['--era', 'legacy'],
    # each is to fail once: who fails again waits longer
    (map { $_ => ['--era', 'legacy'] } @ends, qw/family1 family2/),
    orphans => ['--era', 'legacy', '--orphans', 3],
    tree => ['--era', 'legacy', '--tree', 2],
    stubborn => ['--era', 'legacy', '--ignore-term', '--ignore-eof'],
    exits => ['--exit', 3],
    once => ['--era', 'legacy', '--exit-once', $once],
    probe => ['--era', 'legacy', '--exit-on-probe'],
    silent => { args => ['--silent'], startupTimeout => '1s' },
    mute => { args => ['--era', 'legacy', '--no-initialize'],
              startupTimeout => '1s' },
    deaf => { args => ['--deaf'], startupTimeout => '1s' },
    slow => ['--era', 'legacy', '--slow-start', 1500],
    noisy => ['--era', 'legacy', '--garbage', '--stderr', 2_000_000],
    missing => { command => '/no/such/program' },
})->run->wait_ready(qw/good orphans tree stubborn probe noisy/);

my $good = $b->mcp('good')->legacy;

sub good {
    my ($what) = @_;

    is $good->call('echo', { message => $what })->text, $what,
        "$what: the good one serves";
}

sub session { return $b->mcp($_[0])->legacy }


# those that do not come up

good('among all');
for my $name (qw/exits silent mute deaf missing/) {
    ok $b->wait_state($name, 'backoff'), "$name: waits before it tries again";
    my $r = $b->mcp($name)->legacy->initialized;
    is $r->status, 503, 'meanwhile it is unavailable';
    cmp_ok $r->header('Retry-After') // 0, '>=', 1, 'for some seconds';
    is $r->code, 503, 'in the body, too' if $r->is_sse || $r->body =~ /^\{/;
}
ok +(await { ($b->status('exits')->{restarts} // 0) >= 2 }),
    'exits: is tried again and again';
like $b->log, qr/exits.*leaving at once/, 'what it said is in the log';
like $b->log, qr{missing.*no/such/program}, 'missing: the log names it';
ok $b->wait_ready('once'), 'once: comes up when it can';
my $started = $b->said('slow', qr/start/);
is session('slow')->call('echo', { message => 'x' })->text, 'x',
    'slow: the first call waits for it';
is session('probe')->call('echo', { message => 'x' })->text, 'x',
    'probe: one that bears nothing before initialize is spoken to in its way';
is session('noisy')->call('echo', { message => 'x' })->text, 'x',
    'noisy: what is no message is skipped';
cmp_ok length $b->log, '<', 500_000, 'and what it said is not all logged';


# those that end in the middle

for my $tool (@ends) {
    my $s = session($tool);
    my $pid = $b->pid_of($tool);
    my @c = map { $s->call('hang', {}, send => 1, id => "h$_") } 1 .. 5;
    $b->said($tool, qr/"hang"/, 5);
    my $began = time();
    my $r = $s->call($tool, { bytes => 40_000_000 }, id => 'last');

    ok $r->code, "$tool: the call gets an error" or diag $r->body;
    is $r->json->{id}, 'last', 'with its id';
    is_deeply [ map { my $r = $_->response; $r->json->{id} . ' '
                      . ($r->code ? 'error' : $r->body) } @c ],
        [ map { "h$_ error" } 1 .. 5 ], 'so do those in flight';
    cmp_ok time() - $began, '<', patience(5), 'at once';
    good("after $tool");
    ok +(await { !kill 0, $pid }), 'the process is gone';
}

for my $tool (@ends) {
    $b->wait_ready($tool);
    is $b->status($tool)->{restarts}, 1, "$tool: restarted once";
    is session($tool)->call('echo', { message => $tool })->text, $tool,
        'and calls are answered again';
}


# families: what a crashed one leaves behind goes before another comes

for my $case ([family1 => 'orphans', { n => 3 }],
              [family2 => 'tree', { depth => 3 }])
{
    my ($name, $tool, $arguments) = @$case;
    my $pid = $b->pid_of($name);
    my $s = session($name);
    my @others = grep { $_ ne $name } keys %{ $b->{servers} };

    $s->call($tool, $arguments);
    my @family;
    ok +(await { (@family = grep { $_ != $pid }
                  keys %{ $b->only(@others) }) >= 3 }),
        "$tool: a family";
    $s->call('crash');
    ok +(await { !grep { kill 0, $_ } @family }), 'that goes with its head';
    $b->wait_ready($name);
    is scalar(keys %{ $b->only(@others) }), 1, 'one is there again';
}


# SIGTERM, with everything that resists

cmp_ok scalar(keys %{ $b->processes }), '>=', 15, 'there is a crowd';
session('stubborn')->call('orphans', { n => 2 });
$b->ends('TERM');


# SIGKILL

$b->run->wait_ready(qw/good orphans tree stubborn/);
session('stubborn')->call('tree', { depth => 3 });
session('good')->call('orphans', { n => 5 });
my @c = map { session('good')->call('hang', {}, send => 1) } 1 .. 3;
cmp_ok scalar(keys %{ $b->processes }), '>=', 15, 'a crowd again';
kill KILL => $b->{pid};
ok +(await { !%{ $b->processes } } 1), 'SIGKILL: nobody is left in a second'
    or diag explain $b->processes;
ok $_->eof, 'connections are closed' for @c;
await { !$b->alive };

# again, with the bridge in the middle of starting them

for my $round (1 .. 5) {
    $b->run;
    await { 0 } $round / 50;
    kill KILL => $b->{pid};
    ok +(await { !%{ $b->processes } } 1), "SIGKILL at the start, $round"
        or diag explain $b->processes;
    await { !$b->alive };
}

# a keeper is killed: its server goes, and comes back

$b->run->wait_ready('good');
my $pid = $b->pid_of('good');
my ($parent) = Sentinel::Process::slurp("/proc/$pid/stat") =~ /\) \S (\d+)/;
if ($parent != $b->{pid}) {
    kill KILL => $parent;
    ok +(await { !kill 0, $pid }), 'a keeper that is killed takes its own';
    ok +(await { ($b->pid_of('good') // $pid) != $pid }),
        'and another serves';
    $b->wait_ready('good');
    is session('good')->call('echo', { message => 'k' })->text, 'k', 'well';
}

$b->ends('at last');
unlink $once;

done_testing;
