//! `gen import hardware FILE`: what a machine is made of, printed, or put into the host that it is.
//!
//! What the spec says already stays; what it says otherwise is shown, and nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use camino::Utf8Path;
use diag::{Diagnostics, FileId, SourceMap, Span};
use import::HardwareProblem;
use spec::node::{Node, NodeKind, Style};

use crate::cli::App;
use crate::commands::init::write_new;
use crate::edit::{self, Edits, Found};
use crate::generate;
use crate::status::Status;
use crate::{Sources, console};

/// Lists that `nixos-generate-config` writes even where there is nothing in them.
const MAYBE_EMPTY: &[&str] = &[
    "boot.extraModulePackages",
    "boot.initrd.availableKernelModules",
    "boot.initrd.kernelModules",
    "boot.kernelModules",
];

/// What a layout of disks says.
const OF_DISKS: &[&str] = &["boot.initrd.luks.devices", "fileSystems", "swapDevices"];

/// Keys that stay at the top of a host.
const HEAD: &[&str] = &[
    "description",
    "state",
    "system",
    "stateVersion",
    "tags",
    "template",
];

/// Prints the hardware of a host.
pub(super) fn print(file: &Utf8Path, host: &str) -> anyhow::Result<Status> {
    console::out(&read(file, host)?.0)?;
    Ok(Status::Clean)
}

/// The YAML of a host, and the bytes that it was made from.
fn read(file: &Utf8Path, host: &str) -> anyhow::Result<(String, Vec<u8>)> {
    let bytes = fs::read(file).with_context(|| format!("cannot read `{file}`"))?;
    match import::hardware(host, file.file_name().unwrap_or_default(), &bytes) {
        Ok(yaml) => Ok((yaml, bytes)),
        Err(HardwareProblem::Other) => anyhow::bail!(
            "`{file}` is neither a module (`.nix`) nor a report of nixos-facter (`.json`)"
        ),
        Err(HardwareProblem::Broken(why)) => anyhow::bail!("`{file}` cannot be read: {why}"),
    }
}

/// Puts the hardware into the host's file, between what stands there.
pub(super) fn write(app: &App, file: &Utf8Path, host: &str) -> anyhow::Result<Status> {
    let sources = app.load()?;
    let nodes = edit::nodes(&sources, &mut Diagnostics::new());
    let Some(mut merge) = nodes
        .iter()
        .find_map(|node| Merge::new(node, host, &sources))
    else {
        anyhow::bail!(
            "there is no host `{host}` with something in it; `gen new host {host}` adds one"
        );
    };
    let (yaml, bytes) = read(file, host)?;
    let read = Read::new(&yaml, host)?;
    merge.host(&read, &nodes);

    let facter = read
        .facter()
        .map(|below| (below.to_owned(), bytes))
        .filter(|(below, bytes)| sources.around.assets.get(below) != Some(bytes));
    if let Some((below, _)) = &facter
        && sources.around.assets.contains_key(below)
    {
        let path = app.spec.join(below);
        merge.differences.push(format!("{path} is another report"));
    }
    if !merge.differences.is_empty() {
        for line in &merge.differences {
            console::say(line);
        }
        console::say(&format!(
            "nothing was written: change what is wrong in the spec, or in the YAML that `gen import hardware {file} --host {host}` prints"
        ));
        return Ok(Status::Findings);
    }
    if merge.said.is_empty() && facter.is_none() {
        console::out(&format!("`{host}` says all of it already\n"))?;
        return Ok(Status::Clean);
    }

    let texts = merge.texts();
    let assets = BTreeMap::from_iter(facter.clone());
    let before = edit::errors(&generate(sources.clone()).diagnostics);
    let after = generate(edit::changed(&sources, &texts, &assets));
    if edit::errors(&after.diagnostics) > before {
        console::report(app.format, &after.diagnostics, &after.sources)?;
        console::say("nothing was written: the spec would have errors that it does not have now");
        return Ok(Status::Findings);
    }
    let mut said = String::new();
    if let Some((below, bytes)) = &facter {
        let path = app.spec.join(below);
        write_new(&path, &String::from_utf8_lossy(bytes))?;
        let _ = writeln!(said, "wrote {path}");
    }
    for (id, text) in &texts {
        edit::write_changed(app, &sources, *id, text)?;
    }
    for line in &merge.said {
        let _ = writeln!(said, "{line}");
    }
    for note in &merge.notes {
        let _ = writeln!(said, "note: {note}");
    }
    console::out(&said)?;
    Ok(Status::Clean)
}

