//! Nix text: values, attribute paths, escaping, parsing and formatting.
