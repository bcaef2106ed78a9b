# A legacy client cancels with notifications/cancelled, on a connection of its
# own and so perhaps at another worker than the one that has the call: the
# backend is told in its own terms, and only about that client's own call.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;

my %b = map { $_ => Sentinel::Backend->$_(tools => [qw/hang echo/]) }
        qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}]);
$t->run->wait_catalog(qw/l_hang m_hang/);

my %of = (l => $b{legacy}, m => $b{modern});
my ($mine, $other) = map { $t->legacy } 1, 2;

sub cancelled { return $_[0]->requests('notifications/cancelled') }

for my $way (qw/l m/) {
    my $b = $of{$way};

    # several times, so that both workers have had it
    for my $id (1, '1', 'a', 7, 8, 9) {
        my $path = $t->tag;
        $b->forget;

        my $c = $mine->call("${way}_hang", {}, id => $id, path => $path,
                            send => 1);
        $b->wait_note('hanging') or die 'the call does not come';

        is $other->notify('notifications/cancelled', { requestId => $id })
            ->status, 202, "another client's cancellation: $way, id $id";
        is $mine->notify('notifications/cancelled', { requestId => 'no' })
            ->status, 202, '... of no call';
        is $mine->notify('notifications/cancelled', { requestId => $id
            =~ /\A\d\z/ ? "$id" : 0 })->status, 202, '... of another type'
            if $id ne '1';
        ok $c->quiet(0.02), '... has no effect';
        is scalar cancelled($b), 0, '... and is not passed on';

        is $mine->notify('notifications/cancelled',
                         { requestId => $id, reason => 'enough' })->status,
            202, 'its own is accepted';

        if ($way eq 'l') {
            ok +(await { cancelled($b) == 1 } 2), '... the backend is told';
            is_deeply [map { $_->{json}{params}{requestId} } cancelled($b)],
                [map { $_->{json}{id} } $b->requests('tools/call')],
                '... with the id that it knows';

        } else {
            ok $b->wait_note('the caller has gone', 2),
                '... the backend is let go';
        }

        is $t->record($path)->{outcome}, 'cancelled', '... outcome';
        is $mine->call("${way}_echo", { message => 'x' })->text, 'x',
            '... the session goes on';
        $c->close;
    }
}

done_testing;
