//! `gen explain` of everything that has a name, on the hub and the homelab, and what it refuses.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use std::collections::BTreeMap;

use insta::assert_snapshot;
use support::{FLEET, Project, Run, finish};

/// Runs it in a fleet of the repository.
fn explain(folder: &str, out: &str, args: &[&str]) -> Run {
    let all = [&["--out", out, "explain"], args].concat();
    let mut command = Project::empty().command(&all);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    command.current_dir(std::path::Path::new(root).join(folder));
    finish(command)
}

fn hub(args: &[&str]) -> Run {
    explain(".", "generated", args)
}

fn homelab(args: &[&str]) -> Run {
    explain("golden/homelab", "expected", args)
}

#[test]
fn of_the_hub() {
    for (name, args) in [
        ("template", vec!["template:base"]),
        ("profile", vec!["profile", "laptop-user"]),
        ("vm", vec!["test-vm"]),
        ("image", vec!["vm-bootstrap-proxmox"]),
        ("installer", vec!["live-iso-p620"]),
        ("disk", vec!["laptop-nvme"]),
        ("disk_by_hand", vec!["--kind", "disk", "p510-disks"]),
        ("secret", vec!["api-openai"]),
    ] {
        let run = hub(&args);
        assert_eq!(run.code, 0, "{run}");
        assert_snapshot!(format!("hub_{name}"), run);
    }
}

#[test]
fn of_the_homelab() {
    for (name, args) in [
        ("template", vec!["backed-up"]),
        ("profile", vec!["player"]),
        ("image", vec!["lxc-bootstrap-proxmox"]),
        ("disk", vec!["desktop-nvme"]),
        ("secret", vec!["registry-auth"]),
        ("secret_of_a_home", vec!["api-anthropic"]),
    ] {
        let run = homelab(&args);
        assert_eq!(run.code, 0, "{run}");
        assert_snapshot!(format!("homelab_{name}"), run);
    }
}

#[test]
fn disks_without_the_root() {
    let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
        "spec/disks.yaml",
        "disks:
  pool: { layout: zfs, device: /dev/sdb, datasets: { media: /srv/media }, hostId: a425b349 }
  photos: { layout: luks-btrfs, device: /dev/sdc, subvolumes: { /photos: /srv/photos } }
  scratch: { layout: ext4, device: /dev/sdd, mountPoint: /srv/scratch }
hosts:
  one: { hardware: { cpu: none, platform: lxc } }
",
    );
    for name in ["pool", "photos", "scratch"] {
        let run = project.clean(&["explain", &format!("disk:{name}")]);
        assert!(run.stdout.contains("/srv/"), "{run}");
        assert!(!run.stdout.contains("EFI partition"), "{run}");
    }
}

#[test]
fn refusals() {
    let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
        "spec/hosts.yaml",
        "secrets:
  keys:
    hosts: { one: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v }
  items:
    token: { hosts: [one], owner: alice, path: /etc/token }
users: { alice: {} }
disks:
  spare: { layout: zfs, devices: [/dev/sda, /dev/sdb], mode: mirror, hostId: a425b349 }
templates:
  one: { users: { alice: [] } }
  spare: {}
  idle: { extends: one, packages: [htop] }
hosts:
  one:
    template: one
    hardware: { cpu: none, platform: lxc }
    settings: { environment.etc.token.source: !secret token }
  gone: { state: retired }
",
    );
    for (name, args) in [
        ("ambiguous", vec!["spare"]),
        ("unknown", vec!["tokn"]),
        ("unknown_of_a_kind", vec!["template:ide"]),
        ("unknown_far", vec!["xxxxxxxx"]),
        ("other_kind", vec!["host:token"]),
        ("no_kind", vec!["thing:one"]),
        ("kinds_differ", vec!["--kind", "host", "template", "one"]),
        ("retired", vec!["gone"]),
        ("topic_of_a_template", vec!["template:one", "--ports"]),
    ] {
        let run = project.run(&[&["explain"], args.as_slice()].concat());
        assert_eq!(run.code, 2, "{run}");
        assert_snapshot!(format!("refused_{name}"), run);
    }
    assert_snapshot!("unused_template", project.clean(&["explain", "idle"]));
    assert_snapshot!("unused_disk", project.clean(&["explain", "disk:spare"]));
    assert_snapshot!("missing_secret", project.clean(&["explain", "token"]));
    assert_snapshot!(
        "secret_json",
        project.clean(&["explain", "token", "--format", "json"])
    );
    for (kind, name) in [
        ("host", "one"),
        ("user", "alice"),
        ("template", "one"),
        ("disk", "spare"),
        ("secret", "token"),
    ] {
        let run = project.clean(&["explain", kind, name, "--format", "json"]);
        let json: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((&json["kind"], &json["name"]), (&kind.into(), &name.into()));
    }
    // A machine is meant where it has a name with others.
    let run = project.clean(&["explain", "one"]);
    assert!(run.stdout.starts_with("host one\n"), "{run}");
    assert!(run.stderr.contains("`gen explain template:one`"), "{run}");
    let topic = project.clean(&["explain", "host:one", "--secrets"]);
    assert_eq!(
        topic.stdout,
        project.clean(&["explain", "one", "--secrets"]).stdout
    );
}

