//! Commands that messages tell a user to type, with the options that this run was given: without them
//! they would be about another fleet.

use std::fmt::Write as _;
use std::sync::OnceLock;

use camino::Utf8Path;

use crate::text::shell_word;

/// What this run was given.
#[derive(Debug, Default)]
struct Given {
    directory: Option<String>,
    options: String,
}

static GIVEN: OnceLock<Given> = OnceLock::new();

/// Remembers what was given, for the whole run: `-C`, and other options with their values.
pub(crate) fn remember(directory: Option<&Utf8Path>, options: &[(&str, Option<&Utf8Path>)]) {
    let mut given = Given {
        directory: directory.map(|directory| shell_word(directory.as_str())),
        options: String::new(),
    };
    for (option, value) in options {
        if let Some(value) = value {
            let _ = write!(given.options, " {option} {}", shell_word(value.as_str()));
        }
    }
    // A second run in one process would be a test's.
    let _ = GIVEN.set(given);
}

/// `gen` with the options, in a folder below the one that this run is in.
pub(crate) fn program_in(folder: &Utf8Path) -> String {
    let given = GIVEN.get();
    let above = given.and_then(|given| given.directory.as_deref());
    let directory = match (above, folder.as_str()) {
        (above, ".") => above.map(str::to_owned),
        (None, folder) => Some(shell_word(folder)),
        (Some(above), folder) => Some(format!("{above}/{}", shell_word(folder))),
    };
    let options = given.map_or("", |given| given.options.as_str());
    let directory = directory.map(|directory| format!(" -C {directory}"));
    format!("gen{}{options}", directory.unwrap_or_default())
}

/// A command line with the options.
pub(crate) fn command(line: &str) -> String {
    let Some(given) = GIVEN.get() else {
        return line.to_owned();
    };
    let (program, rest) = line.split_at(line.find(' ').unwrap_or(line.len()));
    match (program, &given.directory) {
        // It says where already.
        ("gen" | "git", _) if rest.starts_with(" -C ") => line.to_owned(),
        ("gen", _) => format!("{}{rest}", program_in(Utf8Path::new("."))),
        // By itself it is what somebody named so: a host, a feature, a package.
        ("git", Some(directory)) if !rest.is_empty() => format!("git -C {directory}{rest}"),
        _ => line.to_owned(),
    }
}

/// A text in which commands stand in backticks.
pub(crate) fn text(text: &str) -> String {
    let Some(given) = GIVEN.get() else {
        return text.to_owned();
    };
    if given.directory.is_none() && given.options.is_empty() {
        return text.to_owned();
    }
    // What stands between two backticks is every second part.
    let parts = text.split('`').enumerate();
    let parts = parts.map(|(index, part)| {
        if index % 2 == 1 {
            command(part)
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("`")
}
