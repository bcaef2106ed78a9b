# Many sets of roles: more than a worker keeps, each with the right answers,
# also when the catalog changes and while a call is under way.

use Sentinel::Test;
use Sentinel::Backend;
use JSON::PP;

my $n = 110;
my @tools = map { "t$_" } 0 .. $n - 1;
my $b = Sentinel::Backend->legacy(
    name => 'b', tools => ['slow', map { { name => $_, inputSchema =>
        { type => 'object' } } } @tools],
    call => { map { my $name = $_; ($name => sub {
        Sentinel::Tools::text($name) }) } @tools });

my $t = Sentinel::Test->new(
    workers => 1,
    backends => [b => { url => $b, conf => 'refresh 200ms;' }],
    http => "mcp_roles \$http_x_roles;\nkeepalive_requests 100000;\n"
        . "mcp_role slow { allow tools b/slow; }\n"
        . join('', map { "mcp_role r$_ { allow tools b/t$_; }\n" }
               0 .. $n - 1),
)->run;

await { ($t->modern('tools/list', {}, headers => { 'X-Roles' => 'slow' })
           ->tools) == 1 } 15 or die 'no catalog';

my $json = JSON::PP->new->utf8;
my $c = Sentinel::HTTP->new(port => $t->port);

sub ask {
    my ($roles, $method, %params) = @_;
    my %meta = ('io.modelcontextprotocol/protocolVersion' => '2026-07-28',
                'io.modelcontextprotocol/clientCapabilities' => {},
                'io.modelcontextprotocol/clientInfo' => { name => 't',
                                                          version => '1' });
    $c->request('POST', '/mcp', {
        'Content-Type' => 'application/json', Accept => 'application/json',
        'MCP-Protocol-Version' => '2026-07-28', 'Mcp-Method' => $method,
        $params{name} ? ('Mcp-Name' => $params{name}) : (),
        'X-Roles' => $roles }, $json->encode({ jsonrpc => '2.0', id => 1,
        method => $method, params => { %params, _meta => \%meta } }));
    return $c->response;
}

# one call holds what it began with

my $slow = $t->call('slow', { seconds => 3 }, send => 1,
                    headers => { 'X-Roles' => 'slow' });
ok await { $b->requests('tools/call') >= 1 }, 'a call is under way';

# more sets than are kept, in both orders of their roles

my ($wrong, $sets) = (0, 0);

for my $round (1 .. 2) {
    PAIR: for my $i (0 .. $n - 1) {
        for my $j (0 .. $i - 1) {
            my $roles = $round == 1 ? "r$i r$j" : "r$j r$i r$j unknown";
            my @seen = ask($roles, 'tools/list')->tools;
            $wrong++ if "@seen" ne "t$j t$i";
            last PAIR if ++$sets % 4300 == 0;
        }
    }
}
is $wrong, 0, "$sets sets of roles see what they should";
is $slow->response->text, 'at last', 'the call has come to its end';

my $r = ask('r1 r2', 'tools/call', name => 't1', arguments => {});
is $r->text, 't1', 'a call of a set that was dropped';
is ask('r1 r2', 'tools/call', name => 't3', arguments => {})->code, -32602,
    'and what it may not';

# a new catalog, whose items have other places

$b->set(tools => [map { { name => $_, inputSchema => { type => 'object' } } }
                  reverse @tools]);
ok await { join(' ', ask('r5 r9', 'tools/list')->tools) eq 't9 t5' },
    'a new catalog is judged anew';
is ask('r5', 'tools/call', name => 't5', arguments => {})->text, 't5',
    'a call in it';
is ask('r5', 'tools/call', name => 't104', arguments => {})->code, -32602,
    'not in the old one';

ok $t->reload, 'a reload';
$c = Sentinel::HTTP->new(port => $t->port);
is join(' ', ask('r5 r9', 'tools/list')->tools), 't9 t5', 'and on';

done_testing;
