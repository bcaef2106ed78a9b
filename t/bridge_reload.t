# mcp-bridge and SIGHUP: servers whose entry is the same keep their process
# and their calls; changed ones finish theirs, then start anew; removed ones
# finish and end; a file that is wrong changes nothing.

use Sentinel::Test;
use Sentinel::Bridge;

my %servers = (
    same => ['--era', 'legacy'],
    changed => { args => ['--era', 'legacy'], callTimeout => '30s' },
    removed => ['--era', 'legacy'],
    modern => ['--era', 'modern'],
);
my $b = Sentinel::Bridge->new(servers => \%servers)->run->wait_ready;

my %pid = map { $_ => $b->pid_of($_) } keys %servers;
my %s = map { $_ => $b->mcp($_)->legacy } qw/same changed removed/;

sub slow {
    my ($name, $ms) = @_;

    return $s{$name}->call('slow', { ms => $ms, message => $name },
                           id => "of $name", send => 1) if $s{$name};
    return $b->mcp($name)->call('slow', { ms => $ms, message => $name },
                                id => "of $name", send => 1);
}

my %c = map { $_ => slow($_, 1500) } keys %servers;
ok $b->said($_, qr/"slow"/), "$_: a call is in flight" for keys %servers;

my %new = %servers;
delete $new{removed};
$new{changed} = { args => ['--era', 'legacy', '--tools', 3],
                  callTimeout => '30s' };
$new{added} = { args => ['--era', 'legacy'], callTimeout => '2s' };
$b->configure(servers => \%new)->hup;
ok $b->wait_state('added', 'ready'), 'a new one comes';

for my $name (sort keys %servers) {
    my $r = $c{$name}->response;
    is $r->text, $name, "$name: the call is answered";
    is $r->json->{id}, "of $name", 'with its id';
}

is $b->pid_of($_), $pid{$_}, "$_: the same process" for qw/same modern/;
is $s{same}->call('echo', { message => 'x' })->text, 'x',
    'and the same session';
ok +(await { ($b->pid_of('changed') // $pid{changed}) != $pid{changed} }),
    'changed: another process';
$b->wait_ready('changed');
my $s = $b->mcp('changed')->legacy;
ok +(grep { $_ eq 'tool_2' } $s->request('tools/list')->tools),
    'as the new entry says';
ok +(await { !kill 0, $pid{changed} }), 'the old one is gone';
ok +(await { !kill 0, $pid{removed} }), 'removed: so is this one';
is $b->mcp('removed')->legacy->initialized->status, 404, 'it is not known';
is $b->status('same')->{restarts}, 0, 'a change is no restart of others';


# a wrong file

for my $bad ('', 'not json', '[]', '{"mcpServers": 7}',
             '{"mcpServers": {"x": {"command": 7}}}',
             '{"mcpServers": {"x": {"command": "x", "maxLine": "much"}}}',
             '{"mcpServers": {"x": {"command": "${NO_SUCH_VARIABLE}"}}}')
{
    my $before = length $b->log;
    $b->{text} = $bad;
    $b->configure->hup;
    ok +(await { substr($b->log, $before) =~ /mcp\.json/ }),
        "a wrong file is named in the log: $bad";
    is $b->pid_of('same'), $pid{same}, 'and nothing changes';
}
delete $b->{text};
ok $b->alive, 'it lives';


# a call that never ends is waited for as long as a call may take

my $hang = $b->mcp('added')->legacy->call('hang', {}, send => 1);
$b->said('added', qr/"hang"/);
my $pid = $b->pid_of('added');
delete $new{added};
$b->configure(servers => \%new)->hup;
is $hang->response->code, 504, 'a call that does not end';
ok +(await { !kill 0, $pid }), 'is not waited for without end';


# many in a row, with calls that go on

my $load = slow('same', 1000);
$b->configure(servers => { %new, "extra$_" => [] })->hup for 1 .. 10;
is $load->response->text, 'same', 'ten at once: a call goes on';
is $b->pid_of('same'), $pid{same}, 'in its process';
$b->configure(servers => { same => $servers{same} })->hup;
is_deeply $b->left('same'), [], 'in the end there is but one';
ok +(await { join(' ', keys %{ $b->status }) eq 'same' }),
    'and no other is known';

$b->ends;

done_testing;
