# The kill switch: what is switched off is in no list, and a call of it is
# refused with 423 before its backend hears of it; mcp_disable by a reload,
# mcp_api at once, for good.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $one = Sentinel::Backend->modern(
    tools => [qw/echo fail headers/],
    prompts => [{ name => 'ask', text => 'Q' }]);
my $two = Sentinel::Backend->legacy(tools => [qw/echo fail/],
    resources => [{ uri => 'file:///a', name => 'a', text => 'A' }]);

my $t = Sentinel::Test->new(
    backends => [one => { url => $one, conf => 'prefix one_;' },
                 two => { url => $two, conf => 'prefix two_;' }],
    http => '
        log_format outcome "$mcp_name $mcp_outcome $mcp_error_code";
        access_log %%DIR%%/outcome.log outcome;',
    server => '
        location /some {
            mcp_disable tools=one/f* two/nothing;
            mcp_pass one two;

            location /some/more {
                mcp_disable tools=*/echo backend=two;
                mcp_pass one two;
            }
        }
        location /api { mcp_api; }
        location /slash/ { mcp_api; }
        location ~ ^/re[a-z]+/ { mcp_api; }
        location /guarded { mcp_api; allow 192.0.2.1; deny all; }',
)->run->wait_catalog('one_echo', 'two_echo');

sub api {
    my ($method, $path, %opt) = @_;

    return $t->http($method, $path, $opt{headers});
}

