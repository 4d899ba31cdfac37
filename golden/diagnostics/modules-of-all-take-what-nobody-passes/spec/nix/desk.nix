{ self, ... }:
{
  imports = [ self.nixosModules.desk ];
}
