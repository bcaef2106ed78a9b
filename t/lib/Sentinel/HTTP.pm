package Sentinel::HTTP;

# One HTTP/1.1 connection to a server, under the test's full control.
#
#   my $c = Sentinel::HTTP->new(port => $port);
#   $c->request('POST', '/mcp', { 'Content-Type' => '...' }, $body);
#   my $r = $c->response;        whole: status, headers, body, json
#   my $r = $c->head;            or the head only, and then
#   my $e = $c->event;           the next SSE event, undef after the last
#   my $m = $c->message;         its JSON
#   my $d = $c->chunk;           or the next bytes of the body as they come
#   $c->quiet(0.3)               nothing came in that time
#   $c->write($bytes)  $c->half_close  $c->abort  $c->close  $c->eof
#
# Whatever waits has a deadline and dies at it.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Socket qw/SOL_SOCKET SO_LINGER SO_RCVBUF/;
use Time::HiRes qw/time/;

use Sentinel::Process qw/patience/;
use Sentinel::SSE;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


sub new {
    my ($class, %arg) = @_;
    my ($socket, @buffer);

    if ($arg{unix}) {
        $socket = IO::Socket::UNIX->new(Peer => $arg{unix});

    } else {
        # a small receive buffer makes a slow reader
        @buffer = (Sockopts => [[SO_RCVBUF, $arg{rcvbuf}]])
            if $arg{rcvbuf};
        $socket = IO::Socket::INET->new(
            PeerAddr => $arg{host} // '127.0.0.1', PeerPort => $arg{port},
            Proto => 'tcp', Timeout => 5, @buffer);
    }

    die "cannot connect to " . ($arg{unix} // $arg{port}) . ": $!\n"
        if !$socket;

    $socket->autoflush(1);
    binmode $socket;

    return bless { socket => $socket, in => '', eof => 0,
                   timeout => $arg{timeout} // 10,
                   host => $arg{authority}
                           // 'localhost' . ($arg{port}
                                             ? ":$arg{port}" : '') },
                 $class;
}


sub write {
    my ($self, $bytes) = @_;
    my ($n, $offset);

    local $SIG{PIPE} = 'IGNORE';

    $self->{socket}->blocking(1);
    $offset = 0;

    while ($offset < length $bytes) {
        $n = syswrite $self->{socket}, $bytes, 65536, $offset;
        return 0 if !defined $n;
        $offset += $n;
    }

    return 1;
}


# Header values may be lists; undef leaves a default header out.

sub request {
    my ($self, $method, $uri, $headers, $body) = @_;

    $self->write(format_request($self, $method, $uri, $headers, $body));
    $self->{method} = $method;
    delete $self->{$_} for qw/head left ended sse/;

    return $self;
}


sub format_request {
    my ($self, $method, $uri, $headers, $body) = @_;
    my (%header, $text, $name, %given);

    %header = ref $headers eq 'HASH' ? %$headers : @{ $headers || [] };
    %given = map { lc($_) => 1 } keys %header;

    $header{Host} = $self->{host} if !$given{host};
    $header{'Content-Length'} = length $body
        if defined $body && !$given{'content-length'}
           && !$given{'transfer-encoding'};

    $text = "$method $uri HTTP/1.1\r\n";

    for $name (sort keys %header) {
        next if !defined $header{$name};
        $text .= "$name: $_\r\n"
            for ref $header{$name} ? @{ $header{$name} } : $header{$name};
    }

    return "$text\r\n" . ($body // '');
}


# More bytes into the buffer; 0 at end of file, dies at the deadline.

sub fill {
    my ($self, $deadline) = @_;
    my ($wait, $n);

    return 0 if $self->{eof};

    $wait = $deadline - time();
    $wait = 0 if $wait < 0;

    if (!IO::Select->new($self->{socket})->can_read($wait)) {
        die "timeout reading a response; so far: "
            . substr($self->{in}, 0, 200) . "\n";
    }

    $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};

    if (!$n) {
        $self->{reset} = 1 if !defined $n;
        $self->{eof} = 1;
        return 0;
    }

    return $n;
}


