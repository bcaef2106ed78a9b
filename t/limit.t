# mcp_limit: a client may call a tool so often and no more, on whatever worker
# its calls end up; who waits as told gets through; nobody who floods the table
# with keys gets more than the rate, nor anyone else's bucket forgotten.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Time::HiRes qw/time sleep/;

my $one = Sentinel::Backend->modern(tools => [qw/echo fail big/],
    resources => [{ uri => 'file:///a', name => 'a', text => 'A' }]);
my $two = Sentinel::Backend->modern(tools => ['echo']);

my $t = Sentinel::Test->new(
    backends => [one => $one, two => $two],
    http => '
        log_format limit "$mcp_name $mcp_outcome $mcp_limit_status";
        access_log %%DIR%%/limit.log limit;
        log_format fast "$pid $mcp_outcome";
        map $http_x_key $key { default $http_x_key; }
        mcp_limit tools=one/ech* rate=5r/h burst=3 key=$key;
        mcp_limit tools=one/fail tools=one/none two/* rate=2r/h
                  key=$key dry_run;
        mcp_limit rate=1r/h key=$key;',
    server => '
        location /strict {
            mcp_pass one;
            mcp_limit rate=4r/s burst=2;
            mcp_limit_status 429;
        }
        location /fast {
            mcp_pass one;
            mcp_limit rate=100r/s burst=100;
            access_log %%DIR%%/fast.log fast;
        }
        location /free {
            mcp_pass one;
            mcp_limit tools=one/other rate=1r/h;
        }',
)->run->wait_catalog('one_echo', 'two_echo');

sub calls {
    my ($n, $tool, $key, %opt) = @_;

    return map { $t->call($tool, { bytes => 1 }, %opt,
                          headers => { 'X-Key' => $key }) } 1 .. $n;
}

# the burst, then the refusal; the backend hears nothing of it

my @r = calls(3, 'one_echo', 'a');
is join(' ', map { $_->code // 'ok' } @r), 'ok ok ok', 'a burst passes';

untouched $one, 'a limited call does not reach the backend', sub {
    my ($r) = calls(1, 'one_echo', 'a', id => 'x');
    my $error = refused $r, 200, 429, 'the next is limited', id => '"x"';
    my $wait = $error->{data}{retryAfterMs};
    cmp_ok $wait, '>', 700_000, 'retryAfterMs: nearly an interval';
    cmp_ok $wait, '<=', 720_000, '... of 5r/h';
    is $r->header('Retry-After'), int(($wait + 999) / 1000), 'Retry-After';
    like $error->{message}, qr/\b$wait ms/, 'said in words, too';
};

is +(calls(1, 'one_echo', 'b'))[0]->code, undef, 'another key is another one';
is +(calls(1, 'one_big', 'a'))[0]->code, undef, 'another rule, too';
is +(calls(1, 'one_big', 'a'))[0]->code, 429, '... with its own limit';

is join(' ', map { $_->code // 'ok' } calls(3, 'one_echo', '')),
    'ok ok ok', 'without a key';
is +(calls(1, 'one_echo', ''))[0]->code, 429, 'there is a limit as well';

# dry_run

is join(' ', map { $_->code // 'ok' } calls(3, 'two_echo', 'a')), 'ok ok ok',
    'dry_run lets pass';
is +(calls(1, 'one_fail', 'a'))[0]->text, 'it went wrong',
    'further patterns of a rule';
ok $t->wait_log(qr/\[warn\].* would be limited, dry run/), '... and says so';

ok await {
    my $log = $t->read('limit.log');
    $log =~ /^one_echo ok PASSED$/m && $log =~ /^one_echo limited REJECTED$/m
    && $log =~ /^two_echo ok REJECTED_DRY_RUN$/m
}, 'outcome and $mcp_limit_status' or diag $t->read('limit.log');

# what is no call of a tool, or of none that is there

is $t->modern('tools/list', {}, headers => { 'X-Key' => 'a' })->code, undef,
    'lists are not limited';
ok !grep({ $_->code }
    map { $t->modern('resources/read', { uri => 'file:///a' },
                     headers => { 'X-Key' => 'a' }) } 1 .. 4),
    'nor is what is not a tool';
is +(calls(1, 'one_nothing', 'a'))[0]->code, -32602, 'an unknown tool is that';
is join(' ', map { $t->call('echo', {}, path => '/free')->code // 'ok' }
             1 .. 5), 'ok ok ok ok ok',
    'rules of a location replace those around it; no rule, no limit';

my $s = $t->legacy(headers => { 'X-Key' => 'legacy' });
is join(' ', map { $s->call('one_echo', {})->code // 'ok' } 1 .. 4),
    'ok ok ok 429', 'legacy clients';

# mcp_limit_status; by address; the wait is true

my $passed = 0;

for (1 .. 12) {
    my $r = $t->call('echo', {}, path => '/strict');

    if (!defined $r->code) {
        $passed++;
        next;
    }

    refused $r, 429, 429, 'mcp_limit_status 429' if $_ == 3;
    is $r->header('Retry-After'), 1, 'whole seconds' if $_ == 3;
    sleep $r->error->{data}{retryAfterMs} / 1000;
    $r = $t->call('echo', {}, path => '/strict');
    ok !defined $r->code, "waiting as long as told suffices ($_)";
}

cmp_ok $passed, '>=', 2, 'the burst passed';

# a reload forgets nothing

calls(2, 'one_echo', 'reload');
ok $t->reload, 'reload';
is join(' ', map { $_->code // 'ok' } calls(2, 'one_echo', 'reload')),
    'ok 429', 'buckets outlast it';

# all workers, at once, with one limit

sub crowd {
    my ($code) = @_;
    my ($in, $out, @child, $ok);

    pipe $in, $out or die "pipe: $!";

    for (1 .. 4) {
        my $pid = fork // die "fork: $!";

        if (!$pid) {
            close $in;
            syswrite $out, scalar($code->()) . "\n";
            POSIX::_exit(0);
        }

        push @child, $pid;
    }

    close $out;
    $ok = 0;
    $ok += $_ for <$in>;
    waitpid $_, 0 for @child;

    return $ok;
}

is crowd(sub { grep { !defined $_->code } calls(50, 'one_echo', 'crowd') }),
    3, '200 calls on 2 workers: just the burst';

my $from = time;
my $ok = crowd(sub {
    my $n = 0;

    while (time < $from + 3) {
        my $r = $t->call('echo', {}, path => '/fast');
        $n++ if !defined $r->code;
    }

    return $n;
});
my $most = 100 + 1 + 100 * (time - $from);
my $least = 100 + 100 * 3;
note "$ok calls of $least to $most";

cmp_ok $ok, '<=', $most, "never more than the rate: $ok of $most";
cmp_ok $ok, '>=', .9 * $least, "... nor less than $least, with a crowd waiting";
my %passed;
$passed{$_}++ for $t->read('fast.log') =~ /^(\d+) ok$/mg;
is scalar keys %passed, 2, '... through both workers';

done_testing;
