# Loads a package set from a package source.
#
#   source   what to load, one of
#              { kind = "folder"; path = "/..."; }               a folder with a default.nix
#              { kind = "git"; url = "..."; revision = "..."; }  a git repository at a commit
#              { kind = "tarball"; url = "..."; }                an archive of a commit
#   system   the platform of the packages: "x86_64-linux" or "aarch64-linux"
#   attributes
#            null, or the names that will be asked for. A set that takes them gives just those of them that it has, for
#            when that is quicker than to make all; of a set that does not, nothing comes back
#
# The set is a function of nixpkgs' kind, `{ system, config, overlays, ... }: { ... }`, or the attributes themselves.
# Arguments that it does not name are not given to it, so that `{ system }: ...` works too.
{
  source,
  system,
  attributes ? null,
}:

let
  folder =
    if source.kind == "folder" then
      /. + source.path
    else if source.kind == "git" then
      builtins.fetchGit {
        inherit (source) url;
        rev = source.revision;
        allRefs = true;
      }
    else if source.kind == "tarball" then
      builtins.fetchTarball source.url
    else
      throw "no such kind of package source: ${source.kind}";

  arguments = {
    inherit system;
    config = { };
    overlays = [ ];
  } // (if attributes == null then { } else { inherit attributes; });

  imported = import folder;
  named = builtins.functionArgs imported;
in
if attributes != null && !(builtins.isFunction imported && named ? attributes) then
  { }
else if !builtins.isFunction imported then
  imported
else if named == { } then
  imported arguments
else
  imported (builtins.intersectAttrs named arguments)
