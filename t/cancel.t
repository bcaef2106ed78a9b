# For a modern client the end of its connection is the end of the call: the
# backend is let go at once, and a legacy one is told.  A legacy client that
# goes away has cancelled nothing: its call runs to its end, and the log
# knows how it ended.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Time::HiRes qw/time/;

my $dir = File::Temp::tempdir(CLEANUP => 1);

# Comes so far, says so, and waits for the caller to go or for a sign.

sub act {
    my ($c, $arguments) = @_;
    my ($how, $sign, $body);

    ($how, $sign) = @$arguments{qw/how sign/};
    $body = result($c->id, 'x' x ($arguments->{size} // 0));

    $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              . 'Content-Length: ' . length($body) . "\r\n\r\n")
        if $how =~ /JSON/;
    $c->write(substr $body, 0, length($body) / 2) if $how eq 'part of JSON';
    $c->sse if $how =~ /SSE|event/;
    $c->event('{"jsonrpc":"2.0","method":"notifications/progress","params":'
              . '{"progressToken":1,"progress":1}}') if $how =~ /event/;
    $c->bytes('data: ' . substr $body, 0, length($body) / 2)
        if $how eq 'part of SSE';

    $c->note("$sign begun");

    while (!-e "$dir/$sign") {
        next if !$c->gone(0.01);
        $c->note("$sign gone");
        return $c->close;
    }

    # as if nothing was
    $c->event('{"jsonrpc":"2.0","method":"notifications/progress","params":'
              . '{"progressToken":1,"progress":2}}') if $how =~ /event/;

    if ($how =~ /nothing/) {
        $c->json($body);
    } elsif ($how eq 'header of JSON') {
        $c->write($body);
    } elsif ($how eq 'part of JSON') {
        $c->write(substr $body, length($body) / 2);
    } elsif ($how eq 'part of SSE') {
        $c->bytes(substr($body, length($body) / 2) . "\n\n") and $c->end;
    } else {
        $c->event($body) and $c->end;
    }

    $c->note("$sign written") if !$c->{closed};

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/act echo/], call => { act => \&act }) } qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_act m_act/);

my $session = $t->legacy;
my %client = (legacy => $session, modern => $t);
my %of = (l => $b{legacy}, m => $b{modern});
my $sign = 0;

my @moments = (
    ['nothing'], ['header of JSON'], ['header of SSE'], ['an event'],
    ['part of JSON', 20_000], ['part of JSON', 300_000],
    ['part of SSE', 20_000], ['part of SSE', 300_000],
);


sub begin {
    my ($era, $way, $moment) = @_;
    my ($call, $b);

    $b = $of{$way}->forget;
    $call = { era => $era, way => $way, backend => $b, sign => 's' . ++$sign,
              path => $t->tag };
    $call->{c} = $client{$era}->call("${way}_act", {
        how => $moment->[0], sign => $call->{sign}, size => $moment->[1] },
        id => "id-$sign", path => $call->{path}, send => 1);
    $b->wait_note("$call->{sign} begun") or die 'the call does not come';

    return $call;
}

sub cancelled {
    my ($b) = @_;

    return $b->requests('notifications/cancelled');
}


# modern clients

