# Files that a postinst makes with a program of its package or of what that depends on, where the program runs while the
# package is built: that of another architecture does not start here, and then the file is missing.
package Caches;
use strict;
use warnings;
use Store;
use Tree;

sub make {
    my ($out, $store, $triple) = @_;
    graphviz($out, $triple);
    aspell($out, $store);
    ghc($out);
}

# The list of Graphviz' plugins: libgvc6-config-update reads them all and writes what they can do.
sub graphviz {
    my ($out, $triple) = @_;
    my ($program) = grep { -x } map { "$out/$_/libgvc6-config-update" } qw(bin sbin);
    return unless defined $program && -d "$out/lib/$triple/graphviz";
    local $ENV{GVBINDIR} = "$out/lib/$triple/graphviz";
    attempt("$out/lib/$triple/graphviz/config6a", $program, '-c');
}

# Dictionaries lie compressed in packages, and aspell reads compiled ones, from /var/lib/aspell.
sub aspell {
    my ($out, $store) = @_;
    return unless -d "$out/share/aspell";
    my ($aspell, $prezip) = map { Store::find($store, "/bin/$_") } qw(aspell prezip-bin);
    my $data = Store::find($store, '/lib/aspell/standard.kbd');
    return unless defined $aspell && defined $prezip && defined $data;
    for my $list (grep { /\.cwl\.gz$/ } Tree::entries("$out/share/aspell")) {
        my ($name, $language) = $list =~ /^(([a-z]+).*)\.cwl\.gz$/ or next;
        my $made = "$out/var/lib/aspell/$name.rws";
        Tree::make_parents($made);
        # Languages' own data is in this package, all languages' in another.
        my $folder = Tree::make_directory("$ENV{NIX_BUILD_TOP}/aspell");
        for my $from ($data =~ m{^(.*)/}, "$out/lib/aspell") {
            for my $file (Tree::entries($from)) { symlink "$from/$file", "$folder/$file" unless lstat "$folder/$file" }
        }
        my $script = 'gzip -dc "$0" | "$1" -d | "$2" --per-conf=/dev/null --dont-validate-affixes --data-dir="$3" --lang="$4" create master "$5"';
        attempt($made, '/bin/bash', '-o', 'pipefail', '-c', $script, "$out/share/aspell/$list", $prezip, $aspell, $folder, $language, $made);
        Tree::remove($folder);
    }
}

# GHC reads what its libraries are from one file.
sub ghc {
    my ($out) = @_;
    my $packages = "$out/var/lib/ghc/package.conf.d";
    my ($program) = glob "$out/lib/ghc/bin/ghc-pkg*";
    return unless -d $packages && defined $program && -x $program;
    attempt("$packages/package.cache", $program, "--global-package-db=$packages", 'recache');
}

sub attempt {
    my ($made, @command) = @_;
    return if system(@command) == 0 && -s $made;
    unlink $made;
    print STDERR "$made is missing: $command[0] failed\n";
}

1;
