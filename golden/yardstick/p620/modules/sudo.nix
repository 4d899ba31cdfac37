{
  security.sudo = {
    execWheelOnly = true;
    extraConfig = ''
      Defaults timestamp_timeout=15
      Defaults passwd_tries=3
      Defaults lecture=never

    '';
  };
}
