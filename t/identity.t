# Who calls: mcp_client and mcp_roles from anything that nginx knows of a
# client, told when the access phase is over and never before.  With auth_basic,
# auth_request and client certificates, before a real nginx.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use MIME::Base64 qw/encode_base64/;

my $dir = File::Temp::tempdir(CLEANUP => 1);
chmod 0755, $dir;

sub file {
    my ($name, $content) = @_;
    open my $file, '>', "$dir/$name" or die "$dir/$name: $!";
    print $file $content;
    close $file;
    return "$dir/$name";
}

my $users = file('users', join '', map { "$_:{PLAIN}$_-secret\n" }
                                   qw/alice bob/);

# A CA, and who has a certificate of it.

sub openssl {
    my ($status, $out, $err) = capture(command => [openssl => @_]);
    die "openssl @_: $err" if $status ne '0';
}

my ($ca, $ca_key) = certificate('ca.test', $dir);

for (['carol', '/O=Example, Inc./OU=mcp-writers/CN=carol'],
     ['latin', "/O=Example/CN=J\xc3\xb6rg"])
{
    my ($name, $subject) = @$_;
    openssl(qw/req -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -utf8/,
            '-subj', $subject, '-keyout', "$dir/$name.key",
            '-out', "$dir/$name.csr");
    openssl(qw/x509 -req -days 2 -CAcreateserial/, '-CA', $ca,
            '-CAkey', $ca_key, '-in', "$dir/$name.csr",
            '-out', "$dir/$name.crt");
}
certificate('mallory', $dir);

my $b = Sentinel::Backend->modern(tools => ['echo']);

my $t = Sentinel::Test->new(
    backends => [one => { url => $b, conf => <<'END' }],
        set_header X-Client $mcp_client;
        set_header X-Roles $mcp_client_roles;
END
    http => <<"END",
    log_format who 'client="\$mcp_client" roles="\$mcp_client_roles" '
                   '\$status \$mcp_outcome \$uri';
    access_log %%DIR%%/who.log who;

    map \$remote_user \$basic_roles {
        alice "reader writer";
        bob   reader;
    }

    map \$ssl_client_s_dn \$cert_roles {
        ~OU=mcp-writers writer;
    }

    mcp_roles \$http_x_roles;

    server {
        listen 127.0.0.1:%%PORT:tls%% ssl;
        ssl_certificate $ca;
        ssl_certificate_key $ca_key;
        ssl_client_certificate $ca;
        ssl_verify_client on;

        location /mcp {
            mcp_client \$ssl_client_s_dn;
            mcp_roles  \$cert_roles;
            mcp_pass   one;
        }
    }

    server {
        listen 127.0.0.1:%%PORT:idp%%;

        location /check {
            if (\$http_authorization = "Bearer good") {
                add_header X-User "dave";
                add_header X-Groups '["Data Team","reader"]';
                return 204;
            }
            add_header X-User "nobody";
            add_header X-Groups "admin";
            return 401;
        }
    }
END
    location => <<'END',
        mcp_client $http_x_user;
        location /mcp/nested { mcp_client "$http_x_user@nested";
                               mcp_roles fixed; mcp_pass one; }
        location /mcp/inherit { mcp_pass one; }
        location /mcp/nobody { mcp_client ""; mcp_roles ""; mcp_pass one; }
END
    server => <<"END",
        location = /none { mcp_pass one; }

        location = /basic {
            auth_basic           gateway;
            auth_basic_user_file $users;
            mcp_client           \$remote_user;
            mcp_roles            \$basic_roles;
            mcp_pass             one;
        }

        location = /any {
            satisfy              any;
            allow                127.0.0.1;
            deny                 all;
            auth_basic           gateway;
            auth_basic_user_file $users;
            mcp_client           \$remote_user;
            mcp_roles            \$basic_roles;
            mcp_pass             one;
        }

        location = /any-elsewhere {
            satisfy              any;
            deny                 all;
            auth_basic           gateway;
            auth_basic_user_file $users;
            mcp_client           \$remote_user;
            mcp_roles            \$basic_roles;
            mcp_pass             one;
        }

        location = /all {
            deny                 all;
            auth_basic           gateway;
            auth_basic_user_file $users;
            mcp_client           \$remote_user;
            mcp_pass             one;
        }

        location = /except {
            mcp_client           \$remote_user;
            mcp_roles            \$basic_roles;
            mcp_pass             one;

            limit_except DELETE {
                auth_basic           gateway;
                auth_basic_user_file $users;
            }
        }

        location = /except-own {
            mcp_client           \$http_x_user;
            mcp_roles            "";
            mcp_pass             one;

            limit_except DELETE {
                auth_basic           gateway;
                auth_basic_user_file $users;
                mcp_client           \$remote_user;
                mcp_roles            \$basic_roles;
            }
        }

        location = /request {
            auth_request     /check;
            auth_request_set \$idp_user   \$upstream_http_x_user;
            auth_request_set \$idp_groups \$upstream_http_x_groups;
            mcp_client       \$idp_user;
            mcp_roles        \$idp_groups;
            mcp_pass         one;
        }

        location = /check {
            internal;
            proxy_pass              http://127.0.0.1:%%PORT:idp%%/check;
            proxy_pass_request_body off;
            proxy_set_header        Content-Length "";
        }
END
)->run->wait_catalog('echo');


