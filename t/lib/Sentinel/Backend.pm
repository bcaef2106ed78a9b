package Sentinel::Backend;

# MCP servers of either era for the gateway to talk to, which do as the
# test says, byte by byte if need be, and remember what they were sent.
#
#   my $b = Sentinel::Backend->legacy(tools => ['echo', { name => ... }]);
#   my $b = Sentinel::Backend->modern(...);
#   my $b = Sentinel::Backend->raw(sub { my ($c, $request) = @_; ... });
#
# Options: tools, prompts, resources, templates (Sentinel::Tools has some
# tools by name); page (members of a page of a list); answer (json, sse);
# instructions; ttl, scope (modern); versions, session => 0, get => 1 (legacy);
# unix => 1; start => 0; call => { tool => code }, on => { method => code },
# before => code, which is asked first and returns true if it answered.
#
# Code gets ($c, $params or the tool's arguments, $request) and returns the
# result, or undef if it wrote the answer itself; $c is a
# Sentinel::Backend::Connection.
#
#   $b->url  $b->port  $b->stop  $b->start
#   $b->set(tools => [...])            from now on, listeners are told
#   $b->requests  $b->requests('tools/call')   what came: hashes of method,
#                 uri, headers (lower case, first value), raw_headers,
#                 body, json, connection, time
#   $b->wait_for('tools/list', 2)      until that many have come
#   $b->notes                          what handlers noted with $c->note

use strict;
use warnings;

use Fcntl qw/:flock/;
use File::Temp qw/tempdir/;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Time::HiRes qw/time/;

use Sentinel::Backend::Connection;
use Sentinel::Process;
use Sentinel::Tools;

use constant META => 'io.modelcontextprotocol/';

# Bytes on the wire and in files.
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

use constant HUGE => 1_000_000;


sub new {
    my ($class, %arg) = @_;
    my $self;

    $self = bless {
        name => 'backend', answer => 'json', path => '/mcp', start => 1,
        session => 1, ttl => 60000, scope => 'public',
        versions => [qw/2025-11-25 2025-06-18 2025-03-26 2024-11-05/],
        %arg,
        dir => tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1),
    }, $class;

    $self->{port} //= free_port() if !$self->{unix};
    chmod 0755, $self->{dir};
    mkdir "$self->{dir}/sessions";

    $self->set(map { $_ => $arg{$_} // [] }
               qw/tools prompts resources templates/);
    $self->start if $self->{start};

    return $self;
}

sub legacy { my $class = shift; return $class->new(era => 'legacy', @_) }

sub modern { my $class = shift; return $class->new(era => 'modern', @_) }

sub raw {
    my ($class, $code, @rest) = @_;

    return $class->new(before => sub { $code->(@_[0, 2]); 1 }, @rest);
}


sub port { return $_[0]{port} }


