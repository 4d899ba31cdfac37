//! What templates print: one view for each kind of file, made of fragments that are code already.

pub(crate) mod disks;
pub(crate) mod feature;
pub(crate) mod flake;
pub(crate) mod hardware;
pub(crate) mod home_manager;
pub(crate) mod host;
pub(crate) mod index;
pub(crate) mod installer;
pub(crate) mod layer;
pub(crate) mod packages;
pub(crate) mod readme;
pub(crate) mod repository;
pub(crate) mod secrets;
pub(crate) mod tasks;
pub(crate) mod user;

use model::{Feature, FeatureHalf, Fleet, Half};

/// The emitted features of a half.
pub(crate) fn halves(fleet: &Fleet, half: Half) -> impl Iterator<Item = (&Feature, &FeatureHalf)> {
    fleet.features.values().filter_map(move |feature| {
        let part = match half {
            Half::System => feature.system.as_ref(),
            Half::Home => feature.home.as_ref(),
        };
        part.filter(|part| part.emitted).map(|part| (feature, part))
    })
}
