package Sentinel::Bridge;

# An mcp-bridge with stdio servers, for one test.
#
#   my $b = Sentinel::Bridge->new(servers => {
#       one => ['--era', 'legacy'],           options of t/servers/stdio.c
#       two => { args => [...], maxLine => 1000, ... },
#       npm => { command => 'node', args => [...] },
#   }, options => ['-l', ...], env => {...})->run->wait_ready('one', 'two');
#
#   $b->mcp('one')->call(...)         a Sentinel::MCP before one of them
#   $b->url('one')                    for mcp_backend
#   $b->socket  $b->dir  $b->log      its standard error so far
#   $b->status('one')  $b->status     what GET says, as data
#   $b->wait_state('one', 'ready')
#   $b->pid_of('one')                 its process, as the status has it
#   $b->configure(servers => {...})  $b->hup
#   $b->record('one')                 what the server recorded, lines
#   $b->said('one', qr/.../)          waits for such a line
#   $b->processes                     all there are: bridge, servers, and
#                                     whatever those left: { pid => cmdline }
#   $b->only('one', ...)              the same but for those of the servers
#                                     named, and for the bridge's own
#   $b->ends($name)                   stops it: status 0, nothing left
#
# VALGRIND=1 runs the bridge in valgrind, SAN=1 one with sanitizers; what they
# say fails the test.

use strict;
use warnings;

use Cwd qw/getcwd/;
use File::Path qw/remove_tree/;
use File::Temp qw/tempdir/;
use JSON::PP;
use Test::More ();

use Sentinel::HTTP;
use Sentinel::MCP;
use Sentinel::Process;
use Sentinel::Stdio;

our @ISA = qw/Sentinel::Process/;

my $owner = $$;
my $root = getcwd();
my $json = JSON::PP->new->utf8->canonical->pretty;
my @bridges;


# The stdio server, which is built when a test first wants it; never with
# sanitizers: it is not what is tested, and they would fill its memory.

my $server;

sub server_binary {
    return $server if $server;

    system('make', '-s', 'SAN=0', 'stdio-server') == 0
        or die "the stdio server cannot be built\n";

    return $server = "$root/build/stdio-server";
}


sub new {
    my ($class, %arg) = @_;
    my $self;

    $self = bless { options => [], env => {}, expected => [], %arg,
                    dir => tempdir('bridge-XXXXXX', TMPDIR => 1) }, $class;
    chmod 0755, $self->{dir};
    $self->configure;
    push @bridges, $self;

    return $self;
}


sub dir { return $_[0]{dir} }

sub socket { return "$_[0]{dir}/sock" }

sub url { return "http://unix:$_[0]{dir}/sock:/$_[1]" }

sub log { return Sentinel::Process::slurp("$_[0]{dir}/log") }


# The processes of a test are known by its folder, on their command line or
# in their environment.

sub configure {
    my ($self, %arg) = @_;
    my (%servers, $name, $entry, $file);

    $self->{$_} = $arg{$_} for keys %arg;

    for $name (keys %{ $self->{servers} }) {
        $entry = $self->{servers}{$name};
        $entry = { args => $entry } if ref $entry eq 'ARRAY';
        $entry = { %$entry };

        if (!defined $entry->{command}) {
            $entry->{command} = server_binary();
            $entry->{args} = ['--record', "$self->{dir}/$name.record",
                              @{ $entry->{args} || [] }];
        }

        $entry->{args} = [ map { "$_" } @{ $entry->{args} || [] } ];
        $entry->{env} = { %{ $entry->{env} || {} },
                          SENTINEL_TEST => "$self->{dir}/$name" };
        $servers{$name} = $entry;
    }

    open $file, '>', "$self->{dir}/mcp.json.new" or die "mcp.json: $!";
    print $file $self->{text} // $json->encode({ mcpServers => \%servers });
    close $file;
    rename "$self->{dir}/mcp.json.new", "$self->{dir}/mcp.json";

    return $self;
}


sub environment {
    my ($self) = @_;

    return { SENTINEL_TEST => "$self->{dir}/bridge",
             ASAN_OPTIONS => 'detect_odr_violation=0',
             UBSAN_OPTIONS => 'print_stacktrace=1:halt_on_error=1',
             %{ $self->{env} } };
}


sub command {
    my ($self, @more) = @_;

    return [ Sentinel::Stdio::bridge_command(), '-c',
             "$self->{dir}/mcp.json", @more ];
}


sub run {
    my ($self) = @_;
    my $process;

    unlink $self->socket;
    $process = spawn(
        name => 'mcp-bridge', log => "$self->{dir}/log",
        env => $self->environment,
        command => $self->command('-l', "unix:$self->{dir}/sock",
                                  @{ $self->{options} }));
    @$self{qw/pid stdin/} = @$process{qw/pid stdin/};
    delete $self->{status};
    delete $self->{process_status};
    $self->{process} = $process;

    await { !$process->alive || $self->answers } 30;
    die "mcp-bridge does not come up:\n" . $self->log if !$self->answers;

    return $self;
}


sub alive { return $_[0]{process}->alive }

sub signal { return $_[0]{process}->signal($_[1]) }

sub hup { return $_[0]->signal('HUP') }


