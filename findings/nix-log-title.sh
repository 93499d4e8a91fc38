#!/bin/sh
# Nix 2.8.0 (Debian's nix-bin 2.8.0-1.1+b1): where its stderr is no terminal it takes escape sequences out of what builders
# print, but of one that sets a window's title (OSC, ESC ] ... BEL: xterm's "Operating System Commands") only the two control
# characters. The title stays as text in the line.
# Seen: `ESC[31mred ESC[0m` comes out as `red`, and `ESC]0;a title BEL text` as `0;a titletext`.
set -eu
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch"

# Nix, and the libraries that it needs, as Debian 12 has them.
apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances nix-bin |
  grep -E '^lib[a-z0-9.+-]*$' | grep -vE '^lib(c6|.*-perl$)' | sort -u > libraries
# shellcheck disable=SC2046 # names without blanks
apt-get download -qq -o APT::Sandbox::User=root nix-bin=2.8.0-1.1+b1 $(cat libraries)
for package in *.deb; do dpkg-deb -x "$package" system; done
LD_LIBRARY_PATH=$scratch/system/usr/lib/x86_64-linux-gnu:$scratch/system/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH

# A store of its own, without the rights that a sandbox needs.
export NIX_STORE_DIR="$scratch/store" NIX_STATE_DIR="$scratch/state" NIX_LOG_DIR="$scratch/log" NIX_CONF_DIR="$scratch" HOME="$scratch"
printf 'build-users-group =\nsandbox = false\nsubstitute = false\n' > nix.conf
cat > prints.nix <<'EOF'
derivation {
  name = "prints";
  system = "x86_64-linux";
  builder = "/bin/sh";
  args = [ "-c" "printf '\\033[31mred \\033[0m\\n\\033]0;a title\\007text\\n' >&2; echo done > $out" ];
}
EOF
"$scratch/system/usr/bin/nix-build" --no-out-link prints.nix 2> said > path
seen=$(grep -A 1 '^red' said | cat -v)
echo "$seen"
[ "$seen" = "$(printf 'red \n0;a titletext')" ]
