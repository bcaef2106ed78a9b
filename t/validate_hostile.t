# Schemas that a backend may give, by mistake or on purpose: each costs its
# own tool alone.  And arguments that would make a check long: they are
# refused, and the worker goes on.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Time::HiRes qw/time/;

my $true = JSON::PP::true;
my $false = JSON::PP::false;

sub tool {
    my ($name, $schema) = @_;

    return { name => $name, inputSchema => { type => 'object', %$schema } };
}

sub property { return { properties => { x => $_[0] } } }

my $deep = { type => 'integer' };
$deep = { items => $deep } for 1 .. 60;

# why each cannot be used, in the log's words

my %useless = (
    remote => [property({ '$ref' => 'http://127.0.0.1:1/x.json' }),
               qr/at "\/properties\/x\/\$ref": .*never fetched/],
    meta => [{ '$ref' => 'https://json-schema.org/draft/2020-12/schema' },
             qr/never fetched/],
    dialect => [{ '$schema' => 'https://example.com/mine' }, qr/\$schema/],
    draft4 => [{ '$schema' => 'http://json-schema.org/draft-04/schema#' },
               qr/\$schema/],
    dangling => [{ '$ref' => '#/$defs/none' }, qr/not there/],
    anchor => [{ '$ref' => '#none' }, qr/anchor/],
    loop => [{ '$ref' => '#' }, qr/refers to itself/],
    loops => [{ '$defs' => { a => { allOf => [{ '$ref' => '#/$defs/b' }] },
                             b => { anyOf => [{ '$ref' => '#/$defs/a' }] } },
                '$ref' => '#/$defs/a' }, qr/refers to itself/],
    chain => [{ '$defs' => { map { $_ => { '$ref' => '#/$defs/' . ($_ + 1) } }
                             1 .. 200 }, '$ref' => '#/$defs/1' },
              qr/chain|not there/],
    type => [property({ type => 'strin' }), qr/no type/],
    types => [property({ type => ['string', 1] }), qr/no type/],
    required => [property({ type => 'string', required => $true }),
                 qr/array of names/],
    number => [property({ minimum => '1' }), qr/must be a number/],
    negative => [property({ maxLength => -1 }), qr/not negative/],
    multiple => [property({ multipleOf => 0 }), qr/above zero/],
    pattern => [property({ pattern => '(' }), qr/regular expression/],
    perl => [property({ pattern => '(?{ system "id" })' }), qr/pattern/],
    recurse => [property({ pattern => '(?R)' }), qr/pattern/],
    verb => [property({ pattern => '(*LIMIT_MATCH=1)a' }), qr/pattern/],
    behind => [property({ pattern => '(?<=a+)b' }), qr/looks behind/],
    repeat => [property({ pattern => 'a{99999}' }), qr/repeats too often/],
    large => [property({ pattern => '((a|b){1,1000}){1,1000}' }),
              qr/too large/],
    long => [property({ pattern => 'a' x 5000 }), qr/too long/],
    huge => [{ description => 'x' x 270_000 }, qr/256 KiB/],
    deep => [do { my $d = {}; $d = { not => $d } for 1 .. 140; property($d) },
             qr/deep/],
    patterns => [{ patternProperties => { map { ("^a$_" => $true) }
                                          1 .. 1100 } }, qr/too many pattern/],
    notobject => [{ properties => 'x' }, qr/must be an object/],
    "control" => [property({ "a\r\n\e[31m\x{263a}" => 1, type => 'x' }),
                  qr/no type/],
);

# these are of use, but not to everyone

my %expensive = (
    redos => [property({ pattern => '^(a+)+$' }),
              { x => ('a' x 60) . 'b' }],
    redos2 => [property({ pattern => '(x+x+)+y' }),
               { x => ('x' x 5000) . 'zy' }],
    scan => [property({ pattern => 'a*a*a*a*a*b' }),
             { x => ('a' x 20_000) . 'cb' }],
    refers => [property({ pattern => '(a*)*\1\1b' }),
               { x => ('a' x 20_000) . 'cb' }],
    names => [{ patternProperties => { '^(([a-z])+.)+[A-Z]([a-z])+$' => {} } },
              { 'a' x 500 => 1 }],
    any => [{ '$defs' => { t => { anyOf => [
                  ({ items => { '$ref' => '#/$defs/t' }, minItems => 1 }) x 4
              ] } }, properties => { x => { '$ref' => '#/$defs/t' } } },
            { x => do { my $d = []; $d = [$d] for 1 .. 40; $d } }],
);

