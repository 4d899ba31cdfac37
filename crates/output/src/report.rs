//! The findings of a plan, each with the ways forward.

use camino::Utf8Path;
use diag::{Diagnostic, Diagnostics, Severity};

use crate::plan::{Entry, Obstacle, ObstacleKind, Plan, State, Yours};
use crate::{Target, target};

/// Findings of one kind that are told one by one; of more, there is one about all.
const MOST: usize = 5;
/// Files that a finding about many names.
const EXAMPLES: usize = 3;

impl Plan {
    /// What the user has to know or to settle: each file by itself.
    pub fn diagnostics(&self) -> Diagnostics {
        self.findings(&[])
    }

    /// The same, with one finding for many files of which the same is to be said.
    pub fn brief(&self) -> Diagnostics {
        let mut many: Vec<State> = Vec::new();
        for entry in &self.entries {
            let same = self.entries.iter().filter(|it| it.state == entry.state);
            if manifold(&entry.state).is_some()
                && !many.contains(&entry.state)
                && same.count() > MOST
            {
                many.push(entry.state.clone());
            }
        }
        let mut diagnostics = self.findings(&many);
        for diagnostic in many.iter().filter_map(|state| self.about_all(state)) {
            diagnostics.push(diagnostic);
        }
        diagnostics
    }

    /// One finding about all files of a state.
    fn about_all(&self, state: &State) -> Option<Diagnostic> {
        let kind = manifold(state)?;
        let paths: Vec<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.state == *state)
            .map(|entry| entry.path.as_str())
            .collect();
        let examples: Vec<String> = paths
            .iter()
            .take(EXAMPLES)
            .map(|path| format!("`{}`", target::show(&self.shown, path)))
            .collect();
        let message = format!(
            "{} files {}: {} and {} more",
            paths.len(),
            kind.message,
            examples.join(", "),
            paths.len() - examples.len()
        );
        let diagnostic = match kind.severity {
            Severity::Error => Diagnostic::error(kind.code, None, message),
            Severity::Warning => Diagnostic::warning(kind.code, None, message),
            Severity::Note => Diagnostic::note(kind.code, None, message),
        };
        let folder = common_folder(&paths);
        let word = quote(target::show(&self.shown, folder).as_str());
        let is_below = |path: &str| {
            folder.is_empty()
                || path
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        // What names the folder is about everything in it.
        let alone = self.entries.iter().all(|entry| {
            let is_kept = entry.is_conflict()
                || matches!(entry.state, State::KeepOrphanEdited | State::Yours(_));
            !is_kept || entry.state == *state || !is_below(&entry.path)
        });
        let help = match kind.help {
            Some((what, command)) if alone => {
                diagnostic.help(format!("{what}, run `gen {command} {word}`"))
            }
            Some((what, command)) => diagnostic.help(format!(
                "{what}, run `gen {command} FILE` for each, or for a folder"
            )),
            None => diagnostic,
        };
        Some(help.help("to see each of them, run `gen check --format json`"))
    }

