# Change notifications to clients of both eras, by subscriptions/listen and on
# streams of GET: who is told what, what is refused, and how streams end.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Checks;
use Sentinel::Token;

use JSON::PP;

use constant ID => 'io.modelcontextprotocol/subscriptionId';

my $true = JSON::PP::true;
my $secret = 'a secret that is long enough for an HS256 signature';
my $key = Sentinel::Token->secret($secret);

my $one = Sentinel::Backend->modern(
    ttl => 0, tools => [qw/echo progress/], prompts => [{ name => 'p' }],
    resources => [{ uri => 'x:a', name => 'a' }],
    templates => [{ uriTemplate => 'x:{b}', name => 'b' }]);
my $two = Sentinel::Backend->legacy(tools => ['echo']);

my $t = Sentinel::Calls->new(
    env => { SECRET => $secret }, headers => { 'X-Roles' => 'all' },
    main => "worker_shutdown_timeout 10s;\n",
    backends => [one => { url => $one, conf => 'refresh 300ms;' },
                 two => { url => $two, conf => 'refresh 300ms;' }],
    http => <<'END',
    mcp_auth_jwt_key env:SECRET;
    mcp_auth_jwt_leeway 0s;
    mcp_roles $http_x_roles;
    mcp_role all  { allow tools */*; allow prompts */*; allow resources */*; }
    mcp_role some { allow tools one/echo; }
END
    server => <<'END',
        location /token { mcp_auth_jwt tools; mcp_pass one; }
        location /few   { mcp_pass one; mcp_listen client=2 keepalive=1s; }
        location /full  { mcp_pass one; mcp_listen on max=1; }
        location /off   { mcp_pass one; mcp_listen off; }
        location /api   { mcp_api; }
END
    workers => 1);
$t->run->wait_catalog('one_echo', 'two_echo');


sub filter { return { notifications => { map { $_ => $true } @_ } } }

sub all { return map { "${_}ListChanged" } qw/tools prompts resources/ }


# A stream of a modern client, whose acknowledgement has been read.

sub listening {
    my ($filter, %opt) = @_;
    my ($c, $ack);

    $c = $t->modern('subscriptions/listen', $filter, %opt, stream => 1);
    $ack = $c->message;
    is $ack->{method}, 'notifications/subscriptions/acknowledged',
        'a stream is open';

    return $c;
}


sub changed {
    my ($list, @id) = @_;

    return { jsonrpc => '2.0', method => "notifications/$list/list_changed",
             @id ? (params => { _meta => { ID, $id[0] } }) : () };
}


sub ended {
    my ($id) = @_;

    return { jsonrpc => '2.0', id => $id, result => {
        resultType => 'complete', _meta => { ID, $id,
            'io.modelcontextprotocol/serverInfo' => {
                name => 'sentinel', version => '0.1.0' } } } };
}


# All that is left on a stream; then its proper end.

sub rest {
    my ($c) = @_;
    my ($m, @all);

    push @all, $m while $m = $c->message(20);

    return ($c->truncated ? 'cut' : (), @all);
}


sub api { return $t->http($_[0], "/api/disabled/$_[1]")->status }


# --- what is announced -------------------------------------------------------

my $listed = { listChanged => $true };
my $can = $t->modern('server/discover')->result->{capabilities};
is_deeply $can, { tools => $listed, prompts => $listed,
                  resources => $listed }, 'server/discover';
my $session = $t->legacy;
is_deeply $session->initialized->result->{capabilities}, $can, 'initialize';
is_deeply $t->modern('server/discover', {},
                     headers => { 'X-Roles' => 'some' })
    ->result->{capabilities}, { tools => $listed }, 'to whom it is one';
is_deeply $t->modern('server/discover', {}, path => '/off')
    ->result->{capabilities},
    { tools => {}, prompts => {}, resources => {} }, 'not where it is off';


# --- who is told what --------------------------------------------------------

my $c = $t->modern('subscriptions/listen', { notifications => {
    toolsListChanged => $true, resourcesListChanged => $true,
    promptsListChanged => JSON::PP::false, resourceSubscriptions => ['x:a'],
    other => [1] } }, id => "a \"b\"\n", stream => 1);
is $c->{head}->status, 200, 'status';
is $c->{head}->header('Content-Type'), 'text/event-stream', 'a stream';
is $c->{head}->header('X-Accel-Buffering'), 'no', 'not to be held back';
is $c->{head}->header('Mcp-Session-Id'), undef, 'no session';
is_deeply $c->message, { jsonrpc => '2.0',
    method => 'notifications/subscriptions/acknowledged',
    params => { _meta => { ID, "a \"b\"\n" }, notifications => {
        toolsListChanged => $true, resourcesListChanged => $true } } },
    'the acknowledgement is first: what is honoured';

my $some = listening(filter(all()), id => 1,
                     headers => { 'X-Roles' => 'some' });
my $none = listening(filter(), id => 2);
my $get = $session->get(stream => 1);
is $get->{head}->status, 200, 'GET';
is $get->{head}->header('Content-Type'), 'text/event-stream', 'is a stream';
my $other = $t->legacy(headers => { 'X-Roles' => 'some' });
my $get_some = $other->get(stream => 1);

# of two, one has nothing for "some"

$one->set(tools => [qw/echo fail/]);
is_deeply $c->message, changed('tools', "a \"b\"\n"), 'tools change';
is_deeply $get->message, changed('tools'), '... on GET, too';

$one->set(prompts => [{ name => 'q' }]);
is_deeply $get->message, changed('prompts'), 'prompts';

$one->set(templates => []);
is_deeply $c->message, changed('resources', "a \"b\"\n"),
    'a template that goes; nothing of prompts, which were not asked for';
is_deeply $get->message, changed('resources'), '... on GET';

$one->set(resources => [{ uri => 'x:a', name => 'A' }]);
is_deeply $c->message, changed('resources', "a \"b\"\n"),
    'another text of one';
is_deeply $get->message, changed('resources'), '... on GET';

is api('PUT', 'tools/two/*'), 201, 'mcp_api switches off';
is_deeply $c->message, changed('tools', "a \"b\"\n"), 'a tool is off';
is_deeply $get->message, changed('tools'), '... on GET';
is api('DELETE', 'tools/two/*'), 200, 'and on';
is_deeply $c->message, changed('tools', "a \"b\"\n"), 'it is on';
is_deeply $get->message, changed('tools'), '... on GET';

is api('PUT', 'tools/one/echo'), 201, 'what all may see';
is_deeply $c->message, changed('tools', "a \"b\"\n"), 'is off';
is_deeply $some->message, changed('tools', 1),
    'the first of all that concerns who sees less';
is_deeply $get_some->message, changed('tools'), '... on GET';
is_deeply $get->message, changed('tools'), '... and all others';


# --- a reload ends them ------------------------------------------------------

ok $t->reload, 'a reload';
is_deeply [rest($c)], [ended("a \"b\"\n")], 'the proper end';
is_deeply [rest($some)], [ended(1)], '... and nothing else before';
is_deeply [rest($none)], [ended(2)], '... of what asked for nothing';
is_deeply [rest($get)], [], '... of GET';
is_deeply [rest($get_some)], [], '... of another';
$_->close for $c, $some, $none, $get, $get_some;
ok +(await { !$t->leaving } 5), 'the old worker is gone';
is api('DELETE', 'tools/one/echo'), 200, 'all is on';

my @streams;

for (1 .. 30) {
    push @streams, $t->modern('subscriptions/listen', filter(all()),
                              id => $_, stream => 1),
                   $session->get(stream => 1);
    $t->reload or fail "reload $_";
}

ok +(await { !$t->leaving } 5), '30 reloads: no old worker is left';
is_deeply [map { (rest($_))[-1] } grep { !$_->message ||1 } @streams[0, 2, 4]],
    [map { ended($_) } 1 .. 3], 'ends';
is scalar(grep { (rest($_), '')[0] eq 'cut' } @streams), 0, 'none was cut';
@streams = ();


# --- ids: the same bytes -----------------------------------------------------

for my $id (qw/0 -7 1.50 1e2 12345678901234567890 "" "\u00e9\/" "7"/) {
    my $body = json_text(Sentinel::MCP::message('subscriptions/listen', {
        %{ filter('toolsListChanged') }, _meta => {
            'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities' => {} } }, id => 'I'))
        =~ s/"I"/$id/r;
    $c = $t->modern('subscriptions/listen', undef, raw => $body, send => 1);
    $c->head;
    like $c->event->{data}, qr/"\Q${\ID}\E":\Q$id\E\}/, "id $id";
    $c->close;
}


# --- what is refused ---------------------------------------------------------

my @bad = (
    [undef, 'no filter'], [[], 'an array'], ['toolsListChanged', 'a string'],
    [JSON::PP::null, 'null'],
    (map { my $type = $_;
           [{ toolsListChanged => $type }, 'type ' . json_text($type)] }
     1, 'true', JSON::PP::null, [], {}),
    [{ resourceSubscriptions => 'x:a' }, 'a URI'],
    [{ resourceSubscriptions => ['x:a', 1] }, 'a number as URI'],
    [{ resourceSubscriptions => {} }, 'an object of URIs'],
);

for (@bad) {
    my ($filter, $name) = @$_;
    refused $t->modern('subscriptions/listen',
                       { defined $filter ? (notifications => $filter) : () },
                       id => 'i'), 200, -32602, $name, id => '"i"';
}

refused $t->modern('subscriptions/listen', filter(), id => 'x' x 1100),
    200, -32600, 'a huge id', id => '"' . 'x' x 1100 . '"';
refused $t->modern('subscriptions/listen', filter(), id => 3,
                   headers => { Accept => 'application/json' }),
    406, 406, 'no stream is accepted', id => 3;
refused $t->modern('subscriptions/listen', filter(), path => '/off'),
    404, -32601, 'off';
refused $session->request('subscriptions/listen', filter()), 200, -32601,
    'a legacy client has no such method';

my $huge = listening({ notifications => { toolsListChanged => $true,
    resourceSubscriptions => [map { "x:$_" } 1 .. 50_000],
    map { ("t$_" => $true) } 1 .. 2000 } }, id => 'huge');
$huge->close;

my $get_of = sub { return $t->http('GET', $_[0], $_[1], $_[2]) };
my %accept = (Accept => 'text/event-stream');
my %in = (%accept, 'Mcp-Session-Id' => $session->id);

refused $get_of->('/mcp', {}), 406, 406, 'GET without Accept', id => 'null';
refused $get_of->('/mcp', { %in, Accept => 'application/json' }), 406, 406,
    'GET that accepts something else';
refused $get_of->('/mcp', \%accept), 400, -32600, 'GET without a session';
refused $get_of->('/mcp', { %in, 'Mcp-Session-Id' => 'x' x 100 }), 404, 404,
    'GET in no session';
refused $get_of->('/mcp', { %in, 'MCP-Protocol-Version' => '1999-01-01' }),
    400, -32600, 'GET with a version that is none';
refused $get_of->('/mcp', \%in, '{}'), 400, -32600, 'GET with a body';
refused $get_of->('/mcp', { %in, Origin => 'https://evil.example' }), 403, 403,
    'GET from elsewhere';
refused $get_of->('/token', \%in), 401, 401, 'GET without a token';
my $r = $get_of->('/off', \%in);
refused $r, 405, 405, 'GET where it is off';
is $r->header('Allow'), 'POST, DELETE', '... which is said';
$r = $t->http('PUT', '/mcp', {}, '{}');
is $r->header('Allow'), 'POST, GET, DELETE', 'where it is on';


# --- limits ------------------------------------------------------------------

my @few = map { listening(filter(all()), path => '/few', id => $_) } 1, 2;
$r = $t->modern('subscriptions/listen', filter(), path => '/few', id => 3);
my $error = refused $r, 200, 429, 'a third one of a client', id => 3;
ok $error->{data}{retryAfterMs} > 0, '... is told when to come back';
ok $r->header('Retry-After') > 0, '... in the header, too';
my $few = $t->legacy(path => '/few');
refused $t->http('GET', '/few', { %accept, 'Mcp-Session-Id' => $few->id }),
    429, 429, '... by GET';
$few[0]->close;
ok await {
    my $c = $t->modern('subscriptions/listen', filter(), path => '/few',
                       send => 1);
    my $type = $c->head->header('Content-Type');
    $c->close;
    $type eq 'text/event-stream';
}, 'when one is closed there is room for another';
refused $t->modern('subscriptions/listen', filter(), path => '/full'), 200,
    503, 'too many of a worker';

my $comment = $few[1]->event(20);
ok !defined $comment->{data}, 'a comment keeps it alive';
$few[1]->close;


# --- two streams of a session ------------------------------------------------

my ($old, $new) = map { $session->get(stream => 1) } 1, 2;
$one->set(tools => [qw/echo hang/]);
is_deeply $new->message, changed('tools'), 'the newest gets the message';
$new->close;
ok await {
    $one->set(tools => [qw/echo/, rand() < .5 ? 'fail' : 'hang']);
    eval { $old->message(0.3) };
}, 'the older one when that is gone';
$old->close;


# --- what was missed ---------------------------------------------------------

$one->set(tools => [qw/echo fail/]);
ok await { join(' ', sort $t->modern('tools/list')->tools)
           eq 'one_echo one_fail two_echo' }, 'the lists are known';
$get = $session->get(stream => 1);
my $mark = $get->event;
like $mark->{id}, qr/\A[0-9a-f]{48}\z/, 'a stream begins with an id';
is $mark->{data}, '', '... and nothing else';
is api('PUT', 'tools/one/echo'), 201, 'a change';
my $event = $get->event;
like $event->{data}, qr/tools.list_changed/, '... is told';
isnt $event->{id}, $mark->{id}, '... with another id';
$get->close;
ok $t->reload, 'a reload';

sub resumed {
    my ($s, $id) = @_;

    return $s->get(stream => 1, headers => { 'Last-Event-ID' => $id });
}

$c = resumed($session, $mark->{id});
is_deeply $c->message, changed('tools'), 'who comes back hears what it missed';
$c->close;
$c = resumed($session, $event->{id});
is_deeply $c->event, { %$mark, id => $event->{id} }, '... and nothing else';
$c->close;

for my $bad ('0', 'x' x 48, "$event->{id}0", '') {
    $c = resumed($session, $bad);
    is $c->event->{data}, '', 'an id that is none: ' . substr $bad, 0, 9;
    $c->close;
}

my $older = $t->legacy(version => '2025-06-18');
$get = $older->get(stream => 1);
ok !defined $get->event->{data}, 'clients of older revisions get no such event';
is api('DELETE', 'tools/one/echo'), 200, 'a change';
is $get->event->{id}, $mark->{id}, '... but ids';
$get->close;


# --- the end of a session and of a token -------------------------------------

my $deleted = $t->legacy;
$get = $deleted->get(stream => 1);
is $deleted->end->status, 204, 'DELETE';
is_deeply [rest($get)], [], 'ends the stream';
$get->close;

my $token = $key->token({ sub => 'u', exp => time() + 4 });
my %bearer = (headers => { Authorization => "Bearer $token",
                           'X-Roles' => 'all' }, path => '/token');
$c = listening(filter(all()), id => 'T', %bearer);
my $lasting = listening(filter(all()), id => 'L', %bearer, headers => {
    Authorization => 'Bearer ' . $key->token({ sub => 'u' }) });
is_deeply [rest($c)], [ended('T')], 'a token expires, its stream ends';
$c->close;
ok $lasting->quiet(0), 'another does not';
$lasting->close;


# --- clients that go away, and what it costs ---------------------------------

my ($worker) = $t->workers;
my $stays = listening(filter(all()));
my $before;
ok await {
    my $n = open_but_for([$worker], $one->port, $two->port);
    my $same = defined $before && $n == $before;
    $before = $n;
    $same;
}, 'at rest';

for my $how (qw/close abort half_close/) {
    my @c = map { listening(filter(all()), id => $_ ) } 1 .. 5;
    $_->$how for @c;
    ok await { open_but_for([$worker], $one->port, $two->port) == $before },
        "$how: descriptors come back";
}

is $t->call('one_echo', { message => 'x' })->text, 'x', 'all else works';
$stays->close;

done_testing;
