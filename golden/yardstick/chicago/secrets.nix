{ root, ... }:
{
  sops = {
    age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    secrets = {
      registry-auth = {
        owner = "alice";
        sopsFile = root + "/secrets/registry-auth.yaml";
      };
      restic-password.sopsFile = root + "/secrets/restic-password.yaml";
      user-password-alice = {
        neededForUsers = true;
        sopsFile = root + "/secrets/user-password-alice.yaml";
      };
      wireguard-key-chicago.sopsFile = root + "/secrets/wireguard-key-chicago.yaml";
    };
  };
}
