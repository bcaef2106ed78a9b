# Where a token is asked for, and what is said of where to get one: nginx's
# access phase (satisfy, allow, deny, limit_except), RFC 9728, scopes, claims.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Token;

my $hs = Sentinel::Token->secret('s' x 40);
my $b = Sentinel::Backend->modern(tools => [qw/echo act progress/]);
my $secret = 'mcp_auth_jwt_key env:MCP_SECRET;';

my $t = Sentinel::Test->new(
    backends => [one => $b],
    env => { MCP_SECRET => 's' x 40 },
    http => '
    log_format claims escape=none "$uri|$mcp_claim_sub|$mcp_claim_n|'
        . '$mcp_claim_realm_access__roles|$mcp_claim_clientid|'
        . '$mcp_claim_https___x_y_role|$mcp_claim_bad|$mcp_claim_yes|'
        . '$mcp_claim_none|$mcp_claim_dup";
    access_log %%DIR%%/claims.log claims;
    server {
        listen 127.0.0.1:%%PORT:one%%;
        location / {
            mcp_pass one;
            mcp_auth_jwt all;
            ' . $secret . '
            mcp_authorization_server http://a.example;
        }
    }
',
    location => $secret . '
            mcp_auth_jwt tools;
            mcp_authorization_server https://idp.example/;
            mcp_authorization_server https://other.example/realm;
            mcp_scope mcp:use;
            mcp_scope tools=one/a* mcp:act mcp:more;
            mcp_scope tools=*/echo mcp:use;',
    server => '
        location = /own {
            mcp_pass one;
            mcp_auth_jwt own;
            ' . $secret . '
            mcp_auth_jwt_audience x https://gw.example:8443/own;
            mcp_auth_jwt_require scope own;
            mcp_authorization_server https://idp.example/;
        }

        location = /any-ip {
            satisfy any;
            allow 127.0.0.1;
            deny all;
            mcp_pass one;
            mcp_auth_jwt any;
            ' . $secret . '
            mcp_scope tools=*/act mcp:act;
        }

        location = /any {
            satisfy any;
            deny all;
            mcp_pass one;
            mcp_auth_jwt any;
            ' . $secret . '
        }

        location = /all {
            deny all;
            mcp_pass one;
            mcp_auth_jwt all;
            ' . $secret . '
        }

        location = /basic {
            satisfy any;
            auth_basic basic;
            auth_basic_user_file %%DIR%%/users;
            mcp_pass one;
            mcp_auth_jwt any;
            ' . $secret . '
        }

        location = /except {
            mcp_pass one;
            mcp_auth_jwt off;
            limit_except GET {
                mcp_auth_jwt except;
                ' . $secret . '
            }
        }

        location = /except-off {
            mcp_pass one;
            mcp_auth_jwt except;
            ' . $secret . '
            mcp_authorization_server https://idp.example/;
            limit_except DELETE {
                mcp_auth_jwt off;
            }
        }

        location = /plain {
            mcp_auth_jwt plain;
            ' . $secret . '
            proxy_pass http://127.0.0.1:%%PORT:one%%;
        }

        location = /nokeys {
            mcp_auth_jwt plain;
            return 200;
        }

        location = /nokeys-file {
            mcp_auth_jwt plain;
            alias %%DIR%%/users;
        }

        location /inherit {
            mcp_auth_jwt outer;
            ' . $secret . '
            location /inherit/inner { mcp_pass one; }
            location /inherit/off { mcp_auth_jwt off; mcp_pass one; }
        }

        location = /error { error_page 404 = /all; return 404; }
        location = /rewrite { rewrite ^ /inherit/inner last; }
        location = /try { try_files /none /inherit/inner; }
');

$t->write('users', "joe:{PLAIN}word\n");
$t->run;
await { $t->call('echo', { message => 'x' }, path => '/inherit/off')->status
        == 200 };


sub ask {
    my ($path, $claims, $tool, %headers) = @_;

    $headers{Authorization} = 'Bearer ' . $hs->token($claims) if $claims;

    return $t->call($tool // 'echo', { message => 'hi' }, path => $path,
                    headers => \%headers);
}


# --- the access phase ------------------------------------------------------

for (['/any-ip', undef, 200, 'satisfy any: the address is enough'],
     ['/any-ip', {}, 200, '... or a token with it'],
     ['/any', undef, 401, 'satisfy any: the address is not enough'],
     ['/any', {}, 200, '... but a token is'],
     ['/any', { exp => 1 }, 401, '... a good one'],
     ['/all', {}, 403, 'a token is not enough where all must hold'],
     ['/all', undef, 401, 'no token where all must hold'],
     ['/basic', undef, 401, 'neither password nor token'],
     ['/basic', {}, 200, 'a token instead of a password'],
     ['/except', undef, 401, 'limit_except: asked for'],
     ['/except', {}, 200, 'limit_except: given'],
     ['/except-off', undef, 200, 'limit_except: off'],
     ['/inherit/inner', undef, 401, 'an inner location'],
     ['/inherit/inner', {}, 200, 'an inner location, with a token'],
     ['/inherit/off', undef, 200, 'an inner location that is open'],
     ['/error', {}, 403, 'error_page leads to the check'],
     ['/rewrite', undef, 401, 'so does rewrite'],
     ['/rewrite', {}, 200, 'and with a token on'],
     ['/try', undef, 401, 'so does try_files'])
{
    my ($path, $claims, $status, $name) = @$_;

    is ask($path, $claims)->status, $status, $name;
}

my $word = MIME::Base64::encode_base64('joe:word', '');
is ask('/basic', undef, undef, Authorization => "Basic $word")->status, 200,
   'a password instead of a token';
ok !defined ask('/basic', {})->header('WWW-Authenticate'),
   'no challenge with a good answer';
is $t->http('DELETE', '/except-off', { 'Mcp-Session-Id' => 'x' })->status,
   401, 'limit_except: the other methods';
is $t->http('GET', '/plain', {})->status, 401, 'any location can ask';
like $t->http('GET', '/nokeys-file', { Authorization => 'Bearer '
    . $hs->token({}) })->status, qr/^401$/, 'without keys nobody comes in';

# --- RFC 9728 --------------------------------------------------------------

my $well = '/.well-known/oauth-protected-resource';
my $host = 'localhost:' . $t->port;
my $r = $t->http('GET', "$well/mcp");

is $r->status, 200, 'metadata, without a token';
is_deeply $r->json, {
    resource => "http://$host/mcp",
    authorization_servers => ['https://idp.example/',
                              'https://other.example/realm'],
    bearer_methods_supported => ['header'],
    scopes_supported => ['mcp:use', 'mcp:act', 'mcp:more'],
}, 'what it says';
is $r->header('Content-Type'), 'application/json', 'its type';
is $r->header('Access-Control-Allow-Origin'), '*', 'pages may read it';
is $t->http('HEAD', "$well/mcp")->status, 200, 'HEAD';
is $t->http('POST', "$well/mcp", {}, 'x')->status, 405, 'POST';
is $t->http('GET', "$well/own")->json->{resource},
   'https://gw.example:8443/own', 'an audience that is its URL';
is $t->http('GET', $_)->status, 404, "none at $_"
    for $well, "$well/", "$well/none", "$well/any", "$well/mcp/x",
        "${well}x/mcp", "$well/except";
is $t->http('GET', "$well/mcp", { Host => 'a.example' })->json->{resource},
   'http://a.example/mcp', 'another name of the host';

my $one = Sentinel::MCP->new(port => $t->port('one'));
is $one->http('GET', $_)->json->{resource},
   'http://localhost:' . $t->port('one'), "a whole server: $_"
    for $well, "$well/";

# which nginx itself refuses since 1.29
my @odd = map { $one->http('GET', $well, { Host => $_ }) } 'a"b', 'a:1"2';
like $odd[0]->status, qr/\A40[04]\z/, 'no name for a URL';
ok $odd[1]->status == 400 || $odd[1]->json->{resource} eq 'http://a',
    'a port that is none';

# --- challenges ------------------------------------------------------------

refused $r = ask('/mcp'), 401, 401, 'no token';
is $r->header('WWW-Authenticate'),
   'Bearer realm="tools", scope="mcp:use", '
   . "resource_metadata=\"http://$host$well/mcp\"", 'where to get one';
like $r->json->{error}{message}, qr/Authorization: Bearer/, 'what to do';

refused $r = ask('/own', { aud => 'x' }), 403, 403, 'a scope is missing';
like $r->header('WWW-Authenticate'),
   qr{^Bearer[ ]realm="own",[ ]error="insufficient_scope",
      [ ]error_description="[^"]+",[ ]scope="own",
      [ ]resource_metadata="https://gw\.example:8443\Q$well\E/own"$}x,
   'which, and where';

