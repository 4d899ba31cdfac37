//! `gen eject`, `gen rename` and `gen migrate`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files"
)]

mod support;

use insta::assert_snapshot;
use std::fmt::Write as _;
use support::Project;

fn generated() -> Project {
    let project = Project::new();
    project.clean(&[]);
    project
}

#[test]
fn an_ejected_file_is_the_users() {
    let project = generated();
    let path = "generated/hosts/one/default.nix";
    let dry = project.clean(&["eject", "--dry-run", path]);
    assert_snapshot!("eject_dry", dry.to_string());
    assert!(project.read(path).starts_with("# Code generated"));
    let run = project.clean(&["eject", path]);
    assert_snapshot!("eject_file", run.to_string());
    assert!(!project.read(path).contains("Code generated"));

    // The next runs leave it alone, whatever is in it, and say nothing.
    let mine = format!("# mine\n{}", project.read(path));
    project.write(path, &mine);
    let again = project.clean(&[]);
    assert!(!again.stderr.contains("hosts/one"), "{again}");
    project.clean(&["check"]);
    assert_eq!(project.read(path), mine);
    assert_snapshot!("eject_list", project.clean(&["list", "files"]).to_string());

    // A setting that would change it is reported, by every run, until it is settled.
    let hosts = support::HOSTS.replace("fwupd.enable: false", "fwupd.enable: true");
    project.write("spec/hosts.yaml", hosts);
    let differs = project.run(&[]);
    assert_eq!(differs.code, 1);
    assert_snapshot!("eject_differs", differs.to_string());
    let again = project.run(&[]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("output-ejected-differs"), "{again}");
    assert_eq!(project.run(&["check"]).code, 1);
    assert!(project.run(&["diff", path]).stdout.contains("fwupd"));
    assert_eq!(project.read(path), mine);
    project.clean(&["eject", path]);
    project.clean(&[]);
    project.clean(&["check"]);

    // One that is gone is an error, and can be had again.
    std::fs::remove_file(project.path(path)).unwrap();
    let gone = project.run(&[]);
    assert_eq!(gone.code, 1, "{gone}");
    assert!(gone.stderr.contains("output-ejected-missing"), "{gone}");
    project.clean(&["--overwrite", path]);
    assert!(project.read(path).contains("Code generated"));
    assert!(
        !project
            .read("generated/.gen/manifest.json")
            .contains("ejected")
    );
}

#[test]
fn a_host_and_a_folder() {
    let project = generated();
    let run = project.clean(&["eject", "one"]);
    assert_snapshot!("eject_host", run.to_string());
    project.clean(&[]);
    let run = project.clean(&["eject", "generated/modules"]);
    assert!(run.stdout.contains("modules/fleet.nix"), "{run}");
    project.clean(&["check"]);
}

#[test]
fn all_of_it() {
    let project = generated();
    // What was changed by hand keeps the change.
    let readme = project.read("generated/README.md");
    project.write("generated/README.md", format!("{readme}\nMine.\n"));
    let run = project.clean(&["eject", "--all"]);
    assert_snapshot!("eject_all", run.to_string());
    assert!(!project.path("generated/.gen").exists());
    for (path, bytes, _) in project.state("generated") {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("DO NOT EDIT"), "{}", path.display());
    }
    assert!(project.read("generated/README.md").ends_with("\nMine.\n"));
    for (path, bytes, _) in project.state("generated") {
        let text = String::from_utf8(bytes).unwrap();
        // Comments for the linter stay: they are for whoever has it.
        let is_about_gen = text
            .split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
            .any(|word| ["gen", "gen-check", "gen-diff", "GEN_SPEC"].contains(&word));
        assert!(!is_about_gen, "{}: {text}", path.display());
    }
    let justfile = project.read("generated/Justfile");
    assert!(
        justfile.contains("several check-syntax format-check flake-check-fast"),
        "{justfile}"
    );
    for script in ["check", "hosts", "manage-secrets"] {
        let path = project.path(&format!("generated/scripts/{script}.sh"));
        if path.exists() {
            let bash = std::process::Command::new("bash")
                .arg("-n")
                .arg(&path)
                .status();
            assert!(bash.unwrap().success(), "{script}");
        }
    }
    let check = std::process::Command::new("bash")
        .arg(project.path("generated/scripts/check.sh"))
        .arg("several")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(check.stdout).unwrap(), "all is well: \n");
    // What a user owns is never overwritten.
    let run = project.run(&[]);
    assert_eq!(run.code, 1, "{run}");
    assert!(run.stderr.contains("output-unowned"), "{run}");
}

