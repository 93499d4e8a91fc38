#!/bin/sh
# npm start: installs what is missing, prepares Debian's packages unless another package source is chosen, and starts
# the server. Arguments are handed to functions-framework.
set -eu
cd "$(dirname "$0")/.."

sh nix/install.sh

PATH="$PWD/node_modules/.bin:$PATH"
export PATH

NODE_ENV="${NODE_ENV:-production}"
# Node keeps what it compiled, TypeScript without its types included: half of the time to start.
NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-${NIXERY_DATA_DIR:-.data}/compile-cache}"
# Many files are synced at once; memory that several threads took is given back; and large pages spare a virtual machine
# thousands of page faults, which take longer there than what is done with the memory (glibc 2.35 and newer).
UV_THREADPOOL_SIZE="${UV_THREADPOOL_SIZE:-8}"
MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
GLIBC_TUNABLES="${GLIBC_TUNABLES:-glibc.malloc.hugetlb=1}"
export NODE_ENV NODE_COMPILE_CACHE UV_THREADPOOL_SIZE MALLOC_ARENA_MAX GLIBC_TUNABLES

# As root, Debian's Nix looks for a group of build users that nobody has made.
if [ -z "${NIX_CONFIG:-}" ] && [ "$(id -u)" -eq 0 ] && ! getent group nixbld >/dev/null; then
  NIX_CONFIG='build-users-group ='
  export NIX_CONFIG
fi

os=$(. /etc/os-release 2>/dev/null && echo "${ID:-}") || os=
if [ -z "${NIXERY_CHANNEL:-}${NIXERY_PKGS_REPO:-}${NIXERY_PKGS_PATH:-}" ] && [ "$os" = debian ]; then
  # Nix fetches the packages as apt would.
  if [ -z "${http_proxy:-}" ]; then
    proxy=
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    if [ -n "$proxy" ] && [ "$proxy" != DIRECT ]; then
      http_proxy=$proxy
      export http_proxy
    fi
  fi
  # The builder uses the machine's tools, and no cache has these packages: asking one costs seconds for each call.
  NIX_CONFIG="${NIX_CONFIG:-}
sandbox = false
substitute = false"
  export NIX_CONFIG
  node nix/debian/prepare.ts
  NIXERY_PKGS_PATH="${NIXERY_DATA_DIR:-.data}/debian"
  export NIXERY_PKGS_PATH
fi

# Much is streamed, so much dies young, and Node, on a large machine, collects late: with its usual limits a build of
# 300 MB takes 100 MB of memory more. What lives is some 60 MB, and more where packages have very many files: the first
# image need not grow the heap up to that, step by step, with a collection for each. What dies young gets all of its memory at
# once, too. And V8 would compile what has run 400 times, on the cores that pack, just when one image calls it no more:
# 2,000 (docs/adr/0014). What a crowd of clients took is given back by --expose-gc (docs/adr/0022).
node_flags=$(cat nix/node-flags)
# shellcheck disable=SC2086 # They are several.
exec node $node_flags \
  node_modules/@google-cloud/functions-framework/build/src/main.js --target=registry --signature-type=http --ignored-routes= "$@"
