{
  coreutils,
  jq,
  restic,
  writeShellApplication,
}:

writeShellApplication {
  name = "backup-restore";
  runtimeInputs = [
    coreutils
    jq
    restic
  ];
  text = builtins.readFile ./backup-restore.sh;
  meta.description = "Brings files back from a Restic backup, and tests that it could";
}
