# Resources, prompts and completions of many backends.  URIs are not rewritten:
# they are routed by what the lists say, an exact URI before any template, and
# in the order of the backends.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

sub resource { return { name => $_[0], uri => $_[0] } }

sub template { return { name => $_[0], uriTemplate => $_[0] } }

sub completes {
    my ($name) = @_;

    return (capabilities => { completions => {} },
            on => { 'completion/complete' => sub {
                my (undef, $params) = @_;
                my $ref = $params->{ref};
                return { resultType => 'complete', completion => {
                    values => ["$name completes "
                               . ($ref->{name} // $ref->{uri})] } };
            } });
}

my $files = Sentinel::Backend->legacy(
    name => 'files', tools => ['echo'], completes('files'),
    prompts => [{ name => 'read' }, { name => 'own', title => 'Own' }],
    resources => [map { resource($_) } 'file:///a', 'file:///b',
                  "file:///caf\x{e9}", 'x:', 'FILE:///a'],
    templates => [map { template($_) } 'file:///dir/{name}',
                  'repo://{owner}/{repo}', 'deep:///{+path}',
                  'files://search{?q}', 'any://{a}{b}']);
my $notes = Sentinel::Backend->modern(
    name => 'notes', tools => ['echo'], completes('notes'),
    prompts => [{ name => 'read' }, { name => 'p2' }],
    resources => [map { resource($_) } 'note://1', 'file:///a',
                  'file:///dir/special', "note://\x{20ac}"],
    templates => [map { template($_) } 'note://{id}', 'file:///dir/{other}',
                  'file:///{+rest}', 'notes://search{?q,r}',
                  'notes://bad/{', 'notes:///{path*}']);
my $tools = Sentinel::Backend->legacy(name => 'tools', tools => ['echo']);

my $t = Sentinel::Test->new(
    backends => [files => $files, notes => $notes, tools => $tools],
    server => 'location /rev { mcp_pass notes files; }
               location /tools { mcp_pass tools; }
               location /notes { mcp_pass notes; }
               location /off { mcp_pass tools files; }',
)->run->wait_catalog(qw/files_echo notes_echo tools_echo/);
my $s = $t->legacy;

sub ask {
    my ($client, $method, $params, %opt) = @_;

    return $client eq 'modern' ? $t->modern($method, $params, %opt)
                               : $s->request($method, $params, %opt);
}

# unknown

for my $client (qw/modern legacy/) {
    my $code = $client eq 'modern' ? -32602 : -32002;

    for my $b ($files, $notes) {
        untouched $b, "$client client: nobody is asked for what nobody has",
        sub {
            for ('file://a', 'file:/a', 'fil:///a', 'note:/1', 'x', 'X:',
                 'repo://o', 'repo:///r', 'repo://o/', 'repo://o/r/s',
                 'deep:///', 'note://', 'note://1/2', 'notes://bad/{',
                 'notes://bad/x', '', 'any://', 'any://a', '{id}', '*',
                 'http://169.254.169.254/latest', '../a', "note:\0//1",
                 'note://' . 'x' x 5000, 'files://searchx')
            {
                my $error = refused ask($client, 'resources/read',
                                        { uri => $_ }, id => 'r'),
                    200, $code, "$client client: " . shown(substr $_, 0, 30),
                    id => '"r"';
                is_deeply $error->{data}, { uri => $_ }, 'by its URI';
            }
        };
        last if $client eq 'legacy';
    }

    for (['tools', 'resources/read', { uri => 'file:///a' }],
         ['tools', 'resources/list', {}],
         ['tools', 'resources/templates/list', {}],
         ['tools', 'prompts/list', {}], ['tools', 'prompts/get',
                                         { name => 'read' }],
         ['tools', 'completion/complete', {
             ref => { type => 'ref/prompt', name => 'read' },
             argument => { name => 'a', value => '' } }])
    {
        my ($path, $method, $params) = @$_;
        refused ask($client, $method, $params, path => "/$path"),
            $client eq 'modern' ? 404 : 200, -32601,
            "$client client: $method where nobody has it";
    }

    for (qw/read own p2 files_ files_p2 notes_own Files_read tools_read/, '') {
        refused ask($client, 'prompts/get', { name => $_ }), 200, -32602,
            "$client client: no prompt '$_'";
    }

    for ({ type => 'ref/prompt', name => 'own' },
         { type => 'ref/resource', uri => 'none:///' },
         { type => 'ref/tool', name => 'files_echo' }, { type => 1 },
         { name => 'files_own' }, { type => 'ref/prompt' },
         { type => 'ref/resource', name => 'files_own' },
         'files_own', undef)
    {
        is ask($client, 'completion/complete', {
            ref => $_, argument => { name => 'a', value => '' } })->code,
            -32602, "$client client: no completion of " . shown($_);
    }
}

# who has it

my @routes = (
    ['file:///a', 'files', 'notes'],
    ['file:///b', 'files', 'files'],
    ['FILE:///a', 'files', 'files'],
    ['x:', 'files', 'files'],
    ["file:///caf\x{e9}", 'files', 'files'],
    ["note://\x{20ac}", 'notes', 'notes'],
    ['note://1', 'notes', 'notes'],
    ['note://2', 'notes', 'notes'],
    ['note://%2e%2E', 'notes', 'notes'],
    ['file:///dir/x', 'files', 'notes'],
    ['file:///dir/special', 'notes', 'notes'],
    ['file:///dir/..', 'files', 'notes'],
    ['file:///dir/x/y', 'notes', 'notes'],
    ['file:///c', 'notes', 'notes'],
    ['file:///dir/', 'notes', 'notes'],
    ['repo://o/r', 'files', 'files'],
    ['deep:///a/b/../c?d#e', 'files', 'files'],
    ['files://search?q=1', 'files', 'files'],
    ['files://search', 'files', 'files'],
    ['notes://search?r=%20', 'notes', 'notes'],
    ['notes:///a/b', 'notes', 'notes'],
    ['any://ab', 'files', 'files'],
);

for my $client (qw/modern legacy/) {
    for (@routes) {
        my ($uri, $first, $second) = @$_;

        for (['', $first], ['/rev', $second]) {
            my ($path, $backend) = @$_;
            my $contents = (ask($client, 'resources/read', { uri => $uri },
                                path => $path || '/mcp')->result // {})
                           ->{contents} || [{}];
            is_deeply [@{ $contents->[0] }{qw/uri text/}],
                [$uri, "$backend has $uri"],
                "$client client$path: " . shown($uri);
        }
    }
}

my ($request) = sent $notes, sub {
    $s->request('resources/read', { uri => "note://\x{20ac}" });
};
is_deeply [lines($request, 'Mcp-Name')], ['=?base64?bm90ZTovL+KCrA==?='],
    'a URI that is not ASCII, in a header';

($request) = sent $files, sub {
    $s->request('resources/read', {}, raw => '{"jsonrpc":"2.0","id":1,'
        . '"method":"resources/read","params":{"uri":"file:\/\/\/\u0061"}}');
};
ok index($request->{body}, '"uri":"file:\/\/\/\u0061"') > 0,
    'a URI with escapes goes as it came';

# lists

for my $client (qw/modern legacy/) {
    is_deeply [map { $_->{uri} } @{ ask($client, 'resources/list', {})
                                     ->result->{resources} }],
        ['file:///a', 'file:///b', "file:///caf\x{e9}", 'x:', 'FILE:///a',
         'note://1', 'file:///dir/special', "note://\x{20ac}"],
        "$client client: resources, each URI once";
    is_deeply [map { $_->{uriTemplate} }
               @{ ask($client, 'resources/templates/list', {})
                   ->result->{resourceTemplates} }],
        ['file:///dir/{name}', 'repo://{owner}/{repo}', 'deep:///{+path}',
         'files://search{?q}', 'any://{a}{b}', 'note://{id}',
         'file:///dir/{other}', 'file:///{+rest}', 'notes://search{?q,r}',
         'notes://bad/{', 'notes:///{path*}'], 'templates';
    is_deeply [map { $_->{name} } @{ ask($client, 'prompts/list', {})
                                     ->result->{prompts} }],
        [qw/files_read files_own notes_read notes_p2/], 'prompts';
    is_deeply [map { $_->{name} }
               @{ ask($client, 'prompts/list', {}, path => '/notes')
                  ->result->{prompts} }], [qw/read p2/],
        'prompts of one backend';
    is_deeply [map { $_->{name} } @{ ask($client, 'resources/list', {})
                                     ->result->{resources} }]->[0],
        'file:///a', 'names of resources have no prefix';
}

my $log = $t->error_log;
like $log, qr/\[error\].*file:\/\/\/a/, 'a URI of two backends: in the log';
like $log, qr/\[warn\].*notes:\/\/bad/, 'a template of nothing: in the log';

# prompts and completions

for my $client (qw/modern legacy/) {
    for (['files_read', 'files', 'read'], ['files_own', 'files', 'own'],
         ['notes_read', 'notes', 'read'], ['notes_p2', 'notes', 'p2'])
    {
        my ($name, $backend, $native) = @$_;

        is ask($client, 'prompts/get', { name => $name,
                                         arguments => { a => 'b' } })
             ->result->{messages}[0]{content}{text},
            "$backend prompts $native: a=b", "$client client: prompt $name";
        is_deeply ask($client, 'completion/complete', {
            ref => { type => 'ref/prompt', name => $name },
            argument => { name => 'a', value => 'x' } })
            ->result->{completion}{values}, ["$backend completes $native"],
            'and its completion';
    }

    # a template by its text, as clients have it from the list

    for (['file:///dir/{name}', 'files'], ['file:///dir/{other}', 'notes'],
         ['note://{id}', 'notes'], ['repo://{owner}/{repo}', 'files'],
         ['deep:///{+path}', 'files'], ['files://search{?q}', 'files'],
         ['notes://search{?q,r}', 'notes'], ['notes:///{path*}', 'notes'],
         ['note://1', 'notes'], ['file:///b', 'files'])
    {
        my ($uri, $backend) = @$_;

        is_deeply ((ask($client, 'completion/complete', {
            ref => { type => 'ref/resource', uri => $uri },
            argument => { name => 'a', value => 'x' } })
            ->result // {})->{completion}{values},
            ["$backend completes $uri"],
            "$client client: completion of $uri");
    }
}

done_testing;
