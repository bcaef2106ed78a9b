# Keys of a provider: fetched by the manager, renewed, kept when it is away or
# sends nonsense; OpenID discovery.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Provider;
use Sentinel::Token;

use JSON::PP;

my $one = Sentinel::Token->rsa(kid => 'one');
my $two = Sentinel::Token->ec(kid => 'two');
my $three = Sentinel::Token->ed25519(kid => 'three');
my $secret = Sentinel::Token->secret('x' x 32, kid => 'secret');

my $idp = Sentinel::Provider->new;
my $b = Sentinel::Backend->modern(tools => ['echo']);
my $issuer = $idp->url('/realm');

$idp->put('/jwks', jwks($one));
$idp->put('/slow', jwks($one));
$idp->put('/none', 'no', status => 500);
$idp->put('/realm/.well-known/openid-configuration',
          encode_json({ issuer => $issuer, jwks_uri => $idp->url('/certs') }));
$idp->put('/certs', jwks($two));

my $t = Sentinel::Test->new(
    backends => [one => $b],
    location => '
            mcp_auth_jwt tools;
            mcp_auth_jwt_key jwks:' . $idp->url('/jwks') . ' refresh=200ms;',
    server => '
        location = /slow {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key jwks:' . $idp->url('/slow') . ';
            mcp_pass one;
        }

        location = /none {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key jwks:' . $idp->url('/none') . ';
            mcp_pass one;
        }

        location = /oidc {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key oidc:' . $issuer . ' refresh=200ms;
            mcp_pass one;
        }
');


sub ask {
    my ($token, $path) = @_;

    return $t->call('echo', { message => 'hi' }, path => $path // '/mcp',
                    headers => { Authorization => "Bearer $token" });
}


sub becomes {
    my ($status, $token, $path, $name) = @_;
    my $last = '';

    ok await { ($last = ask($token, $path)->status) == $status }, $name
        or diag "it is $last";
}


# --- from the first request on ---------------------------------------------

$t->run;
is ask($one->token({}))->status, 200, 'the first request waits for keys';
is ask($one->token({}))->status, 200, 'again';
is ask($two->token({}))->status, 401, 'another key';
is +(grep { $_->{uri} eq '/jwks' } $idp->requests)[0]{method}, 'GET', 'GET';
ok !grep({ $_->{body} ne '' } $idp->requests), 'without a body';

my $r = ask($one->token({}), '/none');
refused $r, 503, 503, 'no keys yet';
is $r->header('Retry-After'), 5, 'come back later';
like $t->error_log,
     qr{"jwks:[^"]*/none" are not taken: the answer is not 200; there are none},
    'the log says so';
is scalar(() = $t->error_log =~ m{/none" are not taken}g), 1, 'once';

# --- rotation --------------------------------------------------------------

my $old = $one->token({ sub => 'old' });
is ask($old)->status, 200, 'a token of the first key';

$idp->put('/jwks', jwks($one, $two));
becomes 200, $two->token({}), '/mcp', 'a second key';
is ask($old)->status, 200, 'the first one is there still';

$idp->put('/jwks', jwks($two));
becomes 401, $old, '/mcp', 'a key that left takes its tokens along';
is ask($one->token({}))->status, 401, 'new ones, too';

$idp->put('/jwks', jwks($one, $two));
becomes 200, $old, '/mcp', 'it comes back';

# --- hostile sets ----------------------------------------------------------

my $big = jwks(map { $one->jwk(kid => "k$_") } 1 .. 101);
my $weak = $one->jwk(n => base64url("\xff" x 128));

my @hostile = (
    ['500', 'x', 'the answer is not 200', status => 500],
    ['a redirect', '', 'it redirects', status => 302,
     headers => { Location => $idp->url('/slow') }],
    ['HTML', '<html></html>', 'it is not JSON'],
    ['nothing', '', 'the answer is empty'],
    ['an array', '[]', 'it is no object'],
    ['no keys', '{}', 'it has no "keys"'],
    ['keys as an object', '{"keys":{}}', '"keys" is no array'],
    ['an empty set', '{"keys":[]}', 'there is no key in it'],
    ['keys as numbers', '{"keys":[1,2]}', 'a key is no object'],
    ['deep', '{"keys":' . ('[' x 5000) . (']' x 5000) . '}',
     'it is not JSON'],
    ['keys twice', '{"keys":[],"keys":[]}', 'it is not JSON'],
    ['too many', $big, 'there are more than 100 keys in it'],
    ['too large', '{"keys":[], "x": "' . ('x' x 600_000) . '"}',
     'it is larger than 512 KiB'],
    ['without end', '', 'it is larger than 512 KiB', act => 'endless'],
    ['cut', '{"keys":[', 'the answer broke off', act => 'cut'],
    ['closed', '', 'connection failed', act => 'close'],
    ['a weak key', jwks($weak), 'an RSA key has less than 2048 bits'],
    ['a kid twice', jwks($one, $one), 'two keys have the same "kid"'],
    ['secrets', jwks($secret), 'there are secrets in it'],
    ['secrets among keys', jwks($secret, $two), 'secrets stand together'],
    ['another type of kid', jwks($one->jwk(kid => [1])), 'must be a string'],
);

for my $case (@hostile) {
    my ($name, $text, $why, %how) = @$case;

    $idp->put('/jwks', $text, %how);
    ok await { $t->error_log =~ m{/jwks"[ ]are[ ]not[ ]taken:
                                  [ ][^\n]*\Q$why\E[^\n]*;
                                  [ ]those[ ]that[ ]were[ ]there[ ]stay}x },
       "refused: $name" or diag $t->error_log =~ m{(.*/jwks" are not.*)};
    is ask($old)->status, 200, 'the last good set stays';
    $t->write('error.log', '');
    $t->{process}->signal('USR1');
    $idp->put('/jwks', jwks($one, $two));
    ok await { $t->error_log =~ m{2 keys came from} }, 'and then a good one';
}

# a bad key among good ones costs only itself

$idp->put('/jwks', jwks($one, { %$weak, kid => "weak" },
                        { kty => 'XX' }, $three));
becomes 200, $three->token({}), '/mcp', 'a good key among bad ones';
is ask($old)->status, 200, 'the other, too';
like $t->error_log, qr/2 of the keys of "[^"]*" cannot be used/, 'is said';

# --- the provider is away --------------------------------------------------

$idp->stop;
$t->write('error.log', '');
ok await { $t->error_log =~ /not taken: connection failed; those that / },
   'away';
is ask($old)->status, 200, 'its keys stay';
is ask($one->token({ sub => 'new' }))->status, 200, 'for new tokens, too';

ok $t->reload, 'reload';
is ask($one->token({ sub => 'reloaded' }))->status, 200, 'over a reload';
$t->expect(qr/exited on signal/);
$t->kill_child($t->manager, 'KILL');
is ask($one->token({ sub => 'killed' }))->status, 200,
   'and the death of the manager';

# a manager that asked in vain asks again: not in the midst of what follows

$idp->put('/slow', jwks($one, { kty => 'XX' }));
$idp->start;
ok await { $t->error_log =~ m{1 keys came from "[^"]*/slow"} }, 'it is back';

# --- an unknown kid --------------------------------------------------------

$idp->put('/slow', jwks($one, $two));
my $asked = $idp->asked('/slow');
is ask($two->token({}), '/slow')->status, 200,
   'a new key is fetched for the first token that has it';
is $idp->asked('/slow') - $asked, 1, 'one request';

$idp->put('/slow', jwks($one, $two, $three));
for (1 .. 30) {
    refused ask($one->token({}, { kid => "made-up-$_" }), '/slow'), 401, 401,
        'an unknown kid';
}
is ask($three->token({}), '/slow')->status, 401,
   'the next new key has to wait';
is $idp->asked('/slow') - $asked, 1, 'no more requests';
is ask($one->token({}), '/slow')->status, 200, 'known keys do not';

# --- OpenID discovery ------------------------------------------------------

my %iss = (iss => $issuer);

is ask($two->token({ %iss }), '/oidc')->status, 200, 'by discovery';
is ask($two->token({}), '/oidc')->status, 401, 'no issuer';
is ask($two->token({ iss => "$issuer/" }), '/oidc')->status, 401,
   'another issuer';

$idp->put('/certs', jwks($three));
becomes 200, $three->token({ %iss }), '/oidc', 'its keys are renewed';

my $well_known = '/realm/.well-known/openid-configuration';
my %conf = (issuer => $issuer, jwks_uri => $idp->url('/certs'));
my $elsewhere = Sentinel::Provider->new;

$elsewhere->put('/certs', jwks($one));

for (['another issuer', { %conf, issuer => "$issuer/" }, 'another issuer'],
     ['no jwks_uri', { issuer => $issuer }, 'no "jwks_uri"'],
     ['jwks_uri as a file', { %conf, jwks_uri => 'file:///etc/passwd' },
      'another scheme'],
     ['jwks_uri with a line end',
      { %conf, jwks_uri => $idp->url("/certs HTTP/1.1\r\nX: y") },
      'is no URL'],
     ['jwks_uri without a host', { %conf, jwks_uri => 'http:///x' },
      'no host'],
     ['jwks_uri with a port too many',
      { %conf, jwks_uri => 'http://127.0.0.1:99999/x' }, 'no valid host'],
     ['not JSON', '<html>', 'no JSON object'])
{
    my ($name, $document, $why) = @$_;

    $idp->put($well_known, ref $document ? encode_json($document)
                                         : $document);
    ok await { $t->error_log =~ m{oidc:[^"]*" are not taken: [^\n]*\Q$why} },
       "refused: $name" or diag $t->error_log =~ m{(.*oidc:.*)};
    is ask($three->token({ %iss }), '/oidc')->status, 200, 'its keys stay';
    $t->write('error.log', '');
}

$idp->put($well_known,
          encode_json({ %conf, jwks_uri => $elsewhere->url('/certs') }));
becomes 200, $one->token({ %iss }), '/oidc', 'keys on another host';

# --- configuration ---------------------------------------------------------

for (['jwks:ftp://x/', qr/must begin with "http/],
     ['jwks:http://127.0.0.1:1/x refresh=0', qr/invalid time/],
     ['jwks:http://127.0.0.1:1/x refresh=often', qr/invalid time/],
     ['jwks:http://127.0.0.1:1/x other=1', qr/invalid parameter "other=1"/],
     ['jwks:', qr/name their place as/],
     ['oidc:http://127.0.0.1:1/x?y', qr/may have no query/],
     ['env:MCP_NONE', qr/"MCP_NONE" is not set/],
     ['file:/none', qr/cannot be opened/],
     ['jwks:https://127.0.0.1/x trusted_certificate=/none', qr{/none}],
     ['a-secret-in-the-text', qr/keys cannot stand in the configuration/])
{
    my ($key, $like) = @$_;
    my $c = Sentinel::Test->new(backends => [one => $b], location =>
        "mcp_auth_jwt x;\nmcp_auth_jwt_key $key;");
    my ($status, $said) = $c->check;

    isnt $status, 0, "bad: $key";
    like $said, $like, 'says why';
    unlike $said, qr/a-secret-in/, 'but not the text' if $key =~ /^a-/;
    like $said, qr/nginx\.conf:\d+/, 'and where';
}

for (['oidc:http://127.0.0.1:1/x', '', 1, 'keys of others, no audience'],
     ['oidc:http://127.0.0.1:1/x', 'mcp_auth_jwt_audience y;', 0,
      '... an audience'],
     ['env:MCP_KEY', '', 0, '... a key of our own'])
{
    my ($key, $more, $warns, $name) = @$_;
    local $ENV{MCP_KEY} = 'k' x 64;
    my ($status, $said) = Sentinel::Test->new(backends => [one => $b],
        location => "mcp_auth_jwt x;\nmcp_auth_jwt_key $key;\n$more")->check;

    is $status, 0, $name;
    is scalar(() = $said =~ /any service: add "mcp_auth_jwt_audience"/g),
        $warns, $warns ? '... is warned of' : '... no warning';
}

done_testing;
