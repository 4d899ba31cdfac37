{ config, lib, ... }:
{

  services.openssh = {
    enable = true;
    allowSFTP = true;
    authorizedKeysInHomedir = false;
    openFirewall = false;
    ports = [ 22 ];
    settings = {
      AllowAgentForwarding = false;
      AllowStreamLocalForwarding = true;
      AllowTcpForwarding = true;
      Ciphers = [
        "chacha20-poly1305@openssh.com"
        "aes256-gcm@openssh.com"
        "aes128-gcm@openssh.com"
      ];
      ClientAliveCountMax = lib.mkDefault 3;
      ClientAliveInterval = lib.mkDefault 60;
      KbdInteractiveAuthentication = false;
      KexAlgorithms = [
        "mlkem768x25519-sha256"
        "sntrup761x25519-sha512"
        "sntrup761x25519-sha512@openssh.com"
        "curve25519-sha256"
        "curve25519-sha256@libssh.org"
      ];
      LoginGraceTime = 30;
      Macs = [
        "hmac-sha2-512-etm@openssh.com"
        "hmac-sha2-256-etm@openssh.com"
        "umac-128-etm@openssh.com"
      ];
      MaxAuthTries = 4;
      PasswordAuthentication = false;
      PermitRootLogin = "no";
      X11Forwarding = false;
    };
  };

  services.openssh = {
    listenAddresses = map (addr: { inherit addr; }) [ ];
    hostKeys = map (
      type:
      {
        inherit type;
        path = "/etc/ssh/ssh_host_${type}_key";
      }
      // lib.optionalAttrs (type == "rsa") { bits = 4096; }
    ) [ "ed25519" ];
    settings = {
    };
  };
}
