//! `gen affected` and `gen diff --summary`: what a change touches, compared with the folder and with
//! revisions of a repository.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use std::fmt::Write as _;
use std::process::Command;

use insta::assert_snapshot;
use support::Project;

const FLEET: &str = r#"version: 1
fleet:
  name: lab
  stateVersion: "25.11"
  system: x86_64-linux
  zones: [lan]
users:
  alice: { fullName: Alice Example, admin: true }
  bob: { fullName: Bob Example }
features:
  web.server:
    summary: Small web server
    options:
      port: { type: port, default: 8080, description: Port it listens on }
    requires: [web.log]
    ports: [{ option: port, zones: [lan] }]
    nixos:
      services.caddy: { enable: true, httpPort: !opt port }
  web.log:
    summary: Log of the web server
    nixos: { services.caddy.logFormat: level INFO }
homeFeatures:
  shell.prompt:
    summary: Prompt
    home: { programs.starship.enable: true }
templates:
  base:
    settings: { time.timeZone: Europe/London, environment.systemPackages: [!pkg htop] }
  desk: { extends: base, settings: { services.fwupd.enable: true } }
profiles:
  shell: { features: { shell: [prompt] }, settings: { programs.bat.enable: true } }
"#;

fn hosts(n: usize) -> String {
    let mut text = "hosts:\n".to_owned();
    for number in 1..=n {
        let template = if number % 2 == 0 { "desk" } else { "base" };
        let _ = write!(
            text,
            "  h{number}:
    template: {template}
    hardware: {{ cpu: none, platform: lxc }}
    network: {{ address: 10.0.0.{number}, zones: {{ lan: [eth{number}] }} }}
    users: {{ alice: [shell] }}
"
        );
    }
    text
}

/// A repository with four hosts, generated and committed.
fn repository() -> Project {
    let project = Project::empty()
        .file("spec/fleet.yaml", FLEET)
        .file("spec/hosts.yaml", hosts(4));
    project.clean(&[]);
    git(&project, &["init", "-q", "-b", "main"]);
    commit(&project);
    project
}

fn git(project: &Project, args: &[&str]) {
    let identity = [
        "-c",
        "user.name=Alice",
        "-c",
        "user.email=alice@example.org",
    ];
    let status = Command::new("git")
        .args(identity)
        .args(args)
        .current_dir(project.path("."))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status()
        .unwrap();
    assert!(status.success(), "{args:?}");
}

fn commit(project: &Project) {
    git(project, &["add", "-A"]);
    git(project, &["commit", "-q", "-m", "state", "--allow-empty"]);
}

fn edit(project: &Project, path: &str, from: &str, to: &str) {
    let text = project.read(path);
    assert!(text.contains(from), "{path} has no {from}");
    project.write(path, text.replace(from, to));
}

/// What is affected, before the change is generated and after, which must be the same.
fn affected(project: &Project) -> String {
    let stale = project.clean(&["affected", "--since", "HEAD"]).stdout;
    let folder = project.clean(&["affected"]).stdout;
    assert_eq!(stale, folder, "the folder is what is committed");
    project.clean(&[]);
    let fresh = project.clean(&["affected", "--since", "HEAD"]).stdout;
    assert_eq!(stale, fresh);
    assert_eq!(project.clean(&["affected"]).stdout, "");
    stale
}

#[test]
fn nothing() {
    let project = repository();
    assert_eq!(affected(&project), "");
    assert_snapshot!("summary_nothing", project.clean(&["diff", "--summary"]));
    assert_snapshot!(
        "summary_nothing_markdown",
        project.clean(&[
            "diff",
            "--summary",
            "--since",
            "HEAD",
            "--format",
            "markdown"
        ])
    );
}

#[test]
fn template() {
    let project = repository();
    edit(
        &project,
        "spec/fleet.yaml",
        "services.fwupd.enable: true",
        "services.fwupd.enable: false",
    );
    assert_eq!(affected(&project), "host h2\nhost h4\n");
}

#[test]
fn one_host_and_one_home() {
    let project = repository();
    edit(
        &project,
        "spec/hosts.yaml",
        "    network: { address: 10.0.0.3",
        "    settings: { services.fstrim.enable: true }\n    network: { address: 10.0.0.3",
    );
    assert_eq!(affected(&project), "host h3\n");
    commit(&project);
    edit(
        &project,
        "spec/fleet.yaml",
        "programs.bat.enable: true",
        "programs.bat.enable: false",
    );
    assert_eq!(affected(&project), "host h1\nhost h2\nhost h3\nhost h4\n");
}

#[test]
fn deleted_and_renamed_hosts() {
    let project = repository();
    edit(&project, "spec/hosts.yaml", "  h4:\n", "  h5:\n");
    assert_eq!(affected(&project), "host h4 (removed)\nhost h5 (new)\n");
    assert_snapshot!(
        "affected_matrix",
        project.clean(&["affected", "--since", "HEAD", "--format", "matrix"])
    );
    assert_snapshot!(
        "affected_json",
        project.clean(&["affected", "--since", "HEAD", "--format", "json"])
    );
    let run = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert_snapshot!("summary_renamed", run);
}

