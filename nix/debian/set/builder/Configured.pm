# Files of /etc that a postinst copies from the package's own, or from what it depends on (cp, ucf): its scripts do not run
# here, but what they would copy is known. What lies elsewhere is nobody's configuration.
package Configured;
use strict;
use warnings;
use Store;
use Tree;

sub make {
    my ($out, $store, @calls) = @_;
    # Some copy to a temporary file, change that for the machine, and hand it to ucf.
    my %temporary;
    for my $call (@calls) {
        my ($command, @arguments) = @$call;
        next if $command ne 'cp' && $command ne 'ucf';
        my ($from, $to) = (grep { !/^-/ } @arguments)[-2, -1];
        next unless defined $from && defined $to;
        $from = $temporary{$from} // Tree::flat($from);
        if ($to =~ m{^/temporary/}) { $temporary{$to} = $from; next }
        next unless $to =~ m{^/(?:etc|root)/[^\$*?\0]+$} && $to !~ m{/(?:\.\.?)?(?:/|$)};
        my $source = Store::find($store, $from);
        next if lstat "$out$to" or !defined $source or !-f $source;
        my $text = Tree::read_file($source);
        # Passwords are in /etc/shadow, which images do not have: nobody can log in with one.
        $text =~ s/^([^:\n]+):\*:/$1:x:/mg if $to eq '/etc/passwd' || $to eq '/etc/group';
        Tree::make_parents("$out$to");
        Tree::write_file("$out$to", $text);
    }
}

1;
