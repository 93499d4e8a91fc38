# Finding files of Debian's file system in this output and in those that it depends on.
package Store;
use strict;
use warnings;
use Cwd qw(abs_path);
use Tree;

# The given outputs and all that they propagate, nearest first.
sub closure {
    my @queue = @_;
    my (%seen, @found);
    while (@queue) {
        my $path = shift @queue;
        next if $seen{$path}++;
        push @found, $path;
        my $list = "$path/nix-support/propagated-user-env-packages";
        push @queue, split ' ', Tree::read_file($list) if -f $list;
    }
    return @found;
}

# True when the path is there and leads to no place outside of the store: what the building machine has in its own
# /usr must not matter.
sub holds {
    my ($path) = @_;
    return 0 unless lstat $path;
    my $real = abs_path($path);
    return defined $real && $real =~ m{^/nix/store/.} && -e $real;
}

sub search {
    my ($out, @dependencies) = @_;
    return { out => $out, dependencies => \@dependencies, found => {} };
}

# The store path of a file, given by its place in an output ('/bin/sh'), or undef.
sub find {
    my ($store, $path) = @_;
    return "$store->{out}$path" if holds("$store->{out}$path");
    return find_outside($store, $path);
}

sub find_outside {
    my ($store, $path) = @_;
    return $store->{found}{$path} if exists $store->{found}{$path};
    my ($owner) = grep { holds("$_$path") } @{ $store->{dependencies} };
    return $store->{found}{$path} = defined $owner ? "$owner$path" : undef;
}

1;
