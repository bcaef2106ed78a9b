# mcp_policy_explain and scripts/mcp-policy: the operator sees what roles see,
# and which rule makes it so.

use Sentinel::Test;
use Sentinel::Backend;

my $fs = Sentinel::Backend->modern(
    name => 'fs', tools => [map { { name => $_, inputSchema =>
        { type => 'object' } } } qw/read write/],
    prompts => [{ name => "p\x{9b}\n" }],
    resources => [{ name => 'r', uri => "file:///a b\x1b[31m" }],
    templates => [{ name => 't', uriTemplate => 'file:///{+path}' }]);
my $db = Sentinel::Backend->legacy(name => 'db', tools => ['echo']);

my $t = Sentinel::Test->new(
    backends => [fs => $fs, db => $db],
    http => <<'END',
    mcp_roles $http_x_roles;
    mcp_role reader {
        allow tools fs/read where path ~ ^/a;
        allow resources fs/file:*;
    }
    mcp_role "Big Boss" {
        inherit reader;
        allow tools */*;
        deny tools fs/write;
        deny tools db/echo where message = x;
    }
END
    server => <<'END',
    listen unix:%%DIR%%/admin.sock;
    location /open { mcp_policy off; mcp_pass fs; }
    location /db { mcp_pass db; }
    location /explain { mcp_policy_explain; }
    location /denied { mcp_policy_explain; deny all; }
    location /away {
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        mcp_policy_explain;
    }
END
)->run;
my $conf = quotemeta $t->dir . '/nginx.conf';
my $url = 'http://127.0.0.1:' . $t->port;

await { ($t->modern('tools/list', {}, path => '/open')->tools) == 2
        && ($t->modern('tools/list', {}, path => '/db',
                       headers => { 'X-Roles' => 'Big Boss' })->status) == 200
        && policy('-a', 'reader') =~ /db\/echo/ } 15 or die 'no catalog';

sub policy {
    my ($status, $out, $err) = capture(command =>
        ['scripts/mcp-policy', '-u', "$url/explain", @_]);
    return "$status:$out$err";
}

like policy('reader'), qr{\A0:location\ /open\ in\ $conf:\d+:\ mcp_policy\ is
    \ off,\ everybody\ sees\ everything\n
    location\ /db\ in\ $conf:\d+:\n
    \ \ nothing\n
    location\ /mcp\ in\ $conf:\d+:\n
    \ \ \+\ tools\ fs_read\ fs/read:\ "allow\ tools\ fs/read\ where\ path\ ~
    \ \^/a"\ of\ role\ "reader"\ in\ $conf:\d+\n
    \ \ \+\ resources\ file:///a\\x20b\\x1B\[31m
    \ fs/file:///a\\x20b\\x1B\[31m:\ "allow\ resources\ fs/file:\*"\ of\ role
    \ "reader"\ in\ $conf:\d+\n
    \ \ \+\ templates\ file:///\{\+path\}\ fs/file:///\{\+path\}:\ "allow
    \ resources\ fs/file:\*"\ of\ role\ "reader"\ in\ $conf:\d+\n\z}x,
    'what a role sees, and why';

my $boss = policy('-l', '/mcp', '-a', 'Big Boss');
like $boss, qr{\A0:location /mcp in}, 'of one location';
like $boss, qr{^  - tools fs_write fs/write: "deny tools fs/write" of role}m,
    'what is denied';
like $boss, qr{^\ \ \+\ tools\ db_echo\ db/echo:\ "allow\ tools\ \*/\*"\ of
               .*,\ unless\ "deny\ tools\ db/echo\ where\ message\ =\ x"
               \ of\ role\ "Big\ Boss"\ in\ }mx,
    'what depends on arguments';
like $boss, qr{^  \+ tools fs_read fs/read: "allow tools \*/\*" of role}m,
    'the rule without conditions decides';
unlike policy('-l', '/mcp', 'Big Boss'), qr/^  -/m, 'unless -a is given';
like policy('-a', '-l', '/db', ''), qr{- tools echo db/echo: no rule allows},
    'without roles';
like policy('-l', '/mcp', 'reader,Big Boss'), qr/fs_read/, 'several roles';

# single names, there or not

like policy('reader', 'tools', 'fs/none'),
    qr{\A0:  - tools fs/none: no rule allows it\n\z}, 'a name';
like policy('reader', 'resources', 'fs/file:///x'),
    qr{\A0:  \+ resources fs/file:///x: "allow resources fs/file:\*"},
    'a resource in no list';
like policy('reader', 'resources', 'fs/file:///%66/..x'), qr{\A0:  \+ },
    'a strange one';
like policy('Big Boss', 'tools', 'fs/write'), qr{\A0:  - .*"deny tools fs/w},
    'a rule that denies';

# mistakes

like policy('nobody'), qr{\A(?!0:).*there is no role "nobody"}s,
    'a role that is not defined';
like policy('-l', '/none', 'reader'), qr{\A(?!0:).*no such location}s,
    'a location that there is not';
like policy('reader', 'tool', 'fs/x'), qr{\A(?!0:).*the kind is}s, 'a kind';
like policy('reader', 'tools', 'x'), qr{\A(?!0:).*backend/name}s, 'no name';
like policy(), qr{\A(?!0:).*usage}s, 'no role';
my ($status, $out, $err) = capture(command =>
    ['scripts/mcp-policy', '-u', "$url/denied", 'reader']);
like "$status:$err", qr{\A(?!0:).*answered 403: is mcp_policy_explain}s,
    'where it may not ask';

# who may ask

($status, $out) = capture(command => ['scripts/mcp-policy', '-s',
    $t->dir . '/admin.sock', '-u', 'http://localhost/explain', 'reader']);
like $out, qr/fs_read/, 'on a Unix socket';
is $t->http('GET', '/explain?roles=reader')->status, 200, 'from this host';
is $t->http('GET', '/away?roles=reader',
            { 'X-Real-IP' => '192.0.2.1' })->status, 403, 'not from another';
is $t->http('GET', '/explain?roles=reader',
            { Host => 'evil.example' })->status, 403, 'nor by another name';
is $t->http('GET', '/explain?roles=reader',
            { Origin => 'http://evil.example' })->status, 403, 'nor a page';
is $t->http('POST', '/explain?roles=reader', {}, 'x')->status, 405,
    'nor a POST';
is $t->http('GET', '/policy')->status, 404, 'and nowhere by itself';

done_testing;
