{
  imports = [ ./home-manager.nix ];

  home-manager.users.bob = {
    imports = [ ../home/profiles/developer.nix ];

    home.stateVersion = "25.11";
    programs.git.settings.user = {
      name = "Bob Example";
      email = "bob@example.org";
    };

  };
}
