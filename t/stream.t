# An answer streams through: of any size, cut at any byte by the network, in
# every form that an event stream may have; and what a backend sends while
# it works reaches the client when it is sent.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Sentinel::SSE;
use Time::HiRes qw/time/;

my $dir = File::Temp::tempdir(CLEANUP => 1);

# Text of a size that tells when bytes are lost, doubled or out of order;
# made once.

my $block = join '', map { sprintf '%08x', $_ } 1 .. 100_000;
my $text = join '', map { "-$_-$block" } 1 .. 25;

sub text_of { return substr $text, 0, $_[0] }


# Handlers, by the argument do; all get ($c, $arguments, $request).

sub plain {
    my ($c, $arguments) = @_;

    $c->json(result($c->id, text_of($arguments->{size})));
}

sub streamed {
    my ($c, $arguments) = @_;
    my $body;

    $body = event(result($c->id, text_of($arguments->{size})));
    $c->sse;

    while (length $body) {
        $c->bytes(substr $body, 0, 60_000, '');
    }

    $c->end;
}


# The bytes of a response, cut where the arguments say.

my @bodies;

sub cut {
    my ($c, $arguments) = @_;
    my ($head, $body, $at, $bytes);

    $body = $bodies[$arguments->{body}][1];
    $body =~ s/%ID%/$c->id/ge;

    if ($arguments->{dribble}) {
        $c->write(header($arguments, $body));
        return $c->dribble($body, 1, 0.0001);
    }

    for (@{ $arguments->{at} }) {
        $at //= 0;
        $bytes = substr $body, $at, $_ - $at;
        $c->write($at ? $bytes : header($arguments, $body) . $bytes);
        $c->pause(0.002);
        $at = $_;
    }

    $c->write(substr $body, $at);
}

sub header {
    my ($arguments, $body) = @_;

    return "HTTP/1.1 200 OK\r\nContent-Type: $bodies[$arguments->{body}][0]"
           . "\r\nContent-Length: " . length($body) . "\r\n\r\n";
}


# Sends what it is given and waits for a sign each time.

sub step {
    my ($c, $arguments) = @_;
    my $n;

    for (@{ $arguments->{events} }) {
        my $bytes = $_ =~ s/%ID%/$c->id/ger;
        $c->sse if !$n++;
        $c->bytes($bytes);
        my $sign = "$dir/$arguments->{sign}-$n";
        await { -e $sign } or return $c->close;
    }

    $c->event(result($c->id, 'done'));
    $c->end;
}

# The same without signs, and with the token that came.

sub events {
    my ($c, $arguments, $request) = @_;
    my ($token);

    $token = JSON::PP->new->allow_nonref->encode(
        $request->{json}{params}{_meta}{progressToken});
    utf8::downgrade($_) for @{ $arguments->{events} };
    answer_sse($c, map { s/%ID%/$c->id/ger =~ s/%TOKEN%/$token/r }
                   @{ $arguments->{events} }, event(result($c->id)));
}

my %do = (plain => \&plain, streamed => \&streamed, cut => \&cut,
          step => \&step, events => \&events);


# Everything that an answer may have: escapes, characters of several bytes,
# nesting, numbers that no double holds, members that the other era has.

my $rich = '{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":'
    . "\"fine \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 "
    . '\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"}],'
    . '"structuredContent":{"a":[1,-2.5e+10,12345678901234567890,true,'
    . 'false,null,{"id":5,"result":{}}],"":[]},"isError":false,'
    . '"_meta":{"x":[]}},"id":%ID%}';

(my $spaced = $rich) =~ s/([{}\[\],:])(?=["{\[0-9])/$1 \t/g;
(my $pretty = $rich) =~ s/,"(?=result|id|isError|_meta)/,\r\n  "/g;

my $split_lines = join "\n", map { "data: $_" } split /\r\n/, $pretty;
my $note = '{"jsonrpc":"2.0","method":"notifications/progress","params":'
           . '{"progressToken":1,"progress":1}}';

@bodies = (
    ['application/json', $rich],
    ['application/json', $spaced],
    ['application/json', " \n$pretty\r\n "],
    ['text/event-stream', "data: $rich\n\n"],
    ['text/event-stream', "event: message\r\nid: 1\r\ndata:$rich\r\n\r\n"],
    ['text/event-stream', "data: $rich\r\r"],
    ['text/event-stream', "\xef\xbb\xbf: hello\n\nretry: 5\n\n"
        . "id\ndata\n\ndata: $note\n\n$split_lines\nid: 7\n\n"],
);

my %b = map { $_ => Sentinel::Backend->$_(
    tools => ['act'], call => { act => sub {
        $do{ $_[1]{do} }->(@_);
        return undef;
    } }) } qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_act m_act/);

my %client = (legacy => $t->legacy, modern => $t);
my @pairs = map { my $era = $_; map { [$era, $_] } qw/l m/ }
            qw/legacy modern/;


# sizes

for my $size (0, 1, 7, 100, 4000, 4096, 16_300, 32_700, 32_768, 33_000,
              65_536, 262_000, 263_000, 1_000_000, 20_000_000)
{
    for my $do (qw/plain streamed/) {
        for my $pair ($size < 100_000 ? @pairs
                      : @pairs[$do eq 'plain' ? (0, 3) : (1, 2)])
        {
            my ($era, $way) = @$pair;
            my $r = $client{$era}->call("${way}_act",
                { do => $do, size => $size }, id => "s$size");
            my ($text) = $r->body =~ /"text":"([^"]*)"/;
            my ($id) = $r->body =~ /"id":("[^"]*")/;
            my $end = $do eq 'plain' ? qr/\]\}\}\z/ : qr/\]\}\}\n\n\z/;

            ok !$r->truncated && $id eq "\"s$size\""
               && $text eq text_of($size) && $r->body =~ $end
               && !$r->is_sse == ($do eq 'plain'),
                "$size bytes, $do: $era client, $way";
        }
    }
}


