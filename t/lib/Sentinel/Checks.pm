package Sentinel::Checks;

# What the tests of the protocol's side check again and again.
#
#   refused $r, $status, $code, $name, id => '"x"';
#       a well-formed JSON-RPC error with that HTTP status and code and, if
#       given, that id (JSON text, byte for byte); returns the error
#   id_of $r                     the bytes of the answer's id, as JSON text
#   sent $backend, sub { ... };  the clients' requests that came to the
#                                backend while the code ran
#   untouched $backend, $name, sub { ... };      there was none
#   shown $value                 as JSON in ASCII, for names of tests
#   lines $request, 'Mcp-Name'   all values of a header of such a request

use strict;
use warnings;

use Exporter qw/import/;
use JSON::PP;
use Test::More;

our @EXPORT = qw/refused id_of untouched sent lines shown/;

my $bytes = JSON::PP->new->utf8;
my $ascii = JSON::PP->new->ascii->canonical->allow_nonref;


sub shown { return $ascii->encode($_[0]) }


sub id_of {
    my ($r) = @_;

    return $r->body =~ /"id":("(?:[^"\\]|\\.)*"|[^,}]*)/ ? $1 : undef;
}


sub refused {
    my ($r, $status, $code, $name, %opt) = @_;
    my (%got, %want, $json, $error);

    if (!$r) {
        fail "$name: no answer";
        return {};
    }

    $json = eval { $r->json };
    $json = {} if ref $json ne 'HASH';
    $error = ref $json->{error} eq 'HASH' ? $json->{error} : {};

    %got = (status => $r->status, code => $error->{code},
            type => $r->header('Content-Type'),
            message => length($error->{message} // '') ? 'some' : 'none',
            members => join(' ', sort keys %$json),
            jsonrpc => $json->{jsonrpc});
    %want = (status => $status, code => $code, type => 'application/json',
             message => 'some', members => 'error id jsonrpc',
             jsonrpc => '2.0');

    if (exists $opt{id}) {
        $got{id} = id_of($r);
        $want{id} = $opt{id};
    }

    is_deeply \%got, \%want, $name
        or diag 'the answer: ' . substr $r->body, 0, 300;

    return $error;
}


# What the gateway asks on its own account.

my $own = qr{\A(?:server/discover|initialize|notifications/(?:initialized
                  |cancelled)|.*/list|subscriptions/listen)\z}x;

# Read from where the record ended before: it may be long.

sub sent {
    my ($backend, $code) = @_;
    my ($path, $from, $file, @sent);

    $path = "$backend->{dir}/requests";
    $from = -s $path || 0;
    $code->();

    open $file, '<', $path or return;
    seek $file, $from, 0;

    for (<$file>) {
        my $request = $bytes->decode($_);
        $request->{json} = Sentinel::Backend::decode($request->{body} // '');

        push @sent, $request
            if defined $request->{headers}{'x-request-id'}
               || ref $request->{json} ne 'HASH'
               || ($request->{json}{method} // '') !~ $own;
    }

    return @sent;
}


sub untouched {
    my ($backend, $name, $code) = @_;

    is_deeply [ map { $_->{body} } sent($backend, $code) ], [], $name;
}


sub lines {
    my ($request, $name) = @_;

    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
           @{ $request->{raw_headers} };
}

1;
