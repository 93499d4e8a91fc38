# The catalogs of XML and SGML: by what names documents ask for files of this machine. Debian's packages add theirs when they
# are installed (update-xmlcatalog, update-catalog), to one file. Here the file holds those of the output and of what it
# depends on.
package Catalogs;
use strict;
use warnings;
use Store;
use Tree;

sub make {
    my ($out, $store, @calls) = @_;
    xml($out, $store, map { xml_entry(@$_[1 .. $#$_]) } grep { $_->[0] eq 'update-xmlcatalog' } @calls);
    sgml($out, $store, grep { $_->[0] eq 'update-catalog' } @calls);
}

# What a call adds: the file, and the line in it. As update-xmlcatalog(8) writes them.
sub xml_entry {
    my (@arguments) = @_;
    my %option;
    while (@arguments) {
        my $name = shift @arguments;
        $option{$name} = $name =~ /^--(?:type|id|package|local)$/ ? shift @arguments // '' : 1;
    }
    my ($type, $id, $package, $local) = map { $option{"--$_"} // '' } qw(type id package local);
    return unless $option{'--add'} && $package =~ /^\w[\w.+-]*$/ && $type =~ /^(?:public|system|uri)$/;
    my $from = $type eq 'uri' ? 'uriStartString' : "${type}IdStartString";
    my $kind = $type eq 'uri' ? 'URI'            : ucfirst $type;
    my $to   = $option{'--root'} ? "/etc/xml/$package.xml" : $local;
    return { file => $option{'--root'} ? 'catalog' : "$package.xml", line => qq{<delegate$kind $from="$id" catalog="file://$to"/>} };
}

sub xml {
    my ($out, $store, @entries) = @_;
    my ($header, $footer) = map { Store::find($store, "/share/xml-core/catalog.$_") // return } qw(header footer);
    my %lines;
    $lines{ $_->{file} }{ $_->{line} } = 1 for @entries;
    my @others = grep { -f } map { "$_/etc/xml/catalog" } @{ $store->{dependencies} };
    my %before = map { $_ => 1 } map { Tree::read_file($_) =~ /^(<delegate.*)$/mg } @others;
    # One that depends on a single package with a catalog has that one's.
    return unless @entries || @others > 1;
    $lines{catalog}{$_} = 1 for keys %before;
    for my $file (sort keys %lines) {
        next if lstat "$out/etc/xml/$file";
        Tree::make_parents("$out/etc/xml/x");
        my $text = join '', map { "$_\n" } sort keys %{ $lines{$file} };
        Tree::write_file("$out/etc/xml/$file", Tree::read_file($header) . $text . Tree::read_file($footer));
    }
}

my $super = '/var/lib/sgml-base/supercatalog';

sub sgml {
    my ($out, $store, @calls) = @_;
    my @own    = catalogs($out);
    my @others = grep { -f "$_$super" } @{ $store->{dependencies} };
    return unless @own || @calls || @others > 1;
    return if lstat "$out$super";
    my %all = map { $_ => 1 } @own, map { catalogs($_) } @{ $store->{dependencies} };
    Tree::make_parents("$out$super");
    Tree::write_file("$out$super", join '', map { "$_\n" }
          '--', '## This file is created by update-catalog with update-super.',
          '## Please see update-catalog(8) for how to modify this file.', '--', map { "CATALOG /etc/sgml/$_" } sort keys %all);
    return if lstat "$out/etc/sgml/catalog";
    Tree::make_parents("$out/etc/sgml/catalog");
    symlink $super, "$out/etc/sgml/catalog" or die "cannot link $out/etc/sgml/catalog: $!\n";
}

sub catalogs {
    my ($output) = @_;
    return -d "$output/etc/sgml" ? grep { /^[^.].*\.cat$/ } Tree::entries("$output/etc/sgml") : ();
}

1;
