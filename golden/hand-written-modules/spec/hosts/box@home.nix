{
  networking.hosts."192.0.2.7" = [ "box.example.org" ];
}