/// The way of a host from its name to a machine: what was done is told as done.
#[test]
fn steps() {
    let secrets = |keys: &str, hosts: &str| {
        format!(
            "secrets:\n  keys: {{ hosts: {{ {keys} }} }}\n  items: {{ token: {{ hosts: [{hosts}] }} }}\n"
        )
    };
    let p620 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v";
    let p510 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFy/H0qQJbGAd5JcZtTfK8tpCPOLQfVUz+MM8pxSJBFX";
    let project = Project::empty()
        .file(
            "spec/fleet.yaml",
            format!(
                "{FLEET}templates: {{ base: {{ settings: {{ environment.etc.token.source: !secret token }} }} }}\n"
            ),
        )
        .file("spec/secrets.yaml", secrets("", "all"));
    assert_snapshot!("steps_new", project.clean(&["new", "host", "two"]));
    // Another's key, and the file is for neither.
    project.write("spec/secrets.yaml", secrets(&format!("two: {p510}"), "all"));
    let age = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../generated/secrets/cache-signing-key.age"
    );
    project.write("generated/secrets/token.age", std::fs::read(age).unwrap());
    project.clean(&[]);
    assert_snapshot!(
        "steps_not_rekeyed",
        project.clean(&["explain", "two", "--steps"])
    );
    // A text of age keys does not say whom it is for; the right one does.
    project.write("spec/secrets.yaml", secrets(&format!("two: {p620}"), "all"));
    let run = project.clean(&["explain", "host:two", "--steps", "--format", "json"]);
    let steps: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let step = |what: &str| {
        let all = steps.as_array().unwrap();
        let step = all.iter().find(|it| it["what"] == what);
        step.unwrap_or_else(|| panic!("{what}: {steps}"))["done"].clone()
    };
    assert_eq!(step("Encrypt them for its key"), true);
    assert_eq!(step("Create the secrets that it reads"), true);
    assert_eq!(step("Install it"), serde_json::Value::Null);
    // A copy, of which no git knows.
    let copy = Project::empty();
    let fleet = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/homelab/.");
    let status = std::process::Command::new("cp")
        .args(["-r", fleet])
        .arg(copy.path("."))
        .status();
    assert!(status.unwrap().success());
    let run = copy.clean(&["--out", "expected", "explain", "yakima", "--steps"]);
    assert_snapshot!("steps_homelab", run);
    for (name, args) in [
        ("of_a_template", vec!["template:base", "--steps"]),
        ("of_nothing", vec!["tow", "--steps"]),
    ] {
        let run = project.run(&[&["explain"], args.as_slice()].concat());
        assert_eq!(run.code, 2, "{run}");
        assert_snapshot!(format!("steps_{name}"), run);
    }
}

/// The services of a host, each with what is not certain of it.
fn services(folder: &str, out: &str, host: &str) -> BTreeMap<(String, String), String> {
    let run = explain(folder, out, &[host, "--services", "--format", "json"]);
    assert_eq!(run.code, 0, "{run}");
    let rows: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| ((text(row, "on"), text(row, "name")), text(row, "by")))
        .collect()
}

/// What an evaluation said of these hosts: services, timers and units of users that are wanted, as the
/// options that give them, and what is off.
#[test]
fn services_are_those_that_run() {
    for (host, on, off) in [
        (
            "razer",
            &[
                "services.displayManager.sddm",
                "services.thermald",
                "services.tlp",
                "networking.networkmanager",
                "nix.gc",
                "systemd.oomd",
                "virtualisation.podman",
                "systemd.paths.network-stability-restart",
            ][..],
            &[
                "services.greetd",
                "services.actkbd",
                "services.fprintd.tod",
                "services.displayManager.autoLogin",
            ][..],
        ),
        (
            "p510",
            &[
                "services.fail2ban",
                "services.plex",
                "virtualisation.docker",
                "virtualisation.docker.autoPrune",
                "hardware.nvidia-container-toolkit",
                "systemd.services.nzbget-exporter",
            ],
            &[
                "virtualisation.docker.rootless",
                "systemd.services.\"autovt@\"",
                "systemd.services.\"getty@tty1\"",
                "services.prometheus",
            ],
        ),
    ] {
        let told = services(".", "generated", host);
        let by = |name: &str| told.get(&("the system".to_owned(), name.to_owned()));
        for name in on {
            assert!(
                by(name).is_some_and(|by| !by.contains(" if ")),
                "{host} {name}: {told:?}"
            );
        }
        for name in off {
            assert_eq!(by(name), None, "{host} {name}");
        }
    }
    let told = services(".", "generated", "razer");
    for name in [
        "services.hypridle",
        "systemd.user.timers.battery-notify",
        "programs.waybar.systemd",
    ] {
        let key = ("alice".to_owned(), name.to_owned());
        assert!(told.contains_key(&key), "{name}: {told:?}");
    }
}

