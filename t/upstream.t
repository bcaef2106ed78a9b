# A backend may be an upstream{} of nginx: calls go on while one of its
# servers is dead, wherever a call is known not to have reached anybody it
# goes to the next, and what did reach one is not repeated.  $upstream_* say
# what happened, and hostile names of hosts are not looked up by a client.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;

my $dir = File::Temp::tempdir(CLEANUP => 1);

sub act {
    my ($c, $arguments, $request) = @_;

    return $c->close if ($arguments->{do} // '') eq 'close';
    return $c->respond(502) if ($arguments->{do} // '') eq '502';
    return $c->gone(10) && $c->close if ($arguments->{do} // '') eq 'hang';
    $c->json(result($c->id, $c->{backend}{name}));

    return undef;
}

# two of a kind, without sessions, as servers behind a balancer are

my %args = (tools => ['act'], call => { act => \&act }, session => 0,
            resources => [{ uri => 'test:///r', name => 'r' }],
            on => { 'resources/read' => sub {
                my ($c) = @_;
                return $c->close if -e "$dir/$c->{backend}{name}";
                return $c->{backend}->do_resources_read($c,
                                                        { uri => 'test:///r' });
            } });
my %b = map { my $era = $_; map { ("$_$era" => Sentinel::Backend->$era(
    %args, name => "$_$era")) } qw/1 2/ } qw/legacy modern/;

sub servers {
    my ($options, @backends) = @_;

    return join ' ', map { 'server 127.0.0.1:' . $_->port . " $options;" }
                     @backends;
}

my $dead = free_port();
my $unkept = Sentinel::Test->unkept;
my $t = Sentinel::Calls->new(
    workers => 1,
    http => <<"END",
    upstream l { @{[ servers('max_fails=0', @b{qw/1legacy 2legacy/}) ]}
                 $unkept }
    upstream m { @{[ servers('max_fails=0', @b{qw/1modern 2modern/}) ]}
                 $unkept }
    upstream half { server 127.0.0.1:$dead;
                    @{[ servers('', $b{'1modern'}) ]} keepalive 4; }
    upstream backup { server 127.0.0.1:$dead max_fails=0;
                      @{[ servers('backup', $b{'2modern'}) ]} }
    upstream none { server 127.0.0.1:$dead max_fails=0;
                    server 127.0.0.1:$dead max_fails=0; }
END
    backends => [
        l => 'http://l/mcp', half => 'http://half/mcp',
        backup => 'http://backup/mcp',
        m => { url => 'http://m/mcp', conf => 'read_timeout 500ms;' },
        none => 'http://none/mcp' ]);
$t->run->wait_catalog(qw/l_act m_act half_act backup_act/);

my %client = (legacy => $t->legacy, modern => $t);
my @ways = (['l', 'legacy'], ['m', 'modern']);

ok $t->wait_log(qr/discovery of backend "none"/), 'one without any server';


# dead servers: calls still work, each is executed once

for my $way (qw/half backup/) {
    for my $era (sort keys %client) {
        $_->forget for values %b;
        is_deeply [map { $client{$era}->call("${way}_act", {})->text }
                   1 .. 10],
            [($way eq 'half' ? '1modern' : '2modern') x 10],
            "a dead server: $way, $era client";
        is scalar(map { $_->requests('tools/call') } values %b), 10,
            '... once each';
    }
}

my ($tried) = grep { $_->{upstream_status} =~ /,/ } $t->records;
like $tried->{upstream_status}, qr/\A502, 200\z/, 'the log shows both tries';
like $tried->{upstream_addr}, qr/\A127\.0\.0\.1:$dead, 127\.0\.0\.1:\d+\z/,
    'and both servers';


for (@ways) {
    my ($way, $b) = @$_;
    my @both = @b{"1$b", "2$b"};

    # both are used

    my %used = map { $client{legacy}->call("${way}_act", {})->text => 1 }
               1 .. 6;
    is_deeply [sort keys %used], ["1$b", "2$b"], "both are used: $way";

    # what one server did badly is not tried at the other

    for my $case (['close', 502], ['502', 502],
                  $way eq 'm' ? ['hang', 504] : ())
    {
        my ($do, $code) = @$case;

        for my $era (sort keys %client) {
            $_->forget for @both;
            is $client{$era}->call("${way}_act", { do => $do })->code, $code,
                "not tried again: $do, $way, $era client";
            is scalar(map { $_->requests('tools/call') } @both), 1,
                '... one server has seen it';
            is $client{$era}->call("${way}_act", {})->code, undef,
                '... and calls go on';
        }
    }

    # one is stopped, in turn

    for my $i (0, 1) {
        $both[$i]->stop;
        is_deeply [map { $client{$_ % 2 ? 'legacy' : 'modern'}
                         ->call("${way}_act", {})->text } 1 .. 6],
            [((2 - $i) . $b) x 6], "one is down: $way, " . ($i + 1);
        $both[$i]->start;
    }

    # a resource may be read again

    for my $i (1, 2) {
        open my $flag, '>', "$dir/$i$b";
        is $t->modern('resources/read', { uri => 'test:///r' })
            ->code, undef, "a resource, $i fails: $way" for 1 .. 4;
        unlink "$dir/$i$b";
    }

    # all are down, and back

    $_->stop for @both;
    my $path = $t->tag;
    is $t->call("${way}_act", {}, path => $path)->code, 503,
        "all are down: $way";
    like $t->record($path)->{outcome}, qr/unavailable/, '... outcome';
    $_->start for @both;
    is $t->call("${way}_act", {})->code, undef, '... and back' for 1, 2;
}


# a host that does not resolve stops nginx, as everywhere

for my $url ('http://no.such.host.invalid/mcp', 'http://256.1.1.1:80/mcp',
             'http://127.0.0.1:99999/mcp', 'http://127.0.0.1:0/mcp',
             'ftp://127.0.0.1/mcp', 'http:///mcp', '127.0.0.1:80')
{
    my $bad = Sentinel::Test->new(backends => [one => $url]);
    my ($status, $said) = $bad->check;
    isnt $status, 0, "not a backend: $url";
    like $said, qr/\[emerg\].*(?:\Q$url\E|url|"one"|host)/, '... says so';
}

done_testing;
