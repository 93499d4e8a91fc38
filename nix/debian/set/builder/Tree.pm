# Files and folders: walking, moving, and the change from Debian's layout to the layout of a Nix output.
package Tree;
use strict;
use warnings;
use File::Path qw(remove_tree);

sub run {
    my @command = @_;
    system(@command) == 0 or die "@command failed with status $?\n";
}

# Unpacks a .deb without owners and special permissions. Nix kills builds that set a setuid or setgid bit, and dpkg-deb
# alone would.
sub unpack {
    my ($deb, $folder) = @_;
    my $tar = 'dpkg-deb --fsys-tarfile "$0" | tar -x -C "$1" --no-same-owner --no-same-permissions';
    run('/bin/bash', '-o', 'pipefail', '-c', $tar, $deb, $folder);
}

sub make_directory {
    my ($path) = @_;
    return $path if -d $path && !-l $path;
    mkdir $path or die "cannot make $path: $!\n";
    return $path;
}

sub make_parents {
    my ($path) = @_;
    my ($parent) = $path =~ m{^(.*)/[^/]+$};
    return if -d $parent;
    make_parents($parent);
    make_directory($parent);
}

sub remove { remove_tree($_[0], { safe => 1 }); }

sub read_file {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "cannot read $path: $!\n";
    local $/;
    my $content = <$file>;
    close $file or die "cannot read $path: $!\n";
    return $content // '';
}

sub write_file {
    my ($path, $content) = @_;
    open my $file, '>:raw', $path or die "cannot write $path: $!\n";
    print $file $content;
    close $file or die "cannot write $path: $!\n";
}

# Says what an image wants beside an output.
sub propagate {
    my ($output, @others) = @_;
    return unless @others;
    make_directory("$output/nix-support");
    write_file("$output/nix-support/propagated-user-env-packages", "@others\n");
}

sub entries {
    my ($folder) = @_;
    opendir my $handle, $folder or die "cannot read $folder: $!\n";
    my @names = sort grep { $_ ne '.' && $_ ne '..' } readdir $handle;
    closedir $handle;
    return @names;
}

# Every entry below a folder, as paths relative to it that start with a slash, in the order of their names.
sub walk {
    my ($root, $visit, $folder) = @_;
    $folder //= '';
    for my $name (entries("$root$folder")) {
        my $path = "$folder/$name";
        $visit->($path);
        walk($root, $visit, $path) if -d "$root$path" && !-l "$root$path";
    }
}

# The place of a path of Debian's file system in an output: /usr is the output itself. /bin and /usr/bin are one.
sub flat {
    my ($path) = @_;
    my @parts;
    for my $part (split m{/}, $path) {
        next if $part eq '' || $part eq '.';
        if   ($part eq '..') { pop @parts }
        else                 { push @parts, $part }
    }
    shift @parts if @parts && $parts[0] eq 'usr';
    return '/' . join '/', @parts;
}

# Moves what lies in usr to the top. Programs of /usr/games are also in bin, which is all of an image's PATH.
sub flatten {
    my ($out) = @_;
    run('chmod', '-R', 'u+rwX', $out);
    if (-d "$out/usr" && !-l "$out/usr") {
        rename "$out/usr", "$out/.usr" or die "cannot rename $out/usr: $!\n";
        merge("$out/.usr", $out);
    }
    return unless -d "$out/games";
    make_directory("$out/bin");
    for my $name (entries("$out/games")) {
        symlink "../games/$name", "$out/bin/$name" or die "cannot link $out/bin/$name: $!\n"
          unless lstat "$out/bin/$name";
    }
}

# Moves the content of one folder into another. A file wins over a link of the same name, since such a link is there
# for systems whose /bin and /usr/bin are different, and leads to the file.
sub merge {
    my ($from, $to) = @_;
    for my $name (entries($from)) {
        my ($source, $target) = ("$from/$name", "$to/$name");
        if (!lstat $target) {
            rename $source, $target or die "cannot rename $source: $!\n";
        }
        elsif (-d $source && !-l $source && -d $target && !-l $target) {
            merge($source, $target);
        }
        elsif (-l $source) {
            unlink $source or die "cannot remove $source: $!\n";
        }
        elsif (-l $target) {
            unlink $target or die "cannot remove $target: $!\n";
            rename $source, $target or die "cannot rename $source: $!\n";
        }
        elsif (-f $source && -f $target && read_file($source) eq read_file($target)) {
            unlink $source or die "cannot remove $source: $!\n";
        }
        else {
            die "two different files for $target\n";
        }
    }
    rmdir $from or die "cannot remove $from: $!\n";
}

1;
