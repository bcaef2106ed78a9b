# Session ids and cursors are sealed and bound to the client that they were
# given to: good on every worker, after a reload and, with mcp_session_key,
# after a restart and on another nginx; for anybody else they do not exist.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Checks;
use MIME::Base64 qw/encode_base64 encode_base64url/;

my $b = Sentinel::Backend->legacy(tools => [qw/echo hang/],
                                  prompts => [{ name => 'p' }]);
my $own = Sentinel::Backend->legacy(tools => ['echo']);

my @key = map { pack 'C*', map { int rand 256 } 1 .. 32 } 1 .. 3;
my %env = (KEY_A => encode_base64($key[0], ''),
           KEY_B => encode_base64url($key[1]),
           KEY_C => encode_base64($key[2], ''));

sub gateway {
    my ($http, %more) = @_;

    return Sentinel::Test->new(
        env => { %env }, http => $http,
        backends => [one => $b, own => { url => $own,
                                         conf => 'session client;' }],
        location => '    mcp_page_size 1; mcp_client $http_x_user;
                         mcp_roles $http_x_roles;',
        %more)->run->wait_catalog('one_echo');
}

my $t = gateway('mcp_session_key env:KEY_A;');
my $twin = gateway('mcp_session_key env:KEY_A;');
my $other = gateway('mcp_session_key env:KEY_C;');
my $keyless = gateway('');

sub as { return { 'X-User' => $_[0] } }

# A session under another name, on another gateway.

sub lend {
    my ($session, %change) = @_;

    return bless { %$session, %change }, ref $session;
}

sub status { return $_[0]->request('ping')->status }


my $alice = $t->legacy(headers => as('alice'));
my $nobody = $t->legacy;
my $bob = $t->legacy(headers => as('bob'));

is status($_), 200, 'a session of its own' for $alice, $nobody, $bob;

# another's is not there, in exactly the words for one that never was

my $none = lend($bob, id => substr($bob->id, 0, -1)
                            . ($bob->id =~ /A\z/ ? 'B' : 'A'))
    ->request('ping', undef, id => 1);

for (['bob in hers', $alice, as('bob')], ['nobody in hers', $alice, {}],
     ['her name longer', $alice, as('alice2')],
     ['her name shorter', $alice, as('alic')],
     ['her name in other case', $alice, as('Alice')],
     ['alice in that of nobody', $nobody, as('alice')])
{
    my ($what, $session, $headers) = @$_;
    my $thief = lend($session, headers => $headers);

    untouched $b, "$what: nothing reaches the backend", sub {
        # before and after this worker has opened it for its owner
        for (1 .. 6) {
            my $r = $thief->request('ping', undef, id => 1);
            refused $r, 404, 404, $what, id => 1;
            is $r->body, $none->body, '... as one that never was';
            is status($session), 200, '... while it is good for its owner';
        }
        refused $thief->call('one_echo', { message => 'm' }), 404, 404,
            '... no call';
        is $thief->notify('notifications/initialized')->status, 404,
            '... no notification';
        is $thief->request(undef, undef, raw =>
            '{"jsonrpc":"2.0","id":1,"result":{}}')->status, 404,
            '... no response';
    };

    is $thief->end->status, 404, '... and it cannot be ended';
    is status($session), 200, '... goes on';
}

is scalar(grep { $_->{method} eq 'DELETE' } $own->requests), 0,
    'nor were sessions with backends ended';

is $t->legacy(headers => { %{ as('alice') }, 'X-Roles' => 'a' })
    ->request('ping', undef, headers => { 'X-Roles' => 'b' })->status, 200,
    'other roles, the same client';

# nobody cancels another's call

{
    my $c = $alice->call('one_hang', {}, id => 7, send => 1);
    my $thief = lend($alice, headers => as('bob'));

    ok $b->wait_note('hanging'), 'a call under way';
    is $thief->notify('notifications/cancelled', { requestId => 7 })->status,
        404, 'in her session, but by another: refused';
    is $bob->notify('notifications/cancelled', { requestId => 7 })->status,
        202, 'in his own: it means nothing';
    ok $c->quiet(0.05), 'the call goes on';
    is scalar $b->requests('notifications/cancelled'), 0,
        'the backend was told nothing';
    is $alice->notify('notifications/cancelled', { requestId => 7 })->status,
        202, 'she cancels it herself';
    ok +(await { $b->requests('notifications/cancelled') == 1 }),
        'the backend is told';
    $c->close;
}

# cursors

sub page {
    my ($gateway, $headers, $cursor, $method) = @_;

    return $gateway->modern($method // 'tools/list',
        { defined $cursor ? (cursor => $cursor) : () },
        headers => $headers);
}

my $cursor = page($t, as('alice'))->result->{nextCursor};
ok length $cursor, 'a cursor';
is scalar page($t, as('alice'), $cursor)->tools, 1, 'its owner goes on';
is scalar page($twin, as('alice'), $cursor)->tools, 1, 'also on the other';

for (['bob', $t, as('bob')], ['nobody', $t, {}],
     ['another key', $other, as('alice')])
{
    my ($what, $gateway, $headers) = @$_;
    refused page($gateway, $headers, $cursor), 200, -32602,
        "a cursor with $what";
}

refused page($t, as('alice'), $cursor, 'prompts/list'), 200, -32602,
    'a cursor of another list';
refused page($t, as('alice'), substr $cursor, 0, -1), 200, -32602,
    'a cursor that is cut';
