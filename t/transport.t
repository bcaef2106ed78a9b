# How a request comes over the wire: every way that HTTP allows is one call,
# and none that it does not allow is a call, still less two (request
# smuggling).

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $b = Sentinel::Backend->legacy(tools => ['echo']);
my $t = Sentinel::Test->new(backends => [one => $b])->run
    ->wait_catalog('echo');

sub body {
    my ($text) = @_;

    return '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":'
         . "\"echo\",\"arguments\":{\"message\":\"$text\"},\"_meta\":{"
         . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
         . '"io.modelcontextprotocol/clientCapabilities":{}}}}';
}

my $head = "Host: localhost\r\nContent-Type: application/json\r\n"
         . "Accept: */*\r\nMCP-Protocol-Version: 2026-07-28\r\n"
         . "Mcp-Method: tools/call\r\nMcp-Name: echo\r\n";
my $length = 'Content-Length: ' . length(body('one')) . "\r\n";

sub request {
    my ($more, $body, $line) = @_;

    return ($line // 'POST /mcp HTTP/1.1') . "\r\n$head$more\r\n$body";
}

my $one = request($length, body('one'));
my $two = request($length, body('two'));

sub chunked {
    my ($body, $size) = @_;

    return join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
                    $body =~ /(.{1,$size})/gs) . "0\r\n\r\n";
}

my $te = "Transfer-Encoding: chunked\r\n";

# The statuses of the answers to some bytes, until the connection closes or
# nothing more comes, and the messages of the calls that came to the backend.

