package Sentinel::Tools;

# Tools that a Sentinel::Backend knows by name.
#
#   echo        { message }             the message
#   headers                             the request's headers, as JSON
#   fail                                a result with isError
#   broken                              a JSON-RPC error
#   slow        { seconds }             after that time
#   progress    { steps, pause }        a stream with progress
#   big         { bytes }               that much text
#   structured  { value }               structuredContent
#   hang                                no answer, until the caller goes

use strict;
use warnings;

use JSON::PP;
use MIME::Base64 qw/decode_base64/;

my $json = JSON::PP->new->canonical->allow_nonref;

my %arguments = (
    echo       => { message => { type => 'string' } },
    slow       => { seconds => { type => 'number' } },
    progress   => { steps => { type => 'integer' },
                    pause => { type => 'number' } },
    big        => { bytes => { type => 'integer' } },
    structured => { value => { type => 'integer' } },
);


sub definition {
    my ($name, %more) = @_;

    return { name => $name, description => "Does $name.",
             inputSchema => { type => 'object',
                              properties => $arguments{$name} // {} },
             $name eq 'structured'
                 ? (outputSchema => { type => 'object',
                        properties => { value => { type => 'integer' } } })
                 : (),
             %more };
}


sub text {
    my ($text) = @_;

    return { content => [{ type => 'text', text => $text }] };
}


my %code = (
    echo => sub { text($_[1]{message} // '') },

    headers => sub { text($json->encode($_[2]{headers})) },

    fail => sub { +{ %{ text('it went wrong') },
                     isError => JSON::PP::true } },

    broken => sub {
        $_[0]->error(-32099, 'the tool broke', { why => 'on purpose' });
    },

    slow => sub {
        $_[0]->pause($_[1]{seconds} // 1);
        text('at last');
    },

    progress => sub {
        my ($c, $arguments, $request) = @_;
        my ($token, $steps);

        $token = ($request->{json}{params}{_meta} || {})->{progressToken};
        $steps = $arguments->{steps} // 3;

        for my $step (1 .. $steps) {
            $c->notify('notifications/progress', {
                progressToken => $token, progress => $step,
                total => $steps, message => "step $step" })
                if defined $token;
            $c->pause($arguments->{pause} // 0.05);
        }

        text("$steps steps");
    },

    big => sub { text('0123456789abcdef' x ($_[1]{bytes} / 16)) },

    structured => sub {
        my $value = { value => $_[1]{value} // 42 };
        +{ %{ text($json->encode($value)) }, structuredContent => $value };
    },

    hang => sub {
        my ($c) = @_;

        $c->note('hanging');
        $c->gone(60) and $c->note('the caller has gone');
        $c->close;
    },
);

sub code { return $code{ $_[0] } }


# The text of a header that may be in the base64 form.

sub header_text {
    my ($value) = @_;

    return $value if $value !~ /\A=\?base64\?(.*)\?=\z/;

    $value = decode_base64($1);
    utf8::decode($value);

    return $value;
}

1;
