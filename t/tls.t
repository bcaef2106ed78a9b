# https backends: the certificate is verified unless that is switched off,
# against the name in the URL or ssl_name; connections are kept, and a request
# of any size goes out whole.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use Time::HiRes qw/time/;

my $dir = File::Temp::tempdir(CLEANUP => 1);
my ($crt, $key) = certificate('backend.test', $dir);
my ($other, $other_key) = certificate('other.test', $dir);

my %b = map { $_ => Sentinel::Backend->$_(
    tools => [qw/echo act/], call => { act => sub {
        my ($c, $arguments, $request) = @_;
        my $text = length($request->{body}) . '';

        $arguments->{stream} ? answer_sse($c, event(result($c->id, $text)))
                             : $c->json(result($c->id, $text));
        return undef;
    } }) } qw/legacy modern/;

# TLS in front of them, and the plain name for what is not TLS

my $front = Sentinel::Test->new(
    module => 0, workers => 1,
    http => <<"END",
    log_format tls '\$connection \$connection_requests \$ssl_protocol '
                   '\$ssl_server_name \$http_host \$ssl_session_reused '
                   '\$server_port';
    access_log %%DIR%%/tls.log tls;
    ssl_certificate $crt;
    ssl_certificate_key $key;
    ssl_protocols TLSv1.2 TLSv1.3;
    proxy_http_version 1.1;
    proxy_buffering off;
    client_max_body_size 10m;

    server {
        listen 127.0.0.1:%%PORT:tls%% ssl;
        location /l { proxy_pass @{[ $b{legacy}->url ]}; }
        location /m { proxy_pass @{[ $b{modern}->url ]}; }
    }

    server {
        listen 127.0.0.1:%%PORT:old%% ssl;
        ssl_protocols TLSv1.2;
        ssl_client_certificate $crt;
        ssl_verify_client on;
        location / { proxy_pass @{[ $b{modern}->url ]}; }
    }
END
)->run;

my $at = '127.0.0.1:' . $front->port('tls');
my $name = 'backend.test';
my $known = "ssl_trusted_certificate $crt;";

