"127.0.0.1,localhost,.acme.example"
