package Sentinel::SSE;

# Event streams, read as bytes come and by the letter of the HTML standard.

use strict;
use warnings;


sub new {
    my ($class) = @_;

    return bless { in => '', events => [], event => {}, first => 1 },
                 $class;
}


sub feed {
    my ($self, $bytes) = @_;

    $self->{in} .= $bytes;

    if ($self->{first} && length $self->{in} >= 3) {
        $self->{in} =~ s/\A\xef\xbb\xbf//;
        $self->{first} = 0;
    }

    # a CR at the very end may yet be a CRLF
    while ($self->{in} =~ s/\A([^\r\n]*)(?:\r\n|\n|\r(?=.))//s) {
        $self->line($1);
    }
}


sub line {
    my ($self, $line) = @_;
    my ($field, $value, $event);

    $event = $self->{event};

    if ($line eq '') {
        push @{ $self->{events} }, $event if %$event;
        $self->{event} = {};
        return;
    }

    if ($line =~ /\A:(.*)/s) {
        push @{ $self->{events} }, { comment => $1 };
        return;
    }

    ($field, $value) = split /: ?/, $line, 2;
    $value //= '';

    if ($field eq 'data') {
        $event->{data} = defined $event->{data}
                         ? "$event->{data}\n$value" : $value;

    } elsif ($field =~ /\A(?:event|id|retry)\z/) {
        $event->{$field} = $value;
    }
}


sub next {
    my ($self) = @_;

    return shift @{ $self->{events} };
}


# Bytes that are not yet a whole event.

sub rest {
    my ($self) = @_;

    return $self->{in} ne '' || %{ $self->{event} };
}

1;