refused page($t, as('alice'), $alice->id), 200, -32602,
    'a session id is no cursor';

# where a session is good

sub moved { return lend($_[0], mcp => $_[1]) }

is status(moved($alice, $twin)), 200, 'on a second nginx with the same key';
is moved($alice, $twin)->call('one_echo', { message => 'm' })->text, 'm',
    '... for calls';
is moved($alice, $twin)->call('own_echo', { message => 'm' })->text, 'm',
    '... in its own session with a backend';
is status(moved(lend($alice, headers => as('bob')), $twin)), 404,
    '... not for others';
is status(moved($alice, $other)), 404, 'on one with another key';
is status(moved($alice, $keyless)), 404, 'on one with none';

my $before = $keyless->legacy(headers => as('alice'));
ok $keyless->reload, 'reload';
is status($before), 200, 'without a key: good after a reload';

ok $t->reload, 'reload';
is status($alice), 200, 'with a key: after a reload';

$_->stop for $t, $keyless;
$_->run->wait_catalog('one_echo') for $t, $keyless;
is status($alice), 200, '... after a restart';
is status(lend($alice, headers => as('bob'))), 404, '... not for others';
is status($before), 404, 'without a key: not after a restart';

# rotation: the first seals, all unseal

my $second = $keyless->legacy(headers => as('alice'));
my %at = (
    'A' => 'mcp_session_key env:KEY_A;',
    'B A' => 'mcp_session_key env:KEY_B; mcp_session_key env:KEY_A;',
    'A B' => 'mcp_session_key env:KEY_A; mcp_session_key env:KEY_B;',
    'B' => 'mcp_session_key env:KEY_B;',
);

sub turn { $keyless->configure(http => $at{$_[0]}); $keyless->reload }

ok turn('A'), 'a key where there was none';
is status($second), 200, 'no session is lost';
is status(moved($alice, $keyless)), 200, 'those of the other nginx are good';

my $old = $keyless->legacy(headers => as('alice'));
ok turn('A B'), 'the new key as the second: it only unseals';
my $between = $keyless->legacy(headers => as('alice'));
is status(moved($between, $t)), 200, 'the old one seals';

ok turn('B A'), 'the new key first, the old one still there';
is status($old), 200, 'sessions of the old key';
is status($between), 200, '... all of them';
my $new = $keyless->legacy(headers => as('alice'));
is status($new), 200, 'sessions of the new key';
is status(moved($new, $t)), 404, 'which are not good for the old one';
is scalar page($keyless, as('alice'), page($t, as('alice'))
    ->result->{nextCursor})->tools, 1, 'cursors of the old key';

ok turn('B'), 'the old key goes';
is status($new), 200, 'sessions of the new key stay';
is status($old), 404, 'those of the old one are over';

# ended is ended, and time runs out

is $bob->end->status, 204, 'its owner ends a session';
is status($bob), 404, 'it is over';

$twin->configure(http => 'mcp_session_key env:KEY_A; mcp_session_timeout 1s;');
ok $twin->reload, 'a timeout of a second';
ok +(await { status(moved($alice, $twin)) == 404 }),
    'also for sessions that were there before';
my $brief = $twin->legacy(headers => as('alice'));
my $page = page($twin, as('alice'))->result->{nextCursor};
$twin->configure(http => 'mcp_session_key env:KEY_A; mcp_session_timeout 1h;');
ok $twin->reload, 'an hour again';
ok +(await { status($brief) == 404 }), 'one that was to be brief stays brief';
ok +(await { (page($twin, as('alice'), $page)->code // 0) == -32602 }),
    'as does a cursor';
is status(moved($alice, $twin)), 200, 'those of a day are good for the hour';

# what nginx -t says

my %bad = (
    SHORT => encode_base64(substr($key[0], 0, 31), ''),
    LONG => encode_base64($key[0] . 'x', ''),
    TEXT => 'correct horse battery staple!!!!',
    ZERO => encode_base64("\0" x 32, ''),
    SAME => encode_base64('k' x 32, ''),
    HUGE => 'A' x 10_000,
    HEX => unpack('H*', $key[0]),
);

sub refuses {
    my ($http, $pattern, $what) = @_;
    my $c = Sentinel::Test->new(env => { %env, %bad }, http => $http,
                                backends => [one => $b]);
    my ($status, $said) = $c->check;

    isnt $status, 0, "$what is refused";
    like $said, qr/\[emerg\].*$pattern.* in \S+nginx\.conf:\d+/, '... and why';
    unlike $said, qr/\Q$_\E/, '... not with the key'
        for grep { length > 20 } values %bad, values %env;
}

refuses("mcp_session_key env:$_;",
        qr/32 random bytes in base64: .*openssl rand/, $_)
    for sort keys %bad;
refuses('mcp_session_key env:ABSENT;', qr/"ABSENT" is not set/, 'none');
refuses("mcp_session_key $env{KEY_A};", qr/cannot stand in the configuration/,
        'the key itself');
refuses('mcp_session_key env:KEY_A; mcp_session_key env:KEY_A;',
        qr/was given before/, 'one twice');
refuses('mcp_session_timeout 0;', qr/at least one second/, 'no time at all');

my $path = $t->write('key', "$env{KEY_A}\n");
my $from_file = gateway("mcp_session_key file:$path;");
is status(moved($alice, $from_file)), 200, 'a key from a file';

done_testing;
