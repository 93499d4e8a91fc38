# The settings of GNOME's programs: GLib reads them from one compiled file, which Debian makes when packages are
# installed, and a program without it aborts. Here the file holds the schemas of the output and of what it depends on.
package Schemas;
use strict;
use warnings;
use Tree;

sub compile {
    my ($out, $store, $triple) = @_;
    my $place = 'share/glib-2.0/schemas';
    return unless -d "$out/$place" || -d "$out/bin";
    my @folders  = grep { -d } map { "$_/$place" } $out, @{ $store->{dependencies} };
    my $compiler = Store::find_outside($store, "/lib/$triple/glib-2.0/glib-compile-schemas");
    return unless @folders && defined $compiler;
    my $all = Tree::make_directory("$ENV{NIX_BUILD_TOP}/schemas");
    for my $folder (@folders) {
        for my $name (grep { /\.(?:xml|override)$/ } Tree::entries($folder)) {
            next if lstat "$all/$name";
            symlink "$folder/$name", "$all/$name" or die "cannot link $all/$name: $!\n";
        }
    }
    return unless grep { /\.xml$/ } Tree::entries($all);
    my $compiled = "$all/gschemas.compiled";
    # The compiler is a program of the set. That of another architecture does not start here.
    if (system($compiler, "--targetdir=$all", $all) != 0 || !-f $compiled) {
        print STDERR "$out has no compiled settings: $compiler failed\n";
        return;
    }
    Tree::make_parents("$out/$place/x");
    Tree::write_file("$out/$place/gschemas.compiled", Tree::read_file($compiled));
}

1;
