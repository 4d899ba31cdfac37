{
  self ? null,
  inputs,
  ...
}:
{
  environment.etc.revision.text = inputs.self.rev or "dirty";
}
