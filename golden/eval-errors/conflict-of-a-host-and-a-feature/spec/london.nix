{ time.timeZone = lib.head [ "Europe/London" ]; }
