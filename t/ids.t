# A client finds its request by the id of the answer, so that has to come back
# with its type and bytes, whatever JSON allows, and never with another's
# answer.  Backends see ids of the gateway only: those of clients collide.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

my $p = Sentinel::Pairs->new;
my $json = "{\"jsonrpc\":\"2.0\",\"id\":%ID%,\"result\":{\"content\":[]}}";
my (%used, @twice);

# what is no id

untouched $p->backend('modern'), 'a call without an id is never made', sub {
    for my $client (qw/legacy modern/) {
        for my $id ('null', 'true', 'false', '{}', '[]', '[1]', '{"a":1}') {
            my $raw = $p->message($client, 'tools/call', '{"name":"m_echo"}')
                      =~ s/"me"/$id/r;
            refused $p->ask($client, $raw), 400, -32600,
                "$client client: id $id", id => 'null';
        }

        my $raw = $p->message($client, 'tools/call', '{"name":"m_echo"}')
                  =~ s/"id":"me",//r;
        refused $p->ask($client, $raw), 400, -32600, "$client client: none",
            id => 'null';

        for my $id ('01', '+1', '1.', '.5', '0x1', 'NaN', '1e', '"', "'a'",
                    '"\\x"', '"\\ud800"', "\"\t\"", '-', 'None')
        {
            my $raw = $p->message($client, 'tools/call', '{"name":"m_echo"}');
            my $r = $client eq 'modern'
                ? $p->t->modern('tools/call', { name => 'm_echo' },
                                raw => $raw =~ s/"me"/$id/r)
                : $p->ask($client, $raw =~ s/"me"/$id/r);
            refused $r, 400, -32700, "$client client: id " . shown($id);
        }
    }
};

# what is one

my @ids = (0, 1, -1, '-0', '1.0', '1e2', '1E+2', '0.1', '100', '2147483648',
           '9007199254740993', '18446744073709551616', '1e400', '-1e-400',
           '1' . '0' x 300, '""', '"1"', '"x"', '"x\\u0041"', '" "', '"\\n"',
           '"\\""', '"\\\\"', '"\\/"', '"\\u0000"', '"\\ud83d\\ude00"',
           "\"\xf0\x9f\x98\x80\"", '"null"', '"0"', '"id\\":1,\\"x"',
           '"' . 'y' x 10000 . '"', '"</script>"', '"data: x"');

for my $client (qw/legacy modern/) {
    for my $id (@ids) {
        my $name = "$client client: " . substr $id, 0, 30;
        my ($r, @sent, %got);

        # the gateway's own answers

        for (['tools/list', '{}'], ['no/such', '{}'],
             ['tools/call', '{"name":"none"}'])
        {
            my $raw = $p->message($client, @$_) =~ s/"me"/$id/r;
            $got{$_->[0]} = id_of($p->ask($client, $raw));
        }

        # backends'

        for my $backend (qw/legacy modern/) {
            my $raw = $p->message($client, 'tools/call',
                "{\"name\":\"$Sentinel::Pairs::prefix{$backend}scripted\"}");

            for ('application/json', 'text/event-stream') {
                $p->answer(/json/ ? $json : "data: $json\n\n", $_);
                push @sent, sent $p->backend($backend), sub {
                    $got{"$backend $_"}
                        = id_of($p->ask($client, $raw =~ s/"me"/$id/r));
                };
            }
        }

        is_deeply [map { "$_: " . substr $got{$_} // 'none', 0, 50 }
                   grep { ($got{$_} // '') ne $id } sort keys %got], [], $name;

        for (@sent) {
            my ($ours) = $_->{body} =~ /"id":(\d+),/;
            push @twice, $_->{body} if !defined $ours || $used{$ours}++;
        }
    }
}

is keys %used, 8 * @ids, 'the backends saw as many ids as there were calls';
is_deeply \@twice, [], 'none of them twice';

# many at once, under few ids

my $b = Sentinel::Backend->legacy(tools => ['echo'], call => { echo => sub {
    my ($c, $arguments) = @_;

    $c->pause(rand 0.1);
    return { content => [{ type => 'text', text => $arguments->{message} }] };
} });
my $t = Sentinel::Test->new(backends => [one => $b])->run
    ->wait_catalog('echo');
my $s = $t->legacy;
my (@c, @wrong);

for my $i (1 .. 48) {
    my $id = ('1', '"1"', '1.0', '""')[$i % 4];
    my $raw = '{"jsonrpc":"2.0","id":' . $id . ',"method":"tools/call",'
            . "\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":"
            . "\"nonce $i\"},\"_meta\":{$Sentinel::Pairs::meta}}}";
    my $c = $t->connection;

    if ($i % 2) {
        $raw =~ s/"_meta":\{.*?\}\}/"_meta":{}/;
        $c->request('POST', '/mcp', $s->headers({
            'Content-Type' => 'application/json', Accept => '*/*' }), $raw);

    } else {
        $c->request('POST', '/mcp', {
            'Content-Type' => 'application/json', Accept => '*/*',
            'MCP-Protocol-Version' => '2026-07-28',
            'Mcp-Method' => 'tools/call', 'Mcp-Name' => 'echo' }, $raw);
    }

    push @c, [$c, $i, $id];
}

for (@c) {
    my ($c, $i, $id) = @$_;
    my $r = $c->response;

    push @wrong, "$i: " . $r->body
        if ($r->text // '') ne "nonce $i" || id_of($r) ne $id;
}

is_deeply \@wrong, [], '48 calls at once: each has its own answer';

done_testing;
