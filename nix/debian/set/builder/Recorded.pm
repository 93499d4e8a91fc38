# What a package's postinst would do. Maintainer scripts do not run here; a script is read by a restricted bash in which
# there is nothing but functions, which write down how they are called: it can start no program and write no file.
package Recorded;
use strict;
use warnings;
use File::Basename qw(dirname);
use Tree;

# The calls that are understood, by the functions of record.bash.
my $known = qr{\b(?:update-alternatives|ucf|cp|cat|a2enmod|a2enconf|a2ensite|apache2_invoke|php_invoke|update-xmlcatalog|update-catalog)\b};

# The calls that a postinst makes, each as the list of the command and its arguments.
sub calls {
    my ($postinst, $root, $architecture) = @_;
    return unless -f $postinst;
    my $script = Tree::read_file($postinst);
    return unless $script =~ $known && $script =~ m{^#!\s*/bin/(?:ba|da)?sh};
    # A restricted shell refuses these, and with them the command that they belong to.
    $script =~ s{(?:&|[0-9])?>>?\s*(?:&\s*[0-9]|/dev/null)}{}g;
    $script =~ s{\bcat\s+([^\s|<>;&]+)\s*>\s*([^\s|<>;&]+)}{cp $1 $2}g;
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
    return map { [split /\x02/, $_, -1] } $calls =~ /\x01([^\x03]*)\x03/g;
}

1;
