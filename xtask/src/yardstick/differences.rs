//! Where two derivations begin to differ, from their files in the store.
//!
//! Whatever changes, changes the hashes of all that is built with it. So hashes do not count: a
//! derivation is told of only when it differs in something else, and its inputs are looked into by name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use similar::TextDiff;

/// Derivations that are told of.
const PLACES: usize = 12;
/// Lines that are shown of a variable.
const LINES: usize = 10;
/// Characters that are shown of a line.
const WIDTH: usize = 160;
/// The length of a hash in the name of a store path.
const HASH: usize = 32;

/// What the first derivation has with `+` and the second with `-`, the outermost first.
///
/// # Errors
///
/// When a derivation cannot be read.
pub(super) fn differences(one: &Path, other: &Path) -> anyhow::Result<Vec<String>> {
    let mut walk = Walk::default();
    walk.pair(one, other, &[])?;
    Ok(walk.found)
}

#[derive(Default)]
struct Walk {
    seen: BTreeSet<(PathBuf, PathBuf)>,
    places: usize,
    found: Vec<String>,
}

impl Walk {
    fn pair(&mut self, one: &Path, other: &Path, above: &[&str]) -> anyhow::Result<()> {
        let pair = (one.to_owned(), other.to_owned());
        if one == other || self.places == PLACES || !self.seen.insert(pair) {
            return Ok(());
        }
        let (a, b) = (Derivation::read(one)?, Derivation::read(other)?);
        let mut named: BTreeMap<&str, (Vec<&PathBuf>, Vec<&PathBuf>)> = BTreeMap::new();
        for input in a.inputs.difference(&b.inputs) {
            named.entry(name(input)).or_default().0.push(input);
        }
        for input in b.inputs.difference(&a.inputs) {
            named.entry(name(input)).or_default().1.push(input);
        }
        let mut lines = a.own_differences(&b);
        for (name, (here, there)) in &named {
            let sign = match here.len().cmp(&there.len()) {
                std::cmp::Ordering::Greater => '+',
                std::cmp::Ordering::Less => '-',
                std::cmp::Ordering::Equal => continue,
            };
            lines.push(format!("  input: {sign}{name}"));
        }
        let mut path = above.to_vec();
        path.push(name(one));
        if !lines.is_empty() {
            self.places += 1;
            let shown = path.len().saturating_sub(3);
            self.found.push(path[shown..].join(" > "));
            self.found.extend(lines);
        }
        for (here, there) in named.values() {
            if here.len() == there.len() {
                for (here, there) in here.iter().zip(there) {
                    self.pair(here, there, &path)?;
                }
            }
        }
        Ok(())
    }
}

/// The name of a derivation, from its path.
fn name(path: &Path) -> &str {
    let file = path
        .file_stem()
        .and_then(|n| n.to_str())
        .unwrap_or_default();
    file.split_once('-').map_or(file, |(_, name)| name)
}

/// A derivation, as its file tells.
#[derive(Debug, PartialEq)]
struct Derivation {
    inputs: BTreeSet<PathBuf>,
    /// The environment, and what else there is, hashes left out.
    parts: BTreeMap<String, String>,
}

impl Derivation {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no derivation", path.display()))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix("Derive")?;
        let Term::List(fields) = term(&mut rest)? else {
            return None;
        };
        let [_, inputs, sources, system, builder, arguments, environment] = fields.as_slice()
        else {
            return None;
        };
        let inputs = inputs.list()?.iter().map(|input| {
            let path = input.list()?.first()?.text()?;
            Some(PathBuf::from(path))
        });
        let mut parts = BTreeMap::new();
        for variable in environment.list()? {
            let [key, value] = variable.list()? else {
                return None;
            };
            parts.insert(key.text()?.to_owned(), without_hashes(value.text()?));
        }
        let joined = |terms: &Term| {
            let texts: Option<Vec<&str>> = terms.list()?.iter().map(Term::text).collect();
            Some(texts?.join("\n"))
        };
        // Sources have no derivation to look into: their hashes count.
        parts.insert("sources".to_owned(), joined(sources)?);
        parts.insert("system".to_owned(), system.text()?.to_owned());
        parts.insert("builder".to_owned(), without_hashes(builder.text()?));
        parts.insert("arguments".to_owned(), without_hashes(&joined(arguments)?));
        Some(Self {
            inputs: inputs.collect::<Option<_>>()?,
            parts,
        })
    }

    /// In what it differs itself from another.
    fn own_differences(&self, other: &Self) -> Vec<String> {
        let empty = String::new();
        let keys: BTreeSet<&String> = self.parts.keys().chain(other.parts.keys()).collect();
        let mut lines = Vec::new();
        for key in keys {
            let here = self.parts.get(key).unwrap_or(&empty);
            let there = other.parts.get(key).unwrap_or(&empty);
            if here == there {
                continue;
            }
            lines.push(format!("  {key}:"));
            let (here, there) = (laid_out(here), laid_out(there));
            let diff = TextDiff::from_lines(&there, &here);
            let unified = diff.unified_diff().context_radius(0).to_string();
            let changed: Vec<&str> = unified.lines().filter(|l| !l.starts_with("@@")).collect();
            lines.extend(changed.iter().take(LINES).map(|line| {
                let line: String = line.chars().take(WIDTH).collect();
                format!("    {line}")
            }));
            if changed.len() > LINES {
                lines.push(format!("    … {} more", changed.len() - LINES));
            }
        }
        lines
    }
}

