# One row for each option of a tree of options, in the format of Flakesmith's option index.
#
# Nothing here stops at an option that cannot be read: what throws is left out of its row. What Nix
# cannot catch (a missing attribute, say) ends the evaluation; each name is traced before its row and
# before what is below it, so that the caller knows what to leave out on its next try.
{
  lib,
  # Input name -> store path. An option belongs to the first input that holds its declaration.
  sources,
  # Names of options whose default is not to be read.
  undefaulted ? [ ],
  # Names of options below which nothing is to be read.
  closed ? [ ],
  # Names of options to leave out, with what is below.
  skipped ? [ ],
}:
let
  inherit (builtins) tryEval;

  # Trees that hold whole systems, or themselves: their options are listed, what is below is not.
  opaque = map (lib.splitString ".") [
    "containers.<name>"
    "disko.devices.*.<name>"
    "home-manager.sharedModules"
    "home-manager.users"
    "microvm.vms.<name>"
  ];
  # A tree that is read as its own: its elements are not checked here.
  elsewhere = lib.splitString "." "home-manager.users";
  # Trees whose defaults are made from all that is configured.
  computed = [ "disko" ];
  # A path this long is that of a tree of submodules that hold themselves.
  deepest = 16;
  # So is a type that is nested deeper.
  deepestType = 6;
  longestText = 120;

  named = names: lib.genAttrs names (_: true);
  isSkipped = named skipped;
  isClosed = named closed;
  isUndefaulted = named undefaulted;

  # The value, or `other` where it cannot be read.
  readOr =
    other: value:
    let
      read = tryEval value;
    in
    if read.success then read.value else other;

  isOpaque =
    loc:
    builtins.length loc >= deepest
    || lib.any (
      prefix:
      builtins.length loc >= builtins.length prefix
      && lib.all lib.id (lib.zipListsWith (want: have: want == "*" || want == have) prefix loc)
    ) opaque;

  # A value that JSON can hold, without anything that would have to be built for it.
  isLiteral =
    value:
    value == null
    || builtins.isBool value
    || builtins.isInt value
    || value == [ ]
    || (
      builtins.isString value && !builtins.hasContext value && builtins.stringLength value <= longestText
    );

  # Names under which nixpkgs has had one type.
  names = {
    lazyAttrsOf = "attrsOf";
    attrsWith = "attrsOf";
    coercedTo = "either";
    unspecified = "any";
    deferredModule = "module";
  };

  # Types that are known by what they hold, and those by their bounds.
  containers = lib.splitString " " "attrsOf functionTo listOf nullOr unique";
  bounded = lib.splitString " " "intBetween positiveInt unsignedInt";

  shape =
    depth: type:
    let
      name = readOr "any" (
        if !(builtins.isAttrs type) || !(type ? name) then "any" else names.${type.name} or type.name
      );
      nested = type.nestedTypes or { };
      below = shape (depth + 1);
      values = lib.filter isLiteral type.functor.payload.values;
      extra =
        if name == "either" then
          {
            of =
              if nested ? left then
                [
                  (below nested.left)
                  (below nested.right)
                ]
              else
                [
                  (below nested.coercedType)
                  (below nested.finalType)
                ];
          }
        else if name == "enum" then
          { inherit values; }
        else if name == "attrTag" then
          { tags = lib.attrNames nested; }
        else if name == "submodule" then
          lib.optionalAttrs (nested ? freeformType) { open = below nested.freeformType; }
        else if lib.elem name containers then
          { of = below nested.elemType; }
        else if lib.elem name bounded then
          { desc = type.description; }
        else
          { };
      whole = {
        t = name;
      }
      // extra;
    in
    if depth > deepestType then { t = "any"; } else readOr { t = name; } (builtins.deepSeq whole whole);

  declaredBy =
    option:
    let
      file = toString (builtins.head (option.declarations or [ "" ]));
      owners = lib.filter (input: lib.hasPrefix (sources.${input} + "/") file) (lib.attrNames sources);
    in
    if owners == [ ] then "nixpkgs" else builtins.head owners;

  row =
    name: option:
    let
      description =
        let
          text = option.description or "";
        in
        if builtins.isString text then text else text.text or "";
      alias = builtins.match "Alias of [{]option[}]`(.*)`[.]" (readOr "" description);
      # What `mkRemovedOptionModule` makes: nothing to show, nothing to say, nothing to fall back on.
      gone = readOr false (
        (option.visible or true) == false && !(option ? default) && !(option ? description)
      );
      isUnread = isUndefaulted ? ${name} || lib.elem (builtins.head option.loc) computed;
      # A default with a text of its own depends on other options.
      default = readOr { } (
        lib.optionalAttrs (
          !isUnread && option ? default && !(option ? defaultText) && isLiteral option.default
        ) { inherit (option) default; }
      );
      from = readOr "nixpkgs" (declaredBy option);
      flag = key: readOr false (option.${key} or false == true);
    in
    {
      inherit name;
      type =
        let
          whole = shape 1 (option.type or { });
        in
        if option.loc == elsewhere then whole // { of.t = "any"; } else whole;
    }
    // default
    // lib.optionalAttrs (isOpaque option.loc) { open = true; }
    // lib.optionalAttrs (from != "nixpkgs") { inherit from; }
    // lib.optionalAttrs (alias != null) { aliasOf = builtins.head alias; }
    // lib.optionalAttrs (gone && alias == null) { removed = true; }
    // lib.optionalAttrs (!(option ? default || option ? defaultText)) { noDefault = true; }
    // lib.optionalAttrs (flag "readOnly") { readOnly = true; }
    // lib.optionalAttrs (flag "internal") { internal = true; };

  # Of two declarations of one path (a choice between submodules) the first is kept.
  walk =
    options:
    lib.concatMap (
      attr:
      let
        value = options.${attr};
        kind = readOr "" (if builtins.isAttrs value then value._type or "tree" else "");
      in
      if attr == "_module" || kind == "" then
        [ ]
      else if kind == "option" then
        ofOption value
      else
        readOr [ ] (walk value)
    ) (lib.attrNames options);

  ofOption =
    option:
    let
      name = lib.showOption option.loc;
      below = option.type.getSubOptions option.loc;
      # A whole system again (`specialisation`, `virtualisation.vmVariant`).
      shallow = readOr false (option.visible or true == "shallow");
    in
    if isSkipped ? ${name} then
      [ ]
    else
      [ (builtins.trace "option ${name}" (row name option)) ]
      ++ lib.optionals (!(isOpaque option.loc || shallow || isClosed ? ${name})) (
        builtins.trace "below ${name}" (readOr [ ] (walk below))
      );
in
walk
