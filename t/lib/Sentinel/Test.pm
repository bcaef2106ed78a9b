package Sentinel::Test;

# An nginx with the module, for one test.  t/README.md shows how a test
# looks; the essence:
#
#   use Sentinel::Test;
#   use Sentinel::Backend;
#
#   my $one = Sentinel::Backend->legacy(tools => ['echo']);
#   my $t = Sentinel::Test->new(backends => [one => $one]);
#   $t->run->wait_catalog('echo');
#   is $t->call('echo', { message => 'hi' })->text, 'hi', 'echo';
#   done_testing;
#
# new() takes:
#
#   backends   [name => backend object or URL or { url, conf }, ...]
#   pass       what mcp_pass names; default: all, in order; '' for none
#   main http server location     more text for those contexts
#   zone       text of mcp_zone; default 1m
#   conf       the whole file instead, with %%GLOBALS%%, %%HTTP%% (paths
#              below the test's directory), %%PORT%%, %%PORT:name%%
#              (further ports, also $t->port('name')), %%DIR%%
#   workers    default 2
#   log        level of the error log; default info
#   module     0: do without the module
#
# It is also a Sentinel::MCP for its own port: modern, call, legacy, post,
# http.  At the end everything stops, and the test fails if the error log
# has an alert, an emergency, a crash or a sanitizer's report that was not
# announced with expect(qr/.../).

use strict;
use warnings;

use Cwd qw/getcwd/;
use File::Path qw/remove_tree/;
use File::Temp qw/tempdir/;
use JSON::PP;
use POSIX ();
use Test::More ();
use Time::HiRes qw/time/;

use Sentinel::HTTP;
use Sentinel::MCP;
use Sentinel::Process;

our @ISA = qw/Sentinel::MCP/;

my $owner = $$;
my $root = getcwd();
my $build = $ENV{SAN} ? "$root/build/san" : "$root/build";
my @instances;
my $text = JSON::PP->new->canonical->allow_nonref;


# Into the test: strict, warnings, Test::More (with a done_testing of our
# own), Sentinel::Process, and the functions below.

sub import {
    my $caller = caller;

    strict->import;
    warnings->import;

    no strict 'refs';
    *{"${caller}::$_"} = \&{"Test::More::$_"}
        for grep { /^\w/ && $_ ne 'done_testing' } @Test::More::EXPORT;
    *{"${caller}::$_"} = \&{"Sentinel::Process::$_"}
        for @Sentinel::Process::EXPORT;
    *{"${caller}::TODO"} = \$Test::More::TODO;
    *{"${caller}::$_"} = \&{$_}
        for qw/done_testing json_text node server client certificate/;
}


