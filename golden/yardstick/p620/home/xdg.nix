{ config, lib, ... }:
let

  inHome = folder: if folder == null then null else "${config.home.homeDirectory}/${folder}";
in
{

  xdg = {
    enable = true;

    userDirs = {
      enable = true;
      createDirectories = true;
      setSessionVariables = false;
      desktop = inHome "Desktop";
      documents = inHome "Documents";
      download = inHome "Downloads";
      music = inHome "Music";
      pictures = inHome "Pictures";
      projects = inHome "Projects";
      publicShare = inHome null;
      templates = inHome null;
      videos = inHome "Videos";
      extraConfig = lib.mapAttrs (_: inHome) ({ SCREENSHOTS = "Pictures/Screenshots"; });
    };

    mimeApps = {
      enable = true;
      defaultApplications = { };
      associations.added = { };
    };

  };
}
