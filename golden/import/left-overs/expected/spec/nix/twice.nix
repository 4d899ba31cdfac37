{
  users.motd = "two";
}
