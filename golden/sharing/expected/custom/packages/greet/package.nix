{
  lib,
  writeShellApplication,
}:
writeShellApplication {
  name = "greet";
  text = builtins.readFile ./greet.sh;
  meta = {
    description = "Says hello";
    license = lib.licenses.mit;
  };
}
