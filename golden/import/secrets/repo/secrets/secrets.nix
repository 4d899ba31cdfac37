let
  alice = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf";
  vault = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJAq1VJ2mWpj1cZqKkMZYPQYzB9sZfX0JmDgC7l9TTDn";
in
{
  "restic-password.age".publicKeys = [ alice vault ];
  "computed.age".publicKeys = [ alice vault ];
}
