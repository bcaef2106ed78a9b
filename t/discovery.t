# Backends come late, change, go away and come back as something else; clients
# see one server that has it right within "refresh", and no client waits for a
# backend that does not answer.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Time::HiRes qw/time/;

my $soon = 'refresh 300ms;';
my %b = (
    up => Sentinel::Backend->legacy(name => 'up', tools => ['echo']),
    modern => Sentinel::Backend->modern(name => 'modern', tools => ['echo'],
                                        answer => 'sse'),
    down => Sentinel::Backend->legacy(name => 'down', tools => ['echo'],
                                      start => 0),
    unix => Sentinel::Backend->legacy(name => 'unix', tools => ['echo'],
                                      unix => 1),
    named => Sentinel::Backend->modern(name => 'named', tools => ['echo']),
    hang => Sentinel::Backend->raw(sub { $_[0]->gone(60); $_[0]->close }),

    # prompts and resources are broken, tools are not
    partly => Sentinel::Backend->legacy(
        name => 'partly', tools => ['echo'],
        capabilities => { prompts => {}, resources => {} },
        on => { 'prompts/list' => sub { $_[0]->error(-32603, 'no') },
                'resources/list' => sub { $_[0]->error(-32601, 'no') } }),

    # announces tools that are not there
    none => Sentinel::Backend->legacy(name => 'none',
        on => { 'tools/list' => sub { $_[0]->error(-32601, 'no') } }),

    # pages that never end
    loop => Sentinel::Backend->legacy(name => 'loop', on => {
        'tools/list' => sub { +{ tools => [], nextCursor => 'again' } } }),

    # an empty cursor is one
    empty => Sentinel::Backend->legacy(name => 'empty', on => {
        'tools/list' => sub {
            my (undef, $params) = @_;
            my ($n, %next) = exists $params->{cursor}
                ? 2 : (1, nextCursor => '');
            return { tools => [{ name => "page$n", inputSchema =>
                                 { type => 'object' } }], %next };
        } }),

    # wants credentials until it is told otherwise
    locked => Sentinel::Backend->legacy(name => 'locked', tools => ['echo'],
        before => sub {
            my ($c) = @_;
            return 0 if $c->{backend}->state->{open};
            $c->respond(401, { 'WWW-Authenticate' => 'Bearer' });
            return 1;
        }),

    # what it is to be is said
    forced => Sentinel::Backend->legacy(name => 'forced', tools => ['echo']),
    mistaken => Sentinel::Backend->legacy(name => 'mistaken',
                                          tools => ['echo']),
);

my $t = Sentinel::Test->new(
    backends => [
        (map { $_ => { url => $b{$_}, conf => $soon } }
         qw/up modern down unix partly none empty locked/),
        named => { url => 'http://Some.Name/mcp', conf => $soon },
        loop => { url => $b{loop}, conf => '' },
        forced => { url => $b{forced}, conf => "$soon protocol legacy;" },
        mistaken => { url => $b{mistaken}, conf => "$soon protocol modern;" },
        hang => { url => $b{hang}, conf => 'read_timeout 60s;' },
    ],
    http => '    upstream some.name { server 127.0.0.1:'
            . $b{named}->port . '; keepalive 4; }',
    pass => join(' ', grep { $_ ne 'hang' } sort keys %b),
    server => 'location /fast { mcp_pass up modern; }
               location /hang { mcp_pass up hang; }',
)->run;

sub listed {
    my ($name) = @_;

    return scalar grep { $_ eq $name } $t->modern('tools/list')->tools;
}

# a backend that does not answer costs a first request some seconds at most,
# and only where it is one of those that are asked for

my $start = time;
my @fast = $t->modern('tools/list', {}, path => '/fast')->tools;
is_deeply \@fast, [qw/up_echo modern_echo/],
    'a first request waits for the catalog';
cmp_ok time - $start, '<', 2.5, 'not long';

$start = time;
my $partial = $t->modern('tools/list', {}, path => '/hang');
is_deeply [$partial->tools], ['up_echo'], 'a backend that hangs: the others';
is $partial->result->{ttlMs}, 0, 'a partial list is good for no time';
cmp_ok time - $start, '<', 6, 'a first request waits for it, but not long';
$start = time;
$t->modern('tools/list', {}, path => '/hang') for 1 .. 8;
cmp_ok time - $start, '<', 6, 'but not the next ones';

# what came up

for (qw/up modern unix named forced/) {
    ok await { listed("${_}_echo") }, "$_: listed";
    is $t->call("${_}_echo", { message => $_ })->text, $_, "$_: called";
}

ok await { listed('partly_echo') },
    'a backend whose prompts cannot be listed keeps its tools';
