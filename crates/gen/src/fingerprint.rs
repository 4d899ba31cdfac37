//! A name for everything that a run's output depends on.

use sha2::{Digest, Sha256};

use crate::Sources;
use crate::text::hex;

/// The SHA-256 over the tool, the spec, the assets and the names of the encrypted files.
///
/// It depends on nothing else: not on the machine, the time or the place of the folder.
pub fn fingerprint(sources: &Sources) -> String {
    let mut hash = Sha256::new();
    let mut add = |kind: &str, name: &str, content: &[u8]| {
        // Lengths keep two fields from being read as one.
        for part in [kind.as_bytes(), name.as_bytes(), content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    };
    add(
        "tool",
        env!("CARGO_PKG_VERSION"),
        env!("GEN_BUILD").as_bytes(),
    );
    for (path, text) in sources.spec_files() {
        add("spec", path, text.as_bytes());
    }
    for (name, files) in &sources.catalogs {
        // Where it lies shows in headers.
        add("catalog", name, files.header.as_bytes());
        for (path, text) in &files.yaml {
            add("catalog file", path, text.as_bytes());
        }
    }
    for (path, bytes) in &sources.around.assets {
        add("asset", path, bytes);
    }
    for name in &sources.around.secret_files {
        add("secret", name, b"");
    }
    if let Some(below) = &sources.below {
        add("below", below, b"");
    }
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(root: &str, files: &[(&str, &str)]) -> String {
        fingerprint(&Sources::from_memory(root, files.iter().copied()))
    }

    #[test]
    fn depends_on_names_and_contents_only() {
        let one = of("spec", &[("a.yaml", "x"), ("b.nix", "y")]);
        assert_eq!(
            one,
            of("/elsewhere/spec", &[("b.nix", "y"), ("a.yaml", "x")])
        );
        assert_ne!(one, of("spec", &[("a.yaml", "xb"), (".nix", "y")]));
        assert_ne!(one, of("spec", &[("a.yaml", "x"), ("b.nix", "z")]));
        assert_ne!(one, of("spec", &[("a.yaml", "x"), ("c.nix", "y")]));
        assert_ne!(one, of("spec", &[("a.yaml", "x"), ("b.yaml", "y")]));
    }
}
