//! What Nix writes on standard error, taken apart: warnings, the trace, the error. Pure.

/// A place that Nix names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file, as Nix writes it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

/// A step of the trace, such as `while evaluating the option …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What was done.
    pub what: String,
    /// Where.
    pub at: Option<Position>,
}

/// An error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Nix's own words, without the trace and the excerpts of code; lines keep their breaks.
    pub message: String,
    /// Where it happened.
    pub at: Option<Position>,
    /// The way there, the outermost step first.
    pub frames: Vec<Frame>,
}

/// What an evaluation said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Warnings of modules and packages, each whole.
    pub warnings: Vec<String>,
    /// The error, if it failed.
    pub failure: Option<Failure>,
}

/// How a step of the trace begins.
const STEP: &str = "… ";
/// How deep Nix indents the text of an error below the word `error`.
const INDENT: usize = 7;

/// Reads what Nix has written on standard error.
pub fn read(text: &str) -> Said {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().rposition(|line| line.starts_with("error:"));
    let (before, error) = lines.split_at(start.unwrap_or(lines.len()));
    Said {
        warnings: warnings(before),
        failure: start.map(|_| failure(error)),
    }
}

fn warnings(lines: &[&str]) -> Vec<String> {
    const OTHERS: &[&str] = &["warning: ", "trace: ", "error:", "copying ", "building "];
    let mut found: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in lines {
        let begins = line
            .strip_prefix("evaluation warning: ")
            .or_else(|| line.strip_prefix("trace: warning: "))
            .or_else(|| line.strip_prefix("trace: evaluation warning: "));
        if let Some(warning) = begins {
            found.push(warning.trim_end().to_owned());
            is_open = true;
        } else if OTHERS.iter().any(|other| line.starts_with(other)) {
            is_open = false;
        } else if is_open && let Some(last) = found.last_mut() {
            last.push('\n');
            last.push_str(line.trim_end());
        }
    }
    for warning in &mut found {
        warning.truncate(warning.trim_end().len());
    }
    found
}

fn failure(lines: &[&str]) -> Failure {
    let indented = " ".repeat(INDENT);
    let inner = |line: &str| -> Option<String> {
        let rest = line.strip_prefix(&indented)?.strip_prefix("error:")?;
        Some(rest.trim_start().to_owned())
    };
    // The last one is the cause; those before it are told to be consequences.
    let last = lines
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, line)| Some((at, inner(line)?)));
    let (at, first) = last.unwrap_or_else(|| {
        let first = lines[0].trim_start_matches("error:").trim_start();
        (0, first.to_owned())
    });
    let mut failure = Failure {
        frames: frames(&lines[..at]),
        ..Failure::default()
    };
    let mut message = vec![first];
    for line in &lines[at + 1..] {
        let text = line.strip_prefix(&indented).unwrap_or(line);
        if let Some(position) = position(text) {
            failure.at = failure.at.or(Some(position));
        } else if text.starts_with(STEP) {
            break;
        } else if !is_excerpt(line) && !text.starts_with("(stack trace truncated") {
            message.push(text.trim_end().to_owned());
        }
    }
    let message = message.join("\n");
    message.trim().clone_into(&mut failure.message);
    failure
}

fn frames(lines: &[&str]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for line in lines {
        let text = line.trim_start();
        if let Some(what) = text.strip_prefix(STEP) {
            frames.push(Frame {
                what: what.trim_end().to_owned(),
                at: None,
            });
        } else if let Some(frame) = frames.last_mut() {
            if let Some(found) = position(text) {
                frame.at = frame.at.take().or(Some(found));
            } else if frame.at.is_none() && !text.is_empty() && !is_excerpt(line) {
                frame.what.push(' ');
                frame.what.push_str(text.trim_end());
            }
        }
    }
    frames
}

/// `at FILE:LINE:COLUMN:`.
fn position(text: &str) -> Option<Position> {
    let text = text.trim().strip_prefix("at ")?.trim_end_matches(':');
    place(text)
}

/// `FILE:LINE:COLUMN`, or `FILE:LINE`.
pub(super) fn place(text: &str) -> Option<Position> {
    let (rest, last) = text.rsplit_once(':')?;
    let last: usize = last.parse().ok()?;
    if let Some((file, line)) = rest.rsplit_once(':')
        && let Ok(line) = line.parse()
    {
        return Some(Position {
            file: file.to_owned(),
            line,
            column: last,
        });
    }
    Some(Position {
        file: rest.to_owned(),
        line: last,
        column: 1,
    })
}

