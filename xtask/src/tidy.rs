//! `cargo xtask tidy`: the rules of the code base that the compiler and clippy do not know.
//!
//! Each rule is a function that lists what breaks it; `tests/tidy.rs` has a test for each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, MetadataCommand};
use walkdir::{DirEntry, WalkDir};

use crate::codegen::markdown::anchor;
use crate::{Outcome, workspace};

/// The crates, and what each may use. `docs/ARCHITECTURE.md` says why.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("catalog", &["diag", "nix", "spec"]),
    ("diag", &[]),
    (
        "gen",
        &[
            "catalog", "diag", "import", "index", "lint", "model", "nix", "output", "render",
            "resolve", "spec",
        ],
    ),
    ("import", &["nix"]),
    ("index", &["diag", "nix"]),
    ("lint", &["diag", "nix"]),
    ("model", &["diag", "nix"]),
    ("nix", &[]),
    ("output", &["diag"]),
    ("render", &["diag", "model", "nix"]),
    ("resolve", &["catalog", "diag", "model", "nix", "spec"]),
    ("spec", &["diag", "nix"]),
    (
        "xtask",
        &["diag", "gen", "index", "lint", "nix", "resolve", "spec"],
    ),
];

/// Marks of unfinished work, in two pieces so that this file has none.
const MARKS: &[(&str, &str)] = &[
    ("dbg", "!("),
    ("todo", "!("),
    ("unimplemented", "!("),
    ("FIX", "ME"),
];

/// Folders of generated files and of test data.
const NOT_OURS: &[&str] = &["generated", "golden", "target"];

/// Findings, a line each.
pub type Problems = Vec<String>;

/// A rule.
type Rule = fn() -> anyhow::Result<Problems>;

/// The rules, by name.
pub const RULES: &[(&str, Rule)] = &[
    ("codes are registered and used", codes),
    ("crates depend in one direction", directions),
    ("links lead somewhere", links),
    ("modules say what they are for", module_docs),
    ("no machine is named", machines),
    ("work is finished", marks),
];

/// Runs all rules.
pub fn run() -> anyhow::Result<Outcome> {
    let mut count = 0;
    for (name, rule) in RULES {
        for problem in rule()? {
            count += 1;
            eprintln!("{name}: {problem}");
        }
    }
    Ok(Outcome::of(count))
}

/// Every Rust file begins with `//!`.
pub fn module_docs() -> anyhow::Result<Problems> {
    let mut problems = Problems::new();
    for path in rust_files()? {
        let text = read(&path)?;
        if !text.starts_with("//!") {
            problems.push(format!(
                "{} does not begin with `//!`",
                workspace::shown(&path)
            ));
        }
    }
    Ok(problems)
}

/// Nothing is left for later in code, templates and the catalog.
pub fn marks() -> anyhow::Result<Problems> {
    let mut problems = Problems::new();
    for path in files(&["rs", "j2", "yaml", "toml", "sh"])? {
        let text = read(&path)?;
        for (number, line) in text.lines().enumerate() {
            for (a, b) in MARKS {
                if line.contains(&format!("{a}{b}")) {
                    problems.push(format!(
                        "{}:{}: {a}{b}",
                        workspace::shown(&path),
                        number + 1
                    ));
                }
            }
        }
    }
    Ok(problems)
}

/// No file names the folder that the workspace is in on this machine, or that of the toolchain.
pub fn machines() -> anyhow::Result<Problems> {
    let mut patterns = vec![["/.rustup/", "toolchains"].concat()];
    let root = workspace::root();
    // A short path, such as `/src`, stands in honest text.
    if root.components().count() > 2 {
        patterns.push(root.to_string_lossy().into_owned());
    }
    let mut problems = Problems::new();
    for path in walk(&root, |name| matches!(name, ".git" | "target"))? {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if let Some(pattern) = patterns.iter().find(|p| line.contains(p.as_str())) {
                problems.push(format!(
                    "{}:{}: `{pattern}`",
                    workspace::shown(&path),
                    number + 1
                ));
            }
        }
    }
    Ok(problems)
}

/// The crates use each other as [`DIRECTIONS`] allows. Tests may use what they like.
pub fn directions() -> anyhow::Result<Problems> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace::root())
        .no_deps()
        .exec()?;
    let members: BTreeSet<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = DIRECTIONS.iter().copied().collect();
    let mut problems = Problems::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            problems.push(format!("`{name}` is not in the table of xtask/src/tidy.rs"));
            continue;
        };
        let dependencies = package.dependencies.iter();
        for dependency in dependencies.filter(|d| d.kind != DependencyKind::Development) {
            let used = dependency.name.as_str();
            if members.contains(used) && !allowed.contains(&used) {
                problems.push(format!("`{name}` must not use `{used}`"));
            }
        }
    }
    Ok(problems)
}

