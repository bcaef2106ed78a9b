# Clients that break off while sessions of their own are opened, used and
# ended at several backends, and backends that break off while they are: the
# rest goes on, and nothing is left of them.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Sentinel::Load;
use Time::HiRes qw/time sleep/;

my $seed = $ENV{SEED} // time() * 1000 % 1_000_000;
srand $seed;
note "SEED=$seed";

# Asks the client for something, waits a moment for an answer, and ends or
# breaks off.

sub ask {
    my ($c) = @_;

    srand;
    $c->sse;
    $c->event({ jsonrpc => '2.0', id => "q$_", method => 'roots/list' })
        for 1 .. 1 + int rand 3;
    return $c->close if $c->gone(rand 0.05);
    return $c->close if rand() < 0.2;
    return $c->reset if rand() < 0.2;
    $c->event(result($c->id, 'asked'));
    $c->end;

    return undef;
}

my %b = map { my $name = $_; $name => Sentinel::Backend->legacy(
    name => $name, tools => [qw/ask echo slow/], call => { ask => \&ask },
    before => sub {
        my ($c, $params, $request) = @_;

        return 0 if ($request->{json}{method} // '') ne 'initialize'
                    || $name eq 'steady';
        srand;
        $c->pause(rand 0.03);
        return rand() < 0.1 && ($c->close || 1);
    }) } qw/steady one two/;

my $t = Sentinel::Calls->new(backends => [
    map { $_ => { url => $b{$_}, conf => 'session client;' } }
    sort keys %b ]);
$t->run->wait_catalog(map { "${_}_ask" } sort keys %b);
my @workers = $t->workers;

my $init = json_text({
    jsonrpc => '2.0', id => 0, method => 'initialize', params => {
        protocolVersion => '2025-11-25', capabilities => { roots => {} },
        clientInfo => { name => 'x', version => '1' } } });

sub storm {
    my ($rounds) = @_;

    for (1 .. $rounds) {
        my @sessions = map { scalar $t->legacy(caps => { roots => {} }) }
                       1 .. 3;
        my @c;

        for (1 .. 40) {
            my $s = $sessions[rand @sessions];
            my $do = int rand 5;
            push @c, $do == 0 ? $t->post($init, {}, send => 1)
                : $do == 1 ? $s->request('x', undef, send => 1, raw =>
                      '{"jsonrpc":"2.0","id":"0.1","result":{}}')
                : $do == 2 ? $s->call('steady_slow', { seconds => 0.1 },
                                      send => 1)
                : $s->call((qw/steady one two/)[rand 3] . '_ask', {},
                           send => 1);
            (pop @c)->abort if rand() < 0.2;
        }

        $_->end for @sessions[0, 1];

        for my $c (sort { rand() <=> 0.5 } @c) {
            sleep rand 0.003;
            eval { $c->fill(time() + 0.001) } if rand() < 0.5;
            rand() < 0.5 ? $c->abort : $c->close;
        }
    }
}

sub descriptors { return open_but_for(\@workers, map { $_->port } values %b) }

my $before = descriptors();
my $load = Sentinel::Load->new(1, sub {
    my ($n) = @_;
    my $s = $t->legacy;
    my $r = $s->call('steady_echo', { message => "n$n" });
    $s->end;

    return $r && ($r->text // '') eq "n$n" ? '' : $r ? $r->body : 'nothing';
});

storm(3);
ok +(await { descriptors() <= $before + 2 } 20), 'no descriptor is left'
    or diag descriptors() . " now, $before before";
my @memory = map { memory($_) } @workers;
storm(6);

my ($calls, @wrong) = $load->stop;
is_deeply \@wrong, [], "all of $calls other sessions were right";
ok +(await { descriptors() <= $before } 20), 'nor after more'
    or diag descriptors() . " now, $before before";
is_deeply [$t->workers], \@workers, 'the workers live';
cmp_ok memory($workers[$_]) - $memory[$_], '<',
    ($ENV{SAN} ? 64 : 3) * 1024 * 1024, 'no memory is lost' for 0, 1;

my $process = $t->{process};
ok $t->stop('QUIT'), 'a gentle end';
is $process->{status}, 0, 'exit status';
unlike $t->error_log, qr/\[(?:crit|alert|emerg)\]/, 'nothing to worry about';

done_testing;
