//! `gen diff --summary`: what changes on which machines, in words. Nothing is written or evaluated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::ManuallyDrop;

use diag::Diagnostics;

use crate::cli::{App, Shape};
use crate::console;
use crate::status::Status;
use crate::summary::{Group, Line, Subject, Summary, summary};
use crate::text::count;
use crate::trees::{Trees, compare};

/// Names that are listed; of more, the first ones and how many there are.
const MOST: usize = 8;

/// Sums up.
pub(crate) fn run(app: &App, since: Option<&str>) -> anyhow::Result<Status> {
    let json = app.wants_json()?;
    let trees = match compare(app, since)? {
        // The command ends with this answer: to take large outputs apart would only cost time.
        Ok(trees) => ManuallyDrop::new(trees),
        Err(status) => return Ok(status),
    };
    let found = of(&trees);
    if app.shape == Some(Shape::Markdown) {
        console::out(&markdown(&found))?;
    } else if json {
        console::json(&found)?;
    } else {
        console::diff(&human(&found))?;
    }
    // What a branch changes is no drift.
    Ok(if found.is_empty() || since.is_some() {
        Status::Clean
    } else {
        Status::Findings
    })
}

fn of(trees: &Trees) -> Summary {
    let mut spec = None;
    let mut load = || {
        let spec = trees.sources.spec(&mut Diagnostics::new());
        let mut zones: BTreeMap<(String, String), String> = BTreeMap::new();
        let hosts = spec.hosts.values().map(|item| (&item.name, &item.value));
        let guests = spec.microvms.values().map(|it| (&it.name, &it.value.guest));
        for (name, host) in hosts.chain(guests) {
            for (zone, interfaces) in &host.zones {
                for interface in interfaces {
                    let key = (name.value.clone(), interface.value.clone());
                    zones.insert(key, zone.value.clone());
                }
            }
        }
        zones
    };
    let mut zones = |host: &str, interface: &str| {
        let known = spec.get_or_insert_with(&mut load);
        known.get(&(host.to_owned(), interface.to_owned())).cloned()
    };
    let namespace = namespace(trees);
    summary(trees, &namespace, &mut zones)
}

/// The prefix of features' options.
fn namespace(trees: &Trees) -> String {
    let files = trees.sources.yaml.iter();
    let named = files
        .map(|id| &trees.sources.map.file(*id).text)
        .any(|text| text.contains("namespace"));
    let given = named
        .then(|| trees.sources.spec(&mut Diagnostics::new()))
        .and_then(|spec| Some(spec.fleet?.value.namespace?.value));
    given.unwrap_or_else(|| "features".to_owned())
}

fn names(all: &[String]) -> String {
    if all.len() <= MOST {
        return all.join(", ");
    }
    let more = all.len() - MOST / 2;
    format!("{} and {more} more", all[..MOST / 2].join(", "))
}

fn title(group: &Group) -> String {
    match (&group.of, group.machines.as_slice()) {
        (Some(of), []) if matches!(of.as_str(), "flake" | "packages" | "secrets") => of.clone(),
        (Some(of), []) if of.starts_with("installer ") => of.clone(),
        (Some(of), []) => format!("{of} (no machine has it)"),
        (Some(of), machines) => format!("{of} ({})", names(machines)),
        (None, machines) => names(machines),
    }
}

fn values(line: &Line, quote: &str) -> String {
    let some = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let mut text = match (some(&line.before), some(&line.after)) {
        (Some(before), Some(after)) => {
            format!(": {quote}{before}{quote} → {quote}{after}{quote}")
        }
        (None, Some(after)) => format!(" = {quote}{after}{quote}"),
        (Some(before), None) => format!(", which was {quote}{before}{quote}"),
        (None, None) => String::new(),
    };
    if let Some(note) = &line.note {
        let before = match line.subject {
            Subject::Port => " ",
            Subject::Option => ": ",
            _ => ", ",
        };
        text.push_str(before);
        text.push_str(note);
    }
    text
}

fn human(found: &Summary) -> String {
    if found.is_empty() {
        return format!("unchanged: {}\n", unchanged(&found.unchanged));
    }
    let mut text = String::new();
    for name in &found.added {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "+ {name} (new)");
    }
    for name in &found.removed {
        let _ = writeln!(text, "- {name} (removed)");
    }
    for group in &found.groups {
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", title(group));
        for line in &group.changes {
            let word = line.subject.word();
            let _ = writeln!(
                text,
                "{} {word}{}{}",
                line.sign(),
                line.name,
                values(line, "")
            );
        }
    }
    let mut last = |word: &str, names: &str| {
        if !names.is_empty() {
            let apart = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{apart}{word}: {names}");
        }
    };
    for it in &found.through {
        last(
            &format!("touched by {}", names(&it.because)),
            &names(&it.machines),
        );
    }
    last(
        "moved in the files, with nothing won or lost",
        &names(&found.rewritten),
    );
    last(
        "kept, though the spec wants something else there",
        &names(&found.kept),
    );
    last("also", &names(&found.others));
    last("unchanged", &unchanged(&found.unchanged));
    text
}

fn unchanged(names: &[String]) -> String {
    if names.len() <= MOST {
        names.join(", ")
    } else {
        count(names.len(), "machine")
    }
}

fn markdown(found: &Summary) -> String {
    let mut text = String::from("### What changes on which machines\n\n");
    if found.is_empty() {
        let _ = writeln!(
            text,
            "Nothing: {} unchanged.",
            count(found.unchanged.len(), "machine")
        );
        return text;
    }
    for name in &found.added {
        let _ = writeln!(text, "- new: **{name}**");
    }
    for name in &found.removed {
        let _ = writeln!(text, "- removed: **{name}**");
    }
    for group in &found.groups {
        let _ = writeln!(text, "\n**{}**\n", title(group));
        for line in &group.changes {
            let how = match line.sign() {
                // Their notes say it.
                _ if line.subject == Subject::Port => "",
                '+' => "added: ",
                '-' => "removed: ",
                _ => "",
            };
            let name = line.name.replace('`', "'");
            let values = values(line, "`");
            let _ = writeln!(text, "- {how}{}`{name}`{values}", line.subject.word());
        }
    }
    for it in &found.through {
        let (because, machines) = (names(&it.because), names(&it.machines));
        let _ = writeln!(text, "\nTouched by {because}: {machines}.");
    }
    for (word, names) in [
        (
            "Moved in the files, with nothing won or lost",
            names(&found.rewritten),
        ),
        (
            "Kept, though the spec wants something else there",
            names(&found.kept),
        ),
        ("Also", names(&found.others)),
        ("Unchanged", unchanged(&found.unchanged)),
    ] {
        if !names.is_empty() {
            let _ = writeln!(text, "\n{word}: {names}.");
        }
    }
    text
}
