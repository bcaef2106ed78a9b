# Whatever nginx is told to do with responses (gzip, sendfile, limits,
# buffers, HTTP/1.0 clients), progress comes when it is sent, a large answer
# is whole, and one that breaks off never looks whole.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Faults;
use IO::Uncompress::Gunzip qw/gunzip/;

my $dir = File::Temp::tempdir(CLEANUP => 1);
my $text = join '', map { sprintf '%08x', $_ } 1 .. 20_000;

sub act {
    my ($c, $arguments) = @_;
    my ($body, $do);

    $do = $arguments->{do};
    $body = result($c->id, $text);

    return $c->json($body) if $do eq 'JSON';

    if ($do eq 'half JSON') {
        $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . 'Content-Length: ' . length($body) . "\r\n\r\n"
                  . substr $body, 0, 80_000);
        return $c->close;
    }

    # whole to look at, but not an answer to this call
    return $c->json($body . '!') if $do eq 'garbage behind';
    return $c->json($body =~ s/"id":(\d+),(.*)\}\z/$2 . ',"id":'
                                                     . ($1 + 1) . '}'/er)
        if $do eq 'another id';

    if ($do eq 'no last chunk') {
        $c->write("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                  . "Transfer-Encoding: chunked\r\n\r\n");
        $c->bytes($body);
        return $c->close;
    }

    $c->sse;

    if ($do eq 'half SSE') {
        $c->bytes(substr event($body), 0, 80_000);
        return $c->close;
    }

    $c->event('{"jsonrpc":"2.0","method":"notifications/progress","params":'
              . '{"progressToken":1,"progress":1}}');
    await { -e "$dir/$arguments->{sign}" } or return $c->close;
    $c->bytes(event($body));
    $c->end;

    return undef;
}

my %b = map { $_ => Sentinel::Backend->$_(tools => ['act'],
                                          call => { act => \&act }) }
        qw/legacy modern/;

my @confs = (
    'gzip' => 'gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;',
    'sendfile' => 'sendfile on; tcp_nopush on; tcp_nodelay off;',
    'postponed output' => 'postpone_output 65536;',
    'small buffers' => 'output_buffers 1 1k;',
    'no chunks' => 'chunked_transfer_encoding off;',
    'a rate' => 'limit_rate 1m;',
    'a rate later' => 'limit_rate_after 50k; limit_rate 1m;',
    'lingering' => 'lingering_close always;',
    'no keepalive' => 'keepalive_timeout 0;',
    'more headers' => 'add_header X-A b always; expires off;'
                      . ' charset utf-8; charset_types *;',
    'sub_filter' => 'sub_filter nothing else; sub_filter_types *;',
    'other things' => 'server_tokens off; etag off; default_type x/y;',
);

my ($count, @locations) = 0;

while (my ($name, $conf) = splice @confs, 0, 2) {
    my $path = '/c' . ++$count;
    push @locations,
        [$name, "        location $path { $conf mcp_pass all; }\n", $path];
}

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}],
    server => join '', map { $_->[1] } @locations);
my $server = $t->{server} =~ s/        location.*//sr;

# nginx may lack a module

while (($t->check)[1] =~ /unknown directive "(\w+)"/) {
    my $unknown = $1;
    @locations = grep { $_->[1] !~ /\b$unknown\b/ } @locations;
    $t->configure(server => $server . join '', map { $_->[1] } @locations);
}

$t->run->wait_catalog(qw/l_act m_act/);
my %client = (legacy => $t->legacy, modern => $t);
my $signs = 0;

