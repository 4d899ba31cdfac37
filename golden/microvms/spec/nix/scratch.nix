{
  environment.etc."scratch".text = "by hand";
}
