{ services.fwupd.enable = true; home-manager.users.alice.programs.mpv.enable = true; }