#[test]
fn refused_ejections() {
    let project = Project::new();
    let mut text = format!("{}\n\n", project.run(&["eject", "one"]));
    project.clean(&[]);
    for args in [
        &["eject"][..],
        &["eject", "hosts/two"],
        &["eject", "--all", "one"],
    ] {
        let _ = write!(text, "$ gen {}\n{}\n\n", args.join(" "), project.run(args));
    }
    project.write(
        "spec/hosts.yaml",
        support::HOSTS.replace("First machine", "The machine"),
    );
    let _ = writeln!(text, "{}", project.run(&["eject", "one"]));
    assert_snapshot!("eject_refusals", text);
}

/// Every kind of reference, with comments and odd layout.
const NAMES: &str = r#"# The fleet of the lab.
version: 1
fleet: { name: lab, stateVersion: "25.11", system: x86_64-linux, zones: [lan] }

users:
  alice: # the admin
    { fullName: Alice Example, admin: true, home: { profiles: [shell], features: { own: [tool] } } }
  bob: { fullName: Bob Example, password: !secret bob-password }

features:
  own.server:
    summary: Small web server
    options:
      port: { type: port, default: 8080, description: Port it listens on }
      peers: { type: { list: string }, derive: "fleet.hosts_with('own.server') | map(attribute='name') | list", description: Others }
    secrets: [token]
    nixos:
      services.caddy: { enable: true, httpPort: !opt port }
      environment.etc.token.source: !secret token
  own.client:
    summary: Client
    requires: [own.server] # needs it
    secrets: [token]
    body: client.nix.j2
  own.other:
    summary: Other
    conflicts: [own.client]
    nixos: { services.fstrim.enable: true }
homeFeatures:
  own.tool:
    summary: Tool
    home: { programs.bat.enable: true }

templates:
  base:
    description: Every machine
    users: { alice: [shell] }
  web:
    extends: base
    features: { own: { client: true } }

profiles:
  shell: { description: A shell, settings: { programs.bat.enable: true } }
  work: { extends: shell, description: Work }

hosts:
  "one": # the first
    template: web
    hardware: { cpu: none, platform: lxc }
    users:
      alice: { profiles: [ work, 'shell' ] }
      bob: [shell]
    features: { own: [server] }
    settings:
      environment.etc.copy.source: !secret token
      environment.variables.PORT: !nix toString config.features.own.server.port
  two:
    template: base
    hardware: { cpu: none, platform: lxc }
    settings: { users.motd: "not one, but two" }

secrets:
  keys:
    hosts: { one: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBFQslC0YFEQ7HS+syuWP+gG4Dp8hsiUN0XXahCJl0Du }
    users: { alice: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf }
  groups: { servers: [one, alice] }
  items:
    token: { hosts: [servers], users: [alice] }
    bob-password: { hosts: [one] }
"#;

fn named() -> Project {
    let project = Project::empty().file("spec/fleet.yaml", NAMES).file(
        "spec/client.nix.j2",
        "{ environment.etc.port.text = toString {{ option(\"own.server.port\") }}; environment.etc.on.text = if {{ enabled(\"own.server\") }} then {{ secret(\"token\") }} else \"no\"; }\n",
    );
    for name in ["token", "bob-password"] {
        project.write(
            &format!("generated/secrets/{name}.age"),
            "age-encryption.org/v1\n",
        );
    }
    project.clean(&[]);
    project
}

