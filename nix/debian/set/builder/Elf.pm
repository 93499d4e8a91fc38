# Programs and libraries: the dynamic loader and the folders of libraries become store paths.
package Elf;
use strict;
use warnings;
use Store;
use Tree;

my %machines = (amd64 => 62, arm64 => 183);    # EM_X86_64, EM_AARCH64

# Fixes every program and library for the machine. Returns what scripts' fixing wants to know: shell => true when one
# of them may start a shell: it calls system() or popen(), or is a program that names /bin/sh; programs => the places of those that can be started.
sub fix {
    my ($out, $store, $triple, $architecture) = @_;
    my $machine = $machines{$architecture};
    my $result  = { shell => 0, programs => [] };
    my @found;
    my $holds_loader = 0;
    Tree::walk($out, sub {
        my ($path) = @_;
        return if -l "$out$path" || !-f _ || -s _ < 64;
        return if $path =~ m{^/(?:share|src|lib/debug|lib/firmware)/} || $path =~ /\.(?:ko|o|a|debug)$/;
        my $elf = parse("$out$path") or return;
        # Only linked files of this machine: no objects, no core dumps, no firmware for others.
        return unless $elf->{machine} == $machine && ($elf->{type} == 2 || $elf->{type} == 3);
        # Those that need no loader, such as Go's: nothing of them changes, and they can be started.
        if (!$elf->{dynamic}) { push @{ $result->{programs} }, $path if $elf->{type} == 2 && -x _; return }
        $holds_loader ||= ($elf->{soname} // '') =~ /^ld-linux/;
        push @found, [$path, $elf];
    });
    # The C library finds its parts by itself, and its loader must not be changed.
    return $result if $holds_loader;
    for (@found) {
        my ($path, $elf) = @$_;
        my $interpreter = $elf->{interpreter};
        $result->{shell} ||= $elf->{shell} || (defined $interpreter && names_shell("$out$path"));
        my $loader      = defined $interpreter ? Store::find($store, Tree::flat($interpreter)) // $interpreter : undef;
        patch("$out$path", $elf, $loader, runpath($path, $elf, $store, $triple));
        push @{ $result->{programs} }, $path if defined $interpreter;
    }
    return $result;
}

# The folders of the run path: those that hold a needed library, in the order of the loader's search, and those that
# the file already names, for what it loads while it runs.
sub runpath {
    my ($path, $elf, $store, $triple) = @_;
    my ($origin) = $path =~ m{^(.*)/};
    my (@named, @kept);
    for my $entry (@{ $elf->{runpath} }) {
        if ($entry =~ m{^\$(?:ORIGIN\b|\{ORIGIN\})(.*)}) {
            push @kept, $entry;
            push @named, Tree::flat("$origin$1");
        }
        elsif ($entry =~ m{^/nix/store/}) { push @kept, $entry }
        elsif ($entry =~ m{^/})           { push @named, Tree::flat($entry) }
    }
    my @default = ("/lib/$triple", '/lib');
    my @folders = @kept;
    for my $folder (@named) {
        next if grep { $_ eq $folder } @default;
        push @folders, grep { -d } "$store->{out}$folder", map { "$_$folder" } @{ $store->{dependencies} };
    }
    for my $library (@{ $elf->{needed} }) {
        next if $library =~ m{/};
        my ($found) = grep { defined } map { Store::find($store, "$_/$library") } @named, @default;
        if (defined $found) { push @folders, $found =~ m{^(.*)/} }
        # The loader looks there, too, and what is found there is found by itself.
        elsif (!@kept) { print STDERR "$path needs $library, which nothing that it depends on has\n" }
    }
    my %seen;
    return grep { !$seen{$_}++ } @folders;
}

sub names_shell {
    my ($file) = @_;
    open my $handle, '<:raw', $file or die "cannot read $file: $!\n";
    my $before = '';
    while (read $handle, my $bytes, 1 << 20) {
        return 1 if index("$before$bytes", "/bin/sh\0") >= 0;
        $before = substr $bytes, -8;
    }
    return 0;
}

# Changes one file: both, or else the loader alone, which needs less room. A changed copy takes the file's place only
# when it reads back as it should; otherwise the file stays as Debian made it, and works in an image, whose root has
# /lib64 and /lib.
sub patch {
    my ($file, $elf, $loader, @runpath) = @_;
    my $new_loader  = defined $loader && $loader ne $elf->{interpreter};
    my $new_runpath = "@runpath" ne "@{ $elf->{runpath} }";
    return unless $new_loader || $new_runpath;
    return if $new_runpath && patched($file, $elf, $loader, @runpath);
    return if $new_loader && patched($file, $elf, $loader, @{ $elf->{runpath} });
    print STDERR "$file stays as it is: patchelf cannot change it\n";
}

sub patched {
    my ($file, $elf, $loader, @runpath) = @_;
    my $copy    = "$file.patched";
    my @command = ('patchelf', '--output', $copy);
    push @command, '--set-interpreter', $loader if defined $loader && $loader ne $elf->{interpreter};
    push @command, '--set-rpath', join ':', @runpath if "@runpath" ne "@{ $elf->{runpath} }";
    my $now = system(@command, $file) == 0 ? parse($copy) : undef;
    if (
           $now
        && $now->{sound}
        && "@{ $now->{needed} }" eq "@{ $elf->{needed} }"
        && ($now->{interpreter} // '') eq ($loader // '')
        && "@{ $now->{runpath} }" eq "@runpath"
      )
    {
        chmod((lstat $file)[2] & 0777, $copy) or die "cannot chmod $copy: $!\n";
        rename $copy, $file or die "cannot rename $copy: $!\n";
        return 1;
    }
    unlink $copy;
    return 0;
}

# What of an ELF file matters here, or undef when it is none or is cut. 64 bits, little-endian, as both machines are.
# It is sound when its segments are aligned and its dynamic section can be written: the loader writes to it, but
# patchelf 0.14 moves that of Go's programs to where nothing can be written.
sub parse {
    my ($file) = @_;
    open my $handle, '<:raw', $file or die "cannot read $file: $!\n";
    read($handle, my $header, 64) == 64 or return;
    return unless substr($header, 0, 6) eq "\x7fELF\x02\x01";
    my ($type, $machine, $segments_at, $segment_size, $segment_count) = unpack 'x16 v v x12 Q< x14 v v', $header;
    my $elf = { type => $type, machine => $machine, needed => [], runpath => [], sound => 1, shell => 0 };
    my (@loads, $dynamic, $place);
    for my $index (0 .. $segment_count - 1) {
        seek $handle, $segments_at + $index * $segment_size, 0;
        read($handle, my $segment, 56) == 56 or return;
        my ($kind, $flags, $offset, $address, $size, $align) = unpack 'V V Q< Q< x8 Q< x8 Q<', $segment;
        if ($kind == 1) {
            push @loads, [$offset, $address, $size, $flags & 2];
            $elf->{sound} = 0 if $align > 1 && ($offset - $address) % $align != 0;
        }
        elsif ($kind == 2) { ($dynamic, $place) = (at($handle, $offset, $size), $address) }
        elsif ($kind == 3) { ($elf->{interpreter}) = at($handle, $offset, $size) =~ /^([^\0]*)/ }
    }
    $elf->{dynamic} = defined $dynamic or return $elf;
    my ($around) = grep { $place >= $_->[1] && $place < $_->[1] + $_->[2] } @loads;
    $elf->{sound} = 0 unless $around && $around->[3];
    my (@entries, %value);
    for my $index (0 .. int(length($dynamic) / 16) - 1) {
        my ($tag, $value) = unpack 'Q< Q<', substr $dynamic, $index * 16, 16;
        last if $tag == 0;
        push @entries, [$tag, $value];
        $value{$tag} = $value;
    }
    # DT_STRTAB and DT_STRSZ
    my $strings = defined $value{5} && defined $value{10} ? at($handle, offset($value{5}, @loads), $value{10}) : '';
    my $string = sub { my ($text) = substr($strings, $_[0]) =~ /^([^\0]*)/; $text };
    for (@entries) {
        my ($tag, $value) = @$_;
        next unless $tag == 1 || $tag == 14 || $tag == 15 || $tag == 29;
        return if $value >= length $strings;
        if    ($tag == 1)  { push @{ $elf->{needed} }, $string->($value) }
        elsif ($tag == 14) { $elf->{soname} = $string->($value) }
        else               { $elf->{runpath} = [grep { $_ ne '' } split /:/, $string->($value)] }
    }
    $elf->{shell} = $strings =~ /\0(?:system|popen)\0/ ? 1 : 0;
    return $elf;
}

sub at {
    my ($handle, $offset, $size) = @_;
    seek $handle, $offset, 0;
    read($handle, my $bytes, $size);
    return $bytes // '';
}

sub offset {
    my ($address, @loads) = @_;
    for (@loads) {
        my ($offset, $start, $size) = @$_;
        return $address - $start + $offset if $address >= $start && $address < $start + $size;
    }
    return 0;
}

1;
