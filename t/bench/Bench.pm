package Bench;

# What scripts/bench measures with: a backend, nginx with one worker, wrk.
# Each has its own core as far as there are cores: nginx the first, wrk and
# the backend the others.

use strict;
use warnings;

use Digest::SHA;
use Exporter qw/import/;
use File::Temp qw/tempdir/;
use POSIX ();
use Time::HiRes qw/sleep time/;

use Sentinel::HTTP;
use Sentinel::MCP;
use Sentinel::Process;

our @EXPORT = qw/compile backend nginx stop_nginx slice fetch raw_request
                 post digest median rss peak_begins peak cores version
                 quiet/;

my $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
# nginx's workers are another user if we are root
chmod 0755, $dir;

my $backend;


sub cores {
    my ($n) = `nproc --all` =~ /(\d+)/;

    return { nginx => 0, backend => $n > 1 ? 1 : 0,
             client => $n > 2 ? 2 : $n - 1, n => $n };
}


sub pinned {
    my ($who, @command) = @_;

    return ['taskset', '-c', cores()->{$who}, @command];
}


sub compile {
    my ($name, @sources) = @_;

    system($ENV{CC} // 'cc', '-std=gnu11', '-O2', '-Wall', '-Wextra',
           '-Werror', '-Wno-unused-parameter', '-Isrc/core', '-o',
           "$dir/$name", @sources, qw/-ljansson -lcrypto -lpcre2-8/) == 0
        or die "cannot compile $name\n";

    return "$dir/$name";
}


# Routes as t/bench/backend.c takes them.

sub backend {
    my ($program, @routes) = @_;
    my $port = free_port();

    $backend = spawn(name => 'backend', ready => qr/^ready/,
                     command => pinned('backend', $program, $port, @routes));

    return $port;
}


sub binary {
    for (split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin') {
        return "$_/nginx" if -x "$_/nginx";
    }

    die "no nginx\n";
}


sub version {
    my $binary = binary();

    return `$binary -v 2>&1` =~ m{(nginx/\S+)} ? $1 : 'nginx';
}


# http: text for the http block, with %PORT% and %DIR%; module: load it.

sub nginx {
    my (%arg) = @_;
    my ($self, $conf, $file, $master);

    $self = { port => free_port(), name => $arg{name} };
    mkdir "$dir/$arg{name}";
    $self->{dir} = "$dir/$arg{name}";

    $conf = ($arg{module} ? "load_module \"$arg{module}\";\n" : '')
          . "daemon off;\nworker_processes 1;\n"
          . "pid $self->{dir}/pid;\nlock_file $self->{dir}/lock;\n"
          . "error_log $self->{dir}/error.log info;\n"
          . "events { worker_connections 8192; }\nhttp {\n"
          . "    access_log off;\n    sendfile on;\n"
          . "    keepalive_requests 1000000;\n"
          . join('', map { "    ${_}_temp_path $self->{dir}/$_;\n" }
                     qw/client_body proxy fastcgi uwsgi scgi/)
          . "$arg{http}}\n";
    $conf =~ s/%PORT%/$self->{port}/g;
    $conf =~ s/%DIR%/$self->{dir}/g;

    open $file, '>', "$self->{dir}/nginx.conf" or die "nginx.conf: $!\n";
    print $file $conf;
    close $file;
    open $file, '>', "$self->{dir}/error.log";

    $self->{process} = spawn(
        name => $arg{name}, port => $self->{port},
        command => pinned('nginx', binary(), '-p', $self->{dir}, '-e',
                          "$self->{dir}/error.log", '-c',
                          "$self->{dir}/nginx.conf"));

    $master = $self->{process}->pid;
    $self->{worker} = await { worker_of($master) }
        or die "$arg{name} has no worker\n";

    return $self;
}


sub worker_of {
    my ($master) = @_;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($pid) = $stat =~ m{/proc/(\d+)/};
        my ($ppid) = Sentinel::Process::slurp($stat) =~ /\) \S (\d+)/
            or next;
        return $pid if $ppid == $master
                       && Sentinel::Process::slurp("/proc/$pid/cmdline")
                          =~ /worker process/;
    }

    return undef;
}


# Dies if the log has anything that should not be there.

sub stop_nginx {
    my ($self) = @_;
    my (@bad, $log);

    $log = Sentinel::Process::slurp("$self->{dir}/error.log");
    @bad = grep { /\[(?:warn|error|crit|alert|emerg)\]|is refused with/
                  && !/is buffered to a temporary file/ }
           split /\n/, $log;
    $self->{process}->stop('TERM');

    die "$self->{name} complained:\n" . join("\n", splice @bad, 0, 5) . "\n"
        if @bad;
}


# --- of a process -----------------------------------------------------------


# Seconds of CPU time, in user mode and in the kernel.

sub cpu {
    my ($pid) = @_;
    my @stat;

    # in ns where the kernel tells, else in ticks

    if (Sentinel::Process::slurp("/proc/$pid/schedstat") =~ /^(\d+) /
        && $1 > 0)
    {
        return $1 / 1e9;
    }

    @stat = split / /, Sentinel::Process::slurp("/proc/$pid/stat")
                       =~ s/.*\) //sr;

    return ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}


# CPU seconds of the whole machine, and those of them that are ours.

