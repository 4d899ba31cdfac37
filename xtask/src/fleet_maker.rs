//! Synthetic fleets for measurements: any number of hosts, shaped like a real fleet.
//!
//! The same number gives the same bytes. A fleet has templates, profiles, users, disk layouts and
//! features of its own; its hosts take turns between laptops, workstations and servers, and stand in
//! files of at most [`HOSTS_IN_A_FILE`].

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Hosts that one file of the spec holds.
pub const HOSTS_IN_A_FILE: usize = 50;
/// Hosts that share a user of their own, besides the administrator.
const HOSTS_OF_A_USER: usize = 8;

/// Writes a fleet into a spec folder, file by file: a large fleet is never in memory.
pub fn write(spec: &Path, hosts: usize) -> anyhow::Result<()> {
    for (path, text) in files(hosts) {
        let path = spec.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

/// The files of a fleet: path below the spec folder, and text.
pub fn files(hosts: usize) -> impl Iterator<Item = (String, String)> {
    let fixed = [
        ("disks.yaml", DISKS),
        ("features.yaml", FEATURES),
        ("fleet.yaml", FLEET),
        ("profiles.yaml", PROFILES),
        ("templates.yaml", TEMPLATES),
    ];
    let fixed = fixed.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let of_hosts = (0..hosts).step_by(HOSTS_IN_A_FILE).map(move |first| {
        let last = (first + HOSTS_IN_A_FILE).min(hosts);
        let text = (first..last).fold("hosts:\n".to_owned(), |mut text, number| {
            host(&mut text, number);
            text
        });
        (format!("hosts/{:04}.yaml", first / HOSTS_IN_A_FILE), text)
    });
    fixed
        .into_iter()
        .chain(std::iter::once(("users.yaml".to_owned(), users(hosts))))
        .chain(of_hosts)
}

const FLEET: &str = r#"version: 1
fleet:
  name: bench
  description: A fleet of a number of hosts
  stateVersion: "25.11"
  system: x86_64-linux
  domain: example.org
  locale: { timeZone: Europe/London, language: en_GB.UTF-8, keyMap: uk }
  nix:
    caches:
      - { url: "https://cache.example.org", key: "cache.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" }
    gc: { every: weekly, keep: 30d }
  zones: [lan, vpn]
"#;

const DISKS: &str = "disks:
  laptop-nvme: { layout: luks-btrfs, device: /dev/nvme0n1, swap: 16G }
  workstation-nvme: { layout: luks-btrfs, device: /dev/nvme0n1, swap: 32G }
  server-disk: { layout: ext4, device: /dev/sda, swap: 8G }
";

const TEMPLATES: &str = "templates:
  base:
    description: What every machine has
    features:
      core: [admin-tools, journald]
      networking: [firewall]
      security: [ssh-server, hardening, sudo]
      system: { zram: true, tmp: true, oomd: true }
      monitoring: [node-exporter]
      storage: [fstrim]
  laptop:
    description: Portable machines
    extends: base
    features:
      hardware: [power, bluetooth, firmware-updates]
      networking: [network-manager]
      desktop: [plasma, login, pipewire, fonts]
    settings:
      services.geoclue2.enable: true
  workstation:
    description: Machines at a desk
    extends: base
    features:
      hardware: [bluetooth, firmware-updates]
      networking: [network-manager]
      desktop: [plasma, login, pipewire, fonts]
      development: [nix-ld]
    settings:
      services.printing.enable: true
  server:
    description: Headless machines
    extends: base
    features:
      system: [headless, watchdog]
      security: [fail2ban]
    settings:
      networking.useNetworkd: true
      boot.kernel.sysctl.\"net.core.somaxconn\": 4096
";

const PROFILES: &str = "profiles:
  shell:
    description: A comfortable shell
    features: { shells: [zsh, starship, cli-tools] }
  developer:
    description: Tools for writing software
    extends: shell
    features:
      development: [git, direnv, gh, python, rust]
      editors: [neovim]
    packages: [jq, ripgrep]
    settings:
      programs.bat.enable: true
  desktop-user:
    description: Programs with windows
    features:
      programs: [firefox, mpv]
      terminals: [kitty]
  server-admin:
    description: Tools for machines far away
    extends: shell
    features: { programs: [btop] }
    packages: [dig, lsof]
";

const FEATURES: &str = "features:
  site.agent:
    summary: Inventory agent of the site
    description: Reports what the machine is to the inventory.
    options:
      port: { type: port, default: 7070, description: Port of the status page }
      interval: { type: duration, default: 15m, description: Time between reports }
      labels: { type: { attrs: string }, default: {}, description: Labels of the machine }
      peers:
        type: { list: string }
        default: []
        derive: \"fleet.hosts_with('site.collector') | map(attribute='name')\"
        description: Hosts that collect reports
    ports: [{ option: port, zones: [lan] }]
    nixos:
      systemd.services.site-agent:
        description: Inventory agent
        wantedBy: [multi-user.target]
        environment: { PEERS: !nix 'lib.concatStringsSep \",\" cfg.peers', INTERVAL: !opt interval }
        serviceConfig: { ExecStart: /run/current-system/sw/bin/true, DynamicUser: true, NoNewPrivileges: true }
      environment.etc.\"site/labels.json\".text: !nix builtins.toJSON cfg.labels
  site.collector:
    summary: Collector of inventory reports
    options:
      port: { type: port, default: 7071, description: Port that reports come in on }
    ports: [{ option: port, zones: [lan, vpn] }]
    requires: [site.agent]
    nixos:
      systemd.services.site-collector:
        description: Inventory collector
        wantedBy: [multi-user.target]
        environment.PORT: !nix toString cfg.port
        serviceConfig: { ExecStart: /run/current-system/sw/bin/true, DynamicUser: true, NoNewPrivileges: true }
";

fn user_count(hosts: usize) -> usize {
    hosts.div_ceil(HOSTS_OF_A_USER)
}

fn user_of(host: usize) -> usize {
    host / HOSTS_OF_A_USER
}

fn users(hosts: usize) -> String {
    let mut text = "users:
  admin:
    fullName: Site Administrator
    email: admin@example.org
    admin: true
    shell: zsh
    home: { packages: [curl] }
"
    .to_owned();
    for user in 0..user_count(hosts) {
        let _ = write!(
            text,
            "  user{user}:
    fullName: User Number {user}
    email: user{user}@example.org
    shell: zsh
    groups: [networkmanager]
"
        );
    }
    text
}

/// A host. What it is depends on its number only.
fn host(text: &mut String, number: usize) {
    let (high, low) = (number / 250, number % 250 + 1);
    let user = user_of(number);
    let (template, cpu, disks, interface) = match number % 3 {
        0 => ("workstation", "amd", "workstation-nvme", "enp4s0"),
        1 => ("laptop", "intel", "laptop-nvme", "wlp2s0"),
        _ => ("server", "intel", "server-disk", "eno1"),
    };
    let _ = write!(
        text,
        "  host{number}:
    description: \"{template} number {number}\"
    template: {template}
    tags: [rack{rack}]
    hardware:
      cpu: {cpu}
      memory: {memory}GiB
      disks: {disks}
      boot: {{ loader: systemd-boot }}
    network:
      address: 10.{a}.{high_byte}.{low}
      zones: {{ lan: [{interface}], vpn: [wg0] }}
",
        rack = number / 40,
        memory = 8 << (number % 4),
        a = 10 + high / 250,
        high_byte = high % 250,
    );
    let profiles = match template {
        "server" => "    users: { admin: [server-admin] }\n".to_owned(),
        _ => format!("    users: {{ admin: [shell], user{user}: [developer, desktop-user] }}\n"),
    };
    text.push_str(&profiles);
    text.push_str("    features:\n");
    // Ten collectors serve a fleet of any size, so that what a host says does not grow with it.
    let collector = if number % 100 == 2 && number < 1000 {
        "      site: { collector: true, "
    } else {
        "      site: { "
    };
    let _ = writeln!(
        text,
        "{collector}agent: {{ labels: {{ rack: rack{}, kind: {template} }} }} }}",
        number / 40
    );
    match number % 6 {
        0 => text.push_str("      virtualization: [docker, libvirt]\n"),
        1 => text.push_str("      hardware: { fingerprint: true }\n"),
        2 => text.push_str("      services: { nginx: true }\n"),
        4 => text.push_str("      hardware: { bluetooth: false }\n"),
        5 => text.push_str("      virtualization: [podman]\n"),
        _ => {}
    }
    let _ = write!(
        text,
        "    settings:
      networking.interfaces.{interface}.wakeOnLan.enable: {wake}
      boot.kernel.sysctl.\"vm.swappiness\": {swappiness}
",
        wake = number.is_multiple_of(2),
        swappiness = 10 + number % 50,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_has_no_findings() {
        let generated = flakesmith::generate(flakesmith::Sources::from_memory("spec", files(120)));
        let style = diag::Style {
            color: false,
            width: 100,
        };
        let text = diag::render(
            &generated.diagnostics,
            &generated.sources,
            diag::Format::Human,
            style,
        );
        assert!(generated.diagnostics.is_empty(), "{text}");
        assert_eq!(generated.fleet.hosts.len(), 120);
    }

    #[test]
    fn each_host_is_in_one_file_with_an_address_of_its_own() {
        let text: String = files(10_000).map(|(_, text)| text).collect();
        let lines = |begin: &str| {
            let mut lines: Vec<&str> = text
                .lines()
                .filter(|l| l.trim().starts_with(begin))
                .collect();
            lines.sort_unstable();
            lines.dedup();
            lines.len()
        };
        assert_eq!(lines("address: "), 10_000);
        assert_eq!(
            files(101)
                .filter(|(path, _)| path.starts_with("hosts/"))
                .count(),
            3
        );
    }
}