sub unpacked {
    my ($r) = @_;
    my ($body, $out) = $r->body;

    return $body if ($r->header('Content-Encoding') // '') ne 'gzip';
    gunzip(\$body => \$out);

    return $out // '';
}

for my $location (@locations) {
    my ($name, $conf, $path) = @$location;
    my @at = (path => $path, headers => { 'Accept-Encoding' => 'gzip' });

    for (['legacy', 'm'], ['modern', 'l']) {
        my ($era, $way) = @$_;
        my $what = "$name: $era client, $way";
        my $tool = "${way}_act";

        my $r = eval { $client{$era}->call($tool, { do => 'JSON' }, id => 'j',
                                             @at, timeout => 3) }
                or fail("$what: $@"), next;
        is +(unpacked($r) =~ /"text":"(\w+)"/)[0], $text, "$what: JSON";
        is $r->truncated, 0, '... whole';

        for my $do ('half JSON', 'half SSE') {
            $r = eval { $client{$era}->call($tool, { do => $do }, @at) };
            my $body = $r ? unpacked($r) : '';
            unlike $body, qr/\]\}\}/, "... $do has no end";
            ok !$r || $r->truncated || $name eq 'no chunks'
               || $body =~ /"error"/, '... and shows it';
        }

        # the first event before there is a second

        my $sign = ++$signs;
        my $c = $client{$era}->call($tool, { do => 'SSE', sign => $sign },
            meta => { progressToken => 'p' }, send => 1, path => $path,
            $name eq 'gzip' ? (headers => {}) : @at[2, 3]);
        my $seen = eval { $c->head; $c->message(3) } || {};
        is +($seen->{params} || {})->{progress}, 1,
            '... progress when it is sent';
        open my $go, '>', "$dir/$sign";
        $seen = eval { $c->message } || {};
        is $seen->{result}{content}[0]{text}, $text, '... and the result';
        $c->body;
        ok !$c->truncated, '... and the end';
        $c->close;
    }
}

# gzip, byte by byte as it comes

my ($gzip) = grep { $_->[0] eq 'gzip' } @locations;

SKIP: {
skip 'no gzip', 3 if !$gzip;

my $sign = ++$signs;
my $c = $t->call('m_act', { do => 'SSE', sign => $sign }, send => 1,
    path => $gzip->[2], headers => { 'Accept-Encoding' => 'gzip' },
    meta => { progressToken => 'p' });
is $c->head->header('Content-Encoding'), 'gzip', 'a compressed stream';
my $packed = '';
ok +(await {
    $packed .= $c->chunk(1) // '';
    my $out;
    gunzip(\(my $copy = $packed) => \$out, Transparent => 0);
    ($out // '') =~ /"progress":1.*\n\n/s;
} 3), '... is not held back';
open my $go, '>', "$dir/$sign";
$c->body;
ok !$c->truncated, '... and ends';
}


# HTTP/1.0: no chunks; the end of the connection is the end

sub old_client {
    my ($era, $tool, %arguments) = @_;
    my ($c, $body, %headers);

    $body = { jsonrpc => '2.0', id => 'o', method => 'tools/call',
              params => { name => $tool, arguments => \%arguments } };

    if ($era eq 'legacy') {
        %headers = %{ $client{legacy}->headers };

    } else {
        %headers = ('MCP-Protocol-Version' => '2026-07-28',
                    'Mcp-Method' => 'tools/call', 'Mcp-Name' => $tool);
        $body->{params}{_meta} = {
            'io.modelcontextprotocol/protocolVersion' => '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities' => {} };
    }

    $c = $t->connection;
    $c->write($c->format_request('POST', '/mcp', {
        'Content-Type' => 'application/json',
        'Accept' => 'application/json, text/event-stream', %headers },
        json_text($body)) =~ s{HTTP/1\.1}{HTTP/1.0}r);

    return $c;
}

for (['legacy', 'm'], ['modern', 'l']) {
    my ($era, $way) = @$_;
    my $tool = "${way}_act";

    my $r = old_client($era, $tool, do => 'JSON')->response;
    is $r->text, $text, "HTTP/1.0, $era client, $way: JSON";
    is $r->header('Transfer-Encoding'), undef, '... without chunks';
    $r = old_client($era, $tool, do => 'half JSON')->response;
    unlike $r ? $r->body : '', qr/\]\}\}/, '... half has no end';

    for my $do ('garbage behind', 'another id', 'no last chunk') {
        $r = old_client($era, $tool, do => $do)->response;
        my $message = $r ? eval { $r->json } || {} : {};
        ok !$message->{result}, "... $do: no answer that looks whole";
    }

    my $sign = ++$signs;
    my $c = old_client($era, $tool, do => 'SSE', sign => $sign);
    $c->head;
    is +($c->message(3) || {})->{method}, 'notifications/progress',
        '... progress';
    open my $go, '>', "$dir/$sign";
    is $c->message->{result}{content}[0]{text}, $text, '... the result';
    is $c->chunk, undef, '... the end';
}

done_testing;
