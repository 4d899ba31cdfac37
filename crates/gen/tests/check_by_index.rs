//! How the command takes up an index of options and packages.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files and start programs"
)]

mod support;

use insta::assert_snapshot;
use support::Project;

const LOCK: &str = r#"{
  "nodes": {
    "nixpkgs": { "locked": { "type": "github", "rev": "0123abcd", "narHash": "sha256-A", "lastModified": 1784073599 } },
    "root": { "inputs": { "nixpkgs": "nixpkgs" } }
  },
  "root": "root",
  "version": 7
}"#;

/// A fleet with a slip, and an index that knows what is meant.
fn project() -> Project {
    let options = r#"[
{"name":"boot.loader.efi.canTouchEfiVariables","type":{"t":"bool"}},
{"name":"services.openssh.enable","type":{"t":"bool"}}
]
"#;
    Project::empty()
        .file(
            "spec/fleet.yaml",
            "fleet: { name: x, stateVersion: \"25.11\", system: x86_64-linux }\nhosts:\n  a:\n    hardware: { cpu: none, platform: lxc, boot: { loader: none } }\n    settings:\n      services.opensh.enable: true\n",
        )
        .file("index/options-nixos.json", options)
        .file("index/options-home.json", "[\n]\n")
        .file("index/options-microvm.json", "[\n]\n")
        .file("index/packages.json", "{}")
        .file(
            "index/release.json",
            r#"{ "format": 1, "nixpkgs": { "revision": "99999999" } }"#,
        )
}

#[test]
fn slip() {
    let project = project();
    let run = project.run(&["check"]);
    assert_eq!(run.code, 1);
    assert!(
        run.to_string()
            .contains("did you mean `services.openssh.enable`?"),
        "{run}"
    );
    let run = project.run(&[]);
    assert_eq!(run.code, 1, "{run}");
    assert!(
        !project.path("generated/flake.nix").exists(),
        "a fleet with errors was written"
    );
}

#[test]
fn without_an_index() {
    let project = project();
    let run = project.run(&["--index", "nowhere", "check"]);
    assert_snapshot!("index_nowhere", run);
    std::fs::remove_dir_all(project.path("index")).unwrap();
    assert_snapshot!("index_none", project.clean(&[]));
}

#[test]
fn broken() {
    let project = project().file("index/options-home.json", "{ }\nx\n");
    assert_snapshot!("index_broken", project.run(&["check"]));
}

#[test]
fn outdated() {
    let project = project();
    let spec = project
        .read("spec/fleet.yaml")
        .replace("opensh.", "openssh.");
    project.write("spec/fleet.yaml", spec);
    project.write("generated/flake.lock", LOCK);
    let run = project.run(&["check"]);
    assert!(
        run.to_string()
            .contains("the index is of `nixpkgs` 99999999, but `flake.lock` has 0123abcd"),
        "{run}"
    );
}

/// Rules that need facts about options get them from the index.
#[test]
fn lint_knows_defaults() {
    let project = project()
        .file(
            "index/options-nixos.json",
            "[\n{\"default\":true,\"name\":\"services.openssh.openFirewall\",\"type\":{\"t\":\"bool\"}}\n]\n",
        )
        .file("x.nix", "{ lib, ... }:\n{\n  networking.hostName = \"a\";\n  services.openssh.openFirewall = true;\n}\n");
    let run = project.run(&["lint", "--deny", "default-pinned", "x.nix"]);
    assert!(run.to_string().contains("default-pinned"), "{run}");
    std::fs::remove_dir_all(project.path("index")).unwrap();
    let run = project.run(&["lint", "--deny", "default-pinned", "x.nix"]);
    assert!(!run.to_string().contains("default-pinned"), "{run}");
}
