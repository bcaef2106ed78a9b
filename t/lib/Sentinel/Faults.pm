package Sentinel::Faults;

# Scripted answers of backends of both eras, given to clients of both.
#
#   my $f = Sentinel::Faults->new(
#       'closed early' => { do => sub { my ($c, $id) = @_; $c->close },
#                           code => 502 },
#       ...);
#   $f->run;
#
# A case is what the backend does with a tools/call, and what shall come of
# it: code and, where the code does not say it, outcome; or text, of a tool's
# result.  Further keys:
#
#   retry_after    milliseconds in the error's data
#   cut            1: the client's answer may break off, when some of it was
#                  on its way already; is sees no other answer then
#   sent           times that the backend gets the call; default 1
#   backend        name of another backend than l or m, without its era
#   beside         1: it takes a time, so it runs beside the others
#   timeout        1: the same, at a backend with a short read_timeout
#   is             code, which is given the response and returns what is wrong
#
# Each case is one assertion for each pair of eras.  In scripts: json_text,
# result, error, event, as text with the id in it.

use strict;
use warnings;

use Exporter qw/import/;
use JSON::PP;
use Test::More ();

use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Process;

our @EXPORT = qw/result error event answer_json answer_sse/;

my %outcome = (502 => 'unknown', 503 => 'unavailable', 504 => 'timeout');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;


# What a tool's result looks like on the wire; more is text in front.

