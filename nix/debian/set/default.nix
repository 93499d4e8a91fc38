# Debian's main as a Nix package set: one attribute for each binary package, each provided name and each alias.
# The lock beside this file says what there is; lock.json and the shards were written by prepare.ts.
# Nothing outside of this folder is read, and nothing is built to evaluate it.
let
  architectures = {
    x86_64-linux = "amd64";
    aarch64-linux = "arm64";
  };
  readJSON = path: builtins.fromJSON (builtins.readFile path);
  remainder = number: divisor: number - divisor * (number / divisor);

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

  # Here and not in `build`, which would read them again for each package.
  tools = builtins.readFile ./tools.json;
  args = [ "${./builder}/build.pl" ];

  # Versions have characters that names of store paths cannot have.
  sanitise = builtins.replaceStrings [ ":" "~" ] [ "-" "-" ];

  # What there is for a system. In one evaluation it is made once, however often this file's function is called.
  catalogues = builtins.mapAttrs catalogue architectures;

  catalogue =
    system: architecture:
    let
      folder =
        let
          path = ./lock + "/${architecture}";
        in
        if builtins.pathExists path then path else throw "this Debian package set has no packages for ${system}";
      lock = readJSON (folder + "/lock.json");

      # By the first two digits of a name's SHA-256: from the name to the number of its package, or to the name of the
      # attribute that it stands for.
      names = perPrefix (prefix: readJSON (folder + "/names/${prefix}.json"));

      # Packages have numbers, by which they lie in shards.
      numbers = builtins.genList (number: number) lock.packages;
      shards = builtins.genList (index: readJSON (folder + "/shards/${toString index}.json")) (
        (lock.packages + lock.packagesPerShard - 1) / lock.packagesPerShard
      );
      entry =
        number:
        builtins.elemAt (builtins.elemAt shards (number / lock.packagesPerShard)) (
          remainder number lock.packagesPerShard
        );

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
          documents ? [ ],
          parts ? [ ],
          essentials,
          bare ? false,
          only ? [ ],
        }:
        derivation {
          name = sanitise "${package.name}${if only == [ ] then "" else "-part"}-${package.version}";
          # The machine that builds, also for packages of another architecture: only files are changed.
          system = builtins.currentSystem;
          builder = "/usr/bin/perl";
          inherit args tools;
          outputs = [ "out" "doc" ];
          debs = map fetch members;
          inherit architecture depends documents parts essentials bare only;
          preferLocalBuild = true;
          allowSubstitutes = false;
        };

      # Each package once, however often it is depended on.
      made = map make numbers;
      packageOf = builtins.elemAt made;
      take = count: builtins.genList (builtins.elemAt lock.essentials) count;
      make =
        number:
        let
          package = entry number;
          group = package.group or [ number ];
        in
        if package ? lacks then
          throw "${package.name} cannot be installed: Debian's main has no ${builtins.concatStringsSep ", " package.lacks}"
        # One derivation for each package, or for each group of packages that depend on each other.
        else if builtins.head group != number then
          describe package (packageOf (builtins.head group))
        else
          describe package (build {
            inherit package;
            members = map entry group;
            depends = map packageOf package.depends;
            parts = builtins.concatMap partsOf group;
            # Documents that consist of others'.
            documents =
              if package ? documents then
                map (number: (packageOf number).doc) (builtins.filter (number: entry number ? documents) package.depends)
              else
                [ ];
            # Essential packages that need this one come later in the list and cannot be used by it.
            essentials = map packageOf (take (package.level or (builtins.length lock.essentials)));
          });

      # What it needs of others that it does not depend on: of each the places alone.
      partsOf =
        number:
        map (
          { of, only }:
          let
            package = entry of;
          in
          build {
            inherit package only;
            members = [ package ];
            depends = map packageOf package.depends;
            essentials = [ ];
            bare = true;
          }
        ) ((entry number).parts or [ ]);

      describe =
        package: drv:
        drv
        // about package
        // {
          # What people read: for images that want it.
          doc = drv.doc // about package;
        };

      about = package: {
        name = sanitise "${package.name}-${package.version}";
        pname = package.name;
        version = package.version;
        meta = {
          description = package.description;
          priority = 5;
          outputsToInstall = if package ? documents then [ "out" "doc" ] else [ "out" ];
        }
        // (if package ? installedBytes then { sizeBytes = package.installedBytes; } else { });
      };

      has = name: names.${prefixOf name} ? ${name};
      get = name: attribute names.${prefixOf name}.${name};
      attribute =
        place:
        if builtins.isInt place then
          packageOf place
        else if builtins.isString place then
          get place
        else
          # An alias that wants a package's own files and nothing that it depends on.
          let
            package = entry names.${prefixOf place.bare}.${place.bare};
          in
          describe package (build {
            inherit package;
            members = [ package ];
            depends = [ ];
            essentials = [ ];
            bare = true;
          });
    in
    {
      inherit has get;
      all = builtins.zipAttrsWith (name: builtins.head) (
        map (prefix: builtins.mapAttrs (name: attribute) names.${prefix}) prefixes
      );
    };
in
{
  system ? builtins.currentSystem,
  config ? { },
  overlays ? [ ],
  # When it is a list of names, only those of them that there are: to make all 74,000 takes a quarter of a second.
  attributes ? null,
  ...
}:
let
  packages = catalogues.${system} or (throw "Debian packages for ${system} are not supported");
  asked = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = packages.get name;
    }) (builtins.filter packages.has attributes)
  );
  final = builtins.foldl' (previous: overlay: previous // overlay final previous) packages.all overlays;
in
if attributes != null && overlays == [ ] then asked else final
