# Tokens, good and bad, through the gateway: RFC 6750, RFC 7515, RFC 7519,
# RFC 8725.  Nothing of a refused request reaches a backend.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Token;

use JSON::PP;

my $secret = 'a secret that is long enough for all the algorithms' . '.' x 20;
my $other = 'another secret, which is as long as the first but not the same..';

my $rsa = Sentinel::Token->rsa(kid => 'rsa');
my $ec = Sentinel::Token->ec(kid => 'ec');
my $ec521 = Sentinel::Token->ec(kid => 'ec521', curve => 'P-521');
my $k1 = Sentinel::Token->ec(kid => 'k1', curve => 'secp256k1');
my $ed = Sentinel::Token->ed25519(kid => 'ed');
my $hs = Sentinel::Token->secret($secret);

my $b = Sentinel::Backend->modern(tools => ['echo']);
my $t = Sentinel::Test->new(
    backends => [one => $b],
    env => { MCP_SECRET => $secret, MCP_PEM => $rsa->pem },
    http => '    large_client_header_buffers 4 32k;
    log_format auth "$uri $mcp_claim_sub $mcp_outcome";
    access_log %%DIR%%/auth.log auth;
    mcp_auth_jwt_issuer https://idp.example/;
    mcp_auth_jwt_audience https://gw.example/mcp;
',
    location => '
            mcp_auth_jwt "tools";
            mcp_auth_jwt_key env:MCP_SECRET;',
    server => '
        location = /keys {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key file:%%DIR%%/jwks.json;
            mcp_pass one;
        }

        location = /pem {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key env:MCP_PEM;
            mcp_pass one;
        }

        location = /both {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key env:MCP_SECRET;
            mcp_auth_jwt_key file:%%DIR%%/jwks.json;
            mcp_auth_jwt_audience other https://gw.example/both;
            mcp_auth_jwt_leeway 0;
            mcp_pass one;
        }

        location = /rs {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key file:%%DIR%%/jwks.json;
            mcp_auth_jwt_alg RS256 ES256K;
            mcp_pass one;
        }

        location = /require {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key env:MCP_SECRET;
            mcp_auth_jwt_require scope mcp:tools;
            mcp_auth_jwt_require realm_access__roles staff;
            mcp_pass one;
        }

        location = /off {
            mcp_auth_jwt off;
            mcp_pass one;
        }
');
my %good = (iss => 'https://idp.example/', aud => 'https://gw.example/mcp',
            sub => 'alice');

$t->write('jwks.json', jwks($rsa, $ec, $ec521, $k1, $ed));
$t->run;
await { $t->call('echo', { message => 'x' },
                 headers => bearer($hs->token(\%good)))->status == 200 };


sub bearer { return { Authorization => "Bearer $_[0]" } }


sub ask {
    my ($token, $path) = @_;

    return $t->call('echo', { message => 'hi' }, path => $path // '/mcp',
                    headers => ref $token ? $token : bearer($token));
}


# --- what is taken ---------------------------------------------------------

my @taken = (
    ['HS256', $hs->token(\%good)],
    ['HS384', $hs->token(\%good, {}, alg => 'HS384')],
    ['HS512', $hs->token(\%good, {}, alg => 'HS512')],
    ['no typ', $hs->token(\%good, { typ => undef })],
    ['at+jwt', $hs->token(\%good, { typ => 'at+jwt' })],
    ['a kid that a secret has none of', $hs->token(\%good, { kid => 'x' })],
    ['audiences', $hs->token({ %good, aud => ['x', $good{aud}] })],
    ['exp with a fraction',
     $hs->token({ %good, exp => time + 100.5 })],
    ['expired within the leeway', $hs->token({ %good, exp => time - 5 })],
    ['issued by a clock ahead', $hs->token({ %good, iat => time + 10 })],
    ['scheme in other letters',
     { Authorization => 'bEARER ' . $hs->token(\%good) }],
    ['more space', { Authorization => 'Bearer   ' . $hs->token(\%good) }],
    ['RS256', $rsa->token(\%good), '/keys'],
    ['RS384', $rsa->token(\%good, {}, alg => 'RS384'), '/keys'],
    ['RS512', $rsa->token(\%good, {}, alg => 'RS512'), '/keys'],
    ['PS256', $rsa->token(\%good, {}, alg => 'PS256'), '/keys'],
    ['PS384', $rsa->token(\%good, {}, alg => 'PS384'), '/keys'],
    ['PS512', $rsa->token(\%good, {}, alg => 'PS512'), '/keys'],
    ['ES256', $ec->token(\%good), '/keys'],
    ['ES512', $ec521->token(\%good), '/keys'],
    ['EdDSA', $ed->token(\%good), '/keys'],
    ['Ed25519', $ed->token(\%good, {}, alg => 'Ed25519'), '/keys'],
    ['no kid', $rsa->token(\%good, { kid => undef }), '/keys'],
    ['PEM', $rsa->token(\%good), '/pem'],
    ['ES256K where it is listed', $k1->token(\%good), '/rs'],
    ['two keys: the secret',
     $hs->token({ %good, aud => 'other' }), '/both'],
    ['two keys: the set',
     $ec->token({ %good, aud => 'https://gw.example/both' }), '/both'],
    ['what is required',
     $hs->token({ %good, scope => 'a mcp:tools',
                  realm_access => { roles => ['x', 'staff'] } }), '/require'],
    ['none where it is off', {}, '/off'],
);

for my $case (@taken) {
    my ($name, $token, $path) = @$case;

    is ask($token, $path)->status, 200, "taken: $name";
    is ask($token, $path)->status, 200, "taken again: $name";
}


# --- what is not -----------------------------------------------------------

my $now = time;
my ($h, $c, $s) = split /\./, $hs->token(\%good);
my $claims = encode_json({ %good, exp => $now + 100 });
my $ecs = (split /\./, $ec->token(\%good))[2];
my $public = Sentinel::Token->secret($rsa->pem);
my $public_trimmed = Sentinel::Token->secret($rsa->pem =~ s/\s+\z//r);
my $jwk_secret = Sentinel::Token->secret(encode_json($rsa->jwk));
my $der_secret = Sentinel::Token->secret(
    MIME::Base64::decode_base64($rsa->pem =~ s/-----.*?-----//gr));
my $set_secret = Sentinel::Token->secret(jwks($rsa, $ec, $ec521, $k1, $ed));
my $rogue = Sentinel::Token->rsa(kid => 'rsa');
my $rogue_ec = Sentinel::Token->ec(kid => 'ec');

sub claims_text {
    my ($text) = @_;

    return $hs->sign('{"alg":"HS256"}', $text);
}

sub header_text {
    my ($text, $alg) = @_;

    return $hs->sign($text, $claims, $alg);
}

my $e = '"exp":' . ($now + 100) . ',"iss":"https://idp.example/"'
        . ',"aud":"https://gw.example/mcp"';

my @refused = (
    # RFC 6750
    ['no token', {}],
    ['another scheme', { Authorization => "Basic " . $hs->token(\%good) }],
    ['no scheme', { Authorization => $hs->token(\%good) }],
    ['the scheme alone', { Authorization => 'Bearer' }],
    ['an empty token', { Authorization => 'Bearer ' }],
    ['two tokens', { Authorization => 'Bearer ' . $hs->token(\%good) . ', '
                                      . $hs->token(\%good) }],
    ['a tab behind the scheme',
     { Authorization => "Bearer\t" . $hs->token(\%good) }],
    ['quotes around it', bearer('"' . $hs->token(\%good) . '"')],

    # the form
    ['not a token', 'abc'],
    ['two parts', "$h.$c"],
    ['four parts', "$h.$c.$s.$s"],
    ['five parts, as of JWE', "$h.$c.$s.$c.$s"],
    ['no header', ".$c.$s"],
    ['no claims', "$h..$s"],
    ['no signature', "$h.$c."],
    ['only dots', '..'],
    ['a dot too many', "$h.$c.$s."],
    ['padding', "$h.$c.$s="],
    ['base64 instead of base64url', "$h.$c." . ($s =~ tr/-_/+\//r) . '+'],
    ['a space in it', "$h. $c.$s"],
    ['a question mark in it', "$h?.$c.$s"],
    ['bits that no byte takes', "$h.$c." . bits($s)],
    ['another signature', "$h.$c." . base64url('x' x 32)],
    ['half a signature', "$h.$c." . substr($s, 0, 20)],
    ['a signature and more', "$h.$c.${s}AAAA"],
    ['other claims', "$h." . base64url($claims) . ".$s"],
    ['JSON serialization', encode_json({ payload => $c, protected => $h,
                                         signature => $s })],
    ['a token of 17 KB', $hs->token({ %good, x => 'x' x 12500 })],

    # the algorithm
    ['alg none', base64url('{"alg":"none"}') . ".$c."],
    ['alg none with a signature',
     base64url('{"alg":"none"}') . ".$c.$s"],
    ['alg None', base64url('{"alg":"None"}') . ".$c.$s"],
    ['alg nOnE', base64url('{"alg":"nOnE"}') . ".$c."],
    ['alg with a space', header_text('{"alg":"HS256 "}', 'HS256')],
    ['alg in other letters', header_text('{"alg":"hs256"}', 'HS256')],
    ['alg as an array', header_text('{"alg":["HS256"]}', 'HS256')],
    ['alg as a number', header_text('{"alg":256}', 'HS256')],
    ['no alg', header_text('{"typ":"JWT"}', 'HS256')],
    ['alg empty', header_text('{"alg":""}', 'HS256')],
    ['alg twice', header_text('{"alg":"none","alg":"HS256"}', 'HS256')],
    ['alg twice, escaped',
     header_text('{"alg":"HS256","\u0061lg":"none"}', 'HS256')],
    ['HS384 said, HS256 done', header_text('{"alg":"HS384"}', 'HS256')],
    ['RS256 said, HS256 done', header_text('{"alg":"RS256"}', 'HS256')],
    ['HS256 with the PEM', $public->token(\%good, { kid => 'rsa' }), '/pem'],
    ['HS256 with the PEM, trimmed',
     $public_trimmed->token(\%good, { kid => 'rsa' }), '/pem'],
    ['HS256 with the PEM, of a set',
     $public->token(\%good, { kid => 'rsa' }), '/keys'],
    ['HS256 with the DER', $der_secret->token(\%good), '/pem'],
    ['HS256 with the JWK', $jwk_secret->token(\%good, { kid => 'rsa' }),
     '/keys'],
    ['HS256 with the set', $set_secret->token(\%good), '/keys'],
    ['HS256 with an empty secret',
     Sentinel::Token->secret('')->token(\%good), '/keys'],
    ['ES256 said by RSA',
     $rsa->sign('{"alg":"ES256","kid":"rsa"}', $claims, 'RS256'), '/keys'],
    ['RS256 said by EC',
     $ec->sign('{"alg":"RS256","kid":"ec"}', $claims, 'ES256'), '/keys'],
    ['PS256 said, RS256 done',
     $rsa->sign('{"alg":"PS256","kid":"rsa"}', $claims, 'RS256'), '/keys'],
    ['RS256 said, PS256 done',
     $rsa->sign('{"alg":"RS256","kid":"rsa"}', $claims, 'PS256'), '/keys'],
    ['EdDSA said by EC',
     $ec->sign('{"alg":"EdDSA","kid":"ec"}', $claims, 'ES256'), '/keys'],
    ['ES256 said by P-521',
     $ec521->sign('{"alg":"ES256","kid":"ec521"}', $claims, 'ES512'),
     '/keys'],
    ['ES256K where it is not listed', $k1->token(\%good), '/keys'],
    ['an algorithm that is not listed', $ec->token(\%good), '/rs'],

    # keys
    ['another secret', Sentinel::Token->secret($other)->token(\%good)],
    ['another key of the same kid', $rogue->token(\%good), '/keys'],
    ['another EC key of the same kid', $rogue_ec->token(\%good), '/keys'],
    ['another kid', $rsa->token(\%good, { kid => 'ec' }), '/keys'],
    ['an unknown kid', $rsa->token(\%good, { kid => 'new' }), '/keys'],
    ['an empty kid', $rsa->token(\%good, { kid => '' }), '/keys'],
    ['a path as kid', $rsa->token(\%good, { kid => '../../dev/null' }),
     '/keys'],
    ['SQL as kid', $rsa->token(\%good, { kid => "' or 1=1 --" }), '/keys'],
    ['a kid of 4 KB', $rsa->token(\%good, { kid => 'k' x 4096 }), '/keys'],
    ['kid as a number', $rsa->token(\%good, { kid => 1 }), '/keys'],
    ['a NUL in kid', $rsa->token(\%good, { kid => "rsa\0" }), '/keys'],
    ['a key that it brings along',
     $rogue->token(\%good, { jwk => $rogue->jwk }), '/keys'],
    ['... with the right signature',
     $rsa->token(\%good, { jwk => $rsa->jwk }), '/keys'],
    ['jku', $rsa->token(\%good, { jku => 'http://127.0.0.1:1/' }), '/keys'],
    ['x5u', $rsa->token(\%good, { x5u => 'http://127.0.0.1:1/' }), '/keys'],
    ['x5c', $rsa->token(\%good, { x5c => ['AAAA'] }), '/keys'],
    ['an EC signature of zeros',
     $ec->token(\%good) =~ s/[^.]+\z/base64url("\0" x 64)/er, '/keys'],
    ['an EC signature in DER',
     $ec->token(\%good) =~ s/[^.]+\z/base64url("\x30\x44" . 'x' x 68)/er,
     '/keys'],
    ['an EC signature of another token',
     $ec->token({ %good, sub => 'mallory' }) =~ s/[^.]+\z/$ecs/r, '/keys'],
    ['a token of /mcp at /keys', $hs->token(\%good), '/keys'],
    ['a token of /keys at /mcp', $rsa->token(\%good)],

    # what it is
    ['crit', $hs->token(\%good, { crit => ['exp'] })],
    ['crit empty', $hs->token(\%good, { crit => [] })],
    ['b64 false', $hs->token(\%good, { crit => ['b64'],
                                       b64 => JSON::PP::false })],
    ['zip', $hs->token(\%good, { zip => 'DEF' })],
    ['enc', $hs->token(\%good, { enc => 'A128GCM' })],
    ['nested', $hs->token(\%good, { cty => 'JWT' })],
    ['a token within', $hs->sign('{"alg":"HS256"}', $hs->token(\%good))],
    ['typ of a logout', $hs->token(\%good, { typ => 'logout+jwt' })],
    ['typ of a proof', $hs->token(\%good, { typ => 'dpop+jwt' })],
    ['typ as an array', $hs->token(\%good, { typ => ['JWT'] })],
    ['a deep header', header_text('{"alg":"HS256","x":' . ('[' x 100)
                                  . (']' x 100) . '}', 'HS256')],
    ['a header that is no JSON', header_text('{"alg":"HS256"', 'HS256')],
    ['a header in Latin-1', header_text("{\"alg\":\"HS256\",\"x\":\"\xe9\"}",
                                        'HS256')],

    # its time
    ['no exp', $hs->token({ %good, exp => undef })],
    ['expired', $hs->token({ %good, exp => $now - 40 })],
    ['expired long ago', $hs->token({ %good, exp => 0 })],
    ['exp as text', $hs->token({ %good, exp => '' . ($now + 100) . '' })
        =~ s/.*/claims_text("{$e}" =~ s{"exp":(\d+)}{"exp":"$1"}r)/er],
    ['exp negative', claims_text("{$e}" =~ s/"exp":/"exp":-/r)],
    ['exp 1e20', claims_text("{$e}" =~ s/"exp":\d+/"exp":1e20/r)],
    ['exp beyond 64 bits',
     claims_text("{$e}" =~ s/"exp":\d+/"exp":99999999999999999999999/r)],
    ['exp NaN', claims_text("{$e}" =~ s/"exp":\d+/"exp":NaN/r)],
    ['exp null', claims_text("{$e}" =~ s/"exp":\d+/"exp":null/r)],
    ['exp true', claims_text("{$e}" =~ s/"exp":\d+/"exp":true/r)],
    ['exp twice', claims_text("{\"exp\":1,$e}")],
    ['exp twice, escaped', claims_text("{\"e\\u0078p\":1,$e}")],
    ['not valid yet', $hs->token({ %good, nbf => $now + 100 })],
    ['nbf as text', claims_text("{\"nbf\":\"1\",$e}")],
    ['issued in the future', $hs->token({ %good, iat => $now + 100 })],
    ['without leeway: just expired',
     $hs->token({ %good, aud => 'other', exp => $now - 1 }), '/both'],

    # whose it is
    ['no iss', $hs->token({ %good, iss => undef })],
    ['another iss', $hs->token({ %good, iss => 'https://evil.example/' })],
    ['iss without its slash', $hs->token({ %good, iss => 'https://idp.example'
                                         })],
    ['iss in capitals', $hs->token({ %good, iss => 'HTTPS://IDP.EXAMPLE/' })],
    ['iss as an array', $hs->token({ %good, iss => [$good{iss}] })],
    ['no aud', $hs->token({ %good, aud => undef })],
    ['another aud', $hs->token({ %good, aud => 'https://gw.example/other' })],
    ['aud with a slash', $hs->token({ %good, aud => "$good{aud}/" })],
    ['aud as a part', $hs->token({ %good, aud => 'https://gw.example' })],
    ['aud empty', $hs->token({ %good, aud => [] })],
    ['aud as an object', $hs->token({ %good, aud => { $good{aud} => 1 } })],
    ['aud with a number', $hs->token({ %good, aud => [$good{aud}, 1] })],
    ['aud of another location',
     $hs->token({ %good, aud => 'https://gw.example/both' })],
    ['sub as a number', claims_text("{\"sub\":1,$e}")],
    ['sub empty', claims_text("{\"sub\":\"\",$e}")],
    ['a NUL in sub', claims_text("{\"sub\":\"a\\u0000\",$e}")],
    ['a line end in sub', claims_text("{\"sub\":\"a\\r\\nX: y\",$e}")],
    ['sub twice', claims_text("{\"sub\":\"a\",\"sub\":\"b\",$e}")],
    ['claims as an array', claims_text("[{$e}]")],
    ['claims that are no JSON', claims_text("{$e")],
    ['claims in Latin-1', claims_text("{\"x\":\"\xe9\",$e}")],
    ['deep claims', claims_text('{"x":' . ('[' x 100) . (']' x 100)
                                . ",$e}")],
    ['a claim that is required',
     $hs->token({ %good, scope => 'mcp:tools' }), '/require'],
);


sub bits {
    my ($text) = @_;
    my ($alphabet, $last);

    $alphabet = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-_';
    $last = index $alphabet, substr $text, -1;

    return substr($text, 0, -1) . substr $alphabet, $last ^ 1, 1;
}


cmp_ok scalar @refused, '>=', 60, scalar(@refused) . ' abuses';

untouched $b, 'a backend', sub {
    for my $case (@refused) {
        my ($name, $token, $path) = @$case;
        my ($r, $challenge);

        $r = ask($token, $path);
        refused $r, 401, 401, $name;

        $challenge = $r ? $r->header('WWW-Authenticate') // '' : '';
        my $came = !ref $token || ($token->{Authorization} // '')
                                  =~ /^Bearer \S/;
        like $challenge, $came
            ? qr/^Bearer[ ]realm="tools",[ ]error="invalid_token",
                  [ ]error_description="[^"\\]+"
                  (?:,[ ]scope="mcp:tools")?$/x
            : qr/^Bearer realm="tools"$/, "$name: WWW-Authenticate";
    }
};

untouched $b, 'a backend', sub {
    my $r = $t->call('echo', {},
                     path => '/mcp?access_token=' . $hs->token(\%good));
    refused $r, 401, 401, 'a token in the query';

    $r = ask({ Authorization => [ map { 'Bearer ' . $hs->token(\%good) } 1, 2
                                ] });
    is $r->status, 400, 'two Authorization headers';

    $r = ask($hs->token({ %good, scope => 'mcp:tool mcp:toolsx',
                          realm_access => { roles => 'staff' } }), '/require');
    refused $r, 403, 403, 'a scope that is missing';
    like $r->header('WWW-Authenticate'),
         qr/^Bearer realm="tools", error="insufficient_scope"/, 'is named';

    for my $method (qw/GET DELETE PUT OPTIONS HEAD/) {
        is $t->http($method, '/mcp', { 'Mcp-Session-Id' => 'x' })->status,
           401, "$method wants a token, too";
    }
};


# --- what goes on ----------------------------------------------------------

my $canary = $hs->token({ %good, sub => 'canary' });
my @sent = sent $b, sub { is ask($canary)->status, 200, 'a call' };

is scalar @sent, 1, 'one call';
ok !exists $sent[0]{headers}{authorization},
   'the token stays with the gateway';
unlike json_text($sent[0]), qr/\Q$canary\E/, 'all of it';
ok await { $t->read('auth.log') =~ m{^/mcp canary ok$}m }, '$mcp_claim_sub';
like $t->read('auth.log'), qr{^/mcp - denied$}m, '... of no token';

for my $log (qw/error.log access.log auth.log/) {
    unlike $t->read($log), qr/\Q$canary\E/, "no token in $log";
    unlike $t->read($log), qr/\Q$secret\E/, "no secret in $log";
}

done_testing;
