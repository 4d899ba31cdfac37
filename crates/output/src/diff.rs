//! Differences as text: unified, as git writes and applies them, and as a summary with bars.

use std::borrow::Cow;
use std::fmt::Write as _;

use rayon::prelude::*;
use similar::{ChangeTag, TextDiff, TextDiffConfig};

use crate::folder::{Folder, Seen, Walk};
use crate::plan::{Entry, Plan, State};
use crate::tree::{FileTree, split};
use crate::{OutputError, Target};

/// Width of a line of [`stat`].
const WIDTH: usize = 80;

/// What the generator wants to change, as `git apply` reads it.
///
/// Files that are kept are among them, with what overwriting them would do.
pub fn unified_diff(plan: &Plan, tree: &FileTree, target: &Target) -> Result<String, OutputError> {
    let sides = sides(plan, tree, target)?;
    Ok(sides.par_iter().map(unified).collect::<Vec<_>>().concat())
}

/// The same for one file.
pub fn entry_diff(entry: &Entry, tree: &FileTree, target: &Target) -> Result<String, OutputError> {
    let root = target.open()?;
    Ok(unified(&side(entry, tree, target, root.as_ref())?))
}

/// What the generator wants to change, a line for each file as in `git diff --stat`.
pub fn stat(plan: &Plan, tree: &FileTree, target: &Target) -> Result<String, OutputError> {
    let sides = sides(plan, tree, target)?;
    let counted: Vec<(&str, Change)> = sides
        .par_iter()
        .map(|s| (s.entry.path.as_str(), count(s)))
        .collect();
    Ok(summary(&counted))
}

/// A file before and after.
struct Side<'a> {
    entry: &'a Entry,
    old: Option<Vec<u8>>,
    new: Option<&'a [u8]>,
}

fn sides<'a>(
    plan: &'a Plan,
    tree: &'a FileTree,
    target: &Target,
) -> Result<Vec<Side<'a>>, OutputError> {
    let root = target.open()?;
    let entries: Vec<&Entry> = plan
        .entries
        .iter()
        .filter(|entry| entry.differs())
        .collect();
    entries
        .into_par_iter()
        .map(|entry| side(entry, tree, target, root.as_ref()))
        .collect()
}

fn side<'a>(
    entry: &'a Entry,
    tree: &'a FileTree,
    target: &Target,
    root: Option<&Folder>,
) -> Result<Side<'a>, OutputError> {
    let (folder, name) = split(&entry.path);
    let read = |root: &Folder| -> std::io::Result<Option<Vec<u8>>> {
        let Walk::Here(here) = root.walk(folder)? else {
            return Ok(None);
        };
        match here.look(name)? {
            Seen::File(file) => file.read().map(Some),
            Seen::Missing | Seen::Other(_) => Ok(None),
        }
    };
    let old = root
        .map_or(Ok(None), read)
        .map_err(|error| target.io("read", &entry.path, error))?;
    let new = entry
        .new
        .and_then(|_| tree.get(&entry.path))
        .map(|file| file.bytes.as_slice());
    Ok(Side { entry, old, new })
}

/// Both sides as text; nothing if one is not.
fn texts<'a>(side: &'a Side<'_>) -> Option<(&'a str, &'a str)> {
    let text = |bytes: &'a [u8]| {
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
    };
    Some((
        text(side.old.as_deref().unwrap_or_default())?,
        text(side.new.unwrap_or_default())?,
    ))
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn line_diff<'a>(old: &[&'a str], new: &[&'a str]) -> TextDiff<'a, 'a, str> {
    // Lines end at a line feed only, as in git; the library's own splitting also ends them at a
    // carriage return.
    TextDiffConfig::default()
        .newline_terminated(true)
        .diff_slices(old, new)
}

fn unified(side: &Side<'_>) -> String {
    let path = &side.entry.path;
    let (a, b) = (
        git_quote(format!("a/{path}")),
        git_quote(format!("b/{path}")),
    );
    let mode = |executable: bool| if executable { "100755" } else { "100644" };
    let old_mode = side.entry.disk.map(|disk| mode(disk.executable));
    let new_mode = side.entry.new.map(|new| mode(new.executable));

    let mut text = format!("diff --git {a} {b}\n");
    // Writing to a string cannot fail.
    let _ = match (&side.old, side.new) {
        (None, Some(_)) => writeln!(text, "new file mode {}", new_mode.unwrap_or("100644")),
        (Some(_), None) => writeln!(text, "deleted file mode {}", old_mode.unwrap_or("100644")),
        _ => match (old_mode, new_mode) {
            (Some(old), Some(new)) if old != new => {
                writeln!(text, "old mode {old}\nnew mode {new}")
            }
            _ => Ok(()),
        },
    };
    if side.old.as_deref().unwrap_or_default() == side.new.unwrap_or_default() {
        return text;
    }
    let a = if side.old.is_some() {
        a.as_str()
    } else {
        "/dev/null"
    };
    let b = if side.new.is_some() {
        b.as_str()
    } else {
        "/dev/null"
    };
    let Some((old, new)) = texts(side) else {
        let _ = writeln!(text, "Binary files {a} and {b} differ");
        return text;
    };
    let (old, new) = (lines(old), lines(new));
    let diff = line_diff(&old, &new);
    let _ = write!(
        text,
        "{}",
        diff.unified_diff().context_radius(3).header(a, b)
    );
    text
}

