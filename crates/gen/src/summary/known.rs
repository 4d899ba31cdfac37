//! What was found before of files or features, so that machines which share them find it once.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

/// Findings by side and name.
#[derive(Debug)]
pub(super) struct Known<V> {
    old: Mutex<FxHashMap<String, Arc<V>>>,
    new: Mutex<FxHashMap<String, Arc<V>>>,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self {
            old: Mutex::default(),
            new: Mutex::default(),
        }
    }
}

impl<V> Known<V> {
    /// What is known of a name, or else is found now. Two that ask at once may both find it.
    pub(super) fn get(&self, is_new: bool, name: &str, find: impl FnOnce() -> V) -> Arc<V> {
        let side = if is_new { &self.new } else { &self.old };
        let lock = || side.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(name) {
            return Arc::clone(known);
        }
        let found = Arc::new(find());
        lock().insert(name.to_owned(), Arc::clone(&found));
        found
    }
}
