{ config, lib, ... }:
{

  programs.thunderbird = {
    enable = true;
    profiles.default = {
      isDefault = true;
      withExternalGnupg = false;
      settings = lib.mkMerge [
        {
          "datareporting.healthreport.uploadEnabled" = false;
          "mailnews.message_display.disable_remote_image" = true;
          "privacy.donottrackheader.enabled" = lib.mkDefault true;
          "toolkit.telemetry.enabled" = false;
        }
        { }
      ];
    };
  };

  accounts.email.accounts = lib.mapAttrs (_: account: {
    inherit (account) address primary;
    realName = "Alice Example";
    userName = if account.userName == null then account.address else account.userName;
    imap = {
      host = account.imapHost;
      port = account.imapPort;
    };
    smtp = {
      host = account.smtpHost;
      port = account.smtpPort;
    };
    thunderbird.enable = true;
  }) { };

  xdg.mimeApps = {
    enable = lib.mkDefault true;
    defaultApplications = lib.genAttrs [
      "message/rfc822"
      "x-scheme-handler/mailto"
      "x-scheme-handler/mid"
    ] (_: [ "thunderbird.desktop" ]);
  };
}
