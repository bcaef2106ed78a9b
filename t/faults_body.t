# A body can be cut anywhere, be something else than JSON-RPC, or answer
# another question.  A client must get a whole answer to its own call or an
# error, and never something that could be taken for a whole answer.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Faults;

# more than is held back before a message is whole
my $large = 'x' x 70_000;
my $huge = 'x' x 400_000;

# Exactly these bytes as JSON, or as one event, of a well-framed response.

sub body {
    my ($make, %more) = @_;

    return { do => sub { answer_json($_[0], $make->($_[1])) },
             code => 502, %more };
}

sub stream {
    my ($make, %more) = @_;

    return { do => sub { answer_sse($_[0], $make->($_[1])) },
             code => 502, %more };
}


# The same wrong message as JSON and as an event.

sub message {
    my ($name, $make, %more) = @_;

    return ("$name, JSON" => body($make, %more),
            "$name, SSE" => stream(sub { event($make->(@_)) }, %more));
}


sub typed {
    my ($type, $make, %more) = @_;

    return { do => sub {
        my ($c, $id) = @_;
        $c->respond(200, { ref $type ? %$type : ('Content-Type' => $type) },
                    $make->($id));
    }, code => 502, %more };
}


# Begins a response and ends the connection, or stays silent.

sub broken {
    my ($end, $type, $make, %more) = @_;

    return {
        do => sub {
            my ($c, $id) = @_;
            $c->write("HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
                      . $make->($id));
            $c->gone(30) if $end eq 'silence';
            $end eq 'reset' ? $c->reset : $c->close;
        },
        $end eq 'silence' ? (code => 504, timeout => 1) : (code => 502),
        %more,
    };
}

my $json = 'application/json';
my $sse = 'text/event-stream';

sub length_short {
    my ($body, $missing) = @_;

    return 'Content-Length: ' . (length($body) + $missing) . "\r\n\r\n$body";
}

sub chunk_short {
    my ($body, $missing) = @_;

    return sprintf "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s",
        length($body) + $missing, $body;
}

sub chunks_open {
    my (@bodies) = @_;

    return "Transfer-Encoding: chunked\r\n\r\n"
           . join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @bodies;
}

sub half { return substr $_[0], 0, length($_[0]) / 2 }

sub progress {
    return event('{"jsonrpc":"2.0","method":"notifications/progress",'
                 . '"params":{"progressToken":1,"progress":1}}');
}

# The client must not have been given the end of anything.

sub no_end {
    my ($r) = @_;

    return $r->body =~ /\]\}\}/ ? 'the end of a result'
         : $r->is_sse && $r->body =~ /\n\n/ ? 'the end of an event' : undef;
}

my %cut = (cut => 1, is => \&no_end);

my @cases;

for my $end (qw/close reset silence/) {
    push @cases,
        "JSON: nothing and $end" => broken($end, $json,
            sub { length_short('', 50) }),
        "JSON: half and $end" => broken($end, $json,
            sub { length_short(half(result($_[0])), 50) }),
        "JSON: half a chunk and $end" => broken($end, $json,
            sub { chunk_short(half(result($_[0])), 50) }),
        "JSON: no last chunk and $end" => broken($end, $json,
            sub { chunks_open(result($_[0])) }),
        "JSON: all but one byte and $end" => broken($end, $json,
            sub { length_short(result($_[0]), 1) }),
        "JSON: a part of much and $end" => broken($end, $json,
            sub { length_short(half(result($_[0], $huge)), 50_000) },
            %cut),
        "JSON: a part of many chunks and $end" => broken($end, $json,
            sub { chunks_open(half(result($_[0], $huge))) }, %cut),
        "SSE: nothing and $end" => broken($end, $sse,
            sub { chunks_open() }),
        "SSE: half and $end" => broken($end, $sse,
            sub { chunks_open(half(event(result($_[0])))) }),
        "SSE: no empty line and $end" => broken($end, $sse,
            sub { chunks_open('data: ' . result($_[0]) . "\n") }),
        "SSE: no line end and $end" => broken($end, $sse,
            sub { chunks_open('data: ' . result($_[0])) }),
        "SSE: a part of much and $end" => broken($end, $sse,
            sub { chunks_open(half(event(result($_[0], $huge)))) }, %cut),
        "SSE: much, no empty line and $end" => broken($end, $sse,
            sub { chunks_open('data: ' . result($_[0], $huge) . "\n") },
            cut => 1, is => sub {
                $_[0]->body =~ /\n\n/ ? 'the end of an event' : undef }),
        "SSE: progress and $end" => broken($end, $sse,
            sub { chunks_open(progress()) }),
        "SSE: progress, half and $end" => broken($end, $sse,
            sub { chunks_open(progress() . half(event(result($_[0])))) }),
        # all that matters has come (a reset may take it back)
        $end eq 'reset' ? () : (
        "SSE: response and $end" => broken($end, $sse,
            sub { chunks_open(event(result($_[0]))) },
            code => undef, timeout => 0, beside => 1, text => 'fine'),
        "SSE: much response and $end" => broken($end, $sse,
            sub { chunks_open(event(result($_[0], $large))) },
            code => undef, timeout => 0, beside => 1, text => $large));
}

