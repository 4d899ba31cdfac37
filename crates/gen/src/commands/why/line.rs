//! A line of a generated file, and the lines of the spec behind it.

use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use diag::did_you_mean;
use nix::{Item, Named};
use serde::Serialize;

use super::resolved;
use crate::Generated;
use crate::cli::App;
use crate::console;
use crate::load::tidy;
use crate::status::Status;
use crate::text::one_line;
use crate::whence::{Cause, Role, Whence};

/// What stands behind a line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// `generated/hosts/p620/default.nix`.
    file: String,
    line: usize,
    code: String,
    /// The path of the attribute or list that the line is of.
    path: String,
    /// Whether it is an element of a list.
    element: bool,
    causes: Vec<CauseView>,
}

/// A place behind something.
#[derive(Debug, Serialize)]
pub(super) struct CauseView {
    role: &'static str,
    layer: String,
    pub(super) place: Option<String>,
    line: Option<String>,
}

impl CauseView {
    /// The layer in words.
    pub(super) fn layer(&self) -> &str {
        &self.layer
    }

    /// Whether it is a fact that a value was computed from.
    pub(super) fn is_fact(&self) -> bool {
        self.role == "reads"
    }

    pub(super) fn new(cause: Cause) -> Self {
        Self {
            role: match cause.role {
                Role::Sets => "sets",
                Role::Under => "under",
                Role::Reads => "reads",
                Role::Causes => "because",
            },
            layer: cause.layer,
            place: cause.place,
            line: cause.line.map(|line| one_line(&line)),
        }
    }
}

/// Explains a line.
pub(super) fn run(app: &App, file: &str, line: &str, json: bool) -> anyhow::Result<Status> {
    let target = app.target();
    let path = below(app, file);
    let (generated, told) = match resolved(app, &|_, known| known == path)? {
        Ok(told) => told,
        Err(status) => return Ok(status),
    };
    let shown = target.show(&path);
    let Some(text) = generated
        .tree
        .as_ref()
        .and_then(|tree| tree.get(&path))
        .and_then(|file| std::str::from_utf8(&file.bytes).ok())
    else {
        // It may be what the findings are about.
        if told != Status::Clean {
            return Ok(told);
        }
        return Err(not_generated(app, &path, shown.as_str()));
    };
    let manifest = output::read_manifest(&target)?;
    if manifest.is_some_and(|manifest| manifest.ejected.contains_key(&path)) {
        anyhow::bail!(
            "`{shown}` is yours (ejected): no spec is behind it, and `gen` does not write it"
        );
    }
    if std::fs::read_to_string(app.out.join(&path)).is_ok_and(|disk| disk != text) {
        anyhow::bail!(
            "`{shown}` is not what the spec gives; `gen diff {shown}` shows how, `gen` writes it anew"
        );
    }
    let lines = text.lines().count();
    let number: usize = line.parse().unwrap_or(usize::MAX);
    anyhow::ensure!(
        (1..=lines).contains(&number),
        "`{shown}` has {lines} lines, so there is no line {line}"
    );
    let Some(answer) = answer(&generated, &path, shown.as_str(), text, number) else {
        anyhow::bail!("line {line} of `{shown}` is not explained: it is no Nix file");
    };
    if json {
        console::json(&answer)?;
    } else {
        console::out(&draw(&answer))?;
    }
    Ok(told)
}

/// The path below the output folder that an argument names: as a shell completes it, or below the
/// output folder.
fn below(app: &App, file: &str) -> String {
    let given = tidy(Utf8Path::new(file));
    let out = tidy(&app.out);
    let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
    if let Ok(rest) = given.strip_prefix(&out) {
        return rest.to_string();
    }
    let inside = || -> Option<Utf8PathBuf> {
        let rest = real(&given)?.strip_prefix(real(&out)?).ok()?.to_owned();
        Some(rest)
    };
    inside().unwrap_or(given).to_string()
}

fn not_generated(app: &App, path: &str, shown: &str) -> anyhow::Error {
    let all = app.load().map(crate::generate);
    let names: Vec<String> = all
        .ok()
        .and_then(|all| all.tree)
        .map(|tree| tree.iter().map(|(path, _)| path.to_owned()).collect())
        .unwrap_or_default();
    let help = did_you_mean(path, &names)
        .map(|help| format!("; {help}"))
        .unwrap_or_default();
    anyhow::anyhow!("`{shown}` is no file that gen generates{help}")
}

