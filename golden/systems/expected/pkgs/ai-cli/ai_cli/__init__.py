"""Ask language models of several providers from a terminal."""
