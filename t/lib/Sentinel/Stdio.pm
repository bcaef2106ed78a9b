package Sentinel::Stdio;

# A client of a stdio MCP server that is a child process.
#
#   my $c = Sentinel::Stdio->new(command => [...], env => {...});
#   my $c = Sentinel::Stdio->connect($url, '--option', ..., { env });
#   $c->send({ ... } or a line)      $c->write($bytes)
#   my $m = $c->message($seconds)    the next of the server's
#   my $m = $c->answer($id)          ... the response of that id; others stay
#   my $m = $c->request('tools/call', {...}, %opt)    sends, waits
#   my $m = $c->call('echo', {...}, %opt)
#   $c->notify('notifications/initialized', {...})
#   $c->legacy(%opt)                 initialize and initialized
#   $c->close_input   $c->close_output   $c->wait($seconds): exit status
#   $c->errors                       its standard error so far
#
# And all that a Sentinel::Process does.
#
# Options of requests: id; modern => 1, with caps, meta; version.

use strict;
use warnings;

use Cwd qw/getcwd/;
use IO::Select;
use JSON::PP;
use Time::HiRes qw/time/;

use Sentinel::MCP;
use Sentinel::Process;

our @ISA = qw/Sentinel::Process/;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $root = getcwd();
my $next = 1;


sub bridge_binary {
    return $ENV{MCP_BRIDGE}
           // ($ENV{SAN} ? "$root/build/san" : "$root/build") . '/mcp-bridge';
}


# What valgrind finds ends the program with status 99.

sub bridge_command {
    return ($ENV{VALGRIND} ? (qw/valgrind -q --leak-check=full
                                 --show-leak-kinds=definite
                                 --errors-for-leak-kinds=definite
                                 --error-exitcode=99/)
                           : (), bridge_binary());
}


sub connect {
    my ($class, $url, @options) = @_;
    my $env;

    $env = ref $options[-1] ? pop @options : {};

    return $class->new(env => $env, command => [
        bridge_command(), 'connect', $url, @options ]);
}


sub new {
    my ($class, %arg) = @_;
    my ($self, $in_r, $in_w, $out_r, $out_w);

    pipe $in_r, $in_w or die "pipe: $!";
    pipe $out_r, $out_w or die "pipe: $!";

    $self = bless { %arg, in => '', messages => [],
                    log => File::Temp->new(TEMPLATE => 'sentinel-XXXXXX',
                                           TMPDIR => 1, SUFFIX => '.log') },
                  $class;

    $self->{pid} = fork // die "fork: $!";

    if ($self->{pid} == 0) {
        setpgrp 0, 0;
        open STDIN, '<&', $in_r;
        open STDOUT, '>&', $out_w;
        open STDERR, '>>', "$self->{log}";
        close $_ for $in_r, $in_w, $out_r, $out_w;
        delete $ENV{MCP_TOKEN};
        $ENV{$_} = $arg{env}{$_} for keys %{ $arg{env} || {} };
        { no warnings; exec { $arg{command}[0] } @{ $arg{command} }; }
        print STDERR "cannot run $arg{command}[0]: $!\n";
        POSIX::_exit(127);
    }

    close $_ for $in_r, $out_w;
    $in_w->autoflush(1);
    @$self{qw/w r/} = ($in_w, $out_r);
    Sentinel::Process::adopt($self);

    return $self;
}


sub errors { return Sentinel::Process::slurp("$_[0]{log}") }

sub close_input { close delete $_[0]{w} }

sub close_output { close delete $_[0]{r} }


# Its exit status, or 'signal N'; undef if it goes on.

sub wait {
    my ($self, $seconds) = @_;

    await { !$self->alive } $seconds // 10 or return undef;

    return $self->{status} & 127 ? 'signal ' . ($self->{status} & 127)
                                 : $self->{status} >> 8;
}


sub write {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    return print { $self->{w} } $bytes;
}


