{ config, lib, ... }:
{
  options.rack.greeting = lib.mkOption {
    type = lib.types.str;
    default = "hello";
    description = "Text.";
  };
  config.environment.etc."rack".text = config.rack.greeting + builtins.readFile ./server.txt;
}
