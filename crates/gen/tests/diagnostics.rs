//! What holds for all diagnostics: every code has a golden case, and a broken spec, however it is
//! broken, gives findings and not a panic.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files"
)]

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use flakesmith::{Sources, generate};

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Codes that no golden spec raises, and why.
const EXCUSED: &[(&str, &str)] = &[
    (
        "eval-*",
        "needs Nix: `golden/eval-errors` and tests of the command",
    ),
    (
        "index-*",
        "about the folder of the index: tests of the command",
    ),
    ("internal-error", "no spec may raise it"),
    (
        "output-*",
        "about the output folder: tests of the command and of `output`",
    ),
    (
        "package-broken",
        "which packages are broken changes: tests of `index`",
    ),
    (
        "package-unsupported",
        "which packages are unsupported changes: tests of `index`",
    ),
    (
        "spec-missing",
        "needs a folder that is not there: tests of the command",
    ),
    ("spec-special-file", "needs a pipe: tests of loading"),
    (
        "spec-symlink",
        "needs links, which not every checkout has: tests of loading",
    ),
    (
        "spec-too-large",
        "needs a file of many megabytes: tests of loading",
    ),
    (
        "spec-unreadable",
        "needs a file without permissions: tests of loading",
    ),
];

#[test]
fn every_code_has_a_golden_case() {
    let mut raised = BTreeSet::new();
    for case in root().join("golden/diagnostics").read_dir_utf8().unwrap() {
        let text = fs::read_to_string(case.unwrap().path().join("expected.txt")).unwrap();
        for line in text.lines() {
            let severities = ["error[", "warning[", "note["];
            if let Some(rest) = severities.iter().find_map(|s| line.strip_prefix(s)) {
                raised.extend(rest.split_once("]: ").map(|(code, _)| code.to_owned()));
            }
        }
    }
    let excused = |code: &str| {
        EXCUSED
            .iter()
            .any(|(name, _)| match name.strip_suffix('*') {
                Some(start) => code.starts_with(start),
                None => *name == code,
            })
    };
    let names = || diag::REGISTRY.iter().map(|code| code.name);
    let missing: Vec<&str> = names()
        .filter(|code| !raised.contains(*code) && !excused(code))
        .collect();
    assert!(missing.is_empty(), "no case raises {missing:?}");
    let needless: Vec<&String> = raised.iter().filter(|code| excused(code)).collect();
    assert!(needless.is_empty(), "raised after all: {needless:?}");
    let unknown: Vec<&String> = raised
        .iter()
        .filter(|code| !names().any(|name| name == *code))
        .collect();
    assert!(unknown.is_empty(), "not registered: {unknown:?}");
}

/// A small generator of numbers; the same seed gives the same ones.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// What a word of the spec may become.
const WORDS: &[&str] = &[
    "",
    "~",
    "true",
    "no",
    "010",
    "-1",
    "1e999",
    "[]",
    "{}",
    "[x, y]",
    "{ a: b }",
    "!nix",
    "!nix (",
    "!opt x",
    "!pkg",
    "!secret nothing",
    "!file ../../x",
    "!if true",
    "*a",
    "&a b",
    "\"\\0\"",
    "../../x",
    "<<",
    "'",
    "\"",
    "é\u{202e}",
    "x.y.\"z\"",
    "${x}",
    "{{ x }}",
    "|",
    ">-",
    "- -",
    "?",
    ": :",
    "alice",
    "p620",
    "workstation",
    "9223372036854775807",
    "\t",
    "---",
    "%YAML 9.9",
];

/// Breaks a file in one way.
fn mutate(text: &str, numbers: &mut Numbers) -> Vec<u8> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = numbers.below(lines.len());
    let other = numbers.below(lines.len());
    match numbers.below(9) {
        0 => {
            lines.remove(at);
        }
        1 => {
            let copy = lines[at].clone();
            lines.insert(other, copy);
        }
        2 => lines.swap(at, other),
        3 => lines[at].insert(0, ' '),
        4 => {
            lines[at] = lines[at].chars().skip(1).collect();
        }
        5 => {
            let mut bytes = text.as_bytes().to_vec();
            bytes.truncate(numbers.below(bytes.len()));
            return bytes;
        }
        6 => {
            let mut bytes = text.as_bytes().to_vec();
            let place = numbers.below(bytes.len());
            bytes[place] = u8::try_from(numbers.below(256)).unwrap();
            return bytes;
        }
        // A key or a value, half of the time each.
        7 => {
            if let Some((key, value)) = lines[at].split_once(':') {
                let indent = key.len() - key.trim_start().len();
                let word = WORDS[numbers.below(WORDS.len())];
                lines[at] = format!("{}{word}:{value}", &key[..indent]);
            }
        }
        _ => {
            let words: Vec<&str> = lines[at].split(' ').collect();
            let place = numbers.below(words.len());
            let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            WORDS[numbers.below(WORDS.len())].clone_into(&mut words[place]);
            lines[at] = words.join(" ");
        }
    }
    lines.join("\n").into_bytes()
}

/// The files of the real fleet.
fn hub() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = root()
        .join("spec")
        .read_dir_utf8()
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_name().ends_with(".yaml"))
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().to_owned(), text)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_broken_spec_gives_findings_or_files() {
    const MUTATIONS: u64 = 200;
    let files = hub();
    let mut broken = 0;
    for seed in 0..MUTATIONS {
        let mut numbers = Numbers(seed);
        let chosen = numbers.below(files.len());
        let mutated = files.iter().enumerate().map(|(index, (name, text))| {
            let bytes = if index == chosen {
                mutate(text, &mut numbers)
            } else {
                text.clone().into_bytes()
            };
            (name.clone(), bytes)
        });
        let mutated: Vec<(String, Vec<u8>)> = mutated.collect();
        let shown = || {
            format!(
                "seed {seed}, {}:\n{}",
                files[chosen].0,
                String::from_utf8_lossy(&mutated[chosen].1)
            )
        };
        let result =
            std::panic::catch_unwind(|| generate(Sources::from_memory("spec", mutated.clone())));
        let Ok(generated) = result else {
            panic!("it panics with {}", shown());
        };
        let found = &generated.diagnostics;
        assert!(
            found.has_errors() != generated.tree.is_some(),
            "files and errors, or neither, with {}",
            shown()
        );
        if let Some(bug) = found.iter().find(|d| d.code == "internal-error") {
            panic!("{} with {}", bug.message, shown());
        }
        // Findings are rendered without a panic, too.
        for format in diag::Format::ALL {
            diag::render(found, &generated.sources, *format, diag::Style::default());
        }
        broken += usize::from(found.has_errors());
    }
    // The test is of use only while most mutations are mistakes.
    assert!(broken > 100, "only {broken} are mistakes");
}
