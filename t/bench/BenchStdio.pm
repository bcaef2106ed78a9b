package BenchStdio;

# A stdio echo server behind mcp-bridge, and behind programs of npm that do
# the same, for scripts/bench.  Each runs on nginx's core, with the server
# that it starts.
#
#   my $b = bridge();               { port, worker, process }; /echo
#   my $p = proxy('supergateway');  /mcp
#   my $id = open_session($p, $path);    Mcp-Session-Id
#   answers($p, $path, $id)         dies unless it echoes
#   my $us = cpu_of($b, sub { calls })   seconds of CPU while code ran

use strict;
use warnings;

use Cwd qw/getcwd/;
use Exporter qw/import/;
use File::Temp qw/tempdir/;
use JSON::PP;

use Bench;
use Sentinel::MCP;
use Sentinel::Process;

our @EXPORT = qw/bridge proxy open_session answers cpu_of sessions/;

my $root = getcwd();
my $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $json = JSON::PP->new->utf8->canonical;


sub server {
    system('make', '-s', 'stdio-server') == 0
        or die "the stdio server cannot be built\n";

    return "$root/build/stdio-server";
}


sub bridge {
    my ($port, $file, $process, $status);

    open $file, '>', "$dir/mcp.json" or die "mcp.json: $!\n";
    print $file $json->encode({ mcpServers => { echo => {
        command => server(), args => ['--era', 'legacy'] } } });
    close $file;

    $port = free_port();
    $process = spawn(name => 'mcp-bridge', port => $port,
        command => Bench::pinned('nginx', "$root/build/mcp-bridge", '-c',
                                 "$dir/mcp.json", '-l', "127.0.0.1:$port"));

    await {
        $status = Sentinel::HTTP->new(port => $port)
                  ->request('GET', '/echo', { Accept => 'application/json' })
                  ->response;
        $status->json->{state} eq 'ready';
    } or die "the stdio server does not come up\n";

    return { port => $port, worker => $process->pid, process => $process };
}


# Both have sessions, as a client that initializes wants.

sub proxy {
    my ($name) = @_;
    my ($port, $process, @command);

    $port = free_port();
    @command = ("$root/t/node_modules/.bin/node",
                "$root/t/node_modules/.bin/$name");

    if ($name eq 'supergateway') {
        push @command, '--stdio', server() . ' --era legacy',
             qw/--outputTransport streamableHttp --stateful --logLevel none/,
             '--port', $port;

    } else {
        push @command, '--host', '127.0.0.1', '--port', $port,
             qw/--server stream --no-eventStore --/, server(), '--era',
             'legacy';
    }

    $process = spawn(name => $name, port => $port,
                     command => Bench::pinned('nginx', @command));

    return { port => $port, worker => $process->pid, process => $process };
}


sub open_session {
    my ($self, $path) = @_;

    return Sentinel::MCP->new(port => $self->{port}, path => $path)
           ->legacy->id // die "$path gives no session\n";
}


sub answers {
    my ($self, $path, $headers, $body) = @_;
    my $r = post($self, $path, $headers, $body);

    die "$path: " . $r->status . ' ' . $r->body . "\n"
        if ($r->text // '') ne 'plain words';
}


sub cpu_of {
    my ($self, $code) = @_;
    my $before = Bench::cpu($self->{worker});

    $code->();

    return Bench::cpu($self->{worker}) - $before;
}


# That many sessions more, which nobody ends.

sub sessions {
    my ($self, $path, $n) = @_;
    my ($mcp, $c);

    $mcp = Sentinel::MCP->new(port => $self->{port}, path => $path);
    $c = Sentinel::HTTP->new(port => $self->{port});
    $mcp->legacy(on => $c) for 1 .. $n;
}

1;
