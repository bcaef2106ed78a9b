package Sentinel::Clock;

# A wall clock that a test may set, for processes that it starts.
#
#   my $clock = Sentinel::Clock->new;
#   Sentinel::Test->new(env => $clock->env, ...)
#   $clock->set(3600)          seconds ahead of the true one
#   $clock->now                what they take the time to be

use strict;
use warnings;

use File::Temp qw/tempdir/;

my $code = <<'END';
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile long  *ahead;


static void __attribute__((constructor))
begin(void)
{
    int    fd;
    void  *p;

    fd = open(getenv("TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
    p = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    ahead = p == MAP_FAILED ? NULL : p;
    close(fd);
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && ahead != NULL
        && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        ts->tv_sec += *ahead;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec  ts;

    (void) tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *out)
{
    struct timespec  ts;

    clock_gettime(CLOCK_REALTIME, &ts);

    if (out != NULL) {
        *out = ts.tv_sec;
    }

    return ts.tv_sec;
}
END


sub new {
    my ($class) = @_;
    my ($self, $c);

    $self = bless { dir => tempdir('sentinel-XXXXXX', TMPDIR => 1,
                                   CLEANUP => 1) }, $class;
    # workers run as another user
    chmod 0755, $self->{dir};
    $self->set(0);

    open $c, '>', "$self->{dir}/clock.c" or die "clock.c: $!";
    print $c $code;
    close $c;
    system($ENV{CC} // 'cc', qw/-shared -fPIC -O1 -o/, "$self->{dir}/clock.so",
           "$self->{dir}/clock.c") == 0 or die "no clock";

    return $self;
}


sub set {
    my ($self, $seconds) = @_;
    my $file;

    # in place: it is mapped
    open $file, -e "$self->{dir}/ahead" ? '+<' : '>', "$self->{dir}/ahead"
        or die "ahead: $!";
    syswrite $file, pack 'q', $seconds;
    close $file;
    $self->{ahead} = $seconds;

    return $self;
}


sub now { return time() + $_[0]{ahead} }


sub env {
    my ($self) = @_;

    return { TEST_CLOCK => "$self->{dir}/ahead",
             LD_PRELOAD => "$self->{dir}/clock.so",
             ASAN_OPTIONS => 'detect_odr_violation=0:detect_leaks=0'
                 . ':verify_asan_link_order=0'
                 . ':detect_stack_use_after_return=0' };
}

1;