/// Renames, and shows what was printed and what became of the spec.
fn renamed(kind: &str, old: &str, new: &str) -> (Project, String) {
    let project = named();
    let run = project.clean(&["rename", kind, old, new]);
    project.clean(&[]);
    let spec = project.read("spec/fleet.yaml");
    let diff = similar::TextDiff::from_lines(NAMES, &spec);
    let text = format!("{run}\n---\n{}", diff.unified_diff().context_radius(0));
    (project, text)
}

#[test]
fn every_reference_follows() {
    for (kind, old, new) in [
        ("host", "one", "uno"),
        ("user", "alice", "carol"),
        ("feature", "own.server", "own.web"),
        ("profile", "shell", "console"),
        ("template", "base", "common"),
        ("secret", "token", "key-of-server"),
    ] {
        let (project, text) = renamed(kind, old, new);
        assert_snapshot!(format!("rename_{kind}"), text);
        // Back again: nothing was lost on the way.
        project.clean(&["rename", kind, new, old]);
        let back = project
            .read("spec/fleet.yaml")
            .replace("\"one\"", "one")
            .replace("'shell'", "shell");
        let was = NAMES.replace("\"one\"", "one").replace("'shell'", "shell");
        assert_eq!(back, was, "{kind}");
    }
}

#[test]
fn zones_of_a_feature_follow_its_name() {
    let spec = r#"fleet: { name: lab, stateVersion: "25.11", system: x86_64-linux, zones: [lan, wan] }
features:
  own.server:
    summary: Server
    ports: [{ port: 80, zones: [lan] }]
    nixos: { services.nginx.enable: true }
hosts:
  one:
    hardware: { cpu: none, platform: lxc }
    network: { zones: { wan: [ens3] }, open: { own.server: [wan] } }
    features: { own: [server] }
"#;
    let project = Project::empty().file("spec/fleet.yaml", spec);
    project.clean(&["rename", "feature", "own.server", "own.web"]);
    project.clean(&[]);
    assert!(
        project
            .read("spec/fleet.yaml")
            .contains("open: { own.web: [wan] }")
    );
}

/// Guests, disk layouts and images, and what stays behind of a machine by what it does.
const STATE: &str = r#"version: 1
fleet: { name: lab, stateVersion: "25.11", system: x86_64-linux, zones: [lan] }
disks:
  "big": { layout: luks-btrfs, device: /dev/nvme0n1 } # the disk
  idle: { layout: ext4, device: /dev/sda }
  tank: { layout: zfs, device: /dev/sdb, pool: tank, hostId: "a1b2c3d4", datasets: { data: /srv } }
microvms:
  box: # a guest
    memory: 1GiB
    users: { dev: { password: dev } }
images:
  seed: { format: qcow2, user: seed, sshKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf] }
hosts:
  one:
    hardware: { cpu: none, boot: { loader: systemd-boot }, disks: [ big ] }
    network: { address: 10.0.0.1, zones: { lan: [eth0] } }
    microvms: [box]
    features:
      backup: { restic: { repository: /mnt/backup, passwordFile: !secret restic-one } }
      networking: [tailscale]
      monitoring: [node-exporter]
  two:
    hardware: { cpu: none, boot: { loader: systemd-boot }, disks: [idle, tank] }
    network: { address: 10.0.0.2, zones: { lan: [eth0] } }
secrets:
  keys: { hosts: { one: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBFQslC0YFEQ7HS+syuWP+gG4Dp8hsiUN0XXahCJl0Du } }
  items: { restic-one: { hosts: [one] } }
"#;

