//! A real Nix for the tests that compare this crate with it, where one is installed.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    dead_code,
    reason = "tests look for a program and run it, and say when they could not"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A `nix-instantiate` that needs neither a network nor a store.
pub(crate) struct Nix {
    program: PathBuf,
}

impl Nix {
    /// The Nix of `$NIX`, of `$NIXLAB`, of the cache folder, or of `$PATH`.
    ///
    /// Without one the test says that it was skipped, or fails if `GEN_REQUIRE_NIX=1`.
    pub(crate) fn find(test: &str) -> Option<Nix> {
        let found = candidates()
            .into_iter()
            .map(|program| Nix { program })
            .find(Nix::works);
        if found.is_none() {
            assert!(
                env::var_os("GEN_REQUIRE_NIX").is_none_or(|value| value != "1"),
                "{test} needs a Nix (set `NIX`), and GEN_REQUIRE_NIX=1"
            );
            eprintln!("SKIPPED: {test}: no Nix was found (set `NIX`)");
        }
        found
    }

    fn works(&self) -> bool {
        self.run(&["--version".as_ref()])
            .is_some_and(|output| output.status.success())
    }

    fn run(&self, arguments: &[&Path]) -> Option<Output> {
        Command::new(&self.program).args(arguments).output().ok()
    }

    /// The value of a file as JSON, or Nix's message.
    pub(crate) fn evaluate(&self, file: &Path) -> Result<String, String> {
        let flags = ["--store", "dummy://", "--eval", "--strict", "--json"].map(Path::new);
        self.output(&[flags.as_slice(), &[file]].concat())
    }

    /// Whether Nix reads a file: its syntax, its attributes, its names.
    pub(crate) fn parse(&self, file: &Path) -> Result<String, String> {
        let flags = ["--store", "dummy://", "--parse"].map(Path::new);
        self.output(&[flags.as_slice(), &[file]].concat())
    }

    fn output(&self, arguments: &[&Path]) -> Result<String, String> {
        let output = self.run(arguments).ok_or("Nix does not start")?;
        if output.status.success() {
            String::from_utf8(output.stdout).map_err(|error| error.to_string())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut candidates = Vec::new();
    if let Some(program) = env::var_os("NIX").map(PathBuf::from) {
        // `nix` itself behaves as `nix-instantiate` only under that name.
        candidates.push(program.with_file_name("nix-instantiate"));
        candidates.push(program);
    }
    if let Some(lab) = env::var_os("NIXLAB") {
        candidates.push(Path::new(&lab).join("nix/bin/nix-instantiate"));
    }
    if let Some(home) = env::var_os("HOME") {
        candidates.push(Path::new(&home).join(".cache/nixlab/nix/bin/nix-instantiate"));
    }
    candidates.push("nix-instantiate".into());
    candidates
}

/// A small, well-mixed generator (`SplitMix64`), so that a seed names a test case for ever.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("the remainder is below a usize")
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}
