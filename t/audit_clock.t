# The wall clock is set, forwards and backwards, by hours and by years: calls
# go on, the chain holds, every call has its row once, in a partition of its
# month; limits count real time; nothing is removed before it is old.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Clock;
use Sentinel::Postgres;
use POSIX qw/strftime/;

my $build = $ENV{SAN} ? 'build/san' : 'build';
my $one = Sentinel::Backend->modern(tools => [qw/echo slow/]);
my $clock = Sentinel::Clock->new;
my $pg = Sentinel::Postgres->new(tcp => 1);
my $day = 86400;


sub gateway {
    my (%arg) = @_;
    my ($t, $audit);

    $t = Sentinel::Test->new(
        backends => [one => $one], workers => 1, env => $clock->env, %arg,
        http => Sentinel::Audit->conf($arg{spool} // '') . ($arg{http} // ''));
    $audit = Sentinel::Audit->new($t);
    $t->run->wait_catalog('echo');

    return ($t, $audit);
}


sub store { return "mcp_audit_store 'postgres:" . $pg->dsn . "';" }


sub verify {
    my ($name, @where) = @_;
    my ($status, $out, $err) = capture(
        command => [ "$build/mcp-audit", 'verify', @where ]);

    is $status, 0, "$name: verified" or diag $out . $err;
}


# jumps

my @jumps = (['an hour ahead', 3600], ['an hour back', -3600],
             ['two years ahead', 730 * $day], ['two years back', -730 * $day],
             ['to 1970', $day - time()], ['to 2100', 4102444800 - time()],
             ['as it is', 0]);
my @markers = map { my $i = $_; map { "j$i-$_" } 0 .. 3 } 0 .. $#jumps;


sub jump {
    my ($t) = @_;

    for my $i (0 .. $#jumps) {
        my ($name, $ahead) = @{ $jumps[$i] };
        my $slow = $t->call('slow', { seconds => 0.3, marker => "j$i-0" },
                            send => 1);
        await { grep { ($_->{json}{params}{arguments}{marker} // '')
                       eq "j$i-0" } $one->requests('tools/call') };
        $clock->set($ahead);
        is scalar(grep { $t->call('echo', { message => $_, marker => $_ })
                         ->text eq $_ } map { "j$i-$_" } 1 .. 3), 3,
            "$name: calls are answered";
        is $slow->response->text, 'at last', "$name: so is one in flight";
    }
}


# the spool alone

my ($t, $audit) = gateway();
jump($t);
is_deeply [ $audit->problems ], [], 'the chain holds';
verify('the spool', '-s', $audit->dir);

my %rows;
for my $row (values %{ $audit->rows }) {
    my ($marker) = $row->{'gen_ai.tool.call.arguments'}
                   =~ /"marker":"([^"]+)"/ or next;
    $rows{$marker} = $row;
}
is_deeply [ sort keys %rows ], [ sort @markers ], 'all calls are there';
is_deeply [ grep { $rows{$_}{duration_us} > 60e6
                   || $rows{$_}{duration_us} < 0 } @markers ], [],
    'durations are of a clock that nobody sets';
is_deeply [ sort { $rows{$a}{seq} <=> $rows{$b}{seq} } @markers ], \@markers,
    'the chain says in which order they came';
like $rows{'j4-1'}{time}, qr/^1970-01-0[23]T/, 'times are the clock\'s';
like $rows{'j4-1'}{id}, qr/^0000[0-9a-f]{4}-[0-9a-f]{4}-7/, 'ids, too';

$t->stop;

# the store

($t, $audit) = gateway(http => store());
jump($t);
my %have;
await {
    %have = ();
    $have{$_}++ for $pg->rows("SELECT arguments->>'marker' FROM
                               mcp_audit.calls WHERE outcome = 'ok'");
    !grep { !$have{$_} } @markers;
} 60;
is_deeply [ grep { ($have{$_} // 0) != 1 } @markers ], [],
    'all rows are in the store, once';
is_deeply [ $pg->rows("SELECT arguments->>'marker' FROM mcp_audit.calls
                       ORDER BY intent_seq") ], \@markers,
    'which knows their order';

for my $jump (@jumps) {
    my $month = strftime 'calls_%Y_%m', gmtime time() + $jump->[1];
    is $pg->query("SELECT to_regclass('mcp_audit.$month') IS NOT NULL"), 't',
        "$jump->[0]: its month has a partition";
}

$t->stop;
verify('the store', '-d', $pg->dsn);

# limits

($t) = gateway(http => 'mcp_limit rate=1r/h burst=2;');
$clock->set(0);
is $t->call('echo', { message => $_ })->text, $_, 'a burst' for 1, 2;
$clock->set(10 * $day);
is $t->call('echo', { message => 3 })->code, 429,
    'the clock fills no bucket';
$clock->set(-10 * $day);
is $t->call('echo', { message => 3 })->code, 429, 'backwards, neither';
$t->stop;

# retention, in the spool: what is old is removed, not what seems so

$clock->set(0);
($t, $audit) = gateway(spool => 'segment=4k', http =>
                       'mcp_audit_retention 3d;');
await { $t->call('echo', { x => 'x' x 3000 }); $audit->segments > 4 };
my @files = $audit->segments;
$clock->set(2 * $day);
# by the clock that was set, both are too old
utime time() - 2 * $day, time() - 2 * $day, $files[1];
utime time() - 4 * $day, time() - 4 * $day, $files[2];
ok +(await { !-e $files[2] }), 'what is old is removed';
ok -e $files[1], 'what only seems so is not';
$t->stop;

# ... and in the store

$pg->query("SELECT mcp_audit.make_partition(date_trunc('month',
                now() - n * interval '1 day')::timestamp)
            FROM unnest(ARRAY[10, 100]) AS n;
            INSERT INTO mcp_audit.calls (id, time, chain) VALUES
            (gen_random_uuid(), now() - interval '100 days', 'old'),
            (gen_random_uuid(), now() - interval '10 days', 'young')");
is $pg->{error}, '', 'two old rows';
$clock->set(-8 * $day);
($t) = gateway(http => store() . 'mcp_audit_retention 5d;');
ok +(await { $pg->query("SELECT count(*) FROM mcp_audit.calls
                         WHERE chain = 'old'") eq '0' }),
    'what is old is removed from the store';
is $pg->query("SELECT count(*) FROM mcp_audit.calls WHERE chain = 'young'"),
    1, 'not what is old by the clock of the server alone';
$t->stop;

# a torn line that was written in what is the future now

$clock->set(0);
($t, $audit) = gateway(spool => 'segment=4k');
await { $t->call('echo', { x => 'x' x 3000 }); $audit->segments > 2 };
$t->stop;
my ($first) = $audit->segments;
my $text = Sentinel::Process::slurp($first);
ok $text =~ s/^\{"record":"tail".*\n\z/{"record":"inte/m, 'a torn line';
open my $f, '>', $first or die;
print $f $text;
close $f;
$clock->set(-$day);
$t->configure(http => Sentinel::Audit->conf('') . store());
$t->run;
ok +(await { !$audit->segments }), 'the spool empties all the same';
like $audit->dead, qr/^\{"record":"inte$/m, 'a torn line is kept';
unlike $t->error_log, qr/has died/, 'its process is not taken for dead';

done_testing;
