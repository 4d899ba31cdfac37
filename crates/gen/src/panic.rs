//! What a user sees of a bug.

use std::panic::{PanicHookInfo, catch_unwind};

use crate::console;
use crate::status::Status;

/// Runs the command; a panic becomes a short message and [`Status::Failure`].
pub(crate) fn guard(command: impl FnOnce() -> Status + std::panic::UnwindSafe) -> Status {
    std::panic::set_hook(Box::new(report));
    catch_unwind(command).unwrap_or(Status::Failure)
}

fn report(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = info
        .location()
        .map(|l| format!(" ({}:{})", file(l.file()), l.line()));
    console::bug(&format!("{what}{}", place.unwrap_or_default()));
}

/// A source path without the folder that the tool was built in.
fn file(path: &str) -> &str {
    path.rfind("crates/").map_or(path, |at| &path[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_a_failure() {
        assert_eq!(guard(|| Status::Findings), Status::Findings);
        assert_eq!(guard(|| panic!("bug")), Status::Failure);
        let _ = std::panic::take_hook();
    }

    #[test]
    fn places_are_below_the_workspace() {
        assert_eq!(
            file("/somewhere/crates/gen/src/cli.rs"),
            "crates/gen/src/cli.rs"
        );
        assert_eq!(file("src/cli.rs"), "src/cli.rs");
    }
}
