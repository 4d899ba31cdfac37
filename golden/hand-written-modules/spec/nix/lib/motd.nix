{ config, lib, ... }:
{
  options.motd.text = lib.mkOption {
    type = lib.types.str;
    description = "Message of the day.";
  };

  config.users.motd = config.motd.text;
}
