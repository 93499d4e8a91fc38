# Symbolic links. Debian's packages link across packages and through /usr; in a Nix output such a link needs the
# store path of what it leads to.
package Links;
use strict;
use warnings;
use Store;
use Tree;

# What all packages of an image share, or what only its root has: links to these stay as they are in Debian. A folder of
# documents is in two outputs, and whole only there.
my $shared = qr{^/(?:etc|var|run|dev|proc|sys|tmp|home|root|srv|share/(?:doc|man|info|help|locale))(?:/|$)};

# Each link of Debian's layout: its place in the output => the absolute path that it leads to in Debian.
sub targets {
    my ($root) = @_;
    my %targets;
    Tree::walk($root, sub {
        my ($path) = @_;
        return unless -l "$root$path";
        my $target = readlink "$root$path";
        my ($folder) = $path =~ m{^(.*)/};
        $targets{ Tree::flat($path) } = absolute($target =~ m{^/} ? $target : "$folder/$target");
    });
    return %targets;
}

# One file with several names: in a Nix store each of them would be a file of its own. The first name stays, the others
# lead to it.
sub replace_hard_links {
    my ($root) = @_;
    my %first;
    Tree::walk($root, sub {
        my ($path) = @_;
        my (undef, $inode, undef, $names) = lstat "$root$path" or die "cannot read $root$path: $!\n";
        return unless -f _ && $names > 1;
        my $first = $first{$inode} //= $path;
        return if $first eq $path;
        unlink "$root$path" or die "cannot remove $root$path: $!\n";
        symlink relative($path, $first), "$root$path" or die "cannot link $root$path: $!\n";
    });
}

sub absolute {
    my @parts;
    for my $part (split m{/}, $_[0]) {
        next if $part eq '' || $part eq '.';
        if   ($part eq '..') { pop @parts }
        else                 { push @parts, $part }
    }
    return '/' . join '/', @parts;
}

# Writes every link again: relative where it stays inside the output, with a store path where a dependency has the
# file, else the absolute path of Debian's file system, which an image's root has.
sub write {
    my ($targets, $out, $store) = @_;
    my @open;
    for my $path (sort keys %$targets) {
        my $target = Tree::flat($targets->{$path});
        next unless -l "$out$path" || !lstat "$out$path";
        if (is_merged($store, $target)) { replace("$out$path", $targets->{$path}) }
        elsif (stays($out, $target))    { replace("$out$path", relative($path, $target)) }
        else                            { push @open, $path }
    }
    for my $path (@open) {
        my $target = Tree::flat($targets->{$path});
        my $found  = $target =~ $shared ? undef : Store::find_outside($store, $target);
        replace("$out$path", $found // $targets->{$path});
    }
    # A link may lead through a link that only now has its store path.
    for my $path (@open) {
        my $target = Tree::flat($targets->{$path});
        replace("$out$path", relative($path, $target)) if $target !~ $shared && Store::holds("$out$target");
    }
}

# Whether a folder is filled by several packages, and whole only in an image's root: Go's src, which has some of its files from
# each of two.
sub is_merged {
    my ($store, $target) = @_;
    return $store->{merged}{$target} //= (grep { -d "$_$target" && !-l "$_$target" } $store->{out}, @{ $store->{dependencies} }) > 1 ? 1 : 0;
}

# Whether a link inside the output is right. A folder of /etc, /var or documents is filled by many.
sub stays {
    my ($out, $target) = @_;
    return 0 unless lstat "$out$target";
    return 1 if $target !~ $shared;
    return -f "$out$target" && !-l "$out$target";
}

sub replace {
    my ($path, $target) = @_;
    if (-l $path) { unlink $path or die "cannot remove $path: $!\n" }
    else          { Tree::make_parents($path) }
    symlink $target, $path or die "cannot link $path: $!\n";
}

sub relative {
    my ($from, $to) = @_;
    my @from = split m{/}, substr $from, 1;
    my @to   = split m{/}, substr $to,   1;
    pop @from;
    while (@from && @to && $from[0] eq $to[0]) { shift @from; shift @to }
    return join('/', ('..') x @from, @to) || '.';
}

1;
