# The official conformance suite against our fixture alone and against the
# gateway in front of it: nothing that the fixture passes may be lost,
# except in the scenarios that are known to wait.
#
#   WRITE=1 prove -It/lib t/conformance.t     writes docs/conformance.md

use Sentinel::Test;
use Sentinel::Conformance;

# These wait for subscriptions to resources, for resumption, and for backends
# being listened to between calls.  A scenario that passes is to be taken off
# the list.
my %not_yet = (
    '2025-11-25' => [qw/
        resources-subscribe resources-unsubscribe server-sse-polling
    /],
    '2026-07-28' => [qw/server-stateless/],
);

my $fixture = server('conformance.mjs');
my $t = Sentinel::Test->new(backends => [
    fixture => { url => $fixture->url, conf => 'session client;' }])
    ->run->wait_catalog('test_simple_text');

my %rows;

for my $revision (@REVISIONS) {
    my $alone = run_suite($fixture->url, $revision);
    my $through = run_suite($t->url, $revision);

    for my $row (@{ $rows{$revision} = [compare($alone, $through)] }) {
        my $name = "$revision $row->{scenario}: $row->{alone}{passed}, "
                   . "through the gateway $row->{through}{passed}"
                   . " of $row->{alone}{total}";

        if (grep { $_ eq $row->{scenario} } @{ $not_yet{$revision} }) {
            ok @{ $row->{lost} }, "not yet: $name";
            note "    $_" for @{ $row->{lost} };
            next;
        }

        ok !@{ $row->{lost} }, $name;
        diag "    $_" for @{ $row->{lost} };
    }
}

write_table() if $ENV{WRITE};

done_testing;


sub write_table {
    my ($text, $file);

    $text = Sentinel::Process::slurp('docs/conformance.md');
    $text =~ s/^<!-- table -->.*//ms;
    $text .= "<!-- table -->\n";

    for my $revision (@REVISIONS) {
        $text .= "\n## $revision\n\n"
               . "| scenario | server alone | through the gateway |\n"
               . "| --- | --- | --- |\n";

        for (@{ $rows{$revision} }) {
            $text .= "| $_->{scenario} "
                   . "| $_->{alone}{passed}/$_->{alone}{total} "
                   . "| $_->{through}{passed}/$_->{alone}{total}"
                   . (@{ $_->{lost} } ? ' (not yet)' : '') . " |\n";
        }
    }

    open $file, '>', 'docs/conformance.md' or die "docs/conformance.md: $!";
    print $file $text;
    close $file;
}
