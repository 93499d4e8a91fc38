# A part of a package: what others need of an essential package, which is nobody's declared dependency.
package Parts;
use strict;
use warnings;
use Documents;
use Tree;

# Removes what is at or below none of the places; without places, nothing. Copyrights stay.
sub keep {
    my ($out, @places) = @_;
    return unless @places;
    my $wanted = join '|', (map { quotemeta } @places), '/share/doc/[^/]+/copyright';
    my @others;
    Tree::walk($out, sub {
        my ($path) = @_;
        unshift @others, $path unless $path =~ m{^(?:$wanted)(?:/|$)};
    });
    for my $path (@others) {
        # A folder goes when nothing is left in it.
        if (!-l "$out$path" && -d _) { rmdir "$out$path" }
        else                         { unlink "$out$path" or die "cannot remove $out$path: $!\n" }
    }
}

1;
