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
        ("ambiguous", vec!["one"]),
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
    assert_snapshot!("unused_disk", project.clean(&["explain", "spare"]));
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
