{ pkgs, ... }:
{
  home.packages = [ pkgs.hello ];
}
