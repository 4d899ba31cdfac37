//! Layouts that were done before: machines of one kind have the same hardware and disks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;

/// Results by what they are made from, shared between threads.
#[derive(Debug, Default)]
pub(crate) struct Memo(Mutex<HashMap<String, String>>);

impl Memo {
    /// The result for `key`, computed unless it is known. Two threads may compute the same one.
    pub(crate) fn get(
        &self,
        key: String,
        compute: impl FnOnce(&str) -> Result<String>,
    ) -> Result<String> {
        if let Some(known) = self.lock().get(&key) {
            return Ok(known.clone());
        }
        let result = compute(&key)?;
        self.lock().insert(key, result.clone());
        Ok(result)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Memo;

    #[test]
    fn computed_once() {
        let memo = Memo::default();
        let double = |key: &str| Ok(key.repeat(2));
        assert_eq!(memo.get("a".to_owned(), double).unwrap(), "aa");
        let never = |_: &str| panic!("it is known");
        assert_eq!(memo.get("a".to_owned(), never).unwrap(), "aa");
    }
}
