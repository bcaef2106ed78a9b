# A client that reads slowly holds back its backend, and nobody else: the
# worker keeps a bounded part of the answer, serves others meanwhile, and
# still delivers every byte in the end.  One that never reads is dropped.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Digest::MD5;
use Time::HiRes qw/time/;

my $mb = 1024 * 1024;
my $size = 50;
my $piece = join '', map { sprintf '%08x', $_ } 1 .. $mb / 8;
my $bound = ($ENV{SAN} ? 24 : 3) * $mb;

sub digest_of_all {
    my $md5 = Digest::MD5->new;
    $md5->add($piece) for 1 .. $size;
    return $md5->hexdigest;
}

# A result of that many megabytes, as fast as it is taken; it notes how far
# it came.

sub flood {
    my ($c, $arguments) = @_;
    my ($form, $n, $head, $tail);

    $form = $arguments->{form};
    ($head, $tail) = result($c->id, '@@') =~ /(.*)\@\@(.*)/;

    if ($form eq 'JSON') {
        $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . 'Content-Length: ' . ($size * $mb + length "$head$tail")
                  . "\r\n\r\n$head");

    } else {
        $c->sse;
        $c->bytes("data: $head");
    }

    for $n (1 .. $size) {
        $form eq 'JSON' ? $c->write($piece) : $c->bytes($piece)
            or return $c->note('broke off') || $c->close;
        $c->note("sent $n");
    }

    $form eq 'JSON' ? $c->write($tail)
                    : ($c->bytes("$tail\n\n") and $c->end);

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo flood/], call => { flood => \&flood }) }
    qw/legacy modern/;

my $t = Sentinel::Calls->new(
    workers => 1,
    backends => [
        l => { url => $b{legacy}, conf => 'read_timeout 1s; send_timeout 1s;' },
        m => { url => $b{modern},
               conf => 'read_timeout 1s; send_timeout 1s;' }],
    server => <<'END',
        location /impatient { send_timeout 1s; mcp_pass all; }
        location /huge { client_max_body_size 64m; mcp_pass all; }
END
);
$t->run->wait_catalog(qw/l_flood m_flood/);

my ($worker) = $t->workers;
my %client = (legacy => $t->legacy, modern => $t);
my %of = (l => $b{legacy}, m => $b{modern});

$client{$_ % 2 ? 'legacy' : 'modern'}->call('l_echo', { message => 'x' x 9999 })
    for 1 .. 50;

sub sent { return scalar grep { /^sent/ } $_[0]->notes }

# True when the backend has not got any further for a while.

sub held {
    my ($b) = @_;
    my ($sent, $since) = (-1, 0);

    return await {
        my $now = sent($b);
        ($sent, $since) = ($now, time()) if $now != $sent;
        $sent > 0 && time() - $since > 0.5;
    };
}

