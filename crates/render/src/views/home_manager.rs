//! `modules/home-manager.nix`: how Home Manager joins the system.

use model::Fleet;
use serde::Serialize;

/// The wiring.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    unstable: bool,
}

/// The view of the wiring.
pub(crate) fn view(fleet: &Fleet) -> View {
    View {
        unstable: fleet.unstable,
    }
}
