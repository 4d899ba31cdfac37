{ self, ... }:
{
  environment.etc.revision.text = self.rev or "dirty";
}
