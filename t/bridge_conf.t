# mcp.json: what is taken, and what is said of the rest.

use Sentinel::Test;
use File::Temp qw/tempdir/;
use JSON::PP;

my $dir = tempdir(CLEANUP => 1);
my $bridge = ($ENV{SAN} ? 'build/san' : 'build') . '/mcp-bridge';
my $file = "$dir/mcp.json";

delete @ENV{qw/ABSENT EMPTY/};
$ENV{PRESENT} = 'here';
$ENV{EMPTY} = '';
$ENV{LONG} = 'x' x 4096;

sub check {
    my ($text, $mode) = @_;
    my $said;

    open my $fh, '>', $file or die "$file: $!";
    print $fh $text;
    close $fh;
    chmod $mode // 0600, $file;
    $said = `$bridge -t -c $file 2>&1`;

    return ($? >> 8, $said);
}

sub entry { return qq({\n"mcpServers": {\n"a": {\n$_[0]\n}\n}\n}\n) }

# what is wrong, in which line, and words of the answer

my @bad = (
    ['', 1, qr/not JSON/],
    ["{\n\"mcpServers\": {\n}\n", 4, qr/not JSON/],
    ["{\n\"mcpServers\": {},\n\"mcpServers\": {}}", 3, qr/not JSON/],
    ['[]', 1, qr/must be an object/],
    ['{}', 1, qr/no "mcpServers"/],
    ["{\n\"mcpServers\": []}", 2, qr/must be an object/],
    ["{\"mcpServers\": {\n\"a\": 1}}", 2, qr/must be an object/],
    ["{\"mcpServers\": {\n\"a b\": {\"command\": \"x\"}}}", 2, qr/the name/],
    ["{\"mcpServers\": {\n\"\": {\"command\": \"x\"}}}", 2, qr/the name/],
    ['{"mcpServers": {"' . 'a' x 65 . '": {"command": "x"}}}', 1,
     qr/the name/],
    ["{\"mcpServers\": {\n\"../a\": {\"command\": \"x\"}}}", 2, qr/the name/],
    [entry('"args": []'), 3, qr/no "command"/],
    [entry('"command": 1'), 4, qr/"command" is a string/],
    [entry('"command": ""'), 4, qr/"command" is a string/],
    [entry('"command": ["x"]'), 4, qr/"command" is a string/],
    [entry("\"command\": \"x\",\n\"args\": \"y\""), 5, qr/"args" is an array/],
    [entry("\"command\": \"x\",\n\"args\": [\n\"y\", 1]"), 6,
     qr/"args" is an array/],
    [entry('"command": "x\u0000y"'), 4, qr/u0000/],
    [entry("\"command\": \"x\",\n\"env\": []"), 5, qr/"env" is an object/],
    [entry("\"command\": \"x\",\n\"env\": {\"A\": 1}"), 5, qr/is a string/],
    [entry("\"command\": \"x\",\n\"env\": {\"A=B\": \"1\"}"), 5,
     qr/not the name/],
    [entry('"command": "${ABSENT}"'), 4, qr/"ABSENT" is not set/],
    [entry("\"command\": \"x\", \"args\": [\n\"\${ABSENT}\"]"), 5,
     qr/"ABSENT" is not set/],
    [entry('"command": "${ABSENT"'), 4, qr/no "}"/],
    [entry('"command": "${}"'), 4, qr/not the name/],
    [entry('"command": "${A B}"'), 4, qr/not the name/],
    [entry("\"command\": \"x\",\n\"cwd\": 1"), 5, qr/"cwd" is a string/],
    [entry("\"command\": \"x\",\n\"isolation\": \"none\""), 5,
     qr/"isolation" is/],
    [entry("\"command\": \"x\",\n\"protocol\": \"new\""), 5,
     qr/"protocol" is/],
    [entry("\"command\": \"x\",\n\"type\": \"http\""), 5, qr/nginx\.conf/],
    [entry("\"url\": \"http://x/\""), 4, qr/nginx\.conf/],
    [entry("\"command\": \"x\",\n\"startupTimeout\": \"soon\""), 5,
     qr/a time is/],
    [entry("\"command\": \"x\",\n\"startupTimeout\": -1"), 5, qr/a time is/],
    [entry("\"command\": \"x\",\n\"callTimeout\": 1.5"), 5, qr/a time is/],
    [entry("\"command\": \"x\",\n\"callTimeout\": \"8d\""), 5, qr/a time is/],
    [entry("\"command\": \"x\",\n\"startupTimeout\": 0"), 3, qr/cannot be 0/],
    [entry("\"command\": \"x\",\n\"maxLine\": 10"), 5, qr/"maxLine" is/],
    [entry("\"command\": \"x\",\n\"maxLine\": \"1g\""), 5, qr/"maxLine" is/],
    [entry("\"command\": \"x\",\n\"maxSessions\": 0"), 5,
     qr/"maxSessions" is/],
    [entry("\"command\": \"x\",\n\"user\": \"no-such-user\""), 5,
     qr/no user "no-such-user"/],
    [entry("\"command\": \"x\",\n\"limits\": 1"), 5, qr/"limits" is/],
    [entry("\"command\": \"x\",\n\"limits\": {\"cpu\": 1}"), 5,
     qr/may name/],
    [entry("\"command\": \"x\",\n\"limits\": {\"memory\": \"lots\"}"), 5,
     qr/a limit is/],
    [entry("\"command\": \"x\",\n\"limits\": {\"files\": 0}"), 5,
     qr/a limit is/],
    [entry("\"command\": \"x\",\n\"disabled\": 1"), 5, qr/true or false/],
    [entry('"command": "${EMPTY}"'), 4, qr/"command" is empty/],
    [entry("\"command\": \"x\",\n\"cwd\": \"\""), 5, qr/"cwd" is empty/],
    [entry("\"command\": \"x\",\n\"callTimeout\": \"1\\u0000\""), 5,
     qr/u0000/],
    [entry("\"command\": \"x\",\n\"env\": {\"A\": \""
           . '${LONG}' x 40 . '"}'), 5, qr/too long/],
    ["{\"mcpServers\":\n{" . join(',', map { qq("s$_": {"command": "x"}) }
                                   1 .. 1025) . '}}', 2, qr/more than 1024/],
    ["{\"mcpServers\": {\n\"a\": {\"command\": \"x\"},\n\"\\u0061\": "
     . '{"command": "x"}}}', 3, qr/not JSON/],
);

