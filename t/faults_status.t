# What a backend's HTTP says, whatever its body, must come to the client as
# the answer that the error table has: never as the backend's own status,
# never as a redirect, and never with a header that the backend chose.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Faults;

my $elsewhere = Sentinel::Backend->raw(sub { $_[0]->respond(200) });

# nothing that a backend says of itself may reach a client

sub clean {
    my ($r) = @_;

    return join ' ', grep { defined $r->header($_) }
        qw/Set-Cookie Location WWW-Authenticate X-Powered-By X-Accel-Redirect
           X-Accel-Expires X-Accel-Limit-Rate X-Accel-Charset Link Refresh/;
}

my %noise = (
    'Set-Cookie' => ['a=b', 'c=d'], 'X-Powered-By' => 'Express',
    'X-Accel-Redirect' => '/secret', 'X-Accel-Expires' => '3600',
    'X-Accel-Limit-Rate' => '1', 'X-Accel-Charset' => 'koi8-r',
    'X-Accel-Buffering' => 'yes', 'Link' => '</x>; rel=preload',
    'Refresh' => '0; url=/', 'WWW-Authenticate' => 'Basic realm="x"',
);


# A status with a body that is no JSON-RPC, and nothing else.

sub status {
    my ($status, $code, $headers, %more) = @_;

    return "status $status" . ($more{also} // '') => {
        do => sub {
            $_[0]->respond($status,
                { 'Content-Type' => 'text/html', %noise, %{ $headers || {} } },
                $status =~ /^[23]04$/ ? '' : '<html>no</html>');
        },
        code => $code,
        is => sub { clean(@_) || undef },
        %more,
    };
}


# A JSON-RPC error of the backend's own under that status.

sub own_error {
    my ($status, $rpc, $code, %more) = @_;

    return "status $status with error $rpc" => {
        do => sub {
            my ($c, $id) = @_;
            answer_json($c, error($id, $rpc), status => $status,
                        headers => \%noise);
        },
        code => $code // $rpc,
        outcome => $code ? undef : 'rpc_error',
        is => sub { clean(@_) || undef },
        %more,
    };
}


my %to = (Location => $elsewhere->url);

my $f = Sentinel::Faults->new(
    status(201, 502),
    status(202, 502),
    status(204, 502),
    status(206, 502),
    status(304, 502),
    (map { status($_, 502, \%to) } 300, 301, 302, 303, 307, 308),
    status(400, 502),
    status(401, 502),
    status(402, 502),
    status(403, 502),
    # a legacy backend may mean its session, so it is asked once more
    status(404, 502, {}, sent => { l => 2, m => 1 }),
    status(405, 502),
    status(406, 502),
    status(409, 502),
    status(410, 502),
    status(413, 502),
    status(415, 502),
    status(418, 502),
    status(422, 502),
    status(429, 503, { 'Retry-After' => 7 }, retry_after => 7000),
    status(429, 503, {}, also => ' and no time', retry_after => 1000),
    status(500, 502),
    status(501, 502),
    status(502, 502),
    status(503, 503, { 'Retry-After' => 3 }, retry_after => 3000),
    status(503, 503, { 'Retry-After' => 'Wed, 21 Oct 2015 07:28:00 GMT' },
           also => ' and a date', retry_after => 1000),
    status(503, 503, { 'Retry-After' => '99999999999999999999' },
           also => ' and no number', retry_after => 1000),
    status(504, 504),
    status(999, 502),

    # a whole result under a status that denies it is none
    (map {
        my $status = $_;
        "status $status with a result" => {
            do => sub { answer_json($_[0], result($_[1]),
                                    status => $status) },
            code => $status == 503 ? 503 : $status == 504 ? 504 : 502,
            sent => $status == 404 ? { l => 2, m => 1 } : 1,
        }
    } 202, 301, 400, 401, 404, 500, 503, 504),

    # a backend's own JSON-RPC error passes
    own_error(200, -32602),
    own_error(200, -31999),
    own_error(200, 17),
    own_error(400, -32602),
    own_error(422, -32602),
    own_error(500, -32603),
    # but not one about this hop, which the client cannot help
    own_error(400, -32020, 502),
    own_error(400, -32022, 502),

    'interim responses' => {
        do => sub {
            my ($c, $id) = @_;
            $c->write("HTTP/1.1 100 Continue\r\n\r\n"
                      . "HTTP/1.1 103 Early Hints\r\n"
                      . "Link: </x>; rel=preload\r\nSet-Cookie: a=b\r\n"
                      . "Content-Length: 5\r\n\r\n");
            answer_json($c, result($id), headers => \%noise);
        },
        text => 'fine',
        is => sub { clean(@_) || undef },
    },
    'interim responses apart' => {
        do => sub {
            my ($c, $id) = @_;
            $c->dribble("HTTP/1.1 100 Continue\r\n\r\n", 1, 0.0005);
            $c->dribble("HTTP/1.1 102 Processing\r\n\r\n", 7, 0.0005);
            answer_json($c, result($id));
        },
        text => 'fine',
    },
    'switching protocols' => {
        do => sub {
            $_[0]->write("HTTP/1.1 101 Switching Protocols\r\n"
                         . "Upgrade: websocket\r\nConnection: upgrade\r\n"
                         . "\r\n" . result($_[1]));
            $_[0]->close;
        },
        code => 502,
    },
    'interim responses without end' => {
        do => sub {
            my ($c) = @_;
            for (1 .. 2000) {
                $c->write("HTTP/1.1 100 Continue\r\n\r\n" x 50) or last;
            }
            $c->close;
        },
        code => 502,
    },
    'a result with headers that nginx obeys' => {
        do => sub { answer_json($_[0], result($_[1]), headers => \%noise) },
        text => 'fine',
        is => sub { clean(@_) || undef },
    },
    'a stream with headers that nginx obeys' => {
        do => sub {
            my ($c, $id) = @_;
            $c->sse(\%noise);
            $c->bytes(event(result($id)));
            $c->end;
        },
        text => 'fine',
        is => sub { clean(@_) || undef },
    },
);

$f->run;

is $elsewhere->requests, 0, 'no redirect was followed';

done_testing;
