# A legacy backend that restarts has forgotten the gateway's session.  The
# call that finds out was refused, not executed: it is sent once more in a
# new session, and calls that find out at the same time share that one.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

my $dir = File::Temp::tempdir(CLEANUP => 1);

# How a backend says that it does not know the session.

my %says = (
    '404' => sub { $_[0]->error(-32001, 'Session not found', undef,
                                status => 404) },
    '404 without JSON' => sub {
        $_[0]->respond(404, { 'Content-Type' => 'text/plain' }, 'no') },
    '400 with -32000' => sub {
        $_[0]->error(-32000, 'Bad Request: Server not initialized', undef,
                     status => 400) },
);

my %b = map {
    my $say = $says{$_};
    $_ => Sentinel::Backend->legacy(
        tools => [qw/echo/],
        before => sub {
            my ($c, $params, $request) = @_;
            my $b = $c->{backend};
            my $method = ($request->{json} || {})->{method} // '';

            # slow, so that many wait for it
            $c->pause(0.3) if $method eq 'initialize' && -e "$dir/slow";
            await { !-e "$dir/barrier" } if $method eq 'tools/call';

            return 0 if $method !~ m{^tools/}
                        || -e $b->session_file($request);
            $say->($c);
            return 1;
        });
} keys %says;

my $no_session = Sentinel::Backend->legacy(
    tools => ['lost'], session => 0,
    call => { lost => sub { $says{404}->($_[0]); undef } });

my $t = Sentinel::Calls->new(
    workers => 1,
    backends => [a => $b{404}, b => $b{'404 without JSON'},
                 c => $b{'400 with -32000'}, none => $no_session,
                 fast => { url => Sentinel::Backend->legacy(tools => ['x']),
                           conf => "refresh 1s;" }]);
$t->run->wait_catalog(qw/a_echo b_echo c_echo none_lost fast_x/);

my %client = (legacy => $t->legacy, modern => $t);
my %of = (a => '404', b => '404 without JSON', c => '400 with -32000');

# Calls that the backend took part in, and those that it executed.

sub sessions {
    my ($b) = @_;
    my @calls;

    @calls = map { $_->{headers}{'mcp-session-id'} }
             $b->requests('tools/call');

    return (scalar @calls, scalar grep { -e "$b->{dir}/sessions/$_" } @calls);
}

for my $name (sort keys %of) {
    my $b = $b{ $of{$name} };

    for my $era (sort keys %client) {
        $b->forget->end_sessions;
        my $path = $t->tag;
        is $client{$era}->call("${name}_echo", { message => 'x' },
                               id => 'i', path => $path)->text, 'x',
            "a lost session, $of{$name}: $era client";
        is_deeply [sessions($b)], [2, 1], '... called again, executed once';
        is scalar $b->requests('initialize'), 1, '... one new session';
        is scalar $b->requests('notifications/initialized'), 1,
            '... with all that belongs to it';
        is $t->record($path)->{outcome}, 'ok', '... outcome';
        is $client{$era}->call("${name}_echo", { message => 'y' })->text,
            'y', '... which stays';
        is scalar $b->requests('initialize'), 1, '... in use';
    }

    # many at a time

    for my $slow (0, 1) {
        open my $flag, '>', "$dir/barrier";
        open $flag, '>', "$dir/slow" if $slow;
        $b->forget->end_sessions;

        my @c = map { $client{ $_ % 2 ? 'legacy' : 'modern' }->call(
            "${name}_echo", { message => "m$_" }, send => 1) } 1 .. 30;
        $b->wait_for('tools/call', 30);
        unlink "$dir/barrier";

        is_deeply [map { $_->response->text } @c],
            [map { "m$_" } 1 .. 30], "30 calls: $of{$name}";
        # the manager may open a session, too, which later calls then use
        my ($sent, $executed) = sessions($b);
        is $executed, 30, '... each executed once';
        cmp_ok $sent, '<=', 60, '... after one refusal at most';
        cmp_ok scalar $b->requests('initialize'), '<=', 2,
            '... share a new session';
        unlink "$dir/slow";
    }
}


# One that forgets every session, gets the call twice, and no more.

my $forgetful = Sentinel::Backend->legacy(
    tools => ['lost'],
    call => { lost => sub { $says{404}->($_[0]); undef } });
my $down = Sentinel::Backend->legacy(
    tools => ['lost'],
    on => { initialize => sub {
        my ($c) = @_;
        return -e "$dir/down" ? $c->close
             : $c->{backend}->do_initialize($c, {});
    } });

my $u = Sentinel::Calls->new(
    backends => [lost => $forgetful, down => $down], workers => 2);
$u->run->wait_catalog(qw/lost_lost down_lost/);

my $path = $u->tag;
is $u->call('lost_lost', {}, path => $path)->code, 502,
    'a backend that knows no session';
is scalar $forgetful->requests('tools/call'), 2, '... is asked twice';
ok $u->logged($path, qr/"lost_lost".*backend "lost"/), '... logged';

open my $flag, '>', "$dir/down";
$down->end_sessions;
$path = $u->tag;
is $u->call('down_lost', {}, path => $path)->code, 503,
    'no new session can be opened';
is $u->record($path)->{outcome}, 'unavailable', '... outcome';
unlink "$dir/down";
ok $u->call('down_lost', {})->result, '... until it can';

is $t->call('none_lost', {})->code, -32001, 'a backend without sessions';
is scalar $no_session->requests('tools/call'), 1, '... is asked once';


# The manager opens a new session, too, when it looks for changes.

my $fast = $t->{backends}[-1]{url};
$fast->end_sessions->forget->set(tools => [qw/x y/]);
$t->wait_catalog('fast_y');
is scalar $fast->requests('initialize'), 1, 'a refresh opens a session';
is $t->call('fast_x', {})->text, 'backend ran x', '... which calls use';
is scalar $fast->requests('initialize'), 1, '... without another';


# A call that ends while it waits for the new session is not sent in it: its
# client goes, or cancels.

open $flag, '>', "$dir/slow";
my $b = $b{404};

for my $how (qw/close abort cancel/) {
    $b->forget->end_sessions;
    my $era = $how eq 'cancel' ? 'legacy' : 'modern';
    my $path = $t->tag;
    my $c = $client{$era}->call('a_echo', { message => 'x' }, id => 'w',
                                path => $path, send => 1);
    $b->wait_for('initialize');

    $how eq 'cancel'
        ? $client{legacy}->notify('notifications/cancelled',
                                  { requestId => 'w' })
        : $c->$how;

    # one that waits with it goes on
    is $t->call('a_echo', { message => 'z' })->text, 'z',
        "another call goes on: $how";
    is_deeply [map { $_->{json}{params}{arguments}{message} }
               $b->requests('tools/call')], [qw/x z z/],
        '... and the first is not sent again';
    is $t->record($path)->{outcome}, 'cancelled', '... outcome';
    $c->close if $how eq 'cancel';
}

# a legacy client that goes has not cancelled

$b->forget->end_sessions;
my $path_of_gone = $t->tag;
my $c = $client{legacy}->call('a_echo', { message => 'x' }, send => 1,
                              path => $path_of_gone);
$b->wait_for('initialize');
$c->abort;
is $t->record($path_of_gone)->{outcome}, 'ok', 'a legacy client that goes';
is scalar $b->requests('tools/call'), 2, '... its call is sent again';
unlink "$dir/slow";

done_testing;
