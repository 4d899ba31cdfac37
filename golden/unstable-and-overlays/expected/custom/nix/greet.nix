{ writeShellApplication, hello }:
writeShellApplication {
  name = "greet";
  runtimeInputs = [ hello ];
  text = "hello --greeting=\"$*\"";
}