my @good = (
    l    => { url => "https://$at/l", conf => "$known ssl_name $name;" },
    m    => { url => "https://$at/m", conf => "$known ssl_name $name;" },
    off  => { url => "https://$at/m", conf => 'ssl_verify off;' },
    # an upstream{} of the name in the certificate
    up   => { url => "https://$name/m", conf => $known },
    sni  => { url => "https://$at/m", conf => "$known ssl_name $name;
                                               ssl_server_name off;" },
    cert => { url => 'https://127.0.0.1:' . $front->port('old') . '/mcp',
              conf => "$known ssl_name $name; ssl_certificate $crt;
                       ssl_certificate_key $key;" },
);
my @bad = (
    unknown   => { url => "https://$at/m", conf => "ssl_name $name;" },
    wrong_ca  => { url => "https://$at/m", conf =>
                   "ssl_trusted_certificate $other; ssl_name $name;" },
    wrong     => { url => "https://$at/m",
                   conf => "$known ssl_name other.test;" },
    no_name   => { url => "https://$at/m", conf => $known },
    plain     => { url => 'https://127.0.0.1:' . $b{modern}->port . '/mcp',
                   conf => 'ssl_verify off;' },
    no_cert   => { url => 'https://127.0.0.1:' . $front->port('old')
                          . '/mcp', conf => 'ssl_verify off;' },
    protocol  => { url => 'https://127.0.0.1:' . $front->port('old')
                          . '/mcp', conf => 'ssl_verify off;
                                             ssl_protocols TLSv1.3;' },
);

my $t = Sentinel::Calls->new(
    workers => 1,
    http => "    upstream $name { server $at; keepalive 4; }\n",
    backends => [@good, @bad]);
$t->run->wait_catalog(map { "${_}_echo" } qw/l m off up sni cert/);

my %client = (legacy => $t->legacy, modern => $t);


# those that must not be believed

for my $name (qw/unknown wrong_ca wrong no_name plain no_cert protocol/) {
    ok $t->wait_log(qr/discovery of backend "$name"/),
        "not used, and said so: $name";
}

is scalar(grep { /^(?:unknown|wrong|no_name|plain|no_cert|protocol)/ }
          $t->modern('tools/list')->tools), 0, 'nothing of them is listed';
like $t->error_log, qr/upstream SSL certificate does not match "other\.test"/,
    'nginx says why';


# those that work

sub lines {
    return map { [split] } $front->read('tls.log') =~ /^(.*)\n/mg;
}

for my $backend (qw/l m off up sni cert/) {
    for my $era (sort keys %client) {
        is $client{$era}->call("${backend}_echo", { message => 'x' })->text,
            'x', "a call: $backend, $era client";
    }
}

for my $way (qw/l m up/) {
    my $seen = lines();
    my $began = time();

    # the second request on a connection is the one that hangs if the end of
    # a request stays in the TLS buffer
    for my $size (0, 10, 1000, 1024, 1025, 4000, 15_000, 16_384, 16_385,
                  17_000, 70_000, 300_000)
    {
        my $r = $t->call("${way}_act", { pad => 'x' x $size,
                                         stream => $size % 2 });
        cmp_ok $r->text // 0, '>', $size, "$size bytes: $way";
    }

    cmp_ok time() - $began, '<', patience(10), '... none had to wait';

    # the manager, which may look for changes meanwhile, has its own
    my %on;
    await {
        %on = ();
        $on{ $_->[0] }++ for grep { $_->[6] == $front->port('tls') }
                             (lines())[$seen .. lines() - 1];
        grep { $_ >= 12 } values %on
    };
    ok +(grep { $_ >= 12 } values %on), '... on one connection'
        or diag explain \%on;
}

# an address is no name for SNI

my %sni = map { $_->[3] => 1 } lines();
is_deeply [sort keys %sni], ['-', $name], 'SNI';
is_deeply { map { $_->[2] => 1 } lines() },
    { 'TLSv1.2' => 1, 'TLSv1.3' => 1 }, 'both versions of TLS';

# sessions are resumed on new connections

my @c = map { $t->call('m_echo', { message => $_ }, send => 1) } 1 .. 100;
is scalar(grep { $_->response->text } @c), 100, '100 calls at once';
ok scalar(grep { $_->[5] eq 'r' } lines()), 'TLS sessions are resumed';

# a certificate that was replaced by a wrong one, while the tools are known

$front->configure(http => $front->{http}
    =~ s{(ssl_certificate) \S+(;\s+ssl_certificate_key) \S+(?=;)}
        {$1 $other$2 $other_key}r)->reload;
ok +(await { !$front->leaving }), 'another certificate';

for my $era (sort keys %client) {
    my $path = $t->tag;
    is $client{$era}->call('m_echo', { message => 'x' }, path => $path)
        ->code, 503, "... is not accepted: $era client";
    is $t->record($path)->{outcome}, 'unavailable', '... outcome';
    is $client{$era}->call('off_echo', { message => 'x' })->text, 'x',
        '... unless it is not looked at';
}

# a large answer through TLS, read slowly, is whole

my $text = join '', map { sprintf '%08x', $_ } 1 .. 125_000;
my $big = Sentinel::Backend->modern(
    tools => ['big'], call => { big => sub {
        $_[0]->json(result($_[0]->id, $text));
        return undef;
    } });
$front->configure(http => $front->{http} =~ s{(location /m )}
    {location /big { proxy_pass @{[ $big->url ]}; } $1}r)->reload;
my $u = Sentinel::Calls->new(backends => [
    big => { url => "https://$at/big", conf => 'ssl_verify off;' }]);
$u->run->wait_catalog('big');
my $r = $u->call('big', {}, rcvbuf => 4096);
is +($r->body =~ /"text":"(\w+)"/)[0], $text, 'a large answer';

done_testing;