    /// The findings, without those about files of these states.
    fn findings(&self, without: &[State]) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let mut obstacles: Vec<&Obstacle> = Vec::new();
        for entry in &self.entries {
            if without.contains(&entry.state) {
                continue;
            }
            match &entry.state {
                // One link or file may stand in the way of many files.
                State::Obstructed(obstacle) if obstacles.contains(&obstacle) => {}
                State::Obstructed(found) => {
                    obstacles.push(found);
                    diagnostics.push(obstacle(&self.shown, found));
                }
                _ => {
                    let by = self.named.get(&entry.path).map(String::as_str);
                    if let Some(diagnostic) = finding(&self.shown, entry, by) {
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

/// What is said of many files at once.
struct Manifold {
    code: &'static str,
    severity: Severity,
    message: &'static str,
    /// What for, and the command, which the folder follows.
    help: Option<(&'static str, &'static str)>,
}

/// What is said of many files in a state, if there is something to be said.
fn manifold(state: &State) -> Option<Manifold> {
    use Severity::{Error, Note, Warning};
    let (code, severity, message, help) = match state {
        State::KeepEdited => (
            "output-edited",
            Error,
            "were changed by hand",
            Some(("to make them yours", "eject")),
        ),
        State::KeepUnmerged => (
            "output-unmerged",
            Error,
            "have a merge conflict",
            Some(("to write them anew once the spec is merged", "--overwrite")),
        ),
        State::KeepOrphanEdited => (
            "output-orphan-edited",
            Warning,
            "are no longer generated but were changed by hand, so they are kept",
            Some(("to discard them", "--overwrite")),
        ),
        State::BlockedUnowned => (
            "output-unowned",
            Error,
            "are in the way: gen did not write them",
            Some(("to replace them all", "--overwrite")),
        ),
        State::Missing => (
            "output-missing",
            Note,
            "were deleted by hand and are written again",
            None,
        ),
        State::Yours(Yours::Differs) => (
            "output-ejected-differs",
            Warning,
            "are yours, and the spec gives something else for them now",
            Some((
                "when they are as you want them (`gen diff` shows what differs)",
                "eject",
            )),
        ),
        State::Yours(Yours::Missing) => (
            "output-ejected-missing",
            Error,
            "are yours and are gone, but other files may name them",
            Some(("to have them generated again", "--overwrite")),
        ),
        State::Yours(Yours::Orphan) => (
            "output-ejected-orphan",
            Warning,
            "are yours, but the spec has no files there any more",
            Some(("to keep them there without gen (or delete them)", "eject")),
        ),
        _ => return None,
    };
    Some(Manifold {
        code,
        severity,
        message,
        help,
    })
}

/// The folder that all files are in.
fn common_folder<'a>(paths: &[&'a str]) -> &'a str {
    let folder = |path: &'a str| path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut common = paths.first().map_or("", |path| folder(path));
    for path in paths {
        let inside = |common: &str| {
            common.is_empty()
                || path
                    .strip_prefix(common)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        while !inside(common) {
            common = folder(common);
        }
    }
    common
}

fn finding(shown: &Utf8Path, entry: &Entry, by: Option<&str>) -> Option<Diagnostic> {
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
            .help(format!(
                "to keep it in the file, run `gen eject {word}`: the file is yours then"
            ))
            .help(format!("to see what would be lost, run `gen diff {word}`"))
            .help(format!(
                "to discard the change, run `gen --overwrite {word}` or `git checkout -- {word}`"
            )),
        ),
        State::KeepUnmerged => Some(
            Diagnostic::error(
                "output-unmerged",
                None,
                format!(
                    "`{path}` has a merge conflict in line {}",
                    entry.marker.unwrap_or_default()
                ),
            )
            .help(format!(
                "merge the spec first, then run `gen --overwrite {word}`, which writes it anew, and `git add {word}`"
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
        State::Yours(Yours::Named) => {
            let by = target::show(shown, by?);
            Some(
                Diagnostic::warning(
                    "output-ejected-names",
                    None,
                    format!("`{path}` is no longer generated, but `{by}`, which is yours, names it"),
                )
                .help("it stays, and is yours as well")
                .help(format!(
                    "to do without it, take it out of `{by}`, then run `gen --overwrite {word}`"
                )),
            )
        }
        State::Yours(Yours::Orphan) => Some(
            Diagnostic::warning(
                "output-ejected-orphan",
                None,
                format!("`{path}` is yours, but the spec has no file there any more"),
            )
            .help(
                "if what it is for has another name now, move it over the new file and run `gen eject` \
                 for that one",
            )
            .help(format!(
                "if it is not needed, delete it or run `gen --overwrite {word}`"
            ))
            .help(format!(
                "to keep it there without gen, run `gen eject {word}`"
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
