{
  config,
  lib,
  pkgs,
  ...
}:
let

  interpreters = {
    "5.1" = pkgs.lua5_1;
    "5.4" = pkgs.lua5_4;
    luajit = pkgs.luajit;
  };
in
{

  home.packages = [
    (interpreters."5.4".withPackages (ps: map (name: ps.${name}) [ ]))
  ]
  ++ [ pkgs.lua-language-server ]
  ++ [ pkgs.stylua ]
  ++ [ pkgs.selene ];
}
