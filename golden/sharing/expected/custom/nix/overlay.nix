# What overlays replace, they see as it is after pins.
_final: prev: {
  loud = prev.greet.overrideAttrs { passthru.isLoud = true; };
}
