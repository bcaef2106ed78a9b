# Two servers that people use, of one era each, as one server to the SDK
# clients of both.

use Sentinel::Test;

my $modules = 't/node_modules';

my $everything = server(
    "$modules/\@modelcontextprotocol/server-everything/dist/index.js",
    'streamableHttp');
my $context7 = server(
    "$modules/\@upstash/context7-mcp/dist/index.js",
    { OTEL_SDK_DISABLED => 'true' }, '--transport', 'http',
    '--port', '%%PORT%%');

my $t = Sentinel::Test->new(
    backends => [everything => $everything->url, context7 => $context7->url],
    location => 'mcp_validate strict;',
)->run->wait_catalog(qw/everything_echo context7_resolve-library-id/);

my %answers;

for my $sdk (qw/sdk1 sdk2/) {
    my $seen = $answers{$sdk} = client("$sdk-client.mjs", $t->url, [
        { name => 'everything_echo', arguments => { message => 'hi' } },
        { name => 'everything_get-sum', arguments => { a => 2, b => 3 } },
        { name => 'everything_trigger-long-running-operation',
          arguments => { duration => 1, steps => 2 } },
        { name => 'context7_resolve-library-id',
          arguments => { query => 'nginx', libraryName => 'nginx' } },
    ]);

    ok !$seen->{failed}, "client $sdk runs" or diag $seen->{failed};

    my %tools = map { $_ => 1 } @{ $seen->{tools} || [] };
    ok $tools{'everything_echo'}, 'lists tools of the legacy server';
    ok $tools{'context7_query-docs'}, 'and of the modern one';

    my @calls = @{ $seen->{calls} || [] };
    is $calls[0]{result}{content}[0]{text}, 'Echo: hi', 'echo';
    like $calls[1]{result}{content}[0]{text}, qr/5/, 'sum';
    is scalar @{ $calls[2]{progress} || [] }, 2, 'progress';
    # whatever it says: it has no network here
    is $calls[3]{result}{content}[0]{type}, 'text',
        'a call to the modern server' or diag explain $calls[3];
}

# their schemas are of use, and refuse what the servers would refuse

unlike $t->error_log, qr/inputSchema cannot be used/, 'all schemas compile';

for (['everything_echo', { message => 1 }, '/message', 'type'],
     ['everything_get-sum', { a => 1 }, '', 'required'],
     ['everything_get-sum', { a => 1, b => '2' }, '/b', 'type'],
     ['context7_resolve-library-id', { libraryName => 'x' }, '',
      'required'])
{
    my ($tool, $arguments, @where) = @$_;
    my $error = $t->call($tool, $arguments)->error;

    is $error->{code}, -32602, "$tool: wrong arguments";
    is_deeply [@{ $error->{data}[0] }{qw/path keyword/}], \@where,
        '... where' or diag explain $error;
}

# which runs only as a task of the legacy protocol
is_deeply [ grep { $_ ne 'everything_simulate-research-query' }
            @{ $answers{sdk1}{tools} } ], $answers{sdk2}{tools},
    'both clients see the same tools';

done_testing;
