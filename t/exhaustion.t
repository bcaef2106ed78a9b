# When descriptors or connections run out, calls that run go on, new ones get
# an error or wait, nothing is taken for an answer, and all is well again
# when there is room.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Time::HiRes qw/time sleep/;

my %b = map { $_ => Sentinel::Backend->$_(tools => [qw/echo hang slow/]) }
        qw/legacy modern/;


# Each worker has so few connections that calls cannot all have theirs.

sub crowd {
    my ($what, %arg) = @_;
    my ($t, $session, @kept, @rest, %ends, @workers);

    $t = Sentinel::Calls->new(
        workers => 1, backends => [l => $b{legacy}, m => $b{modern}], %arg);
    $t->configure;
    $t->{connections} and $t->write('nginx.conf',
        $t->read('nginx.conf')
        =~ s/worker_connections \d+/worker_connections $t->{connections}/r);
    $t->expect(qr/worker_connections are not enough/);
    $t->expect(qr/Too many open files/);
    $t->run->wait_catalog(qw/l_echo m_echo/);
    $session = $t->legacy;
    @workers = $t->workers;
    $_->forget for values %b;

    # some that run
    push @kept, ($_ % 2 ? $t : $session)->call(
        ($_ % 3 ? 'l' : 'm') . '_slow', { seconds => 2 }, id => "k$_",
        send => 1) for 1 .. 4;
    await { $b{legacy}->requests('tools/call')
            + $b{modern}->requests('tools/call') >= 4 };

    # and more than there is room for
    for (1 .. 80) {
        my $c = eval { ($_ % 2 ? $t : $session)->call(
            ($_ % 3 ? 'l' : 'm') . '_slow', { seconds => 0.3 },
            id => "r$_", send => 1) };
        push @rest, [$_, $c] if $c;
    }

    is_deeply [map { my $r = $_->response;
                     $r ? $r->text // $r->body : 'nothing' } @kept],
        [('at last') x 4], "$what: calls that run go on";

    for (@rest) {
        my ($n, $c) = @$_;
        my $r = eval { $c->response(5) };
        $ends{ !$r ? $@ ? 'no end' : 'closed'
               : ($r->text // '') eq 'at last' && $r->json->{id} eq "r$n"
                 ? 'answered'
               : !eval { $r->json } ? 'not JSON-RPC, status ' . $r->status
               : ($r->code // '') =~ /\A(?:50[0-9]|-32603)\z/
                 && $r->json->{id} eq "r$n" ? 'error'
               : $r->status . ' ' . $r->body }++;
        $c->close;
    }

    note join ', ', map { "$ends{$_} $_" } sort keys %ends;
    is_deeply [grep { !/\A(?:closed|answered|error)\z/ } sort keys %ends],
        [], '... the others get an error, or an answer, or no connection';

    for my $client ($t, $session) {
        ok +(await { my $r = eval { $client->call('l_echo',
                                                  { message => 'x' }) };
                     $r && ($r->text // '') eq 'x' } 5),
            '... then all is well';
    }

    is_deeply [$t->workers], \@workers, '... the worker lives';
    ok $t->stop('QUIT'), '... and ends';
}

crowd('few connections', connections => 40);
crowd('few descriptors', main => "worker_rlimit_nofile 40;\n");


# Clients that send nothing, or little, or never read, are in nobody's way.

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}],
    http => <<'END',
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
END
);
$t->run->wait_catalog(qw/l_echo m_echo/);
my ($session, @workers) = ($t->legacy, $t->workers);
my $open = 0;
await { my $now = 0; $now += fds($_) for @workers;
        my $same = $now == $open; $open = $now; $same };

my @idle;
my $head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
           . "application/json\r\nContent-Length: 5000\r\n\r\n{\"jsonrpc\"";

for my $n (1 .. 300) {
    my $c = $t->connection;
    $c->write(substr $head, 0, $n % 3 == 0 ? 0 : $n % 3 == 1 ? 30 : 999);
    push @idle, $c;
}

my ($longest, $n, $end) = (0, 0, time() + 0.7);

while (time() < $end) {
    my $began = time();
    my $r = ($n++ % 2 ? $t : $session)->call('l_echo', { message => "$n" });
    is $r->text, "$n", 'a call among idle clients' if $r->text ne "$n";
    $longest = time() - $began if time() - $began > $longest;
}

cmp_ok $longest, '<', patience(0.5),
    "$n calls beside 300 idle clients do not wait";

is scalar(grep { !eval { $_->eof(5) } } @idle), 0, 'they are closed in time';
ok +(await { my $now = 0; $now += fds($_) for @workers; $now <= $open + 4 }),
    'nothing is left of them';


# logs on a disk that is full: what is done does not depend on them

$t = Sentinel::Calls->new(
    workers => 1, backends => [l => $b{legacy}, m => $b{modern}],
    http => '
    mcp_audit_spool %%DIR%%/audit;
    error_log /dev/full info;
    access_log /dev/full;
');
$t->run->wait_catalog(qw/l_echo m_echo/);
$session = $t->legacy;
is_deeply [ map { $t->call('l_echo', { message => "a$_" })->text,
                  $session->call('m_echo', { message => "b$_" })->text,
                  $t->call('nothing', {})->code } 1 .. 20 ],
    [ map { ("a$_", "b$_", -32602) } 1 .. 20 ],
    'calls are answered with no room for logs';
ok $t->reload, 'a reload';
is $t->call('l_echo', { message => 'x' })->text, 'x', 'and on';
ok $t->stop, 'it stops';
is scalar(() = map { Sentinel::Process::slurp($_) =~ /"(?:outcome|call)","id"/g }
                   glob $t->dir . '/audit/2*.jsonl'), 61,
    'the record is whole';

done_testing;
