//! Files of the output that are the user's and go by the name: they move along, with what the new
//! name changes in them.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;
use output::{File, FileTree, Hash, Manifest, Move, Moves, Target};

use crate::cli::App;
use crate::commands::eject::merged;

/// What is to happen to them.
#[derive(Debug, Default)]
pub(super) struct Ejected {
    moves: Option<Moves>,
    /// From and to, as messages show them; the same for a file that stays in its place.
    pub(super) places: Vec<(String, String)>,
    /// Files that the new name could not be brought into, by their new path.
    pub(super) unmended: Vec<String>,
}

/// Finds them.
pub(super) fn find(
    app: &App,
    (old, new): (&str, &str),
    before: Option<&FileTree>,
    after: Option<&FileTree>,
) -> anyhow::Result<Ejected> {
    let mut found = Ejected::default();
    let target = app.target();
    let Some(manifest) = output::read_manifest(&target)? else {
        return Ok(found);
    };
    if manifest.ejected.is_empty() {
        return Ok(found);
    }
    let (Some(before), Some(after)) = (before, after) else {
        anyhow::bail!(
            "the spec has errors, and files of `{}` are yours: mend the errors first (`gen check`), so that those files can be taken along",
            app.out_name()
        );
    };
    let mut moves = Vec::new();
    for (path, generated) in &manifest.ejected {
        let Some(it) = moved(&target, path, *generated, (old, new), before, after)? else {
            continue;
        };
        let (from, to) = (target.show(path), target.show(&it.file.to));
        if it.is_unmended {
            found.unmended.push(to.to_string());
        }
        if it.is_change {
            found.places.push((from.into_string(), to.into_string()));
            moves.push(it.file);
        }
    }
    if !moves.is_empty() {
        found.moves = Some(planned(&target, &manifest, &moves)?);
    }
    Ok(found)
}

impl Ejected {
    /// Moves them.
    pub(super) fn apply(&self, app: &App) -> anyhow::Result<()> {
        if let Some(Moves { plan, tree, meta }) = &self.moves {
            output::apply(&app.target(), plan, tree, meta, &output::Options::default())?;
        }
        Ok(())
    }
}

fn planned(target: &Target, manifest: &Manifest, moves: &[Move]) -> anyhow::Result<Moves> {
    let moves = output::moves(target, manifest, moves)?;
    let blocked =
        moves.plan.entries().iter().find(|entry| {
            entry.is_conflict() || matches!(entry.state, output::State::Obstructed(_))
        });
    if let Some(entry) = blocked {
        anyhow::bail!(
            "`{}` is in the way of a file that is yours and would move there",
            target.show(&entry.path)
        );
    }
    Ok(moves)
}

/// A file of the user's under the new name.
struct Moved {
    file: Move,
    /// Whether there is something to be done.
    is_change: bool,
    /// Whether the new name could not be brought into it.
    is_unmended: bool,
}

fn moved(
    target: &Target,
    path: &str,
    generated: Hash,
    (old, new): (&str, &str),
    before: &FileTree,
    after: &FileTree,
) -> anyhow::Result<Option<Moved>> {
    let Some(was) = before.get(path) else {
        return Ok(None);
    };
    let found = if after.get(path).is_some() {
        Some(path.to_owned())
    } else {
        renamed(path, old, new)
            .into_iter()
            .find(|to| after.get(to).is_some() && before.get(to).is_none())
    };
    let Some(to) = found else {
        return Ok(None);
    };
    let place = target.root.join(path);
    if !place.is_file() {
        return Ok(None);
    }
    let Some(is) = after.get(&to) else {
        return Ok(None);
    };
    let mine = fs::read(&place).with_context(|| format!("cannot read `{place}`"))?;
    let merged = merged(&was.bytes, &mine, &is.bytes);
    let is_settled = generated == Hash::of(&was.bytes);
    let generated = match &merged {
        Some(_) if is_settled => Hash::of(&is.bytes),
        _ => generated,
    };
    let is_unmended = merged.is_none();
    let bytes = merged.unwrap_or_else(|| mine.clone());
    let is_change = to != path || bytes != mine || is_settled && !is_unmended && was != is;
    Ok(Some(Moved {
        is_change,
        is_unmended,
        file: Move {
            from: path.to_owned(),
            to,
            file: File {
                bytes,
                executable: is_executable(&place),
            },
            generated,
        },
    }))
}

fn is_executable(place: &camino::Utf8Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(place).is_ok_and(|found| found.permissions().mode() & 0o100 != 0)
}

/// What a path may become: with every part that is the name another one, or with one of them.
fn renamed(path: &str, old: &str, new: &str) -> Vec<String> {
    let (old, new) = (super::name(old), super::name(new));
    let parts: Vec<&str> = path.split('/').collect();
    let other = |part: &str| -> Option<String> {
        let (stem, rest) = part.split_once('.').unwrap_or((part, ""));
        let dot = if rest.is_empty() { "" } else { "." };
        (stem == old).then(|| format!("{new}{dot}{rest}"))
    };
    let with = |changed: &dyn Fn(usize) -> bool| -> String {
        let parts = parts.iter().enumerate().map(|(index, part)| {
            let renamed = other(part).filter(|_| changed(index));
            renamed.unwrap_or_else(|| (*part).to_owned())
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let all = with(&|_| true);
    let single = (0..parts.len()).map(|index| with(&|at| at == index));
    let mut seen = BTreeSet::new();
    std::iter::once(all)
        .chain(single)
        .filter(|found| found != path && seen.insert(found.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn paths() {
        assert_eq!(
            renamed("hosts/laptop/default.nix", "laptop", "lap"),
            ["hosts/lap/default.nix"]
        );
        assert_eq!(
            renamed("users/bob/bob.nix", "bob", "rob"),
            [
                "users/rob/rob.nix",
                "users/rob/bob.nix",
                "users/bob/rob.nix"
            ]
        );
        assert_eq!(
            renamed("modules/own/server.nix", "own.server", "own.web"),
            ["modules/own/web.nix"]
        );
        assert!(renamed("hosts/laptop-2/a.nix", "laptop", "lap").is_empty());
    }
}
