{
  config,
  lib,
  pkgs,
  ...
}:
let

  kits = {
    "11" = pkgs.jdk11;
    "17" = pkgs.jdk17;
    "21" = pkgs.jdk21;
    "25" = pkgs.jdk25;
  };
in
{

  programs.java = {
    enable = true;
    package = kits."21";
  };

  programs.gradle = {
    enable = true;
    settings = ({
      "org.gradle.caching" = true;
      "org.gradle.parallel" = true;
    });
  };

  home.packages = [ pkgs.maven ] ++ [ pkgs.jdt-language-server ];
}