/// What was read about the machine.
struct Read {
    host: Node,
    disks: Option<Node>,
    /// What could not be told, and what is to be done.
    notes: Vec<String>,
}

impl Read {
    fn new(yaml: &str, host: &str) -> anyhow::Result<Self> {
        let mut map = SourceMap::default();
        let id = map.add("hardware".to_owned(), yaml.to_owned());
        let root = spec::node::parse(&map, id, &mut Diagnostics::new())
            .context("the hardware cannot be read back")?;
        let entry = |node: &Node, key: &str| value(node, key).map(|(_, value)| value.clone());
        let hosts = entry(&root, "hosts").context("the hardware has no host")?;
        let notes = yaml.lines().filter_map(|line| line.strip_prefix("# "));
        Ok(Self {
            host: entry(&hosts, host).context("the hardware is of another host")?,
            disks: entry(&root, "disks"),
            // The report is copied here.
            notes: (notes.filter(|note| !note.starts_with("copy the report")))
                .filter(|note| !note.contains("`stateVersion`"))
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Where the report of nixos-facter belongs, below the spec folder.
    fn facter(&self) -> Option<&str> {
        let (_, hardware) = value(&self.host, "hardware")?;
        match &value(hardware, "facter")?.1.kind {
            NodeKind::Scalar(path, _) => Some(path),
            _ => None,
        }
    }
}

/// Additions to the files of a spec.
struct Merge<'a> {
    sources: &'a Sources,
    name: &'a str,
    host: &'a Node,
    /// New entries of mappings, by where the mapping's first entry stands that they come before.
    entries: BTreeMap<Span, (bool, Vec<String>)>,
    /// Values in the place of nothing, such as `{}`.
    filled: Vec<(Span, String)>,
    /// Text at the end of a file.
    end: Option<(FileId, String)>,
    differences: Vec<String>,
    said: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Merge<'a> {
    /// `None` if the host is not in this file, or has nothing that could stand beside something.
    fn new(file: &'a Node, name: &'a str, sources: &'a Sources) -> Option<Self> {
        let mut host = None;
        // A host has no dot in its name, so it can stand in a pattern.
        edit::find(file, &format!("hosts.{name}"), &mut |found| {
            if let Found::Value(node) = found
                && matches!(&node.kind, NodeKind::Map(entries) if !entries.is_empty())
            {
                host = Some(node);
            }
        });
        Some(Self {
            sources,
            name,
            host: host?,
            entries: BTreeMap::new(),
            filled: Vec::new(),
            end: None,
            differences: Vec::new(),
            said: Vec::new(),
            notes: Vec::new(),
        })
    }

    fn host(&mut self, read: &Read, nodes: &[Node]) {
        self.notes.clone_from(&read.notes);
        let NodeKind::Map(entries) = &read.host.kind else {
            return;
        };
        let has_disks = value(self.host, "hardware")
            .is_some_and(|(_, hardware)| value(hardware, "disks").is_some());
        for (key, new) in entries {
            let path = format!("hosts.{}.{}", self.name, key.value);
            match key.value.as_str() {
                // How it boots is chosen, and modules of the kind that is read here seldom say it.
                "hardware" => {
                    let new = without(
                        new,
                        if has_disks {
                            &["boot", "disks"]
                        } else {
                            &["boot"]
                        },
                    );
                    self.entry(self.host, "hardware", &new, &path);
                }
                // Said so that an imported machine stays as it was; this one follows its fleet.
                "settings" => {
                    let mut new = without(new, &["nix.settings.auto-optimise-store"]);
                    let mut left = BTreeSet::new();
                    strip(&mut new, &[], has_disks, &mut left);
                    if !left.is_empty() {
                        self.notes.push(format!(
                            "left out, since the disks stay as they are: {}",
                            left.into_iter().collect::<Vec<_>>().join(", ")
                        ));
                    }
                    if matches!(&new.kind, NodeKind::Map(entries) if !entries.is_empty()) {
                        self.entry(self.host, "settings", &new, &path);
                    }
                }
                "system" if self.fleet_says(nodes, "system", new) => {}
                other => self.entry(self.host, other, new, &path),
            }
        }
        let Some(disks) = &read.disks else { return };
        if has_disks {
            self.notes.push(format!(
                "the disks of `{}` stay as the spec says",
                self.name
            ));
        } else {
            self.disks(disks, nodes);
        }
    }

    /// Whether the fleet says so for all its hosts, and this one does not say otherwise.
    fn fleet_says(&self, nodes: &[Node], key: &str, new: &Node) -> bool {
        let mut says = false;
        for node in nodes {
            edit::find(node, &format!("fleet.{key}"), &mut |found| {
                says |= matches!(found, Found::Value(old) if old.same(new));
            });
        }
        says && value(self.host, key).is_none()
    }

    fn disks(&mut self, disks: &Node, nodes: &[Node]) {
        let NodeKind::Map(layouts) = &disks.kind else {
            return;
        };
        let sections = nodes.iter().filter_map(|node| value(node, "disks"));
        let sections: Vec<&Node> = sections.map(|(_, section)| section).collect();
        for (name, layout) in layouts {
            let taken = sections
                .iter()
                .find_map(|section| value(section, &name.value));
            if let Some((key, old)) = taken {
                if !old.same(layout) {
                    self.differs(key.span, &format!("disks.{}", name.value), old, layout);
                }
                continue;
            }
            let beside = sections.iter().find(|section| {
                section.span.file == self.host.span.file
                    && matches!(&section.kind, NodeKind::Map(entries) if !entries.is_empty())
            });
            let path = format!("disks.{}", name.value);
            if let Some(section) = beside {
                self.entry(section, &name.value, layout, &path);
                continue;
            }
            let file = self.host.span.file;
            let (_, text) = self
                .end
                .get_or_insert_with(|| (file, "\ndisks:\n".to_owned()));
            let _ = writeln!(text, "  {}: {}", name.value, flow(layout));
            let whole = self.sources.map.path(file);
            self.said.push(format!("added `{path}` to {whole}"));
        }
    }

    /// An entry of a mapping: added, or gone into where it is there.
    fn entry(&mut self, old: &Node, key: &str, new: &Node, path: &str) {
        let Some((old_key, old_value)) = value(old, key) else {
            self.add(old, key, new, path);
            return;
        };
        match (&old_value.kind, &new.kind) {
            _ if old_value.same(new) => {}
            // A module that sets no microcode does not tell the vendor.
            (_, NodeKind::Scalar(none, _)) if key == "cpu" && none == "none" => {}
            _ if is_nothing(old_value) => {
                let span = old_value.span;
                let space = if span.start == span.end { " " } else { "" };
                self.filled.push((span, format!("{space}{}", flow(new))));
                self.said.push(format!(
                    "set `{path}` at {}",
                    self.sources.map.place(old_key.span)
                ));
            }
            (NodeKind::Map(_), NodeKind::Map(entries)) => {
                for (key, value) in entries {
                    self.entry(
                        old_value,
                        &key.value,
                        value,
                        &format!("{path}.{}", key.value),
                    );
                }
            }
            _ => self.differs(old_key.span, path, old_value, new),
        }
    }

    fn add(&mut self, mapping: &Node, key: &str, new: &Node, path: &str) {
        let NodeKind::Map(entries) = &mapping.kind else {
            return;
        };
        let stays = |key: &str| HEAD.contains(&key);
        let Some((before, _)) =
            (entries.iter().find(|(key, _)| !stays(&key.value))).or(entries.first())
        else {
            return;
        };
        let is_flow = self.sources.map.slice(mapping.span).starts_with('{');
        let at = Span::new(
            before.span.file,
            before.span.start as usize,
            before.span.start as usize,
        );
        let text = format!("{key}: {}", flow(new));
        self.entries
            .entry(at)
            .or_insert((is_flow, Vec::new()))
            .1
            .push(text);
        self.said
            .push(format!("added `{path}` at {}", self.sources.map.place(at)));
    }

    fn differs(&mut self, at: Span, path: &str, old: &Node, new: &Node) {
        self.differences.push(format!(
            "{}: `{path}` is {}, the machine says {}",
            self.sources.map.place(at),
            flow(old),
            flow(new)
        ));
    }

    /// The new texts of the files.
    fn texts(&self) -> BTreeMap<FileId, String> {
        let map = &self.sources.map;
        let mut edits = Edits::default();
        for (at, (is_flow, entries)) in &self.entries {
            if *is_flow {
                edits.replace(*at, entries.join(", ") + ", ");
                continue;
            }
            let text = &map.file(at.file).text;
            let line = |end: usize| text[..end].rfind('\n').map_or(0, |at| at + 1);
            let mut start = line(at.start as usize);
            let indent = " ".repeat(at.start as usize - start);
            // Comments right above belong to the entry that they come before.
            while start > 0 && text[line(start - 1)..start].trim_start().starts_with('#') {
                start = line(start - 1);
            }
            let entries = entries.iter().map(|entry| format!("{indent}{entry}\n"));
            edits.replace(
                Span::new(at.file, start, start),
                entries.collect::<String>(),
            );
        }
        for (span, text) in &self.filled {
            edits.replace(*span, text);
        }
        let mut texts = edits.apply(map);
        if let Some((file, text)) = &self.end {
            let whole = texts
                .entry(*file)
                .or_insert_with(|| map.file(*file).text.clone());
            if !whole.ends_with('\n') {
                whole.push('\n');
            }
            whole.push_str(text);
        }
        texts
    }
}

/// The key and the value of an entry.
fn value<'a>(node: &'a Node, name: &str) -> Option<(&'a diag::Spanned<String>, &'a Node)> {
    let NodeKind::Map(entries) = &node.kind else {
        return None;
    };
    let found = entries.iter().find(|(key, _)| key.value == name);
    found.map(|(key, value)| (key, value))
}

/// Whether a value is there for something to be filled in.
fn is_nothing(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Map(entries) => entries.is_empty(),
        NodeKind::Scalar(..) => node.describe() == "nothing",
        NodeKind::List(_) => false,
    }
}

