# Bad configuration never starts, and says where it is, which directive it is
# and how to mend it.  What can be known when the configuration is read is not
# left to the first call.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $t = Sentinel::Test->new(conf => '');
my $dir = $t->dir;
my $host = '127.0.0.1:' . free_port();
my $url = "url http://$host/mcp;";

$t->write('empty', '');
$t->write('secret', "s3cret\n");
$t->write('large', 'x' x 70_000);
$t->write('not.pem', "nothing\n");
my ($crt, $key) = certificate('localhost', $dir);

# The context of a line: what is around it.

sub around {
    my ($context, $text) = @_;
    my (%at, $http);

    %at = (http => '', server => '', location => 'mcp_pass one;',
           backend => $url, main => '');
    $at{$context} = $text;

    $http = $at{http} =~ /mcp_backend one\b/ ? ''
          : "mcp_backend one {\n$at{backend}\n}\n";

    return "%%GLOBALS%%\n$at{main}\nhttp {\n%%HTTP%%\n$http$at{http}\n"
         . "server {\nlisten 127.0.0.1:%%PORT%%;\n$at{server}\n"
         . "location /mcp {\n$at{location}\n}\n}\n}\n";
}

sub check {
    my ($context, $text) = @_;

    $t->configure(conf => around($context, $text));

    return ($t->check, $t->read('nginx.conf'));
}

# The line where it is: that with the mark, if there is one, else any of the
# text's, or of the block that is wrong as a whole.

