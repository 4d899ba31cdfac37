{ lib, writeShellApplication }:
writeShellApplication {
  name = "banner";
  text = "cat /etc/acme/policy";
  meta = {
    description = "Shows the policy";
    license = lib.licenses.mit;
  };
}
