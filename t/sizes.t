# A request body may come in one packet or in many, in chunks, larger than
# nginx's buffer or written to a file: all of it is read before anything is
# decided, and what reaches the backend is what the client wrote, to the byte.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Digest::MD5 qw/md5_hex/;
use Socket qw/IPPROTO_TCP TCP_NODELAY/;

# What came, with the gateway's id taken out.

sub digest {
    my ($body) = @_;

    $body =~ s/"id" : (?:\d+|"c-\d+")/"id" : ?/;

    return length($body) . ' ' . md5_hex($body);
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => ['act'],
    before => sub {
        my ($c, $params, $request) = @_;

        return 0 if ($request->{json}{method} // '') ne 'tools/call';
        $c->json(result($c->id, digest($request->{body})));
        return 1;
    }) } qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}], pass => 'l',
    server => <<'END',
        location /l { mcp_pass l; }
        location /m { mcp_pass m; }
        location /small/l { client_body_buffer_size 1k; mcp_pass l; }
        location /small/m { client_body_buffer_size 1k; mcp_pass m; }
        location /large/l { client_body_buffer_size 4m;
                            client_max_body_size 3m; mcp_pass l; }
        location /large/m { client_body_buffer_size 4m;
                            client_max_body_size 3m; mcp_pass m; }
        location /file/l { client_body_in_file_only clean; mcp_pass l; }
        location /file/m { client_body_in_file_only clean; mcp_pass m; }
        location /tiny { client_max_body_size 1k; mcp_pass m; }
        location /brief { client_body_timeout 500ms; mcp_pass m; }
END
);
$t->run->wait_catalog('act');

is_deeply [$t->modern('tools/list', {}, path => '/m')->tools], ['act'],
    'both are up' or diag $t->error_log;

my $session = $t->legacy;
my %headers = (
    l => $session->headers,
    m => { 'MCP-Protocol-Version' => '2026-07-28',
           'Mcp-Method' => 'tools/call', 'Mcp-Name' => 'act' },
);
my $n = 0;


# A call of so many bytes, written oddly.

sub message {
    my ($way, $size) = @_;
    my ($head, $tail, $pad);

    $head = '{ "id" : "c-' . ++$n . "\", \t\"params\":{\"name\":\"\\u0061ct\","
        . ($way eq 'm' ? '"_meta":{"io.modelcontextprotocol/protocolVersion":'
                         . '"2026-07-28",'
                         . '"io.modelcontextprotocol/clientCapabilities":{}},'
                       : '')
        . '"arguments":{"n":[1.50e+3, -0, 123456789012345678901],"s":"\\/'
        . "\\u00e9\xc3\xa9\xf0\x9f\x98\x80\",\"pad\":\"";
    $tail = "\"}},\r\n\"method\" : \"tools/call\" ,\"jsonrpc\":\"2.0\"} ";
    $pad = $size - length($head) - length $tail;
    die "too small: $size" if $pad < 0;

    return $head . substr('0123456789abcde' x ($pad / 15 + 1), 0, $pad)
           . $tail;
}


# Ways to send a body: with its length, or in chunks; in pieces of a size.

sub send_body {
    my ($path, $way, $body, %opt) = @_;
    my ($c, $chunked, $piece, $out);

    $chunked = $opt{chunk};
    $c = $t->connection;
    setsockopt $c->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;
    $c->request('POST', $path, {
        'Content-Type' => 'application/json', Connection => 'close',
        Accept => 'application/json, text/event-stream',
        %{ $headers{$way} }, %{ $opt{headers} || {} },
        $chunked ? ('Transfer-Encoding' => 'chunked')
                 : ('Content-Length' => length $body),
    });

    if ($chunked) {
        $out = '';
        for (my $at = 0; $at < length $body; $at += $chunked) {
            my $chunk = substr $body, $at, $chunked;
            $out .= sprintf "%x\r\n%s\r\n", length $chunk, $chunk;
        }
        $body = "${out}0\r\n\r\n";
    }

    $piece = $opt{piece} // length $body;

    for (my $at = 0; $at < length $body; $at += $piece) {
        $c->write(substr $body, $at, $piece) or last;
        select undef, undef, undef, $opt{pause} if $opt{pause};
    }

    return $c;
}


