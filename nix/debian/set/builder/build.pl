#!/usr/bin/perl
# Makes Nix outputs from the .deb files of one Debian package, or of several that depend on each other.
#
# What Nix passes in the environment: out; doc, the output of what people read; debs, the files to unpack; depends, the
# outputs that these packages depend on; documents, those documents of them that belong to this package's; parts, outputs
# that an image has beside this one; essentials,
# the outputs of essential packages, which scripts use without declaring it; architecture; bare, set when the output is
# wanted without anything else.
# Needs no more of Perl than Debian's perl-base. Every list is sorted or in the order of the lock, so that the same
# lock and tools give the same bytes everywhere.
use strict;
use warnings;
use File::Basename qw(dirname);
use lib dirname(__FILE__);
use Alternatives;
use Beside;
use Caches;
use Catalogs;
use Certificates;
use Configured;
use Documents;
use Elf;
use Links;
use Modules;
use Neighbours;
use Pam;
use Parts;
use Recorded;
use Schemas;
use Scripts;
use Store;
use Tree;

# The build's own tools. Nix gives builders a PATH that leads nowhere.
$ENV{PATH}   = '/usr/bin:/bin';
$ENV{LC_ALL} = 'C';
umask 022;

my $out        = $ENV{out};
my $doc        = $ENV{doc};
my @debs       = split ' ', $ENV{debs};
my @depends    = split ' ', $ENV{depends};
my @documents  = split ' ', $ENV{documents};
my @parts      = split ' ', $ENV{parts};
my @essentials = split ' ', $ENV{essentials};
my %triples    = (amd64 => 'x86_64-linux-gnu', arm64 => 'aarch64-linux-gnu');
my $triple     = $triples{ $ENV{architecture} } or die "unknown architecture $ENV{architecture}\n";

Tree::make_directory($_) for $out, $doc;
my @calls;
for my $deb (@debs) {
    Tree::unpack($deb, $out);
    my $control = Tree::make_directory("$ENV{NIX_BUILD_TOP}/control");
    Tree::run('dpkg-deb', '--control', $deb, $control);
    push @calls, Recorded::calls("$control/postinst", $out, $ENV{architecture});
    Tree::remove($control);
}

my %targets = Links::targets($out);
Tree::flatten($out);

# Where a file of the Debian file system may be, in the order of the search: here, in a dependency.
my @dependencies = Store::closure(@depends);
my $store        = Store::search($out, @dependencies);
Alternatives::add(\%targets, $out, $store, @calls);

Documents::move($out, $doc);
my %of_documents = map { $_ => delete $targets{$_} } grep { Documents::is_place($_) } keys %targets;
Links::write(\%targets, $out, $store);
Links::write(\%of_documents, $doc, Store::search($doc, $out, @dependencies));
Links::replace_hard_links($_) for $out, $doc;
Certificates::bundle($out);
Configured::make($out, $store, @calls);
Modules::enable($out, $store, @calls);
Certificates::keystore($out, $store);
Catalogs::make($out, $store, @calls);
Pam::make($out, $store);

my $elf = Elf::fix($out, $store, $triple, $ENV{architecture});
Neighbours::link($out, $store, $triple, @{ $elf->{programs} });
Schemas::compile($out, $store, $triple);
Caches::make($out, $store, $triple);
my ($used, $scripts) = Scripts::fix($out, $store, $elf, @essentials);
Beside::move($out, $store, @{ $elf->{programs} }, @$scripts);
Parts::keep($out, split ' ', $ENV{only});
Tree::run('chmod', '-R', 'u+w', $out, $doc);

# What an image's root links beside these outputs, as buildEnv does it: Debian's programs look for their files in /usr.
Tree::propagate($out, $ENV{bare} ? () : (@depends, @parts, @$used));
Tree::propagate($doc, @documents);
