{ config, lib, ... }:
let

  latency = "64/48000";
in
{

  security.rtkit.enable = true;

  services.pipewire = {
    enable = true;
    alsa.enable = true;
    alsa.support32Bit = lib.mkDefault true;
    pulse.enable = true;
    jack.enable = false;
    wireplumber.enable = true;
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
    extraConfig = {
      pipewire = {
        "10-rate"."context.properties"."default.clock.rate" = 48000;
      };
    };
  };
}
