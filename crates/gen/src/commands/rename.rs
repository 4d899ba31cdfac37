//! `gen rename`: a name and all that refers to it.
//!
//! The YAML is changed by byte ranges, so comments and layout stay. The changed spec is resolved in
//! memory first: nothing is written if it has errors that it did not have before.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use clap::ValueEnum;
use diag::{Diagnostics, FileId, Severity, SourceMap};
use spec::node::{Node, NodeKind};

use crate::cli::App;
use crate::console;
use crate::edit::{self, Edits, Found};
use crate::status::Status;
use crate::text::count;
use crate::{Sources, generate};

mod ejected;
mod names;
mod state;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to rename
    kind: Kind,
    /// Its name; of a feature, `category.name`
    old: String,
    /// The new one
    new: String,
    /// Say what would change; write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Host,
    User,
    Feature,
    Profile,
    Template,
    Secret,
    #[value(alias = "microvm")]
    Vm,
    Image,
    Disk,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Feature => "feature",
            Self::Profile => "profile",
            Self::Template => "template",
            Self::Secret => "secret",
            Self::Vm => "vm",
            Self::Image => "image",
            Self::Disk => "disk",
        }
    }

    /// Where it is defined.
    fn sections(self) -> &'static [&'static str] {
        match self {
            Self::Host => &["hosts.@"],
            Self::User => &["users.@"],
            Self::Feature => &["features.@", "homeFeatures.@"],
            Self::Profile => &["profiles.@"],
            Self::Template => &["templates.@"],
            Self::Secret => &["secrets.items.@"],
            Self::Vm => &["microvms.@"],
            Self::Image => &["images.@"],
            Self::Disk => &["disks.@"],
        }
    }

    /// Where names stand that it must not have: machines share theirs.
    fn taken(self) -> &'static [&'static str] {
        match self {
            Self::Host | Self::Vm | Self::Image => &["hosts.@", "microvms.@", "images.@"],
            other => other.sections(),
        }
    }

    /// Where it is named besides.
    fn references(self) -> &'static [&'static str] {
        match self {
            Self::Host => &[
                "secrets.keys.hosts.@",
                "secrets.groups.*.[]",
                "secrets.items.*.hosts.[]",
                "installers.@",
            ],
            Self::User => &[
                "hosts.*.users.@",
                "templates.*.users.@",
                "microvms.*.users.@",
                "deploy.sshUser",
                "hosts.*.deploy.sshUser",
                "secrets.keys.users.@",
                "secrets.groups.*.[]",
                "secrets.items.*.users.[]",
                "secrets.items.*.owner",
            ],
            Self::Feature => &[
                "features.*.requires.[]",
                "features.*.requires.[].feature",
                "features.*.conflicts.[]",
                "homeFeatures.*.requires.[]",
                "homeFeatures.*.requires.[].feature",
                "homeFeatures.*.conflicts.[]",
                "hosts.*.network.open.@",
            ],
            Self::Profile => &[
                "profiles.*.extends",
                "users.*.home.profiles.[]",
                "hosts.*.users.*.[]",
                "hosts.*.users.*.profiles.[]",
                "templates.*.users.*.[]",
                "templates.*.users.*.profiles.[]",
                "microvms.*.users.*.[]",
                "microvms.*.users.*.profiles.[]",
            ],
            Self::Template => &[
                "templates.*.extends",
                "hosts.*.template",
                "microvms.*.template",
            ],
            Self::Secret => &["features.*.secrets.[]", "homeFeatures.*.secrets.[]"],
            Self::Vm => &[
                "hosts.*.microvms.[]",
                "secrets.keys.hosts.@",
                "secrets.groups.*.[]",
                "secrets.items.*.hosts.[]",
            ],
            Self::Image => &[],
            Self::Disk => &["hosts.*.hardware.disks.[]"],
        }
    }
}

/// Where features are used: `{ category: [name] }` or `{ category: { name: … } }`.
pub(crate) const USES: &[&str] = &[
    "hosts.*.features",
    "templates.*.features",
    "microvms.*.features",
    "images.*.features",
    "profiles.*.features",
    "users.*.home.features",
    "hosts.*.users.*.features",
    "templates.*.users.*.features",
    "microvms.*.users.*.features",
];

