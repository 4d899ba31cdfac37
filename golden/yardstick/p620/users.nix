{
  config,
  pkgs,
  root,
  ...
}:
{
  users.users = {
    alice = {
      description = "Alice Example";
      extraGroups = [
        "wheel"
        "networkmanager"
        "ai"
        "docker"
        "gamemode"
        "kvm"
        "libvirtd"
        "render"
        "video"
      ];
      hashedPasswordFile = config.age.secrets.user-password-alice.path;
      isNormalUser = true;
      openssh.authorizedKeys.keys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf alice@example"
      ];
      shell = pkgs.zsh;
      uid = 1000;
    };
    bob = {
      description = "Bob Example";
      hashedPasswordFile = config.age.secrets.user-password-bob.path;
      isNormalUser = true;
      openssh.authorizedKeys.keys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILskBzLQvSt/gKEXm5gm9ed+xpSPvd1UFkHfDQRT5+FM bob@example"
      ];
      shell = pkgs.zsh;
      uid = 1001;
    };
  };

  home-manager = {
    useGlobalPkgs = true;
    useUserPackages = true;
    extraSpecialArgs = { inherit root; };
    users = {
      alice = {
        imports = [
          ./home
          ./home/desktop
        ];
        programs.git.settings.user = {
          name = "Alice Example";
          email = "alice@example.org";
        };
      };
      bob = {
        imports = [ ./home ];
        programs.git.settings.user = {
          name = "Bob Example";
          email = "bob@example.org";
        };
      };
    };
  };
}
