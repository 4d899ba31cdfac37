//! Every feature of the catalog is enabled in a golden fleet or in the fleet of this repository.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files"
)]

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use flakesmith::{generate, load_as};

/// The folders of the fleets: each holds `spec` and, under the second name, the output.
fn fleets() -> Vec<(Utf8PathBuf, &'static str)> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let golden = root.join("golden").read_dir_utf8().unwrap();
    golden
        .map(|entry| (entry.unwrap().into_path(), "expected"))
        .chain([(root, "generated")])
        .filter(|(folder, _)| folder.join("spec").is_dir())
        .collect()
}

#[test]
fn every_feature_is_enabled_somewhere() {
    let mut enabled = BTreeSet::new();
    for (folder, out) in fleets() {
        let (spec, out) = (folder.join("spec"), folder.join(out));
        let fleet = generate(load_as(&spec, &out, Utf8Path::new("spec"))).fleet;
        for host in fleet.hosts.values() {
            let by_users = host.users.values().flat_map(|user| user.enabled.keys());
            enabled.extend(host.enabled.keys().chain(by_users).map(ToString::to_string));
        }
    }
    let missing: Vec<&str> = catalog::entries()
        .iter()
        .map(|entry| entry.id)
        .filter(|id| !enabled.contains(*id))
        .collect();
    assert!(
        missing.is_empty(),
        "no golden fleet enables {}",
        missing.join(", ")
    );
}