sub answers {
    my ($self) = @_;

    return eval { Sentinel::HTTP->new(unix => $self->socket) };
}


sub mcp {
    my ($self, $name) = @_;

    return Sentinel::MCP->new(unix => $self->socket, path => "/$name");
}


# Of one server, or of all of them by name.

sub status {
    my ($self, $name) = @_;
    my $r;

    $r = $self->mcp($name // '')->http('GET', '/' . ($name // ''), {
        Accept => 'application/json' }) // return {};
    $r = eval { $r->json } // {};

    return $r if defined $name || ref $r ne 'HASH';
    return { map { $_->{name} => $_ } @{ $r->{servers} || [] } };
}


sub wait_state {
    my ($self, $name, $state, $seconds) = @_;
    my $status;

    return await {
        $status = $self->status($name);
        ($status->{state} // '') =~ /\A(?:$state)\z/ ? $status : undef;
    } $seconds // 15;
}


sub wait_ready {
    my ($self, @names) = @_;

    for my $name (@names ? @names : sort keys %{ $self->{servers} }) {
        $self->wait_state($name, 'ready')
            or die "$name is not ready: " . $json->encode(
                   $self->status($name)) . "log:\n" . $self->log;
    }

    return $self;
}


sub pid_of { return $_[0]->status($_[1])->{pid} }


sub record {
    my ($self, $name) = @_;

    return split /\n/, Sentinel::Process::slurp("$self->{dir}/$name.record");
}


sub said {
    my ($self, $name, $pattern, $count) = @_;

    return await { (grep { $_ =~ $pattern } $self->record($name))
                   >= ($count // 1) };
}


# --- the process table ------------------------------------------------------


sub processes {
    my ($self) = @_;
    my (%found, $pid, $what);

    for my $path (glob '/proc/[0-9]*') {
        ($pid) = $path =~ /(\d+)/;
        next if $pid == $$;
        # a zombie has neither
        $what = Sentinel::Process::slurp("$path/cmdline") . "\0"
              . Sentinel::Process::slurp("$path/environ");
        $found{$pid} = Sentinel::Process::slurp("$path/cmdline")
                       =~ s/\0/ /gr
            if index($what, $self->{dir}) >= 0 && !is_ours($pid);
    }

    return \%found;
}


# Forked parts of the test have its command line.

sub is_ours {
    my ($pid) = @_;

    return Sentinel::Process::slurp("/proc/$pid/cmdline")
           eq Sentinel::Process::slurp("/proc/$$/cmdline");
}


# Those of servers other than the named ones, and not the bridge's.

sub only {
    my ($self, @names) = @_;
    my ($all, %strange);

    $all = $self->processes;

    PID: for my $pid (keys %$all) {
        next if $pid == $self->{pid};
        my $environ = Sentinel::Process::slurp("/proc/$pid/environ");
        # a keeper: our program in another process
        next if (readlink "/proc/$pid/exe" // '')
                eq (readlink "/proc/$self->{pid}/exe" // '');

        for (@names) {
            next PID if $environ =~ m{\Q$self->{dir}\E/\Q$_\E(?:\0|\z)};
        }

        $strange{$pid} = $all->{$pid};
    }

    return \%strange;
}


# Waits until nothing is there but what is named; what is.

sub left {
    my ($self, @names) = @_;
    my $left;

    await { $left = $self->only(@names); !%$left } 10;

    return [ map { "$_ $left->{$_}" } sort keys %$left ];
}


# --- the end ----------------------------------------------------------------


sub stop {
    my ($self, $signal) = @_;

    return 1 if !$self->{process};

    return $self->{process}->stop($signal // 'TERM', 20);
}


sub exit_status {
    my ($self) = @_;
    my $status = $self->{process}{status} // return undef;

    return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
}


# The checks at the end of every test.

sub ends {
    my ($self, $name) = @_;
    my $left;

    $name //= 'the bridge';
    Test::More::ok($self->stop, "$name: stops when told");
    Test::More::is($self->exit_status, 0, 'with status 0');
    await { !%{ $self->processes } } 5;
    $left = $self->processes;
    Test::More::is_deeply([ map { "$_ $left->{$_}" } sort keys %$left ], [],
                          'and leaves no process');
    Test::More::is_deeply([ $self->faults ], [], 'nor complaints');
    Test::More::diag($self->log) if !Test::More->builder->is_passing;
    $self->{ended} = 1;
}


sub faults {
    my ($self) = @_;

    return grep { /^==\d+== \S|Sanitizer|runtime error:/ }
           split /\n/, $self->log;
}


sub finish {
    my ($status) = @_;
    my ($bridge, $failed);

    $failed = $status || !Test::More->builder->is_passing;

    while ($bridge = shift @bridges) {
        $bridge->stop if $bridge->{process};
        kill KILL => keys %{ $bridge->processes };

        if ($failed) {
            Test::More::diag("kept: $bridge->{dir}");
            Test::More::diag(join "\n",
                grep { defined } (split /\n/, $bridge->log)[-30 .. -1]);

        } elsif (!$ENV{KEEP}) {
            remove_tree($bridge->{dir});
        }
    }
}


END {
    if ($$ == $owner) {
        my $status = $?;
        finish($status);
        $? = $status;
    }
}

1;
