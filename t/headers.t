# Mcp-Param-*: arguments that a tool's schema wants repeated in headers
# (x-mcp-header).  Hops decide by these headers, so they must agree with the
# body that is executed, and are made anew where the client sends none.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use MIME::Base64 qw/encode_base64/;

use constant META => 'io.modelcontextprotocol/';

sub base64 { return '=?base64?' . encode_base64($_[0], '') . '?=' }

my %schema = (type => 'object', properties => {
    region => { type => 'string', 'x-mcp-header' => 'Region' },
    limit => { type => 'integer', 'x-mcp-header' => 'Limit' },
    dry => { type => 'boolean', 'x-mcp-header' => 'Dry-Run' },
    at => { type => 'object', properties => {
        host => { type => 'string', 'x-mcp-header' => 'At-Host' } } },
    free => { type => 'string' },
});

sub tool {
    my ($name, $schema) = @_;

    return { name => $name, inputSchema => $schema };
}

sub broken {
    my ($name, %property) = @_;

    return tool($name, { type => 'object', properties => \%property });
}

my $string = { type => 'string', 'x-mcp-header' => 'X' };

my @broken = (
    broken('b_number', a => { type => 'number', 'x-mcp-header' => 'X' }),
    broken('b_array', a => { type => 'array', items => $string }),
    broken('b_object', a => { type => 'object', 'x-mcp-header' => 'X' }),
    broken('b_no_type', a => { 'x-mcp-header' => 'X' }),
    broken('b_space', a => { type => 'string', 'x-mcp-header' => 'X Y' }),
    broken('b_empty', a => { type => 'string', 'x-mcp-header' => '' }),
    broken('b_crlf', a => { type => 'string',
                            'x-mcp-header' => "X\r\nY: z" }),
    broken('b_colon', a => { type => 'string', 'x-mcp-header' => 'X:' }),
    broken('b_true', a => { type => 'string',
                            'x-mcp-header' => JSON::PP::true }),
    broken('b_utf8', a => { type => 'string', 'x-mcp-header' => "\x{e9}" }),
    broken('b_twice', a => $string, b => $string),
    broken('b_case', a => $string,
           b => { type => 'string', 'x-mcp-header' => 'x' }),
    broken('b_any', a => { anyOf => [$string, { type => 'null' }] }),
    tool('b_one', { type => 'object',
                    oneOf => [{ properties => { a => $string } }] }),
    tool('b_root', { type => 'object', 'x-mcp-header' => 'X' }),
    tool('b_additional', { type => 'object',
                           additionalProperties => $string }),
    tool('b_pattern', { type => 'object',
                        patternProperties => { '^a' => $string } }),
    tool('b_ref', { type => 'object', properties => {
                        a => { '$ref' => '#/$defs/a' } },
                    '$defs' => { a => $string } }),
);

# names that are allowed but that nginx drops from what clients send

my %rare = (
    a => { type => 'string', 'x-mcp-header' => 'A.B' },
    b => { type => 'string', 'x-mcp-header' => 'C_D' },
    c => { type => 'string', 'x-mcp-header' => "!#\$%&'*+^`|~" },
);

my $modern = Sentinel::Backend->modern(
    tools => [@broken, tool('query', \%schema), 'echo',
                                broken('rare', %rare)]);
my $legacy = Sentinel::Backend->legacy(tools => [tool('query', \%schema)]);
my $t = Sentinel::Test->new(backends => [m => $modern, l => $legacy])->run
    ->wait_catalog('m_query', 'l_query', 'm_rare');

# tools with annotations that break the rules are left out, one by one

is_deeply [$t->modern('tools/list')->tools],
    [qw/m_query m_echo m_rare l_query/],
    'tools with annotations that break the rules are not offered';

my $log = $t->error_log;
like $log, qr/\[warn\].* "m": tool "$_"/, "a warning about $_"
    for map { $_->{name} } @broken;

untouched $modern, 'nor can they be called', sub {
    refused $t->call("m_$_->{name}", { a => 'x' },
                     headers => { 'Mcp-Param-X' => 'x' }),
        200, -32602, "call of $_->{name}"
        for @broken;
};

# The headers for an argument text; undef: none.

