{
  config,
  lib,
  pkgs,
  ...
}@args:
let
  script = pkgs.writeShellScript "tick" "date";
in
{
  services.cron.systemCronJobs = [ "* * * * * root ${script}" ];
}
