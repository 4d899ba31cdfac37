{
  systemd = {
    oomd = {
      enableUserSlices = true;
      settings.OOM = {
        DefaultMemoryPressureLimit = "60%";
        DefaultMemoryPressureDurationSec = "20s";
      };
    };
    slices.user.sliceConfig.ManagedOOMMemoryPressureLimit = "60%";
  };
}
