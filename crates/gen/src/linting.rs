//! Between the rules and everything around them: files, the spec's section `lint`, reports.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use diag::{Diagnostic, Diagnostics, SourceMap, Span};
use index::{Index, OptionFacts};
use lint::{Config, Exception, Finding, Level, Place};
use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use crate::Generated;
use crate::load::tidy;

/// Files by path.
pub(crate) type Texts = BTreeMap<String, String>;

/// The largest file that is read.
const LARGEST: u64 = 16 << 20;

/// Nix files from disk.
#[derive(Clone, Debug, Default)]
pub struct NixFiles {
    /// Path, as the arguments name it, and text.
    pub texts: BTreeMap<String, String>,
    /// Path of what could not be read, and why.
    pub unread: Vec<(String, String)>,
}

/// Reads files, and all Nix files below folders. Hidden entries and symbolic links (`result`) are
/// passed over.
///
/// # Errors
///
/// A path is not there.
pub fn nix_files(paths: &[Utf8PathBuf]) -> anyhow::Result<NixFiles> {
    let mut found: Vec<(String, std::path::PathBuf)> = Vec::new();
    let mut files = NixFiles::default();
    for path in paths {
        let shown = tidy(path);
        if !fs::metadata(path)
            .with_context(|| format!("cannot read `{path}`"))?
            .is_dir()
        {
            found.push((shown.into_string(), path.clone().into_std_path_buf()));
            continue;
        }
        let wanted = |entry: &DirEntry| {
            entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
        };
        for entry in WalkDir::new(path).into_iter().filter_entry(wanted) {
            match entry {
                Ok(entry) if is_nix_file(&entry) => {
                    let below = entry.path().strip_prefix(path).unwrap_or(entry.path());
                    match below.to_str() {
                        Some(below) => {
                            let name = name_of(&shown, below);
                            found.push((name, entry.into_path()));
                        }
                        None => files.unread.push((
                            shown.join(below.to_string_lossy().as_ref()).into_string(),
                            "its name is not UTF-8".to_owned(),
                        )),
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let path = error.path().map(|path| path.to_string_lossy().into_owned());
                    let shown = path.unwrap_or_else(|| shown.to_string());
                    files.unread.push((shown, error.to_string()));
                }
            }
        }
    }
    let read: Vec<(String, Result<String, String>)> = found
        .into_par_iter()
        .map(|(name, path)| (name, read(&path)))
        .collect();
    for (name, text) in read {
        match text {
            Ok(text) => {
                files.texts.insert(name, text);
            }
            Err(why) => files.unread.push((name, why)),
        }
    }
    files.unread.sort();
    files.unread.dedup();
    Ok(files)
}

fn name_of(shown: &Utf8Path, below: &str) -> String {
    if shown == "." || shown.as_str().is_empty() {
        below.to_owned()
    } else {
        shown.join(below).into_string()
    }
}

fn is_nix_file(entry: &DirEntry) -> bool {
    entry.file_type().is_file() && entry.path().extension().is_some_and(|it| it == "nix")
}

fn read(path: &Path) -> Result<String, String> {
    let len = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if len > LARGEST {
        return Err(format!("it is larger than {} MiB", LARGEST >> 20));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..good]
            .split(|byte| *byte == b'\n')
            .count();
        format!("it is not UTF-8, from line {line}")
    })
}

/// What the section `lint` of a spec says. Rules that do not exist are reported.
pub(crate) fn config(section: &spec::ast::Lint, diagnostics: &mut Diagnostics) -> Config {
    let mut config = Config::default();
    let mut unknown = |error: &lint::UnknownRule, span: Span| {
        let diagnostic = Diagnostic::error("unknown-rule", span, error.to_string());
        diagnostics.push(match error.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    };
    for (name, item) in &section.rules {
        // Other words were reported when the spec was read.
        let level = Level::from_name(&item.value.value).unwrap_or(Level::Warning);
        if let Err(error) = config.set(name, level) {
            unknown(&error, item.name.span);
        }
    }
    for ignore in &section.ignore {
        let rule = &ignore.rule;
        if rule.value != "*"
            && let Err(error) = Config::default().only(&rule.value)
        {
            unknown(&error, rule.span);
        }
        config.exceptions.push(Exception {
            rule: rule.value.clone(),
            path: ignore.path.value.clone(),
        });
    }
    config
}

/// What is known about options from outside of the files: what an index says, if there is one.
pub(crate) struct Facts<'a>(pub(crate) Option<&'a Index>);

impl lint::OptionFacts for Facts<'_> {
    fn default_of(&self, context: lint::Context, path: &[&str]) -> Option<lint::Literal> {
        literal(self.option(context, path)?.default.as_ref()?)
    }

    fn merges(&self, context: lint::Context, path: &[&str]) -> Option<bool> {
        Some(self.option(context, path)?.ty.merges())
    }
}

