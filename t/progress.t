# Progress tokens are unique to one client only.  On the way to a backend that
# all clients share they become the gateway's, of the same JSON type, and the
# client gets its own back, or its SDK drops the progress.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

my $p = Sentinel::Pairs->new;
my %seen;

sub note_of {
    my ($token, $progress) = @_;

    return 'data: {"jsonrpc":"2.0","method":"notifications/progress",'
         . "\"params\":{\"progressToken\":$token,\"progress\":$progress}}\n\n";
}

for my $client (qw/legacy modern/) {
    for my $backend (qw/legacy modern/) {
        for my $token ('7', '"7"', '0', '-1', '""', '"t\\u0041"', '1.5',
                       '1e2', '9007199254740993', '"' . 'x' x 200 . '"',
                       "\"\xc3\xa9\\\"\"")
        {
            my $name = "$client client, $backend backend, token "
                     . substr $token, 0, 20;
            my (@sent, $r);

            $p->answer(note_of('%TOKEN%', 1) . note_of('"%TOKEN"', 2)
                       . note_of('%TOKEN%', 3)
                       . "data: {\"jsonrpc\":\"2.0\",\"id\":%ID%,"
                       . "\"result\":{\"content\":[]}}\n\n",
                       'text/event-stream');

            @sent = sent $p->backend($backend), sub {
                $r = $p->call($client, $backend,
                              ",\"_meta\":{\"progressToken\":$token}");
            };

            my @tokens = $r->body
                =~ /"progressToken":("(?:[^"\\]|\\.)*"|[^,}]*)/g;
            is_deeply [@tokens[0, 2]], [$token, $token],
                "$name: comes back as it was";

            my ($ours) = $sent[0]{body}
                =~ /"progressToken":("(?:[^"\\]|\\.)*"|[^,}]*)/;
            is $ours =~ /^"/ ? 'string' : 'number',
               $token =~ /^"/ ? 'string' : 'number', 'its type stays';
            ok !$seen{ $ours =~ tr/"//dr }++, 'the backend sees one of ours';
        }

        for my $token ('null', 'true', '{}', '[]') {
            my $r;
            untouched $p->backend($backend), "a token $token", sub {
                $r = $p->call($client, $backend,
                              ",\"_meta\":{\"progressToken\":$token}");
            };
            is $r->code, -32602, 'is refused';
        }
    }
}

# two clients with the same token at once

my $b = Sentinel::Backend->legacy(tools => [qw/progress/]);
my $t = Sentinel::Test->new(backends => [one => $b])->run
    ->wait_catalog('progress');
my $s = $t->legacy;
my @c = map {
    $s->call('progress', { steps => $_, pause => 0.02 }, id => 1,
             meta => { progressToken => 'same' }, stream => 1)
} 3, 4;

for my $i (0, 1) {
    my ($message, @steps, $text);

    while ($message = $c[$i]->message) {
        $message->{params}
            ? push @steps, [@{ $message->{params} }{qw/progressToken total/}]
            : ($text = $message->{result}{content}[0]{text});
    }

    my $steps = 3 + $i;
    is_deeply \@steps, [(['same', $steps]) x $steps],
        "client $i has its own progress";
    is $text, "$steps steps", 'and its own result';
}

my %tokens = map { $_->{json}{params}{_meta}{progressToken} => 1 }
             $b->requests('tools/call');
is keys %tokens, 2, 'the backend saw two tokens';

done_testing;
