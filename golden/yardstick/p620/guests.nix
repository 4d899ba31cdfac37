# MicroVMs, and the bridge of the cluster among them.
{ self, ... }:
{
  microvm.vms = {
    dev-vm = {
      evaluatedConfig = self.nixosConfigurations.dev-vm;
      restartIfChanged = true;
    };
    k3s-1 = {
      evaluatedConfig = self.nixosConfigurations.k3s-1;
      restartIfChanged = true;
    };
    k3s-2 = {
      evaluatedConfig = self.nixosConfigurations.k3s-2;
      restartIfChanged = true;
    };
  };

  networking = {
    bridges.br-k3s.interfaces = [ ];
    interfaces.br-k3s.ipv4.addresses = [
      {
        address = "10.20.0.1";
        prefixLength = 24;
      }
    ];
    nat = {
      enable = true;
      internalInterfaces = [ "br-k3s" ];
    };
    networkmanager.unmanaged = [
      "interface-name:br-k3s"
      "interface-name:vm-k3s-1"
      "interface-name:vm-k3s-2"
    ];
  };
}
