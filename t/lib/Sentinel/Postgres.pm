package Sentinel::Postgres;

# A PostgreSQL server of the test's own, in a temporary folder.
#
#   my $pg = Sentinel::Postgres->new;      or: port => 1 to listen on TCP, too
#   $pg->dsn                               for mcp_audit_store
#   $pg->query('SELECT 1')                 one row: its columns, "|" between
#   $pg->rows('SELECT ...')                all of them
#   new(tls => [$crt, $key], hba => "hostssl all all all scram-sha-256\n")
#   $pg->stop('immediate')  $pg->start  $pg->freeze  $pg->thaw

use strict;
use warnings;

use File::Temp qw/tempdir/;

use Sentinel::Process;


sub new {
    my ($class, %arg) = @_;
    my ($self, @bin, $user, $status, $out, $err);

    @bin = sort { ($a =~ m{/(\d+)/})[0] <=> ($b =~ m{/(\d+)/})[0] }
           glob '/usr/lib/postgresql/*/bin';
    die "no PostgreSQL: run scripts/setup test\n" if !@bin;

    $self = bless { bin => $bin[-1], port => free_port(), %arg,
                    dir => tempdir('sentinel-XXXXXX', TMPDIR => 1,
                                   CLEANUP => 1) }, $class;

    # the server does not run as root
    if ($> == 0) {
        $self->{user} = (getpwnam 'postgres')[0] // 'nobody';
        chown +(getpwnam $self->{user})[2, 3], $self->{dir};
    }
    chmod 0755, $self->{dir};

    ($status, $out, $err) = capture(command => $self->as(
        "$self->{bin}/initdb", '-D', "$self->{dir}/data", '-U', 'postgres',
        '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'));
    die "initdb: $out$err" if $status ne '0';

    $self->tls(@{ $self->{tls} }) if $self->{tls};
    $self->hba($self->{hba}) if defined $self->{hba};

    return $self->start;
}


# A file below the server's data that its user may read.

sub put {
    my ($self, $name, $text) = @_;
    my $path = "$self->{dir}/data/$name";
    my $file;

    open $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file;
    chmod 0600, $path;
    chown +(getpwnam $self->{user})[2, 3], $path if defined $self->{user};

    return $path;
}


sub tls {
    my ($self, $crt, $key) = @_;

    push @{ $self->{conf} }, 'ssl=on',
        'ssl_cert_file='
            . $self->put('server.crt', Sentinel::Process::slurp($crt)),
        'ssl_key_file='
            . $self->put('server.key', Sentinel::Process::slurp($key));
}


# Who may come over TCP, before what initdb wrote for local ones.

sub hba {
    my ($self, $text) = @_;

    $self->put('pg_hba.conf', "local all all trust\n$text");
}


# A command as the server's user.

sub as {
    my ($self, @command) = @_;

    return \@command if !defined $self->{user};
    return [ 'setpriv', "--reuid=$self->{user}", '--clear-groups', '--',
             @command ];
}


sub start {
    my ($self) = @_;

    $self->{process} = spawn(
        name => 'postgres', timeout => 60,
        command => $self->as("$self->{bin}/postgres", '-D',
            "$self->{dir}/data", '-k', $self->{dir}, '-p', $self->{port},
            '-c', 'fsync=off', '-c', 'max_connections=20', '-c',
            'shared_buffers=16MB', '-c', 'listen_addresses='
            . ($self->{tcp} ? '127.0.0.1' : ''),
            map { ('-c', $_) } @{ $self->{conf} || [] }));

    await { $self->query('SELECT 1') eq '1' } 60
        or die "postgres does not come up: " . $self->{process}->output;

    return $self;
}


# smart (TERM), fast (INT), immediate (QUIT)

sub stop {
    my ($self, $mode) = @_;
    my %signal = (smart => 'TERM', fast => 'INT', immediate => 'QUIT');

    $self->thaw;
    $self->{process}->stop($signal{$mode // 'fast'}, 20);

    return $self;
}


sub pids {
    my ($self) = @_;
    my $pid = $self->{process}->pid;
    my @pids = ($pid);

    for my $stat (glob '/proc/[0-9]*/stat') {
        my $text = Sentinel::Process::slurp($stat);
        push @pids, $1 if $text =~ /^(\d+) \(.*\) \S $pid /;
    }

    return @pids;
}


sub freeze { kill STOP => $_[0]->pids; return $_[0] }

sub thaw { kill CONT => $_[0]->pids; return $_[0] }


sub dsn {
    my ($self, %more) = @_;
    my %words = (host => $self->{dir}, port => $self->{port},
                 user => 'postgres', dbname => 'postgres', %more);

    return join ' ', map { "$_=$words{$_}" } sort keys %words;
}


sub rows {
    my ($self, $sql, %more) = @_;
    my ($status, $out, $err);

    ($status, $out, $err) = capture(
        command => [ "$self->{bin}/psql", '-AtXq', '-d', $self->dsn(%more),
                     '-v', 'ON_ERROR_STOP=1', '-c', $sql ]);
    $self->{error} = $err;

    return split /\n/, $out;
}


sub query { return join "\n", rows(@_) }

1;
