# Who may call from a browser, and under which name.  A page that somebody
# visits can reach what listens on his loopback address, under a name that it
# owns (DNS rebinding) or as a cross-site request; either must end here.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $b = Sentinel::Backend->legacy(tools => ['echo']);
my $t = Sentinel::Test->new(backends => [one => $b],
    http => <<'END', server => <<'END2')->run->wait_catalog('echo');
    server {
        listen 127.0.0.1:%%PORT:inherited%%;
        mcp_origin https://app.example;

        location /mcp { mcp_pass one; }

        location /own { mcp_pass one; mcp_origin https://own.example; }
    }
END
        listen unix:%%DIR%%/socket;

        location /listed {
            mcp_pass one;
            mcp_origin https://app.example http://dev.example:8080
                       plain.example *.example.org;
        }

        location /null { mcp_pass one; mcp_origin null https://app.example; }

        location /v6 { mcp_pass one; mcp_origin http://[2001:db8::1]:80; }
END2

my $call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":'
         . '"echo","_meta":{"io.modelcontextprotocol/protocolVersion":'
         . '"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}';
my %modern = ('MCP-Protocol-Version' => '2026-07-28', 'Mcp-Name' => 'echo',
              'Mcp-Method' => 'tools/call');
my $port = $t->port;

sub ask {
    my ($headers, %opt) = @_;
    my $c;

    $c = Sentinel::HTTP->new(unix => $t->dir . '/socket') if $opt{unix};

    return $t->post($call, { %modern, %$headers }, %opt,
                    $c ? (on => $c) : ());
}

sub name {
    my ($headers, $path) = @_;

    return ($path // '/mcp') . ' ' . join ', ',
           map { "$_: " . (ref $headers->{$_} ? "@{ $headers->{$_} }"
                                              : $headers->{$_} // 'none') }
           sort keys %$headers;
}

sub denied {
    my ($headers, %opt) = @_;

    refused ask($headers, %opt), 403, 403, name($headers, $opt{path}),
        id => 'null';
}

sub allowed {
    my ($headers, %opt) = @_;

    is ask($headers, %opt)->status, 200, name($headers, $opt{path});
}

untouched $b, 'what is denied never reaches the backend', sub {

    # a name that is not the loopback address's own

    denied({ Host => $_ })
        for 'evil.example', "evil.example:$port", 'localhost.evil.example',
            '127.0.0.1.evil.example', '127.0.0.1.nip.io',
            'localhost.localdomain', 'xlocalhost', 'localhostx', '0.0.0.0',
            "0.0.0.0:$port", '128.0.0.1',
            '126.255.255.255', '10.0.0.1', '169.254.169.254', '[::]',
            '[2001:db8::1]', '[fe80::1]', '127.0.0', '127.1', '2130706433',
            '0x7f000001', '0177.0.0.1', 'one.example',
            $b->url =~ s{http://127.0.0.1}{backend}r =~ s{/mcp}{}r;

    isnt ask({ Host => $_ })->status, 200, "Host: $_"
        for 'localhost@evil.example', 'evil.example@localhost', '',
            'localhost,evil.example', 'evil.example localhost',
            ['localhost', 'evil.example'], ['evil.example', 'localhost'];

    my $c = $t->connection;
    $c->write("POST http://localhost/mcp HTTP/1.1\r\nHost: evil.example\r\n"
              . "Content-Type: application/json\r\nConnection: close\r\n"
              . "Content-Length: 2\r\n\r\n{}");
    is $c->response->status, 403, 'an absolute URI does not help';

    $c = $t->connection;
    $c->write("POST /mcp HTTP/1.0\r\nContent-Type: application/json\r\n"
              . "Content-Length: 2\r\n\r\n{}");
    is $c->response->status, 403, 'no Host at all';

    # a page of somebody else's

    denied({ Origin => $_ })
        for 'http://evil.example', 'https://evil.example',
            'http://evil.example:80', "http://evil.example:$port",
            'http://localhost.evil.example', 'http://evil.example.localhost',
            'http://127.0.0.1.evil.example', 'http://xlocalhost',
            'http://localhostx', 'null', 'NULL', '', ' ', 'localhost',
            '127.0.0.1', "localhost:$port", '//localhost', '://localhost',
            'http:/localhost', 'http:localhost', 'http://', 'http:///',
            'http://:80', 'file://', 'file:///', 'about:blank', 'data:',
            'chrome-extension://abcdefghijklmnop', 'app://obsidian.md',
            'http://0.0.0.0', 'http://128.0.0.1', 'http://169.254.169.254',
            'http://[::]', 'http://[2001:db8::1]', 'http://127.1',
            'http://2130706433', 'http://0x7f.1',
            'http://localhost@evil.example',
            'http://localhost:80@evil.example',
            'http://localhost:x@evil.example', 'http://evil.example@localhost',
            'http://localhost:evil.example', 'http://localhost:',
            'http://localhost:80x', 'http://localhost:80:80',
            'http://localhost:-1', 'http://127.0.0.1:80@evil.example',
            'http://[::1]evil.example', 'http://[::1].evil.example',
            'http://[::1]@evil.example', 'http://[::1', 'http://::1',
            'http://localhost/', 'http://localhost/x', 'http://localhost?x',
            'http://localhost#', 'http://localhost\\evil.example',
            'http://evil.example/http://localhost',
            'http://evil.example?://localhost',
            'http://localhost,http://evil.example',
            'http://localhost http://evil.example',
            'http://evil.example http://localhost',
            "http://\xef\xbd\x8cocalhost", "http://localhost\x01", '*',
            'http://*', 'http://*.localhost';

    for (['http://evil.example', 'http://localhost'],
         ['http://localhost', 'http://evil.example'],
         ['http://localhost', 'http://localhost'], ['', 'http://localhost'])
    {
        my $r = ask({ Origin => $_ });
        like $r->status, qr/\A40[03]\z/, 'Origin twice: ' . join ' ', @$_;
        ok $r->error, 'as an error';
    }

    # whatever the request is

    for (['GET', undef], ['HEAD', undef], ['OPTIONS', undef],
         ['DELETE', undef], ['PUT', '{}'], ['POST', '{'],
         ['POST', '{"jsonrpc":"2.0","method":"notifications/initialized"}'],
         ['POST', '{"jsonrpc":"2.0","id":1,"method":"initialize"}'])
    {
        my ($method, $body) = @$_;

        for ({ Origin => 'http://evil.example' }, { Host => 'evil.example' },
             { Origin => 'http://evil.example', 'Content-Type' => 'text/plain',
               'Content-Encoding' => 'gzip', Accept => 'text/html' })
        {
            my $r = $t->http($method, '/mcp', $_, $body);
            is $r->status, 403, "$method: " . name($_);
            is $r->header('Mcp-Session-Id'), undef, 'no session';
        }
    }

    is ask({ Origin => 'http://evil.example' })
         ->header('Access-Control-Allow-Origin'), undef,
        'nothing invites a browser';

    # what a list does not say

    denied({ Origin => $_ }, path => '/listed')
        for 'http://app.example', 'https://app.example:8443',
            'https://app.example.evil.example', 'https://xapp.example',
            'https://app.exampl', 'https://app.examplex', 'app.example',
            'https://app.example/', 'https://app.example@evil.example',
            'https://sub.app.example', 'http://dev.example',
            'http://dev.example:80', 'http://dev.example:80800',
            'https://dev.example:8080', 'https://example.org',
            'https://xexample.org', 'https://example.org.evil.example',
            'https://a.example.orgx', 'https://.example.org',
            'https://a.example.org@evil.example',
            'https://a.example.org:443@evil.example',
            'https://evil.example/a.example.org',
            'https://evil.example#.example.org',
            'https://evil.example\\.example.org',
            'https://evil.example?.example.org',
            'https://evil.example:.example.org',
            'https://plain.example:x', 'https://plain.example:1@evil.example',
            'https://plain.example.evil.example', 'null', '', '*',
            '*.example.org', 'http://localhost', 'http://127.0.0.1',
            'http://evil.example', 'https://[::1]';

    denied({ Host => $_ }, path => '/listed')
        for 'evil.example', 'example.org', 'xexample.org', 'sub.app.example',
            'app.example.evil.example', '*.example.org';

    denied({ Host => 'evil.example' }, path => '/null');
    denied({ Origin => $_ }, path => '/null') for '', 'http://localhost';

    denied({ Origin => $_ }, path => '/v6')
        for 'http://[2001:db8::2]:80', 'http://[2001:db8::1]:81',
            'http://2001:db8::1:80', 'http://localhost';

    # not on a loopback address: the names that it is called by are not known,
    # but a page has to be of the same

    denied({ Host => 'gw.example', Origin => $_ }, unix => 1)
        for 'https://evil.example', 'https://gw.example.evil.example',
            'https://xgw.example', 'null', '', 'https://gw.example@evil',
            'https://gw.example:443@evil.example';
};

# those who may

allowed({ Host => $_ })
    for 'localhost', "localhost:$port", 'LOCALHOST', 'LocalHost:1',
        '127.0.0.1', "127.0.0.1:$port", '127.1.2.3', '[::1]', "[::1]:$port";

allowed({ Origin => $_ })
    for undef, 'http://localhost', "http://localhost:$port",
        'https://localhost:8443', 'HTTP://LOCALHOST:3000', 'http://127.0.0.1',
        'http://127.0.0.1:6274', 'http://127.9.9.9:1', 'http://[::1]',
        'http://[::1]:3000';

allowed({ Origin => $_ }, path => '/listed')
    for undef, 'https://app.example', 'HTTPS://APP.EXAMPLE',
        'http://dev.example:8080', 'http://plain.example',
        'https://plain.example:8443', 'https://a.example.org',
        'http://a.b.example.org:1', 'https://A.Example.ORG';

allowed({ Host => $_ }, path => '/listed')
    for 'app.example', 'app.example:443', 'dev.example', 'plain.example:1',
        'a.example.org', 'localhost', '127.0.0.1', 'APP.example';

allowed({ Host => 'app.example', Origin => 'https://app.example' },
        path => '/listed');
allowed({ Origin => $_ }, path => '/null') for 'null', 'https://app.example';
allowed({ Origin => 'http://[2001:db8::1]:80' }, path => '/v6');
allowed({ Host => '[2001:db8::1]' }, path => '/v6');

allowed({ Host => $_->[0], Origin => $_->[1] }, unix => 1)
    for ['gw.example', undef], ['gw.example', 'https://gw.example'],
        ['gw.example:8443', 'https://gw.example:8443'],
        ['GW.example', 'http://gw.EXAMPLE'], ['10.0.0.1', 'http://10.0.0.1'],
        ['[2001:db8::1]:80', 'http://[2001:db8::1]'],
        ['gw.example', 'http://localhost:3000'];

# a list holds for what is inside, and one there replaces it

my $inherited = Sentinel::MCP->new(port => $t->port('inherited'));

for (['/mcp', 'https://app.example', 200], ['/mcp', 'https://own.example', 403],
     ['/own', 'https://own.example', 200], ['/own', 'https://app.example', 403])
{
    my ($path, $origin, $status) = @$_;
    is $inherited->post($call, { %modern, Origin => $origin },
                        path => $path)->status, $status,
        "mcp_origin around and in $path: $origin";
}

done_testing;