#[test]
fn state_that_stays() {
    for (kind, old, new) in [
        ("host", "one", "uno"),
        ("vm", "box", "crate"),
        ("image", "seed", "sapling"),
        ("disk", "big", "vast"),
        ("disk", "idle", "spare"),
        ("disk", "tank", "pond"),
    ] {
        let project = Project::empty().file("spec/fleet.yaml", STATE).file(
            "generated/secrets/restic-one.age",
            "age-encryption.org/v1\n",
        );
        let run = project.clean(&["rename", kind, old, new]);
        project.clean(&[]);
        project.clean(&["check"]);
        let spec = project.read("spec/fleet.yaml");
        let diff = similar::TextDiff::from_lines(STATE, &spec);
        let diff = diff.unified_diff().context_radius(0).to_string();
        assert_snapshot!(
            format!("rename_{kind}_{old}"),
            format!("{run}\n---\n{diff}")
        );
    }
    let project = Project::empty().file("spec/fleet.yaml", STATE);
    for args in [
        ["rename", "vm", "box", "one"],
        ["rename", "vm", "box", "seed"],
        ["rename", "host", "one", "box"],
        ["rename", "disk", "big", "idle"],
        ["rename", "disk", "bog", "x"],
        ["rename", "vm", "box", "Box"],
    ] {
        let run = project.run(&args);
        assert_eq!(run.code, 2, "{args:?}: {run}");
    }
    assert_eq!(project.read("spec/fleet.yaml"), STATE);
}

#[test]
fn bodies_and_files_follow() {
    let (project, _) = renamed("feature", "own.server", "own.web");
    let body = project.read("spec/client.nix.j2");
    assert!(
        body.contains("own.web.port") && !body.contains("own.server"),
        "{body}"
    );
    let (project, _) = renamed("secret", "token", "key-of-server");
    assert!(project.path("generated/secrets/key-of-server.age").exists());
    assert!(!project.path("generated/secrets/token.age").exists());
    assert!(
        project
            .read("spec/client.nix.j2")
            .contains("secret(\"key-of-server\")")
    );
    let (project, _) = renamed("host", "one", "uno");
    let host = project.read("generated/hosts/uno/default.nix");
    assert!(
        host.contains("networking.hostName = \"uno\"") && host.contains("stateVersion = \"25.11\""),
        "{host}"
    );
}

#[test]
fn refused_names() {
    let project = named();
    let mut text = String::new();
    for args in [
        &["rename", "host", "one", "two"][..],
        &["rename", "host", "three", "four"],
        &["rename", "host", "one", "Bad_Name"],
        &["rename", "host", "one", "one"],
        &["rename", "feature", "own.server", "other.server"],
        &["rename", "feature", "security.ssh-server", "security.ssh"],
        &["rename", "secret", "token", "bob-password"],
        &["rename", "secret", "token", "a/b"],
        &["rename", "profile", "shel", "console"],
    ] {
        let run = project.run(args);
        assert_eq!(run.code, 2, "{args:?}");
        let _ = write!(text, "$ gen {}\n{run}\n\n", args.join(" "));
    }
    assert_eq!(project.read("spec/fleet.yaml"), NAMES);
    assert_snapshot!("rename_refusals", text);
    let dry = project.clean(&["rename", "host", "one", "uno", "--dry-run"]);
    assert!(dry.stdout.starts_with("would rename"), "{dry}");
    assert_eq!(project.read("spec/fleet.yaml"), NAMES);
}

