# Scripts: the interpreter in their first line becomes a store path, and the essential tools that they use are named.
package Scripts;
use strict;
use warnings;
use Store;
use Tree;

my $shell = qr{(?:^|/)(?:sh|dash|bash)$};

# Where a command may stand in a shell script; neither an assignment nor a function's name.
my $command = qr{
    (?: ^ | [|;&(`\{!] | (?<![\w-])(?:then|do|else|elif|if|while|until|exec|command|xargs|time|nice|nohup|sudo) \s )
    [ \t]* (?: \w+=\S* \s+ )* ["']? (?:/usr)? (?:/s?bin/)? ([a-z\[][\w.+-]*)
    (?! [ \t]* (?: = | \( ) | [\w.+-] )
}mx;

# Fixes the first lines. Returns the essential outputs that the programs need and nothing else brings, and the places of the scripts.
sub fix {
    my ($out, $store, $elf, @essentials) = @_;
    my %from;
    for my $essential (@essentials) {
        for my $folder ('/bin', '/sbin') {
            next unless -d "$essential$folder";
            $from{$_} //= $essential for Tree::entries("$essential$folder");
        }
    }
    my (%used, @scripts);
    my $use = sub { my ($name) = @_; $used{ $from{$name} } = 1 if defined $from{$name} };
    $use->('sh') if $elf->{shell};
    Tree::walk($out, sub {
        my ($path) = @_;
        return if -l "$out$path" || !-f _ || !-x _;
        open my $handle, '<:raw', "$out$path" or die "cannot read $out$path: $!\n";
        read($handle, my $start, 2);
        return unless defined $start && $start eq '#!';
        push @scripts, $path;
        my $text = Tree::read_file("$out$path");
        my ($line, $rest) = $text =~ /^#!([^\n]*)(.*)$/s;
        my ($interpreter, $name, $new) = interpreter($line, $store, \%from);
        return unless defined $interpreter;
        $use->($name);
        $use->('sh');
        if ($name =~ $shell) {
            $rest =~ s/(?:^|(?<=\s))#[^\n]*//mg;
            $use->($1) while $rest =~ /$command/g;
        }
        return if $new eq $line;
        my $mode = (lstat "$out$path")[2] & 0777;
        my $body = substr $text, length($line) + 2;
        Tree::write_file("$out$path", "#!$new$body");
        chmod $mode, "$out$path" or die "cannot chmod $out$path: $!\n";
    });
    my %brought = map { $_ => 1 } @{ $store->{dependencies} };
    return ([grep { $used{$_} && !$brought{$_}++ } @essentials], \@scripts);
}

# The parts of a first line: the interpreter's path in Debian, its name, and the line with its store path. Where no
# output has it, the line stays: an image may have the interpreter all the same.
sub interpreter {
    my ($line, $store, $from) = @_;
    my ($path, $arguments) = $line =~ /^\s*(\S+)(.*?)\s*$/ or return;
    if ($path =~ m{/env$} && $arguments =~ /^\s+(?:-S\s+)?([\w.+-]+)((?:\s+\S+)?)$/ && $1 !~ /^-/) {
        my ($name, $one) = ($1, $2);
        # env without -S takes everything after it for one name.
        return ($path, $name, $line) if $one ne '' && $arguments !~ /^\s+-S/;
        my $found = find("/bin/$name", $store, $from);
        return ($path, $name, defined $found ? "$found$one" : $line);
    }
    return unless $path =~ m{^/};
    my $flat = Tree::flat($path);
    my ($name) = $flat =~ m{([^/]+)$} or return;
    my $found = find($flat, $store, $from);
    return ($path, $name, defined $found ? "$found$arguments" : $line);
}

sub find {
    my ($flat, $store, $from) = @_;
    my $found = Store::find($store, $flat);
    return $found if defined $found;
    my ($name) = $flat =~ m{^/s?bin/([^/]+)$} or return;
    return defined $from->{$name} && Store::holds("$from->{$name}$flat") ? "$from->{$name}$flat" : undef;
}

1;