refused $r = ask('/mcp', { scope => 'mcp:act' }), 403, 403,
    'a scope of the location';
like $r->header('WWW-Authenticate'), qr/insufficient_scope.*scope="mcp:use"/,
    'which';
is ask('/mcp', { scope => 'mcp:use' })->status, 200, 'it is there';
is ask('/mcp', { scp => ['mcp:use'] })->status, 200, 'as "scp"';

untouched $b, 'a backend', sub {
    for (1 .. 2) {
        refused $r = ask('/mcp', { scope => 'mcp:use mcp:more' }, 'act'), 403,
            403, 'a scope of a tool';
        like $r->header('WWW-Authenticate'),
             qr/error="insufficient_scope".* scope="mcp:use mcp:act mcp:more"/,
             'all that it takes';
    }
    refused ask('/any-ip', undef, 'act'), 403, 403,
        'satisfy any: the address has no scope';
};

is ask('/mcp', { scope => 'mcp:more mcp:act mcp:use' }, 'act')->status, 200,
   'all are there';
is ask('/any-ip', { scope => 'mcp:act' }, 'act')->status, 200, 'there, too';
is ask('/mcp', { scope => 'mcp:use' }, 'progress')->status, 200,
   'a tool without';

my $list = $t->modern('tools/list', {}, headers => { Authorization =>
    'Bearer ' . $hs->token({ scope => 'mcp:use' }) })->result;
