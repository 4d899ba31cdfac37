{ lib, ... }:
{
  fileSystems."/".fsType = lib.concatStrings [ "xfs" ];
}
