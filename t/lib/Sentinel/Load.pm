package Sentinel::Load;

# Clients that go on calling while a test does something to nginx.
#
#   my $load = Sentinel::Load->new(3, sub { my ($n, $client) = @_; ... });
#   $load->wait(50);             until that many more calls have ended
#   my ($calls, @wrong) = $load->stop;
#
# The code makes one call (the n-th of that client) and returns nothing, or
# what was wrong; what it dies with is wrong, too.  It is the code's business
# to take connections that a server may close only between calls.

use strict;
use warnings;

use File::Temp qw/tempdir/;

use Sentinel::Process;


sub new {
    my ($class, $clients, $code) = @_;
    my $self;

    $self = bless { dir => tempdir('sentinel-XXXXXX', TMPDIR => 1,
                                   CLEANUP => 1) }, $class;

    for my $client (1 .. $clients) {
        push @{ $self->{clients} }, Sentinel::Process->fork_code(
            sub { $self->client($client, $code) });
    }

    return $self;
}


sub client {
    my ($self, $client, $code) = @_;
    my ($n, $log, $wrong);

    srand $client;
    open $log, '>>', "$self->{dir}/calls";
    $log->autoflush(1);

    while (!-e "$self->{dir}/stop") {
        $wrong = eval { $code->(++$n, $client) } // ($@ || '');
        $wrong =~ s/\n/ /g;
        # short appends are not mixed up
        print $log "$client/$n " . substr($wrong, 0, 1000) . "\n";
    }

    open $log, '>', "$self->{dir}/ended-$client";
}


sub calls {
    my ($self) = @_;

    return [ Sentinel::Process::slurp("$self->{dir}/calls")
             =~ /^(.*)\n/mg ];
}


sub wait {
    my ($self, $count) = @_;
    my $until;

    $until = @{ $self->calls } + $count;

    return await { @{ $self->calls } >= $until } 30;
}


sub stop {
    my ($self) = @_;
    my $calls;

    open my $file, '>', "$self->{dir}/stop";
    await { @{[ glob "$self->{dir}/ended-*" ]} == @{ $self->{clients} } } 30
        or return (0, 'a client does not end');
    $_->stop for @{ $self->{clients} };

    $calls = $self->calls;

    return (scalar @$calls, grep { /^\S+ ./ } @$calls);
}

1;