# cuts

my $want = Sentinel::HTTP::Response::json(bless {
    body => $rich =~ s/%ID%/"an id"/r, headers => {} },
    'Sentinel::HTTP::Response');

# A handful at a time, since each takes its time.

sub cuts {
    my ($what, @calls) = @_;
    my (@wrong, @some, $n);

    while (@some = splice @calls, 0, 16) {
        for (@some) {
            my ($era, $way) = @{ $pairs[$n++ % @pairs] };
            $_ = [$client{$era}->call("${way}_act", { do => 'cut', %$_ },
                                      id => 'an id', send => 1),
                  $era, $way, $_];
        }

        for (@some) {
            my ($c, $era, $way, $arguments) = @$_;
            my $r = $c->response;
            my $got = eval { $r->json };
            my %result = %{ $want->{result} };
            $result{resultType} = 'complete'
                if $era eq 'modern' && $way eq 'l';
            push @wrong, [$era, $way, $arguments, $r->body]
                if json_text($got) ne json_text({ %$want,
                                                  result => \%result });
        }
    }

    is_deeply \@wrong, [], $what;
}

for my $body (0 .. $#bodies) {
    my $length = length($bodies[$body][1]) - 2;
    cuts("body $body, cut at every byte",
         map { +{ body => $body, at => [$_] } } 1 .. $length - 1);
    cuts("body $body, byte by byte",
         map { +{ body => $body, dribble => 1 } } 1 .. 4);
}

my $seed = $ENV{SEED} // time() * 1000 % 1_000_000;
srand $seed;
cuts("cut at random, SEED=$seed", map {
    my $body = int rand @bodies;
    my $length = length($bodies[$body][1]) - 3;
    my %at = map { 1 + int(rand $length) => 1 } 1 .. 6;
    +{ body => $body, at => [sort { $a <=> $b } keys %at] };
} 1 .. 200);


# forms of an event

my $answer = result('%ID%', 'first');
my @forms = (
    'no space' => "data:$answer\n\n",
    'CRLF' => "event: message\r\ndata: $answer\r\n\r\n",
    'CR' => "event: message\rdata: $answer\r\r",
    'line ends mixed' => "event: message\r\ndata: $answer\n\r",
    'BOM' => "\xef\xbb\xbfdata: $answer\n\n",
    'several lines' => 'data: ' . $answer =~ s/([,{:])/$1\ndata: /gr
                       . "\n\n",
    'several lines with CRLF' => 'data: ' . $answer =~ s/,/,\r\ndata:/gr
                                 . "\r\n\r\n",
    'an empty data line' => "data:\ndata: $answer\ndata\n\n",
    'fields around' => "id: 1\nevent: message\nretry: 10\ndata: $answer\n"
                       . "x: y\nx\n:z\n\n",
    'comments within' => ":a\ndata: $answer\n:b\n\n",
    'comments before' => ": keep-alive\n\n:\n\n\n\ndata: $answer\n\n",
    'a priming event' => "id: abc\nretry: 3000\ndata:\n\n"
                         . "id: def\ndata: $answer\n\n",
    'events without data' => "event: message\n\nid: 2\n\ndata: $answer\n\n",
);

while (my ($name, $bytes) = splice @forms, 0, 2) {
    for (@pairs) {
        my ($era, $way) = @$_;
        my $r = $client{$era}->call("${way}_act", { do => 'events',
                                    events => [$bytes] }, id => "f");
        my @answers = $r->messages;
        is_deeply [$r->text, $r->json->{id}, scalar @answers,
                   $r->body =~ /^(?:id|retry|x):/m ? 1 : 0],
            ['first', 'f', 1, 0], "$name: $era client, $way";
    }
}


# what comes before the response, when it is sent

my $sign = 0;

for (@pairs) {
    my ($era, $way) = @$_;

    my $name = 'sign' . ++$sign;
    my $c = $client{$era}->call("${way}_act", { do => 'step', sign => $name,
        events => [event($note =~ s/Token":1/Token":"other"/r),
                   ": alive\n\n", event($note =~ s/"progress":1/"progress":2/r
                                        =~ s/Token":1/Token":"other"/r)] },
        stream => 1);
    is +($c->message(3) || {})->{params}{progress}, 1,
        "progress before there is a result: $era client, $way";
    ok $c->quiet(0.05), '... and no more';
    open my $go, '>', "$dir/$name-1";
    ok defined(($c->event(3) // {})->{comment}), '... a comment';
    open $go, '>', "$dir/$name-2";
    is +($c->message(3) || {})->{params}{progress}, 2, '... the next';
    open $go, '>', "$dir/$name-3";
    is $c->message(3)->{result}{content}[0]{text}, 'done', '... the result';
    is $c->event(3), undef, '... the end';
    ok !$c->truncated, '... a proper one';
}

done_testing;
