//! Evaluation by the user's own Nix: what there is to evaluate, one run of Nix, and the way from what
//! Nix says to the line of the spec.
//!
//! Each machine is evaluated in a process of its own: one that fails, or needs too much memory, takes
//! no other with it. Nothing is built.

mod blame;
mod message;
mod process;

pub use blame::Blame;
pub use message::{Failure, Frame, Position, Said, read, shorten};
pub use process::{Evaluator, Inputs, Outcome};

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::Fleet;

use crate::text::list;

/// Machines that are named beside a finding.
const MOST_NAMED: usize = 3;

/// Something that is evaluated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine {
    /// What it is.
    pub kind: MachineKind,
    /// Its name, as messages and the flake have it.
    pub name: String,
    /// The attribute path of its derivation in the flake, as Nix reads it.
    pub attribute: String,
}

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineKind {
    /// A host.
    Host,
    /// A MicroVM.
    MicroVm,
    /// An image.
    Image,
    /// An installer.
    Installer,
}

impl MachineKind {
    /// A word for people and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::MicroVm => "microvm",
            Self::Image => "image",
            Self::Installer => "installer",
        }
    }
}

/// All machines of a fleet.
pub fn machines(fleet: &Fleet) -> Vec<Machine> {
    let configuration = |name: &str| {
        let name = nix::string(name);
        format!("nixosConfigurations.{name}.config.system.build.toplevel")
    };
    let package = |system: &str, name: &str| {
        format!("packages.{}.{}", nix::string(system), nix::string(name))
    };
    let hosts = fleet.hosts.keys().map(|name| Machine {
        kind: MachineKind::Host,
        name: name.to_string(),
        attribute: configuration(name.as_str()),
    });
    let guests = fleet.microvms.keys().map(|name| Machine {
        kind: MachineKind::MicroVm,
        name: name.to_string(),
        attribute: configuration(name.as_str()),
    });
    let images = fleet.images.iter().map(|(name, image)| Machine {
        kind: MachineKind::Image,
        name: name.to_string(),
        attribute: package(&image.machine.system, name.as_str()),
    });
    let installers = fleet.installers.keys().filter_map(|name| {
        let host = fleet.hosts.get(name)?;
        let name = format!("live-iso-{name}");
        Some(Machine {
            kind: MachineKind::Installer,
            attribute: package(&host.system, &name),
            name,
        })
    });
    hosts
        .chain(guests)
        .chain(images)
        .chain(installers)
        .collect()
}

/// What makes two findings one.
type Key = (&'static str, String, Option<Span>);

/// The findings of what Nix said about some machines: each once, with the machines that have it.
pub fn findings(blame: &mut Blame<'_>, said: &[(&str, &Said)]) -> Diagnostics {
    let mut all: Vec<(Diagnostic, BTreeSet<&str>)> = Vec::new();
    let mut known: BTreeMap<Key, usize> = BTreeMap::new();
    for (machine, said) in said {
        let warnings = said.warnings.iter();
        let mut own: Vec<Diagnostic> = warnings
            .map(|warning| blame.warning(machine, warning))
            .collect();
        if let Some(failure) = &said.failure {
            own.extend(blame.findings(machine, failure));
        }
        for diagnostic in own {
            let key = (diagnostic.code, diagnostic.message.clone(), diagnostic.span);
            let at = *known.entry(key).or_insert_with(|| {
                all.push((diagnostic, BTreeSet::new()));
                all.len() - 1
            });
            all[at].1.insert(machine);
        }
    }
    let mut diagnostics = Diagnostics::new();
    for (mut diagnostic, on) in all {
        // What leads nowhere stands at a machine that has it, and is told once for all that do.
        if diagnostic.span.is_none() {
            diagnostic.span = on.first().and_then(|machine| blame.name_of(machine));
        }
        if said.len() > 1 {
            let more = on.len().saturating_sub(MOST_NAMED);
            let names = list(on.iter().take(MOST_NAMED));
            let names = match more {
                0 => names,
                more => format!("{names} and {more} more"),
            };
            diagnostic.message = format!("{} ({names})", diagnostic.message);
        }
        diagnostics.push(diagnostic);
    }
    diagnostics.sort(blame.sources());
    diagnostics
}
