# Programs that look for their parts beside their own real path: cmake for share/cmake-3.25, node for share/nodejs, rustc for
# lib/rustlib. In Debian that is /usr, where all packages are; here it would be the store path of one package. So these
# programs lie in a /usr of their own, nix-support/usr, which has beside them links to the image's /usr. What lies in
# nix-support is not linked into an image's root.
package Beside;
use strict;
use warnings;
use Links;
use Tree;

my $place = '/nix-support/usr';

# What of Debian's /usr a program may look for.
my @folders = qw(bin games include lib libexec sbin share);

# How programs ask where they are: Linux' way, and those of scripts.
my $asks_in_script = qr{/proc/self/exe|\breadlink\b|\brealpath\b|\bRealBin\b|\bBASH_SOURCE\b|\b__FILE__\b|\b__dir__\b};

# Moves the programs there, and leaves links at their places.
sub move {
    my ($out, $store, @programs) = @_;
    my @moved = grep { seeks("$out$_", $store) } @programs;
    return unless @moved;
    my %folders;
    for my $path (sort @moved) {
        Tree::make_parents("$out$place$path");
        rename "$out$path", "$out$place$path" or die "cannot rename $out$path: $!\n";
        symlink Links::relative($path, "$place$path"), "$out$path" or die "cannot link $out$path: $!\n";
        my $folder = $path;
        $folders{$folder} = 1 while $folder =~ s{/[^/]+$}{};
    }
    # Beside each folder on the way to a program is all that the image has there.
    for my $folder (sort keys %folders) {
        for my $name ($folder eq '' ? @folders : Tree::entries("$out$folder")) {
            next if lstat "$out$place$folder/$name";
            symlink "/usr$folder/$name", "$out$place$folder/$name" or die "cannot link $out$place$folder/$name: $!\n";
        }
    }
}

# Whether a program may ask where it is: it, or a library that it is linked to, knows how.
sub seeks {
    my ($file, $store) = @_;
    my $elf = Elf::parse($file) or return holds($file, $asks_in_script);
    return 1 if holds($file, qr{/proc/self/exe});
    for my $library (@{ $elf->{needed} }) {
        for my $folder (@{ $elf->{runpath} }) {
            next unless -f "$folder/$library";
            return 1 if asks("$folder/$library", $store);
            last;
        }
    }
    return 0;
}

sub asks {
    my ($library, $store) = @_;
    return $store->{asks}{$library} //= $library !~ m{/libc\.so} && holds($library, qr{/proc/self/exe}) ? 1 : 0;
}

sub holds {
    my ($file, $pattern) = @_;
    open my $handle, '<:raw', $file or die "cannot read $file: $!\n";
    my $before = '';
    while (read $handle, my $bytes, 1 << 20) {
        return 1 if "$before$bytes" =~ $pattern;
        $before = substr $bytes, -32;
    }
    return 0;
}

1;
