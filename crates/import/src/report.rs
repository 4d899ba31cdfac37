//! What became of a repository, in numbers and lists.

use std::fmt::Write as _;

/// How many option assignments became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Data of the spec.
    pub data: usize,
    /// Code in the spec (`!nix`).
    pub code: usize,
    /// Left in modules by hand.
    pub left: usize,
}

impl Share {
    /// All of them.
    pub fn total(&self) -> usize {
        self.data + self.code + self.left
    }

    /// What became YAML, in hundredths.
    pub fn percent(&self) -> usize {
        match self.total() {
            0 => 100,
            total => (self.data + self.code) * 100 / total,
        }
    }
}

/// The report of an import.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Names of hosts.
    pub hosts: Vec<String>,
    /// Assignments.
    pub share: Share,
    /// Modules that stay whole: path and why.
    pub whole: Vec<(String, String)>,
    /// Assignments that stay in a module by hand: place, option, why.
    pub left: Vec<(String, String, String)>,
    /// Disks that disko makes by settings: which, and why no layout does.
    pub disks: Vec<String>,
    /// Secrets that stay settings: which, and why.
    pub secrets: Vec<String>,
    /// What could not be told.
    pub unknown: Vec<String>,
    /// What is to be done by hand.
    pub todo: Vec<String>,
    /// Files whose comments are not in the spec, and how many lines of them.
    pub comments: Vec<(String, usize)>,
    /// Features of the catalog that do what settings do now.
    pub features: Vec<String>,
}

impl Report {
    /// The report as text; with every assignment that stays, if asked.
    pub fn text(&self, all: bool) -> String {
        let mut out = String::new();
        let share = self.share;
        let _ = writeln!(
            out,
            "{} of {} option assignments are YAML now ({} %): {} as data, {} as code; {} stay in modules by hand",
            share.data + share.code,
            share.total(),
            share.percent(),
            share.data,
            share.code,
            share.left
        );
        section(
            &mut out,
            "Modules that stay as they are",
            &self.whole,
            |(path, why)| format!("{path}: {why}"),
        );
        if all {
            section(
                &mut out,
                "Assignments that stay in modules by hand",
                &self.left,
                |(place, option, why)| format!("{place}: {option} {why}"),
            );
        } else if !self.left.is_empty() {
            let _ = writeln!(
                out,
                "\n{} of other modules {} by hand; `--stats` lists {}",
                match self.left.len() {
                    1 => "1 assignment".to_owned(),
                    left => format!("{left} assignments"),
                },
                if self.left.len() == 1 {
                    "stays"
                } else {
                    "stay"
                },
                if self.left.len() == 1 { "it" } else { "them" },
            );
        }
        section(
            &mut out,
            "Disks that no layout has as they are, and that stay settings or modules",
            &self.disks,
            Clone::clone,
        );
        section(
            &mut out,
            "Secrets that stay settings",
            &self.secrets,
            Clone::clone,
        );
        section(
            &mut out,
            "Unknown, and left out",
            &self.unknown,
            Clone::clone,
        );
        section(&mut out, "To do", &self.todo, Clone::clone);
        section(
            &mut out,
            "Comments that stay behind: bring over what is worth it",
            &self.comments,
            |(path, lines)| match lines {
                1 => format!("{path}: 1 line"),
                lines => format!("{path}: {lines} lines"),
            },
        );
        section(
            &mut out,
            "Features of the catalog that could replace settings",
            &self.features,
            Clone::clone,
        );
        out
    }
}

fn section<T>(out: &mut String, title: &str, items: &[T], show: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}:");
    for item in items {
        let _ = writeln!(out, "  {}", show(item));
    }
}
