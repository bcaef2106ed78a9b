# Backends that cannot be reached at all: the call was certainly not
# executed, so the answer is 503 with a time to try again, at once or after
# connect_timeout; the catalog stays, other backends are not touched, and a
# backend that comes back is used again without being told.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Socket qw/SOMAXCONN/;
use Time::HiRes qw/time/;

my %b = map { $_ => Sentinel::Backend->$_(tools => ['echo']) }
        qw/legacy modern/;
my %unix = map { $_ => Sentinel::Backend->$_(tools => ['echo'], unix => 1) }
           qw/legacy modern/;
my $other = Sentinel::Backend->modern(tools => ['echo']);

# never listened to; no tools, but an error that names it
my $dead = free_port();

my $t = Sentinel::Calls->new(backends => [
    tcp_l => $b{legacy}, tcp_m => $b{modern},
    unix_l => $unix{legacy}, unix_m => $unix{modern},
    dead => "http://127.0.0.1:$dead/mcp",
    other => $other,
]);

$t->run->wait_catalog(qw/tcp_l_echo tcp_m_echo unix_l_echo unix_m_echo
                         other_echo/);
ok $t->wait_log(qr/discovery of backend "dead".*127\.0\.0\.1:$dead/),
    'a backend that never was is named in the log';
is $t->call('dead_echo', {})->code, -32602, 'and has no tools';

my %client = (legacy => $t->legacy, modern => $t);
my @workers = $t->workers;

# what a client gets while the backend is away

sub unavailable {
    my ($tool, $what, $limit) = @_;

    for my $era (sort keys %client) {
        my $path = $t->tag;
        my $began = time();
        my $r = $client{$era}->call($tool, { message => 'x' }, id => "a/$era",
                                    path => $path);
        my $took = time() - $began;
        my $record = $t->record($path);

        is_deeply [$r->status, $r->json->{id}, $r->code,
                   $r->error->{data}, @$record{qw/outcome code/}],
            [200, "a/$era", 503, { retryAfterMs => 1000 },
             'unavailable', 503], "$what: $tool, $era client";
        cmp_ok $took, '<', patience($limit), "$what: in time";
        ok $t->logged($path, qr/"$tool".*backend "\w+"/), "$what: logged";
    }
}

$_->stop for values %b, values %unix;

unavailable($_, 'refused', 1)
    for qw/tcp_l_echo tcp_m_echo unix_l_echo unix_m_echo/;

is $t->call('other_echo', { message => 'y' })->text, 'y',
    'another backend goes on';
is scalar(grep { /echo/ } $t->modern('tools/list')->tools), 5,
    'the tools stay listed';

# the socket file is gone, not only its listener

unlink "$unix{$_}{dir}/socket" for keys %unix;
unavailable('unix_m_echo', 'no socket', 1);

$_->start for values %b, values %unix;

for my $era (sort keys %client) {
    for my $tool (qw/tcp_l_echo tcp_m_echo unix_l_echo unix_m_echo/) {
        is $client{$era}->call($tool, { message => 'z' })->text, 'z',
            "back at once: $tool, $era client";
    }
}

# A listener whose queue is full drops what wants to connect.

my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
    or die "listen: $!";
my @queue;

for (1 .. 8) {
    push @queue, IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $full->sockport, Timeout => 0.2, Blocking => 0);
}

my $u = Sentinel::Calls->new(
    http => "    upstream gone { server 127.0.0.1:%%PORT:gone%%; }\n",
    backends => [
        slow => { url => 'http://gone/mcp', conf => 'connect_timeout 500ms;' },
        other => $other,
    ]);

# the catalog is learned from a server that is then replaced

my $stand_in = Sentinel::Backend->modern(tools => ['echo'],
                                         port => $u->port('gone'));
$u->run->wait_catalog(qw/slow_echo other_echo/);
$u->{ports}{gone} = $full->sockport;
$u->configure;
ok $u->reload, 'reload';

$t = $u;
%client = (legacy => $t->legacy, modern => $t);

my $waiting = $t->call('slow_echo', {}, send => 1);
my $began = time();
is $t->call('other_echo', { message => 'y' })->text, 'y',
    'another backend is used';
cmp_ok time() - $began, '<', patience(0.4), 'while a connect hangs';
is $waiting->response->code, 503, 'which then ends';

unavailable('slow_echo', 'no connection in time', 2);

# the client of a call that waits for a connection goes, or cancels

for my $how (qw/close abort cancel/) {
    my $era = $how eq 'cancel' ? 'legacy' : 'modern';
    my $path = $t->tag;
    my $c = $client{$era}->call('slow_echo', {}, id => 'c', path => $path,
                                send => 1);
    select undef, undef, undef, 0.1;
    $how eq 'cancel'
        ? $client{legacy}->notify('notifications/cancelled',
                                  { requestId => 'c' })
        : $c->$how;
    is $t->record($path)->{outcome}, 'cancelled', "waiting to connect: $how";
    cmp_ok $t->record($path)->{time}, '<', 0.45, '... at once';
    $c->close if $how eq 'cancel';
}

my ($record) = grep { $_->{name} eq 'slow_echo' } $t->records;
cmp_ok $record->{time}, '>=', 0.4, 'after connect_timeout';
is_deeply [map { scalar $_->requests('tools/call') } $stand_in], [0],
    'and nothing was called';

done_testing;