/// Bytes of a file by hand that is searched for the name.
const LARGEST_MENTION: usize = 1 << 20;
/// Lines of a file that are listed.
const MOST_MENTIONS: usize = 30;

/// Renames.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    let Args { kind, old, new, .. } = args;
    anyhow::ensure!(old != new, "`{old}` has that name already");
    crate::commands::new::check_name_of(kind.word(), new)?;
    let sources = app.load()?;
    let mut diagnostics = sources.diagnostics.clone();
    let nodes = edit::nodes(&sources, &mut diagnostics);
    if diagnostics.has_errors() {
        console::report(app.format, &diagnostics, &sources.map)?;
        return Ok(Status::of(&diagnostics));
    }
    let defined = keys(&nodes, kind.sections());
    if !defined.contains(old.as_str()) {
        let help = diag::closest(old, &defined)
            .map(|best| format!("; did you mean `{best}`?"))
            .unwrap_or_default();
        let builtin = *kind == Kind::Feature && catalog::entry(old).is_some();
        if builtin {
            anyhow::bail!("feature `{old}` is the catalog's, and keeps its name");
        }
        if let Some(place) = place_in_catalog(&sources, *kind, old) {
            anyhow::bail!(
                "{} `{old}` belongs to a catalog, and keeps its name here: it is renamed where the catalog is kept ({place})",
                kind.word()
            );
        }
        anyhow::bail!("there is no {} `{old}`{help}", kind.word());
    }
    let taken = keys(&nodes, kind.taken()).contains(new.as_str())
        || *kind == Kind::Feature && catalog::entry(new).is_some();
    anyhow::ensure!(!taken, "there is already a {} `{new}`", kind.word());
    if *kind == Kind::Feature && category(old) != category(new) {
        anyhow::bail!(
            "a feature keeps its category: `{old}` cannot become `{new}`; where it is used, features stand below their category"
        );
    }

    let mut edits = Edits::default();
    for node in &nodes {
        collect(*kind, node, (old, new), &sources.map, &mut edits);
    }
    // Bodies and modules by hand.
    let mut assets: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (path, bytes) in &sources.around.assets {
        let is_code = path.ends_with(".nix") || path.ends_with(".j2");
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| is_code) else {
            continue;
        };
        let mut changed = in_code(*kind, text, old, new);
        if path.ends_with(".nix") {
            changed = names::in_nix(*kind, &changed, old, new);
        } else {
            changed = names::in_template(*kind, &changed, old, new);
        }
        if changed != text {
            assets.insert(path.clone(), changed.into_bytes());
        }
    }
    let texts = edits.apply(&sources.map);
    let before = generate(sources.clone());
    let mut changed = edit::changed(&sources, &texts, &assets);
    rename_secret_files(*kind, old, new, &mut changed.around.secret_files);
    let after = generate(changed);
    if errors(&after.diagnostics) > errors(&before.diagnostics) {
        console::report(app.format, &after.diagnostics, &after.sources)?;
        console::say("nothing was renamed: the spec would have errors that it does not have now");
        let mentions = mentions(&sources, &texts, &assets, old);
        if !mentions.is_empty() {
            console::say(&format!(
                "These name it as well and would not follow; change what has to, then rename:\n  {}",
                mentions.join("\n  ")
            ));
        }
        return Ok(Status::Findings);
    }

    let ejected = ejected::find(app, (old, new), before.tree.as_ref(), after.tree.as_ref())?;

    let mut places: Vec<String> = edits.spans().map(|span| sources.map.place(*span)).collect();
    places.dedup();
    let mut text = String::new();
    let verb = if args.dry_run {
        "would rename"
    } else {
        "renamed"
    };
    let _ = writeln!(
        text,
        "{verb} {} `{old}` to `{new}`, in {}",
        kind.word(),
        count(edits.len(), "place")
    );
    for place in &places {
        let _ = writeln!(text, "  {place}");
    }
    for path in assets.keys() {
        let _ = writeln!(text, "  {}/{path}", sources.root);
    }
    let files = secret_files(app, *kind, old, new)?;
    for (from, to) in &files {
        let _ = writeln!(text, "  {from} → {to}");
    }
    for (from, to) in &ejected.places {
        let _ = if from == to {
            writeln!(text, "  {from}")
        } else {
            writeln!(text, "  {from} → {to}")
        };
    }
    if !args.dry_run {
        ejected.apply(app)?;
        for (id, changed) in &texts {
            edit::write_changed(app, &sources, *id, changed)?;
        }
        for (path, bytes) in &assets {
            edit::write(&app.spec.join(path), bytes)?;
        }
        for (from, to) in &files {
            fs::rename(from, to).with_context(|| format!("cannot rename `{from}`"))?;
        }
    }
    let mentions = mentions(&sources, &texts, &assets, old);
    if !mentions.is_empty() {
        text.push_str("\nThese name it as well, and were left as they are:\n");
        for place in mentions {
            let _ = writeln!(text, "  {place}");
        }
    }
    let mut warnings = warnings(*kind, old, new);
    warnings.extend(state::left(
        kind.word(),
        (old, new),
        &before.fleet,
        &after.fleet,
    ));
    warnings.extend(ejected.unmended.iter().map(|path| {
        format!("`{path}` is yours, and was changed where the name stands: after `gen`, see `gen diff {path}`")
    }));
    if !warnings.is_empty() {
        text.push_str("\nWhat does not move by itself:\n");
        for warning in warnings {
            let _ = writeln!(text, "  {warning}");
        }
    }
    if !args.dry_run {
        text.push_str("\nNext: `gen diff`, then `gen`\n");
    }
    console::guide(&text)?;
    Ok(Status::Clean)
}

