{
  environment.etc."by-hand".text = "an installer's own module";
}
