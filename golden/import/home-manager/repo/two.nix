{ services.tailscale.enable = true; }