/// Where a catalog has it.
fn place_in_catalog(sources: &Sources, kind: Kind, name: &str) -> Option<String> {
    let mut map = SourceMap::new();
    for files in sources.catalogs.values() {
        for (path, text) in &files.yaml {
            let id = map.add(format!("{}/{path}", files.shown), text.clone());
            let Some(node) = spec::node::parse(&map, id, &mut Diagnostics::new()) else {
                continue;
            };
            let mut place = None;
            for pattern in kind.sections() {
                edit::find(&node, pattern, &mut |item| {
                    if let Found::Key(key) = item
                        && key.value == name
                    {
                        place = Some(map.place(key.span));
                    }
                });
            }
            if place.is_some() {
                return place;
            }
        }
    }
    None
}

fn errors(diagnostics: &Diagnostics) -> usize {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count()
}

fn category(id: &str) -> &str {
    id.split_once('.').map_or(id, |(category, _)| category)
}

fn name(id: &str) -> &str {
    id.split_once('.').map_or(id, |(_, name)| name)
}

fn keys(nodes: &[Node], patterns: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for node in nodes {
        for pattern in patterns {
            edit::find(node, pattern, &mut |item| {
                if let Found::Key(key) = item {
                    found.insert(key.value.clone());
                }
            });
        }
    }
    found
}

