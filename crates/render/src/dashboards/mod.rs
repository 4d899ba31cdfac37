//! Dashboards for Grafana, derived from the fleet: `dashboards/*.json`.
//!
//! Invariants:
//! - Pure: the same fleet gives the same bytes.
//! - A panel stands where an exporter of the fleet gives its numbers; what is queried is held against
//!   lists of what exporters export (`tests/dashboards.rs`).

mod fleet;
mod host;
mod logs;
mod nzbget;
mod panel;
mod plex;

use std::collections::BTreeMap;

use model::{Fleet, Host};
use sha2::{Digest, Sha256};

/// The feature whose hosts are shown.
const NODE: &str = "monitoring.node-exporter";
/// The feature that shows them.
const GRAFANA: &str = "monitoring.grafana";

/// Longest name of a dashboard in addresses.
const UID: usize = 40;

/// The files: path → text. None where no host shows dashboards.
pub(crate) fn files(fleet: &Fleet) -> BTreeMap<String, String> {
    if !is_anywhere(fleet, GRAFANA) {
        return BTreeMap::new();
    }
    let mut dashboards = vec![fleet::overview(fleet)];
    dashboards.extend(shown(fleet).map(|host| host::dashboard(fleet, host)));
    dashboards.extend(has_logs(fleet).then(|| logs::dashboard(fleet)));
    if is_anywhere(fleet, "monitoring.plex-exporter") {
        dashboards.extend(plex::dashboards());
    }
    if is_anywhere(fleet, "monitoring.nzbget-exporter") {
        dashboards.push(nzbget::dashboard());
    }
    dashboards
        .iter()
        .map(|it| (format!("dashboards/{}.json", it.file), it.text()))
        .collect()
}

/// Hosts whose metrics are read.
fn shown(fleet: &Fleet) -> impl Iterator<Item = &Host> {
    fleet.hosts.values().filter(|host| has(host, NODE))
}

fn has(host: &Host, feature: &str) -> bool {
    host.enabled.keys().any(|id| id.as_str() == feature)
}

fn is_anywhere(fleet: &Fleet, feature: &str) -> bool {
    fleet.hosts.values().any(|host| has(host, feature))
}

fn has_logs(fleet: &Fleet) -> bool {
    is_anywhere(fleet, "monitoring.loki")
}

/// The name of a host's dashboard in addresses, and of its file.
fn host_uid(host: &Host) -> String {
    let name = host.name.as_str();
    let uid = format!("host-{name}");
    if uid.len() <= UID {
        return uid;
    }
    let hash = Sha256::digest(name);
    let hash: Vec<String> = hash.iter().take(4).map(|b| format!("{b:02x}")).collect();
    let hash = hash.concat();
    format!("{}-{hash}", &uid[..UID - 9])
}
