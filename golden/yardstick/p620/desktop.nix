{ pkgs, ... }:
{
  programs.hyprland = {
    enable = true;
    withUWSM = true;
  };

  xdg.portal = {
    enable = true;
    config.common.default = [ "gtk" ];
    extraPortals = [ pkgs.xdg-desktop-portal-gtk ];
  };

  services = {
    desktopManager.plasma6 = {
      enable = true;
      enableQt5Integration = false;
    };
    displayManager = {
      defaultSession = "hyprland-uwsm";
      sddm = {
        enable = true;
        wayland.enable = true;
      };
    };
    gnome.gnome-keyring.enable = true;
    gvfs.enable = true;
    orca.enable = true;
    udisks2.enable = true;

    pipewire = {
      enable = true;
      alsa = {
        enable = true;
        support32Bit = true;
      };
      pulse.enable = true;
      wireplumber.extraConfig."51-bluetooth"."monitor.bluez.properties" = {
        "bluez5.codecs" = [
          "sbc"
          "sbc_xq"
          "aac"
          "ldac"
          "aptx"
          "aptx_hd"
        ];
        "bluez5.enable-sbc-xq" = true;
      };
      extraConfig.pipewire."10-rate"."context.properties"."default.clock.rate" = 48000;
    };
  };

  security = {
    # A screen locker cannot check passwords without it.
    pam.services.hyprlock = { };
    polkit.enable = true;
    rtkit.enable = true;
  };

  environment = {
    etc."xdg/baloofilerc".text = ''
      [Basic Settings]
      Indexing-Enabled=true
    '';
    sessionVariables.NIXOS_OZONE_WL = "1";
  };

  fonts = {
    enableDefaultPackages = true;
    packages = [
      pkgs.noto-fonts
      pkgs.noto-fonts-cjk-sans
      pkgs.liberation_ttf
      pkgs.inter
      pkgs.noto-fonts-color-emoji
      pkgs.nerd-fonts.jetbrains-mono
    ];
    fontconfig = {
      defaultFonts = {
        serif = [ "Noto Serif" ];
        sansSerif = [
          "Inter"
          "Noto Sans"
        ];
        monospace = [ "JetBrainsMono Nerd Font" ];
        emoji = [ "Noto Color Emoji" ];
      };
    };
  };
}