sub fails {
    my ($context, $text, $like, $what) = @_;
    my ($status, $said, $conf, $line, @emerg);

    $what //= $text =~ s/\s+/ /gr;
    ($status, $said, $conf) = check($context, $text);
    $line = 1 + (() = substr($conf, 0, index $conf,
                             $text =~ /([^\n]*)#HERE/ ? $1 : $text) =~ /\n/g);

    if ($text !~ /#HERE/) {
        my $block = $context eq 'backend';
        my $last = $line + (() = $text =~ /\n/g) + $block;
        $line = join '|', $line - $block .. $last;
    }

    @emerg = $said =~ /^nginx: \[emerg\] (.*?)\n(?=nginx: )/msg;

    ok $status && $said =~ /test failed/, substr "$context: $what", 0, 100;
    ok scalar(grep { $_ =~ $like } @emerg), 'what is wrong'
        or diag "not like $like: $said";
    ok scalar(grep { /nginx\.conf:(?:$line)\b/ } @emerg),
        "where it is ($line)"
        or diag $said;
}

# the whole gateway

fails('http', $_->[0], $_->[1]) for
    ['mcp_zone;', qr/number of arguments in "mcp_zone"/],
    ['mcp_zone 1m 2m;', qr/number of arguments in "mcp_zone"/],
    ['mcp_zone big;', qr/invalid size "big" in "mcp_zone".*16m/],
    ['mcp_zone -1m;', qr/invalid size/], ['mcp_zone 1x;', qr/invalid size/],
    ['mcp_zone 99999999999999999999m;', qr/invalid size/],
    ['mcp_zone 0;', qr/too small.*at least/],
    ['mcp_zone 4k;', qr/"mcp_zone 4k" is too small.*at least \d+k/],
    ["mcp_zone 1m;\nmcp_zone 1m; #HERE", qr/"mcp_zone" directive is duplicate/],
    ['mcp_catalog_size 4k;', qr/"mcp_catalog_size 4k" is too small/],
    ['mcp_catalog_size;', qr/number of arguments/],
    ['mcp_catalog_size x;', qr/invalid size/],
    ["mcp_catalog_size 1m;\nmcp_catalog_size 2m; #HERE", qr/is duplicate/],
    ["mcp_backend { $url }", qr/number of arguments in "mcp_backend"/],
    ["mcp_backend a b { $url }", qr/number of arguments in "mcp_backend"/],
    ['mcp_backend a;', qr/directive "mcp_backend" has no opening "\{"/],
    (map { ["mcp_backend $_ { $url }", qr/invalid backend name.*A-Z/s] }
     'a/b', 'a:b', 'all', '"a b"', '""', 'x' x 65, "\xc3\xa9", '"a\\nb"',
     '*', '$x'),
    ["mcp_backend two { $url }\nmcp_backend two { $url } #HERE",
     qr/duplicate backend "two".*first is in.*nginx\.conf:\d+/],
    ['mcp_backend two { }', qr/backend "two" has no "url"/],
    ["mcp_backend two {\nprefix x_;\n}", qr/backend "two" has no "url"/],
    ['mcp_secret $x;', qr/number of arguments/],
    ['mcp_secret x env:HOME;', qr/invalid variable "x".*\$name/],
    ['mcp_secret $x sesame;', qr/env:NAME.*file:PATH/],
    ['mcp_secret $x env:SENTINEL_NO_SUCH;', qr/"SENTINEL_NO_SUCH" is not set/],
    ['mcp_secret $x env:;', qr/env:NAME/],
    ["mcp_secret \$x file:$dir/none;", qr/none" of a secret cannot be opened/],
    ["mcp_secret \$x file:$dir/empty;", qr/empty" of a secret is empty/],
    ["mcp_secret \$x file:$dir/large;", qr/larger than/],
    ["mcp_secret \$x file:$dir;", qr/\Q$dir\E/],
    ["mcp_secret \$host env:HOME;", qr/host/],
    ["mcp_secret \$x env:HOME;\nmcp_secret \$x env:PATH; #HERE",
     qr/duplicate|already/];

unlike +(check('http', 'mcp_secret $x sesame;'))[1], qr/sesame/,
    'a secret that stands in the configuration is not repeated';

# backends

fails('backend', $_->[0], $_->[1]) for
    ["$url\nfrobnicate on; #HERE",
     qr/unknown directive "frobnicate" in "mcp_backend"/],
    ["$url\nproxy_pass http://x; #HERE", qr/unknown directive "proxy_pass"/],
    ["$url\nmcp_pass one; #HERE", qr/unknown directive "mcp_pass"/],
    ["$url\nserver { } #HERE", qr/unexpected "\{"/],
    ["$url\n$url #HERE", qr/"url" directive is duplicate/],
    ['url;', qr/number of arguments in "url"/],
    ["url http://$host/ http://$host/;", qr/number of arguments in "url"/],
    (map { ["url $_;", qr/\bmust begin with "http:\/\/"/] }
     "$host/mcp", 'ftp://x/', 'ws://x/', 'unix:/x:/mcp', '/mcp', 'http:/x/',
     'mcp', 'stdio://x', '""', 'file:///etc/passwd'),
    (map { ["url $_;", qr/host|url/i] }
     'http://', 'http:///mcp', 'http://:80/', 'http://?x', 'https:///'),
    (map { ["url $_;", qr/port/] }
     'http://127.0.0.1:99999/', 'http://127.0.0.1:0/', 'http://127.0.0.1:x/',
     'http://127.0.0.1:80x/', 'http://127.0.0.1:-1/'),
    (map { ["url $_;", qr/invalid character/] }
     '"http://a b/"', "http://$host/#f", "http://u:p\@$host/",
     "http://$host/\$uri", "\"http://$host/\\n\"", "http://$host/\xc3\xa9",
     '"http://x/ HTTP/1.1\\r\\nX: y"'),
    (map { ["url $_;", qr/socket|path/] }
     'http://unix:', 'http://unix::/mcp', 'http://unix:/x:mcp'),
    ['url http://[::1/mcp;', qr/\[::1/],
    ["$url\nprefix a/b; #HERE", qr/"prefix".*A-Z/],
    ["$url\nprefix 'a b'; #HERE", qr/"prefix".*A-Z/],
    ["$url\nprefix a_;\nprefix b_; #HERE", qr/"prefix" directive is dup/],
    ["$url\nprefix; #HERE", qr/number of arguments in "prefix"/],
    ["$url\nprefix " . 'x' x 128 . '; #HERE', qr/prefix.*long/],
    ["$url\nprotocol new; #HERE", qr/invalid value "new"/],
    ["$url\nprotocol auto;\nprotocol auto; #HERE", qr/duplicate/],
    ["$url\nsession mine; #HERE", qr/invalid value "mine"/],
    ["$url\nsession client;\nprotocol modern;",
     qr/"session client" with "protocol modern"/],
    ["$url\nrefresh 0;", qr/"refresh".*more than 0/],
    ["$url\nrefresh soon; #HERE", qr/"refresh".*invalid/],
    ["$url\nrefresh -1s; #HERE", qr/"refresh".*invalid/],
    ["$url\nrefresh 1s;\nrefresh 2s; #HERE", qr/duplicate/],
    (map { ["$url\n$_ x; #HERE", qr/"$_".*invalid/] }
     qw/connect_timeout send_timeout read_timeout buffer_size/),
    ["$url\nbuffer_size 10; #HERE", qr/buffer_size/],
    ["$url\nset_header X; #HERE", qr/number of arguments in "set_header"/],
    ["$url\nset_header X a b; #HERE", qr/number of arguments/],
    (map { ["$url\nset_header $_ x; #HERE", qr/header name/] }
     '"X Y"', 'X:', '""', '"X\\nY"', "X\xc3\xa9", 'X@', '"X\\0"'),
    (map { ["$url\nset_header $_ x; #HERE", qr/"\Q$_\E".*gateway/] }
     qw/Accept accept Accept-Encoding Connection Content-Encoding
        Content-Length CONTENT-LENGTH Content-Type Expect
        MCP-Protocol-Version Mcp-Method Mcp-Name Mcp-Session-Id mcp-session-id
        Mcp-Param-Region TE Trailer Transfer-Encoding Upgrade X-Request-Id
        traceparent tracestate/),
    ["$url\nset_header X \"a\\nb\"; #HERE", qr/line break|set_header/],
    ["$url\nset_header X \"a\\rb\"; #HERE", qr/line break|set_header/],
    ["url https://$host/mcp;\nssl_verify maybe; #HERE", qr/"maybe"/],
    ["url https://$host/mcp;\nssl_protocols SSLv2; #HERE", qr/"SSLv2"/],
    ["url https://$host/mcp;\nssl_trusted_certificate none.pem;",
     qr/none\.pem/],
    ["url https://$host/mcp;\nssl_trusted_certificate $dir/not.pem;",
     qr/not\.pem/],
    ["url https://$host/mcp;\nssl_certificate $crt;",
     qr/ssl_certificate_key/],
    ["url https://$host/mcp;\nssl_certificate $crt;\n"
     . "ssl_certificate_key none.key;", qr/none\.key/],
    ["url https://$host/mcp;\nssl_ciphers NONE-SUCH;", qr/NONE-SUCH/];

# locations

fails('location', $_->[0], $_->[1]) for
    ['mcp_pass;', qr/number of arguments in "mcp_pass"/],
    ['mcp_pass two;', qr/unknown backend "two".*no mcp_backend of this name/],
    ['mcp_pass one two;', qr/unknown backend "two"/],
    ['mcp_pass One;', qr/unknown backend "One"/],
    ['mcp_pass one one;', qr/"one" is named twice/],
    ['mcp_pass all one;', qr/"all"/], ['mcp_pass one all;', qr/"all"/],
    ["mcp_pass one;\nmcp_pass one; #HERE", qr/"mcp_pass" directive is dup/],
    ["mcp_pass one;\nmcp_zone 1m; #HERE", qr/"mcp_zone".*not allowed here/],
    ["mcp_pass one;\nmcp_backend x { $url } #HERE", qr/not allowed here/],
    ["mcp_pass one;\nurl http://x/; #HERE", qr/unknown directive "url"/],
    ["mcp_pass one;\nset_header A b; #HERE", qr/unknown directive/],
    (map { ["mcp_pass one;\nmcp_origin $_; #HERE", qr/origin/] }
     '""', '*', 'http://*', '*.', '*x', 'https://a.example/',
     'https://a.example/x', 'a.example/x', '"a b"', 'https://',
     'https://*.example.org', '*.example.org:8443', 'https://a.example:x',
     'https://u@a.example', '*.*.example.org', 'https://a.example?x', ''),
    ["mcp_pass one;\nmcp_origin a;\nmcp_origin b; #HERE", qr/duplicate/],
    (map { ["mcp_pass one;\nmcp_max_depth $_; #HERE",
            qr/mcp_max_depth|depth|value|number/] }
     '0', '1', 'x', '-1', '100000', '1.5', ''),
    (map { ["mcp_pass one;\nmcp_page_size $_; #HERE",
            qr/mcp_page_size|value|number/] }
     '0', 'x', '-1', '100001', '');

fails('server', 'mcp_pass one;', qr/"mcp_pass".*not allowed here/);
fails('http', 'mcp_pass one;', qr/"mcp_pass".*not allowed here/);
fails('main', 'mcp_zone 1m;', qr/"mcp_zone".*not allowed here/);
fails('main', "mcp_backend x { $url }", qr/not allowed here/);
fails('server', "mcp_backend x { $url }", qr/not allowed here/);
fails('server', 'mcp_secret $x env:HOME;', qr/not allowed here/);

# a name that no configuration has

for (['unknown variable', 'backend', "$url\nset_header X \$no_such_variable;",
      qr/unknown "no_such_variable" variable/],
     ['no backend at all', 'http', 'upstream x { server 127.0.0.1; }', undef])
{
    my ($what, $context, $text, $like) = @$_;
    next if !$like;
    my ($status, $said) = check($context, $text);
    isnt $status, 0, $what;
    like $said, $like, 'said';
}

$t->configure(conf => "%%GLOBALS%%\nhttp {\n%%HTTP%%\nserver {\n"
    . "listen 127.0.0.1:%%PORT%%;\nlocation / {\nmcp_pass all;\n}\n}\n}\n");
my ($status, $said) = $t->check;
isnt $status, 0, 'mcp_pass without any backend';
like $said, qr/"mcp_pass" in .*nginx\.conf:\d+.*mcp_backend/, 'says so';

# shared memory that is too small for so many backends

my $many = join "\n", map { "mcp_backend many$_ { $url }" } 1 .. 500;
($status, $said) = check('http', "mcp_zone 64k;\n$many");
isnt $status, 0, 'a zone that is too small for its backends';
like $said, qr/"mcp_zone" is too small.*make it larger/, 'says so';
unlike $said, qr/\[alert\]|signal/, 'and does not crash';

# good ones

for (['the least', 'location', 'mcp_pass one;'],
     ['all', 'location', 'mcp_pass all;'],
     ['a backend further down', 'server', '} mcp_backend last { ' . $url
      . ' } server { listen 127.0.0.1:%%PORT:last%%; location /x { '
      . 'mcp_pass last; }'],
     ['a zone', 'http', "mcp_zone 64k;\nmcp_catalog_size 64k;"],
     ['a prefix', 'backend', "$url\nprefix a.b-C_9;"],
     ['no prefix', 'backend', "$url\nprefix off;"],
     ['a socket', 'backend', "url http://unix:$dir/none:/mcp;"],
     ['a socket without a path', 'backend', "url http://unix:$dir/none;"],
     ['no path', 'backend', "url http://$host;"],
     ['a query', 'backend', "url http://$host/mcp?key=1&x=%20;"],
     ['IPv6', 'backend', 'url http://[::1]:1/mcp;'],
     ['TLS', 'backend', "url https://$host/mcp;\nssl_verify on;\n"
      . "ssl_verify_depth 2;\nssl_trusted_certificate $crt;\n"
      . "ssl_certificate $crt;\nssl_certificate_key $key;\n"
      . "ssl_name x.example;\nssl_server_name on;\nssl_session_reuse off;\n"
      . "ssl_protocols TLSv1.2 TLSv1.3;\nssl_ciphers HIGH;"],
     ['times and sizes', 'backend', "$url\nconnect_timeout 1s;\n"
      . "send_timeout 2m;\nread_timeout 250ms;\nbuffer_size 4k;\n"
      . "refresh 1h;\nprotocol legacy;\nsession shared;"],
     ['headers', 'backend', "$url\nset_header Authorization \"Bearer x\";\n"
      . "set_header X-Host \$host;\nset_header Host my.host;\n"
      . "set_header X_Under 1;\nset_header X-None '';"],
     ['an upstream', 'http', "upstream up { server $host; keepalive 8; }\n"
      . "mcp_backend two { url http://up/mcp; }"],
     ['origins', 'location', "mcp_pass one;\nmcp_origin https://a.example "
      . "http://b.example:8080 c.example *.d.example null "
      . "http://[2001:db8::1]:80 https://localhost;"],
     ['limits', 'location', "mcp_pass one;\nmcp_max_depth 1024;\n"
      . "mcp_page_size 100000;"],
     ['in every context', 'http', "mcp_origin a.example;\nmcp_max_depth 8;\n"
      . "mcp_page_size 5;"],
     ['secrets', 'http', "mcp_secret \$a env:HOME;\n"
      . "mcp_secret \$b file:$dir/secret;\n"
      . "mcp_backend two { $url set_header X \$a; set_header Y \$b; }"],
     ['limit_except', 'location', "mcp_pass one;\n"
      . 'limit_except POST DELETE { deny all; }'],
     ['the word on a line of its own', 'backend',
      "url\n  http://$host/mcp\n;"])
{
    my ($what, $context, $text) = @$_;
    my ($status, $said) = check($context, $text);

    is $status, 0, "good: $what" or diag $said;
    unlike $said, qr/\[(?:emerg|alert|crit|error|warn)\]/, 'nothing to say';
}

# a bad configuration on reload leaves the old one serving

my $b = Sentinel::Backend->legacy(tools => ['echo']);
my $u = Sentinel::Test->new(backends => [one => $b])->run
    ->wait_catalog('echo');
my @workers = $u->workers;

$u->expect(qr/\[emerg\].*unknown backend/);
$u->configure(pass => 'one none');
$u->{process}->signal('HUP');
ok $u->wait_log(qr/unknown backend "none"/), 'a bad reload says why';
is $u->call('echo', { message => 'm' })->text, 'm', 'and changes nothing';
is_deeply [$u->workers], \@workers, 'the workers are the old ones';

done_testing;
