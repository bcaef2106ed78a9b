# The audit trail when things break: killed processes, a full spool, a disk
# that takes half a line.  What was executed is on record, what cannot be
# recorded is not executed, and nothing stands twice.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Time::HiRes qw/time sleep/;

# an inherited disposition: with a limit on files, writes fail instead
$SIG{XFSZ} = 'IGNORE';

my $one = Sentinel::Backend->modern(tools => [qw/echo slow hang/]);
my $build = $ENV{SAN} ? 'build/san' : 'build';
my $n = 0;


sub gateway {
    my (%arg) = @_;
    my ($t, $audit);

    $t = Sentinel::Test->new(
        backends => [one => $one], %arg,
        http => Sentinel::Audit->conf($arg{spool} // '')
                . ($arg{http} // ''));
    $audit = Sentinel::Audit->new($t);
    $t->run->wait_catalog(qw/echo/);

    return ($t, $audit);
}


# What the backend executed, by marker; empties its memory.

sub executed {
    my @markers = map { $_->{json}{params}{arguments}{marker} // () }
                  $one->requests('tools/call');

    return @markers;
}


sub agrees {
    my ($audit, $name) = @_;
    my ($status, $out) = capture(
        command => [ "$build/mcp-audit", 'verify', '-s', $audit->dir ]);

    is $status, 0, "$name: mcp-audit verify agrees" or diag $out;
}


# Sets of markers: executed is within recorded; each has one outcome.

sub complete {
    my ($audit, $name) = @_;
    my (%recorded, @lost);

    await { !grep { !defined $_->{outcome} } values %{ $audit->rows } };

    for my $row (values %{ $audit->rows }) {
        $recorded{$1} = $row
            if ($row->{'gen_ai.tool.call.arguments'} // '')
               =~ /"marker":"([^"]+)"/;
    }

    @lost = grep { !$recorded{$_} } executed();
    is_deeply \@lost, [], "$name: what was executed is on record";
    is_deeply [ grep { !/: torn: / } $audit->problems ], [],
        "$name: chains hold, nothing twice, nothing open";
    agrees($audit, $name);

    return \%recorded;
}


# workers killed with calls in flight

my ($t, $audit) = gateway();

for my $round (1 .. 4) {
    my @calls = map { $t->call('slow', { seconds => 0.05 * rand 10,
                                         marker => 'k' . ++$n }, send => 1) }
                1 .. 20;
    sleep 0.3 * rand;
    $t->kill_child(($t->workers)[0]);

    my @ends = map { my $r = eval { $_->response }; $r && $r->text } @calls;
    my $rows = complete($audit, "worker killed, round $round");
    my $first = $n - 19;

    is_deeply [ grep { $ends[$_] && $rows->{ 'k' . ($first + $_) }{outcome}
                                    ne 'ok' } 0 .. 19 ], [],
        'who has an answer has an outcome';
}

ok +(grep { ($_->{outcome} // '') eq 'unknown' } values %{ $audit->rows }),
    'what died with a worker is unknown';

# ... and the manager; all at once; nginx itself

my @calls = map { $t->call('hang', { marker => 'm' . ++$n }, send => 1) }
            1 .. 4;
await { my %e = map { $_ => 1 } executed();
        4 == grep { $e{"m$_"} } $n - 3 .. $n };
$t->kill_child($t->manager);
$t->kill_child($_) for $t->workers;
complete($audit, 'manager and workers killed');

@calls = map { $t->call('hang', { marker => 'm' . ++$n }, send => 1) } 1 .. 4;
await { my %e = map { $_ => 1 } executed();
        4 == grep { $e{"m$_"} } $n - 3 .. $n };
my @all = ($t->master, $t->children(qr/^nginx:/));
kill KILL => @all;
await { !grep { -d "/proc/$_" && Sentinel::Process::slurp("/proc/$_/stat")
                                 !~ /\) Z/ } @all };
delete $t->{process};
$t->run->wait_catalog('echo');
complete($audit, 'all killed, started again');
is $t->call('echo', { message => 'again' })->text, 'again', 'it serves';

# the master alone: what it leaves behind ends by itself, after its calls, and
# does not stand in the way of the next start

@calls = map { $t->call('slow', { seconds => 1, marker => 'm' . ++$n },
                        send => 1) } 1 .. 4;
await { my %e = map { $_ => 1 } executed();
        4 == grep { $e{"m$_"} } $n - 3 .. $n };
@all = $t->children(qr/^nginx:/);
kill KILL => $t->master;
is_deeply [ map { $_->response->text } @calls ], [ ('at last') x 4 ],
    'the master killed: calls are answered';
ok await { !grep { -d "/proc/$_" && Sentinel::Process::slurp("/proc/$_/stat")
                                    !~ /\) Z/ } @all },
    'then what it left behind ends';
await { !$t->{process}->alive };
delete $t->{process};
$t->run->wait_catalog('echo');
complete($audit, 'the master killed, started again');
is $t->call('echo', { message => 'anew' })->text, 'anew', 'it serves';

# a torn line, a head that was never written, a file that is no segment

my ($segment) = grep { Sentinel::Process::slurp($_) =~ /m$n/ }
                $audit->segments;
my $whole = Sentinel::Process::slurp($segment);
my $base = $whole =~ s/(\{"record":"outcome".*|\{"record":"tail".*)//sr;

# cut at bytes of the last lines
my @lines = split /(?<=\n)/, $base;
my $end = length $base;
my $start = $end - length($lines[-1]);

for my $at (map { $start + int $_ * ($end - $start) / 6 } 0 .. 6) {
    my ($t2, $audit2);
    my $dir = File::Temp::tempdir(CLEANUP => 1);

    chmod 0777, $dir;
    my $name = $segment =~ s{.*/}{}r;
    open my $f, '>', "$dir/$name" or die;
    print $f substr $base, 0, $at;
    close $f;
    open $f, '>', "$dir/" . ($name =~ s/(\d+)\.jsonl/
                                      sprintf '%06d.jsonl', $1 + 1/er) or die;
    print $f '{"record":"he' if $at > $start;
    close $f;
    open $f, '>', "$dir/notes.txt" or die;
    close $f;
    chmod 0666, glob "$dir/*";

    $t2 = Sentinel::Test->new(backends => [one => $one],
                              http => "mcp_audit_spool $dir;")->run;
    $audit2 = Sentinel::Audit->new($t2, $dir);
    await { my @l = $audit2->lines; @l && $l[-1]{final} };
    is_deeply [ grep { !/^torn: / || $at == $start || $at == $end }
                $audit2->problems ], [],
        "cut at $at: all that is left is whole";
    is scalar $audit2->segments, 1, 'an empty segment is removed';
    ok -e "$dir/notes.txt", 'nothing else is';
    $t2->stop;
}

# a spool that is full

($t, $audit) = gateway(spool => 'size=256k', workers => 1);
my $pad = 'x' x 15000;
my $refused;

for (1 .. 60) {
    $refused = $t->call('echo', { message => $pad, marker => 'f' . ++$n });
    last if ($refused->code // 0) != 0;
}

is $refused->code, 507, 'a full spool: 507';
my $before = () = executed();
my $began = time();
is $t->call('echo', { marker => 'no' })->code, 507, 'again';
cmp_ok time() - $began, '<', patience(0.1), 'at once';
is scalar(() = executed()), $before, 'nothing is executed';
my $dead = ($t->workers)[0];
is $t->modern('tools/list')->status, 200, 'the rest works';
like $t->error_log, qr/mcp audit: the spool is full/, 'it is said';

$t->{process}->signal('USR1');
await { unlink +($audit->segments)[0];
        ($t->call('echo', { marker => 'free' . ++$n })->code // 0) == 0 };
is $t->call('echo', { message => 'room' })->text, 'room',
    'and works by itself when there is room';

# full=drop

($t, $audit) = gateway(spool => 'size=256k full=drop', workers => 1);

for (1 .. 40) {
    $t->call('echo', { message => $pad, marker => 'd' . ++$n });
}

is $t->call('echo', { message => 'on' })->text, 'on',
    'full=drop: calls go on';
is_deeply [ $audit->problems ], [], 'the chain holds';
cmp_ok -s ($audit->segments)[-1], '<', 300_000, 'but are not recorded';

# a disk that is full in the middle of a line

($t, $audit) = gateway(workers => 1, main => $> ? '' : "user root;\n");
$t->call('echo', { message => 'before' });
my ($worker) = $t->workers;
my $size = -s ($audit->segments)[-1];
my $room = $size + 700;
system 'prlimit', '--pid', $worker, "--fsize=$room:";
$before = () = executed();
# fits in part
is $t->call('echo', { message => 'y' x 2000, marker => 'torn' })->code, 507,
    'a line that fits in part: 507';
is $t->call('echo', { message => 'y' x 2000, marker => 'torn' })->code, 507,
    'and again';
is scalar(() = executed()), $before, 'nothing is executed';
is_deeply [ grep { /^torn/ } $audit->problems ], [], 'the part is taken back';

system 'prlimit', '--pid', $worker, '--fsize=unlimited:';
my $hang = $t->call('slow', { seconds => 3, marker => 'o' . ++$n },
                    send => 1);
await { $audit->row(qr/"o$n"/) };
$size = -s ($audit->segments)[-1];
system 'prlimit', '--pid', $worker, "--fsize=$size:";
is $hang->response->text, 'at last', 'a call that was in flight has its end';
is $audit->row(qr/"o$n"/)->{outcome}, undef, 'of which there is no record yet';

system 'prlimit', '--pid', $worker, '--fsize=unlimited:';
await { $audit->row(qr/"o$n"/)->{outcome} };
is $audit->row(qr/"o$n"/)->{outcome}, 'ok', 'it follows when there is room';
is $t->call('echo', { message => 'on' })->text, 'on', 'calls go on';
is_deeply [ $audit->problems ], [], 'the chain holds';
agrees($audit, 'a disk that was full');

# a file that somebody removes

unlink $audit->segments;
$audit->{t}->call('echo', { message => 'lost?' });
await { $t->call('echo', { message => 'anew', marker => 'r' . ++$n });
        $audit->row(qr/r$n/) };
ok $audit->row(qr/r$n/), 'a removed file is not written to for long';

# retention, without a store

($t, $audit) = gateway(spool => 'segment=4k', workers => 1,
                       http => 'mcp_audit_retention 1d;');
$t->call('echo', { message => 'old', x => 'x' x 3000 }) for 1 .. 4;
my @old = $audit->segments;
utime time() - 90000, time() - 90000, @old[0, 1], $old[-1];
ok +(await { !-e $old[0] && !-e $old[1] }), 'what is old is removed';
ok -e $old[-1], 'but what is in use';

done_testing;