my @tools = (
    tool('good', property({ type => 'integer' })),
    (map { tool($_, $useless{$_}[0]) } sort keys %useless),
    (map { tool($_, $expensive{$_}[0]) } sort keys %expensive),
    tool('deepok', property($deep)),
    tool('unique', property({ uniqueItems => $true })),
    tool('tree', { '$defs' => { t => { type => 'array',
                                       items => { '$ref' => '#/$defs/t' } } },
                   properties => { x => { '$ref' => '#/$defs/t' } } }),
);

my $b = Sentinel::Backend->modern(tools => \@tools,
    call => { map { $_->{name} => sub { Sentinel::Tools::text('done') } }
              @tools });
my $t = Sentinel::Test->new(
    backends => [b => { url => $b, conf => 'prefix off;' }],
    location => 'mcp_validate on; mcp_max_depth 1000;',
    server => 'location /strict { mcp_validate strict; mcp_pass b; }',
)->run->wait_catalog('good');

ok $t->wait_log(qr/"required" is offered unvalidated/), 'the log tells';
ok $t->wait_log(qr/"types" is left out/), '... of both locations';

my $log = $t->error_log;

for (sort keys %useless) {
    my $why = $useless{$_}[1];

    like $log, qr/\[warn\] .*tool "$_" is offered unvalidated: .*$why/,
        "$_: why";
    is $t->call($_, { x => 'any' })->text, 'done', '... it is still there';
}

unlike $log, qr/\e|\x{263a}|tool "(?:good|redos|any)" is/, 'nothing else';

my %listed = map { $_ => 1 } $t->modern('tools/list', {})->tools;
is_deeply [sort keys %listed], [sort map { $_->{name} } @tools],
    'all are listed';

# strict

my %strict = map { $_ => 1 }
             $t->modern('tools/list', {}, path => '/strict')->tools;
is_deeply [sort keys %strict], [sort grep { !$useless{$_} } keys %listed],
    'strict: but those of no use';

untouched $b, 'strict: the others are unknown', sub {
    my $none = refused($t->call('none', {}, path => '/strict'),
                       200, -32602, 'one that is not there')->{message};

    for (sort keys %useless) {
        my $error = refused $t->call($_, {}, path => '/strict'), 200, -32602,
            $_;
        is $error->{message} =~ s/"\w+"/"none"/r, $none, '... like none';
    }

    refused $t->legacy(path => '/strict')->call('loop', {},
                                                path => '/strict'),
        200, -32602, 'to legacy clients, too';
};

# expensive

for (sort keys %expensive) {
    my ($error, $began);

    untouched $b, 'the backend hears nothing', sub {
        $began = time;
        $error = refused $t->call($_, $expensive{$_}[1]), 200, -32602,
            "$_: is refused";
        like $error->{data}[0]{message} // '', qr/too large or too deep/,
            '... because it would take too long'
            or diag explain $error;
        ok time - $began < 5, '... at once';
    };
}

is $t->call('redos', { x => 'aaaa' })->text, 'done', 'what is cheap passes';

# large arguments that are as they should be

my @many = map { "element $_" } 1 .. 50_000;
is $t->call('unique', { x => \@many })->text, 'done', '50,000 that differ';

push @many, 'element 1';
is $t->call('unique', { x => \@many })->error->{data}[0]{keyword},
    'uniqueItems', 'but one';

my $nested = [];
$nested = [$nested] for 1 .. 400;
is $t->call('tree', { x => $nested })->text, 'done', '400 levels';

my $wrong = [1];
$wrong = [$wrong] for 1 .. 400;
my $error = refused $t->call('tree', { x => $wrong }), 200, -32602,
    '... with something wrong down there';
ok length $error->{data}[0]{path} < 1000, '... whose path is cut';

is $t->call('good', { x => 1 })->text, 'done', 'and all goes on';

# nginx -t

for (['mcp_validate;', qr/number of arguments/],
     ['mcp_validate yes;', qr/invalid value "yes"/],
     ['mcp_validate on; mcp_validate off;', qr/is duplicate/])
{
    my ($text, $like) = @$_;
    my $bad = Sentinel::Test->new(backends => [b => $b], location => $text);
    my ($status, $said) = $bad->check;

    isnt $status, 0, $text;
    like $said, qr/\[emerg\].*$like.*nginx\.conf:\d+/, '... says why';
}

done_testing;
