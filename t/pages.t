# Lists in pages (mcp_page_size).  A cursor is the gateway's own, sealed: it
# opens no other list, no other location and nobody else's gateway, and a walk
# sees each item once.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my @tools = map { "t$_" } 1 .. 7;
my %lists = (
    prompts => [map { { name => "p$_" } } 1 .. 4],
    resources => [map { { name => "r$_", uri => "test://$_" } } 1 .. 3],
    templates => [map { { name => "u$_", uriTemplate => "test://{a}/$_" } }
                  1 .. 3]);

my $b = Sentinel::Backend->legacy(
    tools => [@tools[0 .. 2],
              { name => 'task', inputSchema => { type => 'object' },
                execution => { taskSupport => 'required' } },
              @tools[3 .. 6]],
    %lists, page => 3);
my $four = Sentinel::Backend->modern(tools => [@tools[0 .. 3]]);

my %extra = (
    backends => [one => $b, four => { url => $four,
                                      conf => 'refresh 300ms;' }],
    pass => 'one',
    location => 'mcp_page_size 2;',
    server => 'location /four { mcp_pass four; mcp_page_size 2; }
               location /same { mcp_pass one; mcp_page_size 2; }
               location /single { mcp_pass one; mcp_page_size 1; }
               location /whole { mcp_pass one; }
               location /large { mcp_pass one; mcp_page_size 100000; }');
my $t = Sentinel::Test->new(%extra)->run->wait_catalog('t1');
my $other = Sentinel::Test->new(%extra)->run->wait_catalog('t1');
my $s = $t->legacy;

$t->modern('tools/list', {}, path => '/four');

my %member = ('tools/list' => 'tools', 'prompts/list' => 'prompts',
              'resources/list' => 'resources',
              'resources/templates/list' => 'resourceTemplates');

sub ask {
    my ($client, $method, $params, %opt) = @_;

    return $client eq 'modern' ? $t->modern($method, $params, %opt)
                               : $s->request($method, $params, %opt);
}

# the pages of a list: names of each

sub walk {
    my ($client, $method, %opt) = @_;
    my (@pages, $params, $result, %seen);

    $params = {};

    while (1) {
        $result = ask($client, $method, $params, %opt)->result // last;
        push @pages, [map { $_->{name} } @{ $result->{ $member{$method} } }];
        last if !exists $result->{nextCursor} || @pages > 20;
        $params = { cursor => $result->{nextCursor} };
        $seen{ $result->{nextCursor} }++ and return 'a cursor came again';
    }

    return \@pages;
}

sub cursor {
    my ($method, %opt) = @_;

    return $t->modern($method, {}, %opt)->result->{nextCursor};
}

# cursors that are none

my $cursor = cursor('tools/list');
like $cursor, qr/\A[\x21-\x7e]+\z/, 'a cursor';

my @wrong = (
    [truncated => map { substr $cursor, 0, $_ } 0 .. length($cursor) - 1],
    [changed => map { my $x = $cursor;
                      substr($x, $_, 1) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90\-_/;
                      $x } 0 .. length($cursor) - 1],
    [longer => "${cursor}A", "A$cursor", "$cursor=", "$cursor ",
               "$cursor\0", $cursor x 2, $cursor . 'A' x 100_000],
    ['in other case' => lc $cursor, uc $cursor],
    ['made up' => '2', 'x', '-1', 'at-2', 'null', "\x{20ac}", '4294967296',
                  'eyJvZmZzZXQiOjJ9'],
    ["another list's" => map { cursor($_) } qw{prompts/list resources/list
                                               resources/templates/list}],
    ["another location's" => cursor('tools/list', path => '/four'),
                             cursor('tools/list', path => '/same')],
    ["another gateway's" => $other->modern('tools/list')->result
                              ->{nextCursor}],
    ['a session' => $s->id],
);

for (@wrong) {
    my ($what, @cursors) = @$_;

    for my $client (qw/modern legacy/) {
        my @odd = grep {
            my $r = ask($client, 'tools/list', { cursor => $_ });
            $r->status != 200 || ($r->code // 0) != -32602;
        } @cursors;
        is_deeply \@odd, [], "$client client, a cursor that is $what";
    }
}

for my $client (qw/modern legacy/) {
    for my $method (sort keys %member) {
        refused ask($client, $method, { cursor => $_ }, id => 'c'),
            200, -32602, "$client client, $method: cursor " . shown($_),
            id => '"c"'
            for 'x', '', 2, undef, [$cursor], { a => 1 };

        refused ask($client, $method, { cursor => cursor('tools/list') }),
            200, -32602, 'nor that of tools/list'
            if $method ne 'tools/list';
    }
}

refused $t->post('{}', { 'Mcp-Session-Id' => $cursor }), 400, -32600,
    'a cursor is no session';
refused $t->post('{"jsonrpc":"2.0","id":1,"method":"ping"}',
                 { 'Mcp-Session-Id' => $cursor }), 404, 404,
    'a cursor is no session of a request';

# walks

for my $client (qw/modern legacy/) {
    my @task = $client eq 'legacy' ? 'task' : ();
    my @all = (@tools[0 .. 2], @task, @tools[3 .. 6]);
    my @want = @all;
    my @pages;

    push @pages, [splice @want, 0, 2] while @want;

    is_deeply walk($client, 'tools/list'), \@pages,
        "$client client: tools, two a page";
    is_deeply walk($client, 'tools/list', path => '/single'),
        [map { [$_] } @all], 'one a page';
    is_deeply walk($client, 'tools/list', path => '/whole'), [\@all],
        'all on one page';
    is_deeply walk($client, 'tools/list', path => '/large'), [\@all],
        'of a large one';
    is_deeply walk($client, 'tools/list', path => '/four'),
        [[qw/t1 t2/], [qw/t3 t4/]], 'no empty page behind the last';
    is_deeply walk($client, 'prompts/list'), [[qw/p1 p2/], [qw/p3 p4/]],
        'prompts';
    is_deeply walk($client, 'resources/list'), [[qw/r1 r2/], ['r3']],
        'resources';
    is_deeply walk($client, 'resources/templates/list'),
        [[qw/u1 u2/], ['u3']], 'templates';
}

my $again = ask('legacy', 'tools/list', { cursor => $cursor });
is_deeply [$again->tools], [qw/t3 task/],
    'a cursor is good for whoever may see the list';
is_deeply [map { [$t->modern('tools/list', { cursor => $cursor })->tools] }
           1 .. 4], [([qw/t3 t4/]) x 4], 'as often as it is used';

my $last = $t->modern('tools/list', {
    cursor => $t->modern('tools/list', {
        cursor => cursor('tools/list') })->result->{nextCursor} })->result;
is_deeply [$last->{resultType}, $last->{cacheScope},
           $last->{ttlMs} // 'none'], ['complete', 'private', 0],
    'each page says how long it is good';

# the list becomes shorter than where the cursor points

my $point = cursor('tools/list', path => '/four');

$four->set(tools => ['t1']);

ok await { 1 == (() = $t->modern('tools/list', {}, path => '/four')->tools) },
    'a list becomes shorter';
my $r = $t->modern('tools/list', { cursor => $point }, path => '/four');
is_deeply [$r->status, [$r->tools], ($r->result // {})->{nextCursor}],
    [200, [], undef], 'an old cursor points behind its end';

done_testing;
