# mcp-audit: finds calls in the spool and in the store, and finds every line
# that was removed, changed or moved.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Postgres;
use JSON::PP;

my $build = $ENV{SAN} ? 'build/san' : 'build';
my $one = Sentinel::Backend->modern(tools => [qw/echo slow hang fail/]);
my $t = Sentinel::Test->new(
    backends => [one => $one],
    http => Sentinel::Audit->conf('segment=8k'),
    server => 'mcp_client $http_x_client;', workers => 1);
my $audit = Sentinel::Audit->new($t);
$t->run->wait_catalog('echo');


# Exit status, lines.

sub tool {
    my (@arguments) = @_;
    my ($status, $out, $err);

    ($status, $out, $err) = capture(
        command => [ "$build/mcp-audit", @arguments ],
        env => { MCP_AUDIT_SPOOL => $audit->dir });

    return ($status, [ split /\n/, $out ], $err);
}


sub found { return scalar @{ (tool('search', @_))[1] } }

sub as { return (headers => { 'X-Client' => $_[0] }) }

$t->call('echo', { marker => "a$_" }, as('alice')) for 1 .. 20;
$t->call('echo', { marker => "b$_" }, as('bob')) for 1 .. 5;
$t->call('fail', { marker => 'f' }, as('bob'), id => 'req-7');
$t->call("no\e]0;x\a", { marker => 'none' }, as('eve'));
my $hang = $t->call('hang', { marker => 'h' }, as('bob'), send => 1);
await { $audit->row(qr/"h"/) && $audit->row(qr/"none"/) };

is found(), 28, 'all calls';
is found('-c', 'alice'), 20, 'of a client';
is found('-c', 'BOB', '-t', 'e*'), 5, 'of a client and tools';
is found('-o', 'tool_error'), 1, 'of an outcome';
is found('-o', 'open'), 1, 'that has none yet';
is found('-b', 'one'), 27, 'of a backend';
is found('-r', 'req-7'), 1, 'of a request id';
is found('--since', '1h'), 28, 'since';
is found('--until', '1h'), 0, 'until';
is found('--since', '2020-01-01', '--until', '2020-02-01T10:00'), 0, 'both';
is found('-n', 3), 3, 'the last ones';
my $id = $audit->row(qr/"f"/)->{id};
is found('-i', $id), 1, 'by its id';

my ($status, $out) = tool('search', '-i', $id);
like $out->[0], qr/^\d{4}-\d\d-\d\d\ \d\d:\d\d:\d\d\.\d{3}\ \ bob\ \ fail
                    \ \ tool_error\ \ [\d.]+\ ms\ \ $id\ \ \{"marker":"f"\}/x,
    'as a person reads it';
($status, $out) = tool('search', '-i', $id, '--json');
my $row = decode_json($out->[0]);
is "$row->{client} $row->{outcome} $row->{native}", 'bob tool_error fail',
    'as JSON';
($status, $out) = tool('search', '-c', 'eve');
like "@$out", qr/no\\x1b\]0;x\\x07/, 'odd bytes are shown';
unlike "@$out", qr/[\x00-\x09\x0b-\x1f]/, 'a terminal is safe';

for (['nonsense'], [], ['search', '--since', 'x'], ['tail', '-d', 'x'],
     ['search', '-s', '/nowhere']) {
    ($status) = tool(@$_);
    is $status, 2, "@$_: exit status 2";
}

# tail

my $tail = spawn(command => [ "$build/mcp-audit", 'tail', '-s', $audit->dir,
                              '-c', 'carol' ]);
$t->call('echo', { marker => 'now' }, as('carol'));
ok +(await { $tail->output =~ /carol.*now/ }), 'tail shows what comes';
$tail->stop('INT');

# verify

$hang->close;
await { !grep { !defined $_->{outcome} } values %{ $audit->rows } };
$t->stop;

($status, $out) = tool('verify');
is $status, 0, 'an untouched spool' or diag "@$out";
like $out->[-1], qr/^\d+ lines in 1 chains, 0 wrong$/, 'in numbers';

my @files = $audit->segments;
cmp_ok scalar @files, '>=', 2, 'there are several segments';
my %text = map { $_ => Sentinel::Process::slurp($_) } @files;


sub put {
    my ($file, $text) = @_;
    my $f;

    open $f, '>', $file or die "$file: $!";
    print $f $text;
    close $f;
}


# Each line of a call: removed, changed, swapped with the next.

my ($missed, $tried) = ('', 0);

