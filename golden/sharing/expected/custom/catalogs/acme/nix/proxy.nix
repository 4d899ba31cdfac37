{ networking.proxy.noProxy = import ./no-proxy.nix; }
