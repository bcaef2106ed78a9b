# Shared memory that is too small is said so, with the directive's name: at
# the start, when the configuration alone cannot fit, and later in the log,
# when it is the lists that do not; then what fits is served, and no more is
# lost than must be.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Time::HiRes qw/time/;

# backends that nobody listens to: their state takes room all the same

sub many {
    my ($n) = @_;

    return map { ("backend_with_some_name_$_", 'http://127.0.0.1:9/mcp/'
                  . 'x' x 100) } 1 .. $n;
}


# At the start: an error that names the directive, or all is well.

for my $case (['1', 1], ['100', 1], ['1k', 1], ['4k', 1], ['8k', 1],
              ['16k', 1], ['0', 1], ['x', 1], ['32k', 300], ['64k', 300])
{
    my ($zone, $n) = @$case;
    my $bad = Sentinel::Test->new(zone => $zone, backends => [many($n)]);
    my ($status, $said) = $bad->check;

    isnt $status, 0, "mcp_zone $zone for $n backends" ;
    like $said, qr/\[emerg\].*mcp_zone/, '... is the reason';
}

for my $size ('1', '100', '1k', '0', 'x', '99999999999999999999') {
    my $bad = Sentinel::Test->new(backends => [many(1)],
                                  http => "    mcp_catalog_size $size;\n");
    my ($status, $said) = $bad->check;

    isnt $status, 0, "mcp_catalog_size $size";
    like $said, qr/\[emerg\].*mcp_catalog_size/, '... is the reason';
}

for my $zone ('64k', '1m') {
    my $good = Sentinel::Test->new(zone => $zone, backends => [many(5)]);
    my ($status, $said) = $good->check;
    is $status, 0, "mcp_zone $zone for 5 backends" or diag $said;
}


# Lists that do not fit.

sub tools {
    my ($name, $n, $size) = @_;

    return [map { +{ name => "$name$_", description => 'd' x $size,
                     inputSchema => { type => 'object' } } } 1 .. $n];
}

my $small = Sentinel::Backend->modern(tools => tools('small', 3, 10));
my $large = Sentinel::Backend->legacy(tools => tools('large', 40, 2000));
my $other = Sentinel::Backend->modern(tools => tools('other', 3, 10),
                                      prompts => [{ name => 'p' }]);

for my $order (['small', 'large', 'other'], ['large', 'small', 'other']) {
    my %b = (small => $small, other => $other,
             large => { url => $large, conf => 'refresh 300ms;' });
    my $t = Sentinel::Calls->new(
        http => "    mcp_catalog_size 64k;\n",
        backends => [map { $_ => $b{$_} } @$order]);
    $t->run->wait_catalog(qw/small_small3 other_other3/);

    ok $t->wait_log(qr/\[error\].*"large".*"mcp_catalog_size"
                       |\[error\].*"mcp_catalog_size".*"large"/x),
        "lists too large are named: @$order";
    is_deeply [sort $t->modern('tools/list')->tools],
        [sort map { ("small_small$_", "other_other$_") } 1 .. 3],
        '... the others are listed';
    is $t->call('small_small1', {})->text, 'backend ran small1',
        '... and can be called';
    is scalar @{ $t->modern('prompts/list')->result->{prompts} }, 1,
        '... with all they have';
    is $t->call('large_large1', {})->code, -32602, '... what is not, cannot';
    my $began = time();
    $t->modern('tools/list');
    cmp_ok time() - $began, '<', patience(1), '... and no request waits';

    # it tries again and again, and does not fill the log

    $large->forget;
    $large->wait_for('tools/list', 4);
    my $said = () = $t->error_log =~ /mcp_catalog_size/g;
    cmp_ok $said, '<=', 3, "... it is not said each time";

    # and is taken when it fits

    $large->set(tools => tools('large', 10, 2000));
    $t->wait_catalog('large_large10');
    is scalar $t->modern('tools/list')->tools, 16, '... until it fits';
    is $t->call('large_large1', {})->text, 'backend ran large1', '... calls';

    # one that grows too large later keeps what it had, or goes alone

    $large->set(tools => tools('large', 40, 2000));
    my $before = () = $t->error_log =~ /mcp_catalog_size/g;
    ok +(await { (() = $t->error_log =~ /mcp_catalog_size/g) > $before }),
        '... and grows again: said';
    is scalar(grep { /small|other/ } $t->modern('tools/list')->tools), 6,
        '... the others stay';
    is $t->call('other_other1', {})->text, 'backend ran other1', '... calls';

    $large->set(tools => tools('large', 40, 2000));
    ok $t->reload, '... a reload';
    is scalar(grep { /small|other/ } $t->modern('tools/list')->tools), 6,
        '... the others stay';

    # more room after a reload

    $t->configure(http => $t->{http} =~ s/64k/1m/r);
    ok $t->reload, '... with more room';
    $t->wait_catalog('large_large40');
    is scalar $t->modern('tools/list')->tools, 46, '... all are listed';

    $large->set(tools => tools('large', 40, 2000));
    $t->stop;
}


