# Clients of either era before backends of either era: what the client gets.
# Results gain or lose what only the other era knows, errors change their code
# where the revisions do, and every other byte is the backend's.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

my $p = Sentinel::Pairs->new;
my %prefix = %Sentinel::Pairs::prefix;

# The answer's status and body when the backend says that.

sub returned {
    my ($client, $backend, $method, $message, $type) = @_;
    my ($params, $r);

    $params = $method eq 'resources/read' ? "{\"uri\":\"test://$backend/one\"}"
            : $method eq 'prompts/get' ? "{\"name\":\"$prefix{$backend}greet\"}"
            : $method eq 'tools/call'
              ? "{\"name\":\"$prefix{$backend}scripted\"}"
            : '{"ref":{"type":"ref/prompt","name":"' . $prefix{$backend}
              . 'greet"},"argument":{"name":"a","value":""}}';

    $p->answer($message, $type);
    $r = $p->ask($client, $p->message($client, $method, $params));

    return ($r->status, $r->body, $r);
}

# What this client cannot be asked, and what is no result at all.

for (['legacy', '{"resultType":"input_required","requestState":"x"}'],
     ['legacy', '{"resultType":"input_required","inputRequests":{"a":'
                . '{"method":"roots/list"}}}'],
     ['2025-03-26', '{"requestState":"x","resultType":"input_required"}'],
     ['legacy', '{"resultType":"task","taskId":"x","status":"working"}'],
     ['legacy', '{"resultType":7,"content":[]}'],
     ['modern', '{"resultType":"task","taskId":"x","status":"working"}'])
{
    my ($client, $result) = @$_;

    for my $type ('application/json', 'text/event-stream') {
        my $message = "{\"jsonrpc\":\"2.0\",\"id\":%ID%,\"result\":$result}";

        $message = "data: $message\n\n" if $type =~ /event/;
        my ($status, undef, $r) = returned($client, 'modern', 'tools/call',
                                           $message, $type);
        is_deeply [$status, $r->json->{id}, $r->code], [200, 'me', 502],
            "$client client, $type: $result";
    }
}

# Nothing of the backend's header comes through.

for my $client (qw/legacy modern/) {
    for my $backend (qw/legacy modern/) {
        my (undef, undef, $r) = returned($client, $backend, 'tools/call',
            '{"jsonrpc":"2.0","id":%ID%,"result":{"content":[]}}');
        is_deeply [sort keys %{ $r->{headers} }],
            [qw/connection content-length content-type date server/],
            "$client client, $backend backend: headers of the answer";
        unlike $r->header('Server'), qr/theirs/, 'the server is nginx';
        is $r->header('Content-Type'), 'application/json', 'JSON';

        (undef, undef, $r) = returned($client, $backend, 'tools/call',
            "data: {\"jsonrpc\":\"2.0\",\"id\":%ID%,\"result\":{}}\n\n",
            'text/event-stream; charset=utf-8');
        is_deeply [sort keys %{ $r->{headers} }],
            [qw/cache-control connection content-type date server
                transfer-encoding x-accel-buffering/], 'and of a stream';
        is $r->header('Content-Type'), 'text/event-stream', 'of events';
        is $r->header('X-Accel-Buffering'), 'no', 'X-Accel-Buffering is ours';
    }
}

# results and errors

my $ok = '"jsonrpc":"2.0","id":"me"';
my $c0 = '"content":[]';
my $complete = '"resultType":"complete"';
my $uri = '"test://legacy/one"';

