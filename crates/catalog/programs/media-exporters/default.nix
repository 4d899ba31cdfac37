{ lib, python3Packages }:
python3Packages.buildPythonApplication {
  pname = "media-exporters";
  version = "1.0.0";
  pyproject = true;
  src = ./.;

  build-system = [ python3Packages.setuptools ];
  dependencies = [ python3Packages.prometheus-client ];

  pythonImportsCheck = [
    "media_exporters.nzbget"
    "media_exporters.plex"
  ];

  meta = {
    description = "Prometheus exporters for Plex (by Tautulli) and NZBGet";
    license = lib.licenses.mit;
    mainProgram = "plex-exporter";
  };
}