is_deeply [ sort map { $_->{name} } @{ $list->{tools} } ],
    [qw/act echo progress/], 'a tool that wants more is listed';

# --- claims ----------------------------------------------------------------

is ask('/inherit/inner', { sub => 'al', n => 5,
     realm_access => { roles => ['a', 'b'] }, clientId => 'c',
     'https://x.y/role' => 'r', bad => "a\r\nb", yes => JSON::PP::true,
     dup => undef, Dup => 1, dUp => 2 })->status, 200, 'claims';
ok await { index($t->read('claims.log'),
    '/inherit/inner|al|5|["a","b"]|c|r||true||') >= 0 }, 'as variables'
    or diag $t->read('claims.log') =~ m{^(/inherit/inner\|al.*)}m;

# --- configuration ---------------------------------------------------------

sub check {
    my ($text, %arg) = @_;

    return Sentinel::Test->new(backends => [one => $b], location => $text,
                               env => { MCP_SECRET => 's' x 40,
                                        MCP_SHORT => 's' x 31 },
                               %arg)->check;
}

for (['mcp_auth_jwt x;',
      qr/"mcp_pass" in .*nginx\.conf:\d+ has .*mcp_auth_jwt_key/],
     ["mcp_auth_jwt x; $secret mcp_auth_jwt_alg none;",
      qr/unknown algorithm "none": use/],
     ["mcp_auth_jwt x; $secret mcp_auth_jwt_alg hs256;",
      qr/unknown algorithm/],
     ["mcp_auth_jwt 'a\"b'; $secret", qr/realm/],
     ['mcp_auth_jwt x; mcp_auth_jwt_key env:MCP_SHORT;',
      qr/less than 32 bytes/],
     ["mcp_auth_jwt x; $secret mcp_auth_jwt_audience '';", qr/empty/],
     ["mcp_auth_jwt x; $secret mcp_auth_jwt_require a '';", qr/empty/],
     ["mcp_auth_jwt x; $secret mcp_scope 'a b';", qr/invalid scope "a b"/],
     ["mcp_auth_jwt x; $secret mcp_scope tools=one/*;", qr/no scope for/],
     ["mcp_auth_jwt x; $secret mcp_scope tools=one a;", qr/invalid pattern/],
     ['mcp_scope a;',
      qr/has "mcp_scope", but asks for no token.*mcp_auth_jwt/],
     ["mcp_auth_jwt x; $secret mcp_authorization_server idp;",
      qr/invalid issuer "idp"/],
     ["mcp_auth_jwt x; $secret mcp_authorization_server https://;",
      qr/invalid issuer/])
{
    my ($text, $like) = @$_;
    my ($status, $said) = check($text);

    isnt $status, 0, "bad: $text";
    like $said, $like, 'says why';
    like $said, qr/nginx\.conf:\d+/, 'and where';
    unlike $said, qr/s{31}/, 'but no secret';
}

for (['listen 0.0.0.0:%%PORT:x%%;', '', 1], ['listen [::]:%%PORT:x%%;', '', 1],
     ['listen 0.0.0.0:%%PORT:x%%;', 'mcp_auth_jwt off;', 0],
     ['listen 0.0.0.0:%%PORT:x%%;', "mcp_auth_jwt x; $secret", 0],
     ['listen unix:%%DIR%%/s;', '', 0], ['listen [::1]:%%PORT:x%%;', '', 0],
     ['listen 127.9.9.9:%%PORT:x%%;', '', 0])
{
    my ($listen, $text, $warn) = @$_;
    my ($status, $said) = check($text, server => $listen);

    is $status, 0, "$listen $text" or diag $said;
    is scalar($said =~ /\[warn\]\ "mcp_pass"\ in\ .*nginx\.conf:\d+
                         \ is\ open\ to\ all\ who\ reach\ \S+:
                         \ add\ "mcp_auth_jwt"/x) ? 1 : 0, $warn,
        $warn ? 'is warned of' : 'nothing to say';
}

done_testing;
