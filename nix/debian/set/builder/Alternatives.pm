# The commands that several packages provide (awk, vi, editor). Debian links them when a package is configured, by
# update-alternatives in its postinst.
package Alternatives;
use strict;
use warnings;
use Store;
use Tree;

# Adds the links that the recorded calls ask for. The highest priority wins, then the first.
sub add {
    my ($targets, $out, $store, @calls) = @_;
    my %best;
    for my $call (@calls) {
        my ($command, @arguments) = @$call;
        next if $command ne 'update-alternatives';
        shift @arguments while @arguments && $arguments[0] ne '--install';
        my (undef, $link, $name, $path, $priority, @slaves) = @arguments;
        next unless defined $priority && $priority =~ /^-?[0-9]+$/;
        next if $best{$link} && $best{$link}{priority} >= $priority;
        my @links = ([$link, $path]);
        while (@slaves >= 4 && $slaves[0] eq '--slave') {
            my (undef, $slave, undef, $target) = splice @slaves, 0, 4;
            push @links, [$slave, $target];
        }
        $best{$link} = { priority => $priority, links => \@links };
    }
    for my $link (sort keys %best) {
        for (@{ $best{$link}{links} }) {
            my ($place, $target) = (Tree::flat($_->[0]), Tree::flat($_->[1]));
            next if $targets->{$place} || lstat "$out$place";
            next unless lstat "$out$target" or defined Store::find_outside($store, $target);
            $targets->{$place} = $_->[1];
        }
    }
}

1;
