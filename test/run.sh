#!/bin/sh
# Runs all tests: installs what they need, prepares the default package set, then runs node's test runner.
#   sh test/run.sh [FILE...]         only these test files
#   sh test/run.sh --unprivileged    only those that need neither container clients nor rights to mount
set -eu
cd "$(dirname "$0")/.."

if [ "${1:-}" = --unprivileged ]; then
  shift
  sh nix/install.sh shellcheck
  # shellcheck disable=SC2046 # names without blanks
  set -- "$@" $(find test -name '*.test.ts' -not -path 'test/end-to-end/*' | sort)
else
  sh nix/install.sh skopeo podman runc docker.io containerd docker-registry shellcheck debootstrap chromium tmux iproute2
fi
node=node_modules/.bin/node
PATH="$PWD/node_modules/.bin:$PATH"
export PATH

# As the tests' Nix: no build users, no sandbox, no cache.
NIX_CONFIG="build-users-group =
sandbox = false
substitute = false"
export NIX_CONFIG
"$node" nix/debian/prepare.ts

if [ $# -eq 0 ]; then set -- 'test/**/*.test.ts'; fi
# More files than cores: much of their time is waiting. They share one Docker Engine, and tests of times take the best of
# several, or compare what ran by turns.
exec "$node" --test --test-concurrency=4 --test-timeout=900000 "$@"
