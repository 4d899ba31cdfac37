{
  bash,
  coreutils,
  getent,
  iputils,
  writeShellApplication,
}:

writeShellApplication {
  name = "network-stability-watch";
  runtimeInputs = [
    bash
    coreutils
    getent
    iputils
  ];
  text = builtins.readFile ./network-stability-watch.sh;
  meta.description = "Watches a network connection and asks for a restart when it is gone";
}