sub check {
    my ($path, $way, $size, %opt) = @_;
    my ($body, $r, $id);

    $body = message($way, $size);
    $id = "c-$n";
    $r = send_body($path, $way, $body, %opt)->response;

    is_deeply [$r->status, $r->text, ($r->json // {})->{id}],
        [200, digest($body), $id],
        "$path, $size bytes" . join '', map { " $_=$opt{$_}" }
                                        sort keys %opt;
}

my @sizes = map { $_ - 1, $_, $_ + 1 } map { $_ * 1024 } 1, 4, 8, 16, 64;

for my $way (qw/l m/) {
    for my $place ('', '/small', '/large', '/file') {
        my $path = "$place/$way";

        check($path, $way, $_) for @sizes;
        check($path, $way, $_, chunk => 1000) for @sizes;
        check($path, $way, 1024 * 1024 + $_) for -1, 0;
        check($path, $way, 1024 * 1024 + $_, chunk => 100_000) for -1, 0;
        check($path, $way, 5000, chunk => 1);
    }

    for my $path ("/$way", "/small/$way") {
        check($path, $way, 1025, piece => 1, pause => 0.0001);
        check($path, $way, 1025, piece => 1, pause => 0.0001, chunk => 7);
        check($path, $way, 5000, piece => 1);
        check($path, $way, 20_000, piece => 13, chunk => 64);
        check($path, $way, 70_000, piece => 997, pause => 0.0005);
    }

    check("/large/$way", $way, 3 * 1024 * 1024);
    check("/large/$way", $way, 3 * 1024 * 1024, chunk => 1_000_000);
    check("/$way", $way, 3000, headers => { Expect => '100-continue' });
}


# Too large: nothing reaches the backend, and the answer is one.

$b{$_}->forget for keys %b;

sub too_large {
    my ($path, $way, $size, %opt) = @_;
    my ($r, $error);

    $r = send_body($path, $way, message($way, $size), %opt)->response;
    $error = eval { $r->error } || {};
    is $r->status, 413, "$path, $size bytes: 413"
        . join '', map { " $_=$opt{$_}" } sort keys %opt;
    is $error->{code}, 413, '... as JSON-RPC';
}

for my $way (qw/l m/) {
    too_large("/$way", $way, 1024 * 1024 + 1);
    too_large("/$way", $way, 1024 * 1024 + 1, chunk => 65_536);
    too_large("/large/$way", $way, 3 * 1024 * 1024 + 1);
}

too_large('/tiny', 'm', 1025);
too_large('/tiny', 'm', 1025, chunk => 500);
check('/tiny', 'm', 1024);
check('/tiny', 'm', 1024, chunk => 1024);

# a length that nothing follows

my $c = $t->connection;
$c->request('POST', '/m', { 'Content-Type' => 'application/json',
                            'Content-Length' => 64 * 1024 * 1024 * 1024 });
is $c->response->status, 413, 'a length of 64 GB';
$c = $t->connection;
$c->request('POST', '/m', { 'Content-Type' => 'application/json',
                            'Content-Length' => '9' x 30 });
cmp_ok $c->response->status, '>=', 400, 'a length that is no number';


# Bodies that do not come to their end.

my @kept = $b{modern}->requests('tools/call');
my $body = message('m', 3000);

for my $end (qw/close abort half_close/) {
    $c = $t->connection;
    $c->request('POST', '/m', { 'Content-Type' => 'application/json',
        Accept => 'application/json, text/event-stream', %{ $headers{m} },
        'Content-Length' => 3000 }, substr $body, 0, 2999);
    $c->$end;
}

$c = $t->connection;
$c->request('POST', '/brief', { 'Content-Type' => 'application/json',
    Accept => 'application/json, text/event-stream', %{ $headers{m} },
    'Content-Length' => 3000 }, substr $body, 0, 2999);
my $r = $c->response;
ok !$r || $r->status == 408, 'no end in client_body_timeout';

# more than its length is the next request, not a part of this one

$c = $t->connection;
$c->request('POST', '/m', { 'Content-Type' => 'application/json',
    Accept => 'application/json, text/event-stream', %{ $headers{m} },
    'Content-Length' => 3000 }, $body . 'garbage');
is $c->response->text, digest($body), 'bytes behind the body';
is $c->response->status, 400, 'are a bad request';

is scalar $b{modern}->requests('tools/call'), @kept + 1,
    'nothing incomplete reached the backend';

done_testing;
