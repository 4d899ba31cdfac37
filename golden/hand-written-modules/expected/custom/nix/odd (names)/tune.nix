{ writeShellScriptBin }: writeShellScriptBin "tune" "echo tune"
