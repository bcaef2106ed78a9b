# Arguments against the tool's inputSchema: what does not fit never reaches
# the backend, and the caller is told where and why; what fits reaches it as
# it was.  A schema that is of no use costs its own tool alone.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

use constant DRAFT7 => 'http://json-schema.org/draft-07/schema#';

my $true = JSON::PP::true;
my $false = JSON::PP::false;

sub tool {
    my ($name, %schema) = @_;

    return { name => $name, inputSchema => { type => 'object', %schema } };
}

my @tools = (
    tool('plain',
         properties => {
             path => { type => 'string', minLength => 1 },
             mode => { enum => [qw/read write/] },
             count => { type => 'integer', minimum => 1, maximum => 10 },
             tags => { type => 'array', items => { type => 'string' },
                       uniqueItems => $true, maxItems => 3 },
             where => { '$ref' => '#/$defs/place' },
             maybe => { anyOf => [{ type => 'integer' },
                                  { type => 'null' }] },
         },
         required => ['path'], additionalProperties => $false,
         '$defs' => { place => {
             type => 'object', required => ['x'],
             properties => { x => { type => 'number', multipleOf => 0.1 } },
         } }),
    tool('old', '$schema' => DRAFT7,
         properties => { pair => { items => [{ type => 'string' },
                                             { type => 'integer' }],
                                   additionalItems => $false } },
         definitions => { n => { type => 'integer' } }),
    tool('tree', properties => { children => {
        type => 'array', items => { '$ref' => '#' } } },
        additionalProperties => $false),
    tool('open'),
    tool('key', properties => { k => { type => 'string',
                                       pattern => '^[a-z]{2,4}-\d+$' } }),
);

my %call = map { $_->{name} => sub { Sentinel::Tools::text('done') } } @tools;

my @prompts = ({ name => 'ask', text => 'Q', arguments => [
    { name => 'topic', required => $true }, { name => 'tone' },
    { name => 'length', required => $true } ] },
    { name => 'free', text => 'Q' });

my $modern = Sentinel::Backend->modern(tools => \@tools, call => \%call,
                                       prompts => \@prompts);
my $legacy = Sentinel::Backend->legacy(tools => \@tools, call => \%call,
                                       prompts => \@prompts);

my $t = Sentinel::Test->new(
    backends => [m => $modern, l => $legacy],
    http => '
        log_format outcome "$mcp_name $mcp_outcome $mcp_error_code";
        access_log %%DIR%%/outcome.log outcome;
        mcp_validate on;',
    server => 'location /off { mcp_validate off; mcp_pass all; }',
)->run->wait_catalog('m_plain', 'l_plain');

my $session = $t->legacy;


# What each pair of client and backend says of such a call.

sub each_pair {
    my ($tool, $arguments, $check) = @_;

    for my $side (qw/m l/) {
        my $backend = $side eq 'm' ? $modern : $legacy;

        $check->("modern client, $side",
                 sub { $t->call("${side}_$tool", $arguments, @_) }, $backend);
        $check->("legacy client, $side",
                 sub { $session->call("${side}_$tool", $arguments, @_) },
                 $backend);
    }
}

sub fits {
    my ($tool, $arguments, $name) = @_;

    each_pair $tool, $arguments, sub {
        my ($pair, $call, $backend) = @_;
        my ($r, @sent);

        @sent = sent $backend, sub { $r = $call->() };
        is eval { $r->text }, 'done', "$name: $pair"
            or diag $r ? $r->body : 'no answer';
        is_deeply $sent[0]{json}{params}{arguments}, $arguments,
            '... with its arguments';
    };
}

# want: [path, keyword] of each error, in any order

sub invalid {
    my ($tool, $arguments, $name, @want) = @_;

    each_pair $tool, $arguments, sub {
        my ($pair, $call, $backend) = @_;

        untouched $backend, "... $pair: the backend hears nothing", sub {
            my $error = refused $call->(id => 'v'), 200, -32602,
                "$name: $pair", id => '"v"';
            my @got = map { [@$_{qw/path keyword/}] }
                      @{ ref $error->{data} eq 'ARRAY' ? $error->{data}
                                                       : [] };

            is_deeply [sort map { "@$_" } @got], [sort map { "@$_" } @want],
                '... where and why' or diag explain $error;
            like $error->{message} // '',
                qr/\Ainvalid arguments: .*\Q$error->{data}[0]{message}\E\z/s,
                '... and in its message';
        };
    };
}

fits 'plain', { path => 'a' }, 'what is required';
fits 'plain', { path => 'a', mode => 'read', count => 10, tags => ['x', 'y'],
                where => { x => 0.3 }, maybe => undef }, 'all there is';
fits 'plain', { path => "\x{1f600}", count => 1 }, 'one character';
fits 'open', { any => { thing => [1, undef] } }, 'what no schema forbids';
fits 'old', { pair => ['a', 1] }, 'draft-07';
fits 'tree', { children => [{ children => [] }, {}] }, 'a recursive schema';
fits 'key', { k => 'abc-12' }, 'a pattern';

