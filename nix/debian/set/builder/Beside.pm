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

my $command = qr{^/(?:s?bin|games)/};

# How programs ask where they are: Linux' way, and those of scripts.
my $asks_in_script = qr{/proc/self/exe|\breadlink\b|\brealpath\b|\bRealBin\b|\bBASH_SOURCE\b|\b__FILE__\b|\b__dir__\b};

# Moves the programs there, and leaves links at their places.
sub move {
    my ($out, $store, @programs) = @_;
    # Scripts that are no commands are started by a program of their own package, which knows where they are.
    my @moved = grep { seeks($out, $_, $store) } @programs;
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

# Whether a program may ask where it is: it, or a library that it is linked to, knows how. Node asks libnode, and that libuv.
sub seeks {
    my ($out, $path, $store) = @_;
    my $file = "$out$path";
    my $elf = Elf::parse($file) or return $path =~ $command && holds($file, $asks_in_script);
    return 1 if holds($file, qr{/proc/self/exe});
    # What is no command is one of many in its folder, each of which is linked beside it: git-remote-http among 170.
    return $path =~ $command && grep { asks($_, $store) } libraries($elf);
}

sub asks {
    my ($library, $store) = @_;
    my $known = $store->{asks}{$library};
    return $known if defined $known;
    # Libraries may need each other.
    $store->{asks}{$library} = 0;
    # What the C library's loader knows of itself is not asked for by programs.
    return 0 if $library =~ m{/(?:libc|ld-linux[^/]*)\.so};
    my $elf = Elf::parse($library) or return 0;
    return $store->{asks}{$library} = holds($library, qr{/proc/self/exe}) || (grep { asks($_, $store) } libraries($elf)) ? 1 : 0;
}

# The libraries that a file names, as the loader finds them.
sub libraries {
    my ($elf) = @_;
    my @found;
    for my $name (@{ $elf->{needed} }) {
        my ($folder) = grep { -f "$_/$name" } grep { m{^/nix/store/} } @{ $elf->{runpath} };
        push @found, "$folder/$name" if defined $folder;
    }
    return @found;
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
