package Sentinel::Tracer;

# Stops a process at a function of its program or of a library, and some
# instructions behind it, by ptrace(2); on Linux on x86-64.
#
#   my $tracer = Sentinel::Tracer->new($pid, $t->module_path, 'mcp_ring_put');
#   $tracer->hit(10)       it got there; false: not within 10 seconds
#   $tracer->step(100)     so many instructions; false: it has ended
#   $tracer->kill          ... with SIGKILL

use strict;
use warnings;
no warnings 'portable';             # 64 bits

use Config;
use POSIX qw/:sys_wait_h/;

use Sentinel::Process;

use constant {
    SYS_WAIT4 => 61, SYS_PTRACE => 101, PEEKTEXT => 1, POKETEXT => 4, CONT => 7,
    SINGLESTEP => 9, GETREGS => 12, SETREGS => 13, ATTACH => 16,
    TRAP => 0xcc, RIP => 16, REGS => 27, SIGTRAP => 5, SIGSTOP => 19,
};


sub works { return $Config{archname} =~ /^x86_64-linux/ }


# What the kernel writes goes into the caller's own string.

sub ptrace {
    my ($self, $request, $address) = @_;

    return syscall(SYS_PTRACE, $request, $self->{pid}, $address, $_[3]) != -1;
}


# Waits until it stops; the signal; undef: it has ended, or not in time.  perl's
# own waitpid() says nothing of those that have stopped.

sub stopped {
    my ($self, $seconds) = @_;
    my ($status, $pid);

    $status = pack 'i', 0;
    $pid = 0;

    # a step is over at once

    for (1 .. 1000) {
        last if $pid;
        $pid = syscall(SYS_WAIT4, $self->{pid}, $status, WNOHANG, 0);
    }

    await {
        $pid ||= syscall(SYS_WAIT4, $self->{pid}, $status, WNOHANG, 0);
    } $seconds;

    $status = unpack 'i', $status;

    return $pid == $self->{pid} && WIFSTOPPED($status) ? WSTOPSIG($status)
                                                       : undef;
}


sub new {
    my ($class, $pid, $program, $symbol) = @_;
    my ($self, $base, $value);

    $self = bless { pid => $pid }, $class;

    ($base) = Sentinel::Process::slurp("/proc/$pid/maps")
              =~ /^([0-9a-f]+)-\S+ \S+ 0+ .*\Q$program\E$/m
        or die "$program is not in $pid";
    ($value) = capture(command => ['nm', '-D', $program])
               =~ /^([0-9a-f]+) T \Q$symbol\E$/m
        or die "$program has no $symbol";
    $self->{address} = hex($base) + hex($value);

    $self->ptrace(ATTACH, 0, 0) or die "ptrace: $!";
    ($self->stopped(10) // 0) == SIGSTOP or die "$pid does not stop";

    $self->{word} = "\0" x 8;
    $self->ptrace(PEEKTEXT, $self->{address}, $self->{word})
        or die "peek: $!";
    $self->ptrace(POKETEXT, $self->{address},
                  unpack('q', pack('C', TRAP) . substr $self->{word}, 1))
        or die "poke: $!";
    $self->ptrace(CONT, 0, 0);

    return $self;
}


sub hit {
    my ($self, $seconds) = @_;
    my ($signal, $regs, @regs);

    for ( ;; ) {
        $signal = $self->stopped($seconds) // return 0;
        last if $signal == SIGTRAP;
        $self->ptrace(CONT, 0, $signal);
    }

    # the instruction is put back, and comes next

    $self->ptrace(POKETEXT, $self->{address}, unpack('q', $self->{word}));

    $regs = "\0" x (REGS * 8);
    $self->ptrace(GETREGS, 0, $regs);
    @regs = unpack 'Q*', $regs;
    $regs[RIP] = $self->{address};
    $regs = pack 'Q*', @regs;

    return $self->ptrace(SETREGS, 0, $regs);
}


sub step {
    my ($self, $n) = @_;

    for (1 .. $n) {
        $self->ptrace(SINGLESTEP, 0, 0);
        defined $self->stopped(10) or return 0;
    }

    return 1;
}


sub kill {
    my ($self) = @_;

    kill KILL => $self->{pid};
    $self->stopped(10);

    return;
}

1;