/// The places of a file that name it.
fn collect(
    kind: Kind,
    node: &Node,
    (old, new): (&str, &str),
    sources: &SourceMap,
    edits: &mut Edits,
) {
    for pattern in kind.sections().iter().chain(kind.references()) {
        edit::find(node, pattern, &mut |item| match item {
            Found::Key(key) if key.value == old => edits.replace(key.span, word(new)),
            Found::Value(value) if scalar(value) == Some(old) => {
                edits.replace(value.span, word(new));
            }
            _ => {}
        });
    }
    if kind == Kind::Feature {
        for pattern in USES {
            let category = format!("{pattern}.{}", category(old));
            for pattern in [format!("{category}.@"), format!("{category}.[]")] {
                edit::find(node, &pattern, &mut |item| match item {
                    Found::Key(key) if key.value == name(old) => {
                        edits.replace(key.span, word(name(new)));
                    }
                    Found::Value(value) if scalar(value) == Some(name(old)) => {
                        edits.replace(value.span, word(name(new)));
                    }
                    _ => {}
                });
            }
        }
    }
    names::in_keys(kind, node, sources, (old, new), edits);
    let mut derived: Vec<&Node> = Vec::new();
    for pattern in [
        "features.*.options.*.derive",
        "homeFeatures.*.options.*.derive",
    ] {
        edit::find(node, pattern, &mut |item| {
            if let Found::Value(value) = item {
                derived.push(value);
            }
        });
    }
    edit::every(node, &mut |value| {
        let Some(text) = scalar(value) else { return };
        let tag = value.tag.as_ref().map(|tag| tag.value.as_str());
        match tag {
            Some("secret") if kind == Kind::Secret && text.trim() == old => {
                edits.replace(value.span, word(new));
            }
            Some("nix") => derived.push(value),
            _ => {}
        }
    });
    for value in derived {
        let Some(text) = scalar(value) else { continue };
        // Names need no escapes, so the written text changes as the read one does.
        let written = sources.slice(value.span);
        let mut changed = in_code(kind, written, old, new);
        changed = match value.tag.as_ref().map(|tag| tag.value.as_str()) {
            Some("nix") => names::in_written_nix(kind, text, &changed, old, new),
            _ => names::in_template(kind, &changed, old, new),
        };
        if changed != written {
            edits.replace(value.span, changed);
        }
    }
}

/// The text of a value that is one.
fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        NodeKind::Scalar(text, _) => Some(text),
        _ => None,
    }
}

/// A name as YAML has it: one that reads as a number or a boolean in quotes.
fn word(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !["true", "false", "yes", "no", "on", "off", "y", "n", "null"]
            .contains(&name.to_ascii_lowercase().as_str());
    if is_plain {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

/// Code with the names in it replaced: `a.b` of a feature wherever it stands as a whole path, and the
/// names of secrets where code asks for them.
fn in_code(kind: Kind, text: &str, old: &str, new: &str) -> String {
    match kind {
        Kind::Feature => replace_whole(text, old, new),
        Kind::Secret => {
            let mut text = text.to_owned();
            for (before, after) in [
                ("secret(\"", "\")"),
                ("secret('", "')"),
                ("age.secrets.", ".path"),
                ("age.secrets.\"", "\".path"),
                ("sops.secrets.", ".path"),
                ("sops.secrets.\"", "\".path"),
            ] {
                text = text.replace(
                    &format!("{before}{old}{after}"),
                    &format!("{before}{new}{after}"),
                );
            }
            text
        }
        _ => text.to_owned(),
    }
}

/// Replaces a dotted name where no part of a longer name stands before or behind it; what lies below
/// it (`a.b.option`) is named by it.
fn replace_whole(text: &str, old: &str, new: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, from) = rest.split_at(at);
        let behind = &from[old.len()..];
        let starts = out
            .chars()
            .chain(before.chars())
            .next_back()
            .is_none_or(|c| !part(c));
        let ends = behind.chars().next().is_none_or(|c| !part(c));
        out.push_str(before);
        out.push_str(if starts && ends { new } else { old });
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Encrypted files of a secret: from and to.
fn secret_files(
    app: &App,
    kind: Kind,
    old: &str,
    new: &str,
) -> anyhow::Result<Vec<(Utf8PathBuf, Utf8PathBuf)>> {
    if kind != Kind::Secret {
        return Ok(Vec::new());
    }
    let folder = app.out.join("secrets");
    let mut found = Vec::new();
    for extension in ["age", "yaml"] {
        let from = folder.join(format!("{old}.{extension}"));
        let to = folder.join(format!("{new}.{extension}"));
        if !from.is_file() {
            continue;
        }
        anyhow::ensure!(!to.exists(), "`{to}` is there already");
        found.push((from, to));
    }
    Ok(found)
}

fn rename_secret_files(kind: Kind, old: &str, new: &str, files: &mut BTreeSet<String>) {
    if kind != Kind::Secret {
        return;
    }
    for extension in ["age", "yaml"] {
        if files.remove(&format!("{old}.{extension}")) {
            files.insert(format!("{new}.{extension}"));
        }
    }
}

/// Lines that still hold the old name as a word, after the change: of YAML, and of code and prose by
/// hand.
fn mentions(
    sources: &Sources,
    texts: &BTreeMap<FileId, String>,
    assets: &BTreeMap<String, Vec<u8>>,
    old: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    for id in &sources.yaml {
        let file = sources.map.file(*id);
        let text = texts.get(id).unwrap_or(&file.text);
        mentions_in(&file.path, text, old, &mut found);
    }
    for (path, bytes) in &sources.around.assets {
        let bytes = assets.get(path).unwrap_or(bytes);
        if bytes.len() > LARGEST_MENTION {
            continue;
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            mentions_in(&format!("{}/{path}", sources.root), text, old, &mut found);
        }
    }
    found
}

fn mentions_in(path: &str, text: &str, old: &str, found: &mut Vec<String>) {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut lines = text.lines().enumerate().filter(|(_, line)| {
        line.match_indices(old).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let behind = line[at + old.len()..].chars().next();
            before.is_none_or(|c| !part(c)) && behind.is_none_or(|c| !part(c))
        })
    });
    for (index, line) in lines.by_ref().take(MOST_MENTIONS) {
        found.push(format!("{path}:{}: {}", index + 1, line.trim()));
    }
    let more = lines.count();
    if more > 0 {
        found.push(format!("{path}: {} more", count(more, "line")));
    }
}