sub call {
    my ($tool, $arguments, $headers, %opt) = @_;
    my $raw;

    $raw = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
         . "\"name\":\"$tool\",\"arguments\":$arguments,\"_meta\":{\""
         . META . 'protocolVersion":"2026-07-28","' . META
         . 'clientCapabilities":{}}}}';

    return $t->call($tool, undef, raw => $raw, headers => $headers, %opt);
}

my %region = ('Mcp-Param-Region' => 'eu');

# what disagrees

for my $tool ('m_query', 'l_query') {
    my $b = $tool =~ /^m/ ? $modern : $legacy;

    untouched $b, "$tool: nothing that disagrees reaches the backend", sub {
        for ([Region => '{"region":"eu"}', undef],
             [Region => '{"region":"eu"}', ''],
             [Region => '{"region":"eu"}', 'us'],
             [Region => '{"region":"eu"}', 'EU'],
             [Region => '{"region":"eu"}', 'eu, eu'],
             [Region => '{"region":"eu"}', '"eu"'],
             [Region => '{"region":"eu"}', 'e%75'],
             [Region => '{"region":"eu"}', '=?base64?ZXU?='],
             [Region => '{"region":"eu"}', '=?BASE64?ZXU=?='],
             [Region => '{"region":"eu"}', base64('us')],
             [Region => '{"region":"eu"}', base64("eu\0")],
             [Region => '{"region":"e\u00fc"}', "e\xc3\xbc"],
             [Region => '{"region":"e\u00fc"}', base64("e\xfc")],
             [Region => '{"region":""}', undef],
             [Region => '{"region":null}', 'null'],
             [Region => '{"region":null}', ''],
             [Region => '{}', 'eu'], [Region => '{}', ''],
             [Region => '{"free":"eu"}', 'eu'],
             [Region => '{"Region":"eu"}', 'eu'],
             [Region => '{"at":{"region":"eu"}}', 'eu'],
             [Region => '{"region":7}', '8'],
             [Region => '{"region":["eu"]}', 'eu'],
             [Region => '{"region":"=?base64?ZXU=?="}', '=?base64?ZXU=?='],
             [Limit => '{"limit":42}', undef], [Limit => '{"limit":42}', '43'],
             [Limit => '{"limit":42}', '-42'],
             [Limit => '{"limit":42}', '042'],
             [Limit => '{"limit":42}', '+42'],
             [Limit => '{"limit":42}', '0x2a'],
             [Limit => '{"limit":42}', '42,000'],
             [Limit => '{"limit":42}', '42.'],
             [Limit => '{"limit":42}', '42.5'],
             [Limit => '{"limit":42}', '4 2'],
             [Limit => '{"limit":42}', '42e'],
             [Limit => '{"limit":42}', '42e1'],
             [Limit => '{"limit":42}', '"42"'],
             [Limit => '{"limit":42}', 'forty-two'],
             [Limit => '{"limit":0}', ''],
             [Limit => '{"limit":9007199254740991}', '9007199254740990'],
             [Limit => '{"limit":9007199254740993}', '9007199254740992'],
             [Limit => '{"limit":9007199254740992}', '9007199254740993'],
             [Limit => '{"limit":1e400}', '1e401'],
             [Limit => '{"limit":18446744073709551658}', '42'],
             [Limit => '{"limit":1e-2}', '0'],
             [Limit => '{"limit":null}', '0'], [Limit => '{}', '0'],
             [Limit => '{"limit":"42"}', '43'],
             ['Dry-Run' => '{"dry":true}', undef],
             ['Dry-Run' => '{"dry":true}', 'false'],
             ['Dry-Run' => '{"dry":true}', 'True'],
             ['Dry-Run' => '{"dry":true}', 'TRUE'],
             ['Dry-Run' => '{"dry":true}', '1'],
             ['Dry-Run' => '{"dry":false}', '0'],
             ['Dry-Run' => '{"dry":false}', ''],
             ['Dry-Run' => '{"dry":false}', undef],
             ['At-Host' => '{"at":{"host":"h"}}', undef],
             ['At-Host' => '{"at":{"host":"h"}}', 'i'],
             ['At-Host' => '{"at":{}}', 'h'],
             ['At-Host' => '{"at":"h"}', 'h'],
             ['At-Host' => '{"host":"h"}', 'h'])
        {
            my ($header, $arguments, $value) = @$_;
            my $error = refused
                call($tool, $arguments, { "Mcp-Param-$header" => $value }),
                400, -32020, "$tool $arguments: " . shown($value), id => '1';
            is $error->{data}{header}, "Mcp-Param-$header", 'which is named';
        }

        for (['eu', 'eu'], ['eu', 'us'], ['us', 'eu']) {
            is call($tool, '{"region":"eu"}', { 'Mcp-Param-Region' => $_ })
                 ->status, 400, "$tool: @$_ (twice)";
        }

        is call($tool, '{"region":"eu"}', { %region, 'mcp-param-REGION' => 'us'
                                            })->status, 400,
            'twice, in two spellings';
        is call($tool, '{}', { 'Mcp-Param-New' => ['a', 'a'] })->status, 400,
            'one that no schema names, twice';
        is call($tool, '{}', { 'Mcp-Param-New' => "a\xff" })->status, 400,
            'one that no schema names, with bytes that may not be in it';
        is call($tool, '{"region":"eu"}', { Mcp_Param_Region => 'eu' })->status,
            400, 'with underscores it is another header';
    };
}