#[test]
fn an_older_format() {
    let old =
        "# The lab.\nfleet:\n  name: lab # short\n  stateVersion: 25.11\n  system: x86_64-linux\n";
    let hosts =
        "hosts:\n  a: { stateVersion: 24.05, hardware: { cpu: none, platform: lxc } } # old\n";
    let project = Project::empty()
        .file("spec/a.yaml", hosts)
        .file("spec/fleet.yaml", old);
    assert_eq!(project.run(&["check"]).code, 1);
    let check = project.run(&["migrate", "--check"]);
    assert_eq!(check.code, 1);
    assert_eq!(project.read("spec/fleet.yaml"), old);
    let run = project.clean(&["migrate"]);
    let text = format!(
        "{check}\n---\n{run}\n---\n{}---\n{}",
        project.read("spec/fleet.yaml"),
        project.read("spec/a.yaml")
    );
    assert_snapshot!("migrate", text);
    project.clean(&[]);
    let again = project.clean(&["migrate", "--check"]);
    assert_eq!(again.stdout, "the spec is of version 1 already\n");
}

#[test]
fn versions_that_are_not_known() {
    let project = Project::new();
    let mut text = String::new();
    for version in ["0", "2", "-1"] {
        let fleet = support::FLEET.replace("version: 1", &format!("version: {version}"));
        project.write("spec/fleet.yaml", fleet);
        let _ = write!(text, "{}\n\n", project.run(&["check"]));
        let _ = write!(text, "{}\n\n", project.run(&["migrate"]));
    }
    assert_snapshot!("migrate_versions", text);
}

/// Options that have another name now, in every style of YAML; comments and layout stay.
#[test]
fn options_of_another_time() {
    let fleet = r#"version: 1
fleet: { name: lab, stateVersion: "25.11", system: x86_64-linux, zones: [lan] }
features:
  own.server:
    summary: Server
    options:
      port: { type: port, default: 80, description: Port }
      mail: { type: { attrs: { attrs: string } }, default: {}, description: Mail }
    renamed: { listen: port, address: mail.main.to }
    removed: { threads: it takes as many as there are }
    nixos: { environment.etc.port.text: !nix toString cfg.port }
"#;
    let hosts = r#"templates:
  base:
    features:
      own: { server: { listen: 8080 } } # the port
hosts:
  one: # the first
    template: base
    hardware: { cpu: none, platform: lxc }
    network: { zones: { lan: [] } }
    features:
      own:
        server:
          address: a@example.org # the admin
          listen: 9090
      monitoring:
        # Who gets mail.
        alertmanager:
          email: # one of us
            # The admin.
            to: a@example.org
            from: b@example.org # a robot

            server: mail.example.org:25
          port: 9093
  two:
    hardware: { cpu: none, platform: lxc }
    network: { zones: { lan: [] } }
    features:
      monitoring:
        alertmanager: { webhookUrl: "http://127.0.0.1:8060/" }
        prometheus: { port: 9090 }
"#;
    let project = Project::empty()
        .file("spec/fleet.yaml", fleet)
        .file("spec/hosts.yaml", hosts);
    let before = project.run(&["check"]);
    assert_eq!(before.code, 1);
    assert_snapshot!("options_check", before);
    let check = project.run(&["migrate", "--check"]);
    assert_eq!(check.code, 1);
    assert_eq!(project.read("spec/hosts.yaml"), hosts);
    let run = project.clean(&["migrate"]);
    let text = format!(
        "{check}\n---\n{run}\n---\n{}",
        project.read("spec/hosts.yaml")
    );
    assert_snapshot!("options_migrate", text);
    project.clean(&[]);
    project.clean(&["check"]);
    let again = project.clean(&["migrate", "--check"]);
    assert_eq!(again.stdout, "the spec is of version 1 already\n");
    // What would meet in one place, and what is gone, is left to people.
    let hand = "hosts:
  one:
    hardware: { cpu: none, platform: lxc }
    features:
      own: { server: { threads: 4, address: a, mail: { main: { to: b } } } }
      monitoring: { alertmanager: { webhookUrl: a, webhookUrlFile: /b }, prometheus: { nodes: {} } }
";
    project.write("spec/hosts.yaml", hand);
    let run = project.run(&["migrate"]);
    assert_eq!(run.code, 1);
    assert_eq!(project.read("spec/hosts.yaml"), hand);
    assert_snapshot!("options_by_hand", run);
}
