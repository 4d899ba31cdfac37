printf 'hello from %s\n' "$(uname --nodename)"
