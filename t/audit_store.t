# The store: what is in the spool comes into Postgres, once, whatever happens
# on either side; the spool empties; calls never wait for it.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Postgres;
use Time::HiRes qw/time sleep/;

my $one = Sentinel::Backend->modern(tools => [qw/echo slow hang/]);
my $pg = Sentinel::Postgres->new(tcp => 1);
my $n = 0;


sub gateway {
    my (%arg) = @_;
    my ($t, $audit);

    $t = Sentinel::Test->new(
        backends => [one => $one], %arg,
        http => Sentinel::Audit->conf($arg{spool} // '')
                . "mcp_audit_store 'postgres:" . ($arg{dsn} // $pg->dsn)
                . "';" . ($arg{http} // ''));
    $audit = Sentinel::Audit->new($t);
    $t->run->wait_catalog(qw/echo/);

    return ($t, $audit);
}


sub count {
    my ($where) = @_;

    return $pg->query("SELECT count(*) FROM mcp_audit.calls "
                      . ($where ? "WHERE $where" : ''));
}


# The rows of these markers are there, once, with an outcome.

sub stored {
    my ($name, @markers) = @_;
    my (%have, @wrong);

    await {
        %have = ();
        $have{$_}++ for $pg->rows(
            "SELECT arguments->>'marker' FROM mcp_audit.calls "
            . "WHERE outcome IS NOT NULL AND intent_line IS NOT NULL");
        !grep { !$have{$_} } @markers;
    } 30;

    @wrong = grep { ($have{$_} // 0) != 1 } @markers;
    is_deeply \@wrong, [], $name;
}


my ($t, $audit) = gateway(http => 'mcp_audit_redact password;');
$t->call('echo', { message => "a 'quoted' \\ one", password => 'sesame',
                   marker => 'first' });
stored('a call comes into the store', 'first');

my ($row) = $pg->rows(
    "SELECT name, native, backend, method, era, outcome, address,
     arguments->>'password', convert_from(arguments_raw, 'UTF8')::jsonb
     = arguments, began < ended, duration_us > 0, redacted, cut,
     abs(extract(epoch FROM now() - time)) < 60
     FROM mcp_audit.calls WHERE arguments->>'marker' = 'first'");
is $row, 'echo|echo|one|tools/call|modern|ok|127.0.0.1|[redacted]|t|t|t|t|f|t',
    'with all its columns';
is $pg->query("SELECT convert_from(intent_line, 'UTF8')
               LIKE '{\"record\":\"intent\"%' FROM mcp_audit.calls"), 't',
    'and the lines themselves';
is $pg->query('SELECT max(version) FROM mcp_audit.migrations'), 1,
    'the schema made itself';
is $pg->query("SELECT count(*) FROM pg_inherits
               WHERE inhparent = 'mcp_audit.calls'::regclass"), 3,
    'partitions are made ahead';

# both halves, in two batches

my $c = $t->call('slow', { seconds => 1.2, marker => 'two' }, send => 1);
ok +(await { count("arguments->>'marker' = 'two' AND outcome IS NULL") }),
    'an intent comes before its outcome';
$c->response;
stored('which follows', 'two');

# what is refused

$t->call('none', { marker => 'none' });
stored('a call that was refused', 'none');
is $pg->query("SELECT outcome, code FROM mcp_audit.calls
               WHERE arguments->>'marker' = 'none'"), 'invalid|-32602',
    'with its reason';

# rows that jsonb does not take

my @odd = ('{"marker":"o1","x":"\\u0000"}', '{"marker":"o2","x":1e131073}',
           '{"marker":"o3","x":' . '[' x 60 . ']' x 60 . '}');

for my $odd (@odd) {
    $t->post(qq({"jsonrpc":"2.0","id":"x\\u0000","method":"tools/call",)
         . qq("params":{"name":"echo","arguments":$odd,"_meta":)
         . q({"io.modelcontextprotocol/protocolVersion":"2026-07-28",)
         . q("io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},)
         . q("io.modelcontextprotocol/clientCapabilities":{}}}}),
         { 'MCP-Protocol-Version' => '2026-07-28',
           'Mcp-Method' => 'tools/call', 'Mcp-Name' => 'echo' });
}
$t->call("n\0l", { marker => 'nul' });
await { count("convert_from(arguments_raw, 'UTF8') LIKE '{\"marker\":\"o%'")
        == @odd };
is_deeply [ $pg->rows("SELECT convert_from(arguments_raw, 'UTF8')
                       FROM mcp_audit.calls WHERE
                       convert_from(arguments_raw, 'UTF8')
                       LIKE '{\"marker\":\"o%' ORDER BY 1") ], \@odd,
    'what jsonb does not take is there as bytes';
stored('a name with NUL', 'nul');

# a row that the table refuses

$pg->query(q{CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.arguments->>''marker'' LIKE ''poison%'' THEN
     RAISE ''not this one''; END IF; RETURN NEW; END';
    CREATE TRIGGER no BEFORE INSERT ON mcp_audit.calls FOR EACH ROW
    EXECUTE FUNCTION public.no()});
my @markers;
for (1 .. 60) {
    my $marker = $_ % 20 ? "good$_" : "poison$_";
    $t->call('echo', { marker => $marker });
    push @markers, $marker if $_ % 20;
}
stored('rows around one that is refused', @markers);
ok +(await { -e $audit->dir . '/dead-letters.jsonl' }), 'dead letters';
await { my @l = split /\n/, $audit->dead; grep(/"intent".*poison/, @l) == 3 };
my @dead = split /\n/, $audit->dead;
is scalar(grep { /"intent".*poison/ } @dead), 3, 'those are kept';
like $dead[0], qr/"sqlstate":"P0001","why":"not this one"/, 'with the reason';
$pg->query('DROP TRIGGER no ON mcp_audit.calls');

# the spool empties

$t->{process}->signal('USR1');
$t->call('echo', { marker => "u$_" }) for 1 .. 10;
ok +(await { $audit->segments <= 3 }), 'segments go when they are stored';

# killed, while rows are on their way

for my $round (1 .. 5) {
    my @m = map { 'k' . ++$n } 1 .. 20;
    my @c = map { $t->call('echo', { marker => $_ }, send => 1) } @m;
    $t->kill_child($round % 2 ? $t->manager : ($t->workers)[0]);
    eval { $_->response } for @c;
    my %seen = map { $_->{json}{params}{arguments}{marker} // '' => 1 }
               $one->requests('tools/call');
    stored("kill $round: each executed call has its row",
           grep { $seen{$_} } @m);
}

# stopped, frozen

for my $how (qw/stop freeze/) {
    $pg->$how('immediate');
    my @m = map { $how . ++$n } 1 .. 50;
    my $began = time();
    is scalar(grep { $t->call('echo', { marker => $_, message => 'x' })->text
                     eq 'x' } @m), 50, "$how: calls are answered";
    cmp_ok time() - $began, '<', patience(2), "$how: calls go on";
    ok $t->wait_log($how eq 'stop' ? qr/cannot connect to the store/
                                   : qr/the store does not answer/, 30),
        'it is said';
    $how eq 'stop' ? $pg->start : $pg->thaw;
    stored("$how: all come after it", @m);
}


# a table that is locked, a store that is read-only

$pg->query('ALTER SYSTEM SET default_transaction_read_only = on');
$pg->query('SELECT pg_reload_conf()');
$t->call('echo', { marker => 'ro' });
ok $t->wait_log(qr/the store refuses rows/), 'a read-only store';
{
    local $ENV{PGOPTIONS} = '-c default_transaction_read_only=off';
    $pg->query('ALTER SYSTEM RESET default_transaction_read_only');
    $pg->query('SELECT pg_reload_conf()');
}
stored('it comes after it', 'ro');

is $pg->query('SELECT count(*) - count(DISTINCT id) FROM mcp_audit.calls'), 0,
    'no call stands twice';
ok $t->stop, 'it stops';

# a role that may only add

$pg->query('CREATE ROLE gw LOGIN; GRANT mcp_audit_writer TO gw;
            CREATE ROLE ro LOGIN; GRANT mcp_audit_reader TO ro');
($t, $audit) = gateway(dsn => $pg->dsn(user => 'gw', host => 'localhost'));
$t->call('echo', { marker => 'by-gw' });
stored('the role mcp_audit_writer is enough', 'by-gw');
for ('SELECT * FROM mcp_audit.calls', 'DELETE FROM mcp_audit.calls',
     "UPDATE mcp_audit.calls SET outcome = 'ok'") {
    $pg->query($_, user => 'gw');
    like $pg->{error}, qr/permission denied/, "it may not: $_";
}
cmp_ok $pg->query('SELECT count(*) FROM mcp_audit.calls', user => 'ro'), '>',
    10, 'mcp_audit_reader reads';
$pg->query('DELETE FROM mcp_audit.calls', user => 'ro');
like $pg->{error}, qr/permission denied/, 'and may do nothing else';

$t->stop;

# a host that nobody knows

($t, $audit) = gateway(dsn => $pg->dsn(host => 'no-such-host.invalid'));
ok $t->wait_log(qr/the store's host has no address/, 30), 'an unknown host';
is $t->call('echo', { message => 'on' })->text, 'on', 'calls go on';

# retention

$pg->query("SELECT mcp_audit.make_partition('2020-01-01');
    INSERT INTO mcp_audit.calls (id, time, chain) VALUES
    (gen_random_uuid(), '2020-01-05', 'x'),
    (gen_random_uuid(), now() - interval '2 days', 'x')");
$pg->query('SELECT mcp_audit.maintain(86400)');
is count("chain = 'x'"), 0, 'what is old is removed';
is $pg->query("SELECT to_regclass('mcp_audit.calls_2020_01') IS NULL"), 't',
    'whole partitions, too';

# configuration

for (['postgres:dbname=x password=sesame', qr/password cannot stand/],
     ['postgres:postgresql://u:sesame@h/db', qr/password cannot stand/],
     ['mysql:x', qr/invalid store/], ['postgres:env:NOT_SET_42', qr/not set/],
     ['postgres:nonsense', qr/connection string/])
{
    my ($dsn, $said) = @$_;
    my $bad = Sentinel::Test->new(backends => [one => $one], http =>
        "mcp_audit_spool %%DIR%%/a; mcp_audit_store '$dsn';");
    my ($status, $text) = $bad->check;

    isnt $status, 0, "$dsn is refused" =~ s/sesame/.../r;
    like $text, $said, 'why';
    unlike $text, qr/sesame/, 'without the secret';
}

done_testing;
