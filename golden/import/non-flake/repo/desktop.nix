{ pkgs, ... }:
{
  services.xserver.enable = true;
  services.xserver.xkb = {
    layout = "gb";
    variant = "";
  };
  environment.systemPackages = [ pkgs.firefox ];
  fonts.packages = [ pkgs.dejavu_fonts ];
}
