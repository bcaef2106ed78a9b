package Sentinel::Conformance;

# The official MCP conformance suite, in server mode, against a server
# alone and against the gateway in front of it, check by check.
#
#   my $alone = run_suite($url, $revision);
#   my $through = run_suite($gateway_url, $revision);
#   my @rows = compare($alone, $through);
#
# A row has scenario, passed and total of both (alone, through), and
# lost: what passes alone and not through the gateway, gained: the other
# way round, each as "check: message".

use strict;
use warnings;

use Exporter qw/import/;
use File::Temp qw/tempdir/;
use JSON::PP;

use Sentinel::Process;

our @EXPORT = qw/@REVISIONS run_suite compare/;

our @REVISIONS = qw/2025-11-25 2026-07-28/;

my $modules = 't/node_modules';
my $suite = "$modules/\@modelcontextprotocol/conformance/dist/index.js";


# Scenario => list of { check, status, message }.

sub run_suite {
    my ($url, $revision) = @_;
    my ($dir, $status, $out, $err, %result);

    # it insists on a name
    $url =~ s/127\.0\.0\.1/localhost/;
    $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);

    # the exit status says only that something failed
    ($status, $out, $err) = capture(
        command => ["$modules/.bin/node", $suite, 'server', '--url', $url,
                    '--requirements', $revision, '-o', $dir],
        timeout => 300);

    for my $file (glob "$dir/server-*/checks.json") {
        my ($scenario) = $file =~ m{/server-([^/]+)-\d{4}-\d\d-\d\dT[^/]*/};
        my %seen;

        $result{$scenario} = [
            map { {
                # some ids stand for several checks
                check => "$_->{id}" . ($seen{ $_->{id} }++
                                       ? " #$seen{ $_->{id} }" : ''),
                status => $_->{status}, message => $_->{errorMessage} // '',
            } } @{ decode_json(Sentinel::Process::slurp($file)) } ];
    }

    # a scenario that died has no file
    $result{$_} //= [] for $out =~ /^=== Running scenario: (\S+) ===/mg;

    die "the conformance suite did not run: $status\n$out\n$err\n"
        if !%result;

    return \%result;
}


sub compare {
    my ($alone, $through) = @_;
    my @rows;

    for my $scenario (sort keys %$alone) {
        my %row = (scenario => $scenario, lost => [], gained => []);
        my %now = map { $_->{check} => $_ } @{ $through->{$scenario} || [] };

        $row{alone} = score($alone->{$scenario});
        $row{through} = score($through->{$scenario} || []);

        for my $check (@{ $alone->{$scenario} }) {
            my $after = $now{ $check->{check} }
                        // { status => 'NOT RUN', message => '' };
            my $text = "$check->{check}: ";

            # a check that turned into a remark asks for something optional
            if ($check->{status} eq 'SUCCESS'
                && $after->{status} !~ /^(?:SUCCESS|INFO)$/)
            {
                push @{ $row{lost} },
                     "$text$after->{status} $after->{message}";

            } elsif ($check->{status} ne 'SUCCESS'
                     && $after->{status} eq 'SUCCESS')
            {
                push @{ $row{gained} }, "$text$check->{message}";
            }
        }

        push @rows, \%row;
    }

    return @rows;
}


sub score {
    my ($checks) = @_;
    my @scored;

    @scored = grep { $_->{status} =~ /^(?:SUCCESS|FAILURE|WARNING)$/ }
              @$checks;

    return { passed => scalar(grep { $_->{status} eq 'SUCCESS' } @scored),
             total => scalar @scored };
}

1;
