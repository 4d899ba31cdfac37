//! Real failures of Nix and the lines of the spec that they come from: `golden/eval-errors/<case>` holds
//! a spec, what Nix said about its machines (`<machine>.stderr`, recorded by `cargo xtask eval-errors`)
//! and what `gen eval` makes of it (`expected.txt`). `GOLDEN_UPDATE=1` writes the latter anew.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use diag::{Format, Severity, Style};
use flakesmith::evaluation::{Blame, Said, findings, read};
use flakesmith::{generate, load_as};

/// How many real failures there are at least.
const LEAST: usize = 25;

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/eval-errors")
}

fn expected(case: &Utf8Path) -> (String, usize, usize) {
    let generated = if case.join("spec").is_dir() {
        generate(load_as(
            &case.join("spec"),
            &case.join("expected"),
            Utf8Path::new("spec"),
        ))
    } else {
        let text = fs::read_to_string(case.join("spec.yaml")).unwrap();
        generate(flakesmith::Sources::from_memory(
            "spec",
            [("spec.yaml", text)],
        ))
    };
    assert!(generated.tree.is_some(), "{case}: gen refuses it already");
    let mut said: BTreeMap<String, Said> = BTreeMap::new();
    for entry in case.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if let Some(machine) = entry.file_name().strip_suffix(".stderr") {
            let text = fs::read_to_string(entry.path()).unwrap();
            said.insert(machine.to_owned(), read(&text));
        }
    }
    assert!(!said.is_empty(), "{case}: nothing is recorded");
    let said: Vec<(&str, &Said)> = said.iter().map(|(n, s)| (n.as_str(), s)).collect();
    let mut blame = Blame::new(&generated, "generated", vec!["/flake".to_owned()]);
    let found = findings(&mut blame, &said);
    let style = Style {
        color: false,
        width: 100,
    };
    let errors = found.iter().filter(|d| d.severity == Severity::Error);
    let placed = errors.clone().filter(|d| d.span.is_some()).count();
    let text = diag::render(&found, blame.sources(), Format::Human, style);
    (text, errors.count(), placed)
}

#[test]
fn real_failures_are_told_at_the_spec() {
    let update = std::env::var_os("GOLDEN_UPDATE").is_some_and(|value| value == "1");
    let mut failures = Vec::new();
    let mut cases = 0;
    let mut folders: Vec<_> = root()
        .read_dir_utf8()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    folders.sort_by(|a, b| a.file_name().cmp(b.file_name()));
    for folder in folders {
        let case = folder.path();
        let (found, errors, placed) = expected(case);
        cases += usize::from(errors > 0);
        if placed < errors {
            failures.push(format!("{case}: {} without a place", errors - placed));
        }
        let path = case.join("expected.txt");
        if update {
            fs::write(&path, &found).unwrap();
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&found) {
            failures.push(format!("{case}: `expected.txt` differs\n{found}"));
        }
    }
    assert!(cases >= LEAST, "only {cases} real failures");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
