//! Reading an index of options and packages.

use std::fs;
use std::io;

use camino::Utf8Path;
use index::{FILES, Index, IndexError, Texts};

/// Reads the index in a folder.
///
/// # Errors
///
/// When a file cannot be read, or is not what `gen index` writes (an [`IndexError`]).
pub fn load_index(folder: &Utf8Path) -> anyhow::Result<Index> {
    let read = |name: &str| -> Result<String, IndexError> {
        fs::read_to_string(folder.join(name)).map_err(|error| IndexError {
            file: folder.join(name).to_string(),
            message: match error.kind() {
                io::ErrorKind::NotFound => "it is missing".to_owned(),
                _ => error.to_string(),
            },
        })
    };
    Ok(Index::parse(Texts {
        nixos: read(FILES[0])?,
        home: read(FILES[1])?,
        microvm: read(FILES[2])?,
        packages: read(FILES[3])?,
        release: read(FILES[4])?,
    })?)
}