for my $file (@files) {
    my @lines = split /(?<=\n)/, $text{$file};

    for my $i (grep { $lines[$_] =~ /"seq":\d+.*"prev"/
                      && $lines[$_] !~ /"(?:head|tail)"/ } 0 .. $#lines) {
        my @removed = @lines;
        splice @removed, $i, 1;
        my @changed = @lines;
        $changed[$i] =~ s/"time":"2/"time":"1/;
        my @moved = @lines;
        @moved[$i, $i + 1] = @moved[$i + 1, $i];

        for ([removed => @removed], [changed => @changed],
             $lines[$i + 1] =~ /"tail"/ ? () : [moved => @moved]) {
            my ($how, @text) = @$_;
            put($file, join '', @text);
            ($status) = tool('verify');
            $tried++;
            $missed .= "$file line $i $how\n" if $status ne '1';
        }
    }

    put($file, $text{$file});
}

is $missed, '', "each of $tried changes is found";
unlink $files[1];
is +(tool('verify'))[0], 1, 'a segment that is missing in between';
put($files[1], $text{ $files[1] });
unlink $files[0];
is +(tool('verify'))[0], 0, 'the first ones may be gone';
put($files[0], $text{ $files[0] });
put($files[-1], $text{ $files[-1] } . '{"record":"int');
($status, $out) = tool('verify');
is $status, 0, 'a torn last line';
like "@$out", qr/has no end/, 'is noted';
put($files[-1], $text{ $files[-1] });

# the store

my $pg = Sentinel::Postgres->new;
my $rows = keys %{ $audit->rows };
$t->configure(http => Sentinel::Audit->conf('segment=8k')
              . "mcp_audit_store 'postgres:" . $pg->dsn . "';");
$t->run;
await { ($pg->query('SELECT count(*) FROM mcp_audit.calls') || 0) == $rows };
is $pg->query('SELECT count(*) FROM mcp_audit.calls'), $rows,
    'what was in the spool is in the store';
await { $pg->query('SELECT bool_and(ended) FROM mcp_audit.chains') eq 't' };
ok +(await { !$audit->segments }), 'and the spool is empty';

my @d = ('-d', $pg->dsn);
is found(@d), $rows, 'all calls';
is found(@d, '-c', 'alice'), 20, 'of a client';
is found(@d, '-c', 'bo*', '-t', 'e*'), 5, 'of clients and tools';
is found(@d, '-o', 'tool_error'), 1, 'of an outcome';
is found(@d, '-r', 'req-7'), 1, 'of a request id';
is found(@d, '--since', '1h', '-n', 3), 3, 'of a time, the last ones';
is found(@d, '-i', $id), 1, 'by its id';
is found(@d, '--until', '1h'), 0, 'none';

($status, $out) = tool('verify', @d);
is $status, 0, 'untouched' or diag "@$out";

my %change = (
    'a row is removed' => 'DELETE FROM mcp_audit.calls WHERE id = (SELECT id
        FROM mcp_audit.calls ORDER BY time OFFSET 5 LIMIT 1)',
    'the last row is removed' => 'DELETE FROM mcp_audit.calls WHERE
        greatest(intent_seq, outcome_seq) = (SELECT max(outcome_seq)
        FROM mcp_audit.calls)',
    'a line is changed' => q{UPDATE mcp_audit.calls SET intent_line =
        convert_to(replace(convert_from(intent_line, 'UTF8'), 'alice',
        'malice'), 'UTF8') WHERE arguments->>'marker' = 'a7'},
    'a column is changed' => q{UPDATE mcp_audit.calls SET client = 'nobody'
        WHERE arguments->>'marker' = 'a7'},
    'an outcome is changed' => q{UPDATE mcp_audit.calls SET outcome = 'ok'
        WHERE outcome = 'tool_error'},
    'arguments are changed' => q{UPDATE mcp_audit.calls SET arguments_raw =
        '{}' WHERE arguments->>'marker' = 'a7'},
    'a whole chain is removed' => q{INSERT INTO mcp_audit.chains VALUES
        ('gone', 'x', 7, repeat('0', 64), true)},
    'two rows change places' => q{UPDATE mcp_audit.calls AS a SET intent_seq =
        b.intent_seq FROM mcp_audit.calls AS b WHERE
        (a.arguments->>'marker', b.arguments->>'marker') IN
        (('a7', 'a9'), ('a9', 'a7'))});

$pg->query('CREATE TABLE public.copy AS SELECT * FROM mcp_audit.calls');

for my $how (sort keys %change) {
    $pg->query($change{$how});
    ($status, $out) = tool('verify', @d);
    is $status, 1, "$how: found" or diag "@$out $pg->{error}";
    $pg->query(q{TRUNCATE mcp_audit.calls;
                INSERT INTO mcp_audit.calls SELECT * FROM public.copy;
                DELETE FROM mcp_audit.chains WHERE chain = 'x'});
}

is +(tool('verify', @d))[0], 0, 'as it was';

done_testing;
