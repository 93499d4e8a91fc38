# From attribute names to derivations, for all names of an image in one evaluation.
#
#   request   JSON: { "source": (see load.nix), "system": "...", "attributes": ["git", ...] }
#             With "ahead": { "attributes": [...], "gate": "/...", "asked": "/..." } instead of "attributes", the evaluation
#             is begun before anybody asks: it evaluates ahead.attributes, of which it tells nothing, waits until somebody
#             opens the FIFO `gate` to write (it traces that it waits), and takes the attributes from the JSON in the file `asked`.
#
# Gives (with --eval --strict --json) a versioned record:
#
#   { version = 1; attributes = [ { attribute = "git"; kind = ...; ... } ... ]; }
#
# with one entry for each attribute asked for, in the same order, of one of these kinds:
#
#   found           attributePath, name, version, mainProgram and priority (null when the package does not say),
#                   outputs = [ { name; drvPath; path; } ... ] as meta.outputsToInstall says
#   not-found       candidates: attributes of the deepest set that was reached and that look alike
#   not-a-package   attributePath, type: the attribute exists and is something else
#   package-set     attributePath: the name leads back to the package set itself, or to a set that is in itself; platform:
#                   null, or what another set of the same packages is for, where that is not what was asked for
#   unfree, broken, insecure, unsupported
#                   attributePath, reasons: what the package says of itself
#   failed          path (a list): its evaluation throws; why is only seen by evaluating it alone (explain.nix)
#
# It relies on nothing of nixpkgs' library, so that it works on any package set.
{ request }:

