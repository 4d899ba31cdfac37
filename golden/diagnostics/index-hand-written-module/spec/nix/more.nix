{ lib, ... }:
{
  services.openssh.settings.PasswordAuthentication = lib.mkForce "no";
  specialisation.plain.configuration = {
    services.xserver.enabled = false;
  };
}
