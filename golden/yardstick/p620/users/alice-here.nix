{
  imports = [ ./home-manager.nix ];

  users.users.alice.extraGroups = [
    "ai"
    "docker"
    "gamemode"
    "kvm"
    "libvirtd"
    "render"
    "video"
  ];

  home-manager.users.alice = {
    imports = [
      ../home/profiles/developer.nix
      ../home/profiles/desktop-user.nix
    ];

    home.stateVersion = "25.11";
    programs.git.settings.user = {
      name = "Alice Example";
      email = "alice@example.org";
    };

  };
}
