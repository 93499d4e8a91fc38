# Debian's main as a Nix package set: one attribute for each binary package, each provided name and each alias.
# The lock beside this file says what there is; lock.json and the shards were written by prepare.ts.
# Nothing outside of this folder is read, and nothing is built to evaluate it.
{
  system ? builtins.currentSystem,
  config ? { },
  overlays ? [ ],
  # When it is a list of names, only those of them that there are: to make all 74,000 takes a quarter of a second.
  attributes ? null,
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
  # Here and not in `build`, which would read them again for each package.
  tools = builtins.readFile ./tools.json;
  args = [ "${./builder}/build.pl" ];

  # By the first two digits of a name's SHA-256: from the name to the number of its package's shard, or to the name of
  # the package that it stands for.
  digits = [ "0" "1" "2" "3" "4" "5" "6" "7" "8" "9" "a" "b" "c" "d" "e" "f" ];
  prefixes = builtins.concatMap (first: map (second: first + second) digits) digits;
  prefixOf = name: builtins.substring 0 2 (builtins.hashString "sha256" name);
  perPrefix =
    value:
    builtins.listToAttrs (
      map (prefix: {
        name = prefix;
        value = value prefix;
      }) prefixes
    );
  names = perPrefix (prefix: readJSON (folder + "/names/${prefix}.json"));
  shards = builtins.genList (index: readJSON (folder + "/shards/${toString index}.json")) lock.shards;
  entry = name: (builtins.elemAt shards names.${prefixOf name}.${name}).${name};

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
      inherit args tools;
      debs = map fetch members;
      inherit architecture depends essentials bare;
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
      get (builtins.head group)
    else
      build {
        inherit package;
        members = map entry group;
        depends = map (dependency: get dependency) package.depends;
        # Essential packages that need this one come later in the list and cannot be used by it.
        essentials = map (tool: get tool) (take (package.level or (builtins.length lock.essentials)));
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
      }
      // (if package ? installedBytes then { sizeBytes = package.installedBytes; } else { });
    };

  attribute =
    name: place:
    if builtins.isInt place then
      describe (entry name) (output (installable (entry name)))
    else if builtins.isString place then
      get place
    else
      # An alias that wants a package's own files and nothing that it depends on.
      describe (entry place.bare) (build {
        package = entry place.bare;
        members = [ (entry place.bare) ];
        depends = [ ];
        essentials = [ ];
        bare = true;
      });

  # Each attribute once, however often it is depended on.
  made = perPrefix (prefix: builtins.mapAttrs attribute names.${prefix});
  get = name: made.${prefixOf name}.${name};

  asked = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = get name;
    }) (builtins.filter (name: names.${prefixOf name} ? ${name}) attributes)
  );
  all = builtins.zipAttrsWith (name: builtins.head) (builtins.attrValues made);
  final = builtins.foldl' (previous: overlay: previous // overlay final previous) all overlays;
in
if attributes != null && overlays == [ ] then asked else final
