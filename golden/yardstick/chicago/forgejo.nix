{ lib, ... }:
{
  services.forgejo = {
    enable = true;
    lfs.enable = true;
    dump = {
      enable = true;
      age = "7d";
      type = "tar.zst";
    };
    settings = {
      DEFAULT.APP_NAME = "Forgejo";
      server = {
        DOMAIN = "git.lab.example.org";
        ROOT_URL = "https://git.lab.example.org/";
        HTTP_ADDR = "127.0.0.1";
        SSH_PORT = 22;
      };
      service = {
        DISABLE_REGISTRATION = true;
        REQUIRE_SIGNIN_VIEW = false;
      };
      session.COOKIE_SECURE = true;
      actions.ENABLED = true;
    };
  };

  # The keys of Forgejo's users lie in its account, whatever holds for the other accounts.
  services.openssh.extraConfig = lib.mkAfter ''
    Match User forgejo
      AuthorizedKeysFile /var/lib/forgejo/.ssh/authorized_keys
    Match All
  '';
}
