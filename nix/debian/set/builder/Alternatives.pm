# The commands that several packages provide (awk, vi, editor). Debian links them when a package is configured, by
# update-alternatives in its postinst. Maintainer scripts do not run here; to learn what a script would ask for, it is
# read by a restricted bash in which there is nothing but functions: it can start no program and write no file.
package Alternatives;
use strict;
use warnings;
use File::Basename qw(dirname);
use Store;
use Tree;

# The calls that a postinst makes, each as the list of its arguments.
sub recorded {
    my ($postinst, $root, $architecture) = @_;
    return unless -f $postinst;
    my $script = Tree::read_file($postinst);
    return unless $script =~ /update-alternatives/ && $script =~ m{^#!\s*/bin/(?:ba|da)?sh};
    # A restricted shell refuses these, and with them the command that they belong to.
    $script =~ s{(?:&|[0-9])?>>?\s*(?:&\s*[0-9]|/dev/null)}{}g;
    $script =~ s{(?:/usr)?/s?bin/(?=update-alternatives)}{}g;
    $script =~ s{^(\s*)\.(\s+/)}{$1:$2}mg;
    my $file = "$ENV{NIX_BUILD_TOP}/postinst";
    Tree::write_file($file, $script);
    local %ENV = (
        PATH                    => '/nowhere',
        LC_ALL                  => 'C',
        ROOT                    => $root,
        ARCHITECTURE            => $architecture,
        DPKG_MAINTSCRIPT_NAME   => 'postinst',
        DEBIAN_FRONTEND         => 'noninteractive',
        DPKG_MAINTSCRIPT_ARCH   => $architecture,
        SCRIPT                  => $file,
    );
    my $prelude = dirname(__FILE__) . '/record.bash';
    open my $output, '-|', '/bin/bash', '--noprofile', '--norc', $prelude or die "cannot start bash: $!\n";
    local $/;
    my $calls = <$output> // '';
    close $output;    # The script's own status says nothing: its commands are not there.
    unlink $file or die "cannot remove $file: $!\n";
    return map { [split /\x02/, $_, -1] } $calls =~ /\x01update-alternatives\x02([^\x03]*)\x03/g;
}

# Adds the links that the recorded calls ask for. The highest priority wins, then the first.
sub add {
    my ($targets, $out, $store, @calls) = @_;
    my %best;
    for my $call (@calls) {
        my @arguments = @$call;
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
