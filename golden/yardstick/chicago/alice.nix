{
  config,
  pkgs,
  pkgs-unstable,
  ...
}:
{
  users.users.alice = {
    description = "Alice Example";
    extraGroups = [
      "wheel"
      "dialout"
    ];
    hashedPasswordFile = config.sops.secrets.user-password-alice.path;
    isNormalUser = true;
    openssh.authorizedKeys.keys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICEBtSq5CBfVQZId3nUBqF26HZFd0QckicOFhFM/Yuea alice@example"
    ];
    shell = pkgs.zsh;
    uid = 1000;
  };

  programs.zsh.enable = true;

  home-manager = {
    useGlobalPkgs = true;
    useUserPackages = true;
    extraSpecialArgs = { inherit pkgs-unstable; };
    users.alice = {
      imports = [ ./home.nix ];
      home.stateVersion = "25.11";
      home.sessionVariables = {
        LESS = "-FRX";
        PAGER = "less";
        REGISTRY_AUTH_FILE = config.sops.secrets.registry-auth.path;
      };
    };
  };
}
