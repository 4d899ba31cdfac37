{ self, ... }:
{
  imports = [ self.nixosModules.all ];
}
