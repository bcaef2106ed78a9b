# The breaker: a backend that fails gets no calls for a while, whichever
# worker they come to; then one call tries it.  What a tool or a client does
# wrong is not the backend's failure.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use JSON::PP;
use Time::HiRes qw/time sleep/;

my %how = (
    echo => undef,
    reset => sub { $_[0]->reset; undef },
    cut => sub {
        $_[0]->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     . "Content-Length: 500\r\n\r\n{\"jsonrpc\"");
        $_[0]->close;
        undef;
    },
    hang => sub { $_[0]->gone(20); undef },
    (map { my $status = $_;
           ("s$status" => sub { $_[0]->respond($status); undef }) }
     400, 404, 429, 500, 502, 503),
    stuck => sub { $_[0]->note('stuck'); $_[0]->pause(1.2);
                   Sentinel::Tools::text('late') },
);
my @tools = (qw/fail broken/, sort keys %how);

my $b = Sentinel::Backend->modern(tools => \@tools,
    call => { map { $_ => $how{$_} } grep { $how{$_} } keys %how });
my $other = Sentinel::Backend->modern(tools => ['echo']);

my $t = Sentinel::Test->new(
    backends => [
        b => { url => $b,
               conf => 'breaker 3 cooldown=1s; read_timeout 500ms;' },
        other => { url => $other, conf => 'breaker 1 cooldown=1h;' }],
)->run->wait_catalog('b_echo', 'other_echo');

sub call {
    my ($tool) = @_;
    my $r = $t->call("b_$tool", { message => 'm' });

    return $r->error && ($r->error->{message} =~ /left alone/ ? 'open'
                                                    : $r->code) || 'ok';
}

sub calls { return join ' ', map { call($_) } @_ }

# Open now, and closed again in the end.

sub opens {
    my ($name) = @_;
    my ($from, $r, $error);

    untouched $b, "$name: calls do not reach the backend", sub {
        is_deeply [ map { call('echo') } 1 .. 6 ], [('open') x 6],
            "$name: open, for all workers";
        $r = $t->call('b_echo', {}, id => 'x');
    };

    $error = refused $r, 200, 503, "$name: an error", id => '"x"';
    cmp_ok $error->{data}{retryAfterMs}, '>', 0, "$name: the time left";
    cmp_ok $error->{data}{retryAfterMs}, '<=', 1000, '... of the cooldown';
    is $r->header('Retry-After'), 1, '... in a header, too';

    is $t->call('other_echo', { message => 'x' })->text, 'x',
        "$name: others are not touched";

    sleep $error->{data}{retryAfterMs} / 1000 + 0.02;
    is calls(qw/echo echo/), 'ok ok', "$name: closed after a good call";
}

# what counts

is calls(qw/s500 s502 echo s503 reset echo cut s500/),
    '502 502 ok 503 502 ok 502 502', 'three in a row it must be';
is calls('reset'), '502', '... this is the third';
opens('a mixture');

for my $fault (qw/s500 s502 s503 reset cut/) {
    is +(grep { call($fault) =~ /^50[23]$/ } 1 .. 3), 3, "$fault three times";
    opens($fault);
}

is calls(qw/hang hang hang/), '504 504 504', 'time runs out three times';
opens('hang');

# what does not

is calls(('fail') x 5), join(' ', ('ok') x 5), 'errors of tools';
is calls(('broken') x 5), join(' ', (-32099) x 5), 'JSON-RPC errors';
is calls(qw/s400 s404 s400 s404/), '502 502 502 502', 'a status of 4xx';
is calls(qw/s429 s429 s429 s429/), '503 503 503 503', 'a status of 429';
is call('echo'), 'ok', 'it is closed';

for (1 .. 5) {
    my $c = $t->call('b_hang', {}, send => 1);
    ok $b->wait_for('tools/call', 1) && await {
        my @r = $b->requests('tools/call');
        $r[-1]{json}{params}{name} eq 'hang'
    }, 'a call is under way';
    $c->abort;
    $b->forget;
}

is call('echo'), 'ok', 'clients that go away';

# one tries

is calls(qw/s500 s500 s500/), '502 502 502', 'open';
is call('echo'), 'open', '... it is';
sleep 1.02;

my $c = $t->call('b_hang', {}, send => 1);
ok await { grep { $_->{json}{params}{name} eq 'hang' }
           $b->requests('tools/call') }, 'one call tries';
is calls(qw/echo echo echo/), 'open open open', '... and no other';
is $c->response->code, 504, 'it fails';
is call('echo'), 'open', '... open again';

sleep 1.02;
$b->forget;
$c = $t->call('b_hang', {}, send => 1);
ok await { $b->requests('tools/call') }, 'one tries';
$c->abort;
ok +(await { call('echo') eq 'ok' } 0.9), 'and is cancelled: the next may';

# a reload forgets nothing; the log says it

is calls(qw/s500 s500 s500/), '502 502 502', 'open';
ok $t->reload, 'reload';
is call('echo'), 'open', '... and still open';
like $t->error_log, qr/\[error\].*backend "b" has failed, it gets no calls/,
    'the log says that it opens';
like $t->error_log, qr/\[notice\].*backend "b" has recovered/,
    '... and closes';

# connections that cannot be made

$other->stop;
is $t->call('other_echo', {})->code, 503, 'a backend that is down';
my $error = refused $t->call('other_echo', {}), 200, 503, 'breaker 1';
cmp_ok $error->{data}{retryAfterMs}, '>', 3_500_000, 'cooldown=1h';

# what a backend has that says nothing: breaker 5, cooldown=30s, retry 2

my $d = Sentinel::Backend->modern(
    tools => [qw/s500/, { name => 'read', inputSchema => { type => 'object' },
                          annotations => { readOnlyHint => JSON::PP::true } }],
    call => { s500 => $how{s500}, read => $how{s503} });
my $plain = Sentinel::Test->new(backends => [
    d => { url => $d, conf => '# the default breaker, retry and health' }])
    ->run->wait_catalog('read');

$d->forget;
is $plain->call('read', {})->code, 503, 'by default: a tool that only reads';
is scalar $d->requests('tools/call'), 3, '... is tried twice again';
is join(' ', map { $plain->call('s500', {})->code } 1 .. 3), '502 502 503',
    '... and five failures are enough';
$error = refused $plain->call('s500', {}), 200, 503, 'by default: open';
cmp_ok $error->{data}{retryAfterMs}, '>', 20_000, '... for a while';
cmp_ok $error->{data}{retryAfterMs}, '<=', 30_000, '... of 30s';

done_testing;
