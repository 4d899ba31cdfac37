{ self, ... }:
{
  imports = [ self.nixosModules.alice ];
}
