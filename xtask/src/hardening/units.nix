# The services that a flake's own modules define, of each of its machines: name → module and text.
# A service that nixpkgs defines and ours only add to is not among them: ours say what it starts.
{
  flake,
  tree,
  machines,
}:

let
  inherit (flake.inputs.nixpkgs) lib;

  plain =
    value:
    if value._type or null == "if" then
      if value.condition then plain value.content else { }
    else if value._type or null == "merge" then
      lib.foldl' lib.recursiveUpdate { } (map plain value.contents)
    else if value ? _type then
      plain (value.content or { })
    else
      value;

  starts =
    definition:
    let
      unit = plain definition;
      service = plain (unit.serviceConfig or { });
    in
    unit ? script || service ? ExecStart;

  below = file: lib.removePrefix "${tree}/" (toString file);
  isOurs = definition: lib.hasPrefix "${tree}/modules/" (toString definition.file);

  services =
    machine:
    lib.concatMap (
      definition:
      lib.concatLists (
        lib.mapAttrsToList (
          name: unit:
          lib.optional (starts unit) {
            inherit name;
            module = below definition.file;
            text = machine.config.systemd.units."${name}.service".text;
          }
        ) (plain definition.value)
      )
    ) (lib.filter isOurs machine.options.systemd.services.definitionsWithLocations);
in
lib.genAttrs machines (name: services flake.nixosConfigurations.${name})
