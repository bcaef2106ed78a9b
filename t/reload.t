# A reload is an everyday event: no call fails, the catalog is there at once,
# a bad configuration changes nothing, and old workers leave, also when
# clients have streams open that do not end.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Load;
use Time::HiRes qw/time/;

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo slow progress hang/]) } qw/legacy modern/;

my $t = Sentinel::Calls->new(
    main => "worker_shutdown_timeout 2s;\n",
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_hang m_hang/);

my $session = $t->legacy;
my @tools = sort $t->modern('tools/list')->tools;


# One call of a kind that depends on its number.

sub one {
    my ($n, $client) = @_;
    my ($era, $tool, $text, $r, $want);

    $era = $n % 2 ? $t : $session;
    $tool = ($n % 3 ? 'l' : 'm') . '_';
    $text = "$client/$n";

    if ($n % 20 == 10) {
        $r = $era->call("${tool}slow", { seconds => 0.3 }, id => $text);
        $want = 'at last';

    } elsif ($n % 20 == 15) {
        $r = $era->call("${tool}progress", { steps => 3 }, id => $text,
                        meta => { progressToken => $text });
        $want = '3 steps';

    } elsif ($n % 20 == 17) {
        $r = $t->legacy;
        return $r->id && $r->initialized->status == 200
               ? '' : 'no session';

    } elsif ($n % 20 == 19) {
        $r = $t->modern('tools/list');
        return "@{[ sort $r->tools ]}" eq "@tools" ? '' : 'list: ' . $r->body;

    } else {
        $r = $era->call("${tool}echo", { message => $text }, id => $text);
        $want = $text;
    }

    return 'no answer' if !$r;
    return 'status ' . $r->status . ' ' . $r->body if $r->status != 200;
    return 'cut: ' . $r->body if $r->truncated;
    return 'wrong: ' . $r->body
        if ($r->text // '') ne $want || $r->json->{id} ne $text;

    return '';
}


# under load

my $load = Sentinel::Load->new(3, \&one);
$load->wait(20);

for (1 .. 5) {
    ok $t->reload, "reload $_";
    $load->wait(20);
}

my ($calls, @wrong) = $load->stop;
is_deeply \@wrong, [], "no call of $calls fails";
ok +(await { !$t->leaving } 5), 'the old workers are gone';
is scalar $t->workers, 2, 'two are there';


# The catalog is there at once, with the backends unreachable, and the
# session that a client had is still one.

$_->stop for values %b;
my $r = $t->reload;
my $began = time();
is_deeply [sort $t->modern('tools/list')->tools], \@tools,
    'the catalog outlives a reload';
is_deeply [sort $session->request('tools/list')->tools], \@tools,
    'and sessions do';
cmp_ok time() - $began, '<', patience(1), 'no request waits';
$_->start for values %b;
is $session->call('l_echo', { message => 'x' })->text, 'x',
    "the gateway's own session as well";


# Configurations that cannot be.

my $good = $t->read('nginx.conf');
my @workers = $t->workers;
my $dead = free_port();

for my $bad ("mcp_backend x { }", "mcp_backend l { url http://127.0.0.1/; }",
             'mcp_backend y { url http://no.such.host.invalid/mcp; }',
             "mcp_backend z { url https://127.0.0.1:$dead/m;"
             . ' ssl_trusted_certificate /does/not/exist; }',
             'mcp_zone 2m;', 'mcp_zone 64m;', 'mcp_catalog_size 1k;',
             'no_such_directive;')
{
    $t->write('nginx.conf', $good =~ s/(?=mcp_backend l)/$bad\n/r);
    my $seen = () = $t->error_log =~ /\[emerg\]/g;
    $t->expect(qr/\[emerg\]/);
    $t->{process}->signal('HUP');
    ok +(await { (() = $t->error_log =~ /\[emerg\]/g) > $seen } 5),
        "refused: $bad";
}

$t->write('nginx.conf', $good);
is_deeply [$t->workers], \@workers, 'the old workers serve';
is $t->call('m_echo', { message => 'x' })->text, 'x', 'calls';
ok $t->reload, 'and a good configuration is taken';


# Backends come, go and change place.

my $new = Sentinel::Backend->modern(tools => ['new']);
$b{legacy}->forget;
my @running = map { $_->call('l_slow', { seconds => 1 }, send => 1) }
              $t, $session;
$b{legacy}->wait_for('tools/call', 2);
$t->configure(backends => [new => $new, m => $b{modern}]);
$t->reload;
$t->wait_catalog('new_new');
is $_->response->text, 'at last', 'a call to a backend that is gone now'
    for @running;
is $t->call('m_echo', { message => 'x' })->text, 'x', 'a backend stays';
is $t->call('l_echo', { message => 'x' })->code, -32602, 'one is gone';
is $t->call('new_new', {})->text, 'backend ran new', 'one is new';
is_deeply [$t->modern('tools/list')->tools],
    [qw/new_new m_echo m_slow m_progress m_hang/], 'in the new order';

$t->configure(backends => [l => $b{legacy}, m => $b{modern}]);
ok $t->reload, 'as it was';
$t->wait_catalog('l_echo');


# Streams that do not end.

my @streams;
my $worst = 0;

for my $n (1 .. 30) {
    push @streams,
        ["a$n", $t->call('l_hang', {}, id => "a$n", send => 1)],
        ["b$n", $session->call('m_hang', {}, id => "b$n", send => 1)],
        ["c$n", $t->call('m_progress', { steps => 1000 }, id => "c$n",
                         send => 1, meta => { progressToken => 1 })];
    ok $t->reload, "reload $n with open streams" if $n % 10 == 0;
    $t->{process}->signal('HUP') if $n % 10;
    select undef, undef, undef, 0.1;
    my $count = $t->workers + $t->leaving;
    $worst = $count if $count > $worst;
}

is $t->call('l_echo', { message => 'x' })->text, 'x', 'calls go on';
ok +(await { $t->leaving == 0 } 10), 'the old workers are gone';
is scalar $t->workers, 2, "two are there ($worst at most)";
ok +(await { $t->children(qr/manager/) == 1 } 5), 'and one manager';

# Every client gets an answer to its own call: the old worker ends what it
# has with an error, so that nobody has to guess.

my @ends;

for (@streams) {
    my ($id, $c) = @$_;
    my $r = eval { $c->response(5) };
    push @ends, !$r ? 'nothing' : $r->truncated ? 'a cut stream'
              : !$r->error ? 'something else'
              : $r->json->{id} ne $id ? 'another id'
              : $r->code !~ /\A50[34]\z/ ? 'code ' . $r->code : ();
    $c->close;
}

is_deeply \@ends, [], 'every call that was open got an answer';
is $t->count('cancelled'), 0, 'and nobody has cancelled';

done_testing;
