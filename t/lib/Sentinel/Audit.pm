package Sentinel::Audit;

# The audit trail of a test's gateway, read from its spool.
#
#   my $audit = Sentinel::Audit->new($t);      the spool is "audit" below it
#   $audit->conf('size=1m')                    the directive for it
#   $audit->lines                              hashes, in the order of files
#   $audit->rows                               { id => merged halves }
#   $audit->row(qr/marker/)                    whose arguments match
#   Sentinel::Audit->not_once($pg, @markers)   those of answered calls that do
#                                              not get one row in the store
#   $audit->problems                           what breaks the rules: chains,
#                                              halves without the other, twice

use strict;
use warnings;

use Digest::SHA qw/sha256_hex/;
use JSON::PP;

use Sentinel::Process;

my $json = JSON::PP->new->utf8;


sub new {
    my ($class, $t, $dir) = @_;

    return bless { t => $t, dir => $dir // $t->dir . '/audit' }, $class;
}


sub dir { return $_[0]{dir} }

sub conf { return "mcp_audit_spool %%DIR%%/audit $_[1];" }


sub segments {
    my ($self) = @_;
    my @files;

    @files = sort glob "$self->{dir}/2*.jsonl";

    return @files;
}


sub dead { return Sentinel::Process::slurp("$_[0]{dir}/dead-letters.jsonl") }


# All lines; { torn } for what is no JSON.

sub lines {
    my ($self) = @_;
    my @lines;

    for my $file ($self->segments) {
        my $text = Sentinel::Process::slurp($file);

        while ($text =~ /([^\n]*)(\n|\z)/g) {
            my ($line, $end) = ($1, $2);

            next if $line eq '' && $end eq '';
            my $got = $end && eval { $json->decode($line) };
            push @lines, { %{ $got || { torn => $line } }, text => $line,
                           file => $file };
        }
    }

    return @lines;
}


sub rows {
    my ($self) = @_;
    my %rows;

    for my $line ($self->lines) {
        next if !defined $line->{id};
        my $row = $rows{ $line->{id} } //= {};
        push @{ $row->{halves} }, $line->{record};
        $row->{$_} //= $line->{$_} for keys %$line;
    }

    return \%rows;
}


sub row {
    my ($self, $pattern) = @_;
    my $rows = $self->rows;
    my @found = grep { ($_->{'gen_ai.tool.call.arguments'} // '')
                       =~ $pattern } values %$rows;

    return @found == 1 ? $found[0] : undef;
}


sub problems {
    my ($self) = @_;
    my (%chain, @problems, $rows);

    for my $line ($self->lines) {
        my $name = $line->{file} =~ s{.*/|-\d+\.jsonl}{}gr;
        my $c = $chain{$name} //= { seq => 0, hash => sha256_hex($name) };

        if (exists $line->{torn}) {
            push @problems, "torn: $line->{file} $line->{torn}";
            next;
        }

        push @problems, "$line->{file}: chain $line->{chain}"
            if ($line->{chain} // $name) ne $name;
        next if $line->{record} eq 'opened';

        if ($line->{record} =~ /head|tail/) {
            push @problems, "$line->{file}: $line->{record} at $line->{seq}"
                            . " not $c->{seq}"
                if $line->{seq} != $c->{seq} || $line->{prev} ne $c->{hash};
            $c->{final} = 1 if $line->{final};
            next;
        }

        push @problems, "$line->{file}: line $line->{seq} behind $c->{seq}"
            if $line->{seq} != $c->{seq} + 1 || $line->{prev} ne $c->{hash};
        push @problems, "$line->{file}: behind the end" if $c->{final};
        $c->{seq}++;
        $c->{hash} = sha256_hex($line->{text});
    }

    $rows = $self->rows;

    for my $id (sort keys %$rows) {
        my $halves = join ' ', @{ $rows->{$id}{halves} };
        push @problems, "$id: $halves"
            if $halves ne 'intent outcome' && $halves ne 'call';
    }

    return @problems;
}


sub not_once {
    my ($class, $pg, @markers) = @_;
    my (%have, @wrong);

    await {
        %have = ();
        $have{$_}++ for $pg->rows("SELECT arguments->>'marker' FROM
            mcp_audit.calls WHERE outcome = 'ok'");
        @wrong = grep { ($have{$_} // 0) != 1 } @markers;
        !@wrong;
    } 60;

    return @wrong;
}

1;
