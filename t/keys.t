# Two members of one name, and names that only look like the protocol's.
# Parsers differ in which of two they take, in case, and in where a name ends,
# so a gateway that judges one of them lets the other through: such messages
# are refused, at every level that the gateway reads.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;
use Sentinel::Pairs;

my $p = Sentinel::Pairs->new(http => 'keepalive_requests 100000;');
my $c = $p->t->connection;
my $reserved = 'io.modelcontextprotocol/';
my %head = (jsonrpc => '"2.0"', id => '7', method => '"tools/call"');

# A message with more members at one place, in front or behind.

sub message {
    my ($client, %more) = @_;
    my $meta;

    $meta = $client eq 'modern' ? $Sentinel::Pairs::meta . ',' : '';
    $meta .= '"progressToken":"t"';

    return '{' . with('"jsonrpc":"2.0","id":7,"method":"tools/call",'
        . '"params":{' . with('"name":"m_echo","_meta":{'
                              . with($meta, $more{_meta}) . '},"arguments":{'
                              . with('"message":"hi","o":{"p":1}',
                                     $more{arguments}) . '}', $more{params})
        . '}', $more{top}) . '}';
}

sub with {
    my ($members, $more) = @_;

    return $members if !defined $more;
    return ref $more ? "$$more,$members" : "$members,$more";
}

sub ask {
    my ($client, $body) = @_;

    return $client eq 'modern'
        ? $p->t->modern('tools/call', { name => 'm_echo' }, raw => $body,
                        on => $c)
        : $p->session($client)->request(undef, undef, raw => $body, on => $c);
}

# the same name again, at each level, in any spelling

my @again = (
    [top => qw/jsonrpc method params id/],
    [params => qw/name arguments _meta/],
    [_meta => 'progressToken', "${reserved}protocolVersion",
              "${reserved}clientCapabilities"],
    [arguments => qw/message o/],
);

my %value = (jsonrpc => '"2.0"', method => '"tools/call"', id => 7,
             params => '{"name":"m_echo"}', name => '"m_echo"',
             arguments => '{}', _meta => '{}', progressToken => '"t"',
             "${reserved}protocolVersion" => '"2026-07-28"',
             "${reserved}clientCapabilities" => '{}', message => '"hi"',
             o => '{}');

