# Who calls, by token: the name and the roles from claims of every form, and
# what belongs to a name and its issuer.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Token;
use JSON::PP;

my $secret = 'a secret that is long enough for an HS256 signature';
my $key = Sentinel::Token->secret($secret);
my $idp = 'https://idp.example/';
my $users = do {
    my $dir = File::Temp::tempdir(CLEANUP => 1);
    chmod 0755, $dir;
    open my $file, '>', "$dir/users";
    print $file "carol:{PLAIN}secret\n";
    close $file;
    "$dir/users";
};

my $b = Sentinel::Backend->modern(tools => ['echo']);
my $own = Sentinel::Backend->legacy(tools => ['echo']);

my $t = Sentinel::Test->new(
    env => { SECRET => $secret }, workers => 1,
    backends => [one => { url => $b, conf => <<'END' }, own => $own],
        prefix off;
        set_header X-Client $mcp_client;
        set_header X-Roles  $mcp_client_roles;
END
    http => '    mcp_auth_jwt_key env:SECRET;
                 log_format who "$uri $status $mcp_client";
                 access_log %%DIR%%/who.log who;
',
    location => '    mcp_auth_jwt tools; mcp_page_size 1;',
    server => <<"END",
        location = /email {
            mcp_auth_jwt tools;
            mcp_client \$mcp_claim_email;
            mcp_roles  \$mcp_claim_realm_access__roles;
            mcp_pass   one own;
        }

        location = /made {
            mcp_auth_jwt tools;
            mcp_client "\${mcp_claim_tenant}/\$mcp_claim_sub";
            mcp_roles  "\$mcp_claim_scope \$mcp_claim_groups";
            mcp_pass   one;
        }

        location = /mixed {
            mcp_auth_jwt tools;
            mcp_client "\$mcp_claim_sub@\$http_x_device";
            mcp_roles  \$http_x_roles;
            mcp_pass   one;
        }

        location = /any {
            satisfy      any;
            allow        127.0.0.1;
            deny         all;
            mcp_auth_jwt tools;
            mcp_pass     one own;
        }

        location = /either {
            satisfy              any;
            mcp_auth_jwt         tools;
            auth_basic           gateway;
            auth_basic_user_file $users;
            mcp_client           "\$mcp_claim_sub\$remote_user";
            mcp_pass             one;
        }

        location = /all {
            deny         all;
            mcp_auth_jwt tools;
            mcp_pass     one;
        }

        location = /except {
            mcp_pass one;

            limit_except DELETE {
                mcp_auth_jwt tools;
            }
        }

        location = /open { mcp_auth_jwt off; mcp_pass one own; }
END
)->run;

sub bearer { return { Authorization => "Bearer $_[0]" } }

sub token { return $key->token({ iss => $idp, sub => 'alice', @_ }) }

# Client and roles as the backend was told, or the status of a refusal.

