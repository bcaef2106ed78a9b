package Sentinel::Pairs;

# A gateway with a backend of each era behind it, and clients of each era: all
# four pairs.  What the backends answer is dictated by the test, in bytes.
#
#   my $p = Sentinel::Pairs->new(%for_Sentinel_Test);
#   $p->answer($text)           the next answers: %ID% and %TOKEN% in it are
#                               what the request has; or ($text, $content_type)
#   $p->ask($client, $raw, %headers)        a client's message, in bytes, with
#                               the headers that it needs; the response
#   $p->call($client, $backend, $params)    tools/call of "scripted"; params
#                               is JSON text of further members
#   $p->backend($era)  $p->t
#
# Clients are "modern", "legacy" or a legacy version.  The tools of the modern
# backend have the prefix "m_", those of the legacy one "l_"; both have a tool
# "scripted", a prompt "greet" and a resource "test://legacy/one" or
# "test://modern/one", all of which answer as dictated, and a tool "echo".

use strict;
use warnings;

use File::Temp qw/tempdir/;
use JSON::PP;

use Sentinel::Backend;
use Sentinel::Process;
use Sentinel::Test;

use constant META => 'io.modelcontextprotocol/';

our %prefix = (legacy => 'l_', modern => 'm_');

# What a modern client's _meta has to hold, as JSON text.

our $meta = '"' . META . 'protocolVersion":"2026-07-28","'
          . META . 'clientCapabilities":{}';


sub new {
    my ($class, %arg) = @_;
    my $self;

    $self = bless { dir => tempdir('sentinel-XXXXXX', TMPDIR => 1,
                                   CLEANUP => 1), sessions => {} }, $class;

    for my $era (qw/legacy modern/) {
        my $scripted = sub { $self->scripted(@_) };

        $self->{backend}{$era} = Sentinel::Backend->$era(
            name => $era, tools => [qw/echo scripted/],
            prompts => [{ name => 'greet' }],
            resources => [{ name => 'r', uri => "test://$era/one" }],
            capabilities => { completions => {} },
            call => { scripted => $scripted },
            on => { map { $_ => $scripted }
                    qw{prompts/get resources/read completion/complete} });
    }

    $self->{t} = Sentinel::Test->new(
        %arg, backends => [l => $self->{backend}{legacy},
                           m => $self->{backend}{modern},
                           @{ $arg{backends} || [] }],
        pass => 'l m',
    )->run->wait_catalog(map { ("l_$_", "m_$_") } qw/echo scripted/);

    return $self;
}


sub t { return $_[0]{t} }

sub backend { return $_[0]{backend}{ $_[1] } }


sub answer {
    my ($self, $text, $type) = @_;
    my $file;

    open $file, '>', "$self->{dir}/new" or die "answer: $!";
    binmode $file;
    print $file $type // 'application/json', "\n", $text;
    close $file;
    rename "$self->{dir}/new", "$self->{dir}/answer";
}


# In the backend's process.

sub scripted {
    my ($self, $c, undef, $request) = @_;
    my ($type, $body, $token, $id);

    ($type, $body) = split /\n/,
        Sentinel::Process::slurp("$self->{dir}/answer"), 2;

    ($id) = $request->{body} =~ /"id"\s*:\s*(\d+)/;
    ($token) = $request->{body}
               =~ /"progressToken"\s*:\s*("[^"]*"|[^,}\s]*)/;
    $body =~ s/%ID%/$id/g;
    $body =~ s/%TOKEN%/$token/g if defined $token;

    # all that no client should see of a backend
    $c->respond(200, { 'Content-Type' => $type,
        'Set-Cookie' => 'a=b', 'Mcp-Session-Id' => 'the-backends-own',
        'X-Accel-Redirect' => '/secret', 'X-Accel-Buffering' => 'yes',
        'X-Powered-By' => 'x', 'WWW-Authenticate' => 'Bearer x',
        'Access-Control-Allow-Origin' => '*', Location => 'http://x/',
        Server => 'theirs', 'X-Request-Id' => 'theirs' }, $body);

    return undef;
}


sub session {
    my ($self, $client) = @_;

    return $self->{sessions}{$client} //= $self->{t}->legacy(
        $client eq 'legacy' ? () : (version => $client));
}


sub ask {
    my ($self, $client, $raw, %headers) = @_;
    my $message;

    return $self->session($client)->request(undef, undef, raw => $raw,
                                            headers => \%headers)
        if $client ne 'modern';

    $message = JSON::PP->new->utf8->decode($raw);

    return $self->{t}->modern($message->{method}, $message->{params},
                              raw => $raw, headers => \%headers);
}


# One that a client of its kind would send, as far as the test cares.

sub message {
    my ($self, $client, $method, $params) = @_;
    my $extra;

    $extra = $client eq 'modern' ? "\"_meta\":{$meta}" : '"_meta":{}';

    if ($params =~ /"_meta":\{/) {
        $params =~ s/"_meta":\{(?=")/"_meta":{$meta,/ if $client eq 'modern';

    } else {
        $params =~ s/\{(?=")/{$extra,/ or $params = "{$extra}";
    }

    return qq({"jsonrpc":"2.0","id":"me","method":"$method",)
         . qq("params":$params});
}


sub call {
    my ($self, $client, $backend, $more) = @_;

    return $self->ask($client, $self->message($client, 'tools/call',
        qq({"name":"$prefix{$backend}scripted") . ($more // '') . '}'));
}

1;
