{ box = 1; }
