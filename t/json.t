# What is JSON and what is not, in a request as a whole and in the arguments of
# a call: the gateway and the backend must never read two different things in
# the same bytes.  The cases are JSONTestSuite's and utf8tests'.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

my $corpora = $ENV{MCP_CORPORA} // '../shared/corpora';
my $suite = "$corpora/jsontestsuite/test_parsing";
my $utf8 = "$corpora/utf8tests/utf8tests.txt";

for ($suite, $utf8) {
    -e $_ or BAIL_OUT("$_ is missing: set MCP_CORPORA");
}

my %text = map { (m{([^/]+)\.json\z}, Sentinel::Process::slurp($_)) }
           glob "$suite/*.json";

for (['y', 95], ['n', 188], ['i', 35]) {
    my ($kind, $count) = @$_;
    is scalar(grep { /^${kind}_/ } keys %text), $count,
        "JSONTestSuite: $count files ${kind}_";
}

my $p = Sentinel::Pairs->new(
    http => 'keepalive_requests 100000;',
    server => 'location /deep { mcp_pass m; mcp_max_depth 500; }
               location /flat { mcp_pass m; mcp_max_depth 8; }');
my $t = $p->t;
my $c = $t->connection;
my $s = $p->session('legacy');

# A body of the modern era, and of the legacy one.

sub modern {
    my ($body, %opt) = @_;

    return $t->modern('tools/call', { name => 'm_echo' }, raw => $body,
                      on => $c, %opt);
}

sub legacy {
    my ($body) = @_;

    return $s->request(undef, undef, raw => $body, on => $c);
}

# which of them come to something else than that

sub not_refused {
    my ($code, $client, @bodies) = @_;
    my (@odd, $name, $body, $r);

    while (($name, $body) = splice @bodies, 0, 2) {
        $r = $client->($body);
        push @odd, "$name: " . $r->status . ' ' . ($r->code // 'none')
            if $r->status != 400 || ($r->code // 0) !~ $code;
    }

    return \@odd;
}

my $parse = qr/\A-32700\z/;
my $request = qr/\A-32600\z/;
my $either = qr/\A-32[67]00\z/;

# The files of which it is left open what they are, as decided here.

my %number = map { ($_ => 1) } grep { /^i_number/ } keys %text;
my @open_bad = grep { /^i_/ && !$number{$_} } sort keys %text;

sub call {
    my ($client, $backend, $arguments) = @_;

    return $p->message($client, 'tools/call', '{"name":"'
        . $Sentinel::Pairs::prefix{$backend} . 'echo","arguments":'
        . "$arguments}");
}

# the cases of utf8tests

my (%valid, %invalid);

for (split /\n/, Sentinel::Process::slurp($utf8)) {
    /^([\d.]+):(valid|invalid)( hex)?:([^:]*)/ or next;
    my ($n, $kind, $hex, $bytes) = ($1, $2, $3, $4);
    $bytes = pack 'H*', $bytes =~ s/\s//gr if $hex;
    ($kind eq 'valid' ? \%valid : \%invalid)->{$n} = $bytes;
}

is keys(%valid) + keys(%invalid), 216, 'utf8tests: 216 cases';

# not JSON

for my $era ('modern', 'legacy') {
    my $client = \&$era;
    my $b = $p->backend('modern');

    untouched $b, "$era client: nothing of it reaches the backend", sub {
        is_deeply not_refused($parse, $client,
            map { ($_ => $text{$_}) } grep { /^n_/ } sort keys %text), [],
            "$era client: 188 bodies that are not JSON";

        is_deeply not_refused($parse, $client,
            map { ($_ => $text{$_}) } @open_bad), [],
            'bodies that other parsers take for JSON';

        is_deeply not_refused($parse, $client,
            map { ($_ => call($era, 'modern', "{\"v\":$text{$_}}")) }
            grep { /^n_/ } sort keys %text), [],
            'arguments that are not JSON';

        is_deeply not_refused($parse, $client,
            map { ($_ => call($era, 'modern', "{\"v\":$text{$_}}")) }
            @open_bad), [],
            'arguments that other parsers take for JSON';

        is_deeply not_refused($parse, $client,
            map { ($_ => call($era, 'modern', "{\"v\":\"$invalid{$_}\"}")) }
            sort keys %invalid), [], 'strings that are not UTF-8';
        is_deeply not_refused($parse, $client,
            map { ($_ => call($era, 'modern', "{\"$invalid{$_}\":1}")) }
            sort keys %invalid), [], 'names that are not UTF-8';

        # JSON, but no message

        is_deeply not_refused($request, $client,
            map { ($_ => $text{$_}) }
            grep { /^y_/ || $number{$_} } sort keys %text), [],
            '95 bodies that are JSON, but no message';

        # every cut of a message, and every message with something behind it

        my $good = call($era, 'modern', '{"a":"\u00e9","b":[1.5e3,true]}');

        is_deeply not_refused($either, $client,
            map { ($_ => substr $good, 0, $_) } 0 .. length($good) - 1), [],
            'a message cut at any byte';
        is_deeply not_refused($parse, $client,
            map { (shown($_) => $good . $_) } '}', ']', '{}', $good, 'null',
            ',', '1', '"', "\0", '//', '/**/', "\xa0", "\x0c", "\xff",
            "\xef\xbb\xbf", '#'), [], 'a message and more';
        is_deeply not_refused($parse, $client,
            map { (shown($_) => $_ . $good) } '}', '1', '"x"', 'null', "\0",
            "\xef\xbb\xbf", "\xfe\xff", "\xff\xfe", "\x0b", "\xc2\xa0", ')',
            ")]}',\n", '//', '/**/', 'for(;;);'), [], 'something and a message';

        for my $encoding ('UTF-16LE', 'UTF-16BE', 'UTF-32LE', 'UTF-32BE') {
            require Encode;
            is_deeply not_refused($parse, $client,
                $encoding => Encode::encode($encoding, $good),
                "$encoding with BOM" => Encode::encode($encoding,
                                                       "\x{feff}$good")), [],
                "a message in $encoding";
        }
    };
}

# JSON in arguments: byte for byte

my @values = (
    (map { $text{$_} } grep { /^y_/ && !/duplicated_key/ || $number{$_} }
                       sort keys %text),
    (map { "\"$_\"" } grep { !/["\\\x00-\x1f]/ } map { $valid{$_} }
                      sort keys %valid),
    '{"a":1,"A":2}', '{"name":1,"Name":2,"NAME":3,"name\\u0000":4}',
    '{"":1,"\\u0000":2}', '{"\\ud83d\\ude00":"\\ud83d\\ude00"}',
    '{"_meta" :{"io.modelcontextprotocol/protocolVersion":"x"}}',
    '{"jsonrpc":"1.0","id":null,"method":[],"params":0}',
    '[-0, -0.0, 0e0, 1E+5, 1e-0005, 123456789012345678901234567890]',
    "[ 1 ,\t2\r\n, 3 ]", '"\\/\\b\\f\\n\\r\\t\\"\\\\"', '"\\u007F\\u0080"',
    "\"\x7f\"", '"</script><!--"', '"\\u2028\\u2029"', "\"\xe2\x80\xa8\"",
    '"' . 'x' x 5000 . '"', '"' . '\\n' x 3000 . '"',
    '[' . join(',', 1 .. 3000) . ']',
    '{' . join(',', map { "\"k$_\":$_" } 1 .. 3000) . '}',
    '{"z":1,"a":2,"m":3,"B":4}',
);

for my $client (qw/modern legacy/) {
    for my $backend (qw/modern legacy/) {
        my (@want, @sent, @odd, $call);

        $call = $client eq 'modern' ? \&modern : \&legacy;

        @sent = sent $p->backend($backend), sub {
            for (@values) {
                my $r = $call->(call($client, $backend, "{ \"v\" :$_}"),
                    headers => { 'Mcp-Name' => $backend =~ /^m/ ? 'm_echo'
                                                                : 'l_echo' });
                push @odd, substr $r->body, 0, 100
                    if !$r->result;
                push @want, "{ \"v\" :$_}";
            }
        };

        is_deeply \@odd, [], "$client client, $backend backend: "
            . @values . ' values as arguments';

        my @got = map { $_->{body} =~ /"arguments":(.*)\}\}\z/s } @sent;
        my ($first) = grep { ($got[$_] // '') ne $want[$_] } 0 .. $#want;
        is @got, @want, 'as many as were sent';
        is defined $first
               ? "got $got[$first], not " . substr($want[$first], 0, 200)
               : '', '', 'each reaches the backend byte for byte';
    }
}

# depth: the message, params, arguments and "v" are four

sub nested {
    my ($depth, $open, $close) = @_;

    return call('modern', 'modern', '{"v":' . $open x $depth
                . ($open =~ /:/ ? '1' : '') . $close x $depth . '}');
}

for (['/mcp', 64, 'the default'], ['/deep', 500, 'mcp_max_depth 500'],
     ['/flat', 8, 'mcp_max_depth 8'])
{
    my ($path, $max, $what) = @$_;
    my $tool = $path eq '/mcp' ? 'm_echo' : 'echo';

    for (['[', ']'], ['{"a":', '}']) {
        my ($open, $close) = @$_;
        my ($in, $out) = map { nested($_, $open, $close)
                               =~ s/m_echo/$tool/r } $max - 3, $max - 2;

        is modern($in, path => $path, headers => { 'Mcp-Name' => $tool })
             ->status, 200, "$what: $max levels of $open";
        untouched $p->backend('modern'), 'but no more', sub {
            like modern($out, path => $path,
                        headers => { 'Mcp-Name' => $tool })->code // 0,
                $either, "one more than $max is refused";
        };
    }
}

# large and hostile

untouched $p->backend('modern'), 'none of them reaches the backend', sub {
    for (['brackets' => '[' x 500_000], ['braces' => '{"a":' x 150_000],
         ['brackets in arguments' => call('modern', 'modern', '{"v":'
                                          . '[' x 500_000)],
         ['a string without end' => '{"a":"' . 'x' x 900_000],
         ['a number without end' => '1' x 900_000],
         ['white space' => ' ' x 900_000],
         ['a batch of 100,000' => '[' . join(',', ('{}') x 100_000) . ']'],
         ['100,000 equal names' => '{' . join(',', ('"a":1') x 100_000) . '}'])
    {
        my ($what, $body) = @$_;
        my $start = time;
        my $r = modern($body);
        is_deeply not_refused($either, sub { $r }, $what, ''), [],
            "$what: refused";
        cmp_ok time - $start, '<', 3, 'soon';
    }
};

my $many = '{' . join(',', map { "\"$_\":1" } 1 .. 70_000) . '}';
my ($sent) = sent $p->backend('modern'), sub {
    is modern(call('modern', 'modern', $many))->status, 200,
        '70,000 different names';
};
ok index($sent->{body}, $many) > 0, 'byte for byte';

done_testing;
