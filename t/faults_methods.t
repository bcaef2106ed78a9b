# What fails in a tools/call fails in the other methods that go to a backend,
# too, with the same answers.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

my $dir = File::Temp::tempdir(CLEANUP => 1);

# How a backend fails, and with what code.

my @ways = (
    'closes' => 502 => sub { $_[0]->close },
    'resets' => 502 => sub { $_[0]->reset },
    'half JSON' => 502 => sub {
        my ($c, $id) = @_;
        $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . "Content-Length: 500\r\n\r\n" . result($id));
        $c->close;
    },
    'half an event' => 502 => sub {
        my ($c, $id) = @_;
        $c->sse;
        $c->bytes('data: ' . result($id));
        $c->close;
    },
    'no response in a stream' => 502 => sub { answer_sse($_[0], ": a\n\n") },
    'HTML' => 502 => sub {
        $_[0]->respond(200, { 'Content-Type' => 'text/html' }, '<html>') },
    'another id' => 502 => sub { answer_json($_[0], result($_[1] + 1)) },
    'a redirect' => 502 => sub {
        $_[0]->respond(302, { Location => 'http://127.0.0.1:1/' }) },
    '500' => 502 => sub { $_[0]->respond(500) },
    '503' => 503 => sub { $_[0]->respond(503, { 'Retry-After' => 2 }) },
    'an error of its own' => -32603 => sub {
        answer_json($_[0], error($_[1], -32603)) },
    'silence' => 504 => sub { $_[0]->gone(20); $_[0]->close },
);
my (%way, %code, @names);

while (my ($name, $code, $do) = splice @ways, 0, 3) {
    push @names, $name;
    $way{$name} = $do;
    $code{$name} = $code;
}

# One argument of each method says how: the last part of a URI, an argument.

sub fails {
    my ($c, $params, $request) = @_;
    my $how;

    $how = Sentinel::Process::slurp("$dir/how");
    $way{$how}->($c, $c->id);

    return undef;
}

my %methods = (
    'prompts/get' => sub { { name => "$_[0]_p" } },
    'resources/read' => sub { { uri => "$_[0]:///r" } },
    'completion/complete' => sub { {
        ref => { type => 'ref/prompt', name => "$_[0]_p" },
        argument => { name => 'a', value => 'b' } } },
);

my %b = map { my ($era, $way) = @$_; $way => Sentinel::Backend->$era(
    tools => ['echo'], prompts => [{ name => 'p' }],
    resources => [{ uri => "$way:///r", name => 'r' }],
    capabilities => { completions => {} },
    on => { map { $_ => \&fails } keys %methods })
} ['legacy', 'l'], ['modern', 'm'];

my $t = Sentinel::Calls->new(backends => [
    map { $_ => { url => $b{$_}, conf => 'read_timeout 400ms;' } }
    sort keys %b ]);
$t->run->wait_catalog(qw/l_echo m_echo/);
my $session = $t->legacy;
my %outcome = (502 => 'unknown', 503 => 'unavailable', 504 => 'timeout');

for my $name (@names) {
    open my $file, '>', "$dir/how";
    print $file $name;
    close $file;
    my @calls;

    for my $method (sort keys %methods) {
        for my $way (qw/l m/) {
            my $params = $methods{$method}->($way);

            for my $era (qw/legacy modern/) {
                my $path = $t->tag;
                my @opt = (id => "id $path", path => $path, send => 1);
                push @calls, ["$name: $method, $era client, $way", $path,
                    $era eq 'modern'
                    ? $t->modern($method, $params, @opt)
                    : $session->request($method, $params, @opt)];
            }
        }
    }

    for (@calls) {
        my ($what, $path, $c) = @$_;
        my $r = $c->response;
        my $record = $t->record($path);
        is_deeply [$r->status, $r->json->{id}, $r->code,
                   @$record{qw/outcome code/}],
            [200, "id $path", $code{$name},
             $outcome{ $code{$name} } // 'rpc_error', $code{$name}], $what
            or diag $r->body;
        ok $t->logged($path, qr/backend "[lm]"/), '... logged'
            if $code{$name} > 0;
        $c->close;
    }
}

done_testing;