sub result {
    my ($id, $text, $more) = @_;

    return '{"jsonrpc":"2.0","id":' . $id . ',"result":{' . ($more // '')
           . '"content":[{"type":"text","text":"' . ($text // 'fine')
           . '"}]}}';
}


sub error {
    my ($id, $code) = @_;

    return '{"jsonrpc":"2.0","id":' . $id . ',"error":{"code":' . $code
           . ',"message":"said so"}}';
}


sub event { return "event: message\ndata: $_[0]\n\n" }


# Whole answers; the body of a stream is one chunk a value.

sub answer_json {
    my ($c, $body, %opt) = @_;

    return $c->json($body, %opt);
}


sub answer_sse {
    my ($c, @chunks) = @_;

    $c->sse;
    $c->bytes($_) for @chunks;
    $c->end;

    return undef;
}


sub new {
    my ($class, @cases) = @_;
    my ($self, $case, %script, %backend, $era);

    $self = bless { cases => [] }, $class;

    while (@cases) {
        my ($name, $case) = splice @cases, 0, 2;
        $script{$name} = $case->{do};
        push @{ $self->{cases} }, { name => $name, %$case };
    }

    for $era (qw/legacy modern/) {
        $self->{$era} = Sentinel::Backend->$era(
            name => $era, tools => [qw/fault echo/],
            call => { fault => sub {
                my ($c, $arguments, $request) = @_;

                $script{$arguments->{case}}->(
                    $c, $json->encode($c->id), $request);

                return undef;
            } });
    }

    $self->{t} = Sentinel::Calls->new(
        backends => [
            l => $self->{legacy}, m => $self->{modern},
            hasty_l => { url => $self->{legacy},
                         conf => 'read_timeout 700ms;' },
            hasty_m => { url => $self->{modern},
                         conf => 'read_timeout 700ms;' },
        ]);

    return $self;
}


sub t { return $_[0]{t} }


sub run {
    my ($self) = @_;
    my ($t, %client, @workers, @calls, $call, $n);

    $t = $self->{t};
    $t->run->wait_catalog(map { "${_}_fault" } qw/l m hasty_l hasty_m/);
    @workers = $t->workers;
    %client = (legacy => $t->legacy, modern => $t);

    # those that take a time do so while the others run

    $_->{beside} ||= $_->{timeout} || 0 for @{ $self->{cases} };

    for my $case (sort { $b->{beside} <=> $a->{beside} }
                  @{ $self->{cases} })
    {
        for my $backend (qw/l m/) {
            for my $era (qw/legacy modern/) {
                my $name = ($case->{timeout} ? 'hasty_' : '') . $backend;
                my $path = $t->tag;

                # ids of both types, and one that no double can hold
                $n = ++$self->{n};
                $call = { case => $case, path => $path, n => $n,
                          backend => $name, tool => "${name}_fault",
                          pair => "$era client, "
                                  . ($backend eq 'l' ? 'legacy' : 'modern')
                                  . ' backend',
                          id => $n % 3 == 0 ? "id-$n"
                              : $n % 3 == 1 ? $n : 9007199254740993 + $n };
                $call->{c} = $client{$era}->call($call->{tool},
                    { case => $case->{name}, n => $n },
                    id => $call->{id}, path => $path, send => 1);
                $self->answer($call) if !$case->{beside};
                push @calls, $call;
            }
        }
    }

    $self->answer($_) for grep { $_->{case}{beside} } @calls;

    for my $era (qw/legacy modern/) {
        $self->{sent}{ $_->{json}{params}{arguments}{n} }++
            for $self->{$era}->requests('tools/call');
    }

    $self->judge($_) for @calls;

    Test::More::ok($self->{cuts}, 'answers were cut')
        if grep { $_->{cut} } @{ $self->{cases} };

    Test::More::is_deeply([$t->workers], \@workers, 'the workers live');
    Test::More::is($client{$_}->call('l_echo', { message => 'x' })->text,
                   'x', "and serve the $_ client") for sort keys %client;
}


sub answer {
    my ($self, $call) = @_;

    $call->{r} = eval { $call->{c}->response };
    $call->{died} = $@;
    $call->{c}->close;
}


sub judge {
    my ($self, $call) = @_;
    my ($case, $r, $t, $record, %got, %want, $message, $sent,
        $cut);

    $case = $call->{case};
    $t = $self->{t};
    $r = $call->{r};
    $record = $t->record($call->{path});
    $sent = $case->{sent} // 1;
    $sent = $sent->{ $call->{backend} =~ /(.)$/ ? $1 : '' } if ref $sent;

    $cut = $r && $r->truncated && $case->{cut};
    $self->{cuts}++ if $cut;

    %want = (status => 200, sent => $sent, cut => $cut // 0);
    %got = (status => $r && $r->status, cut => $r && $r->truncated,
            sent => $self->{sent}{ $call->{n} } // 0);
    $got{died} = $call->{died} || 'no answer' if !$r;

    if (!$cut) {
        $message = $r && eval { $r->json };
        $got{bad} = $@ if $r && !$message;
        $got{id} = $message->{id};
        $want{id} = $call->{id};
    }

    if (defined $case->{text}) {
        $want{text} = $case->{text};
        $got{text} = !$message ? undef : $r->text;
        $want{outcome} = $case->{outcome} // 'ok';

    } else {
        $want{code} = $want{logged_code} = $case->{code};
        $got{code} = $cut ? $case->{code} : $message->{error}{code};
        $got{logged_code} = $record->{code};
        $want{outcome} = $case->{outcome} // $outcome{ $case->{code} };
    }

    $got{outcome} = $record->{outcome};

    if (defined $case->{retry_after}) {
        $want{retry} = $case->{retry_after};
        $got{retry} = ($message->{error}{data} || {})->{retryAfterMs};
    }

    if ($outcome{ $case->{code} // 0 }) {
        $want{log} = 1;
        $got{log} = $t->logged($call->{path},
            qr/"$call->{tool}".*backend "$call->{backend}"/) ? 1 : 0;
    }

    if ($case->{is} && $r && ($cut || !$case->{cut})) {
        $got{is} = $case->{is}->($r, $call);
        $want{is} = undef;
    }

    Test::More::is_deeply(\%got, \%want, "$case->{name}: $call->{pair}")
        or Test::More::diag($r ? substr($r->{raw_head} . "\n\n" . $r->body,
                                        0, 1000) : '');
}

1;
