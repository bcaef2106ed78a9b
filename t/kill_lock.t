# A worker that is killed while it holds the lock of the shared memory, in the
# middle of an edit, at one instruction after the other: nobody waits for ever,
# and what was known before still is.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Token;
use Sentinel::Tracer;

plan skip_all => 'it takes Linux on x86-64' if !Sentinel::Tracer->works;

my $key = Sentinel::Token->rsa(kid => 'one');
my $n = 0;

my $t = Sentinel::Test->new(
    backends => [one => Sentinel::Backend->modern(tools => [qw/echo/])],
    workers => 1,
    server => '
        location = /token {
            mcp_pass one;
            mcp_auth_jwt tools;
            mcp_auth_jwt_key file:%%DIR%%/key;
        }
');
$t->write('key', $key->pem);
$t->run->wait_catalog('echo');


# Ends the worker $steps instructions behind the first of an edit.

sub ended_at {
    my ($steps, $request) = @_;
    my ($worker) = $t->workers;
    my ($tracer, $c, $there);

    $tracer = Sentinel::Tracer->new($worker, $t->module_path,
                                    'mcp_ring_put');
    $c = $request->();
    $there = $tracer->hit(10) && $tracer->step($steps);

    $t->expect(qr/$worker exited on signal/);
    $tracer->kill;
    $c->close;

    return $there && await { my ($new) = $t->workers; $new && $new != $worker };
}


sub call {
    my ($where, %arg) = @_;

    my $r = $where->call('echo', { message => 'x' }, timeout => 5, %arg);

    return $r ? $r->status : 'nothing';
}


sub ended { my $session = $t->legacy; $session->end; return $session }

sub with { return (path => '/token',
                   headers => { Authorization => "Bearer $_[0]" }) }

sub token { return $key->token({ sub => 'u' . ++$n }) }


# the end of a session

my @ended = map { ended() } 1 .. 20;
my $alive = $t->legacy;
my @wrong;

for my $steps (map { $_ * 7 } 0 .. 60) {
    my $session = $t->legacy;

    push @wrong, "$steps: not there"
        if !ended_at($steps, sub { $session->end(send => 1) });
    push @wrong, "$steps: calls are not answered" if call($t) != 200;
    push @wrong, "$steps: a session is lost" if call($alive) != 200;
    push @ended, ended();
    my @again = grep { call($_) != 404 } @ended;
    push @wrong, "$steps: ${\scalar @again} of ${\scalar @ended} that ended "
                 . 'are taken' if @again;
}

is_deeply \@wrong, [], 'killed while a session ends';

# a token that is new

my $known = token();
call($t, with($known));
@wrong = ();

for my $steps (map { $_ * 7 } 0 .. 60) {
    push @wrong, "$steps: not there"
        if !ended_at($steps, sub { $t->call('echo', {}, send => 1,
                                            with(token())) });
    push @wrong, "$steps: a known token is refused"
        if call($t, with($known)) != 200;
    push @wrong, "$steps: a new token is refused"
        if call($t, with(token())) != 200;
    push @wrong, "$steps: a wrong token is taken"
        if call($t, with(token() =~ s/.{20}\z/'A' x 20/er)) != 401;
}

is_deeply \@wrong, [], 'killed while a token is noted';

ok $t->stop, 'it stops';

done_testing;
