{
  services.getty.helpLine = "box~";
}
