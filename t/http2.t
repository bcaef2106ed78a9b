# HTTP/2 on the client's side: the same answers, streams that are not held
# back, cancellation by closing the stream, and one connection with many
# calls at once, of which each gets its own answer.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use JSON::PP;
use POSIX qw/WNOHANG/;

my ($curl) = grep { -x } map { "$_/curl" } split /:/, $ENV{PATH};

if (!$curl || capture(command => [$curl, '--version']) !~ /\bHTTP2\b/) {
    plan(skip_all => 'no curl with HTTP/2');
}

my $dir = File::Temp::tempdir(CLEANUP => 1);
my $text = join '', map { sprintf '%08x', $_ } 1 .. 125_000;

sub wait_sign {
    my ($c) = @_;

    $c->notify('notifications/progress',
               { progressToken => 't', progress => 1 });
    await { -e "$dir/go" } or return $c->close;
    $c->event(result($c->id, 'done'));
    $c->end;

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo hang wait big half flood/], call => {
        flood => sub {
            my ($c) = @_;
            my ($head) = result($c->id, '@') =~ /(.*)@/;
            $c->sse;
            $c->bytes("data: $head");
            $c->bytes($text) && !$c->note('1 MB') or return $c->close
                for 1 .. 100;
        },
        wait => \&wait_sign,
        big => sub { $_[0]->json(result($_[0]->id, $text)); undef },
        half => sub {
            my ($c) = @_;
            $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                      . "Content-Length: 900000\r\n\r\n"
                      . substr result($c->id, $text), 0, 500_000);
            $c->close;
        },
    }) } qw/legacy modern/;

my ($crt, $key) = certificate('localhost', $dir);
my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}],
    server => <<"END",
        listen 127.0.0.1:%%PORT:clear%% http2;
        listen 127.0.0.1:%%PORT:tls%% ssl http2;
        ssl_certificate $crt;
        ssl_certificate_key $key;
END
);
$t->run->wait_catalog(qw/l_half m_half/);
my $session = $t->legacy->id;

my %url = (clear => 'http://127.0.0.1:' . $t->port('clear') . '/mcp',
           tls => 'https://127.0.0.1:' . $t->port('tls') . '/mcp');
my $json = JSON::PP->new->canonical;
my $n = 0;


# Arguments of curl for one call; the answer goes to a file.

sub request {
    my ($where, $era, $tool, $arguments, %opt) = @_;
    my ($body, $file, @headers);

    $n++;
    $body = { jsonrpc => '2.0', id => "h$n", method => 'tools/call',
              params => { name => $tool, arguments => $arguments } };

    if ($era eq 'modern') {
        $body->{params}{_meta} = {
            'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities' => {} };
        @headers = ('MCP-Protocol-Version: 2026-07-28',
                    'Mcp-Method: tools/call', "Mcp-Name: $tool");

    } else {
        @headers = ('MCP-Protocol-Version: 2025-11-25',
                    "Mcp-Session-Id: $session");
    }

    $body->{params}{_meta}{progressToken} = 't' if $opt{progress};
    open $file, '>', "$dir/body$n";
    print $file $json->encode($body);
    close $file;

    return ('--http2-prior-knowledge', '-k', '-sS', '-N', '--max-time', '20',
            '-o', "$dir/out$n", '-w', '%{http_version} %{http_code} ',
            (map { ('-H', $_) } 'Content-Type: application/json',
             'Accept: application/json, text/event-stream', @headers),
            '--data-binary', "\@$dir/body$n", $url{$where});
}

sub out { return Sentinel::Process::slurp("$dir/out$_[0]") }

