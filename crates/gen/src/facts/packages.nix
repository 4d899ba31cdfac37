# The packages of nixpkgs by name, in the format of Flakesmith's package index.
#
# Names are read with aliases off; what is there only with aliases on is an alias. As with options,
# what throws is recorded and what Nix cannot catch is named by the last trace.
{
  nixpkgs,
  system,
  # More systems to tell apart what cannot be built where.
  otherSystems ? [ ],
  # Packages that cannot be evaluated at all: they count as throwing.
  skipped ? [ ],
}:
let
  inherit (nixpkgs) lib;

  # What is not allowed is described all the same: only building it would throw.
  instance =
    allowAliases: on:
    import nixpkgs {
      system = on;
      config = { inherit allowAliases; };
      overlays = [ ];
    };

  pkgs = instance false system;
  names = lib.attrNames pkgs;
  isSkipped = lib.genAttrs skipped (_: true);

  # Sets whose members fleets name, as `python3Packages.requests`.
  setNames = [
    "cudaPackages"
    "emacsPackages"
    "fishPlugins"
    "gst_all_1"
    "hunspellDicts"
    "hyprlandPlugins"
    "jetbrains"
    "kdePackages"
    "libsForQt5"
    "linuxPackages"
    "linuxPackages_latest"
    "lua51Packages"
    "luaPackages"
    "mpvScripts"
    "nerd-fonts"
    "obs-studio-plugins"
    "ocamlPackages"
    "perlPackages"
    "postgresqlPackages"
    "python3Packages"
    "qt6Packages"
    "rocmPackages"
    "rubyPackages"
    "terraform-providers"
    "tmuxPlugins"
    "vimPlugins"
    "vscode-extensions"
    "xfce"
    "yaziPlugins"
    "zellijPlugins"
  ];

  # The lists that a package belongs to.
  facts =
    package:
    if !(lib.isDerivation package) then
      [ "notPackages" ]
    else
      let
        meta = package.meta or { };
        when = condition: name: lib.optional condition name;
      in
      when (meta.unfree or false) "unfree"
      ++ when (meta.broken or false) "broken"
      ++ when (meta.insecure or false) "insecure"
      ++ when (meta.unsupported or false) "unsupported";

  factsOf =
    set: name:
    let
      read = builtins.tryEval (
        let
          found = facts set.${name};
        in
        builtins.deepSeq found found
      );
    in
    if isSkipped ? ${name} then
      [ "throws" ]
    else
      builtins.trace "package ${name}" (if read.success then read.value else [ "throws" ]);

  listed =
    set:
    map (name: {
      inherit name;
      facts = factsOf set name;
    }) names;
  here = listed pkgs;
  pick = rows: fact: map (row: row.name) (lib.filter (row: lib.elem fact row.facts) rows);
in
{
  inherit names;
  aliases = lib.attrNames (removeAttrs (instance true system) names);
  sets = lib.genAttrs (lib.filter (name: pkgs ? ${name}) setNames) (
    name:
    let
      read = builtins.tryEval (lib.attrNames pkgs.${name});
    in
    if read.success then read.value else [ ]
  );
}
// lib.genAttrs [
  "unfree"
  "broken"
  "insecure"
  "unsupported"
  "notPackages"
  "throws"
] (pick here)
// lib.optionalAttrs (otherSystems != [ ]) {
  unsupportedOn = lib.genAttrs otherSystems (on: pick (listed (instance false on)) "unsupported");
}
