{
  home.file."greeting".source = ./. + "/greeting of the day.txt";
}
