{ users.motd = "two"; networking.nameservers = [ "1.1.1.1" ]; services.resolved.settings.Resolve.DNSSEC = "yes"; }
