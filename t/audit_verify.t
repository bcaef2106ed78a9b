# mcp-audit verify against all that can be done to a spool and to rows: a
# sample of bytes through the program (all of them in
# t/unit/test_record_verify.c), and each column of the table.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Postgres;

my $build = $ENV{SAN} ? 'build/san' : 'build';
my $one = Sentinel::Backend->modern(tools => [qw/echo slow fail/]);
my $t = Sentinel::Test->new(
    backends => [one => $one], http => Sentinel::Audit->conf(''),
    server => 'mcp_client $http_x_client; mcp_roles reader,writer;',
    workers => 1);
my $audit = Sentinel::Audit->new($t);
$t->run->wait_catalog('echo');


sub verify {
    my (@where) = @_;
    my ($status, $out, $err);

    ($status, $out, $err) = capture(
        command => [ "$build/mcp-audit", 'verify', @where ],
        env => { MCP_AUDIT_SPOOL => $audit->dir });

    return ($status, $out . $err);
}


sub put {
    my ($file, $text) = @_;
    my $f;

    open $f, '>', $file or die "$file: $!";
    print $f $text;
    close $f;
}


my @as = (headers => { 'X-Client' => 'alice',
              traceparent => '00-0af7651916cd43dd8448eb211c80319c-'
                             . 'b7ad6b7169203331-01' });

# a segment that is followed by another, with a call that runs through
my $slow = $t->call('slow', { seconds => 1, marker => 's' }, @as, send => 1);
await { $audit->row(qr/"s"/) };
$t->{process}->signal('USR1');
await { $t->call('echo', { marker => 'e' }, @as); $audit->segments > 1 };
$t->call('fail', { marker => 'f' }, @as);
$t->call('none', { marker => 'n' }, @as);
$slow->response;
await { !grep { !defined $_->{outcome} } values %{ $audit->rows } };
$t->stop;

my ($status, $text) = verify();
is $status, 0, 'an untouched spool' or diag $text;
unlike $text, qr/note|WRONG/, 'of which there is nothing to say';

# bytes

my @files = $audit->segments;
my ($tried, $missed) = (0, '');

for my $file (@files) {
    my $whole = Sentinel::Process::slurp($file);
    my @times;

    # the times of head and tail: nothing else tells them
    push @times, [ $-[1], $+[1] ]
        while $whole =~ /^\{"record":"(?:head|tail)","time":"([^"]+)"/mg;

    for (my $at = 0; $at < length $whole; $at += 37) {
        next if grep { $at >= $_->[0] && $at < $_->[1] } @times;
        my $other = $whole;
        substr($other, $at, 1) ^= "\x01";
        put($file, $other);
        ($status, $text) = verify();
        $tried++;
        $missed .= "$file $at: $status\n" if $status ne '1';
    }

    put($file, $whole);
}

cmp_ok $tried, '>', 50, 'some bytes';
is $missed, '', 'each that was changed is found';

# rows

my $pg = Sentinel::Postgres->new;
my $rows = keys %{ $audit->rows };
$t->configure(http => Sentinel::Audit->conf('')
              . "mcp_audit_store 'postgres:" . $pg->dsn . "';");
$t->run;
await { ($pg->query('SELECT count(*) FROM mcp_audit.calls
                     WHERE outcome IS NOT NULL') || 0) == $rows }
    or diag "rows are missing";
$t->stop;
$pg->query('CREATE TABLE public.copy AS SELECT * FROM mcp_audit.calls;
            CREATE TABLE public.chains AS SELECT * FROM mcp_audit.chains;
            CREATE ROLE auditor LOGIN; GRANT mcp_audit_reader TO auditor');

my @d = ('-d', $pg->dsn(user => 'auditor'));
($status, $text) = verify(@d);
is $status, 0, 'an untouched store, read by mcp_audit_reader' or diag $text;

my %other = (
    'uuid' => 'gen_random_uuid()',
    'text' => "coalesce(%s, '') || 'x'",
    'bytea' => "coalesce(%s, '') || 'x'",
    'jsonb' => q('{"marker":"other"}'),
    'bigint' => 'coalesce(%s, 0) + 1',
    'boolean' => 'NOT coalesce(%s, false)',
    'ARRAY' => "array_append(%s, 'admin')",
    'timestamp with time zone' => "coalesce(%s, now()) + interval '1 us'",
);
my @columns = $pg->rows("SELECT column_name || '|' || data_type || '|'
    || is_nullable FROM information_schema.columns
    WHERE table_schema = 'mcp_audit' AND table_name = 'calls'
    ORDER BY ordinal_position");
cmp_ok scalar @columns, '>=', 36, 'all columns';


sub found {
    my ($change, $name) = @_;
    my $error;

    $pg->query($change);
    $error = $pg->{error};
    ($status, $text) = verify(@d);
    is $status, 1, $name or diag "$text$error";
    $pg->query('TRUNCATE mcp_audit.calls, mcp_audit.chains;
                INSERT INTO mcp_audit.calls SELECT * FROM public.copy;
                INSERT INTO mcp_audit.chains SELECT * FROM public.chains');
}


# of a call with both halves, and of one that was refused

for my $marker (qw/f n/) {
    my $which = "WHERE convert_from(arguments_raw, 'UTF8')
                 LIKE '%\"marker\":\"$marker\"%'";

    for (@columns) {
        my ($column, $type, $null) = split /\|/;
        my $value = $other{$type} =~ s/%s/$column/r;

        found("UPDATE mcp_audit.calls SET $column = $value $which",
              "$column of $marker is changed");
        next if $null eq 'NO'
                || $pg->query("SELECT $column IS NULL FROM mcp_audit.calls
                               $which") eq 't';
        found("UPDATE mcp_audit.calls SET $column = NULL $which",
              "$column of $marker is emptied");
    }

    found("DELETE FROM mcp_audit.calls $which", "$marker is removed");
    found("INSERT INTO mcp_audit.calls SELECT (jsonb_populate_record(c,
           jsonb_build_object('id', gen_random_uuid()))).*
           FROM mcp_audit.calls AS c $which", "$marker stands twice");
    found("UPDATE mcp_audit.calls SET intent_line = NULL, intent_seq = NULL,
           outcome_line = NULL, outcome_seq = NULL $which",
          "$marker without its lines");
}

found("INSERT INTO mcp_audit.calls (id, time, chain) VALUES
       (gen_random_uuid(), now(), 'x')", 'a row that was made up');
found("UPDATE mcp_audit.chains SET $_", "chains: $_")
    for 'seq = seq + 1', 'seq = seq - 1', "hash = repeat('0', 64)";

($status, $text) = verify(@d);
is $status, 0, 'as it was' or diag $text;

done_testing;
