{
  # Safe ‮ }
  services.fwupd.enable = true;
}
