{ config, lib, ... }:
let

  install = name: {
    installation_mode = "normal_installed";
    install_url = "https://addons.mozilla.org/firefox/downloads/latest/${name}/latest.xpi";
  };
in
{

  programs.firefox = {
    enable = true;
    configPath = ".mozilla/firefox";
    languagePacks = [ ];

    policies = lib.mkMerge [
      {
        DisableFirefoxStudies = true;
        DisableTelemetry = true;
        DisablePocket = true;
        DontCheckDefaultBrowser = true;
        DNSOverHTTPS = {
          Enabled = false;
          Locked = false;
        };
        ExtensionSettings = lib.mapAttrs (_: install) ({ "uBlock0@raymondhill.net" = "ublock-origin"; });
        OfferToSaveLogins = false;
        PasswordManagerEnabled = false;
      }
      { }
    ];

    profiles.default = {
      isDefault = true;
      search = {
        default = "ddg";
        privateDefault = "ddg";
        force = true;
      };
      settings = lib.mkMerge [
        {
          "browser.aboutConfig.showWarning" = lib.mkDefault false;
          "browser.contentblocking.category" = "strict";
          "browser.newtabpage.activity-stream.showSponsored" = false;
          "browser.newtabpage.activity-stream.showSponsoredTopSites" = false;
          "browser.startup.homepage" = "about:home";
          "browser.startup.page" = 3;
          "browser.urlbar.suggest.quicksuggest.sponsored" = false;
          "dom.security.https_only_mode" = true;
          "media.ffmpeg.vaapi.enabled" = true;
          "privacy.globalprivacycontrol.enabled" = lib.mkDefault true;
        }
        { }
      ];
    };
  };

  xdg.mimeApps = {
    enable = lib.mkDefault true;
    defaultApplications = lib.genAttrs [
      "application/xhtml+xml"
      "text/html"
      "x-scheme-handler/http"
      "x-scheme-handler/https"
    ] (_: [ "firefox.desktop" ]);
  };
}
