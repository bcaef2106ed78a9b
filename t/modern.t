# Clients of revision 2026-07-28.  Every request says in its headers what is in
# its body, for hops that decide by headers; so whatever does not agree must
# never come through, and the client must be told by code and status which of
# the two eras, versions and names it has wrong.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use MIME::Base64 qw/encode_base64/;

use constant { NOW => '2026-07-28', META => 'io.modelcontextprotocol/' };

my @legacy = qw/2025-11-25 2025-06-18 2025-03-26/;
my $odd_uri = "test://caf\x{e9}/\x{20ac}";

my $b = Sentinel::Backend->modern(
    tools => ['echo'], prompts => [{ name => 'greet' }],
    resources => [{ name => 'r', uri => 'test://one' },
                  { name => 'odd', uri => $odd_uri },
                  { name => 'trap', uri => '=?base64?ZWNobw==?=' },
                  { name => 'space', uri => ' test://space ' }]);
my $t = Sentinel::Test->new(backends => [one => $b])->run
    ->wait_catalog('echo');

my @sessions;

# a modern request's answer; none may ever carry a session

sub ask {
    my $r = $t->modern(@_);

    push @sessions, $_[0] if defined $r->header('Mcp-Session-Id');

    return $r;
}

sub base64 { return '=?base64?' . encode_base64($_[0], '') . '?=' }

sub call { return ('tools/call', { name => 'echo', arguments => {} }, @_) }

# which header, if one is at fault

sub named {
    my ($error) = @_;

    return (($error || {})->{data} || {})->{header};
}