/// `  12|   code` or `    |   ^`.
fn is_excerpt(line: &str) -> bool {
    line.starts_with("  ")
        && line
            .trim_start()
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with('|')
}

/// What of a trace leads to the files of a flake: the steps inside it, the options and the files that
/// steps name, and the error. The rest is about the code of the inputs, and long.
pub fn shorten(text: &str, is_ours: impl Fn(&str) -> bool) -> String {
    let mut kept = String::new();
    let mut step: Vec<&str> = Vec::new();
    let mut steps_kept = String::new();
    let mut is_trace = false;
    let finish = |step: &mut Vec<&str>, into: &mut String| {
        let is_named = step.first().is_some_and(|line| {
            line.contains("while evaluating the option") || line.contains("definitions from")
        });
        let is_inside = step
            .iter()
            .filter_map(|line| position(line))
            .any(|position| is_ours(&position.file));
        if is_named || is_inside {
            for line in &*step {
                if is_inside || !is_excerpt(line) && position(line).is_none() {
                    into.push_str(line);
                    into.push('\n');
                }
            }
        }
        step.clear();
    };
    for line in text.lines() {
        let is_step = line.trim_start().starts_with(STEP);
        let ends = line.strip_prefix(&" ".repeat(INDENT));
        let is_error = ends.is_some_and(|rest| rest.starts_with("error:"));
        if is_step || is_error {
            finish(&mut step, &mut steps_kept);
            kept.push_str(&std::mem::take(&mut steps_kept));
            is_trace = is_step;
        }
        if is_trace {
            step.push(line);
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    finish(&mut step, &mut steps_kept);
    kept.push_str(&steps_kept);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "evaluation warning: one is old
                    use two
warning: Git tree is dirty
evaluation warning: three
error:
       … while evaluating the attribute 'x'
         at /nix/store/h-source/lib/a.nix:4:5:
            3| {
            4|   x = 1;
             |   ^
            5| }

       … while evaluating definitions from `/f/hosts/one':

       … while evaluating derivation 'y'
         whose name attribute is located at /nix/store/h-source/b.nix:1:2

       … from call site
         at /f/hosts/one/default.nix:13:35:
           12|
           13|   a = [ ];

       error: attribute 'b' missing
       at /f/hosts/one/default.nix:13:23:
           12|
           13|   a = lib.b;
             |       ^
           14| }
       Did you mean c?
";

    #[test]
    fn a_trace() {
        let said = read(TRACE);
        assert_eq!(
            said.warnings,
            ["one is old\n                    use two", "three"]
        );
        let failure = said.failure.unwrap();
        assert_eq!(failure.message, "attribute 'b' missing\nDid you mean c?");
        let at = |file: &str, line, column| Position {
            file: file.to_owned(),
            line,
            column,
        };
        assert_eq!(failure.at, Some(at("/f/hosts/one/default.nix", 13, 23)));
        let whats: Vec<&str> = failure.frames.iter().map(|f| f.what.as_str()).collect();
        assert_eq!(
            whats,
            [
                "while evaluating the attribute 'x'",
                "while evaluating definitions from `/f/hosts/one':",
                "while evaluating derivation 'y' whose name attribute is located at /nix/store/h-source/b.nix:1:2",
                "from call site"
            ]
        );
        assert_eq!(
            failure.frames[3].at,
            Some(at("/f/hosts/one/default.nix", 13, 35))
        );
    }

    #[test]
    fn a_short_error() {
        let said = read("error: cannot find flake 'flake:x' in the flake registries\n");
        let failure = said.failure.unwrap();
        assert_eq!(
            failure.message,
            "cannot find flake 'flake:x' in the flake registries"
        );
        assert_eq!(failure.frames, []);
        assert_eq!(read("trace: hello\n"), Said::default());
    }

    #[test]
    fn what_is_left_out_of_a_trace_changes_nothing() {
        let short = shorten(TRACE, |file| file.starts_with("/f/"));
        assert!(!short.contains("lib/a.nix"), "{short}");
        let (whole, short) = (read(TRACE), read(&short));
        assert_eq!(whole.warnings, short.warnings);
        let (whole, short) = (whole.failure.unwrap(), short.failure.unwrap());
        assert_eq!((whole.message, whole.at), (short.message, short.at));
        assert_eq!(
            short.frames,
            [whole.frames[1].clone(), whole.frames[3].clone()]
        );
    }

    #[test]
    fn places() {
        assert_eq!(place("/a:b/c.nix:3").unwrap().file, "/a:b/c.nix");
        assert_eq!(place("/c.nix:3:9").unwrap().column, 9);
        assert_eq!(place("nothing"), None);
    }
}