/// A path as git writes it in a patch.
fn git_quote(path: String) -> String {
    if path.contains('"') {
        format!("\"{}\"", path.replace('"', "\\\""))
    } else {
        path
    }
}

/// What changes in a file.
enum Change {
    Lines { added: usize, removed: usize },
    Binary { old: usize, new: usize },
    Mode,
}

fn count(side: &Side<'_>) -> Change {
    if side.entry.state == State::ModeOnly {
        return Change::Mode;
    }
    let Some((old, new)) = texts(side) else {
        return Change::Binary {
            old: side.old.as_ref().map_or(0, Vec::len),
            new: side.new.map_or(0, <[u8]>::len),
        };
    };
    let (mut added, mut removed) = (0, 0);
    let (old, new) = (lines(old), lines(new));
    for change in line_diff(&old, &new).iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    Change::Lines { added, removed }
}

fn summary(changes: &[(&str, Change)]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let total = |change: &Change| match change {
        Change::Lines { added, removed } => added + removed,
        Change::Binary { .. } | Change::Mode => 0,
    };
    let most = changes
        .iter()
        .map(|(_, change)| total(change))
        .max()
        .unwrap_or(0);
    let number = most.to_string().len().max(
        if changes
            .iter()
            .any(|(_, change)| matches!(change, Change::Binary { .. }))
        {
            3
        } else {
            1
        },
    );
    // ` name | number bar`, the bar at least a quarter of the line.
    let room = WIDTH - number - 5;
    let longest = changes
        .iter()
        .map(|(path, _)| path.chars().count())
        .max()
        .unwrap_or(0);
    let name = longest.min(room - (room / 4).min(most.max(1)));
    let bar = room - name;

    let mut text = String::new();
    let (mut all_added, mut all_removed) = (0, 0);
    for (path, change) in changes {
        let path = shorten(path, name);
        let pad = " ".repeat(name - path.chars().count());
        let _ = match change {
            Change::Lines { added, removed } => {
                all_added += added;
                all_removed += removed;
                let (plus, minus) = bars(*added, *removed, most, bar);
                let bars = format!("{}{}", "+".repeat(plus), "-".repeat(minus));
                let line = format!(" {path}{pad} | {:>number$} {bars}", added + removed);
                writeln!(text, "{}", line.trim_end())
            }
            Change::Binary { old, new } => {
                writeln!(
                    text,
                    " {path}{pad} | {:>number$} {old} -> {new} bytes",
                    "Bin"
                )
            }
            Change::Mode => writeln!(text, " {path}{pad} | {:>number$}", 0),
        };
    }
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let files = changes.len();
    let _ = write!(text, " {files} file{} changed", plural(files));
    if all_added > 0 || all_removed == 0 {
        let _ = write!(text, ", {all_added} insertion{}(+)", plural(all_added));
    }
    if all_removed > 0 || all_added == 0 {
        let _ = write!(text, ", {all_removed} deletion{}(-)", plural(all_removed));
    }
    text.push('\n');
    text
}

/// Lengths of the two bars; something that is there shows, however small.
fn bars(added: usize, removed: usize, most: usize, room: usize) -> (usize, usize) {
    if most <= room {
        return (added, removed);
    }
    let total = added + removed;
    let both = usize::from(added > 0) + usize::from(removed > 0);
    let length = (total * room / most).max(both);
    if total == 0 {
        return (0, 0);
    }
    let plus = (added * length).div_ceil(total);
    let plus = plus.clamp(usize::from(added > 0), length - usize::from(removed > 0));
    (plus, length - plus)
}

/// The end of a path that is too long, from a `/` where there is one.
fn shorten(path: &str, width: usize) -> Cow<'_, str> {
    let length = path.chars().count();
    if length <= width {
        return Cow::Borrowed(path);
    }
    let tail: String = path
        .chars()
        .skip(length - width.saturating_sub(3))
        .collect();
    let tail = tail.find('/').map_or(tail.as_str(), |at| &tail[at..]);
    Cow::Owned(format!("...{tail}"))
}
