# A backend may say a great many small things in one stream; what they cost
# the worker in memory and connections is bounded all the same, whether the
# client gets them, does not want them, or has gone.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

my $mb = 1024 * 1024;
my $dir = File::Temp::tempdir(CLEANUP => 1);

my %small = (
    comments => sub { ": x\n\n" },
    lines => sub { "x: y\n" },
    'empty events' => sub { "data:\n\n" },
    'events of another type' => sub { "event: x\ndata: y\n\n" },
    progress => sub { event('{"jsonrpc":"2.0","method":'
        . '"notifications/progress","params":{"progressToken":1,'
        . '"progress":1}}') },
    'log messages' => sub { event('{"jsonrpc":"2.0","method":'
        . '"notifications/message","params":{"level":"info","data":"x"}}') },
    'changes' => sub { event('{"jsonrpc":"2.0","method":'
        . '"notifications/tools/list_changed"}') },
    'other answers' => sub { event(result('"other"', 'no')) },
    requests => sub { event("{\"jsonrpc\":\"2.0\",\"id\":\"p$_[0]\","
        . '"method":"ping"}') },
);

sub flood {
    my ($c, $arguments) = @_;
    my ($n, $i, $batch, $what) = ($arguments->{n}, 0);

    $what = $small{ $arguments->{what} };
    $c->sse;

    while ($i < $n) {
        $batch = '';
        $batch .= $what->(++$i) for 1 .. 500;
        $c->bytes($batch) or return $c->note('broke off') || $c->close;
    }

    $c->event(result($c->id, 'done'));
    $c->end;

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo flood/], call => { flood => \&flood }) }
    qw/legacy modern/;

my $t = Sentinel::Calls->new(
    workers => 1, backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_flood m_flood/);

my $session = $t->legacy;
my ($worker) = $t->workers;
my $bound = ($ENV{SAN} ? 16 : 2) * $mb;

# so that what is needed anyway is there
$_->call('l_flood', { n => 500, what => 'progress' }) for $t, $session;

for my $what (sort keys %small) {
    my $n = $what eq 'requests' ? 2000 : $what =~ /s\z/ ? 20_000 : 10_000;

    for my $way (qw/l m/) {
        for my $client (qw/legacy modern JSON gone/) {
            my ($memory, $fds) = (memory($worker), fds($worker));
            my ($most, $open, $end) = (0, 0, '');
            my $log = -s "$t->{dir}/error.log";
            my $path = $t->tag;
            my ($args) = $path =~ /\?(.*)/;

            my $c = ($client =~ /legacy|gone/ ? $session : $t)->call(
                "${way}_flood", { n => $n, what => $what }, path => $path,
                send => 1, $client ne 'JSON' ? () : (
                    headers => { Accept => 'application/json' }));

            if ($client eq 'gone') {
                $c->abort;
                await {
                    my $now = memory($worker) - $memory;
                    $most = $now if $now > $most;
                    $now = fds($worker) - $fds;
                    $open = $now if $now > $open;
                    index($t->read('calls.log'), "\n$args\t") >= 0;
                };
                is $t->record($path)->{outcome}, 'ok', "$what: $way, gone";

            } else {
                $c->head;

                while (defined(my $data = $c->chunk)) {
                    $end = substr $end . $data, -200;
                    my $now = memory($worker) - $memory;
                    $most = $now if $now > $most;
                    $now = fds($worker) - $fds;
                    $open = $now if $now > $open;
                }

                like $end, qr/"done"/, "$what: $way, $client client";
                $c->close;
            }

            cmp_ok $most, '<', $bound, '... memory is bounded';
            cmp_ok $open, '<', 40, '... connections are';
            cmp_ok +(-s "$t->{dir}/error.log") - $log, '<', 10_000,
                '... the error log is';
        }
    }
}


# A client that does not read, with small things to come

for my $way (qw/l m/) {
    my $memory = memory($worker);
    my $c = $session->call("${way}_flood",
                           { n => 400_000, what => 'comments' },
                           send => 1, rcvbuf => 4096);
    $c->head;
    my ($last, $same, $most) = (-1, 0, 0);

    # until nothing moves any more
    await {
        my $now = memory($worker) - $memory;
        $most = $now if $now > $most;
        $same = $now == $last ? $same + 1 : 0;
        $last = $now;
        $same > 30;
    };
    cmp_ok $most, '<', $bound, "a client that does not read: $way";
    $c->abort;
}

is $t->call('l_echo', { message => 'x' })->text, 'x', 'calls go on';
is_deeply [$t->workers], [$worker], 'the worker lives';

done_testing;
