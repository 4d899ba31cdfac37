//! The whole fleet on a page.

use model::Fleet;

use super::panel::{
    Dashboard, NEUTRAL, NONE_IS_BETTER, NONE_IS_GOOD, ONE_IS_GOOD, Panel, USE, unit,
};
use super::{has, host_uid, is_anywhere, shown};

/// File systems that hold something, as the alerts take them.
pub(super) const DISKS: &str = r#"fstype!~"tmpfs|ramfs|overlay|squashfs|nfs.*|fuse.*""#;
/// Interfaces that lead somewhere.
pub(super) const DEVICES: &str = r#"device!~"lo|veth.*|docker.*|br-.*|vnet.*|tap.*|vm-.*""#;

const CPU: &str = r#"1 - avg by (host) (rate(node_cpu_seconds_total{mode="idle"}[5m]))"#;
const MEMORY: &str =
    "max by (host) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)";

/// The overview, Grafana's first page.
pub(super) fn overview(fleet: &Fleet) -> Dashboard {
    let nixos = is_anywhere(fleet, "monitoring.nixos-exporter");
    let systemd = is_anywhere(fleet, "monitoring.systemd-exporter");
    let mut rows = vec![
        ("", now(nixos, systemd)),
        ("Hosts", vec![hosts(fleet, nixos)]),
        ("Alerts", vec![alerts()]),
        ("Use", usage()),
    ];
    if nixos {
        rows.push(("NixOS", systems()));
    }
    let gpus = gpus(fleet);
    if !gpus.is_empty() {
        rows.push(("GPUs", gpus));
    }
    Dashboard {
        file: "fleet".into(),
        uid: "fleet".into(),
        title: "Fleet".into(),
        description: fleet
            .description
            .clone()
            .unwrap_or_else(|| format!("All hosts of {}", fleet.name)),
        span: "6h",
        variables: Vec::new(),
        rows,
    }
}

