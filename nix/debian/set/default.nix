# Debian's main as a Nix package set: one attribute for each binary package, each provided name and each alias.
# The lock beside this file says what there is; lock.json and the shards were written by prepare.ts.
# Nothing outside of this folder is read, and nothing is built to evaluate it.
{
  system ? builtins.currentSystem,
  config ? { },
  overlays ? [ ],
  ...
}:
let
  architectures = {
    x86_64-linux = "amd64";
    aarch64-linux = "arm64";
  };
  architecture = architectures.${system} or (throw "Debian packages for ${system} are not supported");
  folder =
    let
      path = ./lock + "/${architecture}";
    in
    if builtins.pathExists path then path else throw "this Debian package set has no packages for ${system}";
  readJSON = path: builtins.fromJSON (builtins.readFile path);

  lock = readJSON (folder + "/lock.json");

  # Attribute to the number of its shard, or to the name of the package that it stands for.
  names = readJSON (folder + "/names.json");
  shards = builtins.genList (index: readJSON (folder + "/shards/${toString index}.json")) lock.shards;
  entry = name: (builtins.elemAt shards names.${name}).${name};

  # Versions have characters that names of store paths cannot have.
  sanitise = builtins.replaceStrings [ ":" "~" ] [ "-" "-" ];

  fetch =
    package:
    derivation {
      name = sanitise "${package.name}_${package.version}.deb";
      system = "builtin";
      builder = "builtin:fetchurl";
      url = builtins.elemAt lock.repositories package.repository + package.file;
      outputHashMode = "flat";
      outputHashAlgo = "sha256";
      outputHash = package.sha256;
      preferLocalBuild = true;
      executable = false;
      unpack = false;
    };

  build =
    {
      package,
      members,
      depends,
      essentials,
      bare ? false,
    }:
    derivation {
      name = sanitise "${package.name}-${package.version}";
      # The machine that builds, also for packages of another architecture: only files are changed.
      system = builtins.currentSystem;
      builder = "/usr/bin/perl";
      args = [ "${./builder}/build.pl" ];
      debs = map fetch members;
      inherit architecture depends essentials bare;
      tools = builtins.readFile ./tools.json;
      preferLocalBuild = true;
      allowSubstitutes = false;
    };

  take = count: builtins.genList (builtins.elemAt lock.essentials) count;
  output =
    package:
    let
      group = package.group or [ package.name ];
    in
    # One derivation for each package, or for each group of packages that depend on each other.
    if builtins.head group != package.name then
      packages.${builtins.head group}
    else
      build {
        inherit package;
        members = map entry group;
        depends = map (dependency: packages.${dependency}) package.depends;
        # Essential packages that need this one come later in the list and cannot be used by it.
        essentials = map (tool: packages.${tool}) (take (package.level or (builtins.length lock.essentials)));
      };

  installable =
    package:
    if package ? lacks then
      throw "${package.name} cannot be installed: Debian's main has no ${builtins.concatStringsSep ", " package.lacks}"
    else
      package;

  describe =
    package: drv:
    drv
    // {
      name = sanitise "${package.name}-${package.version}";
      pname = package.name;
      version = package.version;
      meta = {
        description = package.description;
        priority = 5;
        outputsToInstall = [ "out" ];
      };
    };

  attribute =
    name: place:
    if builtins.isInt place then
      describe (entry name) (output (installable (entry name)))
    else if builtins.isString place then
      packages.${place}
    else
      # An alias that wants a package's own files and nothing that it depends on.
      describe (entry place.bare) (build {
        package = entry place.bare;
        members = [ (entry place.bare) ];
        depends = [ ];
        essentials = [ ];
        bare = true;
      });

  packages = builtins.mapAttrs attribute names;
  final = builtins.foldl' (previous: overlay: previous // overlay final previous) packages overlays;
in
final
