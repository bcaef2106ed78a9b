# nginx is upgraded without a pause: the new binary takes the sockets over
# while the old one ends its calls.  Sessions live on where mcp_session_key
# is set, since shared memory is not handed on.

use Sentinel::Test;
use Sentinel::Backend;
use Sentinel::Calls;
use Sentinel::Load;
use MIME::Base64 qw/encode_base64/;

my %b = map { $_ => Sentinel::Backend->$_(tools => [qw/echo slow/]) }
        qw/legacy modern/;

my $t = Sentinel::Calls->new(
    backends => [l => $b{legacy}, m => $b{modern}],
    http => '    mcp_session_key file:%%DIR%%/key;' . "\n");
$t->write('key', encode_base64(join('', map { chr } 1 .. 32), '') . "\n");
$t->run->wait_catalog(qw/l_echo m_echo/);

my $session = $t->legacy;
my $old = $t->master;

my $load = Sentinel::Load->new(2, sub {
    my ($n) = @_;
    my $r = ($n % 2 ? $t : $session)->call(
        ($n % 3 ? 'l' : 'm') . '_echo', { message => "n$n" });

    return $r && ($r->text // '') eq "n$n" ? '' : $r ? $r->body : 'nothing';
});
$load->wait(20);
my @slow = map { $_->call('l_slow', { seconds => 1.5 }, send => 1) }
           $t, $session;
$b{legacy}->wait_for('tools/call', 2);

sub pid { return $t->read($_[0]) =~ /(\d+)/ ? $1 : 0 }

$t->{process}->signal('USR2');
ok +(await { pid('nginx.pid') && pid('nginx.pid') != $old }),
    'a new master' or diag $t->error_log;
my $new = pid('nginx.pid');
is pid('nginx.pid.oldbin'), $old, 'beside the old one';
$load->wait(20);

my $process = $t->{process};
$process->signal('QUIT');
is $_->response->text, 'at last', 'a call at the old one' for @slow;
$_->close for @slow;
ok +(await { !$process->alive }), 'the old master is gone';
$load->wait(20);

my ($calls, @wrong) = $load->stop;
is_deeply \@wrong, [], "no call of $calls fails";
is $session->call('m_echo', { message => 'x' })->text, 'x',
    'the session is still one';

# by its pid: it is no child of the test
kill QUIT => $new;
ok +(await { !kill 0 => $new }), 'the new master ends';

done_testing;
