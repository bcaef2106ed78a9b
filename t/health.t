# Health: the manager asks each backend from time to time; one that is dead
# gets no calls before a caller had to find out, and gets them again once it
# lives.  mcp_health and mcp_ready tell the world.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use JSON::PP;

my ($true, $false) = (JSON::PP::true, JSON::PP::false);

# Probes are answered as the file says; calls always are.

my $dir = File::Temp::tempdir(CLEANUP => 1);

sub mood {
    my ($name, $mood) = @_;

    open my $file, '>', "$dir/$name.new" or die $!;
    print $file $mood;
    close $file;
    rename "$dir/$name.new", "$dir/$name";
}

sub moody {
    my ($name) = @_;

    return sub {
        my ($c, $params, $request) = @_;
        my $method = ($request->{json} // {})->{method} // '';
        my $mood = Sentinel::Process::slurp("$dir/$name");

        return 0 if $mood eq '' || $method !~ /^(?:ping|server\/discover)$/;

        if ($mood eq 'busy') {
            # too busy for this one probe
            mood($name, '');
            $c->note('busy');
            $c->gone(20);
        } elsif ($mood eq 'hang') {
            $c->gone(20);
        } elsif ($mood eq 'reset') {
            $c->reset;
        } else {
            $c->respond($mood);
        }

        return 1;
    };
}

my %b = map { $_ => Sentinel::Backend->$_(tools => ['echo'],
                                          before => moody($_)) }
        qw/legacy modern/;

my $conf = 'health interval=200ms timeout=300ms; refresh 1h;
            breaker 3 cooldown=1h;';

my $t = Sentinel::Test->new(
    backends => [legacy => { url => $b{legacy}, conf => $conf },
                 modern => { url => $b{modern}, conf => $conf },
                 quiet => { url => $b{modern},
                            conf => 'health off; refresh 1h;' }],
    server => '
        location = /health { mcp_health; }
        location = /ready { mcp_ready; }
        location = /all { mcp_ready all; }
        location /api { mcp_api; }',
)->run->wait_catalog('legacy_echo', 'modern_echo', 'quiet_echo');

sub get { return $t->http('GET', $_[0]) }

sub ready { return get('/ready')->json->{backends} }

sub call { return $t->call("$_[0]_echo", { message => 'm' })->code // 'ok' }

# all is well

my $r = get('/health');
is $r->status, 200, 'mcp_health';
is_deeply $r->json, { status => 'ok' }, '... says so';
is $r->header('Cache-Control'), 'no-store', '... each time';
is $t->http('HEAD', '/health')->status, 200, 'HEAD';
is $t->http('POST', '/ready', {}, '{}')->status, 405, 'no other method';
is $t->http('DELETE', '/health')->status, 405, '... for neither';

ok +(await { get('/all')->status == 200
             && ready()->{modern}{health} eq 'alive'
             && ready()->{legacy}{health} eq 'alive' }), 'all are up';
$r = get('/ready');
is $r->status, 200, 'mcp_ready';
is $r->json->{ready}, $true, '... says so';
is_deeply $r->json->{backends}{legacy},
    { state => 'up', breaker => 'closed', health => 'alive',
      catalog => 'current' }, 'a backend that is up';
is_deeply $r->json->{backends}{quiet},
    { state => 'up', breaker => 'off', health => 'off',
      catalog => 'current' }, 'one without breaker and probes';

# what is asked, and in which session

ok $b{legacy}->wait_for('ping', 2), 'a legacy backend gets pings';
my ($ping) = $b{legacy}->requests('ping');
my ($list) = $b{legacy}->requests('tools/list');
is $ping->{headers}{'mcp-session-id'}, $list->{headers}{'mcp-session-id'},
    '... in the shared session';
ok $b{modern}->wait_for('server/discover', 4),
    'a modern one server/discover';

# dead, and nobody had to find out

for my $era (qw/legacy modern/) {
    my $other = $era eq 'legacy' ? 'modern' : 'legacy';

    for my $mood (qw/503 reset hang/) {
        is call($era), 'ok', "$era: calls are answered";
        mood($era, $mood);
        ok +(await { ready()->{$era}{state} eq 'down' }), "$era, $mood: down"
            or diag json_text(ready());

        my $state = ready()->{$era};
        is $state->{breaker}, 'open', '... the breaker is open';
        is $state->{health}, 'dead', '... it is dead';
        cmp_ok $state->{retryAfterMs}, '>', 3_000_000, '... for its cooldown';
        ok length $state->{lastError}, '... says why';
        cmp_ok $state->{lastErrorAgo}, '<', 60, '... and when';

        untouched $b{$era}, '... and is left alone', sub {
            is call($era), 503, '... a call is refused' for 1 .. 4;
        } if $mood eq 'reset';
        is call($other), 'ok', '... others work';
        is get('/ready')->status, 200, '... which is enough for mcp_ready';
        is get('/all')->status, 503, '... not for "all"';

        mood($era, '');
        ok +(await { ready()->{$era}{state} eq 'up' }), '... and alive again';
    }
}

like $t->error_log, qr/\[error\].*backend "modern" at "http.*" is dead: /,
    'the log says that it is dead';
like $t->error_log, qr/\[notice\].*backend "modern" is alive again/,
    '... and alive';

# what is no sign of death

for my $mood (400, 401, 404, 429) {
    mood($_, $mood) for qw/legacy modern/;
    $b{modern}->forget;
    ok $b{modern}->wait_for('server/discover', 3), "probes get $mood";
    is_deeply [ map { ready()->{$_}{state} } qw/legacy modern/ ],
        [qw/up up/], '... from what lives';
}

mood($_, '') for qw/legacy modern/;

my $deaths = () = $t->error_log =~ /is dead:/g;

for my $era (qw/legacy modern/) {
    mood($era, 'busy');
    ok $b{$era}->wait_note('busy'), "$era: one probe is not answered in time";
    my $method = $era eq 'legacy' ? 'ping' : 'server/discover';
    $b{$era}->forget;
    ok $b{$era}->wait_for($method, 3), '... the next are';
}

is scalar(() = $t->error_log =~ /is dead:/g), $deaths,
    'once too slow is not dead';

# a session that has ended is none, either, and is opened anew by a call

$b{legacy}->end_sessions;
$b{legacy}->forget;
ok $b{legacy}->wait_for('ping', 3), 'pings in a session that has ended';
is ready()->{legacy}{state}, 'up', '... from what lives';
is call('legacy'), 'ok', '... which a call sees to';

# connections that cannot be made, of all

$_->stop for values %b;
ok +(await { my $s = ready();
             $s->{modern}{state} eq 'down' && $s->{legacy}{state} eq 'down' }),
    'both have gone';
is ready()->{quiet}{state}, 'up',
    'whom nobody asks is as it was when it was last refreshed';
is $t->http('PUT', '/api/disabled/backends/quiet')->status, 201, 'it is off';
is ready()->{quiet}{state}, 'disabled', '... which is said';
$r = get('/ready');
is $r->status, 503, 'none is up';
is $r->json->{ready}, $false, '... says so';
is get('/health')->status, 200, 'mcp_health is 200 all the same';

$_->start for values %b;
ok +(await { get('/all')->status == 200 }), 'all are back, but what is off';
is call($_), 'ok', "$_ is called" for qw/legacy modern/;

# as the manager dies

$t->kill_child($t->manager);
$b{modern}->stop;
ok +(await { ready()->{modern}{state} eq 'down' }),
    'its successor goes on asking';

done_testing;
