# A backend's response header can be late, cut, too large or wrong in ways
# that make the length of the body a matter of opinion; none of it may reach
# a client as an answer, or hurt the worker.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Faults;

# The header and body as they are; then the end of the connection.

sub bytes {
    my ($make, %more) = @_;

    return {
        do => sub {
            my ($c, $id) = @_;
            $c->write($make->(result($id), $id));
            $c->close;
        },
        code => 502, %more,
    };
}


# Header lines in front of a result, which would be a good one.

sub head {
    my ($lines, %more) = @_;

    return bytes(sub {
        my ($body) = @_;
        my $length = length $body;
        my $head = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                   . "Content-Type: application/json\r\n$lines";
        $head =~ s/%LENGTH%/$length/g;
        $head =~ s/%HEX%/sprintf '%x', $length/ge;
        return "$head\r\n$body";
    }, %more);
}


sub chunks { return sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }

# or the next call might be sent as the connection closes
my $json = "Connection: close\r\nContent-Type: application/json\r\n";
my $chunked = "HTTP/1.1 200 OK\r\n${json}Transfer-Encoding: chunked\r\n\r\n";

my $f = Sentinel::Faults->new(
    'no header in time' => {
        do => sub { $_[0]->gone(30); $_[0]->close },
        code => 504, timeout => 1,
    },
    'half a header in time' => {
        do => sub {
            $_[0]->write("HTTP/1.1 200 OK\r\nContent-Ty");
            $_[0]->gone(30);
            $_[0]->close;
        },
        code => 504, timeout => 1,
    },
    'interim response and silence' => {
        do => sub {
            $_[0]->write("HTTP/1.1 100 Continue\r\n\r\n");
            $_[0]->gone(30);
            $_[0]->close;
        },
        code => 504, timeout => 1,
    },
    'closed before the header' => bytes(sub { '' }),
    'reset before the header' => {
        do => sub { $_[0]->reset }, code => 502,
    },
    'closed in the status line' => bytes(sub { 'HTTP/1.1 20' }),
    'closed in a header' => bytes(sub { "HTTP/1.1 200 OK\r\nContent-Ty" }),
    'closed before the empty line' => bytes(sub {
        "HTTP/1.1 200 OK\r\n${json}Content-Length: 5\r\n" }),

    'no status line' => bytes(sub { $_[0] }),
    'another protocol' => bytes(sub { "SSH-2.0-OpenSSH_9.2\r\n" }),
    'TLS' => bytes(sub { "\x15\x03\x01\x00\x02\x02\x46" }),
    'nothing but zeros' => bytes(sub { "\0" x 20000 }),
    'status of two digits' => bytes(sub {
        "HTTP/1.1 20 OK\r\n${json}\r\n$_[0]" }),
    'status 000' => bytes(sub { "HTTP/1.1 000 OK\r\n${json}\r\n$_[0]" }),

    'a line without colon' => head("no colon here\r\n"),
    'a NUL in a header' => head("X-Y: a\0b\r\n"),
    'a long header' => head('X-Y: ' . 'x' x 70_000 . "\r\n"),
    'many headers' => head(join '', map { "X-Y-$_: 1\r\n" } 1 .. 5000),
    'headers without end' => {
        do => sub {
            my ($c) = @_;
            $c->write("HTTP/1.1 200 OK\r\n");
            for (1 .. 20000) { $c->write("X-Y: $_\r\n" x 100) or last }
            $c->close;
        },
        code => 502,
    },

    'two lengths' => head("Content-Length: %LENGTH%\r\n"
                          . "Content-Length: 5\r\n"),
    'a length below zero' => head("Content-Length: -1\r\n"),
    'a length that is none' => head("Content-Length: 12abc\r\n"),
    'a list of lengths' => head("Content-Length: %LENGTH%, %LENGTH%\r\n"),
    'an empty length' => head("Content-Length:\r\n"),
    'a hexadecimal length' => head("Content-Length: 0x%HEX%\r\n"),
    'a huge length' => head("Content-Length: 99999999999999999999999\r\n"),
    'length and chunked' => bytes(sub {
        "HTTP/1.1 200 OK\r\n${json}Content-Length: " . length($_[0])
        . "\r\nTransfer-Encoding: chunked\r\n\r\n" . chunks($_[0])
        . "0\r\n\r\n" }),
    'chunked and length' => bytes(sub {
        "HTTP/1.1 200 OK\r\n${json}Transfer-Encoding: chunked\r\n"
        . "Content-Length: 3\r\n\r\n" . chunks($_[0]) . "0\r\n\r\n" }),
    'chunked twice' => bytes(sub {
        "HTTP/1.1 200 OK\r\n${json}Transfer-Encoding: chunked\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n" . chunks($_[0])
        . "0\r\n\r\n" }),
    'an unknown transfer encoding' => head("Transfer-Encoding: gzip\r\n"),
    'a list of transfer encodings' => head(
        "Transfer-Encoding: gzip, chunked\r\n"),

    'chunk size of letters' => bytes(sub { "${chunked}zz\r\n$_[0]\r\n" }),
    'chunk size below zero' => bytes(sub { "${chunked}-5\r\n$_[0]\r\n" }),
    'chunk size too large' => bytes(sub {
        "${chunked}fffffffffffffffff\r\n$_[0]\r\n" }),
    'no chunk size' => bytes(sub { "$chunked\r\n$_[0]\r\n" }),
    'chunk longer than its size' => bytes(sub {
        $chunked . sprintf("%x\r\n%s\r\n", length($_[0]) - 3, $_[0])
        . "0\r\n\r\n" }),
    'no chunks at all' => bytes(sub { $chunked }),
    'a last chunk alone' => bytes(sub { "${chunked}0\r\n\r\n" }),

    # what looks odd and is right

    'header names in any case' => head("CONTENT-LENGTH: %LENGTH%\r\n"
        . "x-y:1\r\nX-Empty:\r\n", code => undef, text => 'fine'),
    'one length twice' => head("Content-Length: %LENGTH%\r\n"
        . "Content-Length: %LENGTH%\r\n", code => undef, text => 'fine'),
    'line ends without CR' => bytes(sub {
        "HTTP/1.1 200 OK\nContent-Type: application/json\n"
        . "Connection: close\n"
        . "Content-Length: " . length($_[0]) . "\n\n$_[0]" },
        code => undef, text => 'fine'),
    'HTTP/1.0' => bytes(sub { "HTTP/1.0 200 OK\r\n$json\r\n$_[0]" },
        code => undef, text => 'fine'),
    'neither length nor chunked' => head('', code => undef, text => 'fine'),
    'no reason phrase' => bytes(sub {
        "HTTP/1.1 200\r\n${json}Content-Length: " . length($_[0])
        . "\r\n\r\n$_[0]" }, code => undef, text => 'fine'),
    'chunk extensions and trailers' => bytes(sub {
        $chunked . sprintf("%X;a=\"b\"\r\n%s\r\n0;x\r\nX-Trailer: 1\r\n\r\n",
                           length $_[0], $_[0]) },
        code => undef, text => 'fine'),
    'a header of nearly 16k' => head('X-Y: ' . 'x' x 15_000
        . "\r\nContent-Length: %LENGTH%\r\n", code => undef, text => 'fine'),
    'a header byte by byte' => {
        do => sub {
            my ($c, $id) = @_;
            my $body = result($id);
            $c->dribble("HTTP/1.1 200 OK\r\n${json}Content-Length: "
                        . length($body) . "\r\n\r\n$body", 1, 0.0005);
        },
        text => 'fine',
    },
);

$f->run;

done_testing;
