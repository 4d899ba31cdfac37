{
  networking.domain = "example.net";
}
