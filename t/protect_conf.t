# Bad limits, switches, breakers, retries and probes never start: nginx -t
# says where they stand and how to write them.

use Sentinel::Test;

my $t = Sentinel::Test->new(conf => '');
my $url = 'url http://127.0.0.1:' . free_port() . '/mcp;';

sub check {
    my ($context, $text) = @_;
    my %at = (http => '', location => '', backend => '', $context => $text);

    $t->configure(conf => "%%GLOBALS%%\nhttp {\n%%HTTP%%\n"
        . "mcp_backend one {\n$url\n$at{backend}\n}\n$at{http}\n"
        . "server {\nlisten 127.0.0.1:%%PORT%%;\nlocation /mcp {\n"
        . "mcp_pass one;\n$at{location}\n}\n}\n}\n");

    return ($t->check, $t->read('nginx.conf'));
}

sub fails {
    my ($context, $text, $like) = @_;
    my ($status, $said, $conf) = check($context, $text);
    my $line = 1 + (() = substr($conf, 0, index $conf, $text) =~ /\n/g);

    isnt $status, 0, "$context: $text";
    like $said, qr/\[emerg\].*$like.*nginx\.conf:$line$/m, '... says why';
}

sub works {
    my ($context, $text) = @_;
    my ($status, $said) = check($context, $text);

    is $status, 0, "$context: $text" or diag $said;
}

# mcp_limit

fails('location', $_->[0], $_->[1]) for
    ['mcp_limit burst=5;', qr/"mcp_limit" directive has no "rate="/],
    ['mcp_limit rate=5;', qr/invalid rate "rate=5": write it as "rate=5r\/s"/],
    ['mcp_limit rate=r/s;', qr/invalid rate/],
    ['mcp_limit rate=0r/s;', qr/invalid rate/],
    ['mcp_limit rate=-1r/s;', qr/invalid rate/],
    ['mcp_limit rate=5r/d;', qr/invalid rate/],
    ['mcp_limit rate=5.5r/s;', qr/invalid rate/],
    ['mcp_limit rate=1000001r/s;', qr/invalid rate/],
    ['mcp_limit rate=99999999999999999999r/s;', qr/invalid rate/],
    ['mcp_limit rate=1r/s burst=0;', qr/invalid "burst=0"/],
    ['mcp_limit rate=1r/s burst=1000001;', qr/invalid "burst=1000001"/],
    ['mcp_limit rate=1r/s burst=x;', qr/invalid "burst=x"/],
    ['mcp_limit rate=1r/s tools=echo;', qr/pattern of tools "echo".*backend/],
    ['mcp_limit rate=1r/s tools=;', qr/pattern of tools ""/],
    ['mcp_limit rate=1r/s key=fixed;', qr/no variable in it/],
    ['mcp_limit rate=1r/s nodelay;', qr/invalid parameter "nodelay"/],
    ['mcp_limit rate=1r/s bust=5;', qr/invalid parameter "bust=5"/],
    ['mcp_limit rate=1r/s one/echo;', qr/invalid parameter "one\/echo"/],
    ['mcp_limit_status 503;', qr/invalid value "503"/];

works('location', $_) for
    'mcp_limit rate=1000000r/h burst=1000000;',
    'mcp_limit tools=one/* two/a tools=*/b rate=1r/s key=$remote_addr$host;',
    'mcp_limit rate=1r/s; mcp_limit rate=1r/s dry_run;',
    'mcp_limit_status 429;';

# mcp_disable, mcp_api, mcp_state_path

fails('location', $_->[0], $_->[1]) for
    ['mcp_disable one/echo;', qr/invalid parameter "one\/echo"/],
    ['mcp_disable tool=one/echo;', qr/invalid parameter "tool=one\/echo"/],
    ['mcp_disable tools=echo;', qr/pattern of tools "echo"/],
    ['mcp_disable tools=;', qr/pattern of tools ""/],
    ['mcp_disable tools=one/a,one/b;', qr/pattern of tools "one\/a,one\/b"/],
    ['mcp_disable backend=;', qr/invalid backend ""/],
    ['mcp_disable backend=o*;', qr/invalid backend "o\*"/],
    ['mcp_api;', qr/"mcp_api".*another handler/],
    ['mcp_api on;', qr/invalid number of arguments/];

works('location', 'mcp_disable tools=one/a two/* backend=one;');
like +(check('location', 'mcp_disable backend=none;'))[1],
    qr/\[warn\] unknown backend "none" in "mcp_disable" in .*:\d+: there is/,
    'a backend that is not there';
works('http', 'mcp_disable backend=one; mcp_state_path %%DIR%%/state;');
fails('http', 'mcp_state_path a; mcp_state_path b;', qr/is duplicate/);

# retry, breaker

fails('backend', $_->[0], $_->[1]) for
    ['retry;', qr/invalid number of arguments in "retry"/],
    ['retry -1;', qr/invalid "retry -1"/],
    ['retry 101;', qr/invalid "retry 101"/],
    ['retry many;', qr/invalid "retry many"/],
    ['retry 2 backoff=0;', qr/invalid parameter "backoff=0"/],
    ['retry 2 backoff=soon;', qr/invalid parameter "backoff=soon"/],
    ['retry 2 max=;', qr/invalid parameter "max="/],
    ['retry 2 min=1s;', qr/invalid parameter "min=1s"/],
    ['retry 2; retry 3;', qr/"retry" directive is duplicate/],
    ['breaker 0;', qr/invalid "breaker 0"/],
    ['breaker on;', qr/invalid "breaker on"/],
    ['breaker 5 cooldown=0;', qr/invalid parameter "cooldown=0"/],
    ['breaker 5 30s;', qr/invalid parameter "30s"/],
    ['breaker off cooldown=1s;', qr/"breaker" directive is "off"/],
    ['breaker 5; breaker off;', qr/"breaker" directive is duplicate/];

works('backend', $_) for 'retry 0; breaker off;', 'retry off;',
    'retry 100 max=1h backoff=1ms; breaker 1000000 cooldown=365d;';

# health, mcp_health, mcp_ready

fails('backend', $_->[0], $_->[1]) for
    ['health on;', qr/invalid parameter "on"/],
    ['health interval=0;', qr/invalid parameter "interval=0"/],
    ['health interval=10s timeout=x;', qr/invalid parameter "timeout=x"/],
    ['health off interval=10s;', qr/invalid parameter "off"/],
    ['health interval=1s; health off;', qr/"health" directive is duplicate/],
    ['health off; health off;', qr/"health" directive is duplicate/];

works('backend', $_) for 'health off;', 'health timeout=1s;',
    'health interval=1h timeout=2h;';

fails('location', $_->[0], $_->[1]) for
    ['mcp_health;', qr/"mcp_health".*another handler/],
    ['mcp_ready;', qr/"mcp_ready".*another handler/];
fails('http', "server { location / { $_->[0] } }", $_->[1]) for
    ['mcp_ready any;', qr/invalid parameter "any"/],
    ['mcp_ready; mcp_health;', qr/another handler/];

done_testing;