/// What a new name does not change.
fn warnings(kind: Kind, old: &str, new: &str) -> Vec<String> {
    match kind {
        Kind::Host => vec![
            format!("the machine is `{old}` until it is rebuilt: `nixos-rebuild switch --flake .#{new}`"),
            format!("its name in DNS and in the network (`{old}` may be what others call it), and `network.address` stays"),
            "its ssh host keys stay, and with them what secrets are encrypted to: no rekeying; but `known_hosts` of others know the old name".to_owned(),
            format!("what calls it by its name from outside: recipes are `deploy-{new}` and so on, the installer `live-iso-{new}`; so are workflows and scripts by hand"),
        ],
        Kind::User => vec![
            format!("the home `/home/{old}` and what is in it: `usermod --login {new} --home /home/{new} --move-home {old}`, with the user logged out, before the switch"),
            format!("the uid: without `uid` in the spec, `{new}` may be given another one, and does not own the files of `{old}`"),
            format!("mail, cron jobs and data that services keep by the name `{old}`"),
        ],
        Kind::Secret => vec![
            format!("the path at run time: what reads `/run/agenix/{old}` by that name reads nothing"),
            "the recipients stay, so the file need not be encrypted again".to_owned(),
        ],
        Kind::Feature => vec![format!(
            "modules by hand outside of the spec that read `config.….{old}`"
        )],
        Kind::Vm => vec![format!(
            "what it kept where it was run by hand: images of volumes in the folder that `nix run .#{old}` was started in"
        )],
        Kind::Image => vec![format!(
            "images that were built, and machines that began as `{old}`, keep their names"
        )],
        Kind::Disk | Kind::Profile | Kind::Template => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{replace_whole, word};

    #[test]
    fn whole_names() {
        for (text, expected) in [
            (
                "config.features.web.server.port",
                "config.features.web.proxy.port",
            ),
            ("option(\"web.server.port\")", "option(\"web.proxy.port\")"),
            (
                "fleet.hosts_with('web.server')",
                "fleet.hosts_with('web.proxy')",
            ),
            (
                "web.server-two my-web.server",
                "web.server-two my-web.server",
            ),
        ] {
            assert_eq!(replace_whole(text, "web.server", "web.proxy"), expected);
        }
    }

    #[test]
    fn words() {
        assert_eq!(word("alice"), "alice");
        assert_eq!(word("01"), "\"01\"");
        assert_eq!(word("on"), "\"on\"");
    }
}
