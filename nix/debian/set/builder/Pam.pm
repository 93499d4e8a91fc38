# How PAM asks who somebody is: /etc/pam.d/common-auth and the like, which pam-auth-update(8) makes of templates and of the
# profiles of packages. Here they hold those of the output and of what it depends on that are on by default.
package Pam;
use strict;
use warnings;
use Store;
use Tree;

sub make {
    my ($out, $store) = @_;
    return unless -d "$out/share/pam-configs";
    my %profiles;
    for my $folder (grep { -d } map { "$_/share/pam-configs" } $out, @{ $store->{dependencies} }) {
        $profiles{$_} //= profile("$folder/$_") for Tree::entries($folder);
    }
    my @on = grep { ($_->{Default} // '') eq 'yes' }
      map { $profiles{$_} } sort { ($profiles{$b}{Priority} // 0) <=> ($profiles{$a}{Priority} // 0) || $b cmp $a } keys %profiles;
    for my $kind (qw(auth account password session session-noninteractive)) {
        my $template = Store::find($store, "/share/pam/common-$kind") // next;
        my $made     = "$out/etc/pam.d/common-$kind";
        next if lstat $made;
        my $text = Tree::read_file($template);
        # Each block is what lies between its comment and the next one that the template has after it.
        $text =~ s/^(# here are the per-package modules .*\n)(?:.*\n)*?(?=# here's the fallback)/$1 . block('Primary', $kind, @on)/me;
        $text =~ s/^(# and here are more per-package modules .*\n)(?:.*\n)*?(?=# end of pam-auth-update)/$1 . block('Additional', $kind, @on)/me;
        Tree::make_parents($made);
        Tree::write_file($made, $text);
    }
}

# Fields by their names; the further lines of a field are its modules.
sub profile {
    my ($file) = @_;
    my (%profile, $field);
    for (split /\n/, Tree::read_file($file)) {
        if (/^(\S+):\s+(.*?)\s*$/ || /^(\S+):()\s*$/) {
            ($field, my $value) = ($1, $2);
            $field =~ s/-Final$//;
            $profile{$field} = $value;
        }
        elsif (defined $field && /^\s*(.*?)\s*$/ && $1 ne '') { $profile{$field} .= ($profile{$field} eq '' ? '' : "\n") . $1 }
    }
    return \%profile;
}

# A block's modules, each of which says how many lines on is the end.
sub block {
    my ($block, $kind, @profiles) = @_;
    my ($type) = $kind =~ /^(\w+)/;
    my $field = ucfirst $type;
    my @lines;
    my $first = 1;
    for my $profile (@profiles) {
        next if ($profile->{"$field-Type"} // '') ne $block;
        next if $kind =~ /noninteractive/ && $profile->{'Session-Interactive-Only'};
        my $modules = $first ? $profile->{"$field-Initial"} // $profile->{$field} : $profile->{$field};
        $first = 0;
        push @lines, split /\n/, $modules // '';
    }
    return "$type\t[default=1]\t\t\tpam_permit.so\n" if $block eq 'Primary' && !@lines;
    my $left = @lines - ($block eq 'Additional' ? 1 : 0);
    my $text = '';
    for my $line (@lines) {
        my ($module, $options) = $line =~ /^((?:\[[^\]]+\]|\w+)\s+\S+)\s*(.*)/ or next;
        $module =~ s/end/$left/g;
        $text .= "$type\t$module $options\n";
        $left--;
    }
    return $text;
}

1;
