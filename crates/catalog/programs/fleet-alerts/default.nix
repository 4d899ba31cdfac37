{
  writeText,
  # Free space of a file system in percent.
  diskWarning ? 15,
  diskCritical ? 5,
  # Memory in use in percent.
  memoryWarning ? 90,
  # How long a host or exporter is silent.
  downAfter ? "3m",
  # Days.
  rebootDays ? 7,
  updateDays ? 45,
  secretDays ? 365,
  certificateDays ? 14,
  # Of the system's profile.
  generations ? 100,
  # Size of a store in GiB.
  storeWarning ? 300,
  # { alert, expr, for, severity, summary }
  extraRules ? [ ],
}:

writeText "fleet-alerts.json" (
  builtins.toJSON (
    import ./rules.nix {
      inherit
        certificateDays
        diskCritical
        diskWarning
        downAfter
        extraRules
        generations
        memoryWarning
        rebootDays
        secretDays
        storeWarning
        updateDays
        ;
    }
  )
)
