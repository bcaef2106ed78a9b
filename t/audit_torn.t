# A power cut: segments that end at any byte at all.  Every line that was whole
# is kept as it is, what was open is closed, and the chain is in order.

use Sentinel::Test;
use Sentinel::Audit;
use Sentinel::Backend;
use Digest::SHA qw/sha256_hex/;
use JSON::PP;

my $build = $ENV{SAN} ? 'build/san' : 'build';
my $one = Sentinel::Backend->modern(tools => [qw/echo/]);
my $dir = File::Temp::tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0777, $dir;

my $time = '"time":"2026-01-01T00:00:00.000000Z"';


# The segment of a process, up to a byte; two calls are open when it begins.

sub text {
    my ($chain) = @_;
    my ($seq, $prev, $text) = (2, sha256_hex('before'), '');
    my %id = map { $_ => "019a0000-0000-7000-8000-00000000000$_" } 1 .. 5;
    my @lines = (
        qq({"record":"outcome","id":"$id{1}",$time,"outcome":"ok",)
            . qq("duration_us":1),
        qq({"record":"intent","id":"$id{3}",$time,"node":"n","client":"a",)
            . qq("gen_ai.tool.call.arguments":"{\\"a\\":\\"}\\"}"),
        qq({"record":"call","id":"$id{4}",$time,"node":"n",)
            . qq("outcome":"denied"),
        qq({"record":"intent","id":"$id{5}",$time,"node":"n"),
        map { qq({"record":"outcome","id":"$id{$_}",$time,"outcome":"ok",)
              . qq("duration_us":1) } 3, 2, 5);

    $text = qq({"record":"head",$time,"node":"n","chain":"$chain",)
          . qq("segment":2,"seq":$seq,"prev":"$prev","open":2}\n)
          . qq({"record":"opened","chain":"$chain",)
          . qq("ids":["$id{1}","$id{2}"]}\n);

    for (@lines) {
        my $line = $_ . qq(,"chain":"$chain","seq":) . ++$seq
                 . qq(,"prev":"$prev"});
        $prev = sha256_hex($line);
        $text .= "$line\n";
    }

    $text .= qq({"record":"tail",$time,"chain":"$chain","segment":2,)
           . qq("seq":$seq,"prev":"$prev","final":true}\n);

    return $text;
}


sub chain { return sprintf '20260101T000000000Z-%05d', $_[0] }

sub path { return "$dir/" . chain($_[0]) . '-000002.jsonl' }

my $length = length text(chain(0));
# what is shorter has no whole head
my $head = 1 + index text(chain(0)), "]}\n";

for my $at (0 .. $length) {
    open my $f, '>', path($at) or die;
    print $f substr text(chain($at)), 0, $at;
    close $f;
}

chmod 0666, glob "$dir/*.jsonl";

my $t = Sentinel::Test->new(backends => [one => $one], log => 'error',
                            http => "mcp_audit_spool $dir;");
my $audit = Sentinel::Audit->new($t, $dir);
$t->run;
ok +(await { !grep { -e path($_) } 0 .. $head
             and !grep { Sentinel::Process::slurp(path($_))
                         !~ /"final":true(?:,"swept":true)?\}\n\z/ }
                  $head + 1 .. $length } 60), 'all are ended';
is_deeply [ grep { -e path($_) } 0 .. $head ], [],
    'those without a whole head are removed';

my (@lost, @wrong);

for my $at ($head + 1 .. $length) {
    my $was = substr text(chain($at)), 0, $at;
    my $now = Sentinel::Process::slurp(path($at));
    my %half;

    push @lost, $at if index($now, $was =~ s/[^\n]*\z//r) != 0;

    # what each call has: of those whose lines are whole
    for my $line (split /\n/, $now) {
        next if !eval { decode_json($line) };
        if ($line =~ /^\{"record":"(intent|outcome|call)","id":"([^"]+)"/) {
            $half{$2} .= "$1 ";
        }
        if ($line =~ /"ids":\["([^"]+)","([^"]+)"\]/) {
            $half{$_} .= 'intent ' for $1, $2;
        }
    }

    for my $id (sort keys %half) {
        push @wrong, "$at: $id $half{$id}"
            if $half{$id} !~ /^(?:call |intent outcome )\z/;
    }
}

is_deeply \@lost, [], 'no whole line is lost';
is_deeply \@wrong, [], 'each call has one outcome';

my ($status, $out, $err) = capture(
    command => [ "$build/mcp-audit", 'verify', '-s', $dir ]);
is $status, 0, 'and mcp-audit verify agrees'
    or diag substr join("\n", grep { !/^note/ } split /\n/, $out . $err),
                   0, 2000;
is scalar(() = $out =~ /has no end/g), 0, 'of all chains';

done_testing;