sub answer {
    my ($n) = @_;
    my $body = out($n);

    return $body =~ /\A\s*\{/ ? $json->decode($body)
         : $json->decode($body =~ /\A(?:.*\n)*?data: (.*"id".*)\n\n\z/
                         ? $1 : '{}');
}


for my $where (qw/clear tls/) {
    for my $era (qw/legacy modern/) {
        for my $way (qw/l m/) {
            my $what = "$where, $era client, $way";
            my ($status, $said) = capture(command => [
                $curl, request($where, $era, "${way}_echo",
                               { message => 'x' }) ]);
            is $said, '2 200 ', "a call: $what";
            is_deeply [@{ answer($n) }{qw/id/}, answer($n)
                       ->{result}{content}[0]{text}], ["h$n", 'x'],
                '... is answered';

            ($status, $said) = capture(command => [
                $curl, request($where, $era, "${way}_big", {}) ]);
            is +(out($n) =~ /"text":"(\w+)"/)[0], $text, '... 1 MB';

            ($status, $said) = capture(command => [
                $curl, request($where, $era, "${way}_half", {}) ]);
            isnt $status, 0, '... a broken answer is seen to be one';
            unlike out($n), qr/\]\}\}/, '... and has no end';

            # progress is not held back

            unlink "$dir/go";
            my $p = spawn(command => [
                $curl, request($where, $era, "${way}_wait", {},
                               progress => 1) ], may_exit => 1);
            my $out = $n;
            ok +(await { out($out) =~ /"progress":1.*\n\n/s } 3),
                '... progress when it is sent';
            open my $go, '>', "$dir/go";
            ok +(await { !$p->alive }), '... then the end';
            is answer($out)->{result}{content}[0]{text}, 'done',
                '... with the result';

            # a client that goes

            my $b = ($way eq 'l' ? $b{legacy} : $b{modern})->forget;
            $p = spawn(command => [
                $curl, request($where, $era, "${way}_hang", {}) ],
                may_exit => 1);
            $b->wait_note('hanging');
            $p->stop('KILL');

            if ($era eq 'modern') {
                ok $b->wait_note('the caller has gone', 1),
                    '... its end is the end of the call';

            } else {
                $t->call("${way}_echo", { message => 'x' });
                is scalar(grep { /gone/ } $b->notes), 0,
                    '... its end is not the end of the call';
            }
        }
    }
}


# many on one connection

for my $where (qw/clear tls/) {
    my ($first, @all) = $n + 1;

    for my $i (1 .. 40) {
        push @all, '--next' if @all;
        push @all, request($where, $i % 2 ? 'modern' : 'legacy',
                           ($i % 3 ? 'l' : 'm') . '_echo',
                           { message => "m$i" });
    }

    capture(command => [$curl, '--parallel', '--parallel-immediate', @all]);
    is_deeply [map { [@{ answer($_) }{id},
                      answer($_)->{result}{content}[0]{text}] }
               $first .. $n],
        [map { ['h' . ($first + $_ - 1), "m$_"] } 1 .. 40],
        "40 calls at once: $where";
}

# one stream of a connection is closed, the others go on

my @c = (request('clear', 'modern', 'l_hang', {}), '--max-time', 1, '--next',
         request('clear', 'modern', 'm_echo', { message => 'y' }));
capture(command => [$curl, '--parallel', '--parallel-immediate', @c]);
is answer($n)->{result}{content}[0]{text}, 'y', 'beside one that hangs';

# A client that takes little of its stream holds back the backend

my @workers = $t->workers;
my @before = map { memory($_) } @workers;
my $b = $b{modern}->forget;
my $p = spawn(may_exit => 1, command => [
    $curl, request('clear', 'modern', 'm_flood', {}), '--limit-rate', '50k',
    '--next', request('clear', 'modern', 'l_echo', { message => 'z' }) ]);
my ($sent, $same) = (0, 0);

ok +(await {
    my $now = $b->notes;
    $same = $now && $now == $sent ? $same + 1 : 0;
    $sent = $now;
    $same > 50;
}), 'a client that reads slowly';
cmp_ok $sent, '<', 100, "... holds back the backend, at $sent MB";
cmp_ok memory($workers[$_]) - $before[$_], '<',
    ($ENV{SAN} ? 16 : 2) * 1024 * 1024, '... memory' for 0, 1;
$p->stop('KILL');

done_testing;