/// A mapping without some of its keys.
fn without(node: &Node, keys: &[&str]) -> Node {
    let mut node = node.clone();
    if let NodeKind::Map(entries) = &mut node.kind {
        entries.retain(|(key, _)| !keys.contains(&key.value.as_str()));
    }
    node
}

/// Takes empty lists out of settings, and what is of the disks where those stay; these are named.
fn strip(settings: &mut Node, at: &[&str], disks_stay: bool, left: &mut BTreeSet<String>) {
    let NodeKind::Map(entries) = &mut settings.kind else {
        return;
    };
    entries.retain_mut(|(key, value)| {
        let name = key.value.clone();
        let path: Vec<&str> = at.iter().copied().chain([name.as_str()]).collect();
        let path = path.join(".");
        let is_below = |of: &&str| path == **of || path.starts_with(&format!("{of}."));
        if disks_stay && OF_DISKS.iter().any(is_below) {
            let names: Vec<&str> = match &value.kind {
                NodeKind::Map(entries) => entries.iter().map(|(it, _)| it.value.as_str()).collect(),
                _ => Vec::new(),
            };
            match names.as_slice() {
                names if OF_DISKS.contains(&path.as_str()) && !names.is_empty() => {
                    left.extend(names.iter().map(|it| format!("`{path}.{it}`")));
                }
                _ => {
                    left.insert(format!("`{path}`"));
                }
            }
            return false;
        }
        match &value.kind {
            NodeKind::List(items) => !items.is_empty() || !MAYBE_EMPTY.contains(&path.as_str()),
            NodeKind::Map(_) if value.tag.is_none() => {
                strip(value, &[&path], disks_stay, left);
                !matches!(&value.kind, NodeKind::Map(entries) if entries.is_empty())
            }
            _ => true,
        }
    });
}

/// A node on one line.
fn flow(node: &Node) -> String {
    let tag = node.tag.as_ref().map(|tag| format!("!{} ", tag.value));
    let text = match &node.kind {
        NodeKind::Scalar(text, style) => scalar(text, *style),
        NodeKind::List(items) => {
            format!(
                "[{}]",
                items.iter().map(flow).collect::<Vec<_>>().join(", ")
            )
        }
        NodeKind::Map(entries) if entries.is_empty() => "{}".to_owned(),
        NodeKind::Map(entries) => {
            let entry = |(key, value): &(diag::Spanned<String>, Node)| {
                format!("{}: {}", scalar(&key.value, Style::Plain), flow(value))
            };
            format!(
                "{{ {} }}",
                entries.iter().map(entry).collect::<Vec<_>>().join(", ")
            )
        }
    };
    tag.unwrap_or_default() + &text
}

/// A scalar within brackets.
fn scalar(text: &str, style: Style) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "/._-+@%=".contains(c);
    if style == Style::Plain
        && text.starts_with(|c: char| is_bare(c) && c != '-')
        && text.chars().all(is_bare)
    {
        return text.to_owned();
    }
    // A string of JSON is one of YAML.
    serde_json::Value::from(text).to_string()
}