/// The facts that `cargo xtask facts` evaluates agree with what is told.
#[test]
fn services_agree_with_evaluated_facts() {
    let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut compared = 0;
    for (fleet, folder, out) in [
        ("hub", ".", "generated"),
        ("homelab", "golden/homelab", "expected"),
    ] {
        let facts =
            std::fs::read_to_string(root.join(format!("golden/facts/{fleet}.txt"))).unwrap();
        let mut told = None;
        for line in facts.lines() {
            if let Some(host) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                let is_host = !matches!(host, "flake") && !host.contains('.');
                told = is_host.then(|| services(folder, out, host));
            }
            let fact = line
                .strip_prefix("config.")
                .and_then(|it| it.split_once(".enable = "));
            let (Some((name, is)), Some(told)) = (fact, &told) else {
                continue;
            };
            if !(name.starts_with("services.") || name.starts_with("virtualisation."))
                || name.contains(' ')
            {
                continue;
            }
            let by = told.get(&("the system".to_owned(), name.to_owned()));
            let is_certain = by.is_some_and(|by| !by.contains(" if "));
            assert_eq!(is_certain, is == "true", "{fleet} {name}: {by:?}");
            compared += 1;
        }
    }
    assert!(compared > 8, "{compared}");
}

#[test]
fn services_with_conditions() {
    let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
        "spec/hosts.yaml",
        r#"features:
  demo.thing:
    summary: Something with conditions
    options:
      mode: { type: { enum: [a, b] }, default: a, description: Which one. }
      names: { type: { list: string }, default: [], description: Some names. }
      secretFile: { type: { nullable: path }, default: null, description: A file. }
    nixos:
      services.first.enable: !nix cfg.mode == "a"
      services.second: !if { when: !nix 'cfg.mode == "b"', then: { enable: true } }
      services.third.enable: !nix cfg.names != [ ] && cfg.secretFile == null
      services.third.fancy.enable: true
      services.fourth.enable: !nix builtins.pathExists /etc/thing
      systemd.services.own: { wantedBy: [multi-user.target], script: "true" }
      systemd.services.changed.serviceConfig.Nice: 5
      systemd.timers.daily: { wantedBy: !nix lib.optional (cfg.mode == "b") "timers.target" }
hosts:
  one: { hardware: { cpu: none, platform: lxc }, features: { demo: [thing] } }
  two:
    hardware: { cpu: none, platform: lxc }
    features: { demo: { thing: { mode: b, names: [x] } } }
    settings: { services.third.enable: !force false }
"#,
    );
    assert_snapshot!(
        "services_with_conditions",
        project.clean(&["explain", "--services"])
    );
    assert_snapshot!(
        "feature_with_services",
        project.clean(&["explain", "demo.thing"])
    );
}

