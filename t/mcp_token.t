# scripts/mcp-token makes tokens that the gateway takes, with the claims that
# were asked for, and refuses to make bad ones.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my ($status, $secret, $err) = token({}, '--new-secret');
is $status, 0, 'a new secret';
like $secret, qr{\A[A-Za-z0-9+/]{43}=\n\z}, '... of 32 bytes in base64';
isnt scalar token({}, '--new-secret'), $secret, '... another each time';
chomp $secret;

my %env = (MCP_JWT_SECRET => $secret);
my $b = Sentinel::Backend->modern(tools => ['echo']);
my $t = Sentinel::Test->new(
    env => { %env },
    backends => [one => { url => $b, conf => <<'END' }],
        set_header X-Client $mcp_client;
        set_header X-Roles  $mcp_client_roles;
        set_header X-Claims "$mcp_claim_iss $mcp_claim_tenant__id";
END
    location => <<'END',
            mcp_auth_jwt          tools;
            mcp_auth_jwt_key      env:MCP_JWT_SECRET;
            mcp_auth_jwt_issuer   https://idp.example/;
            mcp_auth_jwt_audience https://gw.example/mcp;
END
)->run;
my @needed = ('--issuer', 'https://idp.example/',
              '--audience', 'https://gw.example/mcp');

sub token {
    my ($env, @arguments) = @_;
    my ($status, $out, $err) = capture(
        command => ['scripts/mcp-token', @arguments],
        env => { MCP_JWT_SECRET => '', %$env });

    return wantarray ? ($status, $out, $err) : $out;
}

sub answer {
    my ($status, $token, $err) = @_;

    is $status, 0, '... is made' or diag $err;
    chomp $token;

    return $t->call('echo', { message => 'm' },
                    headers => { Authorization => "Bearer $token" });
}

sub seen {
    my $headers = ($b->requests('tools/call'))[-1]{headers};

    return [ map { $headers->{$_} } qw/x-client x-roles/ ];
}

await { answer(token(\%env, @needed, 'alice'))->status == 200 };

is answer(token(\%env, @needed, qw/alice reader writer/))->text, 'm',
    'a token of a client with roles';
is_deeply seen(), ['alice', 'reader,writer'], '... both come through';
is answer(token(\%env, @needed, "J\xc3\xb6rg", 'Super Admin'))->text, 'm',
    'in UTF-8, with a space';
is_deeply seen(), ["J\xc3\xb6rg", '["Super Admin"]'], '... as they were';
is answer(token(\%env, @needed, '--audience', 'other', '--claim',
                'tenant={"id":7}', '--for', '90s', 'alice'))->text, 'm',
    'more audiences, more claims';
is +($b->requests('tools/call'))[-1]{headers}{'x-claims'},
    'https://idp.example/ 7', '... are there';

my $file = $t->write('secret', "$secret\n");
is answer(token({}, @needed, '--secret-file', $file, 'alice'))->text, 'm',
    'a secret from a file';

refused answer(token(\%env, 'alice')), 401, 401, 'without an audience';
refused answer(token({ MCP_JWT_SECRET => scalar reverse $secret }, @needed,
                     'alice')), 401, 401, 'with another secret';
$t->configure(location => $t->{location} . 'mcp_auth_jwt_leeway 0;');
$t->reload;
refused answer(token(\%env, @needed, '--for', '0s', 'alice')), 401, 401,
    'for no time';

for (['nothing', {}], ['no name', \%env], ['no secret', {}, 'alice'],
     ['a short secret', { MCP_JWT_SECRET => 'x' x 31 }, 'alice'],
     ['no such file', {}, '--secret-file', '/none', 'alice'],
     ['no time', \%env, '--for', 'ever', 'alice'],
     ['no claim', \%env, '--claim', 'x', 'alice'],
     ['no such option', \%env, '--alg', 'none', 'alice'],
     ['what is no text', \%env, "\xff"])
{
    my ($what, @arguments) = @$_;
    my ($status, $out, $err) = token(@arguments);

    isnt $status, 0, "$what is refused";
    is $out, '', '... without a token';
    like $err, qr/\w/, '... with a reason';
}

done_testing;
