package Sentinel::Calls;

# A Sentinel::Test that knows what nginx logged of each call.
#
#   my $t = Sentinel::Calls->new(backends => [...]);
#   my $path = $t->tag;              for the option path of a request
#   my $r = $t->record($path);       waits for the line: id, outcome, code,
#                                    era, backend, method, name, status,
#                                    upstream_status, upstream_addr, time
#   $t->logged($path, qr/.../)       an [error] line about that call
#   $t->count('ok')                  calls with that outcome
#   memory($pid)  fds($pid)          of a process: bytes resident, descriptors
#   connected($port)                 connections that are open to a port
#   open_but_for([pids], ports)      their descriptors, without the
#                                    connections to those ports: kept ones

use strict;
use warnings;

use Exporter qw/import/;
use POSIX ();

use Sentinel::Process;
use Sentinel::Test ();

our @ISA = qw/Sentinel::Test/;
our @EXPORT = qw/memory fds connected open_but_for/;

my @fields = qw/args id outcome code era backend method name status
                upstream_status upstream_addr time/;
my $page = POSIX::sysconf(POSIX::_SC_PAGESIZE());


sub new {
    my ($class, %arg) = @_;

    $arg{http} = "    log_format calls escape=none '"
        . join("\t", '$args', (map { "\$mcp_$_" } qw/request_id outcome
            error_code era backend method name/), '$status',
            '$upstream_status', '$upstream_addr', '$request_time')
        . "';\n" . ($arg{http} // '');
    $arg{server} = "        access_log %%DIR%%/calls.log calls;\n"
        . ($arg{server} // '');

    return $class->SUPER::new(%arg);
}


sub tag {
    my ($self) = @_;

    return "$self->{path}?n=" . ++$self->{tags};
}


sub records {
    my ($self) = @_;
    my (@records, %r);

    for ($self->read('calls.log') =~ /^(.*)\n/mg) {
        @r{@fields} = split /\t/;
        push @records, { %r };
    }

    return @records;
}


# The line is written when all of the answer was.

sub record {
    my ($self, $path) = @_;
    my ($args, $r);

    ($args) = $path =~ /\?(.*)/;
    $r = $self->{known}{$args};

    await {
        $self->{known} = { map { $_->{args} => $_ } $self->records };
        $r = $self->{known}{$args};
    } if !$r;

    return $r // {};
}


sub logged {
    my ($self, $path, $pattern) = @_;
    my ($id, $log, $at, $from, $line);

    $id = $self->record($path)->{id} // return 0;
    $log = $self->error_log;

    for ($at = -1; ($at = index $log, $id, $at + 1) >= 0; ) {
        $from = rindex($log, "\n", $at) + 1;
        $line = substr $log, $from, index($log, "\n", $at) - $from;
        return 1 if $line =~ /\[error\]/ && $line =~ $pattern;
    }

    return 0;
}


sub count {
    my ($self, $outcome) = @_;

    return scalar grep { $_->{outcome} eq $outcome } $self->records;
}


sub memory {
    my ($pid) = @_;

    return (split / /, Sentinel::Process::slurp("/proc/$pid/statm"))[1]
           * $page;
}


sub fds {
    my ($pid) = @_;
    my @fds;

    @fds = glob "/proc/$pid/fd/*";

    return scalar @fds;
}


# The table moves while it is read: it may name a connection many times.

sub connected {
    my ($port) = @_;
    my ($to, %from);

    $to = sprintf '0100007F:%04X', $port;

    for (split /\n/, Sentinel::Process::slurp('/proc/net/tcp')) {
        my ($from, $remote, $state) = (split)[1 .. 3];
        $from{$from} = 1 if $remote eq $to && $state eq '01';
    }

    return scalar keys %from;
}


sub open_but_for {
    my ($pids, @ports) = @_;
    my ($to, $remote, $inode, %kept, $what, $open);

    $to = join '|', map { sprintf '0100007F:%04X', $_ } @ports;

    for (split /\n/, Sentinel::Process::slurp('/proc/net/tcp')) {
        ($remote, $inode) = (split)[2, 9];
        $kept{"socket:[$inode]"} = 1 if $remote =~ /^(?:$to)$/;
    }

    $open = 0;

    for (map { glob "/proc/$_/fd/*" } @$pids) {
        $what = readlink // next;
        $open++ if !$kept{$what};
    }

    return $open;
}

1;
