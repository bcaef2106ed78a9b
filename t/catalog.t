# The lists of many backends as one: names, order, what has to be left out and
# is said so in the log, and that one bad item never costs another.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $deep = sub { '[' x $_[0] . ']' x $_[0] };

# Tools whose text is as a backend sends it.

sub raw {
    my ($era, $name, @items) = @_;

    return Sentinel::Backend->$era(name => $name, on => {
        'tools/list' => sub {
            my ($c) = @_;
            my $text = '{"jsonrpc":"2.0","id":' . $c->id . ',"result":{'
                . ($era eq 'modern' ? '"resultType":"complete","ttlMs":5000,'
                                      . '"cacheScope":"public",' : '')
                . '"tools":[' . join(',', @items) . ']}}';
            $c->json($text);
        },
        'tools/call' => sub {
            my ($c, $params) = @_;
            return { resultType => 'complete', content => [
                { type => 'text', text => "$name ran $params->{name}" }] };
        },
    });
}

sub item {
    my ($name, $more) = @_;

    return '{"name":"' . $name . '","inputSchema":{"type":"object"}'
         . ($more // '') . '}';
}

my $a = Sentinel::Backend->legacy(
    name => 'a', tools => [qw/echo fail/], page => 1,
    prompts => [{ name => 'p' }], resources => [{ name => 'r',
                                                  uri => 'test://a' }]);
my $b = Sentinel::Backend->modern(name => 'b', tools => [qw/slow echo/],
                                  ttl => 30000, page => 1);
my $off = raw('legacy', 'off', item('echo'), item('own'), item('echo'));
my $off2 = raw('modern', 'off2', item('own2'), item('echo'), item('own'));
my $short = raw('modern', 'short', item('x' x 64));
my $custom = raw('modern', 'custom', item('echo'));
my $ab = raw('legacy', 'a_b', item('echo'), item('x'));
my $trap = raw('legacy', 'a', item('b_echo'), item('y'));

my @names = ('ok', 'a.b-c_D9', 'y' x 65, 'z' x 128, '-', '.', '1');
my @bad_names = ('', 'a b', 'a/b', 'a:b', 'a@b', 'a\\u0000b', 'a\\nb',
                 "a\xc3\xa9", '\\u0430', 'a\\u200b', 'v' x 129, 'a\\"b',
                 'a,b', 'a%20b', 'a\\\\b', ' a', 'a ', 'a*');
my $names = raw('modern', 'names', map { item($_) } @names, @bad_names,
                                                    'last');

my @bad = (
    'null', '1', 'true', '"x"', '[]', '{}', '[{"name":"in_a_list"}]',
    '{"inputSchema":{"type":"object"}}',
    '{"name":1,"inputSchema":{"type":"object"}}',
    '{"name":null,"inputSchema":{"type":"object"}}',
    '{"Name":"b_case","inputSchema":{"type":"object"}}',
    '{"name":"b_no_schema"}', '{"name":"b_null","inputSchema":null}',
    '{"name":"b_list","inputSchema":[]}',
    '{"name":"b_true","inputSchema":true}',
    '{"name":"b_text","inputSchema":"{}"}',
    '{"name":"b_twice","name":"b_twice2","inputSchema":{"type":"object"}}',
    '{"name":"b_esc","n\\u0061me":"b_esc2","inputSchema":{"type":"object"}}',
    item('b_schemas', ',"inputSchema":{"type":"object"}'),
    item('b_member', ',"description":"1","description":"2"'),
    '{"name":"b_dup","inputSchema":{"type":"object","type":"string"}}',
    '{"name":"b_prop","inputSchema":{"type":"object","properties":'
    . '{"a":{},"\\u0061":{}}}}',
    item('b_meta', ',"_meta":{"x":{"y":[{"z":1,"z":2}]}}'),
    item('b_deep', ',"_meta":' . $deep->(300)),
);
my @kept = (
    item('k_plain'),
    '{"description":"\\u00e9\\/\\n","name":"k_order","x":[1e2,-0.0,'
    . '9007199254740993],"inputSchema":{"type":"object","b":1,"a":2}}',
    '{"name":"k_no_type","inputSchema":{}}',
    '{"name":"k_string","inputSchema":{"type":"string"}}',
    item('k_deep', ',"_meta":' . $deep->(200)),
    "{ \"name\" :\n\t\"k_space\" , \"inputSchema\":{ \"type\" : \"object\" } }",
    '{"name":"\\u006b_escaped","inputSchema":{"type":"object"}}',
);
my $items = raw('legacy', 'items',
                map({ ($bad[$_], $kept[$_] // ()) } 0 .. $#bad),
                item('k_last'));

my $schemas = raw('modern', 'schemas',
    item('plain', ',"outputSchema":{"type":"object","x":1}'),
    item('array', ',"outputSchema":{"type":"array"},"z":1'),
    item('none', ',"outputSchema":{"anyOf":[]}'),
    item('wrong', ',"outputSchema":"x","z":2'),
    item('task', ',"execution":{"taskSupport":"optional"},"z":3'),
    item('only', ',"execution":{"taskSupport":"required"}'));

my $t = Sentinel::Test->new(
    backends => [a => $a, b => $b, off => { url => $off,
                                            conf => 'prefix off;' },
                 off2 => { url => $off2, conf => 'prefix off;' },
                 custom => { url => $custom, conf => 'prefix my-tool.;' },
                 a_b => $ab, trap => { url => $trap, conf => 'prefix a_;' },
                 short => { url => $short, conf => 'prefix off;' },
                 names => $names, items => $items, schemas => $schemas],
    pass => 'a b',
    server => "listen 127.0.0.1:%%PORT:spread%% reuseport;\n"
        . "add_header X-Worker \$pid always;\n"
        . join '', map { "location /$_->[0] { mcp_pass $_->[1]; }\n" }
        [rev => 'b a'], [alone => 'a'], [all => 'all'], [off => 'off'],
        [offs => 'off off2'], [sffo => 'off2 off'], [custom => 'custom'],
        [mixed => 'custom off a'], [trap => 'trap a_b'],
        [patr => 'a_b trap'], [names => 'names'],
        [prefixed => 'names b'], [items => 'items'], [two => 'items b'],
        [schemas => 'schemas'],
)->run;

my $s = $t->legacy;

sub names {
    my ($path) = @_;

    return [$t->modern('tools/list', {}, path => "/$path")->tools];
}

sub legacy_names {
    my ($path) = @_;

    return [$s->request('tools/list', {}, path => "/$path")->tools];
}

ok await {
    !grep { !$t->modern('tools/list', {}, path => "/$_")->tools }
          qw/alone off offs custom trap patr names items schemas/;
}, 'all backends are in';

# names and order

my @all = (
    [mcp => qw/a_echo a_fail b_slow b_echo/],
    [rev => qw/b_slow b_echo a_echo a_fail/],
    [alone => qw/echo fail/],
    [off => qw/echo own/],
    [offs => qw/echo own own2/],
    [sffo => qw/own2 echo own/],
    [custom => qw/my-tool.echo/],
    [mixed => qw/my-tool.echo echo own a_echo a_fail/],
    [trap => qw/a_b_echo a_y a_b_x/],
    [patr => qw/a_b_echo a_b_x a_y/],
    [names => @names, 'last'],
    [prefixed => (map { "names_$_" } grep { length $_ <= 122 } @names, 'last'),
                 qw/b_slow b_echo/],
    [items => (map { /"((?:\\u006b|k)_\w+)"/ ? $1 =~ s/\\u006b/k/r : () }
               @kept), 'k_last'],
);

for (@all) {
    my ($path, @want) = @$_;

    is_deeply names($path), \@want, "/$path";
    is_deeply legacy_names($path), \@want, 'the same for a legacy client';
}

my $every = names('all');
is_deeply [@$every[0 .. 8]],
    [qw/a_echo a_fail b_slow b_echo echo own own2 my-tool.echo a_b_echo/],
    '/all: in the order of the backends';

# whose tool is called

for (['offs', 'echo', 'off ran echo'], ['offs', 'own', 'off ran own'],
     ['offs', 'own2', 'off2 ran own2'], ['sffo', 'echo', 'off2 ran echo'],
     ['custom', 'my-tool.echo', 'custom ran echo'],
     ['trap', 'a_b_echo', 'a ran b_echo'], ['trap', 'a_b_x', 'a_b ran x'],
     ['patr', 'a_b_echo', 'a_b ran echo'],
     ['names', 'z' x 128, 'names ran ' . 'z' x 128],
     ['prefixed', 'names_' . 'y' x 65, 'names ran ' . 'y' x 65],
     ['items', 'k_escaped', 'items ran k_escaped'])
{
    my ($path, $tool, $text) = @$_;

    is $t->call($tool, {}, path => "/$path")->text, $text,
        "/$path: call of $tool";
    is $s->call($tool, {}, path => "/$path")->text, $text,
        'by a legacy client';
}

for (['mcp', qw/echo fail a_own own a_ A_echo a_Echo a__echo b_fail/],
     ['alone', qw/a_echo b_echo/], ['off', qw/off_echo own2/],
     ['custom', qw/echo custom_echo my-tool_echo my-tool./],
     ['names', 'v' x 129, 'a b', '', "a\x{e9}"],
     ['prefixed', 'names_' . 'z' x 128, 'z' x 128, 'last'],
     ['items', qw/b_no_schema b_twice b_twice2 b_dup b_deep in_a_list/])
{
    my ($path, @tools) = @$_;

    for my $backend ($a, $b, $off, $custom, $names, $items) {
        untouched $backend, "/$path: none is called", sub {
            refused $t->call($_, {}, path => "/$path"), 200, -32602,
                "/$path: no " . shown($_)
                for @tools;
        };
        last if $path ne 'mcp';
    }
}

is $t->call('a_none', {})->error->{message} =~ s/"[^"]*"/X/r,
    $t->call('c_none', {})->error->{message} =~ s/"[^"]*"/X/r,
    'the same words, whatever is unknown';

# what the log says

my $log = join "\n", grep { /mcp catalog|list of backend/ }
          split /\n/, $t->error_log;

for (['two backends with one name', 'error', 'off2', 'off', 'echo'],
     ['a backend with one name twice', 'error', 'off', 'echo'],
     ['two prefixes that make one name', 'error', 'a_b', 'trap', 'a_b_echo'],
     (map { ['a bad item', 'error', 'items', $_] }
      qw/b_no_schema b_null b_list b_true/),
     ['an item that is twice itself', 'error', 'items', 'comes twice'],
     ['an item that is none', 'error', 'items', 'not an object'],
     ['an item that is too deep', 'error', 'items', 'deep'],
     ['a name that is too long', 'error', 'names', '"' . 'v' x 60],
     ['a name that is long', 'warn', 'names', '"' . 'y' x 60],
     ['a schema without a type', 'warn', 'items', 'k_no_type'],
     ['a schema of another type', 'warn', 'items', 'k_string'])
{
    my ($what, $level, @words) = @$_;
    my @lines = grep { /\[$level\]/ } split /\n/, $log;

    for my $word (@words) {
        @lines = grep { /(?<![\w.-])\Q$word\E/ } @lines;
    }
    ok @lines >= 1, "a line in the log: $what (@words)";
}

unlike $log, qr/x{60}/, 'none about a name of 64';
unlike $log, qr/[^\x20-\x7e\n\t]/, 'what backends sent is escaped in it';

# in /all, /items and /two, however often other backends have news

cmp_ok scalar(() = $log =~ /b_no_schema/g), '<=', 3,
    'it is said once for each location';

# items as the backend gave them, but for the name

for ([items => $t->modern('tools/list', {}, path => '/items'), ''],
     [items => $s->request('tools/list', {}, path => '/items'), ''],
     [two => $t->modern('tools/list', {}, path => '/two'), 'items_'],
     [two => $s->request('tools/list', {}, path => '/two'), 'items_'])
{
    my ($path, $r, $prefix) = @$_;

    for (@kept) {
        my $want = s/"(?:\\u006b|k)_(\w+)"/"${prefix}k_$1"/r;
        $want = $_ if $prefix eq '';
        ok index($r->body, $want) > 0,
            "/$path: " . substr(s/\s/~/gr, 0, 40) . ': byte for byte';
    }
}

# what one era knows and the other does not

my $modern = $t->modern('tools/list', {}, path => '/schemas');
my $legacy = $s->request('tools/list', {}, path => '/schemas');

is_deeply [$modern->tools], [qw/plain array none wrong task/],
    'a tool that must be a task is not for modern clients';
is_deeply [$legacy->tools], [qw/plain array none wrong task only/],
    'it is for others';
refused $t->call('only', {}, path => '/schemas'), 200, -32602,
    'nor can it be called';

my %modern = map { $_->{name} => $_ } @{ $modern->result->{tools} };
my %legacy = map { $_->{name} => $_ } @{ $legacy->result->{tools} };
my %out = map { ($_ => [map { exists $_->{outputSchema} ? 'out' : '-' }
                        $modern{$_}, $legacy{$_}]) } keys %modern;

is_deeply \%out, { plain => [qw/out out/], array => [qw/out -/],
                   none => [qw/out -/], wrong => [qw/- -/],
                   task => [qw/- -/] },
    'an outputSchema that is no object\'s is not for legacy clients';
is_deeply [map { exists $_->{execution} ? 1 : 0 }
           $modern{task}, $legacy{task}], [0, 1],
    'execution is not for modern clients';
is_deeply [map { $_->{z} } @modern{qw/array wrong task/}], [1, 2, 3],
    'what stands behind stays';

# together

my $discover = $t->modern('server/discover', {})->result;
is_deeply $discover->{capabilities},
    { map { $_ => { listChanged => JSON::PP::true } }
      qw/tools prompts resources/ }, 'capabilities of all';
is $discover->{ttlMs}, 0, 'a backend without ttlMs: 0';
is $t->modern('tools/list', {}, path => '/names')->result->{ttlMs}, 5000,
    'else the least';
is_deeply $t->modern('server/discover', {}, path => '/names')->result
    ->{capabilities}, { tools => { listChanged => JSON::PP::true } },
    'capabilities of one';

# the same on every worker

my $spread = Sentinel::MCP->new(port => $t->port('spread'));

for my $path (map { $_->[0] } @all) {
    my (%body, %worker);

    await {
        my $r = $spread->modern('tools/list', {}, id => 1, path => "/$path");
        $body{ $r->body }++;
        $worker{ $r->header('X-Worker') }++;
        keys %worker == 2;
    };
    is_deeply [scalar keys %worker, scalar keys %body], [2, 1],
        "/$path: every worker gives the same bytes";
}

done_testing;