# without any framing the end of the connection is the end

push @cases,
    'JSON: half, unframed' => broken('close', $json,
        sub { "\r\n" . half(result($_[0])) }),
    'JSON: a part of much, unframed' => broken('close', $json,
        sub { "\r\n" . half(result($_[0], $huge)) }, %cut),
    'JSON: all, unframed' => broken('close', $json,
        sub { "\r\n" . result($_[0]) }, code => undef, text => 'fine'),
    'JSON: all, unframed and reset' => broken('reset', $json,
        sub { "\r\n" . result($_[0]) }),
    'SSE: half, unframed' => broken('close', $sse,
        sub { "\r\n" . half(event(result($_[0]))) }),
    'SSE: all, unframed' => broken('close', $sse,
        sub { "\r\n" . event(result($_[0])) }, code => undef,
        text => 'fine');

# properly framed, but not the answer

push @cases,
    message('empty', sub { '' }),
    message('white space', sub { '  ' }),
    message('words', sub { 'Internal Server Error' }),
    message('half a message', sub { half(result($_[0])) }),
    message('a message and a half',
            sub { result($_[0]) . half(result($_[0])) }),
    message('two messages', sub { result($_[0]) . result($_[0]) }),
    message('a message and garbage', sub { result($_[0]) . '!' }),
    message('invalid UTF-8', sub { result($_[0], "\xff\xfe") }),
    message('a raw control character', sub { result($_[0], "a\x01b") }),
    message('a NUL', sub { result($_[0], "a\0b") }),
    message('half a surrogate pair', sub { result($_[0], '\ud800') }),
    message('too deep', sub {
        result($_[0], '', '"x":' . '[' x 1000 . ']' x 1000 . ',') }),
    message('a trailing comma', sub { result($_[0]) =~ s/\}\z/,}/r }),
    message('a batch', sub { '[' . result($_[0]) . ']' }),
    message('a number', sub { '42' }),
    message('null', sub { 'null' }),
    message('an object', sub { '{}' }),
    message('JSON of another kind', sub { '{"message":"not found"}' }),
    message('no jsonrpc', sub { result($_[0]) =~ s/"jsonrpc":"2.0",//r }),
    message('jsonrpc 1.0', sub { result($_[0]) =~ s/2\.0/1.0/r }),
    message('no id', sub { result($_[0]) =~ s/"id":\d+,//r }),
    message('id null', sub { result('null') }),
    message('an error with id null', sub { error('null', -32700) }),
    message('the id as a string', sub { result("\"$_[0]\"") }),
    message('the id as an array', sub { result("[$_[0]]") }),
    message('another id', sub { result($_[0] + 1) }),
    message('an error under another id', sub { error($_[0] + 1, -32602) }),
    message('two ids', sub {
        result($_[0]) =~ s/"id"/"id":7,"id"/r }),
    message('two ids, one escaped', sub {
        result($_[0]) =~ s/"id"/"\\u0069d":7,"id"/r }),
    message('two results', sub {
        result($_[0]) =~ s/"result"/"result":{},"result"/r }),
    message('result and error', sub {
        result($_[0]) =~ s/"result"/"error":{"code":1},"result"/r }),
    message('result and method', sub {
        result($_[0]) =~ s/"result"/"method":"ping","result"/r }),
    message('much under another id', sub { result($_[0] + 1, $large) }),
    message('much that is a notification', sub {
        '{"jsonrpc":"2.0","method":"notifications/message","params":{'
        . '"level":"info","data":"' . $large x 4 . '"}}' }),
    message('a request', sub {
        '{"jsonrpc":"2.0","id":1,"method":"roots/list"}' });

# the id behind a body that has been let go already: the end shows it

push @cases,
    'much, then another id, JSON' => body(sub {
        result($_[0], $huge) =~ s/"id":(\d+),(.*)\}\z/$2 . ',"id":'
                                  . ($1 + 1) . '}'/re }, cut => 1),
    'much, then another id, SSE' => stream(sub {
        event(result($_[0], $huge) =~ s/"id":(\d+),(.*)\}\z/$2 . ',"id":'
                                        . ($1 + 1) . '}'/re) }, cut => 1),
    'much, then garbage, JSON' => body(sub {
        result($_[0], $huge) . '!' }, cut => 1),
    'much, then invalid UTF-8, SSE' => stream(sub {
        event(result($_[0], "$huge\xff")) }, cut => 1, is => \&no_end),
    'the id last, JSON' => body(sub {
        result($_[0]) =~ s/"id":(\d+),(.*)\}\z/$2,"id":$1}/r },
        code => undef, text => 'fine'),
    'much, the id last, JSON' => body(sub {
        result($_[0], $large) =~ s/"id":(\d+),(.*)\}\z/$2,"id":$1}/r },
        code => undef, text => $large),
    'much, the id last, SSE' => stream(sub {
        event(result($_[0], $large)
              =~ s/"id":(\d+),(.*)\}\z/$2,"id":$1}/r) },
        code => undef, text => $large);