/// What needs attention, in numbers.
fn now(nixos: bool, systemd: bool) -> Vec<Panel> {
    let mut panels = vec![
        Panel::stat("Hosts up", r#"sum(up{job="node"})"#).steps(NEUTRAL),
        Panel::stat("Hosts down", r#"count(up{job="node"} == 0) or vector(0)"#).steps(NONE_IS_GOOD),
        Panel::stat(
            "Exporters down",
            r#"count(up{job!="node"} == 0) or vector(0)"#,
        )
        .steps(NONE_IS_BETTER),
        Panel::stat(
            "Firing alerts",
            r#"count(ALERTS{alertstate="firing"}) or vector(0)"#,
        )
        .steps(NONE_IS_BETTER),
    ];
    if systemd {
        panels.push(
            Panel::stat(
                "Failed units",
                r#"sum(systemd_unit_state{state="failed"}) or vector(0)"#,
            )
            .steps(NONE_IS_GOOD),
        );
    }
    if nixos {
        panels.push(
            Panel::stat(
                "Waiting for a reboot",
                "sum(nixos_reboot_required) or vector(0)",
            )
            .steps(NONE_IS_BETTER),
        );
    }
    let width = if panels.len() == 5 {
        4
    } else {
        24 / u32::try_from(panels.len()).unwrap_or(6)
    };
    panels.into_iter().map(|it| it.size(width, 4)).collect()
}

fn hosts(fleet: &Fleet, nixos: bool) -> Panel {
    let number = shown(fleet).count();
    let height = u32::try_from(number).unwrap_or(20).clamp(4, 20) + 3;
    let mut panel = Panel::table("All hosts")
        .size(24, height)
        .label("host", "Host");
    // A name that is too long for an address has another one.
    if shown(fleet).all(|host| host_uid(host).ends_with(host.name.as_str())) {
        panel = panel.link("/d/host-${__value.text}");
    }
    panel = panel
        .column(
            "State",
            unit::COUNT,
            Some(ONE_IS_GOOD),
            r#"max by (host) (up{job="node"})"#,
        )
        .column(
            "Up for",
            unit::SECONDS,
            None,
            "max by (host) (time() - node_boot_time_seconds)",
        )
        .column("Processor", unit::RATIO, Some(USE), CPU)
        .column("Memory", unit::RATIO, Some(USE), MEMORY)
        .column("Fullest disk", unit::RATIO, Some(USE), fullest());
    if nixos {
        panel = panel
            .column(
                "Store",
                unit::BYTES,
                None,
                "max by (host) (nixos_store_nar_bytes)",
            )
            .column(
                "Generation",
                unit::COUNT,
                None,
                r#"max by (host) (nixos_profile_generation{profile="system"})"#,
            )
            .column(
                "Age of nixpkgs",
                unit::SECONDS,
                None,
                "max by (host) (time() - nixos_nixpkgs_timestamp_seconds)",
            )
            .column(
                "Reboot",
                unit::COUNT,
                Some(NONE_IS_BETTER),
                "max by (host) (nixos_reboot_required)",
            );
    }
    panel
}

fn fullest() -> String {
    format!(
        "max by (host) (1 - node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}} and node_filesystem_readonly{{{DISKS}}} == 0)"
    )
}

fn alerts() -> Panel {
    Panel::table("Firing alerts")
        .size(24, 7)
        .labels_of(r#"ALERTS{alertstate="firing"}"#)
        .label("severity", "Severity")
        .label("host", "Host")
        .label("alertname", "Alert")
        .label("name", "Unit")
        .label("mountpoint", "Mount point")
        .label("job", "Job")
}

fn usage() -> Vec<Panel> {
    vec![
        Panel::series("Processor").query(CPU, "{{host}}").ratio(),
        Panel::series("Memory").query(MEMORY, "{{host}}").ratio(),
        Panel::series("Fullest disk").query(fullest(), "{{host}}").ratio(),
        Panel::series("Network")
            .query(
                format!(
                    "sum by (host) (rate(node_network_receive_bytes_total{{{DEVICES}}}[5m]) + rate(node_network_transmit_bytes_total{{{DEVICES}}}[5m]))"
                ),
                "{{host}}",
            )
            .unit(unit::BYTES_RATE)
            .min(0.0)
            .note("Received and sent together"),
    ]
}

fn systems() -> Vec<Panel> {
    vec![
        Panel::series("Size of the store")
            .query("max by (host) (nixos_store_nar_bytes)", "{{host}}")
            .unit(unit::BYTES)
            .min(0.0)
            .size(8, 8),
        Panel::bars(
            "Generations",
            r#"max by (host) (nixos_profile_generations{profile="system"})"#,
            "{{host}}",
        )
        .min(0.0)
        .size(8, 8),
        Panel::table("Versions")
            .size(8, 8)
            .labels_of("nixos_system_info")
            .label("host", "Host")
            .label("version", "Version"),
    ]
}

fn gpus(fleet: &Fleet) -> Vec<Panel> {
    let amd = shown(fleet).any(|host| host.hardware.gpus.iter().any(|gpu| gpu.vendor == "amd"));
    let nvidia = shown(fleet).any(|host| has(host, "monitoring.nvidia-gpu-exporter"));
    let mut load = Panel::series("Load").ratio();
    let mut memory = Panel::series("Memory").ratio();
    if amd {
        load = load.query("node_drm_gpu_busy_percent / 100", "{{host}} {{card}}");
        memory = memory.query(
            "node_drm_memory_vram_used_bytes / node_drm_memory_vram_size_bytes",
            "{{host}} {{card}}",
        );
    }
    if nvidia {
        load = load.query("nvidia_smi_utilization_gpu_ratio", "{{host}} NVIDIA");
        memory = memory.query(
            "nvidia_smi_memory_used_bytes / nvidia_smi_memory_total_bytes",
            "{{host}} NVIDIA",
        );
    }
    if amd || nvidia {
        vec![load, memory]
    } else {
        Vec::new()
    }
}
