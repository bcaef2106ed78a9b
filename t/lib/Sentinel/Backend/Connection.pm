package Sentinel::Backend::Connection;

# One connection to a Sentinel::Backend, in the hands of a handler.
#
#   $c->reply($result)                 as the backend answers: JSON or SSE
#   $c->error($code, $message, $data, status => 400)
#   $c->json($value, status => 200, headers => {})
#   $c->respond($status, $headers, $body)
#   $c->sse($headers)  $c->event($message, id => 1)  $c->comment($text)
#   $c->bytes($bytes)                  raw bytes into the stream
#   $c->end                            its proper end
#   $c->write($bytes)                  raw bytes, headers and all
#   $c->dribble($bytes, $size, $pause) the same in pieces
#   $c->close  $c->reset               now
#   $c->pause($seconds)
#   $c->gone($seconds)                 true when the other side has closed
#   $c->note($text)                    for the test's $b->notes
#   $c->id                             that of the request being answered

use strict;
use warnings;

use IO::Select;
use JSON::PP;
use Socket qw/IPPROTO_TCP TCP_NODELAY SOL_SOCKET SO_LINGER MSG_PEEK
              MSG_DONTWAIT/;
use Time::HiRes qw/time/;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;


sub new {
    my ($class, $backend, $socket, $number) = @_;

    binmode $socket;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1
        if $socket->isa('IO::Socket::INET');
    $SIG{PIPE} = 'IGNORE';

    return bless { backend => $backend, socket => $socket,
                   number => $number, in => '', headers => {} }, $class;
}


sub fill {
    my ($self) = @_;

    return sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
}


