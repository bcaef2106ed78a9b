# The documentation says what the code has: every directive and variable,
# links that lead somewhere, examples that nginx accepts.

use Sentinel::Test;

my $docs = slurp('docs/directives.md');
my (%in_code, %in_docs);

for my $file (glob 'src/http/*.c') {
    my $code = slurp($file);

    while ($code =~ /^static ngx_command_t\s+\w+\[\] = \{(.*?)^\};/msg) {
        $in_code{$_} = $file for $1 =~ /\{ ngx_string\("(\w+)"\)/g;
    }

    while ($code =~ /^static ngx_http_variable_t\s+\w+\[\] = \{(.*?)^\};/msg)
    {
        $in_code{"\$$_"} = $file for $1 =~ /\{ ngx_string\("(\w+)"\)/g;
    }
}

$in_docs{$_} = 1 for $docs =~ /^### (\w+)$/mg, $docs =~ /`(\$mcp_\w+)`/g;

ok scalar(grep { !/\$/ } keys %in_code) > 5, 'directives are found';
is_deeply [ grep { !$in_docs{$_} } sort keys %in_code ], [],
    'every directive and variable is in docs/directives.md';
# a trailing underscore is a family of variables: $mcp_claim_NAME
is_deeply [ grep { !/^\$/ && !$in_code{$_} } sort keys %in_docs ], [],
    'and no other';

my @malformed = grep {
    my ($name) = /^### (\w+)/;

    !/\A### $name\n\n    Syntax:  $name\b.*\n    Default: .*\n    Context: /s;
} $docs =~ /^(### \w+\n.*?)(?=^##|\z)/msg;

is_deeply \@malformed, [], 'each has syntax, default and context';

for my $file ('README.md', glob 'docs/*.md') {
    my $page = slurp($file);
    my ($folder) = $file =~ m{^(.*/)?};
    my %anchor = map { (lc($_) =~ s/[^\w -]//gr =~ s/ /-/gr => 1) }
                 $page =~ /^#+ (.*)$/mg;

    is_deeply [ grep { !$anchor{$_} } $page =~ /\]\(#([^)]+)\)/g ], [],
        "$file: anchors";
    is_deeply [ grep { !-e ($folder // '') . $_ }
                $page =~ /\]\((?!\w+:|#)([^)#]+)/g ], [], "$file: links";

    my @examples = grep { /^http \{/m } $page =~ /^```nginx\n(.*?)^```/msg;
    accepted($_, "$file: example") for @examples;
}

accepted(slurp($_), $_) for grep { slurp($_) =~ /^http \{/m } glob 'conf/*';

done_testing;


sub slurp { return Sentinel::Process::slurp(@_) }


# With names and ports that exist here.

sub accepted {
    my ($conf, $name) = @_;
    my ($t, $status, $said, %secrets);

    $conf =~ s/^load_module .*//m;
    $conf =~ s/^(?:events|user|pid|error_log|worker_processes)\b
               (?:[^{};]*;|\s*\{[^}]*\})//xmg;
    $conf =~ s/\b[\w-]+(?:\.[\w-]+)*\.example\b/127.0.0.1/g;
    $conf =~ s/\blisten\s[^;]*;/listen 127.0.0.1:%%PORT%%;/g;
    $conf =~ s/^ +access_log [^;]*;//mg;
    $conf =~ s/^http \{/http {\n%%HTTP%%/m;
    $conf =~ s{/var/(?:\w+/)*}{%%DIR%%/}g;
    $secrets{$_} = 'A' x 43 . '=' for $conf =~ /\benv:(\w+)/g;

    $t = Sentinel::Test->new(conf => "%%GLOBALS%%\n$conf", env => \%secrets);
    ($status, $said) = $t->check;
    is $status, 0, "$name is accepted" or diag $said;
}
