# Conditions on the arguments of a call, through the gateway: what is judged
# are the bytes that the backend gets, and what cannot be told is refused.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $fs = Sentinel::Backend->legacy(
    name => 'fs', tools => [map { { name => $_, inputSchema =>
        { type => 'object' } } } qw/read_file list query both/],
    call => { map { my $n = $_; ($n => sub { Sentinel::Tools::text($n) }) }
              qw/read_file list query both/ });

my $t = Sentinel::Test->new(
    backends => [fs => $fs],
    http => <<'END',
    mcp_roles $http_x_roles;
    log_format policy '$http_x_case $mcp_outcome $mcp_error_code $mcp_name';
    access_log %%DIR%%/policy.log policy;
    mcp_role reader {
        allow tools fs/read_file where path ~ ^/public/ and path !~ \.\.;
        allow tools fs/query where table = orders and limit <= 100
                             and options.dry = true;
        allow tools fs/list where paths[] ~ ^/public/;
    }
    mcp_role owner { allow tools fs/read_file where path = /hidden/door; }
    mcp_role safe  { allow tools fs/*; deny tools fs/* where path ~ ^/etc; }
END
)->run;

await { ($t->modern('tools/list', {}, headers => { 'X-Roles' => 'safe' })
           ->tools) == 4 } 15 or die 'no catalog';

sub raw {
    my ($tool, $arguments) = @_;
    return '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"'
         . $tool . '"' . (defined $arguments ? ',"arguments":' . $arguments
                                             : '') . '}}';
}

sub try {
    my ($roles, $tool, $arguments, %opt) = @_;
    my $s = $opt{session} // $t->legacy(headers => { 'X-Roles' => $roles });
    my $r;
    my @sent = sent $fs, sub {
        $r = $s->request('tools/call', undef, raw => raw($tool, $arguments),
                         headers => { 'X-Case' => $opt{case} // 'x' });
    };
    return ($r, @sent);
}

# who sees what does not depend on arguments

my @cases = (
    ['reader', 'read_file', '{"path":"/public/a"}', 1],
    ['reader', 'read_file', '{"path":"/publi\u0063/a"}', 1],
    ['reader', 'read_file', '{"x":[{}],"path":"/public/a"}', 1],
    ['reader', 'read_file', '{"path":"/secret"}', 'path'],
    ['reader', 'read_file', '{"path":"/public/../secret"}', 'path'],
    ['reader', 'read_file', '{"path":"/public/.\u002e/secret"}', 'path'],
    ['reader', 'read_file', '{"path":["/public/a"]}', 'path'],
    ['reader', 'read_file', '{"path":{"path":"/public/a"}}', 'path'],
    ['reader', 'read_file', '{"path":null}', 'path'],
    ['reader', 'read_file', '{"Path":"/public/a"}', 'path'],
    ['reader', 'read_file', '{"path":"/public/a","PATH":"/secret"}', 'path'],
    ['reader', 'read_file', '{"path":"/public/a","path\u0000":"/s"}', 'path'],
    ['reader', 'read_file', '{}', 'path'],
    ['reader', 'read_file', undef, 'path'],
    ['reader,owner', 'read_file', '{"path":"/hidden/door"}', 1],
    ['reader,owner', 'read_file', '{"path":"/public/a"}', 1],
    ['reader,owner', 'read_file', '{"path":"/hidden/x"}', 'path'],
    ['owner', 'read_file', '{"path":"/public/a"}', 'path'],
    ['reader', 'query',
     '{"table":"orders","limit":100,"options":{"dry":true}}', 1],
    ['reader', 'query',
     '{"table":"orders","limit":1e2,"options":{"dry":true}}', 1],
    ['reader', 'query',
     '{"table":"orders","limit":100.1,"options":{"dry":true}}', 'limit'],
    ['reader', 'query',
     '{"table":"orders","limit":"1","options":{"dry":true}}', 'limit'],
    ['reader', 'query',
     '{"table":"users","limit":1,"options":{"dry":true}}', 'table'],
    ['reader', 'query', '{"table":"orders","limit":1,"options":{}}',
     'options.dry'],
    ['reader', 'query',
     '{"table":"orders","limit":1,"options":{"dry":"true"}}', 'options.dry'],
    ['reader', 'query', '{"table":"orders","limit":1,"options.dry":true}',
     'options.dry'],
    ['reader', 'list', '{"paths":["/public/a","/public/b"]}', 1],
    ['reader', 'list', '{"paths":["/public/a","/secret"]}', 'paths[]'],
    ['reader', 'list', '{"paths":[]}', 'paths[]'],
    ['reader', 'list', '{"paths":"/public/a"}', 'paths[]'],
    ['safe', 'read_file', '{"path":"/x"}', 1],
    ['safe', 'read_file', '{}', 1],
    ['safe', 'both', undef, 1],
    ['safe', 'read_file', '{"path":"/etc/x"}', 'path'],
    ['safe', 'read_file', '{"path":["/etc/x"]}', 'path'],
    ['safe', 'read_file', '{"path":"/x","pAth":"/etc/x"}', 'path'],
    ['safe,reader', 'read_file', '{"path":"/etc/x"}', 'path'],
    ['safe,reader', 'read_file', '{"path":"/y"}', 1],
);

for (@cases) {
    my ($roles, $tool, $arguments, $want) = @$_;
    my $name = "$roles: $tool " . ($arguments // 'without arguments');
    my ($r, @sent) = try($roles, $tool, $arguments);

    if ($want eq '1') {
        is $r->text, $tool, $name;
        next if !defined $arguments;
        like $sent[0]{body}, qr/\Q$arguments\E/, 'the same bytes are sent';
        next;
    }

    my $error = refused $r, 200, -32602, $name, id => '5';
    like $error->{message}, qr/^your roles do not allow this.* "\Q$want\E"/,
        'which argument it is';
    unlike $r->body, qr/public|hidden|etc|\^/, 'but not what would do';
    is scalar @sent, 0, 'nothing is sent';
}

# a modern client, too

is $t->call('read_file', { path => '/public/x' },
            headers => { 'X-Roles' => 'reader' })->text, 'read_file', 'modern';
refused $t->call('read_file', { path => '/x' },
                 headers => { 'X-Roles' => 'reader' }), 200, -32602,
        'modern, denied';

# two arguments of one name are nobody's call

my ($r, @sent) = try('reader', 'read_file',
                     '{"path":"/public/a","p\u0061th":"/secret"}');
refused $r, 400, -32600, 'a duplicate';
($r, @sent) = try('reader', 'query', '{"table":"orders","limit":1,'
                  . '"options":{"dry":true,"dry":false}}');
refused $r, 400, -32600, 'a duplicate deeper down';

# a string that takes a regular expression too long

my $long = Sentinel::Test->new(
    backends => [fs => $fs],
    http => <<'END',
    mcp_roles $http_x_roles;
    mcp_role a { allow tools fs/read_file where path ~ ^(a+)+$; }
    mcp_role d { allow tools fs/*; deny tools fs/* where path ~ ^(a+)+$; }
END
)->run;
await { ($long->modern('tools/list', {}, headers => { 'X-Roles' => 'd' })
              ->tools) == 4 } 15 or die 'no catalog';

for my $role ('a', 'd') {
    refused $long->call('read_file', { path => 'a' x 5000 . '!' },
                        headers => { 'X-Roles' => $role }), 200, -32602,
        "a string that takes too long, $role";
}
is $long->call('read_file', { path => 'a' x 50 },
               headers => { 'X-Roles' => 'a' })->text, 'read_file',
    'one that does not';
is $long->call('read_file', { path => '!' },
               headers => { 'X-Roles' => 'd' })->text, 'read_file', 'nor this';

# the log

try('reader', 'read_file', '{"path":"/x"}', case => 'argument');
my $log;
await { ($log = $t->read('policy.log')) =~ /^argument/m };
like $log, qr/^argument denied -32602 read_file$/m, 'the log knows';
like $t->error_log, qr/mcp call \S+ is denied by the conditions in \S+:\d+/,
    'and which rule it was';

done_testing;
