//! The golden fleets: `golden/<case>/spec` gives `golden/<case>/expected`, byte for byte, and what is
//! reported is `golden/<case>/diagnostics.snap` (which is absent when nothing is). Below
//! `golden/diagnostics/<case>` stand specs that are wrong, as `spec/` or a single `spec.yaml`, with
//! what is reported in `expected.txt`.
//!
//! A fleet may have a shared catalog beside its spec, in `catalog/`.
//!
//! `GOLDEN_UPDATE=1` writes what was expected anew. All cases are checked; failures are listed at the
//! end.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests read files and the environment, and say what they skip"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Format, Style};
use flakesmith::{Generated, Sources, check as check_by_index, generate, load_as};
use index::Index;
use similar::TextDiff;

/// The index of real options and packages, which not every machine has. Where `GEN_REQUIRE_INDEX` is
/// set, it must be there.
fn index() -> Option<&'static Index> {
    static INDEX: OnceLock<Option<Index>> = OnceLock::new();
    let read = || {
        let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        if folder.is_dir() {
            return Some(flakesmith::load_index(&folder).unwrap());
        }
        assert!(
            std::env::var_os("GEN_REQUIRE_INDEX").is_none(),
            "there is no index in {folder}"
        );
        eprintln!("skipped: options and packages are not checked, there is no index in {folder}");
        None
    };
    INDEX.get_or_init(read).as_ref()
}

/// Files next to the cases.
const BESIDES: &[&str] = &[
    "README.md",
    "allowed-warnings.txt",
    "evaluated.json",
    "facts.json",
    "hardening-reasons.txt",
    "hardening.json",
    "yardstick.json",
];

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden")
}

fn updates() -> bool {
    std::env::var_os("GOLDEN_UPDATE").is_some_and(|value| value == "1")
}

#[test]
fn fleets() {
    let others = ["diagnostics", "eval-errors", "facts", "import", "yardstick"];
    check(&root(), |name| !others.contains(&name), fleet);
}

#[test]
fn diagnostics() {
    check(&root().join("diagnostics"), |_| true, mistake);
}

/// Checks all cases of a folder and lists what failed.
fn check(
    folder: &Utf8Path,
    wanted: impl Fn(&str) -> bool,
    case: impl Fn(&Utf8Path, &mut Vec<String>),
) {
    let mut cases = 0;
    let mut failures = Vec::new();
    for (name, is_folder) in entries(folder) {
        if !wanted(&name) || !is_folder && BESIDES.contains(&name.as_str()) {
            continue;
        }
        if !is_folder {
            failures.push(format!("{name}: what is this file?"));
            continue;
        }
        cases += 1;
        let mut problems = Vec::new();
        case(&folder.join(&name), &mut problems);
        failures.extend(
            problems
                .into_iter()
                .map(|problem| format!("{name}: {problem}")),
        );
    }
    assert!(cases > 0, "{folder} holds no case");
    assert!(
        failures.is_empty(),
        "{} problems in {cases} cases; if that is meant, run with GOLDEN_UPDATE=1\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Names in a folder, sorted, and whether each is a folder; none if it is not there.
fn entries(folder: &Utf8Path) -> Vec<(String, bool)> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Vec::new();
    };
    let mut names: Vec<(String, bool)> = entries
        .map(Result::unwrap)
        .map(|entry| {
            (
                entry.file_name().to_owned(),
                entry.file_type().unwrap().is_dir(),
            )
        })
        .collect();
    names.sort();
    names
}

fn unknown_entries(case: &Utf8Path, known: &[&str], problems: &mut Vec<String>) {
    for (name, _) in entries(case) {
        if !known.contains(&name.as_str()) {
            problems.push(format!("`{name}` has no meaning in a case"));
        }
    }
}

fn report(generated: &Generated) -> String {
    let style = Style {
        color: false,
        width: 100,
    };
    diag::render(
        &generated.diagnostics,
        &generated.sources,
        Format::Human,
        style,
    )
}