/// The answer for one line; nothing where the file is no Nix.
fn answer(
    generated: &Generated,
    path: &str,
    shown: &str,
    text: &str,
    number: usize,
) -> Option<Answer> {
    let items = outline(path, text)?;
    let mut whence = Whence::new(generated);
    let starts = starts(text);
    Some(of_line(
        &mut whence,
        &items,
        &starts,
        path,
        shown,
        text,
        number,
    ))
}

/// Explains lines of the files of one generation.
pub struct WhyLines<'a> {
    generated: &'a Generated,
    whence: Whence<'a>,
}

impl<'a> WhyLines<'a> {
    /// Of a generation that went well.
    pub fn new(generated: &'a Generated) -> Self {
        Self {
            generated,
            whence: Whence::new(generated),
        }
    }

    /// The places behind every line of a Nix file that holds an attribute or an element of a list.
    pub fn of(&mut self, path: &str) -> Option<Vec<WhyLine>> {
        let tree = self.generated.tree.as_ref()?;
        let text = std::str::from_utf8(&tree.get(path)?.bytes).ok()?;
        let items = outline(path, text)?;
        let starts = starts(text);
        let mut lines: Vec<usize> = items
            .iter()
            .map(|item| starts.partition_point(|start| *start <= item.start))
            .collect();
        lines.sort_unstable();
        lines.dedup();
        let whence = &mut self.whence;
        let answers = lines.into_iter().map(|number| {
            let answer = of_line(whence, &items, &starts, path, path, text, number);
            let causes = answer.causes.into_iter();
            WhyLine {
                line: number,
                path: answer.path,
                places: causes.map(|cause| (cause.layer, cause.place)).collect(),
            }
        });
        Some(answers.collect())
    }
}

impl std::fmt::Debug for WhyLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhyLines").finish_non_exhaustive()
    }
}

/// What stands behind a line.
#[derive(Clone, Debug)]
pub struct WhyLine {
    /// The line, from 1.
    pub line: usize,
    /// The path of its attribute or list.
    pub path: String,
    /// Layers in words, and places such as `spec/hosts.yaml:12`.
    pub places: Vec<(String, Option<String>)>,
}

fn outline(path: &str, text: &str) -> Option<Vec<Item>> {
    if !path.ends_with(".nix") {
        return None;
    }
    nix::outline(text).ok()
}

/// The byte at which each line starts.
fn starts(text: &str) -> Vec<usize> {
    let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(breaks).collect()
}

fn of_line(
    whence: &mut Whence<'_>,
    items: &[Item],
    starts: &[usize],
    path: &str,
    shown: &str,
    text: &str,
    number: usize,
) -> Answer {
    let from = starts[number - 1];
    let to = starts.get(number).copied().unwrap_or(text.len());
    // What starts on the line, else what is around it.
    let item = items
        .iter()
        .find(|item| (from..to).contains(&item.start))
        .or_else(|| {
            let around = |item: &&Item| item.start < from && from <= item.end;
            items.iter().rev().find(around)
        });
    let causes = match item {
        Some(item) => whence.item(path, text, item),
        None => whence.owner(path),
    };
    Answer {
        file: shown.to_owned(),
        line: number,
        code: text[from..to].trim().to_owned(),
        path: item.map(|item| words(&item.path)).unwrap_or_default(),
        element: item.is_some_and(|item| matches!(item.named, Named::Element(_))),
        causes: causes.into_iter().map(CauseView::new).collect(),
    }
}

fn words(path: &[String]) -> String {
    let words: Vec<_> = path
        .iter()
        .map(|name| {
            if name.starts_with("${") {
                name.into()
            } else {
                nix::attr_name(name)
            }
        })
        .collect();
    words.join(".")
}

fn draw(answer: &Answer) -> String {
    let mut text = format!("{}:{}: {}\n", answer.file, answer.line, answer.code);
    if !answer.path.is_empty() {
        let what = if answer.element {
            "an element of"
        } else {
            "which is"
        };
        let _ = writeln!(text, "  {what} {}", answer.path);
    }
    text.push_str(&draw_causes(&answer.causes));
    text
}

/// Draws causes, a block each.
pub(super) fn draw_causes(causes: &[CauseView]) -> String {
    let mut text = String::new();
    for cause in causes {
        let role = match cause.role {
            "sets" => "from",
            "under" => "over",
            "reads" => "reads",
            _ => "because of",
        };
        let _ = write!(text, "\n{role} {}", cause.layer);
        if let Some(place) = &cause.place {
            let _ = write!(text, ", {place}");
        }
        text.push('\n');
        if let Some(line) = cause.line.as_ref().filter(|line| !line.is_empty()) {
            let _ = writeln!(text, "  | {line}");
        }
    }
    text
}
