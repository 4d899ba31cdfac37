{ secrets, ... }:
{
  sops = {
    age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    secrets = {
      registry-auth = {
        owner = "alice";
        sopsFile = secrets + "/registry-auth.yaml";
      };
      restic-password.sopsFile = secrets + "/restic-password.yaml";
      user-password-alice = {
        neededForUsers = true;
        sopsFile = secrets + "/user-password-alice.yaml";
      };
      wireguard-key-chicago.sopsFile = secrets + "/wireguard-key-chicago.yaml";
    };
  };
}
