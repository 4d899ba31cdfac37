{
  curl,
  gnused,
  jq,
  systemd,
  util-linux,
  writeShellApplication,
  # Which of the commands, and where its server is unless an argument says so.
  statusOf ? "prometheus",
  url ? "http://127.0.0.1:9090",
}:

writeShellApplication {
  name = "${statusOf}-status";
  runtimeInputs = [
    curl
    gnused
    jq
    systemd
    util-linux
  ];
  runtimeEnv.DEFAULT_URL = url;
  text = builtins.readFile ./common.sh + builtins.readFile ./${statusOf}.sh;
}
