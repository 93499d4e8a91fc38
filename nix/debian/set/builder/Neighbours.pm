# Programs that look for their parts beside themselves. A JDK, GCC or LLVM is one tree of files in Debian, made of several
# packages, and its programs find the tree from their own place. In a store the tree of a package has only what is its
# own, so what its dependencies add to the tree is linked.
package Neighbours;
use strict;
use warnings;
use Tree;

# A tree of a program: /lib/gcc, /libexec/x, /opt/x, /lib/x86_64-linux-gnu/x.
sub tree {
    my ($path, $triple) = @_;
    return $path =~ m{^(/lib/\Q$triple\E/[^/]+|/(?:lib|libexec|opt)/[^/]+)/} && $1 ne "/lib/$triple" ? $1 : undef;
}

sub link {
    my ($out, $store, $triple, @programs) = @_;
    my %trees;
    for my $program (@programs) {
        my $tree = tree($program, $triple) // next;
        $trees{$tree} = 1;
        # GCC looks for the headers of C++ from there, too: ../../../../include/c++.
        @trees{ '/include/c++', "/include/$triple/c++" } = (1, 1) if $tree eq '/lib/gcc';
    }
    for my $tree (sort keys %trees) {
        fill("$out$tree", grep { -d && !-l } map { "$_$tree" } @{ $store->{dependencies} });
    }
}

# Links what the other folders have and the first has not. A folder that several have becomes a folder here.
sub fill {
    my ($folder, @others) = @_;
    my %found;
    for my $other (@others) { push @{ $found{$_} }, "$other/$_" for Tree::entries($other) }
    return unless %found;
    Tree::make_parents("$folder/x");
    for my $name (sort keys %found) {
        my $mine    = "$folder/$name";
        my @folders = grep { -d && !-l } @{ $found{$name} };
        if (lstat $mine) {
            fill($mine, @folders) if -d _ && @folders;
        }
        elsif (@folders > 1) {
            Tree::make_directory($mine);
            fill($mine, @folders);
        }
        else {
            symlink $found{$name}[0], $mine or die "cannot link $mine: $!\n";
        }
    }
}

1;
