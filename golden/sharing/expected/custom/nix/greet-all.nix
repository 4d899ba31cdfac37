{
  greet,
  jq,
  lib,
  writeShellApplication,
}:
writeShellApplication {
  name = "greet-all";
  runtimeInputs = [
    greet
    jq
  ];
  text = ''
    jq --raw-output '.[]' | while read -r name; do greet "$name"; done
  '';
  meta = {
    description = "Says hello to everybody of a list";
    license = lib.licenses.mit;
  };
}