# what agrees, and what the backend gets then

for ([Region => '{"region":"eu"}', 'eu'],
     [Region => '{"region":"\u0065u"}', 'eu'],
     [Region => '{"region":"eu"}', base64('eu')],
     [Region => '{"region":"e\u00fc"}', base64("e\xc3\xbc")],
     [Region => '{"region":" eu"}', base64(' eu')],
     [Region => '{"region":"a\nb"}', base64("a\nb")],
     [Region => '{"region":""}', '=?base64??='],
     [Region => '{"region":"a b, \"c\""}', 'a b, "c"'],
     [Region => '{"region":"=?base64?ZXU=?="}', base64('=?base64?ZXU=?=')],
     [Region => '{"region":null}', undef], [Region => '{}', undef],
     [Limit => '{"limit":42}', '42'], [Limit => '{"limit":42.0}', '42'],
     [Limit => '{"limit":42}', '42.0'], [Limit => '{"limit":4.2e1}', '42'],
     [Limit => '{"limit":42}', '4200e-2'], [Limit => '{"limit":-7}', '-7'],
     [Limit => '{"limit":0}', '-0'], [Limit => '{"limit":-0.0}', '0'],
     [Limit => '{"limit":9007199254740991}', '9007199254740991'],
     [Limit => '{"limit":9007199254740991.0}', '9007199254740991'],
     [Limit => '{"limit":null}', undef],
     ['Dry-Run' => '{"dry":true}', 'true'],
     ['Dry-Run' => '{"dry":false}', 'false'],
     ['At-Host' => '{"at":{"host":"h"}}', 'h'],
     ['At-Host' => '{"at":null}', undef],
     ['New' => '{"free":"x"}', 'anything'],
     ['New' => '{"free":"x"}', '=?base64?not really'])
{
    my ($header, $arguments, $value) = @$_;
    my ($r, $request, @value);

    ($request) = sent $modern, sub {
        $r = call('m_query', $arguments, { "Mcp-Param-$header" => $value });
    };

    is_deeply [$r->status, $r->code], [200, undef],
        "$arguments: " . shown($value);
    @value = lines($request || {}, "Mcp-Param-$header");
    is_deeply \@value, [defined $value ? $value : ()],
        'passed on as it is, once';
}

my ($request) = sent $modern, sub {
    is call('m_rare', '{"a":"x","b":"y","c":"z"}',
            { 'Mcp-Param-A.B' => 'x', 'Mcp-Param-C_D' => 'y',
              "Mcp-Param-!#\$%&'*+^`|~" => 'z' })->status, 200,
        'names of headers that nginx drops';
};
is_deeply [map { lines($request || {}, "Mcp-Param-$_") } 'A.B', 'C_D',
                                                "!#\$%&'*+^`|~"],
    [qw/x y z/], 'they reach the backend all the same';

is call('l_query', '{"region":"eu","limit":1}',
        { %region, 'Mcp-Param-Limit' => 1 })->status, 200,
    'a legacy backend behind the same check';