sub who {
    my ($headers, %opt) = @_;
    my ($r, @sent);

    $headers = bearer($headers) if !ref $headers;
    @sent = sent $b, sub {
        $r = $t->call('echo', { message => 'm' }, headers => $headers, %opt);
    };

    return $r->status if !@sent;
    return join ' | ', map { $sent[0]{headers}{$_} // '' }
                       qw/x-client x-roles/;
}

await { my $r = $t->modern('tools/list', {}, headers => bearer(token()));
        $r->status == 200 && ($r->result || {})->{nextCursor} };

# roles in every form, the token new and seen before

for (['a string', 'reader', 'reader'],
     ['words', 'reader writer', 'reader,writer'],
     ['a list in a string', 'reader,writer', 'reader,writer'],
     ['an array', ['reader', 'writer'], 'reader,writer'],
     ['an array of one', ['reader'], 'reader'],
     ['names with spaces', ['Data Team', 'x'], '["Data Team","x"]'],
     ['the same twice', ['a', 'b', 'a'], 'a,b'],
     ['none', [], ''], ['an empty string', '', ''], ['null', undef, ''],
     ['many', [1 .. 128], join ',', 1 .. 128])
{
    my ($what, $roles, $seen) = @$_;
    my $token = token(roles => ref $roles ? [map { "$_" } @$roles]
                                          : $roles);

    is who($token), "alice | $seen", "roles: $what" for 1 .. 3;
}

is who(token()), 'alice | ', 'no roles at all';

for (['a number', 5], ['true', JSON::PP::true], ['an object', { a => 1 }],
     ['an array of numbers', [1]], ['an array in it', [['a']]],
     ['null in it', ['a', undef]], ['too many', [map { "r$_" } 1 .. 129]],
     ['a long name', ['r' x 257]], ['a control', ["a\n"]],
     ['a control in a string', "a\nb"], ['a NUL', ["a\0"]])
{
    my ($what, $roles) = @$_;
    my $token = token(roles => $roles);

    for (1, 2) {
        untouched $b, "refused, $what", sub {
            refused $t->call('echo', {}, headers => bearer($token)), 403, 403,
                "... $what";
        };
    }
}

# other claims; the same token in several places

my %claims = (email => 'alice@example.com', tenant => 't1',
              roles => ['reader'], scope => 'mcp:read mcp:write',
              groups => 'g1,g2',
              realm_access => { roles => ['offline_access', 'writer'] });
my $token = token(%claims);

for (1 .. 3) {
    is who($token), 'alice | reader', 'sub and roles';
    is who($token, path => '/email'),
        'alice@example.com | offline_access,writer', 'a claim, a nested one';
    is who($token, path => '/made'),
        't1/alice | mcp:read,mcp:write,g1,g2', 'of several claims';
    is who({ %{ bearer($token) }, 'X-Device' => "d$_", 'X-Roles' => "r$_" },
           path => '/mixed'), "alice\@d$_ | r$_",
        'of a claim and what is not in the token';
}

is who(token(sub => "J\x{f6}rg \x{1f600}"), path => '/mcp') =~ s/ \| .*//r,
    do { my $x = "J\x{f6}rg \x{1f600}"; utf8::encode($x); $x },
    'a name in UTF-8';
is who(token(sub => 'x' x 1025)), 401, 'one that is too long';

# with nginx's own access rules

is who({}), 401, 'no token';
is who({}, path => '/any'), ' | ', 'satisfy any: by address, nobody';
is who($token, path => '/any'), 'alice | reader', '... or who the token says';
is who("${token}x", path => '/any'), ' | ', '... not who a bad one says';
is who($token, path => '/either'), 'alice | reader', 'by token';
is who({ Authorization => 'Basic Y2Fyb2w6c2VjcmV0' }, path => '/either'),
    'carol | ', '... or by password';
is who({ Authorization => 'Basic Y2Fyb2w6eA==' }, path => '/either'), 401,
    '... not by a wrong one';
is who({}, path => '/either'), 401, '... nor by nothing';
is who($token, path => '/all'), 403, 'satisfy all: deny denies';
is who({}, path => '/except'), 401, 'limit_except: no token';
is who($token, path => '/except'), 'alice | reader', '... a token';
is $t->http('DELETE', '/except', { 'Mcp-Session-Id' => 'x' })->status, 404,
    '... the method that is excepted';
is who($token, path => '/open'), ' | ', 'where no token is asked for, none';

# sessions belong to the name and its issuer

sub session { return $t->legacy(headers => bearer(token(@_))) }

sub status {
    my ($s, $headers, %opt) = @_;

    return (bless { %$s, headers => $headers }, ref $s)
        ->request('ping', undef, %opt)->status;
}

my $alice = session();

for (1 .. 2) {
    is status($alice, bearer(token())), 200, 'her session';
    is status($alice, bearer(token(roles => ['other'], jti => rand))), 200,
        '... with a new token of hers';
    is status($alice, bearer(token(sub => 'bob'))), 404, '... not with his';
    is status($alice, bearer(token(iss => 'https://other.example/'))), 404,
        '... not of one of that name elsewhere';
    is status($alice, bearer(token(iss => undef))), 404,
        '... nor of no issuer';
    is status($alice, bearer(token(iss => "${idp}a", sub => 'lice'))), 404,
        '... nor put together otherwise';
    is status($alice, {}), 401, '... nor without a token';
    is status($alice, {}, path => '/any'), 404,
        '... nor by address, where that is enough';
    is status($alice, bearer(token()), path => '/any'), 200,
        '... where she may come with her token, too';
    is status($alice, bearer(token()), path => '/open'), 404,
        '... not where nobody looks at it';
    is status($alice, bearer(token(email => 'alice@example.com')),
              path => '/email'), 404, '... nor under another name';
}

my $nobody = $t->legacy(path => '/open');
is status($nobody, {}, path => '/any'), 200, 'a session of nobody';
is status($nobody, bearer(token()), path => '/any'), 404,
    '... is not hers, either';
is status($nobody, bearer(token()), path => '/open'), 200,
    '... where she is nobody, it is';

my $cursor = $t->modern('tools/list', {}, headers => bearer(token()))
    ->result->{nextCursor};
is $t->modern('tools/list', { cursor => $cursor },
              headers => bearer(token()))->status, 200, 'her cursor';
refused $t->modern('tools/list', { cursor => $cursor },
                   headers => bearer(token(iss => 'https://other.example/'))),
    200, -32602, '... not of one of that name elsewhere';

my $log = $t->read('who.log');
like $log, qr{^/mcp 200 alice$}m, '$mcp_client in the log';
unlike $log, qr{^\S+ 401 (?!-$)}m, '... not for those who were refused';

done_testing;
