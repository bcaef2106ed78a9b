package Sentinel::Process;

# Child processes of a test, free ports, and waiting without sleeping.
#
#   my $p = spawn(command => [...], env => {...}, ready => qr/listening/);
#   my $p = spawn(command => [...], port => $port);
#   $p->pid  $p->output  $p->alive  $p->signal('TERM')  $p->stop
#   await { condition } 10;      its value, or false after the seconds
#   my $port = free_port();      nobody else's until this process ends
#
# Each child has a process group of its own, which ends with the test.

use strict;
use warnings;

use Exporter qw/import/;
use Fcntl qw/:flock/;
use File::Temp qw/tempdir/;
use IO::Socket::INET;
use POSIX qw/:sys_wait_h/;
use Time::HiRes qw/time sleep/;

our @EXPORT = qw/spawn capture await free_port port_open patience/;

my $owner = $$;
my @children;
my @port_locks;


# How long to wait for something that should be there at once.

sub patience {
    my ($seconds) = @_;

    $seconds //= 10;

    return $ENV{SAN} ? $seconds * 4 : $seconds;
}


sub await (&;$) {
    my ($condition, $seconds) = @_;
    my ($deadline, $value);

    $deadline = time() + patience($seconds);

    while (1) {
        $value = $condition->();
        return $value if $value;
        return $value if time() > $deadline;
        sleep 0.01;
    }
}


# Below the range from which the kernel takes ports for outgoing
# connections; a lock file keeps other tests from taking the same.

sub free_port {
    my ($dir, $port, $lock, $socket, $tries);

    $dir = "/tmp/sentinel-ports-$<";
    mkdir $dir, 0700;

    for $tries (1 .. 1000) {
        $port = 10000 + int rand 20000;

        open $lock, '>', "$dir/$port" or die "$dir/$port: $!";
        flock $lock, LOCK_EX | LOCK_NB or next;

        $socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$port",
                                        Listen => 1, ReuseAddr => 1)
            or next;
        close $socket;

        push @port_locks, $lock;
        return $port;
    }

    die "no free port";
}


sub port_open {
    my ($port) = @_;
    my $socket;

    $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
                                    Timeout => 2);

    return defined $socket;
}


sub spawn {
    my (%arg) = @_;
    my ($self, $pid, $log, $up, $pipe_r, $pipe_w);

    $self = bless { %arg }, __PACKAGE__;
    $self->{name} //= $arg{command}[0];
    $self->{log} //= File::Temp->new(TEMPLATE => 'sentinel-XXXXXX',
                                     TMPDIR => 1, SUFFIX => '.log');
    $log = "$self->{log}";

    # Its standard input closes when the test ends, however it ends.
    pipe $pipe_r, $pipe_w or die "pipe: $!";

    $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp 0, 0;
        close $pipe_w;
        open STDIN, '<&', $pipe_r;
        open STDOUT, '>>', $log;
        open STDERR, '>>', $log;
        $ENV{$_} = $arg{env}{$_} for keys %{ $arg{env} || {} };
        { no warnings; exec { $arg{command}[0] } @{ $arg{command} }; }
        print STDERR "cannot run $arg{command}[0]: $!\n";
        POSIX::_exit(127);
    }

    setpgrp $pid, $pid;
    $self->{pid} = $pid;
    $self->{stdin} = $pipe_w;
    push @children, $self;

    $up = await {
        !$self->alive
        || (defined $arg{port} ? port_open($arg{port})
            : defined $arg{ready} ? $self->output =~ $arg{ready} : 1)
    } $arg{timeout} // 30;

    if (!$up || (!$self->alive && !$arg{may_exit})) {
        die "$self->{name} does not come up:\n" . $self->output . "\n";
    }

    return $self;
}


# A child that somebody else has started, with { pid }; ends like ours.

sub adopt {
    my ($self) = @_;

    setpgrp $self->{pid}, $self->{pid};
    push @children, $self;
}


# Runs a command to its end: exit status, standard output, standard error.

sub capture {
    my (%arg) = @_;
    my ($pid, $dir, $status, $out, $err);

    $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp 0, 0;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/out";
        open STDERR, '>', "$dir/err";
        $ENV{$_} = $arg{env}{$_} for keys %{ $arg{env} || {} };
        { no warnings; exec { $arg{command}[0] } @{ $arg{command} }; }
        print STDERR "cannot run $arg{command}[0]: $!\n";
        POSIX::_exit(127);
    }

    if (!await { waitpid($pid, WNOHANG) == $pid } $arg{timeout} // 60) {
        kill KILL => -$pid;
        waitpid $pid, 0;
        $status = 'timeout';

    } else {
        $status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    }

    $out = slurp("$dir/out");
    $err = slurp("$dir/err");

    return wantarray ? ($status, $out, $err) : $out;
}


sub slurp {
    my ($path) = @_;
    my $file;

    open $file, '<', $path or return '';
    local $/;

    return <$file> // '';
}


sub pid { return $_[0]{pid} }

sub output { return slurp("$_[0]{log}") }


sub alive {
    my ($self) = @_;

    return 0 if defined $self->{status};

    if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{status} = $?;
        return 0;
    }

    return 1;
}


sub signal {
    my ($self, $signal) = @_;

    return $self->alive && kill $signal => $self->{pid};
}


# Ends the process and its group; false if it had to be killed.

sub stop {
    my ($self, $signal, $seconds) = @_;
    my $gentle = 1;

    if ($self->alive) {
        kill $signal // 'TERM', $self->{pid};
        $gentle = await { !$self->alive } $seconds // 10;
    }

    kill KILL => -$self->{pid};

    if (!$gentle) {
        waitpid $self->{pid}, 0;
        $self->{status} = $?;
    }

    close delete $self->{stdin} if $self->{stdin};

    return $gentle;
}


sub stop_all {
    return if $$ != $owner;

    for my $child (reverse @children) {
        kill TERM => $child->{pid} if $child->alive;
    }

    $_->stop('TERM', 5) for reverse @children;
    @children = ();
}


# A forked part of the test that runs perl code.

sub fork_code {
    my ($class, $code) = @_;
    my ($pid, $r, $w, $self);

    pipe $r, $w or die "pipe: $!";
    $pid = fork // die "fork: $!";

    if ($pid == 0) {
        setpgrp 0, 0;
        close $w;
        @port_locks = ();
        $SIG{INT} = $SIG{TERM} = $SIG{HUP} = 'DEFAULT';
        eval { $code->($r); 1 } or print STDERR "# child: $@";
        POSIX::_exit(0);
    }

    setpgrp $pid, $pid;
    $self = bless { pid => $pid, stdin => $w, name => 'perl' }, $class;
    push @children, $self;

    return $self;
}


$SIG{$_} //= sub { exit 1 } for qw/INT TERM HUP/;

END {
    if ($$ == $owner) {
        local $?;
        stop_all();
    }
}

1;
