{ environment.variables.EDITOR = toString "vi"; }
