{ ... }: { time.timeZone = "Europe/London"; programs.bash.interactiveShellInit = builtins.readFile ./init.sh; }
