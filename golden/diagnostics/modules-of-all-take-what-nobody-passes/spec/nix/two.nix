{ self, ... }:
{
  imports = [ self.nixosModules.two ];
}