# one response, whatever else the stream has

my $one = sub {
    my @answers = grep { exists $_->{result} || exists $_->{error} }
                  $_[0]->messages;
    return @answers == 1 ? undef : scalar(@answers) . ' answers';
};

push @cases,
    'a stream of nothing' => stream(sub { () }),
    'a stream of comments' => stream(sub { ": a\n\n", ": b\n\n" }),
    'a stream of empty events' => stream(sub { "data\n\n", "event: x\n\n" }),
    'a stream without response' => stream(sub { progress(), progress() }),
    'two responses' => stream(
        sub { event(result($_[0], 'first')), event(result($_[0], 'second')) },
        code => undef, text => 'first', is => $one),
    'two responses at once' => stream(
        sub { event(result($_[0], 'first')) . event(error($_[0], 5)) },
        code => undef, text => 'first', is => $one),
    'a response and garbage' => stream(
        sub { event(result($_[0])), "data: garbage\n\n", "\xff\xff\n\n" },
        code => undef, text => 'fine', is => $one),
    'progress after the response' => stream(
        sub { event(result($_[0])), progress() },
        code => undef, text => 'fine', is => sub {
            $_[0]->body =~ /progress/ ? 'progress' : undef }),
    'another id first' => stream(
        sub { event(result($_[0] + 1, 'no')), event(result($_[0])) },
        code => undef, text => 'fine', is => $one),
    'a garbage event first' => stream(
        sub { "data: garbage\n\n", event(result($_[0])) }),
    'an event that is not a message' => stream(
        sub { "event: endpoint\ndata: /messages?x=1\n\n",
              event(result($_[0])) },
        code => undef, text => 'fine', is => $one);

# not what it is called

push @cases,
    (map {
        my $type = $_;
        ("a result as $type" => typed($type, \&result),
         "an event as $type" => typed($type,
                                      sub { event(result($_[0])) }))
    } 'text/plain', 'text/html', 'application/octet-stream',
      'application/jsonrpc', 'multipart/mixed', 'x', ''),
    'no type' => typed({}, \&result),
    'HTML' => typed('text/html', sub { '<html><h1>Welcome to nginx!' }),
    'an event as JSON' => typed($json, sub { event(result($_[0])) }),
    'a result as SSE' => typed($sse, \&result),
    'gzip' => typed({ 'Content-Type' => $json, 'Content-Encoding' => 'gzip' },
                    sub { "\x1f\x8b\x08\0\0\0\0\0\0\x03" . 'x' x 100 }),
    'a result called gzip' => typed(
        { 'Content-Type' => $json, 'Content-Encoding' => 'gzip' },
        \&result),
    'types with parameters' => typed('Application/JSON;charset=utf-8',
        \&result, code => undef, text => 'fine'),
    'a stream with parameters' => typed('TEXT/event-stream ; charset=utf-8',
        sub { event(result($_[0])) }, code => undef, text => 'fine'),
    'identity' => typed({ 'Content-Type' => $json,
                          'Content-Encoding' => 'identity' },
        \&result, code => undef, text => 'fine'),
    # errors may be large as well
    'a large error, JSON' => body(
        sub { error($_[0], -32050) =~ s/said so/$large/r },
        code => -32050, outcome => 'rpc_error'),
    'a large error, SSE' => stream(
        sub { event(error($_[0], -32050) =~ s/said so/$large/r) },
        code => -32050, outcome => 'rpc_error'),
    'a large error, the code last' => body(
        sub { error($_[0], -32050) =~ s/("code":-32050),(.*?)\}/$2,$1}/r
                                   =~ s/said so/$large/r },
        code => -32050, outcome => 'rpc_error'),
    'a long line that is no data' => stream(
        sub { 'x' x 1_000_000, "\n", ':' . 'x' x 1_000_000 . "\n",
              'id: ' . 'x' x 1_000_000 . "\n", event(result($_[0])) },
        code => undef, text => 'fine', is => sub {
            length $_[0]->body < 1000 ? undef : 'too much' }),
    'tool error' => body(sub { result($_[0], 'bad', '"isError":true,') },
        code => undef, text => 'bad', outcome => 'tool_error');

my $f = Sentinel::Faults->new(@cases);

$f->run;

done_testing;
