# The official SDK clients of both eras, each with a server of each era
# behind the gateway: four pairs.

use utf8;
use Sentinel::Test;

my @calls = (
    { name => 'echo', arguments => { message => "h\x{e9} \x{20ac} \"\\" } },
    { name => 'who', arguments => {} },
    { name => 'progress', arguments => { steps => 3 } },
    { name => 'fail', arguments => {} },
    { name => 'structured', arguments => { value => 7 } },
    { name => 'big', arguments => { bytes => 1_048_576 } },
    { name => 'no_such_tool', arguments => {} },
);

my @tools = qw/echo who big fail structured progress slow/;

my %servers = map { ("sdk$_" => server("sdk$_-server.mjs")) } 1, 2;

my $t = Sentinel::Test->new(
    backends => [ map { ($_ => $servers{$_}->url) } sort keys %servers ],
    server => join '', map { "location /$_ { mcp_pass $_; }\n" }
                       sort keys %servers,
)->run->wait_catalog(map { my $server = $_; map { "${server}_$_" } @tools }
                     sort keys %servers);

my $url = 'http://127.0.0.1:' . $t->port;

for my $client (['sdk1'], ['sdk2'], ['sdk2', MODE => 'legacy']) {
    for my $server (sort keys %servers) {
        my ($sdk, @env) = @$client;

        subtest "client @$client, server $server" => sub {
            check(client("$sdk-client.mjs", { @env }, "$url/$server",
                         \@calls), $sdk eq 'sdk1' || @env
                                   ? '2025-11-25' : '2026-07-28', $server);
        };
    }
}


sub check {
    my ($seen, $version, $server) = @_;
    my @calls;

    if ($seen->{failed}) {
        fail 'the client runs';
        diag $seen->{failed};
        return;
    }

    is $seen->{version}, $version, 'protocol version';
    is_deeply $seen->{tools}, \@tools, 'tools, in the order of the server';
    is $seen->{schemas}{echo}{properties}{message}{type}, 'string',
        'their schemas';

    @calls = @{ $seen->{calls} };
    is text($calls[0]), "h\x{e9} \x{20ac} \"\\", 'echo';
    is text($calls[1]), $server, 'the right server';
    is text($calls[2]), '3 steps', 'progress';
    is_deeply [ map { $_->{progress} } @{ $calls[2]{progress} } ], [1, 2, 3],
        'with notifications';
    ok $calls[3]{result}{isError}, "a tool's error";
    is text($calls[3]), 'it went wrong', 'with its words';
    is_deeply $calls[4]{result}{structuredContent}, { value => 7 },
        'structured content';
    is length text($calls[5]), 1_048_576, 'a large answer';
    ok $calls[6]{error} || $calls[6]{result}{isError}, 'unknown tool';
}


sub text {
    my ($call) = @_;

    return ($call->{result}{content} || [{}])->[0]{text} // '';
}


# Both servers as one.

for my $sdk (qw/sdk1 sdk2/) {
    my $seen = client("$sdk-client.mjs", "$url/mcp",
        [{ name => 'sdk1_who', arguments => {} },
         { name => 'sdk2_who', arguments => {} }]);

    is_deeply $seen->{tools},
        [ map { my $server = $_; map { "${server}_$_" } @tools }
          qw/sdk1 sdk2/ ],
        "client $sdk: tools of both servers" or diag explain $seen;
    is_deeply [ map { text($_) } @{ $seen->{calls} || [] } ],
        [qw/sdk1 sdk2/], 'each call reaches its server';
}

done_testing;
