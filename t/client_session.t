# "session client": each legacy client has a session of its own with the
# backend, opened with its own capabilities, so that the backend can ask it
# things (sampling, elicitation, roots, ping) while it works on a call.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Tools;

my $dir = File::Temp::tempdir(CLEANUP => 1);

# A tool that asks the caller and gives back the answer as it came: the id
# that is on the wire is that of the argument "ids", JSON text.

sub ask {
    my ($c, $arguments) = @_;
    my ($b, $n, @got);

    $b = $c->{backend};
    $c->sse if !$c->{streaming};

    for my $id (@{ $arguments->{ids} }) {
        $n = grep { $_->{body} =~ /"result"|"error"/ } $b->requests;
        $c->bytes("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":$id,"
            . "\"method\":\"" . ($arguments->{method}
                                 // 'sampling/createMessage')
            . "\",\"params\":{\"n\":1.0}}\n\n");
        await { (grep { $_->{body} =~ /"result"|"error"/ } $b->requests)
                > $n } $arguments->{wait} // 5;
        push @got, map { $_->{body} } (grep { $_->{body}
            =~ /"result"|"error"/ } $b->requests)[$n];
    }

    return Sentinel::Tools::text(join "\n", map { $_ // 'none' } @got);
}

# Cancels what it asked.

sub regret {
    my ($c) = @_;

    $c->sse;
    $c->event({ jsonrpc => '2.0', id => 'x', method => 'roots/list' });
    $c->notify('notifications/cancelled', { requestId => 'x' });

    return Sentinel::Tools::text('done');
}

sub logs {
    my ($c) = @_;

    $c->notify('notifications/message', { level => 'info', data => 'said' });

    return Sentinel::Tools::text('logged');
}

sub backend {
    return Sentinel::Backend->legacy(
        tools => [qw/ask regret logs echo hang/],
        capabilities => { logging => {} },
        call => { ask => \&ask, regret => \&regret, logs => \&logs },
        on => { 'logging/setLevel' => sub { return -e "$dir/refuse"
                    ? $_[0]->error(-32603, 'no') : {} } },
        before => sub {
            my ($c, $params, $request) = @_;
            my $method = ($request->{json} || {})->{method} // '';
            $c->pause(0.5) if $method eq 'initialize' && -e "$dir/slow";
            $c->pause(6) if $method eq 'initialize' && -e "$dir/stuck"
                            && $c->{backend}{name} eq 'two';
            return 0;
        }, @_);
}

my %b = (one => backend(name => 'one'), two => backend(name => 'two'),
         shared => backend(name => 'shared'),
         none => backend(name => 'none', session => 0, capabilities => {}),
         down => backend(name => 'down'));

my $t = Sentinel::Calls->new(backends => [
    (map { $_ => { url => $b{$_}, conf => 'session client;' } }
         qw/one two none down/), shared => $b{shared} ]);
$t->run->wait_catalog(map { "${_}_ask" } sort keys %b);

sub initializes {
    my ($b) = @_;

    return map { $_->{json}{params} } $b->requests('initialize');
}

sub sid { return $_[0]{headers}{'mcp-session-id'} // '' }

# A call, and what the client is asked while it waits.

sub asked {
    my ($s, $tool, $arguments, %opt) = @_;
    my $c = $s->call($tool, $arguments, stream => 1, %opt);

    return ($c, $c->message);
}

sub respond {
    my ($s, $text, %opt) = @_;

    return $s->request('x', undef, raw => $text, %opt);
}


# A backend that is down when the client comes.

$b{down}->stop;
$_->forget for values %b;
my $s = $t->legacy(caps => { sampling => { x => 1.0 }, roots => {} });
is $s->initialized->status, 200, 'initialize, with one backend down';
ok length $s->id < 4096, '... the session id is not too long';
$b{down}->start;
is $s->call('down_echo', { message => 'x' })->text, 'x',
    '... which is used without a session of its own';
is_deeply $s->initialized->result->{capabilities}{logging}, {},
    '... logging is announced';


# What the backends were told.

for (qw/one two none/) {
    my @init = initializes($b{$_});
    is scalar @init, 1, "a session with $_";
    is_deeply $init[0]{capabilities}, { sampling => { x => 1 }, roots => {} },
        "... with the client's capabilities";
    is $init[0]{clientInfo}{name}, 'test', '... and its name';
    is $init[0]{protocolVersion}, '2025-11-25', '... and version';
    is scalar $b{$_}->requests('notifications/initialized'), 1,
        '... and initialized once';
}

is scalar initializes($b{shared}), 0, 'no session with a shared one';

my $old = $t->legacy(version => '2025-03-26');
is +(initializes($b{one}))[1]{protocolVersion}, '2025-03-26',
    'another client, with the version that it speaks';
is_deeply +(initializes($b{one}))[1]{capabilities}, {}, '... and can';

$_->forget for values %b;
$_->call('one_echo', { message => 'x' }) for $s, $old, $s;
my @sid = map { sid($_) } $b{one}->requests('tools/call');
is $sid[0], $sid[2], "a client's calls are in one session";
isnt $sid[0], $sid[1], "... and another's in another";
is_deeply [map { $_->{headers}{'mcp-protocol-version'} }
           $b{one}->requests('tools/call')],
    [qw/2025-11-25 2025-03-26 2025-11-25/], '... with its version';
is $t->call('one_echo', { message => 'm' })->text, 'm', 'a modern client';
ok !(grep { $_ eq sid(($b{one}->requests('tools/call'))[-1]) } @sid),
    "... is in no client's session";
is $s->call('none_echo', { message => 'n' })->text, 'n',
    'a backend without session ids';


# Requests to the client: any id comes back as it was, on any connection.

my $call_id = sub { ($b{one}->requests('tools/call'))[-1]{json}{id} };

for my $id ('0', '1', '-7', '1.0', '"a"', '"0"', '""', '"q\\"\\\\u"',
            '"\\u00e9"', '18446744073709551616')
{
    my ($c, $m) = asked($s, 'one_ask', { ids => [$id] }, id => 'mine');
    is $m->{method}, 'sampling/createMessage', "asked under id $id";
    ok !ref $m->{id} && $m->{id} ne 'mine', '... by an id of the gateway';

    my $text = json_text($m->{id});
    is respond($s, qq({"jsonrpc":"2.0", "id":$text,"result":{"n":1.0}}))
        ->status, 202, '... answered';
    my $r = $c->message;
    is $r->{id}, 'mine', '... the call is answered';
    is $r->{result}{content}[0]{text},
        qq({"jsonrpc":"2.0", "id":$id,"result":{"n":1.0}}),
        '... the backend has the answer, byte for byte';
    $c->close;
}

is sid((grep { $_->{body} =~ /"result"/ } $b{one}->requests)[-1]), $sid[0],
    "... in that client's session";

# The backend's id is the one that the gateway gave to the call.

my ($c, $m) = asked($s, 'one_ask', { ids => [ $call_id->() + 1 ] });
respond($s, qq({"jsonrpc":"2.0","id":${\json_text($m->{id})},"error":)
            . qq({"code":-1,"message":"no"}}));
like $c->message->{result}{content}[0]{text}, qr/"error":\{"code":-1,/,
    "an error, and an id that is the call's";

# Several in a row, of several kinds.

for my $method ('elicitation/create', 'roots/list', 'ping') {
    ($c, $m) = asked($s, 'two_ask', { ids => [0, 1, 2],
                                      method => $method });
    for my $i (0 .. 2) {
        is $m->{method}, $method, "$method, $i";
        respond($s, qq({"jsonrpc":"2.0","id":${\json_text($m->{id})},)
                    . qq("result":{"r":$i}}));
        $m = $c->message;
    }
    is $m->{result}{content}[0]{text},
        join("\n", map { qq({"jsonrpc":"2.0","id":$_,"result":{"r":$_}}) }
                   0 .. 2), '... all answered';
}

# Two backends and two clients at a time, with the same ids.

my %at;
for my $name (qw/one two/) {
    for my $who (0, 1) {
        $at{"$name$who"} = [asked(($s, $old)[$who], "${name}_ask",
                                  { ids => [0] })];
    }
}
isnt $at{one0}[1]{id}, $at{two0}[1]{id}, 'ids of two backends differ';

for (sort keys %at) {
    my ($name, $who) = /(...)(.)/;
    respond(($s, $old)[$who], qq({"jsonrpc":"2.0","id":)
        . json_text($at{$_}[1]{id}) . qq(,"result":{"for":"$_"}}));
    ok +(await { grep { $_->{body} =~ /"for":"$name$who"/ }
                 $b{$name}->requests }), "... to the right one: $_";
}
my @answers = grep { $_->{body} =~ /"for"/ } $b{one}->requests;
is scalar @answers, 2, '... and to no other';
isnt sid($answers[0]), sid($answers[1]), '... in the right session';
$_->[0]->close for values %at;


# What leads nowhere is taken, and passed on to nobody.

$_->forget for values %b;
for ('"0.a"', '"99.1"', '"4.1"', '"x"', '5', '"0.1,\\"x\\":1"', '"0.{}"') {
    is respond($s, qq({"jsonrpc":"2.0","id":$_,"result":{}}))->status, 202,
        "a response that was not asked for: $_";
}
is $s->call('one_echo', { message => 'x' })->text, 'x', '... all goes on';
is scalar(grep { $_->{body} =~ /"result"/ } map { $_->requests } values %b),
    0, '... no backend sees it';

($c, $m) = asked($s, 'one_regret', {});
my $second = $c->message;
is $second->{method}, 'notifications/cancelled', 'a backend that gives up';
is $second->{params}{requestId}, $m->{id}, '... by the same id';
$c->close;

# Clients that cannot be asked: a shared session, and a modern client.

for (['shared', $s], ['one', $t]) {
    my ($name, $client) = @$_;
    like $client->call("${name}_ask", { ids => [0] })->text,
        qr/"id":0,"error":\{"code":-32601/, "nobody to be asked: $name";
}


# Notifications.

$_->forget for values %b;
is $s->notify('notifications/roots/list_changed')->status, 202,
    'roots/list_changed';
for (qw/one two none/) {
    ok $b{$_}->wait_for('notifications/roots/list_changed'), "... to $_";
}
$s->notify($_) for 'notifications/initialized', 'notifications/progress',
                   'notifications/other';
$s->call('one_echo', { message => 'x' });
is_deeply [grep { /^notif|call/ } map { $_->{json}{method} }
               $b{one}->requests],
    [qw{notifications/roots/list_changed tools/call}], '... nothing else is';
is scalar $b{shared}->requests('notifications/roots/list_changed'), 0,
    '... nor to a shared one';

$b{two}->forget;
$c = $s->call('two_hang', {}, id => 'h', send => 1);
$b{two}->wait_note('hanging');
$s->notify('notifications/cancelled', { requestId => 'h' });
ok $b{two}->wait_for('notifications/cancelled'), 'a cancelled call';
is sid(($b{two}->requests('notifications/cancelled'))[0]),
    sid(($b{two}->requests('tools/call'))[0]), "... in the client's session";
$c->close;


# logging/setLevel

$_->forget for values %b;
for ({}, { level => 'loud' }, { level => 1 }) {
    is $s->request('logging/setLevel', $_)->code, -32602, 'no such level';
}
is_deeply $s->request('logging/setLevel', { level => 'debug' })->result, {},
    'logging/setLevel';
for (qw/one two/) {
    is_deeply [map { $_->{json}{params} }
               $b{$_}->requests('logging/setLevel')],
        [{ level => 'debug' }], "... at $_, before it is answered";
}
is scalar $b{$_}->requests('logging/setLevel'), 0, "... not at $_"
    for qw/none down shared/;
($c, $m) = asked($s, 'one_logs', {});
is $m->{params}{data}, 'said', 'what is logged comes';
$c->close;

open my $flag, '>', "$dir/refuse";
is $s->request('logging/setLevel', { level => 'info' })->code, 502,
    'a level that all refuse';
unlink "$dir/refuse";
is $t->modern('logging/setLevel', { level => 'info' })->code, -32601,
    '... a modern client has no levels';


# A backend that has forgotten the session: the client begins anew.

$b{one}->end_sessions->forget;
my $path = $t->tag;
my $r = $s->call('one_echo', { message => 'x' }, path => $path);
is $r->status, 404, 'a lost session';
is $r->code, 404, '... as JSON-RPC';
is $t->record($path)->{outcome}, 'unavailable', '... outcome';
is scalar $b{one}->requests('tools/call'), 1, '... nothing is sent twice';
is scalar initializes($b{one}), 0, '... and no session opened';
is $s->request('logging/setLevel', { level => 'info' })->status, 404,
    '... the same with the level';
is $s->call('two_echo', { message => 'x' })->text, 'x',
    '... other backends still know theirs';
is $t->legacy->call('one_echo', { message => 'x' })->text, 'x', '... anew';


# The end of a session.

$_->forget for values %b;
my $three = $t->legacy;
my %id = map { my $name = $_;
    $three->call("${name}_echo", { message => 'x' });
    $name => sid(($b{$name}->requests('tools/call'))[0]) } qw/one two/;
is $three->end->status, 204, 'DELETE';
for (qw/one two/) {
    ok $b{$_}->wait_for('DELETE'), "... is passed on to $_";
    is sid(($b{$_}->requests('DELETE'))[0]), $id{$_}, '... for that session';
}
is scalar $b{none}->requests('DELETE'), 0, '... where there is one';
is $three->call('one_echo', { message => 'x' })->status, 404,
    '... and the session is over';
is respond($three, '{"jsonrpc":"2.0","id":"0.1","result":{}}')->status, 404,
    '... for answers too';


# A client that goes while its sessions are being opened leaves none behind.

open $flag, '>', "$dir/slow";
$_->forget->end_sessions for @b{qw/one two/};
$c = $t->post({ jsonrpc => '2.0', id => 1, method => 'initialize', params => {
    protocolVersion => '2025-11-25', capabilities => {},
    clientInfo => { name => 'x', version => '1' } } }, {}, send => 1);
$b{$_}->wait_for('initialize') for qw/one two/;
$c->abort;
for (qw/one two/) {
    ok $b{$_}->wait_for('DELETE'), "a client that goes at once: $_ is told";
}
unlink "$dir/slow";
is $t->legacy->call('one_echo', { message => 'x' })->text, 'x',
    '... others come';


# One that hangs: the client waits, but not for ever, and what comes too late
# is ended.

open $flag, '>', "$dir/stuck";
$_->forget for @b{qw/one two/};
my $begin = time;
my $five = $t->legacy;
unlink "$dir/stuck";
ok time - $begin < 6, 'a backend that hangs';
is $five->call('one_echo', { message => 'x' })->text, 'x', '... others go on';
is $five->call('two_echo', { message => 'x' })->text, 'x',
    '... it is used without a session';
ok $b{two}->wait_for('DELETE'), '... and the one that comes late is ended';
is scalar $b{one}->requests('DELETE'), 0, '... no other';

# nobody else waits for it, until one tries it again

$_->forget for @b{qw/one two/};
my $six = $t->legacy;
is scalar initializes($b{two}), 0, '... the next client does not ask it';
is scalar initializes($b{one}), 1, '... but others';
is $six->call('two_echo', { message => 'x' })->text, 'x',
    '... and uses it without a session';
ok +(await { select undef, undef, undef, 0.2;
             $t->legacy(bare => 1); initializes($b{two}) } 20),
    '... after a while one does';
$b{two}->forget;
$t->legacy for 1 .. 3;
is scalar initializes($b{two}), 3, '... and since it answers, all do';
like $t->error_log, qr/\[warn\].* backend "two" opened no session for a client/,
    '... the log says so';


# A restart of the workers changes nothing.

my $four = $t->legacy(caps => { sampling => {} });
$t->reload;
($c, $m) = asked($four, 'one_ask', { ids => ['"r"'] });
respond($four, qq({"jsonrpc":"2.0","id":${\json_text($m->{id})},)
               . qq("result":{}}));
is $c->message->{result}{content}[0]{text},
    '{"jsonrpc":"2.0","id":"r","result":{}}', 'a session after a reload';
ok +(await { !$t->leaving } 5), '... the old workers are done with theirs';

done_testing;
