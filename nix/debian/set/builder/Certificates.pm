# What update-ca-certificates makes when ca-certificates is installed: one file with all trusted certificates; and when Java
# is, a keystore of them.
package Certificates;
use strict;
use warnings;
use Store;
use Tree;

sub bundle {
    my ($out) = @_;
    my $folder = "$out/share/ca-certificates";
    return unless -d $folder;
    my $bundle = '';
    Tree::walk($folder, sub {
        my ($path) = @_;
        return unless $path =~ /\.crt$/ && -f "$folder$path";
        my $certificate = Tree::read_file("$folder$path");
        $certificate .= "\n" unless $certificate =~ /\n$/;
        $bundle .= $certificate;
    });
    return if $bundle eq '';
    Tree::make_parents("$out/etc/ssl/certs/x");
    Tree::write_file("$out/etc/ssl/certs/ca-certificates.crt", $bundle);
    symlink 'ca-certificates.crt', "$out/etc/ssl/certs/ca-bundle.crt" or die "cannot link ca-bundle.crt: $!\n";
}

# The package's own program would write the time of the build into each entry. The format is that of Sun's JKS: a magic
# number, the version 2, the entries, and the SHA-1 of a password, a constant and all that.
sub keystore {
    my ($out, $store) = @_;
    my $made = "$out/etc/ssl/certs/java/cacerts";
    return if !-d "$out/share/ca-certificates-java" || lstat $made;
    my %entries;
    for my $folder (grep { -d } map { "$_/share/ca-certificates" } @{ $store->{dependencies} }, $out) {
        Tree::walk($folder, sub {
            my ($path) = @_;
            return unless $path =~ m{([^/]+)\.crt$} && -f "$folder$path";
            # The name of update-ca-certificates' file.
            my $name = lc $1 =~ tr/ (),/_==_/r;
            my ($text) = Tree::read_file("$folder$path") =~ /-----BEGIN CERTIFICATE-----\s*([^-]+)-----END/ or return;
            $entries{"debian:$name.pem"} = decoded($text);
        });
    }
    my $data = pack 'N3', 0xfeedfeed, 2, scalar keys %entries;
    # A trusted certificate, its alias, when it was added, the type and the certificate.
    $data .= pack 'N n/a* Q> n/a* N/a*', 2, $_, 0, 'X.509', $entries{$_} for sort keys %entries;
    Tree::make_parents($made);
    Tree::write_file($made, $data);
    my $file = "$ENV{NIX_BUILD_TOP}/keystore";
    Tree::write_file($file, pack('n*', unpack 'C*', 'changeit') . 'Mighty Aphrodite' . $data);
    my ($digest) = `sha1sum '$file'` =~ /^([0-9a-f]{40}) / or die "cannot hash $file\n";
    Tree::write_file($made, $data . pack 'H*', $digest);
    unlink $file or die "cannot remove $file: $!\n";
}

# Base64, for which Debian's perl-base has no module, has the alphabet of uuencode in another order.
sub decoded {
    my ($text) = @_;
    my $padding = $text =~ tr/=//;
    $text =~ tr{A-Za-z0-9+/}{}cd;
    $text =~ tr{A-Za-z0-9+/}{ -_};
    my $bytes = '';
    for my $line (unpack '(A60)*', $text . ' ' x $padding) {
        $line .= ' ' x (-length($line) % 4);
        $bytes .= unpack 'u', chr(32 + length($line) * 3 / 4) . $line;
    }
    return $padding ? substr $bytes, 0, -$padding : $bytes;
}

1;
