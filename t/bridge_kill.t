# Child, bridge and nginx worker are killed while clients call: no answer ever
# reaches another caller, what fails gets an error, and it goes on by itself.

use Sentinel::Test;
use Sentinel::Bridge;
use Sentinel::Calls;
use Sentinel::HTTP;
use Sentinel::Load;

my $b = Sentinel::Bridge->new(servers => {
    l => ['--era', 'legacy'], m => ['--era', 'modern'] })->run->wait_ready;
my $t = Sentinel::Calls->new(
    main => 'user root;',
    backends => [ map { $_ => { url => $b->url($_),
                  conf => 'breaker off; health off;' } } qw/l m/ ]);
$t->run->wait_catalog(qw/l_echo m_echo/);
$t->expect(qr/connect\(\) to unix|exited on signal 9/);
my $session = $t->legacy;

# Each answer must carry what its own call has sent; ids are the same on
# purpose.

sub one {
    my ($n, $client) = @_;
    my ($nonce, $tool, $r);

    $nonce = "of $client/$n/" . rand;
    $tool = ('l', 'm')[$n % 2]
            . ($n % 5 ? '_echo' : $n % 3 ? '_slow' : '_reorder');
    $r = ($n % 3 ? $t : $session)->call($tool,
        { message => $nonce, ms => 30, n => 1 }, id => $n % 3,
        timeout => 20);

    # who is refused does not come again at once
    select undef, undef, undef, 0.02
        if !$r || $r->truncated || $r->status >= 500 || $r->code;
    return 'cut off' if !$r || $r->truncated;
    return "status " . $r->status if $r->status >= 500;
    return 'error ' . $r->code if $r->code;
    return "WRONG $nonce: " . $r->body if ($r->text // '') ne $nonce;
    return "WRONG id: " . $r->body if ($r->json->{id} // '') ne $n % 3;
    return '';
}

my $load = Sentinel::Load->new(4, \&one);
ok $load->wait(100), 'calls are made';

for my $round (1 .. 2) {
    for my $name (qw/l m/) {
        my $pid = $b->pid_of($name);
        kill KILL => $pid if $pid;
        $load->wait(20);
        ok $b->wait_ready($name), "child $name killed, round $round";
        isnt $b->pid_of($name), $pid, 'another serves';
        ok $load->wait(20), 'calls go on';
    }
}

for my $round (1 .. 3) {
    $t->kill_child(($t->workers)[0]);
    ok $load->wait(20), "worker killed, round $round: calls go on";
}

for my $round (1 .. 3) {
    my $old = $b->processes;
    kill KILL => $b->{pid};
    ok +(await { my $now = $b->processes;
                 !grep { $now->{$_} } keys %$old } 1),
        "bridge killed, round $round: nothing is left in a second";
    await { !$b->alive };
    $load->wait(10);
    $b->run->wait_ready;
    ok $load->wait(20), 'calls go on with another';
}

# and it has come back

$b->wait_ready;
is $t->call('l_echo', { message => 'a' })->text, 'a', 'modern client';
is $session->call('m_echo', { message => 'a' })->text, 'a', 'legacy client';

my ($calls, @failed) = $load->stop;
is_deeply [ grep { /WRONG|timeout/ } @failed ], [],
    "of $calls calls none got what is another's";
my %ends;
$ends{ s/^\S+ //r }++ for @failed;
note "$ends{$_} $_" for sort keys %ends;
cmp_ok scalar @failed, '<', $calls * 0.8, 'many were answered';
ok +(await { one($_, 'x') eq '' }), 'all is well' for 1 .. 10;

ok $t->stop, 'the gateway stops';
$b->ends;

done_testing;
