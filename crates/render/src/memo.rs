//! Layouts that were done before: by the build, for the catalog, or in this run, for machines of one
//! kind that have the same hardware.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::Layouts;
use crate::error::Result;

/// Results by what they are made from, shared between threads.
#[derive(Debug)]
pub(crate) struct Memo<'a> {
    known: &'a Layouts,
    made: Mutex<HashMap<[u8; 16], String>>,
}

/// The name of a text.
pub(crate) fn key(text: &str) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(text).into();
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}

impl<'a> Memo<'a> {
    /// Begins with what is known already.
    pub(crate) fn new(known: &'a Layouts) -> Self {
        Self {
            known,
            made: Mutex::default(),
        }
    }

    /// The result for `text`, computed unless it is known. Two threads may compute the same one.
    pub(crate) fn get(
        &self,
        text: &str,
        compute: impl FnOnce(&str) -> Result<String>,
    ) -> Result<String> {
        let key = key(text);
        if let Ok(i) = self.known.binary_search_by(|(known, _)| known.cmp(&key)) {
            return Ok(self.known[i].1.to_owned());
        }
        if let Some(made) = self.lock().get(&key) {
            return Ok(made.clone());
        }
        let result = compute(text)?;
        self.lock().insert(key, result.clone());
        Ok(result)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 16], String>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Memo, key};

    #[test]
    fn computed_once() {
        let known = [(key("b"), "from the build")];
        let memo = Memo::new(&known);
        let double = |text: &str| Ok(text.repeat(2));
        assert_eq!(memo.get("a", double).unwrap(), "aa");
        let never = |_: &str| panic!("it is known");
        assert_eq!(memo.get("a", never).unwrap(), "aa");
        assert_eq!(memo.get("b", never).unwrap(), "from the build");
    }
}
