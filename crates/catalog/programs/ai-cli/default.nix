{ lib, python3Packages }:
python3Packages.buildPythonApplication {
  pname = "ai-cli";
  version = "1.0.0";
  pyproject = true;
  src = ./.;

  build-system = [ python3Packages.setuptools ];

  pythonImportsCheck = [ "ai_cli.cli" ];

  meta = {
    description = "Asks language models of several providers from a terminal";
    license = lib.licenses.mit;
    mainProgram = "ai-cli";
  };
}
