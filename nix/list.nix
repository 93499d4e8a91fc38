# Lists the packages of a package set, for people to search: the attributes of its first level that are derivations.
#
#   request   JSON: { "source": (see load.nix), "system": "...", "first": 0, "count": 74000 }
#
# Gives (with --eval --strict --json) a versioned record
#
#   { version = 1; attributes = 74000; packages = [ { attribute; version; description; sizeBytes; } ... ]; }
#
# with the number of all attributes, and of those from `first` on, `count` at the most, the ones that are packages, in the
# order of their names. What a package does not say is null. Nothing is built,
# and no derivation is made. An attribute whose evaluation throws is left out; one that is an error of another kind (a wrong
# type, an endless recursion) ends the evaluation, which builtins.tryEval does not catch: the caller asks for fewer.
{ request }:

let
  inherit (builtins)
    attrNames
    concatMap
    elemAt
    fromJSON
    genList
    isAttrs
    isInt
    isString
    length
    tryEval
    ;

  asked = fromJSON request;
  packages = import ./load.nix { inherit (asked) source system; };
  all = attrNames packages;
  left = length all - asked.first;
  names = genList (index: elemAt all (asked.first + index)) (if left < asked.count then left else asked.count);

  orNull =
    check: value:
    let
      tried = tryEval (if check value then value else null);
    in
    if tried.success then tried.value else null;

  describe =
    attribute:
    let
      value = packages.${attribute} or null;
      isPackage = tryEval (isAttrs value && value.type or null == "derivation");
      meta = orNull isAttrs (value.meta or { });
      of = if meta == null then { } else meta;
    in
    if isPackage.success && isPackage.value then
      [
        {
          inherit attribute;
          version = orNull isString (value.version or null);
          description = orNull isString (of.description or null);
          # What it takes when it is unpacked, without what it depends on. Debian's set says it.
          sizeBytes = orNull isInt (of.sizeBytes or null);
        }
      ]
    else
      [ ];
in
{
  version = 1;
  attributes = length all;
  packages = concatMap describe names;
}
