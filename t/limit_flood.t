# A flood of keys: more of them than there is room for.  Who was limited stays
# limited, the flood gets what one client would get, the zone's other tenants
# keep their memory, and the log is not filled.

use Sentinel::Test;
use Sentinel::Backend;

my $one = Sentinel::Backend->modern(tools => ['echo']);

# 64k hold a few hundred buckets
my $t = Sentinel::Test->new(
    zone => '64k',
    backends => [one => $one],
    http => 'map $http_x_key $key { default $http_x_key; }
             mcp_limit rate=1r/h burst=2 key=$key;',
)->run->wait_catalog('echo');

my ($c, $n);

sub call {
    my ($key) = @_;

    # nginx closes a connection after a thousand requests
    $c = Sentinel::HTTP->new(port => $t->port) if $n++ % 500 == 0;

    return $t->call('echo', {}, headers => { 'X-Key' => $key }, on => $c);
}

call('victim') for 1 .. 2;
is call('victim')->code, 429, 'limited';

my $s = $t->legacy;
my $passed = grep { !defined call("key $_")->code } 1 .. 1500;

cmp_ok $passed, '<=', 600, "of 1500 keys $passed got through";
cmp_ok $passed, '>=', 100, '... as long as there was room';

is +(grep { !defined call("late $_")->code } 1 .. 300), 0,
    'the flood passes at the rate of one client, then';
is call('victim')->code, 429, 'whoever was in debt still is';
is call('key 1')->code, undef, 'key 1 has its second call';
is call('key 1')->code, 429, '... and no more';

is $s->end->status, 204, 'sessions have their memory';
is $s->request('ping')->status, 404, '... and this one has ended';
unlike $t->error_log, qr/\[(?:error|crit|alert|emerg)\]/, 'the log is quiet';

done_testing;