impl Facts<'_> {
    fn option(&self, context: lint::Context, path: &[&str]) -> Option<OptionFacts> {
        let context = match context {
            lint::Context::Nixos => index::Context::Nixos,
            lint::Context::Home => index::Context::Home,
        };
        let path: Vec<String> = path.iter().map(|&name| name.to_owned()).collect();
        self.0?.option(context, &path)
    }
}

fn literal(value: &serde_json::Value) -> Option<lint::Literal> {
    Some(match value {
        serde_json::Value::Null => lint::Literal::Null,
        serde_json::Value::Bool(value) => lint::Literal::Bool(*value),
        serde_json::Value::Number(value) => lint::Literal::Int(value.as_i64()?),
        serde_json::Value::String(value) => lint::Literal::Str(value.clone()),
        serde_json::Value::Array(items) if items.is_empty() => lint::Literal::List(Vec::new()),
        _ => return None,
    })
}

/// Checks a generated tree; nothing is found if there is none. The files that findings are in become
/// sources: those of the tree as `show` names them, those that were copied from the spec where they
/// stand there.
pub fn lint_generated(
    generated: &mut Generated,
    spec_folder: &Utf8Path,
    show: impl Fn(&str) -> String,
) -> Diagnostics {
    let Generated {
        sources,
        spec,
        tree: Some(tree),
        index,
        ..
    } = generated
    else {
        return Diagnostics::new();
    };
    let section = &spec.lint;
    let mut texts = Texts::new();
    for (path, file) in tree.iter() {
        let is_nix = Utf8Path::new(path).extension() == Some("nix");
        if is_nix && let Ok(text) = std::str::from_utf8(&file.bytes) {
            texts.insert(path.to_owned(), text.to_owned());
        }
    }
    // What is wrong with the section was reported by generation.
    let config = config(section, &mut Diagnostics::new());
    let report = lint::lint_tree(&texts, &config, &Facts(index.as_deref()));
    let folder = tidy(spec_folder);
    let mut diagnostics = diagnostics(
        &report.findings,
        &texts,
        |path| match path.strip_prefix("custom/") {
            Some(path) => folder.join(path).into_string(),
            None => show(path),
        },
        sources,
    );
    let rule = lint::rule("suppression").filter(|rule| config.level(rule) != Level::Off);
    for number in report.unused_exceptions {
        let (Some(ignore), Some(rule)) = (section.ignore.get(number), rule) else {
            continue;
        };
        let Some(severity) = config.level(rule).severity() else {
            continue;
        };
        let message = format!(
            "`{}` finds nothing in `{}` that the exception could silence",
            ignore.rule.value, ignore.path.value
        );
        diagnostics.push(
            Diagnostic::described(&rule.code, severity, ignore.path.span, message)
                .help("remove the exception"),
        );
    }
    diagnostics
}

/// Findings as diagnostics; the files that they are in become sources.
pub(crate) fn diagnostics(
    findings: &[Finding],
    texts: &Texts,
    show: impl Fn(&str) -> String,
    sources: &mut SourceMap,
) -> Diagnostics {
    let mut files = BTreeMap::new();
    let mut diagnostics = Diagnostics::new();
    for finding in findings {
        let Some(severity) = finding.level.severity() else {
            continue;
        };
        let mut span = |place: &Place| {
            let file = *files.entry(place.path.clone()).or_insert_with(|| {
                let text = texts.get(&place.path).cloned().unwrap_or_default();
                sources.add(show(&place.path), text)
            });
            Span::new(file, place.range.start, place.range.end)
        };
        let place = span(&finding.place);
        let mut diagnostic =
            Diagnostic::described(&finding.rule.code, severity, place, &finding.message);
        for (place, message) in &finding.related {
            diagnostic = diagnostic.related(span(place), message);
        }
        if let Some(help) = &finding.help {
            diagnostic = diagnostic.help(help);
        }
        diagnostics.push(diagnostic);
    }
    diagnostics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir_all(root.join("a/.git")).unwrap();
        for (path, bytes) in [
            ("a/b.nix", b"1".as_slice()),
            ("a/.git/c.nix", b"1"),
            ("a/d.txt", b"1"),
            ("a/bad.nix", b"\"\n\xff\""),
        ] {
            fs::write(root.join(path), bytes).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.join("a"), root.join("result")).unwrap();
        let files = nix_files(&[root.to_owned()]).unwrap();
        let names: Vec<&String> = files.texts.keys().collect();
        assert_eq!(names, [root.join("a/b.nix").as_str()]);
        assert_eq!(files.unread.len(), 1);
        assert!(files.unread[0].1.contains("line 2"), "{:?}", files.unread);
        assert!(nix_files(&[root.join("nothing")]).is_err());
    }

    #[test]
    fn names_are_short() {
        assert_eq!(name_of(Utf8Path::new("."), "a/b.nix"), "a/b.nix");
        assert_eq!(name_of(Utf8Path::new("x"), "b.nix"), "x/b.nix");
    }
}