sub new {
    my ($class, %arg) = @_;
    my ($self, $dir);

    $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1);
    # workers run as another user
    chmod 0755, $dir;

    $self = $class->SUPER::new(port => free_port());
    %$self = (%$self, workers => 2, log => 'info', expected => [], %arg,
              dir => $dir, ports => {});
    $self->write('nginx.conf', $self->expand($arg{conf} // $self->conf));

    push @instances, $self;

    return $self;
}


sub dir { return $_[0]{dir} }

sub port {
    my ($self, $name) = @_;

    return $self->{port} if !defined $name;
    return $self->{ports}{$name} //= free_port();
}

sub url { return "http://127.0.0.1:$_[0]{port}$_[0]{path}" }


# Writes a file below the test's directory; returns its path.

sub write {
    my ($self, $name, $content) = @_;
    my $file;

    open $file, '>', "$self->{dir}/$name" or die "$name: $!";
    binmode $file;
    print $file $content;
    close $file;

    return "$self->{dir}/$name";
}


sub read {
    my ($self, $name) = @_;

    return Sentinel::Process::slurp("$self->{dir}/$name");
}


sub error_log { return $_[0]->read('error.log') }


# New configuration text for the next run or reload.

sub configure {
    my ($self, %arg) = @_;

    $self->{$_} = $arg{$_} for keys %arg;
    $self->write('nginx.conf', $self->expand($self->{conf}
                                             // $self->conf));

    return $self;
}


sub conf {
    my ($self) = @_;
    my ($conf, $name, $backend, $calm, @names, $pass, @list);

    $conf = "%%GLOBALS%%\n" . ($self->{main} // '')
          . "\nhttp {\n%%HTTP%%\n";

    @list = @{ $self->{backends} || [] };
    $conf .= '    mcp_zone ' . ($self->{zone} // '1m') . ";\n" if @list;

    while (($name, $backend) = splice @list, 0, 2) {
        push @names, $name;
        $backend = { url => $backend } if ref $backend ne 'HASH';

        # Requests that come when they like, second tries, and refusals of what
        # has failed before: only who tests them wants them.

        $calm = join '', map { ($backend->{conf} // '') =~ /\b$_\b/
                               ? '' : "$_ off; " } qw/health retry breaker/;
        $conf .= "    mcp_backend $name {\n"
               . "        url "
               . (ref $backend->{url} ? $backend->{url}->url
                                      : $backend->{url})
               . ";\n        $calm" . ($backend->{conf} // '') . "\n    }\n";
    }

    $pass = $self->{pass} // "@names";
    $conf .= ($self->{http} // '')
           . "\n    server {\n        listen 127.0.0.1:%%PORT%%;\n"
           . ($self->{server} // '')
           . "\n        location $self->{path} {\n"
           . ($pass ne '' ? "            mcp_pass $pass;\n" : '')
           . ($self->{location} // '') . "\n        }\n    }\n}\n";

    return $conf;
}


sub expand {
    my ($self, $conf) = @_;
    my ($dir, $globals, $http);

    $dir = $self->{dir};
    $globals = ($self->{module} // 1
                ? 'load_module "' . $self->module_path . "\";\n" : '')
             . "daemon off;\nmaster_process on;\n"
             . "worker_processes $self->{workers};\n"
             . "pid $dir/nginx.pid;\nlock_file $dir/nginx.lock;\n"
             . "error_log $dir/error.log $self->{log};\n"
             . "events { worker_connections 1024; }\n";
    $http = "    access_log $dir/access.log;\n"
          . join '', map { "    ${_}_temp_path $dir/$_;\n" }
                     qw/client_body proxy fastcgi uwsgi scgi/;

    $conf =~ s/%%GLOBALS%%/$globals/g;
    $conf =~ s/%%HTTP%%/$http/g;
    $conf =~ s/%%PORT%%/$self->{port}/g;
    $conf =~ s/%%PORT:(\w+)%%/$self->port($1)/ge;
    $conf =~ s/%%DIR%%/$dir/g;
    $conf =~ s/%%BUILD%%/$build/g;

    return $conf;
}


sub command {
    my ($self, @more) = @_;
    my $nginx;

    $nginx = $ENV{SAN} ? "$build/nginx-bin"
                         : $ENV{TEST_NGINX_BINARY} // nginx_path();

    return [ $nginx, '-p', $self->{dir}, '-e', "$self->{dir}/error.log",
             '-c', "$self->{dir}/nginx.conf", @more ];
}


# For an upstream{}: no connection is kept, which 1.29.7 made the default.

sub unkept {
    my ($major, $minor, $patch) = join('', capture(
        command => [nginx_path(), '-v'])) =~ m{nginx/(\d+)\.(\d+)\.(\d+)};

    return ($major * 1000 + $minor) * 1000 + $patch >= 1_029_007
           ? 'keepalive 0;' : '';
}


sub module_path { return "$build/ngx_http_mcp_module.so" }


sub nginx_path {
    for (split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin') {
        return "$_/nginx" if -x "$_/nginx";
    }

    die "no nginx";
}


sub environment {
    my ($self) = @_;

    return {
        ASAN_OPTIONS => 'detect_odr_violation=0:detect_leaks=0'
                        . ':detect_stack_use_after_return=0',
        UBSAN_OPTIONS => 'print_stacktrace=1:halt_on_error=1',
        %{ $self->{env} || {} },
    };
}


# nginx -t: exit status and what it said.

sub check {
    my ($self) = @_;
    my ($status, $out, $err);

    ($status, $out, $err) = capture(command => $self->command('-t'),
                                    env => $self->environment);
    # of this run only
    $self->write('error.log', '') if !$self->{process};

    return ($status, $out . $err);
}


sub run {
    my ($self) = @_;
    my $pid;

    $self->{process} = spawn(
        name => 'nginx', command => $self->command,
        log => "$self->{dir}/stderr", env => $self->environment,
        $self->{no_wait} ? () : (port => $self->{port}));

    # the port is the master's before a worker is there
    await { $self->workers >= $self->{workers} } if !$self->{no_wait};

    return $self;
}


sub running { return $_[0]{process} && $_[0]{process}->alive }

sub master { return $_[0]{process}->pid }


# Pids of the master's children whose title matches.

sub children {
    my ($self, $title) = @_;
    my ($master, @pids);

    $master = $self->master;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($pid) = $stat =~ m{/proc/(\d+)/};
        my ($ppid) = Sentinel::Process::slurp($stat) =~ /\) \S (\d+)/
            or next;
        next if $ppid != $master;
        push @pids, $pid
            if Sentinel::Process::slurp("/proc/$pid/cmdline") =~ $title;
    }

    @pids = sort { $a <=> $b } @pids;

    return @pids;
}


# Those that serve; those that are told to end; the manager.

sub workers { return $_[0]->children(qr/^nginx: worker process\b(?! is)/) }

sub leaving { return $_[0]->children(qr/is shutting down/) }

sub manager {
    return ($_[0]->children(qr/^nginx: (?:mcp|cache) manager process\b(?! is)/)
           )[0];
}


# Reloads and waits until new workers serve; false if they do not come.

sub reload {
    my ($self) = @_;
    my %old;

    %old = map { $_ => 1 } $self->workers;
    $self->{process}->signal('HUP');

    return await {
        my @now = $self->workers;
        @now >= $self->{workers} && !grep { $old{$_} } @now;
    };
}


# Kills a process of nginx and waits for its successor.

sub kill_child {
    my ($self, $pid, $signal) = @_;
    my ($before, %old);

    $self->expect(qr/$pid exited on signal/);
    %old = map { $_ => 1 } $self->children(qr/^nginx:/);
    $before = keys %old;
    kill $signal // 'KILL', $pid;

    return await {
        my @now = $self->children(qr/^nginx:/);
        @now >= $before && grep { !$old{$_} } @now;
    };
}


# An alert that the test provokes.

sub expect {
    my ($self, $pattern) = @_;

    push @{ $self->{expected} }, $pattern;

    return $self;
}


sub wait_log {
    my ($self, $pattern, $seconds) = @_;

    return await { $self->error_log =~ $pattern } $seconds;
}


# Waits until the named tools are listed.

sub wait_catalog {
    my ($self, @names) = @_;
    my (%have, $r);

    await {
        $r = eval { $self->modern('tools/list') };
        %have = map { $_ => 1 } $r ? $r->tools : ();
        !grep { !$have{$_} } @names;
    } 15
    and return $self;

    die "not in the catalog: " . join(' ', grep { !$have{$_} } @names)
        . "\nlisted: @{[ sort keys %have ]}\nlast answer: "
        . ($r ? $r->status . ' ' . substr($r->body, 0, 500) : $@)
        . "\nerror log ends:\n" . tail($self->error_log) . "\n";
}


sub tail {
    my ($log) = @_;
    my @lines;

    @lines = split /\n/, $log;
    splice @lines, 0, -20 if @lines > 20;

    return join "\n", @lines;
}


sub stop {
    my ($self, $signal) = @_;
    my $gentle;

    return 1 if !$self->{process};

    $gentle = (delete $self->{process})->stop($signal // 'TERM');
    $self->{stuck} = 1 if !$gentle;

    return $gentle;
}


# What should not be in the error log.

sub faults {
    my ($self) = @_;
    my (@faults, $line);

    push @faults, 'nginx had to be killed' if $self->{stuck};

    LINE: for $line (split /\n/, $self->error_log . $self->read('stderr')) {
        next if $line !~ /^\S+ \S+ \[(?:alert|emerg)\]|Sanitizer|runtime error:
                          |exited\ on\ signal/x;
        for my $pattern (@{ $self->{expected} }) {
            next LINE if $line =~ $pattern;
        }
        push @faults, $line;
    }

    return @faults;
}


sub finish {
    my (@faults, $instance);

    while ($instance = shift @instances) {
        $instance->stop;
        push @faults, $instance->faults;

        if (@faults) {
            Test::More::diag("kept: $instance->{dir}");
            Test::More::diag(tail($instance->error_log));

        } elsif (!$ENV{KEEP}) {
            remove_tree($instance->{dir});
        }
    }

    return @faults;
}


sub done_testing {
    my (@faults, $had);

    $had = @instances;
    @faults = finish();

    if ($had) {
        Test::More::ok(!@faults, 'nothing alarming in the error log');
        Test::More::diag($_) for @faults;
    }

    Test::More::done_testing(@_);
}


# A self-signed certificate for a name, as (certificate, key) files.

sub certificate {
    my ($name, $dir) = @_;
    my ($status, $out, $err);

    ($status, $out, $err) = capture(command => [
        qw/openssl req -x509 -nodes -days 2 -newkey ec
           -pkeyopt ec_paramgen_curve:P-256/, '-subj', "/CN=$name",
        '-addext', "subjectAltName=DNS:$name",
        '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt" ]);
    die "openssl: $err" if $status ne '0';

    return ("$dir/$name.crt", "$dir/$name.key");
}


sub json_text { return $text->encode($_[0]) }


# node and the MCP programs in t/servers.

sub node { return "$root/t/node_modules/.bin/node" }


# server('sdk1-server.mjs', { NAME => 'value' }, args...): runs on a free
# port, which it is given as PORT and in place of %%PORT%%; the environment
# may be left out.  Returns the process, with url().

sub server {
    my ($program, @arguments) = @_;
    my ($port, $process, $env);

    $port = free_port();
    $env = ref $arguments[0] ? shift @arguments : {};
    $program = "$root/t/servers/$program" if $program !~ m{/};
    $process = spawn(
        name => $program,
        command => [ node(), '--require', "$root/scripts/loopback.cjs",
                     $program, map { s/%%PORT%%/$port/gr } @arguments ],
        env => { PORT => $port, %$env }, port => $port);

    return bless $process, 'Sentinel::Test::Server';
}


# client('sdk1-client.mjs', { NAME => 'value' }, $url, calls): what the
# program printed, as data; { failed } if it failed.

sub client {
    my ($program, @arguments) = @_;
    my ($env, $status, $out, $err, $result);

    $env = ref $arguments[0] ? shift @arguments : {};

    ($status, $out, $err) = capture(
        command => [ node(), "$root/t/servers/$program",
                     map { ref $_ ? json_text($_) : $_ } @arguments ],
        env => $env, timeout => 60);
    $result = eval { JSON::PP::decode_json($out) };

    return $result if $status eq '0' && $result;
    return { failed => "$program: exit status $status\n$out\n$err" };
}


END {
    if ($$ == $owner && @instances) {
        my $status = $?;
        my @faults = finish();
        Test::More::diag("fault: $_") for @faults;
        $? = $status || (@faults ? 1 : 0);
    }
}


package Sentinel::Test::Server;

our @ISA = qw/Sentinel::Process/;

sub port { return $_[0]{port} }

sub url { return "http://127.0.0.1:$_[0]{port}/mcp" }

1;