sub cpu_all {
    my ($self) = @_;
    my ($user, $nice, $system, undef, undef, $irq, $softirq);

    ($user, $nice, $system, undef, undef, $irq, $softirq) =
        Sentinel::Process::slurp('/proc/stat')
        =~ /^cpu +(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/;

    return ($user + $nice + $system + $irq + $softirq)
           / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}


sub cpu_ours {
    my ($self) = @_;
    my $sum = 0;

    $sum += $_ for times;

    return $sum + cpu($self->{worker}) + cpu($backend->pid);
}


# Waits until others leave the machine alone, or the deadline.

sub quiet {
    my ($deadline) = @_;
    my ($before);

    while (time < $deadline) {
        $before = cpu_all();
        sleep 0.3;
        return if (cpu_all() - $before) / 0.3 < 0.15;
        sleep 0.5;
    }
}


sub memory {
    my ($pid, $what) = @_;

    return Sentinel::Process::slurp("/proc/$pid/status") =~ /^$what:\s+(\d+)/m
           ? $1 / 1024 : 0;
}


# MiB that are resident; the most that were since peak_begins().

sub rss { return memory($_[0]{worker}, 'VmRSS') }

sub peak { return memory($_[0]{worker}, 'VmHWM') }

sub peak_begins {
    my ($self) = @_;
    my $file;

    open $file, '>', "/proc/$self->{worker}/clear_refs"
        or die "cannot reset the peak of a worker's memory: $!\n";
    print $file "5\n";
    close $file;
}


# --- requests ---------------------------------------------------------------


sub raw_request {
    my ($method, $path, $headers, $body) = @_;

    return Sentinel::HTTP::format_request({ host => '127.0.0.1' }, $method,
                                          $path, $headers, $body);
}


sub post {
    my ($self, $path, $headers, $body) = @_;
    my $c = Sentinel::HTTP->new(port => $self->{port});

    $c->request('POST', $path, $headers, $body);

    return $c->response;
}


# The digest and length of a body of any size.

sub digest {
    my ($self, $path, $headers, $body) = @_;
    my ($c, $sha, $data, $n);

    $c = Sentinel::HTTP->new(port => $self->{port}, timeout => 60);
    $c->request('POST', $path, { %$headers, Connection => 'close' }, $body);
    $c->head;
    $sha = Digest::SHA->new(1);
    $n = 0;

    while (defined($data = $c->chunk)) {
        $sha->add($data);
        $n += length $data;
    }

    die "$self->{name}: the answer was cut\n" if $c->truncated;

    return $sha->hexdigest . " $n";
}


sub write_request {
    my ($request) = @_;
    my $file;

    open $file, '>', "$dir/request" or die "$dir/request: $!\n";
    binmode $file;
    print $file $request;
    close $file;
}


# One run of wrk against one nginx.

sub slice {
    my ($self, $request, $connections, $seconds) = @_;
    my ($status, $out, $err, $before, $others, $start, $r);

    write_request($request);
    $before = cpu($self->{worker});
    $others = cpu_all() - cpu_ours($self);
    $start = time;

    ($status, $out, $err) = capture(
        timeout => $seconds + 30,
        command => pinned('client', 'wrk', '-t1', "-c$connections",
                          "-d${seconds}s", '-s', 't/bench/request.lua',
                          "http://127.0.0.1:$self->{port}", '--',
                          "$dir/request"));

    $r = {};
    @$r{qw/requests us bytes refused broken p50 p99/} =
        $out =~ /^bench (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$/m
        or die "wrk failed: $out$err\n";

    die "$self->{name}: of $r->{requests} requests $r->{refused} got another "
        . "status than 2xx or 3xx, $r->{broken} no answer\n"
        if $r->{refused} || $r->{broken} || !$r->{requests};

    $r->{cpu} = (cpu($self->{worker}) - $before) / $r->{requests} * 1e6;
    $r->{busy} = (cpu($self->{worker}) - $before) / (time - $start);
    $others = (cpu_all() - cpu_ours($self) - $others) / (time - $start);
    $r->{others} = $others > 0 ? $others : 0;
    $r->{rate} = $r->{requests} / $r->{us} * 1e6;
    $r->{rss} = rss($self);

    return $r;
}


# One answer of any size, as fast as it comes; seconds and CPU seconds.

sub fetch {
    my ($self, $path, $headers, $body) = @_;
    my ($status, $out, $err, $before, $r);

    $before = cpu($self->{worker});

    ($status, $out, $err) = capture(
        timeout => 120,
        command => pinned('client', 'curl', '-sS', '-o', '/dev/null',
            '-w', '%{http_code} %{size_download} %{time_total}',
            (map { ('-H', "$_: $headers->{$_}") } sort keys %$headers),
            '-d', $body, "http://127.0.0.1:$self->{port}$path"));

    $r = {};
    @$r{qw/status size seconds/} = split / /, $out;
    die "$self->{name}: $out $err\n" if $status || $r->{status} != 200;
    $r->{cpu} = cpu($self->{worker}) - $before;

    return $r;
}


sub median {
    my @v = sort { $a <=> $b } @_;

    return @v % 2 ? $v[$#v / 2] : ($v[$#v / 2] + $v[@v / 2]) / 2;
}

1;