/// Every code that is given to a diagnostic is registered, and every registered one is used.
pub fn codes() -> anyhow::Result<Problems> {
    let mut problems = Problems::new();
    let mut literals = BTreeSet::new();
    for path in rust_files()? {
        let shown = workspace::shown(&path);
        let in_source = shown.starts_with("crates/") && shown.contains("/src/");
        if !in_source || shown == "crates/diag/src/registry.rs" {
            continue;
        }
        let text = read(&path)?;
        let text = without_tests(&text);
        literals.extend(string_literals(text).map(str::to_owned));
        for code in given_codes(text) {
            if diag::code(code).is_none() {
                problems.push(format!("{shown}: `{code}` is not registered"));
            }
        }
    }
    for code in diag::REGISTRY {
        if !literals.contains(code.name) {
            problems.push(format!("`{}` is registered but never used", code.name));
        }
    }
    Ok(problems)
}

/// Relative links in the documentation lead to files and headings.
pub fn links() -> anyhow::Result<Problems> {
    let mut problems = Problems::new();
    for path in files(&["md"])? {
        let text = read(&path)?;
        let shown = workspace::shown(&path);
        let folder = path.parent().context("a file has a folder")?;
        for link in relative_links(&text) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                folder.join(file)
            };
            if !target.exists() {
                problems.push(format!("{shown}: `{link}` leads nowhere"));
            } else if !fragment.is_empty() && !anchors(&read(&target)?).contains(fragment) {
                problems.push(format!("{shown}: `{link}` names no heading"));
            }
        }
    }
    Ok(problems)
}

/// The Rust files of the workspace.
fn rust_files() -> anyhow::Result<Vec<PathBuf>> {
    files(&["rs"])
}

/// Our own files with one of these extensions, sorted.
fn files(extensions: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = walk(&workspace::root(), |name| {
        name.starts_with('.') || NOT_OURS.contains(&name)
    })?;
    files.retain(|path| {
        let extension = path.extension().and_then(|e| e.to_str());
        extension.is_some_and(|e| extensions.contains(&e))
    });
    Ok(files)
}

/// The files below a folder, sorted; `skipped` is asked about the names in the folder itself.
fn walk(folder: &Path, skipped: impl Fn(&str) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let wanted =
        |entry: &DirEntry| entry.depth() != 1 || !skipped(&entry.file_name().to_string_lossy());
    let mut files = Vec::new();
    for entry in WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(wanted)
    {
        let entry = entry?;
        if entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", workspace::shown(path)))
}

/// A module without its tests, which stand at the end.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod ")
        .map_or(text, |at| &text[..at])
}

/// What stands between double quotes on one line; good enough to look names up.
fn string_literals(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

/// The literal that a diagnostic is made with.
fn given_codes(text: &str) -> impl Iterator<Item = &str> {
    let makers = [
        "Diagnostic::error(",
        "Diagnostic::warning(",
        "Diagnostic::note(",
    ];
    makers.into_iter().flat_map(move |maker| {
        text.split(maker).skip(1).filter_map(|rest| {
            let literal = rest.trim_start().strip_prefix('"')?;
            literal.split_once('"').map(|(code, _)| code)
        })
    })
}

/// Lines outside of fenced blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Targets of links that are neither addresses nor in code.
fn relative_links(text: &str) -> impl Iterator<Item = &str> {
    prose(text)
        .flat_map(|line| line.split('`').step_by(2))
        .flat_map(|piece| piece.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_diagnostics() {
        let text = "Diagnostic::error(\n    \"a-b\",\n    None)\nDiagnostic::note(code, 1)";
        assert_eq!(given_codes(text).collect::<Vec<_>>(), ["a-b"]);
        assert_eq!(
            string_literals("f(\"x\", \"y\")").collect::<Vec<_>>(),
            ["x", "y"]
        );
    }

    #[test]
    fn tests_at_the_end_do_not_count() {
        assert_eq!(without_tests("a\n\n#[cfg(test)]\nmod tests {}\n"), "a\n");
    }

    #[test]
    fn links_in_prose() {
        let text = "[a](b.md#c) `[no](x)` [d](https://e)\n```\n[no](y)\n```\n[`f`](g.md)\n";
        assert_eq!(relative_links(text).collect::<Vec<_>>(), ["b.md#c", "g.md"]);
        assert!(anchors("# One `two`\n").contains("one-two"));
    }
}