let
  inherit (builtins)
    attrNames
    concatLists
    concatStringsSep
    deepSeq
    elemAt
    filter
    fromJSON
    genList
    head
    isAttrs
    isList
    isString
    length
    match
    readFile
    replaceStrings
    seq
    split
    stringLength
    substring
    trace
    tryEval
    typeOf
    ;

  asked = fromJSON request;
  packages = import ./load.nix { inherit (asked) source system; };

  upper = split "" "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lower = split "" "abcdefghijklmnopqrstuvwxyz";
  letters = list: filter (letter: isString letter && letter != "") list;
  toLower = replaceStrings (letters upper) (letters lower);

  # The value when evaluating it neither throws nor asserts, else the other.
  tryOr =
    other: value:
    let
      tried = tryEval value;
    in
    if tried.success then tried.value else other;
  tryDeepOr = other: value: tryOr other (deepSeq value value);

  isDerivation = value: isAttrs value && value.type or null == "derivation";

  # The attribute of `set` that `name` means: exact, else the first that differs only in case, else (for names that
  # start with a digit, which Nix's identifiers cannot) the same two with an underscore before it. Null when none.
  findAttribute =
    set: name:
    let
      folded = toLower name;
      # The lengths are compared first: folding all of 70,000 names takes a quarter of a second.
      alike = filter (
        candidate: stringLength candidate == stringLength name && toLower candidate == folded
      ) (attrNames set);
    in
    if set ? ${name} then
      name
    else if alike != [ ] then
      head alike
    else if match "[0-9].*" name != null then
      findAttribute set "_${name}"
    else
      null;

  # One of the package sets that nixpkgs makes of its packages (pkgs, buildPackages, pkgsStatic, pkgsCross.musl64): what it
  # is told by, since no two of them can be compared.
  isStage = value: value ? callPackage && value ? stdenv && value ? buildPackages;
  platformOf = set: key: tryOr null (set.stdenv.hostPlatform.${key} or null);

  # Packages made for this platform in another way, as pkgsStatic's and pkgsMusl's: a set that a name may lead through once.
  isVariant =
    path: value:
    (path == [ ] || path == [ "pkgsCross" ])
    && platformOf value "system" == platformOf packages "system"
    && platformOf value "config" != platformOf packages "config";

  # Is `value`, which the set at `path` holds under `name`, that set once more, or the package set itself? perlPackages holds
  # an attribute of its own name, too, and is a set of packages all the same: what it is in has other names.
  isPackageSet =
    set: path: name: value:
    let
      isAgain = other: attrNames value == attrNames other;
      again = value ? ${name} && (isAgain set || isAgain packages);
    in
    tryOr false (
      isAttrs value
      && !(isDerivation value)
      && (if isStage value then !(isVariant path value) else again)
    );

  # What a set of packages is for, where images of it would be of another platform than was asked for.
  foreignPlatform =
    value:
    let
      system = platformOf value "system";
    in
    if system == platformOf packages "system" then null else system;

  segmentsOf = attribute: filter isString (split "\\." attribute);

  # Follows `segments` down from `set`. A name may hold dots itself (python3.11), so longer names are tried first.
  descend =
    set: path: segments:
    let
      count = length segments;
      prefix = taken: concatStringsSep "." (genList (elemAt segments) taken);
      suffix = taken: genList (index: elemAt segments (taken + index)) (count - taken);
      # Without forcing the value: it may throw.
      step =
        taken:
        let
          name = findAttribute set (prefix taken);
          here = path ++ [ name ];
          value = set.${name};
          isSet = tryOr false (isAttrs value);
          deeper =
            if !isSet then
              { kind = "not-found"; inherit set; }
            else if isPackageSet set path name value then
              { kind = "package-set"; path = here; inherit value; }
            else
              descend value here (suffix taken);
        in
        if name == null then
          { kind = "not-found"; inherit set; }
        else if taken == count then
          if isPackageSet set path name value then
            { kind = "package-set"; path = here; inherit value; }
          else
            { kind = "attribute"; path = here; inherit value; }
        else
          deeper;
      # The first that leads somewhere; else the one that came deepest.
      search =
        taken: best:
        if taken == 0 then
          best
        else
          let
            result = step taken;
          in
          if result.kind != "not-found" then result else search (taken - 1) result;
    in
    search count { kind = "not-found"; inherit set; };

  # Names that a person may have meant, to be ranked by the caller: those that begin alike or hold the name.
  candidates =
    set: attribute:
    let
      segments = segmentsOf attribute;
      wanted = toLower (elemAt segments (length segments - 1));
      start = substring 0 2 wanted;
      plain = match "[a-z0-9_-]+" wanted != null;
      looksAlike =
        name:
        let
          folded = toLower name;
        in
        substring 0 2 folded == start
        || (plain && stringLength wanted > 2 && match ".*${wanted}.*" folded != null);
    in
    tryOr [ ] (filter looksAlike (attrNames set));

  # What a package says of itself that keeps it from being evaluated.
  refusals =
    meta:
    let
      flag = name: tryOr false (meta.${name} or false);
      licenses =
        let
          license = meta.license or [ ];
        in
        if isList license then license else [ license ];
      unfreeLicense = tryOr false (filter (license: isAttrs license && !(license.free or true)) licenses != [ ]);
      vulnerabilities = tryDeepOr [ ] (meta.knownVulnerabilities or [ ]);
    in
    concatLists [
      (if flag "unfree" || unfreeLicense then [ { kind = "unfree"; reasons = [ ]; } ] else [ ])
      (if flag "broken" then [ { kind = "broken"; reasons = [ ]; } ] else [ ])
      (
        if flag "insecure" || vulnerabilities != [ ] then
          [ { kind = "insecure"; reasons = vulnerabilities; } ]
        else
          [ ]
      )
      (if flag "unsupported" then [ { kind = "unsupported"; reasons = [ ]; } ] else [ ])
    ];

  describe =
    derivation:
    let
      meta = derivation.meta or { };
      all = derivation.outputs or [ "out" ];
      installed =
        # `openssl.dev` asks for one output: nixpkgs says so, and elsewhere it is not the first one.
        if derivation.outputSpecified or false || derivation.outputName or (head all) != head all then
          [ derivation.outputName ]
        else
          tryDeepOr [ (head all) ] (meta.outputsToInstall or [ (head all) ]);
      output =
        name:
        let
          one = if derivation.outputName or "out" == name then derivation else derivation.${name};
        in
        {
          inherit name;
          drvPath = one.drvPath or (throw "a derivation without drvPath");
          # Not called outPath: an attribute set that has one becomes that string in JSON.
          path = one.outPath or (throw "a derivation without outPath");
        };
      orNull = check: value: tryOr null (if check value then value else null);
    in
    {
      name = derivation.name or (throw "a derivation without a name");
      version = orNull isString (derivation.version or null);
      mainProgram = orNull isString (meta.mainProgram or null);
      priority = orNull builtins.isInt (meta.priority or null);
      outputs = map output installed;
    };

  resolveAll =
    attributes:
    # A set that can give single attributes without making all of them gives those with just these names.
    map (resolve (import ./load.nix { inherit (asked) source system; inherit attributes; })) attributes;

  resolve =
    quick: attribute:
    let
      reached =
        if quick ? ${attribute} then
          {
            kind = "attribute";
            path = [ attribute ];
            value = quick.${attribute};
          }
        else
          descend packages [ ] (segmentsOf attribute);
      attributePath = concatStringsSep "." reached.path;
      refused = refusals (tryOr { } (reached.value.meta or { }));
      evaluated = tryEval (
        let
          description = describe reached.value;
        in
        deepSeq description description
      );
      value = tryEval reached.value;
      failed = {
        kind = "failed";
        inherit (reached) path;
      };
    in
    { inherit attribute; }
    // (
      if reached.kind == "not-found" then
        {
          kind = "not-found";
          candidates = candidates reached.set attribute;
        }
      else if reached.kind == "package-set" then
        {
          kind = "package-set";
          platform = foreignPlatform reached.value;
          inherit attributePath;
        }
      else if !value.success then
        failed
      else if !(isDerivation value.value) then
        {
          kind = "not-a-package";
          type = typeOf value.value;
          inherit attributePath;
        }
      else if evaluated.success then
        evaluated.value
        // {
          kind = "found";
          inherit attributePath;
        }
      else if refused != [ ] then
        head refused // { inherit attributePath; }
      else
        failed
    );

  # What opens the gate lets its reader go on, whatever it reads: newer Nix reads nothing from a FIFO.
  awaited =
    { attributes, gate, asked }:
    deepSeq (resolveAll attributes) (
      seq (trace "waits for names" (readFile (/. + gate))) (fromJSON (readFile (/. + asked)))
    );
in
{
  version = 1;
  attributes = resolveAll (if asked ? ahead then awaited asked.ahead else asked.attributes);
}
