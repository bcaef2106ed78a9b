# Roles in the configuration: what cannot be meant does not start, and
# mcp_policy_test proves what is meant.

use Sentinel::Test;
use Sentinel::Backend;

my $t = Sentinel::Test->new(conf => '');
my $roles = <<'END';
mcp_role reader { allow tools fs/read_* db/*; allow prompts */*; }
mcp_role writer {
    inherit reader;
    allow tools fs/write_file where path ~ ^/tmp/ and mode = append;
    allow tools fs/write_file where "size" <= 10 and force = false;
    deny tools db/drop;
    deny tools db/query where sql ~* "\bdelete\b";
}
mcp_role files {
    allow resources fs/file:///public/* "fs/x:///{+path}";
    deny resources fs/file:///public/private/*;
}
END

sub check {
    my ($http) = @_;

    $t->configure(conf => <<"END");
%%GLOBALS%%
http {
%%HTTP%%
mcp_backend fs { url http://127.0.0.1:9/mcp; }
mcp_backend db { url http://127.0.0.1:9/mcp; }
$http
server {
    listen 127.0.0.1:%%PORT%%;
    location /mcp { mcp_roles x; mcp_pass all; }
}
}
END

    return $t->check;
}

sub fine {
    my ($http, $name) = @_;
    my ($status, $said) = check($http);

    ok $status eq '0' && $said !~ /\[(?:warn|emerg)\]/,
        $name // $http =~ s/\s+/ /gr or diag $said;
}

# #HERE is at the end of the line that is named

sub fails {
    my ($http, $like, $name) = @_;
    my ($status, $said) = check($http);
    my ($line, $conf) = (0, $t->read('nginx.conf'));

    for (split /\n/, $conf) {
        $line++;
        last if /#HERE/;
    }

    ok $status ne '0', $name // $http =~ s/\s+/ /gr;
    like $said, qr/\[emerg\] .*(?:$like)/, 'what is wrong';
    like $said, qr/\[emerg\] .*nginx\.conf:$line\b/s, "in line $line"
        if $conf =~ /#HERE/;
}

# roles

fine($roles, 'roles');
fine("mcp_role b { inherit a; }\nmcp_role a { }", 'in any order');
fine("mcp_role a { inherit b c; }\nmcp_role b { inherit d; }\n"
     . "mcp_role c { inherit d d; }\nmcp_role d { }", 'more than one way');
fine('mcp_role "Super Admin" { allow tools */*; }', 'a blank in its name');
fine('mcp_role https://x.example/roles/a:b { allow tools */*; }', 'a URL');

fails("mcp_role $_ { } #HERE", 'invalid role name', "name $_")
    for '""', 'a,b', '\'a"b\'', '"a\nb"', 'x' x 257;
fails("mcp_role a { }\nmcp_role a { } #HERE",
      'duplicate role "a", the first is in .*nginx.conf:\d+');
fails("mcp_role a { $_->[0] #HERE\n}", $_->[1]) for
    ['inherit;', 'unknown directive "inherit"'],
    ['allow;', '"allow" must be followed by tools, prompts or resources'],
    ['deny tool a/b;', '"deny" must be followed by tools'],
    ['allow tools;', 'there is no pattern in "allow tools"'],
    ['allow tools where x = 1;', 'there is no pattern'],
    ['allow tools read_file;', 'invalid pattern "read_file".*backend/name'],
    ['allow tools fs/;', 'invalid pattern "fs/": .*both sides'],
    ['allow tools /x;', 'invalid pattern "/x": .*both sides'],
    ['allow tools fs/' . 'x' x 1022 . ';', 'too long'],
    ['permit tools fs/x;', 'unknown directive "permit" in "mcp_role"'],
    ['mcp_pass fs;', 'unknown directive "mcp_pass" in "mcp_role"'],
    ['allow prompts fs/x where a = 1;', 'conditions are for tools'],
    ['allow resources fs/x where a = 1;', 'conditions are for tools'],
    ['allow tools fs/x where;', 'no condition behind "where"'],
    ['allow tools fs/x where a;', 'nothing is said of "a"'],
    ['allow tools fs/x where a ~ (;', 'regex "\(" is wrong at character 2'],
    ['allow tools fs/x where a like b;', '"like" is no condition'],
    ['allow tools fs/x where a < b;', '"b" is not a number'],
    ['allow tools fs/x where a = 1 or b = 2;', '"or" is unexpected'];

fails("mcp_role a {\ninherit nobody; #HERE\n}",
      'unknown role "nobody" in "inherit" of role "a"');
fails("mcp_role a {\ninherit a; #HERE\n}",
      'role "a" inherits itself \(a inherits a\)');
fails("mcp_role a { inherit b; }\nmcp_role b { inherit x c; }\n"
      . "mcp_role c {\ninherit a; #HERE\n}\nmcp_role x { }",
      '"a" inherits itself \(a inherits b inherits c inherits a\)');
fails("mcp_role a { inherit b; }\nmcp_role b { inherit c; }\n"
      . "mcp_role c {\ninherit b; #HERE\n}",
      '"b" inherits itself \(b inherits c inherits b\)');

# tests that hold

fine("$roles\nmcp_policy_test $_;", $_) for
    'reader can tools fs/read_file', 'reader cannot tools fs/write_file',
    'reader can tools db/drop', 'writer cannot tools db/drop',
    'reader,writer cannot tools db/drop', 'writer can tools fs/read_x',
    'reader can prompts fs/x', 'reader cannot resources fs/x',
    'files can resources fs/file:///public/a/b',
    'files cannot resources fs/file:///public/private/x',
    'files cannot resources fs/file:///public/../x',
    'files cannot resources fs/file:///public/%70rivate/x',
    'files cannot resources fs/file:///private',
    'files can resources "fs/x:///{+path}"',
    'writer can tools fs/write_file',
    'writer can tools fs/write_file with path=/tmp/x mode=append',
    'writer cannot tools fs/write_file with path=/tmp/x mode=write',
    'writer cannot tools fs/write_file with path=/tmp/x',
    'writer can tools fs/write_file with size=10 force=false',
    'writer cannot tools fs/write_file with size=10.5 force=false',
    'writer cannot tools fs/write_file with size=10 force=true',
    q{writer can tools fs/write_file with '{"size": 1, "force": false}'},
    q{writer cannot tools fs/write_file with '{}'},
    'writer can tools db/query with "sql=select 1"',
    'writer can tools db/query with x=1',
    'writer cannot tools db/query with "sql=DELETE x"',
    'writer cannot tools db/query with sql=5';

fine("mcp_policy_test reader can tools fs/read_x;\n$roles",
     'a test before its role');

# and that do not

fails("$roles\nmcp_policy_test $_->[0]; #HERE", $_->[1]) for
    ['reader can tools fs/write_file', '"mcp_policy_test" failed: role '
     . '"reader" cannot see tools fs/write_file: no rule allows it'],
    ['reader cannot tools fs/read_file', 'role "reader" can see tools '
     . 'fs/read_file: "allow tools fs/read_\* db/\*" of role "reader" in '
     . '\S+nginx.conf:\d+'],
    ['writer cannot tools fs/read_file', 'of role "reader" in'],
    ['writer can tools db/drop', 'role "writer" cannot see tools db/drop: '
     . '"deny tools db/drop" of role "writer" in'],
    ['writer can tools fs/write_file with path=/etc mode=append',
     'cannot call tools fs/write_file with these arguments: the conditions '
     . 'are not met of "allow tools fs/write_file where path ~ \^/tmp/ and'],
    ['writer can tools db/query with "sql=DELETE 1"', 'cannot call tools '
     . 'db/query with these arguments: "deny tools db/query where'],
    ['writer cannot tools db/query with "sql=select"', 'can call tools '
     . 'db/query with these arguments: "allow tools fs/read_\* db/\*"'],
    ['nobody can tools fs/x', 'unknown role "nobody"'],
    ['reader, can tools fs/x', 'unknown role ""'],
    ['reader', 'write it as ROLE'], ['reader can tools', 'write it as ROLE'],
    ['reader may tools fs/x', '"may" must be "can" or "cannot"'],
    ['reader can tool fs/x', '"tool" must be "tools"'],
    ['reader can tools x', '"x" must be the whole name'],
    ['reader can tools fs/*', 'must be the whole name.*without'],
    ['reader can tools */x', 'must be the whole name'],
    ['reader can tools fs/x y', '"y" is unexpected'],
    ['reader can tools fs/x with', '"with" is unexpected'],
    ['reader can tools fs/x with y', '"y" is no argument'],
    ['reader can tools fs/x with =y', '"=y" is no argument'],
    ['reader can tools fs/x with a=1 a=2', 'arguments behind "with" are wrong'],
    [q(reader can tools fs/x with '{"a":'), 'arguments behind "with"'],
    ['reader can prompts fs/x with a=1', 'only tools have arguments'];

my ($status, $said) = check("$roles\nmcp_policy_test reader can tools fs/a;\n"
                            . "mcp_policy_test reader can tools fs/b;");
is scalar(() = $said =~ /\[emerg\].*policy_test/g), 2, 'all that fail are said';
fails('mcp_policy_test a can tools fs/x; #HERE', 'unknown role "a"',
      'a test without roles');

# a backend that there is not

($status, $said) = check("mcp_role a {\nallow tools fss/x fs/y */z;\n}");
is $status, '0', 'a backend that is not defined';
like $said, qr/\[warn\] "fss\/x" in \S+:\d+ fits nothing: there is no mcp_b/,
    'is warned of';
is scalar(() = $said =~ /\[warn\]/g), 1, 'once';

# callers who can have no roles

for (['', 1], ['mcp_policy off;', 0], ['mcp_policy on;', 1],
     ['mcp_roles $http_x;', 0])
{
    my ($more, $warned) = @$_;
    ($status, $said) = check("mcp_role a { allow tools fs/x; }\nserver {\n"
        . "listen 127.0.0.1:%%PORT:more%%;\n$more\n"
        . "location /none { mcp_pass fs; }\n}");
    is $status, '0', "without roles, $more";
    is scalar(() = $said =~ m{\[warn\] location "/none" in \S+ shows noth}g),
        $warned,
        'and is warned of, or not' or diag $said;
}

# what fits nothing is said once the lists are there

my $one = Sentinel::Backend->modern(tools => ['echo'],
                                    prompts => [{ name => 'p' }]);
my $down = Sentinel::Backend->modern(tools => ['echo'], start => 0);
my $g = Sentinel::Test->new(
    backends => [one => { url => $one, conf => 'refresh 200ms;' },
                 down => { url => $down, conf => 'refresh 200ms;' }],
    http => <<'END',
    mcp_roles $http_x_roles;
    mcp_role a { allow tools one/echo one/ecko */late */*; deny tools down/x; }
    mcp_role b { deny prompts one/p one/q; }
    mcp_role c { allow resources one/none; }
END
)->run;

ok $g->wait_log(qr/\[warn\].*mcp policy: "one\/ecko" in \S+:\d+ fits no tools/),
    'a pattern that fits nothing';
ok $g->wait_log(qr/"one\/q" in \S+ fits no prompts/), 'of prompts';
ok $g->wait_log(qr/"one\/none" in \S+ fits no resources/), 'of resources';
unlike $g->error_log, qr/"(?:one\/echo|one\/p|\*\/\*)" in/,
    'not one that fits something';
unlike $g->error_log, qr/"(?:down\/x|\*\/late)" in/,
    'nor one of a backend that is down';

$down->start;
ok $g->wait_log(qr/"down\/x" in \S+ fits no tools/), 'until it is up';
ok $g->wait_log(qr/"\*\/late" in/), 'then all is known';

# said again only after it has changed

$one->set(tools => [qw/echo ecko/]);
ok await { ($g->modern('tools/list', {}, headers => { 'X-Roles' => 'a' })
              ->body) =~ /one_ecko/ }, 'a tool comes';
$one->set(tools => [qw/echo/]);
ok await { (() = $g->error_log =~ /"one\/ecko" in/g) == 2 }, 'and goes';
is scalar(() = $g->error_log =~ /"one\/q" in/g), 1,
    'what has not changed is said once';

# an explicit "on" without a role shows nothing

for (['on', 0], ['off', 2]) {
    my ($flag, $n) = @$_;
    my $none = Sentinel::Test->new(backends => [one => $one, down => $down],
                                   location => "mcp_policy $flag;")->run;
    my $r;
    await { $r = $none->modern('tools/list')->result;
            $r && @{ $r->{tools} } >= $n };
    is scalar @{ $r->{tools} }, $n, "mcp_policy $flag without roles";
}

done_testing;
