# The audit trail: who called which tool with what, and how it ended, as lines
# in the spool.  What is refused is there, too; secrets are not.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;

my $one = Sentinel::Backend->modern(
    tools => [qw/echo slow hang fail broken progress/]);
my $old = Sentinel::Backend->legacy(tools => [qw/echo slow hang/]);


sub gateway {
    my (%arg) = @_;
    my ($t, $audit);

    $t = Sentinel::Test->new(
        backends => [one => $one, old => $old], %arg,
        http => Sentinel::Audit->conf($arg{spool} // '')
                . ($arg{http} // ''));
    $audit = Sentinel::Audit->new($t);
    $t->run->wait_catalog(qw/one_echo old_echo/);

    return ($t, $audit);
}


my ($t, $audit) = gateway(
    http => 'mcp_audit_redact password *token*;');

# one call

is $t->call('one_echo', { message => 'first', password => 'sesame',
                          deep => [{ Access_Token => 'sesame' }] })->text,
    'first', 'a call';

my $row = $audit->row(qr/first/);
is $row->{outcome}, 'ok', 'its outcome is there when the answer is';
is "@{ $row->{halves} }", 'intent outcome', 'in two halves';
like $row->{id}, qr/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/, 'id';
is +($one->requests('tools/call'))[0]{headers}{'x-request-id'}, $row->{id},
    'which the backend was given';
like $row->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/, 'time';
is $row->{'mcp.method.name'}, 'tools/call', 'method';
is $row->{'gen_ai.tool.name'}, 'one_echo', 'exposed name';
is $row->{native}, 'echo', 'native name';
is $row->{backend}, 'one', 'backend';
is $row->{era}, 'modern', 'era';
is $row->{'mcp.protocol.version'}, '2026-07-28', 'version';
is $row->{'client.address'}, '127.0.0.1', 'address';
ok length $row->{node}, 'node';
cmp_ok $row->{duration_us}, '>', 0, 'latency';
cmp_ok $row->{backend_us}, '>', 0, 'that of the backend';
cmp_ok $row->{'http.request.body.size'}, '>', 50, 'bytes in';
cmp_ok $row->{'http.response.body.size'}, '>', 50, 'bytes out';
unlike join('', map { Sentinel::Process::slurp($_) } $audit->segments),
    qr/sesame/, 'no secret is written';
like $row->{'gen_ai.tool.call.arguments'}, qr/"password":"\[redacted\]"/,
    'a name without its value';
ok $row->{'arguments.redacted'}, 'marked';

# exact bytes

my $odd = '{"message" : "odd","n":1e131073,' . "\n" . '"u":"\u0000\u00e4"}';
$t->post(qq({"jsonrpc":"2.0","id":"x\\u0000","method":"tools/call","params":)
         . qq({"name":"one_echo","arguments":$odd,"_meta":)
         . q({"io.modelcontextprotocol/protocolVersion":"2026-07-28",)
         . q("io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"},)
         . q("io.modelcontextprotocol/clientCapabilities":{}}}}),
         { 'MCP-Protocol-Version' => '2026-07-28',
           'Mcp-Method' => 'tools/call', 'Mcp-Name' => 'one_echo',
           traceparent =>
               '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
$row = $audit->row(qr/odd/);
is $row->{'gen_ai.tool.call.arguments'}, $odd, 'arguments: exact bytes';
is $row->{'jsonrpc.request.id'}, '"x\\u0000"', 'id of the request';
is $row->{trace_id}, '0af7651916cd43dd8448eb211c80319c', 'trace';
is $row->{span_id}, 'b7ad6b7169203331', 'span';

$t->call('one_echo', { message => 'long', x => 'y' x 100_000 });
$row = $audit->row(qr/long/);
is length $row->{'gen_ai.tool.call.arguments'}, 16384, 'at most 16k';
ok $row->{'arguments.cut'}, 'the cut is marked';
cmp_ok $row->{'arguments.size'}, '>', 100_000, 'how long they were';

# ends

$t->call('one_fail', { marker => 'm-fail' });
is $audit->row(qr/m-fail/)->{outcome}, 'tool_error', "a tool's error";
$t->call('one_broken', { marker => 'm-broken' });
is $audit->row(qr/m-broken/)->{outcome}, 'rpc_error', "a backend's error";
$t->call('one_progress', { steps => 3, marker => 'm-stream' });
is $audit->row(qr/m-stream/)->{outcome}, 'ok', 'a stream';
$t->call('one_none', { marker => 'm-none' });
await { $audit->row(qr/m-none/) };
$row = $audit->row(qr/m-none/);
is $row->{outcome}, 'invalid', 'an unknown tool';
is $row->{'rpc.response.status_code'}, '-32602', 'its code';
like $row->{reason}, qr/unknown tool/, 'why';
is $row->{record}, 'call', 'at once';

my $c = $t->call('one_hang', { marker => 'm-hang' }, send => 1);
await { $audit->row(qr/m-hang/) };
is $audit->row(qr/m-hang/)->{outcome}, undef,
    'the intent is there before the end';
$c->close;
await { $audit->row(qr/m-hang/)->{outcome} };
is $audit->row(qr/m-hang/)->{outcome}, 'cancelled', 'a cancelled one';

# a legacy client

my $s = $t->legacy;
is $s->call('old_echo', { message => 'm-legacy' })->text, 'm-legacy',
    'a legacy call';
$row = $audit->row(qr/m-legacy/);
is $row->{era}, 'legacy', 'era';
like $row->{'mcp.session.id'}, qr/^[0-9a-f]{32}$/, 'session';
is $row->{outcome}, 'ok', 'ok';

$c = $s->call('old_slow', { seconds => 0.5, marker => 'm-left' }, send => 1);
await { $audit->row(qr/m-left/) };
$c->close;
await { $audit->row(qr/m-left/)->{outcome} };
isnt $audit->row(qr/m-left/)->{outcome}, undef,
    'the end of one whose client has left';

is scalar(grep { ($_->{'mcp.method.name'} // '') ne 'tools/call' }
          values %{ $audit->rows }), 0, 'only calls of tools are recorded';

# many at once, on one connection

my @calls = map { $t->call('one_slow', { seconds => 0.2, m => "many$_" },
                           send => 1) } 1 .. 30;
is scalar(grep { $_->response->text eq 'at last' } @calls), 30, 'many';
is scalar(grep { ($_->{'gen_ai.tool.call.arguments'} // '') =~ /many\d/
                 && $_->{outcome} eq 'ok' } values %{ $audit->rows }),
    30, 'all are there';

is_deeply [ $audit->problems ], [], 'chains hold, nothing stands twice';


# reopen, rotation

my %before = map { $_ => 1 } $audit->segments;
$t->{process}->signal('USR1');
await { $t->call('one_echo', { message => 'after reopen' });
        grep { !$before{$_} } $audit->segments };
cmp_ok scalar $audit->segments, '>', scalar keys %before,
    'reopen begins a new segment';
is_deeply [ $audit->problems ], [], 'the chain goes on';

# reload

my ($marker) = 'm-over';
$c = $t->call('one_slow', { seconds => 1, marker => $marker }, send => 1);
await { $audit->row(qr/$marker/) };
ok $t->reload, 'reload';
is $c->response->text, 'at last', 'a call that lasts longer';
is $audit->row(qr/$marker/)->{outcome}, 'ok', 'its outcome';
is_deeply [ $audit->problems ], [], 'chains hold';

# stopped

my @open = map { $t->call('one_hang', { marker => "stop$_" }, send => 1) }
           1 .. 4;
await { $audit->row(qr/stop$_/) || return for 1 .. 4; 1 };
$t->stop('TERM');
is_deeply [ map { $audit->row(qr/stop$_/)->{outcome} } 1 .. 4 ],
    [('unknown') x 4], 'what ran when nginx was stopped';
is_deeply [ $audit->problems ], [], 'chains hold';
is_deeply [ grep { !/"final":true/ } map {
    my @l = split /\n/, Sentinel::Process::slurp($_); $l[-1] }
    map { (sort glob "$_-*")[-1] }
    map { s/-\d+\.jsonl//r } $audit->segments ], [], 'each has its end';


# small segments

($t, $audit) = gateway(spool => 'segment=4k', workers => 1);
$c = $t->call('one_hang', { marker => 'm-carried' }, send => 1);
await { $audit->row(qr/m-carried/) };
$t->call('one_echo', { message => "m$_" }) for 1 .. 40;
cmp_ok scalar $audit->segments, '>=', 5, 'segments are of that size';
is_deeply [ grep { !/m-carried/ && !/: intent$/ } $audit->problems ], [],
    'the chain holds across them';
my @opened = grep { $_->{record} eq 'opened' } $audit->lines;
cmp_ok scalar @opened, '>=', 4, 'each names the call that is open';
is $opened[-1]{ids}[0], $audit->row(qr/m-carried/)->{id}, 'by its id';
unlink +($audit->segments)[0, 1];

$t->kill_child(($t->workers)[0]);
await { grep { ($_->{outcome} // '') eq 'unknown' } $audit->lines };
my @unknown = grep { ($_->{outcome} // '') eq 'unknown' } $audit->lines;
is scalar @unknown, 1, 'so that the last is enough to close it';
is $unknown[0]{id}, $opened[-1]{ids}[0], 'it is that call';


# what a role hides, and who it was

($t, $audit) = gateway(http =>
    'mcp_role reader { allow tools one/echo; }
     mcp_role admin { allow tools */*; }
     map $http_x_roles $roles { "" admin; default $http_x_roles; }',
    server => 'mcp_client $http_x_client; mcp_roles $roles;
               location = /ready { mcp_ready; }');
my %alice = (headers => { 'X-Client' => "alice", 'X-Roles' => 'reader' });
is $t->call('one_echo', { message => 'm-alice' }, %alice)->text, 'm-alice',
    'a role that may';
$row = $audit->row(qr/m-alice/);
is $row->{client}, 'alice', 'who';
is_deeply $row->{roles}, ['reader'], 'in which role';
is $t->call('one_slow', { marker => 'm-hidden' }, %alice)->code, -32602,
    'one that may not';
await { $audit->row(qr/m-hidden/) };
$row = $audit->row(qr/m-hidden/);
is $row->{outcome}, 'denied', 'the record knows why';
is "$row->{backend} $row->{native}", 'one slow', 'and what it was';
like $row->{reason}, qr/roles/, 'in words';

my $ready = $t->http('GET', '/ready')->json->{audit};
cmp_ok $ready->{spoolBytes}, '>', 500, 'gauges: bytes';
is $ready->{spoolSize}, 1024 ** 3, 'of how many';
is "$ready->{dropped} $ready->{unrecorded}", '0 0', 'nothing lost';


# all, off

($t, $audit) = gateway(server => 'mcp_audit all; location /off {
    mcp_pass one; mcp_audit off; }');
$t->modern('tools/list');
await { grep { ($_->{'mcp.method.name'} // '') eq 'tools/list' }
        $audit->lines };
my ($list) = grep { ($_->{'mcp.method.name'} // '') eq 'tools/list' }
             $audit->lines;
is $list->{outcome}, 'ok', 'all: other methods, too';
Sentinel::MCP->new(port => $t->port, path => '/off')
    ->call('echo', { message => 'm-off' });
$t->call('one_echo', { message => 'm-on' });
ok $audit->row(qr/m-on/), 'on here';
ok !$audit->row(qr/m-off/), 'off there';
$t->post('{');
await { grep { ($_->{outcome} // '') eq 'invalid' } $audit->lines };
ok +(grep { ($_->{outcome} // '') eq 'invalid' } $audit->lines),
    'what is no message';
is_deeply [ $audit->problems ], [], 'chains hold';


# sync=group

($t, $audit) = gateway(http => 'mcp_audit_redact x;', spool => 'sync=group');
@calls = map { $t->call('one_slow', { seconds => 0.1, m => "sync$_" },
                        send => 1) } 1 .. 20;
is scalar(grep { $_->response->text eq 'at last' } @calls), 20,
    'calls wait for the disk, and go on';
is $t->call('one_echo', { message => 'x' })->text, 'x', 'and on';
$t->stop;
is_deeply [ $audit->problems ], [], 'chains hold';


# configuration

for (['mcp_audit on;', qr/"mcp_audit" in .*:\d+ needs a place.*_spool/],
     ['mcp_audit maybe;', qr/invalid value "maybe"/],
     ['mcp_audit_spool /dev/null/x;', qr{mkdir\(\) "/dev/null/x" failed}],
     ['mcp_audit_spool %%DIR%%/a size=1k;', qr/at least 256k/],
     ['mcp_audit_spool %%DIR%%/a full=never;', qr/"full=block" or "full=drop"/],
     ['mcp_audit_spool %%DIR%%/a sync=1;', qr/"sync=off" or "sync=group"/],
     ['mcp_audit_spool %%DIR%%/a frob=1;', qr/write size=, segment=/],
     ['mcp_audit_spool %%DIR%%/a; mcp_audit_spool %%DIR%%/b;', qr/duplicate/],
     ['mcp_audit_redact "";', qr/1 to 256 bytes/])
{
    my ($conf, $said) = @$_;
    my $bad = Sentinel::Test->new(backends => [one => $one], http => $conf);
    my ($status, $text) = $bad->check;

    isnt $status, 0, "$conf is refused";
    like $text, $said, 'why';
}

# folders that only root may enter are no place for workers, who are not; who
# is not root finds out when nginx opens a file there

my $private = File::Temp::tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $mine = Sentinel::Test->new(backends => [one => $one],
                               http => "mcp_audit_spool $private/a/b;");
mkdir "$private/a", 0755;
chmod $> == 0 ? 0700 : 0500, $private, "$private/a";
my ($status, $text) = $mine->check;
isnt $status, 0, 'a spool that workers cannot get at is refused';
like $text, $> == 0 ? qr/_spool" in .*:\d+: the user ".*"$private\/a\/b"/
                    : qr/Permission denied/, 'why';

if ($> == 0) {
    $mine->write('nginx.conf', "user root;\n" . $mine->read('nginx.conf'));
    ($status) = $mine->check;
    is $status, 0, 'if they are root, it is not';

    ($t, $audit) = gateway();
    $t->expect(qr/_spool" in .*: the user/);
    $t->configure(http => "mcp_audit_spool $private/a/b;");
    $t->{process}->signal('HUP');
    ok $t->wait_log(qr/_spool" in .*: the user/), 'nor is it on a reload';
    is $t->call('one_echo', { message => 'x' })->text, 'x', 'which fails';
    $t->stop;
}

chmod 0755, $private, "$private/a";
($status) = $mine->check;
is $status, 0, 'nor if they can';

done_testing;
