//! `gen migrate`: a spec of an older format becomes one of this.
//!
//! A migration is a function from the nodes of a spec to changes of its text, by byte ranges, so that
//! comments and layout stay. They run one after the other, each on what the one before gave; run again,
//! they find nothing to do. At last come options of features that have another name now, whatever
//! the version.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use diag::{Diagnostics, FileId, Span};
use spec::node::{Node, NodeKind, Style};

use crate::cli::App;
use crate::console;
use crate::edit::{self, Edits, Found};
use crate::status::Status;
use crate::text::count;
use crate::{Sources, generate};

mod options;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say whether there is something to do, and end with 1 if so; write nothing
    #[arg(long)]
    check: bool,
}

/// From one version of the format to the next.
struct Migration {
    /// The version that it starts from.
    from: i64,
    /// What it does, for the user.
    summary: &'static str,
    run: fn(&Sources, &[Node], &mut Edits),
}

/// All of them, in order.
const MIGRATIONS: &[Migration] = &[Migration {
    from: 0,
    summary: "the format says its version; releases are text, so they are quoted",
    run: say_version,
}];

/// The version that this `gen` writes.
const NEWEST: i64 = 1;

/// Migrates.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let mut sources = app.load()?;
    let mut diagnostics = sources.diagnostics.clone();
    let nodes = edit::nodes(&sources, &mut diagnostics);
    if diagnostics.has_errors() {
        console::report(app.format, &diagnostics, &sources.map)?;
        return Ok(Status::of(&diagnostics));
    }
    let version = version(&nodes);
    if let Some((found, span)) = version
        && !(0..=NEWEST).contains(&found)
    {
        anyhow::bail!(
            "{}: version {found} is not known: this `gen` migrates to version {NEWEST}; update gen",
            sources.map.place(span)
        );
    }
    let from = version.map_or(0, |(version, _)| version);
    let original = sources.clone();
    let mut steps: Vec<String> = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| migration.from >= from) {
        let nodes = edit::nodes(&sources, &mut Diagnostics::new());
        let mut edits = Edits::default();
        (migration.run)(&sources, &nodes, &mut edits);
        if edits.is_empty() {
            continue;
        }
        steps.push(format!(
            "{} → {}: {} ({})",
            migration.from,
            migration.from + 1,
            migration.summary,
            count(edits.len(), "change")
        ));
        let texts = edits.apply(&sources.map);
        sources = edit::changed(&sources, &texts, &BTreeMap::new());
    }
    let nodes = edit::nodes(&sources, &mut Diagnostics::new());
    let mut edits = Edits::default();
    // With the features of catalogs that the fleet shares.
    let spec = generate(sources.clone()).spec;
    let (renamed, by_hand) = options::rename(&sources.map, &spec, &nodes, &mut edits);
    let left: Vec<String> = by_hand
        .iter()
        .map(|(span, what)| format!("{}: {what}", sources.map.place(*span)))
        .collect();
    if !edits.is_empty() {
        let texts = edits.apply(&sources.map);
        let changed = edit::changed(&sources, &texts, &BTreeMap::new());
        let mut broken = Diagnostics::new();
        edit::nodes(&changed, &mut broken);
        if broken.has_errors() {
            console::report(app.format, &broken, &changed.map)?;
            anyhow::bail!("the spec would not be YAML any more; nothing was written");
        }
        steps.push(format!(
            "options of features have the names of now ({})",
            count(renamed, "option")
        ));
        sources = changed;
    }
    if steps.is_empty() && left.is_empty() {
        console::out(&format!("the spec is of version {NEWEST} already\n"))?;
        return Ok(Status::Clean);
    }
    let mut text = String::new();
    for step in &steps {
        let _ = writeln!(text, "{step}");
    }
    for (before, id) in original.yaml.iter().zip(&sources.yaml) {
        let (before, after) = (original.map.file(*before), sources.map.file(*id));
        if before.text == after.text {
            continue;
        }
        let _ = writeln!(text, "  {}", after.path);
        if !args.check {
            edit::write_changed(app, &sources, *id, &after.text)?;
        }
    }
    let is_to_do = args.check && !steps.is_empty();
    if is_to_do {
        text.push_str("run `gen migrate` to do it\n");
    }
    if !left.is_empty() {
        text.push_str("by hand:\n");
        for line in &left {
            let _ = writeln!(text, "  {line}");
        }
    }
    console::guide(&text)?;
    Ok(if is_to_do || !left.is_empty() {
        Status::Findings
    } else {
        Status::Clean
    })
}

/// The version that the files say, and where.
fn version(nodes: &[Node]) -> Option<(i64, Span)> {
    let mut found = None;
    for node in nodes {
        edit::find(node, "version", &mut |item| {
            if let Found::Value(value) = item
                && let NodeKind::Scalar(text, _) = &value.kind
                && let Ok(number) = text.parse()
            {
                found = Some((number, value.span));
            }
        });
    }
    found
}

/// Keys whose value is a release, which YAML takes for a number unless it is quoted.
const RELEASES: &[&str] = &[
    "fleet.stateVersion",
    "hosts.*.stateVersion",
    "images.*.stateVersion",
    "microvms.*.stateVersion",
];

/// 0 → 1. A format without a version is 0; `25.11` is text.
fn say_version(sources: &Sources, nodes: &[Node], edits: &mut Edits) {
    for node in nodes {
        for pattern in RELEASES {
            edit::find(node, pattern, &mut |item| {
                if let Found::Value(value) = item
                    && let NodeKind::Scalar(text, Style::Plain) = &value.kind
                    && text.parse::<f64>().is_ok()
                {
                    edits.replace(value.span, format!("\"{text}\""));
                }
            });
        }
        edit::find(node, "version", &mut |item| {
            if let Found::Value(value) = item
                && let NodeKind::Scalar(text, _) = &value.kind
                && text == "0"
            {
                edits.replace(value.span, "1");
            }
        });
    }
    if version(nodes).is_some() {
        return;
    }
    // Above the section `fleet`, or at the top of the first file.
    let mut place: Option<(FileId, usize)> = None;
    for node in nodes {
        if let NodeKind::Map(entries) = &node.kind
            && let Some((key, _)) = entries.iter().find(|(key, _)| key.value == "fleet")
            && sources.map.line_column(key.span.file, key.span.start).1 == 1
        {
            place = Some((key.span.file, key.span.start as usize));
        }
    }
    let place = place.or_else(|| {
        let NodeKind::Map(entries) = &nodes.first()?.kind else {
            return None;
        };
        let (key, _) = entries.first()?;
        let (_, column) = sources.map.line_column(key.span.file, key.span.start);
        (column == 1).then_some((key.span.file, key.span.start as usize))
    });
    if let Some((file, at)) = place {
        edits.replace(Span::new(file, at, at), "version: 1\n");
    }
}
