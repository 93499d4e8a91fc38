# What update-ca-certificates makes when ca-certificates is installed: one file with all trusted certificates.
package Certificates;
use strict;
use warnings;
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

1;
