//! `modules/home-manager.nix`: how Home Manager joins the system.

use model::Fleet;
use serde::Serialize;

use crate::code::Code;

/// The wiring.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    arguments: Option<Code>,
}

/// The view of the wiring.
pub(crate) fn view(fleet: &Fleet) -> View {
    let mut names = Vec::new();
    if fleet.passes_inputs {
        names.push("inputs");
    }
    if fleet.unstable {
        names.push("pkgs-unstable");
    }
    View {
        arguments: (!names.is_empty()).then(|| Code::new(names.join(" "))),
    }
}