invalid 'plain', {}, 'nothing', ['', 'required'];
invalid 'plain', undef, 'no arguments', ['', 'required'];
invalid 'plain', { path => 1 }, 'a number', ['/path', 'type'];
invalid 'plain', { path => '' }, 'too short', ['/path', 'minLength'];
invalid 'plain', { path => 'a', mode => 'Read' }, 'enum', ['/mode', 'enum'];
invalid 'plain', { path => 'a', count => 1.5 }, '1.5', ['/count', 'type'];
invalid 'plain', { path => 'a', count => 11 }, '11', ['/count', 'maximum'];
invalid 'plain', { path => 'a', 'x/y~z' => 1 }, 'another',
    ['/x~1y~0z', 'additionalProperties'];
invalid 'plain', { path => 'a', tags => ['x', 2, 'x'] }, 'tags',
    ['/tags', 'uniqueItems'], ['/tags/1', 'type'];
invalid 'plain', { path => 'a', where => { x => 0.25 } }, 'through a $ref',
    ['/where/x', 'multipleOf'];
invalid 'plain', { path => 'a', maybe => 'x' }, 'no alternative',
    ['/maybe', 'anyOf'];
invalid 'plain', { mode => 1, count => 0, tags => {}, where => {}, more => 1 },
    'several', ['', 'required'], ['/mode', 'enum'], ['/count', 'minimum'],
    ['/tags', 'type'], ['/where', 'required'],
    ['/more', 'additionalProperties'];
invalid 'old', { pair => ['a', 1, 2] }, 'draft-07', ['/pair/2', 'false'];
invalid 'tree', { children => [{}, { children => [{ x => 1 }] }] }, 'a tree',
    ['/children/1/children/0/x', 'additionalProperties'];
invalid 'key', { k => "abc-12\n" }, 'a line end behind what fits',
    ['/k', 'pattern'];

# messages tell what to do, and not what was sent

my $secret = 'xyzzy' x 1000;
my $r = $t->call('m_plain', { path => ['a', $secret], mode => $secret });

unlike $r->body, qr/xyzzy/, 'a value is not repeated';
like $r->body, qr/must be a string, not an array/, 'a type';
like $r->body, qr/must be one of \\"read\\", \\"write\\"/, 'the values';
ok length $r->body < 1000, 'the answer is short';
unlike $t->error_log, qr/xyzzy/, 'nor is it in the log';

$r = $t->call('m_plain', { path => 'a', map { $_ => 1 } 'a' .. 'z' });
is scalar @{ $r->error->{data} }, 10, 'ten errors at most';
like $r->error->{data}[0]{message},
    qr/known here; there are count, maybe, mode,/,
    'what is known is named' or diag explain $r->error;

$r = $t->call('m_plain', { path => 'a', "k" x 5000 => 1 });
ok length $r->body < 1000, 'a long name is cut';

# names that are there twice

for my $raw ('{"path":"a","path":1}', '{"path":"a","\u0070ath":1}',
             '{"path":"a","where":{"x":1,"x":2}}')
{
    untouched $modern, "twice: $raw", sub {
        $r = $t->modern('tools/call', { name => 'm_plain' }, raw =>
            '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
            . '"name":"m_plain","arguments":' . $raw . ',"_meta":{'
            . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
            . '"io.modelcontextprotocol/clientCapabilities":{}}}}');
        refused $r, 400, -32600, "twice: $raw";
    };
}

# prompts

for my $side (qw/m l/) {
    my $backend = $side eq 'm' ? $modern : $legacy;

    for my $get (sub { $t->modern('prompts/get', @_) },
                 sub { $session->request('prompts/get', @_) })
    {
        untouched $backend, 'the backend is not asked', sub {
            my $error = refused $get->({ name => "${side}_ask",
                                         arguments => { tone => 'x' } }),
                200, -32602, 'a prompt without what it requires';
            is_deeply [map { $_->{message} } @{ $error->{data} }],
                ['must have the property "topic"',
                 'must have the property "length"'], '... names it';
            refused $get->({ name => "${side}_ask" }), 200, -32602,
                'nor without any';
        };

        ok $get->({ name => "${side}_ask", arguments => {
                    topic => 'a', length => 'b' } })->result, 'a prompt';
        ok $get->({ name => "${side}_free" })->result, 'one without any';
    }
}

# off

is $t->call('m_plain', { path => 1 }, path => '/off')->text, 'done',
    'mcp_validate off';

# unknown tools and other refusals come first

refused $t->call('m_none', { path => 1 }), 200, -32602, 'an unknown tool';

ok await {
    $t->read('outcome.log') =~ /^m_plain invalid -32602$/m
}, 'the outcome' or diag $t->read('outcome.log');

done_testing;
