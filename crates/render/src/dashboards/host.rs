//! One host, with what its hardware has.

use model::{Fleet, Host};

use super::fleet::{DEVICES, DISKS};
use super::panel::{
    Dashboard, HEAT, NEUTRAL, NONE_IS_BETTER, NONE_IS_GOOD, ONE_IS_GOOD, Panel, Variable, unit,
};
use super::{has, has_logs, host_uid};

/// The dashboard of a host.
pub(super) fn dashboard(fleet: &Fleet, host: &Host) -> Dashboard {
    let nixos = has(host, "monitoring.nixos-exporter");
    let systemd = has(host, "monitoring.systemd-exporter");
    let of = Selector(host.name.as_str());
    let mut rows = vec![
        ("", now(of, nixos, systemd)),
        ("Processor and memory", processor(of)),
        ("Disks", disks(of)),
        ("Network", network(of)),
    ];
    let has_gpu = |vendor: &str| host.hardware.gpus.iter().any(|gpu| gpu.vendor == vendor);
    if has_gpu("amd") {
        rows.push(("AMD GPU", amd(of)));
    }
    if has_gpu("nvidia") && has(host, "monitoring.nvidia-gpu-exporter") {
        rows.push(("NVIDIA GPU", nvidia(of)));
    }
    if host.hardware.platform == "physical" {
        rows.push(("Sensors", sensors(of)));
    }
    if systemd {
        rows.push(("Units", units(of)));
    }
    if nixos {
        rows.push(("NixOS", system(of)));
    }
    let logs = has_logs(fleet) && has(host, "monitoring.alloy");
    if logs {
        rows.push(("Logs", vec![lines(of)]));
    }
    let uid = host_uid(host);
    Dashboard {
        file: format!("hosts/{}", host.name),
        title: host.name.to_string(),
        description: host.description.clone().unwrap_or_default(),
        uid,
        span: "6h",
        variables: if logs {
            vec![Variable::Text {
                name: "search",
                label: "Search in logs",
            }]
        } else {
            Vec::new()
        },
        rows,
    }
}

/// Writes the series of a host.
#[derive(Clone, Copy)]
struct Selector<'a>(&'a str);

