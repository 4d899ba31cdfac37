{
  config,
  lib,
  pkgs,
  ...
}:
let

  clang = false;
in
{

  # Both compilers bring cc and ld; the chosen one wins where another feature adds the other.
  home.packages = [
    (lib.hiPrio (if clang then pkgs.clang else pkgs.gcc))
    pkgs.gnumake
    pkgs.pkg-config
  ]
  ++ [
    pkgs.cmake
    pkgs.ninja
  ]
  ++ [ pkgs.gdb ]
  ++ [ pkgs.clang-tools ]
  ++ [ pkgs.ccache ];

  home.sessionVariables = lib.mkMerge [
    {
      CC = lib.mkDefault (if clang then "clang" else "gcc");
      CXX = lib.mkDefault (if clang then "clang++" else "g++");
    }
    ({
      CMAKE_GENERATOR = "Ninja";
      CMAKE_EXPORT_COMPILE_COMMANDS = "ON";
    })
    ({
      CCACHE_MAXSIZE = "10G";
      CMAKE_C_COMPILER_LAUNCHER = "ccache";
      CMAKE_CXX_COMPILER_LAUNCHER = "ccache";
    })
  ];
}