sub tools {
    my ($path) = @_;

    return join ' ', sort $t->modern('tools/list', {},
                                     path => $path // '/mcp')->tools;
}

my $all = 'one_echo one_fail one_headers two_echo two_fail';

# mcp_disable

is tools(), $all, 'nothing is off';
is tools('/some'), 'one_echo one_headers two_echo two_fail', 'by pattern';
is tools('/some/more'), 'one_headers',
    'a location adds to what is off around it; a backend';

untouched $one, 'one hears nothing of it', sub {
    my $error = refused $t->call('one_fail', {}, path => '/some', id => 'i'),
        200, 423, 'a call of what is off', id => '"i"';
    like $error->{message}, qr/switched off this tool/, '... says so';
};

untouched $two, 'two neither', sub {
    like +(refused $t->call('two_fail', {}, path => '/some/more'),
           200, 423, 'a call to a backend that is off')->{message},
        qr/switched off the backend/, '... says so';
    refused $t->modern('resources/read', { uri => 'file:///a' },
                       path => '/some/more'), 200, 423, 'nor a resource of it';
};

is scalar @{ $t->modern('resources/list', {}, path => '/some/more')
               ->result->{resources} }, 0, 'nor in the list';
is $t->call('two_echo', { message => 'x' }, path => '/some')->text, 'x',
    'all else works';
refused $t->call('one_nothing', {}, path => '/some'), 200, -32602,
    'what is not there is not off';

ok await {
    $t->read('outcome.log') =~ /^one_fail disabled 423$/m
}, 'the outcome';

# mcp_api

my $r = api('GET', '/api/disabled');
is $r->status, 200, 'GET /disabled';
is_deeply $r->json, { tools => [], backends => [] }, '... of nothing';
is $r->header('Content-Type'), 'application/json', '... as JSON';
is $r->header('Cache-Control'), 'no-store', '... not to be kept';

is api('GET', '/api/disabled/tools/one/echo')->status, 404, 'one is not off';
$r = api('PUT', '/api/disabled/tools/one/e*');
is $r->status, 201, 'PUT';
is_deeply $r->json, { tools => ['one/e*'], backends => [] }, '... answers';
is tools(), 'one_fail one_headers two_echo two_fail', 'off at once';
# each worker: connections are spread over them
is_deeply [ grep { $_ != 423 }
            map { $t->call('one_echo', {})->code // 0 } 1 .. 20 ], [],
    '... in all workers';
is api('PUT', '/api/disabled/tools/one/e%2A')->status, 200, 'once more';
is api('GET', '/api/disabled/tools/one/e*')->json->{disabled}, JSON::PP::true,
    'GET of one that is off';

is api('PUT', '/api/disabled/backends/two')->status, 201, 'a backend';
is tools(), 'one_fail one_headers', 'off, too';
refused $t->legacy->call('two_echo', {}), 200, 423, 'for legacy clients';
is_deeply api('GET', '/api/disabled/')->json,
    { tools => ['one/e*'], backends => ['two'] }, 'the list';

is api('DELETE', '/slash/disabled/backends/two')->status, 200, 'DELETE';
is tools(), 'one_fail one_headers two_echo two_fail', 'on at once';
is api('DELETE', '/api/disabled/backends/two')->status, 404, 'it is on';
is api('DELETE', '/regex/disabled/tools/one/e*')->status, 200,
    'in a location with a regular expression';
is tools(), $all, 'all on';

# what the API refuses

is api(@$_[0, 1])->status, $_->[2], "@$_[0, 1]" for
    ['PUT', '/guarded/disabled/backends/two', 403],
    ['GET', '/guarded/disabled', 403],
    ['PUT', '/api/disabled/backends/none', 404],
    ['PUT', '/api/disabled/tools/echo', 400],
    ['PUT', '/api/disabled/tools/', 400],
    ['PUT', '/api/disabled/tools/one/', 400],
    ['PUT', '/api/disabled/tools/one/%0a', 400],
    ['PUT', '/api/disabled/tools/one/%ff', 400],
    ['PUT', '/api/disabled/tools/one/' . 'x' x 300, 400],
    ['PUT', '/api/disabled/backends/t*', 400],
    ['PUT', '/api/disabled', 405],
    ['POST', '/api/disabled/backends/two', 405],
    ['GET', '/api/other', 404],
    ['GET', '/api', 404],
    ['PUT', '/api/xdisabled/backends/two', 404];

is api('POST', '/api/disabled/backends/two')->header('Allow'),
    'GET, PUT, DELETE', 'Allow';
is api('PUT', '/api/disabled/backends/two',
       headers => { Origin => 'https://evil.example' })->status, 403,
    'a web page from elsewhere';
is api('PUT', '/api/disabled/backends/two',
       headers => { Host => 'evil.example' })->status, 403, 'DNS rebinding';
is tools(), $all, 'nothing came of all that';

# what is off stays off

api('PUT', '/api/disabled/tools/*/fail');
api('PUT', '/api/disabled/backends/two');
ok $t->reload, 'reload';
is tools(), 'one_echo one_headers', 'over a reload';

ok await {
    -e $t->dir . '/mcp/disabled'
    && $t->read('mcp/disabled') =~ /^backend two\nend 2\n\z/m
}, 'the file is written' or diag $t->read('mcp/disabled');
ok !-e $t->dir . '/mcp/disabled.new', '... by a rename';

sub restart {
    my ($signal) = @_;

    $t->stop($signal);
    $t->run->wait_catalog('one_echo');
}

restart('QUIT');
is tools(), 'one_echo one_headers', 'over a restart';
api('DELETE', '/api/disabled/backends/two');
restart('TERM');
is tools(), 'one_echo one_headers two_echo',
    'what was switched just before a stop is kept';

# a file that is not as it was written

for my $case (
    [ 'cut off', "tools one/fail\nbackend tw", 'one_echo one_headers two_echo '
      . 'two_fail', qr/line 2 of ".*" cannot be read/ ],
    [ 'a line is missing', "tools one/fail\nend 2\n",
      'one_echo one_headers two_echo two_fail', qr/damaged or cut off/ ],
    [ 'garbage', "\0\xff\n\ntools\nbackend one two\ntools a\n"
      . "backend two\nend 1\n", 'one_echo one_fail one_headers',
      qr/line 1 of/ ],
    [ 'empty', '', $all, qr/damaged or cut off/ ],
) {
    my ($name, $text, $want, $log) = @$case;

    $t->stop('TERM');
    $t->write('mcp/disabled', $text);
    $t->write('error.log', '');
    $t->run->wait_catalog('one_echo');
    is tools(), $want, "$name: what can be read is off";
    like $t->error_log, $log, '... the log says what is missing';
}

# many

is +(grep { api('PUT', "/api/disabled/tools/one/x$_")->status == 201 }
     1 .. 300), 256, 'there is an end to how many';
is api('PUT', '/api/disabled/tools/one/y')->status, 507, '... which is told';
is tools(), $all, 'and all works';

done_testing;
