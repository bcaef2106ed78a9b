package Sentinel::H2;

# One HTTP/2 connection without TLS, just enough of it for tests.
#
#   my $h2 = Sentinel::H2->new(port => $port);
#   my $id = $h2->request([':method' => 'POST', ...], $body);
#   my $id = $h2->open([...]);  $h2->data($id, $bytes, $last);
#   my $r = $h2->response($id);     { status, body, reset, ended }; waits for
#                                   the end of the stream
#   $h2->wait(sub { ... })          reads on until that is true
#   $h2->reset($id)                 RST_STREAM, CANCEL
#   new(window => $bytes)           streams stop after so many, until
#   $h2->widen($id, $bytes)         lets more of them come
#   $h2->close

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw/time/;

use Sentinel::Process qw/patience/;

use constant { DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4,
               PING => 6, GOAWAY => 7, WINDOW_UPDATE => 8,
               END_STREAM => 1, ACK => 1, END_HEADERS => 4 };

# :status in the static table (RFC 7541, Appendix A)

my %status = (0x88 => 200, 0x89 => 204, 0x8a => 206, 0x8b => 304,
              0x8c => 400, 0x8d => 404, 0x8e => 500);


sub new {
    my ($class, %arg) = @_;
    my $self;

    $self = bless { next => 1, in => '', stream => {},
                    socket => IO::Socket::INET->new(
                        PeerAddr => '127.0.0.1', PeerPort => $arg{port})
                        // die "cannot connect to $arg{port}: $!" }, $class;
    $self->{socket}->autoflush(1);

    # SETTINGS_INITIAL_WINDOW_SIZE: by default a window that never closes
    syswrite $self->{socket}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    $self->frame(SETTINGS, 0, 0, pack 'nN', 4,
                 $arg{window} // 0x7fffffff);
    $self->frame(WINDOW_UPDATE, 0, 0, pack 'N', 0x3fffffff);

    return $self;
}


sub frame {
    my ($self, $type, $flags, $id, $payload) = @_;

    local $SIG{PIPE} = 'IGNORE';

    return syswrite $self->{socket},
        substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $id) . $payload;
}


# A string as a literal without Huffman coding.

sub literal {
    my ($text) = @_;
    my ($length, $out);

    $length = length $text;
    return chr($length) . $text if $length < 127;

    $out = chr 127;
    $length -= 127;
    ($out .= chr(128 | $length & 127), $length >>= 7) while $length >= 128;

    return $out . chr($length) . $text;
}


sub open {
    my ($self, $headers, $last) = @_;
    my ($id, @list, $block);

    $id = $self->{next};
    $self->{next} += 2;
    $self->{stream}{$id} = { body => '' };

    @list = @$headers;
    $block = '';

    while (my ($name, $value) = splice @list, 0, 2) {
        $block .= "\0" . literal($name) . literal($value);
    }

    $self->frame(HEADERS, END_HEADERS | ($last ? END_STREAM : 0), $id, $block);

    return $id;
}


sub data {
    my ($self, $id, $bytes, $last) = @_;

    return $self->frame(DATA, $last ? END_STREAM : 0, $id, $bytes);
}


sub request {
    my ($self, $headers, $body) = @_;
    my $id;

    $id = $self->open($headers, !defined $body);
    $self->data($id, $body, 1) if defined $body;

    return $id;
}


sub reset {
    my ($self, $id) = @_;

    return $self->frame(RST_STREAM, 0, $id, pack 'N', 8);
}


sub widen {
    my ($self, $id, $bytes) = @_;

    return $self->frame(WINDOW_UPDATE, 0, $id, pack 'N', $bytes);
}


sub close { CORE::close $_[0]{socket} }


# Reads frames until the condition holds; false at the deadline or the end.

sub wait {
    my ($self, $condition, $seconds) = @_;
    my ($deadline, $n);

    $deadline = time() + patience($seconds // 10);

    while (!$condition->()) {
        $self->frames and next;
        return 0 if $self->{eof};

        IO::Select->new($self->{socket})->can_read($deadline - time())
            or return 0;
        $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
        $self->{eof} = 1 if !$n;
    }

    return 1;
}


sub frames {
    my ($self) = @_;
    my ($length, $type, $flags, $id, $payload, $stream);

    return 0 if length $self->{in} < 9;
    ($length) = unpack 'N', "\0" . substr $self->{in}, 0, 3;
    return 0 if length $self->{in} < 9 + $length;

    ($type, $flags, $id) = unpack 'x3CCN', $self->{in};
    $payload = substr $self->{in}, 9, $length;
    substr $self->{in}, 0, 9 + $length, '';

    $stream = $self->{stream}{$id};

    if ($type == SETTINGS && !($flags & ACK)) {
        $self->frame(SETTINGS, ACK, 0, '');

    } elsif ($type == PING && !($flags & ACK)) {
        $self->frame(PING, ACK, 0, $payload);

    } elsif ($type == GOAWAY) {
        $self->{goaway} = 1;

    } elsif ($stream && $type == HEADERS) {
        # a change of the table's size may come first
        $payload =~ s/\A[\x20-\x3f]+//;
        $stream->{status} = $status{ ord $payload }
                            // ($payload =~ /\A[\x08\x48]\x03(\d{3})/
                                ? $1 : 'unknown');
        $stream->{ended} = 1 if $flags & END_STREAM;

    } elsif ($stream && $type == DATA) {
        $stream->{body} .= $payload;
        $stream->{ended} = 1 if $flags & END_STREAM;

    } elsif ($stream && $type == RST_STREAM) {
        $stream->{reset} = $stream->{ended} = 1;
    }

    return 1;
}


sub stream { return $_[0]{stream}{ $_[1] } }


sub response {
    my ($self, $id, $seconds) = @_;
    my $stream;

    $stream = $self->{stream}{$id};
    $self->wait(sub { $stream->{ended} || $self->{goaway} }, $seconds);

    return $stream;
}

1;
