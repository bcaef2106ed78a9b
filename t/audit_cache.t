# What is written of the spool does not stay in the page cache: the record of
# hours of calls takes no memory from those who read their files.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Sentinel::Process;

my $one = Sentinel::Backend->modern(tools => [qw/echo/]);

sub cached {
    my $bytes = 0;

    $bytes += $_
        for split ' ', capture(command => [qw/fincore -n -b -o RES/, @_]);

    return $bytes;
}

# two files full, and a third that is being written

sub full {
    my ($title, $conf) = @_;
    my ($t, $audit, $calls, @files);

    $t = Sentinel::Test->new(
        backends => [one => $one], workers => 1,
        http => Sentinel::Audit->conf('segment=1m') . $conf);
    $audit = Sentinel::Audit->new($t);
    $t->run->wait_catalog('echo');

    for ($calls = 0; $calls < 1000 && @files < 3; $calls++) {
        $t->call('echo', { message => 'm' x 10000 })->result
            or die "$title: a call failed";
        @files = $audit->segments;
    }

    is @files, 3, "$title: $calls calls fill files";

    SKIP: {
        skip 'the files of tmpfs are memory themselves', 2
            if `stat -f -c %T @{[ quotemeta $audit->dir ]}` =~ /tmpfs/;

        cmp_ok cached($files[2]), '>', 0, "$title: new lines are in memory";
        ok await { cached(@files[0, 1]) == 0 }, "$title: full files are not";
    }

    is $t->call('echo', { message => 'x' })->text, 'x', "$title: calls go on";
    $t->stop;

    is scalar(values %{ $audit->rows }), $calls + 1,
        "$title: all are on record";
    is_deeply [ $audit->problems ], [], "$title: as they should be";
}


full('alone', '');

# what waits for a store that does not answer will be read from the disk

full('with a store', 'mcp_audit_store "postgres:host=127.0.0.1 port=1";');

done_testing;
