# Files that a package's maintainer scripts make of its own when it is installed: they do not run here.
package Configured;
use strict;
use warnings;
use Tree;

# From where, to where: base-passwd's and base-files' postinst copy what is not there.
my %copied = (
    '/share/base-passwd/passwd.master' => '/etc/passwd',
    '/share/base-passwd/group.master'  => '/etc/group',
    '/share/base-files/profile'        => '/etc/profile',
    '/share/base-files/dot.bashrc'     => '/root/.bashrc',
    '/share/base-files/dot.profile'    => '/root/.profile',
);

sub make {
    my ($out) = @_;
    for my $from (sort keys %copied) {
        next unless -f "$out$from";
        my $text = Tree::read_file("$out$from");
        # Passwords are in /etc/shadow, which images do not have: nobody can log in with one.
        $text =~ s/^(root|[^:\n]+):\*:/$1:x:/mg if $from =~ /base-passwd/;
        Tree::make_parents("$out$copied{$from}");
        Tree::write_file("$out$copied{$from}", $text);
    }
}

1;
