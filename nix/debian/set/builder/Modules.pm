# Modules of Apache and of PHP are on when a link says so. A postinst makes the links with the servers' own programs
# (a2enmod, phpenmod); here they are made as it asks for them.
package Modules;
use strict;
use warnings;
use Store;
use Tree;

# The folders of those who read PHP's configuration.
my @readers = qw(apache2 cgi cli embed fpm phpdbg);

my %of_apache = (mod => 'mods', conf => 'conf', site => 'sites');

sub enable {
    my ($out, $store, @calls) = @_;
    for my $call (@calls) {
        my ($command, @arguments) = grep { !/^-/ } @$call;
        ($command, @arguments) = ("a2$arguments[0]", $arguments[1]) if $command eq 'apache2_invoke' && @arguments > 1;
        if ($command =~ /^a2en(mod|conf|site)$/ && @arguments) { apache($out, $store, $of_apache{$1}, $arguments[-1]) }
        elsif ($command eq 'php_invoke' && ($arguments[0] // '') eq 'enmod' && @arguments == 4) {
            php($out, @arguments[1 .. 3]);
        }
    }
}

sub apache {
    my ($out, $store, $kind, $name) = @_;
    return if $name !~ /^\w[\w.-]*$/;
    for my $file ("$name.load", "$name.conf") {
        my $available = Store::find($store, "/etc/apache2/$kind-available/$file") // next;
        next if lstat "$out/etc/apache2/$kind-enabled/$file";
        link_to("../$kind-available/$file", "$out/etc/apache2/$kind-enabled/$file");
        # What a module needs is on as well, as with a2enmod.
        apache($out, $store, $kind, $_) for map { split } Tree::read_file($available) =~ /^# Depends:(.*)$/mg;
    }
}

sub php {
    my ($out, $version, $reader, $name) = @_;
    return if "$version$reader$name" !~ /^[\w.-]+$/;
    my $file = "$out/etc/php/$version/mods-available/$name.ini";
    return unless -f $file && !-l $file;
    my ($priority) = Tree::read_file($file) =~ /^;\s*priority=(\d+)/m;
    for my $each ($reader eq 'ALL' ? @readers : $reader) {
        my $link = sprintf '%s/etc/php/%s/%s/conf.d/%02d-%s.ini', $out, $version, $each, $priority // 20, $name;
        link_to("/etc/php/$version/mods-available/$name.ini", $link) unless lstat $link;
    }
}

sub link_to {
    my ($target, $link) = @_;
    Tree::make_parents($link);
    symlink $target, $link or die "cannot link $link: $!\n";
}

1;
