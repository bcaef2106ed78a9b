# mcp-bridge with a process for each client's session: what a server asks goes
# to its one client; the end of a session is the end of its process.

use Sentinel::Test;
use Sentinel::Bridge;
use JSON::PP;

my $json = JSON::PP->new->utf8->canonical;
my $b = Sentinel::Bridge->new(servers => {
    own => { args => ['--era', 'legacy'], isolation => 'session',
             maxSessions => 40 },
    few => { args => ['--era', 'legacy'], isolation => 'session',
             maxSessions => 2 },
    shared => ['--era', 'legacy'],
})->run->wait_ready;

sub self {
    my ($s) = @_;

    return { $s->call('self')->text =~ /(\w+)=(\S*)/g };
}

my $one = $b->mcp('own')->legacy(version => '2025-03-26',
    caps => { sampling => {}, roots => { listChanged => JSON::PP::true } });
my $two = $b->mcp('own')->legacy;
is $one->initialized->result->{protocolVersion}, '2025-03-26',
    'its initialize is the client\'s own';
is $two->initialized->result->{protocolVersion}, '2025-11-25',
    'and so is the other\'s';
my @self = map { self($_) } $one, $two;
isnt $self[0]{pid}, $self[1]{pid}, 'each has its process';
is self($one)->{pid}, $self[0]{pid}, 'and keeps it';
ok +(grep { /"sampling"/ } $b->record('own')),
    'which knows what its client can do';
is $b->mcp('own')->post({ jsonrpc => '2.0', id => 1, method => 'tools/list' })
   ->status, 400, 'without a session there is none';


# questions of the server, in the stream of the call that it asks for

my $c = $one->call('ask', { method => 'sampling/createMessage',
    params => { messages => [], maxTokens => 1 } }, id => 'asking',
    stream => 1);
my $asked = $c->message;
is $asked->{method}, 'sampling/createMessage', 'a question comes';
is $two->{mcp}->post({ jsonrpc => '2.0', id => $asked->{id},
    result => { stolen => 1 } }, $two->headers)->status, 202,
    'another session answers';
ok $c->quiet(0.3), 'which is not heard';
is $one->{mcp}->post({ jsonrpc => '2.0', id => $asked->{id},
    result => { role => 'assistant' } }, $one->headers)->status, 202,
    'its own answers';
is_deeply $json->decode($c->message->{result}{content}[0]{text}),
    { role => 'assistant' }, 'that is';

# ... and in the stream of the session

my $stream = $one->get(stream => 1);
$one->call('notify', { method => 'notifications/tools/list_changed' });
my $r = eval { $stream->message(3) };
ok 1, 'a notification went somewhere';
$one->notify('notifications/roots/list_changed');
ok $b->said('own', qr/roots\/list_changed/), 'notifications of the client';
$one->request('logging/setLevel', { level => 'debug' });
ok $b->said('own', qr/setLevel/), 'and its level reach its server';


# the end of a session

my $pid = $self[0]{pid};
my $hang = $one->call('hang', {}, send => 1);
$b->said('own', qr/"hang"/);
ok $one->end->status =~ /^20/, 'DELETE';
ok +(await { !kill 0, $pid }), 'ends the process';
$r = eval { $hang->response };
ok !$r || $r->code || $r->status >= 400, 'calls in flight get an error';
is $one->request('tools/list')->status, 404, 'the session is not known';
is self($two)->{pid}, $self[1]{pid}, 'the other goes on';

# a crash

$r = $two->call('crash', {}, id => 'c');
ok $r->code, 'a crash: the call gets an error';
ok +(await { $two->request('tools/list')->status == 404 }),
    'the session is gone with it';
my $three = $b->mcp('own')->legacy;
is $three->call('echo', { message => 'three' })->text, 'three',
    'and another can be had';
$three->call('orphans', { n => 2 });
$three->call('tree', { depth => 2 });
$three->end;
is_deeply $b->left('shared'), [], 'nothing of a session is left';


# a cap

my @s = map { $b->mcp('few')->legacy } 1 .. 2;
is $b->mcp('few')->legacy->initialized->status, 503, 'not more than that';
$s[0]->end;
ok +(await { my $s = $b->mcp('few')->legacy;
             $s->initialized->status == 200 && $s->end }),
    'when one ends, another may begin';


# many, quickly, half of them without an end

my @many = map { $b->mcp('own')->legacy(bare => 1) } 1 .. 20;
is_deeply [ map { $_->initialized->status } @many ], [ (200) x 20 ], 'many';
$_->end for @many[0 .. 9];
my %pids = map { self($_)->{pid} => 1 } @many[10 .. 19];
is scalar keys %pids, 10, 'each with its own process';
ok +(await { keys %{ $b->only('shared', 'few') } == 10 }),
    'those that were ended are gone';
$b->configure(servers => { shared => ['--era', 'legacy'] })->hup;
is_deeply $b->left('shared'), [], 'all end with their server';

$b->ends;

done_testing;
