//! The findings of a plan, each with the ways forward.

use camino::Utf8Path;
use diag::{Diagnostic, Diagnostics};

use crate::plan::{Entry, Obstacle, ObstacleKind, Plan, State, Yours};
use crate::{Target, target};

impl Plan {
    /// What the user has to know or to settle.
    pub fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let mut obstacles: Vec<&Obstacle> = Vec::new();
        for entry in &self.entries {
            match &entry.state {
                // One link or file may stand in the way of many files.
                State::Obstructed(obstacle) if obstacles.contains(&obstacle) => {}
                State::Obstructed(found) => {
                    obstacles.push(found);
                    diagnostics.push(obstacle(&self.shown, found));
                }
                _ => {
                    if let Some(diagnostic) = finding(&self.shown, entry) {
                        diagnostics.push(diagnostic);
                    }
                }
            }
        }
        for name in &self.unmatched {
            let message = format!("`--overwrite {name}` names no generated file");
            diagnostics.push(
                Diagnostic::warning("output-overwrite-unmatched", None, message)
                    .help("give the path as `gen diff` prints it"),
            );
        }
        diagnostics
    }
}

fn finding(shown: &Utf8Path, entry: &Entry) -> Option<Diagnostic> {
    let path = target::show(shown, &entry.path);
    let word = quote(path.as_str());
    match entry.state {
        State::KeepEdited => Some(
            Diagnostic::error(
                "output-edited",
                None,
                format!("`{path}` was changed by hand"),
            )
            .help(
                "to keep the change, move it to the spec: a setting of the host or feature, or a \
                     hand-written module listed under `modules:`",
            )
            .help(format!("to see what would be lost, run `gen diff {word}`"))
            .help(format!(
                "to discard the change, run `gen --overwrite {word}` or `git checkout -- {word}`"
            )),
        ),
        State::KeepOrphanEdited => Some(
            Diagnostic::warning(
                "output-orphan-edited",
                None,
                format!("`{path}` is no longer generated but was changed by hand, so it is kept"),
            )
            .help("to keep it, move it out of the output folder and list it under `modules:`")
            .help(format!(
                "to discard it, run `gen --overwrite {word}` or delete it"
            )),
        ),
        State::BlockedUnowned => Some(
            Diagnostic::error(
                "output-unowned",
                None,
                format!("`{path}` is in the way: gen did not write it"),
            )
            .help("to keep it, move it elsewhere; a hand-written module is listed under `modules:`")
            .help(format!("to replace it, run `gen --overwrite {word}`")),
        ),
        State::Yours(Yours::Differs) => Some(
            Diagnostic::warning(
                "output-ejected-differs",
                None,
                format!("`{path}` is yours, and the spec gives something else for it now"),
            )
            .help(format!(
                "see what, with `gen diff {word}`, and bring it over by hand"
            ))
            .help(format!(
                "when the file is as you want it, run `gen eject {word}`"
            ))
            .help(format!(
                "to have it generated again, run `gen --overwrite {word}`"
            )),
        ),
        State::Yours(Yours::Missing) => Some(
            Diagnostic::error(
                "output-ejected-missing",
                None,
                format!("`{path}` is yours and is gone, but other files may name it"),
            )
            .help(format!(
                "bring it back, or have it generated again: `gen --overwrite {word}`"
            )),
        ),
        State::Missing => Some(
            Diagnostic::note(
                "output-missing",
                None,
                format!("`{path}` was deleted by hand and is written again"),
            )
            .help("to do without it, take what it comes from out of the spec"),
        ),
        _ => None,
    }
}

fn obstacle(shown: &Utf8Path, obstacle: &Obstacle) -> Diagnostic {
    let path = target::show(shown, &obstacle.path);
    let word = quote(path.as_str());
    match obstacle.kind {
        ObstacleKind::Symlink => Diagnostic::error(
            "output-symlink",
            None,
            format!("`{path}` is a symbolic link, which gen does not follow"),
        )
        .help("replace it with what it points to, or remove it, then run gen again"),
        ObstacleKind::ReadOnly => Diagnostic::error(
            "output-read-only",
            None,
            format!("`{path}` is to change but is read-only"),
        )
        .help(format!("run `chmod u+w {word}`, then run gen again")),
        ObstacleKind::File => obstructed(&path, "a file", "a folder"),
        ObstacleKind::Folder => obstructed(&path, "a folder", "a file"),
        ObstacleKind::Special => obstructed(&path, "a device, pipe or socket", "a file"),
    }
}

fn obstructed(path: &Utf8Path, is: &str, needed: &str) -> Diagnostic {
    let message = format!("`{path}` is {is}, and {needed} is to be there");
    Diagnostic::error("output-obstructed", None, message)
        .help("move it elsewhere, then run gen again")
}

/// The findings about files that changed while, or after, a run moved the others into place.
pub(crate) fn changed_meanwhile(target: &Target, kept: &[String]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for path in kept {
        let path = target.show(path);
        let message = format!("`{path}` was changed while gen was writing, so it is kept");
        diagnostics.push(
            Diagnostic::error("output-edited", None, message)
                .help("run gen again to see what it wants there"),
        );
    }
    diagnostics
}

/// A path as a shell reads it.
fn quote(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    if path.chars().all(plain) && !path.starts_with('-') {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
