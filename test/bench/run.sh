#!/bin/sh
# Measures: installs what it needs, prepares the default package set, then runs the benchmarks.
#   sh test/bench/run.sh [--runs N] [--out FILE] [NAME...]     only these benchmarks
set -eu
cd "$(dirname "$0")/../.."

sh nix/install.sh skopeo docker-registry wrk isal
PATH="$PWD/node_modules/.bin:$PATH"
export PATH

# As the tests' Nix: no build users, no sandbox, no cache.
NIX_CONFIG="build-users-group =
sandbox = false
substitute = false"
export NIX_CONFIG
node nix/debian/prepare.ts >&2

exec node test/bench/bench.ts "$@"
