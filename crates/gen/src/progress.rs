//! A sign of life on a terminal, when the work takes longer than one notices.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that takes no longer shows nothing.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shown until it is dropped.
pub(crate) struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Begins to wait. Nothing is shown where standard error is no terminal.
    pub(crate) fn start(what: &'static str) -> Self {
        Self::begin(move || what.to_owned())
    }

    /// The same, with a number that grows.
    pub(crate) fn counting(what: &'static str, count: Arc<AtomicUsize>) -> Self {
        Self::begin(move || format!("{what}: {}", count.load(Ordering::Relaxed)))
    }

    /// The same, with a number that grows to another one.
    pub(crate) fn counting_to(what: &'static str, count: Arc<AtomicUsize>, all: usize) -> Self {
        Self::begin(move || format!("{what}: {} of {all}", count.load(Ordering::Relaxed)))
    }

    fn begin(message: impl Fn() -> String + Send + 'static) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (done, wait) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let still = |patience| wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            if !still(PATIENCE) {
                return;
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(message());
            while still(Duration::from_millis(100)) {
                bar.set_message(message());
                bar.tick();
            }
            bar.finish_and_clear();
        });
        Self(Some((done, thread)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.0.take() {
            drop(done);
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}
