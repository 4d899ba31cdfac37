{
  environment.etc."banner".source = ../assets/banner.txt;
}
