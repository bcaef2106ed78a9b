# JSON that is no JSON-RPC message, or one that this client may not send.  What
# a gateway lets through because it does not know what it is, a backend may
# well know to execute; so all of it is refused.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

my $p = Sentinel::Pairs->new;
my $meta = $Sentinel::Pairs::meta;
my $params = '"params":{"name":"m_echo","arguments":{}}';

sub ask {
    my ($client, $body) = @_;

    $body =~ s/"params":\{(?!\})/"params":{"_meta":{$meta},/
        or $body =~ s/"params":\{/"params":{"_meta":{$meta}/
        if $client eq 'modern';

    return $client eq 'modern'
        ? $p->t->modern('tools/call', { name => 'm_echo' }, raw => $body)
        : $p->session($client)->request(undef, undef, raw => $body);
}

for my $client (qw/legacy modern 2025-03-26/) {
    untouched $p->backend('modern'), "$client client: none comes through",
    sub {
        for ('{}', '{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","id":1}',
             '{"id":1,"method":"tools/call",' . $params . '}',
             (map { '{"jsonrpc":' . $_ . ',"id":1,"method":"tools/call",'
                    . $params . '}' }
              '"2.1"', '"1.0"', '"2"', '"2.00"', '" 2.0"', '"2.0 "', '""',
              '"2.0\\u0000"', '2.0', '2', 'null', 'true', '["2.0"]', '{}'),
             (map { '{"jsonrpc":"2.0","id":1,"method":' . $_ . ",$params}" }
              '1', 'null', 'true', '["tools/call"]', '{"tools/call":1}', '""'),
             (map { '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
                    . "$_}" }
              '[]', '["m_echo",{}]', '"m_echo"', '1', 'null', 'true'),
             (map { '{"jsonrpc":"2.0","id":1,"method":"tools/call",' . $params
                    . ",$_}" }
              '"result":{}', '"error":{"code":1,"message":"x"}',
              '"result":null', '"error":null'),
             '{"jsonrpc":"2.0","method":"tools/call",' . $params . '}',
             '{"jsonrpc":"2.0","method":"initialize","params":{}}',
             '{"jsonrpc":"2.0","method":"ping"}',
             '{"jsonrpc":"2.0","method":"tools/list","params":{}}',
             '{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}',
             '{"jsonrpc":"2.0","id":"x","method":"notifications/cancelled",'
             . '"params":{"requestId":1}}',
             '{"jsonrpc":"2.0","id":1,"method":"notifications/x"}',
             '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,'
             . '"message":"x"}}',
             '{"jsonrpc":"2.0","id":1,"error":"x"}',
             '{"jsonrpc":"2.0","id":1,"error":[]}',
             '{"jsonrpc":"2.0","id":1,"error":null}',
             '{"jsonrpc":"2.0","result":{}}',
             '{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}',
             '{"jsonrpc":"2.0","id":null,"result":{}}',
             '{"jsonrpc":"2.0","id":{},"result":{}}',
             '{"id":1,"result":{}}', '{"jsonrpc":"1.0","id":1,"result":{}}',
             '{"jsonrpc":"2.0","id":1,"params":{}}')
        {
            my $id = /"id":(1|"x")/ ? $1 : 'null';
            refused ask($client, $_), 400, -32600, "$client client: $_",
                id => $id;
        }

        # well-formed, but for params that the method does not have

        for ('{}', '{"name":1}', '{"name":null}', '{"name":["m_echo"]}',
             '{"name":"m_echo","arguments":null}',
             '{"name":"m_echo","arguments":[]}',
             '{"name":"m_echo","arguments":"x"}',
             '{"name":"m_echo","arguments":1}', '{"uri":"m_echo"}')
        {
            my $r = ask($client, '{"jsonrpc":"2.0","id":1,"method":'
                                 . '"tools/call","params":'
                                 . ($_ eq '{}' ? '{"x":1}' : $_) . '}');
            is $r->code, -32602, "$client client: params $_";
            is id_of($r), '1', 'under its id';
        }
    };
}

# nobody answers a notification, known or not; a response is expected of no one

my $r = ask('legacy', '{"jsonrpc":"2.0","method":"no/such"}');
is_deeply [$r->status, $r->body], [202, ''], 'an unknown notification';

for my $client (qw/legacy modern/) {
    untouched $p->backend('modern'), "$client client: a response", sub {
        is ask($client, '{"jsonrpc":"2.0","id":1,"result":{"name":"m_echo"}}')
             ->status, $client eq 'legacy' ? 202 : 400,
            "$client client: a response that nobody waits for";
    };
}

# members that JSON-RPC does not know are no reason to refuse

for my $client (qw/legacy modern/) {
    for my $more ('"x":1', '"jsonrpc2":[]', '"":0', '"params2":{}') {
        is ask($client, "{$more,\"jsonrpc\":\"2.0\",\"id\":1,"
                        . "\"method\":\"tools/call\",$params}")->status, 200,
            "$client client: another member, $more";
    }
}

done_testing;