impl Selector<'_> {
    /// A metric of the host.
    fn of(self, metric: &str) -> String {
        format!(r#"{metric}{{host="{}"}}"#, self.0)
    }

    /// The same with further labels.
    fn with(self, metric: &str, labels: &str) -> String {
        format!(r#"{metric}{{host="{}", {labels}}}"#, self.0)
    }

    /// How fast a counter grows.
    fn rate(self, metric: &str) -> String {
        format!("rate({}[5m])", self.of(metric))
    }

    /// The same with further labels.
    fn rate_with(self, metric: &str, labels: &str) -> String {
        format!("rate({}[5m])", self.with(metric, labels))
    }
}

fn now(of: Selector<'_>, nixos: bool, systemd: bool) -> Vec<Panel> {
    let mut panels = vec![
        Panel::stat("State", of.with("up", r#"job="node""#))
            .words(&[(0, "down"), (1, "up")])
            .steps(ONE_IS_GOOD),
        Panel::stat(
            "Up for",
            format!("time() - {}", of.of("node_boot_time_seconds")),
        )
        .unit(unit::SECONDS),
        Panel::stat("Processor", busy(of)).ratio(),
        Panel::stat("Memory", memory(of)).ratio(),
        Panel::stat(
            "Fullest disk",
            format!(
                "max(1 - {} / {} and {} == 0)",
                of.with("node_filesystem_avail_bytes", DISKS),
                of.with("node_filesystem_size_bytes", DISKS),
                of.with("node_filesystem_readonly", DISKS),
            ),
        )
        .ratio(),
        Panel::stat(
            "Firing alerts",
            format!(
                "count({}) or vector(0)",
                of.with("ALERTS", r#"alertstate="firing""#)
            ),
        )
        .steps(NONE_IS_BETTER),
    ];
    if systemd {
        panels.push(
            Panel::stat(
                "Failed units",
                format!(
                    "sum({}) or vector(0)",
                    of.with("systemd_unit_state", r#"state="failed""#)
                ),
            )
            .steps(NONE_IS_GOOD),
        );
    }
    if nixos {
        panels.push(
            Panel::stat("Reboot", of.of("nixos_reboot_required"))
                .words(&[(0, "not needed"), (1, "needed")])
                .steps(NONE_IS_BETTER),
        );
    }
    panels.into_iter().map(|it| it.size(3, 4)).collect()
}

fn busy(of: Selector<'_>) -> String {
    let idle = of.rate_with("node_cpu_seconds_total", r#"mode="idle""#);
    format!("1 - avg({idle})")
}

fn memory(of: Selector<'_>) -> String {
    let available = of.of("node_memory_MemAvailable_bytes");
    format!("1 - {available} / {}", of.of("node_memory_MemTotal_bytes"))
}

fn processor(of: Selector<'_>) -> Vec<Panel> {
    let by_mode = of.rate_with("node_cpu_seconds_total", r#"mode!="idle""#);
    let threads = of.with("node_cpu_seconds_total", r#"mode="idle""#);
    let used = format!(
        "{} - {}",
        of.of("node_memory_MemTotal_bytes"),
        of.of("node_memory_MemAvailable_bytes")
    );
    let swap = format!(
        "{} - {}",
        of.of("node_memory_SwapTotal_bytes"),
        of.of("node_memory_SwapFree_bytes")
    );
    vec![
        Panel::series("Processor")
            .query(
                format!("sum by (mode) ({by_mode}) / scalar(count({threads}))"),
                "{{mode}}",
            )
            .ratio()
            .stacked(),
        Panel::series("Memory")
            .query(used, "in use")
            .query(of.of("node_memory_Cached_bytes"), "cache")
            .query(swap, "swap in use")
            .query(of.of("node_memory_MemTotal_bytes"), "all")
            .unit(unit::BYTES)
            .min(0.0),
        Panel::series("Load")
            .query(of.of("node_load1"), "1 min")
            .query(of.of("node_load5"), "5 min")
            .query(of.of("node_load15"), "15 min")
            .query(format!("count({threads})"), "threads")
            .min(0.0),
        Panel::series("Pressure")
            .query(
                of.rate("node_pressure_cpu_waiting_seconds_total"),
                "processor",
            )
            .query(
                of.rate("node_pressure_memory_waiting_seconds_total"),
                "memory",
            )
            .query(of.rate("node_pressure_io_waiting_seconds_total"), "disks")
            .unit(unit::RATIO)
            .min(0.0)
            .note("Share of the time in which some task waits"),
    ]
}

fn disks(of: Selector<'_>) -> Vec<Panel> {
    let used = format!(
        "max by (mountpoint) (1 - {} / {})",
        of.with("node_filesystem_avail_bytes", DISKS),
        of.with("node_filesystem_size_bytes", DISKS)
    );
    vec![
        Panel::bars("File systems", used, "{{mountpoint}}").ratio(),
        Panel::series("Free space")
            .query(
                format!(
                    "max by (mountpoint) ({})",
                    of.with("node_filesystem_avail_bytes", DISKS)
                ),
                "{{mountpoint}}",
            )
            .unit(unit::BYTES)
            .min(0.0),
        Panel::series("Throughput")
            .query(of.rate("node_disk_read_bytes_total"), "{{device}} read")
            .query(
                of.rate("node_disk_written_bytes_total"),
                "{{device}} written",
            )
            .unit(unit::BYTES_RATE)
            .min(0.0),
        Panel::series("Busy")
            .query(of.rate("node_disk_io_time_seconds_total"), "{{device}}")
            .ratio(),
    ]
}

fn network(of: Selector<'_>) -> Vec<Panel> {
    let both = |kind: &str| {
        format!(
            "{} + {}",
            of.rate_with(&format!("node_network_receive_{kind}_total"), DEVICES),
            of.rate_with(&format!("node_network_transmit_{kind}_total"), DEVICES)
        )
    };
    vec![
        Panel::series("Throughput")
            .query(
                of.rate_with("node_network_receive_bytes_total", DEVICES),
                "{{device}} received",
            )
            .query(
                of.rate_with("node_network_transmit_bytes_total", DEVICES),
                "{{device}} sent",
            )
            .unit(unit::BYTES_RATE)
            .min(0.0),
        Panel::series("Lost packets")
            .query(both("errs"), "{{device}} broken")
            .query(both("drop"), "{{device}} dropped")
            .min(0.0)
            .note("A second"),
    ]
}

/// What a chip of the driver `amdgpu` tells.
fn of_amd(of: Selector<'_>, metric: &str) -> String {
    format!(
        "{} and on (chip) {}",
        of.of(metric),
        of.with("node_hwmon_chip_names", r#"chip_name="amdgpu""#)
    )
}

fn amd(of: Selector<'_>) -> Vec<Panel> {
    vec![
        Panel::series("Load")
            .query(
                format!("{} / 100", of.of("node_drm_gpu_busy_percent")),
                "{{card}}",
            )
            .ratio(),
        Panel::series("Memory")
            .query(of.of("node_drm_memory_vram_used_bytes"), "{{card}} in use")
            .query(of.of("node_drm_memory_vram_size_bytes"), "{{card}} all")
            .query(
                of.of("node_drm_memory_gtt_used_bytes"),
                "{{card}} of the system",
            )
            .unit(unit::BYTES)
            .min(0.0),
        Panel::series("Temperature")
            .query(of_amd(of, "node_hwmon_temp_celsius"), "{{sensor}}")
            .unit(unit::CELSIUS)
            .size(8, 8),
        Panel::series("Power")
            .query(of_amd(of, "node_hwmon_power_average_watt"), "{{sensor}}")
            .unit(unit::WATT)
            .min(0.0)
            .size(8, 8),
        Panel::series("Fans")
            .query(of_amd(of, "node_hwmon_fan_rpm"), "{{sensor}}")
            .unit(unit::RPM)
            .min(0.0)
            .size(8, 8),
    ]
}

fn nvidia(of: Selector<'_>) -> Vec<Panel> {
    vec![
        Panel::series("Load")
            .query(of.of("nvidia_smi_utilization_gpu_ratio"), "processor")
            .query(of.of("nvidia_smi_utilization_memory_ratio"), "memory bus")
            .ratio(),
        Panel::series("Memory")
            .query(of.of("nvidia_smi_memory_used_bytes"), "in use")
            .query(of.of("nvidia_smi_memory_total_bytes"), "all")
            .unit(unit::BYTES)
            .min(0.0),
        Panel::series("Temperature")
            .query(of.of("nvidia_smi_temperature_gpu"), "GPU")
            .unit(unit::CELSIUS)
            .size(8, 8),
        Panel::series("Power")
            .query(of.of("nvidia_smi_power_draw_watts"), "drawn")
            .query(of.of("nvidia_smi_power_limit_watts"), "limit")
            .unit(unit::WATT)
            .min(0.0)
            .size(8, 8),
        Panel::series("Clock")
            .query(
                of.of("nvidia_smi_clocks_current_graphics_clock_hz"),
                "graphics",
            )
            .query(of.of("nvidia_smi_clocks_current_video_clock_hz"), "video")
            .unit(unit::HERTZ)
            .min(0.0)
            .size(8, 8),
    ]
}

fn sensors(of: Selector<'_>) -> Vec<Panel> {
    let named = |metric: &str| {
        format!(
            "{} * on (chip) group_left(chip_name) {}",
            of.of(metric),
            of.of("node_hwmon_chip_names")
        )
    };
    vec![
        Panel::series("Temperatures")
            .query(named("node_hwmon_temp_celsius"), "{{chip_name}} {{sensor}}")
            .unit(unit::CELSIUS)
            .steps(HEAT),
        Panel::series("Fans")
            .query(named("node_hwmon_fan_rpm"), "{{chip_name}} {{sensor}}")
            .unit(unit::RPM)
            .min(0.0),
    ]
}

fn units(of: Selector<'_>) -> Vec<Panel> {
    vec![
        Panel::table("Failed units")
            .size(12, 8)
            .labels_of(format!(
                "{} == 1",
                of.with("systemd_unit_state", r#"state="failed""#)
            ))
            .label("name", "Unit")
            .label("type", "Kind"),
        Panel::bars(
            "Restarts within a day",
            format!(
                "topk(10, increase({}[1d]) > 0)",
                of.of("systemd_service_restart_total")
            ),
            "{{name}}",
        )
        .steps(NONE_IS_BETTER)
        .min(0.0),
    ]
}

fn system(of: Selector<'_>) -> Vec<Panel> {
    let system = r#"profile="system""#;
    let age = |metric: String| format!("time() - {metric}");
    vec![
        Panel::stat("Version", of.of("nixos_system_info"))
            .legend("{{version}}")
            .size(6, 4),
        Panel::stat("Generation", of.with("nixos_profile_generation", system)).size(3, 4),
        Panel::stat(
            "Generations kept",
            of.with("nixos_profile_generations", system),
        )
        .size(3, 4),
        Panel::stat(
            "Switched",
            age(of.with("nixos_profile_timestamp_seconds", system)),
        )
        .unit(unit::SECONDS)
        .note("Time since the current generation was made")
        .size(4, 4),
        Panel::stat(
            "Age of nixpkgs",
            age(of.of("nixos_nixpkgs_timestamp_seconds")),
        )
        .unit(unit::SECONDS)
        .size(4, 4),
        Panel::stat("Store paths", of.of("nixos_store_paths"))
            .steps(NEUTRAL)
            .size(4, 4),
        Panel::series("Size of the store")
            .query(of.of("nixos_store_nar_bytes"), "unpacked")
            .unit(unit::BYTES)
            .min(0.0),
        Panel::table("Secrets")
            .size(12, 8)
            .label("secret", "Secret")
            .column(
                "Unchanged for",
                unit::SECONDS,
                None,
                format!(
                    "max by (secret) (time() - {})",
                    of.of("nixos_secret_timestamp_seconds")
                ),
            )
            .column(
                "There",
                unit::COUNT,
                Some(ONE_IS_GOOD),
                format!("max by (secret) ({})", of.of("nixos_secret_present")),
            ),
    ]
}

fn lines(of: Selector<'_>) -> Panel {
    Panel::logs(
        "Journal",
        format!(r#"{{host="{}"}} |~ `(?i)${{search:raw}}`"#, of.0),
    )
}
