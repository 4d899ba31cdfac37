//! The lab's Nix about the mutants: one evaluation for all of them.

use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::facts::Space;
use super::faults::{Claim, Mutant};
use crate::{lab, workspace};

const EXPRESSION: &str = include_str!("confirm.nix");

/// Asks, and says what was confirmed. How many claims are wrong.
pub(super) fn run(mutants: &[Mutant]) -> anyhow::Result<usize> {
    let lab = lab::find()?;
    let folder = workspace::target_dir()?.join("mutate");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("confirm.nix"), EXPRESSION)?;
    let asked: Vec<(&Mutant, Value)> = mutants
        .iter()
        .filter_map(|mutant| Some((mutant, claim(&mutant.claim)?)))
        .collect();
    let claims: Vec<&Value> = asked.iter().map(|(_, claim)| claim).collect();
    fs::write(folder.join("claims.json"), serde_json::to_string(&claims)?)?;
    let text = |name: &str| nix::string(&folder.join(name).display().to_string());
    let expression = format!(
        "import {} {{ inputs = {}; claims = builtins.fromJSON (builtins.readFile {}); }}",
        text("confirm.nix"),
        lab.inputs(&folder)?,
        text("claims.json"),
    );
    let answers = lab.evaluate(&expression)?;
    let answers = answers.as_array().context("Nix gave no list")?;
    let (mut confirmed, mut refuted, mut open) = (0, 0, mutants.len() - asked.len());
    for ((mutant, _), answer) in asked.iter().zip(answers) {
        match answer.as_bool() {
            Some(true) => confirmed += 1,
            Some(false) => {
                refuted += 1;
                println!("no fault by Nix: {}: {}", mutant.kind.title(), mutant.what);
            }
            None => open += 1,
        }
    }
    println!(
        "real Nix: {confirmed} of {} faults confirmed, {refuted} refuted, {open} not to be told alone",
        mutants.len()
    );
    Ok(refuted)
}

fn claim(claim: &Claim) -> Option<Value> {
    let name = |space: &Space| match space {
        Space::Nixos => "nixos",
        Space::Home => "home",
    };
    Some(match claim {
        Claim::NoOption {
            space,
            path,
            good,
            value,
        } => json!({
            "kind": "noOption", "space": name(space), "path": path, "good": good, "value": value.as_ref()?,
        }),
        Claim::NoValue {
            space,
            path,
            bad,
            good,
        } => json!({
            "kind": "noValue", "space": name(space), "path": path, "bad": bad, "good": good,
        }),
        Claim::Removed { space, path } => {
            json!({ "kind": "removed", "space": name(space), "path": path })
        }
        Claim::Renamed { space, path } => {
            json!({ "kind": "renamed", "space": name(space), "path": path })
        }
        Claim::NoPackage { name, good } => {
            json!({ "kind": "noPackage", "name": name, "good": good })
        }
        Claim::Unfree { name } => json!({ "kind": "unfree", "name": name }),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_expression_is_formatted() {
        assert_eq!(nix::format(super::EXPRESSION).unwrap(), super::EXPRESSION);
    }
}
