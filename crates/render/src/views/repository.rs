//! Helpers of a repository, for when the output folder is its root.

use model::Fleet;
use serde::Serialize;

use crate::code::Code;

/// What the helpers print; each takes what it needs.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    header: Code,
    spec: Code,
    system: Code,
    runner: Code,
    hosts: Vec<HostView>,
}

#[derive(Debug, Serialize)]
struct HostView {
    name: Code,
    runner: Code,
}

/// The view of any of the helpers.
pub(crate) fn view(fleet: &Fleet, spec: &str, header: Code) -> View {
    let hosts = fleet.hosts.values().map(|host| HostView {
        name: Code::new(host.name.as_str()),
        runner: Code::new(runner(&host.system)),
    });
    let systems: Vec<&str> = fleet.machines().map(|host| host.system.as_str()).collect();
    // The flake has checks for the platforms of its machines.
    let usual = systems.iter().find(|system| **system == "x86_64-linux");
    let system = usual.or(systems.first()).copied().unwrap_or("x86_64-linux");
    View {
        header,
        spec: Code::new(spec),
        system: Code::new(system),
        runner: Code::new(runner(system)),
        hosts: hosts.collect(),
    }
}

/// What runs jobs of a platform.
fn runner(system: &str) -> &'static str {
    match system {
        "aarch64-linux" => "ubuntu-24.04-arm",
        _ => "ubuntu-24.04",
    }
}