/// One line for each word of what stands in a single line, so that a difference is short.
fn laid_out(text: &str) -> String {
    let text = text.trim_end();
    let mut text = if text.starts_with('{') {
        text.replace(',', ",\n")
    } else if text.contains('\n') {
        text.to_owned()
    } else {
        text.replace(' ', "\n")
    };
    text.push('\n');
    text
}

fn without_hashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        let hash = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let is_hash = hash == HASH && after[hash..].starts_with('-');
        rest = if is_hash { &after[hash + 1..] } else { after };
    }
    out.push_str(rest);
    out
}

/// What derivations are written in: texts, and lists of terms.
enum Term {
    Text(String),
    List(Vec<Term>),
}

impl Term {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }

    fn list(&self) -> Option<&[Self]> {
        match self {
            Self::Text(_) => None,
            Self::List(terms) => Some(terms),
        }
    }
}

/// Reads a term off the beginning of a text.
fn term(rest: &mut &str) -> Option<Term> {
    let first = rest.chars().next()?;
    *rest = &rest[1..];
    let end = match first {
        '"' => return string(rest).map(Term::Text),
        '[' => ']',
        '(' => ')',
        _ => return None,
    };
    let mut terms = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(end) {
            *rest = after;
            return Some(Term::List(terms));
        }
        terms.push(term(rest)?);
        if let Some(after) = rest.strip_prefix(',') {
            *rest = after;
        }
    }
}

/// Reads a text up to its closing quote.
fn string(rest: &mut &str) -> Option<String> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    loop {
        let (at, char) = chars.next()?;
        match char {
            '"' => {
                *rest = &rest[at + 1..];
                return Some(text);
            }
            '\\' => text.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store with derivations, each of a hash's letter, a name, inputs and a text.
    fn store(derivations: &[(char, &str, &[&str], &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (letter, name, inputs, text) in derivations {
            let inputs: Vec<String> = inputs
                .iter()
                .map(|input| format!("({:?},[\"out\"])", path(&dir, input)))
                .collect();
            fs::write(
                path(&dir, &format!("{letter}-{name}")),
                format!(
                    "Derive([(\"out\",\"/x\",\"\",\"\")],[{}],[],\"x86_64-linux\",\"/bin/sh\",[\"-c\"],[(\"text\",{text:?})])",
                    inputs.join(",")
                ),
            )
            .unwrap();
        }
        dir
    }

    /// `a-name` has the hash `aaa…`.
    fn path(dir: &tempfile::TempDir, name: &str) -> PathBuf {
        let (letter, name) = name.split_once('-').unwrap();
        dir.path()
            .join(format!("{}-{name}.drv", letter.repeat(HASH)))
    }

    #[test]
    fn only_what_made_the_hashes_differ_is_told() {
        let a = format!("/nix/store/{}-etc", "a".repeat(HASH));
        let b = format!("/nix/store/{}-etc", "b".repeat(HASH));
        let dir = store(&[
            ('a', "top", &["a-etc", "s-same"], &a),
            ('b', "top", &["b-etc", "s-same"], &b),
            ('a', "etc", &[], "one\ntwo\n"),
            ('b', "etc", &[], "one\nthree\n"),
            ('s', "same", &[], ""),
        ]);
        let found = differences(&path(&dir, "a-top"), &path(&dir, "b-top")).unwrap();
        assert_eq!(found, ["top > etc", "  text:", "    -three", "    +two"]);
    }

    #[test]
    fn an_input_of_one_side_only_is_named() {
        let dir = store(&[
            ('a', "top", &["a-extra"], ""),
            ('b', "top", &[], ""),
            ('a', "extra", &[], ""),
        ]);
        let found = differences(&path(&dir, "a-top"), &path(&dir, "b-top")).unwrap();
        assert_eq!(found, ["top", "  input: +extra"]);
        let found = differences(&path(&dir, "b-top"), &path(&dir, "a-top")).unwrap();
        assert_eq!(found, ["top", "  input: -extra"]);
        let same = differences(&path(&dir, "a-top"), &path(&dir, "a-top")).unwrap();
        assert!(same.is_empty());
    }

    #[test]
    fn a_list_of_one_line_is_compared_by_words() {
        let dir = store(&[('a', "top", &[], "x y z"), ('b', "top", &[], "x z")]);
        let found = differences(&path(&dir, "a-top"), &path(&dir, "b-top")).unwrap();
        assert_eq!(found, ["top", "  text:", "    +y"]);
    }

    #[test]
    fn what_is_no_derivation_is_an_error() {
        assert_eq!(Derivation::parse("Derive([],[],[])"), None);
        assert_eq!(Derivation::parse("Derive([\"a\\"), None);
        assert_eq!(Derivation::parse(""), None);
    }
}
