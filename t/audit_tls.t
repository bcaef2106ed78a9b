# The way to the store: TLS that is verified, passwords, and servers that
# never come to an end with the handshake.  What goes wrong there is said,
# without secrets; rows wait in the spool, and come once.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Postgres;
use IO::Select;

my $one = Sentinel::Backend->modern(tools => [qw/echo/]);
my $certs = File::Temp::tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($crt, $key) = certificate('localhost', $certs);
my ($wrong) = certificate('other', $certs);
chmod 0755, $certs;

my $pg = Sentinel::Postgres->new(
    tcp => 1, tls => [$crt, $key],
    hba => "hostssl all trusted all trust\n"
           . "hostssl all all all scram-sha-256\n");
$pg->query("CREATE ROLE trusted LOGIN SUPERUSER;
            CREATE ROLE gw LOGIN SUPERUSER PASSWORD 'first-sesame'");
is $pg->{error}, '', 'roles';

my $n = 0;


sub store {
    my ($dsn) = @_;

    return Sentinel::Audit->conf('') . "mcp_audit_store 'postgres:$dsn';";
}


sub dsn {
    my (%more) = @_;

    return $pg->dsn(host => 'localhost', user => 'trusted',
                    sslmode => 'verify-full', sslrootcert => $crt, %more);
}


sub gateway {
    my ($dsn, %arg) = @_;
    my ($t, $audit);

    $t = Sentinel::Test->new(
        backends => [one => { url => $one, conf => "prefix off;" }],
        http => store($dsn), server => 'location = /ready { mcp_ready; }',
        %arg);
    $audit = Sentinel::Audit->new($t);
    $t->run->wait_catalog('echo');

    return ($t, $audit);
}


sub calls {
    my ($t) = @_;
    my @markers = map { 'm' . ++$n } 1 .. 5;

    is scalar(grep { $t->call('echo', { message => $_, marker => $_ })->text
                     eq $_ } @markers), 5, 'calls are answered';

    return @markers;
}


sub stored {
    my ($name, @markers) = @_;

    is_deeply [ Sentinel::Audit->not_once($pg, @markers) ], [],
        "$name: all rows come, once";
}


# What mcp_ready and the error log say.

sub says {
    my ($t, $pattern, $name) = @_;
    my $last;

    ok +(await { ($last = $t->http('GET', '/ready')->json->{audit}{lastError}
                  // '') =~ $pattern } 60), "$name: mcp_ready says it"
        or diag $last;
    ok $t->wait_log($pattern, 60), "$name: the error log, too";
}


sub waits {
    my ($t, $audit, $name, @markers) = @_;
    my %in = map { (($_->{'gen_ai.tool.call.arguments'} // '')
                    =~ /"marker":"(\w+)"/)[0] // '' => 1 } $audit->lines;

    is_deeply [ grep { !$in{$_} } @markers ], [], "$name: rows wait";
    cmp_ok $t->http('GET', '/ready')->json->{audit}{spoolBytes}, '>', 500,
        'in the spool';
}


# verified

my ($t, $audit) = gateway(dsn());
stored('TLS', calls($t));
is $pg->query("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity
               USING (pid) WHERE application_name = 'mcp audit'"), 't',
    'over TLS';
$t->stop;

# a certificate of somebody else

($t, $audit) = gateway(dsn(sslrootcert => $wrong));
my @markers = calls($t);
says($t, qr/cannot connect to the store.*certificate verify failed/,
     'another CA');
waits($t, $audit, 'another CA', @markers);
$t->configure(http => store(dsn()));
ok $t->reload, 'mended';
stored('after a reload', @markers, calls($t));
$t->stop;

# a name that is not in it

($t, $audit) = gateway(dsn(host => '127.0.0.1'));
@markers = calls($t);
says($t, qr/cannot connect to the store.*does not match host name/,
     'another name');
waits($t, $audit, 'another name', @markers);
$t->configure(http => store(dsn()));
ok $t->reload, 'mended';
stored('after a reload', @markers);
$t->stop;

# a server without TLS is not taken for one

my $plain = Sentinel::Postgres->new(tcp => 1);
($t, $audit) = gateway(dsn(port => $plain->{port}));
says($t, qr/cannot connect to the store.*does not support SSL/, 'no TLS');
$t->stop;

# PGPASSFILE


sub passfile {
    my ($password) = @_;
    my $path = "$certs/pgpass";
    my $file;

    # another file in its place: nobody reads half of it
    open $file, '>', "$path.new" or die "$path: $!";
    print $file "localhost:*:*:gw:$password\n";
    close $file;
    chmod 0600, "$path.new";
    # of the user of the workers
    chown +(getpwnam 'nobody')[2, 3], "$path.new" if !$>;
    rename "$path.new", $path;

    return $path;
}


my @secrets = qw/first-sesame second-sesame wrong-sesame/;


sub silent {
    my ($t, $name) = @_;
    my $text = $t->error_log . $t->read('stderr')
               . $t->http('GET', '/ready')->body;

    is_deeply [ grep { $text =~ /\Q$_/ } @secrets ], [],
        "$name: no password is told";
}


($t, $audit) = gateway(dsn(user => 'gw'),
                       env => { PGPASSFILE => passfile('wrong-sesame') });
@markers = calls($t);
says($t, qr/password authentication failed/, 'a wrong PGPASSFILE');
waits($t, $audit, 'a wrong PGPASSFILE', @markers);
silent($t, 'a wrong PGPASSFILE');
passfile('first-sesame');
stored('PGPASSFILE is mended', @markers, calls($t));
$t->stop;

# env:

$pg->query("ALTER ROLE gw PASSWORD 'second-sesame'");
($t, $audit) = gateway('env:AUDIT_DSN', env => {
    AUDIT_DSN => dsn(user => 'gw', password => 'first-sesame') });
@markers = calls($t);
says($t, qr/password authentication failed/, 'a wrong password');
waits($t, $audit, 'a wrong password', @markers);
silent($t, 'a wrong password');
$pg->query("ALTER ROLE gw PASSWORD 'first-sesame'");
stored('the password is mended', @markers, calls($t));
silent($t, 'a right password');
$t->stop;

# file:, which may change before a reload

my $file = "$certs/dsn";
open my $f, '>', $file or die;
print $f dsn(user => 'gw', password => 'wrong-sesame'), "\n";
close $f;
($t, $audit) = gateway("file:$file");
@markers = calls($t);
says($t, qr/password authentication failed/, 'a wrong file');
open $f, '>', $file or die;
print $f dsn(user => 'gw', password => 'first-sesame'), "\n";
close $f;
ok $t->reload, 'mended';
stored('the file is mended', @markers, calls($t));
silent($t, 'a file');
$t->stop;

# servers that accept, and then say nothing: not at all, or from the TLS
# handshake on

for my $first ('', 'S') {
    my $name = $first ? 'silent from the handshake on' : 'silent';
    my $port = free_port();
    my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                       Listen => 5, ReuseAddr => 1) or die;
    my $late = Sentinel::Backend->modern(tools => [qw/late/]);
    my @held;

    $late->stop;
    ($t, $audit) = gateway(dsn(port => $port),
                           backends => [
        one => { url => $one, conf => "prefix off;" }, late => $late]);
    my $server = Sentinel::Process->fork_code(sub {
        my ($end) = @_;
        my $set = IO::Select->new($listen, $end);

        while (1) {
            for my $ready ($set->can_read) {
                return if $ready == $end;
                if ($ready == $listen) {
                    push @held, $listen->accept;
                    $set->add($held[-1]);
                    next;
                }
                $set->remove($ready) if !sysread $ready, my $in, 4096;
                syswrite $ready, $first
                    if $first && ($in // '') eq "\0\0\0\x08\x04\xd2\x16\x2f";
            }
        }
    });
    close $listen;

    @markers = calls($t);
    $late->start;
    ok +(await { grep { $_ eq 'late_late' } $t->modern('tools/list')->tools }
         60), "$name: the manager goes on";
    says($t, qr/the store does not answer/, $name);
    @markers = (@markers, calls($t));
    waits($t, $audit, $name, @markers);
    $t->configure(http => store(dsn()));
    ok $t->reload, 'mended';
    stored($name, @markers);
    $t->stop;
    $server->stop;
    $late->stop;
}

done_testing;
