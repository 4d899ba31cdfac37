//! For whom an encrypted file is, as far as that can be read off it without a key.
//!
//! A file of sops lists its recipients. A file of age tells ssh keys by a short tag, and nothing of
//! age keys.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use model::Backend;
use sha2::{Digest as _, Sha256};

/// Whether a file is encrypted for a public key; `None` where that cannot be told.
pub(crate) fn is_for(backend: Backend, file: &[u8], key: &str) -> Option<bool> {
    match backend {
        Backend::Sops => {
            let text = std::str::from_utf8(file).ok()?;
            let listed = text.lines().filter_map(|line| {
                let line = line.trim_start_matches([' ', '-']);
                let value = line.strip_prefix("recipient:")?.trim();
                Some(value.trim_matches(['"', '\'']))
            });
            let listed: Vec<&str> = listed.collect();
            (!listed.is_empty()).then(|| listed.contains(&key))
        }
        Backend::Agenix => {
            let (kind, blob) = key.split_once(' ')?;
            if !kind.starts_with("ssh-") {
                return None;
            }
            let blob = blob.split_whitespace().next()?;
            let wire = BASE64_STANDARD.decode(blob).ok()?;
            let tag = BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(wire)[..4]);
            let stanza = format!("-> {kind} {tag}");
            let header = header(file)?;
            let found = header
                .lines()
                .any(|line| line == stanza || line.starts_with(&format!("{stanza} ")));
            Some(found)
        }
    }
}

/// The header of a file of age, in armour or not.
fn header(file: &[u8]) -> Option<String> {
    const ARMOUR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
    let decoded;
    let mut bytes = file;
    if let Ok(text) = std::str::from_utf8(file)
        && let Some(body) = text.trim_start().strip_prefix(ARMOUR)
    {
        let body = body.split("-----").next()?;
        let body: String = body.split_whitespace().collect();
        decoded = BASE64_STANDARD.decode(body).ok()?;
        bytes = &decoded;
    }
    if !bytes.starts_with(b"age-encryption.org/v1\n") {
        return None;
    }
    let end = bytes.windows(5).position(|part| part == b"\n--- ")?;
    String::from_utf8(bytes[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFy/H0qQJbGAd5JcZtTfK8tpCPOLQfVUz+MM8pxSJBFX root@p510";

    #[test]
    fn files_of_age() {
        let armoured = include_bytes!("../../../generated/secrets/api-openai.age");
        assert_eq!(is_for(Backend::Agenix, armoured, KEY), Some(true));
        assert_eq!(is_for(Backend::Agenix, armoured, OTHER), Some(false));
        assert_eq!(is_for(Backend::Agenix, armoured, "age1abc"), None);
        assert_eq!(is_for(Backend::Agenix, b"age1 but torn", KEY), None);
        let header = header(armoured).unwrap();
        let plain = format!("{header}\n--- mac\n\u{1}");
        assert_eq!(is_for(Backend::Agenix, plain.as_bytes(), KEY), Some(true));
    }

    #[test]
    fn files_of_sops() {
        let file = b"x: ENC[]\nsops:\n    age:\n        - recipient: age1one\n          enc: |\n";
        assert_eq!(is_for(Backend::Sops, file, "age1one"), Some(true));
        assert_eq!(is_for(Backend::Sops, file, "age1"), Some(false));
        assert_eq!(is_for(Backend::Sops, b"x: 1", "age1one"), None);
    }
}
