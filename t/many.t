# Many calls at once, in the gateway's one session with a backend: ids and
# tokens of all clients may be the same, answers come in any order, lists
# change meanwhile, and every client gets what is its own.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Sentinel::Load;

my $seed = $ENV{SEED} // time() % 1_000_000;
srand $seed;
note "SEED=$seed";

my @tools = qw/mirror echo/;

# Says who asked, in its own time and form.

sub mirror {
    my ($c, $arguments, $request) = @_;
    my ($body, $token);

    $token = $request->{json}{params}{_meta}{progressToken};
    $body = result($c->id, $arguments->{nonce});
    $c->pause($arguments->{pause});

    return $c->json($body) if $arguments->{form} eq 'JSON';

    $c->notify('notifications/progress', {
        progressToken => $token, progress => 1,
        message => $arguments->{nonce} });
    $c->pause($arguments->{pause});
    $c->event($body);
    $c->end;

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => \@tools, call => { mirror => \&mirror }) } qw/legacy modern/;

my $t = Sentinel::Calls->new(backends => [
    l => { url => $b{legacy}, conf => 'refresh 100ms;' },
    m => { url => $b{modern}, conf => 'refresh 100ms;' }]);
$t->run->wait_catalog(qw/l_mirror m_mirror/);

my @sessions = map { $t->legacy } 1 .. 3;

# the same ids and tokens for all, as JSON text

my @ids = ('1', '"1"', '0', '""', '-1', '9007199254740993', '"\u0031"',
           '"a\\\\\"b"', '1e2', '1.0');
my @tokens = ('1', '"1"', '"t"', '0');
my ($round, @wrong) = 0;

sub call {
    my ($n) = @_;
    my ($modern, $client, $id, $token, $raw, $form, $nonce, $way);

    $modern = rand() < 0.5;
    $client = $modern ? $t : $sessions[rand @sessions];
    $id = $ids[rand @ids];
    $token = $tokens[rand @tokens];
    $form = rand() < 0.5 ? 'JSON' : 'SSE';
    $nonce = "$round/$n";
    $way = rand() < 0.5 ? 'l' : 'm';

    $raw = "{\"jsonrpc\":\"2.0\",\"id\":$id,\"method\":\"tools/call\","
        . "\"params\":{\"name\":\"${way}_mirror\",\"arguments\":{"
        . "\"nonce\":\"$nonce\",\"form\":\"$form\",\"pause\":"
        . rand(0.1) . "},\"_meta\":{\"progressToken\":$token"
        . ($modern ? ',"io.modelcontextprotocol/protocolVersion":'
                     . '"2026-07-28",'
                     . '"io.modelcontextprotocol/clientCapabilities":{}'
                   : '')
        . '}}}';

    return { c => $client->call("${way}_mirror", undef, raw => $raw,
                                send => 1),
             id => $id, token => $token, form => $form, nonce => $nonce };
}

sub check {
    my ($call) = @_;
    my ($r, $body, @nonces);

    $r = eval { $call->{c}->response } or return "$call->{nonce}: $@";
    $call->{c}->close;
    $body = $r->body;
    @nonces = $body =~ m{"(\d+/\d+)"}g;

    return "$call->{nonce}, id $call->{id}, token $call->{token}: $body"
        if (grep { $_ ne $call->{nonce} } @nonces)
           || @nonces != ($call->{form} eq 'SSE' ? 2 : 1)
           || $body !~ /"id":\Q$call->{id}\E[,}]/
           || ($call->{form} eq 'SSE'
               && $body !~ /"progressToken":\Q$call->{token}\E[,}]/);

    return ();
}

for (1 .. 4) {
    $round++;
    my @calls = map { call($_) } 1 .. 100;

    # the lists change while they run
    for my $n (1 .. 5) {
        $_->set(tools => [@tools, map { "extra_${round}_${n}_$_" } 1 .. 20])
            for values %b;
        select undef, undef, undef, 0.02;
    }

    push @wrong, check($_) for sort { rand() <=> 0.5 } @calls;
}

is_deeply \@wrong, [], 'every answer is its own';


# Lists that change all the time cost nothing that stays.

my @workers = $t->workers;
my $load = Sentinel::Load->new(2, sub {
    my ($n) = @_;
    my $era = $n % 2 ? $t : $sessions[0];
    my $list = $n % 2 ? $t->modern('tools/list')
                      : $sessions[0]->request('tools/list');

    return 'no list' if !$list || !$list->result;

    my $r = $era->call('l_echo', { message => "n$n" });
    return $r && ($r->text // '') eq "n$n" ? '' : $r ? $r->body : 'nothing';
});

sub change {
    my ($times) = @_;

    for my $n (1 .. $times) {
        $b{legacy}->set(tools => [@tools, map { "extra_${n}_$_" } 1 .. 50]);
        $b{legacy}->forget->wait_for('tools/list', 1);
    }
}

change(5);
my @before = map { memory($_) } @workers;
change(15);
my @after = map { memory($_) } @workers;

my ($calls, @bad) = $load->stop;
is_deeply \@bad, [], "$calls calls and lists while lists change";
cmp_ok $after[$_] - $before[$_], '<', ($ENV{SAN} ? 64 : 2) * 1024 * 1024,
    'memory of a worker' for 0, 1;
is_deeply [$t->workers], \@workers, 'the workers live';

# a catalog that has not changed is not published anew

$t->wait_catalog('l_extra_15_50');
is scalar(grep { /^m_extra/ } $t->modern('tools/list')->tools), 20,
    'all is listed in the end';

done_testing;
