rec { services.fstrim.interval = "weekly"; services.fstrim.enable = services.fstrim.interval == "weekly"; }
