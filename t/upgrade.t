# A new nginx takes over from the old one while calls go on (USR2, WINCH,
# QUIT), and gives back to it: no call fails, and each is on record once, though
# for a while two nginx write into one spool.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Load;

my $one = Sentinel::Backend->modern(tools => [qw/echo slow/]);
my $t = Sentinel::Test->new(backends => [one => $one],
                            main => "env ASAN_OPTIONS;\nenv UBSAN_OPTIONS;\n",
                            http => Sentinel::Audit->conf(''));
my $audit = Sentinel::Audit->new($t);
my ($old, $new);

# in the background: below who has started it nginx takes no USR2

$t->write('nginx.conf', $t->read('nginx.conf') =~ s/daemon off;/daemon on;/r);
END { kill 'KILL', map { (children($_, qr/nginx/), $_) }
                   grep { $_ } $old, $new }
is +(capture(command => $t->command, env => $t->environment))[0], 0, 'started';
ok await { ($old) = ($t->read('nginx.pid') // '') =~ /^(\d+)$/ }, 'it runs';
$t->wait_catalog('echo');

my $load = Sentinel::Load->new(3, sub {
    my ($n, $client) = @_;
    my $marker = "$client/$n";
    my $r = $n % 10 ? $t->call('echo', { message => $marker })
                    : $t->call('slow', { seconds => 0.2, marker => $marker });

    return 'no answer' if !$r;
    return 'status ' . $r->status . ' ' . $r->body if $r->status != 200;
    return 'cut' if $r->truncated;
    return ($r->text // '') eq ($n % 10 ? $marker : 'at last')
           ? '' : 'wrong: ' . $r->body;
});
ok $load->wait(30), 'calls go on';



# Starts the new one; its master.

sub upgrade {
    my ($name) = @_;

    kill 'USR2', $old;
    ok await {
        ($new) = ($t->read('nginx.pid') // '') =~ /^(\d+)$/;
        $new && $new != $old && -e $t->dir . '/nginx.pid.oldbin'
             && children($new, qr/worker process/) == 2;
    }, "$name: a new one is there";
    ok $load->wait(30), '... beside the old one';
}


sub children {
    my ($master, $title) = @_;

    return grep {
        (Sentinel::Process::slurp("/proc/$_/stat") =~ /\) \S (\d+)/
         ? $1 : 0) == $master
        && Sentinel::Process::slurp("/proc/$_/cmdline") =~ $title
    } map { m{(\d+)$} } glob '/proc/[0-9]*';
}


sub gone { my ($pid) = @_; return await { !-e "/proc/$pid" } 20 }


upgrade('upgrade');
kill 'WINCH', $old;
ok await { !children($old, qr/worker process/) }, 'the old workers leave';
ok $load->wait(30), '... and calls go on';

kill 'HUP', $old;
ok await { children($old, qr/worker process\b(?! is)/) == 2 },
    'back: the old one has workers again';
kill 'QUIT', $new;
ok gone($new), '... and the new one goes';
ok $load->wait(30), '... and calls go on';

upgrade('again');
kill 'QUIT', $old;
ok gone($old), 'the old one goes';
undef $old;
ok $load->wait(30), '... and calls go on';

my ($calls, @wrong) = $load->stop;
cmp_ok $calls, '>=', 180, "$calls calls";
is_deeply \@wrong, [], 'none has failed';

my $executed = () = $one->requests('tools/call');
ok await { values %{ $audit->rows } >= $executed
           && !grep { !defined $_->{outcome} } values %{ $audit->rows } },
    'each has an outcome';
is scalar(values %{ $audit->rows }), $executed, 'and is on record, once';
is_deeply [ grep { $_ ne 'ok' } map { $_->{outcome} }
            values %{ $audit->rows } ], [], 'as it was';
is_deeply [ $audit->problems ], [], 'in chains that hold';

kill 'QUIT', $new;
ok gone($new), 'the end';
undef $new;

done_testing;