sub probe {
    my (@parts) = @_;
    my ($c, @status, @calls);

    @calls = map { ($_->{json}{params}{arguments} || {})->{message} // '?' }
    sent $b, sub {
        $c = $t->connection;

        for (@parts) {
            $c->write($_);
            select undef, undef, undef, 0.02 if @parts > 1;
        }

        while (1) {
            last if $c->quiet(@status ? 0.05 : 1);
            my $r = eval { $c->response(1) } // last;
            push @status, $r->status;
        }

        $c->close;
    };

    return ("@status", "@calls");
}

# What is no request, or not one alone.  At most the calls named may have been
# made, and never is what stands in a body a request of its own.

for (
    ['both lengths', request("$length$te", chunked(body('one'), 1000)
                             . $two), 'one'],
    ['both lengths, the other way', request("$te$length", chunked(body('one'),
                                            1000) . $two), 'one'],
    ['a length and a body in chunks', request("Content-Length: 4\r\n$te",
        chunked(body('one'), 1000)), 'one'],
    ['two lengths', request("${length}Content-Length: 3\r\n", body('one')),
     ''],
    ['two equal lengths', request("$length$length", body('one')), ''],
    ['a list of lengths', request('Content-Length: 5, 5' . "\r\n",
                                  body('one')), ''],
    (map { ["a length of '$_'", request("Content-Length: $_\r\n",
                                        body('one')), ''] }
     '-1', '+5', '0x10', '1e2', '5 5', '', '99999999999999999999', '5;',
     "\xd9\xa1", '1.0', '0b1', "'5'"),
    ['a space before the colon', request("Content-Length : 5\r\n", 'abcde'),
     ''],
    ['a tab before the colon', request("Content-Length\t: 5\r\n", 'abcde'),
     ''],
    ['a folded header', request("X: a\r\n b\r\n$length", body('one')), ''],
    ['a NUL in a header', request("X: a\0b\r\n$length", body('one')), ''],
    ['a bare CR in a header', request("X: a\rb\r\n$length", body('one')), ''],
    ['a header without a colon', request("Xyz\r\n$length", body('one')),
     'one'],
    (map { ["Transfer-Encoding '$_'", request("Transfer-Encoding: $_\r\n",
                                              chunked(body('one'), 9)), ''] }
     'identity', 'chunked, identity', 'gzip, chunked', 'xchunked',
     'chunked;x', "chunked\x0b", '"chunked"', 'chunked, chunked', ''),
    ['two encodings', request("$te$te", chunked(body('one'), 9)), ''],
    ['Transfer_Encoding', request("Transfer_Encoding: chunked\r\n$length",
                                  body('one')), 'one'],
    (map { ["chunk size '$_'", request($te, "$_\r\n" . body('one')
                                       . "\r\n0\r\n\r\n"), ''] }
     '-1', '0x99', 'g', '', ' ', '99999999999999999999', '1 2', "\xd9\xa1"),
    ['a chunk that is shorter', request($te, "3\r\n" . body('one')
                                        . "\r\n0\r\n\r\n"), ''],
    ['a chunk without its end', request($te, sprintf("%x\r\n",
        length body('one')) . body('one') . "0\r\n\r\n"), ''],
    ['a body that is cut', request($length, substr body('one'), 0, 50), ''],
    ['chunks that are cut', request($te, substr chunked(body('one'), 50), 0,
                                    60), ''],
    ['HTTP/2.0', request($length, body('one'), 'POST /mcp HTTP/2.0'), ''],
    ['HTTP/1.10', request($length, body('one'), 'POST /mcp HTTP/1.x'), ''],
    ['no version', "POST /mcp\r\n" . request($length, body('one')), ''],
    ['chunks in HTTP/1.0', request($te, chunked(body('one'), 99),
                                   'POST /mcp HTTP/1.0'), ''],
    ['a lower-case method', request($length, body('one'),
                                    'post /mcp HTTP/1.1'), ''],
    ['CONNECT', request('', '', 'CONNECT localhost:80 HTTP/1.1'), ''],
    ['a space in the path', request($length, body('one'),
                                    'POST /mcp x HTTP/1.1'), ''],
    ['a NUL in the path', request($length, body('one'),
                                  "POST /mcp\0 HTTP/1.1"), ''],
    ['a NUL in the path, encoded', request($length, body('one'),
                                           'POST /mcp%00 HTTP/1.1'), ''],
    ['a body that looks like a request', request('Content-Length: '
        . length($two) . "\r\n", $two), ''],
    ['a GET with a request as its body', request('Content-Length: '
        . length($two) . "\r\n", $two, 'GET /mcp HTTP/1.1'), ''],
    ['a DELETE with a request as its body', request('Content-Length: '
        . length($two) . "\r\n", $two, 'DELETE /mcp HTTP/1.1'), ''],
    ['another type, with a request as its body', request('Content-Length: '
        . length($two) . "\r\n", $two) =~ s{application/json}{text/plain}r,
     ''],
    ['another origin, with a request as its body', request(
        "Origin: http://evil.example\r\nContent-Length: " . length($two)
        . "\r\n", $two), ''],
) {
    my ($what, $bytes, $most) = @$_;
    my ($status, $calls) = probe($bytes);

    ok $calls eq '' || $calls eq $most, $what
        or diag "status $status, calls: $calls";
    unlike $status, qr/\b5\d\d\b(?<!501)(?<!505)/, 'no error of the server';
}

# a request that was refused leaves the connection where the next one begins

for (['GET' => request('', '', 'GET /mcp HTTP/1.1'), 400],
     ['not JSON' => request("Content-Length: 1\r\n", '{'), 400],
     ['another type' => request($length, body('one'))
                        =~ s{application/json}{text/plain}r, 415],
     ['another origin' => request("Origin: http://x.example\r\n$length",
                                  body('one')), 403],
     ['DELETE' => request($length, body('one'), 'DELETE /mcp HTTP/1.1'), 400],
     ['chunks of another type' => request($te, chunked(body('one'), 7))
                                  =~ s{application/json}{text/plain}r, 415])
{
    my ($what, $bytes, $expected) = @$_;
    my ($status, $calls) = probe("$bytes$two");

    # nginx may close instead of reading on
    ok $status eq "$expected 200" && $calls eq 'two'
       # ... and the second answer may come after probe() has stopped reading
       || $status eq $expected && $calls =~ /^(?:two)?\z/,
        "$what, then a call"
        or diag "status $status, calls: $calls";
}

# what is one call

for (['in one piece', $one], ['byte by byte', map { $_ } split //,
                              substr($one, 0, 40)],
     ['the head first', $one =~ /\A(.*?\r\n\r\n)(.*)\z/s],
     ['in the middle of the body', $one =~ /\A(.*\{"name":)(.*)\z/s],
     ['in chunks', request($te, chunked(body('one'), 50))],
     ['in chunks of a byte', request($te, chunked(body('one'), 1))],
     ['chunks, piece by piece', request($te, chunked(body('one'), 30))
      =~ /(.{1,60})/gs],
     ['a chunk extension', request($te, chunked(body('one'), 60)
                                   =~ s/^(\w+)\r/$1;a=b\r/r)],
     ['a trailer', request($te, chunked(body('one'), 60)
                           =~ s/0\r\n\r\n\z/0\r\nMcp-Name: x\r\n\r\n/r)],
     ['HTTP/1.0', request($length, body('one'), 'POST /mcp HTTP/1.0')],
     ['bare line feeds', ($one =~ s/\r//gr)],
     ['an empty line first', "\r\n$one"],
     ['an absolute URI', request($length, body('one'),
                                 'POST http://localhost/mcp HTTP/1.1')],
     ['a query', request($length, body('one'), 'POST /mcp?a=b HTTP/1.1')],
     ['a path in other words', request($length, body('one'),
                                       'POST /x/../%6dcp HTTP/1.1')],
     ['two slashes', request($length, body('one'), 'POST //mcp HTTP/1.1')])
{
    my ($what, @parts) = @$_;

    if ($what eq 'byte by byte') {
        # the head is enough: a call takes a while this way
        @parts = (@parts, substr $one, 40);
    }

    my ($status, $calls) = probe(@parts);
    is "$status: $calls", '200: one', $what;
}

my ($status, $calls) = probe($one . $two . $one);
is "$status: $calls", '200 200 200: one two one', 'three calls at once';

my $c = $t->connection;
$c->write(request("Expect: 100-continue\r\n$length", ''));
ok await { eval { $c->fill(time + 0.1) }; $c->{in} =~ m{^HTTP/1.1 100} },
    'Expect: 100-continue is answered before the body';
$c->write(body('one'));
is $c->response->status, 200, 'and the call is made';

done_testing;