for (@bad) {
    my ($text, $line, $words) = @$_;
    my ($status, $said) = check($text);
    is $status, 1, "refused: $words";
    like $said, qr/\Q$file\E:$line: .*$words/, '... with the line';
}

# the file itself

my $good = entry('"command": "x"');
my ($status, $said) = check($good, 0602);
is $status, 1, 'a file that everybody may write';
like $said, qr/chmod o-w/, '... and the mend';

check($good);
$said = `$bridge -t -c $dir 2>&1`;
isnt $?, 0, 'a folder';
like $said, qr/not a regular file/, '... is none';
$said = `$bridge -t -c $dir/none 2>&1`;
isnt $?, 0, 'no file';
like $said, qr/No such file/, '... is said';

($status, $said) = check($good . ' ' x 1_100_000);
is $status, 1, 'a file of a mebibyte and more';

SKIP: {
    skip 'not root', 2 if $>;
    check($good);
    chown 65534, -1, $file;
    $said = `$bridge -t -c $file 2>&1`;
    isnt $?, 0, "another user's file";
    like $said, qr/another user/, '... is said';
    unlink $file;
}

# what is good

for my $text ('{"mcpServers": {}}', $good,
              entry('"command": "${PRESENT}", "args": ["${ABSENT:-x}", '
                     . '"${EMPTY:-y}", "$${ABSENT}"]'),
              entry('"command": "x", "env": {"A": "${PRESENT}"}, "cwd": "/"'),
              entry('"command": "x", "startupTimeout": "5m", "callTimeout": '
                     . '0, "idleTimeout": 100, "maxLine": "2m"'),
              entry('"command": "x", "limits": {"memory": "1g", '
                     . '"processes": 10, "files": "1k"}, "disabled": true, '
                     . '"isolation": "session", "maxSessions": 64, '
                     . '"protocol": "legacy", "type": "stdio"'))
{
    ($status, $said) = check($text);
    is $status, 0, 'good' or diag $said;
    like $said, qr/\Q$file\E is good/, '... and said so';
}

($status, $said) = check(entry("\"command\": \"x\",\n\"autoApprove\": []"));
is $status, 0, "another program's key";
like $said, qr/\Q$file\E:5: .*"autoApprove".*left out/, '... is named';

my $mine = qr/is not known, it is left out/;
my @many = check(entry(join ",\n", '"command": "x"',
                       map { qq("key$_": 1) } 1 .. 20));
is $many[0], 0, 'many unknown keys';
is scalar(() = $many[1] =~ /$mine/g), 8, '... do not flood the log';

my @top = check("{\n\"inputs\": [],\n\"mcpServers\": {}}");
is $top[0], 0, 'a key beside "mcpServers"';
like $top[1], qr/\Q$file\E:2: .*"inputs".*left out/, '... is named';

SKIP: {
    skip 'not root', 4 if $>;
    check($good);
    chown -1, 65534, $file;
    my @group = check($good, 0660);
    is $group[0], 0, 'a file that another group may write';
    like $group[1], qr/chmod g-w/, '... and the mend';
    chown -1, 0, $file;
    @group = check($good, 0660);
    is $group[0], 0, "... that root's group may write";
    unlike $group[1], qr/chmod g-w/, '... is nothing to warn of';
}

SKIP: {
    skip 'not root', 1 if $>;
    like $said, qr/run as root: a;.*"user"/, 'root is warned of';
}

# options

like `$bridge -V`, qr/^mcp-bridge \d+\.\d+/, '-V';
like `$bridge -h`, qr/^usage: /, '-h';

for my $wrong ('', '-x', '-c', "-c $file more") {
    my $out = `$bridge $wrong 2>&1`;
    is $? >> 8, 2, "wrong options: '$wrong'";
    like $out, qr/usage: /, '... and how they are';
}

check($good);

for my $where ('nowhere', '0.0.0.0:1', '127.0.0.1', 'unix:relative',
               'unix:/' . 'x' x 200, "unix:$file", '[::]:80')
{
    my $out = `$bridge -c $file -l $where 2>&1`;
    is $? >> 8, 1, "no socket: $where";
}

done_testing;