sub send {
    my ($self, $message) = @_;

    return $self->write((ref $message ? $json->encode($message) : $message)
                        . "\n");
}


# The next line, without its end; undef at the end of the output.

sub line {
    my ($self, $seconds) = @_;
    my ($deadline, $wait, $end, $from);

    $deadline = time() + patience($seconds // 10);
    $from = 0;

    while (($end = index $self->{in}, "\n", $from) < 0) {
        $from = length $self->{in};
        $wait = $deadline - time();
        IO::Select->new($self->{r})->can_read($wait > 0 ? $wait : 0)
            or die "timeout reading a line; so far: "
                   . substr($self->{in}, 0, 200) . "\n" . $self->errors;
        sysread $self->{r}, $self->{in}, 65536, length $self->{in}
            or return undef;
    }

    return substr substr($self->{in}, 0, $end + 1, ''), 0, -1;
}


sub message {
    my ($self, $seconds) = @_;
    my $line;

    return shift @{ $self->{messages} } if @{ $self->{messages} };

    $line = $self->line($seconds) // return undef;
    $self->{raw} = $line;

    return $json->decode($line);
}


# True if nothing comes in that many seconds.

sub quiet {
    my ($self, $seconds) = @_;

    return !@{ $self->{messages} } && $self->{in} eq ''
           && !IO::Select->new($self->{r})->can_read($seconds);
}


sub answer {
    my ($self, $id, $seconds) = @_;
    my ($m, @others);

    while ($m = $self->message($seconds)) {

        if (!exists $m->{method} && defined $m->{id} && $m->{id} eq $id) {
            unshift @{ $self->{messages} }, @others;
            return bless $m, 'Sentinel::Stdio::Answer';
        }

        push @others, $m;
    }

    $self->{messages} = \@others;

    return undef;
}


sub begin {
    my ($self, $method, $params, %opt) = @_;
    my ($id, %meta);

    $id = $opt{id} // 'r' . $next++;
    %meta = %{ $opt{meta} || {} };

    if ($opt{modern}) {
        %meta = (
            Sentinel::MCP::META . 'protocolVersion' =>
                $opt{version} // Sentinel::MCP::MODERN,
            Sentinel::MCP::META . 'clientCapabilities' => $opt{caps} // {},
            Sentinel::MCP::META . 'clientInfo' =>
                { name => 'test', version => '1' }, %meta);
    }

    $params = { %{ $params || {} }, _meta => \%meta } if %meta;
    $self->send({ jsonrpc => '2.0', id => $id, method => $method,
                  $params ? (params => $params) : () });

    return $id;
}


sub request {
    my ($self, $method, $params, %opt) = @_;

    return $self->answer($self->begin($method, $params, %opt),
                         $opt{timeout});
}


sub call {
    my ($self, $name, $arguments, %opt) = @_;

    return $self->request('tools/call', { name => $name,
                          arguments => $arguments // {} }, %opt);
}


sub notify {
    my ($self, $method, $params) = @_;

    return $self->send({ jsonrpc => '2.0', method => $method,
                         $params ? (params => $params) : () });
}


sub legacy {
    my ($self, %opt) = @_;
    my $answer;

    $answer = $self->request('initialize', {
        protocolVersion => $opt{version} // Sentinel::MCP::LEGACY,
        capabilities => $opt{caps} // {},
        clientInfo => { name => 'test', version => '1' },
    });
    $self->notify('notifications/initialized') if $answer;

    return $answer;
}


package Sentinel::Stdio::Answer;

use strict;
use warnings;

sub result { return $_[0]{result} }

sub error { return $_[0]{error} }

sub code { return ($_[0]{error} // {})->{code} }


sub text {
    my ($self) = @_;
    my $content;

    $content = ($self->{result} // {})->{content} // return undef;

    return join '', map { $_->{text} // '' } @$content;
}


sub tools {
    my ($self) = @_;

    return map { $_->{name} } @{ ($self->{result} // {})->{tools} // [] };
}

1;
