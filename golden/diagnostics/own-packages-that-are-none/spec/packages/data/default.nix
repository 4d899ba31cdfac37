{ name = "data"; }
