{
  config,
  lib,
  pkgs,
  ...
}:
let

  types = {
    "calc.desktop" = [
      "application/vnd.ms-excel"
      "application/vnd.oasis.opendocument.spreadsheet"
      "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
      "text/csv"
    ];
    "impress.desktop" = [
      "application/vnd.ms-powerpoint"
      "application/vnd.oasis.opendocument.presentation"
      "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    ];
    "writer.desktop" = [
      "application/msword"
      "application/rtf"
      "application/vnd.oasis.opendocument.text"
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    ];
  };
in
{

  home.packages = [
    (pkgs.libreoffice)
    pkgs.hunspell
  ]
  ++ map (name: pkgs.hunspellDicts.${name}) [
    "en_GB-ise"
    "en_US"
  ];

  xdg.mimeApps = {
    enable = lib.mkDefault true;
    defaultApplications = lib.concatMapAttrs (entry: names: lib.genAttrs names (_: [ entry ])) types;
  };
}
