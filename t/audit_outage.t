# What a database does to those who write to it: it is locked, altered, full
# of others, breaks off when it has committed and has not said so.  And a long
# backlog, and two gateways on one spool.  Calls go on, rows come once, and the
# log says so now and then, not for each row.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Postgres;
use Digest::SHA qw/sha256_hex/;
use IO::Select;
use POSIX qw/mktime/;

my $one = Sentinel::Backend->modern(tools => [qw/echo/]);
my $pg = Sentinel::Postgres->new(tcp => 1);
my $n = 0;


sub gateway {
    my (%arg) = @_;
    my ($t, $audit);

    $t = Sentinel::Test->new(
        backends => [one => $one], workers => 1,
        http => ($arg{conf} // Sentinel::Audit->conf(''))
                . "mcp_audit_store 'postgres:" . ($arg{dsn} // $pg->dsn)
                . "';");
    $audit = Sentinel::Audit->new($t, $arg{dir});
    $t->run->wait_catalog('echo') if !$arg{later};

    return ($t, $audit);
}


sub calls {
    my ($t, $number) = @_;
    my @markers = map { 'o' . ++$n } 1 .. $number // 10;

    is scalar(grep { $t->call('echo', { message => $_, marker => $_ })->text
                     eq $_ } @markers), scalar @markers, 'calls are answered';

    return @markers;
}


sub stored {
    my ($name, @markers) = @_;

    is_deeply [ Sentinel::Audit->not_once($pg, @markers) ], [],
        "$name: all rows come, once";
}


# The same is not said again within ten seconds.

sub calm {
    my ($t, $what, $name) = @_;
    my ($last, @soon);

    for (split /\n/, $t->error_log) {
        my ($y, $m, $d, $H, $M, $S) = m{^(\d+)/(\d+)/(\d+)\ (\d+):(\d+):(\d+)
                                        \ .*mcp\ audit:\ \Q$what}x or next;
        my $at = mktime($S, $M, $H, $d, $m - 1, $y - 1900);
        push @soon, $_ if defined $last && $at - $last < 9;
        $last = $at;
    }

    ok defined $last, "$name: it is said";
    is_deeply \@soon, [], "$name: but not for each row";
}


my ($t, $audit) = gateway();
stored('at first', calls($t));

# a table that is locked

my $psql = spawn(command => [ "$pg->{bin}/psql", '-AtXq', '-d', $pg->dsn, '-c',
    'BEGIN; LOCK TABLE mcp_audit.calls IN ACCESS EXCLUSIVE MODE;
     SELECT pg_sleep(600)' ]);
await { $pg->query("SELECT count(*) FROM pg_locks WHERE granted
    AND mode = 'AccessExclusiveLock' AND relation =
    'mcp_audit.calls'::regclass") eq '1' };
my @markers = calls($t);
ok $t->wait_log(qr/the store refuses rows.*lock timeout/, 60),
    'a table that is locked';
@markers = (@markers, calls($t));
$pg->query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE granted
    AND mode = 'AccessExclusiveLock'");
$psql->stop;
stored('the lock is gone', @markers);

# a table that somebody altered

$pg->query('ALTER TABLE mcp_audit.calls RENAME COLUMN native TO nothing');
@markers = calls($t);
ok $t->wait_log(qr/the store refuses rows.*native/, 60), 'a column is gone';
@markers = (@markers, calls($t, 30));
$pg->query('ALTER TABLE mcp_audit.calls RENAME COLUMN nothing TO native');
stored('it is back', @markers);

# a disk that is full is not the rows' fault: none is given up

$pg->query(q{CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE ''could not extend file'' USING ERRCODE = ''53100''; END';
    CREATE TRIGGER full_disk BEFORE INSERT ON mcp_audit.calls
    EXECUTE FUNCTION public.full()});
@markers = calls($t);
ok $t->wait_log(qr/the store refuses rows.*could not extend/, 60),
    'no room in the database';
@markers = (@markers, calls($t));
$pg->query('DROP TRIGGER full_disk ON mcp_audit.calls');
stored('there is room again', @markers);
is $audit->dead, '', 'no dead letters';
calm($t, 'the store refuses rows', 'refused');
$t->stop;

# no connection is left

$pg->query('CREATE ROLE gw LOGIN CONNECTION LIMIT 0;
            GRANT mcp_audit_writer TO gw');
($t, $audit) = gateway(dsn => $pg->dsn(user => 'gw'));
@markers = calls($t);
ok $t->wait_log(qr/cannot connect to the store.*too many connections/, 60),
    'too many connections';
$pg->query('ALTER ROLE gw CONNECTION LIMIT 5');
stored('there is one again', @markers);
calm($t, 'cannot connect to the store', 'no connection');
$t->stop;

# committed, but not said so: the connection ends instead of the answer

my $port = free_port();
my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                   Listen => 5, ReuseAddr => 1) or die;
my $drops = File::Temp->new;
my $proxy = Sentinel::Process->fork_code(sub {
    my ($end) = @_;
    my $set = IO::Select->new($listen, $end);
    my (%other, %armed, $dropped);

    while (1) {
        for my $ready ($set->can_read) {
            return if $ready == $end;

            if ($ready == $listen) {
                my $client = $listen->accept or next;
                my $server = IO::Socket::INET->new(
                    PeerAddr => "127.0.0.1:$pg->{port}") or next;
                $set->add($client, $server);
                $other{$client} = $server;
                $other{$server} = $client;
                next;
            }

            my $peer = $other{$ready} or next;
            my $got = sysread $ready, my $in, 65536;

            $armed{$peer} = 1
                if $got && $in =~ /mcp_audit\.append/ && ($dropped // 0) < 4;

            # what the server says of it comes here no more
            if (!$got || $armed{$ready}) {
                if ($got) {
                    $dropped++;
                    truncate $drops, 0;
                    sysseek $drops, 0, 0;
                    syswrite $drops, $dropped;
                }
                $set->remove($ready, $peer);
                delete @other{$ready, $peer};
                delete @armed{$ready, $peer};
                close $_ for $ready, $peer;
                next;
            }

            syswrite $peer, $in;
        }
    }
});
close $listen;

($t, $audit) = gateway(dsn => $pg->dsn(host => '127.0.0.1', port => $port));
@markers = calls($t, 20);
ok +(await { Sentinel::Process::slurp("$drops") eq '4' } 60),
    'four answers to commits are lost';
stored('no answer to a commit', @markers, calls($t));
ok +(await { $audit->segments == 1
             && $t->error_log =~ /the store has closed the connection/ } 60),
    'it is said';
$t->stop;
$proxy->stop;
is $pg->query('SELECT count(*) - count(DISTINCT id) FROM mcp_audit.calls'), 0,
    'no call stands twice';

# a backlog: memory is that of a batch


sub backlog {
    my ($dir, $lines) = @_;
    my $chain = '20260101T000000000Z-1';
    my ($prev, $text) = ('0' x 64, 'x' x 8000);
    my $time = '2026-11-21T00:00:00.000000Z';

    for my $segment (1 .. 8) {
        my $seq = ($segment - 1) * $lines;
        my $end = join '', ',"chain":"', $chain, '","segment":', $segment;

        open my $f, '>', sprintf '%s/%s-%06d.jsonl', $dir, $chain, $segment
            or die "$dir: $!";
        print $f qq({"record":"head","time":"$time","node":"n"$end,"seq":$seq)
                 . qq(,"prev":"$prev","open":0}\n);

        for (1 .. $lines) {
            $seq++;
            my $id = sprintf '019a0000-0000-7000-8000-%012x', $seq;
            my $line = qq({"record":"call","id":"$id","time":"$time",)
                . qq("node":"n","client":"backlog","gen_ai.tool.call.arguments")
                . qq(:"$text","outcome":"invalid","chain":"$chain",)
                . qq("seq":$seq,"prev":"$prev"});
            print $f "$line\n";
            $prev = sha256_hex($line);
        }

        print $f qq({"record":"tail","time":"$time"$end,"seq":$seq,)
                 . qq("prev":"$prev") . ($segment == 8 ? ',"final":true' : '')
                 . "}\n";
        close $f;
    }
}


sub peak {
    my ($pid) = @_;

    return Sentinel::Process::slurp("/proc/$pid/status") =~ /VmHWM:\s+(\d+)/
           ? $1 * 1024 : 0;
}


my $dir = File::Temp::tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0777, $dir;
backlog($dir, 400);
chmod 0666, glob "$dir/*.jsonl";
my $bytes = 0;
$bytes += -s for glob "$dir/*.jsonl";
cmp_ok $bytes, '>', 25e6, 'a backlog';

($t, $audit) = gateway(conf => "mcp_audit_spool $dir size=100m;",
                       dir => $dir);
my $manager = $t->manager;
my $before = peak($manager);
@markers = calls($t);
ok +(await { $pg->query("SELECT count(*) FROM mcp_audit.calls
                         WHERE client = 'backlog'") eq '3200' } 120),
    'it is stored';
cmp_ok peak($manager) - $before, '<', 16e6, 'memory is that of a batch'
    if !$ENV{SAN};
is $t->manager, $manager, 'of one manager';
stored('calls of the time', @markers);
ok +(await { $audit->segments <= 1 } 60), 'the spool empties';

# a second gateway on one spool: one of them sends, the other takes over

my ($t2) = gateway(conf => "mcp_audit_spool $dir size=100m;", dir => $dir);
stored('two on one spool', calls($t), calls($t2));
$t->stop;
stored('one has gone', calls($t2));
$t2->stop;
is $pg->query('SELECT count(*) - count(DISTINCT id) FROM mcp_audit.calls'), 0,
    'no call stands twice';

done_testing;