for (
    # to a modern client from a legacy backend

    ['modern', 'legacy', 'tools/call', '"result":{}',
     "\"result\":{$complete}"],
    ['modern', 'legacy', 'tools/call', "\"result\":{$c0}",
     "\"result\":{$complete,$c0}"],
    ['modern', 'legacy', 'tools/call', "\"result\":{$c0,\"isError\":true}",
     "\"result\":{$complete,$c0,\"isError\":true}"],
    ['modern', 'legacy', 'tools/call',
     "\"result\":{$c0,\"structuredContent\":{\"a\":[1]}}",
     "\"result\":{$complete,$c0,\"structuredContent\":{\"a\":[1]}}"],
    ['modern', 'legacy', 'tools/call',
     "\"result\":{\"resultType\":\"task\",$c0}",
     "\"result\":{$complete,$c0}"],
    ['modern', 'legacy', 'tools/call',
     "\"result\":{$c0,\"resultTy\\u0070e\":{\"resultType\":1}}",
     "\"result\":{$complete,$c0}"],
    ['modern', 'legacy', 'prompts/get', '"result":{"messages":[]}',
     "\"result\":{$complete,\"messages\":[]}"],
    ['modern', 'legacy', 'completion/complete',
     '"result":{"completion":{"values":[]}}',
     "\"result\":{$complete,\"completion\":{\"values\":[]}}"],
    ['modern', 'legacy', 'resources/read', '"result":{"contents":[]}',
     "\"result\":{$complete,\"ttlMs\":0,\"cacheScope\":\"private\","
     . '"contents":[]}'],
    ['modern', 'legacy', 'resources/read',
     '"result":{"contents":[],"ttlMs":5,"cacheScope":"public"}',
     "\"result\":{$complete,\"ttlMs\":0,\"cacheScope\":\"private\","
     . '"contents":[]}'],
    ['modern', 'legacy', 'resources/read',
     '"error":{"code":-32002,"message":"no","data":{"uri":"x"}}',
     '"error":{"code":-32602,"message":"no","data":{"uri":"x"}}'],
    ['modern', 'legacy', 'resources/read',
     '"error":{"code":-32002,"message":"no"}',
     '"error":{"code":-32602,"message":"no","data":{"uri":' . "$uri}}"],
    ['modern', 'legacy', 'resources/read',
     '"error":{"message":"no","code":-32002}',
     '"error":{"message":"no","code":-32602,"data":{"uri":' . "$uri}}"],
    ['modern', 'legacy', 'resources/read',
     '"error":{"code":-32002,"message":"no","data":null}',
     '"error":{"code":-32602,"message":"no","data":null}'],
    ['modern', 'legacy', 'resources/read',
     '"error":{"code":-32603,"message":"no"}',
     '"error":{"code":-32603,"message":"no"}'],
    ['modern', 'legacy', 'tools/call',
     '"error":{"code":-32002,"message":"no"}',
     '"error":{"code":-32602,"message":"no"}'],
    ['modern', 'legacy', 'tools/call',
     '"error":{"message":"-32002","code":-32002,"data":-32002}',
     '"error":{"message":"-32002","code":-32602,"data":-32002}'],
    ['modern', 'legacy', 'tools/call',
     '"error":{"code":-32603,"message":"m","data":{"code":-32002}}',
     '"error":{"code":-32603,"message":"m","data":{"code":-32002}}'],

    # to a legacy client from a modern backend

    ['legacy', 'modern', 'tools/call', "\"result\":{$complete,$c0}",
     "\"result\":{$c0}"],
    ['legacy', 'modern', 'tools/call', "\"result\":{$c0,$complete}",
     "\"result\":{$c0}"],
    ['legacy', 'modern', 'tools/call', "\"result\":{$complete}",
     '"result":{}'],
    ['legacy', 'modern', 'tools/call',
     "\"result\":{$c0,$complete,\"isError\":false}",
     "\"result\":{$c0,\"isError\":false}"],
    ['legacy', 'modern', 'tools/call',
     "\"result\":{\"result\\u0054ype\":\"compl\\u0065te\",$c0}",
     "\"result\":{$c0}"],
    ['legacy', 'modern', 'tools/call', "\"result\":{$complete,$c0,"
     . '"_meta":{"resultType":"x","ttlMs":1}}',
     "\"result\":{$c0,\"_meta\":{\"resultType\":\"x\",\"ttlMs\":1}}"],
    ['legacy', 'modern', 'resources/read',
     "\"result\":{$complete,\"ttlMs\":60000,\"cacheScope\":\"public\","
     . '"contents":[{"uri":"u","text":"\\u00e9"}]}',
     '"result":{"contents":[{"uri":"u","text":"\\u00e9"}]}'],
    ['legacy', 'modern', 'prompts/get',
     "\"result\":{\"messages\":[],$complete}", '"result":{"messages":[]}'],
    (map { ['legacy', 'modern', 'tools/call',
            "\"result\":{$complete,$c0,\"structuredContent\":$_,\"z\":1}",
            "\"result\":{$c0,\"z\":1}"] }
         '[1,2]', '"x"', '1', '-0.5e1', 'null', 'true', '[{"a":{}}]'),
    ['legacy', 'modern', 'tools/call',
     "\"result\":{$complete,$c0,\"structuredContent\":{\"a\":[{}]}}",
     "\"result\":{$c0,\"structuredContent\":{\"a\":[{}]}}"],
    ['2025-06-18', 'modern', 'tools/call',
     "\"result\":{$complete,$c0,\"structuredContent\":{\"a\":[{}]}}",
     "\"result\":{$c0,\"structuredContent\":{\"a\":[{}]}}"],
    ['2025-03-26', 'modern', 'tools/call',
     "\"result\":{$complete,$c0,\"structuredContent\":{\"a\":[{}]},\"z\":1}",
     "\"result\":{$c0,\"z\":1}"],
    ['legacy', 'modern', 'tools/call',
     '"error":{"code":-32602,"message":"m","data":{"uri":"x"}}',
     '"error":{"code":-32602,"message":"m","data":{"uri":"x"}}'],

    # within an era nothing changes

    ['legacy', 'legacy', 'tools/call',
     "\"result\":{$c0,\"structuredContent\":[1],\"resultType\":7}",
     "\"result\":{$c0,\"structuredContent\":[1],\"resultType\":7}"],
    ['legacy', 'legacy', 'resources/read',
     '"error":{"code":-32002,"message":"no","data":{"uri":"x"}}',
     '"error":{"code":-32002,"message":"no","data":{"uri":"x"}}'],
    ['legacy', 'legacy', 'tools/call',
     '"error":{"code":-32042,"message":"url","data":{"elicitations":[]}}',
     '"error":{"code":-32042,"message":"url","data":{"elicitations":[]}}'],
    ['modern', 'modern', 'tools/call',
     "\"result\":{$complete,$c0,\"structuredContent\":[1,2.50]}",
     "\"result\":{$complete,$c0,\"structuredContent\":[1,2.50]}"],
    ['modern', 'modern', 'resources/read',
     "\"result\":{$complete,\"ttlMs\":1e3,\"cacheScope\":\"public\","
     . '"contents":[]}',
     "\"result\":{$complete,\"ttlMs\":1e3,\"cacheScope\":\"public\","
     . '"contents":[]}'],
    ['modern', 'modern', 'tools/call',
     '"error":{"code":9007199254740993,"message":"\\ud83d\\ude00",'
     . '"data":[1.0]}',
     '"error":{"code":9007199254740993,"message":"\\ud83d\\ude00",'
     . '"data":[1.0]}'],
    ['modern', 'modern', 'tools/call',
     '"result":{"resultType":"input_required","inputRequests":{"a":'
     . '{"method":"roots/list"}}}',
     '"result":{"resultType":"input_required","inputRequests":{"a":'
     . '{"method":"roots/list"}}}'],
) {
    my ($client, $backend, $method, $from, $to) = @$_;
    my $name = "$client client, $backend backend, $method: $from";

    for (['id first', "{\"jsonrpc\":\"2.0\",\"id\":%ID%,$from}",
          "{$ok,$to}"],
         ['id last', "{$from,\"id\":%ID%,\"jsonrpc\":\"2.0\"}",
          "{$to,\"id\":\"me\",\"jsonrpc\":\"2.0\"}"],
         ['id escaped', "{\"\\u0069d\":%ID%,$from,\"jsonrpc\":\"2.0\"}",
          "{\"\\u0069d\":\"me\",$to,\"jsonrpc\":\"2.0\"}"])
    {
        my ($where, $message, $want) = @$_;
        my ($status, $body) = returned($client, $backend, $method, $message);
        is_deeply [$status, $body], [200, $want], "$name ($where)";
    }

    # the same as an event, in two lines of data

    my ($status, $body) = returned($client, $backend, $method,
        ": hello\nid: 7\nevent: message\n"
        . "data: {\"jsonrpc\":\"2.0\",\r\ndata:\"id\":%ID%,$from}\n\n",
        'text/event-stream');

    is_deeply [$status, $body =~ /^data: (.*)$/mg],
        [200, "{\"jsonrpc\":\"2.0\", \"id\":\"me\",$to}"], 'as an event';
}

done_testing;
