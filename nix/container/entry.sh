#!/bin/sh
# Starts the service in its container. /nix may be an empty volume: Nix's user gets what it has to write there. The server,
# which spawns Nix as that user, keeps of root's rights those alone that this takes.
set -eu

if [ "$(id -u)" -ne 0 ]; then
  echo "the container must start as root: Nix runs as another user than the server, and only root can see to that" >&2
  exit 1
fi

umask 022
user=$NIXERY_NIX_USER
install -d /nix /nix/var
install -d -o "$user" -g "$user" /nix/store /nix/var/nix /nix/var/nix/gcroots "$NIXERY_NIX_HOME" "$NIXERY_NIX_HOME/tmp"
# What running builds need; the server's.
install -d /nix/var/nix/gcroots/nixery-run

keep=+setuid,+setgid,+setpcap,+kill
exec setpriv --inh-caps=-all --bounding-set=-all,$keep -- sh /app/start.sh "$@"
