{ writeShellScriptBin }: writeShellScriptBin "my-tool" "echo hello"