#[test]
fn hand_written_modules() {
    let project = repository();
    project.write(
        "spec/nix/extra.nix",
        "{ environment.etc.motd.source = ./motd.txt; }\n",
    );
    project.write("spec/nix/motd.txt", "one\n");
    edit(
        &project,
        "spec/hosts.yaml",
        "  h2:\n    template: desk\n",
        "  h2:\n    template: desk\n    modules: [nix/extra.nix]\n",
    );
    assert_eq!(affected(&project), "host h2\n");
    commit(&project);
    project.write("spec/nix/motd.txt", "two\n");
    assert_eq!(affected(&project), "host h2\n");
    let because = project.clean(&["affected", "--since", "HEAD", "--because"]);
    assert_eq!(because.stdout, "host h2\n  custom/nix/motd.txt\n");
}

#[test]
fn lock_file() {
    let lock = |rev: &str| {
        format!(
            r#"{{"version":7,"root":"root","nodes":{{"root":{{"inputs":{{"nixpkgs":"nixpkgs","home-manager":"home-manager"}}}},"nixpkgs":{{"locked":{{"rev":"{rev}"}}}},"home-manager":{{"locked":{{"rev":"h{rev}"}}}}}}}}"#
        )
    };
    let project = repository();
    project.write("generated/flake.lock", lock("aaaaaaaaaaaaaaaa"));
    commit(&project);
    project.write("generated/flake.lock", lock("bbbbbbbbbbbbbbbb"));
    let run = project.clean(&["affected", "--since", "HEAD"]);
    assert_eq!(run.stdout, "host h1\nhost h2\nhost h3\nhost h4\n");
    assert_snapshot!(
        "summary_lock",
        project.clean(&["diff", "--summary", "--since", "HEAD"])
    );
}

/// Many changes at once.
fn changed() -> Project {
    let project = repository();
    edit(
        &project,
        "spec/fleet.yaml",
        "  base:\n    settings: { time.timeZone: Europe/London, environment.systemPackages: [!pkg htop] }",
        "  base:\n    features: { web: [server] }\n    settings: { time.timeZone: Europe/Paris, environment.systemPackages: [!pkg btop] }",
    );
    edit(
        &project,
        "spec/hosts.yaml",
        "zones: { lan: [eth4] } }\n    users: { alice: [shell] }",
        "zones: { lan: [eth4] } }\n    users: { bob: [shell] }\n    features: { web: { server: { port: 9090 } } }",
    );
    project
}

#[test]
fn summary() {
    let project = changed();
    let stale = project.run(&["diff", "--summary"]);
    assert_eq!(stale.code, 1);
    assert_snapshot!("summary", stale);
    let since = project.clean(&["diff", "--summary", "--since", "HEAD"]);
    assert_eq!(since.stdout, stale.stdout);
    assert_snapshot!(
        "summary_markdown",
        project.run(&["diff", "--summary", "--format", "markdown"])
    );
    assert_snapshot!(
        "summary_json",
        project.run(&["diff", "--summary", "--format", "json"])
    );
}

#[test]
fn many_hosts_are_told_once() {
    let project = Project::empty()
        .file("spec/fleet.yaml", FLEET)
        .file("spec/hosts.yaml", hosts(40));
    project.clean(&[]);
    edit(
        &project,
        "spec/fleet.yaml",
        "  base:\n    settings: {",
        "  base:\n    features: { web: [server] }\n    settings: {",
    );
    assert_snapshot!("summary_of_forty", project.run(&["diff", "--summary"]));
}

#[test]
fn an_output_that_is_not_committed() {
    let project = repository();
    project.write(".gitignore", "generated/\n");
    git(&project, &["rm", "-q", "-r", "--cached", "generated"]);
    commit(&project);
    edit(
        &project,
        "spec/fleet.yaml",
        "services.fwupd.enable: true",
        "services.fwupd.enable: false",
    );
    assert_eq!(affected(&project), "host h2\nhost h4\n");
}

#[test]
fn what_cannot_be_compared() {
    let project = Project::empty()
        .file("spec/fleet.yaml", FLEET)
        .file("spec/hosts.yaml", hosts(2));
    project.clean(&[]);
    for (name, args) in [
        ("no_repository", vec!["affected", "--since", "main"]),
        (
            "matrix_of_diff",
            vec!["diff", "--summary", "--format", "matrix"],
        ),
        (
            "markdown_of_list",
            vec!["list", "hosts", "--format", "markdown"],
        ),
        ("since_alone", vec!["diff", "--since", "main"]),
    ] {
        let run = project.run(&args);
        assert_eq!(run.code, 2, "{args:?}");
        assert_snapshot!(format!("failure_{name}"), run);
    }
    git(&project, &["init", "-q", "-b", "main"]);
    commit(&project);
    for (name, revision) in [("unknown", "nothing"), ("option", "--all"), ("empty", "")] {
        let since = format!("--since={revision}");
        let run = project.run(&["affected", &since]);
        assert_eq!(run.code, 2, "{revision}");
        assert_snapshot!(format!("revision_{name}"), run);
    }
    project.write("spec/more.yaml", "hosts: { h9: { template: none } }\n");
    assert_snapshot!(
        "spec_with_errors",
        project.run(&["affected", "--since", "main"])
    );
}
