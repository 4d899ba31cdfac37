{ config, lib, ... }:
{

  boot.tmp = {
    useTmpfs = false;
    tmpfsSize = lib.removeSuffix "iB" "50%";
    cleanOnBoot = true;
  };

  # Earlier than systemd's own file, so that these ages are the ones that count.
  systemd.tmpfiles.settings."00-tmp" = {
    "/tmp".q = {
      mode = "1777";
      age = "10d";
    };
    "/var/tmp".q = {
      mode = "1777";
      age = "30d";
    };
  };
}