# Client and roles as the backend was told, or the status of a refusal.

sub who {
    my ($headers, %opt) = @_;
    my ($r, @sent);

    @sent = sent $b, sub {
        $r = $t->call('echo', { message => 'm' }, headers => $headers, %opt);
    };

    return $r->status if !@sent;
    return 'answered ' . $r->status if $r->status != 200;
    return join ' | ', map { $sent[0]{headers}{$_} // '' }
                       qw/x-client x-roles/;
}

sub basic { return { Authorization => 'Basic ' . encode_base64($_[0], '') } }


# plain variables: every form of roles

is who({}), ' | ', 'nobody';
is who({ 'X-User' => 'eve' }), 'eve | ', 'a client without roles';

for (['reader', 'reader'], ['reader writer', 'reader,writer'],
     ["reader,writer", "reader,writer"],
     [" reader ,  writer,", "reader,writer"],
     ['reader reader writer reader', 'reader,writer'],
     ["reader\twriter", 'reader,writer'],
     ['["reader","writer"]', 'reader,writer'], ['[]', ''], [' , ', ''],
     ['["Super Admin","reader"]', '["Super Admin","reader"]'],
     ['["a,b"]', '["a,b"]'], ['["\u0061dmin"]', 'admin'],
     ['["x\/y"]', 'x/y'], [join(' ', 1 .. 128), join(',', 1 .. 128)],
     ['r' x 256, 'r' x 256])
{
    my ($given, $roles) = @$_;
    is who({ 'X-User' => 'eve', 'X-Roles' => $given }), "eve | $roles",
        'roles: ' . substr $given, 0, 40;
}

# what cannot be roles or a name is nobody's, and certainly not fewer roles

untouched $b, 'hostile values do not get to the backend', sub {
    for ('[', '["reader"', '["reader",]', '[reader]', '[1]', '[null]',
         '[["reader"]]', '[{"name":"reader"}]', '{"roles":["reader"]}',
         '["a\u0000"]', '["a\nb"]', '["\ud800"]', "reader\x7f",
         "reader \xff", '["reader"] writer', join(' ', 1 .. 129),
         'r' x 257, '[' x 200, 'r ' x 10_000)
    {
        my $r = $t->call('echo', {}, headers => { 'X-User' => 'eve',
                                                  'X-Roles' => $_ });
        # nginx itself has a limit for headers
        next if length > 8000 && $r->status == 400;
        refused $r, 403, 403, 'roles refused: ' . shown(substr $_, 0, 40);
        unlike $r->body, qr/eve|reader/, 'and not repeated';
    }

    refused $t->call('echo', {}, headers => { 'X-User' => $_ }), 403, 403,
            'a name refused: ' . shown(substr $_, 0, 40)
        for "a\x7fb", "a\tb", "J\xf6rg", "\xe2\x82", 'x' x 1025;

    is $t->http('DELETE', '/mcp', { 'Mcp-Session-Id' => 'x',
                                    'X-Roles' => '[1]' })->status, 403,
        'with any method';
};

like $t->error_log, qr/the roles of the client are too many/,
    'the log says why';
unlike $t->error_log, qr/eve-|\[error\][^\n]*the name of the client [^\n]*Rg/,
    'without the value';
is who({ 'X-User' => "J\xc3\xb6rg" }), "J\xc3\xb6rg | ", 'a name in UTF-8'
    or 1;
is who({ 'X-User' => 'x' x 1024 }), 'x' x 1024 . ' | ', 'a long name';

# inheritance

is who({ 'X-User' => 'eve', 'X-Roles' => 'r' }, path => '/mcp/nested'),
    'eve@nested | fixed', 'the inner location has its own';
is who({ 'X-User' => 'eve', 'X-Roles' => 'r' }, path => '/mcp/inherit'),
    'eve | r', 'or that of those around it';
is who({ 'X-User' => 'eve', 'X-Roles' => 'r' }, path => '/mcp/nobody'),
    ' | ', 'or none';
is who({ 'X-User' => 'eve', 'X-Roles' => 'r' }, path => '/none'), ' | r',
    'roles of the http level';

# auth_basic

is who({}, path => '/basic'), 401, 'auth_basic: no password';
is who(basic('alice:wrong'), path => '/basic'), 401, 'a wrong one';
is who(basic('alice:alice-secret'), path => '/basic'),
    'alice | reader,writer', 'the name and roles of a user';
is who(basic('bob:bob-secret'), path => '/basic'), 'bob | reader', 'another';
is who({ %{ basic('bob:bob-secret') }, 'X-Roles' => 'admin',
         'X-User' => 'root' }, path => '/basic'), 'bob | reader',
    'headers do not count here';

# satisfy any: whoever an address lets in is not yet who he says he is

is who({}, path => '/any'), ' | ', 'satisfy any: by address, nobody';
is who(basic('alice:alice-secret'), path => '/any'), 'alice | reader,writer',
    'by address and password';
is who(basic('alice:wrong'), path => '/any'), 401,
    'by address, as somebody else';
is who(basic('nobody:x'), path => '/any'), 401, 'by address, as no user';
is who({ Authorization => 'Bearer x' }, path => '/any'), ' | ',
    'by address, with a token that nobody reads';
is who({}, path => '/any-elsewhere'), 401, 'from elsewhere: no password';
is who(basic('alice:wrong'), path => '/any-elsewhere'), 401, 'a wrong one';
is who(basic('bob:bob-secret'), path => '/any-elsewhere'), 'bob | reader',
    'the right one';
is who(basic('alice:alice-secret'), path => '/all'), 403,
    'satisfy all: deny denies';

# limit_except

is who({}, path => '/except'), 401, 'limit_except: no password';
is who(basic('alice:wrong'), path => '/except'), 401, 'a wrong one';
is who(basic('alice:alice-secret'), path => '/except'),
    'alice | reader,writer', 'the right one';
is who({ %{ basic('alice:alice-secret') }, 'X-User' => 'root' },
       path => '/except-own'), 'alice | reader,writer', '... of its own';
is $t->http('DELETE', '/except', { 'Mcp-Session-Id' => 'x' })->status, 404,
    'the method that is excepted';

# auth_request

is who({}, path => '/request'), 401, 'auth_request: refused';
is who({ Authorization => 'Bearer good' }, path => '/request'),
    'dave | ["Data Team","reader"]', 'what the other server said';
is who({ Authorization => 'Bearer good', 'X-Roles' => 'admin' },
       path => '/request'), 'dave | ["Data Team","reader"]',
    'and nobody else';

# client certificates

sub tls {
    my ($name) = @_;
    my ($status, $out, $err, @sent);

    my $body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{'
        . '"name":"echo","arguments":{"message":"m"},"_meta":{'
        . '"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        . '"io.modelcontextprotocol/clientCapabilities":{}}}}';

    @sent = sent $b, sub {
        ($status, $out, $err) = capture(command => [
            qw/curl -sk -o/, "$dir/out", '-w', '%{http_code}',
            $name ? ('--cert', "$dir/$name.crt", '--key', "$dir/$name.key")
                  : (),
            '-H', 'Content-Type: application/json',
            '-H', 'Accept: application/json, text/event-stream',
            '-H', 'MCP-Protocol-Version: 2026-07-28',
            '-H', 'Mcp-Method: tools/call', '-H', 'Mcp-Name: echo',
            '-H', 'X-Roles: admin', '-d', $body,
            'https://localhost:' . $t->port('tls') . '/mcp' ]);
    };

    return $out if !@sent;
    return join ' | ', map { $sent[0]{headers}{$_} // '' }
                       qw/x-client x-roles/;
}

is tls('carol'), 'CN=carol,OU=mcp-writers,O=Example\, Inc. | writer',
    'mTLS: the subject of the certificate, and a map of it';
is tls('latin'), 'CN=J\C3\B6rg,O=Example | ', 'a subject with an umlaut';
is tls(), 400, 'no certificate';
is tls('mallory'), 400, 'one of nobody known';

# what was only claimed is in no log

my $log;
await { ($log = $t->read('who.log')) =~ m{^client="-".*/any$}m
        && $log =~ m{^client="alice".*/basic$}m };
like $log, qr{^client="alice" roles="reader,writer" 200 ok /basic$}m,
    'the variables in a log';
unlike $log, qr{^client="(?!-")[^"]*" roles="[^"]*" 401}m,
    'none of those who were not let in';
like $log, qr{^client="-" roles="-" 401 denied /any$}m, 'not here, either';

done_testing;
