//! `flake.nix` of a large fleet: machines that differ in nothing but their names are laid out once.
//!
//! A name of an ordinary length breaks no line, so the layout of one machine is that of all that are like
//! it. Where that is not certain, the formatter lays the whole file out.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::code::Code;
use crate::error::Result;
use crate::views::flake::{HostView, View};

/// Stands for the name of a machine.
const NAME: &str = "name-of-the-machine";

/// The longest name that breaks no line.
const LONGEST: usize = 30;

const START: &str = "\n      nixosConfigurations = {\n";
const END: &str = "\n      };\n";
const CHECK: &str = "          name-of-the-machine = evaluates \"name-of-the-machine\";\n";

/// The flake laid out, if its machines are alike. `text` gives what the template prints, and `format`
/// lays it out.
pub(crate) fn lay_out(
    view: &View,
    text: &impl Fn(&View) -> Result<String>,
    format: &impl Fn(&str) -> Result<String>,
) -> Result<Option<String>> {
    if view.hosts.is_empty() {
        return Ok(None);
    }
    // To lay out a kind costs more than a machine among others.
    let most = view.hosts.len() / 4;
    let mut kinds: BTreeMap<String, &HostView> = BTreeMap::new();
    let mut kind_of = Vec::with_capacity(view.hosts.len());
    for host in &view.hosts {
        let Some(kind) = kind(host) else {
            return Ok(None);
        };
        if !kinds.contains_key(&kind) {
            kinds.insert(kind.clone(), host);
        }
        if kinds.len() > most {
            return Ok(None);
        }
        kind_of.push(kind);
    }
    let mut layouts: HashMap<String, String> = HashMap::new();
    for (kind, host) in kinds {
        let laid_out = format(&text(&view.of_one(named(host, NAME)))?)?;
        match between(&laid_out) {
            Some((_, row, _)) if row.matches(NAME).count() == 2 => {
                layouts.insert(kind, row.to_owned());
            }
            _ => return Ok(None),
        }
    }
    let mut rows = String::new();
    for (host, kind) in view.hosts.iter().zip(kind_of) {
        let Some(layout) = layouts.get(&kind) else {
            return Ok(None);
        };
        if !rows.is_empty() {
            rows.push_str("\n\n");
        }
        for line in host.comment.iter().flat_map(|text| text.as_str().lines()) {
            let _ = writeln!(rows, "        {line}");
        }
        rows.push_str(&layout.replace(NAME, host.name.as_str()));
    }
    Ok(framed(view, &rows, &format(&text(&view.framed(NAME))?)?))
}

/// The rows in the place of the one that stands for all.
fn framed(view: &View, rows: &str, frame: &str) -> Option<String> {
    let (start, _, end) = between(frame)?;
    let mut checks = end.split(CHECK);
    let mut text = [start, rows, checks.next()?].concat();
    for platform in view.checks.iter().filter(|it| !it.machines.is_empty()) {
        for (check, name) in &platform.machines {
            let start = text.len();
            let _ = writeln!(text, "          {check} = evaluates {name};");
            if text.len() - start > 100 {
                return None;
            }
        }
        text.push_str(checks.next()?);
    }
    checks.next().is_none().then_some(text)
}

/// What stands before the machines, the machines, and what follows.
fn between(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find(START)? + START.len();
    let end = start + text[start..].find(END)?;
    let is_once = !text[start..].contains(START);
    is_once.then(|| (&text[..start], &text[start..end], &text[end..]))
}

/// Everything that decides the layout of a machine but its name and its comment; nothing where the name
/// might decide it, too.
fn kind(host: &HostView) -> Option<String> {
    let name = host.name.as_str();
    if name.len() > LONGEST || !nix::is_identifier(name) {
        return None;
    }
    let named = named(host, NAME);
    let mut kind = named
        .special_args
        .map_or(String::new(), |it| it.to_string());
    for module in named.modules {
        let _ = write!(kind, "\n{module}");
    }
    (kind.matches(NAME).count() == 1).then_some(kind)
}

/// The same machine without a comment and with another name, where its own file is the first module.
fn named(host: &HostView, name: &str) -> HostView {
    let mut modules = host.modules.clone();
    if let Some(first) = modules.first_mut() {
        let own = first.as_str();
        let (folder, file) = own.rsplit_once('/').unwrap_or(("", own));
        let extension = file.strip_prefix(host.name.as_str()).unwrap_or(file);
        if matches!(extension, "" | ".nix") {
            *first = Code::new(format!("{folder}/{name}{extension}"));
        }
    }
    HostView {
        comment: None,
        name: Code::new(name),
        special_args: host.special_args.clone(),
        modules,
    }
}
