{
  boot.tmp.tmpfsSize = "25%";
}
