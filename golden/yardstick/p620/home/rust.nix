{
  config,
  lib,
  pkgs,
  ...
}:
let

  fromNixpkgs = true;
  target = pkgs.stdenv.hostPlatform.rust.rustcTarget;
in
{

  # rustup installs its own proxies for cargo, rustc and rust-analyzer.
  home.packages =
    (
      if fromNixpkgs then
        [
          pkgs.rustc
          pkgs.rustfmt
          pkgs.clippy
        ]
        ++ [ pkgs.rust-analyzer ]
      else
        [ pkgs.rustup ]
    )
    ++ [ pkgs.gcc ]
    ++ [ pkgs.mold ]
    ++ ([
      (pkgs.cargo-nextest)
      (pkgs.cargo-edit)
      (pkgs.cargo-audit)
      (pkgs.bacon)
    ]);

  home.sessionPath = [ "${config.home.homeDirectory}/.cargo/bin" ];
  home.sessionVariables = lib.mkIf fromNixpkgs {
    RUST_SRC_PATH = "${pkgs.rustPlatform.rustLibSrc}";
  };

  programs.cargo = {
    enable = true;
    package = if fromNixpkgs then pkgs.cargo else null;
    settings = lib.mkMerge [
      ({
        target.${target}.rustflags = [
          "-C"
          "link-arg=-fuse-ld=mold"
        ];
      })
      { }
    ];
  };
}
