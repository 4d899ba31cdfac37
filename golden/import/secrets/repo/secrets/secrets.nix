let
  alice = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf";
  vault = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBFQslC0YFEQ7HS+syuWP+gG4Dp8hsiUN0XXahCJl0Du";
in
{
  "restic-password.age".publicKeys = [ alice vault ];
  "computed.age".publicKeys = [ alice vault ];
}
