package Sentinel::MCP;

# An MCP client of either era, for tests.
#
#   my $mcp = Sentinel::MCP->new(port => $port, path => '/mcp');
#   my $mcp = Sentinel::MCP->new(unix => $socket, path => '/mcp');
#
#   $mcp->modern('tools/list')                 a modern request's response
#   $mcp->modern('tools/call', { name => 'echo', arguments => {} }, %opt)
#   $mcp->call('echo', { message => 'hi' }, %opt)     the same, shorter
#   my $s = $mcp->legacy(%opt);                initialize + initialized
#   $s->request('tools/list')  $s->call('echo', {...})
#   $s->notify('notifications/cancelled', {...})
#   $s->id  $s->initialized (its response)  $s->end (DELETE)
#
# Options of a request:
#
#   id        default: a running number; may be a string, or JSON::PP null
#   headers   added or, with undef, left out
#   meta      members of _meta, added or, with undef, left out
#   version   protocol version
#   caps      client capabilities
#   raw       the body as text, in place of the message
#   path      another path
#   stream    1: a Sentinel::HTTP whose head has been read is returned
#   send      1: ... of which nothing has been read yet
#   on        a Sentinel::HTTP, kept open, to send the request on
#   timeout   seconds for each read

use strict;
use warnings;

use JSON::PP;
use MIME::Base64 qw/encode_base64/;

use Sentinel::HTTP;

use constant MODERN => '2026-07-28';
use constant LEGACY => '2025-11-25';
use constant META   => 'io.modelcontextprotocol/';

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $next_id = 1;


sub new {
    my ($class, %arg) = @_;

    return bless { path => '/mcp', headers => {}, %arg }, $class;
}


sub connection {
    my ($self, %opt) = @_;

    return $opt{on} if $opt{on};

    return Sentinel::HTTP->new(port => $self->{port}, unix => $self->{unix},
                               timeout => $opt{timeout},
                               rcvbuf => $opt{rcvbuf});
}


# Any HTTP request: method, path, headers, body (text or to be JSON).

sub http {
    my ($self, $method, $path, $headers, $body, %opt) = @_;
    my $c;

    $body = $json->encode($body) if ref $body;
    $c = $self->connection(%opt);
    $c->request($method, $path,
                { $opt{on} || $opt{stream} || $opt{send}
                      ? () : (Connection => 'close'),
                  %{ $self->{headers} }, %{ $headers || {} } }, $body);

    return $c if $opt{send};

    if ($opt{stream}) {
        $c->head($opt{timeout});
        return $c;
    }

    return $c->response($opt{timeout});
}


# A POST with the headers that every MCP request has.

sub post {
    my ($self, $body, $headers, %opt) = @_;

    return $self->http('POST', $opt{path} // $self->{path},
        { 'Content-Type' => 'application/json',
          'Accept' => 'application/json, text/event-stream',
          %{ $headers || {} } }, $body, %opt);
}


sub message {
    my ($method, $params, %opt) = @_;

    return { jsonrpc => '2.0', method => $method,
             id => exists $opt{id} ? $opt{id} : $next_id++,
             defined $params ? (params => $params) : () };
}


# Text as it stands in a header: as is, or in the base64 form.

sub header_value {
    my ($text) = @_;

    return $text if $text =~ /\A[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\z/
                    && $text !~ /\A=\?base64\?/;

    utf8::encode($text);

    return '=?base64?' . encode_base64($text, '') . '?=';
}


sub modern {
    my ($self, $method, $params, %opt) = @_;
    my (%meta, %headers, $message, $name);

    %meta = (
        META . 'protocolVersion' => $opt{version} // MODERN,
        META . 'clientCapabilities' => $opt{caps} // {},
        META . 'clientInfo' => { name => 'test', version => '1' },
        %{ $opt{meta} || {} },
    );
    delete $meta{$_} for grep { !defined $meta{$_} } keys %meta;

    $params = { %{ $params || {} } };
    $params->{_meta} //= \%meta;
    $message = message($method, $params, %opt);

    $name = $method eq 'resources/read' ? $params->{uri}
          : $method =~ m{^(?:tools/call|prompts/get)$} ? $params->{name}
          : $method =~ m{^tasks/} ? $params->{taskId} : undef;

    %headers = (
        'MCP-Protocol-Version' => $opt{version} // MODERN,
        'Mcp-Method' => header_value($method),
        defined $name && !ref $name ? ('Mcp-Name' => header_value($name))
                                    : (),
        %{ $opt{headers} || {} },
    );

    return $self->post($opt{raw} // $message, \%headers, %opt);
}


sub call {
    my ($self, $tool, $arguments, %opt) = @_;

    return $self->modern('tools/call',
        { name => $tool,
          defined $arguments ? (arguments => $arguments) : () }, %opt);
}


# Opens a legacy session.

sub legacy {
    my ($self, %opt) = @_;
    my ($session, $r, $id);

    $r = $self->post($opt{raw} // message('initialize', {
        protocolVersion => $opt{version} // LEGACY,
        capabilities => $opt{caps} // {},
        clientInfo => { name => 'test', version => '1' },
    }, %opt), $opt{headers}, %opt);

    $id = $r ? $r->header('Mcp-Session-Id') : undef;
    $session = bless { mcp => $self, initialized => $r, id => $id,
                       headers => $opt{headers} || {},
                       version => ($r ? ($r->result // {})
                                        ->{protocolVersion} : undef)
                                  // $opt{version} // LEGACY },
                     'Sentinel::MCP::Session';

    $session->notify('notifications/initialized')
        if $r && $r->status == 200 && !$opt{bare};

    return $session;
}


package Sentinel::MCP::Session;

use strict;
use warnings;

sub id { return $_[0]{id} }

sub initialized { return $_[0]{initialized} }

sub version { return $_[0]{version} }


sub headers {
    my ($self, $more) = @_;

    return { $self->{version} ge '2025-06-18'
                 ? ('MCP-Protocol-Version' => $self->{version}) : (),
             defined $self->{id} ? ('Mcp-Session-Id' => $self->{id}) : (),
             %{ $self->{headers} }, %{ $more || {} } };
}


sub request {
    my ($self, $method, $params, %opt) = @_;
    my %meta;

    if ($opt{meta}) {
        $params = { %{ $params || {} }, _meta => $opt{meta} };
    }

    return $self->{mcp}->post(
        $opt{raw} // Sentinel::MCP::message($method, $params, %opt),
        $self->headers($opt{headers}), %opt);
}


sub call {
    my ($self, $tool, $arguments, %opt) = @_;

    return $self->request('tools/call',
        { name => $tool,
          defined $arguments ? (arguments => $arguments) : () }, %opt);
}


sub notify {
    my ($self, $method, $params, %opt) = @_;

    return $self->{mcp}->post(
        { jsonrpc => '2.0', method => $method,
          defined $params ? (params => $params) : () },
        $self->headers($opt{headers}), %opt);
}


sub get {
    my ($self, %opt) = @_;

    return $self->{mcp}->http('GET', $self->{mcp}{path},
        $self->headers({ Accept => 'text/event-stream',
                         %{ $opt{headers} || {} } }), undef, %opt);
}


sub end {
    my ($self, %opt) = @_;

    return $self->{mcp}->http('DELETE', $self->{mcp}{path},
        $self->headers($opt{headers}), undef, %opt);
}

1;
