# Evaluates one attribute of a package set by itself, so that Nix prints why it cannot be evaluated.
#
#   request   JSON: { "source": (see load.nix), "system": "...", "path": ["python3Packages", "requests"] }
{ request }:

let
  asked = builtins.fromJSON request;
  packages = import ./load.nix { inherit (asked) source system; };
  package = builtins.foldl' (set: name: set.${name}) packages asked.path;
in
package.drvPath
