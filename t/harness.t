# The tests' own tools, against nginx's proxy_pass: what they report has to
# be true before anything else can be believed.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::SSE;

# the error log

my $bad = Sentinel::Test->new(module => 0, main => 'no_such_directive;');
my ($status, $said) = $bad->check;
isnt $status, 0, 'a bad configuration fails';
like $said, qr/unknown directive "no_such_directive"/, 'and says why';

my $legacy = Sentinel::Backend->legacy(
    tools => [qw/echo progress big/], answer => 'sse');
my $modern = Sentinel::Backend->modern(
    tools => [qw/echo hang slow/], page => 2);

my $t = Sentinel::Test->new(module => 0,
    http => 'proxy_http_version 1.1; proxy_buffering off;',
    location => 'proxy_pass ' . $legacy->url . ';',
    server => 'location /modern { proxy_pass ' . $modern->url . '; }',
)->run;

my ($victim) = $t->workers;
kill KILL => $victim;
ok $t->wait_log(qr/$victim exited on signal 9/), 'a worker is killed';
is scalar(grep { /exited on signal/ } $t->faults), 1, 'that is a fault';
$t->expect(qr/$victim exited on signal/);
is_deeply [$t->faults], [], 'unless expected';
ok await { $t->workers == 2 }, 'the master starts another';
ok $t->reload, 'reload';

# event streams

my $sse = Sentinel::SSE->new;
$sse->feed($_) for split //,
    "\xef\xbb\xbf: hi\r\ndata: a\r\ndata:b\rid: 7\n\nevent: x\ndata\n\ndata: c";
is_deeply [map { $sse->next } 1 .. 4],
    [{ comment => ' hi' }, { data => "a\nb", id => 7 },
     { event => 'x', data => '' }, undef], 'events, byte by byte';
ok $sse->rest, 'and a rest';

# a legacy server

my $s = $t->legacy;
is $s->initialized->status, 200, 'initialize';
ok $s->initialized->is_sse, 'answered as a stream';
is_deeply [$s->request('tools/list')->tools], [qw/echo progress big/],
    'tools/list';
is $s->call('echo', { message => "h\x{e9}\x{20ac}" })->text,
    "h\x{e9}\x{20ac}", 'tools/call';
is $s->call('none')->code, -32602, 'unknown tool';
is length $s->call('big', { bytes => 160_000 })->text, 160_000, 'big';

my $c = $s->call('progress', { steps => 2 },
                 meta => { progressToken => 'p' }, stream => 1);
is $c->message->{params}{progress}, $_, "progress $_" for 1, 2;
is $c->message->{result}{content}[0]{text}, '2 steps', 'result';
is $c->event, undef, 'end of the stream';
ok !$c->truncated, 'a proper end';

is $s->end->status, 200, 'DELETE';
is $s->request('tools/list')->status, 404, 'the session has ended';
is $legacy->requests('tools/call'), 4, 'calls on record';
is +($legacy->requests('initialize'))[0]{headers}{'content-type'},
    'application/json', 'with headers';

# a modern server

my @at = (path => '/modern');
is_deeply $t->modern('server/discover', {}, @at)->result
    ->{supportedVersions}, ['2026-07-28'], 'server/discover';
my $list = $t->modern('tools/list', {}, @at);
is_deeply [$list->tools], [qw/echo hang/], 'first page';
is_deeply [$t->modern('tools/list',
                      { cursor => $list->result->{nextCursor} }, @at)
             ->tools], ['slow'], 'second page';
is $t->call('echo', { message => 'x' }, @at)->text, 'x', 'tools/call';
is $t->call('echo', {}, @at, headers => { 'Mcp-Name' => 'other' })->code,
    -32020, 'headers and body have to agree';
is $t->legacy(@at)->initialized->status, 404, 'no initialize';

my $listen = $t->modern('subscriptions/listen',
                        { notifications => { toolsListChanged => 1 } },
                        @at, stream => 1);
like $listen->message->{method}, qr/acknowledged/, 'listen';
ok $listen->quiet(0.1), 'nothing changes';
$modern->set(tools => ['echo']);
like $listen->message->{method}, qr/list_changed/, 'the list changes';
$listen->close;

my $hang = $t->connection;
$hang->write("GET /modern HTTP/1.1\r\nHost: x\r\n\r\n" x 2);
is $hang->head->status, 405, 'pipelined, first';
$hang->body;
is $hang->head->status, 405, 'pipelined, second';
$hang->abort;

# raw bytes

my $raw = Sentinel::Backend->raw(sub {
    my ($c, $request) = @_;

    $c->write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
              . "Transfer-Encoding: chunked\r\n\r\n5\r\ndata:");
    $c->gone(60) and $c->note('gone');
    $c->close;
});

$t->configure(location => 'proxy_pass ' . $raw->url . ';')->reload;
$c = $t->post('{}', {}, stream => 1);
is $c->chunk, 'data:', 'half an event';
$c->abort;
ok $raw->wait_note(qr/gone/), 'the backend sees the client go';

$raw->stop;
is $t->post('{}')->status, 502, 'a backend that is down';
$raw->start;
is $t->post('{}', {}, stream => 1)->{head}->status, 200, 'and up again';

done_testing;
