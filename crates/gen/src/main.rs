//! The `gen` command.
fn main() {}
