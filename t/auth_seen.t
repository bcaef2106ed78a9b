# A token is verified once, for all workers and over reloads, as long as its
# key is there and for every location by itself.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Provider;
use Sentinel::Token;

my $one = Sentinel::Token->rsa(kid => 'one');
my $two = Sentinel::Token->ec(kid => 'two');
my $idp = Sentinel::Provider->new->put('/jwks', jwks($one, $two));
my $b = Sentinel::Backend->modern(tools => ['echo']);
my $keys = 'mcp_auth_jwt_key jwks:' . $idp->url('/jwks') . ' refresh=200ms;';

my $t = Sentinel::Test->new(
    backends => [one => $b], log => 'debug', workers => 2,
    location => "mcp_auth_jwt tools; $keys",
    server => "
        location = /aud {
            mcp_auth_jwt tools; $keys
            mcp_auth_jwt_audience here;
            mcp_pass one;
        }

        location = /es {
            mcp_auth_jwt tools; $keys
            mcp_auth_jwt_alg ES256;
            mcp_pass one;
        }

        location = /other {
            mcp_auth_jwt tools;
            mcp_auth_jwt_key file:%%DIR%%/two;
            mcp_pass one;
        }
");

$t->write('two', $two->pem);
$t->run;


sub ask {
    my ($token, $path) = @_;

    return $t->call('echo', { message => 'hi' }, path => $path // '/mcp',
                    headers => { Authorization => "Bearer $token" })->status;
}


sub verified { return scalar(() = $t->error_log =~ /mcp token is verified/g) }

sub known { return scalar(() = $t->error_log =~ /mcp token was verified/g) }


sub workers_asked {
    return scalar keys %{{ map { $_ => 1 }
        $t->error_log =~ m{ (\d+)#\d+: \*\d+ mcp token (?:is|was) verified}g }};
}


# --- once for both workers -------------------------------------------------

my $token = $one->token({ aud => 'here', sub => 'a' });
is ask($token), 200, 'a token';
is verified(), 1, 'is verified';

ok await { ask($token); workers_asked() == 2 }, 'both workers have met it'
    or diag workers_asked();
is verified(), 1, 'one has verified it';
is known(), 1, 'the other has found it';

ask($token) for 1 .. 20;
is verified() + known(), 2, 'then each knows it';

# --- each location for itself ----------------------------------------------

is ask($token, '/aud'), 200, 'another location takes it';
is ask($one->token({ aud => 'there' }), '/aud'), 401,
   'but not one for others';

my $there = $one->token({ aud => 'there', sub => 'b' });
is ask($there), 200, 'a token for others, where any is taken';
is ask($there, '/aud'), 401, 'is no good at the other place';
is ask($token, '/es'), 401, 'nor is another algorithm';
is ask($token, '/other'), 401, 'nor another key';

my $es = $two->token({ sub => 'c' });
is ask($es), 200, 'an EC token';
my $n = verified();
is ask($es, '/other'), 200, 'the same key elsewhere';
is verified(), $n, 'has verified it already';

# --- over a reload ---------------------------------------------------------

ok $t->reload, 'reload';
$n = verified();
is ask($token), 200, 'the token';
is verified(), $n, 'is not verified again';

# --- the key leaves --------------------------------------------------------

$idp->put('/jwks', jwks($two));
ok await { ask($token) == 401 }, 'the key has left';
is ask($token), 401, 'for both' for 1 .. 10;
is ask($es), 200, 'what the other has signed stays';

# --- time ------------------------------------------------------------------

$t->configure(location => "mcp_auth_jwt tools; $keys mcp_auth_jwt_leeway 0;");
ok $t->reload, 'no leeway';
my $short = $two->token({ sub => 'e', exp => time + 2 });
is ask($short), 200, 'a token of two seconds';
ok await { ask($short) == 401 }, 'ends in time';
is ask($short), 401, 'for all' for 1 .. 6;

# --- many ------------------------------------------------------------------

my $hs = Sentinel::Token->secret('k' x 40);
$t->write('hs', 'k' x 40);
$t->configure(location =>
              'mcp_auth_jwt tools; mcp_auth_jwt_key file:%%DIR%%/hs;',
              log => 'info');
ok $t->reload, 'another key';

my @tokens = map { $hs->token({ sub => "user-$_", pad => 'x' x 700 }) }
             1 .. 1500;
my $bad = 0;

for my $token (@tokens, @tokens[0 .. 20], @tokens[-20 .. -1]) {
    $bad++ if ask($token) != 200;
}
is $bad, 0, '1500 tokens, which do not fit into the zone of 1m';
unlike $t->error_log, qr/no memory|\[crit\]/, 'is nothing to speak of';

done_testing;
