//! One evaluation by Nix, watched.

use std::io::{BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;

/// What marks a trace.
const TRACE: &str = "trace: ";
/// An evaluation that takes longer hangs. Slow machines need about five minutes.
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// Traces of a tree of options that never ends.
const MOST_TRACES: usize = 2_000_000;
/// Lines of Nix's message that are kept.
const MESSAGE_LINES: usize = 60;

/// The program.
#[derive(Clone, Debug)]
pub(super) struct Nix(pub(super) PathBuf);

/// How an evaluation ended.
#[derive(Debug)]
pub(super) struct End {
    /// What it gave; none when it failed.
    pub(super) value: Option<Value>,
    /// What Nix said about it.
    pub(super) message: String,
    /// The last trace.
    pub(super) last: Option<String>,
}

impl Nix {
    /// Evaluates an expression to JSON. Traces of options and packages are added to `progress`.
    ///
    /// A read-only evaluation writes nothing to the store.
    ///
    /// # Errors
    ///
    /// When there is no such program, when it is killed, or when it does not come to an end.
    pub(super) fn run(
        &self,
        expression: &str,
        read_only: bool,
        progress: &AtomicUsize,
    ) -> anyhow::Result<End> {
        let mut command = Command::new(&self.0);
        command.args([
            "--extra-experimental-features",
            "nix-command flakes fetch-tree",
            "eval",
            "--impure",
            "--json",
            "--option",
            "allow-import-from-derivation",
            "false",
        ]);
        if read_only {
            command.arg("--read-only");
        }
        let mut child = command
            .arg("--expr")
            .arg(expression)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let program = self.0.display();
                anyhow::anyhow!(
                    "cannot run `{program}`: {error}; install Nix, or name it with `--nix`"
                )
            })?;
        let stopped = AtomicBool::new(false);
        let traces = AtomicUsize::new(0);
        let (output, said, last) = std::thread::scope(|scope| {
            let output = child.stdout.take().map(|mut pipe| {
                scope.spawn(move || {
                    let mut text = Vec::new();
                    pipe.read_to_end(&mut text).map(|_| text)
                })
            });
            let errors = child
                .stderr
                .take()
                .map(|pipe| scope.spawn(|| listen(BufReader::new(pipe), &[&traces, progress])));
            watch(&mut child, &traces, &stopped);
            let output = output.and_then(|thread| thread.join().ok()?.ok());
            let (said, last) = errors
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default();
            (output.unwrap_or_default(), said, last)
        });
        let status = child.wait()?;
        if stopped.load(Ordering::Relaxed) {
            let last = last.unwrap_or_default();
            bail!("Nix does not come to an end; it was stopped at `{last}`");
        }
        if status.code().is_none() {
            bail!(
                "Nix was killed ({status}); it may need more memory, or fewer `--jobs`:\n{}",
                said.join("\n")
            );
        }
        let value = if status.success() {
            Some(serde_json::from_slice(&output)?)
        } else {
            None
        };
        Ok(End {
            value,
            message: said.join("\n"),
            last,
        })
    }
}

/// Waits, and stops what does not come to an end.
fn watch(child: &mut Child, traces: &AtomicUsize, stopped: &AtomicBool) {
    let start = Instant::now();
    while let Ok(None) = child.try_wait() {
        if start.elapsed() > LONGEST || traces.load(Ordering::Relaxed) > MOST_TRACES {
            stopped.store(true, Ordering::Relaxed);
            // It may have ended meanwhile.
            let _ = child.kill();
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads what Nix says: traces are counted, the last of the other lines kept.
fn listen(pipe: impl std::io::BufRead, counters: &[&AtomicUsize]) -> (Vec<String>, Option<String>) {
    let mut said = std::collections::VecDeque::new();
    let mut last = None;
    for line in pipe.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        match line.strip_prefix(TRACE) {
            Some(trace) if is_ours(trace) => {
                for counter in counters {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                last = Some(trace.to_owned());
            }
            _ => {
                if said.len() == MESSAGE_LINES {
                    said.pop_front();
                }
                said.push_back(line.into_owned());
            }
        }
    }
    (said.into(), last)
}

fn is_ours(trace: &str) -> bool {
    ["option ", "below ", "package "]
        .iter()
        .any(|start| trace.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_told_from_messages() {
        let progress = AtomicUsize::new(0);
        let text: &[u8] = b"trace: option a.b\ntrace: of a module\nwarning: x\ntrace: below a.b\n";
        let (said, last) = listen(text, &[&progress]);
        assert_eq!(said, ["trace: of a module", "warning: x"]);
        assert_eq!(last.as_deref(), Some("below a.b"));
        assert_eq!(progress.into_inner(), 2);
    }

    #[test]
    fn a_program_that_is_not_there() {
        let nix = Nix("/nowhere/nix".into());
        let error = nix.run("1", true, &AtomicUsize::new(0)).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("cannot run `/nowhere/nix`"), "{error}");
    }
}
