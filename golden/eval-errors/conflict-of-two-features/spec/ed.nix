{ environment.variables.EDITOR = toString "ed"; }