ok await { listed('empty_page2') }, 'an empty cursor is a cursor';
ok listed('empty_page1'), 'the page before it, too';
ok $t->wait_log(qr/backend "none" is up/), 'announced, but not there: empty';

is $b{forced}->requests('server/discover'), 0,
    'protocol legacy: no server/discover';
ok $t->wait_log(qr/"mistaken".*does not speak 2026-07-28/),
    'protocol modern: said in the log';
is $b{mistaken}->requests('initialize'), 0, 'and never initialize';
ok !listed('mistaken_echo'), 'nor listed';
ok $t->wait_log(qr/"locked".*credentials/), 'no credentials: said in the log';
is $b{locked}->requests('initialize'), 0, 'a 401 says nothing of the era';
ok !listed('loop_echo'), 'a list without an end is none';

# down at the start

ok !listed('down_echo'), 'a backend that is down is not listed';
refused $t->call('down_echo'), 200, -32602, 'nor called';
ok $t->wait_log(qr/\[error\].*"down"/), 'said in the log';

$b{down}->start;
ok await { listed('down_echo') }, 'it appears when it comes up';
is $t->call('down_echo', { message => 'x' })->text, 'x', 'and can be called';
ok !$t->leaving, 'without a reload';

$b{locked}->set(open => 1);
ok await { listed('locked_echo') }, 'credentials are accepted later';

# changes

for (qw/up modern/) {
    $b{$_}->set(tools => [qw/slow echo/]);
    ok await { listed("${_}_slow") }, "$_: a new tool";
    my $name = $_;
    is_deeply [grep { /^${name}_/ } $t->modern('tools/list')->tools],
        ["${_}_slow", "${_}_echo"], 'in its place';

    $b{$_}->set(tools => ['slow']);
    ok await { !listed("${_}_echo") }, "$_: a tool is gone";
    refused $t->call("${_}_echo"), 200, -32602, 'and not called any more';
    $b{$_}->set(tools => ['echo']);
    ok await { listed("${_}_echo") && !listed("${_}_slow") }, 'and back';
}

# a backend tells of a change in the stream of a call

my $noted = Sentinel::Backend->legacy(name => 'noted', tools => ['change'],
    call => { change => sub {
        my ($c) = @_;

        $c->{backend}->set(tools => [qw/change new/]);
        $c->notify('notifications/tools/list_changed');
        return Sentinel::Tools::text('changed');
    } });
my $u = Sentinel::Test->new(backends => [
    noted => { url => $noted, conf => 'refresh 1h;' } ])->run
    ->wait_catalog('change');

ok await { $noted->requests('tools/list') >= 2 },
    'a backend that is new is looked at twice';
my $r = $u->call('change');
is $r->text, 'changed', 'a tool changes the list';
unlike $r->body, qr/list_changed/, 'which is no business of the call';
ok await { grep { $_ eq 'new' } $u->modern('tools/list')->tools },
    'the gateway has heard it';

# gone, and back

$b{up}->stop;
ok $t->wait_log(qr/\[error\].*discovery of backend "up"/), 'a backend is gone';
ok listed('up_echo'), 'its lists stay';
is $t->call('up_echo')->code, 503, 'a call says that it is not there';
is $t->modern('tools/list', {}, path => '/fast')->status, 200,
    'lists are answered';

my @lines = () = $t->error_log =~ /discovery of backend "up"/g;
await { $t->modern('tools/list'); 0 } 1;
is_deeply [() = $t->error_log =~ /discovery of backend "up"/g], \@lines,
    'the log says it once';

$b{up}->end_sessions->start;
ok await { ($t->call('up_echo', { message => 'x' })->text // '') eq 'x' },
    'it is back, and has forgotten the session';

# of another era, on the same port

$b{up}->stop;
my $new = Sentinel::Backend->modern(name => 'new', tools => [qw/echo slow/],
                                    port => $b{up}->port);
ok await { listed('up_slow') }, 'a backend is upgraded';
is $t->call('up_echo', { message => 'm' })->text, 'm',
    'it is called as the new revision wants';
is $new->requests('initialize'), 0, 'without a session';
is_deeply [$new->notes], [], 'and all its headers are right';

$new->stop;
$b{up}->set(tools => ['echo'])->start;
ok await { !listed('up_slow') }, 'and downgraded';
is $t->call('up_echo', { message => 'm' })->text, 'm', 'called as before';

my $pages = () = Sentinel::Process::slurp("$b{loop}{dir}/requests")
                 =~ m{tools/list}g;
cmp_ok $pages, '<', 500, 'a cursor that comes again is not followed';

done_testing;