# Two that fit, but not together: one of them is served, and stays.

my %two = map { $_ => Sentinel::Backend->modern(tools => tools($_, 10, 4000)) }
          qw/a b/;
my $t = Sentinel::Calls->new(
    http => "    mcp_catalog_size 64k;\n",
    backends => [small => $small, map { $_ => {
        url => $two{$_}, conf => 'refresh 200ms;' } } qw/a b/]);
$t->run->wait_catalog('small_small1');
ok $t->wait_log(qr/\[error\].*"mcp_catalog_size"/), 'two large lists';

my $seen;
ok +(await { ($seen) = grep { /^[ab]_/ } $t->modern('tools/list')->tools }),
    'one of them is there';
$seen =~ s/_.*//;
my %other = (a => 'b', b => 'a');
my @lists;

for (1 .. 5) {
    $_->forget->wait_for('tools/list', 1) for values %two;
    push @lists, join ' ', map { s/_.*//r } $t->modern('tools/list')->tools;
}

is_deeply \@lists, [(join ' ', ('small') x 3, ($seen) x 10) x 5],
    'and stays';
is $t->call("${seen}_${seen}1", {})->text, "backend ran ${seen}1",
    'and works';
cmp_ok scalar(() = $t->error_log =~ /mcp_catalog_size/g), '<=', 6,
    'the log does not fill';
$two{$seen}->set(tools => tools($seen, 1, 100));
$t->wait_catalog("$other{$seen}_$other{$seen}10");
pass 'the other one comes when it fits';
$t->stop;


# a list that alone is larger than all the room, in pages

my $endless = Sentinel::Backend->modern(
    tools => [], on => { 'tools/list' => sub {
        my ($c) = @_;
        return { resultType => 'complete', ttlMs => 0,
                 cacheScope => 'public', nextCursor => 'more' . rand,
                 tools => tools('t' . int(rand 1e9), 20, 1000) };
    } });
$t = Sentinel::Calls->new(
    http => "    mcp_catalog_size 256k;\n",
    backends => [endless => $endless, small => $small]);
$t->run->wait_catalog('small_small1');
ok $t->wait_log(qr/\[error\].*"endless".*"mcp_catalog_size"/),
    'a list without end';
is scalar $t->modern('tools/list')->tools, 3, 'the other one is listed';
cmp_ok memory($t->manager), '<', ($ENV{SAN} ? 500 : 40) * 1024 * 1024,
    'the manager does not grow';


# Sessions that were ended fill the zone: the oldest give way.

$t = Sentinel::Calls->new(zone => '64k', backends => [small => $small]);
$t->run->wait_catalog('small1');

my (@sessions, @wrong);

for my $n (1 .. 900) {
    my $s = $t->legacy(bare => 1);
    my $status = $s->end->status;
    push @wrong, "$n: DELETE $status" if $status !~ /^20/;
    push @sessions, $s;

    # the newest is always known to be ended
    $status = $s->request('tools/list')->status;
    push @wrong, "$n: after DELETE $status" if $status != 404;
}

is_deeply \@wrong, [], 'sessions are ended, as many as it may be';
is $t->call('small1', {})->text, 'backend ran small1', 'and calls go on';
ok $t->reload, 'a reload';
is $sessions[-1]->request('tools/list')->status, 404, 'ended is ended';

done_testing;