for my $moment (@moments) {
    for my $way (qw/l m/) {
        for my $end (qw/close abort/) {
            my $call = begin('modern', $way, $moment);
            my $what = "$moment->[0], " . ($moment->[1] // 0)
                       . " bytes, $end, $way";

            # what has come is read, as clients do
            if ($moment->[0] =~ /event/ || ($moment->[1] // 0) > 99_999)
            {
                $call->{c}->head;
                $call->{c}->chunk;
            }

            my $began = time();
            $call->{c}->$end;
            ok $call->{backend}->wait_note("$call->{sign} gone", 1),
                "the backend is let go: $what";
            cmp_ok time() - $began, '<', patience(1), '... within a second';
            is $t->record($call->{path})->{outcome}, 'cancelled',
                '... outcome';

            if ($way eq 'l') {
                ok +(await { cancelled($call->{backend}) == 1 } 2),
                    '... and is told';
                my ($note) = cancelled($call->{backend});
                my ($request) = $call->{backend}->requests('tools/call');
                is_deeply $note->{json}{params}{requestId},
                    $request->{json}{id}, '... with the id that it knows';
                is $note->{headers}{'mcp-session-id'},
                    $request->{headers}{'mcp-session-id'},
                    '... in the session';
                ok !exists $note->{json}{id}, '... without asking';
            }
        }
    }
}

is scalar cancelled($b{modern}), 0,
    'a modern backend is not told: it has seen it';


# A client that has its answer and goes cancels nothing.

$_->forget for values %b;

for my $way (qw/l m/) {
    for (1 .. 20) {
        my $c = $t->call("${way}_echo", { message => 'x' }, stream => 1);
        $c->body;
        $c->abort;
    }
}

is $t->call('l_echo', { message => 'y' })->text, 'y', 'after 40 answers';
is scalar cancelled($of{$_}), 0, "... nothing was cancelled: $_" for qw/l m/;


# legacy clients

for my $moment (@moments) {
    for my $way (qw/l m/) {
        for my $end (qw/close abort/) {
            my $call = begin('legacy', $way, $moment);
            my $what = "$moment->[0], " . ($moment->[1] // 0)
                       . " bytes, $end, $way";

            if ($moment->[0] =~ /event/) {
                $call->{c}->head;
                $call->{c}->chunk;
            }

            $call->{c}->$end;
            # let nginx notice
            $t->call("${way}_echo", { message => 'x' }) for 1 .. 2;
            ok !(grep { /gone/ } $call->{backend}->notes),
                "the call goes on: $what";
            open my $go, '>', "$dir/$call->{sign}";
            ok $call->{backend}->wait_note("$call->{sign} (?:gone|written)"),
                '... to its end';
            is $t->record($call->{path})->{outcome}, 'ok', '... outcome';
            is scalar(grep { /gone/ } $call->{backend}->notes), 0,
                '... the backend saw nothing of it';
            is scalar cancelled($call->{backend}), 0, '... and is not told';
        }
    }
}

# how it ends is known also if it ends badly, or when there is much to come

for my $case (['isError', 'fail', {}, 'tool_error'],
              ['much', 'big', { bytes => 16 * 200_000 }, 'ok'])
{
    my ($what, $tool, $arguments, $outcome) = @$case;

    my $backend = Sentinel::Backend->legacy(
        tools => ['late'], call => { late => sub {
            my ($c) = @_;
            $c->note('begun');
            await { -e "$dir/late-$what" };
            return Sentinel::Tools::code($tool)->($c, $arguments);
        } });
    my $u = Sentinel::Calls->new(backends => [one => $backend]);
    $u->run->wait_catalog('late');

    my $path = $u->tag;
    my $c = $u->legacy->call('late', {}, path => $path, send => 1);
    $backend->wait_note('begun');
    $c->abort;
    $u->modern('tools/list') for 1 .. 5;
    open my $go, '>', "$dir/late-$what";
    is $u->record($path)->{outcome}, $outcome, "a client that went: $what";
}


# A call that the gateway gives up is cancelled as well (MCP 2025-11-25,
# "Timeouts").

my $late = Sentinel::Backend->legacy(tools => ['hang']);
my $u = Sentinel::Calls->new(
    backends => [one => { url => $late, conf => 'read_timeout 500ms;' }]);
$u->run->wait_catalog('hang');
is $u->call('hang', {})->code, 504, 'a backend times out';
ok +(await { cancelled($late) == 1 } 2), '... and is told';
is_deeply [map { $_->{json}{params}{requestId} } cancelled($late)],
    [map { $_->{json}{id} } $late->requests('tools/call')],
    '... with the id';

done_testing;
