//! One run at a time: an advisory lock that ends with its process, however that ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::{OutputError, Target};

/// Its name in the tool's own folder. The file stays; only the lock on it counts.
pub(crate) const NAME: &str = "lock";
const PATH: &str = ".gen/lock";
const PAUSE: Duration = Duration::from_millis(20);

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock, waiting for another run for some time.
pub(crate) fn take(target: &Target, own: &Folder, wait: Duration) -> Result<Lock, OutputError> {
    let mut file = own
        .open_or_create(NAME)
        .map_err(|error| target.io("open", PATH, error))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if start.elapsed() < wait => {
                std::thread::sleep(PAUSE.min(wait.saturating_sub(start.elapsed())));
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // The number only makes the message better.
                let _ = file.read_to_string(&mut text);
                return Err(OutputError::Locked {
                    path: target.show(PATH),
                    pid: text.trim().parse().ok(),
                });
            }
            // Some network file systems have no locks; one run at a time is then up to the user.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
                break;
            }
            Err(TryLockError::Error(error)) => return Err(target.io("lock", PATH, error)),
        }
    }
    // Who holds it is a courtesy to the next run; a full disk must not end this one here.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(Lock { _file: file })
}
