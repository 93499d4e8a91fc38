# What people read and programs do not need: manuals, documentation and translations. It is an output of its own, so
# that an image has it only where somebody asks for it: for git.doc, or for git-doc. Debian's slim container images leave
# out the same.
package Documents;
use strict;
use warnings;
use Tree;

# Programs must work without the files of /usr/share/doc (Debian Policy, 12.3). What a package's licence demands stays
# with the package: its copyright. Not all of gtk-doc and lintian: those are programs as well, which keep themselves there.
my $document = qr{^/share/(?:
    doc/[^/]+/(?!copyright$).
  | (?:man|info|help|omf|doc-base|gnome/help|gtk-doc/html|lintian/overrides)/.
  | locale/[^/]+/LC_[A-Z]+/.
)}x;

# Whether a place in an output is one of a document.
sub is_place { return $_[0] =~ $document }

# Moves the documents of one folder to another, with the same places.
sub move {
    my ($out, $doc) = @_;
    my @documents;
    Tree::walk($out, sub {
        my ($path) = @_;
        lstat "$out$path" or die "cannot read $out$path: $!\n";
        push @documents, $path if is_place($path) && !-d _;
    });
    for my $path (@documents) {
        Tree::make_parents("$doc$path");
        rename "$out$path", "$doc$path" or die "cannot rename $out$path: $!\n";
        # A folder that has nothing else goes as well.
        my $folder = $path;
        1 while $folder =~ s{/[^/]+$}{} && $folder ne '' && rmdir "$out$folder";
    }
}

1;
