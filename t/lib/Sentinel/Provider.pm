package Sentinel::Provider;

# An identity provider: documents that change, and who asked for them.
#
#   my $idp = Sentinel::Provider->new;
#   $idp->put('/jwks', jwks($key));             200, from now on
#   $idp->put('/jwks', 'text', status => 500);
#   $idp->put('/jwks', '', act => 'hang');      or close, trickle, endless
#   $idp->url('/jwks')
#   $idp->asked('/jwks')                        how often
#   $idp->stop  $idp->start

use strict;
use warnings;

use File::Temp qw/tempdir/;
use JSON::PP;

use Sentinel::Backend;
use Sentinel::Process;

my $json = JSON::PP->new->latin1;


sub new {
    my ($class) = @_;
    my ($self, $dir);

    $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    $self = bless { dir => $dir }, $class;

    $self->{backend} = Sentinel::Backend->raw(sub {
        my ($c, $request) = @_;
        answer($c, "$dir/" . name($request->{uri}));
    });

    return $self;
}


sub name { return $_[0] =~ s/\W/_/gr }

sub url { return "http://127.0.0.1:$_[0]{backend}{port}$_[1]" }

sub authority { return "127.0.0.1:$_[0]{backend}{port}" }

sub requests { return $_[0]{backend}->requests }

sub stop { $_[0]{backend}->stop; return $_[0] }

sub start { $_[0]{backend}->start; return $_[0] }


sub asked {
    my ($self, $path) = @_;

    return scalar grep { $_->{uri} eq $path } $self->requests;
}


sub put {
    my ($self, $path, $text, %how) = @_;
    my ($name, $file);

    $name = "$self->{dir}/" . name($path);
    open $file, '>', "$name.new" or die "$name: $!";
    binmode $file;
    print $file $json->encode({ status => 200, %how, text => $text });
    CORE::close $file;
    rename "$name.new", $name;

    return $self;
}


sub answer {
    my ($c, $name) = @_;
    my ($how);

    return $c->respond(404) if !-e $name;

    $how = $json->decode(Sentinel::Process::slurp($name));

    if (!$how->{act}) {
        return $c->respond($how->{status},
            { 'Content-Type' => 'application/jwk-set+json',
              %{ $how->{headers} || {} } }, $how->{text});
    }

    return $c->close if $how->{act} eq 'close';

    if ($how->{act} eq 'endless') {
        $c->write("HTTP/1.1 200 OK\r\n\r\n{\"keys\":[");
        1 while $c->write(' ' x 65536);
        return $c->close;
    }

    if ($how->{act} eq 'cut') {
        $c->write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
                  . $how->{text});
        return $c->close;
    }

    # hang
    $c->gone(60);
    return $c->close;
}


1;
