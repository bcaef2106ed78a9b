# stdio servers behind nginx by way of mcp-bridge: clients of both eras, the
# official SDKs, servers that people use; and what callers see when one is
# not there.

use Sentinel::Test;
use Sentinel::Bridge;
use Sentinel::Calls;
use Time::HiRes qw/time/;

my $modules = 't/node_modules/@modelcontextprotocol';
my $root = Cwd::getcwd();
my $files = File::Temp::tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $files;

open my $f, '>', "$files/hello.txt" or die;
print $f "hello from a file\n";
close $f;

sub npm {
    my ($server, @args) = @_;

    return { command => node(),
             args => ["$root/$modules/$server/dist/index.js", @args] };
}

my $b = Sentinel::Bridge->new(servers => {
    legacy => ['--era', 'legacy'],
    brief => { args => ['--era', 'legacy'], callTimeout => '1s' },
    modern => ['--era', 'modern'],
    thinking => npm('server-sequential-thinking'),
    files => npm('server-filesystem', $files),
    everything => npm('server-everything', 'stdio'),
    context7 => { command => node(), args => [
        "$root/t/node_modules/\@upstash/context7-mcp/dist/index.js"] },
})->run->wait_ready;

my $t = Sentinel::Calls->new(
    main => 'user root;',
    backends => [
        (map { $_ => { url => $b->url($_), conf =>
                       'breaker off; health off; refresh 1s;' } }
         qw/legacy brief modern thinking files everything context7/) ]);
$t->run->wait_catalog(qw/legacy_echo modern_echo files_read_text_file
    thinking_sequentialthinking everything_echo context7_query-docs/);


# eras, as the bridge found them

is $b->status($_)->{era}, 'legacy', "$_ is of the legacy era"
    for qw/legacy thinking files everything/;
is $b->status($_)->{era}, 'modern', "$_ is of the modern era"
    for qw/modern context7/;


# all pairs

my $s = $t->legacy;
for my $backend (qw/legacy modern/) {
    for my $client ([modern => sub { $t->call(@_) }],
                    [legacy => sub { $s->call(@_) }])
    {
        my ($era, $ask) = @$client;
        my $name = "$era client, $backend server";

        is $ask->("${backend}_echo", { message => $name })->text, $name,
            $name;
        is $ask->("${backend}_error")->code, -32001, 'errors pass';
        ok $ask->("${backend}_failed")->result->{isError}, 'so do failures';
        my @c = map { $ask->("${backend}_slow", { ms => 100 * ($_ % 3),
                             message => "m$_" }, id => 1, send => 1) }
                1 .. 30;
        is_deeply [ map { $_->response->text } @c ],
            [ map { "m$_" } 1 .. 30 ], 'many at once, one id';
        my $c = $ask->("${backend}_progress", { steps => 2, message => 'p' },
                       meta => { progressToken => 'tok' }, stream => 1);
        is $c->message->{params}{progressToken}, 'tok', 'progress';
        $c->body;
    }
}

# a modern client that goes has cancelled

my $c = $t->call('modern_hang', {}, send => 1);
$b->said('modern', qr/"hang"/);
$c->close;
ok $b->said('modern', qr/notifications\/cancelled/),
    'a caller that goes has cancelled';

# lists that change

$t->call('legacy_notify', { method => 'notifications/tools/list_changed' });


# the official SDKs, before the servers that people use

for my $sdk (qw/sdk1 sdk2/) {
    my $seen = client("$sdk-client.mjs", $t->url, [
        { name => 'everything_echo', arguments => { message => 'hi' } },
        { name => 'everything_get-sum', arguments => { a => 2, b => 3 } },
        { name => 'everything_trigger-long-running-operation',
          arguments => { duration => 1, steps => 2 } },
        { name => 'files_read_text_file',
          arguments => { path => "$files/hello.txt" } },
        { name => 'files_read_text_file',
          arguments => { path => '/etc/shadow' } },
        { name => 'thinking_sequentialthinking', arguments => {
            thought => 'first', nextThoughtNeeded => JSON::PP::true,
            thoughtNumber => 1, totalThoughts => 2 } },
        { name => 'context7_resolve-library-id',
          arguments => { query => 'nginx', libraryName => 'nginx' } },
        { name => 'legacy_echo', arguments => { message => 'c' } },
    ]);

    ok !$seen->{failed}, "$sdk runs" or diag $seen->{failed};
    my @calls = @{ $seen->{calls} || [] };
    is $calls[0]{result}{content}[0]{text}, 'Echo: hi', "$sdk: echo";
    like $calls[1]{result}{content}[0]{text}, qr/5/, 'sum';
    is scalar @{ $calls[2]{progress} || [] }, 2, 'progress';
    is $calls[3]{result}{content}[0]{text}, "hello from a file\n", 'a file';
    ok $calls[4]{result}{isError}, 'not every file';
    like $calls[5]{result}{content}[0]{text}, qr/thoughtHistoryLength/,
        'thinking';
    # whatever it says: it has no network here
    is $calls[6]{result}{content}[0]{type}, 'text', 'a modern one';
    is $calls[7]{result}{content}[0]{text}, 'c', 'and one in C';
}

# clients of the legacy era on each side

my $seen = client('sdk2-client.mjs', { MODE => 'legacy' }, $t->url, [
    { name => 'everything_echo', arguments => { message => 'l' } } ]);
is $seen->{calls}[0]{result}{content}[0]{text}, 'Echo: l', 'sdk2, legacy'
    or diag explain $seen;


# a call that takes too long

my $path = $t->tag;
my $r = $t->call('brief_hang', {}, path => $path);
is $r->code, 504, 'a call that takes too long for the bridge';
is $t->record($path)->{outcome}, 'timeout', 'and its outcome';


# a server that is restarting is unavailable, not broken

$path = $t->tag;
$r = $t->call('legacy_exit', {}, path => $path);
ok $r->code, 'the call that ends it gets an error' or diag $r->body;
is $r->code, 502, 'which says that it may have been executed';
is $t->record($path)->{outcome}, 'unknown', 'and so does its outcome';

my %servers = %{ $b->{servers} };
$b->configure(servers => { %servers, legacy => ['--exit', 1] })->hup;
$b->wait_state('legacy', 'backoff');
$path = $t->tag;
$r = $t->call('legacy_echo', { message => 'x' }, path => $path);
is $r->status, 200, 'HTTP has no part in it';
is $r->code, 503, 'it is unavailable';
cmp_ok $r->error->{data}{retryAfterMs} // 0, '>=', 500,
    'and for how long is told' or diag $r->body;
is $t->record($path)->{outcome}, 'unavailable', 'so is it counted';
is $t->call('modern_echo', { message => 'x' })->text, 'x',
    'others are not touched';

$b->configure(servers => \%servers)->hup;
$b->wait_ready('legacy');
is $t->call('legacy_echo', { message => 'back' })->text, 'back',
    'it is back by itself';
is $s->call('legacy_echo', { message => 'back' })->text, 'back',
    'in old sessions, too';


# without a bridge, and with another

$t->expect(qr/connect\(\) to unix/);
$b->stop('KILL');
$r = $t->call('modern_echo', { message => 'x' });
is $r->code, 503, 'no bridge: unavailable' or diag $r->body;
$b->run->wait_ready(qw/legacy modern/);
for my $name (qw/legacy modern/) {
    is $t->call("${name}_echo", { message => 'x' })->text, 'x',
        "another bridge: $name serves";
    is $s->call("${name}_echo", { message => 'x' })->text, 'x',
        'and old sessions are served';
}

ok $t->stop, 'the gateway stops';
$b->ends;

done_testing;
