# sync=group with a disk that cannot keep what it was given: the call is not
# executed, and the file in which that happened is not used again.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;

my $one = Sentinel::Backend->modern(tools => [qw/echo slow/]);
my $dir = File::Temp::tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

# fails, or takes long, while a file of that name is there

open my $c, '>', "$dir/disk.c" or die;
print $c <<"END";
#include <errno.h>
#include <unistd.h>

int
fdatasync(int fd)
{
    if (access("$dir/slow", F_OK) == 0) {
        usleep(300000);
    }

    if (access("$dir/broken", F_OK) == 0) {
        errno = EIO;
        return -1;
    }

    return fsync(fd);
}
END
close $c;
is system($ENV{CC} // 'cc', qw/-shared -fPIC -o/, "$dir/disk.so",
          "$dir/disk.c"), 0, 'a disk to break';

my $t = Sentinel::Test->new(
    backends => [one => $one], workers => 1,
    http => Sentinel::Audit->conf('sync=group'),
    env => { LD_PRELOAD => "$dir/disk.so",
             ASAN_OPTIONS => 'detect_odr_violation=0:detect_leaks=0'
                 . ':verify_asan_link_order=0'
                 . ':detect_stack_use_after_return=0' });
my $audit = Sentinel::Audit->new($t);
$t->run->wait_catalog('echo');

sub put { open my $f, '>', "$dir/$_[0]" or die; close $f }

sub executed { return scalar(() = $one->requests('tools/call')) }

is $t->call('echo', { message => 'a' })->text, 'a', 'it works';

# one sync is for all that wait

put('slow');
my @calls = map { $t->call('echo', { message => "g$_" }, send => 1) } 1 .. 20;
is $t->modern('tools/list')->status, 200, 'meanwhile the worker serves';
is executed(), 1, 'nothing is executed before';
is_deeply [ map { $_->response->text } @calls ], [ map { "g$_" } 1 .. 20 ],
    'then all are';

# a client that goes while its call waits

my $gone = $t->call('echo', { marker => 'gone' }, send => 1);
await { $audit->row(qr/gone/) };
$gone->close;
unlink "$dir/slow";
is $t->call('echo', { message => 'b' })->text, 'b', 'others go on';

# broken

my $before = executed();
my $segments = $audit->segments;
put('broken');
is $t->call('echo', { marker => 'lost' })->code, 507, 'a sync that fails: 507';
is executed(), $before, 'nothing is executed';
@calls = map { $t->call('echo', { marker => "l$_" }, send => 1) } 1 .. 10;
is_deeply [ map { $_->response->code } @calls ], [ (507) x 10 ],
    'nor of many at once';
is executed(), $before, 'none';
like $t->error_log, qr/cannot sync the spool.*Input\/output error/, 'said';

unlink "$dir/broken";
is $t->call('echo', { message => 'c' })->text, 'c', 'again when it is well';
cmp_ok scalar(my @now = $audit->segments), '>', $segments,
    'in another file';

await { !grep { !defined $_->{outcome} } values %{ $audit->rows } };
is $audit->row(qr/"lost"/)->{outcome}, 'unrecorded',
    'what was refused is not open';
$t->stop;
is_deeply [ $audit->problems ], [], "the chain holds, nothing stands twice";

done_testing;