/// Some services have no switch of their own: each key of a mapping starts one.
#[test]
fn services_of_keys() {
    let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
        "spec/hosts.yaml",
        "hosts:
  one:
    hardware: { cpu: none, platform: lxc }
    features:
      networking:
        wireguard: { interface: wg7, addresses: [10.9.0.1/24], privateKeyFile: /var/key }
      backup:
        restic: { repository: /srv/backup, passwordFile: /var/password }
    settings:
      virtualisation.oci-containers.containers.web: { image: \"example/web:1\" }
",
    );
    let run = project.clean(&["explain", "one", "--services", "--format", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = rows.as_array().unwrap().iter();
    let names: Vec<&str> = rows.filter_map(|row| row["name"].as_str()).collect();
    for name in [
        "networking.wireguard.interfaces.wg7",
        "services.restic.backups.main",
        "virtualisation.oci-containers.containers.web",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let feature = project.clean(&["explain", "networking.wireguard"]);
    let told = "networking.wireguard.interfaces.*";
    assert!(feature.stdout.contains(told), "{feature}");
}

#[test]
fn ports_that_a_host_forces_are_all() {
    let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
        "spec/hosts.yaml",
        "templates:
  base: { settings: { networking.firewall.allowedTCPPorts: [22, 8080] } }
hosts:
  one:
    template: base
    hardware: { cpu: none, platform: lxc }
    settings: { networking.firewall.allowedTCPPorts: !force [80] }
  two: { template: base, hardware: { cpu: none, platform: lxc } }
",
    );
    let of = |host: &str| {
        let run = project.clean(&["explain", host, "--ports", "--format", "json"]);
        let rows: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("one"), ["80/tcp"]);
    assert_eq!(of("two"), ["22/tcp", "8080/tcp"]);
}

#[test]
fn features_are_told_whole() {
    let k3s = hub(&["virtualization.k3s"]);
    for part in ["On k3s-1", "On k3s-2", "\nPorts (", "services.k3s"] {
        assert!(k3s.stdout.contains(part), "{part}: {k3s}");
    }
    let docker = hub(&["virtualization.docker", "--format", "json"]);
    let docker: serde_json::Value = serde_json::from_str(&docker.stdout).unwrap();
    let on = docker["enabledOn"].as_array().unwrap();
    assert!(
        on.contains(&"dev-vm".into()) && on.contains(&"playground-vm".into()),
        "{on:?}"
    );
    let caddy = hub(&["feature", "services.caddy"]);
    for field in [
        "sites.<name>.root: ",
        "sites.<name>.aliases: list of text = []",
    ] {
        assert!(caddy.stdout.contains(field), "{field}: {caddy}");
    }
    let plex = hub(&["media.plex"]);
    assert!(plex.stdout.contains("\nPorts ("), "{plex}");
    let nvidia = hub(&["hardware.nvidia"]);
    assert!(nvidia.stdout.contains("needs gpu"), "{nvidia}");
}

/// An image does not have what the fleet has.
#[test]
fn images_have_their_own_settings() {
    let image = hub(&["lxc-bootstrap-proxmox"]);
    assert!(!image.stdout.contains(" fleet, spec/"), "{image}");
    assert!(!image.stdout.contains("time.timeZone"), "{image}");
    assert!(image.stdout.contains("system.build.images"), "{image}");
}

/// Two profiles of a user with one parent are one reason each.
#[test]
fn a_reason_is_told_once() {
    let run = hub(&["alice"]);
    assert!(
        run.stdout.contains("profile base, spec/profiles.yaml"),
        "{run}"
    );
    for line in run.stdout.lines() {
        assert!(line.matches("profile base").count() < 2, "{line}");
    }
}

/// A spec with an error is told as far as it goes, the error first.
#[test]
fn a_retired_host_that_reads_a_secret_hides_nothing() {
    let project = Project::empty().file("spec/fleet.yaml", FLEET).file(
        "spec/hosts.yaml",
        "secrets:
  keys:
    hosts: { one: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v }
  items:
    token: { hosts: [one, gone] }
hosts:
  one:
    hardware: { cpu: none, platform: lxc }
    settings: { services.openssh.enable: true }
  gone: { state: retired, hardware: { cpu: none, platform: lxc } }
",
    );
    for (args, part) in [
        (&["list", "hosts"][..], "one "),
        (&["explain", "one"], "host one\n"),
        (&["explain", "one", "--services"], "services.openssh"),
        (&["list", "hosts", "--format", "json"], "\"one\""),
    ] {
        let run = project.run(args);
        assert_eq!(run.code, 1, "{run}");
        assert!(
            run.stdout.contains(part) && run.stderr.contains("gone"),
            "{run}"
        );
    }
}

#[test]
fn disks_and_catalogs_are_listed() {
    let list = |args: &[&str]| {
        let all = [&["--out", "generated", "list"], args].concat();
        let mut command = Project::empty().command(&all);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        finish(command)
    };
    assert_snapshot!("list_disks", list(&["disks"]));
    let project = Project::empty();
    project.write("spec/fleet.yaml", FLEET);
    project.write(
        "spec/shared/features.yaml",
        "features:\n  a.b: { summary: Shared, nixos: { services.x.enable: true } }\n",
    );
    project.write("spec/more.yaml", "catalogs: { ours: { path: shared } }\nhosts: { one: { hardware: { cpu: none, platform: lxc } } }\n");
    let run = project.run(&["list", "catalogs"]);
    assert_snapshot!("list_catalogs", run);
}

/// What cannot be had as JSON is not written as something else.
#[test]
fn json_of_pictures_and_changes_is_refused() {
    let project = Project::new();
    for args in [["graph"], ["diff"]] {
        let run = project.run(&[&args[..], &["--format", "json"]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run}");
        assert!(run.stderr.contains("--format json"), "{run}");
    }
}