untouched $b, 'nothing wrong reaches the backend', sub {

    # what is wrong with the body comes first

    my $good = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":'
             . '{"_meta":{"' . META . 'protocolVersion":"' . NOW . '","'
             . META . 'clientCapabilities":{}}}}';

    for ([-32700, '', 'empty'], [-32700, '{', 'cut'],
         [-32700, "\xef\xbb\xbf$good", 'BOM'], [-32700, "$good$good", 'two'],
         [-32600, "[$good]", 'batch'], [-32600, '[]', 'empty batch'],
         [-32600, '"x"', 'string'], [-32600, '1', 'number'],
         [-32600, 'null', 'null'],
         [-32600, $good =~ s/"id":1/"id":null/r, 'id null'],
         [-32600, $good =~ s/"id":1,//r, 'no id'],
         [-32600, $good =~ s/2\.0/2.1/r, 'jsonrpc 2.1'],
         [-32600, '{"jsonrpc":"2.0","id":1,"result":{}}', 'result'],
         [-32600, '{"jsonrpc":"2.0","id":1,"error":{"code":1,'
                  . '"message":"x"}}', 'error'])
    {
        my ($code, $raw, $what) = @$_;
        refused ask('tools/list', {}, raw => $raw), 400, $code,
            "body: $what";
    }

    refused ask(call(headers => { 'Content-Type' => 'text/plain' })),
        415, 415, 'Content-Type';
    refused ask(call(headers => { Accept => 'text/html' })), 406, 406,
        'a client that accepts no answer';

    # _meta

    for (['no params', raw => '{"jsonrpc":"2.0","id":1,'
                              . '"method":"tools/list"}'],
         ['no _meta', raw => '{"jsonrpc":"2.0","id":1,'
                             . '"method":"tools/list","params":{}}'],
         ['no protocolVersion', meta => { META . 'protocolVersion' => undef }],
         ['protocolVersion: 1', meta => { META . 'protocolVersion' => 1 }],
         ['protocolVersion: {}', meta => { META . 'protocolVersion' => {} }],
         ['no clientCapabilities',
          meta => { META . 'clientCapabilities' => undef }],
         ['clientCapabilities: []', caps => []],
         ['clientCapabilities: "x"', caps => 'x'],
         ['clientInfo: []', meta => { META . 'clientInfo' => [] }])
    {
        my ($what, @change) = @$_;
        refused ask('tools/list', {}, @change), 400, -32602, "_meta: $what";
    }

    refused ask('tools/list', {},
                raw => $good =~ s/"_meta":\{.*?\}\}/"_meta":[]/r),
        400, -32602, '_meta: a list';

    # versions

    for ('2099-01-01', '2026-07-29', '2025-11-25', '2024-11-05', 'draft', '') {
        my $error = refused ask(call(version => $_, id => 'v')), 400, -32022,
            "version '$_'", id => '"v"';
        is_deeply $error->{data},
            { supported => [NOW, @legacy], requested => $_ },
            'with those that are supported';
    }

    # Mcp-Method

    for (['no' => undef], ['an empty' => ''], ['another' => 'tools/list'],
         ['an upper-case' => 'TOOLS/CALL'],
         ['an encoded' => base64('tools/call')],
         ['a longer' => 'tools/call2'], ['a quoted' => '"tools/call"'],
         ['a percent-encoded' => 'tools%2Fcall'])
    {
        my ($what, $value) = @$_;
        my $error = refused
            ask(call(id => 'm', headers => { 'Mcp-Method' => $value })),
            400, -32020, "$what Mcp-Method", id => '"m"';
        is named($error), 'Mcp-Method', 'which is named';
    }

    # Mcp-Name

    for (['none' => undef], ['empty' => ''], ['another' => 'other'],
         ['upper case' => 'ECHO'], ['longer' => 'echo2'], ['shorter' => 'ech'],
         ['list' => 'echo, echo'], ['quoted' => '"echo"'],
         ['no base64: BASE64' => '=?BASE64?ZWNobw==?='],
         ['no base64: Base64' => '=?Base64?ZWNobw==?='],
         ['base64 without its end' => '=?base64?ZWNobw=='],
         ['base64 without its beginning' => 'ZWNobw==?='],
         ['base64 alone' => 'ZWNobw=='],
         ['base64 and more' => '=?base64?ZWNobw==?=x'],
         ['base64 after more' => 'x=?base64?ZWNobw==?='],
         ['padding missing' => '=?base64?ZWNobw?='],
         ['padding short' => '=?base64?ZWNobw=?='],
         ['padding long' => '=?base64?ZWNobw===?='],
         ['padding only' => '=?base64?====?='],
         ['padding amid' => '=?base64?ZW==Nobw?='],
         ['bits behind the end' => '=?base64?ZWNobx==?='],
         ['a space in it' => '=?base64?ZWNo bw==?='],
         ['the URL alphabet' => '=?base64?ZWNob_-_?='],
         ['nothing in it' => '=?base64??='], ['too short' => '=?base64?='],
         ['a byte in it' => '=?base64?Z?='],
         ['encoded twice' => base64(base64('echo'))],
         ['another, encoded' => base64('other')],
         ['NUL behind it, encoded' => base64("echo\0")],
         ['a line end in it, encoded' => base64("echo\r\nX: y")],
         ['no UTF-8, encoded' => base64("\xff\xfe")],
         ['overlong UTF-8, encoded' => base64("\xe5cho")],
         ['q-encoded' => '=?utf-8?q?echo?='],
         ['percent-encoded' => '%65cho'], ['a control' => "echo\x01"],
         ['escape' => "\x1becho"], ['DEL' => "echo\x7f"],
         ['raw bytes' => "ech\xc3\xb3"], ['Latin-1' => "ech\xf3"],
         ['fullwidth' => "\xef\xbd\x85cho"])
    {
        my ($what, $value) = @$_;
        my $error = refused
            ask(call(id => 'n', headers => { 'Mcp-Name' => $value })),
            400, -32020, "Mcp-Name: $what", id => '"n"';
        is named($error), 'Mcp-Name', 'which is named';
    }

    for (['prompts/get', { name => 'greet' }, 'greet'],
         ['resources/read', { uri => 'test://one' }, 'test://one'])
    {
        my ($method, $params, $name) = @$_;

        refused ask($method, $params, headers => { 'Mcp-Name' => $_ }),
            400, -32020, "$method: Mcp-Name: " . ($_ // 'none')
            for undef, '', uc $name, 'echo', "$name/";
    }

    refused ask('resources/read', { uri => $odd_uri },
                headers => { 'Mcp-Name' => "test://caf\xc3\xa9/\xe2\x82\xac" }),
        400, -32020, 'a URI that is not ASCII, raw';
    refused ask('resources/read', { uri => '=?base64?ZWNobw==?=' },
                headers => { 'Mcp-Name' => '=?base64?ZWNobw==?=' }),
        400, -32020, 'a URI that looks encoded, sent as it is';
    refused ask('resources/read', { uri => ' test://space ' },
                headers => { 'Mcp-Name' => ' test://space ' }),
        400, -32020, 'a URI with spaces round it, sent as it is';

    # underscores are no hyphens; a header that is there twice is ambiguous

    for (['Mcp-Method', 'tools/call'], ['Mcp-Name', 'echo'],
         ['MCP-Protocol-Version', NOW])
    {
        my ($name, $value) = @$_;

        refused ask(call(headers => { $name => undef,
                                      $name =~ tr/-/_/r => $value })),
            400, -32020, $name . ' with underscores is not it';

        for ([$value, $value], [$value, 'other'], ['other', $value],
             ['', $value])
        {
            my $r = ask(call(headers => { $name => $_ }));
            is $r->status, 400, "$name: @$_ (twice)";
            like $r->code // 0, qr/\A-32(?:600|020)\z/, 'refused';
        }
    }

    # methods that there are not (any more)

    for (qw{initialize ping logging/setLevel resources/subscribe
            resources/unsubscribe roots/list sampling/createMessage
            elicitation/create tasks/list tasks/result no/such Tools/List
            tools/call2 completion/complete}, 'tools/list ', "tools/l\x{131}st")
    {
        my %params = m{subscribe} ? (uri => 'test://one')
                   : m{^init} ? (protocolVersion => '2025-11-25',
                                 capabilities => {},
                                 clientInfo => { name => 'x',
                                                 version => '1' })
                   : m{^log} ? (level => 'info')
                   : m{^compl} ? (ref => { type => 'ref/prompt',
                                           name => 'greet' },
                                  argument => { name => 'a', value => '' })
                   : ();
        my $method = $_;
        utf8::encode($method);

        # neither can stand in a header
        next if $method =~ /[^!-~]/;

        refused ask($_, \%params, id => 'gone'), 404, -32601, "$_: gone",
            id => '"gone"';
    }

    for (['tasks/get', { taskId => 'x' }], ['tasks/cancel', { taskId => 'x' }],
         ['tasks/update', { taskId => 'x' }])
    {
        refused ask(@$_), 404, -32601, "$_->[0]: not offered";
    }

    # what is behind the headers: HTTP 200

    for (['tools/call', { name => 'none', arguments => {} }],
         ['tools/call', { name => 'Echo' }], ['tools/call', { name => '' }],
         ['prompts/get', { name => 'none' }],
         ['tools/list', { cursor => 'none' }], ['tools/list', { cursor => '' }],
         ['prompts/list', { cursor => 'at-0' }],
         ['resources/list', { cursor => 'x' x 5000 }],
         ['resources/templates/list', { cursor => '\\' }],
         ['tools/list', { cursor => 7 }],
         ['tools/call', { name => 'echo', arguments => [] }],
         ['tools/call', { name => 'echo', arguments => 'x' }])
    {
        my ($method, $params) = @$_;
        refused ask($method, $params, id => 'p'), 200, -32602,
            "$method " . substr(shown($params), 0, 40), id => '"p"';
    }

    for ('test://none', 'TEST://one', "test://caf\x{e9}", '') {
        my $error = refused ask('resources/read', { uri => $_ }), 200, -32602,
            'resources/read ' . shown($_);
        is_deeply $error->{data}, { uri => $_ }, 'with its URI';
    }

    for (['tools/call', {}], ['tools/call', { name => 1 }],
         ['tools/call', { name => ['echo'] }], ['prompts/get', {}],
         ['resources/read', {}], ['resources/read', { uri => 1 }])
    {
        my ($method, $params) = @$_;
        is ask($method, $params, headers => { 'Mcp-Name' => 'x' })->code,
            -32602, "$method " . shown($params);
    }

    # every combination of the headers and what they repeat

    my @bad;

    for my $version (undef, NOW, '2025-11-25', '2099-01-01', 'x') {
        for my $meta (undef, NOW, '2025-11-25', '2099-01-01', 7) {
            for my $caps (0, 1) {
                for my $method (undef, 'tools/call', 'tools/list') {
                    for my $name (undef, 'none', 'other') {
                        push @bad, combination($version, $meta, $caps,
                                               $method, $name);
                    }
                }
            }
        }
    }

    is_deeply \@bad, [], '450 combinations of headers and body';
};


# An unknown tool, so that the right combination reaches no backend either.

sub combination {
    my ($version, $meta, $caps, $method, $name) = @_;
    my ($want, $r, $got);

    $want = !defined $meta && ($version // '') !~ /^20(?:26|99)/
                ? '400 -32600'        # legacy, and in no session
          : ($meta // '') eq '7' ? '400 -32602'
          : !defined $version ? '400 -32020'
          : !defined $meta ? '400 -32602'
          : $version ne $meta ? '400 -32020'
          : !$caps ? '400 -32602'
          : $version ne NOW ? '400 -32022'
          : ($method // '') ne 'tools/call' ? '400 -32020'
          : ($name // '') ne 'none' ? '400 -32020'
          : '200 -32602';

    $r = ask('tools/call', { name => 'none', arguments => {} }, id => 1,
        meta => { META . 'protocolVersion' => $meta,
                  META . 'clientCapabilities' => $caps ? {} : undef },
        headers => { 'MCP-Protocol-Version' => $version,
                     'Mcp-Method' => $method, 'Mcp-Name' => $name });
    $got = $r->status . ' ' . ($r->code // 'none');

    return $got eq $want && id_of($r) eq '1' ? ()
         : "$got, not $want: " . shown([@_]);
}


# The same headers in every form that is allowed.

for (['base64' => { 'Mcp-Name' => base64('echo') }],
     ['spaces round values' => { 'Mcp-Name' => '  echo  ',
                                 'Mcp-Method' => ' tools/call ' }],
     ['tabs round values' => { 'Mcp-Name' => "\techo\t" }],
     ['names in lower case' => { 'Mcp-Name' => undef, 'mcp-name' => 'echo',
                                 'Mcp-Method' => undef,
                                 'mcp-method' => 'tools/call' }],
     ['names in upper case' => { 'Mcp-Name' => undef, 'MCP-NAME' => 'echo',
                                 'MCP-Protocol-Version' => undef,
                                 'mcp-PROTOCOL-version' => NOW }],
     ['no Accept' => { Accept => undef }],
     ['Accept: application/json' => { Accept => 'application/json' }],
     ['Accept: text/event-stream' => { Accept => 'text/event-stream' }],
     ['Accept: */*' => { Accept => '*/*' }],
     ['headers of the other era' => { 'Mcp-Session-Id' => 'x',
                                      'Last-Event-ID' => '7' }],
     ['a header of no meaning' => { Mcp_Name => 'other' }])
{
    my ($what, $headers) = @$_;
    my $r = ask('tools/call', { name => 'echo',
                                arguments => { message => $what } },
                headers => $headers);
    is_deeply [$r->status, $r->text], [200, $what], "a call with $what";
}

is ask(call(meta => { META . 'clientInfo' => undef }))->status, 200,
    'clientInfo is not required';
is ask('tools/list', {}, headers => { 'Mcp-Name' => 'x' })->status, 200,
    'Mcp-Name where none is asked for';

is ask('prompts/get', { name => 'greet', arguments => { a => 'b' } })
     ->result->{messages}[0]{content}{text},
    'backend prompts greet: a=b', 'prompts/get';

for ($odd_uri, '=?base64?ZWNobw==?=', ' test://space ', 'test://one') {
    is_deeply [map { $_->{uri} } @{ (ask('resources/read', { uri => $_ })
                                     ->result // {})->{contents} }],
        [$_], 'resources/read ' . shown($_);
}

# notifications

for (['cancelled', { requestId => 'x' }],
     ['progress', { progressToken => 1, progress => 1 }], ['initialized', {}],
     ['roots/list_changed', {}], ['no/such', {}])
{
    my ($name, $params) = @$_;

    for (['', { 'MCP-Protocol-Version' => NOW }],
         [', headers and all', { 'MCP-Protocol-Version' => NOW,
                                 'Mcp-Method' => "notifications/$name" }],
         [', no Accept', { 'MCP-Protocol-Version' => NOW, Accept => undef }])
    {
        my ($what, $headers) = @$_;
        my $r = $t->post({ jsonrpc => '2.0', method => "notifications/$name",
                           params => $params }, $headers);

        is_deeply [$r->status, $r->body, $r->header('Mcp-Session-Id')],
            [202, '', undef], "notifications/$name$what: 202";
    }

    refused ask("notifications/$name", $params), 400, -32600,
        'but not with an id';
}

is $t->post({ jsonrpc => '2.0', method => 'notifications/cancelled',
              params => { requestId => 1, _meta => {
                  META . 'protocolVersion' => NOW } } })->status, 202,
    'a notification that is modern by its body';

# other methods of HTTP

for my $method (qw/GET DELETE/) {
    my $r = $t->http($method, '/mcp', { 'MCP-Protocol-Version' => NOW,
                                        Accept => 'text/event-stream' });
    like $r->status, qr/\A40[05]\z/, "$method is of the other era";
    is $r->header('Mcp-Session-Id'), undef, 'no session';
}

# what the gateway answers by itself

my (%answer, @requests);

@requests = sent $b, sub {
    $answer{$_} = ask($_, {}, id => 'l')
        for qw{server/discover tools/list prompts/list resources/list
               resources/templates/list};
};

is_deeply [grep { $_->{headers}{'x-request-id'} } @requests], [],
    'lists are answered without the backend';

for (sort keys %answer) {
    my $result = $answer{$_}->result;

    is_deeply [$answer{$_}->status, id_of($answer{$_}),
               $result->{resultType}, $result->{cacheScope}],
        [200, '"l"', 'complete', 'private'], $_;
    like $result->{ttlMs} // '', qr/\A\d+\z/, 'ttlMs';
    is $result->{_meta}{META . 'serverInfo'}{name}, 'sentinel', 'serverInfo';
    is ask($_, {}, id => 'l')->body, $answer{$_}->body, 'always the same';
}

my $discover = $answer{'server/discover'}->result;

is_deeply [sort keys %$discover],
    [qw/_meta cacheScope capabilities resultType supportedVersions ttlMs/],
    'server/discover has what it must have';
is_deeply $discover->{supportedVersions}, [NOW, @legacy],
    'the versions as in -32022';
is_deeply $discover->{capabilities},
    { map { $_ => { listChanged => JSON::PP::true } }
      qw/tools prompts resources/ }, 'what is offered';
is_deeply [$answer{'tools/list'}->tools], ['echo'], 'the tools';
is_deeply [map { $_->{uri} }
           @{ $answer{'resources/list'}->result->{resources} }],
    ['test://one', $odd_uri, '=?base64?ZWNobw==?=', ' test://space '],
    'the resources';
is_deeply $answer{'resources/templates/list'}->result->{resourceTemplates},
    [], 'the templates';
ok $discover->{ttlMs} <= 60000, 'ttlMs is no more than the backend says';

my $read = ask('resources/read', { uri => 'test://one' })->result;
is_deeply [sort grep { $_ ne '_meta' } keys %$read],
    [qw/cacheScope contents resultType ttlMs/], 'resources/read';
is ask(call())->result->{resultType}, 'complete', 'tools/call';

is_deeply \@sessions, [], 'no answer carried a session';

done_testing;