sub spellings {
    my ($name) = @_;
    my ($first, $rest) = $name =~ /\A(.)(.*)\z/;

    return $name, sprintf('\\u%04x', ord $first) . $rest,
           $name =~ s/(\w)\z/sprintf '\\u%04X', ord $1/er,
           join('', map { sprintf '\\u00%02x', ord } split //, $name),
           $name =~ m{/} ? $name =~ s{/}{\\/}r : ();
}

my $count = 0;

for my $client (qw/modern legacy 2025-03-26/) {
    untouched $p->backend('modern'), "$client client: none comes through",
    sub {
        for (@again) {
            my ($level, @names) = @$_;
            my @odd;

            for my $name (@names) {
                # of a legacy client these are no members yet
                next if $name =~ /^io/ && $client ne 'modern';

                for my $spelling (spellings($name)) {
                    for my $value ($value{$name}, 'null', '"evil"') {
                        my $more = "\"$spelling\":$value";

                        for ($more, \$more) {
                            my $r = ask($client, message($client,
                                                         $level => $_));
                            $count++;
                            push @odd, "$level " . (ref $_ ? $$_ : $_) . ': '
                                       . $r->status . ' ' . ($r->code // '')
                                if $r->status != 400 || $r->code != -32600;
                        }
                    }
                }
            }

            is_deeply \@odd, [], "$client client: @names: twice in $level";
        }

        # deep in arguments, and where no gateway looks yet

        my @odd;
        for ('"x":{"a":1,"a":1}', '"x":{"a":1,"\\u0061":2}',
             '"x":[{"a":1,"a":2}]', '"x":[[[{"b":{"a":1,"c":0,"a":2}}]]]',
             '"x":{"":1,"":2}', '"x":{"\\u0000":1,"\\u0000":2}',
             '"x":{"/":1,"\\/":2}', '"x":{"\\n":1,"\\u000a":2}',
             "\"x\":{\"\xc3\xa9\":1,\"\\u00e9\":2}",
             "\"x\":{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}",
             '"x":{' . join(',', map { "\"k$_\":$_" } 1 .. 500, 250) . '}')
        {
            for my $level (qw/arguments _meta params top/) {
                my $r = ask($client, message($client, $level => $_));
                $count++;
                push @odd, "$level " . substr($_, 0, 60) . ': ' . $r->status
                           . ' ' . ($r->code // '')
                    if $r->status != 400 || $r->code != -32600;
            }
        }
        is_deeply \@odd, [], "$client client: twice, further down";
    };
}

# names that are the protocol's but for case, NUL or what folds to it

sub lookalikes {
    my ($name) = @_;
    my @names;

    @names = (uc $name, ucfirst $name,
              $name =~ s/([a-z])([^a-z]*)\z/\u$1$2/r,
              $name . '\\u0000', '\\u0000' . $name,
              $name =~ s/(.)\z/\\u0000$1/r, $name . '\\u0000\\u0000',
              $name . '\\u0000evil', uc($name) . '\\u0000');

    push @names, sprintf('\\u%04x', ord uc $name) . substr $name, 1
        if $name =~ /\A[a-z]/;

    # U+017F and U+212A are s and k to those who fold case
    push @names, $name =~ s/s/\\u017f/r, $name =~ s/s/\xc5\xbf/r,
                 uc($name) =~ s/S/\\u017F/r
        if $name =~ /s/;
    push @names, $name =~ s/k/\\u212a/r, $name =~ s/k/\xe2\x84\xaa/r
        if $name =~ /k/;

    return grep { $_ ne $name } @names;
}

for my $client (qw/modern legacy/) {
    untouched $p->backend('modern'), "$client client: none comes through",
    sub {
        for ([top => qw/jsonrpc id method params result error/],
             [params => qw/name arguments _meta uri cursor ref taskId
                           requestState inputResponses/],
             [_meta => 'progressToken', map { $reserved . $_ }
                       qw/protocolVersion clientCapabilities clientInfo
                          logLevel/])
        {
            my ($level, @names) = @$_;
            my @odd;

            for my $name (@names) {
                for my $other (lookalikes($name)) {
                    my $value = $value{$name} // '1';
                    my $more = "\"$other\":$value";

                    # beside the true one, in front of it, in its place

                    for ($more, \$more, '') {
                        my $body = message($client,
                                           $_ ne '' ? ($level => $_) : ());
                        next if $_ eq ''
                                && $body !~ s/"\Q$name\E":/"$other":/;

                        my $r = ask($client, $body);
                        $count++;
                        push @odd, "$level $body: "
                                   . $r->status . ' ' . ($r->code // '')
                            if $r->status != 400 || $r->code != -32600;
                    }
                }
            }

            is_deeply \@odd, [], "$client client: look-alikes in $level";
        }
    };
}

for my $client (qw/modern legacy/) {
    my $b = $p->backend('modern');

    untouched $b, "$client client: nor of other methods", sub {
        for (['completion/complete', '{"ref":{"type":"ref/prompt","name":'
              . '"m_greet","Name":"x"},"argument":{"name":"a","value":""}}'],
             ['completion/complete', '{"ref":{"type":"ref/prompt","name":'
              . '"m_greet","name":"x"},"argument":{"name":"a","value":""}}'],
             ['completion/complete', '{"ref":{"Type":"ref/prompt","name":'
              . '"m_greet"},"argument":{"name":"a","value":""}}'],
             ['resources/read', '{"uri":"test://modern/one","URI":"x"}'],
             ['resources/read', '{"uri":"test://modern/one","uri\\u0000":1}'],
             ['prompts/get', '{"name":"m_greet","Arguments":{}}'],
             ['tools/list', '{"Cursor":"x"}'],
             ['tools/list', '{"cursor":"x","cursor":"x"}'])
        {
            my ($method, $params) = @$_;
            refused $p->ask('legacy', $p->message('legacy', $method, $params)),
                400, -32600, "$method $params"
                if $client eq 'legacy';
            refused $p->t->modern($method, { name => 'm_greet', uri =>
                'test://modern/one' }, raw => $p->message($client, $method,
                                                          $params)),
                400, -32600, "$method $params"
                if $client eq 'modern';
        }
    };
}

cmp_ok $count, '>=', 60, "$count variants";

# what is the tool's own is its own affair

for my $client (qw/modern legacy/) {
    for ([arguments => '"Message":1,"MESSAGE":2,"message\\u0000":3'],
         [arguments => '"name":1,"Name":2,"method":3,"METHOD":4,"_meta":5'],
         [arguments => '"me\\u017f\\u017fage":1'],
         [arguments => '"x":{"a":1},"y":{"a":1}'],
         [arguments => '"x":[{"a":1},{"a":1}]'],
         [params => '"extra":{"name":1,"Name":2}'],
         [_meta => '"com.example/A":1,"com.example/a":2'],
         [_meta => '"name":1,"Name":2'], [top => '"extra":1,"Extra":2'])
    {
        my ($level, $more) = @$_;
        my $r;
        my ($sent) = sent $p->backend('modern'), sub {
            $r = ask($client, message($client, $level => $more));
        };
        is $r->status, 200, "$client client: $level with $more";
        ok index(($sent || {})->{body} // '', $more) > 0, 'byte for byte';
    }
}

done_testing;
