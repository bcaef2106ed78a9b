# The quick start does what it says: five real servers behind one endpoint,
# reachable from this machine and with a token only, gone when it is told to
# stop.

use Sentinel::Test;
use Sentinel::Checks;

my $port = free_port();
my $run = spawn(command => ['scripts/quickstart'], env => { PORT => $port },
                ready => qr/Ctrl-C stops/, timeout => 120);
my $said = $run->output;

like $said, qr{http://127\.0\.0\.1:$port/mcp}, 'says where it is';
like $said, qr/\beverything_echo\b/, 'lists tools of the legacy server';
like $said, qr/\bcontext7_query-docs\b/, 'and of the modern one';
like $said, qr/\b\Q$_\E\b/, "and of a program: $_"
    for qw/files_read_text_file memory_read_graph thinking_sequentialthinking/;

# tokens of two roles, which see what it says that they see

my $mcp = Sentinel::MCP->new(port => $port);
my (%token, %tools);

sub bearer { return { Authorization => "Bearer $_[0]" } }

for my $role (qw/reader admin/) {
    my ($token, $list) = $said
        =~ /^$role: .*\n\n(\S+)\n\n((?:[ +]+\S+\n)+)/m;
    my @said = ($list // '') =~ /^[ +]+(\S+)$/mg;

    $token{$role} = $token;
    $tools{$role} = [$mcp->modern('tools/list', {}, headers => bearer($token))
                     ->tools];
    ok scalar @said, "the $role sees tools";
    is_deeply $tools{$role}, \@said, '... which the quick start has printed';
}

my %reader = map { $_ => 1 } @{ $tools{reader} };
my ($hidden) = grep { !$reader{$_} } @{ $tools{admin} };
ok $hidden, 'the admin sees more';
is_deeply [grep { !/everything_(?:echo|get-sum)|context7_|thinking_
                       |files_(?:read|list)_/x } keys %reader], [],
    '... than the reader';
my $there = $mcp->call($hidden, {}, headers => bearer($token{admin}));
unlike $there->body, qr{unknown tool}, "... and calls $hidden";

my $no = refused $mcp->call($hidden, {}, headers => bearer($token{reader})),
    200, -32602, '... which is not there for the reader';
is $no->{message} =~ s/\Q$hidden\E/none/r,
    refused($mcp->call('none', {}, headers => bearer($token{reader})),
            200, -32602, '... like one that is not there at all')->{message},
    '... in the same words';
unlike join(' ', map { @$_ } values %tools), qr/get-env/,
    'nobody sees the environment of the server';

my ($spool) = $said =~ m{^build/mcp-audit tail -s (\S+)$}m;
my $trail = capture(command => [qw{build/mcp-audit search -o denied -s},
                                $spool]);
like $trail, qr/ \Q$hidden\E  denied/, '... and on record as denied';

refused $mcp->modern('tools/list'), 401, 401, 'without a token';
refused $mcp->modern('tools/list', {}, headers => bearer($token{reader}
    =~ s/(.)\z/$1 eq 'A' ? 'Q' : 'A'/er)), 401, 401, 'with a forged one';

# through the bridge

my ($path) = $mcp->call('files_list_allowed_directories', {},
    headers => bearer($token{reader}))->text =~ m{^(/\S+)$}m;
is $mcp->call('files_read_text_file', { path => "$path/hello.txt" },
              headers => bearer($token{reader}))->text,
    "A file that the tools of files may read.\n", 'a file, by a program';
like $mcp->call('files_read_text_file', { path => "$path/../../nginx.conf" },
                headers => bearer($token{reader}))->text,
    qr/denied/, '... of its own folder alone';
$mcp->call('memory_create_entities', { entities => [{ name => 'nginx',
    entityType => 'server', observations => ['fast'] }] },
    headers => bearer($token{admin}));
like $mcp->call('memory_read_graph', {}, headers => bearer($token{admin}))
     ->text, qr/"fast"/, 'a program that remembers';

my ($client) = $said =~ /^(\{"mcpServers".*)$/m;
$client = JSON::PP::decode_json($client)->{mcpServers}{sentinel};
is $client->{url}, "http://127.0.0.1:$port/mcp", 'JSON for a client';
is_deeply $client->{headers}, bearer($token{reader}), '... with the token';

my ($curl) = $said =~ /^(curl .*)$/m;
like scalar capture(command => ['sh', '-c', $curl]), qr/Echo: hello/,
    'the curl line works';

my %processes = map { $_ => 1 } descendants($run->pid);
my @listeners = listeners(keys %processes);
cmp_ok scalar @listeners, '>=', 3, 'it listens';
is_deeply [ grep { !/^127\.0\.0\.1:/ } @listeners ], [],
    'on loopback alone';

ok $run->stop('TERM'), 'it stops when told';
ok !port_open($port), 'nothing is left at its port';
ok await { !grep { kill 0, $_ } keys %processes }, 'nor a process';

done_testing;


sub descendants {
    my ($of) = @_;
    my (%children, @todo, @all);

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($pid, $parent) = Sentinel::Process::slurp($stat)
            =~ /^(\d+) \(.*\) \S (\d+)/s or next;
        push @{ $children{$parent} }, $pid;
    }

    @todo = @{ $children{$of} || [] };

    while (defined(my $pid = shift @todo)) {
        push @all, $pid;
        push @todo, @{ $children{$pid} || [] };
    }

    return @all;
}


# Addresses at which the processes listen: their sockets, found in the
# kernel's tables.

sub listeners {
    my %mine;
    my @found;

    for my $fd (map { glob "/proc/$_/fd/*" } @_) {
        $mine{$1} = 1 if (readlink($fd) // '') =~ /^socket:\[(\d+)\]/;
    }

    for my $table (qw/tcp tcp6 udp udp6/) {
        for (split /\n/, Sentinel::Process::slurp("/proc/net/$table")) {
            my ($local, $state, $inode) = (split)[1, 3, 9];
            next if !$mine{ $inode // '' };
            # listening, or a bound datagram socket
            next if $state ne '0A' && $table !~ /udp/;
            push @found, address($local);
        }
    }

    return @found;
}


sub address {
    my ($hex) = @_;
    my ($ip, $port) = split /:/, $hex;

    return "[$ip]:" . hex $port if length $ip != 8;
    return join('.', reverse map { hex } $ip =~ /../g) . ':' . hex $port;
}
