{ coreutils, writeShellApplication }:

writeShellApplication {
  name = "greeter";
  runtimeInputs = [ coreutils ];
  text = builtins.readFile ./greeter.sh;
}