is_deeply [grep { $_->[0] =~ /^mcp-(?:param|name|method)/i }
           @{ ($legacy->requests('tools/call'))[-1]{raw_headers} }],
    [], 'gets no such header';

($request) = sent $modern, sub {
    call('m_query', '{"region":"eu"}', { 'mcp-pARAM-region' => 'eu' });
};
is_deeply [lines($request, 'Mcp-Param-Region')], ['eu'],
    'names of headers are the same in any case';

# For a legacy client the gateway makes them, and takes none from it.

my $s = $t->legacy;

for (['{"region":"eu","limit":42,"dry":true,"at":{"host":"h"}}',
      Region => 'eu', Limit => '42', 'Dry-Run' => 'true', 'At-Host' => 'h'],
     ['{}'], ['{"region":null,"limit":null,"dry":null,"at":null}'],
     ['{"free":"x"}'], ['{"at":{"host":null}}'], ['{"at":[]}'],
     ['{"limit":42.0}', Limit => '42'], ['{"limit":1e2}', Limit => '100'],
     ['{"limit":-0}', Limit => '0'],
     ['{"limit":9007199254740991}', Limit => '9007199254740991'],
     ['{"limit":9007199254740993}'], ['{"limit":1.5}'],
     ['{"limit":"42"}'], ['{"dry":"true"}'], ['{"region":7}'],
     ['{"region":"a b"}', Region => 'a b'],
     ['{"region":" a"}', Region => base64(' a')],
     ['{"region":"a\t"}', Region => base64("a\t")],
     ['{"region":""}', Region => '=?base64??='],
     ['{"region":"\u00e9"}', Region => base64("\xc3\xa9")],
     ['{"region":"\ud83d\ude00"}', Region => base64("\xf0\x9f\x98\x80")],
     ['{"region":"x\r\nEvil: 1"}', Region => base64("x\r\nEvil: 1")],
     ['{"region":"\u0000"}', Region => base64("\0")],
     ['{"region":"\u007f"}', Region => base64("\x7f")],
     ['{"region":"=?base64?ZXU=?="}', Region => base64('=?base64?ZXU=?=')],
     ['{"region":"=?base64?"}', Region => '=?base64?'])
{
    my ($arguments, %want) = @$_;
    my (%got, $r);

    ($request) = sent $modern, sub {
        $r = $s->request('tools/call', {}, raw =>
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":'
            . "{\"name\":\"m_query\",\"arguments\":$arguments}}",
            headers => { 'Mcp-Param-Region' => 'spoofed',
                         'Mcp-Param-Limit' => '-1', 'Mcp-Param-New' => 'x',
                         'Mcp-Name' => 'm_echo', 'Mcp-Method' => 'ping' });
    };

    is $r->status, 200, "from a legacy client: $arguments";
    push @{ $got{$_->[0]} }, $_->[1]
        for grep { $_->[0] =~ /^mcp-(?!protocol)/i }
            @{ ($request || {})->{raw_headers} };
    is_deeply \%got, { 'Mcp-Method' => ['tools/call'],
                       'Mcp-Name' => ['query'],
                       map { ("Mcp-Param-$_" => [$want{$_}]) } keys %want },
        'headers by its body alone';
}

# The backend's schema changes: what it refuses is not the client's fault, and
# the gateway learns.

my $strict = Sentinel::Backend->modern(
    name => 'strict', tools => [tool('q', { type => 'object' })],
    before => sub {
        my ($c, $params, $request) = @_;

        return 0 if ($request->{json}{method} // '') ne 'tools/call'
                    || defined $request->{headers}{'mcp-param-new'};
        $c->error(-32020, 'Mcp-Param-New is missing',
                  { header => 'Mcp-Param-New' }, status => 400);
        return 1;
    });

my $u = Sentinel::Test->new(backends => [s => $strict])->run
    ->wait_catalog('q');
my $old = $u->legacy;

$strict->set(tools => [tool('q', { type => 'object', properties => {
    a => { type => 'string', 'x-mcp-header' => 'New' } } })]);

my $first = $old->call('q', { a => 'x' });
is $first->status, 200, 'a backend that wants a new header';
isnt $first->code // 0, -32020, 'is no error of the client';
ok await { $old->call('q', { a => 'x' })->text }, 'soon it gets that header';

done_testing;
