# What the roles of a caller show and hide: lists and calls agree, and what is
# hidden is answered, to the last byte, like what does not exist.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

sub resource { return { name => $_[0], uri => $_[0] } }

sub template { return { name => $_[0], uriTemplate => $_[0] } }

my $completes = sub {
    my (undef, $params) = @_;
    my $ref = $params->{ref};
    return { resultType => 'complete', completion => {
        values => [ $ref->{name} // $ref->{uri} ] } };
};

my $fs = Sentinel::Backend->modern(
    name => 'fs', ttl => 60000, instructions => 'Files are here.',
    tools => [map { { name => $_, inputSchema => { type => 'object' } } }
              qw/read_file read_dir write_file delete_file/],
    call => { map { my $n = $_; ($n => sub { Sentinel::Tools::text($n) }) }
              qw/read_file read_dir write_file delete_file/ },
    prompts => [{ name => 'summary' }, { name => 'audit' }],
    resources => [map { resource($_) } 'file:///public/a', 'file:///public/b',
                  'file:///secret/s'],
    templates => [map { template($_) } 'file:///{+path}',
                  'file:///public/{name}', 'x://{y}'],
    capabilities => { completions => {} },
    on => { 'completion/complete' => $completes });
my $db = Sentinel::Backend->modern(
    name => 'db', instructions => 'Tables are here.', tools => ['echo'],
    resources => [resource('db://t')], ttl => 5000);
my $own = Sentinel::Backend->legacy(name => 'own', tools => ['echo'],
    capabilities => { logging => {} });

my $too = Sentinel::Backend->legacy(name => 'too', tools => ['echo']);

my $t = Sentinel::Test->new(
    backends => [fs => $fs, db => $db,
                 own => { url => $own, conf => 'session client;' },
                 too => { url => $too, conf => 'session client;' }],
    pass => 'fs db',
    http => <<'END',
    mcp_roles $http_x_roles;
    log_format policy '$http_x_case $mcp_outcome $mcp_error_code $mcp_name';
    access_log %%DIR%%/policy.log policy;

    mcp_role reader {
        allow tools     fs/read_*;
        allow resources fs/file:///public/*;
        allow prompts   */summary;
    }
    mcp_role writer {
        inherit reader;
        allow tools fs/write_file fs/delete_file;
        deny  tools fs/read_dir;
    }
    mcp_role careful { deny tools */delete_*; }
    mcp_role tables  { allow tools db/*; }
    mcp_role admin {
        allow tools */*;
        allow prompts */*;
        allow resources */*;
    }
    mcp_role most {
        inherit admin;
        deny resources fs/file:///secret/*;
        deny prompts fs/audit;
    }
    mcp_role too { allow tools too/*; }
    mcp_role "Super Admin" { inherit admin; }
    mcp_role nothing { }
    mcp_role templates { allow resources "fs/file:///{+path}"
                                         fs/file:///public/*; }
END
    location => 'mcp_page_size 2;',
    server => 'location /open { mcp_policy off; mcp_pass fs db; }
               location /fs   { mcp_pass fs; }
               location /own  { mcp_pass too own fs; }',
)->run;

my %admin = (headers => { 'X-Roles' => 'admin' });

await { ($t->modern('tools/list', {}, %admin, path => '/open')->tools // 0) == 5
        && $t->legacy(%admin, path => '/own')->id } 15
    or die 'no catalog';

# every list of a caller, through all its pages

sub list {
    my ($roles, $kind, %opt) = @_;
    my ($method, $key, $id, $cursor, $pages, @list);

    ($method, $key, $id) = @{ {
        tools => ['tools/list', 'tools', 'name'],
        prompts => ['prompts/list', 'prompts', 'name'],
        resources => ['resources/list', 'resources', 'uri'],
        templates => ['resources/templates/list', 'resourceTemplates',
                      'uriTemplate'],
    }->{$kind} };

    do {
        my $params = defined $cursor ? { cursor => $cursor } : {};
        my $r = $opt{session}
            ? $opt{session}->request($method, $params)
            : $t->modern($method, $params,
                         headers => { 'X-Roles' => $roles }, %opt);
        return 'none' if $r->code && $r->code == -32601;
        my $result = $r->result or return $r->body;
        my @page = map { $_->{$id} } @{ $result->{$key} };
        push @list, @page;
        $cursor = $result->{nextCursor};
        push @{ $pages }, scalar @page if defined $cursor;
    } while (defined $cursor);

    return join(' ', @list) . (grep({ $_ != 2 } @{ $pages || [] }) ? '!' : '');
}

my @cases = (
    ['reader', 'fs_read_file fs_read_dir', 'fs_summary',
     'file:///public/a file:///public/b', 'file:///public/{name}'],
    ['writer', 'fs_read_file fs_write_file fs_delete_file', 'fs_summary',
     'file:///public/a file:///public/b', 'file:///public/{name}'],
    ['writer reader', 'fs_read_file fs_write_file fs_delete_file',
     'fs_summary', 'file:///public/a file:///public/b',
     'file:///public/{name}'],
    ['reader tables', 'fs_read_file fs_read_dir db_echo', 'fs_summary',
     'file:///public/a file:///public/b', 'file:///public/{name}'],
    ['careful writer', 'fs_read_file fs_write_file', 'fs_summary',
     'file:///public/a file:///public/b', 'file:///public/{name}'],
    ['tables', 'db_echo', 'none', 'none', 'none'],
    ['careful', '', 'none', 'none', 'none'],
    ['nothing', '', 'none', 'none', 'none'],
    ['', '', 'none', 'none', 'none'],
    ['Reader unknown', '', 'none', 'none', 'none'],
    ['admin', 'fs_read_file fs_read_dir fs_write_file fs_delete_file db_echo',
     'fs_summary fs_audit',
     'file:///public/a file:///public/b file:///secret/s db://t',
     'file:///{+path} file:///public/{name} x://{y}'],
    ['["Super Admin"]',
     'fs_read_file fs_read_dir fs_write_file fs_delete_file db_echo',
     'fs_summary fs_audit',
     'file:///public/a file:///public/b file:///secret/s db://t',
     'file:///{+path} file:///public/{name} x://{y}'],
    ['templates', '', 'none', 'file:///public/a file:///public/b',
     'file:///{+path} file:///public/{name}'],
);

for (@cases) {
    my ($roles, @want) = @$_;
    my @kinds = qw/tools prompts resources templates/;
    my $s = $t->legacy(headers => { 'X-Roles' => $roles });

    is_deeply [ map { list($roles, $_) } @kinds ], \@want,
        "\"$roles\" sees, modern";
    is_deeply [ map { list($roles, $_, session => $s) } @kinds ], \@want,
        "\"$roles\" sees, legacy";
}

is list('', 'tools', path => '/open'),
    'fs_read_file fs_read_dir fs_write_file fs_delete_file db_echo',
    'mcp_policy off';
is list('reader', 'tools', path => '/fs'), 'read_file read_dir',
    'rules are about native names';

# what is listed can be called, and nothing else

my @tools = qw/fs_read_file fs_read_dir fs_write_file fs_delete_file db_echo/;

for (@cases) {
    my ($roles, $tools) = @$_;
    my $s = $t->legacy(headers => { 'X-Roles' => $roles });

    for my $tool (@tools) {
        my %opt = (headers => { 'X-Roles' => $roles });
        my $seen = " $tools " =~ / $tool /;

        for ($t->call($tool, {}, %opt), $s->call($tool, {})) {
            $seen ? ok($_->result, "\"$roles\" calls $tool")
                  : refused($_, 200, -32602, "\"$roles\" does not call $tool");
        }
    }
}

# hidden: the same bytes as for what does not exist

sub bytes {
    my ($r, $name) = @_;
    my $text = $r->{raw_head} =~ s/^Date: .*$//mr . "\n" . $r->body;

    $text =~ s/\Q$name\E/NAME/g;

    return $text;
}

sub same {
    my ($roles, $method, $hidden, $unknown, $params, %opt) = @_;
    my $s = $t->legacy(headers => { 'X-Roles' => $roles });
    my (@modern, @legacy);

    for my $name ($hidden, $unknown) {
        my $p = $params->($name);
        my %headers = ('X-Roles' => $roles, 'X-Case' => 'same');

        push @modern, bytes($t->modern($method, $p, id => 'x',
                                       headers => \%headers), $name);
        push @legacy, bytes($s->request($method, $p, id => 7,
                                        headers => \%headers), $name);
    }

    is $modern[0], $modern[1], "$method $hidden to \"$roles\", modern";
    is $legacy[0], $legacy[1], "$method $hidden to \"$roles\", legacy";
    unlike $modern[0], qr/"result"/, 'and it is an error';
    unlike $legacy[0], qr/"result"/, 'for both';
}

untouched $_, 'nothing hidden goes to a backend', sub {

for my $roles ('reader', '', 'careful', 'templates') {
    same $roles, 'tools/call', 'fs_write_file', 'fs_write_fail',
        sub { { name => $_[0], arguments => { a => 1 } } };
    same $roles, 'prompts/get', 'fs_audit', 'fs_audix',
        sub { { name => $_[0] } };
    same $roles, 'resources/read', 'file:///secret/s', 'gile:///secret/s',
        sub { { uri => $_[0] } };
    same $roles, 'resources/read', 'x://hello', 'y://hello',
        sub { { uri => $_[0] } };
    same $roles, 'completion/complete', 'fs_audit', 'fs_audix',
        sub { { ref => { type => 'ref/prompt', name => $_[0] },
                argument => { name => 'a', value => '' } } };
    same $roles, 'completion/complete', 'x://{y}', 'z://{y}',
        sub { { ref => { type => 'ref/resource', uri => $_[0] },
                argument => { name => 'y', value => '' } } };
}

} for $fs;

# what is judged is what is sent, whatever escapes it has

my ($sent) = sent $fs, sub {
    $t->modern('tools/call', undef, path => '/fs', headers => {
        'X-Roles' => 'reader', 'Mcp-Name' => 'read_file' }, raw =>
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":'
        . '"\u0072ead\u005ffile","_meta":{'
        . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        . '"io.modelcontextprotocol/clientCapabilities":{},'
        . '"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}'
        . '}}}');
};
is $sent->{json}{params}{name}, 'read_file', 'an escaped name';

# what a header says cannot change what is judged

refused $t->call('fs_write_file', {}, headers => {
            'X-Roles' => 'reader', 'Mcp-Name' => 'fs_read_file' }),
        400, -32020, 'another name in the header';
my $long = 'fs_' . 'x' x 200;
refused $t->call($long, {}, headers => { 'X-Roles' => 'reader' }), 200, -32602,
        'a name that is too long';

# resources that are in no list are judged by their URI

my @read = (
    ['reader', 'file:///public/a', 1],
    ['reader', 'file:///public/new', 1],
    ['reader', 'file:///public/x/y', 1],
    ['reader', 'file:///secret/new', 0],
    ['reader', 'file:///public/../secret/s', 0],
    ['reader', 'file:///public/%2e%2E/secret/s', 0],
    ['reader', 'file:///public/..%2fsecret/s', 0],
    ['reader', 'file:///public/%252e%252e/secret/s', 0],
    ['reader', 'file:///public/x/../y', 1],
    ['reader', 'file:///public/..\\secret', 0],
    ['most', 'file:///public/new', 1],
    ['most', 'file:///secret/s', 0],
    ['most', 'file:///secret/new', 0],
    ['most', 'file:///%73ecret/new', 0],
    ['most', 'file:///public/../secret/s', 0],
    ['most', 'file:////secret/s', 0],
    ['most', 'file:///x/..//./secret/s', 0],
    ['most', 'db://t', 1],
    ['tables', 'db://t', 0],
    ['templates', 'file:///public/q', 1],
    ['templates', 'file:///other', 0],
    ['', 'file:///public/a', 0],
);

for (@read) {
    my ($roles, $uri, $may) = @$_;
    my $r;
    my @sent = sent $fs, sub {
        $r = $t->modern('resources/read', { uri => $uri },
                        headers => { 'X-Roles' => $roles });
    };
    my $named = $r->code && $r->body =~ m{/list tell|not offered};
    is $named ? 0 : 1, $may,
        "\"$roles\" " . ($may ? 'reads ' : 'does not read ') . $uri;
    is scalar @sent, 0, 'and it goes nowhere' if !$may;
}

# completion follows

is_deeply $t->modern('completion/complete', {
        ref => { type => 'ref/prompt', name => 'fs_summary' },
        argument => { name => 'a', value => '' } },
        headers => { 'X-Roles' => 'reader' })->result->{completion}{values},
    ['summary'], 'completion of a prompt that is seen';

# what a gateway says of itself

sub discover {
    my ($roles, %opt) = @_;
    my $headers = { 'X-Roles' => $roles };
    my $r = $t->modern('server/discover', {}, headers => $headers, %opt)
              ->result;
    my $s = $t->legacy(headers => $headers, %opt);
    my $i = $s->initialized->result;

    is_deeply $i->{capabilities}, $r->{capabilities},
        "\"$roles\": both eras announce the same" if !$opt{path};
    is $i->{instructions}, $r->{instructions}, 'and instruct the same';

    return join ' ', sort(keys %{ $i->{capabilities} }),
        map({ lc } ($i->{instructions} // '') =~ /(Files|Tables)/g),
        $r->{ttlMs};
}

is discover('admin'), 'completions prompts resources tools files tables 5000',
    'discovery of one who sees all';
is discover('reader'), 'completions prompts resources tools files 60000',
    'of one who sees one backend';
is discover('tables'), 'tools tables 5000', 'of one who sees the other';
is discover('nothing'), 'tools 0', 'of one who sees nothing';

# sessions of a client's own are opened only where it sees something

my $before = () = $own->requests('initialize');
my $s = $t->legacy(headers => { 'X-Roles' => 'reader' }, path => '/own');
ok !exists $s->initialized->result->{capabilities}{logging},
    'no logging of a backend that is not seen';
is scalar(() = $own->requests('initialize')), $before,
    'which has not heard of it';
my $others = () = $too->requests('initialize');
$t->legacy(headers => { 'X-Roles' => 'too' }, path => '/own');
is scalar(() = $too->requests('initialize')), $others + 1,
    'only the one that is seen';
is scalar(() = $own->requests('initialize')), $before, 'not the other';
$s = $t->legacy(headers => { 'X-Roles' => 'admin' }, path => '/own');
ok exists $s->initialized->result->{capabilities}{logging},
    'but of one that is';

# cursors: of another caller's list they show what this one may see

my $first = $t->modern('tools/list', {}, headers => { 'X-Roles' => 'admin' });
my $cursor = $first->result->{nextCursor};
my @then = $t->modern('tools/list', { cursor => $cursor },
                      headers => { 'X-Roles' => 'reader' })->tools;
is "@then", '', "with another's cursor";
my @length = map {
    length($t->modern('tools/list', {}, headers => { 'X-Roles' => $_ })
             ->result->{nextCursor})
} 'admin', 'writer';
is $length[0], $length[1], 'a cursor does not tell how many there are';

# the log knows

$t->call('fs_write_file', {}, headers => { 'X-Roles' => 'reader',
                                           'X-Case' => 'denied' });
$t->call('fs_nothing', {}, headers => { 'X-Roles' => 'reader',
                                        'X-Case' => 'unknown' });
$t->modern('resources/read', { uri => 'file:///secret/new' },
           headers => { 'X-Roles' => 'reader', 'X-Case' => 'uri' });
$t->modern('prompts/get', { name => 'fs_audit' },
           headers => { 'X-Roles' => '', 'X-Case' => 'prompt' });
my $log;
await { ($log = $t->read('policy.log')) =~ /^$_/m or return 0
        for qw/denied unknown uri prompt/;
        1 };
like $log, qr/^denied denied -32602 fs_write_file$/m, 'a denied call';
like $log, qr/^unknown invalid -32602 fs_nothing$/m, 'an unknown one';
like $log, qr{^uri denied -32602 file:///secret/new$}m, 'a denied resource';
like $log, qr/^prompt denied -32601 fs_audit$/m,
    'a denied prompt, where there are none';

# changes of the catalog are judged anew

$fs->set(tools => [map { { name => $_, inputSchema => { type => 'object' } } }
                   qw/read_new write_new read_file/]);
$t->reload;
ok await { list('reader', 'tools') eq 'fs_read_new fs_read_file' },
    'new tools are judged';
is list('writer', 'tools'), 'fs_read_new fs_read_file', 'for everyone';

done_testing;