sub url {
    my ($self, $scheme) = @_;

    return "http://unix:$self->{dir}/socket:$self->{path}" if $self->{unix};

    return ($scheme // 'http') . "://127.0.0.1:$self->{port}$self->{path}";
}


# The lists, in a file, so that connections see changes at once.

sub set {
    my ($self, %change) = @_;
    my ($state, $file);

    $state = $self->state;
    %$state = (%$state, %change,
               generation => ($state->{generation} // 0) + 1);

    $state->{tools} = [ map { ref $_ ? $_ : Sentinel::Tools::definition($_) }
                        @{ $state->{tools} } ];

    open $file, '>', "$self->{dir}/state.new" or die "state: $!";
    print $file $json->encode($state);
    close $file;
    rename "$self->{dir}/state.new", "$self->{dir}/state";

    return $self;
}


sub state {
    my ($self) = @_;
    my $content;

    $content = Sentinel::Process::slurp("$self->{dir}/state");

    return $content eq '' ? {} : $json->decode($content);
}


sub start {
    my ($self) = @_;
    my ($listener, $path);

    if ($self->{unix}) {
        $path = "$self->{dir}/socket";
        unlink $path;
        $listener = IO::Socket::UNIX->new(Local => $path, Listen => 511)
            or die "$path: $!";
        chmod 0666, $path;

    } else {
        $listener = IO::Socket::INET->new(
            LocalAddr => "127.0.0.1:$self->{port}", Listen => 511,
            ReuseAddr => 1) or die "port $self->{port}: $!";
    }

    $self->{process} = Sentinel::Process->fork_code(
        sub { $self->serve($listener, @_) });
    close $listener;

    return $self;
}


sub stop {
    my ($self) = @_;

    (delete $self->{process})->stop('KILL') if $self->{process};

    return $self;
}


# One process for each connection, so that handlers may block.

sub serve {
    my ($self, $listener, $lifeline) = @_;
    my ($select, $socket, $n, $pid);

    $SIG{CHLD} = 'IGNORE';
    $select = IO::Select->new($listener, $lifeline);

    while (1) {
        for ($select->can_read) {
            if ($_ == $lifeline) {
                kill KILL => -$$;
            }

            $socket = $listener->accept or next;
            $n++;
            $pid = fork // die "fork: $!";

            if ($pid == 0) {
                $SIG{CHLD} = 'DEFAULT';
                close $listener;
                $self->connection($socket, $n);
                POSIX::_exit(0);
            }

            close $socket;
        }
    }
}


sub connection {
    my ($self, $socket, $n) = @_;
    my ($c, $request);

    $c = Sentinel::Backend::Connection->new($self, $socket, $n);

    while ($request = $c->read_request) {
        $self->append('requests', $request);
        $request->{json} = decode($request->{body});
        $c->{request} = $request;

        eval { $self->dispatch($c, $request); 1 }
            or $c->note("backend died: $@"), $c->close;

        last if $c->{closed};
    }
}


# The message in a body.  JSON::PP is too slow for a huge one, of which
# only the id and the method are looked for.

sub decode {
    my ($body) = @_;
    my (%message, $part);

    return eval { $json->decode($body) } if length $body < HUGE;

    for $part (substr($body, 0, 4096), substr($body, -4096)) {
        $message{id} //= eval { $json->decode($1) }
            if $part =~ /"id"\s*:\s*("[^"]*"|\d+)/;
        $message{method} //= $1 if $part =~ /"method"\s*:\s*"([^"]*)"/;
        $message{params}{name} //= $1 if $part =~ /"name"\s*:\s*"([^"]*)"/;
    }

    return \%message;
}


sub append {
    my ($self, $name, $record) = @_;
    my ($file, $body, $huge);

    if (length($record->{body} // '') >= HUGE) {
        $huge = sprintf "$self->{dir}/body-%d-%d", $$, rand 1e9;
        open $body, '>', $huge;
        print $body $record->{body};
        close $body;
        $record = { %$record, body => undef, huge => $huge };
    }

    open $file, '>>', "$self->{dir}/$name" or die "$name: $!";
    flock $file, LOCK_EX;
    syswrite $file, $json->encode($record) . "\n";
}


sub records {
    my ($self, $name) = @_;

    # whole lines only
    return map { $json->decode($_) }
           Sentinel::Process::slurp("$self->{dir}/$name") =~ /^(.*)\n/mg;
}


sub requests {
    my ($self, $method) = @_;
    my @requests;

    @requests = $self->records('requests');

    for (@requests) {
        $_->{body} = Sentinel::Process::slurp($_->{huge}) if $_->{huge};
        $_->{json} = decode($_->{body});
    }

    return @requests if !defined $method;
    return grep { ref $_->{json} eq 'HASH'
                  && ($_->{json}{method} // '') eq $method
                  || $_->{method} eq $method } @requests;
}


sub wait_for {
    my ($self, $method, $count) = @_;

    return await { $self->requests($method) >= ($count // 1) };
}


sub notes {
    my ($self) = @_;

    return map { $_->{note} } $self->records('notes');
}


sub wait_note {
    my ($self, $pattern, $seconds) = @_;

    return await { scalar grep { /$pattern/ } $self->notes } $seconds;
}


sub forget {
    my ($self) = @_;

    unlink "$self->{dir}/requests", "$self->{dir}/notes";

    return $self;
}


# A session ends on the server's side.

sub end_sessions {
    my ($self) = @_;

    unlink glob "$self->{dir}/sessions/*";

    return $self;
}


sub dispatch {
    my ($self, $c, $request) = @_;
    my ($message, $method, $code, $result);

    if ($self->{before}) {
        return if $self->{before}->($c, ($request->{json} // {})->{params},
                                    $request);
    }

    if ($request->{method} eq 'DELETE') {
        unlink $self->session_file($request);
        return $c->respond(200);
    }

    if ($request->{method} eq 'GET') {
        return $c->respond(405) if !$self->{get};
        return $self->listen($c, undef);
    }

    $message = $request->{json};

    if (ref $message ne 'HASH' || !defined $message->{method}) {
        return $c->respond(202) if ref $message eq 'HASH';
        return $c->error(-32700, 'Parse error', undef, status => 400);
    }

    $method = $message->{method};

    if ($self->{era}) {
        $code = "check_$self->{era}";
        return if !$self->$code($c, $request, $message);
    }

    if (!exists $message->{id}) {
        return $c->respond(202);
    }

    $code = $self->{on}{$method} || $self->can('do_' . $method =~ tr{/}{_}r);

    if (!$code) {
        return $c->error(-32601, "Method not found: $method", undef,
                         status => $self->{era} eq 'modern' ? 404 : 200);
    }

    $result = $self->{on}{$method}
              ? $code->($c, $message->{params}, $request)
              : $self->$code($c, $message->{params}, $request);

    $c->reply($result) if $result;
}


# Legacy: a session from initialize on.

sub session_file {
    my ($self, $request) = @_;
    my $id;

    $id = $request->{headers}{'mcp-session-id'} // '';

    return "$self->{dir}/sessions/" . ($id =~ /\A[\w-]+\z/ ? $id : 'none');
}


sub check_legacy {
    my ($self, $c, $request, $message) = @_;

    return 1 if $message->{method} eq 'initialize' || !$self->{session};

    if (!defined $request->{headers}{'mcp-session-id'}) {
        $c->error(-32000, 'Bad Request: Server not initialized', undef,
                  status => 400);
        return 0;
    }

    if (!-e $self->session_file($request)) {
        $c->error(-32001, 'Session not found', undef, status => 404);
        return 0;
    }

    return 1;
}


sub capabilities {
    my ($self) = @_;
    my ($state, %can);

    $state = $self->state;
    $can{tools} = { listChanged => JSON::PP::true };
    $can{prompts} = {} if @{ $state->{prompts} };
    $can{resources} = {} if @{ $state->{resources} }
                            || @{ $state->{templates} };

    return { %can, %{ $self->{capabilities} || {} } };
}


sub do_initialize {
    my ($self, $c, $params) = @_;
    my ($version, $id);

    $version = (grep { $_ eq ($params->{protocolVersion} // '') }
                @{ $self->{versions} })[0] // $self->{versions}[0];

    if ($self->{session}) {
        $id = sprintf '%s-%d-%06x', $self->{name}, $$, rand 0xffffff;
        open my $file, '>', "$self->{dir}/sessions/$id";
        $c->{headers}{'Mcp-Session-Id'} = $id;
    }

    return { protocolVersion => $version,
             capabilities => $self->capabilities,
             serverInfo => { name => $self->{name}, version => '1.0' },
             $self->said };
}


sub said {
    my ($self) = @_;

    return defined $self->{instructions}
           ? (instructions => $self->{instructions}) : ();
}


sub do_ping { return {} }


# Modern: every request says all, and twice.

sub check_modern {
    my ($self, $c, $request, $message) = @_;
    my ($headers, $params, $name, $version, $wrong);

    return 1 if !exists $message->{id};

    if ($message->{method} =~ /\A(?:initialize|ping)\z/) {
        $c->error(-32601, 'Method not found', undef, status => 404);
        return 0;
    }

    $headers = $request->{headers};
    $params = $message->{params} || {};
    $version = ($params->{_meta} || {})->{META . 'protocolVersion'};
    $name = $message->{method} eq 'resources/read' ? $params->{uri}
          : $message->{method} =~ m{\A(?:tools/call|prompts/get)\z}
            ? $params->{name} : undef;

    $wrong = !defined $version ? '_meta protocolVersion'
           : ref(($params->{_meta})->{META . 'clientCapabilities'})
             ne 'HASH' ? '_meta clientCapabilities'
           : ($headers->{'mcp-protocol-version'} // '') ne $version
             ? 'MCP-Protocol-Version'
           : ($headers->{'mcp-method'} // '') ne $message->{method}
             ? 'Mcp-Method'
           : defined $name && Sentinel::Tools::header_text(
                 $headers->{'mcp-name'} // '') ne $name
             ? 'Mcp-Name' : undef;

    if ($wrong) {
        $c->note("wrong or missing: $wrong");
        $c->error($wrong =~ /^_meta/ ? -32602 : -32020,
                  "wrong or missing: $wrong", undef, status => 400);
        return 0;
    }

    return 1;
}


sub do_server_discover {
    my ($self, $c) = @_;

    return undef if $self->not_modern($c);

    return $self->complete({
        supportedVersions => ['2026-07-28'],
        capabilities => $self->capabilities,
        serverInfo => { name => $self->{name}, version => '1.0' },
        $self->said,
    }, 1);
}


sub not_modern {
    my ($self, $c) = @_;

    return 0 if $self->{era} eq 'modern';

    $c->error(-32601, 'Method not found');

    return 1;
}


# A result as the era has it.

sub complete {
    my ($self, $result, $cacheable) = @_;

    return $result if ($self->{era} // '') ne 'modern';

    return { resultType => 'complete',
             $cacheable ? (ttlMs => $self->{ttl} + 0,
                           cacheScope => $self->{scope}) : (), %$result };
}


sub list {
    my ($self, $c, $params, $state_name, $member) = @_;
    my ($all, $from, $to, %next);

    $all = $self->state->{$state_name};
    $from = ($params || {})->{cursor} // 'at-0';

    if ($from !~ s/\Aat-(\d+)\z/$1/) {
        return $c->error(-32602, 'Invalid cursor');
    }

    $to = $self->{page} ? $from + $self->{page} - 1 : $#$all;

    if ($to < $#$all) {
        $next{nextCursor} = 'at-' . ($to + 1);

    } else {
        $to = $#$all;
    }

    return $self->complete({ $member => [ @$all[$from .. $to] ], %next }, 1);
}

sub do_tools_list { return $_[0]->list(@_[1, 2], 'tools', 'tools') }

sub do_prompts_list { return $_[0]->list(@_[1, 2], 'prompts', 'prompts') }

sub do_resources_list {
    return $_[0]->list(@_[1, 2], 'resources', 'resources');
}

sub do_resources_templates_list {
    return $_[0]->list(@_[1, 2], 'templates', 'resourceTemplates');
}


sub do_tools_call {
    my ($self, $c, $params, $request) = @_;
    my ($name, $code, $result);

    $name = $params->{name} // '';
    $code = $self->{call}{$name};

    if (!$code) {
        grep { $_->{name} eq $name } @{ $self->state->{tools} }
            or return $c->error(-32602, "Unknown tool: $name");
        $code = Sentinel::Tools::code($name)
            // sub { Sentinel::Tools::text("$self->{name} ran $name") };
    }

    $result = $code->($c, $params->{arguments}, $request);

    return $result && $self->complete($result);
}


sub do_resources_read {
    my ($self, $c, $params) = @_;

    grep { $_->{uri} eq $params->{uri} } @{ $self->state->{resources} }
        or @{ $self->state->{templates} }
        or return $c->error(-32602, 'Resource not found',
                            { uri => $params->{uri} });

    return $self->complete({ contents => [{
        uri => $params->{uri}, mimeType => 'text/plain',
        text => "$self->{name} has $params->{uri}" }] }, 1);
}


sub do_prompts_get {
    my ($self, $c, $params) = @_;

    grep { $_->{name} eq $params->{name} } @{ $self->state->{prompts} }
        or return $c->error(-32602, "Unknown prompt: $params->{name}");

    return $self->complete({ messages => [{ role => 'user', content => {
        type => 'text', text => "$self->{name} prompts $params->{name}: "
            . join ' ', map { "$_=$params->{arguments}{$_}" }
                        sort keys %{ $params->{arguments} || {} }
    } }] });
}


sub do_subscriptions_listen {
    my ($self, $c, $params, $request) = @_;

    return undef if $self->not_modern($c);

    $self->listen($c, $request->{json}{id}, $params);

    return undef;
}


# A stream that tells of changes until the other side closes it.

sub listen {
    my ($self, $c, $id, $params) = @_;
    my ($generation, $now, @meta);

    @meta = (_meta => { META . 'subscriptionId' => $id }) if defined $id;
    $generation = $self->state->{generation};
    $c->sse;

    $c->event({ jsonrpc => '2.0',
                method => 'notifications/subscriptions/acknowledged',
                params => { @meta, notifications =>
                            ($params || {})->{notifications} // {} } })
        if defined $id;

    while (!$c->gone(0.02)) {
        $now = $self->state->{generation};
        next if $now == $generation;
        $generation = $now;
        $c->event({ jsonrpc => '2.0',
                    method => 'notifications/tools/list_changed',
                    @meta ? (params => { @meta }) : () });
    }

    $c->close;
}

1;