for (['JSON', 'legacy', 'l'], ['JSON', 'modern', 'l'],
     ['SSE', 'legacy', 'm'], ['SSE', 'modern', 'm'])
{
    my ($form, $era, $way) = @$_;
    my $b = $of{$way}->forget;
    my $before = memory($worker);
    my $what = "$form, $era client, $way";

    my $path = $t->tag;
    my $c = $client{$era}->call("${way}_flood", { form => $form },
                                path => $path, stream => 1, rcvbuf => 4096);
    ok held($b), "the backend is held back: $what";
    # the kernel's buffers, of which Linux lets one have up to 32 MB, hold some
    cmp_ok sent($b), '<', $size, '... before the end';
    cmp_ok memory($worker) - $before, '<', $bound, '... memory is bounded';

    # others are served at once; this is beyond read_timeout, too

    my $longest = 0;
    my $end = time() + 1;
    my $n = 0;

    while (time() < $end) {
        my $began = time();
        $n++ if $t->call("${way}_echo", { message => 'x' })->text eq 'x';
        my $took = time() - $began;
        $longest = $took if $longest < $took;
        select undef, undef, undef, 0.02;
    }

    cmp_ok $longest, '<', patience(0.5), "... others do not wait ($n calls)";

    my $md5 = Digest::MD5->new;
    my ($data, $last, $length) = ('', '', 0);

    while (defined($data = $c->chunk)) {
        $length += length $data;
        $data = $last . $data;
        $data =~ s/\A.*"text":"//s if !$last;
        $last = substr $data, -40, 40, '';
        $md5->add($data);
    }

    my ($tail) = $last =~ s/("\}\]\}\}\s*)\z// ? $1 : '';
    $md5->add($last);

    ok !$c->truncated && $tail ne '', '... the end comes';
    is $md5->hexdigest, digest_of_all(), "... to the byte";
    cmp_ok memory($worker) - $before, '<', $bound, '... memory';
    is $t->record($path)->{outcome}, 'ok', '... outcome';
    $c->close;
}


# A legacy client that goes has not cancelled: the rest of the answer is read,
# so that its outcome is known, and kept by nobody.

for (['JSON', 'l', 'close'], ['SSE', 'm', 'abort']) {
    my ($form, $way, $end) = @$_;
    my $b = $of{$way}->forget;
    my ($before, $most) = (memory($worker), 0);
    my $path = $t->tag;
    my $c = $client{legacy}->call("${way}_flood", { form => $form },
                                  path => $path, stream => 1);
    my ($args) = $path =~ /\?(.*)/;

    $c->chunk;
    $c->$end;
    ok +(await {
        my $now = memory($worker) - $before;
        $most = $now if $now > $most;
        index($t->read('calls.log'), "\n$args\t") >= 0;
    }), "a client that has gone: $form, $way";
    cmp_ok $most, '<', $bound, '... memory is bounded';
    is $t->record($path)->{outcome}, 'ok', '... outcome';
}


# One that never reads

my $open = fds($worker);

for (['legacy', 'l'], ['modern', 'm']) {
    my ($era, $way) = @$_;
    my $b = $of{$way}->forget;
    my $path = '/impatient?n=' . ($t->tag =~ /(\d+)/)[0];

    my $c = $client{$era}->call("${way}_flood", { form => 'JSON' },
                                path => $path, stream => 1, rcvbuf => 4096);
    ok $b->wait_note('broke off', 5), "the backend is let go: $era client"
        or diag join ' ', $b->notes;
    like $t->record($path)->{outcome}, qr/^(?:unknown|cancelled)$/,
        '... outcome';
    $c->close;
}

ok +(await { fds($worker) <= $open }), 'no descriptor stays';


# A backend that does not read: send_timeout ends it.  The request is larger
# than what the kernel takes.

{
    no warnings 'redefine';
    my $fill = \&Sentinel::Backend::Connection::fill;
    local *Sentinel::Backend::Connection::fill = sub {
        my ($c) = @_;

        return $fill->($c) if length $c->{in} < 100_000;
        $c->note('does not read');
        $c->pause(5);
        return 0;
    };
    $_->stop->start for values %b;
}

for my $way (qw/l m/) {
    my $path = '/huge?n=' . ($t->tag =~ /(\d+)/)[0];
    my $began = time();
    my $c = $t->call("${way}_echo", undef, path => $path, send => 1,
        raw => '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
        . "\"name\":\"${way}_echo\",\"_meta\":{"
        . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        . '"io.modelcontextprotocol/clientCapabilities":{}},'
        . '"arguments":{"message":"' . 'x' x (45 * $mb) . '"}}}');
    is $t->call("${way}_echo", { message => 'y' })->text, 'y',
        "others do not wait: $way";
    is $c->response->code, 504, 'a backend that does not read';
    cmp_ok time() - $began, '<', patience(10), '... in time';
    is $t->record($path)->{outcome}, 'timeout', '... outcome';
}

done_testing;