sub deadline {
    my ($self, $seconds) = @_;

    return time() + patience($seconds // $self->{timeout});
}


# The status line and headers; undef if the connection closed instead.

sub head {
    my ($self, $seconds) = @_;
    my ($deadline, $head, @lines, $r, $name, $value, $length);

    $deadline = $self->deadline($seconds);

    while ($self->{in} !~ /\r\n\r\n/) {
        return undef if !$self->fill($deadline);
    }

    $self->{in} =~ s/\A(.*?)\r\n\r\n//s;
    $head = $1;
    @lines = split /\r\n/, $head;

    $r = bless { raw_head => $head, headers => {}, body => '' },
               'Sentinel::HTTP::Response';

    (shift @lines) =~ m{^HTTP/1\.\d (\d+)} or die "bad status line: $head";
    $r->{status} = $1;

    for (@lines) {
        ($name, $value) = split /:\s*/, $_, 2;
        push @{ $r->{headers}{lc $name} }, $value;
    }

    if ($r->{status} == 100) {
        return $self->head($seconds);
    }

    $length = $r->header('Content-Length');

    $self->{head} = $r;
    $self->{left} = ($self->{method} // '') eq 'HEAD'
                    || $r->{status} =~ /^(?:204|304)$/ ? 0
                  : ($r->header('Transfer-Encoding') // '') =~ /chunked/i
                    ? 'chunked'
                  : defined $length ? $length
                  : 'close';
    $self->{ended} = $self->{left} eq '0';
    $self->{sse} = Sentinel::SSE->new;

    return $r;
}


# The next bytes of the body, as they come; undef after the last.  Then
# truncated() says whether the end was a proper one.

sub chunk {
    my ($self, $seconds) = @_;
    my ($deadline, $data, $size);

    return undef if $self->{ended};

    $deadline = $self->deadline($seconds);

    if ($self->{left} eq 'chunked') {
        while ($self->{in} !~ /\A[0-9a-f]+[^\r\n]*\r\n/i) {
            return $self->cut if !$self->fill($deadline);
        }

        $self->{in} =~ /\A([0-9a-f]+)[^\r\n]*\r\n/i;
        $size = hex $1;

        while (length $self->{in} < $+[0] + $size + 2) {
            return $self->cut if !$self->fill($deadline);
            $self->{in} =~ /\A([0-9a-f]+)[^\r\n]*\r\n/i;
        }

        substr $self->{in}, 0, $+[0], '';
        $data = substr $self->{in}, 0, $size, '';
        substr $self->{in}, 0, 2, '';

        if ($size == 0) {
            $self->{ended} = 1;
            return undef;
        }

        return $data;
    }

    if (!length $self->{in} && !$self->fill($deadline)) {
        return $self->cut if $self->{left} ne 'close' || $self->{reset};
        $self->{ended} = 1;
        return undef;
    }

    if ($self->{left} eq 'close') {
        $data = $self->{in};
        $self->{in} = '';
        return $data;
    }

    $data = substr $self->{in}, 0, $self->{left}, '';
    $self->{left} -= length $data;
    $self->{ended} = 1 if $self->{left} == 0;

    return $data;
}


sub cut {
    my ($self) = @_;

    $self->{ended} = 1;
    $self->{truncated} = 1;

    return undef;
}


sub truncated { return $_[0]{truncated} || 0 }


sub body {
    my ($self, $seconds) = @_;
    my ($body, $data);

    $body = '';
    $body .= $data while defined($data = $self->chunk($seconds));
    $self->{head}{body} .= $body;
    $self->{head}{truncated} = $self->truncated;

    return $body;
}


sub response {
    my ($self, $seconds) = @_;
    my $r;

    $r = $self->head($seconds) // return undef;
    $self->body($seconds);

    return $r;
}


# The next event: { event, data, id, retry }, or { comment }.

sub event {
    my ($self, $seconds) = @_;
    my ($event, $data);

    while (1) {
        $event = $self->{sse}->next;
        return $event if $event;

        $data = $self->chunk($seconds);
        return undef if !defined $data;

        $self->{head}{body} .= $data;
        $self->{sse}->feed($data);
    }
}


sub message {
    my ($self, $seconds) = @_;
    my $event;

    while ($event = $self->event($seconds)) {
        next if !defined $event->{data} || $event->{data} eq '';
        return $json->decode($event->{data});
    }

    return undef;
}


# True if nothing at all comes, not even the end, in that many seconds.

sub quiet {
    my ($self, $seconds) = @_;

    return 0 if length $self->{in};

    return !IO::Select->new($self->{socket})->can_read($seconds);
}


# True if the server has closed the connection, or does so in time.

sub eof {
    my ($self, $seconds) = @_;
    my $deadline;

    $deadline = $self->deadline($seconds);

    1 while $self->fill($deadline);

    return $self->{eof};
}


sub half_close { shutdown $_[0]{socket}, 1 }

sub close { CORE::close $_[0]{socket} }


# Ends the connection with a reset.

sub abort {
    my ($self) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
    CORE::close $self->{socket};
}


package Sentinel::HTTP::Response;

use strict;
use warnings;

sub status { return $_[0]{status} }

sub body { return $_[0]{body} }

sub truncated { return $_[0]{truncated} }


sub header {
    my ($self, $name) = @_;
    my $values;

    $values = $self->{headers}{lc $name} // return undef;

    return wantarray ? @$values : $values->[0];
}


sub is_sse {
    my ($self) = @_;

    return ($self->header('Content-Type') // '') =~ m{^text/event-stream}i;
}


# All messages of the body: one of JSON, or those of the event stream.

sub messages {
    my ($self) = @_;
    my ($sse, $event, @messages);

    return $self->{body} eq '' ? () : $json->decode($self->{body})
        if !$self->is_sse;

    $sse = Sentinel::SSE->new;
    $sse->feed($self->{body});

    while ($event = $sse->next) {
        push @messages, $json->decode($event->{data})
            if defined $event->{data} && $event->{data} ne '';
    }

    return @messages;
}


# The answer: the JSON body, or the stream's message with an outcome.

sub json {
    my ($self) = @_;
    my (@messages, @answers);

    @messages = $self->messages;
    @answers = grep { ref $_ eq 'HASH'
                      && (exists $_->{result} || exists $_->{error}) }
               @messages;

    return $answers[-1] // $messages[-1];
}

sub result { return ($_[0]->json // {})->{result} }

sub error { return ($_[0]->json // {})->{error} }

sub code { return ($_[0]->error // {})->{code} }


# The text of a tool's answer.

sub text {
    my ($self) = @_;
    my $content;

    $content = ($self->result // {})->{content} // return undef;

    return join '', map { $_->{text} // '' } @$content;
}


sub tools {
    my ($self) = @_;

    return map { $_->{name} } @{ ($self->result // {})->{tools} // [] };
}

1;
