{ pkgs, ... }:
{
  environment.systemPackages = [
    pkgs.tool
    pkgs.tune
    pkgs.greet
  ];
}