/// A fleet that generates.
fn fleet(case: &Utf8Path, problems: &mut Vec<String>) {
    unknown_entries(
        case,
        &[
            "README.md",
            "catalog",
            "diagnostics.snap",
            "expected",
            "spec",
        ],
        problems,
    );
    let spec = case.join("spec");
    let expected = case.join("expected");
    if !spec.is_dir() {
        problems.push("there is no `spec` folder".to_owned());
        return;
    }
    if !expected.is_dir() && !updates() {
        problems.push("there is no `expected` folder".to_owned());
        return;
    }
    let sources = load_as(&spec, &expected, Utf8Path::new("spec"));
    let mut generated = generate(sources.clone());
    if let Some(index) = index() {
        check_by_index(&mut generated, index);
    }
    text(
        &case.join("diagnostics.snap"),
        &report(&generated),
        true,
        problems,
    );
    let Some(tree) = &generated.tree else {
        problems.push(format!("it does not generate\n{}", report(&generated)));
        return;
    };
    if generate(sources).tree.as_ref() != Some(tree) {
        problems.push("two runs differ".to_owned());
    }
    let mut on_disk = BTreeMap::new();
    collect(&expected, &expected, &mut on_disk);
    // The user's own: they are never generated.
    on_disk.retain(|path, _| tree.get(path).is_some() || !is_users(path));
    if updates() {
        for path in on_disk.keys().filter(|path| tree.get(path).is_none()) {
            fs::remove_file(expected.join(path)).unwrap();
        }
        for (path, file) in tree.iter() {
            if on_disk.get(path) != Some(&file.bytes) {
                write(&expected.join(path), &file.bytes);
            }
        }
        remove_empty(&expected);
        return;
    }
    for (path, file) in tree.iter() {
        match on_disk.remove(path) {
            None => problems.push(format!("`expected/{path}` is missing")),
            Some(bytes) if bytes != file.bytes => {
                problems.push(difference(&format!("expected/{path}"), &bytes, &file.bytes));
            }
            Some(_) => {}
        }
    }
    for path in on_disk.keys() {
        problems.push(format!("`expected/{path}` is no longer generated"));
    }
}

/// What a user adds to the output: locks and encrypted files.
fn is_users(path: &str) -> bool {
    let encrypted = [".age", ".yaml"].iter().any(|end| path.ends_with(end));
    path == "flake.lock" || path.starts_with("secrets/") && encrypted
}

/// A spec that is wrong.
fn mistake(case: &Utf8Path, problems: &mut Vec<String>) {
    unknown_entries(case, &["expected.txt", "spec", "spec.yaml"], problems);
    let folder = case.join("spec");
    let file = case.join("spec.yaml");
    let sources = match (folder.is_dir(), file.is_file()) {
        (true, false) => load_as(&folder, &case.join("none"), Utf8Path::new("spec")),
        (false, true) => Sources::from_memory("spec", [("spec.yaml", fs::read(&file).unwrap())]),
        _ => {
            problems.push("it needs either a folder `spec` or a file `spec.yaml`".to_owned());
            return;
        }
    };
    let needs_index = case.file_name().unwrap().starts_with("index-");
    let mut generated = generate(sources);
    match index() {
        Some(index) => check_by_index(&mut generated, index),
        None if needs_index => return,
        None => {}
    }
    if generated.diagnostics.is_empty() {
        problems.push("nothing is reported".to_owned());
        return;
    }
    text(
        &case.join("expected.txt"),
        &report(&generated),
        false,
        problems,
    );
}

/// Compares a text with its file; no file stands for no text where that is allowed.
fn text(path: &Utf8Path, actual: &str, may_be_absent: bool, problems: &mut Vec<String>) {
    let name = path.file_name().unwrap();
    let expected = fs::read_to_string(path).ok();
    let is_absent = may_be_absent && actual.is_empty();
    if expected.as_deref() == Some(actual) && !is_absent || expected.is_none() && is_absent {
        return;
    }
    if updates() {
        if is_absent {
            fs::remove_file(path).unwrap();
        } else {
            write(path, actual.as_bytes());
        }
        return;
    }
    match expected {
        None => problems.push(format!("`{name}` is missing; it would be\n{actual}")),
        Some(expected) => problems.push(difference(name, expected.as_bytes(), actual.as_bytes())),
    }
}

fn difference(name: &str, expected: &[u8], actual: &[u8]) -> String {
    match (std::str::from_utf8(expected), std::str::from_utf8(actual)) {
        (Ok(expected), Ok(actual)) => {
            let diff = TextDiff::from_lines(expected, actual);
            format!(
                "`{name}` differs\n{}",
                diff.unified_diff().header("expected", "generated")
            )
        }
        _ => format!("`{name}` differs"),
    }
}

fn collect(folder: &Utf8Path, top: &Utf8Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for (name, is_folder) in entries(folder) {
        let path = folder.join(name);
        if is_folder {
            collect(&path, top, files);
        } else {
            let below = path.strip_prefix(top).unwrap().to_string();
            files.insert(below, fs::read(&path).unwrap());
        }
    }
}

fn write(path: &Utf8Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Removes folders that hold nothing any more.
fn remove_empty(folder: &Utf8Path) {
    for (name, is_folder) in entries(folder) {
        if is_folder {
            let path = folder.join(name);
            remove_empty(&path);
            // It stays where something is in it.
            let _ = fs::remove_dir(&path);
        }
    }
}
