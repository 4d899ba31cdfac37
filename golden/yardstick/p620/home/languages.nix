{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.home) homeDirectory;

  goPath = "${homeDirectory}/go";
  npmPrefix = "${homeDirectory}/.local/share/npm";
in
{
  home = {
    packages = [
      pkgs.rustc
      pkgs.rustfmt
      pkgs.clippy
      pkgs.rust-analyzer
      pkgs.gcc
      pkgs.mold
      pkgs.cargo-nextest
      pkgs.cargo-edit
      pkgs.cargo-audit
      pkgs.bacon

      (pkgs.python313.withPackages (ps: [
        ps.ipython
        ps.debugpy
      ]))
      pkgs.pyright

      pkgs.pnpm
      pkgs.typescript
      pkgs.typescript-language-server
      pkgs.prettier
      pkgs.eslint

      pkgs.nixfmt
      pkgs.nixd
      pkgs.deadnix
      pkgs.statix
      pkgs.nix-diff
      pkgs.nix-output-monitor
      pkgs.nix-tree
      pkgs.nvd
      pkgs.comma

      (pkgs.lua5_4.withPackages (_: [ ]))
      pkgs.lua-language-server
      pkgs.stylua
      pkgs.selene

      pkgs.maven
      pkgs.jdt-language-server

      pkgs.gofumpt
      pkgs.gotools
      pkgs.gopls
      pkgs.delve
      pkgs.golangci-lint

      # Rust brings it as well, of a lower priority.
      (lib.hiPrio pkgs.gcc)
      pkgs.gnumake
      pkgs.pkg-config
      pkgs.cmake
      pkgs.ninja
      pkgs.gdb
      pkgs.clang-tools
      pkgs.ccache
    ];

    sessionPath = [
      "${homeDirectory}/.cargo/bin"
      "${npmPrefix}/bin"
      "${goPath}/bin"
    ];

    sessionVariables = {
      CC = "gcc";
      CXX = "g++";
      CMAKE_GENERATOR = "Ninja";
      CMAKE_EXPORT_COMPILE_COMMANDS = "ON";
      CCACHE_MAXSIZE = "10G";
      CMAKE_C_COMPILER_LAUNCHER = "ccache";
      CMAKE_CXX_COMPILER_LAUNCHER = "ccache";
      PIP_REQUIRE_VIRTUALENV = "true";
      PYTHONDONTWRITEBYTECODE = "1";
      RUST_SRC_PATH = "${pkgs.rustPlatform.rustLibSrc}";
    };
  };

  programs = {
    cargo = {
      enable = true;
      settings.target.x86_64-unknown-linux-gnu.rustflags = [
        "-C"
        "link-arg=-fuse-ld=mold"
      ];
    };
    direnv = {
      enable = true;
      config = {
        global = {
          hide_env_diff = true;
          warn_timeout = "30s";
        };
        whitelist.prefix = [ ];
      };
      nix-direnv.enable = true;
    };
    go = {
      enable = true;
      env = {
        GOPATH = goPath;
        GOPRIVATE = [ ];
        GOTOOLCHAIN = "local";
      };
      telemetry.mode = "off";
    };
    gradle = {
      enable = true;
      settings = {
        "org.gradle.caching" = true;
        "org.gradle.parallel" = true;
      };
    };
    java = {
      enable = true;
      package = pkgs.jdk21;
    };
    nix-index.enable = true;
    npm = {
      enable = true;
      package = pkgs.nodejs_22;
      settings = {
        prefix = npmPrefix;
        fund = false;
        update-notifier = false;
      };
    };
    ruff = {
      enable = true;
      settings.line-length = 100;
    };
    uv = {
      enable = true;
      settings = {
        python-downloads = "never";
        python-preference = "only-system";
      };
    };
  };
}
