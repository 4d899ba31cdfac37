//! Names the build: a hash over the sources of every crate, so that a changed template or catalog
//! makes the tool generate anew although its version is the same.
#![allow(
    clippy::disallowed_methods,
    reason = "a build script reads files and its environment"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use sha2::{Digest, Sha256};
use walkdir::{DirEntry, WalkDir};

fn main() -> Result<(), Box<dyn Error>> {
    let here = env::var("CARGO_MANIFEST_DIR")?;
    let crates = Path::new(&here)
        .parent()
        .ok_or("the crate has no folder above it")?;
    println!("cargo::rerun-if-changed={}", crates.display());
    let mut hash = Sha256::new();
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        !(name.starts_with('.') || entry.depth() == 2 && name == "tests")
    };
    for entry in WalkDir::new(crates)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(wanted)
    {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = entry
                .path()
                .strip_prefix(crates)?
                .to_string_lossy()
                .replace('\\', "/");
            let text = fs::read(entry.path())?;
            hash.update(format!("{path}\0{}\0", text.len()));
            hash.update(text);
        }
    }
    let mut name = String::new();
    for byte in hash.finalize().iter().take(8) {
        write!(name, "{byte:02x}")?;
    }
    println!("cargo::rustc-env=GEN_BUILD={name}");
    write_layouts()
}

/// Lays the modules of the catalog out once, so that runs need not.
fn write_layouts() -> Result<(), Box<dyn Error>> {
    let layouts = render::layouts(&resolve::catalog_fleet())
        .map_err(|error| format!("{}: {error}", error.path))?;
    let mut code = String::from("static LAYOUTS: &render::Layouts = &[\n");
    for (key, text) in layouts {
        writeln!(code, "    ({key:?}, {text:?}),")?;
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("layouts.rs"), code)?;
    Ok(())
}
