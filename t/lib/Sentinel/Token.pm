package Sentinel::Token;

# Keys, and tokens signed with them.
#
#   my $key = Sentinel::Token->secret($bytes);
#   my $key = Sentinel::Token->rsa(kid => 'one', bits => 2048);
#   my $key = Sentinel::Token->ec(kid => 'two', curve => 'P-256');
#   my $key = Sentinel::Token->ed25519(kid => 'three');
#
#   $key->token({ sub => 'alice' })         claims; exp is in an hour
#   $key->token($claims, { typ => 'JWT' })  members of the header; undef
#                                           leaves one out
#   $key->token($claims, $header, alg => 'PS384')
#   $key->sign($header_text, $claims_text, $alg)    any bytes
#   $key->pem  $key->jwk  jwks(@keys)       of the public key, as text
#   $key->raw($alg, $data)                  a bare signature

use strict;
use warnings;

use Digest::SHA qw/hmac_sha256 hmac_sha384 hmac_sha512/;
use Exporter qw/import/;
use File::Temp qw/tempdir/;
use JSON::PP;
use MIME::Base64 qw/encode_base64url/;

use Sentinel::Process;

our @EXPORT = qw/jwks base64url/;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $dir = tempdir('sentinel-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $files = 0;

my %size = ('P-256' => 32, 'P-384' => 48, 'P-521' => 66, secp256k1 => 32);
my %es = ('P-256' => 'ES256', 'P-384' => 'ES384', 'P-521' => 'ES512',
          secp256k1 => 'ES256K');


sub base64url { return encode_base64url($_[0]) }


sub openssl {
    my (@command) = @_;
    my ($status, $out, $err);

    ($status, $out, $err) = capture(command => ['openssl', @command]);
    die "openssl @command: $err" if $status ne '0';

    return $out;
}


sub file {
    my ($content) = @_;
    my ($name, $file);

    $name = "$dir/" . $files++;

    if (defined $content) {
        open $file, '>', $name or die "$name: $!";
        binmode $file;
        print $file $content;
        close $file;
    }

    return $name;
}


sub secret {
    my ($class, $bytes, %arg) = @_;

    return bless { alg => 'HS256', secret => $bytes, %arg }, $class;
}


sub generated {
    my ($class, $arg, @options) = @_;
    my $self;

    $self = bless { %$arg, file => file() }, $class;
    openssl('genpkey', @options, '-out', $self->{file});
    $self->{pem} = openssl('pkey', '-in', $self->{file}, '-pubout');

    return $self;
}


sub rsa {
    my ($class, %arg) = @_;

    return $class->generated({ alg => 'RS256', kty => 'RSA', %arg },
        '-algorithm', 'RSA', '-pkeyopt',
        'rsa_keygen_bits:' . ($arg{bits} // 2048));
}


sub ec {
    my ($class, %arg) = @_;

    $arg{curve} //= 'P-256';

    return $class->generated({ alg => $es{$arg{curve}}, kty => 'EC', %arg },
        '-algorithm', 'EC', '-pkeyopt', "ec_paramgen_curve:$arg{curve}");
}


sub ed25519 {
    my ($class, %arg) = @_;

    return $class->generated({ alg => 'EdDSA', kty => 'OKP', %arg },
                             '-algorithm', 'ED25519');
}


sub pem { return $_[0]{pem} }

sub kid { return $_[0]{kid} }


sub jwk {
    my ($self, %more) = @_;
    my ($der, $n, $size, %jwk);

    %jwk = (use => 'sig', defined $self->{kid} ? (kid => $self->{kid}) : ());

    if (defined $self->{secret}) {
        return { %jwk, kty => 'oct', k => base64url($self->{secret}), %more };
    }

    $jwk{kty} = $self->{kty};

    if ($self->{kty} eq 'RSA') {
        ($n) = openssl('rsa', '-in', $self->{file}, '-modulus', '-noout')
               =~ /Modulus=(\w+)/;
        return { %jwk, n => base64url(pack 'H*', $n), e => 'AQAB', %more };
    }

    $der = openssl('pkey', '-in', $self->{file}, '-pubout', '-outform', 'DER');

    if ($self->{kty} eq 'OKP') {
        return { %jwk, crv => 'Ed25519', x => base64url(substr $der, -32),
                 %more };
    }

    $size = $size{$self->{curve}};

    return { %jwk, crv => $self->{curve},
             x => base64url(substr $der, -2 * $size, $size),
             y => base64url(substr $der, -$size), %more };
}


sub jwks {
    my (@keys) = @_;

    return $json->encode({ keys => [ map { ref $_ eq 'HASH' ? $_ : $_->jwk }
                                     @keys ] });
}


sub raw {
    my ($self, $alg, $data) = @_;
    my ($bits, $size, $der, $r, $s);

    ($bits) = $alg =~ /(256|384|512)/;

    if ($alg =~ /^HS/) {
        no strict 'refs';
        return &{"hmac_sha$bits"}($data, $self->{secret} // $self->{pem});
    }

    if ($self->{kty} eq 'OKP') {
        return openssl('pkeyutl', '-sign', '-rawin', '-inkey', $self->{file},
                       '-in', file($data));
    }

    $der = openssl('dgst', "-sha$bits", '-sign', $self->{file},
        $alg =~ /^PS/ ? ('-sigopt', 'rsa_padding_mode:pss',
                         '-sigopt', 'rsa_pss_saltlen:digest') : (),
        file($data));

    return $der if $self->{kty} eq 'RSA';

    # SEQUENCE { INTEGER r, INTEGER s }
    $size = $size{$self->{curve}};
    ($r, $s) = $der =~ /\A\x30(?:[\x00-\x7f]|\x81.)\x02(.)/s
        ? do {
            my $at = $+[0];
            my $rl = ord $1;
            my $sl = ord substr $der, $at + $rl + 1, 1;
            (substr($der, $at, $rl), substr($der, $at + $rl + 2, $sl));
        } : die 'no signature';

    return join '', map {
        my $n = s/\A\x00+//r;
        ("\x00" x ($size - length $n)) . $n;
    } $r, $s;
}


sub sign {
    my ($self, $header, $claims, $alg) = @_;
    my $input;

    $input = base64url($header) . '.' . base64url($claims);

    return "$input." . base64url($self->raw($alg // $self->{alg}, $input));
}


sub token {
    my ($self, $claims, $header, %arg) = @_;
    my (%header, %claims, $alg);

    $alg = $arg{alg} // $self->{alg};

    %header = (alg => $alg, typ => 'JWT',
               defined $self->{kid} ? (kid => $self->{kid}) : (),
               %{ $header || {} });
    delete $header{$_} for grep { !defined $header{$_} } keys %header;

    if (ref $claims eq 'HASH') {
        %claims = (exp => time + 3600, %$claims);
        delete $claims{$_} for grep { !defined $claims{$_} } keys %claims;
        $claims = $json->encode(\%claims);
    }

    return $self->sign($json->encode(\%header), $claims, $alg);
}


1;
