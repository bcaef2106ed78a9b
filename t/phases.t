# nginx has many ways into a location: redirects, subrequests, named locations,
# paths in other words.  None of them may lead to a backend past the checks,
# and none may call a tool twice.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Checks;

my $b = Sentinel::Backend->legacy(tools => ['echo']);
my $t = Sentinel::Test->new(
    backends => [one => $b],
    location => <<'END',
            if ($arg_if) { set $x 1; }

            location /mcp/inner { }

            location /mcp/own { mcp_pass one; }
END
    server => <<'END',
        location = /rewrite { rewrite ^ /mcp last; }

        location = /break { rewrite ^ /mcp break; mcp_pass one; }

        location = /error { error_page 404 = /mcp; return 404; }

        location = /error-named { error_page 404 = @named; return 404; }

        location = /error-back {
            error_page 400 403 404 415 = @named;
            mcp_pass one;
        }

        location = /try { try_files /none @named; }

        location = /try-path { try_files /none /mcp; }

        location @named { mcp_pass one; }

        location = /auth { auth_request /mcp; return 200 "in"; }

        location = /auth-first {
            auth_request /yes;
            mcp_pass one;
        }

        location = /auth-never {
            auth_request /no;
            mcp_pass one;
        }

        location = /yes { internal; return 204; }

        location = /no { internal; return 403; }

        location = /mirror { mirror /mcp; mirror_request_body on; return 200; }

        location = /mirror-pass {
            mirror /mcp;
            proxy_pass http://127.0.0.1:%%PORT:behind%%/ok;
        }

        location = /accel {
            proxy_pass http://127.0.0.1:%%PORT:behind%%/accel;
        }

        location = /internal { internal; mcp_pass one; }

        location = /deny { deny all; mcp_pass one; }

        location = /limited {
            limit_except GET { deny all; }
            mcp_pass one;
        }

        location = /return { return 204; mcp_pass one; }

        location ~ ^/regex/(.*)$ { mcp_pass one; }

        location = /if {
            if ($request_method = POST) { set $x 1; }
            mcp_pass one;
        }
END
    http => <<'END',
    server {
        listen 127.0.0.1:%%PORT:behind%%;

        location = /ok { return 200; }

        location = /accel { add_header X-Accel-Redirect /mcp; return 200; }
    }
END
)->run->wait_catalog('echo');

my $s = $t->legacy;

# what a tool said, if it is that that was answered

sub said { return scalar eval { $_[0]->text } }

my %bad = (
    'another origin' => [{ Origin => 'http://evil.example' }],
    'another host' => [{ Host => 'evil.example' }],
    'headers that disagree' => [{ 'Mcp-Name' => 'other' }],
    'a header twice' => [{ 'Mcp-Name' => ['echo', 'echo'] }],
    'another type' => [{ 'Content-Type' => 'text/plain' }],
    'a batch' => [{}, '[]'],
);

my @paths = map { "/$_" } qw{rewrite break error error-named error-back try
    try-path auth auth-first auth-never mirror mirror-pass accel internal deny
    limited return regex/x if mcp mcp/ mcp/x mcp/inner mcp/own mcp?if=1 mcpx
    mcp;x=y mcp%2f%2e%2e %6dcp %6D%63%70 ./mcp x/../mcp /mcp mcp/../mcp mcp/.
    mcp%00 MCP};

untouched $b, 'no way leads past the checks', sub {
    for my $path (@paths) {
        for my $what (sort keys %bad) {
            my ($headers, $raw) = @{ $bad{$what} };
            my $r = $t->call('echo', { message => 'm' }, path => $path,
                             headers => $headers,
                             $raw ? (raw => $raw) : ());

            ok !defined said($r), "$path: $what"
                or diag $r->status . ' ' . $r->body;
        }
    }
};

# where there is a way, it is one call

my %way = map { ("/$_" => 1) } qw{rewrite break error-named error-back try
    try-path auth-first regex/x if mcp mcp/ mcp/x mcp/own mcp?if=1 mcpx mcp;x=y
    %6dcp %6D%63%70 ./mcp x/../mcp /mcp mcp/../mcp mcp/.};

for my $path (@paths) {
    my ($r, @calls);

    @calls = sent $b, sub {
        $r = $t->call('echo', { message => 'm' }, path => $path);
        $s->call('echo', { message => 'm' }, path => $path);
        # what a subrequest would have caused comes a little later
        select undef, undef, undef, 0.02 if $path =~ /mirror|auth|accel/;
    };

    if ($way{$path}) {
        is_deeply [$r->status, said($r), scalar @calls], [200, 'm', 2],
            "$path: one call for each request";

    } else {
        is @calls, 0, "$path: no call";
        ok !defined said($r), 'and no answer of a tool';
    }
}

done_testing;
