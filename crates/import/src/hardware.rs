//! The hardware of one host: `hardware-configuration.nix`, or a report of nixos-facter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::assemble::{self, Options};
use crate::repo::Repo;

/// Why a file says nothing about hardware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HardwareProblem {
    /// It cannot be read as what its name says.
    Broken(String),
    /// It is neither a module nor a report.
    Other,
}

/// The `hosts` and `disks` of a spec that say what the file says, as YAML.
///
/// # Errors
///
/// The file is neither a module nor a report.
pub fn hardware(host: &str, name: &str, bytes: &[u8]) -> Result<String, HardwareProblem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| HardwareProblem::Broken("it is not UTF-8".to_owned()))?;
    if name.ends_with(".json") {
        return facter(host, text);
    }
    if !name.ends_with(".nix") {
        return Err(HardwareProblem::Other);
    }
    if let Some(problem) = nix::parse_problems(text).into_iter().next() {
        let line = crate::eval::line_of(text, problem.start);
        return Err(HardwareProblem::Broken(format!(
            "line {line}: {}",
            problem.message
        )));
    }
    let repo = Repo::new(BTreeMap::from([(
        "hardware.nix".to_owned(),
        bytes.to_vec(),
    )]));
    let options = Options {
        hosts: vec![(host.to_owned(), "hardware.nix".to_owned())],
        name: host.to_owned(),
        is_part: true,
        ..Options::default()
    };
    let imported = assemble::import(&repo, &options, &()).map_err(HardwareProblem::Broken)?;
    let left = imported.files.get("nix/hardware.nix");
    let path = format!("hosts/{host}.yaml");
    let yaml = imported.files.get(&path).cloned().unwrap_or_default();
    let mut text = String::from_utf8_lossy(&yaml).into_owned();
    if let Some(left) = left {
        text.push_str("\n# unknown, and to be kept as a module by hand:\n");
        for line in String::from_utf8_lossy(left).lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
    Ok(text)
}

/// A report names the processor and the kernel modules itself; the spec points to it.
fn facter(host: &str, text: &str) -> Result<String, HardwareProblem> {
    let report: serde_json::Value =
        serde_json::from_str(text).map_err(|error| HardwareProblem::Broken(error.to_string()))?;
    let hardware = report
        .get("hardware")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| {
            HardwareProblem::Broken(
                "it has no `hardware`: is it a report of nixos-facter?".to_owned(),
            )
        })?;
    let mut map = crate::yaml::MapBuilder::default();
    let vendor = hardware
        .get("cpu")
        .and_then(|cpus| cpus.get(0))
        .and_then(|cpu| cpu.get("vendor_name"))
        .and_then(serde_json::Value::as_str);
    let cpu = match vendor {
        Some("AuthenticAMD") => Some("amd"),
        Some("GenuineIntel") => Some("intel"),
        _ => None,
    };
    let virtualisation = report
        .get("virtualisation")
        .and_then(serde_json::Value::as_str);
    let is_guest = virtualisation.is_some_and(|kind| ["kvm", "qemu"].contains(&kind));
    let mut comments = Vec::new();
    match cpu {
        Some(cpu) => {
            map.add("cpu", crate::Yaml::text(cpu));
        }
        None => comments.push(format!(
            "unknown: the vendor of the processor, `{}`",
            vendor.unwrap_or("not in the report")
        )),
    }
    let mut gpus: Vec<crate::Yaml> = Vec::new();
    for card in hardware
        .get("graphics_card")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
    {
        let id = card
            .get("vendor")
            .and_then(|vendor| vendor.get("hex"))
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        let vendor = match id {
            "1002" => "amd",
            "8086" => "intel",
            "10de" => "nvidia",
            _ => {
                comments.push(format!("unknown: a graphics card of vendor `{id}`"));
                continue;
            }
        };
        gpus.push(crate::Yaml::Map(vec![(
            "vendor".to_owned(),
            crate::Yaml::text(vendor),
        )]));
    }
    if !gpus.is_empty() {
        map.add("gpu", crate::Yaml::List(gpus));
    }
    if is_guest {
        map.add("platform", crate::Yaml::text("qemu"));
    }
    let memory = hardware
        .get("memory")
        .and_then(|memory| memory.get(0))
        .and_then(|memory| memory.get("resources"))
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter(|resource| {
            resource.get("type").and_then(serde_json::Value::as_str) == Some("phys_mem")
        })
        .find_map(|resource| resource.get("range").and_then(serde_json::Value::as_u64));
    if let Some(bytes) = memory
        && bytes % (1 << 30) == 0
    {
        map.add("memory", crate::Yaml::text(format!("{}GiB", bytes >> 30)));
    }
    map.add("facter", crate::Yaml::text(format!("hardware/{host}.json")));
    let mut host_map = crate::yaml::MapBuilder::default();
    if let Some(system) = report.get("system").and_then(serde_json::Value::as_str) {
        host_map.add("system", crate::Yaml::text(system));
    }
    host_map.add("hardware", map.build());
    comments.insert(
        0,
        format!("copy the report to `hardware/{host}.json` in the spec folder"),
    );
    let document = crate::Yaml::Map(vec![(
        "hosts".to_owned(),
        crate::Yaml::Map(vec![(host.to_owned(), host_map.build())]),
    )]);
    Ok(crate::document(&comments.join("\n"), &document))
}