sub read_request {
    my ($self) = @_;
    my ($head, @lines, %request, $name, $value, $body, $size);

    while ($self->{in} !~ /\r\n\r\n/) {
        $self->fill or return undef;
    }

    $self->{in} =~ s/\A(.*?)\r\n\r\n//s;
    $head = $1;
    @lines = split /\r\n/, $head;
    @request{qw/method uri/} = split / /, shift @lines;

    for (@lines) {
        ($name, $value) = split /:\s*/, $_, 2;
        push @{ $request{raw_headers} }, [ $name, $value ];
        $request{headers}{lc $name} //= $value;
    }

    $body = '';

    if (($request{headers}{'transfer-encoding'} // '') =~ /chunked/i) {
        while (1) {
            while ($self->{in} !~ /\A[0-9a-f]+\r\n/i) {
                $self->fill or return undef;
            }
            $self->{in} =~ s/\A([0-9a-f]+)\r\n//i;
            $size = hex $1;
            while (length $self->{in} < $size + 2) {
                $self->fill or return undef;
            }
            $body .= substr $self->{in}, 0, $size, '';
            substr $self->{in}, 0, 2, '';
            last if $size == 0;
        }

    } elsif ($size = $request{headers}{'content-length'}) {
        while (length $self->{in} < $size) {
            $self->fill or return undef;
        }
        $body = substr $self->{in}, 0, $size, '';
    }

    $request{body} = $body;
    $request{connection} = $self->{number};
    $request{time} = time();
    delete $self->{$_} for qw/streaming/;
    $self->{headers} = {};

    return \%request;
}


sub write {
    my ($self, $bytes) = @_;
    my ($n, $offset);

    utf8::encode($bytes) if utf8::is_utf8($bytes);
    $offset = 0;

    while ($offset < length $bytes) {
        $n = syswrite $self->{socket}, $bytes, 65536, $offset;

        if (!defined $n) {
            $self->{closed} = 1;
            return 0;
        }

        $offset += $n;
    }

    return 1;
}


sub dribble {
    my ($self, $bytes, $size, $pause) = @_;

    for (my $i = 0; $i < length $bytes; $i += $size) {
        $self->write(substr $bytes, $i, $size) or return 0;
        $self->pause($pause // 0.001);
    }

    return 1;
}


sub head {
    my ($self, $status, $headers) = @_;
    my (%all, $text, $name);

    %all = (%{ $self->{headers} }, %{ $headers || {} });
    $text = "HTTP/1.1 $status Whatever\r\n";

    for $name (sort keys %all) {
        next if !defined $all{$name};
        $text .= "$name: $_\r\n"
            for ref $all{$name} ? @{ $all{$name} } : $all{$name};
    }

    return "$text\r\n";
}


sub respond {
    my ($self, $status, $headers, $body) = @_;

    $body //= '';
    utf8::encode($body) if utf8::is_utf8($body);

    $self->write($self->head($status, { 'Content-Length' => length $body,
                                        %{ $headers || {} } }) . $body);

    return undef;
}


sub json {
    my ($self, $value, %opt) = @_;

    return $self->respond($opt{status} // 200,
        { 'Content-Type' => 'application/json', %{ $opt{headers} || {} } },
        ref $value ? $json->encode($value) : $value);
}


sub id {
    my ($self) = @_;
    my $message;

    $message = $self->{request}{json};

    return ref $message eq 'HASH' ? $message->{id} : undef;
}


sub reply {
    my ($self, $result, %opt) = @_;

    return $self->message({ jsonrpc => '2.0', id => $self->id,
                            result => $result }, %opt);
}


sub error {
    my ($self, $code, $message, $data, %opt) = @_;

    return $self->message({ jsonrpc => '2.0', id => $self->id,
        error => { code => $code, message => $message,
                   defined $data ? (data => $data) : () } }, %opt);
}


# The last message of an answer, in the form that the answer has.

sub message {
    my ($self, $message, %opt) = @_;

    if (!$self->{streaming}
        && ($self->{backend}{answer} eq 'json' || $opt{status}))
    {
        return $self->json($message, %opt);
    }

    $self->sse if !$self->{streaming};
    $self->event($message);
    $self->end;

    return undef;
}


sub sse {
    my ($self, $headers) = @_;

    $self->write($self->head(200, {
        'Content-Type' => 'text/event-stream', 'Cache-Control' => 'no-cache',
        'Transfer-Encoding' => 'chunked', %{ $headers || {} } }));
    $self->{streaming} = 1;

    return $self;
}


sub event_text {
    my ($self, $message, %opt) = @_;
    my $text;

    $text = '';
    $text .= "id: $opt{id}\n" if defined $opt{id};
    $text .= "retry: $opt{retry}\n" if defined $opt{retry};
    $text .= 'event: ' . ($opt{event} // 'message') . "\n";
    $text .= 'data: ' . (ref $message ? $json->encode($message)
                                      : $message // '') . "\n\n";

    return $text;
}


sub event {
    my ($self, $message, %opt) = @_;

    return $self->bytes($self->event_text($message, %opt));
}


# A notification into the stream, which is opened if it is not yet.

sub notify {
    my ($self, $method, $params) = @_;

    $self->sse if !$self->{streaming};

    return $self->event({ jsonrpc => '2.0', method => $method,
                          $params ? (params => $params) : () });
}


sub comment { return $_[0]->bytes(": $_[1]\n\n") }


sub bytes {
    my ($self, $bytes) = @_;

    utf8::encode($bytes) if utf8::is_utf8($bytes);

    return $self->write(sprintf("%x\r\n", length $bytes) . "$bytes\r\n");
}


sub end {
    my ($self) = @_;

    $self->{streaming} = 0;

    return $self->write("0\r\n\r\n");
}


sub close {
    my ($self) = @_;

    $self->{closed} = 1;
    CORE::close $self->{socket};

    return undef;
}


sub reset {
    my ($self) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;

    return $self->close;
}


sub pause { select undef, undef, undef, $_[1]; return $_[0] }


sub gone {
    my ($self, $seconds) = @_;
    my ($n, $peek);

    IO::Select->new($self->{socket})->can_read($seconds) or return 0;
    $n = recv $self->{socket}, $peek, 1, MSG_PEEK | MSG_DONTWAIT;

    return !defined $n || $peek eq '';
}


sub note {
    my ($self, $text) = @_;

    $self->{backend}->append('notes', { note => $text });

    return undef;
}

1;
