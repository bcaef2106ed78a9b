# mcp-bridge: what it costs if somebody does not read, and what servers are
# allowed: memory is bounded, others do not wait, and a process has what its
# entry says and nothing else.

use Sentinel::Test;
use Sentinel::Bridge;
use Sentinel::Calls qw/memory fds/;
use Time::HiRes qw/time/;

my $measured = !$ENV{SAN} && !$ENV{VALGRIND};
my $b = Sentinel::Bridge->new(
    env => { SECRET => 'a secret', WANTED => 'wanted', LANG => 'C.UTF-8' },
    options => [],
    servers => {
        good => ['--era', 'legacy'],
        deaf => { args => ['--era', 'legacy'], callTimeout => '3s' },
        big => ['--era', 'modern'],
        short => { args => ['--era', 'legacy'], maxLine => 10_000 },
        brief => { args => ['--era', 'legacy'], callTimeout => '1s' },
        own => { args => ['--era', 'legacy'], cwd => '/usr',
                 env => { GIVEN => '${WANTED} and $more' },
                 limits => { files => 50, processes => 5000,
                             memory => 4_000_000_000 } },
    })->run->wait_ready;

sub quick {
    my ($what) = @_;
    my $began = time();

    is $b->mcp('good')->legacy->call('echo', { message => $what })->text,
        $what, "$what: others are served";
    cmp_ok time() - $began, '<', patience(2), 'without waiting';
}

my $before = memory($b->{pid});


# a server that does not read

my $s = $b->mcp('deaf')->legacy;
is $s->call('deaf')->text, 'deaf', 'a server that reads no more';
my @c = map { $s->call('echo', { message => 'x' x 1_000_000 }, id => $_,
                       send => 1) } 1 .. 40;
quick('it does not read');
cmp_ok memory($b->{pid}) - $before, '<', 40 << 20, 'memory is bounded'
    if $measured;
my %codes;
$codes{ $_->response->code // 'none' }++ for @c;
is_deeply [ grep { !/^50[2-4]$/ } keys %codes ], [],
    'its callers get errors' or diag explain \%codes;
quick('after that');
undef @c;


# clients that do not read

@c = map { $b->mcp('big')->call('big', { bytes => 4 << 20 }, id => $_,
                                send => 1, rcvbuf => 4096) } 1 .. 30;
await { 0 } 0.5;
quick('clients do not read');
cmp_ok memory($b->{pid}) - $before, '<', 700 << 20, 'memory is bounded'
    if $measured;
is length $c[0]->response->text, 4 << 20, 'who reads at last has all of it';
$_->close for @c;
undef @c;
quick('they are gone');

# ... a stream of notifications

my $quiet = $b->mcp('good')->legacy;
my $stream = $quiet->get(stream => 1);
my $other = $b->mcp('good')->legacy;
$other->call('notify', { method => 'notifications/tools/list_changed' })
    for 1 .. 50;
quick('a stream is not read');
$stream->close;

# one that sends a byte now and then

@c = map { $b->mcp('good')->http('POST', '/good', {
    'Content-Type' => 'application/json', 'Content-Length' => 1000,
    Connection => undef }, undef, send => 1) } 1 .. 20;
$_->write('{') for @c;
quick('requests that do not end');
$_->close for @c;


# lines and times

$s = $b->mcp('short')->legacy;
is length $s->call('big', { bytes => 9_000 })->text, 9_000, 'a line';
my $pid = $b->pid_of('short');
ok $s->call('big', { bytes => 11_000 })->code, 'over maxLine is an error';
ok +(await { ($b->pid_of('short') // $pid) != $pid }), 'and a restart';

$s = $b->mcp('brief')->legacy;
my $began = time();
my $r = $s->call('hang', {}, id => 'h');
is $r->code, 504, 'over callTimeout is an error';
is $r->json->{id}, 'h', 'with its id';
cmp_ok time() - $began, '<', patience(5), 'in time';
ok $b->said('brief', qr/notifications\/cancelled/), 'the server is told';
is $s->call('slow', { ms => 300, message => 'in time' })->text, 'in time',
    'and goes on';


# what a process has

$s = $b->mcp('own')->legacy;
my %self = $s->call('self')->text =~ /(\w+)=(\S*)/g;
is $self{fds}, '0,1,2,', 'no descriptor but three';
is $self{pgid}, $self{pid}, 'a process group of its own';
is $self{sid}, $self{pid}, 'and a session';
is $self{privs}, 1, 'no new privileges';
is $self{files}, 50, 'files';
is $self{processes}, 5000, 'processes';
is $self{memory}, 4_000_000_000, 'memory';
is $self{cwd}, '/usr', 'its folder';
my %environment = map { /^(\w+)=(.*)/ } split /\n/,
                  $s->call('environment')->text;
is $environment{GIVEN}, 'wanted and $more', 'what it was given';
is $environment{SECRET}, undef, 'not what it was not';
is_deeply [ sort grep { !/^(?:PATH|HOME|LANG|LC_\w+|GIVEN|SENTINEL_TEST|USER
                            |LOGNAME|SHELL|TMPDIR|TZ)$/x }
            keys %environment ], [], 'nor anything else';

# arguments never become part of a command

my $odd = '; touch /tmp/x $(id) `id` --exit 3 ' . "\n";
is $s->call('echo', { message => $odd })->text, $odd, 'arguments stay data';
unlike Sentinel::Process::slurp("/proc/$self{pid}/cmdline"), qr/touch/,
    'and are not seen on a command line';


# as root, another user

SKIP: {
    skip 'not root', 3 if $> != 0;
    my $u = Sentinel::Bridge->new(servers => {
        them => { args => ['--era', 'legacy'], user => 'nobody' } });
    chmod 0777, $u->dir;
    $u->run;
    if (!$u->wait_state('them', 'ready', 5)) {
        diag $u->log;
    }
    my %them = $u->mcp('them')->legacy->call('self')->text =~ /(\w+)=(\S*)/g;
    is $them{uid}, scalar getpwnam('nobody'), 'user';
    isnt $them{gid}, 0, 'and its group';
    is $them{groups}, $them{groups} ? 1 : 0, 'no group of root\'s';
    $u->ends('another user');
}


# all that was opened is closed

ok +(await { fds($b->{pid}) < 60 }), 'no descriptor is left open';
$b->ends;

done_testing;
